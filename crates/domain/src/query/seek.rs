//! Looks for the words of a query in a text: one pass over the text for all of them.
//!
//! A query asks for *needles*: terms that stand in a row, or two such rows near one
//! another. Each term of a row is a *pattern*: exact, open (a prefix) or a stem.
//! [`Seeker::scan`] notes where each pattern occurs, and all else is arithmetic on
//! positions. Evaluator, reasons and highlights use this same code.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Field, Operand, Query, Test};
use crate::text::{Language, Stem, Terms, is_unspaced};

/// Where a row occurs: positions of its first and last term, and the bytes between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    first: u32,
    last: u32,
    pub(super) range: Range<usize>,
}

/// One term that met a pattern.
#[derive(Debug, Clone)]
struct At {
    position: u32,
    range: Range<usize>,
}

/// Where a needle is asked for, and where a text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'q> {
    Field(Field),
    Header(&'q str),
}

impl Place<'_> {
    /// True if what is asked for here is looked for in a text from `other`.
    pub(super) fn covers(self, other: Place<'_>) -> bool {
        match (self, other) {
            (Place::Field(Field::Any), Place::Field(one)) => one != Field::List,
            _ => self == other,
        }
    }
}

/// What one test of words asks for.
pub(super) struct Needle<'q> {
    pub(super) place: Place<'q>,
    shape: Shape,
}

/// Patterns by their numbers.
enum Shape {
    Row(Vec<usize>),
    Near(Vec<usize>, Vec<usize>, u32),
}

/// Terms in a row, as a test has them.
enum Row<'q> {
    Terms(&'q [String], bool),
    Stem(Option<Language>, &'q str),
}

impl<'q> From<&'q Operand> for Row<'q> {
    fn from(operand: &'q Operand) -> Self {
        match operand {
            Operand::Words(terms) => Row::Terms(terms, false),
            Operand::Prefix(terms) => Row::Terms(terms, true),
            Operand::Stem { language, word } => Row::Stem(*language, word),
        }
    }
}

/// All needles of a query, ready to be looked for.
pub(super) struct Seeker<'q> {
    pub(super) needles: Vec<Needle<'q>>,
    exact: BTreeMap<&'q str, usize>,
    open: BTreeMap<&'q str, usize>,
    stems: Vec<(Option<Language>, &'q str, Stem, usize)>,
    patterns: usize,
    /// First bytes of what can meet a pattern: most terms begin like none, and need no look
    /// at the maps.
    initials: [bool; 256],
}

