//! Writing rows: what follows from a row follows at once, and what was written is remembered until it is durable.

use super::Flags;
use super::log::{folder_debts, message_debts, remote_debts};
use super::mailbox::{Mailbox, Touched};
use super::state::{
    Counters, Folder, FolderId, Line, Message, MessageId, Remote, RemoteId, Seat, Subject, Task,
};

impl<K: Clone> Mailbox<K> {
    /// Puts a message row in its place, or takes it away, with all that follows from it.
    pub(super) fn lay(&mut self, id: MessageId, new: Option<Message<K>>) {
        let old = match new.clone() {
            Some(row) => self.messages.insert(id, row),
            None => self.messages.remove(&id),
        };
        if let Some(old) = old {
            if let Some(seat) = old.here {
                self.seats.remove(&(seat.folder, seat.uid));
            }
            if let Some(from) = old.from {
                self.copies.remove(&(from, id));
            }
            if let Some(stays) = old.remnant_of {
                self.remnants.remove(&(stays, id));
            }
            self.unanswered.remove(&id);
        }
        if let Some(new) = new {
            if let Some(seat) = new.here {
                self.seats.insert((seat.folder, seat.uid), id);
            }
            if let Some(from) = new.from {
                self.copies.insert((from, id));
            }
            if let Some(stays) = new.remnant_of {
                self.remnants.insert((stays, id));
            }
            if new.unanswered.is_some() {
                self.unanswered.insert(id);
            }
        }
    }

    /// Puts a row of a folder of the server in its place, or takes it away. Returns what clients saw of it before.
    pub(super) fn lay_remote(&mut self, id: RemoteId, new: Option<Remote>) -> Option<FolderId> {
        let folder = new.as_ref().and_then(|remote| remote.folder);
        let old = match new {
            Some(row) => self.remotes.insert(id, row),
            None => self.remotes.remove(&id),
        };
        let before = old.and_then(|old| old.folder);
        // It may have been linked to another by now.
        if let Some(before) = before
            && self.links.get(&before) == Some(&id)
        {
            self.links.remove(&before);
        }
        if let Some(folder) = folder {
            self.links.insert(folder, id);
        }
        before
    }

    /// Writes a message row.
    pub(super) fn put(&mut self, message: Message<K>) {
        let id = message.id;
        if self
            .messages
            .get(&id)
            .is_none_or(|old| !same_row(old, &message))
        {
            self.lay(id, Some(message));
            self.touched.insert(Touched::Message(id));
        }
        self.log_message(id);
    }

    /// Takes a message row away. What clients saw of it is expunged.
    pub(super) fn drop_message(&mut self, id: MessageId) {
        if let Some(seat) = self.messages.get(&id).and_then(|message| message.here) {
            self.expunge_seat(seat);
        }
        self.lay(id, None);
        self.touched.insert(Touched::Message(id));
        self.log_message(id);
    }

    /// Writes a folder row.
    pub(super) fn put_folder(&mut self, folder: Folder) {
        let id = folder.id;
        if self.folders.get(&id) != Some(&folder) {
            self.folders.insert(id, folder);
            self.touched.insert(Touched::Folder(id));
        }
        self.log_folder(id);
    }

    /// Takes a folder row away; it has no messages any more.
    pub(super) fn drop_folder(&mut self, id: FolderId) {
        self.folders.remove(&id);
        self.expunged.retain(|(folder, _), _| *folder != id);
        self.touched.insert(Touched::Folder(id));
        self.log_folder(id);
    }

    /// Writes a row of a folder of the server.
    pub(super) fn put_remote(&mut self, remote: Remote) {
        let (id, folder) = (remote.id, remote.folder);
        if self.remotes.get(&id) == Some(&remote) {
            return;
        }
        let before = self.lay_remote(id, Some(remote));
        self.touched.insert(Touched::Remote(id));
        self.log_remote(id, before, folder);
    }

    /// Takes a row of a folder of the server away.
    pub(super) fn drop_remote(&mut self, id: RemoteId) {
        let before = self.lay_remote(id, None);
        self.touched.insert(Touched::Remote(id));
        self.log_remote(id, before, None);
    }

    /// The number of a new folder, message or line.
    pub(super) fn count<N: Copy>(
        &mut self,
        of: impl FnOnce(&mut Counters) -> &mut N,
        up: impl FnOnce(N) -> N,
    ) -> N {
        let counter = of(&mut self.counters);
        let given = *counter;
        *counter = up(given);
        self.touched.insert(Touched::Counters);
        given
    }

