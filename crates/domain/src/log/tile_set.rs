//! Tiles in memory, as hashes to make proofs of.

use std::collections::BTreeMap;

use super::proof::{Hashes, Node};
use super::tail::Tail;
use super::tile::{Tile, WrongLength, tile_hashes};
use super::tree::root_of;
use crate::digest::Digest;

/// Some tiles of one log. Their hashes are taken as they are: a proof made of a damaged
/// tile fails with whoever verifies it, and [`Audit`](super::Audit) finds the tile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TileSet {
    tiles: BTreeMap<(u8, u64), Vec<Digest>>,
}

impl TileSet {
    /// No tiles.
    pub fn new() -> Self {
        Self::default()
    }

    /// The partial tiles that a tail holds.
    pub fn of_tail(tail: &Tail) -> Self {
        let mut set = Self::new();
        for tile in Tile::partials(tail.size()) {
            set.tiles
                .insert((tile.level, tile.index), tail.level(tile.level).to_vec());
        }
        set
    }

    /// Add a tile's bytes. Of two widths of one tile the wider stays.
    pub fn insert(&mut self, tile: &Tile, bytes: &[u8]) -> Result<(), WrongLength> {
        let hashes = tile_hashes(tile, bytes)?;
        let slot = self.tiles.entry((tile.level, tile.index)).or_default();
        if slot.len() < hashes.len() {
            *slot = hashes;
        }
        Ok(())
    }

    /// True if the set has this tile at least as wide.
    pub fn holds(&self, tile: &Tile) -> bool {
        self.tiles
            .get(&(tile.level, tile.index))
            .is_some_and(|hashes| hashes.len() >= usize::from(tile.width))
    }
}

impl Hashes for TileSet {
    fn hash(&self, level: u32, index: u64) -> Option<Digest> {
        let node = Node { level, index };
        let (tile_level, tile_index, first) = node.place()?;
        let hashes = self.tiles.get(&(tile_level, tile_index))?;
        Some(root_of(hashes.get(first..first + node.span())?))
    }
}
