//! The index follower: admitted copies become splits, small splits become larger ones.
//!
//! Documents gather in memory; nothing is promised of them until their split lies in the
//! object store and one transaction has listed it and moved the cursor. What was gathered
//! and not sealed is read again after a crash.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use everpost_domain::message::{Head, SearchText, scan};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use roaring::RoaringTreemap;
use sqlx::AnyConnection;

use super::Follower;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::error::{Result, StoreError};
use crate::index::{
    ANALYSER_VERSION, Built, Doc, FileRange, RangeRead, Sealed, Split, SplitId, SplitWriter, merge,
};
use crate::seal::Key;
use crate::tenant::Tenant;
use crate::vault::{Upload, object_path};

/// Events that are looked at in one step.
const STEP: i64 = 2048;
/// Splits are built by so many threads side by side.
const WRITERS: usize = 2;
/// A builder seals its split when its postings take this much memory.
const BUDGET: usize = 40 << 20;
/// So many splits of about one size become one.
const MERGE: usize = 8;
/// Splits of this many documents are merged no further: about 30 a million copies.
const LARGE: i64 = 32_768;

/// What the index needs to know of a copy, as admission left it or as it was read back.
pub(crate) struct FreshDoc {
    pub(crate) size: u64,
    pub(crate) head: Head,
    pub(crate) text: SearchText,
}

/// Splits under construction.
#[derive(Default)]
pub(crate) struct Building {
    writers: Vec<SplitWriter>,
    /// The first seq not yet gathered; `None` before the cursor was read.
    next: Option<i64>,
    /// `next` is further than the cursor.
    moved: bool,
}

/// How far the index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexProgress {
    /// Events whose copies can be found.
    pub indexed: u64,
    /// Events there are.
    pub events: u64,
}

/// A split's row.
pub(crate) struct SplitRow {
    pub(crate) row: i64,
    pub(crate) id: SplitId,
    pub(crate) size: i64,
    pub(crate) docs: i64,
    pub(crate) analyser: i64,
    key: Vec<u8>,
}

pub(crate) fn split_path(id: &SplitId) -> Path {
    object_path("splits", &id.0)
}

fn split_label(id: &SplitId) -> Vec<u8> {
    [b"split".as_slice(), &id.0].concat()
}

/// Runs work that computes or waits for disks where it does not hold up other tasks.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| StoreError::Stopped)
}

impl Tenant {
    /// Gathers what was admitted and not yet indexed, sealing splits as they fill. With
    /// `flush`, everything gathered is sealed: when this returns, it can be found.
    pub async fn advance_index(&self, flush: bool) -> Result<IndexProgress> {
        let mut building = self.state.building.lock().await;
        loop {
            let mut db = self.store.catalog.read().await?;
            let next = match building.next {
                Some(next) => next,
                None => self.index_cursor(&mut db).await?,
            };
            building.next = Some(next);
            let (docs, last) = self.gather(&mut db, next).await?;
            drop(db);
            if last < next {
                break;
            }
            // Until they come back, nobody knows what the writers hold: whoever fails here, or
            // is dropped, must not leave a place behind them from which others go on.
            building.next = None;
            building.writers = self
                .add(std::mem::take(&mut building.writers), docs)
                .await?;
            building.next = Some(last + 1);
            building.moved = true;
            if building
                .writers
                .iter()
                .any(|writer| writer.memory() >= BUDGET)
            {
                self.seal(&mut building).await?;
            }
        }
        if flush {
            self.seal(&mut building).await?;
            self.merge_small().await?;
        }
        drop(building);
        self.index_progress().await
    }

    /// How far the index is.
    pub async fn index_progress(&self) -> Result<IndexProgress> {
        let mut db = self.store.catalog.read().await?;
        let indexed = self.index_cursor(&mut db).await?;
        let events = crate::admit::next_seq(&mut db, self.id()).await?;
        Ok(IndexProgress {
            indexed: indexed.unsigned_abs(),
            events: events.unsigned_abs(),
        })
    }

