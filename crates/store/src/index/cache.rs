//! The bounded cache of opened blocks, shared by all splits of a process.

use super::SplitId;
use crate::cache::Cache;
use tantivy::directory::OwnedBytes;

/// Opened (plain) blocks, least recently used out first, never more than its bytes.
///
/// A search that still reads a block keeps it alive on its own; the bound is on what
/// stays behind for the next one.
pub struct BlockCache {
    /// Several, so that parallel searches seldom wait for each other.
    shards: Vec<Cache<(SplitId, u64), OwnedBytes>>,
}

impl BlockCache {
    /// A cache of at most `bytes` of plain blocks; 0 keeps nothing.
    pub fn new(bytes: usize) -> Self {
        let shards = if bytes < 16 << 20 { 1 } else { 8 };
        BlockCache {
            shards: (0..shards).map(|_| Cache::new(bytes / shards)).collect(),
        }
    }

    /// Bytes held now.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(Cache::held).sum()
    }

    /// Drops every block of `split`, whose object is gone.
    pub fn forget(&self, split: SplitId) {
        for shard in &self.shards {
            shard.retain(|(id, _)| *id != split);
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
}
