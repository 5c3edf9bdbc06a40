//! The bounded cache of blocks, shared by all splits of a process: opened in memory and, where
//! splits lie on a server, sealed on the local disk.

use super::{DiskCache, SplitId};
use crate::cache::Cache;
use tantivy::directory::OwnedBytes;

/// A piece of a split's object that is kept on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Piece {
    /// What opening the split reads, to the object's end.
    Tail,
    /// A block.
    Block(u64),
}

/// Opened (plain) blocks, least recently used out first, never more than its bytes; below them,
/// if so wanted, sealed ones on the disk.
///
/// A search that still reads a block keeps it alive on its own; the bound is on what
/// stays behind for the next one.
pub struct BlockCache {
    /// Several, so that parallel searches seldom wait for each other.
    shards: Vec<Cache<(SplitId, u64), OwnedBytes>>,
    disk: Option<DiskCache>,
}

impl BlockCache {
    /// A cache of at most `bytes` of plain blocks; 0 keeps nothing.
    pub fn new(bytes: usize) -> Self {
        let shards = if bytes < 16 << 20 { 1 } else { 8 };
        BlockCache {
            shards: (0..shards).map(|_| Cache::new(bytes / shards)).collect(),
            disk: None,
        }
    }

    /// The same, above a cache on the disk.
    #[must_use]
    pub fn above(self, disk: DiskCache) -> Self {
        BlockCache {
            disk: Some(disk),
            ..self
        }
    }

    /// Bytes held in memory now.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(Cache::held).sum()
    }

    /// Bytes held on the disk now.
    pub fn disk_bytes(&self) -> u64 {
        self.disk.as_ref().map_or(0, DiskCache::bytes)
    }

    /// Drops every block of `split`, whose object is gone.
    pub fn forget(&self, split: SplitId) {
        for shard in &self.shards {
            shard.retain(|(id, _)| *id != split);
        }
        if let Some(disk) = &self.disk {
            disk.forget(split);
        }
    }

    fn shard(&self, number: u64) -> Option<&Cache<(SplitId, u64), OwnedBytes>> {
        let count = self.shards.len() as u64;
        let index = usize::try_from(number.checked_rem(count)?).ok()?;
        self.shards.get(index)
    }

    pub(crate) fn get(&self, split: SplitId, number: u64) -> Option<OwnedBytes> {
        self.shard(number)?.get(&(split, number))
    }

    pub(crate) fn put(&self, split: SplitId, number: u64, bytes: OwnedBytes) {
        if let Some(shard) = self.shard(number) {
            shard.put((split, number), bytes.len(), bytes);
        }
    }

    /// True if sealed pieces are kept.
    pub(super) fn on_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// True if the disk is thought to have a piece.
    pub(super) fn has(&self, split: SplitId, piece: Piece) -> bool {
        self.disk
            .as_ref()
            .is_some_and(|disk| disk.has(split, piece))
    }

    /// A piece as it lies on the disk; whoever gets it authenticates it.
    pub(super) fn sealed(&self, split: SplitId, piece: Piece) -> Option<Vec<u8>> {
        self.disk.as_ref()?.get(split, piece)
    }

    /// Keeps a sealed piece on the disk.
    pub(super) fn keep(&self, split: SplitId, piece: Piece, sealed: &[u8]) {
        if let Some(disk) = &self.disk {
            disk.put(split, piece, sealed);
        }
    }

    /// Drops a piece that turned out to be damaged.
    pub(super) fn discard(&self, split: SplitId, piece: Piece) {
        if let Some(disk) = &self.disk {
            disk.discard(split, piece);
        }
    }
}
