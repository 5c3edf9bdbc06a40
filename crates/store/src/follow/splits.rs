//! Splits as the catalog lists them: put, opened, merged, removed.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use roaring::RoaringTreemap;
use sqlx::AnyConnection;

use super::{blocking, side_by_side};
use crate::address::Address;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::index::{
    ANALYSER_VERSION, Built, FileRange, Part, RangeRead, SCHEMA_VERSION, Sealed, Split, SplitId,
    merge,
};
use crate::objects::ObjectRange;
use crate::seal::Key;
use crate::tenant::Tenant;
use crate::vault::{ObjectKind, Upload, may_be_named, object_path};

/// So many splits of about one size become one.
const MERGE: usize = 8;
/// Splits of this many documents are merged no further: about 30 a million copies.
const LARGE: i64 = 32_768;
/// Splits that are opened side by side: each waits for a server.
const ABREAST: usize = 8;
/// How often a change of rows is tried again because somebody else changed them meanwhile.
pub(super) const ATTEMPTS: usize = 8;

/// A split's row.
pub(crate) struct SplitRow {
    pub(crate) row: i64,
    pub(crate) id: SplitId,
    pub(crate) size: i64,
    pub(crate) docs: i64,
    first: i64,
    last: i64,
    analyser: i64,
    key: Vec<u8>,
    schema: i64,
    /// How many documents are dead. It only grows, so that an unchanged number says that the
    /// set is unchanged too.
    pub(crate) deaths: i64,
    pub(crate) dead: Arc<RoaringTreemap>,
}

impl SplitRow {
    /// True if another version of this program made it, so that its terms or fields cannot
    /// be searched.
    pub(super) fn is_stale(&self) -> bool {
        u64::try_from(self.analyser) != Ok(ANALYSER_VERSION)
            || u64::try_from(self.schema) != Ok(SCHEMA_VERSION)
    }

    /// From the lowest to the highest seq in it.
    pub(super) fn seqs(&self) -> RangeInclusive<u64> {
        self.first.unsigned_abs()..=self.last.unsigned_abs()
    }

    fn live(&self) -> i64 {
        self.docs - self.deaths
    }
}

pub(crate) fn split_path(id: &SplitId) -> Path {
    object_path("splits", &id.0)
}

fn split_label(id: &SplitId) -> Vec<u8> {
    [b"split".as_slice(), &id.0].concat()
}

impl Tenant {
    /// Puts a split; returns when that began, for [`Tenant::list_split`].
    pub(super) async fn put_split(&self, built: &Built) -> Result<i64> {
        let began = now_us();
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
        Ok(began)
    }

