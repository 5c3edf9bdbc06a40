//! ZIP and tar files of messages, Maildirs and mboxes.

use std::fs::File;
use std::io::{BufReader, Cursor as Bytes, Read, Seek};
use std::path::Path;

use everpost_codec::mbox::Dialect;

use super::eml::{Kind, is_beside, judge};
use super::folder::{self, Names};
use super::maildir::{is_under_way, place_in_archive};
use super::mbox::{MboxReader, failed_unit as failed};
use super::source::{Cursor, Ended, Found, Item, Sink, UNIT_DONE, What, source_error};

/// Bytes of an entry that tell what it is.
const PEEK: usize = 4096;
/// When an entry grew beyond this while it was read, nothing else may be in flight.
const LARGE: u64 = 4 << 20;

/// The key of entry `index`: its order is the order of entries.
fn unit(index: u64) -> Vec<u8> {
    index.to_be_bytes().to_vec()
}

pub(super) fn read_zip(path: &Path, from: &Cursor, sink: &mut Sink<'_>) -> Result<(), Ended> {
    let file = File::open(path).map_err(|error| source_error(path, error))?;
    read_zip_of(file, path, from, sink)
}

/// Reads a ZIP file; `path` is its name.
pub(super) fn read_zip_of(
    file: impl Read + Seek,
    path: &Path,
    from: &Cursor,
    sink: &mut Sink<'_>,
) -> Result<(), Ended> {
    let mut archive =
        zip::ZipArchive::new(BufReader::new(file)).map_err(|error| source_error(path, error))?;
    for index in 0..archive.len() {
        let unit = unit(index as u64);
        let Some(start) = from.start_in(&unit) else {
            continue;
        };
        match archive.by_index(index) {
            Ok(entry) if entry.is_dir() => {}
            Ok(mut entry) => {
                let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
                read_entry(&name, unit, start, &mut entry, sink)?;
            }
            Err(error) => sink.give(failed(
                &format!("entry {index} of {}", path.display()),
                unit,
                error,
            ))?,
        }
    }
    Ok(())
}

pub(super) fn read_tar(path: &Path, from: &Cursor, sink: &mut Sink<'_>) -> Result<(), Ended> {
    let file = File::open(path).map_err(|error| source_error(path, error))?;
    read_tar_of(file, path, from, sink)
}

/// Reads a tar file; `path` is its name, which says how it is packed.
pub(super) fn read_tar_of(
    file: impl Read,
    path: &Path,
    from: &Cursor,
    sink: &mut Sink<'_>,
) -> Result<(), Ended> {
    let file = BufReader::new(file);
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase());
    let input: Box<dyn Read + '_> = match extension.as_deref() {
        Some("gz" | "tgz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Some("zst" | "tzst") => {
            let mut decoder =
                zstd::Decoder::new(file).map_err(|error| source_error(path, error))?;
            // `zstd --long=27` is common for archives; more memory than that is refused.
            decoder
                .window_log_max(27)
                .map_err(|error| source_error(path, error))?;
            Box::new(decoder)
        }
        _ => Box::new(file),
    };
    let mut archive = tar::Archive::new(input);
    let entries = archive
        .entries()
        .map_err(|error| source_error(path, error))?;
    for (index, entry) in (0u64..).zip(entries) {
        let unit = unit(index);
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                // The stream is broken here: nothing after it can be found.
                sink.give(failed(
                    &format!("entry {index} of {}", path.display()),
                    unit,
                    error,
                ))?;
                return Ok(());
            }
        };
        let Some(start) = from.start_in(&unit) else {
            continue;
        };
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        if kind.is_hard_link() && !is_beside(&name) {
            // Maildirs have them: a server links a message that it copies. The bytes are at
            // another entry, which was read under its own name; this place would be lost.
            sink.give(failed(
                &name,
                unit,
                "a link to another entry of the archive; its place is not kept",
            ))?;
            continue;
        }
        if !(kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse()) {
            continue;
        }
        let mut whole = Whole {
            left: entry.size(),
            input: &mut entry,
        };
        read_entry(&name, unit, start, &mut whole, sink)?;
    }
    Ok(())
}

/// An entry of a tar file, which must have the size it was announced with: the kept library
/// takes the end of a file that was cut off for the end of the entry.
struct Whole<'a> {
    input: &'a mut dyn Read,
    left: u64,
}

impl Read for Whole<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.input.read(out)?;
        self.left = self.left.saturating_sub(count as u64);
        if count == 0 && !out.is_empty() && self.left > 0 {
            return Err(std::io::Error::new(
                std::io::ErrorKind::UnexpectedEof,
                "the archive ends inside it",
            ));
        }
        Ok(count)
    }
}

/// Reads one entry: an mbox if it begins like one, else a message.
pub(super) fn read_entry(
    name: &str,
    unit: Vec<u8>,
    start: u64,
    mut input: &mut dyn Read,
    sink: &mut Sink<'_>,
) -> Result<(), Ended> {
    let path = Path::new(name);
    let levels = folder::levels(path);
    if is_beside(name) || is_under_way(&levels) {
        return Ok(());
    }
    let place = place_in_archive(&levels);
    let kind = if place.is_some() {
        Kind::Maildir
    } else {
        Kind::of_name(name)
    };
    let mut head = Vec::new();
    if let Err(error) = Read::by_ref(&mut input)
        .take(PEEK as u64)
        .read_to_end(&mut head)
    {
        return Ok(sink.give(failed(name, unit, error))?);
    }
    let mut whole = Bytes::new(&head).chain(input);
    if kind == Kind::Unknown && head.starts_with(b"From ") {
        // An entry cannot be sought: what was done before is read and passed over.
        let skipped = std::io::copy(&mut whole.by_ref().take(start), &mut std::io::sink());
        if let Err(error) = skipped {
            return Ok(sink.give(failed(name, unit, error))?);
        }
        let folder = folder::of_mbox(Names::default(), path);
        let mut reader = MboxReader {
            name: name.to_string(),
            folder,
            unit,
            dialect: Dialect::Auto,
            whole: true,
        };
        return reader.read(&mut whole, start, sink);
    }
    let limit = sink.max_message as u64;
    let mut raw = Vec::new();
    let mut alone = None;
    // An entry's size as the archive tells it is a claim; memory follows what is really there.
    loop {
        let wanted = if alone.is_none() {
            LARGE
        } else {
            limit.saturating_add(1)
        };
        match whole
            .by_ref()
            .take(wanted.saturating_sub(raw.len() as u64))
            .read_to_end(&mut raw)
        {
            Ok(_) => {}
            Err(error) => return Ok(sink.give(failed(name, unit, error))?),
        }
        if (raw.len() as u64) < wanted || alone.is_some() {
            break;
        }
        alone = sink.room(u64::MAX)?;
    }
    let size = raw.len() as u64;
    let mut what = match size > limit {
        true => What::Rejected(format!("more than the limit of {limit} bytes")),
        false => judge(raw, kind, sink.max_message),
    };
    let mut room = None;
    if let What::Mail(found) = &mut what {
        match place {
            Some(place) => {
                **found = Found {
                    raw: std::mem::take(&mut found.raw),
                    ..place
                }
            }
            None => found.folder = folder::of_file(Names::default(), path),
        }
        room = match alone.take() {
            Some(alone) => Some(sink.budget.shrink(alone, size)),
            None => sink.room(size)?,
        };
    }
    drop(alone);
    sink.give(Item {
        name: name.to_string(),
        what,
        unit,
        offset: UNIT_DONE,
        source_bytes: size,
        room,
    })?;
    Ok(())
}
