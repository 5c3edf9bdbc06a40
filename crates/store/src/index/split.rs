//! A finished split, read by range.

use super::error::{Damage, guarded};
use super::footer::{FOOTER_LIMIT, FOOTER_NUMBER, Footer, HEADER, MAGIC, TRAILER, Trailer};
use super::schema::{ATTACHED, FLAGS, SCHEMA_VERSION, SENT, SEQ, SIZE, UNREAD};
use super::seal::{BLOCK, Cipher, TAG};
use super::{BlockCache, IndexError, RangeRead, SplitId};
use roaring::RoaringBitmap;
use std::fmt;
use std::io::{self, BufWriter};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tantivy::directory::error::{DeleteError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    Directory, FileHandle, OwnedBytes, TerminatingWrite, WatchCallback, WatchHandle,
};
use tantivy::fastfield::Column;
use tantivy::index::Segment;
use tantivy::{HasLen, Index, SegmentReader};

/// Most blocks fetched with one read: bounds memory, and is plenty for one round trip.
const RUN: u64 = 64;
/// A longer read is a stream (a dictionary, a merge); it would only push others out.
const KEPT_RUN: u64 = 16;

/// An open split. Opening reads the footer only; the engine's readers are made by the
/// first search and kept until [`close`](Split::close).
pub struct Split {
    inner: Arc<Inner>,
    opened: Mutex<Option<Arc<Opened>>>,
}

/// The sealed object: turns ranges of the plain stream into authenticated bytes.
struct Inner {
    id: SplitId,
    cipher: Cipher,
    source: Arc<dyn RangeRead>,
    cache: Arc<BlockCache>,
    footer: Footer,
    plain: u64,
    blocks: u64,
}

/// The engine's readers of one split.
pub(crate) struct Opened {
    pub(crate) segment: Segment,
    pub(crate) reader: SegmentReader,
    pub(crate) docs: u32,
    pub(crate) seq: Column<u64>,
    pub(crate) sent: Column<i64>,
    pub(crate) size: Column<u64>,
    pub(crate) attached: RoaringBitmap,
    pub(crate) unread: RoaringBitmap,
    /// True if seq rises with the document id, as it does unless merges came out of order.
    pub(crate) rising: bool,
}

impl Split {
    /// Opens the split `id` that `source` holds, sealed under `key`.
    pub fn open(
        source: Arc<dyn RangeRead>,
        id: SplitId,
        key: &[u8; 32],
        cache: Arc<BlockCache>,
    ) -> Result<Self, IndexError> {
        let damaged = |part: &str| IndexError::Damaged(Damage { split: id, part: part.to_owned() });
        let cipher = Cipher::new(key, id)?;
        let length = source.len();
        let Some(trailer_at) = length.checked_sub(TRAILER as u64) else {
            return Err(damaged("trailer"));
        };
        let trailer = Trailer::decode(&source.read(trailer_at..length)?)
            .ok_or_else(|| damaged("trailer"))?;
        let blocks = trailer.plain.div_ceil(BLOCK as u64);
        let footer_length = u64::from(trailer.footer);
        let fits = blocks
            .checked_mul(TAG as u64)
            .and_then(|tags| tags.checked_add(trailer.plain))
            .and_then(|sealed| sealed.checked_add(HEADER + footer_length))
            == Some(trailer_at);
        if !fits || footer_length > FOOTER_LIMIT {
            return Err(damaged("trailer"));
        }
        let mut record = Vec::from(source.read(trailer_at - footer_length..trailer_at)?);
        let record = cipher
            .open(FOOTER_NUMBER, trailer.plain, &mut record)
            .ok_or_else(|| damaged("footer"))?;
        let footer = Footer::decode(record, trailer.plain).map_err(|error| match error {
            Ok(version) => {
                IndexError::Version { split: id, what: "format", found: u64::from(version) }
            }
            Err(_) => damaged("footer"),
        })?;
        if footer.schema != SCHEMA_VERSION {
            return Err(IndexError::Version { split: id, what: "schema", found: footer.schema });
        }
        let inner = Inner { id, cipher, source, cache, footer, plain: trailer.plain, blocks };
        Ok(Split { inner: Arc::new(inner), opened: Mutex::default() })
    }

    /// Its name.
    pub fn id(&self) -> SplitId {
        self.inner.id
    }

    /// Documents in it.
    pub fn docs(&self) -> u64 {
        self.inner.footer.docs
    }

