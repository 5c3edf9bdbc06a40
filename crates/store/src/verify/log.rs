//! The audit of a log: tiles against the signed head, leaves against the rows they were
//! made of.

use std::collections::HashMap;
use std::ops::Range;

use everpost_domain::digest::Digest;
use everpost_domain::log::{Audit, AuditError, Frontier, Leaf, ProvenLeaves, Tail, Tile};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{Bad, Stage, VerifyProgress};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::error::{Result, StoreError};
use crate::follow::{event_leaf, read_event, tile_path};
use crate::tenant::Tenant;

/// Events whose rows are read at a time where no tile says how many belong together.
const STEP: u64 = 4096;

/// What an audit found.
#[derive(Default)]
pub(crate) struct LogAudit {
    /// Leaves that the head speaks of.
    pub(crate) size: u64,
    /// Events beyond them.
    pub(crate) unlogged: u64,
    pub(crate) bad: Vec<Bad>,
    /// Tiles or tail are damaged: what is derived from rows.
    pub(crate) derived_damage: bool,
    /// The head is signed and the rows lead to its root: tiles can be made again.
    pub(crate) rows_proven: bool,
}

/// The walk over the rows, in order.
struct Rows {
    /// What the rows come to, as far as the walk is.
    frontier: Frontier,
    /// Some row gave no leaf at all.
    broken: bool,
    /// Seqs for which no proven tile says what their leaves are.
    unproven: Vec<Range<u64>>,
}

/// The leaf hash of an event's row; the error names what cannot be read.
pub(crate) fn leaf_of(tenant: &Tenant, row: &AnyRow) -> Result<Digest> {
    let event = read_event(row)?;
    let (salt, record) = event_leaf(&tenant.state.keys, &event)?;
    Ok(Leaf::new(event.kind, event.at, &salt, &record).hash())
}

impl Tenant {
    /// Audits the whole log.
    pub(crate) async fn audit_log(
        &self,
        progress: &mut (impl FnMut(VerifyProgress) + Send),
    ) -> Result<LogAudit> {
        let mut db = self.store.catalog.read().await?;
        let mut found = LogAudit::default();
        let events = crate::admit::next_seq(&mut db, self.id())
            .await?
            .unsigned_abs();
        found.unlogged = events;
        let Some(row) = sql::fetch_optional(&mut db, statements::LOG, values![self.id()]).await?
        else {
            return Ok(found);
        };
        // Of the same reading: another node may have moved the log on since.
        let signed = match self.open_head(&mut db, &row.blob(2)?).await {
            Ok(signed) => Some(signed),
            Err(error) => {
                found.bad.push(Bad::of("checkpoint", error)?);
                None
            }
        };
        let tail = match Tail::decode(&row.blob(1)?) {
            Ok(tail) => Some(tail),
            Err(error) => {
                found.bad.push(Bad::new("log tail", error.0));
                None
            }
        };
        // Without a signature the tail still tells which tiles and rows belong together.
        let head = signed.as_ref().map(|head| (head.size(), *head.root()));
        let Some((size, root)) =
            head.or_else(|| tail.as_ref().map(|tail| (tail.size(), tail.root())))
        else {
            return Ok(found);
        };
        found.size = size;
        found.unlogged = events.saturating_sub(size);
        let tail = tail.filter(|tail| {
            let fits = tail.size() == size && tail.root() == root;
            if !fits {
                found
                    .bad
                    .push(Bad::new("log tail", "it does not lead to the signed root"));
            }
            fits
        });
        if row.int(0)?.unsigned_abs() != size {
            found.bad.push(Bad::new(
                "log row",
                format!("its size is {}, the signed one {size}", row.int(0)?),
            ));
        }
        found.derived_damage = tail.is_none() || row.int(0)?.unsigned_abs() != size;
        // Tiles can be checked without the tail where the rows make it again.
        let tail = match tail {
            Some(tail) => Some(tail),
            None => self
                .tail_of_rows(&mut db, size)
                .await?
                .filter(|tail| tail.root() == root),
        };
        let rows = self
            .walk_log(&mut db, (size, root), tail, &mut found, progress)
            .await?;
        let leads = !rows.broken && rows.frontier.size() == size && rows.frontier.root() == root;
        found.rows_proven = leads && signed.is_some();
        if !leads {
            for range in rows.unproven {
                let item = format!("events {} to {}", range.start, range.end.saturating_sub(1));
                found.bad.push(Bad::new(
                    item,
                    "they cannot be proven: tiles above them are damaged",
                ));
            }
        }
        Ok(found)
    }

