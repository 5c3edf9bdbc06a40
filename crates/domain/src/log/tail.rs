//! The tail: what the store keeps beside the full tiles.

use std::mem;

use super::tile::{TILE_HEIGHT, TILE_WIDTH, Tile, tile_bytes};
use super::tree::{Frontier, at_end, read_size, root_of, subtrees_of};
use crate::digest::Digest;
use crate::wire::{Damaged, Reader, Writer};

const VERSION: u8 = 1;

/// The hashes, by tile level, that are not in a full tile yet: fewer than 256 a level. At
/// level L these are the hashes of the complete subtrees over `256^L` leaves each, so the
/// digits of the size in base 256 are the lengths of the levels, the root follows from the
/// tail alone, and appending reads no tile.
///
/// The tail changes in memory only: append to a clone, put the tiles that became full,
/// then commit the clone, and a crash between the two repeats the same puts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tail {
    size: u64,
    levels: Vec<Vec<Digest>>,
}

/// A tile that became full, ready to be stored; it never changes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullTile {
    /// Which tile.
    pub tile: Tile,
    /// Its 8192 bytes.
    pub bytes: Vec<u8>,
}

impl Tail {
    /// The tail of an empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of leaves in the log.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Add leaves by their [`leaf_hash`](super::leaf_hash) and give the tiles that became
    /// full, each after the tiles it is made of.
    pub fn append(&mut self, leaves: &[Digest]) -> Vec<FullTile> {
        let mut full = Vec::new();
        for leaf in leaves {
            self.size += 1;
            self.push(*leaf, &mut full);
        }
        full
    }

    fn push(&mut self, leaf: Digest, full: &mut Vec<FullTile>) {
        let mut hash = leaf;
        let mut leaves_in_tile = 1u64;
        for level in 0u8.. {
            if self.levels.len() <= usize::from(level) {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(usize::from(level)) else {
                return;
            };
            hashes.push(hash);
            if (hashes.len() as u64) < TILE_WIDTH {
                return;
            }
            let hashes = mem::take(hashes);
            hash = root_of(&hashes);
            leaves_in_tile <<= TILE_HEIGHT;
            let index = (self.size / leaves_in_tile).saturating_sub(1);
            full.push(FullTile {
                tile: Tile::full(level, index),
                bytes: tile_bytes(&hashes),
            });
        }
    }

    /// The right edge of the tree.
    pub fn frontier(&self) -> Frontier {
        let subtrees = self
            .levels
            .iter()
            .rev()
            .flat_map(|level| subtrees_of(level))
            .collect();
        Frontier::from_subtrees(self.size, subtrees)
    }

    /// The Merkle Tree Hash of the log.
    pub fn root(&self) -> Digest {
        self.frontier().root()
    }

    /// The hashes at a tile level that are in no full tile.
    pub fn level(&self, level: u8) -> &[Digest] {
        self.levels
            .get(usize::from(level))
            .map_or(&[], Vec::as_slice)
    }

    /// The partial tiles of this size with their bytes, as tlog-tiles serves them.
    pub fn partial_tiles(&self) -> Vec<(Tile, Vec<u8>)> {
        Tile::partials(self.size)
            .into_iter()
            .map(|tile| (tile, tile_bytes(self.level(tile.level))))
            .collect()
    }

    /// Durable form: version, size, hashes by level from 0. The size says how many.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.byte(VERSION).number(self.size);
        for hash in self.levels.iter().flatten() {
            out.raw(&hash.0);
        }
        out.finish()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut reader = Reader::new(bytes);
        let size = read_size(&mut reader, VERSION)?;
        let mut levels = Vec::new();
        let mut rest = size;
        while rest > 0 {
            let mut level = Vec::new();
            for _ in 0..rest % TILE_WIDTH {
                level.push(Digest(reader.array()?));
            }
            levels.push(level);
            rest /= TILE_WIDTH;
        }
        at_end(&reader)?;
        Ok(Tail { size, levels })
    }
}
