//! Mail that goes on: what was admitted to be sent to somebody, until it is known what became of it.
//!
//! ```text
//! admit(.. onward) ─ legs ─ take ─ sending ─ settle ─┬─ delivered, failed
//!      one transaction       │ a node holds them     └─ later, uncertain, held
//!                            └ wake: those of nodes that ended
//! ```
//! A leg is one message's way to one recipient; legs that go to one place are taken together. The states and
//! what may follow on each are [`everpost_domain::relay`]'s. The message itself is the archive's copy: the
//! queue has no bytes of its own. What it knows of senders and recipients is sealed.
//!
//! **Promise.** A leg is there when its message is admitted, by one commit, and it is open until an end of it is
//! committed. A message that may have left is in the state `sending` before it leaves.

mod enqueue;
mod order;
mod record;
mod standby;

pub(crate) use enqueue::{Outgoing, insert_onward};
pub use order::{Ordered, RelayStatus, StateCount};
pub use record::{Attempt, Errand, Leg, NewLeg, Onward, Settled, Verdict};
pub use standby::StandbyMail;

use everpost_domain::relay::LegState;
use record::{LegAbout, read_leg};

use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{now, statements};
use crate::error::Result;
use crate::tenant::Tenant;

/// How long a node has legs that it took, unless it renews, in µs of the database's clock.
const TERM: i64 = 120_000_000;
/// Ends are kept so long: within it the same bytes for the same recipient are a repeat.
const REMEMBERED: i64 = 7 * 86_400_000_000;

/// Somewhere that legs are due to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuePlace {
    /// Its key.
    pub place: i64,
    /// Legs.
    pub legs: u64,
    /// The highest priority among them.
    pub priority: i8,
}

impl Tenant {
    /// Where legs are due to now.
    pub async fn relay_due(&self) -> Result<Vec<DuePlace>> {
        let mut db = self.store.catalog.read().await?;
        let asked = values![self.id(), now(&mut db).await?];
        let rows = sql::fetch(&mut db, statements::DUE_PLACES, asked).await?;
        let read = |row: &sqlx::any::AnyRow| {
            Ok(DuePlace {
                place: row.int(0)?,
                legs: row.int(1)?.unsigned_abs(),
                priority: i8::try_from(row.int(2)?).unwrap_or(0),
            })
        };
        rows.iter().map(read).collect()
    }

    /// Takes legs that are due to a place, at most so many, the most urgent first; those of one message
    /// are one errand. They are this node's for two minutes, and as long as [`Self::relay_keep`] says so.
    pub async fn relay_take(&self, place: i64, most: usize) -> Result<Vec<Errand>> {
        let mut tx = self.store.catalog.begin().await?;
        let at = now(&mut tx).await?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let due = values![self.id(), place, at];
        let held = sql::execute(&mut tx, statements::STAND_BY_DUE, due).await?;
        let asked = values![self.id(), place, at, most];
        let rows = sql::fetch(&mut tx, statements::LEGS_DUE, asked).await?;
        let mut errands: Vec<Errand> = Vec::new();
        for row in &rows {
            let leg = read_leg(&self.state.keys, row)?;
            let own = self.store.catalog.node().to_vec();
            let taken = values![self.id(), leg.id, own, at + TERM];
            sql::execute(&mut tx, statements::TAKE_LEG, taken).await?;
            match errands.iter_mut().find(|errand| errand.mail == leg.mail) {
                Some(errand) => errand.legs.push(leg),
                None => errands.push(Errand::new(leg)),
            }
        }
        if !errands.is_empty() || held > 0 {
            tx.commit().await?;
        }
        Ok(errands)
    }

    /// Writes down that a message is about to be handed out for these legs. Only what this returns may be.
    pub async fn relay_sending(&self, legs: &[i64]) -> Result<Vec<i64>> {
        let own = self.store.catalog.node().to_vec();
        let mut tx = self.store.catalog.begin().await?;
        let mut ours = Vec::with_capacity(legs.len());
        for leg in legs {
            let row = values![self.id(), *leg, own.clone()];
            if sql::execute(&mut tx, statements::SEND_LEG, row).await? == 1 {
                ours.push(*leg);
            }
        }
        tx.commit().await?;
        Ok(ours)
    }