    /// The row of a split that was put at `began`.
    pub(super) async fn list_split(
        &self,
        db: &mut AnyConnection,
        built: &Built,
        began: i64,
        key: &Key,
    ) -> Result<()> {
        may_be_named(began)?;
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
            signed(SCHEMA_VERSION),
        ];
        sql::execute(db, statements::INSERT_SPLIT, values).await?;
        Ok(())
    }

    pub(crate) async fn split_rows(&self, db: &mut AnyConnection) -> Result<Vec<SplitRow>> {
        let rows = sql::fetch(db, statements::SPLITS, values![self.id()]).await?;
        let read = |row: &sqlx::any::AnyRow| {
            let id = SplitId(row.array(1)?);
            let dead = match row.blob_or_null(9)? {
                None => RoaringTreemap::new(),
                Some(bytes) => RoaringTreemap::deserialize_from(bytes.as_slice())
                    .map_err(|_| StoreError::damaged(format!("split {id}"), "its dead list"))?,
            };
            Ok(SplitRow {
                row: row.int(0)?,
                id,
                size: row.int(2)?,
                docs: row.int(3)?,
                first: row.int(4)?,
                last: row.int(5)?,
                analyser: row.int(6)?,
                key: row.blob(7)?,
                schema: row.int(8)?,
                deaths: row.int(10)?,
                dead: Arc::new(dead),
            })
        };
        rows.iter().map(read).collect()
    }

    /// Opens splits, those opened before from memory. Reads objects: call where blocking is
    /// allowed is arranged here.
    pub(crate) async fn open_splits(&self, rows: &[SplitRow]) -> Result<Vec<Part>> {
        // Terms of another analyser would be looked up in vain, and silently.
        if rows.iter().any(SplitRow::is_stale) {
            return Err(StoreError::Index(
                "another version of everpost made it".to_owned(),
            ));
        }
        // Made before they are run, as closures over borrowed rows would bind the caller.
        let each: Vec<_> = rows.iter().map(|row| self.open_part(row)).collect();
        let abreast = side_by_side(ABREAST);
        stream::iter(each).buffered(abreast).try_collect().await
    }

    async fn open_part(&self, row: &SplitRow) -> Result<Part> {
        let known = lock(&self.state.splits).get(&row.id.0).cloned();
        let split = match known {
            Some(split) => split,
            None => {
                let split = Arc::new(self.open_split(row).await?);
                lock(&self.state.splits).insert(row.id.0, split.clone());
                split
            }
        };
        Ok(Part {
            split,
            dead: row.dead.clone(),
        })
    }

    /// Forgets the splits that are not among `rows`: any node may have merged them.
    pub(crate) fn keep_splits(&self, rows: &[SplitRow]) {
        let listed: HashSet<[u8; 16]> = rows.iter().map(|row| row.id.0).collect();
        let gone: Vec<[u8; 16]> = lock(&self.state.splits)
            .extract_if(|id, _| !listed.contains(id))
            .map(|(id, _)| id)
            .collect();
        for id in gone {
            self.state.blocks.forget(SplitId(id));
        }
    }

    pub(crate) async fn open_split(&self, row: &SplitRow) -> Result<Split> {
        let item = || format!("split {}", split_path(&row.id));
        let key = self
            .state
            .keys
            .unwrap(&split_label(&row.id), &row.key)
            .ok_or_else(|| StoreError::damaged(item(), "its key does not open"))?;
        let path = split_path(&row.id);
        let options = &self.store.options;
        let source: Arc<dyn RangeRead> = match (&options.objects, &options.address) {
            (None, Address::Embedded) => {
                let file = self.store.data.join(path.as_ref());
                Arc::new(FileRange::open(&file).map_err(|error| match error.kind() {
                    std::io::ErrorKind::NotFound => {
                        StoreError::damaged(item(), "the object is missing")
                    }
                    _ => StoreError::file(&file, error),
                })?)
            }
            _ => {
                let length = u64::try_from(row.size).unwrap_or(0);
                Arc::new(ObjectRange::new(
                    self.store.vault.objects.clone(),
                    path,
                    length,
                ))
            }
        };
        let (id, cache) = (row.id, self.state.blocks.clone());
        blocking(move || Ok(Split::open(source, id, &key.0, cache)?)).await?
    }

    /// Merges splits of about one size while there are enough of them, and writes those again
    /// that are mostly dead.
    pub(super) async fn merge_small(&self) -> Result<()> {
        let mut failures = 0;
        loop {
            let mut db = self.store.catalog.read().await?;
            let rows = self.split_rows(&mut db).await?;
            drop(db);
            let Some(chosen) = worth_merging(rows) else {
                return Ok(());
            };
            match self.merge_splits(chosen, RoaringTreemap::new()).await {
                Err(StoreError::Guard) if failures < ATTEMPTS => failures += 1,
                other => other?,
            }
        }
    }

    /// Makes one split of several, without their dead documents and without the copies at
    /// `hidden`; the old ones' keys and objects are destroyed.
    pub(crate) async fn merge_splits(
        &self,
        rows: Vec<SplitRow>,
        hidden: RoaringTreemap,
    ) -> Result<()> {
        let mut parts = self.open_splits(&rows).await?;
        parts.sort_by_key(|part| part.split.seq_min());
        let scratch = self.scratch();
        let key = Key::random()?;
        let built = blocking(move || merge(&parts, &hidden, &scratch, &key.0)).await??;
        let mut began = 0;
        if let Some(built) = &built {
            began = self.put_split(built).await?;
        }
        let mut tx = self.store.catalog.begin().await?;
        let mut lost = false;
        for row in &rows {
            // Guard: a split that is gone was merged by somebody else, and one with more dead
            // documents would have them come back.
            let values = values![self.id(), row.row, row.deaths];
            lost |= sql::execute(&mut tx, statements::DELETE_SPLIT, values).await? != 1;
        }
        if lost {
            drop(tx);
            if let Some(built) = &built {
                self.delete_object(&built.id).await;
            }
            return Err(StoreError::Guard);
        }
        if let Some(built) = &built {
            self.list_split(&mut tx, built, began, &key).await?;
        }
        self.doom_splits(&mut tx, &rows).await?;
        tx.commit().await?;
        self.drop_splits(&rows).await
    }

    /// Dooms splits, in the transaction that lists them no more.
    pub(super) async fn doom_splits(
        &self,
        db: &mut AnyConnection,
        rows: &[SplitRow],
    ) -> Result<()> {
        let names = rows.iter().map(|row| row.id.0);
        self.doom(db, ObjectKind::Split, names).await
    }

    /// Forgets splits that are listed no more, and removes what is doomed.
    pub(super) async fn drop_splits(&self, rows: &[SplitRow]) -> Result<()> {
        for row in rows {
            if let Some(split) = lock(&self.state.splits).remove(&row.id.0) {
                split.close();
            }
            self.state.blocks.forget(row.id);
        }
        self.remove_doomed().await.map(drop)
    }

    pub(super) async fn delete_object(&self, id: &SplitId) {
        let path = split_path(id);
        self.store.vault.objects.delete(&path).await.ok();
    }
}

/// Splits to be made one: as many of about one size as there are, or one most of whose
/// documents are dead.
fn worth_merging(mut rows: Vec<SplitRow>) -> Option<Vec<SplitRow>> {
    if let Some(at) = rows.iter().position(|row| row.deaths * 2 > row.docs) {
        return Some(vec![rows.swap_remove(at)]);
    }
    rows.retain(|row| row.live() < LARGE);
    let tier = |row: &SplitRow| row.live().max(1).ilog2() / 3;
    let crowded = rows
        .iter()
        .map(tier)
        .find(|wanted| rows.iter().filter(|row| tier(row) == *wanted).count() >= MERGE)?;
    rows.retain(|row| tier(row) == crowded);
    Some(rows)
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
