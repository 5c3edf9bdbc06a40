//! The leaves of an Everpost log: each says that something happened and when, and commits
//! to a record without showing it.

use super::hash::leaf_hash;
use crate::digest::{Digest, Hasher};
use crate::wire::{Damaged, Reader};

/// Bytes of the salt that keeps a record from being guessed from its leaf.
pub const SALT_BYTES: usize = 16;
/// Bytes of a leaf.
pub const LEAF_BYTES: usize = 41;

/// What happened. The codes stand in leaves, which nobody can change: a code is never
/// used again for anything else, also when its kind is retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// 1: a new copy was captured. Record: [`CaptureRecord`](super::CaptureRecord).
    Admitted,
    /// 2: bytes held already came again; their delivery and placement were recorded.
    /// Record: [`CaptureRecord`](super::CaptureRecord).
    Delivered,
    /// 3: an import was withdrawn. Record: [`ActionRecord`](super::ActionRecord).
    ImportWithdrawn,
    /// 4: the store was restored from a backup and the log continues from an older size.
    /// Record: [`ForkNotice`](super::ForkNotice).
    Restored,
    /// 5: copies were exported. Record: [`ActionRecord`](super::ActionRecord).
    Exported,
    /// 6: somebody looked at another's mail. Record: [`ActionRecord`](super::ActionRecord),
    /// its subject a line of text: what was asked for, and under which case.
    Accessed,
    /// 7: an account, token or case was made, changed or ended. Record:
    /// [`ActionRecord`](super::ActionRecord), its subject a line of text.
    Administered,
    /// 8: something was asked for that a lock forbids, and was not done. Record:
    /// [`ActionRecord`](super::ActionRecord), its subject a line of text.
    Refused,
    /// 9: a message passed a mail server, and is not in the archive. Record:
    /// [`ActionRecord`](super::ActionRecord), its subject a line of text.
    Omitted,
}

impl EventKind {
    /// The code in leaves.
    pub fn code(self) -> u8 {
        match self {
            EventKind::Admitted => 1,
            EventKind::Delivered => 2,
            EventKind::ImportWithdrawn => 3,
            EventKind::Restored => 4,
            EventKind::Exported => 5,
            EventKind::Accessed => 6,
            EventKind::Administered => 7,
            EventKind::Refused => 8,
            EventKind::Omitted => 9,
        }
    }

    /// The kind of a code; `None` for codes that this version does not know.
    pub fn from_code(code: u8) -> Option<Self> {
        let all = [
            EventKind::Admitted,
            EventKind::Delivered,
            EventKind::ImportWithdrawn,
            EventKind::Restored,
            EventKind::Exported,
            EventKind::Accessed,
            EventKind::Administered,
            EventKind::Refused,
            EventKind::Omitted,
        ];
        all.into_iter().find(|kind| kind.code() == code)
    }
}

/// A leaf: kind, time, and the commitment `SHA-256(salt ‖ record)`. Once record and salt
/// are purged, the leaf still proves that and when, and no longer what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// What happened.
    pub kind: EventKind,
    /// When, in microseconds since 1970-01-01T00:00:00Z.
    pub time_us: i64,
    /// `SHA-256(salt ‖ record)`.
    pub commitment: Digest,
}

impl Leaf {
    /// The leaf that commits to `record`, a record's durable bytes. The salt must be random
    /// and of this leaf alone, or records that are easily guessed are not hidden.
    pub fn new(kind: EventKind, time_us: i64, salt: &[u8; SALT_BYTES], record: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(salt);
        hasher.update(record);
        Leaf {
            kind,
            time_us,
            commitment: hasher.finish(),
        }
    }

    /// The leaf's data in the tree: kind ‖ time, big-endian ‖ commitment.
    pub fn encode(&self) -> [u8; LEAF_BYTES] {
        let mut out = [0; LEAF_BYTES];
        let fields = [self.kind.code()]
            .into_iter()
            .chain(self.time_us.to_be_bytes())
            .chain(self.commitment.0);
        for (slot, byte) in out.iter_mut().zip(fields) {
            *slot = byte;
        }
        out
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(bytes: &[u8; LEAF_BYTES]) -> Result<Self, Damaged> {
        let mut reader = Reader::new(bytes);
        let kind = EventKind::from_code(reader.byte()?).ok_or(Damaged("unknown event kind"))?;
        let time_us = i64::from_be_bytes(reader.array()?);
        Ok(Leaf {
            kind,
            time_us,
            commitment: Digest(reader.array()?),
        })
    }

    /// The hash under which the leaf stands in the tree (RFC 9162 §2.1.1).
    pub fn hash(&self) -> Digest {
        leaf_hash(&self.encode())
    }
}