    async fn index_cursor(&self, db: &mut AnyConnection) -> Result<i64> {
        let row = sql::fetch_optional(
            db,
            statements::FOLLOWER,
            values![self.id(), Follower::Index as i64],
        )
        .await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// The documents of the next events, and the last seq looked at (before `next` if none).
    async fn gather(
        &self,
        db: &mut AnyConnection,
        next: i64,
    ) -> Result<(Vec<(u64, Arc<FreshDoc>)>, i64)> {
        let rows = sql::fetch(
            db,
            statements::ADMISSIONS_FROM,
            values![self.id(), next, next + STEP],
        )
        .await?;
        let mut docs = Vec::with_capacity(rows.len());
        let mut last = next - 1;
        for row in rows {
            last = row.int(0)?;
            let (event, copy, kind) = (row.int(1)?, row.int(2)?, row.int(3)?);
            if kind != 1 {
                continue;
            }
            let doc = match self.state.fresh.take(&event) {
                Some(doc) => doc,
                None => match self.read_doc(db, copy).await {
                    Ok(doc) => Arc::new(doc),
                    // A copy that cannot be read must not stop the others: it is found by
                    // what its row says, and fsck names it.
                    Err(StoreError::Damaged { .. }) => Arc::new(self.doc_of_head(db, copy).await?),
                    Err(error) => return Err(error),
                },
            };
            docs.push((last.unsigned_abs(), doc));
        }
        Ok((docs, last))
    }

    /// Reads a copy back for the index.
    async fn read_doc(&self, db: &mut AnyConnection, copy: i64) -> Result<FreshDoc> {
        let row = self.copy_row(db, copy).await?;
        let mut raw = Vec::new();
        self.read_copy(db, &row, |bytes| {
            raw.extend_from_slice(bytes);
            Ok(())
        })
        .await?;
        let head = row.head(&self.state.keys)?;
        blocking(move || {
            let structure = scan(&raw);
            FreshDoc {
                size: raw.len() as u64,
                head,
                text: SearchText::read(&raw, &structure),
            }
        })
        .await
    }

    /// What can be found of a copy whose bytes are damaged: its head, text unknown.
    async fn doc_of_head(&self, db: &mut AnyConnection, copy: i64) -> Result<FreshDoc> {
        let row = self.copy_row(db, copy).await?;
        let head = row.head(&self.state.keys).unwrap_or_default();
        Ok(FreshDoc {
            size: row.size,
            head,
            text: SearchText {
                body: String::new(),
                body_unread: true,
                attachments_unread: true,
            },
        })
    }

    async fn add(
        &self,
        mut writers: Vec<SplitWriter>,
        docs: Vec<(u64, Arc<FreshDoc>)>,
    ) -> Result<Vec<SplitWriter>> {
        let scratch = self.scratch();
        blocking(move || {
            // Few documents are not worth several splits.
            let wanted = if docs.len() < 64 { 1 } else { WRITERS };
            while writers.len() < wanted {
                writers.push(SplitWriter::new(&scratch, BUDGET)?);
            }
            let share = docs.len().div_ceil(wanted).max(1);
            let mut results: Vec<Result<()>> = Vec::new();
            results.resize_with(wanted, || Ok(()));
            rayon::scope(|scope| {
                for ((writer, docs), result) in
                    writers.iter_mut().zip(docs.chunks(share)).zip(&mut results)
                {
                    scope.spawn(move |_| {
                        *result = docs.iter().try_for_each(|(seq, doc)| {
                            let doc = Doc {
                                seq: *seq,
                                size: doc.size,
                                head: &doc.head,
                                text: &doc.text,
                            };
                            Ok(writer.add(&doc)?)
                        });
                    });
                }
            });
            results.into_iter().collect::<Result<()>>()?;
            Ok(writers)
        })
        .await?
    }

    fn scratch(&self) -> std::path::PathBuf {
        self.store.data.join("tmp")
    }

    /// Makes everything gathered durable and findable.
    async fn seal(&self, building: &mut Building) -> Result<()> {
        if building.writers.is_empty() && !building.moved {
            return Ok(());
        }
        // Whatever fails from here on, the cursor still says what has to be gathered again.
        let Some(next) = building.next.take() else {
            return Ok(());
        };
        let writers = std::mem::take(&mut building.writers);
        let sealed = blocking(move || {
            let finish = |writer: SplitWriter| -> Result<Option<(Built, Key)>> {
                let key = Key::random()?;
                Ok(writer.finish(&key.0)?.map(|built| (built, key)))
            };
            use rayon::prelude::*;
            writers
                .into_par_iter()
                .map(finish)
                .collect::<Result<Vec<_>>>()
        })
        .await??;
        let built: Vec<(Built, Key)> = sealed.into_iter().flatten().collect();
        futures::future::try_join_all(built.iter().map(|(built, _)| self.put_split(built))).await?;
        let mut tx = self.store.catalog.begin().await?;
        for (built, key) in &built {
            self.list_split(&mut tx, built, key).await?;
        }
        let cursor = values![self.id(), Follower::Index as i64, next];
        sql::execute(&mut tx, statements::SET_FOLLOWER, cursor).await?;
        tx.commit().await?;
        building.next = Some(next);
        building.moved = false;
        Ok(())
    }

    async fn put_split(&self, built: &Built) -> Result<()> {
        let mut upload = Upload::new(self.store.vault.objects.clone(), split_path(&built.id));
        match &built.data {
            Sealed::Bytes(bytes) => upload.write(bytes.clone()).await?,
            Sealed::File(path) => {
                let fail = |error| StoreError::file(path, error);
                let mut file = File::open(path).map_err(fail)?;
                loop {
                    let mut piece = Vec::new();
                    file.by_ref()
                        .take(4 << 20)
                        .read_to_end(&mut piece)
                        .map_err(fail)?;
                    if piece.is_empty() {
                        break;
                    }
                    upload.write(Bytes::from(piece)).await?;
                }
                std::fs::remove_file(path).map_err(fail)?;
            }
        }
        upload.finish().await?;
        Ok(())
    }

    async fn list_split(&self, db: &mut AnyConnection, built: &Built, key: &Key) -> Result<()> {
        let wrapped = self.state.keys.wrap(&split_label(&built.id), key)?;
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let row = take_ids(db, Counter::Split, 1).await?;
        let values = values![
            row,
            self.id(),
            built.id.0.to_vec(),
            signed(built.bytes),
            signed(built.docs),
            signed(built.seq_min),
            signed(built.seq_max),
            signed(ANALYSER_VERSION),
            wrapped,
        ];
        sql::execute(db, statements::INSERT_SPLIT, values).await?;
        Ok(())
    }

    pub(crate) async fn split_rows(&self, db: &mut AnyConnection) -> Result<Vec<SplitRow>> {
        let rows = sql::fetch(db, statements::SPLITS, values![self.id()]).await?;
        let read = |row: &sqlx::any::AnyRow| {
            Ok(SplitRow {
                row: row.int(0)?,
                id: SplitId(row.array(1)?),
                size: row.int(2)?,
                docs: row.int(3)?,
                analyser: row.int(6)?,
                key: row.blob(7)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Opens splits, those opened before from memory. Reads objects: call where blocking is
    /// allowed is arranged here.
    pub(crate) async fn open_splits(&self, rows: &[SplitRow]) -> Result<Vec<Arc<Split>>> {
        let mut splits = Vec::with_capacity(rows.len());
        for row in rows {
            // Terms of another analyser would be looked up in vain, and silently.
            if u64::try_from(row.analyser) != Ok(ANALYSER_VERSION) {
                return Err(StoreError::Index(format!(
                    "it was made by analyser {}",
                    row.analyser
                )));
            }
            let known = lock(&self.state.splits).get(&row.id.0).cloned();
            let split = match known {
                Some(split) => split,
                None => {
                    let split = Arc::new(self.open_split(row).await?);
                    lock(&self.state.splits).insert(row.id.0, split.clone());
                    split
                }
            };
            splits.push(split);
        }
        Ok(splits)
    }

    pub(crate) async fn open_split(&self, row: &SplitRow) -> Result<Split> {
        let item = || format!("split {}", split_path(&row.id));
        let key = self
            .state
            .keys
            .unwrap(&split_label(&row.id), &row.key)
            .ok_or_else(|| StoreError::damaged(item(), "its key does not open"))?;
        let path = split_path(&row.id);
        let source: Arc<dyn RangeRead> = match &self.store.options.objects {
            None => {
                let file = self.store.data.join(path.as_ref());
                Arc::new(FileRange::open(&file).map_err(|error| match error.kind() {
                    std::io::ErrorKind::NotFound => {
                        StoreError::damaged(item(), "the object is missing")
                    }
                    _ => StoreError::file(&file, error),
                })?)
            }
            // A store other than the local disk: read whole; range reads come with S3.
            Some(objects) => Arc::new(objects.get(&path).await?.bytes().await?),
        };
        let (id, cache) = (row.id, self.state.blocks.clone());
        blocking(move || Ok(Split::open(source, id, &key.0, cache)?)).await?
    }

    /// Merges splits of about one size while there are enough of them.
    async fn merge_small(&self) -> Result<()> {
        loop {
            let mut db = self.store.catalog.read().await?;
            let rows = self.split_rows(&mut db).await?;
            drop(db);
            let tier = |row: &SplitRow| row.docs.max(1).ilog2() / 3;
            let small: Vec<&SplitRow> = rows.iter().filter(|row| row.docs < LARGE).collect();
            let crowded = small
                .iter()
                .map(|row| tier(row))
                .find(|wanted| small.iter().filter(|row| tier(row) == *wanted).count() >= MERGE);
            let Some(crowded) = crowded else {
                return Ok(());
            };
            let chosen: Vec<SplitRow> = rows
                .into_iter()
                .filter(|row| row.docs < LARGE && tier(row) == crowded)
                .collect();
            self.merge_splits(chosen, RoaringTreemap::new()).await?;
        }
    }

    /// Makes one split of several, without the copies at `hidden`; the old ones' keys and
    /// objects are destroyed.
    pub(crate) async fn merge_splits(
        &self,
        rows: Vec<SplitRow>,
        hidden: RoaringTreemap,
    ) -> Result<()> {
        let mut splits = self.open_splits(&rows).await?;
        splits.sort_by_key(|split| split.seq_min());
        let scratch = self.scratch();
        let key = Key::random()?;
        let built = blocking(move || merge(&splits, &hidden, &scratch, &key.0)).await??;
        if let Some(built) = &built {
            self.put_split(built).await?;
        }
        let mut tx = self.store.catalog.begin().await?;
        for row in &rows {
            // Guard: a split that is gone was merged by somebody else.
            if sql::execute(
                &mut tx,
                statements::DELETE_SPLIT,
                values![self.id(), row.row],
            )
            .await?
                != 1
            {
                return Err(StoreError::Guard);
            }
        }
        if let Some(built) = &built {
            self.list_split(&mut tx, built, &key).await?;
        }
        tx.commit().await?;
        self.drop_splits(&rows).await;
        Ok(())
    }

    /// Removes the objects of splits that are listed no more. What stays behind is an orphan.
    async fn drop_splits(&self, rows: &[SplitRow]) {
        for row in rows {
            if let Some(split) = lock(&self.state.splits).remove(&row.id.0) {
                split.close();
            }
            self.store
                .vault
                .objects
                .delete(&split_path(&row.id))
                .await
                .ok();
        }
    }

    /// Throws the index away and builds it again from the stored mail.
    pub async fn reindex(&self) -> Result<IndexProgress> {
        let mut building = self.state.building.lock().await;
        *building = Building::default();
        let mut db = self.store.catalog.read().await?;
        let rows = self.split_rows(&mut db).await?;
        drop(db);
        let mut tx = self.store.catalog.begin().await?;
        sql::execute(&mut tx, statements::DELETE_SPLITS, values![self.id()]).await?;
        sql::execute(
            &mut tx,
            statements::SET_FOLLOWER,
            values![self.id(), Follower::Index as i64, 0],
        )
        .await?;
        tx.commit().await?;
        drop(building);
        self.drop_splits(&rows).await;
        self.advance_index(true).await
    }
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
