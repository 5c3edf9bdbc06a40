//! Bytes of messages of which only the header is here: newest first within the window, and any at once when somebody opens it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use everpost_domain::replica::{FolderId, Mailbox};
use everpost_store::{NewMessage, Replica, Row, StoreError};
use futures::future::BoxFuture;
use tokio::sync::{Mutex, watch};

use super::{Halt, Sync, SyncOptions};
use crate::capture::now;
use crate::filing::filed;
use crate::imap::{Bodies, describe};
use crate::upstream::{Account, Body, Trouble, Upstream};

/// Messages that are filled before the server is looked at again.
const AT_ONCE: u32 = 64;
/// Bytes of them.
const BYTES_AT_ONCE: u64 = 16 << 20;

const DAY: i64 = 86_400;

impl Sync {
    /// Fetches some of what the window wants; whether there was anything. Ends early when a mail program does something.
    pub(super) async fn fill(
        &self,
        upstream: &mut Upstream,
        changed: &mut watch::Receiver<()>,
    ) -> Result<bool, Halt> {
        let oldest = match self.options.window_days {
            Some(days) => now() - i64::from(days) * DAY,
            None => i64::MIN,
        };
        let mut did = false;
        for folder in self.replica.folders().await? {
            loop {
                let mut rows = self.replica.unfilled(folder.id, AT_ONCE).await?;
                rows.retain(|row| row.date >= oldest && row.size <= self.options.max_message);
                if rows.is_empty() {
                    break;
                }
                let filled = bring(
                    &self.replica,
                    &self.options,
                    upstream,
                    (folder.id, &folder.name),
                    &rows,
                )
                .await?;
                if filled == 0 {
                    break;
                }
                did = true;
                if changed.has_changed().unwrap_or(false) {
                    return Ok(true);
                }
            }
        }
        Ok(did)
    }

    /// A message of the server, archived here. `None` where it is gone, or too large.
    pub(super) async fn message(
        &self,
        upstream: &mut Upstream,
        folder: &str,
        uidvalidity: u32,
        uid: u32,
        date: Option<i64>,
    ) -> Result<Option<NewMessage>, Halt> {
        let limit = self.options.max_message;
        let raw = fetch(upstream, folder, uidvalidity, uid, limit).await?;
        let Some(raw) = raw else {
            return Ok(None);
        };
        let date = date.unwrap_or_else(now);
        let mut kept = keep(&self.replica, folder, vec![(uid, raw, date)]).await?;
        Ok(kept.pop().map(|(_, message)| message))
    }
}

async fn fetch(
    upstream: &mut Upstream,
    folder: &str,
    uidvalidity: u32,
    uid: u32,
    limit: u64,
) -> Result<Option<Vec<u8>>, Halt> {
    let mut raw = Vec::new();
    let fetched = upstream.body(folder, uidvalidity, uid, limit, &mut raw);
    match fetched.await {
        Ok(Body::Whole(_)) => Ok(Some(raw)),
        Ok(Body::Gone) => Ok(None),
        Ok(Body::TooLong(_)) => {
            Err(Trouble::Unreachable("a message is longer than it was said to be".into()).into())
        }
        Ok(Body::NotTaken(error)) => Err(StoreError::Object(error.to_string()).into()),
        // It is in another place by now; the next look tells.
        Err(Trouble::Refused(_)) => Ok(None),
        Err(trouble) => Err(trouble.into()),
    }
}

/// Archives messages; what is to be said of them.
async fn keep(
    replica: &Replica,
    folder: &str,
    messages: Vec<(u32, Vec<u8>, i64)>,
) -> Result<Vec<(u32, NewMessage)>, StoreError> {
    let (owner, folder) = (replica.owner().to_owned(), folder.to_owned());
    let prepare = tokio::task::spawn_blocking(move || {
        let prepare = |(uid, raw, date): (u32, Vec<u8>, i64)| {
            let raw = Bytes::from(raw);
            let item = filed(raw.clone(), &owner, &folder);
            let message = describe(&raw, item.digest(), Default::default(), date);
            (item, (uid, message))
        };
        messages.into_iter().map(prepare).unzip()
    });
    let (items, described): (Vec<_>, Vec<_>) = prepare.await.map_err(|_| StoreError::Stopped)?;
    replica.tenant().admit(items, None).await?;
    Ok(described)
}

