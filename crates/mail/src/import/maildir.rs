//! Maildirs with their folders and flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use everpost_codec::maildir::{Name, folder_of_dir, folder_segment, is_maildir, keywords};
use everpost_domain::message::HeldEvidence;

use super::eml::read_file;
use super::source::{Cursor, Ended, Found, Item, Sink, UNIT_DONE, What, source_error};
use crate::flags;

pub(super) fn read(path: &Path, from: &Cursor, sink: &mut Sink<'_>) -> Result<(), Ended> {
    std::fs::read_dir(path).map_err(|error| source_error(path, error))?;
    let mut folders = BTreeMap::new();
    find_folders(path, Vec::new(), &mut folders);
    if folders.is_empty() {
        return Err(source_error(path, "not a Maildir: there is no directory with cur and new in it"));
    }
    for (folder, dir) in folders {
        read_folder(&folder.join("/"), &dir, from, sink)?;
    }
    Ok(())
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Finds Maildirs at `dir` and below: Maildir++ folders (`.A.B`) and nested directories.
fn find_folders(dir: &Path, path: Vec<String>, found: &mut BTreeMap<Vec<String>, PathBuf>) {
    let entries = names(dir);
    if is_maildir(entries.iter().map(|name| name.as_bytes())) {
        found.insert(path.clone(), dir.to_path_buf());
    }
    for name in entries {
        let below = dir.join(&name);
        let data = ["cur", "new", "tmp"].contains(&name.as_str());
        // Deeper than any mail program nests: a loop of links would end here.
        if data || path.len() > 32 || !below.is_dir() {
            continue;
        }
        let more = folder_of_dir(name.as_bytes()).unwrap_or_else(|| vec![folder_segment(name.as_bytes())]);
        let mut path = path.clone();
        path.extend(more);
        find_folders(&below, path, found);
    }
}

/// A message is named by folder and the unique part of its file name: flags may change
/// between two runs, and renaming then must not import it twice.
fn read_folder(folder: &str, dir: &Path, from: &Cursor, sink: &mut Sink<'_>) -> Result<(), Ended> {
    let keyword_names = std::fs::read(dir.join("dovecot-keywords")).map(|file| keywords(&file)).unwrap_or_default();
    let mut files: BTreeMap<Vec<u8>, (PathBuf, Option<Name>)> = BTreeMap::new();
    for part in ["cur", "new"] {
        for name in names(&dir.join(part)) {
            if name.starts_with('.') {
                continue;
            }
            let file = dir.join(part).join(&name);
            let parsed = Name::parse(format!("{part}/{name}").as_bytes());
            let unique = parsed.as_ref().map_or_else(|| name.clone().into_bytes(), |name| name.unique.clone());
            let key = [folder.as_bytes(), b"\0", &unique].concat();
            files.insert(key, (file, parsed));
        }
    }
    let folder = if folder.is_empty() { "INBOX" } else { folder };
    for (unit, (file, name)) in files {
        if from.start_in(&unit).is_none() {
            continue;
        }
        let what = read_file(&file, sink)?;
        let (what, source_bytes, room) = match what {
            (What::Mail(mut found), bytes, room) => {
                found.folder = folder.to_string();
                if let Some(name) = name {
                    found.held = HeldEvidence { maildir: name.seconds, ..HeldEvidence::default() };
                    found.flags = flags::bits(&name.flags);
                    found.keywords =
                        name.flags.keywords().filter_map(|letter| keyword_names.get(&letter).cloned()).collect();
                }
                (What::Mail(found), bytes, room)
            }
            other => other,
        };
        let name = file.display().to_string();
        sink.give(Item { name, what, unit, offset: UNIT_DONE, source_bytes, room })?;
    }
    Ok(())
}

/// A message of a Maildir inside an archive: folder and name from its path.
pub(super) fn place_in_archive(path: &str, found: &mut Found) -> bool {
    let levels: Vec<&str> = path.split('/').filter(|level| !level.is_empty() && *level != ".").collect();
    let [above @ .., part @ ("cur" | "new"), file] = levels.as_slice() else { return false };
    let folders: Vec<String> =
        above.iter().skip(1).flat_map(|dir| folder_of_dir(dir.as_bytes()).unwrap_or_else(|| vec![dir.to_string()])).collect();
    found.folder = if folders.is_empty() { "INBOX".into() } else { folders.join("/") };
    if let Some(name) = Name::parse(format!("{part}/{file}").as_bytes()) {
        found.held.maildir = name.seconds;
        found.flags = flags::bits(&name.flags);
    }
    true
}
