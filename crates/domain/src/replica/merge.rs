//! One message, here and on the server: what becomes of it on both sides.

use super::Flags;
use super::client::REPEAT;
use super::mailbox::Mailbox;
use super::matching::{Arrival, How, Standing, is_same};
use super::reconcile::Look;
use super::state::{Base, Deed, INBOX, Message, MessageId, Ordered, RemoteId, Role, Seat};

/// For how many seconds after the answer to an order was lost the server may still be carrying it out.
pub const SETTLING: i64 = 60;

impl Look<'_> {
    /// Whether this look shows what came of an order in doubt.
    fn is_settled(&self, deed: Deed) -> bool {
        let is_late = deed
            .doubt
            .is_some_and(|since| self.sighting.began >= since.saturating_add(SETTLING));
        is_late && (self.is_proof || deed.what.brings().is_none())
    }
}

impl<K: Ord + Clone> Mailbox<K> {
    /// Merges a row with its message on the server. `still` is the old place, if it was seen there too, or
    /// may be there.
    pub(super) fn take_found(
        &mut self,
        look: &Look<'_>,
        id: MessageId,
        found: Base,
        how: How,
        still: Option<Base>,
    ) {
        let Some(mut row) = self.messages.get(&id).cloned() else {
            return;
        };
        let (was_in, flags) = match row.awaited {
            true => (self.left_in(&row, found), known_when_brought(&row, found)),
            false => known_of(&row, found, how),
        };
        row.awaited = false;
        match still {
            Some(still) if row.is_copied() => {
                // What somebody changed at the old place meanwhile is a change of this message.
                if let (Some(seat), Some(before)) = (row.here, row.base) {
                    let flags = Flags::merged(before.flags, seat.flags, still.flags);
                    row.here = Some(self.reflagged(seat, flags));
                }
                self.leave_remnant(&row, still);
            }
            // A move leaves nothing: what is there at the next look is another.
            Some(still) => self.look_closely(still.remote),
            None => {}
        }
        let is_append = matches!(row.deed.map(|deed| deed.what), Some(Ordered::Append { .. }));
        row.is_ours |= is_append && row.base.is_none() && how != How::Adopted;
        if row.base.is_none() {
            row.from = None;
        }
        if how != How::InPlace {
            row.deed = None;
        } else if let Some(deed) = row.deed.filter(|deed| look.is_settled(*deed)) {
            row.deed = None;
            if let Ordered::Copy { .. } = deed.what {
                // The copy is there, but it is known as another message by now. This one is what it was copied from.
                if let Some(seat) = row.here.filter(|_| deed.is_done) {
                    self.expunge_seat(seat);
                    row.here = None;
                }
            }
        }
        let there = found;
        // Another UID of the same numbering in the same folder is a move, too: there and back.
        let before = row.base.filter(|_| how == How::Elsewhere);
        let is_touched = before.is_some_and(|base| base.validity == there.validity);
        let is_moved = there.remote != was_in;
        row.missing = None;
        row.base = Some(there);
        match (row.here, row.remnant_of) {
            (None, Some(stays)) => self.pass_on(stays, flags, there.flags),
            (None, None) => {
                let is_changed = there.flags != flags
                    && !there.flags.has(Flags::DELETED)
                    && self.role_there(there.remote) != Some(Role::Drafts);
                if is_moved || is_touched || is_changed {
                    // An order to delete it is void: it was to be as it was before.
                    row.deed = None;
                    let folder = self.folder_for(there.remote);
                    row.here = folder.and_then(|folder| self.new_seat(folder, there.flags));
                }
            }
            (Some(seat), _) => {
                let merged = Flags::merged(flags, seat.flags, there.flags);
                let folder = is_moved.then(|| self.folder_for(there.remote)).flatten();
                row.here = match folder.filter(|folder| *folder != seat.folder) {
                    Some(folder) => {
                        self.expunge_seat(seat);
                        self.new_seat(folder, merged)
                    }
                    None => Some(self.reflagged(seat, merged)),
                };
            }
        }
        self.put(row);
    }

