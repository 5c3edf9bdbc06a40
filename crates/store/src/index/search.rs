//! Searches many splits and puts the answers together.

use super::error::guarded;
use super::evaluate::Evaluator;
use super::matches::{Found, Matches};
use super::plan::Plan;
use super::split::Opened;
use super::{IndexError, Split};
use everpost_domain::query::{Query, Test};
use rayon::prelude::*;
use roaring::{RoaringBitmap, RoaringTreemap};
use std::sync::Arc;

/// A split and those of its documents that count no more.
#[derive(Debug, Clone)]
pub struct Part {
    /// The split.
    pub split: Arc<Split>,
    /// Seqs of documents that were replaced by one in another split.
    pub dead: Arc<RoaringTreemap>,
}

impl From<Arc<Split>> for Part {
    fn from(split: Arc<Split>) -> Self {
        Part {
            split,
            dead: Arc::default(),
        }
    }
}

impl Part {
    /// The documents that count no more.
    pub(crate) fn dead_docs(&self, opened: &Opened) -> RoaringBitmap {
        if self.dead.is_empty() {
            return RoaringBitmap::new();
        }
        opened.docs_of(&self.dead)
    }
}

/// A question.
pub struct Question<'a> {
    /// What is looked for, lowered.
    pub query: &'a Query,
    /// The seqs for which a test that the catalog answers holds; `None` is none.
    pub sets: &'a dyn Fn(&Test) -> Option<Arc<RoaringTreemap>>,
    /// Only these seqs, if given: rights and scopes.
    pub visible: Option<&'a RoaringTreemap>,
    /// Never these: withdrawn, purged or otherwise gone.
    pub hidden: Option<&'a RoaringTreemap>,
}

/// Answers questions over a set of splits.
#[derive(Debug, Clone)]
pub struct Searcher {
    pub(super) parts: Arc<[Part]>,
}

impl Searcher {
    /// A searcher over splits. No copy may live in two of them.
    pub fn new(parts: impl IntoIterator<Item = impl Into<Part>>) -> Self {
        Searcher {
            parts: parts.into_iter().map(Into::into).collect(),
        }
    }

    /// The copies for which a query holds. Splits are read in parallel; one that cannot be
    /// read fails the search, for an answer without it would look complete.
    pub fn matches(&self, question: &Question<'_>) -> Result<Matches, IndexError> {
        let plan = Plan::new(question.query, question.sets);
        // The plan borrows what threads may share; the closure it was made with may not be.
        let (visible, hidden) = (question.visible, question.hidden);
        let found = self
            .parts
            .par_iter()
            .enumerate()
            .filter(|(_, part)| {
                let seqs = part.split.seq_min()..=part.split.seq_max();
                visible.is_none_or(|visible| visible.range_cardinality(seqs) > 0)
            })
            .map(|(number, part)| find(number, part, &plan, visible, hidden))
            .collect::<Result<Vec<Found>, IndexError>>()?;
        Ok(Matches::new(self.clone(), question.query.clone(), found))
    }
}

fn find(
    number: usize,
    part: &Part,
    plan: &Plan<'_>,
    visible: Option<&RoaringTreemap>,
    hidden: Option<&RoaringTreemap>,
) -> Result<Found, IndexError> {
    let opened = part.split.opened()?;
    let id = part.split.id();
    let truth = guarded(id, || {
        Evaluator::new(&opened)
            .truth(plan)
            .map_err(|error| IndexError::from_engine(id, error))
    })?;
    let mut unknown = truth.unknown();
    let mut matched = truth.holds;
    let mut gone = part.dead_docs(&opened);
    if let Some(hidden) = hidden {
        gone |= opened.docs_of(hidden);
    }
    if !gone.is_empty() {
        matched -= &gone;
        unknown -= &gone;
    }
    if let Some(visible) = visible {
        let visible = opened.docs_of(visible);
        matched &= &visible;
        unknown &= &visible;
    }
    Ok(Found {
        part: number,
        id,
        opened,
        matched,
        unknown,
    })
}
