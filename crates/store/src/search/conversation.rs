//! The conversation of a message: who answered whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use everpost_domain::digest::Digest;
use everpost_domain::message::{Address, Head};
use everpost_domain::query::Query;

use super::page::Shown;
use super::{Ask, Scope};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::error::{Result, StoreError};
use crate::follow::blocking;
use crate::tenant::Tenant;

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationItem {
    /// Its id, as a search gives it.
    pub id: Digest,
    /// The Date field, seconds since 1970.
    pub sent: Option<i64>,
    /// Who wrote it.
    pub from: Vec<Address>,
    /// Its subject.
    pub subject: String,
    /// How many answers lie between it and the message that began: 0 for a beginning, also
    /// where what it answers is not in the archive or out of scope.
    pub depth: u32,
}

/// Messages that answer each other, each answer below what it answers, in order of date.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conversation {
    /// The messages.
    pub items: Vec<ConversationItem>,
    /// False where the conversation is larger than what was looked at: 1,000 messages, or
    /// 32 steps from one to the next.
    pub complete: bool,
}

/// Copies of a conversation: more than anybody reads, and a bound for a mailing list that
/// answers one message for ever.
const MOST: usize = 1000;
/// How often what was found is looked through for further ids.
const STEPS: usize = 32;

impl Tenant {
    /// The conversation of a copy's message: every message in scope that has, or names in
    /// References or In-Reply-To, an id that one of the others has or names. A head keeps the
    /// first 10 ids of In-Reply-To, and of References the oldest and the newest 9. Subjects
    /// are not compared.
    pub async fn conversation(&self, id: &Digest, scope: &Scope) -> Result<Conversation> {
        let ask = self.ask(&Query::And(Vec::new()), scope).await?;
        let mut db = self.store.catalog.read().await?;
        let row = self.find_copy(&mut db, id).await?;
        let event = values![self.id(), row.event];
        let event = sql::fetch_optional(&mut db, statements::EVENT, event).await?;
        drop(db);
        let seq = event.map(|event| event.int(0)).transpose()?;
        let seq = seq
            .map(i64::unsigned_abs)
            .filter(|seq| ask.sight.shows(*seq))
            .ok_or_else(|| StoreError::NotFound(format!("message {id}")))?;
        let (copies, complete) = self.related(&ask, seq).await?;
        let mut messages: BTreeMap<u64, Arc<Shown>> = BTreeMap::new();
        for (seq, shown) in copies {
            let first = ask.first_of_message(seq);
            if first == seq {
                messages.insert(first, shown);
            } else {
                messages.entry(first).or_insert(shown);
            }
        }
        let heads: Vec<&Head> = messages.values().map(|shown| shown.head.as_ref()).collect();
        let shown: Vec<&Arc<Shown>> = messages.values().collect();
        let item = |(at, depth): (usize, u32)| {
            let shown = shown.get(at)?;
            Some(ConversationItem {
                id: shown.digest,
                sent: shown.head.sent.map(|sent| sent.unix),
                from: shown.head.from.clone(),
                subject: shown.head.subject.clone(),
                depth,
            })
        };
        Ok(Conversation {
            items: arrange(&heads).into_iter().filter_map(item).collect(),
            complete,
        })
    }

    /// The copies that belong together with one, and whether these are all.
    async fn related(&self, ask: &Ask, seq: u64) -> Result<(BTreeMap<u64, Arc<Shown>>, bool)> {
        let mut copies: BTreeMap<u64, Arc<Shown>> = BTreeMap::new();
        let mut ids: BTreeSet<Vec<u8>> = BTreeSet::new();
        let mut found = BTreeSet::from([seq]);
        let mut complete = true;
        for step in 0.. {
            let room = MOST.saturating_sub(copies.len());
            if found.len() > room || step == STEPS {
                complete = false;
                found = found.into_iter().take(room).collect();
            }
            let mut fresh = BTreeSet::new();
            for (seq, shown) in self.shown(&found).await? {
                // Terms of the index are short: others may have the same.
                if step > 0 && !ids_of(&shown.head).any(|id| ids.contains(id)) {
                    continue;
                }
                let named = ids_of(&shown.head).filter(|id| !ids.contains(*id));
                fresh.extend(named.cloned());
                copies.insert(seq, shown);
            }
            if fresh.is_empty() || !complete {
                break;
            }
            ids.extend(fresh.iter().cloned());
            let ask = ask.clone();
            let seqs = blocking(move || {
                let (visible, hidden) = (ask.sight.visible.as_ref(), &ask.known.mail.hidden);
                ask.known.searcher.related(&fresh, visible, hidden)
            });
            found = seqs
                .await??
                .iter()
                .filter(|seq| !copies.contains_key(seq))
                .collect();
            if found.is_empty() {
                break;
            }
        }
        Ok((copies, complete))
    }
}

