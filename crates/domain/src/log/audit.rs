//! Checking every tile of a log against one signed root.

use super::hash::empty_root;
use super::tile::{TILE_WIDTH, Tile, WrongLength, tile_hashes};
use super::tree::{Frontier, root_of, subtrees_of};
use crate::digest::Digest;

/// What an audit found wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// A tile has not the bytes it should.
    #[error(transparent)]
    Length(#[from] WrongLength),
    /// A tile does not hash to what the (proven) tile above says of it. The tiles below
    /// it are not asked for, as nothing is left to compare them with.
    #[error("{0} is not what the tile above it commits to")]
    Tile(Tile),
    /// The right edge, that is the partial tiles, does not hash to the root. A root tells
    /// no more than that; nothing else can be checked then.
    #[error("the partial tiles of a log of {size} leaves do not lead to its root")]
    Edge {
        /// Size of the log.
        size: u64,
    },
}

/// Leaf hashes that an audit proved to be in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenLeaves {
    /// Number of the first leaf.
    pub first: u64,
    /// The hashes from there on.
    pub hashes: Vec<Digest>,
}

/// An audit in progress. It walks from the root down, so that each tile is compared with
/// one already proven and a wrong tile is named for certain:
///
/// ```text
/// while let Some(tile) = audit.next_tile() { audit.feed(bytes of tile) }
/// ```
///
/// It keeps at most 256 expected hashes a level for each partial tile, whatever the size.
#[derive(Debug, Clone)]
pub struct Audit {
    size: u64,
    root: Digest,
    /// Partial tiles not fed yet, lowest level first, and what the fed ones hold.
    edge: Vec<Tile>,
    edge_hashes: Vec<(Tile, Vec<Digest>)>,
    /// Full tiles due and the hash that each must have; the next is last.
    due: Vec<(Tile, Digest)>,
}

impl Audit {
    /// An audit of the log whose checkpoint says `size` and `root`.
    pub fn new(size: u64, root: Digest) -> Result<Self, AuditError> {
        if size == 0 && root != empty_root() {
            return Err(AuditError::Edge { size });
        }
        let mut edge = Tile::partials(size);
        edge.reverse();
        Ok(Audit {
            size,
            root,
            edge,
            edge_hashes: Vec::new(),
            due: Vec::new(),
        })
    }

    /// The tile that [`feed`](Self::feed) takes next; `None` at the end. Partial tiles come
    /// first, then the full ones from left to right.
    pub fn next_tile(&self) -> Option<Tile> {
        self.edge
            .last()
            .copied()
            .or_else(|| self.due.last().map(|(tile, _)| *tile))
    }

    /// Check the bytes of [`next_tile`](Self::next_tile). A tile of leaf hashes gives them
    /// back as proven, to be compared with the leaves. After an error the audit goes on
    /// with what it still can check.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Option<ProvenLeaves>, AuditError> {
        if let Some(tile) = self.edge.pop() {
            return match self.feed_edge(tile, bytes) {
                Ok(leaves) => Ok(leaves),
                Err(error) => {
                    self.edge.clear();
                    Err(error)
                }
            };
        }
        let Some((tile, expected)) = self.due.pop() else {
            return Ok(None);
        };
        let hashes = tile_hashes(&tile, bytes)?;
        if root_of(&hashes) != expected {
            return Err(AuditError::Tile(tile));
        }
        self.descend(&tile, &hashes);
        Ok(proven(tile, hashes))
    }

    fn feed_edge(&mut self, tile: Tile, bytes: &[u8]) -> Result<Option<ProvenLeaves>, AuditError> {
        let hashes = tile_hashes(&tile, bytes)?;
        self.edge_hashes.push((tile, hashes));
        if !self.edge.is_empty() {
            return Ok(None);
        }
        let edge = std::mem::take(&mut self.edge_hashes);
        let subtrees = edge
            .iter()
            .flat_map(|(_, hashes)| subtrees_of(hashes))
            .collect();
        if Frontier::from_subtrees(self.size, subtrees).root() != self.root {
            return Err(AuditError::Edge { size: self.size });
        }
        for (tile, hashes) in edge.iter().rev() {
            self.descend(tile, hashes);
        }
        // The lowest partial tile came last: its leaves, if it has some, are proven now.
        Ok(edge
            .into_iter()
            .last()
            .and_then(|(tile, hashes)| proven(tile, hashes)))
    }

    /// Each hash of a tile above level 0 is that of a full tile below.
    fn descend(&mut self, tile: &Tile, hashes: &[Digest]) {
        let Some(level) = tile.level.checked_sub(1) else {
            return;
        };
        let first = tile.index * TILE_WIDTH;
        let below = (first..).zip(hashes);
        let mut below: Vec<_> = below
            .map(|(index, hash)| (Tile::full(level, index), *hash))
            .collect();
        below.reverse();
        self.due.append(&mut below);
    }
}

fn proven(tile: Tile, hashes: Vec<Digest>) -> Option<ProvenLeaves> {
    (tile.level == 0).then(|| ProvenLeaves {
        first: tile.index * TILE_WIDTH,
        hashes,
    })
}
