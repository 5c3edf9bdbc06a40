//! Searches many splits and puts the answers together.

use super::error::guarded;
use super::evaluate::Evaluator;
use super::plan::Plan;
use super::schema::{Fields, schema};
use super::{IndexError, Split};
use everpost_domain::query::{Query, Test};
use rayon::prelude::*;
use roaring::RoaringTreemap;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// A question.
pub struct Request<'a> {
    /// What is looked for.
    pub query: &'a Query,
    /// The seqs for which a test of mailbox or folder holds; `None` is none.
    pub sets: &'a dyn Fn(&Test) -> Option<Arc<RoaringTreemap>>,
    /// Only these seqs, if given: rights and scopes.
    pub visible: Option<&'a RoaringTreemap>,
    /// Never these: purged or otherwise gone.
    pub hidden: Option<&'a RoaringTreemap>,
    /// Which hits come first.
    pub order: Order,
    /// Hits after this one in that order.
    pub after: Option<Cursor>,
    /// At most so many hits; the sets of the page are complete whatever this is.
    pub limit: usize,
}

/// Hits are in the order of their date, those of one second in the order of their seq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The latest first.
    NewestFirst,
    /// The earliest first.
    OldestFirst,
}

/// The place of a hit in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Its date.
    pub sent: i64,
    /// Its seq.
    pub seq: u64,
}

/// A copy for which the query holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// Its number.
    pub seq: u64,
    /// Its date in seconds since 1970, UTC; 0 if it has none that can be read.
    pub sent: i64,
    /// Raw size in bytes.
    pub size: u64,
}

impl Hit {
    /// Where the next page goes on.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            sent: self.sent,
            seq: self.seq,
        }
    }
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// The hits of this page, in order.
    pub hits: Vec<Hit>,
    /// Every visible seq for which the query holds.
    pub matched: RoaringTreemap,
    /// Every visible seq for which it cannot be told, because text was not read.
    pub unknown: RoaringTreemap,
}

/// Answers questions over a set of splits.
pub struct Searcher {
    splits: Vec<Arc<Split>>,
    fields: Fields,
}

/// Order as one rising key: what comes first is smallest. The complement of a number
/// falls as the number rises.
type Rank = (i64, u64);

impl Order {
    fn rank(self, sent: i64, seq: u64) -> Rank {
        match self {
            Order::OldestFirst => (sent, seq),
            Order::NewestFirst => (!sent, !seq),
        }
    }
}

impl Searcher {
    /// A searcher over `splits`. No copy may be in two of them.
    pub fn new(splits: Vec<Arc<Split>>) -> Self {
        Searcher {
            splits,
            fields: schema().1,
        }
    }

    /// Answers `request`. Splits are read in parallel; one that cannot be read fails the
    /// search, for an answer without it would look complete.
    pub fn search(&self, request: &Request<'_>) -> Result<Page, IndexError> {
        let plan = Plan::new(request.query, request.sets);
        let ask = Ask {
            plan: &plan,
            fields: self.fields,
            visible: request.visible,
            hidden: request.hidden,
            order: request.order,
            after: request
                .after
                .map(|after| request.order.rank(after.sent, after.seq)),
            limit: request.limit,
        };
        let answers: Result<Vec<Answer>, IndexError> = self
            .splits
            .par_iter()
            .map(|split| ask.split(split))
            .collect();
        let mut page = Page::default();
        let mut hits = Vec::new();
        for answer in answers? {
            hits.extend(answer.hits);
            page.matched |= answer.matched;
            page.unknown |= answer.unknown;
        }
        hits.sort_unstable_by_key(|(rank, _)| *rank);
        hits.truncate(request.limit);
        page.hits = hits.into_iter().map(|(_, hit)| hit).collect();
        Ok(page)
    }
}

/// A request as every split gets it.
struct Ask<'a> {
    plan: &'a Plan<'a>,
    fields: Fields,
    visible: Option<&'a RoaringTreemap>,
    hidden: Option<&'a RoaringTreemap>,
    order: Order,
    after: Option<Rank>,
    limit: usize,
}

/// One split's part of the page; its hits are in no order.
#[derive(Default)]
struct Answer {
    hits: Vec<(Rank, Hit)>,
    matched: RoaringTreemap,
    unknown: RoaringTreemap,
}

impl Ask<'_> {
    fn split(&self, split: &Split) -> Result<Answer, IndexError> {
        let seqs = split.seq_min()..=split.seq_max();
        if self
            .visible
            .is_some_and(|visible| visible.range_cardinality(seqs) == 0)
        {
            return Ok(Answer::default());
        }
        let opened = split.opened()?;
        guarded(split.id(), || {
            let evaluator = Evaluator {
                split: &opened,
                fields: self.fields,
            };
            let truth = evaluator
                .truth(self.plan)
                .map_err(|error| IndexError::from_engine(split.id(), error))?;
            let matched = self.seen(evaluator.seqs_of(&truth.holds));
            let unknown = self.seen(evaluator.seqs_of(&truth.unknown()));
            let mut best: BinaryHeap<(Rank, u32)> = BinaryHeap::new();
            let docs = if self.limit == 0 {
                None
            } else {
                Some(&truth.holds)
            };
            for doc in docs.into_iter().flatten() {
                let Some(seq) = opened.seq.first(doc) else {
                    continue;
                };
                let rank = self.order.rank(opened.sent.first(doc).unwrap_or(0), seq);
                let full = best.len() >= self.limit;
                if self.after.is_some_and(|after| rank <= after)
                    || (full && best.peek().is_some_and(|(worst, _)| rank >= *worst))
                    || !matched.contains(seq)
                {
                    continue;
                }
                if full {
                    best.pop();
                }
                best.push((rank, doc));
            }
            let hits = best.into_iter().filter_map(|(rank, doc)| {
                let sent = opened.sent.first(doc).unwrap_or(0);
                let hit = Hit {
                    seq: opened.seq.first(doc)?,
                    sent,
                    size: opened.size.first(doc)?,
                };
                Some((rank, hit))
            });
            Ok(Answer {
                hits: hits.collect(),
                matched,
                unknown,
            })
        })
    }

    fn seen(&self, mut seqs: RoaringTreemap) -> RoaringTreemap {
        if let Some(visible) = self.visible {
            seqs &= visible;
        }
        if let Some(hidden) = self.hidden {
            seqs -= hidden;
        }
        seqs
    }
}
