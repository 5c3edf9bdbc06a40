//! Who indexes what.
//!
//! A node of a cluster says in the transaction of an admission that it will index what it admitted:
//! it has read it already. So nodes build splits side by side, and the index's cursor moves over
//! what they finished in whatever order. What nobody is going to index (events without mail, mail of
//! a node that died) is gathered by the node that leads.
//!
//! Claims save work; what keeps the index right is that a range is taken out of the table, or the
//! cursor moved over it, in the transaction that lists its splits, and only if nobody did before.
#![allow(
    clippy::single_range_in_vec_init,
    reason = "a list of one range of seqs is what is meant"
)]

use std::ops::Range;

use sqlx::AnyConnection;

use super::{Follower, move_cursor};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Catalog, NodeId, now, statements};
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// How long a claim lasts that is not renewed, in µs of the database's clock.
const TERM: i64 = 10_000_000;
/// Events that are looked at in one step.
const STEP: i64 = 2048;

/// A range of seqs ahead of the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    seqs: Range<i64>,
    state: State,
}

/// What is known of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its mail is in splits.
    Indexed,
    /// A node will index it, and has until this time to say so again.
    Claimed { by: NodeId, until: i64 },
}

/// How far the index is, and who is at what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ranges {
    /// All mail before it is in splits.
    pub(crate) cursor: i64,
    /// In order, without overlap, all from the cursor on.
    rows: Vec<Row>,
    own: NodeId,
    /// The database's clock when they were read, in µs.
    now: i64,
}

impl Ranges {
    /// What is in splits though the cursor is not there yet.
    pub(crate) fn indexed_ahead(&self) -> impl Iterator<Item = &Range<i64>> {
        let indexed = self.rows.iter().filter(|row| row.state == State::Indexed);
        indexed.map(|row| &row.seqs)
    }

    /// True if a claim of this node ends soon.
    fn must_be_renewed(&self) -> bool {
        self.rows.iter().any(|row| match row.state {
            State::Claimed { by, until } => by == self.own && until - self.now < TERM / 2,
            State::Indexed => false,
        })
    }

    /// True if somebody else is at it.
    fn is_anothers(&self, row: &Row) -> bool {
        matches!(row.state, State::Claimed { by, until } if by != self.own && until > self.now)
    }

    /// What this node gathers next of the events before `events`, besides what it has
    /// `gathered`: what it claimed; where it leads, also what nobody is at.
    pub(super) fn to_gather(
        &self,
        events: i64,
        leads: bool,
        gathered: &[Range<i64>],
    ) -> Option<Range<i64>> {
        let mut wanted: Vec<Range<i64>> = match leads {
            true => vec![self.cursor..events],
            false => (self.rows.iter())
                .filter(|row| matches!(row.state, State::Claimed { by, .. } if by == self.own))
                .map(|row| row.seqs.clone())
                .collect(),
        };
        let done = self.rows.iter();
        let done = done.filter(|row| row.state == State::Indexed || self.is_anothers(row));
        for taken in done.map(|row| &row.seqs).chain(gathered) {
            wanted = wanted.iter().flat_map(|one| without(one, taken)).collect();
        }
        let first = wanted.iter().find(|one| !one.is_empty())?;
        Some(first.start..first.end.min(first.start + STEP))
    }

    /// The ranges once the mail of `gathered` is in splits, too; `None` if some of it was in
    /// splits before, or somebody else is at it.
    fn with_indexed(&self, gathered: &[Range<i64>]) -> Option<Ranges> {
        let overlaps = |row: &Row| gathered.iter().any(|one| meet(one, &row.seqs));
        let lost = gathered.iter().any(|one| one.start < self.cursor)
            || (self.rows.iter())
                .any(|row| overlaps(row) && (row.state == State::Indexed || self.is_anothers(row)));
        if lost {
            return None;
        }
        let mut rows = Vec::new();
        for row in &self.rows {
            let mut left = vec![row.seqs.clone()];
            for one in gathered {
                left = left.iter().flat_map(|part| without(part, one)).collect();
            }
            let state = row.state;
            rows.extend(left.into_iter().map(|seqs| Row { seqs, state }));
        }
        rows.extend(gathered.iter().map(|seqs| Row {
            seqs: seqs.clone(),
            state: State::Indexed,
        }));
        rows.sort_by_key(|row| row.seqs.start);
        rows.dedup_by(|next, row| {
            let one = row.seqs.end == next.seqs.start
                && (row.state, next.state) == (State::Indexed, State::Indexed);
            if one {
                row.seqs.end = next.seqs.end;
            }
            one
        });
        let mut cursor = self.cursor;
        if let Some(first) = rows.first()
            && first.state == State::Indexed
            && first.seqs.start == cursor
        {
            cursor = first.seqs.end;
            rows.remove(0);
        }
        Some(Ranges {
            cursor,
            rows,
            ..self.clone()
        })
    }
}

