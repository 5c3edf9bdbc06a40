//! APPEND: messages that a program puts into a folder.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use everpost_codec::imap::answer::Code;
use everpost_codec::imap::command::Appended;
use everpost_codec::imap::set::Numbers;
use everpost_domain::digest::Digest;
use everpost_store::{Folder, NewMessage, Prepared, Replica, StoreError, now_us};

use super::talk::Talk;
use super::{ImapRoad, Told, describe};
use crate::capture::now;
use crate::filing::filed;

/// A program that did not hear the answer to an APPEND says it again within so long (µs): the same bytes in the same folder
/// are then the same message (docs/clients.md, F11).
const AGAIN: i64 = 10 * 60 * 1_000_000;

/// Messages of one APPEND that lie in memory until all have come.
const MOST_BYTES: u64 = 512 << 20;

/// An APPEND under way.
pub(super) struct Appending {
    mailbox: String,
    messages: Vec<(Appended, Vec<u8>)>,
    current: Option<(Appended, Vec<u8>)>,
}

impl Appending {
    pub(super) fn new(mailbox: String) -> Self {
        Appending {
            mailbox,
            messages: Vec::new(),
            current: None,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if let Some((_, raw)) = &mut self.current {
            raw.extend_from_slice(bytes);
        }
    }

    pub(super) fn end_message(&mut self) {
        self.messages.extend(self.current.take());
    }

    fn bytes(&self) -> u64 {
        self.messages.iter().map(|(_, raw)| raw.len() as u64).sum()
    }
}

impl Talk<'_> {
    /// A message is about to come: what is surely wrong with it is said before it does.
    pub(super) async fn announced(&mut self, announced: Appended) -> Result<(), Told> {
        let replica = self.replica()?;
        let Some(appending) = &mut self.appending else {
            return Err(Told::bad("that is no APPEND"));
        };
        if appending.bytes().saturating_add(announced.size) > MOST_BYTES {
            return Err(Told::no(Code::TooBig, "too much at once"));
        }
        target(&replica, &appending.mailbox).await?;
        replica.flags(&announced.flags).await?;
        appending.current = Some((announced, Vec::new()));
        Ok(())
    }

    /// All messages have come: they are archived, and then stand in the folder, all or none.
    pub(super) async fn append(&mut self) -> Result<Told, Told> {
        let replica = self.replica()?;
        let Some(appending) = self.appending.take() else {
            return Err(Told::bad("that is no APPEND"));
        };
        let folder = target(&replica, &appending.mailbox).await?;
        let mut messages = Vec::with_capacity(appending.messages.len());
        for (announced, raw) in appending.messages {
            messages.push((replica.flags(&announced.flags).await?, announced, raw));
        }
        let (owner, name) = (replica.owner().to_owned(), folder.name.clone());
        let prepare = tokio::task::spawn_blocking(move || {
            let prepare = |(flags, announced, raw): (_, Appended, Vec<u8>)| {
                let raw = Bytes::from(raw);
                let item = filed(raw.clone(), &owner, &name);
                let date = announced.date.unwrap_or_else(now);
                let new = describe(&raw, item.digest(), flags, date);
                (item, new)
            };
            messages.into_iter().map(prepare).unzip()
        });
        let prepared: (Vec<Prepared>, Vec<NewMessage>) =
            prepare.await.map_err(|_| StoreError::Stopped)?;
        let (items, messages) = prepared;
        replica.tenant().admit(items, None).await?;
        let alone = match messages.as_slice() {
            [one] => one.copy,
            _ => None,
        };
        let uids = match alone {
            Some(copy) => self.road.unheard(&replica, &folder, copy).await?,
            None => None,
        };
        let uids = uids.map(|uid| vec![uid]);
        let uids = match uids {
            Some(uids) => uids,
            None => replica.append(folder.id, &messages, false).await?,
        };
        if let (Some(copy), [uid]) = (alone, uids.as_slice()) {
            self.said = Some(Unheard {
                folder: folder.id,
                copy,
                uid: *uid,
                at: now_us(),
            });
        }
        let code = Code::AppendUid(folder.id, Numbers::of(uids));
        Ok(Told::ok_with(code, "appended"))
    }
}

/// A message whose APPEND was answered on a connection that ended before its program said anything more: it may not have
/// heard the answer, and then it says the APPEND again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unheard {
    folder: u32,
    copy: Digest,
    uid: u32,
    at: i64,
}

/// Answers that were not heard, by everybody whom this process serves.
#[derive(Default)]
pub(super) struct Unhearing(Mutex<Vec<Unheard>>);

impl Unhearing {
    pub(super) fn add(&self, unheard: Unheard) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = now_us() - AGAIN;
        all.retain(|one| one.at > oldest);
        all.push(unheard);
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        let all = self.0.lock();
        all.map_or(0, |all| all.len())
    }

    /// Takes it: the answer is given again, once.
    fn take(&self, folder: u32, copy: &Digest) -> Option<u32> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = now_us() - AGAIN;
        let is = |one: &Unheard| one.folder == folder && one.copy == *copy && one.at > oldest;
        let place = all.iter().position(is)?;
        Some(all.swap_remove(place).uid)
    }
}

impl ImapRoad {
    /// The message that a program says again because it heard no answer, if it does.
    async fn unheard(
        &self,
        replica: &Replica,
        folder: &Folder,
        copy: Digest,
    ) -> Result<Option<u32>, StoreError> {
        if let Some(uid) = self.unhearing.take(folder.id, &copy) {
            return Ok(Some(uid));
        }
        // Who was answered just before this process began is not known.
        replica
            .find_saved(folder.id, &copy, now_us() - AGAIN..self.began)
            .await
    }
}

async fn target(replica: &Replica, mailbox: &str) -> Result<Folder, Told> {
    match replica.folder(mailbox).await {
        Err(StoreError::NotFound(what)) => {
            Err(Told::no(Code::TryCreate, &format!("there is no {what}")))
        }
        found => Ok(found?),
    }
}
