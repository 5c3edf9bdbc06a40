//! Where the bytes of a split come from: anything that can be read by range.

use bytes::Bytes;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// An immutable object that is read by range, from several threads at once.
pub trait RangeRead: Send + Sync {
    /// Its length.
    fn len(&self) -> u64;

    /// The bytes of `range`, all of them.
    fn read(&self, range: Range<u64>) -> io::Result<Bytes>;

    /// True if it holds nothing.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A file on a local disk.
#[derive(Debug)]
pub struct FileRange {
    file: File,
    len: u64,
}

impl FileRange {
    /// Opens `path`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(FileRange { file, len })
    }
}

impl RangeRead for FileRange {
    fn len(&self) -> u64 {
        self.len
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        // Checked before memory is asked for: a damaged length must not become an allocation.
        if range.start > range.end || range.end > self.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        let mut buffer = vec![0u8; length];
        self.file.read_exact_at(&mut buffer, range.start)?;
        Ok(buffer.into())
    }
}

impl RangeRead for Bytes {
    fn len(&self) -> u64 {
        Bytes::len(self) as u64
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let start = usize::try_from(range.start).map_err(io::Error::other)?;
        let end = usize::try_from(range.end).map_err(io::Error::other)?;
        if start > end || end > Bytes::len(self) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(self.slice(start..end))
    }
}
