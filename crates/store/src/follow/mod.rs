//! Followers of `seq`: work that is derived from admitted events, done in their order,
//! each with a cursor of its own. None of them can refuse mail.
//!
//! Where several nodes share a store, one of them leads, by a lease; the others wait for it. What
//! is committed is guarded by the cursor that it began at, so that two of them would do work twice
//! and nothing worse. The index alone is built by all of them (`range.rs`).

mod extract;
mod index;
mod log;
mod prove;
mod range;
mod replace;
mod splits;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use sqlx::AnyConnection;

use crate::admit::next_seq;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Lease, statements};
use crate::clock::sleep;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

pub(crate) use extract::LARGEST_COPY;
pub use extract::{ExtractProgress, TextStatus};
pub use index::IndexProgress;
pub(crate) use index::{Building, Content, FreshDoc, blocking, side_by_side};
pub use log::LogHead;
pub(crate) use log::{event_leaf, log_signer, log_state, read_event, tile_path};
pub use prove::Prover;
pub(crate) use range::claim;
pub(crate) use splits::{SplitRow, split_path};

/// How often it is looked whether the node that follows has come so far.
const POLL: Duration = Duration::from_millis(100);

impl Tenant {
    /// Waits until this node leads, or until the node that does has come to where the events end
    /// now.
    async fn lead_or_wait(&self, follower: Follower) -> Result<Option<Arc<Lease>>> {
        let (target, _) = self.events_and_cursor(follower).await?;
        loop {
            if let Some(lead) = self.lead().await? {
                return Ok(Some(lead));
            }
            if self.events_and_cursor(follower).await?.1 >= target {
                return Ok(None);
            }
            sleep(POLL).await;
        }
    }

    /// The number of the next event, and how far a follower is.
    async fn events_and_cursor(&self, follower: Follower) -> Result<(i64, i64)> {
        let mut db = self.store.catalog.read().await?;
        let row = match follower {
            Follower::Log => {
                sql::fetch_optional(&mut db, statements::LOG, values![self.id()]).await?
            }
            Follower::Index | Follower::Extract => {
                let wanted = values![self.id(), follower as i64];
                sql::fetch_optional(&mut db, statements::FOLLOWER, wanted).await?
            }
        };
        let cursor = row.map_or(Ok(0), |row| row.int(0))?;
        Ok((next_seq(&mut db, self.id()).await?, cursor))
    }
}

/// Moves a follower's cursor; [`StoreError::Guard`] if it is not where it was read.
async fn move_cursor(
    db: &mut AnyConnection,
    tenant: i64,
    follower: Follower,
    from: i64,
    to: i64,
) -> Result<()> {
    let row = values![tenant, follower as i64, to, from];
    match sql::execute(db, statements::MOVE_FOLLOWER, row).await? {
        1 => Ok(()),
        _ => Err(StoreError::Guard),
    }
}

/// Numbers of followers in the table `follower`; the log has a table of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Follower {
    Index = 1,
    Extract = 2,
    Log = 3,
}
