//! Writing messages: a file each, or an entry of an mbox, always as a stream.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use everpost_codec::mbox::{RdStream, after_message, from_line};
use everpost_domain::digest::Hasher;

use super::place::{Naming, folder_path};
use super::{ExportError, Format};

/// Letters that a Maildir has for keywords.
const KEYWORDS: usize = 26;

/// An export's directory and what has to be known of its folders.
pub(super) struct Out {
    root: PathBuf,
    format: Format,
    folders: BTreeMap<(String, String), Folder>,
}

struct Folder {
    /// Below the root.
    path: String,
    /// In the order of their letters.
    keywords: Vec<String>,
    /// Of an mbox: its bytes so far.
    length: u64,
    hasher: Hasher,
}

/// Where a message goes.
pub(super) struct Wanted<'a> {
    pub(super) id: &'a str,
    pub(super) nth: usize,
    pub(super) size: u64,
    pub(super) mailbox: &'a str,
    pub(super) folder: &'a str,
    pub(super) flags: u32,
    pub(super) keywords: &'a [String],
    /// Seconds since 1970.
    pub(super) delivered: i64,
}

/// A message that is being written.
pub(super) struct Target {
    /// Below the root.
    pub(super) path: String,
    whole: PathBuf,
    file: BufWriter<File>,
    entry: Option<Entry>,
    delivered: i64,
}

/// What an mbox needs beside the file.
struct Entry {
    key: (String, String),
    /// Length of the file before.
    start: u64,
    /// Where the message begins.
    offset: u64,
    written: u64,
    stream: RdStream,
    hasher: Hasher,
    quoted: Vec<u8>,
    last: Option<u8>,
}

/// Where a message lies in its mbox.
pub(super) struct Lies {
    pub(super) offset: u64,
    pub(super) length: u64,
}

fn failed(path: &Path) -> impl Fn(io::Error) -> ExportError {
    move |error| ExportError::Output {
        path: path.to_path_buf(),
        error,
    }
}

/// Makes directories that only their owner can read: they hold mail.
fn make_dir(path: &Path) -> Result<(), ExportError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed(path))
}

fn open_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

impl Out {
    /// Makes the directory, which must be empty if it exists: an export never mixes with
    /// what was there.
    pub(super) fn create(root: &Path, format: Format) -> Result<Self, ExportError> {
        make_dir(root)?;
        let mut entries = std::fs::read_dir(root).map_err(failed(root))?;
        if entries.next().is_some() {
            return Err(ExportError::NotEmpty(root.to_path_buf()));
        }
        Ok(Out {
            root: root.to_path_buf(),
            format,
            folders: BTreeMap::new(),
        })
    }

    /// A new file of the export.
    pub(super) fn file(&self, name: &str) -> Result<BufWriter<File>, ExportError> {
        let path = self.root.join(name);
        Ok(BufWriter::new(open_new(&path).map_err(failed(&path))?))
    }

    fn folder(&mut self, mailbox: &str, folder: &str) -> Result<&mut Folder, ExportError> {
        let key = (mailbox.to_string(), folder.to_string());
        match self.folders.entry(key) {
            std::collections::btree_map::Entry::Occupied(known) => Ok(known.into_mut()),
            std::collections::btree_map::Entry::Vacant(place) => {
                let path = folder_path(self.format, mailbox, folder);
                let whole = self.root.join(&path);
                match self.format {
                    Format::Eml => make_dir(&whole)?,
                    Format::Mbox => make_dir(whole.parent().unwrap_or(&self.root))?,
                    Format::Maildir => {
                        // The inbox is the Maildir that the others lie in, mail in it or not.
                        let inbox =
                            self.root
                                .join(folder_path(self.format, mailbox, super::place::INBOX));
                        for part in ["cur", "new", "tmp"] {
                            make_dir(&inbox.join(part))?;
                            make_dir(&whole.join(part))?;
                        }
                        if whole != inbox {
                            // By this file Maildir++ tells a folder from an account.
                            let mark = whole.join("maildirfolder");
                            open_new(&mark).map_err(failed(&mark))?;
                        }
                    }
                }
                Ok(place.insert(Folder {
                    path,
                    keywords: Vec::new(),
                    length: 0,
                    hasher: Hasher::new(),
                }))
            }
        }
    }

