//! What can go wrong in the store, each with a stable code and a hint.

use std::path::PathBuf;

/// A failure of the store. `Display` says what; [`StoreError::code`] and
/// [`StoreError::hint`] say how to look it up and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the data directory open.
    #[error("the data directory is in use by process {pid}")]
    Busy {
        /// What the lock file says.
        pid: String,
    },
    /// The master or recovery key is absent, unreadable or not the one that made this store.
    #[error("{0}")]
    Key(String),
    /// A write did not fit on the disk. Nothing acknowledged is lost.
    #[error("the disk is full: {0}")]
    Disk(String),
    /// Stored bytes are not what was written.
    #[error("{item} is damaged: {what}")]
    Damaged {
        /// Which pack, frame, row, tile or split.
        item: String,
        /// How it shows.
        what: String,
    },
    /// Nothing by that name.
    #[error("there is no {0}")]
    NotFound(String),
    /// There is one already.
    #[error("{0} is there already")]
    Exists(String),
    /// The request itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The store was written by a version this program cannot read.
    #[error("the store has schema {found}; this program reads up to {known}")]
    Version {
        /// What the catalog says.
        found: i64,
        /// The newest this program knows.
        known: i64,
    },
    /// A storage class keeps what was to go; nothing was changed.
    #[error("locked: {0}")]
    Locked(String),
    /// What a decision read changed before its commit; decide again.
    #[error("another writer was faster")]
    Guard,
    /// The archive went to another place, for good; what it left here can be read.
    #[error("the archive moved to {0}")]
    Moved(String),
    /// The archive is on its way here and not whole yet.
    #[error("the archive is on its way here from {0}")]
    Arriving(String),
    /// Catalog or objects lie on a server that cannot be reached just now.
    #[error("out of reach: {0}")]
    Unreachable(String),
    /// The catalog answered with an error.
    #[error("catalog: {0}")]
    Sql(sqlx::Error),
    /// The object store answered with an error.
    #[error("object store: {0}")]
    Object(String),
    /// A file operation failed.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The index could not be read or written.
    #[error("index: {0}")]
    Index(String),
    /// No attachment can be read just now.
    #[error("{0}")]
    Extract(String),
    /// The store's background writer has stopped, after an error it reported.
    #[error("the store has stopped")]
    Stopped,
}

impl StoreError {
    /// The stable code printed as `error[CODE]`.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::Busy { .. } => "E-STORE-BUSY",
            StoreError::Key(_) => "E-KEY",
            StoreError::Disk(_) => "E-DISK",
            StoreError::Damaged { .. } => "E-DAMAGED",
            StoreError::NotFound(_) => "E-NOT-FOUND",
            StoreError::Exists(_) => "E-EXISTS",
            StoreError::Invalid(_) => "E-INVALID",
            StoreError::Version { .. } => "E-VERSION",
            StoreError::Locked(_) => "E-LOCKED",
            StoreError::Guard => "E-GUARD",
            StoreError::Moved(_) => "E-MOVED",
            StoreError::Arriving(_) => "E-ARRIVING",
            StoreError::Unreachable(_) => "E-UNREACHABLE",
            StoreError::Sql(_) => "E-CATALOG",
            StoreError::Object(_) => "E-OBJECT",
            StoreError::File { .. } => "E-FILE",
            StoreError::Index(_) => "E-INDEX",
            StoreError::Extract(_) => "E-EXTRACT",
            StoreError::Stopped => "E-STOPPED",
        }
    }

    /// What a person can do about it; empty where nothing general can be said.
    pub fn hint(&self) -> &'static str {
        match self {
            StoreError::Busy { .. } => "wait for that process to end, or stop it",
            StoreError::Key(_) => {
                "give the right key with --key FILE or --key env:NAME, or use `everpost key recover`"
            }
            StoreError::Disk(_) => {
                "make room and run the same command again: it goes on where it stopped"
            }
            StoreError::Damaged { .. } => "`everpost fsck` lists everything that is damaged",
            StoreError::Moved(_) => "name that place instead of this one",
            StoreError::Arriving(_) => {
                "run the same `everpost migrate` at the old place again: it ends what it began"
            }
            StoreError::Unreachable(_) => {
                "nothing acknowledged is lost; the same goes on when the server answers again"
            }
            StoreError::Version { .. } => "use a newer everpost",
            StoreError::Locked(_) => "a lock ends at its date and nowhere before",
            StoreError::Index(_) => {
                "`everpost reindex` builds the index again from the stored mail"
            }
            StoreError::Extract(_) => {
                "the mail is stored and searchable without it; run `everpost extract` where it can work"
            }
            _ => "",
        }
    }

    /// The same for another who waited for the same work.
    pub(crate) fn told_to_another(&self) -> Self {
        match self {
            StoreError::Disk(what) => StoreError::Disk(what.clone()),
            StoreError::Unreachable(what) => StoreError::Unreachable(what.clone()),
            StoreError::Invalid(what) => StoreError::Invalid(what.clone()),
            StoreError::Guard => StoreError::Guard,
            StoreError::Stopped => StoreError::Stopped,
            StoreError::Damaged { item, what } => StoreError::damaged(item, what),
            other => StoreError::Object(other.to_string()),
        }
    }

    /// A file error with its path; a full disk is named as such.
    pub(crate) fn file(path: impl Into<PathBuf>, error: std::io::Error) -> Self {
        let path = path.into();
        if is_full(&error) {
            return StoreError::Disk(path.display().to_string());
        }
        StoreError::File { path, error }
    }

    /// Something stored is not what it should be.
    pub(crate) fn damaged(item: impl Into<String>, what: impl Into<String>) -> Self {
        StoreError::Damaged {
            item: item.into(),
            what: what.into(),
        }
    }
}