    /// The server that was looked at.
    pub(super) fn set_generation(&mut self, generation: u64) {
        if self.counters.generation != generation {
            self.counters.generation = generation;
            self.touched.insert(Touched::Counters);
        }
    }

    /// The next MODSEQ of a folder.
    fn rise(&mut self, folder: FolderId) -> u64 {
        let Some(row) = self.folders.get_mut(&folder) else {
            return 0;
        };
        row.modseq = row.modseq.saturating_add(1);
        self.touched.insert(Touched::Folder(folder));
        row.modseq
    }

    /// A place for a message in a folder, under a UID that nothing had before.
    pub(super) fn new_seat(&mut self, folder: FolderId, flags: Flags) -> Option<Seat> {
        let row = self.folders.get_mut(&folder)?;
        let uid = row.uidnext;
        // A folder would have to take a hundred messages a second for a year to come to the end of its numbers.
        row.uidnext = uid.saturating_add(1);
        let modseq = self.rise(folder);
        Some(Seat {
            folder,
            uid,
            flags,
            modseq,
        })
    }

    /// The same place with other flags.
    pub(super) fn reflagged(&mut self, seat: Seat, flags: Flags) -> Seat {
        match seat.flags == flags {
            true => seat,
            false => Seat {
                flags,
                modseq: self.rise(seat.folder),
                ..seat
            },
        }
    }

    /// Clients lose sight of what was there. The row that had this place is written by the caller.
    pub(super) fn expunge_seat(&mut self, seat: Seat) {
        if self.folders.contains_key(&seat.folder) {
            let at = self.rise(seat.folder);
            self.expunged.insert((seat.folder, seat.uid), at);
            self.touched
                .insert(Touched::Expunged(seat.folder, seat.uid));
        }
    }

    /// Makes the log say what is owed about a subject.
    fn relog(&mut self, subject: Subject, debts: &[Task]) {
        for task in Task::ALL {
            let line = Line { subject, task };
            match (debts.contains(&task), self.log.contains_key(&line)) {
                (true, false) => {
                    let id = self.count(|counters| &mut counters.line, |id| id + 1);
                    self.log.insert(line, id);
                    self.touched.insert(Touched::Line(line));
                }
                (false, true) => {
                    self.log.remove(&line);
                    self.touched.insert(Touched::Line(line));
                }
                _ => {}
            }
        }
    }

    fn log_message(&mut self, id: MessageId) {
        let debts = match self.messages.get(&id) {
            Some(message) => {
                let of = message.here.and_then(|seat| self.remote_of(seat.folder));
                message_debts(message, of.map(|remote| remote.id))
            }
            None => Vec::new(),
        };
        self.relog(Subject::Message(id), &debts);
    }

    fn log_folder(&mut self, id: FolderId) {
        let debts = match self.folders.get(&id) {
            Some(folder) => folder_debts(folder, self.remote_of(id)),
            None => Vec::new(),
        };
        self.relog(Subject::Folder(id), &debts);
    }

    fn log_remote(&mut self, id: RemoteId, before: Option<FolderId>, after: Option<FolderId>) {
        let debts = self.remotes.get(&id).map_or_else(Vec::new, remote_debts);
        self.relog(Subject::Remote(id), &debts);
        for folder in [before, after].into_iter().flatten() {
            self.log_folder(folder);
        }
        // Messages are owed to folders: with another folder it is another debt.
        if before != after {
            let all = self.messages.values();
            let ids: Vec<MessageId> = all.map(|message| message.id).collect();
            for id in ids {
                self.log_message(id);
            }
        }
    }
}

/// Equal in all but what is opaque: the keys of a message are set once, and its content once from `None`.
fn same_row<K>(old: &Message<K>, new: &Message<K>) -> bool {
    old.content.is_some() == new.content.is_some()
        && (old.size, old.date, old.born) == (new.size, new.date, new.born)
        && (old.here, old.base, old.deed) == (new.here, new.base, new.deed)
        && (old.missing, old.from, old.remnant_of) == (new.missing, new.from, new.remnant_of)
        && (old.is_ours, old.unanswered) == (new.is_ours, new.unanswered)
        && old.awaited == new.awaited
}
