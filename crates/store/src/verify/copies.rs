//! Reading copies back: bytes, parts, and the event that admitted each.

use std::collections::HashMap;
use std::sync::Arc;

use everpost_domain::digest::{Digest, Hasher};
use ring::hmac;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use tokio::task::JoinError;

use super::{Bad, Stage, VerifyProgress};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::copy::CopyRow;
use crate::error::{Result, StoreError};
use crate::read::Again;
use crate::tenant::Tenant;
use crate::vault::{Run, Vault};

/// Copies that one task reads back; neighbours, so that they share frames.
const BATCH: usize = 256;
/// Tasks side by side: one for each core, fewer than the catalog has connections.
const TASKS: usize = 3;
/// Opened frames that a verification keeps.
const FRAMES: usize = 48 << 20;

/// What was found about some copies.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) checked: u64,
    pub(crate) wrong: u64,
    pub(crate) bad: Vec<Bad>,
    /// Those that could not be put together.
    pub(crate) lost: Vec<Digest>,
}

impl Found {
    fn join(&mut self, done: Option<std::result::Result<Result<Found>, JoinError>>) -> Result<()> {
        let Some(done) = done else { return Ok(()) };
        let done = done.map_err(|_| StoreError::Stopped)??;
        self.checked += done.checked;
        self.wrong += done.wrong;
        self.bad.extend(done.bad);
        self.lost.extend(done.lost);
        Ok(())
    }
}

/// A part's row, as a copy refers to it.
struct Part {
    run: Run,
    bucket: i64,
    address: [u8; 32],
}

impl Tenant {
    /// The vault with nothing opened: what it gives comes from the object store.
    pub(crate) fn fresh_vault(&self) -> Arc<Vault> {
        Arc::new(Vault::over(self.store.vault.volumes.clone(), FRAMES))
    }

    /// Reads every copy back, in the order in which they lie.
    pub(crate) async fn check_all_copies(
        &self,
        progress: &mut (impl FnMut(VerifyProgress) + Send),
    ) -> Result<Found> {
        let mut db = self.store.catalog.read().await?;
        let total =
            sql::fetch_optional(&mut db, statements::COUNT_COPIES, values![self.id()]).await?;
        let total = total.map_or(Ok(0), |row| row.int(0))?.unsigned_abs();
        let vault = self.fresh_vault();
        let mut found = Found::default();
        let mut tasks = tokio::task::JoinSet::new();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let limit = crate::follow::side_by_side(cores.min(TASKS));
        let mut after = (i64::MIN, i64::MIN);
        loop {
            let rows = sql::fetch(
                &mut db,
                statements::COPIES_AFTER,
                values![self.id(), after.0, after.1],
            )
            .await?;
            let mut page = Vec::with_capacity(rows.len());
            for row in &rows {
                after = (row.int(1)?, row.int(0)?);
                page.push(values![self.id(), after.1]);
            }
            for wanted in page.chunks(BATCH) {
                let (tenant, vault, wanted) = (self.clone(), vault.clone(), wanted.to_vec());
                tasks.spawn(async move {
                    let mut db = tenant.store.catalog.read().await?;
                    let rows = statements::COPIES_BY_ID.fetch(&mut db, wanted).await?;
                    tenant.check_copies(&vault, &mut db, &rows).await
                });
                while tasks.len() >= limit {
                    found.join(tasks.join_next().await)?;
                    progress(VerifyProgress {
                        stage: Stage::Copies,
                        done: found.checked,
                        total,
                    });
                }
            }
            if rows.is_empty() {
                break;
            }
        }
        while !tasks.is_empty() {
            found.join(tasks.join_next().await)?;
        }
        progress(VerifyProgress {
            stage: Stage::Copies,
            done: found.checked,
            total,
        });
        found.bad.sort();
        Ok(found)
    }

    /// Reads back the copies whose rows `statements::COPIES_BY_ID` gave.
    pub(super) async fn check_copies(
        &self,
        vault: &Vault,
        db: &mut AnyConnection,
        rows: &[AnyRow],
    ) -> Result<Found> {
        let mut found = Found::default();
        let mut parts = self.parts_of_copies(db, rows).await?;
        for row in rows {
            found.checked += 1;
            let before = found.bad.len();
            let id = row.int(0)?;
            match CopyRow::read(row) {
                Ok(copy) => {
                    let event = (row.int_or_null(13)?, row.int_or_null(14)?);
                    if event != (Some(1), Some(id)) {
                        let what = format!(
                            "the event of its admission ({}) is missing or another's",
                            copy.event
                        );
                        found
                            .bad
                            .push(Bad::new(format!("copy {}", copy.digest), what));
                    }
                    let parts = parts.remove(&id).unwrap_or_default();
                    self.check_copy(vault, db, &copy, &parts, &mut found)
                        .await?;
                }
                Err(error) => found.bad.push(Bad::of(format!("copy row {id}"), error)?),
            }
            found.wrong += u64::from(found.bad.len() > before);
        }
        Ok(found)
    }

