//! What the server has to be ordered so that it has what we have, and what its answers mean.
//!
//! An order is read off a row and its base, so it can be asked for again at any time, and an order that was carried out is not
//! there any more. Whoever carries orders out does so one at a time: [`Mailbox::intend`], durable; the order; then
//! [`Mailbox::outcome`], durable.

use std::collections::BTreeSet;

use super::Flags;
use super::claims::lies_in;
use super::client::below;
use super::mailbox::Mailbox;
use super::state::{
    Base, Deed, Folder, FolderId, Message, MessageId, Ordered, Remote, RemoteId, Seat, Subject,
    Validity,
};

/// Where a message lies on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The folder.
    pub folder: String,
    /// Its UIDVALIDITY: if it is another, nothing is done.
    pub uidvalidity: u32,
    /// The UID.
    pub uid: u32,
}

/// An order to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Make a folder. That it is there already is well.
    CreateFolder {
        /// For which.
        folder: FolderId,
        /// Its name.
        name: String,
    },
    /// Rename a folder.
    RenameFolder {
        /// Which.
        remote: RemoteId,
        /// Its name.
        from: String,
        /// The name that it gets.
        to: String,
    },
    /// Subscribe a folder, or end that.
    Subscribe {
        /// Which.
        remote: RemoteId,
        /// Its name.
        name: String,
        /// Whether it is to be subscribed.
        subscribed: bool,
    },
    /// Delete a folder, if it is empty and its UIDVALIDITY and UIDNEXT are still these.
    DeleteFolder {
        /// Which.
        remote: RemoteId,
        /// Its name.
        name: String,
        /// Its UIDVALIDITY.
        uidvalidity: u32,
        /// Its UIDNEXT.
        uidnext: u32,
    },
    /// Take a message in, with its INTERNALDATE.
    Append {
        /// Which.
        message: MessageId,
        /// Into which folder.
        to: String,
        /// With which flags.
        flags: Flags,
    },
    /// Copy a message.
    Copy {
        /// For which.
        message: MessageId,
        /// What is copied.
        from: Place,
        /// Into which folder.
        to: String,
    },
    /// Move a message.
    Move {
        /// Which.
        message: MessageId,
        /// From where.
        from: Place,
        /// Into which folder.
        to: String,
    },
    /// Change flags of a message.
    Store {
        /// Of which.
        message: MessageId,
        /// Where it is.
        at: Place,
        /// Set.
        add: Flags,
        /// Cleared.
        remove: Flags,
    },
    /// Delete a message for good, if its flags, but for `\Deleted`, are still these: by UNCHANGEDSINCE, or by looking right before.
    Delete {
        /// Which.
        message: MessageId,
        /// Where it is.
        at: Place,
        /// Its flags.
        flags: Flags,
        /// Its MODSEQ, where the server has one.
        modseq: Option<u64>,
    },
}

/// Where a message arrived (APPENDUID, COPYUID).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landed {
    /// UIDVALIDITY of the folder.
    pub uidvalidity: u32,
    /// Its UID.
    pub uid: u32,
}

/// What came of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out. Where a message was brought somewhere, its place there, if the server says such things.
    Done(Option<Landed>),
    /// There was nothing to do it to, or that is not as it was any more. The next look shows why.
    NotAsThought,
    /// The server said no, or its last byte did not leave: nothing was done.
    NotDone,
    /// The bytes to be appended are not here and not to be had. The message cannot be brought back.
    NoBytes,
    /// There was no answer.
    Lost,
}