fn meet(one: &Range<i64>, other: &Range<i64>) -> bool {
    one.start.max(other.start) < one.end.min(other.end)
}

/// What is left of a range without another.
fn without(whole: &Range<i64>, taken: &Range<i64>) -> impl Iterator<Item = Range<i64>> + use<> {
    let before = whole.start..whole.end.min(taken.start);
    let after = whole.start.max(taken.end)..whole.end;
    [before, after].into_iter().filter(|left| !left.is_empty())
}

impl Tenant {
    /// How far the index is, and who is at what.
    pub(crate) async fn index_ranges(&self, db: &mut AnyConnection) -> Result<Ranges> {
        let cursor = self.index_cursor(db).await?;
        let rows = sql::fetch(db, statements::INDEX_RANGES, values![self.id()]).await?;
        let read = |row: &sqlx::any::AnyRow| {
            let state = match row.blob_or_null(2)? {
                None => State::Indexed,
                Some(_) => State::Claimed {
                    by: row.array(2)?,
                    until: row.int(3)?,
                },
            };
            Ok(Row {
                seqs: row.int(0)?..row.int(1)?,
                state,
            })
        };
        Ok(Ranges {
            cursor,
            now: match rows.is_empty() {
                true => 0,
                false => now(db).await?,
            },
            rows: rows.iter().map(read).collect::<Result<_>>()?,
            own: self.store.catalog.node(),
        })
    }

    /// What there is to gather now, besides what was gathered; claims go on while they are worked
    /// on.
    pub(super) async fn next_to_gather(
        &self,
        leads: bool,
        gathered: &[Range<i64>],
    ) -> Result<Option<Range<i64>>> {
        let mut db = self.store.catalog.read().await?;
        let ranges = self.index_ranges(&mut db).await?;
        let events = crate::admit::next_seq(&mut db, self.id()).await?;
        drop(db);
        if ranges.must_be_renewed() {
            let mut tx = self.store.catalog.begin().await?;
            let until = now(&mut tx).await? + TERM;
            let row = values![self.id(), ranges.own.to_vec(), until];
            sql::execute(&mut tx, statements::RENEW_INDEX_RANGES, row).await?;
            tx.commit().await?;
        }
        Ok(ranges.to_gather(events, leads, gathered))
    }

    /// Notes, in the transaction that lists the splits, that the mail of `gathered` is in them;
    /// [`StoreError::Guard`] if somebody was there first.
    pub(super) async fn note_indexed(
        &self,
        db: &mut AnyConnection,
        gathered: &[Range<i64>],
    ) -> Result<()> {
        let before = self.index_ranges(db).await?;
        let after = before.with_indexed(gathered).ok_or(StoreError::Guard)?;
        for row in before.rows.iter().filter(|row| !after.rows.contains(row)) {
            let old = values![self.id(), row.seqs.start];
            sql::execute(db, statements::DELETE_INDEX_RANGE, old).await?;
        }
        for row in after.rows.iter().filter(|row| !before.rows.contains(row)) {
            insert(db, self.id(), row).await?;
        }
        if after.cursor != before.cursor {
            let (from, to) = (before.cursor, after.cursor);
            move_cursor(db, self.id(), Follower::Index, from, to).await?;
        }
        Ok(())
    }

    /// Leaves to others what this node was going to index.
    pub(crate) async fn release_ranges(&self) -> Result<()> {
        if !self.store.catalog.is_shared() {
            return Ok(());
        }
        // Beside whatever is written, as a lease is: it only saves others a wait.
        #[cfg(test)]
        let _turn = crate::simulation::take_turn().await?;
        let mut db = self.store.catalog.read().await?;
        let own = values![self.id(), self.store.catalog.node().to_vec()];
        sql::execute(&mut db, statements::RELEASE_INDEX_RANGES, own).await?;
        Ok(())
    }
}

/// Says, in the transaction that admits mail, that this node will index it. One that has the
/// archive for itself need not say so.
pub(crate) async fn claim(
    db: &mut AnyConnection,
    catalog: &Catalog,
    tenant: i64,
    seqs: Range<i64>,
) -> Result<()> {
    if !catalog.is_shared() || seqs.is_empty() {
        return Ok(());
    }
    let state = State::Claimed {
        by: catalog.node(),
        until: now(db).await? + TERM,
    };
    insert(db, tenant, &Row { seqs, state }).await
}

