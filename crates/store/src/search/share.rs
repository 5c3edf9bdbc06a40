//! One query, several nodes: each evaluates some of the splits, and whoever was asked puts the
//! answers together.
//!
//! What is divided is the evaluation of the query's tests on splits: reading terms, postings and
//! positions, which is nearly all that a search costs. A node answers with two bitmaps a split. It
//! knows neither asker nor scope; scope, counts, order, facets and months are the asker's work, by
//! the same code that answers alone, so that the answer is the same whoever took part. A split
//! that nobody else answered for is evaluated here: a node that died costs time, not hits.

#[cfg(test)]
mod tests;

use everpost_domain::digest::Digest;
use everpost_domain::query::{Query, Test};
use everpost_domain::wire::{Damaged, Reader, Writer};
use futures::future::join_all;
use roaring::{RoaringBitmap, RoaringTreemap};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::ask::Ask;
use crate::catalog::NodeId;
use crate::error::{Result, StoreError};
use crate::follow::blocking;
use crate::index::{Answer, Matches, Part, Question, Searcher, SplitId};
use crate::nodes::Other;
use crate::tenant::Tenant;

/// The version of both records. A node that does not know it says so, and is not waited for.
const VERSION: u8 = 1;

/// What was read of a record.
type Read<T> = std::result::Result<T, Damaged>;

/// What one node asks of another.
#[derive(Debug, PartialEq)]
struct Asked {
    /// Lowered.
    query: Query,
    /// The seqs for which tests hold that the catalog answers.
    sets: Vec<(Test, Arc<RoaringTreemap>)>,
    splits: Vec<SplitId>,
}

impl Asked {
    fn encode(&self) -> Result<Vec<u8>> {
        let mut record = Writer::new();
        record.byte(VERSION);
        self.query.write(&mut record);
        record.number(self.sets.len() as u64);
        for (test, set) in &self.sets {
            test.write(&mut record);
            let mut bytes = Vec::new();
            set.serialize_into(&mut bytes).map_err(unwritten)?;
            record.bytes(&bytes);
        }
        record.number(self.splits.len() as u64);
        for split in &self.splits {
            record.raw(&split.0);
        }
        Ok(record.finish())
    }

    fn decode(record: &[u8]) -> Read<Self> {
        let mut reader = versioned(record)?;
        let query = Query::read(&mut reader)?;
        let sets = (0..reader.number()?).map(|_| {
            let test = Test::read(&mut reader)?;
            let set = RoaringTreemap::deserialize_from(reader.bytes()?);
            Ok((test, Arc::new(set.map_err(|_| Damaged("no set"))?)))
        });
        let sets = sets.collect::<Read<_>>()?;
        let splits = (0..reader.number()?).map(|_| Ok(SplitId(reader.array()?)));
        Ok(Asked {
            query,
            sets,
            splits: splits.collect::<Read<_>>()?,
        })
    }
}

fn encode_answers(answers: &[(SplitId, Answer)]) -> Result<Vec<u8>> {
    let mut record = Writer::new();
    record.byte(VERSION).number(answers.len() as u64);
    for (split, answer) in answers {
        record.raw(&split.0);
        for docs in [&answer.holds, &answer.unknown] {
            let mut bytes = Vec::new();
            docs.serialize_into(&mut bytes).map_err(unwritten)?;
            record.bytes(&bytes);
        }
    }
    Ok(record.finish())
}

fn decode_answers(record: &[u8]) -> Read<Vec<(SplitId, Answer)>> {
    let mut reader = versioned(record)?;
    let answers = (0..reader.number()?).map(|_| {
        let split = SplitId(reader.array()?);
        let mut docs = || {
            let bytes = reader.bytes()?;
            RoaringBitmap::deserialize_from(bytes).map_err(|_| Damaged("no documents"))
        };
        let (holds, unknown) = (docs()?, docs()?);
        Ok((split, Answer { holds, unknown }))
    });
    answers.collect()
}

fn versioned(record: &[u8]) -> Read<Reader<'_>> {
    let mut reader = Reader::new(record);
    match reader.byte()? {
        VERSION => Ok(reader),
        _ => Err(Damaged("another version's")),
    }
}

fn unwritten(error: std::io::Error) -> StoreError {
    StoreError::Index(error.to_string())
}

/// Which of `nodes` is to answer for a split: the same one as long as it lives, so that its
/// caches have what it is asked for, and few move when one comes or goes (rendezvous hashing).
fn node_for(nodes: &[NodeId], split: SplitId) -> Option<usize> {
    let weight = |node: &NodeId| Digest::of(&[node.as_slice(), &split.0].concat());
    let numbered = nodes.iter().enumerate();
    let heaviest = numbered.max_by_key(|(_, node)| weight(node).0);
    heaviest.map(|(number, _)| number)
}

/// What a search found, and who took part.
pub(crate) struct Shared {
    pub(crate) matches: Matches,
    /// Names of the other nodes that answered.
    pub(crate) answered: Vec<String>,
}

