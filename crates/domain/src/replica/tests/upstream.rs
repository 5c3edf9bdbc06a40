//! A mail server in memory, for tests: it does what IMAP says, loses answers, comes late and is changed by others.

use std::collections::BTreeMap;

use crate::replica::*;

/// A mail. Its date tells which it is, so that it is known again under whatever row; mails in pairs have one header key, as
/// drafts do that are saved under one Message-ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mail {
    pub(super) content: u32,
    /// As the server saved it itself: with other fields.
    pub(super) is_rewritten: bool,
}

/// Added to the date of a mail that the server rewrote.
const REWRITTEN: i64 = 1_000_000;

impl Mail {
    pub(super) fn plain(content: u32) -> Self {
        Mail {
            content,
            is_rewritten: false,
        }
    }

    pub(super) fn key(self) -> u32 {
        self.content / 2
    }

    pub(super) fn size(self) -> u64 {
        100 + u64::from(self.is_rewritten)
    }

    pub(super) fn date(self) -> i64 {
        i64::from(self.content) + if self.is_rewritten { REWRITTEN } else { 0 }
    }

    /// The mail that a row is about.
    pub(super) fn of(row: &Message<u32>) -> Self {
        Mail {
            content: u32::try_from(row.date % REWRITTEN).unwrap(),
            is_rewritten: row.date >= REWRITTEN,
        }
    }

    pub(super) fn evidence(self, with_content: bool) -> Evidence<u32> {
        Evidence {
            key: self.key(),
            content: with_content.then_some(self.content),
            size: self.size(),
            date: self.date(),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) mail: Mail,
    pub(super) flags: Flags,
    pub(super) modseq: u64,
}

#[derive(Debug, Clone)]
pub(super) struct UpFolder {
    pub(super) uidvalidity: u32,
    pub(super) uidnext: u32,
    pub(super) modseq: u64,
    pub(super) subscribed: bool,
    pub(super) messages: BTreeMap<u32, Kept>,
}

impl UpFolder {
    fn new(uidvalidity: u32) -> Self {
        UpFolder {
            uidvalidity,
            uidnext: 1,
            modseq: 1,
            subscribed: true,
            messages: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, mail: Mail, flags: Flags) -> Landed {
        let uid = self.uidnext;
        self.uidnext += 1;
        self.modseq += 1;
        let modseq = self.modseq;
        let kept = Kept {
            mail,
            flags,
            modseq,
        };
        self.messages.insert(uid, kept);
        Landed {
            uidvalidity: self.uidvalidity,
            uid,
        }
    }

    pub(super) fn store(&mut self, uid: u32, order: FlagOrder) -> bool {
        let Some(kept) = self.messages.get_mut(&uid) else {
            return false;
        };
        let flags = order.applied(kept.flags);
        if flags != kept.flags {
            self.modseq += 1;
            kept.flags = flags;
            kept.modseq = self.modseq;
        }
        true
    }

    pub(super) fn take(&mut self, uid: u32) -> Option<Kept> {
        let kept = self.messages.remove(&uid)?;
        self.modseq += 1;
        Some(kept)
    }
}

/// What the server can.
#[derive(Debug, Clone, Copy)]
pub(super) struct Abilities {
    pub(super) moves: bool,
    pub(super) uidplus: bool,
    pub(super) condstore: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Upstream {
    pub(super) folders: BTreeMap<String, UpFolder>,
    pub(super) abilities: Abilities,
    pub(super) generation: u64,
    next_validity: u32,
}

impl Upstream {
    pub(super) fn new(abilities: Abilities, names: &[&str]) -> Self {
        let mut upstream = Upstream {
            folders: BTreeMap::new(),
            abilities,
            generation: 1,
            next_validity: 1000,
        };
        for name in names {
            upstream.create(name);
        }
        upstream
    }

