//! What clients of the replica and other users of the server do, and the story of each mail that is needed to judge the end.

use super::rig::Rig;
use super::upstream::Mail;
use crate::digest::Digest;
use crate::replica::*;

/// Something that is done. Numbers choose from what is there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// A mail comes; `is_twin`: under the header of the last one.
    Append {
        folder: u8,
        is_twin: bool,
        flags: u8,
    },
    /// The last APPEND comes again.
    Repeat,
    Flag {
        nth: u8,
        order: u8,
        flags: u8,
    },
    Move {
        nth: u8,
        folder: u8,
    },
    Copy {
        nth: u8,
        folder: u8,
    },
    Delete {
        nth: u8,
    },
    /// Copies, and deletes what it copied some time later.
    SlowMove {
        nth: u8,
        folder: u8,
        later: u8,
    },
    Create {
        name: u8,
    },
    Rename {
        from: u8,
        to: u8,
    },
    DeleteFolder {
        name: u8,
    },
    Subscribe {
        name: u8,
        subscribed: bool,
    },
    /// The server numbers a folder anew.
    Renumber {
        name: u8,
        is_turned: bool,
    },
    /// The server saves a mail that a client has in Sent.
    AutoSave {
        nth: u8,
    },
}

/// Names that folders have.
pub(super) const NAMES: [&str; 9] = [
    "INBOX", "A", "Sent", "B", "Drafts", "A/x", "C", "B/y", "A/x/z",
];

/// What happened to a mail.
#[derive(Debug, Clone, Default)]
pub(super) struct Story {
    /// How often somebody asked for one more.
    pub(super) copies: usize,
    pub(super) auto_saved: usize,
    /// How often it came out of the standby mailbox.
    pub(super) received: usize,
    /// The service never brings it to the server, once at least.
    pub(super) is_given_up: bool,
    /// Where a client left it last, and with which flags.
    pub(super) left: Option<(FolderId, Flags)>,
    /// A client of ours appended it.
    pub(super) is_from_here: bool,
    /// An order about it was not answered.
    pub(super) is_unheard: bool,
    /// How often it was moved while we looked, so that it may have been seen in both places.
    pub(super) blurred: usize,
    pub(super) deleted_here: bool,
    pub(super) deleted_there: bool,
    /// Any other act.
    pub(super) touched_here: bool,
    pub(super) touched_there: bool,
}

pub(super) fn flags(bits: u8) -> Flags {
    // `\Deleted` is rare: it takes protection away.
    let bits = u64::from(bits);
    let marked = if bits % 16 == 7 { 8 } else { 0 };
    Flags((bits & 0b111) | marked | ((bits >> 3) << 5))
}

fn order(order: u8, bits: u8) -> FlagOrder {
    match order % 3 {
        0 => FlagOrder::Add(flags(bits)),
        1 => FlagOrder::Remove(flags(bits)),
        _ => FlagOrder::Replace(flags(bits)),
    }
}

fn name(number: u8) -> &'static str {
    NAMES[usize::from(number) % NAMES.len()]
}

impl Rig {
    pub(super) fn new_content(&mut self, is_twin: bool) -> u32 {
        let last = self
            .stories
            .last_key_value()
            .map_or(0, |(content, _)| *content);
        // Pairs have one header key: the second of a pair is the next number after an even one.
        let content = match (is_twin, last % 2) {
            (true, 0) => last + 1,
            _ => last + 2 - last % 2,
        };
        self.stories.insert(content, Story::default());
        content
    }

    pub(super) fn story(&mut self, content: u32) -> &mut Story {
        self.stories.entry(content).or_default()
    }

    /// A message that clients see.
    fn nth_seat(&self, nth: u8) -> Option<(FolderId, u32, u32)> {
        let folders = self.mailbox.folders();
        let all: Vec<(FolderId, u32, u32)> = folders
            .flat_map(|folder| self.mailbox.seen_in(folder.id))
            .map(|(seat, row)| (seat.folder, seat.uid, Mail::of(row).content))
            .collect();
        all.get(usize::from(nth) % all.len().max(1)).copied()
    }

