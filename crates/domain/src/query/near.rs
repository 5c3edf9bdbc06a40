//! `NEAR`: two operands, or two groups of them, become tests.

use super::error::Fault;
use super::lex::Span;
use super::{Field, Operand, Query, Test, limit};

/// The number after `NEAR/`.
pub(super) fn distance(text: Option<&str>, span: Span) -> Result<u32, Fault> {
    let hint =
        "write how many words apart: `a NEAR/5 b`; in lower case it is a word like any other";
    let Some(text) = text else {
        return Err(Fault::new(span, "`NEAR` does not say how near").hint(hint));
    };
    let number = Some(text).filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    match number.and_then(|text| text.parse::<u32>().ok()) {
        Some(number) if (1..=limit::NEAR).contains(&number) => Ok(number),
        Some(0) => Err(Fault::new(span, "words that are 0 apart are one").hint(hint)),
        Some(_) => Err(Fault::new(
            span,
            format!("`NEAR` reaches {} words at most", limit::NEAR),
        )
        .hint("for words anywhere in a text leave it out: a space means both")),
        None => Err(Fault::new(span, format!("`NEAR/{text}` has no number of words")).hint(hint)),
    }
}

/// Both sides near one another. A group on a side is any of its members, so that the
/// result is any of all pairs.
pub(super) fn join(left: &Query, right: &Query, distance: u32, span: Span) -> Result<Query, Fault> {
    let (left, right) = (side(left, span)?, side(right, span)?);
    if left.fields != right.fields {
        return Err(
            Fault::new(span, "`NEAR` looks at both sides in the same field")
                .hint("put the field before both: `subject:(a NEAR/5 b)`"),
        );
    }
    let pairs = left.operands.len().saturating_mul(right.operands.len());
    let tests = pairs.saturating_mul(left.fields.len());
    if tests > limit::TESTS {
        let what = format!(
            "the groups around `NEAR` make {tests} pairs; a query has at most {} tests",
            limit::TESTS
        );
        return Err(Fault::new(span, what).hint("use a prefix or `stem:` in the place of a group"));
    }
    let mut out = Vec::with_capacity(tests);
    for one in &left.operands {
        for other in &right.operands {
            for &field in &left.fields {
                out.push(Query::Test(Test::Near {
                    field,
                    left: (*one).clone(),
                    right: (*other).clone(),
                    distance,
                }));
            }
        }
    }
    Ok(Query::any(out))
}

/// Tests of a part.
pub(super) fn tests(query: &Query) -> usize {
    match query {
        Query::And(list) | Query::Or(list) => list.iter().map(tests).sum(),
        Query::Not(inner) => tests(inner),
        Query::Test(_) => 1,
    }
}

/// Tests by which `query` is more than the two sides that it was made of.
pub(super) fn more(left: &Query, right: &Query, query: &Query) -> usize {
    tests(query).saturating_sub(tests(left).saturating_add(tests(right)))
}

/// One side: operands, each of which is looked for in each field.
struct Side {
    fields: Vec<Field>,
    operands: Vec<Operand>,
}

fn side(query: &Query, span: Span) -> Result<Side, Fault> {
    let members = match query {
        Query::Or(list) => list.as_slice(),
        other => std::slice::from_ref(other),
    };
    let mut fields = Vec::new();
    let mut operands = Vec::new();
    let mut known = Vec::new();
    for member in members {
        let (field, operand) = operand(member).ok_or_else(|| not_words(member, span))?;
        if !fields.contains(&field) {
            fields.push(field);
        }
        if !operands.contains(&operand) {
            operands.push(operand.clone());
        }
        known.push((field, operand));
    }
    let each = |field: &Field| {
        let mut all = operands.iter();
        all.all(|operand| known.contains(&(*field, operand.clone())))
    };
    if !fields.iter().all(each) {
        return Err(Fault::new(
            span,
            "the words beside `NEAR` are asked of different fields",
        )
        .hint("put one field before all: `subject:((a OR b) NEAR/5 c)`"));
    }
    fields.sort_unstable();
    Ok(Side { fields, operands })
}

fn operand(query: &Query) -> Option<(Field, Operand)> {
    let Query::Test(test) = query else {
        return None;
    };
    match test.clone() {
        Test::Words { field, terms } => Some((field, Operand::Words(terms))),
        Test::Prefix { field, terms } => Some((field, Operand::Prefix(terms))),
        Test::Stem {
            field,
            language,
            word,
        } => Some((field, Operand::Stem { language, word })),
        _ => None,
    }
}

fn not_words(query: &Query, span: Span) -> Fault {
    let (what, hint) = match query {
        Query::Test(Test::Near { .. }) => (
            "`NEAR` joins two, not three",
            "say it twice: `a NEAR/5 b` and `b NEAR/5 c`",
        ),
        Query::Not(_) => (
            "`NEAR` stands between what is looked for, not between what is not",
            "negate the whole of it: `-(a NEAR/5 b)`",
        ),
        Query::And(_) => (
            "`NEAR` stands between words and phrases, not between several at once",
            "a group beside it is written with `OR`, words in a row as a phrase",
        ),
        _ => (
            "`NEAR` stands between words, phrases, prefixes and stems only",
            "an address in quotes is a phrase: `\"ann@example.org\"`",
        ),
    };
    Fault::new(span, what).hint(hint)
}