    /// Where a message that others brought was, as far as a client did not decide that: what it left in INBOX, the server may file.
    fn left_in(&self, row: &Message<K>, found: Base) -> RemoteId {
        let seen_in = row.here.and_then(|seat| self.folders.get(&seat.folder));
        let inbox = seen_in.filter(|folder| folder.name == INBOX);
        let inbox = inbox.and_then(|inbox| self.remote_of(inbox.id));
        inbox.map_or(found.remote, |inbox| inbox.id)
    }

    /// What somebody changed at a copy that is to go, the message that stays gets.
    fn pass_on(&mut self, stays: MessageId, before: Flags, after: Flags) {
        let row = self.messages.get(&stays).cloned();
        if let Some(mut row) = row.filter(|_| before != after)
            && let Some(seat) = row.here
        {
            let flags = Flags::merged(before, seat.flags, after);
            row.here = Some(self.reflagged(seat, flags));
            self.put(row);
        }
    }

    fn role_there(&self, remote: RemoteId) -> Option<Role> {
        let folder = self.remotes.get(&remote)?.folder?;
        self.folders.get(&folder)?.role
    }

    /// A copy on the server that we made, and need no more because `row` has another.
    pub(super) fn leave_remnant(&mut self, row: &Message<K>, base: Base) {
        let id = self.new_message_id();
        self.put(Message {
            id,
            here: None,
            base: Some(base),
            deed: None,
            missing: None,
            from: None,
            // What a client deleted goes wherever it is.
            remnant_of: row.here.map(|_| row.id),
            is_ours: false,
            unanswered: None,
            awaited: false,
            ..row.clone()
        });
    }

    /// The next look at a folder has to show all that is in it, even if the server says that nothing changed.
    fn look_closely(&mut self, remote: RemoteId) {
        if let Some(mut remote) = self.remotes.get(&remote).cloned() {
            remote.modseq = None;
            self.put_remote(remote);
        }
    }

    /// A row whose message was not found. True if another look has to tell whether it is gone.
    pub(super) fn take_unfound(
        &mut self,
        look: &Look<'_>,
        id: MessageId,
        standing: Standing,
    ) -> bool {
        let Some(mut row) = self.messages.get(&id).cloned() else {
            return false;
        };
        let is_settled = row.deed.is_none_or(|deed| look.is_settled(deed));
        let is_brought = row.deed.is_some_and(|deed| deed.what.brings().is_some());
        match standing {
            Standing::Unknown | Standing::There(_) => false,
            Standing::Never => {
                if let Some(deed) = row.deed.filter(|_| is_settled) {
                    // Taken in, and gone since or known as another message: appending it again would never end.
                    let is_over = deed.is_done && !is_changed(row.here, deed);
                    if row.here.is_none() || is_over {
                        self.drop_message(id);
                        return false;
                    }
                    row.deed = None;
                    self.put(row);
                }
                false
            }
            // Deleted here and there. A new numbering, or a folder that was renamed while we looked, may only hide it.
            Standing::Vanished if row.here.is_none() && !is_brought && look.is_listed(&row) => {
                self.drop_message(id);
                false
            }
            Standing::Vanished | Standing::Stale => {
                if row.remnant_of.is_some() {
                    self.drop_message(id);
                    return false;
                }
                let is_confirmed = look.is_proof
                    && is_settled
                    && row.missing.is_some_and(|at| look.sighting.began >= at);
                if is_confirmed {
                    self.take_lost(look, row, standing);
                    return false;
                }
                row.missing.get_or_insert(look.sighting.ended);
                if let Some(base) = &mut row.base {
                    base.validity = look.numbering_borne_out(*base).unwrap_or(base.validity);
                }
                self.put(row);
                is_settled
            }
        }
    }