    fn folder_here(&self, number: u8) -> FolderId {
        let all: Vec<FolderId> = self.mailbox.folders().map(|folder| folder.id).collect();
        all[usize::from(number) % all.len()]
    }

    fn incoming(content: u32) -> Incoming<u32> {
        let mail = Mail::plain(content);
        Incoming {
            key: mail.key(),
            content,
            bytes: Digest::of(&content.to_be_bytes()),
            size: mail.size(),
            date: mail.date(),
        }
    }

    pub(super) fn append_here(&mut self, folder: FolderId, content: u32, with: Flags) -> Appended {
        let incoming = Rig::incoming(content);
        self.mailbox
            .append(folder, incoming, with, self.now)
            .unwrap()
    }

    /// Mail comes from the standby mailbox.
    pub(super) fn receive_here(&mut self, content: u32, with: Flags) -> Placed {
        let inbox = self.mailbox.folder_named(INBOX).unwrap().id;
        let incoming = Rig::incoming(content);
        self.mailbox
            .receive(inbox, incoming, with, self.now)
            .unwrap()
    }

    pub(super) fn client(&mut self, act: Act) {
        match act {
            Act::Append {
                folder,
                is_twin,
                flags: bits,
            } => {
                let content = self.new_content(is_twin);
                let folder = self.folder_here(folder);
                let appended = self.append_here(folder, content, flags(bits));
                assert!(!appended.is_repeat);
                self.story(content).is_from_here = true;
                if bits % 2 == 0 {
                    self.mailbox.answered(appended.message);
                }
                self.mark_deleted(content, flags(bits), true);
            }
            Act::Repeat => self.repeat(),
            Act::Flag {
                nth,
                order: kind,
                flags: bits,
            } => {
                if let Some((folder, uid, content)) = self.nth_seat(nth) {
                    self.mailbox.store(folder, uid, order(kind, bits)).unwrap();
                    self.story(content).touched_here = true;
                    self.mark_deleted(content, flags(bits), true);
                    self.left_by_client(content);
                }
            }
            Act::Move { nth, folder: to } => {
                if let Some((folder, uid, content)) = self.nth_seat(nth) {
                    self.mailbox
                        .move_to(folder, uid, self.folder_here(to))
                        .unwrap();
                    self.story(content).touched_here = true;
                    self.left_by_client(content);
                }
            }
            Act::Copy { nth, folder: to }
            | Act::SlowMove {
                nth, folder: to, ..
            } => {
                if let Some((folder, uid, content)) = self.nth_seat(nth) {
                    let to = self.folder_here(to);
                    self.mailbox.copy(folder, uid, to, self.now).unwrap();
                    self.story(content).touched_here = true;
                    self.story(content).copies += 1;
                    if let Act::SlowMove { .. } = act {
                        self.mailbox.expunge(folder, uid).unwrap();
                        self.story(content).deleted_here = true;
                    }
                }
            }
            Act::Delete { nth } => {
                if let Some((folder, uid, content)) = self.nth_seat(nth) {
                    self.mailbox.expunge(folder, uid).unwrap();
                    self.story(content).deleted_here = true;
                }
            }
            Act::Create { name: number } => {
                self.named_folder = true;
                let _ = self.mailbox.create_folder(name(number), None);
            }
            Act::Rename { from, to } => {
                let renamed = self.mailbox.rename_folder(name(from), name(to));
                self.lost_folder |= renamed.is_ok();
            }
            Act::DeleteFolder { name: number } => self.delete_folder_here(name(number)),
            Act::Subscribe {
                name: number,
                subscribed,
            } => {
                if let Some(folder) = self
                    .mailbox
                    .folder_named(name(number))
                    .map(|folder| folder.id)
                {
                    self.mailbox.subscribe(folder, subscribed).unwrap();
                }
            }
            Act::Renumber { .. } | Act::AutoSave { .. } => {}
        }
    }

