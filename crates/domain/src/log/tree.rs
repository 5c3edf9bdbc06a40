//! The right edge of a growing tree: all that appending and the root need.

use super::hash::{empty_root, fold, node_hash};
use crate::digest::Digest;
use crate::wire::{Damaged, Reader, Writer};

/// Most leaves a log can hold: positions are signed 64-bit numbers in the catalog.
pub const MAX_SIZE: u64 = i64::MAX as u64;

const VERSION: u8 = 1;

/// A compact range from leaf 0: the size and the hashes of the complete subtrees that the
/// size's binary digits name, largest first. At most 63 hashes whatever the size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Digest>,
}

impl Frontier {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// From the complete subtrees of a tree of `size`; the caller vouches for their number.
    pub(super) fn from_subtrees(size: u64, subtrees: Vec<Digest>) -> Self {
        Frontier { size, subtrees }
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Add one leaf by its [`leaf_hash`](super::leaf_hash).
    pub fn append(&mut self, leaf: Digest) {
        let mut hash = leaf;
        // Each 1 at the end of the old size is a complete subtree that the new one joins,
        // as adding 1 carries through those digits.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    /// Add leaves by their hashes, in order.
    pub fn append_many(&mut self, leaves: impl IntoIterator<Item = Digest>) {
        leaves.into_iter().for_each(|leaf| self.append(leaf));
    }

    /// The Merkle Tree Hash (RFC 9162 §2.1.1).
    pub fn root(&self) -> Digest {
        fold(&self.subtrees).unwrap_or_else(empty_root)
    }

    /// Durable form: version, size, hashes largest subtree first.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.byte(VERSION).number(self.size);
        for hash in &self.subtrees {
            out.raw(&hash.0);
        }
        out.finish()
    }

    /// Reads what [`encode`](Self::encode) wrote; the number of hashes must be what the
    /// size asks for.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut reader = Reader::new(bytes);
        let size = read_size(&mut reader, VERSION)?;
        let mut subtrees = Vec::new();
        for _ in 0..size.count_ones() {
            subtrees.push(Digest(reader.array()?));
        }
        at_end(&reader)?;
        Ok(Frontier { size, subtrees })
    }
}

/// Root over `hashes` taken as leaves of a tree of their own.
pub(super) fn root_of(hashes: &[Digest]) -> Digest {
    let mut frontier = Frontier::new();
    frontier.append_many(hashes.iter().copied());
    frontier.root()
}

/// The hashes of the complete subtrees over `hashes`, largest first.
pub(super) fn subtrees_of(hashes: &[Digest]) -> Vec<Digest> {
    let mut frontier = Frontier::new();
    frontier.append_many(hashes.iter().copied());
    frontier.subtrees
}

/// The version byte and a size within [`MAX_SIZE`].
pub(super) fn read_size(reader: &mut Reader<'_>, version: u8) -> Result<u64, Damaged> {
    if reader.byte()? != version {
        return Err(Damaged("unknown version"));
    }
    let size = reader.number()?;
    if size > MAX_SIZE {
        return Err(Damaged("log size too large"));
    }
    Ok(size)
}

/// Nothing may follow a complete record: two byte strings never mean the same.
pub(super) fn at_end(reader: &Reader<'_>) -> Result<(), Damaged> {
    if reader.is_empty() {
        Ok(())
    } else {
        Err(Damaged("bytes after the end"))
    }
}