async fn insert(db: &mut AnyConnection, tenant: i64, row: &Row) -> Result<()> {
    let (holder, until) = match row.state {
        State::Indexed => (None, 0),
        State::Claimed { by, until } => (Some(by.to_vec()), until),
    };
    let values = values![tenant, row.seqs.start, row.seqs.end, holder, until];
    sql::execute(db, statements::INSERT_INDEX_RANGE, values).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests may panic"
    )]
    use proptest::prelude::*;

    use super::*;

    const OWN: NodeId = [1; 16];
    const OTHER: NodeId = [2; 16];
    const NOW: i64 = 1_000;

    fn ranges(cursor: i64, rows: &[(Range<i64>, State)]) -> Ranges {
        let rows = rows.iter().map(|(seqs, state)| Row {
            seqs: seqs.clone(),
            state: *state,
        });
        Ranges {
            cursor,
            rows: rows.collect(),
            own: OWN,
            now: NOW,
        }
    }

    const MINE: State = State::Claimed { by: OWN, until: 0 };
    const THEIRS: State = State::Claimed {
        by: OTHER,
        until: NOW + 1,
    };
    const LAPSED: State = State::Claimed {
        by: OTHER,
        until: NOW,
    };

    #[test]
    fn a_node_gathers_what_it_claimed_and_one_that_leads_what_nobody_is_at() {
        let rows = [
            (5..7, State::Indexed),
            (7..9, THEIRS),
            (9..10, MINE),
            (10..12, LAPSED),
        ];
        let found = ranges(5, &rows);
        assert_eq!(found.to_gather(20, false, &[]), Some(9..10));
        let rest = [9..10];
        assert_eq!(found.to_gather(20, false, &rest), None);
        assert_eq!(found.to_gather(20, true, &[]), Some(9..20));
        let rest = [9..12];
        assert_eq!(found.to_gather(20, true, &rest), Some(12..20));
        let all = [9..20];
        assert_eq!(found.to_gather(20, true, &all), None);
        let far = ranges(0, &[]);
        assert_eq!(far.to_gather(1_000_000, true, &[]), Some(0..STEP));
    }

    #[test]
    fn the_cursor_moves_over_what_is_indexed_without_a_gap() {
        let found = ranges(0, &[(3..5, State::Indexed), (5..8, THEIRS)]);
        let first = [0..2];
        let after = found.with_indexed(&first).unwrap();
        assert_eq!(after.cursor, 2);
        assert_eq!(after.indexed_ahead().collect::<Vec<_>>(), [&(3..5)]);
        let gap = [2..3];
        let after = after.with_indexed(&gap).unwrap();
        assert_eq!((after.cursor, after.rows.len()), (5, 1));
        let theirs = [5..6];
        assert_eq!(after.with_indexed(&theirs), None, "somebody else is at it");
        let twice = [4..6];
        assert_eq!(after.with_indexed(&twice), None, "it is in splits already");
    }

    #[test]
    fn what_is_left_of_a_claim_stays_claimed() {
        let found = ranges(0, &[(0..10, MINE)]);
        let middle = [4..6];
        let after = found.with_indexed(&middle).unwrap();
        let left: Vec<_> = after.rows.iter().map(|row| row.seqs.clone()).collect();
        assert_eq!((after.cursor, left), (0, vec![0..4, 4..6, 6..10]));
    }

    proptest! {
        /// Whatever nodes do in whatever order: nothing is indexed twice, and in the end all is.
        #[test]
        fn every_event_is_indexed_once(
            steps in proptest::collection::vec((0..3usize, 1..40i64, any::<bool>()), 1..60),
        ) {
            let nodes: [NodeId; 3] = [[1; 16], [2; 16], [3; 16]];
            let mut shared = ranges(0, &[]);
            let mut events = 0;
            let mut held: [Vec<Range<i64>>; 3] = Default::default();
            let mut times = Vec::new();
            let seal = |shared: &mut Ranges, held: &mut Vec<Range<i64>>, times: &mut Vec<u8>| {
                let gathered = std::mem::take(held);
                if let Some(after) = shared.with_indexed(&gathered) {
                    for seq in gathered.into_iter().flatten() {
                        times[usize::try_from(seq).unwrap()] += 1;
                    }
                    *shared = after;
                }
            };
            for (who, count, leads) in steps {
                shared.own = nodes[who];
                shared.now += 3_000_000;
                if count % 2 == 0 {
                    let state = State::Claimed { by: nodes[who], until: shared.now + TERM };
                    shared.rows.push(Row { seqs: events..events + count, state });
                    events += count;
                    times.resize(usize::try_from(events).unwrap(), 0);
                } else if let Some(next) = shared.to_gather(events, leads, &held[who]) {
                    held[who].push(next.start..next.end.min(next.start + count));
                }
                if count % 5 == 0 {
                    seal(&mut shared, &mut held[who], &mut times);
                }
            }
            shared.own = nodes[0];
            shared.now += TERM;
            held[0].clear();
            while let Some(next) = shared.to_gather(events, true, &held[0]) {
                held[0].push(next);
                seal(&mut shared, &mut held[0], &mut times);
            }
            prop_assert_eq!(shared.cursor, events);
            prop_assert!(shared.rows.is_empty());
            prop_assert!(times.iter().all(|times| *times == 1), "{:?}", times);
        }
    }
}