    fn delete_folder_here(&mut self, name: &str) {
        let Some(folder) = self.mailbox.folder_named(name).map(|folder| folder.id) else {
            return;
        };
        let seen = self.mailbox.seen_in(folder);
        let contents: Vec<u32> = seen.map(|(_, row)| Mail::of(row).content).collect();
        if self.mailbox.delete_folder(folder).is_ok() {
            for content in contents {
                self.story(content).deleted_here = true;
            }
        }
    }

    /// The client that appended last did not hear the answer: it comes again.
    fn repeat(&mut self) {
        let rows = self.mailbox.messages();
        let unanswered = rows.filter_map(|row| Some((row.id, row.here?, row.unanswered?)));
        let Some((id, _, first)) = unanswered.last() else {
            return;
        };
        let content = Mail::of(self.mailbox.message(id).unwrap()).content;
        if self.now - first.at <= REPEAT && self.mailbox.folder(first.folder).is_some() {
            let again = self.append_here(first.folder, content, Flags::NONE);
            assert_eq!(
                (again.message, again.uid, again.is_repeat),
                (id, first.uid, true)
            );
        }
    }

    /// Whoever marks a message as deleted takes protection away from it.
    pub(super) fn mark_deleted(&mut self, content: u32, with: Flags, here: bool) {
        if with.has(Flags::DELETED) {
            let story = self.story(content);
            story.deleted_here = true;
            story.deleted_there = true;
            story.touched_here |= here;
            story.touched_there |= !here;
        }
    }

    fn nth_there(&self, nth: u8) -> Option<(String, u32, u32)> {
        let all = self.upstream.all();
        let (name, uid) = all.get(usize::from(nth) % all.len().max(1))?;
        let mail = self.upstream.folders[name].messages[uid].mail;
        Some((name.clone(), *uid, mail.content))
    }

    fn folder_there(&self, number: u8) -> String {
        let all: Vec<&String> = self.upstream.folders.keys().collect();
        all[usize::from(number) % all.len()].clone()
    }

    pub(super) fn third(&mut self, act: Act) {
        match act {
            Act::Append {
                folder,
                is_twin,
                flags: bits,
            } => {
                let content = self.new_content(is_twin);
                let folder = self.folder_there(folder);
                let folder = self.upstream.folders.get_mut(&folder).unwrap();
                folder.add(Mail::plain(content), flags(bits));
                self.mark_deleted(content, flags(bits), false);
            }
            Act::Flag {
                nth,
                order: kind,
                flags: bits,
            } => {
                if let Some((name, uid, content)) = self.nth_there(nth) {
                    let folder = self.upstream.folders.get_mut(&name).unwrap();
                    folder.store(uid, order(kind, bits));
                    self.story(content).touched_there = true;
                    self.mark_deleted(content, flags(bits), false);
                }
            }
            Act::Move { nth, folder: to } => {
                if let Some((name, uid, content)) = self.nth_there(nth) {
                    let to = self.folder_there(to);
                    let folder = self.upstream.folders.get_mut(&name).unwrap();
                    let kept = folder.take(uid).unwrap();
                    let to = self.upstream.folders.get_mut(&to).unwrap();
                    to.add(kept.mail, kept.flags);
                    self.story(content).blurred += usize::from(self.is_looking);
                    self.story(content).touched_there = true;
                }
            }
            Act::Copy { nth, folder: to } => self.copy_there(nth, to, None),
            Act::SlowMove {
                nth,
                folder: to,
                later,
            } => self.copy_there(nth, to, Some(later)),
            Act::Delete { nth } => {
                if let Some((name, uid, content)) = self.nth_there(nth) {
                    self.upstream.folders.get_mut(&name).unwrap().take(uid);
                    self.story(content).deleted_there = true;
                }
            }
            Act::Create { name: number } => {
                // A folder that is deleted and made again has another numbering.
                self.named_folder = true;
                self.upstream.create(name(number));
            }
            Act::Rename { from, to } => {
                self.named_folder = true;
                let folder = self.upstream.folders.get(name(from)).cloned();
                for kept in folder.iter().flat_map(|folder| folder.messages.values()) {
                    self.story(kept.mail.content).touched_there = true;
                }
                self.lost_folder |= self.upstream.rename(name(from), name(to));
            }
            Act::DeleteFolder { name: number } => {
                let name = name(number);
                let folder = self.upstream.folders.get(name).filter(|_| name != "INBOX");
                let messages = folder
                    .map(|folder| folder.messages.clone())
                    .unwrap_or_default();
                for kept in messages.values() {
                    self.story(kept.mail.content).deleted_there = true;
                }
                if name != "INBOX" {
                    self.lost_folder |= self.upstream.folders.remove(name).is_some();
                }
            }
            Act::Subscribe {
                name: number,
                subscribed,
            } => {
                if let Some(folder) = self.upstream.folders.get_mut(name(number)) {
                    folder.subscribed = subscribed;
                }
            }
            Act::Renumber {
                name: number,
                is_turned,
            } => {
                self.was_renumbered = true;
                self.upstream.renumber(name(number), is_turned);
            }
            Act::AutoSave { nth } => self.auto_save(nth),
            Act::Repeat => {}
        }
    }