    /// A copy was to go because another stays. If that is not there any more, this one is the message.
    pub(super) fn keep_last(&mut self, id: MessageId) {
        let row = self.messages.get(&id).cloned();
        if let Some(mut row) = row
            && let Some(base) = row.base
        {
            let folder = self.folder_for(base.remote);
            row.here = folder.and_then(|folder| self.new_seat(folder, base.flags));
            row.remnant_of = None;
            self.put(row);
        }
    }

    /// The server has it no more. What nobody changed here is deleted here too; all else is brought back. After a new
    /// numbering nobody knows whether somebody deleted it or the server lost it, so it is brought back as well.
    fn take_lost(&mut self, look: &Look<'_>, mut row: Message<K>, standing: Standing) {
        let (Some(seat), Some(base)) = (row.here, row.base) else {
            self.drop_message(row.id);
            return;
        };
        let wanted = self.remote_of(seat.folder).map(|remote| remote.id);
        let moved = row
            .deed
            .filter(|deed| deed.is_done)
            .and_then(|deed| deed.what.brings());
        let was_in = moved.map_or(base.remote, |(to, _)| to);
        let role = self.folder(seat.folder).and_then(|folder| folder.role);
        let is_changed = seat.flags != base.flags
            && !seat.flags.has(Flags::DELETED)
            && role != Some(Role::Drafts);
        if standing == Standing::Vanished && wanted == Some(was_in) && !is_changed {
            self.drop_message(row.id);
            return;
        }
        // Somebody without MOVE copied it first and deleted it then, or moved it while we looked, so that it was seen in both
        // places: what came there goes on for it.
        if let Some(mut twin) = self.twin_of(look, &row) {
            twin.from = None;
            let twin_id = twin.id;
            self.put(twin);
            self.pass_on(twin_id, base.flags, seat.flags);
            self.drop_message(row.id);
            return;
        }
        row.base = None;
        row.deed = None;
        row.missing = None;
        row.from = None;
        row.is_ours = false;
        self.put(row);
    }

    /// The same message, as it came to another place of the server a moment ago.
    pub(super) fn twin_of(&self, look: &Look<'_>, row: &Message<K>) -> Option<Message<K>> {
        let came = row.as_evidence();
        let is_twin = |other: &&Message<K>| {
            let age = look.sighting.ended.saturating_sub(other.born);
            other.id != row.id
                && other.base.is_some()
                && other.here.is_some()
                && age <= REPEAT
                && is_same(other, &came, false) == Some(true)
        };
        let mut copies = self
            .copies
            .iter()
            .filter_map(|(_, id)| self.messages.get(id));
        // Of two that came in one look nobody knows which is the copy.
        let original = row.from.and_then(|id| self.messages.get(&id));
        let original = original.filter(|original| original.born == row.born);
        copies.find(is_twin).or(original.filter(is_twin)).cloned()
    }

    /// A message of the server that is no row's. `alike` are the rows with its headers. Returns the new row.
    pub(super) fn take_new(
        &mut self,
        look: &Look<'_>,
        arrival: &Arrival<'_, K>,
        alike: &[MessageId],
    ) -> Option<MessageId> {
        let remote = arrival.remote;
        if let Some(double) = self.double_of(look, arrival, alike) {
            self.take_double(look, double, remote, arrival);
            return None;
        }
        let found = look.found::<K>(None, remote, arrival.uid, arrival.copied)?;
        let from = self.original_of(look, arrival, alike);
        let folder = self.folder_for(remote);
        let here = folder.and_then(|folder| self.new_seat(folder, found.flags));
        let id = self.new_message_id();
        self.put(Message {
            id,
            key: arrival.evidence.key.clone(),
            content: arrival.evidence.content.clone(),
            size: arrival.evidence.size,
            date: arrival.evidence.date,
            born: look.sighting.ended,
            here,
            base: Some(found),
            deed: None,
            missing: None,
            from,
            remnant_of: None,
            is_ours: false,
            unanswered: None,
            awaited: false,
        });
        Some(id)
    }

