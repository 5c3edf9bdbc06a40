//! The bounded cache of opened blocks, shared by all splits of a process.

use super::SplitId;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tantivy::directory::OwnedBytes;

type Key = (SplitId, u64);

/// Opened (plain) blocks, least recently used out first, never more than its bytes.
///
/// A search that still reads a block keeps it alive on its own; the bound is on what
/// stays behind for the next one.
pub struct BlockCache {
    /// Several, so that parallel searches seldom wait for each other.
    shards: Vec<Mutex<Shard>>,
    /// Bytes a shard may hold.
    limit: usize,
}

#[derive(Default)]
struct Shard {
    blocks: HashMap<Key, Slot>,
    /// Uses in order. An entry whose stamp is not its block's was overtaken by a later use.
    uses: VecDeque<(Key, u64)>,
    clock: u64,
    bytes: usize,
}

struct Slot {
    bytes: OwnedBytes,
    stamp: u64,
}

impl BlockCache {
    /// A cache of at most `bytes` of plain blocks; 0 keeps nothing.
    pub fn new(bytes: usize) -> Self {
        let shards = if bytes < 16 << 20 { 1 } else { 8 };
        BlockCache {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            limit: bytes / shards,
        }
    }

    /// Bytes held now.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).bytes).sum()
    }

    /// Drops every block of `split`, whose object is gone.
    pub fn forget(&self, split: SplitId) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            let gone: Vec<Key> = shard
                .blocks
                .keys()
                .filter(|(id, _)| *id == split)
                .copied()
                .collect();
            for key in gone {
                shard.drop_block(&key);
            }
        }
    }

    fn shard(&self, number: u64) -> Option<MutexGuard<'_, Shard>> {
        let count = self.shards.len() as u64;
        let index = usize::try_from(number.checked_rem(count)?).ok()?;
        self.shards.get(index).map(lock)
    }

    pub(crate) fn get(&self, split: SplitId, number: u64) -> Option<OwnedBytes> {
        self.shard(number)?.touch((split, number))
    }

    pub(crate) fn put(&self, split: SplitId, number: u64, bytes: OwnedBytes) {
        if bytes.len() > self.limit {
            return;
        }
        if let Some(mut shard) = self.shard(number) {
            shard.insert((split, number), bytes, self.limit);
        }
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // A shard is whole between calls, so a panic elsewhere does not spoil it.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    fn stamp(&mut self, key: Key) -> u64 {
        self.clock += 1;
        self.uses.push_back((key, self.clock));
        self.clock
    }

    fn touch(&mut self, key: Key) -> Option<OwnedBytes> {
        if !self.blocks.contains_key(&key) {
            return None;
        }
        let stamp = self.stamp(key);
        let slot = self.blocks.get_mut(&key)?;
        slot.stamp = stamp;
        let bytes = slot.bytes.clone();
        self.tidy();
        Some(bytes)
    }

    fn insert(&mut self, key: Key, bytes: OwnedBytes, limit: usize) {
        self.drop_block(&key);
        let stamp = self.stamp(key);
        self.bytes += bytes.len();
        self.blocks.insert(key, Slot { bytes, stamp });
        while self.bytes > limit {
            let Some((oldest, stamp)) = self.uses.pop_front() else {
                break;
            };
            if self
                .blocks
                .get(&oldest)
                .is_some_and(|slot| slot.stamp == stamp)
            {
                self.drop_block(&oldest);
            }
        }
    }

    fn drop_block(&mut self, key: &Key) {
        if let Some(slot) = self.blocks.remove(key) {
            self.bytes = self.bytes.saturating_sub(slot.bytes.len());
        }
    }

    /// Uses that were overtaken are dropped before they outnumber the blocks.
    fn tidy(&mut self) {
        if self.uses.len() > 2 * self.blocks.len() + 64 {
            let blocks = &self.blocks;
            self.uses
                .retain(|(key, stamp)| blocks.get(key).is_some_and(|slot| slot.stamp == *stamp));
        }
    }
}