impl<K: Ord + Clone> Mailbox<K> {
    /// What the server is to be ordered now: folders first, then messages in the order in which they came to be owed, last the folders
    /// that go. More may follow when these are carried out.
    pub fn work(&self, can_move: bool) -> Vec<Order> {
        let mut folders: Vec<(&str, &Folder)> = Vec::new();
        let mut messages: Vec<MessageId> = Vec::new();
        let mut emptied: Vec<&Remote> = Vec::new();
        let mut known: BTreeSet<Subject> = BTreeSet::new();
        for line in self.owed() {
            if !known.insert(line.subject) {
                continue;
            }
            match line.subject {
                Subject::Folder(id) => {
                    let name = self.remote_of(id).map(|remote| remote.name.as_str());
                    let folder = self.folders.get(&id);
                    folders.extend(folder.map(|folder| (name.unwrap_or(&folder.name), folder)));
                }
                Subject::Remote(id) => emptied.extend(self.remotes.get(&id)),
                Subject::Message(id) => messages.push(id),
            }
        }
        // What lies above comes first, and below when the whole branch goes.
        folders.sort_by_key(|(name, folder)| (*name, folder.id));
        emptied.sort_by(|one, other| other.name.cmp(&one.name));
        let folders = folders
            .into_iter()
            .filter_map(|(_, folder)| self.folder_order(folder));
        let messages = messages
            .into_iter()
            .filter_map(|id| self.message_order(self.messages.get(&id)?, can_move));
        let emptied = emptied.into_iter().filter_map(|remote| self.end_of(remote));
        folders.chain(messages).chain(emptied).collect()
    }

    /// What is to be ordered about a folder.
    fn folder_order(&self, folder: &Folder) -> Option<Order> {
        let Some(remote) = self.remote_of(folder.id) else {
            return self
                .may_be_called(&folder.name, None)
                .then(|| Order::CreateFolder {
                    folder: folder.id,
                    name: folder.name.clone(),
                });
        };
        if !remote.is_sure || remote.missing.is_some() {
            return None;
        }
        if remote.name != folder.name {
            if let Some(other) = self.carried_into_another(remote, &folder.name) {
                return Some(Order::RenameFolder {
                    remote: other.id,
                    from: other.name.clone(),
                    to: self.aside(&other.name)?,
                });
            }
            let to = if below(&folder.name, &remote.name).is_some() {
                // Nothing is put below itself: what lies in between has to get out first.
                self.aside(&remote.name)?
            } else if self.may_be_called(&folder.name, Some(remote)) {
                folder.name.clone()
            } else {
                self.way_out(folder, remote)?
            };
            return Some(Order::RenameFolder {
                remote: remote.id,
                from: remote.name.clone(),
                to,
            });
        }
        (remote.subscribed != folder.subscribed).then(|| Order::Subscribe {
            remote: remote.id,
            name: remote.name.clone(),
            subscribed: folder.subscribed,
        })
    }

    /// Whether the server has nothing of that name, and has the folders above it under the names that they are to have.
    fn may_be_called(&self, name: &str, except: Option<&Remote>) -> bool {
        let is_other = |remote: &&Remote| except.is_none_or(|except| except.id != remote.id);
        let mut others = self.remotes.values().filter(is_other);
        let is_taken = others.any(|remote| remote.name == name);
        let mut above = self
            .folders
            .values()
            .filter(|above| below(name, &above.name).is_some());
        !is_taken
            && above.all(|above| {
                self.remote_of(above.id)
                    .is_some_and(|remote| remote.name == above.name && remote.is_sure)
            })
    }

    /// Folders that wait for one another do so for ever: the first of the ring that has a name which another wants steps aside.
    fn way_out(&self, folder: &Folder, remote: &Remote) -> Option<String> {
        let mut next = folder;
        for _ in 0..self.folders.len() {
            let (blocking, has_name) = self.blocking(next)?;
            if blocking.id == folder.id {
                return has_name.then(|| self.aside(&remote.name)).flatten();
            }
            if has_name && blocking.id < folder.id {
                return None;
            }
            next = blocking;
        }
        None
    }

    /// What a folder waits for, and whether that has its name there: else it is one above it.
    fn blocking(&self, folder: &Folder) -> Option<(&Folder, bool)> {
        let mut all = self.remotes.values();
        let taken = all.find(|other| other.name == folder.name && other.folder != Some(folder.id));
        if let Some(other) = taken {
            let other = other.folder.and_then(|id| self.folders.get(&id));
            return other.map(|other| (other, true));
        }
        let mut above = self.folders.values();
        let above = above.find(|above| {
            let remote = self.remote_of(above.id);
            below(&folder.name, &above.name).is_some()
                && remote.is_none_or(|remote| remote.name != above.name)
        });
        above.map(|above| (above, false))
    }

