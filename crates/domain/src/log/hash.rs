//! The hashing of RFC 9162 §2.1.1 (the same as RFC 6962 §2.1) with SHA-256.

use crate::digest::{Digest, Hasher};

/// Hash of a leaf: `SHA-256(0x00 ‖ data)`. The prefix keeps a leaf from ever being taken
/// for an inner node (RFC 9162 §2.1.1).
pub fn leaf_hash(data: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(&[0x00]);
    hasher.update(data);
    hasher.finish()
}

/// Hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)` (RFC 9162 §2.1.1).
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(&[0x01]);
    hasher.update(&left.0);
    hasher.update(&right.0);
    hasher.finish()
}

/// Root of the tree without leaves: the hash of the empty string (RFC 9162 §2.1.1).
pub fn empty_root() -> Digest {
    Digest::of(&[])
}

/// The hash over complete subtrees that stand side by side, largest first. RFC 9162 splits
/// at the largest power of two, so the rightmost two always join first.
pub(super) fn fold(subtrees: &[Digest]) -> Option<Digest> {
    let (last, before) = subtrees.split_last()?;
    Some(
        before
            .iter()
            .rfold(*last, |right, left| node_hash(left, &right)),
    )
}