    /// The lowest seq in it.
    pub fn seq_min(&self) -> u64 {
        self.inner.footer.seq_min
    }

    /// The highest seq in it.
    pub fn seq_max(&self) -> u64 {
        self.inner.footer.seq_max
    }

    /// The version of the analyser that made its terms; a split of an older one should be
    /// built again, for queries are analysed by the newest.
    pub fn analyser(&self) -> u64 {
        self.inner.footer.analyser
    }

    /// Length of the sealed object.
    pub fn bytes(&self) -> u64 {
        self.inner.source.len()
    }

    /// Reads and authenticates every byte.
    pub fn verify(&self) -> Result<(), IndexError> {
        let mut at = 0;
        while at < self.inner.blocks {
            let end = (at + RUN).min(self.inner.blocks);
            self.inner.fetch(at..end, |_, _| ())?;
            at = end;
        }
        Ok(())
    }

    /// Drops what searches keep in memory (dictionaries of the fields they used, columns);
    /// the next one reads it again.
    pub fn close(&self) {
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The engine's readers.
    pub(crate) fn opened(&self) -> Result<Arc<Opened>, IndexError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = &*opened {
            return Ok(Arc::clone(opened));
        }
        let id = self.inner.id;
        let fresh = guarded(id, || {
            Opened::new(&self.inner).map_err(|error| IndexError::from_engine(id, error))
        })?;
        if u64::from(fresh.docs) != self.inner.footer.docs {
            return Err(IndexError::Engine { split: id, what: "documents do not add up".to_owned() });
        }
        Ok(Arc::clone(opened.insert(Arc::new(fresh))))
    }
}

impl fmt::Debug for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Split({}, {} documents)", self.inner.id, self.inner.footer.docs)
    }
}

impl Opened {
    fn new(inner: &Arc<Inner>) -> tantivy::Result<Opened> {
        let index = Index::open(SplitDirectory(Arc::clone(inner)))?;
        let segment = index.searchable_segments()?.pop().ok_or_else(|| {
            tantivy::TantivyError::InternalError("the split holds no segment".to_owned())
        })?;
        let reader = SegmentReader::open(&segment)?;
        let docs = reader.max_doc();
        let columns = reader.fast_fields();
        let seq = columns.u64(SEQ)?;
        // A column in which no document has a value may be left out.
        let sent = columns
            .column_opt::<i64>(SENT)?
            .unwrap_or_else(|| Column::build_empty_column(docs));
        let size = columns.u64(SIZE)?;
        let flags = columns.u64(FLAGS)?;
        let with = |bit: u64| -> RoaringBitmap {
            (0..docs).filter(|&doc| flags.first(doc).is_some_and(|flags| flags & bit != 0)).collect()
        };
        let (attached, unread) = (with(ATTACHED), with(UNREAD));
        let rising = (0..docs).filter_map(|doc| seq.first(doc)).is_sorted();
        Ok(Opened { segment, docs, seq, sent, size, attached, unread, rising, reader })
    }
}

impl Inner {
    fn damaged(&self, part: String) -> io::Error {
        Damage { split: self.id, part }.into_io()
    }

    /// Plain bytes of `range` of the stream.
    fn read(&self, range: Range<u64>) -> io::Result<OwnedBytes> {
        if range.start >= range.end {
            return Ok(OwnedBytes::empty());
        }
        if range.end > self.plain {
            return Err(self.damaged(format!("byte {} of {}", range.end, self.plain)));
        }
        const SIZE: u64 = BLOCK as u64;
        let (first, last) = (range.start / SIZE, (range.end - 1) / SIZE);
        if first == last {
            let block = self.block(first)?;
            let from = (range.start % SIZE) as usize;
            let to = from + (range.end - range.start) as usize;
            return match to <= block.len() {
                true => Ok(block.slice(from..to)),
                false => Err(self.damaged(format!("block {first}"))),
            };
        }
        let keep = last - first < KEPT_RUN;
        let mut out = Vec::with_capacity((range.end - range.start) as usize);
        // A block's part of the range.
        let mut take = |number: u64, block: &[u8]| {
            let start = number * SIZE;
            let from = range.start.saturating_sub(start).min(SIZE) as usize;
            let to = (range.end - start).min(SIZE) as usize;
            out.extend_from_slice(block.get(from..to).unwrap_or_default());
        };
        let mut at = first;
        while at <= last {
            if let Some(block) = self.cache.get(self.id, at) {
                take(at, &block);
                at += 1;
                continue;
            }
            let mut end = at + 1;
            while end <= last && end - at < RUN && self.cache.get(self.id, end).is_none() {
                end += 1;
            }
            self.fetch(at..end, |number, block| {
                take(number, block);
                if keep {
                    self.cache.put(self.id, number, OwnedBytes::new(block.to_vec()));
                }
            })?;
            at = end;
        }
        Ok(OwnedBytes::new(out))
    }

