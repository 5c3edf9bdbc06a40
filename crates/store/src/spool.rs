//! Files that were handed over and wait to be worked on, sealed as everything at rest is.
//!
//! `spool/NAME` holds the file's own key, wrapped, then blocks of 64 KiB, each sealed under
//! its number. Only the last block may be shorter, and it says that it is the last, so a file
//! that was cut off does not open to its end.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::str::FromStr;

use everpost_domain::digest::Digest;

use crate::error::{Result, StoreError};
use crate::seal::{Key, TAG, random};
use crate::store::make_private_dir;
use crate::tenant::Tenant;

/// Plain bytes of a block.
const BLOCK: usize = 64 << 10;
/// Bytes of a block as it lies in the file.
const SEALED: u64 = (BLOCK + TAG) as u64;
/// Bytes of the wrapped key.
const HEADER: u64 = 60;

/// A spooled file: its name and key. Cheap to clone.
#[derive(Clone)]
pub struct Spooled {
    path: PathBuf,
    name: String,
    key: Key,
}

impl fmt::Debug for Spooled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spooled({})", self.name)
    }
}

/// Writes a spooled file.
pub struct SpoolWriter {
    file: File,
    spooled: Spooled,
    block: Vec<u8>,
    number: u64,
}

/// Reads a spooled file, from anywhere in it.
pub struct SpoolReader {
    file: File,
    spooled: Spooled,
    /// Plain bytes of the whole.
    length: u64,
    at: u64,
    block: Vec<u8>,
    /// The number of the block that is open.
    open: Option<u64>,
}

fn label(name: &str) -> Vec<u8> {
    [b"spool ", name.as_bytes()].concat()
}

fn aad(last: bool) -> &'static [u8] {
    match last {
        true => b"everpost spool 1 last",
        false => b"everpost spool 1",
    }
}

impl Tenant {
    /// Begins a new spooled file.
    pub fn spool(&self) -> Result<SpoolWriter> {
        let directory = self.store.data.join("spool");
        make_private_dir(&directory)?;
        let name = Digest::of(&random::<32>()?).to_string();
        let path = directory.join(&name);
        let key = Key::random()?;
        let wrapped = self.state.keys.wrap(&label(&name), &key)?;
        let mut file = File::create_new(&path).map_err(|error| StoreError::file(&path, error))?;
        file.write_all(&wrapped)
            .map_err(|error| StoreError::file(&path, error))?;
        Ok(SpoolWriter {
            file,
            spooled: Spooled { path, name, key },
            block: Vec::with_capacity(BLOCK + TAG),
            number: 0,
        })
    }

    /// A spooled file by its name.
    pub fn spooled(&self, name: &str) -> Result<Spooled> {
        // A digest and nothing else: no name leads out of the directory.
        Digest::from_str(name).map_err(|_| StoreError::NotFound(format!("file {name}")))?;
        let path = self.store.data.join("spool").join(name);
        let mut wrapped = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(HEADER).read_to_end(&mut wrapped))
            .map_err(|error| StoreError::file(&path, error))?;
        let key = self
            .state
            .keys
            .unwrap(&label(name), &wrapped)
            .ok_or_else(|| StoreError::damaged(format!("file {name}"), "its key does not open"))?;
        Ok(Spooled {
            path,
            name: name.into(),
            key,
        })
    }

    /// Removes every spooled file that `keep` does not name: what was being handed over when
    /// the process ended.
    pub fn clear_spool(&self, keep: &[String]) -> Result<()> {
        let directory = self.store.data.join("spool");
        let Ok(entries) = fs::read_dir(&directory) else {
            return Ok(());
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !keep.contains(&name) {
                fs::remove_file(entry.path())
                    .map_err(|error| StoreError::file(entry.path(), error))?;
            }
        }
        Ok(())
    }
}

impl Spooled {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its plain bytes.
    pub fn length(&self) -> io::Result<u64> {
        let body = fs::metadata(&self.path)?.len().saturating_sub(HEADER);
        Ok(body.saturating_sub(body.div_ceil(SEALED) * TAG as u64))
    }

    /// Opens it for reading.
    pub fn open(&self) -> io::Result<SpoolReader> {
        Ok(SpoolReader {
            file: File::open(&self.path)?,
            spooled: self.clone(),
            length: self.length()?,
            at: 0,
            block: Vec::new(),
            open: None,
        })
    }

