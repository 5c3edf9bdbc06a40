//! What every source gives: items with a cursor to go on from.

use std::path::Path;

use everpost_domain::message::HeldEvidence;
use everpost_domain::wire::{Damaged, Reader, Writer};

use super::budget::{Budget, Taken};
use super::walk::Walk;
use super::{ImportError, Source};
use crate::flags as flag;

/// Where in a source an item ended. Units (files, archive entries) are visited in the order
/// of their keys, so what comes after a cursor is known without remembering what came before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Key of the unit.
    pub(super) unit: Vec<u8>,
    /// Offset inside the unit after the item; `u64::MAX` when the unit is done.
    pub(super) offset: u64,
    /// Items before this point; the next item's position.
    pub(super) count: u64,
}

impl Cursor {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.byte(1)
            .bytes(&self.unit)
            .number(self.offset)
            .number(self.count);
        out.finish()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        if bytes.is_empty() {
            return Ok(Cursor::default());
        }
        let mut reader = Reader::new(bytes);
        if reader.byte()? != 1 {
            return Err(Damaged("cursor of an unknown version"));
        }
        Ok(Cursor {
            unit: reader.bytes()?.to_vec(),
            offset: reader.number()?,
            count: reader.number()?,
        })
    }

    /// Where to begin in the unit `key`: `None` if it was done before.
    pub(super) fn start_in(&self, key: &[u8]) -> Option<u64> {
        match key.cmp(&self.unit) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal if self.offset == u64::MAX => None,
            std::cmp::Ordering::Equal => Some(self.offset),
            std::cmp::Ordering::Greater => Some(0),
        }
    }
}

/// The unit is done.
pub(super) const UNIT_DONE: u64 = u64::MAX;

/// A message that a source found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) raw: Vec<u8>,
    /// The folder that the source names.
    pub(super) folder: String,
    /// The mailbox that the source names, if it knows.
    pub(super) mailbox: Option<String>,
    pub(super) flags: u32,
    pub(super) keywords: Vec<String>,
    pub(super) held: HeldEvidence,
    /// Envelope sender, where the source knows one.
    pub(super) sender: Option<String>,
}

/// What became of one item of the source.
pub(super) enum What {
    Mail(Box<Found>),
    /// Not a mail file of this source, or too large.
    Rejected(String),
    /// Could not be read.
    Failed(String),
}

/// One item of a source.
pub(super) struct Item {
    /// Its name for people.
    pub(super) name: String,
    pub(super) what: What,
    /// Where to go on after it.
    pub(super) unit: Vec<u8>,
    pub(super) offset: u64,
    /// Bytes of the source that it took.
    pub(super) source_bytes: u64,
    /// Room in the budget, given back when the item was admitted.
    pub(super) room: Option<Taken>,
}

/// The importer went away; stop reading.
pub(super) struct Stop;

/// What a source writes to.
pub(super) struct Sink<'a> {
    pub(super) budget: Budget,
    pub(super) give: &'a mut dyn FnMut(Option<Item>) -> Result<(), Stop>,
    pub(super) max_message: usize,
}

impl Sink<'_> {
    /// Room for a message of `bytes` bytes. Before waiting for it, what was read is sent
    /// on: it must not hold the room we wait for. The caller holds none either.
    pub(super) fn room(&mut self, bytes: u64) -> Result<Option<Taken>, Stop> {
        if let Some(taken) = self.budget.try_take(bytes) {
            return Ok(Some(taken));
        }
        (self.give)(None)?;
        Ok(self.budget.take(bytes))
    }

    pub(super) fn give(&mut self, item: Item) -> Result<(), Stop> {
        (self.give)(Some(item))
    }
}

/// Why reading a source ended early.
pub(super) enum Ended {
    Stopped,
    Error(ImportError),
}

impl From<Stop> for Ended {
    fn from(_: Stop) -> Self {
        Ended::Stopped
    }
}

pub(super) fn source_error(path: &Path, what: impl ToString) -> Ended {
    Ended::Error(ImportError::Source {
        path: path.display().to_string(),
        what: what.to_string(),
    })
}

/// Reads everything of `source` after `from`.
pub(super) fn read(source: &Source, from: &Cursor, sink: &mut Sink<'_>) -> Result<(), Ended> {
    match source {
        Source::Mbox { path, dialect } => super::mbox::read(path, *dialect, from, sink),
        Source::Maildir { path } => super::maildir::read(path, from, sink),
        Source::Eml { path } => super::eml::read(path, from, sink),
        Source::Zip { path } => super::archive::read_zip(path, from, sink),
        Source::Tar { path } => super::archive::read_tar(path, from, sink),
        Source::Upload { kind, name, file } => super::upload::read(*kind, name, file, from, sink),
        Source::Demo { seed, messages } => read_demo(*seed, *messages, from, sink),
    }
}

/// Bytes of a source, for the progress bar; 0 if that cannot be told beforehand.
pub(super) fn total_bytes(source: &Source) -> u64 {
    match source {
        Source::Mbox { path, .. }
        | Source::Maildir { path }
        | Source::Eml { path }
        | Source::Zip { path }
        | Source::Tar { path } => Walk::new(path)
            .filter_map(|file| std::fs::metadata(file).ok())
            .map(|meta| meta.len())
            .sum(),
        Source::Upload { file, .. } => file.length().unwrap_or(0),
        Source::Demo { .. } => 0,
    }
}

/// A file's key: its path below the source's root.
pub(super) fn key(root: &Path, file: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    let below = file.strip_prefix(root).unwrap_or(file);
    let below = if below.as_os_str().is_empty() {
        file.file_name().map(Path::new).unwrap_or(file)
    } else {
        below
    };
    below.as_os_str().as_bytes().to_vec()
}

fn read_demo(seed: u64, messages: usize, from: &Cursor, sink: &mut Sink<'_>) -> Result<(), Ended> {
    let unit = b"demo".to_vec();
    let Some(start) = from.start_in(&unit) else {
        return Ok(());
    };
    let demo = crate::demo::Demo { seed, messages };
    for (offset, item) in (0u64..)
        .zip(demo.items())
        .skip(usize::try_from(start).unwrap_or(usize::MAX))
    {
        let bytes = item.raw.len() as u64;
        let room = sink.room(bytes)?;
        let found = Found {
            raw: item.raw,
            folder: item.folder,
            mailbox: Some(item.mailbox),
            flags: demo_flags(item.flags),
            held: HeldEvidence {
                maildir: Some(item.delivered),
                ..HeldEvidence::default()
            },
            ..Found::default()
        };
        sink.give(Item {
            name: format!("demo message {offset}"),
            what: What::Mail(Box::new(found)),
            unit: unit.clone(),
            offset: offset + 1,
            source_bytes: bytes,
            room,
        })?;
    }
    Ok(())
}

fn demo_flags(flags: crate::demo::Flags) -> u32 {
    let bits = [
        (flags.seen, flag::SEEN),
        (flags.answered, flag::ANSWERED),
        (flags.flagged, flag::FLAGGED),
    ];
    bits.iter()
        .filter(|(set, _)| *set)
        .map(|(_, bit)| bit)
        .sum()
}
