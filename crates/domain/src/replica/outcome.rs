//! What the server's answers to orders mean.

use super::claims::lies_in;
use super::client::below;
use super::mailbox::Mailbox;
use super::state::{Base, Deed, Message, Ordered, RemoteId, Validity};
use super::work::{Landed, Order, Outcome};

impl<K: Ord + Clone> Mailbox<K> {
    /// Takes what came of an order that was intended. Durable before the next order.
    pub fn outcome(&mut self, order: &Order, outcome: Outcome, now: i64) {
        let is_done = matches!(outcome, Outcome::Done(_));
        match order {
            Order::CreateFolder { folder, .. } => {
                let remote = self
                    .remote_of(*folder)
                    .filter(|remote| !remote.is_sure)
                    .cloned();
                match remote {
                    Some(mut remote) if is_done => {
                        remote.is_sure = true;
                        self.put_remote(remote);
                    }
                    Some(remote) if outcome != Outcome::Lost => self.drop_remote(remote.id),
                    _ => {}
                }
            }
            Order::RenameFolder { remote, from, to } => {
                if is_done {
                    self.renamed(from, to);
                }
                if let Some(mut row) = self.remotes.get(remote).cloned()
                    && outcome != Outcome::Lost
                {
                    row.asked = None;
                    self.put_remote(row);
                }
            }
            Order::Subscribe {
                remote, subscribed, ..
            } => {
                if let Some(mut row) = self.remotes.get(remote).cloned().filter(|_| is_done) {
                    row.subscribed = *subscribed;
                    self.put_remote(row);
                }
            }
            Order::DeleteFolder { remote, .. } => {
                if is_done {
                    self.end(*remote);
                }
            }
            Order::Append { message, .. }
            | Order::Copy { message, .. }
            | Order::Move { message, .. }
            | Order::Store { message, .. }
            | Order::Delete { message, .. } => {
                if let Some(row) = self.messages.get(message).cloned() {
                    self.message_outcome(row, outcome, now);
                }
            }
        }
    }

    /// A folder has another name on the server, and those below it with it.
    fn renamed(&mut self, from: &str, to: &str) {
        let new_name = |name: &str| match name == from {
            true => Some(to.to_owned()),
            false => below(name, from).map(|rest| format!("{to}{rest}")),
        };
        let all = self.remotes.values();
        let renamed: Vec<(RemoteId, String)> = all
            .filter_map(|remote| Some((remote.id, new_name(&remote.name)?)))
            .collect();
        for (id, name) in renamed {
            if let Some(mut remote) = self.remotes.get(&id).cloned() {
                remote.name = name;
                self.put_remote(remote);
            }
        }
    }

    /// The server has the folder no more. If clients want it again by now, it has to be made.
    fn end(&mut self, id: RemoteId) {
        if !self.messages.values().any(|message| lies_in(message, id)) {
            self.drop_remote(id);
        }
    }

    fn message_outcome(&mut self, mut row: Message<K>, outcome: Outcome, now: i64) {
        let Some(deed) = row.deed else {
            return;
        };
        let landed = match outcome {
            Outcome::Done(landed) => landed,
            Outcome::Lost => {
                self.doubt(row, deed, now);
                return;
            }
            // The body is nowhere: somebody deleted the message on the server before it was fetched.
            Outcome::NoBytes => {
                self.drop_message(row.id);
                return;
            }
            Outcome::NotAsThought | Outcome::NotDone => {
                row.deed = None;
                self.put_or_drop(row);
                return;
            }
        };
        match (deed.what, landed) {
            (Ordered::Delete, _) => {
                self.drop_message(row.id);
                return;
            }
            (Ordered::Store { add, remove }, _) => {
                if let Some(base) = &mut row.base {
                    base.flags = base.flags.with(add).without(remove);
                }
            }
            (_, None) => {
                let deed = Deed {
                    is_done: true,
                    ..deed
                };
                self.doubt(row, deed, now);
                return;
            }
            (what, Some(landed)) => {
                if let Some((to, flags)) = what.brings() {
                    self.landed(&mut row, what, (to, landed));
                    if let (Some(base), Some(flags)) = (&mut row.base, flags) {
                        base.flags = flags;
                    }
                }
            }
        }
        row.deed = None;
        self.put(row);
    }

    /// The server has it there now.
    fn landed(&mut self, row: &mut Message<K>, what: Ordered, (to, landed): (RemoteId, Landed)) {
        let Some(mut remote) = self.remotes.get(&to).cloned() else {
            return;
        };
        // Of a folder that was just made the numbering is not known before.
        if remote.validity.uidvalidity == 0 {
            remote.validity.uidvalidity = landed.uidvalidity;
        }
        let validity = Validity {
            uidvalidity: landed.uidvalidity,
            ..remote.validity
        };
        self.put_remote(remote);
        if let (Ordered::Copy { .. }, Some(base)) = (what, row.base) {
            self.leave_remnant(row, base);
        }
        let before = row.base.map(|base| base.flags);
        row.is_ours |= matches!(what, Ordered::Append { .. });
        row.from = row.from.filter(|_| row.base.is_some());
        row.base = Some(Base {
            remote: to,
            validity,
            uid: landed.uid,
            flags: before.unwrap_or_default(),
            modseq: None,
        });
    }

    /// The program begins again: nobody knows what came of the orders that were under way.
    pub fn wake(&mut self, now: i64) {
        let all = self.messages.values();
        let under_way: Vec<Message<K>> = all
            .filter(|message| message.deed.is_some_and(|deed| deed.doubt.is_none()))
            .cloned()
            .collect();
        for mut message in under_way {
            message.deed = message.deed.map(|deed| Deed {
                doubt: Some(now),
                ..deed
            });
            self.put(message);
        }
    }

    fn doubt(&mut self, mut row: Message<K>, deed: Deed, now: i64) {
        row.deed = Some(Deed {
            doubt: Some(now),
            ..deed
        });
        self.put(row);
    }

    /// A message that a client deleted and the server never had is nobody's any more.
    pub(super) fn put_or_drop(&mut self, row: Message<K>) {
        match row.here.is_none() && row.base.is_none() {
            true => self.drop_message(row.id),
            false => self.put(row),
        }
    }
}
