//! An order on a mailbox: the rows that it concerns are loaded, the pure core does the work, and what is different is written,
//! all in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use everpost_domain::digest::Digest;
use everpost_domain::replica::{
    Change, Folder as CoreFolder, FolderId, Mailbox, Message, MessageId, Seat,
};
use sqlx::AnyConnection;
use tokio::sync::OwnedMutexGuard;

use super::folder::{FolderAbout, number};
use super::message::{NewMessage, Row};
use super::sync::Mail;
use super::{Flags, Replica};
use crate::catalog::sql::{self, Value, values};
use crate::catalog::{Counter, Transaction, statements, take_ids};
use crate::clock::now_us;
use crate::error::{Result, StoreError};

/// A mailbox in memory. Of messages the key is a digest of what their header says they are.
pub(super) type Core = Mailbox<Digest>;

/// A folder and a UID.
type Place = (u32, u32);

/// A mailbox in memory, or as much of it as an order needs, and where the catalog has it.
pub(super) struct Loaded {
    pub(super) core: Core,
    /// Messages as the catalog has them.
    places: BTreeMap<MessageId, Place>,
    /// Folders as the catalog has them.
    folders: BTreeMap<FolderId, CoreFolder>,
}

impl Loaded {
    /// Of the rows that a catalog has.
    fn new(mut core: Core, folders: Vec<CoreFolder>) -> Self {
        for folder in &folders {
            core.apply(Change::Folder(folder.clone()));
        }
        let places = core.messages().filter_map(|message| {
            let seat = message.here?;
            Some((message.id, place(seat)))
        });
        Loaded {
            places: places.collect(),
            folders: folders.into_iter().map(|one| (one.id, one)).collect(),
            core,
        }
    }
}

fn place(seat: Seat) -> Place {
    (seat.folder.0, seat.uid)
}

/// What stands beside a message's row: which copy has its bytes (0: none yet), and its summary.
#[derive(Debug, Clone)]
pub(super) struct Brought {
    pub(super) copy: i64,
    pub(super) summary: Vec<u8>,
}

/// A mailbox in memory for the time of an order.
struct Held {
    loaded: Loaded,
    /// Where it goes back to, if it is kept.
    home: Option<OwnedMutexGuard<Option<Loaded>>>,
    is_written: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        // What was changed and not written is loaded again.
        if let Some(home) = &mut self.home
            && (self.is_written || !self.loaded.core.is_changed())
        {
            let empty = Loaded::new(Core::new(1), Vec::new());
            **home = Some(std::mem::replace(&mut self.loaded, empty));
        }
    }
}

/// An order that is under way. Dropped, it leaves everything as it was.
pub(crate) struct Order<'a> {
    replica: &'a Replica,
    tx: Transaction,
    held: Held,
    /// Bytes of messages that are new.
    brought: BTreeMap<MessageId, Brought>,
    /// Likewise, by where they lie on the mail server.
    mail: BTreeMap<(String, u32), Brought>,
    /// The number that the next folder had before the order, if it makes any.
    first_folder: Option<u32>,
}

impl Replica {
    /// Begins an order.
    pub(crate) async fn begin(&self) -> Result<Order<'_>> {
        // Whoever has the mailbox's turn waits for the catalog's, never the other way round.
        let home = match &self.sync {
            Some(sync) => Some(sync.turn().await),
            None => None,
        };
        let tx = self.tenant.store.catalog.begin().await?;
        self.begin_with(tx, home).await
    }

    /// Begins one on a mailbox that nobody knows yet.
    pub(super) async fn begin_in(&self, tx: Transaction) -> Result<Order<'_>> {
        self.begin_with(tx, None).await
    }

    async fn begin_with(
        &self,
        mut tx: Transaction,
        mut home: Option<OwnedMutexGuard<Option<Loaded>>>,
    ) -> Result<Order<'_>> {
        let kept = home.as_mut().and_then(|home| home.take());
        let loaded = match kept {
            Some(kept) => kept,
            None if home.is_some() => self.load_all(&mut tx).await?,
            None => self.load_folders(&mut tx, Core::new(1)).await?,
        };
        Ok(Order {
            replica: self,
            tx,
            held: Held {
                loaded,
                home,
                is_written: false,
            },
            brought: BTreeMap::new(),
            mail: BTreeMap::new(),
            first_folder: None,
        })
    }

    pub(super) async fn load_folders(&self, db: &mut AnyConnection, core: Core) -> Result<Loaded> {
        let folders = self.folders_in(db).await?.into_iter();
        Ok(Loaded::new(core, folders.map(CoreFolder::from).collect()))
    }

    fn message_values(&self, seat: Seat, row: &Row, summary: &[u8]) -> Result<Vec<Value>> {
        let names = &self.tenant.state.keys.names;
        let sealed = names.seal(&summary_label(seat.folder.0, seat.uid), summary)?;
        Ok(values![
            self.tenant.id(),
            i64::from(seat.folder.0),
            i64::from(row.uid),
            row.copy,
            row.flags.0.cast_signed(),
            row.modseq.cast_signed(),
            row.date,
            row.saved,
            row.size.cast_signed(),
            sealed,
        ])
    }
}

