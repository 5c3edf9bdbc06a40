//! The plain stream of a split, block by block, and its files as the engine reads them.

use super::cache::Piece;
use super::error::Damage;
use super::footer::{Footer, HEADER, MAGIC};
use super::hot::Hot;
use super::seal::{BLOCK, Cipher, TAG};
use super::{BlockCache, RangeRead, SplitId};
use std::fmt;
use std::io::{self, BufWriter};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use tantivy::HasLen;
use tantivy::directory::error::{DeleteError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    Directory, FileHandle, OwnedBytes, TerminatingWrite, WatchCallback, WatchHandle,
};

/// Most blocks fetched with one read: bounds memory, and is plenty for one round trip.
pub(super) const RUN: u64 = 64;
/// A full block as it is sealed.
pub(super) const SEALED: u64 = (BLOCK + TAG) as u64;
/// A longer read is a stream (a dictionary, a merge); it would only push others out.
const KEPT_RUN: u64 = 16;

/// The sealed object: turns ranges of the plain stream into authenticated bytes.
pub(super) struct Stream {
    pub(super) id: SplitId,
    pub(super) cipher: Cipher,
    pub(super) source: Arc<dyn RangeRead>,
    pub(super) cache: Arc<BlockCache>,
    pub(super) footer: Footer,
    /// What opening reads, if it was kept together.
    pub(super) hot: Hot,
    pub(super) plain: u64,
    pub(super) blocks: u64,
}

impl Stream {
    fn damaged(&self, part: String) -> io::Error {
        Damage {
            split: self.id,
            part,
        }
        .into_io()
    }

    /// Plain bytes of `range` of the stream.
    fn read(&self, range: Range<u64>) -> io::Result<OwnedBytes> {
        if range.start >= range.end {
            return Ok(OwnedBytes::empty());
        }
        if range.end > self.plain {
            return Err(self.damaged(format!("byte {} of {}", range.end, self.plain)));
        }
        if let Some(bytes) = self.hot.get(&range) {
            return Ok(bytes);
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
            self.load(at..end, &mut |number, block| {
                take(number, block);
                if keep {
                    self.cache
                        .put(self.id, number, OwnedBytes::new(block.to_vec()));
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
        self.load(number..number + 1, &mut |_, block| {
            found = OwnedBytes::new(block.to_vec())
        })?;
        self.cache.put(self.id, number, found.clone());
        Ok(found)
    }

    /// Opens blocks and hands them on in order: what lies on the disk from there, the others with
    /// one read of the source for each row of them.
    fn load(&self, blocks: Range<u64>, then: &mut dyn FnMut(u64, &[u8])) -> io::Result<()> {
        let mut at = blocks.start;
        while at < blocks.end {
            if let Some(mut sealed) = self.cache.sealed(self.id, Piece::Block(at)) {
                match self.open_block(at, &mut sealed) {
                    Some(plain) => {
                        then(at, plain);
                        at += 1;
                        continue;
                    }
                    // Torn by a crash, or changed by somebody: the source has it whole.
                    None => self.cache.discard(self.id, Piece::Block(at)),
                }
            }
            let mut end = at + 1;
            while end < blocks.end && !self.cache.has(self.id, Piece::Block(end)) {
                end += 1;
            }
            let sealed = self.sealed(at..end)?;
            let header = if at == 0 { HEADER as usize } else { 0 };
            let each = sealed.get(header..).unwrap_or_default().chunks(BLOCK + TAG);
            let kept: Vec<Vec<u8>> = match self.cache.on_disk() {
                true => each.map(<[u8]>::to_vec).collect(),
                false => Vec::new(),
            };
            self.open_run(at..end, sealed, &mut *then)?;
            // Only what was found whole.
            for (number, block) in (at..end).zip(&kept) {
                self.cache.keep(self.id, Piece::Block(number), block);
            }
            at = end;
        }
        Ok(())
    }

    /// Reads blocks from the source, past all caches, opens them and hands them on in order.
    pub(super) fn fetch(&self, blocks: Range<u64>, then: impl FnMut(u64, &[u8])) -> io::Result<()> {
        let sealed = self.sealed(blocks.clone())?;
        self.open_run(blocks, sealed, then)
    }

    /// Blocks as the source has them; before the first, the header.
    fn sealed(&self, blocks: Range<u64>) -> io::Result<Vec<u8>> {
        let start = match blocks.start {
            0 => 0,
            number => HEADER + number * SEALED,
        };
        let end = HEADER + (blocks.end * SEALED).min(self.plain + self.blocks * TAG as u64);
        let data = Vec::from(self.source.read(start..end)?);
        match data.len() as u64 == end - start {
            true => Ok(data),
            false => Err(self.damaged(format!("block {}", blocks.start))),
        }
    }

    /// Opens blocks that lie in a row and hands them on. The header, which comes before the
    /// first, is checked with it.
    pub(super) fn open_run(
        &self,
        blocks: Range<u64>,
        mut sealed: Vec<u8>,
        mut then: impl FnMut(u64, &[u8]),
    ) -> io::Result<()> {
        let header = if blocks.start == 0 { HEADER } else { 0 };
        let (head, body) = sealed
            .split_at_mut_checked(header as usize)
            .ok_or_else(|| self.damaged("header".to_owned()))?;
        if !head.is_empty() && !head.iter().eq(MAGIC.iter().chain(&self.id.0)) {
            return Err(self.damaged("header".to_owned()));
        }
        for (number, sealed) in blocks.zip(body.chunks_mut(BLOCK + TAG)) {
            let plain = self
                .open_block(number, sealed)
                .ok_or_else(|| self.damaged(format!("block {number}")))?;
            then(number, plain);
        }
        Ok(())
    }

    fn open_block<'a>(&self, number: u64, sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let last = u64::from(number + 1 == self.blocks);
        let plain = self.cipher.open(number, last, sealed)?;
        Some(plain)
    }
}

/// The files of a split as the engine reads them.
#[derive(Clone)]
pub(super) struct SplitDirectory(pub(super) Arc<Stream>);

/// One file of a split.
struct SplitFile {
    stream: Arc<Stream>,
    range: Range<u64>,
}

impl HasLen for SplitFile {
    fn len(&self) -> usize {
        (self.range.end - self.range.start) as usize
    }
}

impl fmt::Debug for SplitFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SplitFile({}, {:?})", self.stream.id, self.range)
    }
}

impl FileHandle for SplitFile {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        if range.end > HasLen::len(self) {
            return Err(self.stream.damaged(format!("byte {} of a file", range.end)));
        }
        self.stream
            .read(self.range.start + range.start as u64..self.range.start + range.end as u64)
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
        Ok(SplitFile {
            stream: Arc::clone(&self.0),
            range: range.clone(),
        })
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
        Err(DeleteError::IoError {
            io_error: Arc::new(read_only()),
            filepath: path.to_owned(),
        })
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.find(path).is_ok())
    }

    fn open_write(
        &self,
        path: &Path,
    ) -> Result<BufWriter<Box<dyn TerminatingWrite + Send + Sync>>, OpenWriteError> {
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
