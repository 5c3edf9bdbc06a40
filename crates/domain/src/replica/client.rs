//! What clients do. Each order is done here at once, whatever the server is up to, and leaves a line in the log.

use super::mailbox::Mailbox;
use super::state::{Folder, FolderId, INBOX, Message, MessageId, Remote, Role, Unanswered};
use super::{FlagOrder, Flags};
use crate::digest::Digest;

/// For how many seconds an APPEND whose answer may not have arrived is known again, and a copy that the server saved itself
/// is taken for what a client appends.
pub const REPEAT: i64 = 15 * 60;

/// Why an order is refused. None of these passes by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such folder.
    #[error("there is no such folder")]
    NoFolder,
    /// There is no such message.
    #[error("there is no such message")]
    NoMessage,
    /// There is a folder of that name.
    #[error("there is a folder {0}")]
    Exists(String),
    /// INBOX is neither renamed nor deleted, and no folder is put into itself.
    #[error("that cannot be done with {0}")]
    Cannot(String),
}

/// What a client appends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming<K> {
    /// What its header says it is.
    pub key: K,
    /// What its body is.
    pub content: K,
    /// The bytes, all of them.
    pub bytes: Digest,
    /// How many they are.
    pub size: u64,
    /// INTERNALDATE.
    pub date: i64,
}

/// What came of an APPEND.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The message.
    pub message: MessageId,
    /// The UID to be answered.
    pub uid: u32,
    /// It was there already, and nothing was added.
    pub is_repeat: bool,
}

/// What came of a COPY or MOVE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The message that lies there now.
    pub message: MessageId,
    /// Its UID there.
    pub uid: u32,
}

/// What follows a folder's name in the name of one below it.
pub(super) fn below<'a>(name: &'a str, folder: &str) -> Option<&'a str> {
    let rest = name.strip_prefix(folder)?;
    rest.starts_with('/').then_some(rest)
}

impl<K: Ord + Clone> Mailbox<K> {
    /// Makes a folder.
    ///
    /// # Errors
    /// Where there is one of that name.
    pub fn create_folder(&mut self, name: &str, role: Option<Role>) -> Result<FolderId, Refusal> {
        if self.folder_named(name).is_some() {
            return Err(Refusal::Exists(name.into()));
        }
        let id = self.show_folder(name, role, true);
        self.link_emptied(id);
        Ok(id)
    }

    /// A folder that was deleted, and one that is called so by now, are one folder of the server, which need not go.
    pub(super) fn link_emptied(&mut self, id: FolderId) {
        let name = self.folder(id).map(|folder| folder.name.clone());
        let is_it =
            |remote: &&Remote| remote.folder.is_none() && Some(&remote.name) == name.as_ref();
        if let Some(mut remote) = self.remotes.values().find(is_it).cloned() {
            remote.folder = Some(id);
            self.put_remote(remote);
        }
    }

    /// A folder that clients see from now on. It has a number of its own even if there was one of that name.
    pub(super) fn show_folder(
        &mut self,
        name: &str,
        role: Option<Role>,
        subscribed: bool,
    ) -> FolderId {
        let up = |id: u32| id.saturating_add(1);
        let id = FolderId(self.count(|counters| &mut counters.folder, up));
        self.put_folder(Folder {
            id,
            name: name.into(),
            role,
            subscribed,
            uidnext: 1,
            modseq: 1,
            forgotten: 0,
        });
        id
    }

    /// Gives a folder, and those below it, another name. `from` need not be a folder itself.
    ///
    /// # Errors
    /// Where there is nothing of that name, the new one is taken, or INBOX is meant.
    pub fn rename_folder(&mut self, from: &str, to: &str) -> Result<(), Refusal> {
        if from == INBOX || to == INBOX || from == to || below(to, from).is_some() {
            return Err(Refusal::Cannot(from.into()));
        }
        let new_name = |folder: &Folder| match folder.name == from {
            true => Some(to.to_owned()),
            false => below(&folder.name, from).map(|rest| format!("{to}{rest}")),
        };
        let renamed: Vec<(FolderId, String)> = self
            .folders()
            .filter_map(|folder| Some((folder.id, new_name(folder)?)))
            .collect();
        if renamed.is_empty() {
            return Err(Refusal::NoFolder);
        }
        let moves = |folder: &Folder| renamed.iter().any(|(id, _)| *id == folder.id);
        let taken = renamed
            .iter()
            .find(|(_, name)| self.folder_named(name).is_some_and(|folder| !moves(folder)));
        if let Some((_, name)) = taken {
            return Err(Refusal::Exists(name.clone()));
        }
        for (id, name) in renamed {
            if let Some(mut folder) = self.folders.get(&id).cloned() {
                folder.name = name;
                self.put_folder(folder);
            }
        }
        Ok(())
    }