impl<'q> Seeker<'q> {
    /// The needles of `query` in the order in which its tests stand, those of negated tests
    /// too if `negated`, that are asked of a place which `wanted` wants.
    pub(super) fn new(query: &'q Query, negated: bool, wanted: &dyn Fn(Place<'_>) -> bool) -> Self {
        let mut seeker = Seeker {
            needles: Vec::new(),
            exact: BTreeMap::new(),
            open: BTreeMap::new(),
            stems: Vec::new(),
            patterns: 0,
            initials: [false; 256],
        };
        seeker.add(query, negated, wanted);
        seeker
    }

    fn add(&mut self, query: &'q Query, negated: bool, wanted: &dyn Fn(Place<'_>) -> bool) {
        match query {
            Query::And(list) | Query::Or(list) => {
                list.iter().for_each(|part| self.add(part, negated, wanted));
            }
            Query::Not(inner) if negated => self.add(inner, negated, wanted),
            Query::Not(_) => {}
            Query::Test(test) => {
                if let Some(place) = place_of(test).filter(|place| wanted(*place)) {
                    let shape = self.shape(test);
                    self.needles
                        .extend(shape.map(|shape| Needle { place, shape }));
                }
            }
        }
    }

    fn shape(&mut self, test: &'q Test) -> Option<Shape> {
        Some(Shape::Row(match test {
            Test::Words { terms, .. } => self.row(Row::Terms(terms, false)),
            Test::Prefix { terms, .. } => self.row(Row::Terms(terms, true)),
            Test::Header { terms, open, .. } => self.row(Row::Terms(terms, *open)),
            Test::Stem { language, word, .. } => self.row(Row::Stem(*language, word)),
            Test::Near {
                left,
                right,
                distance,
                ..
            } => {
                let (left, right) = (self.row(left.into()), self.row(right.into()));
                return Some(Shape::Near(left, right, *distance));
            }
            _ => return None,
        }))
    }

    fn row(&mut self, row: Row<'q>) -> Vec<usize> {
        match row {
            Row::Terms(terms, open) => {
                let Some((last, before)) = terms.split_last() else {
                    return Vec::new();
                };
                let mut row: Vec<usize> =
                    before.iter().map(|term| self.term(term, false)).collect();
                row.push(self.term(last, open));
                row
            }
            Row::Stem(language, word) => {
                let mut known = self.stems.iter();
                if let Some(&(_, _, _, number)) =
                    known.find(|(l, w, _, _)| (*l, *w) == (language, word))
                {
                    return vec![number];
                }
                let stem = Stem::new(language, word);
                for prefix in stem.prefixes() {
                    begins(&mut self.initials, prefix);
                }
                self.stems.push((language, word, stem, self.patterns));
                self.patterns += 1;
                vec![self.patterns - 1]
            }
        }
    }

    fn term(&mut self, term: &'q str, open: bool) -> usize {
        begins(&mut self.initials, term);
        let map = if open {
            &mut self.open
        } else {
            &mut self.exact
        };
        let number = *map.entry(term).or_insert(self.patterns);
        self.patterns = self.patterns.max(number + 1);
        number
    }

    /// Notes where the patterns occur in `text`, the first `most` of each.
    pub(super) fn scan(&self, text: &str, most: usize) -> Scan {
        let mut scan = Scan {
            at: vec![Vec::new(); self.patterns],
            most,
        };
        if self.patterns == 0 {
            return scan;
        }
        // Stemming is slow beside all else, and texts repeat their words.
        let mut stemmed: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut terms = Terms::new(text);
        while terms.advance() {
            let (term, position, range) = (terms.term(), terms.position(), terms.range());
            let initial = term.as_bytes().first().copied().unwrap_or_default();
            if !self
                .initials
                .get(usize::from(initial))
                .is_some_and(|&is| is)
            {
                continue;
            }
            if let Some(&number) = self.exact.get(term) {
                scan.note(number, position, range.clone());
            }
            if !self.open.is_empty() {
                let ends = term.char_indices().map(|(at, _)| at).skip(1);
                for prefix in ends.chain([term.len()]).filter_map(|end| term.get(..end)) {
                    if let Some(&number) = self.open.get(prefix) {
                        let end = end_of(text, term, prefix, &range);
                        scan.note(number, position, range.start..end);
                    }
                }
            }
            if !self.stems.is_empty() {
                if !stemmed.contains_key(term) {
                    stemmed.insert(term.to_owned(), self.stems_of(term));
                }
                for &number in stemmed.get(term).into_iter().flatten() {
                    scan.note(number, position, range.clone());
                }
            }
        }
        scan
    }

    fn stems_of(&self, term: &str) -> Vec<usize> {
        let met = self
            .stems
            .iter()
            .filter(|(_, _, stem, _)| stem.matches(term));
        met.map(|&(_, _, _, number)| number).collect()
    }
}

/// Where a test looks for words; none for all other tests.
fn place_of(test: &Test) -> Option<Place<'_>> {
    match test {
        Test::Words { field, .. }
        | Test::Prefix { field, .. }
        | Test::Stem { field, .. }
        | Test::Near { field, .. } => Some(Place::Field(*field)),
        Test::Header { name, .. } => Some(Place::Header(name)),
        _ => None,
    }
}

fn begins(initials: &mut [bool; 256], term: &str) {
    match term.as_bytes().first() {
        Some(&first) => {
            if let Some(flag) = initials.get_mut(usize::from(first)) {
                *flag = true;
            }
        }
        // Everything begins with nothing.
        None => initials.fill(true),
    }
}

/// Where to end the mark of a prefix: at the end of a word, but after the one character
/// of a pair that was asked for.
fn end_of(text: &str, term: &str, prefix: &str, range: &Range<usize>) -> usize {
    if prefix.len() == term.len() || !prefix.starts_with(is_unspaced) {
        return range.end;
    }
    let first = text
        .get(range.clone())
        .and_then(|source| source.chars().next());
    first.map_or(range.end, |c| range.start + c.len_utf8())
}

/// Where each pattern occurs in one text, by position.
pub(super) struct Scan {
    at: Vec<Vec<At>>,
    most: usize,
}