    /// The parts of the copies in `rows`, in their order. A row that cannot be read leaves
    /// its copy without that part, which reading the copy names.
    async fn parts_of_copies(
        &self,
        db: &mut AnyConnection,
        rows: &[AnyRow],
    ) -> Result<HashMap<i64, Vec<Part>>> {
        let wanted = rows
            .iter()
            .map(|row| Ok(values![self.id(), row.int(0)?]))
            .collect::<Result<Vec<_>>>()?;
        let mut parts: HashMap<i64, Vec<(i64, Part)>> = HashMap::new();
        for row in statements::PARTS_OF_COPIES.fetch(db, wanted).await? {
            let natural = |column| {
                row.int(column)
                    .map(|value| u64::try_from(value).unwrap_or(0))
            };
            let Ok(address) = row.array(6) else { continue };
            let run = Run {
                frame: row.int(2)?,
                at: natural(3)?,
                length: natural(4)?,
            };
            let part = Part {
                run,
                bucket: row.int(5)?,
                address,
            };
            parts
                .entry(row.int(0)?)
                .or_default()
                .push((row.int(1)?, part));
        }
        let in_order = |(copy, mut parts): (i64, Vec<(i64, Part)>)| {
            parts.sort_by_key(|(ordinal, _)| *ordinal);
            (copy, parts.into_iter().map(|(_, part)| part).collect())
        };
        Ok(parts.into_iter().map(in_order).collect())
    }

    async fn check_copy(
        &self,
        vault: &Vault,
        db: &mut AnyConnection,
        row: &CopyRow,
        parts: &[Part],
        found: &mut Found,
    ) -> Result<()> {
        let bad = &mut found.bad;
        let item = format!("copy {}", row.digest);
        let mut runs: Vec<Run> = parts.iter().map(|part| part.run).collect();
        let (mut again, mut moved) = (Again::default(), None);
        let hashers = loop {
            let (mut length, mut whole) = (0u64, Hasher::new());
            let mut hashers: Vec<(u64, Hasher)> =
                parts.iter().map(|_| (0, Hasher::new())).collect();
            let count = |bytes: &[u8]| {
                length += bytes.len() as u64;
                whole.update(bytes);
                Ok(())
            };
            let hash = |ordinal: usize, stored: &[u8]| {
                if let Some((length, hasher)) = hashers.get_mut(ordinal) {
                    *length += stored.len() as u64;
                    hasher.update(stored);
                }
            };
            let row = moved.as_ref().unwrap_or(row);
            let read = self.put_together(vault, db, row, Some(runs.clone()), count, hash);
            match read.await {
                Ok(()) => {
                    if whole.finish() != row.digest {
                        let what = "what was put together is not what came in";
                        bad.push(Bad::new(&item, what));
                        found.lost.push(row.digest);
                    } else if length != row.size {
                        let what = format!("it has {length} bytes, its row says {}", row.size);
                        bad.push(Bad::new(&item, what));
                    }
                }
                Err(StoreError::Damaged { .. }) if again.is_worth_it(self).await? => {
                    // A row that is gone or damaged is named where rows are read.
                    match self.copy_row(db, row.id).await {
                        Ok(now) => {
                            runs = self.runs_of_parts(db, row.id).await?;
                            moved = Some(now);
                        }
                        Err(StoreError::Damaged { .. }) => {}
                        // Nobody could say whether it moved.
                        Err(error) => return Err(error),
                    }
                    continue;
                }
                Err(error) => {
                    bad.push(Bad::of(&item, error)?);
                    found.lost.push(row.digest);
                }
            }
            break hashers;
        };
        for (ordinal, (part, (length, hasher))) in parts.iter().zip(hashers).enumerate() {
            // A part that was not read to its end is named above.
            if length != part.run.length {
                continue;
            }
            let tag = hmac::sign(&self.bucket_key(part.bucket), &hasher.finish().0);
            if tag.as_ref() != part.address {
                let what = "its address is not that of its content";
                bad.push(Bad::new(
                    format!("part {ordinal} of copy {}", row.digest),
                    what,
                ));
            }
        }
        Ok(())
    }

    /// HMAC key of part addresses in a bucket.
    pub(crate) fn bucket_key(&self, bucket: i64) -> hmac::Key {
        if bucket == self.state.bucket {
            return self.state.bucket_key.clone();
        }
        self.state.keys.bucket(bucket)
    }
}