    /// Deletes a folder with all that is in it. Those below it stay.
    ///
    /// # Errors
    /// Where there is none, or it is INBOX.
    pub fn delete_folder(&mut self, id: FolderId) -> Result<(), Refusal> {
        let folder = self.folders.get(&id).ok_or(Refusal::NoFolder)?;
        if folder.name == INBOX {
            return Err(Refusal::Cannot(INBOX.into()));
        }
        let uids: Vec<u32> = self.seen_in(id).map(|(seat, _)| seat.uid).collect();
        for uid in uids {
            self.expunge(id, uid)?;
        }
        if let Some(mut remote) = self.remote_of(id).cloned() {
            remote.folder = None;
            self.put_remote(remote);
        }
        self.drop_folder(id);
        Ok(())
    }

    /// Subscribes a folder, or ends that.
    ///
    /// # Errors
    /// Where there is none.
    pub fn subscribe(&mut self, id: FolderId, subscribed: bool) -> Result<(), Refusal> {
        let mut folder = self.folders.get(&id).cloned().ok_or(Refusal::NoFolder)?;
        folder.subscribed = subscribed;
        self.put_folder(folder);
        Ok(())
    }

    /// Takes a message in. The same bytes for the same folder, where no answer to the first may have arrived, are the first:
    /// programs repeat an APPEND whose answer they did not hear. In the folder of sent mail a copy that the server has just
    /// saved itself is the message, too.
    ///
    /// # Errors
    /// Where there is no such folder.
    pub fn append(
        &mut self,
        folder: FolderId,
        incoming: Incoming<K>,
        flags: Flags,
        now: i64,
    ) -> Result<Appended, Refusal> {
        let role = self.folders.get(&folder).ok_or(Refusal::NoFolder)?.role;
        let unheard = |message: &Message<K>| {
            message.unanswered.filter(|first| {
                (first.folder, first.bytes) == (folder, incoming.bytes)
                    && now.saturating_sub(first.at) <= REPEAT
            })
        };
        let all = self.unanswered.iter();
        let mut alive = all
            .filter_map(|id| self.messages.get(id))
            .filter(|message| message.here.is_some());
        let first = alive.find_map(|message| Some((message.id, unheard(message)?.uid)));
        if let Some((message, uid)) = first {
            return Ok(Appended {
                message,
                uid,
                is_repeat: true,
            });
        }
        if role == Some(Role::Sent)
            && let Some((message, uid)) = self.saved_by_server(folder, &incoming, now)
        {
            self.store(folder, uid, FlagOrder::Add(flags))?;
            return Ok(Appended {
                message,
                uid,
                is_repeat: true,
            });
        }
        let seat = self.new_seat(folder, flags).ok_or(Refusal::NoFolder)?;
        let message = self.new_message_id();
        self.put(Message {
            id: message,
            key: incoming.key,
            content: Some(incoming.content),
            size: incoming.size,
            date: incoming.date,
            born: now,
            here: Some(seat),
            base: None,
            deed: None,
            missing: None,
            from: None,
            remnant_of: None,
            is_ours: false,
            unanswered: Some(Unanswered {
                at: now,
                bytes: incoming.bytes,
                folder,
                uid: seat.uid,
            }),
            awaited: false,
        });
        Ok(Appended {
            message,
            uid: seat.uid,
            is_repeat: false,
        })
    }

    /// Takes in a message that somebody else brings to the server. It is not owed: once it is seen there, what clients did with
    /// it meanwhile is. The same again is another message.
    ///
    /// # Errors
    /// Where there is no such folder.
    pub fn receive(
        &mut self,
        folder: FolderId,
        incoming: Incoming<K>,
        flags: Flags,
        now: i64,
    ) -> Result<Placed, Refusal> {
        let seat = self.new_seat(folder, flags).ok_or(Refusal::NoFolder)?;
        let message = self.new_message_id();
        self.put(Message {
            id: message,
            key: incoming.key,
            content: Some(incoming.content),
            size: incoming.size,
            date: incoming.date,
            born: now,
            here: Some(seat),
            base: None,
            deed: None,
            missing: None,
            from: None,
            remnant_of: None,
            is_ours: false,
            unanswered: None,
            awaited: true,
        });
        Ok(Placed {
            message,
            uid: seat.uid,
        })
    }

    /// Whoever was to bring mail to the server says that all that was received before `born_before` is there. What is not is owed
    /// from now on, and forgotten if a client deleted it. Called after a look that began after that was said and
    /// [saw all](super::Plan::saw_all): what was overlooked would be there twice.
    pub fn stop_waiting(&mut self, born_before: i64) {
        let all = self.messages.values();
        let waiting = all.filter(|row| row.awaited && row.born < born_before);
        let waiting: Vec<Message<K>> = waiting.cloned().collect();
        for mut row in waiting {
            row.awaited = false;
            self.put_or_drop(row);
        }
    }

