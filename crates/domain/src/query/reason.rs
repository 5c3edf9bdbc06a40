//! Why a copy matched: each test of a query, whether it holds, and where.

use super::evaluate::{addresses, evaluate, fact, is_address, is_in_domain, values};
use super::seek::{Place, Seeker};
use super::{Document, Field, Query, Test, Truth, glob};
use crate::text::fold_exact;
use std::ops::Range;

/// One test that a query does not negate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The test.
    pub test: Test,
    /// Whether it holds.
    pub truth: Truth,
    /// Where it was met first, for tests of words, addresses and names.
    pub met: Option<Met>,
}

/// Where a test was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// What it was met in.
    pub source: Source,
    /// The bytes that met it, of the value or text.
    pub range: Range<usize>,
    /// These bytes, the first 200 of them.
    pub text: String,
}

/// What a test was met in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A value of a field, never `Any` or `Attachment`.
    Field(Field),
    /// The text of an attachment, by its number in [`Document::attachments`].
    Attachment(usize),
    /// A header field, by its name.
    Header(String),
}

/// Bytes of what was met that are shown.
const SHOWN: usize = 200;

/// Each test of `query`, [lowered](Query::lower), that is not negated, in order.
pub fn why(query: &Query, document: &Document<'_>) -> Vec<Reason> {
    let mut tests = Vec::new();
    positive(query, &mut tests);
    let reason = |test: &&Test| {
        let alone = Query::Test((*test).clone());
        Reason {
            test: (*test).clone(),
            truth: evaluate(&alone, document),
            met: match fact(test, document) {
                None => words(&alone, document),
                Some(_) => named(test, document),
            },
        }
    };
    tests.iter().map(reason).collect()
}

fn positive<'q>(query: &'q Query, tests: &mut Vec<&'q Test>) {
    match query {
        Query::And(list) | Query::Or(list) => {
            list.iter().for_each(|part| positive(part, tests));
        }
        Query::Not(_) => {}
        Query::Test(test) => tests.push(test),
    }
}

fn words(query: &Query, document: &Document<'_>) -> Option<Met> {
    let seeker = Seeker::new(query, false, &|_| true);
    let needle = seeker.needles.first()?;
    let mut met = None;
    let mut attachment = 0;
    // The number of an attachment counts those without text too.
    let numbers = document.attachments.iter().enumerate();
    let mut numbers = numbers.filter(|(_, one)| one.text.is_some());
    values(document, &mut |place, text| {
        if place == Place::Field(Field::Attachment) {
            attachment = numbers.next().map_or(0, |(number, _)| number);
        }
        if met.is_some() || !needle.place.covers(place) {
            return;
        }
        let found = seeker.scan(text, usize::MAX).met(needle);
        let source = match place {
            Place::Field(Field::Attachment) => Source::Attachment(attachment),
            Place::Field(field) => Source::Field(field),
            Place::Header(name) => Source::Header(name.to_owned()),
        };
        met = found
            .first()
            .map(|(_, span)| shown(source, text, &span.range));
    });
    met
}

/// The address or file name that met a test.
fn named(test: &Test, document: &Document<'_>) -> Option<Met> {
    let whole = |source, text: &str| shown(source, text, &(0..text.len()));
    if let Test::Filename(pattern) = test {
        let mut names = document.head.filenames.iter();
        let found = names.find(|name| glob::matches(pattern, &fold_exact(name)))?;
        return Some(whole(Source::Field(Field::Filename), found));
    }
    let asked = match test {
        Test::Address { field, .. } | Test::Domain { field, .. } => *field,
        _ => return None,
    };
    let fields = [Field::From, Field::To, Field::Cc, Field::Bcc];
    let mut fields = fields
        .into_iter()
        .filter(|one| asked == Field::Any || asked == *one);
    fields.find_map(|field| {
        let found = addresses(document.head, field).find(|one| match test {
            Test::Address { address, .. } => is_address(one, address),
            Test::Domain { domain, .. } => is_in_domain(one, domain),
            _ => false,
        })?;
        Some(whole(Source::Field(field), &found.email))
    })
}

fn shown(source: Source, text: &str, range: &Range<usize>) -> Met {
    let end = range.end.min(range.start.saturating_add(SHOWN));
    let end = text.floor_char_boundary(end);
    Met {
        source,
        range: range.clone(),
        text: text.get(range.start..end).unwrap_or_default().to_owned(),
    }
}
