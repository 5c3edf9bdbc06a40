//! Looking at the queue, and giving orders to it.

use everpost_domain::digest::Digest;
use everpost_domain::relay::{LegState, Order, Why};

use super::record::{Attempt, Leg, Verdict, read_leg};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{now, statements};
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// What an order did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ordered {
    /// Legs that were named.
    pub legs: u64,
    /// Those that changed; the others were in a state of which the order says nothing.
    pub changed: u64,
}

/// Open legs in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelayStatus {
    /// By state and reason.
    pub counts: Vec<StateCount>,
}

/// Open legs of one state and reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateCount {
    /// The state.
    pub state: LegState,
    /// Why they are held, if they are.
    pub why: Option<Why>,
    /// How many.
    pub legs: u64,
    /// When the oldest was taken in, µs since 1970.
    pub oldest: i64,
    /// When the first is due.
    pub due: i64,
}

impl RelayStatus {
    /// Legs under way.
    pub fn open(&self) -> u64 {
        self.counts.iter().map(|count| count.legs).sum()
    }

    /// When the oldest of them was taken in.
    pub fn oldest(&self) -> Option<i64> {
        self.counts.iter().map(|count| count.oldest).min()
    }
}

impl Tenant {
    /// Open legs in numbers.
    pub async fn relay_status(&self) -> Result<RelayStatus> {
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statements::COUNT_LEGS, values![self.id()]).await?;
        let read = |row: &sqlx::any::AnyRow| {
            Ok(LegState::from_code(row.int(0)?).map(|state| StateCount {
                state,
                why: Why::from_code(row.int(1).unwrap_or(0)),
                legs: row.int(2).unwrap_or(0).unsigned_abs(),
                oldest: row.int(3).unwrap_or(0),
                due: row.int(4).unwrap_or(0),
            }))
        };
        let counts: Result<Vec<Option<StateCount>>> = rows.iter().map(read).collect();
        let mut counts: Vec<StateCount> = counts?.into_iter().flatten().collect();
        counts.sort_by_key(|count| (count.state, count.why));
        Ok(RelayStatus { counts })
    }

    /// Legs behind the one of number `after`, in the order of their numbers, a thousand at most; open ones, or all.
    pub async fn relay_legs(&self, after: i64, all: bool) -> Result<Vec<Leg>> {
        let last = match all {
            true => LegState::Repeated,
            false => LegState::LAST_OPEN,
        };
        let asked = values![self.id(), after, 0, last.code()];
        self.read_legs(statements::LEGS_AFTER, asked).await
    }

    /// Legs that nobody knows the end of.
    pub async fn relay_uncertain(&self) -> Result<Vec<Leg>> {
        let state = LegState::Uncertain.code();
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let asked = values![self.id(), after, state, state];
            let legs = self.read_legs(statements::LEGS_AFTER, asked).await?;
            match legs.last() {
                Some(last) => after = last.id,
                None => return Ok(all),
            }
            all.extend(legs);
        }
    }

    /// All legs of a copy.
    pub async fn relay_legs_of(&self, id: &Digest) -> Result<Vec<Leg>> {
        let copy = {
            let mut db = self.store.catalog.read().await?;
            self.find_copy(&mut db, id).await?.id
        };
        self.read_legs(statements::LEGS_OF_COPY, values![self.id(), copy])
            .await
    }

    async fn read_legs(&self, statement: &'static str, asked: Vec<sql::Value>) -> Result<Vec<Leg>> {
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statement, asked).await?;
        rows.iter()
            .map(|row| read_leg(&self.state.keys, row))
            .collect()
    }

    /// Gives an order about legs. `words` says why, in the leg's history and in the log, by `actor`.
    pub async fn relay_order(
        &self,
        legs: &[i64],
        order: Order,
        actor: &str,
        words: &str,
    ) -> Result<Ordered> {
        let mut done = Ordered::default();
        let mut tx = self.store.catalog.begin().await?;
        let at = now(&mut tx).await?;
        for id in legs {
            let asked = values![self.id(), *id];
            let row = sql::fetch_optional(&mut tx, statements::LEG, asked).await?;
            let row = row.ok_or_else(|| StoreError::NotFound(format!("leg {id}")))?;
            let leg = read_leg(&self.state.keys, &row)?;
            done.legs += 1;
            let Some(state) = leg.state.ordered(order) else {
                continue;
            };
            let verdict = match order {
                Order::Delivered => Verdict::Evidence,
                Order::NotDelivered => Verdict::NotThere,
                _ => Verdict::Ordered,
            };
            let mut about = leg.about();
            about.add(Some(Attempt {
                at,
                server: String::new(),
                verdict,
                words: format!("{} ({actor}): {words}", order.name()),
            }));
            let why = match state {
                LegState::Held => Why::Operator.code(),
                _ => 0,
            };
            self.change_leg(&mut tx, &leg, state, why, at, &about)
                .await?;
            if state == LegState::Dropped {
                let subject = format!("mail {} to {}: dropped", leg.copy, leg.recipient);
                self.record_change(&mut tx, actor, &subject, words).await?;
            }
            done.changed += 1;
        }
        tx.commit().await?;
        Ok(done)
    }
}
