//! The fork notice: what a log says when a restore made it forget leaves it had shown.

use std::fmt;
use std::str::FromStr;

use super::checkpoint::{is_line, parse_root, parse_size, print_root};
use super::note::{Note, NoteError, Signer, VerifierKey};
use crate::digest::Digest;
use crate::wire::{Damaged, Writer};

const VERSION: u8 = 1;
const TITLE: &str = "everpost fork notice v1";

/// A restored store's log keeps the leaves that its backup holds and goes on from there.
/// Whoever kept a later checkpoint of the old epoch sees no consistency proof to the new
/// one; this notice, signed by the log, says so openly: from which size the history is
/// new, and which head was the last that others had cosigned. A verifier then asks for
/// consistency with `kept_size` and `kept_root` instead.
///
/// The signed text can never be taken for a checkpoint, whose second line is a number:
///
/// ```text
/// everpost fork notice v1
/// origin <origin of the new epoch>
/// epoch <number>
/// kept <size> <base64 root>
/// previous
/// <the last cosigned checkpoint with its signatures, verbatim>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkNotice {
    /// Origin of the log's checkpoints from now on.
    pub origin: String,
    /// The store's new epoch.
    pub epoch: u64,
    /// Leaves that the restored log has in common with the old one.
    pub kept_size: u64,
    /// Root over them.
    pub kept_root: Digest,
    /// The last head of the old epoch that others cosigned; absent if none ever was.
    pub previous: Option<Note>,
}

/// Why a fork notice was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForkError {
    /// The text does not have the form of a fork notice.
    #[error("malformed fork notice")]
    Malformed,
    /// The notice speaks of another log than the key.
    #[error("fork notice of another log")]
    OtherLog,
    /// The note is malformed or not signed by the log.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl ForkNotice {
    /// Sign with the key of the new epoch, whose name is the origin.
    pub fn sign(&self, log: &Signer) -> Result<Note, ForkError> {
        if self.origin != log.key().name() {
            return Err(ForkError::OtherLog);
        }
        Ok(Note::sign(&self.to_string(), log)?)
    }

    /// The notice in a note signed by the log of the new epoch.
    pub fn open(note: &Note, log: &VerifierKey) -> Result<Self, ForkError> {
        note.verify(log)?;
        let notice: ForkNotice = note.text().parse()?;
        if notice.origin == log.name() {
            Ok(notice)
        } else {
            Err(ForkError::OtherLog)
        }
    }

    /// Durable form, the record of the leaf: a version byte and the text.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.byte(VERSION).raw(self.to_string().as_bytes());
        out.finish()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let Some((&VERSION, text)) = bytes.split_first() else {
            return Err(Damaged("unknown version"));
        };
        let text = std::str::from_utf8(text).map_err(|_| Damaged("text is not UTF-8"))?;
        text.parse().map_err(|_| Damaged("malformed fork notice"))
    }
}

impl fmt::Display for ForkNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}\norigin {}\nepoch {}", self.origin, self.epoch)?;
        writeln!(f, "kept {} {}", self.kept_size, print_root(&self.kept_root))?;
        match &self.previous {
            Some(note) => write!(f, "previous\n{note}"),
            None => Ok(()),
        }
    }
}

impl FromStr for ForkNotice {
    type Err = ForkError;

    fn from_str(text: &str) -> Result<Self, ForkError> {
        let mut rest = text;
        let mut line = |label: &str| -> Option<&str> {
            let (line, after) = rest.split_once('\n')?;
            rest = after;
            line.strip_prefix(label)
        };
        let title = line(TITLE);
        let origin = line("origin ").filter(|origin| is_line(origin));
        let epoch = line("epoch ").and_then(parse_size);
        let kept = line("kept ").and_then(|kept| kept.split_once(' '));
        let (Some(""), Some(origin), Some(epoch), Some((size, root))) =
            (title, origin, epoch, kept)
        else {
            return Err(ForkError::Malformed);
        };
        let previous = match rest {
            "" => None,
            _ => {
                let note = rest
                    .strip_prefix("previous\n")
                    .ok_or(ForkError::Malformed)?;
                Some(Note::parse(note.as_bytes())?)
            }
        };
        Ok(ForkNotice {
            origin: origin.to_owned(),
            epoch,
            kept_size: parse_size(size).ok_or(ForkError::Malformed)?,
            kept_root: parse_root(root).ok_or(ForkError::Malformed)?,
            previous,
        })
    }
}