    /// A folder below one that gets another name goes with it. If something else has the name that it would get, it steps aside
    /// first.
    fn carried_into_another(&self, remote: &Remote, to: &str) -> Option<&Remote> {
        let carried = |other: &Remote| below(&other.name, &remote.name).map(str::to_owned);
        self.remotes.values().find(|other| {
            carried(other).is_some_and(|rest| {
                let name = format!("{to}{rest}");
                let mut all = self.remotes.values();
                all.any(|taken| taken.name == name && carried(taken).is_none())
            })
        })
    }

    /// A name for a while, like the one that a folder has.
    fn aside(&self, name: &str) -> Option<String> {
        let mut names = (1_u32..).map(|number| format!("{name}~{number}"));
        names.find(|name| self.is_free(name))
    }

    /// A folder of the server goes when nothing is known to be in it.
    fn end_of(&self, remote: &Remote) -> Option<Order> {
        let is_empty = || {
            !self
                .messages
                .values()
                .any(|message| lies_in(message, remote.id))
        };
        (remote.is_sure && remote.missing.is_none() && is_empty()).then(|| Order::DeleteFolder {
            remote: remote.id,
            name: remote.name.clone(),
            uidvalidity: remote.validity.uidvalidity,
            uidnext: remote.uidnext,
        })
    }

    /// What is to be ordered about a message. Of what is in doubt, or brought by others, nothing.
    fn message_order(&self, row: &Message<K>, can_move: bool) -> Option<Order> {
        if row.deed.is_some() || row.missing.is_some() || row.awaited {
            return None;
        }
        let Some(base) = row.base else {
            return self.order_to_bring(row, row.here?);
        };
        let at = self.place(base)?;
        let Some(seat) = row.here else {
            return self.order_to_delete(row, base, at);
        };
        let wanted = self.present(seat.folder)?;
        if wanted.id != base.remote {
            let to = wanted.name.clone();
            let (message, from) = (row.id, at);
            return Some(match can_move {
                true => Order::Move { message, from, to },
                false => Order::Copy { message, from, to },
            });
        }
        (seat.flags != base.flags).then(|| Order::Store {
            message: row.id,
            at,
            add: seat.flags.without(base.flags),
            remove: base.flags.without(seat.flags),
        })
    }

    /// What a folder is on the server, if it is there.
    fn present(&self, folder: FolderId) -> Option<&Remote> {
        self.remote_of(folder)
            .filter(|remote| remote.is_sure && remote.missing.is_none())
    }

    /// A message that the server does not have: copied there, if what it was copied from is there, else taken in.
    fn order_to_bring(&self, row: &Message<K>, seat: Seat) -> Option<Order> {
        let wanted = self.present(seat.folder)?;
        let source = row.from.and_then(|id| self.messages.get(&id));
        // Wherever the source is at the moment, that will show.
        if source.is_some_and(|source| source.missing.is_some() || source.deed.is_some()) {
            return None;
        }
        let from = source
            .and_then(|source| source.base)
            .map(|base| self.place(base));
        let to = wanted.name.clone();
        match from {
            Some(from) => Some(Order::Copy {
                message: row.id,
                from: from?,
                to,
            }),
            None => Some(Order::Append {
                message: row.id,
                to,
                flags: seat.flags,
            }),
        }
    }

    fn order_to_delete(&self, row: &Message<K>, base: Base, at: Place) -> Option<Order> {
        let copies = self
            .copies
            .range((row.id, MessageId(0))..=(row.id, MessageId(u64::MAX)));
        let mut copies = copies.filter_map(|(_, copy)| self.messages.get(copy));
        // What is still to be copied from it comes first, and of two that are one it must be certain that the other is there.
        let is_certain = |stays: &MessageId| {
            let stays = self.messages.get(stays);
            stays.is_some_and(|stays| stays.base.is_some() && stays.missing.is_none())
        };
        if copies.any(|copy| copy.base.is_none()) || !row.remnant_of.iter().all(is_certain) {
            return None;
        }
        Some(Order::Delete {
            message: row.id,
            at,
            flags: base.flags,
            modseq: base.modseq,
        })
    }

