//! Making tiles again. They are a function of the rows; that these rows are the right ones
//! is what the signed root says.

use bytes::Bytes;
use everpost_domain::log::{FullTile, Tail};
use object_store::{ObjectStoreExt, PutPayload};

use super::FsckReport;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::error::Result;
use crate::follow::tile_path;
use crate::tenant::Tenant;

/// Events whose leaves are made at a time.
const STEP: u64 = 4096;

impl Tenant {
    /// Makes tiles and tail of the first `size` events again. Only after an audit proved
    /// that the rows lead to the signed root of that size.
    pub(super) async fn remake_tiles(&self, size: u64, report: &mut FsckReport) -> Result<()> {
        let _alone = self.state.following.lock().await;
        let mut db = self.store.catalog.read().await?;
        let mut tail = Tail::new();
        while tail.size() < size {
            let range = tail.size()..size.min(tail.size() + STEP);
            let Some(leaves) = self.leaves_of_rows(&mut db, range).await? else {
                return Ok(());
            };
            for full in tail.append(&leaves) {
                self.remake_tile(full, report).await?;
            }
        }
        let Some(row) = sql::fetch_optional(&mut db, statements::LOG, values![self.id()]).await?
        else {
            return Ok(());
        };
        // Another node that moved the log on meanwhile wrote a tail of its own, under a new head.
        let head = self.open_head(&mut db, &row.blob(2)?).await?;
        drop(db);
        let length = i64::try_from(size).unwrap_or(i64::MAX);
        if head.size() != size {
            return Ok(());
        }
        if row.blob(1)? == tail.encode() && row.int(0)? == length {
            return Ok(());
        }
        let mut tx = self.store.catalog.begin().await?;
        let row = values![self.id(), length, tail.encode(), row.blob(2)?, row.int(0)?];
        sql::execute(&mut tx, statements::SET_LOG, row).await?;
        tx.commit().await?;
        report
            .repaired
            .push("log tail: made again from the rows".into());
        Ok(())
    }

    async fn remake_tile(&self, full: FullTile, report: &mut FsckReport) -> Result<()> {
        let path = tile_path(self.id(), &full.tile);
        let objects = &self.store.vault.objects;
        let there = match objects.get(&path).await {
            Ok(found) => found.bytes().await.unwrap_or_default(),
            // Whatever the reason, the tile is written again.
            Err(_) => Bytes::new(),
        };
        if there != full.bytes {
            objects.put(&path, PutPayload::from(full.bytes)).await?;
            report
                .repaired
                .push(format!("{path}: made again from the rows"));
        }
        Ok(())
    }
}
