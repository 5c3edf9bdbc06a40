//! A query evaluated on one copy, by the book.

use super::Copy;
use everpost_domain::message::Address;
use everpost_domain::query::{Field, Query, Test};
use everpost_domain::text::{Terms, fold_exact};

/// The three values, least first: `and` is the least, `or` the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    No,
    Unknown,
    Yes,
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        if yes { Value::Yes } else { Value::No }
    }
}

pub(super) fn evaluate(query: &Query, copy: &Copy, in_set: &dyn Fn(&Test, u64) -> bool) -> Value {
    match query {
        Query::And(parts) => parts
            .iter()
            .map(|part| evaluate(part, copy, in_set))
            .min()
            .unwrap_or(Value::Yes),
        Query::Or(parts) => parts
            .iter()
            .map(|part| evaluate(part, copy, in_set))
            .max()
            .unwrap_or(Value::No),
        Query::Not(part) => match evaluate(part, copy, in_set) {
            Value::No => Value::Yes,
            Value::Unknown => Value::Unknown,
            Value::Yes => Value::No,
        },
        Query::Test(test) => check(test, copy, in_set),
    }
}

fn check(test: &Test, copy: &Copy, in_set: &dyn Fn(&Test, u64) -> bool) -> Value {
    let head = &copy.head;
    match test {
        Test::Words { field, terms } => words(copy, *field, terms, false),
        Test::Prefix { field, terms } => words(copy, *field, terms, true),
        Test::Address { field, address } => addresses(copy, *field)
            .any(|one| !one.email.is_empty() && fold_exact(&one.email) == *address)
            .into(),
        Test::Domain { field, domain } => addresses(copy, *field)
            .filter_map(|one| {
                fold_exact(&one.email)
                    .rsplit_once('@')
                    .map(|(_, domain)| domain.to_owned())
            })
            .any(|one| one == *domain || one.ends_with(&format!(".{domain}")))
            .into(),
        Test::Filename(pattern) => head
            .filenames
            .iter()
            .any(|name| glob(pattern.as_bytes(), fold_exact(name).as_bytes()))
            .into(),
        Test::Sent { from, until } => head
            .sent
            .is_some_and(|sent| {
                from.is_none_or(|from| sent.unix >= from)
                    && until.is_none_or(|until| sent.unix < until)
            })
            .into(),
        Test::Size { from, until } => (from.is_none_or(|from| copy.size >= from)
            && until.is_none_or(|until| copy.size < until))
        .into(),
        Test::HasAttachment => (head.attachments > 0).into(),
        Test::MessageId(id) => (head.message_id.as_deref() == Some(id.as_bytes())).into(),
        Test::Mailbox(_) | Test::Folder(_) => in_set(test, copy.seq).into(),
        _ => Value::No,
    }
}

/// Byte-wise, so for ASCII names only.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            glob(rest, text)
                || text
                    .split_first()
                    .is_some_and(|(_, more)| glob(pattern, more))
        }
        (Some((p, rest)), Some((t, more))) => (*p == b'?' || p == t) && glob(rest, more),
        _ => false,
    }
}

fn addresses(copy: &Copy, field: Field) -> impl Iterator<Item = &Address> {
    let head = &copy.head;
    let on = move |one: Field| field == one || field == Field::Any;
    let from = head
        .from
        .iter()
        .chain(&head.sender)
        .filter(move |_| on(Field::From));
    let to = head.to.iter().filter(move |_| on(Field::To));
    let cc = head.cc.iter().filter(move |_| on(Field::Cc));
    let bcc = head.bcc.iter().filter(move |_| on(Field::Bcc));
    from.chain(to).chain(cc).chain(bcc)
}

fn words(copy: &Copy, field: Field, terms: &[String], open: bool) -> Value {
    let on = |one: Field| field == one || field == Field::Any;
    let mut texts: Vec<&str> = Vec::new();
    if on(Field::Body) {
        texts.push(&copy.text.body);
    }
    if on(Field::Subject) {
        texts.push(&copy.head.subject);
    }
    if on(Field::Filename) {
        texts.extend(copy.head.filenames.iter().map(String::as_str));
    }
    if !matches!(field, Field::Body | Field::Subject | Field::Filename) {
        texts.extend(addresses(copy, field).flat_map(|one| [one.name.as_str(), &one.email]));
    }
    if texts.iter().any(|text| holds(text, terms, open)) {
        Value::Yes
    } else if copy.text.body_unread && matches!(field, Field::Any | Field::Body) {
        Value::Unknown
    } else {
        Value::No
    }
}

fn holds(text: &str, wanted: &[String], open: bool) -> bool {
    let mut seen = Vec::new();
    let mut terms = Terms::new(text);
    while terms.advance() {
        seen.push((terms.position(), terms.term().to_owned()));
    }
    let (last, before) = wanted.split_last().unwrap();
    seen.iter().any(|(start, _)| {
        let at = |position: u32, fits: &dyn Fn(&str) -> bool| {
            seen.iter()
                .any(|(place, term)| *place == position && fits(term))
        };
        (*start..)
            .zip(before)
            .all(|(position, word)| at(position, &|term| term == word))
            && at(start + before.len() as u32, &|term| {
                if open {
                    term.starts_with(last)
                } else {
                    term == last
                }
            })
    })
}