/// Fetches the bytes of messages of a folder here, from where each lies on the server; how many.
async fn bring(
    replica: &Replica,
    options: &SyncOptions,
    upstream: &mut Upstream,
    (folder, name): (u32, &str),
    rows: &[Row],
) -> Result<usize, Halt> {
    let places = |core: &Mailbox<_>| {
        let place = |row: &Row| {
            let base = core.at(FolderId(folder), row.uid)?.base?;
            let remote = core.remote(base.remote)?;
            Some((remote.name.clone(), base.validity.uidvalidity, base.uid))
        };
        let all = rows.iter();
        all.map(|row| (*row, place(row))).collect::<Vec<_>>()
    };
    let places = replica.look(places).await?;
    let mut filled = 0;
    let (mut some, mut bytes) = (Vec::new(), 0);
    for (row, place) in places {
        let Some((there, uidvalidity, uid)) = place else {
            continue;
        };
        let limit = options.max_message;
        if let Some(raw) = fetch(upstream, &there, uidvalidity, uid, limit).await? {
            bytes += raw.len() as u64;
            some.push((row.uid, raw, row.date));
        }
        if bytes >= BYTES_AT_ONCE {
            filled += put(replica, (folder, name), std::mem::take(&mut some)).await?;
            bytes = 0;
        }
    }
    Ok(filled + put(replica, (folder, name), some).await?)
}

async fn put(
    replica: &Replica,
    (folder, name): (u32, &str),
    some: Vec<(u32, Vec<u8>, i64)>,
) -> Result<usize, StoreError> {
    if some.is_empty() {
        return Ok(0);
    }
    let kept = keep(replica, name, some).await?;
    replica.fill(folder, &kept).await?;
    Ok(kept.len())
}

/// Brings bytes when somebody opens a message, over connections of its own.
#[derive(Clone, Default)]
pub struct OnDemand(Arc<Mutex<BTreeMap<String, Desk>>>);

struct Desk {
    account: Account,
    options: SyncOptions,
    upstream: Option<Upstream>,
}

impl OnDemand {
    /// From now on, for the mailbox of this address.
    pub async fn serve(&self, owner: &str, account: Account, options: SyncOptions) {
        let desk = Desk {
            account,
            options,
            upstream: None,
        };
        self.0.lock().await.insert(owner.to_owned(), desk);
    }

    async fn bring_now(
        &self,
        replica: &Replica,
        folder: u32,
        uids: &[u32],
    ) -> Result<(), StoreError> {
        let mut desks = self.0.lock().await;
        let Some(desk) = desks.get_mut(replica.owner()) else {
            return Ok(());
        };
        let name = replica.folder_by_id(folder).await?.name;
        let mut rows = replica.rows(folder, uids).await?;
        rows.retain(|row| row.copy == 0);
        // A connection that was left alone may be dead without anybody having noticed: once more, with a new one.
        for is_new in [false, true] {
            let upstream = match (&mut desk.upstream, is_new) {
                (Some(upstream), false) => upstream,
                (slot, _) => match Upstream::connect(&desk.account).await {
                    Ok(upstream) => slot.insert(upstream),
                    Err(_) => return Ok(()),
                },
            };
            let at = (folder, name.as_str());
            match bring(replica, &desk.options, upstream, at, &rows).await {
                Ok(_) => return Ok(()),
                Err(Halt::Store(error)) => return Err(error),
                Err(_) => desk.upstream = None,
            }
        }
        Ok(())
    }
}

impl Bodies for OnDemand {
    fn bring(
        &self,
        replica: Replica,
        folder: u32,
        uids: Vec<u32>,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        let all = self.clone();
        Box::pin(async move { all.bring_now(&replica, folder, &uids).await })
    }
}
