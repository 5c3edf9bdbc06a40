//! Keeping a user's mailbox in step with the mail server.
//!
//! ```text
//!            ┌──────────── a round ─────────────────────────────────────────────┐
//! Upstream ─ look ─ learn ─▶ replica: reconcile ─▶ orders ─ intend ─ carry out ─ outcome
//!    ▲                             │                                            │
//!    └─ idle, until either side ───┴── fill: bytes of messages known by header ─┘
//!       changes
//! ```
//! The rules are `domain::replica`'s; here is what asks the server and writes down. Headers come first, so that a large mailbox is
//! there at once, then bytes, newest first. Each step is durable before the next; whoever begins again looks first.

mod fill;
mod learn;
mod look;
#[cfg(test)]
mod tests;
mod words;
mod work;

use std::collections::BTreeMap;
use std::time::Duration;

use everpost_domain::replica::{Mailbox, Plan};
use everpost_store::{Replica, StoreError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use crate::capture::now;
use crate::upstream::{Account, Known, Trouble, Upstream};
pub use fill::OnDemand;

/// How a mailbox is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncOptions {
    /// Bytes of messages that came within so many days are fetched before anybody asks; `None`: of all.
    pub window_days: Option<u32>,
    /// Bytes of a message that are taken.
    pub max_message: u64,
    /// Between two looks at all folders, where nothing stirs in the inbox.
    pub look: Duration,
    /// Where the server lacks more than this many messages at once that it had, and more than a fifth of all, nothing is taken over
    /// until a person says so.
    pub alarming: usize,
}

impl Default for SyncOptions {
    fn default() -> Self {
        SyncOptions {
            window_days: None,
            max_message: 256 << 20,
            look: Duration::from_secs(30),
            alarming: 100,
        }
    }
}

/// How it goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether the mail server answers; `None` before it was asked.
    pub is_up: Option<bool>,
    /// What is wrong, for people.
    pub trouble: Option<String>,
    /// The server does not believe the user: nothing helps but another password.
    pub is_refused: bool,
    /// What the server is owed.
    pub owed: usize,
    /// Mail that somebody else brings to the server, and that was not seen there yet.
    pub awaited: usize,
    /// Orders that the server refused in the last round, for people.
    pub refused: Vec<String>,
    /// So many messages vanished at once; nothing is taken over.
    pub alarm: Option<usize>,
    /// Rounds that ended well.
    pub rounds: u64,
    /// When the last one did, in seconds since 1970.
    pub last: i64,
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The mail server.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// The mailbox here.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too much vanished at once.
    #[error(
        "the mail server lacks {0} messages that it had: nothing is taken over until somebody says so"
    )]
    Alarm(usize),
}

/// Keeps one mailbox in step.
pub struct Sync {
    replica: Replica,
    account: Account,
    options: SyncOptions,
    health: watch::Sender<Health>,
    release: watch::Receiver<i64>,
    /// Folders as they were at the last look of this connection.
    known: BTreeMap<String, Known>,
}

/// What came of a round.
#[derive(Debug, Default)]
struct Round {
    /// There is more to be done at once.
    again: bool,
}

/// Rounds that follow each other at once; then some time passes.
const ROUNDS: u32 = 20;
/// Until the server is tried again: longer each time, up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

impl Sync {
    /// Of a mailbox that is kept in step ([`everpost_store::Tenant::synced_replica`]).
    /// `release`: whoever was to bring mail to the server says that all that came before this time (seconds since 1970) is there; what
    /// is not seen there then is owed.
    pub fn new(
        replica: Replica,
        account: Account,
        options: SyncOptions,
        release: watch::Receiver<i64>,
    ) -> Self {
        Sync {
            release,
            replica,
            account,
            options,
            health: watch::Sender::new(Health::default()),
            known: BTreeMap::new(),
        }
    }

