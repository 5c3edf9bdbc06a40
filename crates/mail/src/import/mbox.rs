//! mbox files, Apple packages, directories of either.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use everpost_codec::mbox::{Dialect, Item as Split, Splitter, from_line_date, from_line_sender};
use everpost_domain::message::HeldEvidence;

use super::source::{Cursor, Ended, Found, Item, Sink, UNIT_DONE, What, key, source_error, walk};

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;
/// A message that grew beyond this while it was read waits until it is in flight alone.
const LARGE: u64 = 8 << 20;

pub(super) fn read(path: &Path, dialect: Dialect, from: &Cursor, sink: &mut Sink<'_>) -> Result<(), Ended> {
    std::fs::metadata(path).map_err(|error| source_error(path, error))?;
    for file in walk(path) {
        if path.is_dir() && !is_mbox_name(&file) {
            continue;
        }
        let unit = key(path, &file);
        let Some(start) = from.start_in(&unit) else { continue };
        let opened = File::open(&file).and_then(|mut file| {
            file.seek(SeekFrom::Start(start))?;
            Ok(file)
        });
        match opened {
            Ok(mut opened) => {
                let folder = folder_name(path, &file);
                let mut reader =
                    MboxReader { name: file.display().to_string(), folder, unit, dialect, whole: path.is_dir() };
                reader.read(&mut opened, start, sink)?;
            }
            Err(error) if path.is_dir() => {
                sink.give(failed_unit(&file.display().to_string(), unit, error))?;
            }
            Err(error) => return Err(source_error(&file, error)),
        }
    }
    Ok(())
}

/// In a directory, what mail programs keep beside their mboxes is no mbox.
fn is_mbox_name(file: &Path) -> bool {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = [".msf", ".json", ".plist", ".sqlite", ".dat", ".html"];
    !name.starts_with('.') && name != "table_of_contents" && !beside.iter().any(|end| name.ends_with(end))
}

/// The folder that an mbox stands for: directories of its path and its name without `.mbox`.
fn folder_name(root: &Path, file: &Path) -> String {
    let below = file.strip_prefix(root).ok().filter(|below| !below.as_os_str().is_empty());
    // An Apple package is one folder: `Name.mbox/mbox`.
    let named = match (below, file.parent()) {
        (Some(below), _) => below.to_path_buf(),
        (None, Some(parent)) if is_package(parent) => parent.file_name().map(Into::into).unwrap_or_default(),
        (None, _) => file.file_name().map(Into::into).unwrap_or_default(),
    };
    let named = if named.ends_with("mbox") && named.parent().is_some_and(is_package_name) {
        named.parent().map(Path::to_path_buf).unwrap_or_default()
    } else if named == Path::new("mbox") && is_package(root) {
        root.file_name().map(Into::into).unwrap_or_default()
    } else {
        named
    };
    let levels: Vec<String> = named
        .components()
        .map(|level| {
            let level = level.as_os_str().to_string_lossy();
            let level = level.strip_suffix(".mbox").or(level.strip_suffix(".sbd")).unwrap_or(&level);
            level.to_string()
        })
        .filter(|level| !level.is_empty())
        .collect();
    if levels.is_empty() { "INBOX".into() } else { levels.join("/") }
}

fn is_package(dir: &Path) -> bool {
    is_package_name(dir) && dir.is_dir()
}

fn is_package_name(dir: &Path) -> bool {
    dir.extension().is_some_and(|extension| extension == "mbox")
}

pub(super) fn failed_unit(name: &str, unit: Vec<u8>, error: impl ToString) -> Item {
    Item {
        name: name.to_string(),
        what: What::Failed(error.to_string()),
        unit,
        offset: UNIT_DONE,
        source_bytes: 0,
        room: None,
    }
}

/// Reads one mbox from any stream of bytes.
pub(super) struct MboxReader {
    pub(super) name: String,
    pub(super) folder: String,
    pub(super) unit: Vec<u8>,
    pub(super) dialect: Dialect,
    /// One of many files: if it is no mbox, that is an item, not the end.
    pub(super) whole: bool,
}

impl MboxReader {
    pub(super) fn read(&mut self, input: &mut dyn Read, start: u64, sink: &mut Sink<'_>) -> Result<(), Ended> {
        let mut splitter = Splitter::at(start, self.dialect, sink.max_message);
        let mut chunk = vec![0u8; CHUNK];
        let mut read = start;
        let mut given = start;
        let mut alone = None;
        loop {
            let count = match input.read(&mut chunk) {
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                // The one source: the job stays open, and the same command goes on at this place.
                Err(error) if !self.whole => {
                    let what = format!("cannot be read after byte {read}: {error}");
                    return Err(source_error(Path::new(&self.name), what));
                }
                Err(error) => {
                    // One of many: what follows in it is lost to this run, and counted as failed.
                    sink.give(failed_unit(&format!("{} from byte {read}", self.name), self.unit.clone(), error))?;
                    return Ok(());
                }
            };
            read += count as u64;
            match count {
                0 => splitter.finish(),
                _ => splitter.push(chunk.get(..count).unwrap_or_default()),
            }
            while let Some(item) = splitter.next() {
                given = self.give(item, alone.take(), sink)?.max(given);
            }
            if count == 0 {
                return Ok(());
            }
            if read - given > LARGE && alone.is_none() {
                alone = sink.room(u64::MAX)?;
            }
        }
    }

    /// Passes an item on; returns where it ended.
    fn give(&self, item: Split, alone: Option<super::budget::Taken>, sink: &mut Sink<'_>) -> Result<u64, Ended> {
        let (name, what, offset, length) = match item {
            Split::Message { offset, length, from_line, message } => {
                let sender = String::from_utf8_lossy(&from_line_sender(&from_line)).into_owned();
                let found = Found {
                    raw: message,
                    folder: self.folder.clone(),
                    held: HeldEvidence { mbox_from: from_line_date(&from_line), ..HeldEvidence::default() },
                    // `MAILER-DAEMON` and other placeholders are no envelope.
                    sender: Some(sender).filter(|sender| is_address(sender)),
                    ..Found::default()
                };
                (format!("{} at byte {offset}", self.name), What::Mail(Box::new(found)), offset, length)
            }
            Split::TooLarge { offset, length } => {
                let what = format!("{length} bytes are above the limit of {}", sink.max_message);
                (format!("{} at byte {offset}", self.name), What::Rejected(what), offset, length)
            }
            Split::NotAnMbox if self.whole => {
                sink.give(Item {
                    name: self.name.clone(),
                    what: What::Rejected("not an mbox: it does not begin with a From_ line".into()),
                    unit: self.unit.clone(),
                    offset: UNIT_DONE,
                    source_bytes: 0,
                    room: None,
                })?;
                return Ok(0);
            }
            Split::NotAnMbox => {
                return Err(source_error(Path::new(&self.name), "not an mbox: it does not begin with a From_ line"));
            }
        };
        let room = match (&what, alone) {
            (_, Some(alone)) => Some(alone),
            (What::Mail(found), None) => sink.budget.take(found.raw.len() as u64),
            _ => None,
        };
        let end = offset + length;
        sink.give(Item { name, what, unit: self.unit.clone(), offset: end, source_bytes: length, room })?;
        Ok(end)
    }
}

fn is_address(sender: &str) -> bool {
    sender.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
}
