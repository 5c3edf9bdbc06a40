//! What travels with an exported copy: its record, opened, and the way to a signed root.

use super::checkpoint::Checkpoint;
use super::leaf::{EventKind, Leaf, SALT_BYTES};
use super::record::{CaptureRecord, Record};
use super::verify::{ProofError, verify_inclusion};
use crate::digest::Digest;
use crate::wire::Damaged;

/// A leaf with its record and salt, and its proof of inclusion. Given a checkpoint that
/// the reader trusts, it proves offline what was captured and when: the whole and, by the
/// digests in the record, each portion alone. How it is written is up to the export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafProof {
    /// What happened.
    pub kind: EventKind,
    /// When, by the leaf, in microseconds since 1970-01-01T00:00:00Z.
    pub time_us: i64,
    /// The leaf's salt.
    pub salt: [u8; SALT_BYTES],
    /// The record's durable bytes.
    pub record: Vec<u8>,
    /// Number of the leaf.
    pub index: u64,
    /// Size of the tree that the proof leads to.
    pub size: u64,
    /// The proof of inclusion (RFC 9162 §2.1.3.1).
    pub hashes: Vec<Digest>,
}

/// Why a leaf with its record is not proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeafProofError {
    /// Kind, time, salt, record or position are not those of the log.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The record is in the log, but cannot be read.
    #[error(transparent)]
    Record(#[from] Damaged),
    /// The event is in the log, but is no capture.
    #[error("the event is not a capture")]
    NotACapture,
    /// The checkpoint is of another size than the proof.
    #[error("the proof is for another size than the checkpoint's")]
    OtherSize,
}

impl LeafProof {
    /// The leaf as it stands in the log if this proof holds.
    pub fn leaf(&self) -> Leaf {
        Leaf::new(self.kind, self.time_us, &self.salt, &self.record)
    }

    /// The record of a capture, if `root` of the tree of [`size`](Self::size) leaves has it.
    /// The caller took both from one checkpoint; [`verify_in`](Self::verify_in) sees to it.
    pub fn verify(&self, root: &Digest) -> Result<CaptureRecord, LeafProofError> {
        match self.verify_record(root)? {
            Record::Capture(record) => Ok(record),
            Record::Action(_) | Record::Fork(_) => Err(LeafProofError::NotACapture),
        }
    }

    /// The record of a capture, if the (already opened) checkpoint has it.
    pub fn verify_in(&self, checkpoint: &Checkpoint) -> Result<CaptureRecord, LeafProofError> {
        if checkpoint.size() != self.size {
            return Err(LeafProofError::OtherSize);
        }
        self.verify(checkpoint.root())
    }

    /// The record of an event of any kind, if `root` has it.
    pub fn verify_record(&self, root: &Digest) -> Result<Record, LeafProofError> {
        verify_inclusion(
            &self.leaf().hash(),
            self.index,
            self.size,
            &self.hashes,
            root,
        )?;
        Ok(Record::decode(self.kind, &self.record)?)
    }
}
