//! The sealed scratch file of one build: full blocks of all files under construction, in
//! the order they filled up.

use super::SplitId;
use super::seal::{BLOCK, Cipher, TAG, random};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Where full blocks wait until the split is put together. The file is made with the
/// first block, so that a small split never touches the disk, and has no name from then
/// on, so that a crash leaves nothing behind. Its key lives in memory only.
pub(crate) struct Scratch {
    dir: PathBuf,
    cipher: Cipher,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    file: Option<File>,
    blocks: u64,
}

/// A full block in the scratch file, by number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece(u64);

/// Bytes of a sealed full block.
const SEALED: u64 = (BLOCK + TAG) as u64;

impl Scratch {
    pub(crate) fn new(dir: PathBuf) -> io::Result<Self> {
        let cipher = Cipher::new(&random()?, SplitId::random()?)?;
        Ok(Scratch {
            dir,
            cipher,
            state: Mutex::default(),
        })
    }

    /// Seals and writes one full block; `block` comes back empty, its memory reusable.
    pub(crate) fn append(&self, block: &mut Vec<u8>) -> io::Result<Piece> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let number = state.blocks;
        self.cipher.seal(number, 0, block)?;
        // Counted before the write, so that no failure can lead to a nonce used twice.
        state.blocks += 1;
        let file = match &state.file {
            Some(file) => file,
            None => state.file.insert(self.create()?),
        };
        file.write_all_at(block, number * SEALED)?;
        block.clear();
        Ok(Piece(number))
    }

    /// Reads a block back.
    pub(crate) fn read(&self, piece: Piece) -> io::Result<Vec<u8>> {
        let mut block = vec![0u8; BLOCK + TAG];
        {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let file = state.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
            file.read_exact_at(&mut block, piece.0 * SEALED)?;
        }
        if self.cipher.open(piece.0, 0, &mut block).is_none() {
            return Err(io::Error::other(
                "index: the scratch file changed under its writer",
            ));
        }
        block.truncate(BLOCK);
        Ok(block)
    }

    fn create(&self) -> io::Result<File> {
        let path = self.dir.join(format!("{}.scratch", SplitId::random()?));
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(file)
    }
}
