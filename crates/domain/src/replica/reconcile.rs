//! A look at the server, taken in: what changed there is shown here, what changed here is left owed, and what can be doubted is
//! looked at again.

use std::collections::{BTreeMap, BTreeSet};

use super::Flags;
use super::claims::{Claim, Claims};
use super::mailbox::Mailbox;
use super::matching::{Arrival, How, Pair, Standing, is_loose, is_same, needs_proof, pair};
use super::sighting::{Copied, Evidence, Evidences, FolderSighting, Messages, Needs, Sighting};
use super::state::{Base, INBOX, Message, MessageId, Ordered, RemoteId, Validity};
use super::work::Order;

/// What follows from a look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What the server is to be ordered, one after the other.
    pub orders: Vec<Order>,
    /// Something was missed. Whether it is gone shows in a second look, which had better come at once.
    pub look_again: bool,
    /// All folders were looked at, and nothing came and went meanwhile: what was not seen is not there.
    pub saw_all: bool,
    /// How many messages clients will lose sight of because the server lost them. Whoever finds that alarming throws this mailbox
    /// away, unwritten, and asks a person.
    pub expunged: usize,
}

/// What is known of a folder of the server in this look.
struct View<'a> {
    seen: &'a FolderSighting,
    validity: Validity,
    /// That somebody renamed it there is a guess.
    is_guessed: bool,
}

/// A look, with the folders by our numbers.
pub(super) struct Look<'a> {
    pub(super) sighting: &'a Sighting,
    views: BTreeMap<RemoteId, View<'a>>,
    gone: BTreeSet<RemoteId>,
    /// All folders were looked at, and nothing came and went meanwhile: what was not seen has no place, unless it left one
    /// during this very look.
    pub(super) is_proof: bool,
}

/// The rows by what a look has to say about them.
#[derive(Default)]
struct Sorted {
    /// Those that are where they were, if anything about them is to be looked into.
    in_place: Vec<(MessageId, Base, Copied)>,
    /// Those that look for their message.
    loose: Vec<(MessageId, Option<Base>, Standing)>,
    /// The places of the server that are known.
    numbered: BTreeSet<(RemoteId, u32)>,
}

impl Look<'_> {
    /// How a row stands to the server.
    pub(super) fn standing<K>(&self, row: &Message<K>) -> Standing {
        let Some(base) = row.base else {
            return Standing::Never;
        };
        let Some(view) = self.views.get(&base.remote) else {
            return match self.gone.contains(&base.remote) {
                true if base.validity.generation != self.sighting.generation => Standing::Stale,
                true => Standing::Vanished,
                false => Standing::Unknown,
            };
        };
        match &view.seen.messages {
            Messages::NotSeen => Standing::Unknown,
            _ if !row.is_numbered(view.validity) => Standing::Stale,
            // It was missed at the last look, and the folder is as it was then.
            Messages::AsBefore if row.missing.is_some() => Standing::Vanished,
            Messages::AsBefore => Standing::There(Copied {
                flags: base.flags,
                modseq: base.modseq,
            }),
            Messages::All(all) => match all.get(&base.uid) {
                Some(copied) => Standing::There(*copied),
                None => Standing::Vanished,
            },
        }
    }

    /// Whether the folder in which a row was is there.
    pub(super) fn is_listed<K>(&self, row: &Message<K>) -> bool {
        row.base
            .is_some_and(|base| self.views.contains_key(&base.remote))
    }

    /// The numbering in force, where a folder has a new one only because we guessed that it was renamed, and the guess is borne out:
    /// this UID is not there. Then it was deleted, for nothing was numbered anew.
    pub(super) fn numbering_borne_out(&self, base: Base) -> Option<Validity> {
        let view = self
            .views
            .get(&base.remote)
            .filter(|view| view.is_guessed)?;
        match &view.seen.messages {
            Messages::All(all) if !all.contains_key(&base.uid) => {
                let before = Validity {
                    turn: view.validity.turn.saturating_sub(1),
                    ..view.validity
                };
                (base.validity == before).then_some(view.validity)
            }
            _ => None,
        }
    }

    /// A message of the server as a row has to be told of it: of flags that the folder does not keep it knows nothing.
    pub(super) fn found<K>(
        &self,
        row: Option<&Message<K>>,
        remote: RemoteId,
        uid: u32,
        copied: Copied,
    ) -> Option<Base> {
        let view = self.views.get(&remote)?;
        let ours = row.map_or(Flags::NONE, |row| match (row.here, row.base) {
            (Some(seat), _) => seat.flags,
            (None, Some(base)) => base.flags,
            (None, None) => Flags::NONE,
        });
        Some(Base {
            remote,
            validity: view.validity,
            uid,
            flags: ours.taking(view.seen.keeps, copied.flags),
            modseq: copied.modseq,
        })
    }
}

