//! What opening a split reads, kept together at its end.
//!
//! The engine reads the footers of its files and the columns that every search looks at: some
//! forty places all over the object, each a request where the object lies on a server. So a
//! split is opened once while it is built, and what that reads is written a second time, as one
//! more file behind the others: the last bytes before the footer, which come with it in one
//! read. Whoever does not know the file reads the places themselves.

use super::directory::SealedDirectory;
use super::error::guarded;
use super::seal::BLOCK;
use super::split::Opened;
use super::tail::TAIL;
use super::{IndexError, SplitId};
use everpost_domain::wire::{Reader, Writer};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufWriter};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tantivy::HasLen;
use tantivy::directory::error::{DeleteError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    Directory, FileHandle, OwnedBytes, TerminatingWrite, WatchCallback, WatchHandle,
};

/// Its name among the files of a split.
pub(super) const HOT: &str = "hot";

/// A plain stream of up to this many bytes has none: the whole object is read at once.
pub(super) const WHOLE: u64 = TAIL - BLOCK as u64;

/// Pieces of the plain stream, in order; none overlaps another.
#[derive(Default)]
pub(super) struct Hot(Vec<(Range<u64>, OwnedBytes)>);

impl Hot {
    /// Reads the file; `None` if it is not one.
    pub(super) fn decode(file: OwnedBytes) -> Option<Self> {
        let mut reader = Reader::new(&file);
        let mut ranges = Vec::new();
        for _ in 0..reader.number().ok()? {
            let start = reader.number().ok()?;
            ranges.push(start..start.checked_add(reader.number().ok()?)?);
        }
        let mut at = file.len() - reader.rest().len();
        let mut pieces = Vec::with_capacity(ranges.len());
        for range in ranges {
            let end = at.checked_add(usize::try_from(range.end - range.start).ok()?)?;
            if end > file.len() {
                return None;
            }
            pieces.push((range, file.slice(at..end)));
            at = end;
        }
        (at == file.len()).then_some(Hot(pieces))
    }

    /// The bytes of `range` of the plain stream, if all of it is here.
    pub(super) fn get(&self, range: &Range<u64>) -> Option<OwnedBytes> {
        let after = self
            .0
            .partition_point(|(piece, _)| piece.start <= range.start);
        let (piece, bytes) = self.0.get(after.checked_sub(1)?)?;
        if range.end > piece.end {
            return None;
        }
        let from = usize::try_from(range.start - piece.start).ok()?;
        let to = usize::try_from(range.end - piece.start).ok()?;
        Some(bytes.slice(from..to))
    }
}

/// Opens the index in `directory`, whose files will lie at `files` of the plain stream, and puts
/// together what that reads.
pub(super) fn gather(
    directory: &SealedDirectory,
    files: &[(String, Range<u64>)],
    id: SplitId,
) -> Result<Vec<u8>, IndexError> {
    let recorder = Recorder {
        below: directory.clone(),
        reads: Arc::default(),
    };
    guarded(id, || {
        let opened = Opened::new(recorder.clone());
        opened
            .map(drop)
            .map_err(|error| IndexError::from_engine(id, error))
    })?;
    let reads = std::mem::take(&mut *recorder.lock());
    let (mut head, mut body) = (Writer::new(), Vec::new());
    let mut count = 0;
    for (name, place) in files {
        let path = Path::new(name);
        let Some(ranges) = reads.get(path) else {
            continue;
        };
        let file = directory.get_file_handle(path).map_err(io::Error::other)?;
        for range in joined(ranges.clone()) {
            count += 1;
            head.number(place.start + range.start as u64)
                .number((range.end - range.start) as u64);
            body.extend_from_slice(&file.read_bytes(range)?);
        }
    }
    let mut hot = Writer::new();
    hot.number(count).raw(&head.finish()).raw(&body);
    Ok(hot.finish())
}

/// The same bytes as ranges that neither touch nor overlap, in order.
fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut all: Vec<Range<usize>> = Vec::new();
    for range in ranges.into_iter().filter(|range| !range.is_empty()) {
        match all.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => all.push(range),
        }
    }
    all
}

/// What was read of each file.
type Reads = BTreeMap<PathBuf, Vec<Range<usize>>>;

/// A directory that remembers what was read of it.
#[derive(Clone)]
struct Recorder {
    below: SealedDirectory,
    reads: Arc<Mutex<Reads>>,
}

impl Recorder {
    fn lock(&self) -> std::sync::MutexGuard<'_, Reads> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, path: &Path, range: Range<usize>) {
        self.lock().entry(path.to_owned()).or_default().push(range);
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

#[derive(Debug)]
struct Recorded {
    recorder: Recorder,
    path: PathBuf,
    file: Arc<dyn FileHandle>,
}

impl HasLen for Recorded {
    fn len(&self) -> usize {
        self.file.len()
    }
}

impl FileHandle for Recorded {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        self.recorder.note(&self.path, range.clone());
        self.file.read_bytes(range)
    }
}

impl Directory for Recorder {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        Ok(Arc::new(Recorded {
            recorder: self.clone(),
            path: path.to_owned(),
            file: self.below.get_file_handle(path)?,
        }))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let bytes = self.below.atomic_read(path)?;
        self.note(path, 0..bytes.len());
        Ok(bytes)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.below.exists(path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.below.delete(path)
    }

    fn open_write(
        &self,
        path: &Path,
    ) -> Result<BufWriter<Box<dyn TerminatingWrite + Send + Sync>>, OpenWriteError> {
        self.below.open_write(path)
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.below.atomic_write(path, data)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.below.sync_directory()
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.below.watch(callback)
    }
}
