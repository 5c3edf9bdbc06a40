//! A mailbox that is kept in step with a mail server: what is known of the server stands beside it.
//!
//! It stays in memory while its process runs, because each look at the server compares all of it. One process has it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use everpost_domain::digest::Digest;
use everpost_domain::replica::{Change, FolderId, Line, Mailbox, Subject};
use sqlx::AnyConnection;
use tokio::sync::OwnedMutexGuard;

use super::message::{NewMessage, Row, incoming};
use super::order::{Core, Loaded};
use super::{Replica, SpecialUse};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// Messages that are new on a mail server, by its folder and UID.
pub type Mail<'a> = &'a BTreeMap<(String, u32), NewMessage>;

/// A mailbox in memory, or none after it could not be written.
#[derive(Clone, Default)]
pub(crate) struct Sync(Arc<tokio::sync::Mutex<Option<Loaded>>>);

impl Sync {
    pub(super) async fn turn(&self) -> OwnedMutexGuard<Option<Loaded>> {
        self.0.clone().lock_owned().await
    }
}

/// The mailboxes of this process that are kept in step, by number.
#[derive(Default)]
pub(crate) struct Synced(Mutex<BTreeMap<i64, Sync>>);

impl Synced {
    pub(super) fn of(&self, replica: i64) -> Option<Sync> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&replica).cloned()
    }

    fn keep(&self, replica: i64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(replica).or_default();
    }
}

/// What is kept of the server's side: rows by kind, and a number within it.
fn place(change: &Change<Digest>) -> Option<(i64, i64)> {
    let number = |id: u64| id.cast_signed();
    Some(match change {
        Change::Counters(_) => (0, 0),
        Change::Remote(remote) => (1, number(remote.id.0)),
        Change::RemoteGone(id) => (1, number(id.0)),
        Change::Message(message) => (2, number(message.id.0)),
        Change::MessageGone(id) => (2, number(id.0)),
        Change::Owed(line, _) | Change::Settled(line) => line_place(line),
        Change::Folder(_)
        | Change::FolderGone(_)
        | Change::Expunged(..)
        | Change::Forgotten(..) => return None,
    })
}

/// A line stands by what it is about: it has one of each task.
fn line_place(line: &Line) -> (i64, i64) {
    let (kind, about) = match line.subject {
        Subject::Folder(id) => (3, u64::from(id.0)),
        Subject::Remote(id) => (4, id.0),
        Subject::Message(id) => (5, id.0),
    };
    (kind, (about * 8 + line.task as u64).cast_signed())
}

impl Tenant {
    /// The mailbox of an address, kept in step with a mail server by this process from now on. It begins with an inbox; its other
    /// folders are the server's.
    pub async fn synced_replica(&self, owner: &str) -> Result<Replica> {
        let first = [("INBOX", None::<SpecialUse>)];
        let made = self.replica_with(owner, &first).await?;
        self.state.synced.keep(made.id);
        self.replica_with(owner, &first).await
    }
}

impl Replica {
    /// A step of keeping in step: `work` may look, reconcile, write down what is to be ordered, and what came of it. All that
    /// is different is durable when this returns. `mail`: what new messages of the server are.
    pub async fn step<T>(
        &self,
        mail: Mail<'_>,
        work: impl FnOnce(&mut Mailbox<Digest>) -> T + Send,
    ) -> Result<T> {
        let work = |core: &mut Mailbox<Digest>| Ok::<T, Infallible>(work(core));
        let Ok(value) = self.try_step(mail, work).await?;
        Ok(value)
    }

    /// As [`Replica::step`]; with an error nothing is different.
    pub async fn try_step<T, E>(
        &self,
        mail: Mail<'_>,
        work: impl FnOnce(&mut Mailbox<Digest>) -> std::result::Result<T, E> + Send,
    ) -> Result<std::result::Result<T, E>> {
        let mut order = self.begin().await?;
        order.bring_mail(mail).await?;
        order.number_folders().await?;
        let value = work(order.core());
        if value.is_ok() && order.core().is_changed() {
            order.commit().await?;
        }
        Ok(value)
    }

