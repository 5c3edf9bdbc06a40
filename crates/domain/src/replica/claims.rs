//! Which folder of the server is which of ours.

use std::collections::{BTreeMap, BTreeSet};

use super::mailbox::Mailbox;
use super::sighting::{FolderSighting, Messages, Sighting};
use super::state::{FolderId, Message, Remote, RemoteId, Validity};

/// How a name on the server came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// A folder that we know, under the name that it had, or that we gave it.
    Known(RemoteId),
    /// A folder that somebody gave this name there.
    Renamed(RemoteId),
    /// A folder that clients made here is there too.
    Adopted(FolderId),
    /// A new folder.
    New,
}

/// All folders of a sighting and of ours, paired.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims {
    pub(super) names: BTreeMap<String, Claim>,
    /// Folders that are not there any more.
    pub(super) gone: BTreeSet<RemoteId>,
}

impl<K: Ord + Clone> Mailbox<K> {
    /// Pairs the folders of a sighting with ours: by name; where that is gone by the name that we gave, or by a UIDVALIDITY
    /// that nothing else has.
    pub(super) fn claims(&self, sighting: &Sighting) -> Claims {
        let mut claims = Claims::default();
        let mut open: Vec<&Remote> = Vec::new();
        for remote in self.remotes.values() {
            if sighting.folders.contains_key(&remote.name) {
                let claim = Claim::Known(remote.id);
                claims.names.insert(remote.name.clone(), claim);
            } else {
                open.push(remote);
            }
        }
        open.retain(|remote| {
            let wanted = remote.folder.and_then(|id| self.folder(id));
            let names = [remote.asked.as_ref(), wanted.map(|folder| &folder.name)];
            let mut free = names.into_iter().flatten().filter(|name| {
                sighting.folders.contains_key(*name) && !claims.names.contains_key(*name)
            });
            match free.next() {
                Some(name) => {
                    let claim = Claim::Known(remote.id);
                    claims.names.insert(name.clone(), claim);
                    false
                }
                None => true,
            }
        });
        open.retain(
            |remote| match self.renamed_there(remote, sighting, &claims) {
                Some(name) => {
                    claims.names.insert(name, Claim::Renamed(remote.id));
                    false
                }
                None => true,
            },
        );
        claims.gone = open.into_iter().map(|remote| remote.id).collect();
        for name in sighting.folders.keys() {
            if !claims.names.contains_key(name) {
                let folder = self.folder_named(name);
                let folder = folder.filter(|folder| self.remote_of(folder.id).is_none());
                let claim = folder.map_or(Claim::New, |folder| Claim::Adopted(folder.id));
                claims.names.insert(name.clone(), claim);
            }
        }
        claims
    }

    /// The name that somebody gave a folder on the server, if its UIDVALIDITY gives it away. A wrong guess does no harm: the
    /// messages are matched one by one in any case.
    fn renamed_there(
        &self,
        remote: &Remote,
        sighting: &Sighting,
        claims: &Claims,
    ) -> Option<String> {
        let Validity {
            generation,
            uidvalidity,
            ..
        } = remote.validity;
        if !remote.is_sure || generation != sighting.generation {
            return None;
        }
        let theirs = sighting.folders.iter();
        let mut same = theirs.filter(|(_, seen)| seen.uidvalidity == uidvalidity);
        let (Some((name, _)), None) = (same.next(), same.next()) else {
            return None;
        };
        let ours = self.remotes.values();
        let is_only = ours
            .filter(|other| other.validity.uidvalidity == uidvalidity)
            .count()
            == 1;
        let is_free = !claims.names.contains_key(name) && self.folder_named(name).is_none();
        (is_only && is_free).then(|| name.clone())
    }

    /// Writes down how folders are paired, what they are called and whether they are subscribed. Returns the numberings.
    pub(super) fn take_claims(
        &mut self,
        claims: &Claims,
        sighting: &Sighting,
    ) -> BTreeMap<String, RemoteId> {
        let mut ids = BTreeMap::new();
        for (name, claim) in &claims.names {
            let Some(seen) = sighting.folders.get(name) else {
                continue;
            };
            let known = match claim {
                Claim::Known(id) | Claim::Renamed(id) => self.remotes.get(id).cloned(),
                Claim::Adopted(_) | Claim::New => None,
            };
            let validity = self.validity_now(known.as_ref(), *claim, sighting.generation, seen);
            let is_looked_at = seen.messages != Messages::NotSeen;
            let mut remote = match known {
                Some(remote) => remote,
                None => self.new_remote(name, *claim, seen.subscribed, validity),
            };
            if let Claim::Renamed(_) = claim {
                self.rename_as_there(&remote, name);
            }
            if remote.asked.as_ref() == Some(name) {
                remote.asked = None;
            }
            if let Some(mut folder) = remote.folder.and_then(|id| self.folders.get(&id)).cloned() {
                // Whoever changed it since the last look is right.
                if folder.subscribed == remote.subscribed {
                    folder.subscribed = seen.subscribed;
                }
                folder.role = seen.role.or(folder.role);
                self.put_folder(folder);
            }
            remote.name.clone_from(name);
            // What was not looked at is still to be found out.
            if is_looked_at || matches!(claim, Claim::Renamed(_)) {
                remote.validity = validity;
            }
            if is_looked_at {
                remote.uidnext = seen.uidnext;
                remote.modseq = seen.modseq;
            }
            remote.subscribed = seen.subscribed;
            remote.is_sure = true;
            remote.missing = None;
            ids.insert(name.clone(), remote.id);
            self.put_remote(remote);
        }
        ids
    }

