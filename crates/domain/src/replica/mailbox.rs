//! A mailbox in memory: rows, what follows from them, and the changes that a store has to write down.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::state::{Counters, Folder, FolderId, Line, Message, MessageId, Remote, RemoteId, Seat};

/// A row that is different now. A store writes all that [`Mailbox::take_changes`] gives in one transaction; giving them to
/// [`Mailbox::apply`] in their order makes the same mailbox again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change<K> {
    /// The numbers that only rise.
    Counters(Counters),
    /// A folder is new, or different.
    Folder(Folder),
    /// A folder is gone, and with it what was remembered of its expunged UIDs.
    FolderGone(FolderId),
    /// A folder of the server is new, or different.
    Remote(Remote),
    /// A folder of the server is gone.
    RemoteGone(RemoteId),
    /// A message is new, or different.
    Message(Message<K>),
    /// A message is gone.
    MessageGone(MessageId),
    /// A UID was expunged at this MODSEQ.
    Expunged(FolderId, u32, u64),
    /// An expunged UID need not be remembered any more.
    Forgotten(FolderId, u32),
    /// A line of the log, and its number.
    Owed(Line, u64),
    /// The server has it: the line goes.
    Settled(Line),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Touched {
    Counters,
    Folder(FolderId),
    Remote(RemoteId),
    Message(MessageId),
    Expunged(FolderId, u32),
    Line(Line),
}

/// A mailbox, or as much of it as was loaded: all folders, and the messages that a step concerns. See the
/// [module](super) for which those are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox<K> {
    pub(super) counters: Counters,
    pub(super) folders: BTreeMap<FolderId, Folder>,
    pub(super) remotes: BTreeMap<RemoteId, Remote>,
    pub(super) messages: BTreeMap<MessageId, Message<K>>,
    pub(super) expunged: BTreeMap<(FolderId, u32), u64>,
    pub(super) log: BTreeMap<Line, u64>,
    // What follows from the rows.
    pub(super) seats: BTreeMap<(FolderId, u32), MessageId>,
    pub(super) links: BTreeMap<FolderId, RemoteId>,
    /// What was copied from what.
    pub(super) copies: BTreeSet<(MessageId, MessageId)>,
    /// What stays, and what goes because of it.
    pub(super) remnants: BTreeSet<(MessageId, MessageId)>,
    pub(super) unanswered: BTreeSet<MessageId>,
    pub(super) touched: BTreeSet<Touched>,
}

/// What a client that knows a folder as of some MODSEQ has to be told (RFC 7162).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Since {
    /// UIDs of messages that are new, or whose flags are.
    pub changed: Vec<u32>,
    /// UIDs that it may know and that are gone. After what was forgotten it can name some that the client never knew.
    pub vanished: Vec<u32>,
}

impl<K> Mailbox<K> {
    /// An empty mailbox whose folders are numbered from `first` on. A folder's number is its UIDVALIDITY: whoever builds a
    /// mailbox again begins above every number that was ever given.
    pub fn new(first: u32) -> Self {
        Mailbox {
            counters: Counters {
                folder: first.max(1),
                remote: 1,
                message: 1,
                line: 1,
                generation: 0,
            },
            folders: BTreeMap::new(),
            remotes: BTreeMap::new(),
            messages: BTreeMap::new(),
            expunged: BTreeMap::new(),
            log: BTreeMap::new(),
            seats: BTreeMap::new(),
            links: BTreeMap::new(),
            copies: BTreeSet::new(),
            remnants: BTreeSet::new(),
            unanswered: BTreeSet::new(),
            touched: BTreeSet::new(),
        }
    }

    /// The numbers that only rise.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The folders, by number.
    pub fn folders(&self) -> impl Iterator<Item = &Folder> {
        self.folders.values()
    }

    /// A folder.
    pub fn folder(&self, id: FolderId) -> Option<&Folder> {
        self.folders.get(&id)
    }

    /// The folder of this name.
    pub fn folder_named(&self, name: &str) -> Option<&Folder> {
        self.folders.values().find(|folder| folder.name == name)
    }

    /// The server's folders, as they were at the last sync.
    pub fn remotes(&self) -> impl Iterator<Item = &Remote> {
        self.remotes.values()
    }

    /// A folder of the server.
    pub fn remote(&self, id: RemoteId) -> Option<&Remote> {
        self.remotes.get(&id)
    }

    /// What a folder is on the server.
    pub fn remote_of(&self, folder: FolderId) -> Option<&Remote> {
        self.remotes.get(self.links.get(&folder)?)
    }

    /// All messages, those too that no client sees.
    pub fn messages(&self) -> impl Iterator<Item = &Message<K>> {
        self.messages.values()
    }

    /// A message.
    pub fn message(&self, id: MessageId) -> Option<&Message<K>> {
        self.messages.get(&id)
    }

    /// The message that clients know by this UID.
    pub fn at(&self, folder: FolderId, uid: u32) -> Option<&Message<K>> {
        self.messages.get(self.seats.get(&(folder, uid))?)
    }

    /// What clients see in a folder, by UID.
    pub fn seen_in(&self, folder: FolderId) -> impl Iterator<Item = (Seat, &Message<K>)> {
        let seats = self.seats.range((folder, 0)..=(folder, u32::MAX));
        seats.filter_map(|(_, id)| {
            let message = self.messages.get(id)?;
            Some((message.here?, message))
        })
    }

