//! What a query found: counts, pages in order, seqs.

use super::score::scores;
use super::search::Searcher;
use super::split::Opened;
use super::{IndexError, SplitId};
use everpost_domain::query::Query;
use rayon::prelude::*;
use roaring::{RoaringBitmap, RoaringTreemap};
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Which hits come first. Each order is total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The latest first; of one second, the one with the highest seq.
    NewestFirst,
    /// The earliest first; of one second, the one with the lowest seq.
    OldestFirst,
    /// The highest score first, then as `NewestFirst`.
    Score,
}

/// The place of a hit in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Its score in 65,536ths; 0 where hits are not in the order of their score.
    pub score: u32,
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
    /// Its score in 65,536ths; 0 where hits are not in the order of their score.
    pub score: u32,
}

impl Hit {
    /// Where the next page goes on.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            score: self.score,
            sent: self.sent,
            seq: self.seq,
        }
    }
}

/// The copies for which a query holds, and those for which that cannot be told. It stays
/// as it is whatever is indexed meanwhile, so that counts, pages and facets of one answer
/// agree.
pub struct Matches {
    pub(super) searcher: Searcher,
    query: Query,
    pub(super) found: Vec<Found>,
}

/// One split's part.
pub(super) struct Found {
    /// Its number among the searcher's splits.
    pub(super) part: usize,
    pub(super) id: SplitId,
    pub(super) opened: Arc<Opened>,
    pub(super) matched: RoaringBitmap,
    pub(super) unknown: RoaringBitmap,
}

/// An order as one rising key: what comes first is smallest. The complement of a number
/// falls as the number rises.
type Rank = (u32, i64, u64);

impl Order {
    fn rank(self, score: u32, sent: i64, seq: u64) -> Rank {
        match self {
            Order::OldestFirst => (0, sent, seq),
            Order::NewestFirst => (0, !sent, !seq),
            Order::Score => (!score, !sent, !seq),
        }
    }
}

impl Matches {
    pub(super) fn new(searcher: Searcher, query: Query, found: Vec<Found>) -> Self {
        Matches {
            searcher,
            query,
            found,
        }
    }

    /// Copies for which the query holds.
    pub fn count(&self) -> u64 {
        self.found.iter().map(|found| found.matched.len()).sum()
    }

    /// Copies for which it cannot be told, because text was not read.
    pub fn unknown(&self) -> u64 {
        self.found.iter().map(|found| found.unknown.len()).sum()
    }

    /// Seqs of the copies for which the query holds.
    pub fn seqs(&self) -> RoaringTreemap {
        self.collect(|found| &found.matched)
    }

    /// Seqs of the copies for which it cannot be told.
    pub fn unknown_seqs(&self) -> RoaringTreemap {
        self.collect(|found| &found.unknown)
    }

    fn collect(&self, docs: impl Fn(&Found) -> &RoaringBitmap) -> RoaringTreemap {
        let mut seqs = RoaringTreemap::new();
        for found in &self.found {
            seqs |= found.opened.seqs_of(docs(found));
        }
        seqs
    }

    /// The first `limit` hits after `after` in `order`.
    pub fn page(
        &self,
        order: Order,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<Hit>, IndexError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let after = after.map(|after| order.rank(after.score, after.sent, after.seq));
        let scores = match order {
            Order::Score => scores(&self.searcher, &self.query, &self.found)?,
            Order::NewestFirst | Order::OldestFirst => None,
        };
        let mut ranked: Vec<(Rank, Hit)> = match scores {
            Some(scores) => {
                let scored = self.found.par_iter().zip(scores);
                scored
                    .flat_map_iter(|(found, scores)| {
                        let score =
                            |doc: u32| scores.get(doc as usize).copied().unwrap_or_default();
                        found.best(order, after, limit, score)
                    })
                    .collect()
            }
            None => {
                let all = self.found.par_iter();
                all.flat_map_iter(|found| match found.worth_walking(limit) {
                    true => found.walk(order, after, limit),
                    false => found.best(order, after, limit, |_| 0),
                })
                .collect()
            }
        };
        ranked.sort_unstable_by_key(|(rank, _)| *rank);
        ranked.truncate(limit);
        Ok(ranked.into_iter().map(|(_, hit)| hit).collect())
    }
}

impl Found {
    fn hit(&self, doc: u32, score: u32) -> Option<Hit> {
        Some(Hit {
            seq: self.opened.seq(doc),
            sent: self.opened.sent(doc),
            size: self.opened.size.first(doc)?,
            score,
        })
    }

    /// True if so much is found that the first hits are met soon on a walk by date.
    fn worth_walking(&self, limit: usize) -> bool {
        let matched = self.matched.len();
        matched.saturating_mul(matched) / u64::from(self.opened.docs).max(1) > limit as u64
    }

    /// The first hits, by a walk over all documents in the order of their date.
    fn walk(&self, order: Order, after: Option<Rank>, limit: usize) -> Vec<(Rank, Hit)> {
        let docs = self.opened.by_date();
        let rank = |doc: u32| order.rank(0, self.opened.sent(doc), self.opened.seq(doc));
        let hit = |doc: &u32| {
            let found = self.matched.contains(*doc).then(|| self.hit(*doc, 0));
            found.flatten().map(|hit| (rank(*doc), hit))
        };
        if order == Order::OldestFirst {
            let start = docs.partition_point(|&doc| after.is_some_and(|after| rank(doc) <= after));
            let rest = docs.get(start..).unwrap_or_default();
            return rest.iter().filter_map(hit).take(limit).collect();
        }
        let end = docs.partition_point(|&doc| after.is_none_or(|after| rank(doc) > after));
        let rest = docs.get(..end).unwrap_or_default();
        rest.iter().rev().filter_map(hit).take(limit).collect()
    }

    /// The first hits, by a look at everything found; in no order.
    fn best(
        &self,
        order: Order,
        after: Option<Rank>,
        limit: usize,
        score: impl Fn(u32) -> u32,
    ) -> Vec<(Rank, Hit)> {
        let mut best: BinaryHeap<(Rank, u32)> = BinaryHeap::new();
        for doc in &self.matched {
            let rank = order.rank(score(doc), self.opened.sent(doc), self.opened.seq(doc));
            let full = best.len() >= limit;
            if after.is_some_and(|after| rank <= after)
                || (full && best.peek().is_some_and(|(worst, _)| rank >= *worst))
            {
                continue;
            }
            if full {
                best.pop();
            }
            best.push((rank, doc));
        }
        best.into_iter()
            .filter_map(|(rank, doc)| Some((rank, self.hit(doc, score(doc))?)))
            .collect()
    }
}
