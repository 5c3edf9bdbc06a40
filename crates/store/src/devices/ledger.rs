//! The ledger of a user's mailbox that is written back: who may, and what was appended by whom. The lines are rows, of which
//! a change writes those that it changed.

use std::collections::BTreeMap;

use everpost_domain::continuity::recovery::{Lease, Ledger, Line};
use everpost_domain::digest::Digest;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;

use crate::access::clean_address;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, now, statements, take_ids};
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// A line of a ledger that is new or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerChange {
    /// The message.
    pub key: Digest,
    /// What is known of it.
    pub line: Line,
    /// The number of the change.
    pub number: u64,
}

/// What is sealed of a ledger.
#[derive(Serialize, Deserialize)]
struct LedgerAbout {
    owner: String,
    /// Holder, generation, until when.
    lease: Option<(String, u64, i64)>,
}

/// What is sealed of a line.
#[derive(Serialize, Deserialize)]
struct LineAbout {
    key: String,
    folder: String,
    uid: Option<u32>,
    generation: u64,
}

/// A ledger as it rests.
struct Resting {
    id: i64,
    /// The number of the last change.
    changed: i64,
    ledger: Ledger<Digest>,
    /// Where each line of a key rests.
    places: BTreeMap<Digest, Vec<i64>>,
    /// Where the next line goes.
    next: i64,
}

impl Tenant {
    /// What was appended to a user's mailbox, and who may append now.
    pub async fn recovery_ledger(&self, owner: &str) -> Result<Ledger<Digest>> {
        let mut db = self.store.catalog.read().await?;
        let resting = self.resting(&mut db, &clean_address(owner)?).await?;
        Ok(resting.map(|one| one.ledger).unwrap_or_default())
    }

    /// Lines of a user's ledger that are new or changed since a change of it, in their order; some thousands at most.
    pub async fn recovery_since(&self, owner: &str, number: u64) -> Result<Vec<LedgerChange>> {
        let mut db = self.store.catalog.read().await?;
        let asked = values![self.id(), self.ledger_hash(&clean_address(owner)?)];
        let row = sql::fetch_optional(&mut db, statements::RECOVERY_BY_HASH, asked).await?;
        let Some(row) = row else {
            return Ok(Vec::new());
        };
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let asked = values![self.id(), row.int(0)?, number];
        let rows = sql::fetch(&mut db, statements::RECOVERY_LINES_SINCE, asked).await?;
        let read = |row: &sqlx::any::AnyRow| {
            let (key, line) = self.read_line(&row.blob(2)?)?;
            Ok(LedgerChange {
                key,
                line,
                number: row.int(1)?.unsigned_abs(),
            })
        };
        rows.iter().map(read).collect()
    }

    /// Changes a user's ledger in one transaction: `change` gets it and the time, in seconds since 1970. What it answers is
    /// answered when the change is durable.
    pub async fn change_ledger<T>(
        &self,
        owner: &str,
        change: impl FnOnce(&mut Ledger<Digest>, i64) -> T,
    ) -> Result<T> {
        let owner = clean_address(owner)?;
        let mut tx = self.store.catalog.begin().await?;
        let at = now(&mut tx).await?.div_euclid(1_000_000);
        let resting = match self.resting(&mut tx, &owner).await? {
            Some(resting) => resting,
            None => self.new_ledger(&mut tx, &owner).await?,
        };
        let mut ledger = resting.ledger.clone();
        let answer = change(&mut ledger, at);
        if ledger != resting.ledger {
            self.write_ledger(&mut tx, &owner, &resting, &ledger)
                .await?;
            tx.commit().await?;
        }
        Ok(answer)
    }

    fn ledger_hash(&self, owner: &str) -> i64 {
        self.state.keys.lookup(b"recovery", owner.as_bytes())
    }

