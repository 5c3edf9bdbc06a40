//! Checkpoints: signed tree heads (<https://c2sp.org/tlog-checkpoint>).

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::note::{Note, NoteError, Signer, VerifierKey};
use crate::digest::Digest;

/// What a log says of itself at one size.
///
/// A log never signs two checkpoints between which no consistency proof exists, so the
/// origin of a store's log changes with its epoch: after a restore an older size may come
/// again with other leaves, and only a [`ForkNotice`](super::ForkNotice) ties the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Digest,
    extensions: Vec<String>,
}

/// Why a checkpoint was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The text is not `origin`, `size`, `root` and further non-empty lines.
    #[error("malformed checkpoint: {0}")]
    Malformed(&'static str),
    /// The checkpoint speaks of another log than the key.
    #[error("checkpoint of {found}, where one of {expected} was due")]
    OtherLog {
        /// Name of the key.
        expected: String,
        /// Origin of the checkpoint.
        found: String,
    },
    /// The note is malformed or not signed by the log.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl Checkpoint {
    /// A checkpoint without extension lines. The origin is one non-empty line.
    pub fn new(origin: &str, size: u64, root: Digest) -> Result<Self, CheckpointError> {
        if !is_line(origin) {
            return Err(CheckpointError::Malformed("origin"));
        }
        Ok(Checkpoint {
            origin: origin.to_owned(),
            size,
            root,
            extensions: Vec::new(),
        })
    }

    /// The unique name of the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root at that size.
    pub fn root(&self) -> &Digest {
        &self.root
    }

    /// Lines after the third; we write none and believe none.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Sign with the log's own key, whose name is the origin.
    pub fn sign(&self, log: &Signer) -> Result<Note, CheckpointError> {
        self.of_log(log.key())?;
        Ok(Note::sign(&self.to_string(), log)?)
    }

    /// The checkpoint in a note, which the log's own key must have signed. Other
    /// signatures are ignored: ask [`Note::signers`] for the cosigners.
    pub fn open(note: &Note, log: &VerifierKey) -> Result<Self, CheckpointError> {
        note.verify(log)?;
        let checkpoint: Checkpoint = note.text().parse()?;
        checkpoint.of_log(log)?;
        Ok(checkpoint)
    }

    fn of_log(&self, key: &VerifierKey) -> Result<(), CheckpointError> {
        if self.origin == key.name() {
            return Ok(());
        }
        Err(CheckpointError::OtherLog {
            expected: key.name().to_owned(),
            found: self.origin.clone(),
        })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}\n{}\n{}",
            self.origin,
            self.size,
            print_root(&self.root)
        )?;
        self.extensions
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let malformed = CheckpointError::Malformed;
        let text = text
            .strip_suffix('\n')
            .ok_or(malformed("no final newline"))?;
        let mut lines = text.split('\n');
        let origin = lines
            .next()
            .filter(|line| is_line(line))
            .ok_or(malformed("origin"))?;
        let size = lines.next().and_then(parse_size).ok_or(malformed("size"))?;
        let root = lines.next().and_then(parse_root).ok_or(malformed("root"))?;
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if !extensions.iter().all(|line| is_line(line)) {
            return Err(malformed("empty line"));
        }
        Ok(Checkpoint {
            origin: origin.to_owned(),
            size,
            root,
            extensions,
        })
    }
}

/// A line of a note: not empty and without control characters.
pub(super) fn is_line(line: &str) -> bool {
    !line.is_empty() && !line.chars().any(|c| c < ' ')
}

/// Decimal digits only, no leading zero: each number has one form, as the text is signed.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let leading = text.len() > 1 && text.starts_with('0');
    if digits && !leading {
        text.parse().ok()
    } else {
        None
    }
}

/// The base64 of a root as checkpoints write it.
pub(super) fn print_root(root: &Digest) -> String {
    STANDARD.encode(root.0)
}

/// Reads what [`print_root`] wrote.
pub(super) fn parse_root(text: &str) -> Option<Digest> {
    let bytes = STANDARD.decode(text).ok()?;
    bytes.try_into().ok().map(Digest)
}
