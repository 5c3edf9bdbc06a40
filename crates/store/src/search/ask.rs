//! A question made ready for the index: ages and groups replaced by what they mean now, sets
//! looked up, the scope turned into a set.

use std::sync::Arc;

use everpost_domain::query::{Facts, Named, Query, Test};
use roaring::RoaringTreemap;

use super::known::{Known, SetOf};
use super::scope::Sight;
use super::{Group, Scope};
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::index::{Matches, Question, Searcher};
use crate::tenant::Tenant;

/// A question made ready, and the archive that it is asked of.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) known: Arc<Known>,
    pub(crate) sight: Arc<Sight>,
    /// The query, lowered.
    pub(crate) query: Query,
    sets: Sets,
}

/// The seqs for which tests hold that the catalog answers.
type Sets = Arc<Vec<(Test, Arc<RoaringTreemap>)>>;

impl Ask {
    /// The seqs for which a test holds that the catalog answers.
    pub(crate) fn set(&self, test: &Test) -> Option<Arc<RoaringTreemap>> {
        let mut sets = self.sets.iter();
        let found = sets.find(|(known, _)| known == test);
        found.map(|(_, set)| set.clone())
    }

    /// The copies of the message of `seq` that the asker sees, oldest first; none for a message
    /// of one copy.
    pub(crate) fn members(&self, seq: u64) -> impl Iterator<Item = u64> {
        let mail = &self.known.mail;
        let all = mail.folding.members(seq).iter().copied();
        all.filter(|member| self.sight.shows(*member) && !mail.hidden.contains(*member))
    }

    /// The copy that names the message of `seq` for the asker.
    pub(crate) fn first_of_message(&self, seq: u64) -> u64 {
        self.members(seq).next().unwrap_or(seq)
    }

    /// The copies for which the query holds, of those before `horizon` if given, as this node
    /// finds them alone. Reads the index: call it where waiting is allowed.
    pub(crate) fn find(&self, horizon: Option<u64>) -> Result<Matches> {
        Ok(self.with(horizon, Searcher::matches)?)
    }

    /// The seqs for which tests hold that the catalog answers, by test.
    pub(super) fn sets(&self) -> &[(Test, Arc<RoaringTreemap>)] {
        &self.sets
    }

    /// Works on the index with this question; only the copies before `horizon`, if given, are
    /// visible.
    pub(super) fn with<T>(
        &self,
        horizon: Option<u64>,
        work: impl FnOnce(&Searcher, &Question<'_>) -> T,
    ) -> T {
        let hidden = &self.known.mail.hidden;
        let end = self.known.horizon;
        let cut = horizon
            .filter(|horizon| *horizon < end)
            .or(self.known.ahead.then_some(end))
            .map(|horizon| {
                let mut before = RoaringTreemap::new();
                before.insert_range(0..horizon);
                match &self.sight.visible {
                    Some(visible) => before & visible,
                    None => before,
                }
            });
        let question = Question {
            query: &self.query,
            sets: &|test| self.set(test),
            visible: cut.as_ref().or(self.sight.visible.as_ref()),
            hidden: Some(hidden).filter(|hidden| !hidden.is_empty()),
        };
        work(&self.known.searcher, &question)
    }
}

impl Tenant {
    /// Makes a question ready.
    pub(crate) async fn ask(&self, query: &Query, scope: &Scope) -> Result<Ask> {
        let known = self.archive().await?;
        let sight = self.sight(&known, scope).await?;
        let query = self.lower(query).await?;
        let sets = self.sets(&known, &sight, &query).await?;
        Ok(Ask {
            known,
            sight,
            query,
            sets: Arc::new(sets),
        })
    }

    /// Replaces what depends on the clock and on groups by what it means now.
    pub(super) async fn lower(&self, query: &Query) -> Result<Query> {
        let mut facts = Outside {
            now: now_us().div_euclid(1_000_000),
            groups: Vec::new(),
            tags: Vec::new(),
            servers: Vec::new(),
        };
        if names(query, &|test| matches!(test, Test::Group { .. })) {
            facts.groups = self.groups().await?;
        }
        if names(query, &|test| matches!(test, Test::Tag(_))) {
            let tags = self.tag_names().await?;
            facts.tags = tags.into_iter().map(|(_, name)| name).collect();
        }
        if names(query, &|test| matches!(test, Test::Server(_))) {
            facts.servers = self.servers().await?;
        }
        query
            .lower(&facts)
            .map_err(|error| StoreError::Invalid(format!("{}; {}", error.what, error.hint)))
    }

    /// Looks up the tests that the catalog answers. What it says of places speaks only of
    /// those in mailboxes that the asker sees: others' folders and flags are theirs.
    async fn sets(
        &self,
        known: &Known,
        sight: &Sight,
        query: &Query,
    ) -> Result<Vec<(Test, Arc<RoaringTreemap>)>> {
        let mail = &known.mail;
        let mut sets: Vec<(Test, Arc<RoaringTreemap>)> = Vec::new();
        let mut open = vec![query];
        while let Some(query) = open.pop() {
            let test = match query {
                Query::And(parts) | Query::Or(parts) => {
                    open.extend(parts);
                    continue;
                }
                Query::Not(part) => {
                    open.push(part);
                    continue;
                }
                Query::Test(test) => test,
            };
            let of: Vec<SetOf> = match test {
                Test::Mailbox(address) => mail.mailboxes_of(address).map(SetOf::Mailbox).collect(),
                Test::Folder(name) => {
                    let name = name.to_lowercase();
                    let named = mail.folders.iter();
                    named
                        .filter(|(_, folder)| folder.name.to_lowercase() == name)
                        .map(|(id, _)| SetOf::Folder(*id))
                        .collect()
                }
                Test::Flag(flag) => vec![SetOf::flag(*flag)],
                Test::Server(name) => {
                    vec![SetOf::Server(self.server_hash(name))]
                }
                Test::Tag(name) => {
                    if !sets.iter().any(|(known, _)| known == test) {
                        let set = self.tagged(known, name).await?;
                        sets.push((test.clone(), Arc::new(set)));
                    }
                    continue;
                }
                _ => continue,
            };
            if sets.iter().any(|(known, _)| known == test) {
                continue;
            }
            let mut set = RoaringTreemap::new();
            for of in of {
                let found = self.set(mail, of).await?;
                for (_, seqs) in found.iter().filter(|(mailbox, _)| sight.sees(**mailbox)) {
                    set |= seqs;
                }
            }
            sets.push((test.clone(), Arc::new(set)));
        }
        Ok(sets)
    }
}

/// What a query may name that lies outside of mail.
struct Outside {
    now: i64,
    groups: Vec<Group>,
    tags: Vec<String>,
    servers: Vec<String>,
}

impl Facts for Outside {
    fn now(&self) -> i64 {
        self.now
    }

    fn names(&self, of: Named) -> Vec<String> {
        match of {
            Named::Group => self.groups.iter().map(|group| group.name.clone()).collect(),
            Named::Tag => self.tags.clone(),
            Named::Server => self.servers.clone(),
        }
    }

    fn members(&self, group: &str) -> Vec<String> {
        let found = self.groups.iter().find(|one| one.name == group);
        found.map(|group| group.members.clone()).unwrap_or_default()
    }
}

/// True if some test of the query is such a one.
fn names(query: &Query, wanted: &dyn Fn(&Test) -> bool) -> bool {
    match query {
        Query::And(parts) | Query::Or(parts) => parts.iter().any(|part| names(part, wanted)),
        Query::Not(part) => names(part, wanted),
        Query::Test(test) => wanted(test),
    }
}