    /// What the server is owed, in the order in which it came about. Empty: it has everything.
    pub fn owed(&self) -> Vec<Line> {
        let mut lines: Vec<(u64, Line)> = self.log.iter().map(|(line, id)| (*id, *line)).collect();
        lines.sort_unstable();
        lines.into_iter().map(|(_, line)| line).collect()
    }

    /// The log, as a store keeps it: each line with its number.
    pub fn lines(&self) -> impl Iterator<Item = (Line, u64)> {
        self.log.iter().map(|(line, number)| (*line, *number))
    }

    /// What a client that knows a folder as of `modseq` has to be told.
    pub fn since(&self, folder: FolderId, modseq: u64) -> Since {
        let Some(row) = self.folders.get(&folder) else {
            return Since::default();
        };
        let new = self
            .seen_in(folder)
            .filter(|(seat, _)| seat.modseq > modseq);
        let changed = new.map(|(seat, _)| seat.uid).collect();
        let vanished = match modseq < row.forgotten {
            // Whatever it may know and that is not there. The RFC allows to name too many.
            true => (1..row.uidnext)
                .filter(|uid| !self.seats.contains_key(&(folder, *uid)))
                .collect(),
            false => {
                let all = self.expunged.range((folder, 0)..=(folder, u32::MAX));
                all.filter(|(_, at)| **at > modseq)
                    .map(|((_, uid), _)| *uid)
                    .collect()
            }
        };
        Since { changed, vanished }
    }

    /// Forgets the oldest expunged UIDs of a folder, so that no more than `most` are remembered.
    pub fn forget_expunged(&mut self, folder: FolderId, most: usize) {
        let all = self.expunged.range((folder, 0)..=(folder, u32::MAX));
        let mut by_age: Vec<(u64, u32)> = all.map(|((_, uid), at)| (*at, *uid)).collect();
        by_age.sort_unstable();
        let surplus = by_age.len().saturating_sub(most);
        for (at, uid) in by_age.into_iter().take(surplus) {
            self.expunged.remove(&(folder, uid));
            self.touched.insert(Touched::Expunged(folder, uid));
            if let Some(row) = self.folders.get_mut(&folder) {
                row.forgotten = row.forgotten.max(at);
                self.touched.insert(Touched::Folder(folder));
            }
        }
    }

    /// Numbers of folders begin at `first` from now on, if they are not above it already: for a store that numbers the
    /// folders of all mailboxes together.
    pub fn number_folders_from(&mut self, first: u32) {
        if first > self.counters.folder {
            self.counters.folder = first;
            self.touched.insert(Touched::Counters);
        }
    }
}

impl<K: Clone> Mailbox<K> {
    /// Takes over a row, from a store or from [`Mailbox::take_changes`] of the same mailbox elsewhere.
    pub fn apply(&mut self, change: Change<K>) {
        match change {
            Change::Counters(counters) => self.counters = counters,
            Change::Folder(folder) => {
                self.folders.insert(folder.id, folder);
            }
            Change::FolderGone(id) => {
                self.folders.remove(&id);
                self.expunged.retain(|(folder, _), _| *folder != id);
            }
            Change::Remote(remote) => {
                self.lay_remote(remote.id, Some(remote));
            }
            Change::RemoteGone(id) => {
                self.lay_remote(id, None);
            }
            Change::Message(message) => {
                self.lay(message.id, Some(message));
            }
            Change::MessageGone(id) => self.lay(id, None),
            Change::Expunged(folder, uid, at) => {
                self.expunged.insert((folder, uid), at);
            }
            Change::Forgotten(folder, uid) => {
                self.expunged.remove(&(folder, uid));
            }
            Change::Owed(line, id) => {
                self.log.insert(line, id);
            }
            Change::Settled(line) => {
                self.log.remove(&line);
            }
        }
    }

    /// Whether there is anything for [`Mailbox::take_changes`] to give.
    pub fn is_changed(&self) -> bool {
        !self.touched.is_empty()
    }

    /// The rows that are different since this was called last. Durable, all together, before anybody is told or the server
    /// is ordered anything.
    pub fn take_changes(&mut self) -> Vec<Change<K>> {
        let touched = std::mem::take(&mut self.touched);
        let change = |touched: Touched| match touched {
            Touched::Counters => Some(Change::Counters(self.counters)),
            Touched::Folder(id) => Some(match self.folders.get(&id) {
                Some(folder) => Change::Folder(folder.clone()),
                None => Change::FolderGone(id),
            }),
            Touched::Remote(id) => Some(match self.remotes.get(&id) {
                Some(remote) => Change::Remote(remote.clone()),
                None => Change::RemoteGone(id),
            }),
            Touched::Message(id) => Some(match self.messages.get(&id) {
                Some(message) => Change::Message(message.clone()),
                None => Change::MessageGone(id),
            }),
            Touched::Expunged(folder, _) if !self.folders.contains_key(&folder) => None,
            Touched::Expunged(folder, uid) => Some(match self.expunged.get(&(folder, uid)) {
                Some(at) => Change::Expunged(folder, uid, *at),
                None => Change::Forgotten(folder, uid),
            }),
            Touched::Line(line) => Some(match self.log.get(&line) {
                Some(id) => Change::Owed(line, *id),
                None => Change::Settled(line),
            }),
        };
        touched.into_iter().filter_map(change).collect()
    }
}
