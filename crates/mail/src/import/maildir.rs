//! Maildirs with their folders and flags.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use everpost_codec::maildir::{Name, folder_of_dir, folder_segment, is_maildir, keywords};
use everpost_domain::message::HeldEvidence;

use super::eml::{Kind, read_file};
use super::folder::{Names, join};
use super::source::{Cursor, Ended, Found, Item, Sink, UNIT_DONE, What, source_error};
use crate::flags;

/// Deeper than any mail program nests.
const DEPTH: usize = 64;

pub(super) fn read(path: &Path, from: &Cursor, sink: &mut Sink<'_>) -> Result<(), Ended> {
    std::fs::read_dir(path).map_err(|error| source_error(path, error))?;
    let mut search = Search {
        root: path,
        names: Names::of(path),
        seen: BTreeSet::new(),
        found: BTreeMap::new(),
    };
    search.look(path, &[]);
    if search.found.is_empty() {
        return Err(source_error(
            path,
            "not a Maildir: there is no directory with cur and new in it",
        ));
    }
    for (below, folder) in search.found {
        read_folder(path, &below, &join(&folder), from, sink)?;
    }
    Ok(())
}

/// Names as the system has them: they need not be text.
fn names(dir: &Path) -> Vec<OsString> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).collect()
}

/// The search for Maildirs: Maildir++ folders (`.A.B`) and nested directories.
struct Search<'a> {
    root: &'a Path,
    names: Names,
    /// Device and number of every directory that was entered: links may form loops.
    seen: BTreeSet<(u64, u64)>,
    /// The levels of each folder by its directory below the root. Two directories may
    /// stand for one folder; both are read.
    found: BTreeMap<Vec<u8>, Vec<String>>,
}

impl Search<'_> {
    fn look(&mut self, dir: &Path, folder: &[String]) {
        let new =
            std::fs::metadata(dir).is_ok_and(|meta| self.seen.insert((meta.dev(), meta.ino())));
        if !new || folder.len() > DEPTH {
            return;
        }
        let entries = names(dir);
        if is_maildir(entries.iter().map(|name| name.as_bytes())) {
            let below = dir.strip_prefix(self.root).unwrap_or(dir);
            self.found
                .insert(below.as_os_str().as_bytes().to_vec(), folder.to_vec());
        }
        for name in entries {
            let below = dir.join(&name);
            let data = ["cur", "new", "tmp"].iter().any(|data| name == *data);
            if data || !below.is_dir() {
                continue;
            }
            let mut path = folder.to_vec();
            path.extend(levels_of(self.names, name.as_bytes()));
            self.look(&below, &path);
        }
    }
}

/// The levels that one directory adds.
fn levels_of(names: Names, dir: &[u8]) -> Vec<String> {
    let levels = folder_of_dir(dir).unwrap_or_else(|| vec![folder_segment(dir)]);
    levels.iter().map(|level| names.level(level)).collect()
}

/// A message is named by directory and the unique part of its file name: flags may change
/// between two runs, and renaming then must not import it twice.
fn read_folder(
    root: &Path,
    below: &[u8],
    folder: &str,
    from: &Cursor,
    sink: &mut Sink<'_>,
) -> Result<(), Ended> {
    let dir = root.join(OsString::from_vec(below.to_vec()));
    let keyword_names = std::fs::read(dir.join("dovecot-keywords"))
        .map(|file| keywords(&file))
        .unwrap_or_default();
    for (mut unit, file) in list(&dir) {
        unit.splice(0..0, below.iter().copied().chain([0]));
        if from.start_in(&unit).is_none() {
            continue;
        }
        // A mail program may rename it meanwhile: its flags changed, or it was seen.
        let file = if file.exists() {
            file
        } else {
            renamed(&dir, &file).unwrap_or(file)
        };
        let (mut what, source_bytes, room) = read_file(&file, Kind::Maildir, sink)?;
        if let What::Mail(found) = &mut what {
            found.folder = folder.to_string();
            if let Some(name) = Name::parse(file.as_os_str().as_bytes()) {
                found.held = HeldEvidence {
                    maildir: name.seconds,
                    ..HeldEvidence::default()
                };
                found.flags = flags::bits(&name.flags);
                found.keywords = name
                    .flags
                    .keywords()
                    .filter_map(|letter| keyword_names.get(&letter).cloned())
                    .collect();
            }
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

/// The messages of a folder by the unique part of their names; where two have one, the
/// whole name tells them apart, for both may be there.
fn list(dir: &Path) -> BTreeMap<Vec<u8>, PathBuf> {
    let mut files = BTreeMap::new();
    for part in ["cur", "new"] {
        for name in names(&dir.join(part)) {
            // Names with a dot in front are no messages.
            let Some(unique) = Name::parse(name.as_bytes()).map(|name| name.unique) else {
                continue;
            };
            let file = dir.join(part).join(&name);
            if files.contains_key(&unique) {
                files.insert(
                    [&unique, b"\0".as_slice(), part.as_bytes(), name.as_bytes()].concat(),
                    file,
                );
            } else {
                files.insert(unique, file);
            }
        }
    }
    files
}

/// Where a message went whose file is gone.
fn renamed(dir: &Path, file: &Path) -> Option<PathBuf> {
    let unique = Name::parse(file.as_os_str().as_bytes())?.unique;
    list(dir).remove(&unique)
}

/// The place of a message of a Maildir inside an archive, from its path. `None` if it does
/// not lie in one.
pub(super) fn place_in_archive(levels: &[String]) -> Option<Found> {
    let [above @ .., part, file] = levels else {
        return None;
    };
    if part != "cur" && part != "new" {
        return None;
    }
    // The first directory is as a rule the Maildir itself, unless it is named as a folder.
    let skip = above.first().is_some_and(|first| !first.starts_with('.'));
    let folders: Vec<String> = above
        .iter()
        .skip(usize::from(skip))
        .flat_map(|dir| levels_of(Names::default(), dir.as_bytes()))
        .collect();
    let mut found = Found {
        folder: join(&folders),
        ..Found::default()
    };
    if let Some(name) = Name::parse(file.as_bytes()) {
        found.held.maildir = name.seconds;
        found.flags = flags::bits(&name.flags);
    }
    Some(found)
}

/// True for a delivery into a Maildir that was under way when the archive was made.
pub(super) fn is_under_way(levels: &[String]) -> bool {
    let [.., part, file] = levels else {
        return false;
    };
    part == "tmp" && Name::parse(file.as_bytes()).is_some_and(|name| name.seconds.is_some())
}
