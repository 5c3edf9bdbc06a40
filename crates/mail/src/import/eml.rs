//! Message files: one, or a directory tree of them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use everpost_codec::apple::{Emlx, emlx};
use everpost_codec::eml::looks_like_mail;
use everpost_domain::message::HeldEvidence;

use super::budget::Taken;
use super::mbox::failed_unit;
use super::source::{Cursor, Ended, Found, Item, Sink, Stop, UNIT_DONE, What, key, source_error, walk};
use crate::flags as flag;

/// Files above this are read only when nothing else is in flight.
const LARGE: u64 = 4 << 20;

pub(super) fn read(path: &Path, from: &Cursor, sink: &mut Sink<'_>) -> Result<(), Ended> {
    std::fs::metadata(path).map_err(|error| source_error(path, error))?;
    for file in walk(path) {
        let unit = key(path, &file);
        if from.start_in(&unit).is_none() || is_beside(&file) {
            continue;
        }
        let (mut what, source_bytes, room) = read_file(&file, sink)?;
        if let What::Mail(found) = &mut what {
            found.folder = folder_name(path, &file);
        }
        let name = file.display().to_string();
        sink.give(Item { name, what, unit, offset: UNIT_DONE, source_bytes, room })?;
    }
    Ok(())
}

/// Files that lie beside mail by design and are no items: hidden ones, and our own manifest.
fn is_beside(file: &Path) -> bool {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.starts_with('.') || name == crate::MANIFEST
}

/// The directories between the source and the file.
fn folder_name(root: &Path, file: &Path) -> String {
    let below = file.strip_prefix(root).ok().and_then(Path::parent);
    let levels: Vec<String> = below
        .into_iter()
        .flat_map(Path::components)
        .map(|level| level.as_os_str().to_string_lossy().into_owned())
        .collect();
    if levels.is_empty() { "INBOX".into() } else { levels.join("/") }
}

/// Reads one message file whole, within the budget.
pub(super) fn read_file(file: &Path, sink: &mut Sink<'_>) -> Result<(What, u64, Option<Taken>), Stop> {
    let failed = |error: std::io::Error| Ok((What::Failed(error.to_string()), 0, None));
    let (opened, meta) = match File::open(file).and_then(|opened| Ok((opened.metadata()?, opened))) {
        Ok((meta, opened)) => (opened, meta),
        Err(error) => return failed(error),
    };
    if !meta.is_file() {
        return Ok((What::Rejected("not a file".into()), 0, None));
    }
    let size = meta.len();
    if size > sink.max_message as u64 {
        let what = format!("{size} bytes are above the limit of {}", sink.max_message);
        return Ok((What::Rejected(what), size, None));
    }
    let room = if size > LARGE { sink.room(u64::MAX)? } else { sink.budget.take(size) };
    let mut raw = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // A file may grow while it is read; the limit holds all the same.
    if let Err(error) = opened.take(sink.max_message as u64).read_to_end(&mut raw) {
        return failed(error);
    }
    let emlx_name = file.extension().is_some_and(|extension| extension == "emlx");
    Ok((judge(raw, emlx_name), size, room))
}

/// A message, or the reason why it is none.
pub(super) fn judge(raw: Vec<u8>, emlx_name: bool) -> What {
    if emlx_name && let Some(found) = from_emlx(&raw) {
        return What::Mail(Box::new(found));
    }
    if !looks_like_mail(&raw) {
        return What::Rejected("not a mail file: it has no header field".into());
    }
    What::Mail(Box::new(Found { raw, ..Found::default() }))
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
        flags: bits.iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum(),
        held: HeldEvidence { internal_date: emlx.received, ..HeldEvidence::default() },
        ..Found::default()
    })
}

/// An item for a file of an archive that could not be read.
pub(super) fn failed(name: &str, unit: Vec<u8>, error: impl ToString) -> Item {
    failed_unit(name, unit, error)
}