    /// A message that we appended to the folder of sent mail a moment ago, if it is the same as an arrival: the server saved what it
    /// sent, too.
    fn double_of(
        &self,
        look: &Look<'_>,
        arrival: &Arrival<'_, K>,
        alike: &[MessageId],
    ) -> Option<MessageId> {
        let remote = arrival.remote;
        if self.role_there(remote) != Some(Role::Sent) {
            return None;
        }
        let mut rows = alike.iter().filter_map(|id| self.messages.get(id));
        let found = rows.find(|row| {
            row.here.is_some()
                && row.is_ours
                && row.deed.is_none()
                && look.sighting.ended.saturating_sub(row.born) <= REPEAT
                && row.base.is_some_and(|base| base.remote == remote)
                && matches!(look.standing(row), Standing::There(_))
                && is_same(row, arrival.evidence, false) == Some(true)
        });
        found.map(|row| row.id)
    }

    /// Of the two copies ours goes: of the other nobody here knows whose it is.
    fn take_double(
        &mut self,
        look: &Look<'_>,
        id: MessageId,
        remote: RemoteId,
        arrival: &Arrival<'_, K>,
    ) {
        let Some(mut row) = self.messages.get(&id).cloned() else {
            return;
        };
        let found = look.found(Some(&row), remote, arrival.uid, arrival.copied);
        if let (Some(found), Some(base), Some(seat)) = (found, row.base, row.here) {
            self.leave_remnant(&row, base);
            row.is_ours = false;
            row.base = Some(found);
            row.here = Some(self.reflagged(seat, seat.flags.with(found.flags)));
            self.put(row);
        }
    }

    /// A message elsewhere that an arrival seems to be a copy of.
    fn original_of(
        &self,
        look: &Look<'_>,
        arrival: &Arrival<'_, K>,
        alike: &[MessageId],
    ) -> Option<MessageId> {
        let mut rows = alike.iter().filter_map(|id| self.messages.get(id));
        let found = rows.find(|row| {
            row.here.is_some()
                && row.base.is_some_and(|base| base.remote != arrival.remote)
                && matches!(look.standing(row), Standing::There(_) | Standing::Unknown)
                && is_same(row, arrival.evidence, false) == Some(true)
        });
        found.map(|row| row.id)
    }
}

/// Whether clients changed the flags since they were given to the server.
fn is_changed(here: Option<Seat>, deed: Deed) -> bool {
    let given = deed.what.brings().and_then(|(_, flags)| flags);
    here.zip(given)
        .is_some_and(|(seat, given)| seat.flags != given && !seat.flags.has(Flags::DELETED))
}

/// The flags of a message that others brought, before anybody did anything: what clients set is news to the server, and what is
/// set there is news here. To a client that deleted it nothing is.
fn known_when_brought<K>(row: &Message<K>, found: Base) -> Flags {
    row.here.map_or(found.flags, |_| Flags::NONE)
}

/// Where the server's copy was, and with which flags, as far as we know or brought it about.
fn known_of<K>(row: &Message<K>, found: Base, how: How) -> (RemoteId, Flags) {
    let there = found;
    let brought = row.deed.and_then(|deed| deed.what.brings());
    let (remote, flags) = match (how, brought, row.base) {
        (How::ByUs, Some((to, flags)), base) => {
            let before = base.map(|base| base.flags);
            (to, flags.or(before).unwrap_or(there.flags))
        }
        // We brought it there, and somebody carried it on.
        (_, Some((to, Some(flags))), None) => (to, flags),
        (_, _, Some(base)) => (base.remote, base.flags),
        (_, _, None) => {
            let ours = row.here.map_or(Flags::NONE, |seat| seat.flags);
            (there.remote, ours.common(there.flags))
        }
    };
    // Flags that are as we ordered are so because we ordered it: it is no news against what clients did since.
    let flags = match row.deed.map(|deed| deed.what) {
        Some(Ordered::Store { add, remove }) => flags
            .with(add.common(there.flags))
            .without(remove.without(there.flags)),
        _ => flags,
    };
    (remote, flags)
}
