//! The records that leaves commit to. Their bytes are durable: each opens with a version.

use super::fork::ForkNotice;
use super::leaf::EventKind;
use super::tree::at_end;
use crate::digest::Digest;
use crate::wire::{Damaged, Reader, Writer};

const VERSION: u8 = 1;

/// A copy was captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureRecord {
    /// SHA-256 of the whole: the copy's id.
    pub copy: Digest,
    /// Bytes of the whole.
    pub size: u64,
    /// SHA-256 of each stored part and portion, by which it can be shown without the rest.
    pub parts: Vec<Digest>,
    /// When it was captured, in microseconds since 1970-01-01T00:00:00Z. The leaf's own
    /// time is that of the commit.
    pub time_us: i64,
    /// The road it came by; the codes belong to the capture roads.
    pub origin: u8,
}

impl CaptureRecord {
    /// Durable form.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.byte(VERSION)
            .raw(&self.copy.0)
            .number(self.size)
            .signed(self.time_us)
            .byte(self.origin)
            .number(self.parts.len() as u64);
        for part in &self.parts {
            out.raw(&part.0);
        }
        out.finish()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut reader = open(bytes)?;
        let copy = Digest(reader.array()?);
        let size = reader.number()?;
        let time_us = reader.signed()?;
        let origin = reader.byte()?;
        let count = reader.length()?;
        // The rest must be exactly these digests, so the count cannot make us allocate.
        let (parts, odd) = reader.rest().as_chunks::<32>();
        if parts.len() != count || !odd.is_empty() {
            return Err(Damaged("wrong number of parts"));
        }
        let parts = parts.iter().map(|part| Digest(*part)).collect();
        Ok(CaptureRecord {
            copy,
            size,
            parts,
            time_us,
            origin,
        })
    }
}

/// Somebody did something; what it was is the leaf's kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionRecord {
    /// Who: a principal's name.
    pub actor: String,
    /// To what; the form belongs to the kind of event.
    pub subject: Vec<u8>,
    /// Why, in the actor's words.
    pub reason: String,
}

impl ActionRecord {
    /// Durable form.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.byte(VERSION)
            .text(&self.actor)
            .bytes(&self.subject)
            .text(&self.reason);
        out.finish()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut reader = open(bytes)?;
        let actor = reader.text()?.to_owned();
        let subject = reader.bytes()?.to_vec();
        let reason = reader.text()?.to_owned();
        at_end(&reader)?;
        Ok(ActionRecord {
            actor,
            subject,
            reason,
        })
    }
}

/// Any record, read by the kind of its leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Of [`EventKind::Admitted`] and [`EventKind::Delivered`].
    Capture(CaptureRecord),
    /// Of every other kind.
    Action(ActionRecord),
    /// Of [`EventKind::Restored`].
    Fork(ForkNotice),
}

impl Record {
    /// Reads the record of a leaf of `kind`.
    pub fn decode(kind: EventKind, bytes: &[u8]) -> Result<Self, Damaged> {
        match kind {
            EventKind::Admitted | EventKind::Delivered => {
                CaptureRecord::decode(bytes).map(Record::Capture)
            }
            EventKind::ImportWithdrawn
            | EventKind::Exported
            | EventKind::Accessed
            | EventKind::Administered
            | EventKind::Refused
            | EventKind::Omitted => ActionRecord::decode(bytes).map(Record::Action),
            EventKind::Restored => ForkNotice::decode(bytes).map(Record::Fork),
        }
    }
}

fn open(bytes: &[u8]) -> Result<Reader<'_>, Damaged> {
    let mut reader = Reader::new(bytes);
    match reader.byte()? {
        VERSION => Ok(reader),
        _ => Err(Damaged("unknown version")),
    }
}