    /// One block, from the cache if it is there.
    fn block(&self, number: u64) -> io::Result<OwnedBytes> {
        if let Some(block) = self.cache.get(self.id, number) {
            return Ok(block);
        }
        let mut found = OwnedBytes::empty();
        self.fetch(number..number + 1, |_, block| found = OwnedBytes::new(block.to_vec()))?;
        self.cache.put(self.id, number, found.clone());
        Ok(found)
    }

    /// Reads blocks with one read of the source, opens them and hands them on in order.
    fn fetch(&self, blocks: Range<u64>, mut then: impl FnMut(u64, &[u8])) -> io::Result<()> {
        const SEALED: u64 = (BLOCK + TAG) as u64;
        // The header is read and checked with the first block, which every opening needs.
        let header = if blocks.start == 0 { HEADER } else { 0 };
        let start = HEADER + blocks.start * SEALED - header;
        let end = HEADER + (blocks.end * SEALED).min(self.plain + self.blocks * TAG as u64);
        let mut data = Vec::from(self.source.read(start..end)?);
        if data.len() as u64 != end - start {
            return Err(self.damaged(format!("block {}", blocks.start)));
        }
        let (head, body) = data
            .split_at_mut_checked(header as usize)
            .ok_or_else(|| self.damaged("header".to_owned()))?;
        if !head.is_empty() && !head.iter().eq(MAGIC.iter().chain(&self.id.0)) {
            return Err(self.damaged("header".to_owned()));
        }
        for (number, sealed) in blocks.zip(body.chunks_mut(BLOCK + TAG)) {
            let last = u64::from(number + 1 == self.blocks);
            let plain = self
                .cipher
                .open(number, last, sealed)
                .ok_or_else(|| self.damaged(format!("block {number}")))?;
            then(number, plain);
        }
        Ok(())
    }
}

/// The files of a split as the engine reads them.
#[derive(Clone)]
struct SplitDirectory(Arc<Inner>);

/// One file of a split.
struct SplitFile {
    inner: Arc<Inner>,
    range: Range<u64>,
}

impl HasLen for SplitFile {
    fn len(&self) -> usize {
        (self.range.end - self.range.start) as usize
    }
}

impl fmt::Debug for SplitFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SplitFile({}, {:?})", self.inner.id, self.range)
    }
}

impl FileHandle for SplitFile {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        if range.end > HasLen::len(self) {
            return Err(self.inner.damaged(format!("byte {} of a file", range.end)));
        }
        self.inner.read(self.range.start + range.start as u64..self.range.start + range.end as u64)
    }
}

impl fmt::Debug for SplitDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SplitDirectory({})", self.0.id)
    }
}

impl SplitDirectory {
    fn find(&self, path: &Path) -> Result<SplitFile, OpenReadError> {
        let files = &self.0.footer.files;
        let (_, range) = files
            .iter()
            .find(|(name, _)| Path::new(name) == path)
            .ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))?;
        Ok(SplitFile { inner: Arc::clone(&self.0), range: range.clone() })
    }
}

/// A split never changes.
fn read_only() -> io::Error {
    io::ErrorKind::ReadOnlyFilesystem.into()
}

impl Directory for SplitDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        Ok(Arc::new(self.find(path)?))
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError { io_error: Arc::new(read_only()), filepath: path.to_owned() })
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.find(path).is_ok())
    }

    fn open_write(
        &self,
        path: &Path,
    ) -> Result<BufWriter<Box<dyn TerminatingWrite>>, OpenWriteError> {
        Err(OpenWriteError::wrap_io_error(read_only(), path.to_owned()))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let file = self.find(path)?;
        let bytes = file
            .read_bytes(0..HasLen::len(&file))
            .map_err(|error| OpenReadError::wrap_io_error(error, path.to_owned()))?;
        Ok(bytes.to_vec())
    }

    fn atomic_write(&self, _: &Path, _: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn watch(&self, _: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}
