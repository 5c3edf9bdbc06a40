//! What came by which road and what became of it; and trouble, told once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use everpost_store::StoreError;

/// By which protocol mail comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    /// SMTP.
    Journal,
    /// LMTP.
    Lmtp,
    /// A mail server's filter.
    Milter,
    /// SMTP from other mail servers, whose mail goes on.
    Mx,
    /// SMTP from people who signed in, whose mail goes on.
    Submission,
}

impl Road {
    /// All of them.
    pub const ALL: [Road; 5] = [
        Road::Journal,
        Road::Lmtp,
        Road::Milter,
        Road::Mx,
        Road::Submission,
    ];

    /// Its name, that of its listener.
    pub fn name(self) -> &'static str {
        match self {
            Road::Journal => "journal",
            Road::Lmtp => "lmtp",
            Road::Milter => "milter",
            Road::Mx => "mx",
            Road::Submission => "submission",
        }
    }
}

/// Counts of one road, since the process began.
#[derive(Debug, Default)]
pub struct Tally {
    connections: AtomicU64,
    ended: AtomicU64,
    bytes: AtomicU64,
    kept: AtomicU64,
    no_room: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    abandoned: AtomicU64,
    omitted: AtomicU64,
    unwanted: AtomicU64,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    NoRoom,
    Failed,
    Refused,
    Abandoned,
    Omitted,
    Unwanted,
}

fn add(counter: &AtomicU64, many: u64) {
    counter.fetch_add(many, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Tally {
    /// Connections that were served or are.
    pub fn connections(&self) -> u64 {
        read(&self.connections)
    }

    /// Connections that are open.
    pub fn open(&self) -> u64 {
        read(&self.connections).saturating_sub(read(&self.ended))
    }

    /// Bytes of the messages that were kept.
    pub fn bytes(&self) -> u64 {
        read(&self.bytes)
    }

    /// Messages by what became of them: `kept` (archived, the same bytes again included), `no_room` and
    /// `failed` (the sender was asked to come again), `refused` (too large), `abandoned` (never complete),
    /// `omitted` (passed without being archived, as a filter that fails open was told to).
    pub fn messages(&self) -> [(&'static str, u64); 6] {
        [
            ("kept", read(&self.kept)),
            ("no_room", read(&self.no_room)),
            ("failed", read(&self.failed)),
            ("refused", read(&self.refused)),
            ("abandoned", read(&self.abandoned)),
            ("omitted", read(&self.omitted)),
        ]
    }

    /// Recipients that were refused.
    pub fn unwanted(&self) -> u64 {
        read(&self.unwanted)
    }

    /// Counts a connection for as long as the answer lives.
    pub(super) fn connected(&self) -> Connected<'_> {
        add(&self.connections, 1);
        Connected(self)
    }

    pub(super) fn kept(&self, bytes: usize) {
        add(&self.bytes, bytes as u64);
        self.count(Fate::Kept);
    }

    pub(super) fn count(&self, fate: Fate) {
        let counter = match fate {
            Fate::Kept => &self.kept,
            Fate::NoRoom => &self.no_room,
            Fate::Failed => &self.failed,
            Fate::Refused => &self.refused,
            Fate::Abandoned => &self.abandoned,
            Fate::Omitted => &self.omitted,
            Fate::Unwanted => &self.unwanted,
        };
        add(counter, 1);
    }
}

/// A connection that is open.
pub(super) struct Connected<'a>(&'a Tally);

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        add(&self.0.ended, 1);
    }
}

/// Why nothing can be archived. A store that is out of reach for an hour is told of once and not once for
/// each message that comes meanwhile.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<Option<&'static str>>);

impl Trouble {
    /// Something was not archived.
    pub(super) fn met(&self, error: &StoreError) {
        let code = error.code();
        if self.change(Some(code)) {
            tracing::error!(code, %error, hint = error.hint(), "mail cannot be archived; its senders are asked to come again");
        }
    }

    /// Something was.
    pub(super) fn over(&self) {
        if self.change(None) {
            tracing::info!("mail is archived again");
        }
    }

    /// Whether that is news.
    fn change(&self, to: Option<&'static str>) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *known, to) != to
    }
}