    /// How it goes, now and at each change.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Keeps the mailbox in step while `gate` is true, until the other end of that is gone.
    pub async fn run(mut self, mut gate: watch::Receiver<bool>) {
        let mut pause = PAUSES.0;
        loop {
            if gate.wait_for(|open| *open).await.is_err() {
                return;
            }
            let halt = tokio::select! {
                ended = gate.wait_for(|open| !*open) => match ended {
                    Ok(_) => continue,
                    Err(_) => return,
                },
                halt = self.connected(&mut pause) => halt,
            };
            self.tell(&halt);
            tokio::select! {
                ended = gate.wait_for(|open| !*open) => if ended.is_err() { return },
                () = sleep(pause) => {}
            }
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    fn tell(&self, halt: &Halt) {
        let trouble = Some(halt.to_string());
        if self.health.borrow().trouble != trouble {
            tracing::info!(owner = self.replica.owner(), %halt, "the mailbox is not in step");
        }
        self.health.send_modify(|health| {
            health.trouble = trouble;
            match halt {
                Halt::Trouble(trouble) => {
                    health.is_up = Some(false);
                    health.is_refused = matches!(trouble, Trouble::LoginRefused(_));
                }
                Halt::Alarm(count) => health.alarm = Some(*count),
                Halt::Store(_) => {}
            }
        });
    }

    /// Works over one connection, until something is wrong.
    async fn connected(&mut self, pause: &mut Duration) -> Halt {
        let none = BTreeMap::new();
        let begun = self.replica.step(&none, |core| core.wake(now()));
        if let Err(error) = begun.await {
            return error.into();
        }
        let mut upstream = match Upstream::connect(&self.account).await {
            Ok(upstream) => upstream,
            Err(trouble) => return trouble.into(),
        };
        self.known.clear();
        self.health.send_modify(|health| {
            health.is_up = Some(true);
            health.is_refused = false;
        });
        let mut changed = self.replica.changed();
        loop {
            changed.borrow_and_update();
            match self.settle(&mut upstream).await {
                Ok(()) => *pause = PAUSES.0,
                Err(halt) => return halt,
            }
            let filled = self.fill(&mut upstream, &mut changed).await;
            match filled {
                Ok(true) => continue,
                Ok(false) => {}
                Err(halt) => return halt,
            }
            let look = self.options.look;
            let wait = async {
                let changed = timeout_at(Instant::now() + look, changed.changed());
                changed.await.ok();
            };
            if let Err(trouble) = upstream.idle("INBOX", wait).await {
                return trouble.into();
            }
        }
    }

    /// Rounds, until there is nothing left to do at once.
    async fn settle(&mut self, upstream: &mut Upstream) -> Result<(), Halt> {
        for _ in 0..ROUNDS {
            let round = self.round(upstream).await?;
            if !round.again {
                break;
            }
        }
        let count = |core: &Mailbox<_>| {
            let awaited = core.messages().filter(|message| message.awaited);
            (core.owed().len(), awaited.count())
        };
        let (owed, awaited) = self.replica.look(count).await?;
        self.health.send_modify(|health| {
            health.trouble = None;
            health.alarm = None;
            (health.owed, health.awaited) = (owed, awaited);
            health.rounds += 1;
            health.last = now();
        });
        Ok(())
    }

    async fn round(&mut self, upstream: &mut Upstream) -> Result<Round, Halt> {
        // Read before the look: what is seen is seen after that was said.
        let released = *self.release.borrow();
        let mut seen = self.look(upstream).await?;
        let Plan {
            orders,
            look_again,
            saw_all,
            ..
        } = self.learn(upstream, &mut seen).await?;
        let mut is_owed = false;
        if saw_all && !look_again && released > 0 {
            let stop = |core: &mut Mailbox<_>| {
                let before = core.owed().len();
                core.stop_waiting(released);
                core.owed().len() != before
            };
            is_owed = self.replica.step(&BTreeMap::new(), stop).await?;
        }
        let is_partial = seen.is_partial;
        self.known.extend(seen.known);
        let done = self.work(upstream, orders).await?;
        Ok(Round {
            again: look_again || is_partial || is_owed || done > 0,
        })
    }
}