/// The ids that a message has and names.
fn ids_of(head: &Head) -> impl Iterator<Item = &Vec<u8>> {
    let named = head.references.iter().chain(&head.in_reply_to);
    named.chain(&head.message_id).filter(|id| !id.is_empty())
}

/// Messages in the order in which they are read, each with its depth: answers below what
/// they answer, side by side in the order of date. Given in the order of admission.
fn arrange(heads: &[&Head]) -> Vec<(usize, u32)> {
    let mut by_id: BTreeMap<&[u8], usize> = BTreeMap::new();
    for (at, head) in heads.iter().enumerate() {
        if let Some(id) = &head.message_id {
            by_id.entry(id).or_insert(at);
        }
    }
    let mut parents: Vec<Option<usize>> = vec![None; heads.len()];
    for (at, head) in heads.iter().enumerate() {
        // What is answered comes first, else the nearest ancestor that is here.
        let named = head
            .in_reply_to
            .iter()
            .take(1)
            .chain(head.references.iter().rev());
        let found = named.filter_map(|id| by_id.get(id.as_slice()).copied());
        // Whoever closes a circle begins anew.
        let parent = found.filter(|above| !leads_to(&parents, *above, at)).next();
        if let Some(slot) = parents.get_mut(at) {
            *slot = parent;
        }
    }
    let mut children: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for (at, parent) in parents.iter().enumerate() {
        children.entry(*parent).or_default().push(at);
    }
    let date = |at: &usize| {
        heads
            .get(*at)
            .and_then(|head| head.sent)
            .map(|sent| sent.unix)
    };
    for list in children.values_mut() {
        // Taken from the end: the latest first. Those without a date come last of all.
        list.sort_by_key(|at| std::cmp::Reverse((date(at).is_none(), date(at), *at)));
    }
    let mut order = Vec::with_capacity(heads.len());
    let mut open: Vec<(usize, u32)> = Vec::new();
    let below = |at: Option<usize>| children.get(&at).into_iter().flatten().copied();
    open.extend(below(None).map(|at| (at, 0)));
    while let Some((at, depth)) = open.pop() {
        order.push((at, depth));
        open.extend(below(Some(at)).map(|at| (at, depth.saturating_add(1))));
    }
    order
}

/// True if the way up from `from` passes `to`.
fn leads_to(parents: &[Option<usize>], from: usize, to: usize) -> bool {
    let mut at = Some(from);
    while let Some(here) = at {
        if here == to {
            return true;
        }
        at = parents.get(here).copied().flatten();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use everpost_domain::message::Sent;

    fn head(id: &str, references: &[&str], sent: i64) -> Head {
        Head {
            message_id: Some(id.as_bytes().to_vec()),
            references: references.iter().map(|id| id.as_bytes().to_vec()).collect(),
            sent: Some(Sent {
                unix: sent,
                offset_minutes: 0,
            }),
            ..Head::default()
        }
    }

    fn order(heads: &[Head]) -> Vec<(usize, u32)> {
        arrange(&heads.iter().collect::<Vec<_>>())
    }

    #[test]
    fn answers_stand_below_what_they_answer() {
        let heads = [
            head("c", &["a", "b"], 30),
            head("a", &[], 10),
            head("d", &["a"], 15),
            head("b", &["a"], 20),
            head("e", &["gone", "a", "gone too"], 40),
        ];
        assert_eq!(order(&heads), [(1, 0), (2, 1), (3, 1), (0, 2), (4, 1)]);
    }

    #[test]
    fn circles_and_missing_ancestors_begin_anew() {
        let circle = [
            head("a", &["b"], 1),
            head("b", &["a"], 2),
            head("a", &["a"], 3),
        ];
        let mut seen: Vec<usize> = order(&circle).into_iter().map(|(at, _)| at).collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2]);
        assert_eq!(
            order(&[head("x", &["gone"], 2), head("y", &["gone"], 1)]),
            [(1, 0), (0, 0)]
        );
        assert_eq!(order(&[]), []);
    }
}
