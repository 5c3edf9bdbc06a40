//! Import: mail from files into a tenant's store.
//!
//! ```text
//! source (one thread reads) → groups of raw messages → read and hash (all cores)
//!        → admit (one pack, one transaction a group, with the job's cursor) → index
//! ```
//! Stages are joined by queues of one group; a budget of raw bytes bounds what is in
//! flight, so memory does not grow with the source.

mod archive;
mod budget;
mod eml;
mod folder;
mod maildir;
mod mbox;
mod pipeline;
mod source;
mod upload;
mod walk;

use std::path::PathBuf;

use everpost_codec::mbox::Dialect;
use everpost_store::{Counts, JobInfo, Spooled};

pub use pipeline::{begin, import};

/// Messages above this are rejected: larger ones are not sent by any server we know
/// (Exchange stops at 150 MB), and one message must fit into the memory budget.
pub const MAX_MESSAGE: usize = 256 << 20;

/// Raw bytes that may be read and not yet admitted.
const IN_FLIGHT: usize = 48 << 20;

/// Where mail is read from.
#[derive(Debug, Clone)]
pub enum Source {
    /// An mbox file, an Apple package, or a directory of them.
    Mbox {
        /// The file or directory.
        path: PathBuf,
        /// How it quotes.
        dialect: Dialect,
    },
    /// A Maildir with its folders.
    Maildir {
        /// The directory that holds `cur`.
        path: PathBuf,
    },
    /// A message file, or a directory tree of them.
    Eml {
        /// The file or directory.
        path: PathBuf,
    },
    /// A ZIP file of any of those.
    Zip {
        /// The file.
        path: PathBuf,
    },
    /// A tar file of any of those; `.gz` and `.zst` are unpacked.
    Tar {
        /// The file.
        path: PathBuf,
    },
    /// A file that was handed over and lies sealed in the store.
    Upload {
        /// What it is.
        kind: UploadKind,
        /// Its name where it came from.
        name: String,
        /// The file.
        file: Spooled,
    },
    /// The generated organization.
    Demo {
        /// Same seed, same mail.
        seed: u64,
        /// How many messages to generate.
        messages: usize,
    },
}

/// What a file that was handed over is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadKind {
    /// An mbox.
    Mbox,
    /// One message.
    Eml,
    /// A ZIP file.
    Zip,
    /// A tar file, plain or packed.
    Tar,
}

impl UploadKind {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            UploadKind::Mbox => "mbox",
            UploadKind::Eml => "eml",
            UploadKind::Zip => "zip",
            UploadKind::Tar => "tar",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [
            UploadKind::Mbox,
            UploadKind::Eml,
            UploadKind::Zip,
            UploadKind::Tar,
        ];
        all.into_iter().find(|kind| kind.name() == name)
    }
}

impl Source {
    /// The kind's name on the command line.
    pub fn kind(&self) -> &'static str {
        match self {
            Source::Mbox { .. } => "mbox",
            Source::Maildir { .. } => "maildir",
            Source::Eml { .. } => "eml",
            Source::Zip { .. } => "zip",
            Source::Tar { .. } => "tar",
            Source::Upload { kind, .. } => kind.name(),
            Source::Demo { .. } => "demo",
        }
    }

    /// The source for people.
    pub fn describe(&self) -> String {
        match self {
            Source::Mbox { path, .. }
            | Source::Maildir { path }
            | Source::Eml { path }
            | Source::Zip { path }
            | Source::Tar { path } => format!("{} {}", self.kind(), path.display()),
            Source::Upload { name, .. } => format!("{} {name}", self.kind()),
            Source::Demo { seed, messages } => format!("demo of {messages} messages, seed {seed}"),
        }
    }
}

/// How to import.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The mailbox that gets the mail. The demo brings its own.
    pub mailbox: String,
    /// The folder, instead of the one that the source names.
    pub folder: Option<String>,
    /// Only messages held at or after this instant, seconds since 1970.
    pub since: Option<i64>,
    /// Only messages held before this instant.
    pub until: Option<i64>,
    /// The mail server that the mail lay on, for `server:`.
    pub server: Option<String>,
    /// Read and count, store nothing.
    pub dry_run: bool,
    /// Return without waiting for the index.
    pub no_wait: bool,
    /// Messages above this many bytes are rejected.
    pub max_message: usize,
    /// Raw bytes that may be read and not yet admitted. A message above this is in flight
    /// alone.
    pub in_flight: usize,
}

impl ImportOptions {
    /// Everything into `mailbox`.
    pub fn new(mailbox: impl Into<String>) -> Self {
        ImportOptions {
            mailbox: mailbox.into(),
            folder: None,
            since: None,
            until: None,
            server: None,
            dry_run: false,
            no_wait: false,
            max_message: MAX_MESSAGE,
            in_flight: IN_FLIGHT,
        }
    }

    fn holds(&self, held_from: i64) -> bool {
        self.since.is_none_or(|since| held_from >= since)
            && self.until.is_none_or(|until| held_from < until)
    }
}

/// What an import is doing, for a progress bar.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportProgress {
    /// The balance of this job so far, earlier runs included.
    pub counts: Counts,
    /// Bytes of the source read so far.
    pub read_bytes: u64,
    /// Bytes of the source.
    pub total_bytes: u64,
    /// The store has everything; the index is catching up.
    pub indexing: bool,
}

/// What an import did.
#[derive(Debug, Clone)]
pub struct ImportReport {
    /// The job; `None` for a dry run.
    pub job: Option<JobInfo>,
    /// True if the job went on where an earlier run stopped.
    pub resumed: bool,
    /// The balance of the whole job.
    pub counts: Counts,
    /// The first items that were rejected or failed in this run, with reasons.
    pub errors: Vec<(String, String)>,
}

/// Why an import stopped.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The source as a whole cannot be read.
    #[error("{path}: {what}")]
    Source {
        /// The file or directory.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] everpost_store::StoreError),
}
