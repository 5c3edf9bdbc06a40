//! What can go wrong with an index.

use super::SplitId;
use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tantivy::TantivyError;
use tantivy::directory::error::{OpenReadError, OpenWriteError};

/// A split could not be built, read or searched.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IndexError {
    /// The bytes are not what was sealed, or the key is another split's.
    #[error("{0}")]
    Damaged(Damage),
    /// The split was written by a version this one does not know.
    #[error("index split {split}: {what} version {found} is not supported")]
    Version {
        /// Which split.
        split: SplitId,
        /// What has the version: format, schema.
        what: &'static str,
        /// The version found.
        found: u64,
    },
    /// Reading or writing failed.
    #[error("index: {0}")]
    Io(Arc<io::Error>),
    /// The engine refused, which is a defect of this program or of the engine.
    #[error("index split {split}: {what}")]
    Engine {
        /// Which split.
        split: SplitId,
        /// What the engine said.
        what: String,
    },
}

/// Which piece of which split is not what was sealed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("index split {split}: {part} is damaged, cut short or sealed with another key")]
pub struct Damage {
    /// The split.
    pub split: SplitId,
    /// The piece: a block's number, footer, trailer, header.
    pub part: String,
}

impl Damage {
    /// As the error of a read, from where [`IndexError::from_io`] finds it again.
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self)
    }
}

impl IndexError {
    /// Finds the damage that the engine carried through as an I/O error.
    pub(crate) fn from_io(error: Arc<io::Error>) -> Self {
        match error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Damage>())
        {
            Some(damage) => IndexError::Damaged(damage.clone()),
            None => IndexError::Io(error),
        }
    }

    /// An error of the engine while it worked on `split`.
    pub(crate) fn from_engine(split: SplitId, error: TantivyError) -> Self {
        match error {
            TantivyError::IoError(error)
            | TantivyError::OpenReadError(OpenReadError::IoError {
                io_error: error, ..
            })
            | TantivyError::OpenWriteError(OpenWriteError::IoError {
                io_error: error, ..
            }) => Self::from_io(error),
            other => IndexError::Engine {
                split,
                what: other.to_string(),
            },
        }
    }
}

impl From<io::Error> for IndexError {
    fn from(error: io::Error) -> Self {
        Self::from_io(Arc::new(error))
    }
}

/// Runs the engine so that a panic in it is an error of this split and nobody else's:
/// tantivy asserts here and there on what it reads, and a broken index must never take
/// the process down, for mail goes on without one.
pub(crate) fn guarded<T>(
    split: SplitId,
    work: impl FnOnce() -> Result<T, IndexError>,
) -> Result<T, IndexError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(IndexError::Engine {
            split,
            what: format!("the engine stopped: {}", told(&*panic)),
        })
    })
}

fn told(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "no message".to_owned())
}
