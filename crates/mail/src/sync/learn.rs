//! Taking in what was seen: what is new is asked about, until the replica knows enough.

use std::collections::{BTreeMap, BTreeSet};

use everpost_domain::digest::Digest;
use everpost_domain::replica::{Evidence, Evidences, Fingerprint, Flags, Messages, Needs, Plan};
use everpost_store::NewMessage;

use super::look::Look;
use super::{Halt, Sync};
use crate::imap::{KEPT_FIELDS, describe_header};
use crate::upstream::{Trouble, Upstream};

/// What is known of messages that are new, by folder and UID of the server.
#[derive(Default)]
pub(super) struct Learnt {
    pub(super) evidence: Evidences<Digest>,
    pub(super) mail: BTreeMap<(String, u32), NewMessage>,
}

impl Sync {
    /// Makes the replica agree with what was seen.
    pub(super) async fn learn(
        &mut self,
        upstream: &mut Upstream,
        look: &mut Look,
    ) -> Result<Plan, Halt> {
        let mut learnt = Learnt::default();
        loop {
            let sighting = &look.sighting;
            let alarming = self.options.alarming;
            let reconciled = self
                .replica
                .try_step(&learnt.mail, |core| {
                    let all = core.messages().count();
                    match core.reconcile(sighting, &learnt.evidence) {
                        Ok(plan) if plan.expunged > alarming && plan.expunged > all / 5 => {
                            Err(Refused::Alarm(plan.expunged))
                        }
                        Ok(plan) => Ok(plan),
                        Err(needs) => Err(Refused::Needs(needs)),
                    }
                })
                .await?;
            match reconciled {
                Ok(plan) => return Ok(plan),
                Err(Refused::Alarm(count)) => return Err(Halt::Alarm(count)),
                Err(Refused::Needs(needs)) => {
                    self.ask(upstream, look, &mut learnt, needs).await?;
                }
            }
        }
    }

    async fn ask(
        &mut self,
        upstream: &mut Upstream,
        look: &mut Look,
        learnt: &mut Learnt,
        needs: Needs,
    ) -> Result<(), Halt> {
        for name in needs.folders {
            if let Some(folder) = look.folders.get(&name).cloned() {
                let seen = self.open(upstream, look, &folder, None).await?;
                look.sighting.folders.insert(name, seen);
            }
        }
        for (folder, uids) in by_folder(needs.headers) {
            self.headers(upstream, look, learnt, &folder, uids).await?;
        }
        for (folder, uids) in by_folder(needs.contents) {
            for uid in uids {
                self.content(upstream, look, learnt, &folder, uid).await?;
            }
        }
        Ok(())
    }

    /// Asks for headers. What is gone by now was not seen.
    async fn headers(
        &self,
        upstream: &mut Upstream,
        look: &mut Look,
        learnt: &mut Learnt,
        folder: &str,
        uids: Vec<u32>,
    ) -> Result<(), Halt> {
        let Some(uidvalidity) = uidvalidity(look, folder) else {
            return Ok(());
        };
        let mut told = Vec::new();
        let asked = upstream.evidence(folder, uidvalidity, &uids, KEPT_FIELDS, |traits| {
            told.push(traits)
        });
        match asked.await {
            Ok(()) => {}
            Err(Trouble::Refused(_)) => {
                not_seen(look, folder);
                return Ok(());
            }
            Err(trouble) => return Err(trouble.into()),
        }
        let mut missing: BTreeSet<u32> = uids.into_iter().collect();
        for traits in told {
            missing.remove(&traits.uid);
            let header = traits.header.unwrap_or_default();
            let date = traits.date.unwrap_or(look.sighting.ended);
            let evidence = Evidence {
                key: Fingerprint::key(&header),
                content: None,
                size: traits.size,
                date,
            };
            let at = (folder.to_owned(), traits.uid);
            let new = describe_header(&header, traits.size, date, Flags::NONE);
            learnt.mail.insert(at.clone(), new);
            learnt.evidence.insert(at, evidence);
        }
        for uid in missing {
            vanished(look, folder, uid);
        }
        Ok(())
    }

    /// Asks for a whole message, whose header is that of one that is here.
    async fn content(
        &self,
        upstream: &mut Upstream,
        look: &mut Look,
        learnt: &mut Learnt,
        folder: &str,
        uid: u32,
    ) -> Result<(), Halt> {
        let Some(uidvalidity) = uidvalidity(look, folder) else {
            return Ok(());
        };
        let at = (folder.to_owned(), uid);
        let date = learnt.evidence.get(&at).map(|evidence| evidence.date);
        let fetched = self
            .message(upstream, folder, uidvalidity, uid, date)
            .await?;
        let evidence = learnt.evidence.get_mut(&at);
        match (fetched, evidence) {
            (Some(message), Some(evidence)) => {
                evidence.content = message.fingerprint.map(|print| print.content);
                learnt.mail.insert(at, message);
            }
            // It is larger than what is taken, or gone.
            _ => vanished(look, folder, uid),
        }
        Ok(())
    }
}

/// Why nothing was taken over.
enum Refused {
    Needs(Needs),
    Alarm(usize),
}

fn by_folder(all: BTreeSet<(String, u32)>) -> BTreeMap<String, Vec<u32>> {
    let mut by: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (folder, uid) in all {
        by.entry(folder).or_default().push(uid);
    }
    by
}

fn uidvalidity(look: &Look, folder: &str) -> Option<u32> {
    let seen = look.sighting.folders.get(folder)?;
    Some(seen.uidvalidity)
}

fn not_seen(look: &mut Look, folder: &str) {
    look.known.remove(folder);
    if let Some(seen) = look.sighting.folders.get_mut(folder) {
        seen.messages = Messages::NotSeen;
    }
}

fn vanished(look: &mut Look, folder: &str, uid: u32) {
    look.known.remove(folder);
    if let Some(seen) = look.sighting.folders.get_mut(folder)
        && let Messages::All(all) = &mut seen.messages
    {
        all.remove(&uid);
    }
}
