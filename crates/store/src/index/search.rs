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
    pub(crate) parts: Arc<[Part]>,
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
        let answers = self.answers(question, &self.in_reach(question))?;
        self.gather(question, answers)
    }

    /// The numbers of the splits that may hold something of what is visible.
    pub fn in_reach(&self, question: &Question<'_>) -> Vec<usize> {
        let reaches = |(number, part): (usize, &Part)| {
            let seqs = part.split.seq_min()..=part.split.seq_max();
            let visible = question.visible;
            let reached = visible.is_none_or(|visible| visible.range_cardinality(seqs) > 0);
            reached.then_some(number)
        };
        self.parts.iter().enumerate().filter_map(reaches).collect()
    }

    /// What the query says of the splits with these numbers, whoever may see it.
    pub fn answers(
        &self,
        question: &Question<'_>,
        numbers: &[usize],
    ) -> Result<Vec<(usize, Answer)>, IndexError> {
        let plan = Plan::new(question.query, question.sets);
        let answer = |&number: &usize| Some((number, evaluate(self.parts.get(number)?, &plan)));
        let answers = numbers.par_iter().filter_map(answer);
        answers
            .map(|(number, answer)| Ok((number, answer?)))
            .collect()
    }

    /// Leaves out what is dead, hidden or not visible, of the answers of all splits in reach,
    /// whoever evaluated them.
    pub fn gather(
        &self,
        question: &Question<'_>,
        answers: Vec<(usize, Answer)>,
    ) -> Result<Matches, IndexError> {
        // The question holds a closure that threads may not share.
        let (visible, hidden) = (question.visible, question.hidden);
        let found = answers
            .into_par_iter()
            .filter_map(|(number, answer)| {
                let part = self.parts.get(number)?;
                Some(leave_out(number, part, answer, visible, hidden))
            })
            .collect::<Result<Vec<Found>, IndexError>>()?;
        Ok(Matches::new(self.clone(), question.query.clone(), found))
    }
}

/// What a query says of one split's documents, those that count no more and those that nobody may
/// see included.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// It holds.
    pub holds: RoaringBitmap,
    /// It cannot be told.
    pub unknown: RoaringBitmap,
}

fn evaluate(part: &Part, plan: &Plan<'_>) -> Result<Answer, IndexError> {
    let opened = part.split.opened()?;
    let id = part.split.id();
    let truth = guarded(id, || {
        Evaluator::new(&opened)
            .truth(plan)
            .map_err(|error| IndexError::from_engine(id, error))
    })?;
    Ok(Answer {
        unknown: truth.unknown(),
        holds: truth.holds,
    })
}

fn leave_out(
    number: usize,
    part: &Part,
    answer: Answer,
    visible: Option<&RoaringTreemap>,
    hidden: Option<&RoaringTreemap>,
) -> Result<Found, IndexError> {
    let opened = part.split.opened()?;
    let (mut matched, mut unknown) = (answer.holds, answer.unknown);
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
        id: part.split.id(),
        opened,
        matched,
        unknown,
    })
}