    async fn new_ledger(&self, tx: &mut AnyConnection, owner: &str) -> Result<Resting> {
        let id = take_ids(tx, Counter::Recovery, 1).await?;
        let about = LedgerAbout {
            owner: owner.to_owned(),
            lease: None,
        };
        let about = self.seal_about(b"recovery", &about)?;
        let row = values![id, self.id(), self.ledger_hash(owner), about];
        sql::execute(tx, statements::INSERT_RECOVERY, row).await?;
        Ok(Resting {
            id,
            changed: 0,
            ledger: Ledger::default(),
            places: BTreeMap::new(),
            next: 0,
        })
    }

    async fn resting(&self, db: &mut AnyConnection, owner: &str) -> Result<Option<Resting>> {
        let asked = values![self.id(), self.ledger_hash(owner)];
        let row = sql::fetch_optional(db, statements::RECOVERY_BY_HASH, asked).await?;
        let Some(row) = row else { return Ok(None) };
        let (id, generation, changed) = (row.int(0)?, row.int(1)?.unsigned_abs(), row.int(2)?);
        let about: LedgerAbout = self.open_about(b"recovery", &row.blob(3)?)?;
        let lease = about.lease.map(|(holder, generation, until)| Lease {
            holder,
            generation,
            until,
        });
        let mut lines: BTreeMap<Digest, Vec<Line>> = BTreeMap::new();
        let mut places: BTreeMap<Digest, Vec<i64>> = BTreeMap::new();
        let mut next = 0;
        loop {
            let asked = values![self.id(), id, next];
            let rows = sql::fetch(db, statements::RECOVERY_LINES, asked).await?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                let place = row.int(0)?;
                let (key, line) = self.read_line(&row.blob(2)?)?;
                lines.entry(key).or_default().push(line);
                places.entry(key).or_default().push(place);
                next = place + 1;
            }
        }
        Ok(Some(Resting {
            id,
            changed,
            ledger: Ledger::restore(lease, generation, lines),
            places,
            next,
        }))
    }

    fn read_line(&self, sealed: &[u8]) -> Result<(Digest, Line)> {
        let about: LineAbout = self.open_about(b"recovery_line", sealed)?;
        let key = about.key.parse();
        let key = key.map_err(|_| StoreError::damaged("a line of a ledger", "it has no key"))?;
        let line = Line {
            folder: about.folder,
            uid: about.uid,
            generation: about.generation,
        };
        Ok((key, line))
    }

    async fn write_ledger(
        &self,
        tx: &mut AnyConnection,
        owner: &str,
        old: &Resting,
        new: &Ledger<Digest>,
    ) -> Result<()> {
        let (mut changed, mut next) = (old.changed, old.next);
        for (key, lines) in new.all() {
            let were = old.ledger.lines(key);
            let places = old.places.get(key).map(Vec::as_slice).unwrap_or_default();
            for (number, line) in lines.iter().enumerate() {
                if were.get(number) == Some(line) {
                    continue;
                }
                let place = match places.get(number) {
                    Some(place) => *place,
                    None => {
                        next += 1;
                        next - 1
                    }
                };
                changed += 1;
                let about = LineAbout {
                    key: key.to_string(),
                    folder: line.folder.clone(),
                    uid: line.uid,
                    generation: line.generation,
                };
                let about = self.seal_about(b"recovery_line", &about)?;
                let row = values![self.id(), old.id, place, changed, about];
                sql::execute(tx, statements::PUT_RECOVERY_LINE, row).await?;
            }
        }
        let lease = new.held();
        let about = LedgerAbout {
            owner: owner.to_owned(),
            lease: lease.map(|lease| (lease.holder.clone(), lease.generation, lease.until)),
        };
        let generation = i64::try_from(new.generation()).unwrap_or(i64::MAX);
        let about = self.seal_about(b"recovery", &about)?;
        let row = values![self.id(), old.id, generation, changed, about];
        sql::execute(tx, statements::SET_RECOVERY, row).await?;
        Ok(())
    }
}