/// ENOSPC, EDQUOT and EFBIG all mean: no room for this write.
fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

/// The server of a catalog is not there, is about to go, or gave this connection up; or another
/// node writes for longer than anybody waits.
fn is_unreachable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) => true,
        sqlx::Error::Database(inner) => {
            let code = inner.code().unwrap_or_default();
            // Connection exceptions, no more connections, lock timeout, operator intervention,
            // idle in transaction.
            code.len() == 5
                && (code.starts_with("08")
                    || code.starts_with("57P")
                    || ["53300", "55P03", "25P03"].contains(&&*code))
        }
        _ => false,
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_unreachable(&error) {
            return StoreError::Unreachable(format!("catalog: {error}"));
        }
        if let sqlx::Error::Database(inner) = &error {
            // SQLITE_FULL = 13; a full tmpfs gives SQLITE_IOERR_WRITE = 778 for the WAL and
            // SQLITE_IOERR_SHMSIZE = 4874 for its index.
            let code = inner.code().unwrap_or_default();
            if code == "13"
                || code == "778"
                || code == "4874"
                || inner.message().contains("disk is full")
            {
                return StoreError::Disk("the catalog".into());
            }
        }
        StoreError::Sql(error)
    }
}

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&object_store::Error> for StoreError {
    fn from(error: &object_store::Error) -> Self {
        if let object_store::Error::NotFound { path, .. } = error {
            return StoreError::NotFound(format!("object {path}"));
        }
        // The kept library wraps the I/O error several levels deep.
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(inner) = source {
            if inner.downcast_ref::<std::io::Error>().is_some_and(is_full) {
                return StoreError::Disk(error.to_string());
            }
            source = inner.source();
        }
        let mut text = error.to_string();
        text.truncate(text.floor_char_boundary(600));
        match error {
            // What is not an answer about an object is the server, or the way to it.
            object_store::Error::Generic { store: "S3", .. } => {
                StoreError::Unreachable(format!("objects: {text}"))
            }
            _ => StoreError::Object(text),
        }
    }
}

/// The error of the object store that a read of the index brought.
fn object_error(error: &std::io::Error) -> Option<&object_store::Error> {
    error.get_ref()?.downcast_ref()
}

impl From<crate::index::IndexError> for StoreError {
    fn from(error: crate::index::IndexError) -> Self {
        use crate::index::IndexError;
        match error {
            IndexError::Damaged(damage) => StoreError::damaged(
                format!("split {}", damage.split),
                format!("{} is damaged", damage.part),
            ),
            IndexError::Io(error) if is_full(&error) => StoreError::Disk("the index".into()),
            // Objects that do not answer say nothing about the index; one that is gone does.
            IndexError::Io(error) => match object_error(&error) {
                None | Some(object_store::Error::NotFound { .. }) => {
                    StoreError::Index(IndexError::Io(error).to_string())
                }
                Some(inner) => StoreError::from(inner),
            },
            other => StoreError::Index(other.to_string()),
        }
    }
}

impl From<everpost_domain::wire::Damaged> for StoreError {
    fn from(error: everpost_domain::wire::Damaged) -> Self {
        StoreError::damaged("record", error.0)
    }
}

/// Result of a store operation.
pub type Result<T> = std::result::Result<T, StoreError>;