    /// Where the server has it, by the numbering that is in force.
    fn place(&self, base: Base) -> Option<Place> {
        let remote = self.remotes.get(&base.remote)?;
        (remote.validity == base.validity && remote.missing.is_none()).then(|| Place {
            folder: remote.name.clone(),
            uidvalidity: base.validity.uidvalidity,
            uid: base.uid,
        })
    }

    /// Writes down that an order is about to be given. False if it is not what is wanted any more, for clients went on
    /// meanwhile: then it is not given.
    pub fn intend(&mut self, order: &Order) -> bool {
        match order {
            Order::CreateFolder { folder, name } => {
                let row = self.folders.get(folder);
                if row.and_then(|row| self.folder_order(row)).as_ref() != Some(order) {
                    return false;
                }
                let id = self.new_remote_id();
                self.put_remote(Remote {
                    id,
                    folder: Some(*folder),
                    name: name.clone(),
                    validity: Validity {
                        generation: self.counters.generation,
                        uidvalidity: 0,
                        turn: 0,
                    },
                    uidnext: 0,
                    modseq: None,
                    subscribed: false,
                    is_sure: false,
                    asked: None,
                    missing: None,
                });
                true
            }
            Order::RenameFolder { remote, to, .. } => {
                let Some(mut row) = self.wanting_folder(*remote, order) else {
                    return false;
                };
                row.asked = Some(to.clone());
                self.put_remote(row);
                true
            }
            Order::Subscribe { remote, .. } => self.wanting_folder(*remote, order).is_some(),
            Order::DeleteFolder { remote, .. } => {
                let row = self.remotes.get(remote).filter(|row| row.folder.is_none());
                row.and_then(|row| self.end_of(row)).as_ref() == Some(order)
            }
            Order::Append { message, .. }
            | Order::Copy { message, .. }
            | Order::Move { message, .. }
            | Order::Store { message, .. }
            | Order::Delete { message, .. } => self.intend_message(*message, order),
        }
    }

    /// The folder of the server, if this is still wanted of it: for its own sake, or for that of one above it.
    fn wanting_folder(&self, id: RemoteId, order: &Order) -> Option<Remote> {
        let remote = self.remotes.get(&id)?;
        let is_above = |other: &Remote| below(&remote.name, &other.name).is_some();
        let all = self.remotes.values();
        let mut concerned = all.filter(|other| other.id == id || is_above(other));
        let is_wanted = concerned.any(|other| {
            let folder = other.folder.and_then(|id| self.folders.get(&id));
            folder.and_then(|folder| self.folder_order(folder)).as_ref() == Some(order)
        });
        is_wanted.then(|| remote.clone())
    }

    fn intend_message(&mut self, id: MessageId, order: &Order) -> bool {
        let Some(mut row) = self.messages.get(&id).cloned() else {
            return false;
        };
        let is_wanted = [true, false]
            .into_iter()
            .any(|can_move| self.message_order(&row, can_move).as_ref() == Some(order));
        let wanted = row.here.and_then(|seat| self.remote_of(seat.folder));
        let to = wanted.map(|remote| remote.id);
        let source = row.from.and_then(|id| self.messages.get(&id));
        let copied = row.base.or_else(|| source.and_then(|source| source.base));
        let what = match (order, to, copied) {
            (Order::Append { flags, .. }, Some(to), _) => Ordered::Append { to, flags: *flags },
            (Order::Copy { .. }, Some(to), Some(base)) => Ordered::Copy {
                to,
                flags: base.flags,
            },
            (Order::Move { .. }, Some(to), _) => Ordered::Move { to },
            (Order::Store { add, remove, .. }, _, _) => Ordered::Store {
                add: *add,
                remove: *remove,
            },
            (Order::Delete { .. }, _, _) => Ordered::Delete,
            _ => return false,
        };
        if is_wanted {
            row.deed = Some(Deed {
                what,
                doubt: None,
                is_done: false,
            });
            self.put(row);
        }
        is_wanted
    }
}
