//! Text out of attachments, for search.
//!
//! Documents that came by mail are hostile, and their parsers are large. So this is the only
//! crate that links them, and [`Pool`] runs them in child processes which gave up, before the
//! first byte, every right but to compute: no files, no network, no processes, bounded memory
//! and time. A child that dies costs one document's text, never mail.
//!
//! ```text
//! Pool ── item ──> child: sniff → PDF | office | archive → … → plain text
//!      <─ text ──  (src/read)     each may hold items: read the same way, one deeper
//! ```
//! What a document is, is decided by its bytes; name and media type only break ties.

mod pool;
mod protocol;
mod read;
mod sandbox;
mod worker;

pub use pool::{Extract, Pool, PoolError, PoolOptions};
pub use protocol::{decode_answer, decode_job, encode_answer, encode_job};
pub use read::{Item, Limits, extract};
pub use worker::{WorkerError, work};

/// The extractor's version. Raised whenever texts would come out different, so that stored
/// ones can be told apart.
pub const VERSION: u32 = 1;

/// What was read of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extraction {
    /// The text, lines divided by LF. Empty where there is none.
    pub text: String,
    /// Why there may be more text than that; `None` if this is all of it. A photo has no text
    /// and no gap.
    pub gap: Option<Gap>,
}

/// Why text is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    /// It is encrypted.
    Encrypted = 1,
    /// It is larger than is read.
    TooLarge = 2,
    /// It holds more text, files or levels than are read.
    TooMuch = 3,
    /// No reader for this format.
    Unsupported = 4,
    /// It is damaged.
    Damaged = 5,
    /// The reader died of it.
    Crashed = 6,
    /// The reader did not finish in time.
    TimedOut = 7,
}

impl Gap {
    /// All of them.
    pub const ALL: [Gap; 7] = [
        Gap::Encrypted,
        Gap::TooLarge,
        Gap::TooMuch,
        Gap::Unsupported,
        Gap::Damaged,
        Gap::Crashed,
        Gap::TimedOut,
    ];

    /// By its number.
    pub fn of(code: u8) -> Option<Gap> {
        Gap::ALL.into_iter().find(|gap| *gap as u8 == code)
    }

    /// One word, as status and JSON show it.
    pub fn name(self) -> &'static str {
        match self {
            Gap::Encrypted => "encrypted",
            Gap::TooLarge => "too-large",
            Gap::TooMuch => "too-much",
            Gap::Unsupported => "unsupported",
            Gap::Damaged => "damaged",
            Gap::Crashed => "crashed",
            Gap::TimedOut => "timed-out",
        }
    }

    /// True for what may go better next time: the machine was busy, or out of memory.
    pub fn is_accident(self) -> bool {
        matches!(self, Gap::Crashed | Gap::TimedOut)
    }
}
