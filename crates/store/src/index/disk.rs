//! Sealed pieces of splits on the local disk, where the splits themselves lie on a server.
//!
//! A file a piece, `SPLIT/BLOCK` or `SPLIT/tail`, byte for byte as the object has it: nothing
//! readable rests here, and what was torn or changed fails to open and is read again, so that
//! nothing needs to be synced. What was used last stays, over restarts too.

use super::SplitId;
use super::cache::Piece;
use crate::cache::Cache;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// What a file takes of a disk is a multiple of this.
const SECTOR: usize = 4096;
/// The ending of a file that is being written.
const HALF: &str = "half";

/// A folder of sealed pieces, never more than its bytes, least recently used out first.
pub struct DiskCache {
    folder: PathBuf,
    index: Cache<(SplitId, Piece), ()>,
    /// Names of files that are being written.
    writing: AtomicU64,
}

impl DiskCache {
    /// The cache in `folder`, which is made if it is not there, of at most `bytes`. What it holds
    /// of splits that are not `listed` any more is removed.
    pub fn open(
        folder: &Path,
        bytes: u64,
        listed: impl Fn(SplitId) -> bool,
    ) -> io::Result<DiskCache> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let cache = DiskCache {
            folder: folder.to_owned(),
            index: Cache::new(usize::try_from(bytes).unwrap_or(usize::MAX)),
            writing: AtomicU64::new(0),
        };
        let mut found: Vec<(SystemTime, (SplitId, Piece), u64)> = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let split = name_of(&path).and_then(split_of).filter(|id| listed(*id));
            let Some(split) = split else {
                fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path))?;
                continue;
            };
            for entry in fs::read_dir(&path)? {
                let entry = entry?;
                let (path, about) = (entry.path(), entry.metadata()?);
                match name_of(&path).and_then(piece_of) {
                    Some(piece) => found.push((about.modified()?, (split, piece), about.len())),
                    None => fs::remove_file(&path)?,
                }
            }
        }
        found.sort_unstable_by_key(|(used, _, _)| *used);
        for (_, key, length) in found {
            cache.enter(key, length);
        }
        Ok(cache)
    }

    /// Bytes held now.
    pub fn bytes(&self) -> u64 {
        self.index.held() as u64
    }

    pub(super) fn has(&self, split: SplitId, piece: Piece) -> bool {
        self.index.has(&(split, piece))
    }

    pub(super) fn get(&self, split: SplitId, piece: Piece) -> Option<Vec<u8>> {
        self.index.get(&(split, piece))?;
        let mut bytes = Vec::new();
        let read = File::open(self.path(split, piece)).and_then(|mut file| {
            // For the next start; a disk that refuses it serves all the same.
            file.set_modified(SystemTime::now()).ok();
            file.read_to_end(&mut bytes)
        });
        match read {
            Ok(_) => Some(bytes),
            Err(_) => {
                self.discard(split, piece);
                None
            }
        }
    }

    /// Keeps a piece. A disk that is full or broken keeps none, and searches go on.
    pub(super) fn put(&self, split: SplitId, piece: Piece, sealed: &[u8]) {
        let half = format!("{:x}.{HALF}", self.writing.fetch_add(1, Ordering::Relaxed));
        let half = self.folder_of(split).join(half);
        let write = || {
            fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&half)
        };
        let written = write()
            .or_else(|_| {
                let made = fs::DirBuilder::new()
                    .mode(0o700)
                    .create(self.folder_of(split));
                made.and_then(|()| write())
            })
            .and_then(|mut file| io::Write::write_all(&mut file, sealed))
            .and_then(|()| fs::rename(&half, self.path(split, piece)));
        match written {
            Ok(()) => self.enter((split, piece), sealed.len() as u64),
            Err(_) => drop(fs::remove_file(&half)),
        }
    }

    pub(super) fn discard(&self, split: SplitId, piece: Piece) {
        self.index.take(&(split, piece));
        fs::remove_file(self.path(split, piece)).ok();
    }

    pub(super) fn forget(&self, split: SplitId) {
        self.index.retain(|(id, _)| *id != split);
        fs::remove_dir_all(self.folder_of(split)).ok();
    }

    /// Counts a file that is there, and removes those that it leaves no room for.
    fn enter(&self, key: (SplitId, Piece), length: u64) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let size = length.checked_next_multiple_of(SECTOR).unwrap_or(length);
        for (split, piece) in self.index.put(key, size, ()) {
            fs::remove_file(self.path(split, piece)).ok();
            // Only if it was the last of its split.
            fs::remove_dir(self.folder_of(split)).ok();
        }
    }

    fn folder_of(&self, split: SplitId) -> PathBuf {
        self.folder.join(split.to_string())
    }

    fn path(&self, split: SplitId, piece: Piece) -> PathBuf {
        let name = match piece {
            Piece::Tail => "tail".to_owned(),
            Piece::Block(number) => format!("{number:x}"),
        };
        self.folder_of(split).join(name)
    }
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

fn split_of(name: &str) -> Option<SplitId> {
    let number = u128::from_str_radix(name, 16).ok()?;
    let split = SplitId(number.to_be_bytes());
    (split.to_string() == name).then_some(split)
}

fn piece_of(name: &str) -> Option<Piece> {
    match name {
        "tail" => Some(Piece::Tail),
        number => u64::from_str_radix(number, 16).ok().map(Piece::Block),
    }
}
