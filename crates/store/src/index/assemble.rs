//! Puts a split together from the files the engine wrote.

use super::directory::SealedDirectory;
use super::footer::{FOOTER_NUMBER, Footer, MAGIC, Trailer};
use super::hot::{self, HOT};
use super::schema::{ANALYSER_VERSION, SCHEMA_VERSION};
use super::seal::{BLOCK, Cipher};
use super::{IndexError, RangeRead, SplitId};
use bytes::Bytes;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tantivy::HasLen;

/// A split of up to this many plain bytes is handed over in memory: splits of live mail
/// are small and many, and one put of some bytes is cheaper than a file more.
const IN_MEMORY: u64 = 1 << 20;

/// A finished split, ready to be put into the object store.
#[derive(Debug, Clone)]
pub struct Built {
    /// Its name.
    pub id: SplitId,
    /// Documents in it.
    pub docs: u64,
    /// The lowest seq in it.
    pub seq_min: u64,
    /// The highest seq in it.
    pub seq_max: u64,
    /// Its length.
    pub bytes: u64,
    /// The object itself.
    pub data: Sealed,
}

/// Where a finished split lies. Either way it is sealed.
#[derive(Debug, Clone)]
pub enum Sealed {
    /// In memory.
    Bytes(Bytes),
    /// In a file, not yet synced; whoever gets it moves or removes it.
    File(PathBuf),
}

impl Sealed {
    /// Reads it from where it lies.
    pub fn open(&self) -> io::Result<Arc<dyn RangeRead>> {
        Ok(match self {
            Sealed::Bytes(bytes) => Arc::new(bytes.clone()),
            Sealed::File(path) => Arc::new(super::FileRange::open(path)?),
        })
    }
}

/// What the builder knows of the documents.
pub(crate) struct Summary {
    pub(crate) docs: u64,
    pub(crate) seq_min: u64,
    pub(crate) seq_max: u64,
    /// A plain stream of more bytes gets a file of what opening reads.
    pub(crate) whole: u64,
}

/// Streams the files of `directory` into one sealed object.
pub(crate) fn assemble(
    directory: &SealedDirectory,
    out_dir: &Path,
    id: SplitId,
    key: &[u8; 32],
    summary: &Summary,
) -> Result<Built, IndexError> {
    let mut files = directory.files();
    // The engine's list of its own files is of no use in a split.
    files.retain(|(path, _)| !path.starts_with(".managed.json"));
    // Its description first and then small before large: what an opening reads lies close.
    files.sort_by_key(|(path, file)| (!path.starts_with("meta.json"), HasLen::len(&**file)));
    let mut footer = Footer {
        schema: SCHEMA_VERSION,
        analyser: ANALYSER_VERSION,
        docs: summary.docs,
        seq_min: summary.seq_min,
        seq_max: summary.seq_max,
        files: Vec::new(),
    };
    let mut plain = 0u64;
    for (path, file) in &files {
        let end = plain + HasLen::len(&**file) as u64;
        footer
            .files
            .push((path.to_string_lossy().into_owned(), plain..end));
        plain = end;
    }
    let hot = match plain > summary.whole {
        true => hot::gather(directory, &footer.files, id)?,
        false => Vec::new(),
    };
    if !hot.is_empty() {
        let end = plain + hot.len() as u64;
        footer.files.push((HOT.to_owned(), plain..end));
        plain = end;
    }
    let cipher = Cipher::new(key, id)?;
    let mut sink = if plain <= IN_MEMORY {
        Sink::Memory(Vec::new())
    } else {
        Sink::create(out_dir.join(format!("{id}.split")))?
    };
    let written = (|| {
        let mut blocks = Blocks {
            sink: &mut sink,
            cipher: &cipher,
            number: 0,
            left: plain,
            block: Vec::new(),
        };
        blocks.sink.put(MAGIC)?;
        blocks.sink.put(&id.0)?;
        for (_, file) in &files {
            file.copy(|bytes| blocks.put(bytes))?;
        }
        blocks.put(&hot)?;
        let mut record = footer.encode();
        cipher.seal(FOOTER_NUMBER, plain, &mut record)?;
        let length = u32::try_from(record.len()).map_err(io::Error::other)?;
        sink.put(&record)?;
        sink.put(
            &Trailer {
                plain,
                footer: length,
            }
            .encode(),
        )?;
        sink.close()
    })();
    let (data, bytes) = match (written, sink) {
        (Ok(bytes), Sink::Memory(buffer)) => (Sealed::Bytes(buffer.into()), bytes),
        (Ok(bytes), Sink::Disk { path, .. }) => (Sealed::File(path), bytes),
        (Err(error), Sink::Memory(_)) => return Err(error.into()),
        (Err(error), Sink::Disk { path, .. }) => {
            // The first error is the one to tell; what is left of the file is sealed.
            let _ = std::fs::remove_file(path);
            return Err(error.into());
        }
    };
    let Summary {
        docs,
        seq_min,
        seq_max,
        ..
    } = *summary;
    Ok(Built {
        id,
        docs,
        seq_min,
        seq_max,
        bytes,
        data,
    })
}

/// Cuts the plain stream into blocks and seals them.
struct Blocks<'a> {
    sink: &'a mut Sink,
    cipher: &'a Cipher,
    number: u64,
    /// Plain bytes still to come, by which the last block is known.
    left: u64,
    block: Vec<u8>,
}

impl Blocks<'_> {
    fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, rest) = bytes
                .split_at_checked(BLOCK - self.block.len())
                .unwrap_or((bytes, &[]));
            self.block.extend_from_slice(now);
            self.left = self
                .left
                .checked_sub(now.len() as u64)
                .ok_or_else(overrun)?;
            bytes = rest;
            if self.block.len() == BLOCK || self.left == 0 {
                self.cipher
                    .seal(self.number, u64::from(self.left == 0), &mut self.block)?;
                self.sink.put(&self.block)?;
                self.block.clear();
                self.number += 1;
            }
        }
        Ok(())
    }
}

fn overrun() -> io::Error {
    io::Error::other("index: a file grew while its split was put together")
}

enum Sink {
    Memory(Vec<u8>),
    Disk {
        path: PathBuf,
        file: File,
        length: u64,
    },
}

impl Sink {
    fn create(path: PathBuf) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Sink::Disk {
            path,
            file,
            length: 0,
        })
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Sink::Memory(buffer) => buffer.extend_from_slice(bytes),
            Sink::Disk { file, length, .. } => {
                file.write_all(bytes)?;
                *length += bytes.len() as u64;
            }
        }
        Ok(())
    }

    fn close(&mut self) -> io::Result<u64> {
        match self {
            Sink::Memory(buffer) => Ok(buffer.len() as u64),
            Sink::Disk { file, length, .. } => file.flush().map(|()| *length),
        }
    }
}