    /// A message of the folder that came from the server a moment ago and is what a client appends now.
    fn saved_by_server(
        &self,
        folder: FolderId,
        incoming: &Incoming<K>,
        now: i64,
    ) -> Option<(MessageId, u32)> {
        let mut all = self.seen_in(folder);
        let found = all.find(|(_, message)| {
            message.base.is_some()
                && !message.is_ours
                && message.unanswered.is_none()
                && now.saturating_sub(message.born) <= REPEAT
                && message.key == incoming.key
                && message.content.as_ref() == Some(&incoming.content)
        });
        found.map(|(seat, message)| (message.id, seat.uid))
    }

    /// The client heard the answer to its APPEND: its connection went on. The same bytes again are another message.
    pub fn answered(&mut self, message: MessageId) {
        if let Some(mut row) = self.messages.get(&message).cloned() {
            row.unanswered = None;
            self.put(row);
        }
    }

    /// The body is here now, and this is what it is.
    pub fn hold(&mut self, message: MessageId, content: K) {
        if let Some(mut row) = self.messages.get(&message).cloned() {
            row.content.get_or_insert(content);
            self.put(row);
        }
    }

    /// Changes flags. Returns the MODSEQ after it; what changes nothing leaves it as it was.
    ///
    /// # Errors
    /// Where there is no such message.
    pub fn store(&mut self, folder: FolderId, uid: u32, order: FlagOrder) -> Result<u64, Refusal> {
        let mut message = self.at(folder, uid).cloned().ok_or(Refusal::NoMessage)?;
        let seat = message.here.ok_or(Refusal::NoMessage)?;
        let seat = self.reflagged(seat, order.applied(seat.flags));
        message.here = Some(seat);
        self.put(message);
        Ok(seat.modseq)
    }

    /// Copies a message.
    ///
    /// # Errors
    /// Where there is no such message or folder.
    pub fn copy(
        &mut self,
        folder: FolderId,
        uid: u32,
        to: FolderId,
        now: i64,
    ) -> Result<Placed, Refusal> {
        let source = self.at(folder, uid).cloned().ok_or(Refusal::NoMessage)?;
        let flags = source.here.map_or(Flags::NONE, |seat| seat.flags);
        let seat = self.new_seat(to, flags).ok_or(Refusal::NoFolder)?;
        let message = self.new_message_id();
        self.put(Message {
            id: message,
            born: now,
            here: Some(seat),
            base: None,
            deed: None,
            missing: None,
            from: Some(source.id),
            remnant_of: None,
            is_ours: false,
            unanswered: None,
            awaited: false,
            ..source
        });
        Ok(Placed {
            message,
            uid: seat.uid,
        })
    }

    /// Moves a message. It stays the same message, but each folder has UIDs of its own.
    ///
    /// # Errors
    /// Where there is no such message or folder.
    pub fn move_to(&mut self, folder: FolderId, uid: u32, to: FolderId) -> Result<Placed, Refusal> {
        let message = self.at(folder, uid).ok_or(Refusal::NoMessage)?.id;
        self.folders.get(&to).ok_or(Refusal::NoFolder)?;
        let uid = self.reseat(message, to).ok_or(Refusal::NoMessage)?;
        Ok(Placed { message, uid })
    }

    /// Clients see a message in that folder from now on.
    pub(super) fn reseat(&mut self, id: MessageId, to: FolderId) -> Option<u32> {
        let mut message = self.messages.get(&id).cloned()?;
        let before = message.here?;
        let seat = self.new_seat(to, before.flags)?;
        self.expunge_seat(before);
        message.here = Some(seat);
        self.put(message);
        Some(seat.uid)
    }

    /// Deletes a message for good.
    ///
    /// # Errors
    /// Where there is no such message.
    pub fn expunge(&mut self, folder: FolderId, uid: u32) -> Result<(), Refusal> {
        let mut message = self.at(folder, uid).cloned().ok_or(Refusal::NoMessage)?;
        // What the server never had, and nobody was asked to bring there, is nobody's any more.
        if message.base.is_none() && message.deed.is_none() && !message.awaited {
            self.drop_message(message.id);
            return Ok(());
        }
        if let Some(seat) = message.here.take() {
            self.expunge_seat(seat);
        }
        message.unanswered = None;
        let id = message.id;
        self.put(message);
        // What was to go because this stays goes because this goes.
        let all = self
            .remnants
            .range((id, MessageId(0))..=(id, MessageId(u64::MAX)));
        let remnants: Vec<MessageId> = all.map(|(_, remnant)| *remnant).collect();
        for remnant in remnants {
            if let Some(mut row) = self.messages.get(&remnant).cloned() {
                row.remnant_of = None;
                self.put(row);
            }
        }
        Ok(())
    }

    /// The number of a new message.
    pub(super) fn new_message_id(&mut self) -> MessageId {
        MessageId(self.count(|counters| &mut counters.message, |id| id + 1))
    }
}
