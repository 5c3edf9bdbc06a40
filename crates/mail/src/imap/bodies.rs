//! Messages of which only the header is here, and whoever brings the rest.

use std::sync::Arc;
use std::time::Duration;

use everpost_store::{Replica, Row, StoreError};
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep};

/// Brings the bytes of messages of which only the header is here.
pub trait Bodies: Send + Sync {
    /// Of a folder, by UID, as far as they can be had now; those that cannot be had are no error. A program waits meanwhile, and
    /// is told so. Where it gave up and comes again, the same messages are asked for while the first order is under way.
    fn bring(
        &self,
        replica: Replica,
        folder: u32,
        uids: Vec<u32>,
    ) -> BoxFuture<'static, Result<(), StoreError>>;
}

/// How long is waited for messages that cannot be had.
#[derive(Debug, Clone, Copy)]
pub(super) struct Insisting {
    /// Between two attempts.
    pub(super) again: Duration,
    /// For all attempts of a command.
    pub(super) long: Duration,
}

/// What brings messages for a command.
pub(super) struct Bringing {
    pub(super) replica: Replica,
    pub(super) folder: u32,
    bodies: Option<Arc<dyn Bodies>>,
    insisting: Insisting,
    /// Messages could not be had.
    pub(super) lacks: bool,
}

impl Bringing {
    pub(super) fn new(
        replica: Replica,
        folder: u32,
        bodies: Option<Arc<dyn Bodies>>,
        insisting: Insisting,
    ) -> Self {
        Bringing {
            replica,
            folder,
            bodies,
            insisting,
            lacks: false,
        }
    }

    /// Rows as they are when all was brought that can be had: those that are gone are left out, and those that cannot be had
    /// still have no copy. A mail server that starts again is waited for. Where one did not come nothing more is asked for:
    /// the command ends without an answer anyway.
    pub(super) async fn bring(&mut self, uids: Vec<u32>) -> Result<Vec<Row>, StoreError> {
        let until = Instant::now() + self.insisting.long;
        loop {
            // First: somebody else may have brought them since this program was told of the folder.
            let rows = self.replica.rows(self.folder, &uids).await?;
            let absent = rows.iter().filter(|row| row.copy == 0);
            let absent: Vec<u32> = absent.map(|row| row.uid).collect();
            if absent.is_empty() {
                return Ok(rows);
            }
            let Some(bodies) = self.bodies.clone() else {
                self.lacks = true;
                return Ok(rows);
            };
            let before = absent.len();
            bodies
                .bring(self.replica.clone(), self.folder, absent.clone())
                .await?;
            let left = self.replica.rows(self.folder, &absent).await?;
            let left = left.iter().filter(|row| row.copy == 0).count();
            if left > 0 && left == before {
                match Instant::now() + self.insisting.again < until {
                    true => sleep(self.insisting.again).await,
                    false => self.bodies = None,
                }
            }
        }
    }
}