impl Scan {
    fn note(&mut self, number: usize, position: u32, range: Range<usize>) {
        if let Some(list) = self.at.get_mut(number).filter(|l| l.len() < self.most) {
            list.push(At { position, range });
        }
    }

    /// Where a needle is met, in order of the text, and on which of its sides.
    pub(super) fn met(&self, needle: &Needle<'_>) -> Vec<(usize, Span)> {
        match &needle.shape {
            Shape::Row(row) => self.row(row).into_iter().map(|span| (0, span)).collect(),
            Shape::Near(left, right, distance) => {
                let (left, right) = (self.row(left), self.row(right));
                let near = |span: &Span, others: &[Span]| is_near(span, others, *distance);
                let lefts = left.iter().filter(|span| near(span, &right));
                let rights = right.iter().filter(|span| near(span, &left));
                let mut met: Vec<(usize, Span)> = lefts
                    .map(|span| (0, span.clone()))
                    .chain(rights.map(|span| (1, span.clone())))
                    .collect();
                met.sort_by_key(|(_, span)| (span.first, span.last));
                met
            }
        }
    }

    /// True if a needle is met at all.
    pub(super) fn meets(&self, needle: &Needle<'_>) -> bool {
        match &needle.shape {
            Shape::Row(row) => !self.row(row).is_empty(),
            Shape::Near(left, right, distance) => {
                let (left, right) = (self.row(left), self.row(right));
                left.iter().any(|span| is_near(span, &right, *distance))
            }
        }
    }

    /// Where the patterns of a row stand one after the other.
    fn row(&self, row: &[usize]) -> Vec<Span> {
        let lists: Option<Vec<&Vec<At>>> = row.iter().map(|&number| self.at.get(number)).collect();
        let lists = lists.unwrap_or_default();
        let (Some(firsts), Some(lasts)) = (lists.first(), lists.last()) else {
            return Vec::new();
        };
        let length = u32::try_from(lists.len() - 1).unwrap_or(u32::MAX);
        let mut order: Vec<(u32, &Vec<At>)> = (0..).zip(lists.iter().copied()).collect();
        // The rarest first: what stays is never more.
        order.sort_by_key(|(_, list)| list.len());
        let mut starts: Option<Vec<u32>> = None;
        for (offset, list) in order {
            let here = list.iter().filter_map(|at| at.position.checked_sub(offset));
            starts = Some(match starts {
                None => here.collect(),
                Some(mut known) => {
                    known.retain(|start| holds(list, start.saturating_add(offset)));
                    known
                }
            });
            if starts.as_ref().is_some_and(Vec::is_empty) {
                return Vec::new();
            }
        }
        let mut starts = starts.unwrap_or_default();
        // A tail stands at the position of the pair before it.
        starts.dedup();
        let mut out = Vec::with_capacity(starts.len());
        for first in starts {
            let last = first.saturating_add(length);
            if length == 0 {
                out.extend(at(firsts, first).iter().map(|at| Span {
                    first,
                    last,
                    range: at.range.clone(),
                }));
                continue;
            }
            let start = at(firsts, first).first().map_or(0, |at| at.range.start);
            let ends = at(lasts, last).iter().map(|at| at.range.end);
            let end = ends.max().unwrap_or(start);
            out.push(Span {
                first,
                last,
                range: start..end,
            });
        }
        out
    }
}

/// What stands at a position.
fn at(list: &[At], position: u32) -> &[At] {
    let from = list.partition_point(|at| at.position < position);
    let until = list.partition_point(|at| at.position <= position);
    list.get(from..until).unwrap_or_default()
}

fn holds(list: &[At], position: u32) -> bool {
    !at(list, position).is_empty()
}

/// True if one of `others` stands apart from `span` and at most `distance` positions
/// before or after it. All of them are of the same length.
fn is_near(span: &Span, others: &[Span], distance: u32) -> bool {
    let after = others.partition_point(|other| other.first <= span.last);
    let before = others.partition_point(|other| other.last < span.first);
    let follows = others
        .get(after)
        .is_some_and(|other| other.first - span.last <= distance);
    let precedes = before
        .checked_sub(1)
        .and_then(|before| others.get(before))
        .is_some_and(|other| span.first - other.last <= distance);
    follows || precedes
}
