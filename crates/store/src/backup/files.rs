//! Files that are written durably and hashed on the way, a piece at a time.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use everpost_domain::digest::{Digest, Hasher};

use crate::error::{Result, StoreError};

/// Bytes held at once while copying.
const CHUNK: usize = 1 << 20;

/// Size and digest of a file; `None` if it does not exist.
pub(super) fn digest(path: &Path) -> Result<Option<(u64, Digest)>> {
    let Some(file) = open(path)? else {
        return Ok(None);
    };
    pump(path, file, |_| Ok(())).map(Some)
}

/// Copies a file to a new place, durably but for its name ([`sync_dir`]); gives size and
/// digest of what was copied, `None` if there is nothing at `from`.
pub(super) fn copy(from: &Path, to: &Path) -> Result<Option<(u64, Digest)>> {
    let Some(source) = open(from)? else {
        return Ok(None);
    };
    let fail = |error| StoreError::file(to, error);
    let mut target = File::create(to).map_err(fail)?;
    let copied = pump(from, source, |bytes| target.write_all(bytes).map_err(fail))?;
    target.sync_all().map_err(fail)?;
    Ok(Some(copied))
}

fn open(path: &Path) -> Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::file(path, error)),
    }
}

fn pump(
    path: &Path,
    mut from: File,
    mut each: impl FnMut(&[u8]) -> Result<()>,
) -> Result<(u64, Digest)> {
    let mut buffer = vec![0; CHUNK];
    let mut hasher = Hasher::new();
    let mut size = 0;
    loop {
        let read = from
            .read(&mut buffer)
            .map_err(|error| StoreError::file(path, error))?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok((size, hasher.finish()));
        };
        hasher.update(bytes);
        size += bytes.len() as u64;
        each(bytes)?;
    }
}

/// Makes names in a directory durable.
pub(super) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(|error| StoreError::file(path, error))
}

/// Syncs a file that something else wrote.
pub(super) fn sync_file(path: &Path) -> Result<()> {
    sync_dir(path)
}

/// Removes a directory and all in it, if it is there.
pub(super) fn remove_dir(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::file(path, error)),
        _ => Ok(()),
    }
}

/// Renames, durably.
pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|error| StoreError::file(to, error))?;
    crate::keys::sync_parent(to)
}