impl Order<'_> {
    /// The mailbox.
    pub(super) fn core(&mut self) -> &mut Core {
        &mut self.held.loaded.core
    }

    pub(crate) fn tx(&mut self) -> &mut Transaction {
        &mut self.tx
    }

    /// A folder.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where it was deleted.
    pub(super) fn folder(&mut self, id: u32) -> Result<CoreFolder> {
        let found = self.core().folder(FolderId(id)).cloned();
        found.ok_or_else(|| StoreError::NotFound("such folder any more".into()))
    }

    /// The number of the folder of a name.
    pub(crate) fn folder_named(&mut self, name: &str) -> Result<u32> {
        let found = self.core().folder_named(name).map(|folder| folder.id.0);
        found.ok_or_else(|| StoreError::NotFound(format!("folder {name}")))
    }

    /// Numbers new folders as this archive does: it never gives a number twice.
    pub(super) async fn number_folders(&mut self) -> Result<()> {
        let next = number(take_ids(&mut self.tx, Counter::ReplicaFolder, 0).await?)?;
        self.core().number_folders_from(next);
        self.first_folder = Some(self.core().counters().folder);
        Ok(())
    }

    /// The order is about these messages of a folder: their rows. Those that are gone are left out.
    pub(super) async fn about(&mut self, folder: u32, uids: &[u32]) -> Result<Vec<Row>> {
        self.folder(folder)?;
        let rows = self.replica.rows_of(&mut self.tx, folder, uids).await?;
        let rows: Vec<Row> = rows.into_iter().map(|(row, _)| row).collect();
        if self.held.home.is_some() {
            return Ok(rows);
        }
        let loaded = &mut self.held.loaded;
        for row in &rows {
            if loaded.core.at(FolderId(folder), row.uid).is_some() {
                continue;
            }
            let mut counters = loaded.core.counters();
            let id = MessageId(counters.message);
            counters.message += 1;
            loaded.core.apply(Change::Counters(counters));
            loaded.core.apply(Change::Message(alone(id, folder, row)));
            loaded.places.insert(id, (folder, row.uid));
        }
        Ok(rows)
    }

    /// The bytes of a message that is new, archived before, for [`Order::bring`].
    pub(super) async fn find(&mut self, message: &NewMessage) -> Result<Brought> {
        Ok(Brought {
            copy: match message.copy {
                Some(copy) => {
                    let found = self.replica.tenant.find_copy(&mut self.tx, &copy).await?;
                    found.id
                }
                None => 0,
            },
            summary: message.summary.clone(),
        })
    }

    /// The bytes of a message that the order made.
    pub(super) fn bring(&mut self, id: MessageId, brought: Brought) {
        self.brought.insert(id, brought);
    }

    /// The bytes of messages that are new on the mail server.
    pub(super) async fn bring_mail(&mut self, mail: Mail<'_>) -> Result<()> {
        for (at, message) in mail {
            let brought = self.find(message).await?;
            self.mail.insert(at.clone(), brought);
        }
        Ok(())
    }

    /// The bytes of a message that has none yet.
    pub(super) async fn fill(&mut self, folder: u32, uid: u32, message: &NewMessage) -> Result<()> {
        let brought = self.find(message).await?;
        let label = summary_label(folder, uid);
        let names = &self.replica.tenant.state.keys.names;
        let row = values![
            self.replica.tenant.id(),
            i64::from(folder),
            i64::from(uid),
            brought.copy,
            message.size.cast_signed(),
            names.seal(&label, &brought.summary)?,
        ];
        let filled = sql::execute(&mut self.tx, statements::FILL_REPLICA_MESSAGE, row).await?;
        let at = self.core().at(FolderId(folder), uid).map(|one| one.id);
        if let (Some(id), Some(print), true) = (at, message.fingerprint, filled > 0) {
            self.core().hold(id, print.content);
        }
        Ok(())
    }

    /// Makes it durable; whoever shows the mailbox looks again.
    pub(crate) async fn commit(mut self) -> Result<()> {
        self.write().await?;
        let Order {
            tx,
            mut held,
            replica,
            ..
        } = self;
        tx.commit().await?;
        held.is_written = true;
        drop(held);
        replica.tell();
        Ok(())
    }

    async fn write(&mut self) -> Result<()> {
        if let Some(first) = self.first_folder {
            let made = self.core().counters().folder.saturating_sub(first);
            take_ids(
                &mut self.tx,
                Counter::ReplicaFolder,
                usize::try_from(made).unwrap_or(usize::MAX),
            )
            .await?;
        }
        let changes = self.core().take_changes();
        self.gather(&changes).await?;
        if self.held.home.is_some() {
            self.replica.write_sync(&mut self.tx, &changes).await?;
        }
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        for change in changes {
            match change {
                Change::Folder(folder) => self.write_folder(folder).await?,
                Change::FolderGone(id) => self.drop_folder(id).await?,
                Change::Message(message) => new.extend(self.write_message(&message).await?),
                Change::MessageGone(id) => self.drop_message(id).await?,
                Change::Expunged(folder, uid, at) => gone.push(values![
                    self.replica.tenant.id(),
                    i64::from(folder.0),
                    i64::from(uid),
                    at.cast_signed()
                ]),
                Change::Counters(_)
                | Change::Remote(_)
                | Change::RemoteGone(_)
                | Change::Forgotten(..)
                | Change::Owed(..)
                | Change::Settled(_) => {}
            }
        }
        statements::INSERT_REPLICA_MESSAGES
            .execute(&mut self.tx, new)
            .await?;
        statements::INSERT_REPLICA_GONE
            .execute(&mut self.tx, gone)
            .await?;
        Ok(())
    }

    /// Reads what stands beside messages that come to lie elsewhere, before anything is written.
    async fn gather(&mut self, changes: &[Change<Digest>]) -> Result<()> {
        let mut wanted: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        let mut sources: Vec<(MessageId, Place)> = Vec::new();
        let loaded = &self.held.loaded;
        for change in changes {
            let Change::Message(message) = change else {
                continue;
            };
            let before = loaded.places.get(&message.id).copied();
            let now = message.here.map(place);
            if now.is_none() || now == before || self.brought.contains_key(&message.id) {
                continue;
            }
            let base = message.base.as_ref();
            let there = base.and_then(|base| {
                let name = loaded.core.remote(base.remote)?.name.clone();
                self.mail.get(&(name, base.uid))
            });
            let from = message.from;
            let twin = from.and_then(|from| self.brought.get(&from));
            if let Some(found) = there.or(twin).filter(|_| before.is_none()) {
                let found = found.clone();
                self.brought.insert(message.id, found);
                continue;
            }
            let from = from.and_then(|from| loaded.places.get(&from).copied());
            if let Some(source) = before.or(from) {
                wanted.entry(source.0).or_default().insert(source.1);
                sources.push((message.id, source));
            }
        }
        let mut found: BTreeMap<Place, Brought> = BTreeMap::new();
        for (folder, uids) in wanted {
            let uids: Vec<u32> = uids.into_iter().collect();
            let rows = self.replica.rows_of(&mut self.tx, folder, &uids).await?;
            for (row, sealed) in rows {
                let brought = Brought {
                    copy: row.copy,
                    summary: self.replica.open_summary(folder, row.uid, &sealed)?,
                };
                found.insert((folder, row.uid), brought);
            }
        }
        for (id, source) in sources {
            if let Some(brought) = found.get(&source) {
                self.brought.insert(id, brought.clone());
            }
        }
        Ok(())
    }

    async fn write_folder(&mut self, folder: CoreFolder) -> Result<()> {
        let tenant = self.replica.tenant.id();
        let id = i64::from(folder.id.0);
        let folders = &mut self.held.loaded.folders;
        let before = folders.insert(folder.id, folder.clone());
        let is_called = |old: &CoreFolder| {
            (&old.name, old.role, old.subscribed) == (&folder.name, folder.role, folder.subscribed)
        };
        if !before.as_ref().is_some_and(is_called) {
            let about = FolderAbout::of(&folder);
            let sealed = self.replica.tenant.seal_about(b"replica_folder", &about)?;
            let (statement, row) = match before {
                Some(_) => (statements::SET_REPLICA_FOLDER, values![tenant, id, sealed]),
                None => (
                    statements::INSERT_REPLICA_FOLDER,
                    values![id, tenant, self.replica.id, sealed],
                ),
            };
            sql::execute(&mut self.tx, statement, row).await?;
        }
        let next = i64::from(folder.uidnext);
        let row = values![tenant, id, next, folder.modseq.cast_signed()];
        sql::execute(&mut self.tx, statements::MOVE_ON_REPLICA_FOLDER, row).await?;
        Ok(())
    }

    async fn drop_folder(&mut self, id: FolderId) -> Result<()> {
        self.held.loaded.folders.remove(&id);
        for statement in [
            statements::DELETE_REPLICA_MESSAGES,
            statements::DELETE_REPLICA_GONE,
            statements::DELETE_REPLICA_FOLDER,
        ] {
            let row = values![self.replica.tenant.id(), i64::from(id.0)];
            sql::execute(&mut self.tx, statement, row).await?;
        }
        Ok(())
    }

    /// Writes a message that lies where it did; of one that lies elsewhere now the new row is given back.
    async fn write_message(&mut self, message: &Message<Digest>) -> Result<Option<Vec<Value>>> {
        let places = &mut self.held.loaded.places;
        let before = match message.here {
            Some(seat) => places.insert(message.id, place(seat)),
            None => places.remove(&message.id),
        };
        let tenant = self.replica.tenant.id();
        if let (Some(seat), Some((folder, uid))) = (message.here, before)
            && place(seat) == (folder, uid)
        {
            let row = values![
                tenant,
                i64::from(folder),
                i64::from(uid),
                seat.flags.0.cast_signed(),
                seat.modseq.cast_signed(),
            ];
            sql::execute(&mut self.tx, statements::SET_REPLICA_FLAGS, row).await?;
            return Ok(None);
        }
        if let Some(before) = before {
            self.delete(before).await?;
        }
        let Some(seat) = message.here else {
            return Ok(None);
        };
        let brought = self.brought.remove(&message.id).ok_or_else(|| {
            StoreError::damaged(
                format!("message {} of folder {}", seat.uid, seat.folder.0),
                "nothing says which bytes it has",
            )
        })?;
        let row = Row {
            uid: seat.uid,
            copy: brought.copy,
            flags: seat.flags,
            modseq: seat.modseq,
            date: message.date,
            saved: now_us(),
            size: message.size,
        };
        let values = self.replica.message_values(seat, &row, &brought.summary)?;
        Ok(Some(values))
    }

    async fn drop_message(&mut self, id: MessageId) -> Result<()> {
        match self.held.loaded.places.remove(&id) {
            Some(before) => self.delete(before).await,
            None => Ok(()),
        }
    }

    async fn delete(&mut self, (folder, uid): Place) -> Result<()> {
        let row = values![self.replica.tenant.id(), i64::from(folder), i64::from(uid)];
        sql::execute(&mut self.tx, statements::DELETE_REPLICA_MESSAGE, row).await?;
        Ok(())
    }
}

/// A message of a mailbox that no mail server has a part in.
fn alone(id: MessageId, folder: u32, row: &Row) -> Message<Digest> {
    Message {
        id,
        key: Digest([0; 32]),
        content: None,
        size: row.size,
        date: row.date,
        born: row.saved / 1_000_000,
        here: Some(Seat {
            folder: FolderId(folder),
            uid: row.uid,
            flags: Flags(row.flags.0),
            modseq: row.modseq,
        }),
        base: None,
        deed: None,
        missing: None,
        from: None,
        remnant_of: None,
        is_ours: false,
        awaited: false,
        unanswered: None,
    }
}

/// What a summary is sealed for: that of one message opens for no other.
pub(super) fn summary_label(folder: u32, uid: u32) -> Vec<u8> {
    let mut label = b"replica_summary".to_vec();
    label.extend(folder.to_le_bytes());
    label.extend(uid.to_le_bytes());
    label
}