    /// Mail that somebody else brings to the mail server, into a folder; its UIDs. It is not owed to the server.
    pub async fn receive(&self, folder: u32, messages: &[NewMessage]) -> Result<Vec<u32>> {
        let mut order = self.begin().await?;
        let mut uids = Vec::with_capacity(messages.len());
        for message in messages {
            let brought = order.find(message).await?;
            let (flags, now) = (message.flags, now_us() / 1_000_000);
            let folder = FolderId(folder);
            let placed = order
                .core()
                .receive(folder, incoming(message), flags, now)?;
            order.bring(placed.message, brought);
            uids.push(placed.uid);
        }
        order.commit().await?;
        Ok(uids)
    }

    /// Looks at a mailbox that is kept in step.
    pub async fn look<T>(&self, look: impl FnOnce(&Mailbox<Digest>) -> T + Send) -> Result<T> {
        let Some(sync) = &self.sync else {
            return Err(StoreError::Invalid(format!(
                "the mailbox of {} is not kept in step with a mail server",
                self.owner
            )));
        };
        let mut turn = sync.turn().await;
        let loaded = match turn.take() {
            Some(loaded) => loaded,
            None => {
                let mut db = self.tenant.store.catalog.read().await?;
                self.load_all(&mut db).await?
            }
        };
        Ok(look(&turn.insert(loaded).core))
    }

    /// Messages of a folder whose bytes are not here: the newest, at most so many.
    pub async fn unfilled(&self, folder: u32, most: u32) -> Result<Vec<Row>> {
        let mut db = self.tenant.store.catalog.read().await?;
        let asked = values![self.tenant.id(), i64::from(folder), i64::from(most)];
        let rows = sql::fetch(&mut db, statements::UNFILLED, asked).await?;
        rows.iter().map(Row::read).collect()
    }

    /// The bytes of messages of which only the header was here, by UID. Those that are gone, or have theirs, are passed over. What
    /// mail programs know of them stays as it is.
    pub async fn fill(&self, folder: u32, messages: &[(u32, NewMessage)]) -> Result<()> {
        let mut order = self.begin().await?;
        for (uid, message) in messages {
            order.fill(folder, *uid, message).await?;
        }
        order.commit().await
    }

    /// All of a mailbox that is kept in step.
    pub(super) async fn load_all(&self, db: &mut AnyConnection) -> Result<Loaded> {
        let mut core = Core::new(1);
        let mut after = (-1, -1);
        loop {
            let asked = values![self.tenant.id(), self.id, after.0, after.1];
            let rows = sql::fetch(db, statements::REPLICA_SYNC, asked).await?;
            if rows.is_empty() {
                return self.load_folders(db, core).await;
            }
            for row in &rows {
                after = (row.int(0)?, row.int(1)?);
                core.apply(self.tenant.open_about(b"replica_sync", &row.blob(2)?)?);
            }
        }
    }

    /// Writes what is kept of the server's side.
    pub(super) async fn write_sync(
        &self,
        tx: &mut AnyConnection,
        changes: &[Change<Digest>],
    ) -> Result<()> {
        let mut rows = Vec::new();
        for change in changes {
            let Some((kind, id)) = place(change) else {
                continue;
            };
            let at = values![self.tenant.id(), self.id, kind, id];
            if let Change::RemoteGone(_) | Change::MessageGone(_) | Change::Settled(_) = change {
                sql::execute(tx, statements::DELETE_REPLICA_SYNC, at).await?;
            } else {
                let sealed = self.tenant.seal_about(b"replica_sync", change)?;
                rows.push(at.into_iter().chain(values![sealed]).collect());
            }
        }
        statements::PUT_REPLICA_SYNC.execute(tx, rows).await?;
        Ok(())
    }
}
