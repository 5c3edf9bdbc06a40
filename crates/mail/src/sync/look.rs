//! A look at the server, folder by folder.

use std::collections::{BTreeMap, BTreeSet};

use everpost_domain::replica::{Base, Copied, FolderSighting, Messages, Sighting};

use super::words::Words;
use super::{Halt, Sync};
use crate::capture::now;
use crate::upstream::{Access, Folder, Keywords, Known, Seen, Told, Trouble, Upstream};

/// Messages of a folder that are taken in at a time: memory is bounded by it.
const NEW_AT_ONCE: usize = 2_000;

/// What was seen.
pub(super) struct Look {
    pub(super) sighting: Sighting,
    /// The folders, as the server lists them.
    pub(super) folders: BTreeMap<String, Folder>,
    /// Folders to be remembered for the next look.
    pub(super) known: BTreeMap<String, Known>,
    /// Not all that is new was taken.
    pub(super) is_partial: bool,
    pub(super) words: Words,
}

impl Sync {
    pub(super) async fn look(&mut self, upstream: &mut Upstream) -> Result<Look, Halt> {
        let began = now();
        let listed = upstream.folders(true).await?;
        let stirred = upstream.stirred().map(str::to_owned);
        for name in &listed.unreadable {
            tracing::warn!(
                folder = name,
                "a folder of the mail server has no name here"
            );
        }
        let generation = self.replica.look(|core| core.counters().generation).await?;
        let mut look = Look {
            sighting: Sighting {
                generation,
                began,
                ended: began,
                can_move: upstream.capabilities().moves(),
                folders: BTreeMap::new(),
            },
            folders: BTreeMap::new(),
            known: BTreeMap::new(),
            is_partial: false,
            words: Words::of(&self.replica).await?,
        };
        for folder in listed.all {
            if !folder.is_selectable || folder.is_view() {
                continue;
            }
            let known = self.known.get(&folder.name).copied();
            let before = match (known, &folder.counts) {
                (Some(known), Some(counts))
                    if known.is_as(counts) && stirred.as_ref() != Some(&folder.name) =>
                {
                    let keeps = upstream.keeps(&folder.name);
                    let mut bits = |word: &str| look.words.bit(word);
                    Some(folder.as_before(counts, keeps, &mut bits))
                }
                _ => None,
            };
            let seen = match before {
                Some(seen) => seen,
                None => self.open(upstream, &mut look, &folder, known).await?,
            };
            look.sighting.folders.insert(folder.name.clone(), seen);
            look.folders.insert(folder.name.clone(), folder);
        }
        look.sighting.ended = now();
        Ok(look)
    }

    /// Looks at a folder; `known`: what is known of it, if only what changed is to be told.
    pub(super) async fn open(
        &mut self,
        upstream: &mut Upstream,
        look: &mut Look,
        folder: &Folder,
        known: Option<Known>,
    ) -> Result<FolderSighting, Halt> {
        let name = &folder.name;
        let mut since = known;
        loop {
            let seen = match upstream.look(name, since.as_ref(), Access::Write).await {
                Ok(seen) => seen,
                Err(Trouble::Refused(no)) => {
                    tracing::info!(folder = name, %no, "a folder cannot be opened");
                    return Ok(folder.not_seen());
                }
                Err(trouble) => return Err(trouble.into()),
            };
            look.words.learn(&self.replica, flag_names(&seen)).await?;
            let before = self.bases(name, seen.uidvalidity).await?;
            let mut bits = |word: &str| look.words.bit(word);
            let keeps = upstream.keeps(name);
            let sighting = seen.sighting(folder, before.iter().copied(), keeps, &mut bits);
            match sighting {
                Ok(mut sighting) => {
                    if cut(&mut sighting, &before) {
                        look.is_partial = true;
                    } else {
                        look.known.insert(name.clone(), seen.known());
                    }
                    return Ok(sighting);
                }
                Err(torn) if since.is_some() => {
                    tracing::debug!(folder = name, %torn, "looked at as a whole");
                    since = None;
                }
                Err(_) => return Ok(folder.not_seen()),
            }
        }
    }

    /// Messages of a folder of the server as the replica knows them.
    async fn bases(&self, folder: &str, uidvalidity: u32) -> Result<Vec<Base>, Halt> {
        let bases = |core: &everpost_domain::replica::Mailbox<_>| {
            let remote = core.remotes().find(|remote| remote.name == folder);
            let Some(remote) = remote.map(|remote| remote.id) else {
                return Vec::new();
            };
            let bases = core.messages().filter_map(|message| message.base);
            bases
                .filter(|base| base.remote == remote && base.validity.uidvalidity == uidvalidity)
                .collect()
        };
        Ok(self.replica.look(bases).await?)
    }
}

/// Names of flags that messages have.
fn flag_names(seen: &Seen) -> impl Iterator<Item = &String> {
    let listing = match &seen.told {
        Told::AsBefore => None,
        Told::All(listing) => Some(listing),
        Told::Changes { changed, .. } => Some(changed),
    };
    let all = listing.into_iter().flat_map(|listing| listing.iter());
    let names: BTreeSet<&String> = all.flat_map(|(_, names, _)| names).collect();
    names.into_iter()
}

/// Leaves for the next look what is too much to be taken in at once: the folder is seen as it was before that came.
fn cut(sighting: &mut FolderSighting, before: &[Base]) -> bool {
    let Messages::All(all) = &mut sighting.messages else {
        return false;
    };
    let known: BTreeSet<u32> = before.iter().map(|base| base.uid).collect();
    let new = |(uid, _): &(&u32, &Copied)| !known.contains(uid);
    let Some((uid, _)) = all.iter().filter(new).nth(NEW_AT_ONCE) else {
        return false;
    };
    let first_left = *uid;
    all.retain(|uid, _| *uid < first_left || known.contains(uid));
    sighting.uidnext = first_left;
    sighting.modseq = None;
    true
}
