//! What a user did to the standby mailbox beside an agent, done to the mailbox itself. Each deed does no harm when it is done
//! again, so that what was done is written down after it.

use std::collections::BTreeSet;

use bytes::Bytes;
use everpost_codec::link::message::{Change, Deed, Done};
use everpost_domain::digest::Digest;
use everpost_store::{FlagOrder, Replica, SpecialUse, StoreError};

use crate::filing::filed;
use crate::imap::describe;

/// Does it. `raw`: the bytes that go with it. What cannot be done, and never will be, is said in the answer.
///
/// # Errors
/// Where it cannot be done now.
pub async fn apply(
    replica: &Replica,
    change: &Change,
    raw: Option<Bytes>,
) -> Result<Done, StoreError> {
    let mut done = Done {
        number: change.number,
        folder: None,
        uids: Vec::new(),
        refused: None,
    };
    match deed(replica, &change.deed, raw).await {
        Ok(None) => {}
        Ok(Some((folder, uids))) => (done.folder, done.uids) = (Some(folder), uids),
        Err(error @ (StoreError::NotFound(_) | StoreError::Invalid(_) | StoreError::Exists(_))) => {
            done.refused = Some(error.to_string())
        }
        Err(error) => return Err(error),
    }
    Ok(done)
}

/// The folder that messages came into, and their UIDs there.
type Came = Option<(u32, Vec<u32>)>;

async fn deed(replica: &Replica, deed: &Deed, raw: Option<Bytes>) -> Result<Came, StoreError> {
    match deed {
        Deed::Flags {
            folder,
            uids,
            add,
            remove,
        } => {
            for (names, order) in [
                (add, FlagOrder::Add as fn(_) -> _),
                (remove, FlagOrder::Remove as fn(_) -> _),
            ] {
                if !names.is_empty() {
                    let flags = replica.flags(names).await?;
                    let uids = once_each(uids);
                    replica
                        .store_flags(*folder, &uids, order(flags), None)
                        .await?;
                }
            }
            Ok(None)
        }
        Deed::Move { folder, uids, to } => {
            let to = replica.folder(to).await?;
            let taken = replica.copy(*folder, &once_each(uids), to.id, true).await?;
            Ok(Some((to.id, taken.to)))
        }
        Deed::Remove { folder, uids } => {
            replica.expunge(*folder, &once_each(uids)).await?;
            Ok(None)
        }
        Deed::Append {
            folder,
            flags,
            date,
            sha256,
            ..
        } => {
            let raw = raw.filter(|raw| Digest::of(raw) == *sha256);
            let raw = raw.ok_or_else(|| {
                StoreError::Invalid("the bytes of a message have another digest".into())
            })?;
            put(replica, folder, flags, *date, raw).await.map(Some)
        }
        Deed::Create { name, used_for } => {
            let used_for = used_for.as_deref().and_then(SpecialUse::named);
            match replica.create_folder(name, used_for).await {
                Ok(folder) => Ok(Some((folder.id, Vec::new()))),
                Err(StoreError::Exists(_)) => {
                    let folder = replica.folder(name).await?;
                    Ok(Some((folder.id, Vec::new())))
                }
                Err(error) => Err(error),
            }
        }
        Deed::Rename { from, to } => {
            replica.rename_folder(from, to).await?;
            Ok(None)
        }
        Deed::Delete { name } => {
            match replica.delete_folder(name).await {
                // It was deleted before.
                Ok(()) | Err(StoreError::NotFound(_)) => Ok(None),
                Err(error) => Err(error),
            }
        }
        Deed::Subscribe { name, subscribed } => {
            replica.subscribe(name, *subscribed).await?;
            Ok(None)
        }
    }
}

/// An agent's list may name a message twice.
fn once_each(uids: &[u32]) -> Vec<u32> {
    let uids: BTreeSet<u32> = uids.iter().copied().collect();
    uids.into_iter().collect()
}

/// Puts a message into a folder, unless its bytes lie there.
pub(crate) async fn put(
    replica: &Replica,
    folder: &str,
    flags: &[String],
    date: i64,
    raw: Bytes,
) -> Result<(u32, Vec<u32>), StoreError> {
    let folder = replica.folder(folder).await?;
    let flags = replica.flags(flags).await?;
    let (owner, name) = (replica.owner().to_owned(), folder.name.clone());
    let prepare = tokio::task::spawn_blocking(move || {
        let item = filed(raw.clone(), &owner, &name);
        let message = describe(&raw, item.digest(), flags, date);
        (item, message)
    });
    let (item, message) = prepare.await.map_err(|_| StoreError::Stopped)?;
    let copy = item.digest();
    let lies = replica.find_saved(folder.id, &copy, 0..i64::MAX).await?;
    if let Some(uid) = lies {
        return Ok((folder.id, vec![uid]));
    }
    replica.tenant().admit(vec![item], None).await?;
    let uids = replica.append(folder.id, &[message], false).await?;
    Ok((folder.id, uids))
}
