//! What a mailbox shows: all of a folder, what changed, and the bytes behind it.

use std::collections::HashMap;

use everpost_domain::digest::Digest;
use everpost_domain::message::Head;
use sqlx::AnyConnection;

use super::Replica;
use super::folder::{Folder, number};
use super::message::Row;
use super::order::summary_label;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::copy::CopyRow;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// What happened to a folder since a MODSEQ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The folder as it is now.
    pub folder: Folder,
    /// Messages that are new or changed, by UID.
    pub rows: Vec<Row>,
    /// UIDs that are gone.
    pub gone: Vec<u32>,
}

impl Replica {
    /// All of a folder, or what changed since a MODSEQ (0: everything). Of what went and came again only the last is told.
    pub async fn changes(&self, folder: u32, since: u64) -> Result<Changes> {
        let mut db = self.tenant.store.catalog.read().await?;
        // First: what is read after it may be newer, and is then told again.
        let shown = self.folder_in(&mut db, folder).await?;
        let of = || values![self.tenant.id(), i64::from(folder), since.cast_signed()];
        if since >= shown.modseq {
            return Ok(Changes {
                folder: shown,
                rows: Vec::new(),
                gone: Vec::new(),
            });
        }
        if since > 0 {
            let rows = sql::fetch(&mut db, statements::REPLICA_ROWS_SINCE, of()).await?;
            let gone = sql::fetch(&mut db, statements::REPLICA_GONE_SINCE, of()).await?;
            return Ok(Changes {
                folder: shown,
                rows: rows.iter().map(Row::read).collect::<Result<_>>()?,
                gone: gone
                    .iter()
                    .map(|row| number(row.int(0)?))
                    .collect::<Result<_>>()?,
            });
        }
        let mut all: Vec<Row> = Vec::new();
        loop {
            let after = all.last().map_or(0, |row| i64::from(row.uid));
            let asked = values![self.tenant.id(), i64::from(folder), after];
            let rows = sql::fetch(&mut db, statements::REPLICA_ROWS, asked).await?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                all.push(Row::read(row)?);
            }
        }
        Ok(Changes {
            folder: shown,
            rows: all,
            gone: Vec::new(),
        })
    }

    /// Messages of a folder as they are now, by UID; those that are gone are left out.
    pub async fn rows(&self, folder: u32, uids: &[u32]) -> Result<Vec<Row>> {
        let mut db = self.tenant.store.catalog.read().await?;
        let rows = self.rows_of(&mut db, folder, uids).await?;
        Ok(rows.into_iter().map(|(row, _)| row).collect())
    }

    /// What was said of messages when they came, by UID; those that are gone are left out.
    pub async fn summaries(&self, folder: u32, uids: &[u32]) -> Result<Vec<(u32, Vec<u8>)>> {
        let mut db = self.tenant.store.catalog.read().await?;
        let found = self.rows_of(&mut db, folder, uids).await?;
        let mut all = Vec::with_capacity(found.len());
        for (row, sealed) in found {
            all.push((row.uid, self.open_summary(folder, row.uid, &sealed)?));
        }
        all.sort_unstable_by_key(|(uid, _)| *uid);
        Ok(all)
    }

    pub(super) async fn rows_of(
        &self,
        db: &mut AnyConnection,
        folder: u32,
        uids: &[u32],
    ) -> Result<Vec<(Row, Vec<u8>)>> {
        // One that is named twice is one.
        let asked: std::collections::BTreeSet<&u32> = uids.iter().collect();
        let asked = asked
            .into_iter()
            .map(|uid| values![self.tenant.id(), i64::from(folder), i64::from(*uid)]);
        let found = statements::REPLICA_ROW.fetch(db, asked.collect()).await?;
        let mut rows = Vec::with_capacity(found.len());
        for row in &found {
            rows.push((Row::read(row)?, row.blob(7)?));
        }
        rows.sort_unstable_by_key(|(row, _)| row.uid);
        Ok(rows)
    }

    pub(super) fn open_summary(&self, folder: u32, uid: u32, sealed: &[u8]) -> Result<Vec<u8>> {
        let names = &self.tenant.state.keys.names;
        names
            .open(&summary_label(folder, uid), sealed)
            .ok_or_else(|| {
                StoreError::damaged(
                    format!("message {uid} of folder {folder}"),
                    "its summary does not open",
                )
            })
    }

    /// The UID of a copy that came into a folder at a time (µs since 1970), if there is one.
    pub async fn find_saved(
        &self,
        folder: u32,
        copy: &Digest,
        when: std::ops::Range<i64>,
    ) -> Result<Option<u32>> {
        let mut db = self.tenant.store.catalog.read().await?;
        let copy = match self.tenant.find_copy(&mut db, copy).await {
            Ok(copy) => copy.id,
            Err(StoreError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let asked = values![self.tenant.id(), copy, i64::from(folder)];
        for row in sql::fetch(&mut db, statements::REPLICA_OF_COPY, asked).await? {
            if when.contains(&row.int(1)?) {
                return number(row.int(0)?).map(Some);
            }
        }
        Ok(None)
    }
}

impl Tenant {
    /// Hands the bytes of copies, by their numbers in this archive, to `each`, in the order asked. Ends early where `each`
    /// says false. What of them is damaged is handed as its error.
    pub async fn read_copies(
        &self,
        copies: &[i64],
        mut each: impl FnMut(usize, Result<Vec<u8>>) -> bool,
    ) -> Result<()> {
        let mut db = self.store.catalog.read().await?;
        let found = self.rows_of_copies(&mut db, copies).await?;
        for (place, copy) in copies.iter().enumerate() {
            let raw = match found.get(copy) {
                Some(row) => self.read_whole(&mut db, row).await,
                None => Err(missing(*copy)),
            };
            if !each(place, raw) {
                break;
            }
        }
        Ok(())
    }

    /// What the headers of copies say, in the order asked.
    pub async fn heads(&self, copies: &[i64]) -> Result<Vec<Head>> {
        let mut db = self.store.catalog.read().await?;
        let found = self.rows_of_copies(&mut db, copies).await?;
        let head = |copy| match found.get(copy) {
            Some(row) => row.head(&self.state.keys),
            None => Err(missing(*copy)),
        };
        copies.iter().map(head).collect()
    }

    async fn rows_of_copies(
        &self,
        db: &mut AnyConnection,
        copies: &[i64],
    ) -> Result<HashMap<i64, CopyRow>> {
        let asked = copies.iter().map(|copy| values![self.id(), *copy]);
        let mut found = HashMap::new();
        for row in statements::COPIES_BY_ID.fetch(db, asked.collect()).await? {
            found.insert(row.int(0)?, CopyRow::read(&row)?);
        }
        Ok(found)
    }
}

fn missing(copy: i64) -> StoreError {
    StoreError::damaged(format!("copy {copy}"), "its row is missing")
}