    /// Removes it.
    pub fn remove(&self) -> Result<()> {
        fs::remove_file(&self.path).map_err(|error| StoreError::file(&self.path, error))
    }
}

impl SpoolWriter {
    fn seal(&mut self, last: bool) -> io::Result<()> {
        let mut block = std::mem::take(&mut self.block);
        self.spooled
            .key
            .seal_once(self.number, aad(last), &mut block)
            .map_err(io::Error::other)?;
        self.number += 1;
        self.file.write_all(&block)?;
        block.clear();
        self.block = block;
        Ok(())
    }

    /// Ends the file. When this returned, it is durable; when it failed, as on a full disk, the file is gone.
    pub fn finish(mut self) -> Result<Spooled> {
        let path = self.spooled.path.clone();
        let ended = self
            .seal(true)
            .and_then(|()| self.file.sync_all())
            .map_err(|error| StoreError::file(&path, error))
            .and_then(|()| crate::keys::sync_parent(&path));
        match ended {
            Ok(()) => Ok(self.spooled),
            Err(error) => {
                self.abandon().ok();
                Err(error)
            }
        }
    }

    /// Removes what was written so far.
    pub fn abandon(self) -> Result<()> {
        self.spooled.remove()
    }
}

impl Write for SpoolWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full block is sealed only when another byte comes: it may be the last.
        if self.block.len() == BLOCK {
            self.seal(false)?;
        }
        let count = bytes.len().min(BLOCK - self.block.len());
        self.block
            .extend_from_slice(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SpoolReader {
    fn load(&mut self, number: u64) -> io::Result<()> {
        if self.open == Some(number) {
            return Ok(());
        }
        let last = number == self.length.saturating_sub(1) / BLOCK as u64;
        self.file.seek(SeekFrom::Start(HEADER + number * SEALED))?;
        let mut sealed = Vec::with_capacity(BLOCK + TAG);
        Read::by_ref(&mut self.file)
            .take(SEALED)
            .read_to_end(&mut sealed)?;
        let plain = self
            .spooled
            .key
            .open_once(number, aad(last), sealed)
            .ok_or_else(|| io::Error::other("the spooled file is damaged"))?;
        self.block = plain;
        self.open = Some(number);
        Ok(())
    }
}

impl Read for SpoolReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        // The end is only where the last block says so: a file that was cut short is damaged.
        let at = self.at.min(self.length.saturating_sub(1));
        self.load(at / BLOCK as u64)?;
        if self.at >= self.length {
            return Ok(0);
        }
        let from = usize::try_from(self.at % BLOCK as u64).unwrap_or(0);
        let here = self.block.get(from..).unwrap_or_default();
        let count = here.len().min(out.len());
        if let (Some(out), Some(here)) = (out.get_mut(..count), here.get(..count)) {
            out.copy_from_slice(here);
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for SpoolReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;
    use crate::trial::Trial;

    #[tokio::test]
    async fn what_was_spooled_comes_back_from_anywhere_and_damage_shows() {
        let trial = Trial::new(Vec::new(), 1).await;
        for size in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 7] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let mut writer = trial.tenant.spool().unwrap();
            for chunk in bytes.chunks(1000) {
                writer.write_all(chunk).unwrap();
            }
            let name = writer.finish().unwrap().name().to_string();
            let spooled = trial.tenant.spooled(&name).unwrap();
            assert_eq!(spooled.length().unwrap(), size as u64);
            let mut read = Vec::new();
            let mut reader = spooled.open().unwrap();
            reader.read_to_end(&mut read).unwrap();
            assert!(read == bytes, "{size}");
            let from = size / 3;
            reader.seek(SeekFrom::Start(from as u64)).unwrap();
            read.clear();
            reader.read_to_end(&mut read).unwrap();
            assert!(Some(read.as_slice()) == bytes.get(from..), "{size}");

            let mut file = fs::read(&spooled.path).unwrap();
            let cut = file.len() - 1;
            file.truncate(cut);
            fs::write(&spooled.path, &file).unwrap();
            let result = spooled.open().unwrap().read_to_end(&mut read);
            assert!(result.is_err() || size == 0, "{size}");
        }
        assert!(trial.tenant.spooled("../../etc/passwd").is_err());
        trial.tenant.clear_spool(&[]).unwrap();
        let left = fs::read_dir(trial.store.data().join("spool")).unwrap();
        assert_eq!(left.count(), 0);
    }
}
