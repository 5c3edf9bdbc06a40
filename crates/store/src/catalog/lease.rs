//! Leases: which node does what one node is enough for.
//!
//! A lease saves work, it does not keep anything right: what followers commit is guarded by the
//! cursor that they began at, what compaction and merges commit by the rows that they read. A node
//! that was asleep while its lease ended finds its guard failed and nothing else.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AnyConnection, AnyPool};
use tokio::task::JoinHandle;

use super::sql::{self, values};
use super::{Catalog, NodeId, statements};
use crate::clock::now_us;
use crate::error::Result;

/// How long a lease lasts that is not renewed, in µs of the database's clock.
const TERM: i64 = 15_000_000;
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(5);

/// What a lease is for. The numbers stand in the table `lease`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    /// Index, log and the reading of attachments.
    Follow = 1,
    /// Compaction.
    Compact = 2,
    /// Copying the archive: while it lasts, no object is removed.
    Copy = 3,
}

/// A lease that is held until it is dropped.
pub(crate) struct Lease {
    held: Option<Held>,
}

struct Held {
    pool: AnyPool,
    tenant: i64,
    work: i64,
    holder: NodeId,
    renewal: JoinHandle<()>,
}

impl Catalog {
    /// Takes the lease for work of a tenant; `None` while another node holds it. A store in a
    /// file has one process, which holds them all.
    pub(crate) async fn lease(&self, tenant: i64, work: Work) -> Result<Option<Arc<Lease>>> {
        if !self.shared {
            return Ok(Some(Arc::new(Lease { held: None })));
        }
        let (pool, work, holder) = (self.readers.clone(), work as i64, self.holder);
        if !take(&mut *self.read().await?, tenant, work, holder).await? {
            return Ok(None);
        }
        let renewal = tokio::spawn({
            let pool = pool.clone();
            async move {
                loop {
                    tokio::time::sleep(RENEWAL).await;
                    // The server may answer again before the term is over.
                    let Ok(mut db) = pool.acquire().await else {
                        continue;
                    };
                    if let Ok(false) = take(&mut db, tenant, work, holder).await {
                        return;
                    }
                }
            }
        });
        let held = Held {
            pool,
            tenant,
            work,
            holder,
            renewal,
        };
        Ok(Some(Arc::new(Lease { held: Some(held) })))
    }
}

impl Catalog {
    /// Whether some node has the lease for work of a tenant.
    pub(crate) async fn is_leased(&self, tenant: i64, work: Work) -> Result<bool> {
        if !self.postgres {
            return Ok(false);
        }
        let wanted = values![tenant, work as i64];
        let mut db = self.read().await?;
        let row = sql::fetch_optional(&mut db, statements::IS_LEASED, wanted).await?;
        Ok(row.is_some())
    }
}

/// Takes or renews a lease; false if somebody else has it.
async fn take(db: &mut AnyConnection, tenant: i64, work: i64, holder: NodeId) -> Result<bool> {
    // A file has one writer; in a server a lease is a row beside whatever is written.
    #[cfg(test)]
    let _turn = crate::simulation::take_turn().await?;
    let mut row = values![tenant, work, holder.to_vec(), TERM];
    let statement = match sql::is_server(db) {
        true => statements::TAKE_LEASE,
        false => {
            row.extend(values![now_us()]);
            statements::TAKE_LEASE_AT
        }
    };
    let taken = sql::fetch_optional(db, statement, row).await?;
    Ok(taken.is_some())
}

impl Lease {
    /// False once another node may hold it.
    pub(crate) fn lasts(&self) -> bool {
        self.held
            .as_ref()
            .is_none_or(|held| !held.renewal.is_finished())
    }

    /// Gives it back, so that others need not wait for its end.
    pub(crate) async fn give_back(&self) {
        if let Some(held) = &self.held {
            held.renewal.abort();
            held.release().await.ok();
        }
    }
}

impl Held {
    async fn release(&self) -> Result<()> {
        #[cfg(test)]
        let _turn = crate::simulation::take_turn().await?;
        let mut db = self.pool.acquire().await?;
        let row = values![self.tenant, self.work, self.holder.to_vec()];
        sql::execute(&mut db, statements::END_LEASE, row).await?;
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(held) = &self.held {
            held.renewal.abort();
        }
    }
}