    fn copy_there(&mut self, nth: u8, to: u8, later: Option<u8>) {
        let Some((name, uid, content)) = self.nth_there(nth) else {
            return;
        };
        let to = self.folder_there(to);
        let kept = self.upstream.folders[&name].messages[&uid].clone();
        let to = self.upstream.folders.get_mut(&to).unwrap();
        to.add(kept.mail, kept.flags);
        self.story(content).touched_there = true;
        self.story(content).copies += 1;
        if let Some(later) = later {
            let validity = self.upstream.folders[&name].uidvalidity;
            let due = self.now + i64::from(later % 30);
            self.errands.push((due, name, validity, uid));
        }
    }

    pub(super) fn run_errands(&mut self) {
        let (due, later) = std::mem::take(&mut self.errands)
            .into_iter()
            .partition(|(at, ..)| *at <= self.now);
        self.errands = later;
        for (_, name, validity, uid) in due {
            let folder = self.upstream.folders.get_mut(&name);
            if let Some(folder) = folder.filter(|folder| folder.uidvalidity == validity)
                && let Some(kept) = folder.take(uid)
            {
                // The other copy may have been deleted by somebody meanwhile.
                let content = kept.mail.content;
                let there = self.upstream.all().iter().any(|(name, uid)| {
                    self.upstream.folders[name].messages[uid].mail.content == content
                });
                self.story(content).deleted_there |= !there;
            }
        }
    }

    /// The server saves in Sent what it sent, in its own words.
    fn auto_save(&mut self, nth: u8) {
        let mut folders = self.mailbox.folders();
        let there = self.upstream.folders.get("Sent");
        // Another folder that is called so by now is not the one in which clients have it.
        let sent = folders.find(|folder| {
            let remote = self.mailbox.remote_of(folder.id);
            let is_it = remote.zip(there).is_some_and(|(remote, there)| {
                remote.name == "Sent" && remote.validity.uidvalidity == there.uidvalidity
            });
            folder.role == Some(Role::Sent) && folder.name == "Sent" && is_it
        });
        let sent = sent.map(|folder| folder.id);
        drop(folders);
        let Some(sent) = sent else {
            return;
        };
        let seen = self.mailbox.seen_in(sent);
        let contents = seen.map(|(_, row)| Mail::of(row).content);
        let contents: Vec<u32> = contents
            .filter(|content| self.stories[content].is_from_here)
            .collect();
        let Some(content) = contents
            .get(usize::from(nth) % contents.len().max(1))
            .copied()
        else {
            return;
        };
        if let Some(folder) = self.upstream.folders.get_mut("Sent") {
            let mail = Mail {
                content,
                is_rewritten: true,
            };
            folder.add(mail, Flags::NONE);
            self.story(content).auto_saved += 1;
        }
    }
}
