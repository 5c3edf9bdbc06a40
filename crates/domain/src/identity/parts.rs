//! The set of part hashes of a message, and how two sets are compared.

use super::Origin;
use crate::digest::Digest;
use crate::wire::{Damaged, Reader, Writer};
use std::cmp::Ordering;

/// The version of the sets that this code builds.
///
/// - 1: [`Text`](PartKind::Text), [`Html`](PartKind::Html) and
///   [`Attachment`](PartKind::Attachment). The smallest set there is; read and compared
///   for ever.
/// - 2: and [`DerivedText`](PartKind::DerivedText) and [`Other`](PartKind::Other).
///
/// A version adds kinds. It never changes what the hash of a kind is computed from: a
/// new rendering of HTML, say, is a new kind with a code of its own.
pub const SET_VERSION: u8 = 2;

/// What a part hash was computed from; `build.rs` says how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PartKind {
    /// A text body other than HTML.
    Text = 1,
    /// An HTML body.
    Html = 2,
    /// The fixed rendering of an HTML body that has no plain text beside it.
    DerivedText = 3,
    /// A file: a part that is attached or named, or that is neither text nor message.
    Attachment = 4,
    /// Any other content: delivery reports, references to external bodies.
    Other = 5,
}

impl PartKind {
    /// The durable number of this kind.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The kind with this number.
    pub fn from_code(code: u8) -> Option<PartKind> {
        use PartKind::{Attachment, DerivedText, Html, Other, Text};
        [Text, Html, DerivedText, Attachment, Other]
            .into_iter()
            .find(|kind| kind.code() == code)
    }

    /// The first set version that has this kind.
    fn since(self) -> u8 {
        match self {
            PartKind::Text | PartKind::Html | PartKind::Attachment => 1,
            PartKind::DerivedText | PartKind::Other => 2,
        }
    }
}

/// The hash of one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartHash {
    /// What was hashed.
    pub kind: PartKind,
    /// SHA-256.
    pub digest: Digest,
}

/// The part hashes of a message: sorted, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartSet {
    version: u8,
    parts: Vec<PartHash>,
}

/// How two sets relate, after what cannot be compared was left out of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// Comparable hashes of the first set.
    pub left: usize,
    /// Comparable hashes of the second set.
    pub right: usize,
    /// Hashes in both.
    pub common: usize,
}

impl Overlap {
    /// One of the sets has nothing that can be compared.
    pub fn is_void(&self) -> bool {
        self.left == 0 || self.right == 0
    }

    /// All that the first set holds is in the second.
    pub fn left_in_right(&self) -> bool {
        self.common == self.left
    }

    /// All that the second set holds is in the first.
    pub fn right_in_left(&self) -> bool {
        self.common == self.right
    }

    /// The sets are equal.
    pub fn is_equal(&self) -> bool {
        self.left_in_right() && self.right_in_left()
    }
}

impl PartSet {
    /// The set of these hashes, in the current version.
    pub fn new(parts: impl IntoIterator<Item = PartHash>) -> PartSet {
        let mut parts: Vec<PartHash> = parts.into_iter().collect();
        parts.sort_unstable();
        parts.dedup();
        PartSet {
            version: SET_VERSION,
            parts,
        }
    }

    /// The empty set, which matches nothing.
    pub fn empty() -> PartSet {
        PartSet::new([])
    }

    /// What a set of `version` would hold of this one (at least version 1, never more
    /// than this set's own).
    pub fn at_version(mut self, version: u8) -> PartSet {
        self.version = version.clamp(1, self.version);
        self.parts.retain(|part| part.kind.since() <= self.version);
        self
    }

    /// The version that says which kinds the set would hold if the message had them.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// The hashes, sorted by kind and digest.
    pub fn parts(&self) -> &[PartHash] {
        &self.parts
    }

    /// True if no part was hashed.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Compares this set, of a message of origin `mine`, with another of origin `theirs`:
    /// kinds of both versions only; HTML only between two captures, which compare it
    /// instead of its rendering.
    pub fn overlap(&self, mine: Origin, other: &PartSet, theirs: Origin) -> Overlap {
        let captures = mine == Origin::EventSink && theirs == Origin::EventSink;
        self.overlap_at(other, self.version.min(other.version), captures)
    }

    pub(super) fn overlap_at(&self, other: &PartSet, version: u8, captures: bool) -> Overlap {
        let mut left = self.comparable(version, captures).peekable();
        let mut right = other.comparable(version, captures).peekable();
        let mut overlap = Overlap {
            left: 0,
            right: 0,
            common: 0,
        };
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => return overlap,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(mine), Some(theirs)) => mine.cmp(theirs),
            };
            if order.is_le() {
                left.next();
                overlap.left += 1;
            }
            if order.is_ge() {
                right.next();
                overlap.right += 1;
            }
            if order.is_eq() {
                overlap.common += 1;
            }
        }
    }

    fn comparable(&self, version: u8, captures: bool) -> impl Iterator<Item = &PartHash> {
        let left_out = if captures {
            PartKind::DerivedText
        } else {
            PartKind::Html
        };
        self.parts
            .iter()
            .filter(move |part| part.kind != left_out && part.kind.since() <= version)
    }

    /// The durable form: the version, then kind and digest of each part (33 bytes) in
    /// order. Its length says how many there are.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Writer::new();
        bytes.byte(self.version);
        for part in &self.parts {
            bytes.byte(part.kind.code()).raw(&part.digest.0);
        }
        bytes.finish()
    }

    /// Reads the durable form. A set of a later version is read as one of the current:
    /// kinds unknown here are left out, as they are in every comparison with it.
    pub fn decode(bytes: &[u8]) -> Result<PartSet, Damaged> {
        let mut reader = Reader::new(bytes);
        let version = reader.byte()?;
        if version == 0 {
            return Err(Damaged("part set of version 0"));
        }
        let mut parts = Vec::with_capacity(reader.rest().len() / 33);
        let mut last = None;
        while !reader.is_empty() {
            let entry = (reader.byte()?, reader.array::<32>()?);
            if last.is_some_and(|last| last >= entry) {
                return Err(Damaged("part set out of order"));
            }
            last = Some(entry);
            match PartKind::from_code(entry.0).filter(|kind| kind.since() <= version) {
                Some(kind) => parts.push(PartHash {
                    kind,
                    digest: Digest(entry.1),
                }),
                None if version > SET_VERSION => {}
                None => return Err(Damaged("part kind that its set's version does not have")),
            }
        }
        Ok(PartSet {
            version: version.min(SET_VERSION),
            parts,
        })
    }
}