    /// Writes down what became of legs that this node had. What another node has by now is left as it is.
    pub async fn relay_settle(&self, settled: &[Settled]) -> Result<()> {
        let own = self.store.catalog.node().to_vec();
        let mut tx = self.store.catalog.begin().await?;
        let at = now(&mut tx).await?;
        for one in settled {
            let mut about = one.leg.about();
            about.add(one.attempt.clone());
            let row = values![
                self.id(),
                one.leg.id,
                own.clone(),
                one.state.code(),
                at + one.wait_us(),
                about.seal(&self.state.keys)?,
            ];
            sql::execute(&mut tx, statements::SETTLE_LEG, row).await?;
        }
        tx.commit().await
    }

    /// This node is still at these legs, which it took.
    pub async fn relay_keep(&self, legs: &[i64]) -> Result<()> {
        if legs.is_empty() {
            return Ok(());
        }
        let own = self.store.catalog.node().to_vec();
        let mut tx = self.store.catalog.begin().await?;
        let until = now(&mut tx).await? + TERM;
        for leg in legs {
            let row = values![self.id(), *leg, own.clone(), until];
            sql::execute(&mut tx, statements::KEEP_LEG, row).await?;
        }
        tx.commit().await
    }

    /// Puts back what nodes that ended had taken: what was not handed out waits again, what may have been is
    /// uncertain for `patience` seconds; and what has been uncertain for so long goes on. A node that
    /// `begins` had none before. Returns how many legs changed.
    pub async fn relay_wake(&self, begins: bool, patience: u64) -> Result<u64> {
        let own = begins.then(|| self.store.catalog.node().to_vec());
        let mut changed = 0;
        loop {
            let mut tx = self.store.catalog.begin().await?;
            let at = now(&mut tx).await?;
            let asked = values![self.id(), at, own.clone()];
            let rows = sql::fetch(&mut tx, statements::LEGS_STRANDED, asked).await?;
            if rows.is_empty() {
                return Ok(changed);
            }
            for row in &rows {
                let leg = read_leg(&self.state.keys, row)?;
                let (state, verdict, words) = match leg.state {
                    LegState::Taken => (LegState::Waiting, None, ""),
                    LegState::Sending => (
                        LegState::Uncertain,
                        Some(Verdict::Uncertain),
                        "the sender ended before it was answered",
                    ),
                    _ => (
                        LegState::Waiting,
                        Some(Verdict::Unsettled),
                        "no evidence came in time: it is sent again and may come twice",
                    ),
                };
                let due = match state {
                    LegState::Uncertain => at + seconds(patience),
                    _ => at,
                };
                let mut about = leg.about();
                about.add(verdict.map(|verdict| Attempt {
                    at,
                    server: String::new(),
                    verdict,
                    words: words.into(),
                }));
                self.change_leg(&mut tx, &leg, state, 0, due, &about)
                    .await?;
            }
            tx.commit().await?;
            changed += rows.len() as u64;
        }
    }

    async fn change_leg(
        &self,
        db: &mut sqlx::AnyConnection,
        leg: &Leg,
        state: LegState,
        why: i64,
        due: i64,
        about: &LegAbout,
    ) -> Result<()> {
        let row = values![
            self.id(),
            leg.id,
            leg.state.code(),
            state.code(),
            why,
            due,
            about.seal(&self.state.keys)?,
        ];
        sql::execute(db, statements::CHANGE_LEG, row).await?;
        Ok(())
    }

    /// Forgets ends that are old enough.
    pub async fn relay_forget(&self) -> Result<()> {
        let mut tx = self.store.catalog.begin().await?;
        let old = values![self.id(), now(&mut tx).await? - REMEMBERED];
        sql::execute(&mut tx, statements::FORGET_LEGS, old.clone()).await?;
        sql::execute(&mut tx, statements::FORGET_MAILS, old).await?;
        tx.commit().await
    }
}

/// In µs.
fn seconds(count: u64) -> i64 {
    i64::try_from(count.saturating_mul(1_000_000)).unwrap_or(i64::MAX / 4)
}

impl Tenant {
    /// A seal on a name that a message carries: only this archive can make it, and know it again.
    pub fn relay_seal(&self, name: &str) -> String {
        let tag = self.state.keys.tag(b"hop", name.as_bytes());
        let half = tag.iter().take(16);
        half.map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether it is the seal on that name. What it decides is known to whoever sent it, so the
    /// time that it takes may tell how it differs.
    pub fn relay_is_seal(&self, name: &str, seal: &str) -> bool {
        self.relay_seal(name) == seal
    }
}