    /// Begins a message.
    pub(super) fn begin(&mut self, wanted: &Wanted<'_>) -> Result<Target, ExportError> {
        let (root, format) = (self.root.clone(), self.format);
        let folder = self.folder(wanted.mailbox, wanted.folder)?;
        if format == Format::Mbox {
            return begin_entry(&root, folder, wanted);
        }
        let letters: Vec<u8> = wanted
            .keywords
            .iter()
            .filter_map(|keyword| folder.letter(keyword))
            .collect();
        let naming = Naming {
            id: wanted.id,
            nth: wanted.nth,
            delivered: wanted.delivered,
            size: wanted.size,
            flags: wanted.flags,
            keywords: &letters,
        };
        let mut long = false;
        loop {
            let path = format!("{}/{}", folder.path, naming.file(format, long));
            let whole = root.join(&path);
            match open_new(&whole) {
                Ok(file) => {
                    let file = BufWriter::with_capacity(64 << 10, file);
                    return Ok(Target {
                        path,
                        whole,
                        file,
                        entry: None,
                        delivered: wanted.delivered,
                    });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists && !long => long = true,
                Err(error) => return Err(failed(&whole)(error)),
            }
        }
    }

    /// Ends a message whose bytes all came.
    pub(super) fn finish(&mut self, target: Target) -> Result<Option<Lies>, ExportError> {
        let Target {
            path: _,
            whole,
            mut file,
            entry,
            delivered,
        } = target;
        let Some(mut entry) = entry else {
            let file = file
                .into_inner()
                .map_err(|error| failed(&whole)(error.into_error()))?;
            file.set_modified(instant(delivered))
                .map_err(failed(&whole))?;
            return Ok(None);
        };
        let mut rest = Vec::new();
        std::mem::replace(&mut entry.stream, RdStream::quote()).finish(&mut rest);
        let length = entry.written + rest.len() as u64;
        rest.extend_from_slice(after_message(entry.last));
        entry.hasher.update(&rest);
        file.write_all(&rest)
            .and_then(|()| file.flush())
            .map_err(failed(&whole))?;
        if let Some(folder) = self.folders.get_mut(&entry.key) {
            folder.length = entry.offset + entry.written + rest.len() as u64;
            folder.hasher = entry.hasher;
        }
        Ok(Some(Lies {
            offset: entry.offset,
            length,
        }))
    }

    /// Takes back a message whose bytes did not come.
    pub(super) fn undo(&mut self, target: Target) -> Result<(), ExportError> {
        let Target {
            whole, file, entry, ..
        } = target;
        // What is buffered need not reach the file.
        let (file, _) = file.into_parts();
        match entry {
            None => std::fs::remove_file(&whole).map_err(failed(&whole)),
            Some(entry) => file.set_len(entry.start).map_err(failed(&whole)),
        }
    }

    /// Writes what stands beside messages; returns every file that holds no single message,
    /// with its digest and size.
    pub(super) fn complete(self) -> Result<Vec<(String, Hasher, u64)>, ExportError> {
        let mut extras = Vec::new();
        for ((_, name), folder) in self.folders {
            match self.format {
                Format::Eml => {}
                Format::Mbox => extras.push((folder.path, folder.hasher, folder.length)),
                Format::Maildir => {
                    if name != super::place::INBOX {
                        extras.push((format!("{}/maildirfolder", folder.path), Hasher::new(), 0));
                    }
                    if folder.keywords.is_empty() {
                        continue;
                    }
                    let lines = folder
                        .keywords
                        .iter()
                        .enumerate()
                        .map(|(number, name)| format!("{number} {name}\n"));
                    let text: String = lines.collect();
                    let path = format!("{}/dovecot-keywords", folder.path);
                    let whole = self.root.join(&path);
                    let mut file = open_new(&whole).map_err(failed(&whole))?;
                    file.write_all(text.as_bytes()).map_err(failed(&whole))?;
                    let mut hasher = Hasher::new();
                    hasher.update(text.as_bytes());
                    extras.push((path, hasher, text.len() as u64));
                }
            }
        }
        Ok(extras)
    }
}

impl Folder {
    /// The letter of a keyword in this folder. `None` when there are no letters left, or
    /// the keyword would break the list's lines: the manifest keeps those.
    fn letter(&mut self, keyword: &str) -> Option<u8> {
        let known = self.keywords.iter().position(|known| known == keyword);
        let fits =
            !keyword.is_empty() && !keyword.chars().any(|char| char.is_control() || char == ' ');
        let number = match known {
            Some(number) => number,
            None if self.keywords.len() < KEYWORDS && fits => {
                self.keywords.push(keyword.to_string());
                self.keywords.len() - 1
            }
            None => return None,
        };
        u8::try_from(number).ok().map(|number| b'a' + number)
    }
}

fn begin_entry(root: &Path, folder: &Folder, wanted: &Wanted<'_>) -> Result<Target, ExportError> {
    let whole = root.join(&folder.path);
    // Opened for each message: an export has many folders, a process few open files.
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&whole)
        .map_err(failed(&whole))?;
    let mut file = BufWriter::with_capacity(64 << 10, file);
    // No sender: the From field is not the envelope, and imports take this for one.
    let line = from_line(b"", wanted.delivered);
    file.write_all(&line).map_err(failed(&whole))?;
    let mut hasher = folder.hasher.clone();
    hasher.update(&line);
    let entry = Entry {
        key: (wanted.mailbox.to_string(), wanted.folder.to_string()),
        start: folder.length,
        offset: folder.length + line.len() as u64,
        written: 0,
        stream: RdStream::quote(),
        hasher,
        quoted: Vec::new(),
        last: None,
    };
    Ok(Target {
        path: folder.path.clone(),
        whole,
        file,
        entry: Some(entry),
        delivered: wanted.delivered,
    })
}

impl Target {
    /// Adds bytes of the message.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(entry) = &mut self.entry else {
            return self.file.write_all(bytes);
        };
        entry.quoted.clear();
        entry.stream.push(bytes, &mut entry.quoted);
        entry.last = bytes.last().copied().or(entry.last);
        entry.hasher.update(&entry.quoted);
        entry.written += entry.quoted.len() as u64;
        self.file.write_all(&entry.quoted)
    }

    /// What writing failed on.
    pub(super) fn failed(&self, error: io::Error) -> ExportError {
        failed(&self.whole)(error)
    }
}

fn instant(unix: i64) -> SystemTime {
    let distance = Duration::from_secs(unix.unsigned_abs());
    let at = if unix < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    at.unwrap_or(UNIX_EPOCH)
}