impl<K: Ord + Clone> Mailbox<K> {
    /// Takes in a look at the server. Nothing is changed while something has to be asked.
    ///
    /// # Errors
    /// With what has to be asked first.
    pub fn reconcile(
        &mut self,
        sighting: &Sighting,
        evidence: &Evidences<K>,
    ) -> Result<Plan, Needs> {
        // There is no mailbox without INBOX: whatever answered is not well.
        if !sighting.folders.contains_key(INBOX) {
            return Ok(Plan {
                look_again: true,
                ..Plan::default()
            });
        }
        let claims = self.claims(sighting);
        let needs = self.needs(sighting, &claims, evidence);
        if !needs.is_empty() {
            return Err(needs);
        }
        let is_proof = self.is_proof(sighting, &claims);
        self.set_generation(sighting.generation);
        let before = self
            .messages
            .values()
            .filter(|row| row.here.is_some())
            .count();
        let names = self.take_claims(&claims, sighting);
        let mut look = self.look(sighting, &claims, |name| names.get(name).copied(), true);
        look.is_proof = is_proof;
        let mut look_again = self.take_messages(&look, evidence);
        look_again |= self.take_gone(&claims.gone, sighting, look.is_proof);
        let after = self
            .messages
            .values()
            .filter(|row| row.here.is_some())
            .count();
        Ok(Plan {
            orders: self.work(sighting.can_move),
            look_again,
            saw_all: is_proof,
            expunged: before.saturating_sub(after),
        })
    }

