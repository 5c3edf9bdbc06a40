//! What became of mail that goes on, in numbers; and who calls our address bad.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use everpost_codec::dsn::{Reputation, reputation};
use everpost_domain::relay::LegState;
use everpost_store::Attempt;

/// What the relay did since the process began.
#[derive(Debug, Default)]
pub struct RelayTally {
    delivered: AtomicU64,
    postponed: AtomicU64,
    failed: AtomicU64,
    uncertain: AtomicU64,
    settled: AtomicU64,
    connections: AtomicU64,
    blocked: Mutex<Option<Blocked>>,
}

/// A server that calls our address bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// When it last said so, in seconds since 1970.
    pub at: i64,
    /// Which server.
    pub server: String,
    /// What it said.
    pub words: String,
    /// The list that it names.
    pub list: Option<String>,
}

impl RelayTally {
    /// Legs by what became of them, and connections that were made.
    pub fn counts(&self) -> [(&'static str, u64); 6] {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("delivered", read(&self.delivered)),
            ("postponed", read(&self.postponed)),
            ("failed", read(&self.failed)),
            ("uncertain", read(&self.uncertain)),
            ("settled", read(&self.settled)),
            ("connections", read(&self.connections)),
        ]
    }

    /// The last server that called our address bad.
    pub fn blocked(&self) -> Option<Blocked> {
        self.blocked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn settled(&self, legs: u64) {
        self.settled.fetch_add(legs, Ordering::Relaxed);
    }

    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count(&self, state: LegState) {
        let counter = match state {
            LegState::Delivered => &self.delivered,
            LegState::Failed => &self.failed,
            LegState::Uncertain => &self.uncertain,
            _ => &self.postponed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn heard(&self, attempt: &Attempt) {
        let Some(bad) = reputation(&attempt.words) else {
            return;
        };
        let Reputation { list, .. } = bad;
        tracing::warn!(server = %attempt.server, words = %attempt.words, "a mail server calls our address bad");
        *self.blocked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Blocked {
            at: attempt.at / 1_000_000,
            server: attempt.server.clone(),
            words: attempt.words.clone(),
            list,
        });
    }
}