    pub(super) fn create(&mut self, name: &str) -> bool {
        if self.folders.contains_key(name) {
            return false;
        }
        self.next_validity += 1;
        let folder = UpFolder::new(self.next_validity);
        self.folders.insert(name.into(), folder);
        true
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> bool {
        let is_below = |name: &str, above: &str| name.starts_with(&format!("{above}/"));
        let names: Vec<String> = self.folders.keys().cloned().collect();
        let moved: Vec<String> = names
            .iter()
            .filter(|name| *name == from || is_below(name, from))
            .cloned()
            .collect();
        let target = |name: &String| format!("{to}{}", &name[from.len()..]);
        let is_taken = moved
            .iter()
            .any(|name| names.contains(&target(name)) && !moved.contains(&target(name)));
        if from == "INBOX" || to == "INBOX" || !names.iter().any(|name| name == from) {
            return false;
        }
        if is_taken || from == to || is_below(to, from) {
            return false;
        }
        for name in moved {
            let folder = self.folders.remove(&name).unwrap();
            self.folders.insert(target(&name), folder);
        }
        true
    }

    /// Gives all messages of a folder new UIDs under a new UIDVALIDITY, in another order if that is wished.
    pub(super) fn renumber(&mut self, name: &str, is_turned: bool) {
        self.next_validity += 1;
        let validity = self.next_validity;
        let Some(folder) = self.folders.get_mut(name) else {
            return;
        };
        let mut all: Vec<Kept> = std::mem::take(&mut folder.messages).into_values().collect();
        if is_turned {
            all.reverse();
        }
        let mut new = UpFolder::new(validity);
        new.subscribed = folder.subscribed;
        for kept in all {
            new.add(kept.mail, kept.flags);
        }
        *folder = new;
    }

    /// Carries out an order, with the bytes of what is to be appended.
    pub(super) fn carry_out(&mut self, order: &Order, mail: Option<Mail>) -> Outcome {
        match order {
            Order::CreateFolder { name, .. } => {
                self.create(name);
                Outcome::Done(None)
            }
            Order::RenameFolder { from, to, .. } => match self.rename(from, to) {
                true => Outcome::Done(None),
                false => Outcome::NotDone,
            },
            Order::Subscribe {
                name, subscribed, ..
            } => match self.folders.get_mut(name) {
                Some(folder) => {
                    folder.subscribed = *subscribed;
                    Outcome::Done(None)
                }
                None => Outcome::NotDone,
            },
            Order::DeleteFolder {
                name,
                uidvalidity,
                uidnext,
                ..
            } => {
                let is_as_thought = self.folders.get(name).is_some_and(|folder| {
                    (folder.uidvalidity, folder.uidnext) == (*uidvalidity, *uidnext)
                        && folder.messages.is_empty()
                });
                if is_as_thought {
                    self.folders.remove(name);
                    return Outcome::Done(None);
                }
                Outcome::NotAsThought
            }
            Order::Append { to, flags, .. } => match (mail, self.folders.get_mut(to)) {
                (None, _) => Outcome::NoBytes,
                (_, None) => Outcome::NotDone,
                (Some(mail), Some(folder)) => {
                    let landed = folder.add(mail, *flags);
                    self.said(landed)
                }
            },
            Order::Copy { from, to, .. } => {
                match self.kept(from).map(|kept| (kept.mail, kept.flags)) {
                    Some((mail, flags)) => match self.folders.get_mut(to) {
                        Some(folder) => {
                            let landed = folder.add(mail, flags);
                            self.said(landed)
                        }
                        None => Outcome::NotDone,
                    },
                    None => Outcome::NotAsThought,
                }
            }
            Order::Move { from, to, .. } => {
                if self.kept(from).is_none() || !self.folders.contains_key(to) {
                    return Outcome::NotAsThought;
                }
                let kept = self
                    .folders
                    .get_mut(&from.folder)
                    .and_then(|folder| folder.take(from.uid));
                let kept = kept.unwrap();
                let folder = self.folders.get_mut(to).unwrap();
                let landed = folder.add(kept.mail, kept.flags);
                self.said(landed)
            }
            Order::Store {
                at, add, remove, ..
            } => {
                if self.kept(at).is_none() {
                    return Outcome::NotAsThought;
                }
                let folder = self.folders.get_mut(&at.folder).unwrap();
                folder.store(at.uid, FlagOrder::Add(*add));
                folder.store(at.uid, FlagOrder::Remove(*remove));
                Outcome::Done(None)
            }
            Order::Delete { at, flags, .. } => match self.kept(at) {
                Some(kept)
                    if kept.flags.without(Flags::DELETED) == flags.without(Flags::DELETED) =>
                {
                    self.folders.get_mut(&at.folder).unwrap().take(at.uid);
                    Outcome::Done(None)
                }
                _ => Outcome::NotAsThought,
            },
        }
    }

    fn kept(&self, place: &Place) -> Option<&Kept> {
        let folder = self.folders.get(&place.folder)?;
        let is_it = folder.uidvalidity == place.uidvalidity;
        folder.messages.get(&place.uid).filter(|_| is_it)
    }

    fn said(&self, landed: Landed) -> Outcome {
        Outcome::Done(self.abilities.uidplus.then_some(landed))
    }

    /// What is seen of a folder.
    pub(super) fn look(&self, name: &str, is_as_before: bool) -> Option<FolderSighting> {
        let folder = self.folders.get(name)?;
        let condstore = self.abilities.condstore;
        let messages = folder.messages.iter().map(|(uid, kept)| {
            let copied = Copied {
                flags: kept.flags,
                modseq: condstore.then_some(kept.modseq),
            };
            (*uid, copied)
        });
        Some(FolderSighting {
            uidvalidity: folder.uidvalidity,
            uidnext: folder.uidnext,
            modseq: condstore.then_some(folder.modseq),
            subscribed: folder.subscribed,
            role: match name {
                "Sent" => Some(Role::Sent),
                "Drafts" => Some(Role::Drafts),
                _ => None,
            },
            keeps: Flags::ALL,
            messages: match is_as_before {
                true => Messages::AsBefore,
                false => Messages::All(messages.collect()),
            },
        })
    }

    /// All messages, by folder and UID.
    pub(super) fn all(&self) -> Vec<(String, u32)> {
        let folders = self.folders.iter();
        folders
            .flat_map(|(name, folder)| folder.messages.keys().map(|uid| (name.clone(), *uid)))
            .collect()
    }
}
