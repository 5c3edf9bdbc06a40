//! Messages of which only the header is here, and whoever brings the rest.

use std::sync::Arc;

use everpost_store::{Replica, Row, StoreError};
use futures::future::BoxFuture;

use super::summary::Summary;
use super::{End, Told};

/// Brings the bytes of messages of which only the header is here.
pub trait Bodies: Send + Sync {
    /// Of a folder, by UID, as far as they can be had.
    fn bring(
        &self,
        replica: Replica,
        folder: u32,
        uids: Vec<u32>,
    ) -> BoxFuture<'static, Result<(), StoreError>>;
}

/// Sees to it that the bytes of messages are here: of all, or of those alone whose structure nobody knows.
///
/// # Errors
/// Where they cannot be had now, the connection is cut: a program takes a NO for the end of the matter, and an empty message for
/// the message (docs/clients.md, R5); it comes again.
pub(super) async fn brought(
    replica: &Replica,
    bodies: Option<Arc<dyn Bodies>>,
    folder: u32,
    batch: &mut [(usize, Row)],
    all: bool,
) -> Result<(), Told> {
    let absent = batch.iter().filter(|(_, row)| row.copy == 0);
    let mut uids: Vec<u32> = absent.map(|(_, row)| row.uid).collect();
    if !all && !uids.is_empty() {
        let known = replica.summaries(folder, &uids).await?;
        let is_known = |kept: &[u8]| {
            Summary::decode(kept).is_some_and(|summary| !summary.structure.is_empty())
        };
        let known = known.into_iter().filter(|(_, kept)| is_known(kept));
        let known: Vec<u32> = known.map(|(uid, _)| uid).collect();
        uids.retain(|uid| !known.contains(uid));
    }
    if uids.is_empty() {
        return Ok(());
    }
    if let Some(bodies) = bodies {
        bodies.bring(replica.clone(), folder, uids.clone()).await?;
    }
    let rows = replica.rows(folder, &uids).await?;
    for row in &rows {
        if let Some((_, old)) = batch.iter_mut().find(|(_, old)| old.uid == row.uid) {
            *old = *row;
        }
    }
    match rows.iter().any(|row| row.copy == 0) {
        true => Err(Told::new(End::Cut, None, "")),
        false => Ok(()),
    }
}
