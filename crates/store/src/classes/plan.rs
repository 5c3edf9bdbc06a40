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

/// The mail for which a query holds.
struct Wanted {
    matched: RoaringTreemap,
    unknown: RoaringTreemap,
    /// What the index had not reached is not decided.
    reached: u64,
}

/// What a query says of a copy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    Unknown,
}

impl Wanted {
    fn answer(&self, seq: u64) -> Answer {
        match () {
            () if seq >= self.reached || self.unknown.contains(seq) => Answer::Unknown,
            () if self.matched.contains(seq) => Answer::Yes,
            () => Answer::No,
        }
    }
}

/// The classes in force, and what their queries hold for; each list in their order.
struct Classes<'a> {
    rows: &'a [Row],
    classes: Vec<StorageClass>,
    scopes: Vec<Option<Wanted>>,
    holds: Vec<Option<Wanted>>,
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
        let scopes = classes.iter().map(|class| class.scope.as_deref());
        let holds = classes.iter().map(|class| class.hold.as_deref());
        let classes = Classes {
            rows: &rows,
            scopes: self.wanted(scopes).await?,
            holds: self.wanted(holds).await?,
            classes: classes.clone(),
        };
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
                    let Some(place) = classes.target(&bucket, age, seq) else {
                        report.undecided += 1;
                        continue;
                    };
                    let month = classes.release(place, seq, copy.held_from, now);
                    match classes.step(&bucket, place, month, seq, now) {
                        Step::Stay => continue,
                        Step::Locked => {
                            report.locked += 1;
                            continue;
                        }
                        Step::Go => {}
                    }
                    let Some(place) = place else {
                        continue;
                    };
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

    /// What the queries of classes hold for; `None` for a class without one.
    async fn wanted(
        &self,
        queries: impl Iterator<Item = Option<&str>>,
    ) -> Result<Vec<Option<Wanted>>> {
        let mut wanted = Vec::new();
        for query in queries {
            let Some(query) = query else {
                wanted.push(None);
                continue;
            };
            let query = query::parse(query)
                .map_err(|error| crate::StoreError::Invalid(error.to_string()))?;
            let ask = self.ask(&query, &Scope::Everything).await?;
            let known = ask.known.clone();
            let matches = blocking(move || ask.find(None)).await??;
            // A query that holds for one copy of a message holds for all of them.
            let mut matched = matches.seqs();
            let folding = &known.mail.folding;
            let linked = &matched & folding.linked();
            for seq in linked {
                matched.extend(folding.members(seq).iter().copied());
            }
            wanted.push(Some(Wanted {
                matched,
                unknown: matches.unknown_seqs(),
                reached: known.horizon,
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

/// What is done about a copy.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// It is where it belongs, or stays there for another reason.
    Stay,
    /// It would go, and its lock keeps it.
    Locked,
    Go,
}

impl Classes<'_> {
    /// The class that a copy belongs to; `Some(None)` if none wants it, `None` if that cannot be
    /// told yet.
    fn target(&self, bucket: &Bucket, age: i64, seq: u64) -> Option<Option<usize>> {
        let mut unknown = false;
        let found = class_at(&self.classes, age, |place, _| {
            match self.scopes.get(place).and_then(Option::as_ref) {
                None => true,
                Some(scope) => {
                    let answer = scope.answer(seq);
                    unknown |= answer == Answer::Unknown;
                    answer == Answer::Yes
                }
            }
        });
        if unknown {
            return None;
        }
        let place = found.map(|(place, _)| place);
        // Mail that no class wants any more stays: taking it back is asking for nothing.
        Some(place.or_else(|| self.rows.iter().position(|row| row.id == bucket.class)))
    }

    /// Until when a copy is locked in a class; `None` where nothing is.
    fn release(&self, place: Option<usize>, seq: u64, held_from: i64, now: i64) -> Option<Month> {
        let place = place?;
        let keep = self.classes.get(place)?.keep?;
        if self.holds(place, seq) {
            return Some(Month::HELD);
        }
        // A lock ends in the future: mail that is past its time is locked for this month.
        let next = Month(Month::of(now / SECOND).0 + 1);
        Some(release(held_from / SECOND, keep).max(next))
    }

    /// Whether a class holds a copy beyond its time. Where that cannot be told, it does.
    fn holds(&self, place: usize, seq: u64) -> bool {
        let hold = self.holds.get(place).and_then(Option::as_ref);
        hold.is_some_and(|hold| hold.answer(seq) != Answer::No)
    }

    fn step(
        &self,
        bucket: &Bucket,
        place: Option<usize>,
        month: Option<Month>,
        seq: u64,
        now: i64,
    ) -> Step {
        let here = self.rows.iter().position(|row| row.id == bucket.class);
        let is_held = Month(bucket.release) == Month::HELD;
        let wants_hold = month == Some(Month::HELD);
        if place.is_none() || (place == here && is_held == wants_hold) {
            return Step::Stay;
        }
        let locked = !is_held && bucket.release != 0;
        let locked = locked && Month(bucket.release).start() * SECOND > now;
        match () {
            // Its lock holds it for now, and when that ends the hold takes its place.
            () if locked && place == here => Step::Stay,
            () if locked => Step::Locked,
            // Nothing takes it out of a hold but another one.
            () if is_held && !wants_hold && here.is_some_and(|here| self.holds(here, seq)) => {
                Step::Locked
            }
            () => Step::Go,
        }
    }
}
