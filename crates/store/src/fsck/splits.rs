//! The index: each split authentic, and together they hold each admitted copy once.

use roaring::RoaringTreemap;

use crate::admit::next_seq;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::error::{Result, StoreError};
use crate::follow::{SplitRow, blocking, split_path};
use crate::tenant::Tenant;
use crate::verify::{Bad, Stage, VerifyProgress};

/// What was found about the index.
#[derive(Default)]
pub(super) struct Splits {
    pub(super) checked: u64,
    pub(super) bad: Vec<Bad>,
    /// One of them was merged into another while it was read.
    moved: bool,
}

/// How often splits are looked at again because they were merged meanwhile.
const LOOKS: usize = 8;

impl Tenant {
    /// Reads every split whole. What counts are live documents.
    pub(super) async fn fsck_splits(
        &self,
        progress: &mut (impl FnMut(VerifyProgress) + Send),
    ) -> Result<Splits> {
        let mut looks = 0;
        loop {
            let found = self.look_at_splits(progress).await?;
            looks += 1;
            if !found.moved || looks >= LOOKS {
                return Ok(found);
            }
        }
    }

    async fn look_at_splits(
        &self,
        progress: &mut (impl FnMut(VerifyProgress) + Send),
    ) -> Result<Splits> {
        let mut found = Splits::default();
        // What splits, cursor and events say of each other holds at one moment only: nobody
        // writes while the three are read.
        let mut db = self.store.catalog.begin().await?;
        let rows = match self.split_rows(&mut db).await {
            Ok(rows) => rows,
            Err(error) => {
                found.bad.push(Bad::of("split rows", error)?);
                return Ok(found);
            }
        };
        let events = next_seq(&mut db, self.id()).await?;
        let ranges = self.index_ranges(&mut db).await?;
        let cursor = ranges.cursor;
        let mut admitted = RoaringTreemap::new();
        for seqs in std::iter::once(&(0..cursor)).chain(ranges.indexed_ahead()) {
            let bounds = values![self.id(), seqs.start, seqs.end];
            for row in sql::fetch(&mut db, statements::ADMITTED_SEQS, bounds).await? {
                admitted.insert(row.int(0)?.unsigned_abs());
            }
        }
        drop(db);
        let total = rows.len() as u64;
        let mut indexed = RoaringTreemap::new();
        for (done, row) in (1..).zip(&rows) {
            found.checked += 1;
            match self.seqs_of_split(row).await {
                Ok(seqs) if !indexed.is_disjoint(&seqs) => {
                    found.bad.push(Bad::new(
                        split_path(&row.id),
                        "it holds copies that another split holds too",
                    ));
                }
                Ok(seqs) => indexed |= seqs,
                Err(error) => {
                    let split = values![self.id(), row.row];
                    let mut db = self.store.catalog.read().await?;
                    let listed = sql::fetch_optional(&mut db, statements::SPLIT_IS_LISTED, split);
                    found.moved |= listed.await?.is_none();
                    found.bad.push(Bad::of(split_path(&row.id), error)?);
                }
            }
            progress(VerifyProgress {
                stage: Stage::Splits,
                done,
                total,
            });
        }
        if cursor > events {
            found
                .bad
                .push(Bad::new("index", "its cursor lies beyond the last event"));
        }
        // Where a split is damaged, what it holds is unknown: that says enough.
        if found.bad.is_empty() && indexed != admitted {
            let (missing, foreign) = ((&admitted - &indexed).len(), (&indexed - &admitted).len());
            let what = format!(
                "{missing} admitted copies are in no split, {foreign} seqs are of no admitted copy"
            );
            found.bad.push(Bad::new("index", what));
        }
        Ok(found)
    }

    async fn seqs_of_split(&self, row: &SplitRow) -> Result<RoaringTreemap> {
        let damaged = |what: &str| Err(StoreError::damaged(split_path(&row.id), what));
        let split = self.open_split(row).await?;
        if i64::try_from(split.bytes()) != Ok(row.size) {
            return damaged("its length is not the one in its row");
        }
        if i64::try_from(split.docs()) != Ok(row.docs) {
            return damaged("it has not as many documents as its row says");
        }
        let (docs, deaths, dead) = (row.docs, row.deaths, row.dead.clone());
        let path = split_path(&row.id);
        blocking(move || {
            split.verify()?;
            let opened = split.opened()?;
            let seqs = opened.seqs_of(&opened.everything());
            if i64::try_from(seqs.len()) != Ok(docs) {
                return Err(StoreError::damaged(path, "it holds a copy twice"));
            }
            if i64::try_from(dead.len()) != Ok(deaths) || !dead.is_subset(&seqs) {
                return Err(StoreError::damaged(
                    path,
                    "its list of dead documents is wrong",
                ));
            }
            Ok(seqs - &*dead)
        })
        .await?
    }
}