impl Tenant {
    /// The copies for which a question holds, of those before `horizon` if given. Much of it is
    /// shared with other nodes, where there are any.
    pub(crate) async fn find(&self, ask: &Ask, horizon: Option<u64>) -> Result<Shared> {
        let parts = &ask.known.searcher.parts;
        let part = |number: &usize| parts.get(*number);
        let docs = |reach: &[usize]| -> u64 {
            let parts = reach.iter().filter_map(part);
            parts.map(|part| part.split.docs()).sum()
        };
        let mut reach: Vec<usize> = (0..parts.len()).collect();
        let mut others = self.others(docs(&reach));
        if !others.is_empty() {
            let work = ask.clone();
            reach = blocking(move || work.with(horizon, Searcher::in_reach)).await?;
            others = self.others(docs(&reach));
        }
        if others.is_empty() || reach.len() < 2 {
            let work = ask.clone();
            return Ok(Shared {
                matches: blocking(move || work.find(horizon)).await??,
                answered: Vec::new(),
            });
        }
        // This node is the first of all.
        let mut nodes = vec![self.store.catalog.node()];
        nodes.extend(others.iter().map(|other| other.name));
        let mut shares: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
        for number in &reach {
            let node = part(number).and_then(|part| node_for(&nodes, part.split.id()));
            if let Some(share) = node.and_then(|node| shares.get_mut(node)) {
                share.push(*number);
            }
        }
        let mut shares = shares.into_iter();
        let own = shares.next().unwrap_or_default();
        let asked = others.iter().zip(shares);
        let asked: Vec<_> = asked
            .filter(|(_, share)| !share.is_empty())
            .map(|(other, share)| self.ask_other(ask, other, share))
            .collect();
        let (own, theirs) = tokio::join!(answers(ask, own), join_all(asked));
        let mut found = own?;
        let mut answered = Vec::new();
        for (name, answers) in theirs.into_iter().flatten() {
            answered.push(name);
            found.extend(answers);
        }
        let known: HashSet<usize> = found.iter().map(|(number, _)| *number).collect();
        let missing = reach.into_iter().filter(|number| !known.contains(number));
        let missing: Vec<usize> = missing.collect();
        self.count_shared(missing.len() as u64);
        if !missing.is_empty() {
            found.extend(answers(ask, missing).await?);
        }
        found.sort_unstable_by_key(|(number, _)| *number);
        let ask = ask.clone();
        let matches = blocking(move || {
            ask.with(horizon, |searcher, question| {
                searcher.gather(question, found)
            })
        });
        Ok(Shared {
            matches: matches.await??,
            answered,
        })
    }

    /// What another node says of the splits with these numbers, and its name; `None` if it did not
    /// answer, or not so that it could be understood.
    async fn ask_other(
        &self,
        ask: &Ask,
        other: &Other,
        share: Vec<usize>,
    ) -> Option<(String, Vec<(usize, Answer)>)> {
        let parts = &ask.known.searcher.parts;
        let mut numbers: HashMap<SplitId, (usize, u64)> = HashMap::new();
        for number in share {
            let split = &parts.get(number)?.split;
            numbers.insert(split.id(), (number, split.docs()));
        }
        let asked = Asked {
            query: ask.query.clone(),
            sets: ask.sets().to_vec(),
            splits: numbers.keys().copied().collect(),
        };
        let record = self.ask_node(other, &asked.encode().ok()?).await?;
        let Ok(answers) = decode_answers(&record) else {
            self.set_aside(other);
            return None;
        };
        let mut found = Vec::with_capacity(answers.len());
        for (split, answer) in answers {
            // Each once, and no document that is not there.
            let Some((number, docs)) = numbers.remove(&split) else {
                continue;
            };
            let last = answer.holds.max().max(answer.unknown.max());
            if last.is_none_or(|last| u64::from(last) < docs) {
                found.push((number, answer));
            }
        }
        (!found.is_empty()).then(|| (other.to_string(), found))
    }

    /// Answers what another node asks: a record for a record. Splits that this node does not know,
    /// because they were merged meanwhile, are left to the asker.
    pub(crate) async fn answer_record(&self, record: &[u8]) -> Result<Vec<u8>> {
        let wrong = |error: Damaged| StoreError::Invalid(error.to_string());
        let asked = Asked::decode(record).map_err(wrong)?;
        let known = self.archive().await?;
        let parts: Vec<Part> = known
            .searcher
            .parts
            .iter()
            .filter(|part| asked.splits.contains(&part.split.id()))
            .cloned()
            .collect();
        self.count_answered(parts.len() as u64);
        let answered = blocking(move || {
            let ids: Vec<SplitId> = parts.iter().map(|part| part.split.id()).collect();
            let numbers: Vec<usize> = (0..parts.len()).collect();
            let answers = Searcher::new(parts).answers(
                &Question {
                    query: &asked.query,
                    sets: &|test| {
                        let mut sets = asked.sets.iter();
                        let found = sets.find(|(known, _)| known == test);
                        found.map(|(_, set)| set.clone())
                    },
                    visible: None,
                    hidden: None,
                },
                &numbers,
            )?;
            let named = answers
                .into_iter()
                .filter_map(|(number, answer)| Some((*ids.get(number)?, answer)));
            encode_answers(&named.collect::<Vec<_>>())
        });
        answered.await?
    }
}

/// What the splits with these numbers say, as this node reads them.
async fn answers(ask: &Ask, numbers: Vec<usize>) -> Result<Vec<(usize, Answer)>> {
    let ask = ask.clone();
    let answers = blocking(move || {
        ask.with(None, |searcher, question| {
            searcher.answers(question, &numbers)
        })
    });
    Ok(answers.await??)
}