    /// The leaf hashes of some neighbouring events as their rows give them; `None` where a
    /// row is missing or damaged.
    pub(crate) async fn leaves_of_rows(
        &self,
        db: &mut AnyConnection,
        range: Range<u64>,
    ) -> Result<Option<Vec<Digest>>> {
        let signed = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
        let count = range.end.saturating_sub(range.start);
        let bounds = values![self.id(), signed(range.start), signed(range.end)];
        let rows = sql::fetch(db, statements::EVENTS_FROM, bounds).await?;
        if rows.len() as u64 != count {
            return Ok(None);
        }
        let mut leaves = Vec::with_capacity(rows.len());
        for (seq, row) in range.zip(&rows) {
            match leaf_of(self, row) {
                Ok(leaf) if row.int(0)? == signed(seq) => leaves.push(leaf),
                Ok(_) => return Ok(None),
                Err(error) => {
                    Bad::of("event", error)?;
                    return Ok(None);
                }
            }
        }
        Ok(Some(leaves))
    }

    /// The tail that the rows of the first `size` events make, if each gives a leaf.
    pub(crate) async fn tail_of_rows(
        &self,
        db: &mut AnyConnection,
        size: u64,
    ) -> Result<Option<Tail>> {
        let mut tail = Tail::new();
        while tail.size() < size {
            let range = tail.size()..size.min(tail.size() + STEP);
            let Some(leaves) = self.leaves_of_rows(db, range).await? else {
                return Ok(None);
            };
            tail.append(&leaves);
        }
        Ok(Some(tail))
    }

    /// Feeds the audit its tiles, and compares each proven leaf with its row.
    async fn walk_log(
        &self,
        db: &mut AnyConnection,
        (size, root): (u64, Digest),
        tail: Option<Tail>,
        found: &mut LogAudit,
        progress: &mut (impl FnMut(VerifyProgress) + Send),
    ) -> Result<Rows> {
        let mut rows = Rows {
            frontier: Frontier::new(),
            broken: false,
            unproven: Vec::new(),
        };
        let mut partial: HashMap<Tile, Vec<u8>> = tail
            .as_ref()
            .map(Tail::partial_tiles)
            .unwrap_or_default()
            .into_iter()
            .collect();
        let mut edge = None;
        let mut audit = match Audit::new(size, root) {
            Ok(audit) => audit,
            Err(error) => {
                found.bad.push(Bad::new("checkpoint", error.to_string()));
                return Ok(rows);
            }
        };
        while let Some(tile) = audit.next_tile() {
            if !tile.is_full() {
                match audit.feed(&partial.remove(&tile).unwrap_or_default()) {
                    Ok(leaves) => edge = leaves.or(edge),
                    // Of a damaged tail the audit can say no more than we did.
                    Err(_) if tail.is_none() => {}
                    Err(error) => found.bad.push(Bad::new("log tail", error.to_string())),
                }
                continue;
            }
            let item = || tile_path(self.id(), &tile).to_string();
            let fed = match self.read_tile(&tile).await {
                Ok(bytes) => audit.feed(&bytes).map_err(|error| match error {
                    AuditError::Tile(_) => "it is not what the signed root commits to".to_string(),
                    error => error.to_string(),
                }),
                Err(error) => {
                    // Nothing to compare: the audit goes on beside this tile.
                    audit.feed(&[]).ok();
                    Err(Bad::of(item(), error)?.what)
                }
            };
            match fed {
                Ok(Some(leaves)) => self.compare(db, &mut rows, leaves, found).await?,
                Ok(None) => {}
                Err(what) => {
                    found.derived_damage = true;
                    found.bad.push(Bad::new(item(), what));
                }
            }
            progress(VerifyProgress {
                stage: Stage::Log,
                done: rows.frontier.size(),
                total: size,
            });
        }
        match edge {
            Some(leaves) => self.compare(db, &mut rows, leaves, found).await?,
            None => self.walk_unproven(db, &mut rows, size, found).await?,
        }
        progress(VerifyProgress {
            stage: Stage::Log,
            done: rows.frontier.size(),
            total: size,
        });
        Ok(rows)
    }

