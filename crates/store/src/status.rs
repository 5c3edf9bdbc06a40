//! Status: counts, sizes, lag, last checkpoint.

use everpost_domain::message::format_rfc3339;
use object_store::ObjectStoreExt;

use crate::catalog::sql::{self, Columns, Value, values};
use crate::catalog::{fence, statements};
use crate::error::Result;
use crate::store::Store;
use crate::tenant::Tenant;

/// The state of a tenant's archive.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Messages, copies, deliveries.
    pub messages: u64,
    /// Distinct byte strings.
    pub copies: u64,
    /// Times mail came.
    pub deliveries: u64,
    /// Mailboxes that hold mail.
    pub mailboxes: u64,
    /// Events in order.
    pub events: u64,
    /// Bytes that came in, every delivery counted.
    pub delivered_bytes: u64,
    /// Bytes of distinct copies.
    pub raw_bytes: u64,
    /// Bytes left after parts were stored once and attachments decoded.
    pub distinct_bytes: u64,
    /// Bytes of live packs.
    pub pack_bytes: u64,
    /// Bytes of index splits.
    pub index_bytes: u64,
    /// Splits.
    pub splits: u64,
    /// Packs.
    pub packs: u64,
    /// Events that search does not show yet.
    pub index_lag: u64,
    /// Events that are not leaves of the log yet.
    pub log_lag: u64,
    /// Leaves of the log.
    pub log_size: u64,
    /// Root of the log, hexadecimal; empty before the first checkpoint.
    pub log_root: String,
    /// The key that signs the log.
    pub log_key: String,
    /// Admission of the newest copy, RFC 3339; empty if there is none.
    pub last_admission: String,
}

impl Tenant {
    /// The state of the tenant's archive.
    pub async fn status(&self) -> Result<Status> {
        let mut db = self.store.catalog.read().await?;
        let one = |row: Option<sqlx::any::AnyRow>, column: usize| -> Result<u64> {
            row.map_or(
                Ok(0),
                |row| Ok(u64::try_from(row.int(column)?).unwrap_or(0)),
            )
        };
        let tenant: Vec<Value> = values![self.id()];
        let mut numbers = Vec::new();
        for statement in [
            statements::COUNT_COPIES,
            statements::COUNT_LINKED,
            statements::COUNT_DELIVERIES,
            statements::COUNT_MAILBOXES,
            statements::SUM_DELIVERED,
            statements::SUM_RAW,
            statements::SUM_PLAIN,
            statements::SUM_PACKS,
            statements::COUNT_PACKS,
            statements::SUM_SPLITS,
            statements::COUNT_SPLITS,
            statements::LAST_ADMISSION,
        ] {
            numbers.push(one(
                sql::fetch_optional(&mut db, statement, tenant.clone()).await?,
                0,
            )?);
        }
        drop(db);
        let progress = self.index_progress().await?;
        let head = self.log_head().await?;
        let mut numbers = numbers.into_iter();
        let mut take = || numbers.next().unwrap_or(0);
        let copies = take();
        let linked = take();
        let mut status = Status {
            copies,
            messages: copies.saturating_sub(linked),
            deliveries: take(),
            mailboxes: take(),
            delivered_bytes: take(),
            raw_bytes: take(),
            distinct_bytes: take(),
            pack_bytes: take(),
            packs: take(),
            index_bytes: take(),
            splits: take(),
            events: progress.events,
            index_lag: progress.events.saturating_sub(progress.indexed),
            ..Status::default()
        };
        let last = take();
        if last > 0 {
            status.last_admission = format_rfc3339(i64::try_from(last / 1_000_000).unwrap_or(0));
        }
        if let Some(head) = head {
            status.log_size = head.size;
            status.log_root = head.root.to_string();
            status.log_key = head.key.to_string();
        }
        status.log_lag = progress.events.saturating_sub(status.log_size);
        Ok(status)
    }
}

impl Store {
    /// Bytes of the catalog: its files, write-ahead log included, or the server's database.
    pub async fn catalog_bytes(&self) -> Result<u64> {
        if let Some(bytes) = self.inner.catalog.server_bytes().await? {
            return Ok(bytes);
        }
        let files = ["catalog.db", "catalog.db-wal"].map(|name| self.inner.data.join(name));
        let sizes = files.iter().filter_map(|path| std::fs::metadata(path).ok());
        Ok(sizes.map(|meta| meta.len()).sum())
    }

    /// Whether catalog and objects answer, asked of both, and the archive is here.
    pub async fn ready(&self) -> Result<()> {
        fence::refuse_moved(&mut *self.inner.catalog.read().await?).await?;
        let nothing = object_store::path::Path::from("probe/nothing");
        match self.inner.vault.objects.head(&nothing).await {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Rows of all tables together; what the catalog's budget counts.
    pub async fn catalog_rows(&self) -> Result<u64> {
        let mut db = self.inner.catalog.read().await?;
        let row = sql::fetch_optional(&mut db, statements::COUNT_ROWS, vec![]).await?;
        row.map_or(Ok(0), |row| Ok(u64::try_from(row.int(0)?).unwrap_or(0)))
    }

    /// Rewrites the catalog without free pages; part of compaction.
    pub async fn vacuum(&self) -> Result<()> {
        self.inner.catalog.vacuum().await
    }
}
