//! Which copies belong where: each is looked at once a run.

use std::collections::BTreeMap;

use everpost_domain::class::{Month, StorageClass, class_at, release};
use everpost_domain::query;
use roaring::RoaringTreemap;

use super::relocate::Target;
use super::{ClassMove, ClassReport, FORMER, Row, SECOND};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::copy::CopyRow;
use crate::error::Result;
use crate::follow::blocking;
use crate::search::Scope;
use crate::tenant::Tenant;
use crate::texts::DERIVED;

/// Raw bytes that are moved together: about a pack, and held in memory once.
const WINDOW: u64 = 48 << 20;
/// Copies that are moved together.
const MANY: usize = 2_048;

/// Copies that wait in all groups; then the largest goes as it is. A row is about a kilobyte.
const ALL: usize = 16_384;

/// A bucket as its row has it.
struct Bucket {
    id: i64,
    class: i64,
    release: i64,
}

/// The mail that a class wants by its query.
struct Wanted {
    matched: RoaringTreemap,
    unknown: RoaringTreemap,
    /// What the index had not reached is not decided.
    reached: u64,
}

/// Copies that go together.
#[derive(Default)]
struct Waiting {
    copies: Vec<CopyRow>,
    bytes: u64,
}

impl Tenant {
    /// Moves every copy that is due.
    pub(super) async fn move_due(
        &self,
        now: i64,
        dry: bool,
        report: &mut ClassReport,
        progress: &mut (impl FnMut(&ClassReport) + Send),
    ) -> Result<()> {
        let mut db = self.store.catalog.read().await?;
        let mut rows = self.class_rows(&mut db).await?;
        let former = rows.iter().any(|row| row.place == FORMER);
        rows.retain(|row| row.place != FORMER);
        if rows.is_empty() && !former {
            return Ok(());
        }
        let classes: Vec<StorageClass> = rows.iter().map(|row| row.class.clone()).collect();
        let wanted = self.wanted(&classes).await?;
        let buckets = sql::fetch(
            &mut db,
            statements::MAIL_BUCKETS,
            values![self.id(), DERIVED],
        );
        let mut waiting: BTreeMap<(usize, Option<Month>), Waiting> = BTreeMap::new();
        let mut all = 0;
        for row in buckets.await? {
            let bucket = Bucket {
                id: row.int(0)?,
                class: row.int(1)?,
                release: row.int(2)?,
            };
            let mut after = i64::MIN;
            loop {
                let ask = values![self.id(), bucket.id, after];
                let copies = sql::fetch(&mut db, statements::COPIES_IN_BUCKET, ask).await?;
                if copies.is_empty() {
                    break;
                }
                for row in copies {
                    let copy = CopyRow::read(&row)?;
                    after = copy.id;
                    let seq = row.int(13)?.unsigned_abs();
                    let age = now.saturating_sub(copy.held_from) / SECOND;
                    let Some(target) = target(&rows, &classes, &wanted, &bucket, age, seq) else {
                        report.undecided += 1;
                        continue;
                    };
                    let Some(place) = target else {
                        continue;
                    };
                    if bucket.release != 0 && Month(bucket.release).start() * SECOND > now {
                        report.locked += 1;
                        continue;
                    }
                    let keep = classes.get(place).and_then(|class| class.keep);
                    let month = keep.map(|keep| release(copy.held_from / SECOND, keep));
                    // A lock ends in the future: mail that is past its time is locked for this month.
                    let month = month.map(|month| month.max(Month(Month::of(now / SECOND).0 + 1)));
                    let group = waiting.entry((place, month)).or_default();
                    group.bytes += copy.size;
                    group.copies.push(copy);
                    all += 1;
                    let full = group.bytes >= WINDOW || group.copies.len() >= MANY;
                    let due = match full {
                        true => Some((place, month)),
                        false if all >= ALL => largest(&waiting),
                        false => None,
                    };
                    if let Some((place, month)) = due {
                        let group = waiting.remove(&(place, month)).unwrap_or_default();
                        all -= group.copies.len();
                        self.go(&rows, place, month, group, dry, report).await?;
                        progress(report);
                    }
                }
            }
        }
        drop(db);
        for ((place, month), group) in waiting {
            self.go(&rows, place, month, group, dry, report).await?;
            progress(report);
        }
        Ok(())
    }

    async fn go(
        &self,
        rows: &[Row],
        place: usize,
        month: Option<Month>,
        group: Waiting,
        dry: bool,
        report: &mut ClassReport,
    ) -> Result<()> {
        let Some(Row { id, class, .. }) = rows.get(place) else {
            return Ok(());
        };
        let (mut copies, mut bytes) = (group.copies.len() as u64, group.bytes);
        if copies == 0 {
            return Ok(());
        }
        if !dry {
            let target = Target {
                id: *id,
                class,
                release: month.map_or(0, |month| month.0),
            };
            (copies, bytes) = self.relocate(&target, group.copies, report).await?;
        }
        let same = |moved: &&mut ClassMove| moved.class == class.name && moved.release == month;
        match report.moves.iter_mut().find(same) {
            Some(moved) => {
                moved.copies += copies;
                moved.bytes += bytes;
            }
            None if copies > 0 => report.moves.push(ClassMove {
                class: class.name.clone(),
                release: month,
                copies,
                bytes,
            }),
            None => {}
        }
        Ok(())
    }

    /// What the scopes of classes hold for; `None` for a class without one.
    async fn wanted(&self, classes: &[StorageClass]) -> Result<Vec<Option<Wanted>>> {
        let mut wanted = Vec::with_capacity(classes.len());
        for class in classes {
            let Some(scope) = &class.scope else {
                wanted.push(None);
                continue;
            };
            let query = query::parse(scope)
                .map_err(|error| crate::StoreError::Invalid(error.to_string()))?;
            let ask = self.ask(&query, &Scope::Everything).await?;
            let reached = ask.known.horizon;
            let matches = blocking(move || ask.find(None)).await??;
            wanted.push(Some(Wanted {
                matched: matches.seqs(),
                unknown: matches.unknown_seqs(),
                reached,
            }));
        }
        Ok(wanted)
    }
}

/// The group with the most copies.
fn largest(waiting: &BTreeMap<(usize, Option<Month>), Waiting>) -> Option<(usize, Option<Month>)> {
    let largest = waiting.iter().max_by_key(|(_, group)| group.copies.len());
    largest.map(|(group, _)| *group)
}

/// The class that wants a copy, `Some(None)` if it is there or none does; `None` if that cannot
/// be told yet.
fn target(
    rows: &[Row],
    classes: &[StorageClass],
    wanted: &[Option<Wanted>],
    bucket: &Bucket,
    age: i64,
    seq: u64,
) -> Option<Option<usize>> {
    let mut unknown = false;
    let found = class_at(classes, age, |place, _| {
        match wanted.get(place).and_then(Option::as_ref) {
            None => true,
            Some(wanted) if seq >= wanted.reached || wanted.unknown.contains(seq) => {
                unknown = true;
                false
            }
            Some(wanted) => wanted.matched.contains(seq),
        }
    });
    if unknown {
        return None;
    }
    let place = found.map(|(place, _)| place);
    let id = place
        .and_then(|place| rows.get(place))
        .map_or(0, |row| row.id);
    // Mail that no class wants any more stays: taking it back is asking for nothing.
    Some(place.filter(|_| id != bucket.class))
}
