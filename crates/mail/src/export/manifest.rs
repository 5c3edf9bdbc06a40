//! The manifest of an export: one JSON object a line, so that it is written and read as a
//! stream whatever the export's size.
//!
//! ```text
//! header   what was exported, when, and the signed checkpoint that every proof leads to
//! item     one a file or mbox entry, with place, digest and proof
//! file     files that are no items: mboxes as a whole, keyword lists
//! error    copies that could not be exported
//! summary  counts, and the digest of all lines before
//! ```
//! A second file, [`SEAL`], proves that the archive's log has the digest of the manifest as
//! a whole, so that a line that was taken out shows even if the summary was rewritten.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use everpost_domain::digest::Digest;
use everpost_domain::log::{EventKind, LeafProof};
use serde::{Deserialize, Serialize};

/// The version of the manifest that this program writes and reads.
pub(crate) const VERSION: u32 = 1;
/// The file beside the manifest that seals it.
pub const SEAL: &str = "manifest.seal.json";

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) everpost_export: u32,
    pub(crate) format: String,
    pub(crate) query: String,
    /// RFC 3339.
    pub(crate) made: String,
    /// The signed note (C2SP tlog-checkpoint).
    pub(crate) checkpoint: String,
    /// The key that signed it. Who verifies must have it from elsewhere.
    pub(crate) key: String,
}

/// A message in the export.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Item {
    /// Below the export's directory, levels separated by `/`.
    pub(crate) path: String,
    /// Of an mbox: where the message as stored begins in the file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) offset: Option<u64>,
    /// Of an mbox: how many bytes it takes there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) length: Option<u64>,
    /// The message: the id of its first copy.
    pub(crate) id: String,
    /// The copy: of the exact bytes.
    pub(crate) sha256: String,
    pub(crate) size: u64,
    pub(crate) mailbox: String,
    pub(crate) folder: String,
    /// As Maildir writes them: D, F, P, R, S, T.
    pub(crate) flags: String,
    pub(crate) keywords: Vec<String>,
    /// When it was delivered into this folder; RFC 3339.
    pub(crate) delivered: String,
    /// Since when the copy is held; RFC 3339.
    pub(crate) held_from: String,
    /// Absent only if the log could not give one; an error line then says why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) proof: Option<Proof>,
}

/// A file of the export that is no message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Extra {
    pub(crate) file: String,
    pub(crate) sha256: String,
    pub(crate) size: u64,
}

/// A copy that could not be exported.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Missing {
    pub(crate) error: String,
    pub(crate) id: String,
}

/// The last line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) summary: bool,
    pub(crate) items: u64,
    pub(crate) bytes: u64,
    pub(crate) errors: u64,
    /// Of all lines before this one, line breaks included.
    pub(crate) sha256_of_lines: String,
}

/// Any line. Each kind has a field that no other has.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Line {
    Item(Box<Item>),
    Extra(Extra),
    Missing(Missing),
    Header(Header),
    Summary(Summary),
}

/// What [`SEAL`] holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Seal {
    /// A checkpoint that has the event of the export.
    pub(crate) checkpoint: String,
    /// The event, whose record names the manifest's digest.
    pub(crate) proof: Proof,
    /// That the manifest's checkpoint is a beginning of this one (RFC 9162 §2.1.4.1).
    pub(crate) consistency: Vec<String>,
}

/// A leaf of the log with its record and the way to the checkpoint's root.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Proof {
    /// The event's code in the log.
    pub(crate) kind: u8,
    pub(crate) time_us: i64,
    /// Base64, as the three that follow.
    pub(crate) salt: String,
    pub(crate) record: String,
    pub(crate) index: u64,
    pub(crate) size: u64,
    pub(crate) hashes: Vec<String>,
}

impl From<&LeafProof> for Proof {
    fn from(proof: &LeafProof) -> Self {
        Proof {
            kind: proof.kind.code(),
            time_us: proof.time_us,
            salt: STANDARD.encode(proof.salt),
            record: STANDARD.encode(&proof.record),
            index: proof.index,
            size: proof.size,
            hashes: write_hashes(&proof.hashes),
        }
    }
}

impl Proof {
    /// The proof, if its text says one.
    pub(crate) fn read(&self) -> Option<LeafProof> {
        Some(LeafProof {
            kind: EventKind::from_code(self.kind)?,
            time_us: self.time_us,
            salt: STANDARD.decode(&self.salt).ok()?.try_into().ok()?,
            record: STANDARD.decode(&self.record).ok()?,
            index: self.index,
            size: self.size,
            hashes: read_hashes(&self.hashes)?,
        })
    }
}

/// Hashes as text.
pub(crate) fn write_hashes(hashes: &[Digest]) -> Vec<String> {
    hashes.iter().map(|hash| STANDARD.encode(hash.0)).collect()
}

/// Reads what [`write_hashes`] wrote.
pub(crate) fn read_hashes(texts: &[String]) -> Option<Vec<Digest>> {
    let read = |text: &String| STANDARD.decode(text).ok()?.try_into().ok().map(Digest);
    texts.iter().map(read).collect()
}
