//! Whether the archive is still here. An archive that moved to another place takes nothing in at the
//! old one any more, and one that is on its way here is not opened before it is whole.
//!
//! The row is looked at in every transaction that writes, before anything else: so whoever wrote
//! the row in a transaction of its own was the last to write.

use sqlx::AnyConnection;

use super::sql::{self, Columns, values};
use super::statements;
use crate::clock::now_us;
use crate::error::{Result, StoreError};

/// Why an archive is not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Moved {
    /// It left for this place.
    To(String),
    /// It is on its way from this place.
    From(String),
}

/// Whether the archive left or is on its way; `None`: it is here.
pub(crate) async fn moved(db: &mut AnyConnection) -> Result<Option<Moved>> {
    let Some(row) = sql::fetch_optional(db, statements::MOVED, vec![]).await? else {
        return Ok(None);
    };
    let place = String::from_utf8_lossy(&row.blob(1)?).into_owned();
    Ok(Some(match row.int(0)? {
        0 => Moved::To(place),
        _ => Moved::From(place),
    }))
}

/// Fails where the archive is not.
pub(crate) async fn refuse_moved(db: &mut AnyConnection) -> Result<()> {
    match moved(db).await? {
        None => Ok(()),
        Some(Moved::To(place)) => Err(StoreError::Moved(place)),
        Some(Moved::From(place)) => Err(StoreError::Arriving(place)),
    }
}

/// Fails where the archive is not whole yet. What it left may be read.
pub(crate) async fn refuse_arriving(db: &mut AnyConnection) -> Result<()> {
    match moved(db).await? {
        Some(Moved::From(place)) => Err(StoreError::Arriving(place)),
        _ => Ok(()),
    }
}

/// Says that the archive left, or is on its way, in the transaction that makes it true.
pub(crate) async fn say(db: &mut AnyConnection, moved: &Moved) -> Result<()> {
    let (arriving, place) = match moved {
        Moved::To(place) => (0, place),
        Moved::From(place) => (1, place),
    };
    let row = values![arriving, place.as_bytes().to_vec(), now_us()];
    sql::execute(db, statements::SET_MOVED, row).await?;
    Ok(())
}
