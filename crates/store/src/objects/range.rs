//! An object that is read by range.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;

use crate::index::RangeRead;

/// An object of a known length. It is read by threads that may wait, never by those that run
/// the requests themselves.
pub(crate) struct ObjectRange {
    objects: Arc<dyn ObjectStore>,
    path: Path,
    length: u64,
    runtime: Handle,
}

impl ObjectRange {
    /// Reads the object at `path`, which has `length` bytes, through the runtime that calls this.
    pub(crate) fn new(objects: Arc<dyn ObjectStore>, path: Path, length: u64) -> Self {
        ObjectRange {
            objects,
            path,
            length,
            runtime: Handle::current(),
        }
    }
}

impl RangeRead for ObjectRange {
    fn len(&self) -> u64 {
        self.length
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        if range.start > range.end || range.end > self.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let wanted = range.end - range.start;
        let read = self.objects.get_range(&self.path, range);
        let bytes = self.runtime.block_on(read).map_err(io::Error::other)?;
        match bytes.len() as u64 == wanted {
            true => Ok(bytes),
            // A shorter object than its row says.
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
