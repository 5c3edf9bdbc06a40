//! The directory the engine writes a split's files to: sealed, append-only.

use super::scratch::{Piece, Scratch};
use super::seal::BLOCK;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tantivy::HasLen;
use tantivy::directory::error::{DeleteError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, Directory, FileHandle, OwnedBytes, TerminatingWrite, WatchCallback, WatchHandle,
};

/// Files under construction. Full blocks go sealed to the scratch file; what does not
/// fill a block stays in memory, less than 64 KiB a file.
#[derive(Clone)]
pub(crate) struct SealedDirectory(Arc<Shared>);

struct Shared {
    scratch: Arc<Scratch>,
    files: Mutex<BTreeMap<PathBuf, Arc<Stored>>>,
}

/// A finished file.
pub(crate) struct Stored {
    scratch: Arc<Scratch>,
    pieces: Vec<Piece>,
    tail: Vec<u8>,
}

impl SealedDirectory {
    /// A directory whose scratch file lies in `dir`.
    pub(crate) fn new(dir: &Path) -> io::Result<Self> {
        Ok(SealedDirectory(Arc::new(Shared {
            scratch: Arc::new(Scratch::new(dir.to_owned())?),
            files: Mutex::default(),
        })))
    }

    /// The finished files by name.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Arc<Stored>)> {
        self.lock()
            .iter()
            .map(|(path, file)| (path.clone(), Arc::clone(file)))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Arc<Stored>>> {
        self.0.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, path: &Path) -> Result<Arc<Stored>, OpenReadError> {
        self.lock()
            .get(path)
            .cloned()
            .ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))
    }

    fn store(&self, path: &Path, pieces: Vec<Piece>, tail: Vec<u8>) {
        let stored = Stored {
            scratch: Arc::clone(&self.0.scratch),
            pieces,
            tail,
        };
        self.lock().insert(path.to_owned(), Arc::new(stored));
    }
}

impl fmt::Debug for SealedDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedDirectory")
    }
}

impl Stored {
    /// Hands every block to `write`, in order.
    pub(crate) fn copy(&self, mut write: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        for &piece in &self.pieces {
            write(&self.scratch.read(piece)?)?;
        }
        write(&self.tail)
    }
}

impl HasLen for Stored {
    fn len(&self) -> usize {
        self.pieces.len() * BLOCK + self.tail.len()
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stored({} bytes)", HasLen::len(self))
    }
}

impl FileHandle for Stored {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        if range.start > range.end || range.end > HasLen::len(self) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut out = Vec::with_capacity(range.end - range.start);
        let mut at = range.start;
        while at < range.end {
            let (index, skip) = (at / BLOCK, at % BLOCK);
            let block;
            let plain = match self.pieces.get(index) {
                Some(&piece) => {
                    block = self.scratch.read(piece)?;
                    &block
                }
                None => &self.tail,
            };
            let take = (plain.len() - skip).min(range.end - at);
            out.extend_from_slice(plain.get(skip..skip + take).unwrap_or_default());
            at += take;
        }
        Ok(OwnedBytes::new(out))
    }
}

/// Writes one file.
struct Pen {
    directory: SealedDirectory,
    path: PathBuf,
    pieces: Vec<Piece>,
    tail: Vec<u8>,
}

impl Write for Pen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A block that could not be written stays: the engine writes once more when it gives a
        // file up, and must be told again.
        let room = BLOCK.checked_sub(self.tail.len()).filter(|room| *room > 0);
        let room = room.ok_or_else(|| io::Error::other("an earlier block was not written"))?;
        let take = bytes.len().min(room);
        self.tail
            .extend_from_slice(bytes.get(..take).unwrap_or_default());
        if self.tail.len() == BLOCK {
            self.pieces
                .push(self.directory.0.scratch.append(&mut self.tail)?);
        }
        Ok(take)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TerminatingWrite for Pen {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        let (pieces, tail) = (
            std::mem::take(&mut self.pieces),
            std::mem::take(&mut self.tail),
        );
        self.directory.store(&self.path, pieces, tail);
        Ok(())
    }
}

impl Directory for SealedDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        Ok(self.find(path)?)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        match self.lock().remove(path) {
            Some(_) => Ok(()),
            None => Err(DeleteError::FileDoesNotExist(path.to_owned())),
        }
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.lock().contains_key(path))
    }

    fn open_write(
        &self,
        path: &Path,
    ) -> Result<BufWriter<Box<dyn TerminatingWrite + Send + Sync>>, OpenWriteError> {
        if self.lock().contains_key(path) {
            return Err(OpenWriteError::FileAlreadyExists(path.to_owned()));
        }
        Ok(BufWriter::new(Box::new(Pen {
            directory: self.clone(),
            path: path.to_owned(),
            pieces: Vec::new(),
            tail: Vec::new(),
        })))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let file = self.find(path)?;
        let bytes = file
            .read_bytes(0..HasLen::len(&*file))
            .map_err(|error| OpenReadError::wrap_io_error(error, path.to_owned()))?;
        Ok(bytes.to_vec())
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        // Only the engine's own lists come this way: a few kilobytes at most.
        let mut pen = Pen {
            directory: self.clone(),
            path: path.to_owned(),
            pieces: Vec::new(),
            tail: Vec::new(),
        };
        pen.write_all(data)?;
        self.store(path, pen.pieces, pen.tail);
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        // Nothing here outlives the build.
        Ok(())
    }

    fn watch(&self, _: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;

    #[test]
    fn a_pen_that_failed_goes_on_failing() {
        let dir = tempfile::tempdir().unwrap();
        let mut pen = Pen {
            directory: SealedDirectory::new(dir.path()).unwrap(),
            path: "postings".into(),
            pieces: Vec::new(),
            // As sealing leaves it when the disk is full.
            tail: vec![0; BLOCK + 16],
        };
        assert!(pen.write(b"more").is_err());
        assert!(pen.write(b"more").is_err());
    }
}
