//! A folder page by page, and one message of it.

use everpost_domain::message::Head;
use everpost_store::{Folder, Replica, Row, SpecialUse, StoreError};

/// A part of a folder, newest first.
#[derive(Debug)]
pub struct Page {
    /// The folder.
    pub folder: Folder,
    /// Messages of all of it.
    pub messages: usize,
    /// Those shown, with what their headers say.
    pub rows: Vec<(Row, Head)>,
    /// There are older ones.
    pub more: bool,
}

/// The newest `most` messages of a folder of those with UIDs below `before`.
///
/// # Errors
/// [`StoreError::NotFound`] for a folder that is none of this mailbox.
pub async fn page(
    replica: &Replica,
    folder: u32,
    before: u32,
    most: usize,
) -> Result<Page, StoreError> {
    let all = replica.changes(folder, 0).await?;
    let end = all.rows.partition_point(|row| row.uid < before);
    let begin = end.saturating_sub(most);
    let mut rows = all.rows.get(begin..end).unwrap_or_default().to_vec();
    rows.reverse();
    let copies: Vec<i64> = rows.iter().map(|row| row.copy).collect();
    let heads = replica.tenant().heads(&copies).await?;
    Ok(Page {
        folder: all.folder,
        messages: all.rows.len(),
        rows: rows.into_iter().zip(heads).collect(),
        more: begin > 0,
    })
}

/// A message of a folder.
///
/// # Errors
/// [`StoreError::NotFound`] where it is not there, or not in this mailbox.
pub async fn row(replica: &Replica, folder: u32, uid: u32) -> Result<Row, StoreError> {
    let rows = replica.changes(folder, 0).await?.rows;
    let place = rows.binary_search_by_key(&uid, |row| row.uid).ok();
    let found = place.and_then(|place| rows.get(place)).copied();
    found.ok_or_else(|| StoreError::NotFound(format!("message {uid} in this folder")))
}

/// The bytes of a message, byte for byte.
pub async fn raw(replica: &Replica, row: &Row) -> Result<Vec<u8>, StoreError> {
    let mut read = Err(StoreError::NotFound(format!("message {}", row.uid)));
    let each = |_, raw| {
        read = raw;
        false
    };
    replica.tenant().read_copies(&[row.copy], each).await?;
    read
}

/// The folder for a use. One of its usual name does where none is marked for it; where there is none at all it is made.
pub async fn special(replica: &Replica, used_for: SpecialUse) -> Result<Folder, StoreError> {
    let usual = used_for.name().trim_start_matches('\\');
    let folders = replica.folders().await?;
    let marked = folders
        .iter()
        .find(|folder| folder.used_for == Some(used_for));
    let found = marked.or_else(|| folders.iter().find(|folder| folder.name == usual));
    match found {
        Some(folder) => Ok(folder.clone()),
        None => replica.create_folder(usual, Some(used_for)).await,
    }
}
