//! Message files: one, or a directory tree of them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use everpost_codec::apple::{Emlx, emlx};
use everpost_codec::eml::looks_like_mail;
use everpost_domain::message::HeldEvidence;

use super::budget::Taken;
use super::folder::{self, Names};
use super::source::{Cursor, Ended, Found, Item, Sink, Stop, UNIT_DONE, What, key, source_error};
use super::walk::Walk;
use crate::export::SEAL;
use crate::flags as flag;

pub(super) fn read(path: &Path, from: &Cursor, sink: &mut Sink<'_>) -> Result<(), Ended> {
    std::fs::metadata(path).map_err(|error| source_error(path, error))?;
    let names = Names::of(path);
    for file in Walk::new(path) {
        let unit = key(path, &file);
        if from.start_in(&unit).is_none() || is_beside(&file.to_string_lossy()) {
            continue;
        }
        let kind = Kind::of_name(&file.to_string_lossy());
        let (mut what, source_bytes, room) = read_file(&file, kind, sink)?;
        if let What::Mail(found) = &mut what {
            found.folder = folder::of_file(names, file.strip_prefix(path).unwrap_or(Path::new("")));
        }
        let name = file.display().to_string();
        sink.give(Item {
            name,
            what,
            unit,
            offset: UNIT_DONE,
            source_bytes,
            room,
        })?;
    }
    Ok(())
}

/// Files that lie beside mail by design and are no items: hidden ones, and what our own
/// exports say of themselves.
pub(super) fn is_beside(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with('.') || name.is_empty() || name == crate::MANIFEST || name == SEAL
}

/// What its place says of a file, before its bytes are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A message, however broken: it lies where only messages lie, or is named as one.
    Message,
    /// As [`Kind::Message`], in a Maildir, where servers may have compressed it.
    Maildir,
    /// Apple Mail's wrapping of a message.
    Emlx,
    /// A message if it looks like one.
    Unknown,
}

impl Kind {
    pub(super) fn of_name(path: &str) -> Self {
        let lower = path.to_ascii_lowercase();
        match lower.rsplit_once('.') {
            Some((_, "eml")) => Kind::Message,
            Some((_, "emlx")) => Kind::Emlx,
            _ => Kind::Unknown,
        }
    }
}

/// Reads one message file whole, within the budget.
pub(super) fn read_file(
    file: &Path,
    kind: Kind,
    sink: &mut Sink<'_>,
) -> Result<(What, u64, Option<Taken>), Stop> {
    let failed = |error: std::io::Error| Ok((What::Failed(error.to_string()), 0, None));
    // Asked before opening: opening a pipe would wait for somebody to write to it.
    let size = match std::fs::metadata(file) {
        Ok(meta) if meta.is_file() => meta.len(),
        Ok(meta) if meta.is_dir() && std::fs::read_dir(file).is_err() => {
            return Ok((What::Failed("the directory cannot be read".into()), 0, None));
        }
        Ok(_) => return Ok((What::Rejected("not a file".into()), 0, None)),
        Err(error) => return failed(error),
    };
    let limit = sink.max_message as u64;
    let too_large =
        |size: u64| What::Rejected(format!("{size} bytes are above the limit of {limit}"));
    if size > limit {
        return Ok((too_large(size), size, None));
    }
    let room = sink.room(size)?;
    let mut raw = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // A file may grow while it is read; the limit holds all the same.
    let read = File::open(file)
        .and_then(|opened| opened.take(limit.saturating_add(1)).read_to_end(&mut raw));
    if let Err(error) = read {
        return failed(error);
    }
    if raw.len() as u64 > limit {
        return Ok((too_large(raw.len() as u64), size, None));
    }
    Ok((judge(raw, kind, sink.max_message), size, room))
}

/// A message, or the reason why it is none. Broken mail is mail.
pub(super) fn judge(raw: Vec<u8>, kind: Kind, limit: usize) -> What {
    match kind {
        Kind::Emlx => match from_emlx(&raw) {
            Some(found) => What::Mail(Box::new(found)),
            None => {
                What::Failed("not a whole .emlx file: its count and its bytes do not agree".into())
            }
        },
        Kind::Maildir => match unpacked(&raw, limit) {
            None => message(raw),
            Some(Ok(plain)) => message(plain),
            Some(Err(what)) => What::Failed(what),
        },
        Kind::Message => message(raw),
        Kind::Unknown if looks_like_mail(&raw) => message(raw),
        Kind::Unknown => What::Rejected("not a mail file: it has no header field".into()),
    }
}

fn message(raw: Vec<u8>) -> What {
    What::Mail(Box::new(Found {
        raw,
        ..Found::default()
    }))
}

/// The message in a file that Dovecot's zlib plugin wrote. `None` if it is not compressed:
/// no message begins with these bytes.
fn unpacked(raw: &[u8], limit: usize) -> Option<Result<Vec<u8>, String>> {
    let mut plain = Vec::new();
    let limit = limit as u64;
    let read = match raw {
        [0x1f, 0x8b, ..] => flate2::read::MultiGzDecoder::new(raw)
            .take(limit.saturating_add(1))
            .read_to_end(&mut plain),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::Decoder::new(raw).and_then(|decoder| {
            decoder
                .take(limit.saturating_add(1))
                .read_to_end(&mut plain)
        }),
        _ => return None,
    };
    Some(match read {
        Ok(_) if plain.len() as u64 > limit => {
            Err(format!("unpacked it is above the limit of {limit} bytes"))
        }
        Ok(_) => Ok(plain),
        Err(error) => Err(format!("it is compressed and cannot be unpacked: {error}")),
    })
}

fn from_emlx(file: &[u8]) -> Option<Found> {
    let emlx: Emlx<'_> = emlx(file)?;
    let bits = [
        (emlx.seen(), flag::SEEN),
        (emlx.answered(), flag::ANSWERED),
        (emlx.flagged(), flag::FLAGGED),
        (emlx.deleted(), flag::DELETED),
        (emlx.draft(), flag::DRAFT),
        (emlx.forwarded(), flag::PASSED),
    ];
    Some(Found {
        raw: emlx.message.to_vec(),
        flags: bits
            .iter()
            .filter(|(set, _)| *set)
            .map(|(_, bit)| bit)
            .sum(),
        held: HeldEvidence {
            internal_date: emlx.received,
            ..HeldEvidence::default()
        },
        ..Found::default()
    })
}
