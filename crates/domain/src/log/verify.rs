//! Checking proofs, by the algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2.

use super::hash::{empty_root, node_hash};
use crate::digest::Digest;

/// Why a proof does not prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf lies beyond the tree.
    #[error("the tree is too small to have this leaf")]
    NoSuchLeaf,
    /// The older tree is larger than the newer.
    #[error("the older tree is larger than the newer")]
    Shrunk,
    /// A proof between these positions has another number of hashes.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// The proof does not lead to the older root.
    #[error("the proof does not lead to the older root")]
    OldRoot,
    /// The proof does not lead to the root.
    #[error("the proof does not lead to the root")]
    Root,
}

/// Checks that the leaf with hash `leaf` is number `index` in the tree of `size` leaves
/// with `root` (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::NoSuchLeaf);
    }
    let mut climb = Climb {
        node: index,
        last: size - 1,
    };
    let mut hash = *leaf;
    for sibling in proof {
        hash = match climb.step()? {
            Side::Left => node_hash(sibling, &hash),
            Side::Right => node_hash(&hash, sibling),
        };
    }
    climb.finish()?;
    if hash == *root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// Checks that the tree of `old_size` leaves with `old_root` is the beginning of the tree
/// of `size` leaves with `root` (RFC 9162 §2.1.4.2). The empty tree is the beginning of
/// any, and a tree of itself; their proofs are empty.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Digest,
    size: u64,
    root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    if old_size > size {
        return Err(ProofError::Shrunk);
    }
    if old_size == 0 && *old_root != empty_root() {
        return Err(ProofError::OldRoot);
    }
    if old_size == 0 || old_size == size {
        if !proof.is_empty() {
            return Err(ProofError::Length);
        }
        let proven = old_size != size || old_root == root;
        return if proven {
            Ok(())
        } else {
            Err(ProofError::Root)
        };
    }
    // A whole old tree is itself the first node, and is left out of the proof.
    let (first, rest) = match proof.split_first() {
        _ if old_size.is_power_of_two() => (old_root, proof),
        Some((first, rest)) => (first, rest),
        None => return Err(ProofError::Length),
    };
    let up = (old_size - 1).trailing_ones();
    let mut climb = Climb {
        node: (old_size - 1) >> up,
        last: (size - 1) >> up,
    };
    let (mut old_hash, mut hash) = (*first, *first);
    for sibling in rest {
        match climb.step()? {
            Side::Left => {
                old_hash = node_hash(sibling, &old_hash);
                hash = node_hash(sibling, &hash);
            }
            Side::Right => hash = node_hash(&hash, sibling),
        }
    }
    climb.finish()?;
    if old_hash != *old_root {
        return Err(ProofError::OldRoot);
    }
    if hash == *root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// On which side of the path the next hash of a proof stands.
enum Side {
    Left,
    Right,
}

/// The way from a node to the root: `fn` and `sn` of the RFC.
struct Climb {
    node: u64,
    last: u64,
}

impl Climb {
    fn step(&mut self) -> Result<Side, ProofError> {
        if self.last == 0 {
            return Err(ProofError::Length);
        }
        let side = if self.node & 1 == 1 || self.node == self.last {
            // At the ragged right edge a node has no sibling for some levels: it rises
            // until it is a right child.
            while self.node & 1 == 0 && self.node != 0 {
                self.up();
            }
            Side::Left
        } else {
            Side::Right
        };
        self.up();
        Ok(side)
    }

    fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }

    fn finish(&self) -> Result<(), ProofError> {
        if self.last == 0 {
            Ok(())
        } else {
            Err(ProofError::Length)
        }
    }
}
