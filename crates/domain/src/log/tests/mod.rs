//! The log against known vectors and naive models.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

mod audit;
mod hostile;
mod leaves;
mod notes;
mod proofs;
mod tiles;

use std::collections::BTreeMap;

use super::*;
use crate::digest::Digest;

/// Hash of leaf number `i` of the logs in these tests.
fn leaf(i: u64) -> Digest {
    leaf_hash(&i.to_be_bytes())
}

fn leaves(count: u64) -> Vec<Digest> {
    (0..count).map(leaf).collect()
}

/// MTH as RFC 9162 §2.1.1 writes it, over leaf hashes.
fn mth(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let k = leaves.len().next_power_of_two() / 2;
            node_hash(&mth(&leaves[..k]), &mth(&leaves[k..]))
        }
    }
}

/// A log with all its full tiles, as a store would have it.
struct Log {
    tail: Tail,
    full: BTreeMap<Tile, Vec<u8>>,
}

impl Log {
    fn new(leaves: &[Digest]) -> Self {
        let mut tail = Tail::new();
        let full = tail
            .append(leaves)
            .into_iter()
            .map(|full| (full.tile, full.bytes))
            .collect();
        Log { tail, full }
    }

    fn tile(&self, tile: &Tile) -> Vec<u8> {
        let partial = || {
            self.tail
                .partial_tiles()
                .into_iter()
                .find(|(other, _)| other == tile)
        };
        self.full
            .get(tile)
            .cloned()
            .unwrap_or_else(|| partial().unwrap().1)
    }

    /// The proof as a store makes it: read the tiles that the plan names, and no others.
    fn prove(&self, plan: &ProofPlan) -> Vec<Digest> {
        let mut set = TileSet::of_tail(&self.tail);
        for tile in plan.tiles(self.tail.size()) {
            assert_eq!(set.holds(&tile), !tile.is_full());
            if tile.is_full() {
                set.insert(&tile, &self.full[&tile]).unwrap();
            }
        }
        plan.prove(&set).unwrap()
    }
}