    /// Compares the rows of some events with their proven leaves, after walking over those
    /// before them that no tile could prove.
    async fn compare(
        &self,
        db: &mut AnyConnection,
        rows: &mut Rows,
        leaves: ProvenLeaves,
        found: &mut LogAudit,
    ) -> Result<()> {
        self.walk_unproven(db, rows, leaves.first, found).await?;
        self.compare_leaves(
            db,
            rows,
            leaves.first..leaves.first + leaves.hashes.len() as u64,
            &leaves.hashes,
            found,
        )
        .await
    }

    async fn walk_unproven(
        &self,
        db: &mut AnyConnection,
        rows: &mut Rows,
        end: u64,
        found: &mut LogAudit,
    ) -> Result<()> {
        let start = rows.frontier.size();
        if start < end {
            rows.unproven.push(start..end);
        }
        for first in (start..end).step_by(STEP as usize) {
            self.compare_leaves(db, rows, first..end.min(first + STEP), &[], found)
                .await?;
        }
        Ok(())
    }

    /// Makes the leaves of `range` again from the rows; `expected` are the proven ones.
    async fn compare_leaves(
        &self,
        db: &mut AnyConnection,
        rows: &mut Rows,
        range: Range<u64>,
        expected: &[Digest],
        found: &mut LogAudit,
    ) -> Result<()> {
        let signed = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
        let fetched = sql::fetch(
            db,
            statements::EVENTS_FROM,
            values![self.id(), signed(range.start), signed(range.end)],
        )
        .await?;
        let mut by_seq: HashMap<i64, Vec<&AnyRow>> = HashMap::new();
        for row in &fetched {
            by_seq.entry(row.int(0)?).or_default().push(row);
        }
        for (place, seq) in range.enumerate() {
            let item = format!("event {seq}");
            let leaf = match by_seq.get(&signed(seq)).map(Vec::as_slice) {
                Some([row]) => leaf_of(self, row),
                Some(_) => Err(StoreError::damaged(&item, "two rows have its number")),
                None => Err(StoreError::damaged(&item, "its row is missing")),
            };
            let hash = match leaf {
                Ok(hash) => {
                    if expected
                        .get(place)
                        .is_some_and(|expected| *expected != hash)
                    {
                        let copy = by_seq.get(&signed(seq)).and_then(|rows| rows.first());
                        let copy = copy.and_then(|row| row.blob_or_null(6).ok().flatten());
                        let copy = copy.and_then(|digest| digest.try_into().ok()).map(Digest);
                        let of = copy.map_or_else(String::new, |copy| format!(" (copy {copy})"));
                        found.bad.push(Bad::new(
                            item,
                            format!("its row{of} is not what the log says of it"),
                        ));
                    }
                    hash
                }
                Err(error) => {
                    found.bad.push(Bad::of(item, error)?);
                    rows.broken = true;
                    Digest([0; 32])
                }
            };
            rows.frontier.append(hash);
        }
        Ok(())
    }
}
