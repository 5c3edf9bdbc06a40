//! Stand-in until the index has its own.
use super::*;
use everpost_domain::query::{Query, Test};
use roaring::RoaringTreemap;
use std::sync::Arc;

/// A question.
pub struct Question<'a> {
    /// .
    pub query: &'a Query,
    /// .
    pub sets: &'a dyn Fn(&Test) -> Option<Arc<RoaringTreemap>>,
    /// .
    pub visible: Option<&'a RoaringTreemap>,
    /// .
    pub hidden: Option<&'a RoaringTreemap>,
}

/// .
pub struct Matches {
    hits: Vec<Hit>,
    matched: RoaringTreemap,
    unknown: RoaringTreemap,
}

impl Searcher {
    /// .
    pub fn matches(&self, question: &Question<'_>) -> Result<Matches, IndexError> {
        let page = self.search(&Request {
            query: question.query,
            sets: question.sets,
            visible: question.visible,
            hidden: question.hidden,
            order: Order::OldestFirst,
            after: None,
            limit: usize::MAX,
        })?;
        Ok(Matches { hits: page.hits, matched: page.matched, unknown: page.unknown })
    }
}

impl Matches {
    /// .
    pub fn count(&self) -> u64 { self.matched.len() }
    /// .
    pub fn unknown(&self) -> u64 { self.unknown.len() }
    /// .
    pub fn seqs(&self, among: Option<&RoaringTreemap>) -> RoaringTreemap {
        among.map_or(self.matched.clone(), |among| among & &self.matched)
    }
    /// .
    pub fn unknown_seqs(&self, among: Option<&RoaringTreemap>) -> RoaringTreemap {
        among.map_or(self.unknown.clone(), |among| among & &self.unknown)
    }
    /// .
    pub fn leave_out(&mut self, seqs: &RoaringTreemap) {
        self.matched -= seqs;
        self.unknown -= seqs;
        self.hits.retain(|hit| !seqs.contains(hit.seq));
    }
    /// .
    pub fn page(&self, order: Order, after: Option<Cursor>, limit: usize) -> Result<Vec<Hit>, IndexError> {
        let mut hits = self.hits.clone();
        if order != Order::OldestFirst { hits.reverse(); }
        let at = after.map_or(0, |after| hits.iter().position(|hit| match order {
            Order::OldestFirst => (hit.sent, hit.seq) > (after.sent, after.seq),
            _ => (hit.sent, hit.seq) < (after.sent, after.seq),
        }).unwrap_or(hits.len()));
        Ok(hits.into_iter().skip(at).take(limit).collect())
    }
}
