//! What a query may cost whoever answers it, estimated from the query alone.

use super::{Operand, Query, Test, limit};

/// Units of one test beyond the terms in it.
const TEST: u64 = 1;
/// Each term: a list of places to read.
const TERM: u64 = 1;
/// A prefix: one list for each word that begins so.
const PREFIX: u64 = 4;
/// A prefix of two or three characters, which many words begin with.
const SHORT: u64 = 16;
/// A stem in one language: words that begin alike are stemmed and compared.
const STEM: u64 = 8;
/// A stem in any language: compared in more than a dozen.
const ANY_STEM: u64 = 24;
/// Words near one another: places are compared, not only lists.
const NEAR: u64 = 4;
/// A pattern of file names: all names that begin alike are compared.
const PATTERN: u64 = 8;

/// What costs, as the message names it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Words,
    Prefixes,
    Stems,
    Near,
    Patterns,
    Others,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Words => "words and phrases",
            Kind::Prefixes => "prefixes",
            Kind::Stems => "stems",
            Kind::Near => "`NEAR`",
            Kind::Patterns => "file name patterns",
            Kind::Others => "other tests",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Kind::Prefixes => "write more of each word before its `*`, or split the query in two",
            Kind::Stems => "name the language (`stem:en:run`), or split the query in two",
            Kind::Near => {
                "put fewer words into the groups beside `NEAR`, or split the query in two"
            }
            _ => "split the query in two",
        }
    }
}

/// Units that a query costs.
pub fn cost(query: &Query) -> u64 {
    let mut spent = Vec::new();
    count(query, &mut spent);
    spent.iter().map(|&(_, units)| units).sum()
}

/// What is wrong with a query that costs too much, and what would help.
pub(super) fn over(query: &Query) -> Option<(String, &'static str)> {
    let mut spent = Vec::new();
    count(query, &mut spent);
    let total: u64 = spent.iter().map(|&(_, units)| units).sum();
    if total <= limit::COST {
        return None;
    }
    let &(kind, most) = spent.iter().max_by_key(|&&(_, units)| units)?;
    let what = format!(
        "the query costs {total} units, more than {}; {most} of them are for {}",
        limit::COST,
        kind.name()
    );
    Some((what, kind.hint()))
}

fn count(query: &Query, spent: &mut Vec<(Kind, u64)>) {
    match query {
        Query::And(list) | Query::Or(list) => list.iter().for_each(|part| count(part, spent)),
        Query::Not(inner) => count(inner, spent),
        Query::Test(test) => {
            let (kind, units) = units(test);
            match spent.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, sum)) => *sum = sum.saturating_add(units),
                None => spent.push((kind, units)),
            }
        }
    }
}

fn units(test: &Test) -> (Kind, u64) {
    let (kind, units) = match test {
        Test::Words { terms, .. }
        | Test::Header {
            terms, open: false, ..
        } => (Kind::Words, row(terms, false)),
        Test::Prefix { terms, .. } | Test::Header { terms, .. } => {
            (Kind::Prefixes, row(terms, true))
        }
        Test::Stem { language, .. } => (Kind::Stems, stem(language.is_some())),
        Test::Near { left, right, .. } => (Kind::Near, NEAR + operand(left) + operand(right)),
        Test::Filename(_) => (Kind::Patterns, PATTERN),
        _ => (Kind::Others, 0),
    };
    (kind, units.saturating_add(TEST))
}

fn operand(operand: &Operand) -> u64 {
    match operand {
        Operand::Words(terms) => row(terms, false),
        Operand::Prefix(terms) => row(terms, true),
        Operand::Stem { language, .. } => stem(language.is_some()),
    }
}

fn row(terms: &[String], open: bool) -> u64 {
    let short = terms.last().is_some_and(|last| last.chars().count() < 4);
    let prefix = match (open, short) {
        (false, _) => 0,
        (true, false) => PREFIX,
        (true, true) => SHORT,
    };
    TERM.saturating_mul(terms.len() as u64)
        .saturating_add(prefix)
}

fn stem(named: bool) -> u64 {
    if named { STEM } else { ANY_STEM }
}
