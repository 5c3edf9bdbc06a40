//! mbox files, Apple packages, directories of either.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use everpost_codec::mbox::{Dialect, Item as Split, Splitter, from_line_date, from_line_sender};
use everpost_domain::message::HeldEvidence;

use super::eml::is_beside;
use super::folder::{self, Names, package};
use super::source::{Cursor, Ended, Found, Item, Sink, UNIT_DONE, What, key, source_error};
use super::walk::Walk;

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;
/// When a message grew beyond this while it was read, nothing else may be in flight.
const LARGE: u64 = 8 << 20;

pub(super) fn read(
    path: &Path,
    dialect: Dialect,
    from: &Cursor,
    sink: &mut Sink<'_>,
) -> Result<(), Ended> {
    std::fs::metadata(path).map_err(|error| source_error(path, error))?;
    let names = Names::of(path);
    let many = path.is_dir();
    for file in Walk::new(path) {
        if many && !is_mbox_name(&file) {
            continue;
        }
        let unit = key(path, &file);
        let Some(start) = from.start_in(&unit) else {
            continue;
        };
        // Asked before opening: opening a pipe would wait for somebody to write to it.
        let regular = std::fs::metadata(&file).and_then(|meta| match meta.is_file() {
            true => Ok(()),
            false => Err(std::io::Error::other("not a file")),
        });
        let opened = regular
            .and_then(|()| File::open(&file))
            .and_then(|mut file| {
                file.seek(SeekFrom::Start(start))?;
                Ok(file)
            });
        match opened {
            Ok(mut opened) => {
                let folder = folder_name(names, path, &file);
                let mut reader = MboxReader {
                    name: file.display().to_string(),
                    folder,
                    unit,
                    dialect,
                    whole: many,
                };
                reader.read(&mut opened, start, sink)?;
            }
            Err(error) if many => {
                sink.give(failed_unit(&file.display().to_string(), unit, error))?;
            }
            Err(error) => return Err(source_error(&file, error)),
        }
    }
    Ok(())
}

/// In a directory, what mail programs keep beside their mboxes is no mbox.
fn is_mbox_name(file: &Path) -> bool {
    let name = file
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let beside = [".msf", ".json", ".plist", ".sqlite", ".dat", ".html"];
    !is_beside(&name)
        && name != "table_of_contents"
        && !beside.iter().any(|end| name.ends_with(end))
}

/// The folder that an mbox stands for. A source that is one file or package is named by
/// itself.
fn folder_name(names: Names, root: &Path, file: &Path) -> String {
    let name = |path: &Path| path.file_name().map(PathBuf::from).unwrap_or_default();
    let below = file.strip_prefix(root).unwrap_or(Path::new(""));
    let dir_name = |dir: &Path| {
        std::fs::canonicalize(dir)
            .map(|dir| name(&dir))
            .unwrap_or_default()
    };
    let is_package = |dir: &Path| package(&dir.to_string_lossy()).is_some();
    if below.as_os_str().is_empty() {
        let above = dir_name(
            file.parent()
                .filter(|dir| !dir.as_os_str().is_empty())
                .unwrap_or(Path::new(".")),
        );
        let inside = name(file) == Path::new("mbox") && is_package(&above);
        return folder::of_mbox(names, &if inside { above } else { name(file) });
    }
    let root = dir_name(root);
    folder::of_mbox(
        names,
        &if is_package(&root) {
            root.join(below)
        } else {
            below.to_path_buf()
        },
    )
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
    pub(super) fn read(
        &mut self,
        input: &mut dyn Read,
        start: u64,
        sink: &mut Sink<'_>,
    ) -> Result<(), Ended> {
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
                    sink.give(failed_unit(
                        &format!("{} from byte {read}", self.name),
                        self.unit.clone(),
                        error,
                    ))?;
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
    fn give(
        &self,
        item: Split,
        alone: Option<super::budget::Taken>,
        sink: &mut Sink<'_>,
    ) -> Result<u64, Ended> {
        let (name, what, offset, length) = match item {
            Split::Message {
                offset,
                length,
                from_line,
                message,
            } => {
                let sender = String::from_utf8_lossy(&from_line_sender(&from_line)).into_owned();
                let found = Found {
                    raw: message,
                    folder: self.folder.clone(),
                    held: HeldEvidence {
                        mbox_from: from_line_date(&from_line),
                        ..HeldEvidence::default()
                    },
                    // `MAILER-DAEMON` and other placeholders are no envelope.
                    sender: Some(sender).filter(|sender| is_address(sender)),
                    ..Found::default()
                };
                (
                    format!("{} at byte {offset}", self.name),
                    What::Mail(Box::new(found)),
                    offset,
                    length,
                )
            }
            Split::TooLarge { offset, length } => {
                let what = format!("{length} bytes are above the limit of {}", sink.max_message);
                (
                    format!("{} at byte {offset}", self.name),
                    What::Rejected(what),
                    offset,
                    length,
                )
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
                return Err(source_error(
                    Path::new(&self.name),
                    "not an mbox: it does not begin with a From_ line",
                ));
            }
        };
        // All the room goes back but what this one needs: it may be smaller than was feared.
        let room = match (&what, alone) {
            (What::Mail(found), Some(alone)) => {
                Some(sink.budget.shrink(alone, found.raw.len() as u64))
            }
            (What::Mail(found), None) => sink.room(found.raw.len() as u64)?,
            _ => None,
        };
        let end = offset + length;
        sink.give(Item {
            name,
            what,
            unit: self.unit.clone(),
            offset: end,
            source_bytes: length,
            room,
        })?;
        Ok(end)
    }
}

fn is_address(sender: &str) -> bool {
    sender
        .split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
}