    /// The sighting, by our numbers. `is_written` says that the claims are written down: before that new folders have no number.
    fn look<'a>(
        &self,
        sighting: &'a Sighting,
        claims: &Claims,
        number: impl Fn(&str) -> Option<RemoteId>,
        is_written: bool,
    ) -> Look<'a> {
        let mut views = BTreeMap::new();
        for (name, seen) in &sighting.folders {
            if let Some(id) = number(name) {
                let known = self.remotes.get(&id);
                let claim = claims.names.get(name).copied().unwrap_or(Claim::New);
                let now = self.validity_now(known, claim, sighting.generation, seen);
                let written = known.map(|known| known.validity).filter(|_| is_written);
                let validity = written.unwrap_or(now);
                let view = View {
                    seen,
                    validity,
                    is_guessed: matches!(claim, Claim::Renamed(_)),
                };
                views.insert(id, view);
            }
        }
        Look {
            sighting,
            views,
            gone: claims.gone.clone(),
            is_proof: false,
        }
    }

    /// Whether this look proves that what it did not see is in no folder. Folders are looked at one after the other, so a message
    /// that goes from one to another can be missed in both. But wherever it was when the look began, it had a UID there that was
    /// given after the look before: a UID that was given since and is not there tells of it.
    fn is_proof(&self, sighting: &Sighting, claims: &Claims) -> bool {
        let is_quiet = |(name, seen): (&String, &FolderSighting)| {
            let claim = claims.names.get(name).copied().unwrap_or(Claim::New);
            let known = match claim {
                Claim::Known(id) | Claim::Renamed(id) => self.remotes.get(&id),
                Claim::Adopted(_) | Claim::New => None,
            };
            let validity = self.validity_now(known, claim, sighting.generation, seen);
            let known = known.filter(|remote| remote.validity == validity);
            let from = known.map_or(1, |remote| remote.uidnext.max(1));
            match &seen.messages {
                Messages::NotSeen => false,
                Messages::AsBefore => true,
                Messages::All(all) => {
                    let given = seen.uidnext.saturating_sub(from);
                    u32::try_from(all.range(from..).count()) == Ok(given)
                }
            }
        };
        let is_known_gone = |id: &RemoteId| {
            self.remotes
                .get(id)
                .is_some_and(|remote| remote.missing.is_some())
        };
        sighting.folders.iter().all(is_quiet) && claims.gone.iter().all(is_known_gone)
    }

    /// What has to be asked before this sighting can be taken in.
    fn needs(&self, sighting: &Sighting, claims: &Claims, evidence: &Evidences<K>) -> Needs {
        let known = |name: &str| match claims.names.get(name) {
            Some(Claim::Known(id) | Claim::Renamed(id)) => Some(*id),
            _ => None,
        };
        let look = self.look(sighting, claims, known, false);
        let mut needs = Needs::default();
        let mut is_numbered: BTreeSet<(RemoteId, u32)> = BTreeSet::new();
        let keys: BTreeSet<&K> = evidence.values().map(|known| &known.key).collect();
        let mut alike: BTreeMap<&K, Vec<(&Message<K>, Standing)>> = BTreeMap::new();
        let mut stale: BTreeSet<RemoteId> = BTreeSet::new();
        for row in self.messages.values() {
            let standing = look.standing(row);
            if keys.contains(&row.key) {
                alike.entry(&row.key).or_default().push((row, standing));
            }
            let Some(base) = row.base else {
                continue;
            };
            match standing {
                Standing::There(_) => {
                    is_numbered.insert((base.remote, base.uid));
                }
                Standing::Stale if row.missing.is_none() => {
                    stale.insert(base.remote);
                }
                _ => {}
            }
        }
        for (name, seen) in &sighting.folders {
            let id = known(name);
            let remote = id.and_then(|id| self.remotes.get(&id));
            let all = match &seen.messages {
                Messages::NotSeen => continue,
                Messages::AsBefore => {
                    let is_as_before = remote.is_some_and(|remote| {
                        (remote.validity.uidvalidity, remote.uidnext, remote.modseq)
                            == (seen.uidvalidity, seen.uidnext, seen.modseq)
                            && remote.validity.generation == sighting.generation
                            && remote.missing.is_none()
                            && !stale.contains(&remote.id)
                    });
                    if !is_as_before {
                        needs.folders.insert(name.clone());
                    }
                    continue;
                }
                Messages::All(all) => all,
            };
            for uid in all.keys() {
                if id.is_some_and(|id| is_numbered.contains(&(id, *uid))) {
                    continue;
                }
                let place = (name.clone(), *uid);
                match evidence.get(&place) {
                    None => {
                        needs.headers.insert(place);
                    }
                    Some(known) if lacks_content(known, alike.get(&known.key), id) => {
                        needs.contents.insert(place);
                    }
                    Some(_) => {}
                }
            }
        }
        needs
    }

    /// Takes in the messages of a look. True if another look is needed.
    fn take_messages(&mut self, look: &Look<'_>, evidence: &Evidences<K>) -> bool {
        let sorted = self.sorted(look);
        let arrivals = self.arrivals(look, &sorted.numbered, evidence);
        let pairs = self.pairs(look, &sorted.loose, &arrivals);
        for (id, base, copied) in sorted.in_place {
            if let (false, Some(row)) = (pairs.contains_key(&id), self.messages.get(&id))
                && let Some(found) = look.found(Some(row), base.remote, base.uid, copied)
            {
                self.take_found(look, id, found, How::InPlace, None);
            }
        }
        let mut look_again = false;
        for (id, base, standing) in sorted.loose {
            let Some(row) = self.messages.get(&id).filter(|row| row.base == base) else {
                // It was given another's place above; if that is empty, it is among what is left.
                continue;
            };
            let found_at = |at: usize| {
                let arrival = arrivals.get(at)?;
                look.found(Some(row), arrival.remote, arrival.uid, arrival.copied)
            };
            let pair = pairs.get(&id);
            match pair.and_then(|pair| Some((pair, found_at(pair.at)?))) {
                Some((pair, found)) => {
                    let still = match (standing, base) {
                        (Standing::There(copied), Some(base)) => {
                            look.found(Some(row), base.remote, base.uid, copied)
                        }
                        (Standing::Unknown, base) => base,
                        _ => pair.still.and_then(found_at),
                    };
                    self.take_found(look, id, found, pair.how, still);
                }
                None => look_again |= self.take_unfound(look, id, standing),
            }
        }
        let paired = pairs.values().flat_map(|pair| [Some(pair.at), pair.still]);
        let taken: BTreeSet<usize> = paired.flatten().collect();
        let mut alike = self.alike(&arrivals);
        for (number, arrival) in arrivals.iter().enumerate() {
            if !taken.contains(&number) {
                let alike = alike.entry(&arrival.evidence.key).or_default();
                alike.extend(self.take_new(look, arrival, alike));
            }
        }
        // A later look at a folder that is as before would not show that these are missing.
        let all = self.messages.values();
        let left =
            all.filter(|row| row.missing.is_none() && look.standing(row) == Standing::Vanished);
        let left: Vec<MessageId> = left.map(|row| row.id).collect();
        for id in left {
            look_again |= self.take_unfound(look, id, Standing::Vanished);
        }
        let all = self.remnants.iter();
        let lonely = all.filter(|(stays, _)| !self.messages.contains_key(stays));
        let lonely: Vec<MessageId> = lonely.map(|(_, remnant)| *remnant).collect();
        for id in lonely {
            self.keep_last(id);
        }
        look_again
    }

    /// The rows by what this look has to say about them.
    fn sorted(&self, look: &Look<'_>) -> Sorted {
        let mut sorted = Sorted::default();
        for row in self.messages.values() {
            let standing = look.standing(row);
            if is_loose(row, standing) {
                sorted.loose.push((row.id, row.base, standing));
            }
            if let (Standing::There(copied), Some(base)) = (standing, row.base) {
                sorted.numbered.insert((base.remote, base.uid));
                let is_quiet = row.deed.is_none() && row.missing.is_none();
                let is_same = (base.flags, base.modseq) == (copied.flags, copied.modseq);
                if !(is_quiet && is_same) {
                    sorted.in_place.push((row.id, base, copied));
                }
            }
        }
        sorted
    }

    /// Which of the rows that look for their message are which arrivals.
    fn pairs(
        &self,
        look: &Look<'_>,
        loose: &[(MessageId, Option<Base>, Standing)],
        arrivals: &[Arrival<'_, K>],
    ) -> BTreeMap<MessageId, Pair> {
        let rows = loose.iter();
        let rows: Vec<(&Message<K>, Standing)> = rows
            .filter_map(|(id, _, standing)| Some((self.messages.get(id)?, *standing)))
            .collect();
        let keys = arrivals.iter().map(|arrival| &arrival.evidence.key);
        let keys: BTreeSet<&K> = keys.collect();
        let is_gone = |standing| matches!(standing, Standing::Vanished | Standing::Stale);
        // What came for some was seen before; others may be gone already, because we had them deleted.
        let last = rows.iter().filter(|(row, standing)| {
            let is_deleted = row.deed.is_some_and(|deed| deed.what == Ordered::Delete);
            let goes_on = || self.twin_of(look, row).is_some();
            is_gone(*standing) && keys.contains(&row.key) && (is_deleted || goes_on())
        });
        let last: BTreeSet<MessageId> = last.map(|(row, _)| row.id).collect();
        pair(&rows, arrivals, &last)
    }

    /// The rows whose headers are those of an arrival.
    fn alike<'a>(&self, arrivals: &[Arrival<'a, K>]) -> BTreeMap<&'a K, Vec<MessageId>> {
        let keys = arrivals.iter().map(|arrival| &arrival.evidence.key);
        let mut alike: BTreeMap<&K, Vec<MessageId>> = keys.map(|key| (key, Vec::new())).collect();
        if alike.is_empty() {
            return alike;
        }
        for row in self.messages.values() {
            if let Some(rows) = alike.get_mut(&row.key) {
                rows.push(row.id);
            }
        }
        alike
    }

    /// The messages of the server that no row names, folder by folder in the order of their UIDs.
    fn arrivals<'a>(
        &self,
        look: &Look<'_>,
        is_numbered: &BTreeSet<(RemoteId, u32)>,
        evidence: &'a Evidences<K>,
    ) -> Vec<Arrival<'a, K>> {
        let mut arrivals = Vec::new();
        for (id, view) in &look.views {
            let (Messages::All(all), Some(remote)) = (&view.seen.messages, self.remotes.get(id))
            else {
                continue;
            };
            for (uid, copied) in all {
                let known: Option<&Evidence<K>> = evidence.get(&(remote.name.clone(), *uid));
                if let (false, Some(evidence)) = (is_numbered.contains(&(*id, *uid)), known) {
                    arrivals.push(Arrival {
                        remote: *id,
                        folder: remote.folder,
                        uid: *uid,
                        copied: *copied,
                        evidence,
                    });
                }
            }
        }
        arrivals
    }
}

/// Whether the content has to be asked for: the headers are those of a row that it may be, or be a copy of, and more is not known.
fn lacks_content<K: Ord>(
    known: &Evidence<K>,
    alike: Option<&Vec<(&Message<K>, Standing)>>,
    remote: Option<RemoteId>,
) -> bool {
    let mut alike = alike.into_iter().flatten();
    alike.any(|(row, standing)| {
        let is_here = row.base.is_some_and(|base| Some(base.remote) == remote);
        if is_here && !row.is_ours && !is_loose(row, *standing) {
            return false;
        }
        let proof = needs_proof(row, *standing, remote);
        is_same(row, known, proof).is_none()
    })
}
