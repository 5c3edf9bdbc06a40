//! Making proofs (RFC 9162 §2.1.3.1, §2.1.4.1). A plan says which nodes a proof needs, so
//! that the tiles can be fetched first; the proof is then a function of their hashes.

use std::collections::BTreeSet;

use super::hash::fold;
use super::tile::{TILE_HEIGHT, TILE_WIDTH, Tile};
use crate::digest::Digest;

/// A complete subtree: the one over leaves `index · 2^level` up to `(index + 1) · 2^level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// Binary level; leaves are at 0.
    pub level: u32,
    /// Index within the level.
    pub index: u64,
}

impl Node {
    /// Where the hashes below the node stand: tile level, tile index and the position of
    /// the first. `None` for a node that no tree can have.
    pub(super) fn place(&self) -> Option<(u8, u64, usize)> {
        let below = 1u64 << (self.level % TILE_HEIGHT);
        let first = self.index.checked_mul(below)?;
        let level = u8::try_from(self.level / TILE_HEIGHT).ok()?;
        Some((level, first / TILE_WIDTH, (first % TILE_WIDTH) as usize))
    }

    /// How many hashes of that tile lie below the node.
    pub(super) fn span(&self) -> usize {
        1 << (self.level % TILE_HEIGHT)
    }
}

/// Anything that knows hashes of complete subtrees.
pub trait Hashes {
    /// The hash of a complete subtree, see [`Node`]; `None` if not known here.
    fn hash(&self, level: u32, index: u64) -> Option<Digest>;
}

/// A proof cannot be planned: the leaf or the older size is not in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} is not within a log of {size} leaves")]
pub struct OutOfRange {
    /// The leaf or the older size.
    pub wanted: u64,
    /// The size of the tree.
    pub size: u64,
}

/// A hash that a proof needs is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no hash of the subtree at level {}, index {}", .0.level, .0.index)]
pub struct Missing(pub Node);

/// Which hashes a proof is made of. Each is the root over a range of leaves that starts
/// where a complete subtree could.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofPlan {
    ranges: Vec<(u64, u64)>,
}

impl ProofPlan {
    /// Proof that leaf `index` is in the tree of `size` leaves: `PATH(index, D[0:size])`
    /// of RFC 9162 §2.1.3.1.
    pub fn inclusion(index: u64, size: u64) -> Result<Self, OutOfRange> {
        if index >= size {
            return Err(OutOfRange {
                wanted: index,
                size,
            });
        }
        let (mut start, mut end) = (0, size);
        let mut ranges = Vec::new();
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                ranges.push((middle, end));
                end = middle;
            } else {
                ranges.push((start, middle));
                start = middle;
            }
        }
        // Found from the root down; a proof reads from the leaf up.
        ranges.reverse();
        Ok(ProofPlan { ranges })
    }

    /// Proof that the tree of `old` leaves is the beginning of that of `size` leaves:
    /// `PROOF(old, D[0:size])` of RFC 9162 §2.1.4.1. Every tree begins with the empty one
    /// and with itself; these proofs are empty.
    pub fn consistency(old: u64, size: u64) -> Result<Self, OutOfRange> {
        if old > size {
            return Err(OutOfRange { wanted: old, size });
        }
        let (mut start, mut end) = (0, size);
        let mut ranges = Vec::new();
        // The flag b of SUBPROOF: the verifier knows the old root, so it is left out where
        // the old tree is a complete subtree of the new.
        let mut is_old_root = true;
        while old > 0 && end != old {
            let middle = start + split(end - start);
            if old <= middle {
                ranges.push((middle, end));
                end = middle;
            } else {
                ranges.push((start, middle));
                start = middle;
                is_old_root = false;
            }
        }
        if !is_old_root {
            ranges.push((start, end));
        }
        ranges.reverse();
        Ok(ProofPlan { ranges })
    }

    /// The complete subtrees whose hashes the proof needs.
    pub fn nodes(&self) -> impl Iterator<Item = Node> + '_ {
        self.ranges
            .iter()
            .flat_map(|&(start, end)| subtrees(start, end))
    }

    /// The tiles to read, as a store that now has `stored` leaves keeps them; `stored` may
    /// be more than the proof's size. The partial ones are in the store's
    /// [`Tail`](super::Tail).
    pub fn tiles(&self, stored: u64) -> BTreeSet<Tile> {
        self.nodes()
            .filter_map(|node| {
                let (level, index, _) = node.place()?;
                Tile::in_tree(level, index, stored)
            })
            .collect()
    }

    /// The proof, from the leaf side to the root side.
    pub fn prove(&self, hashes: &impl Hashes) -> Result<Vec<Digest>, Missing> {
        let mut proof = Vec::with_capacity(self.ranges.len());
        for &(start, end) in &self.ranges {
            let mut roots = Vec::new();
            for node in subtrees(start, end) {
                roots.push(hashes.hash(node.level, node.index).ok_or(Missing(node))?);
            }
            proof.extend(fold(&roots));
        }
        Ok(proof)
    }
}

/// The largest power of two below `leaves`, which is at least 2: where a tree parts
/// (RFC 9162 §2.1.1).
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

/// The complete subtrees that make up the leaves from `start` to `end`, largest first;
/// `start` is a multiple of a power of two that is not less than the largest.
fn subtrees(start: u64, end: u64) -> impl Iterator<Item = Node> {
    let mut next = start;
    std::iter::from_fn(move || {
        let level = end.checked_sub(next)?.checked_ilog2()?;
        let node = Node {
            level,
            index: next >> level,
        };
        next += 1 << level;
        Some(node)
    })
}