    /// The numbering of UIDs that a folder of a sighting has.
    pub(super) fn validity_now(
        &self,
        known: Option<&Remote>,
        claim: Claim,
        generation: u64,
        seen: &FolderSighting,
    ) -> Validity {
        let fresh = Validity {
            generation,
            uidvalidity: seen.uidvalidity,
            turn: 0,
        };
        let Some(known) = known else {
            return fresh;
        };
        let before = known.validity;
        let is_same = (before.generation, before.uidvalidity) == (generation, seen.uidvalidity);
        // A server that gives UIDs a second time was put back to what it once was, and a renamed folder was guessed.
        let is_back = seen.uidnext < known.uidnext || matches!(claim, Claim::Renamed(_));
        match (is_same, is_back) {
            (false, _) => Validity {
                turn: before.turn,
                ..fresh
            },
            (true, false) => before,
            (true, true) => Validity {
                turn: before.turn.saturating_add(1),
                ..before
            },
        }
    }

    fn new_remote(
        &mut self,
        name: &str,
        claim: Claim,
        subscribed: bool,
        validity: Validity,
    ) -> Remote {
        let folder = match claim {
            Claim::Adopted(folder) => folder,
            _ => {
                self.make_way(name);
                self.show_folder(name, None, subscribed)
            }
        };
        // A folder that was made on both sides is subscribed if either side wants it.
        let wanted = self.folder(folder).is_some_and(|folder| folder.subscribed);
        Remote {
            id: self.new_remote_id(),
            folder: Some(folder),
            name: name.into(),
            validity,
            uidnext: 0,
            modseq: None,
            subscribed: wanted && subscribed,
            is_sure: true,
            asked: None,
            missing: None,
        }
    }

    pub(super) fn new_remote_id(&mut self) -> RemoteId {
        RemoteId(self.count(|counters| &mut counters.remote, |id| id + 1))
    }

    /// The server's name of a folder wins, whatever clients called it meanwhile.
    fn rename_as_there(&mut self, remote: &Remote, name: &str) {
        if let Some(mut folder) = remote.folder.and_then(|id| self.folders.get(&id)).cloned() {
            folder.name = name.into();
            self.put_folder(folder);
        }
    }

    /// Clients gave a folder a name that another has on the server by now: it takes back the one that it has there.
    fn make_way(&mut self, name: &str) {
        let Some(mut folder) = self.folder_named(name).cloned() else {
            return;
        };
        let former = self.remote_of(folder.id).map(|remote| remote.name.clone());
        folder.name = self.free_name(&former.unwrap_or_else(|| name.into()));
        self.put_folder(folder);
    }

    /// A name that no folder has, like the one that is wanted.
    fn free_name(&self, wanted: &str) -> String {
        if self.folder_named(wanted).is_none() {
            return wanted.into();
        }
        let mut names = (1_u32..).map(|number| format!("{wanted}~{number}"));
        names
            .find(|name| self.is_free(name))
            .unwrap_or_else(|| wanted.into())
    }

    /// Whether no folder has that name, here or on the server.
    pub(super) fn is_free(&self, name: &str) -> bool {
        self.folder_named(name).is_none() && self.remotes.values().all(|remote| remote.name != name)
    }

    /// What clients see of a folder of the server; shown again if they deleted it.
    pub(super) fn folder_for(&mut self, remote: RemoteId) -> Option<FolderId> {
        let mut row = self.remotes.get(&remote).cloned()?;
        if let Some(folder) = row.folder {
            return Some(folder);
        }
        let name = self.free_name(&row.name);
        let folder = self.show_folder(&name, None, row.subscribed);
        row.folder = Some(folder);
        self.put_remote(row);
        Some(folder)
    }

    /// Folders that were not found on the server. A folder that has nothing of its own to tell goes; one that has is made
    /// there again. The first time nothing is concluded: it may have been renamed while we looked. True if another look is needed.
    pub(super) fn take_gone(
        &mut self,
        gone: &BTreeSet<RemoteId>,
        sighting: &Sighting,
        is_proof: bool,
    ) -> bool {
        let mut doubt = false;
        for id in gone {
            let Some(mut remote) = self.remotes.get(id).cloned() else {
                continue;
            };
            // Asked for and not made, or lost with the server: it is still wanted.
            let is_deleted = remote.is_sure && remote.validity.generation == sighting.generation;
            let is_confirmed = is_proof && remote.missing.is_some_and(|at| sighting.began >= at);
            if is_deleted && remote.missing.is_none() {
                remote.missing = Some(sighting.ended);
                self.put_remote(remote.clone());
            }
            if self.messages.values().any(|message| lies_in(message, *id)) {
                doubt = true;
                continue;
            }
            let Some(folder) = remote.folder.and_then(|id| self.folders.get(&id)).cloned() else {
                self.drop_remote(*id);
                continue;
            };
            if is_deleted && !is_confirmed {
                doubt = true;
                continue;
            }
            let is_empty = self.seen_in(folder.id).next().is_none();
            let is_changed = folder.name != remote.name;
            self.drop_remote(*id);
            if is_deleted && is_empty && !is_changed {
                self.drop_folder(folder.id);
            } else {
                self.link_emptied(folder.id);
            }
        }
        doubt
    }
}

/// Whether a message is, or may be, in that folder of the server.
pub(super) fn lies_in<K>(message: &Message<K>, remote: RemoteId) -> bool {
    let brought = message.deed.and_then(|deed| deed.what.brings());
    message.base.is_some_and(|base| base.remote == remote)
        || brought.is_some_and(|(to, _)| to == remote)
}
