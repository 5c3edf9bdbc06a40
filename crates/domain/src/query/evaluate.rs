//! A query evaluated on one copy in memory, with three values.

use super::seek::{Place, Seeker};
use super::{Field, Query, Test, glob};
use crate::message::{Address, Head, HeaderLine, SearchText};
use crate::text::fold_exact;

/// A copy as a query sees it.
#[derive(Clone, Copy)]
pub struct Document<'a> {
    /// What its header says.
    pub head: &'a Head,
    /// Its body.
    pub text: &'a SearchText,
    /// Header fields without a field of their own
    /// ([`searchable_headers`](crate::message::searchable_headers)).
    pub headers: &'a [HeaderLine],
    /// Its attachments ([`attachments`](crate::message::attachments)), with what is known of
    /// their text.
    pub attachments: &'a [AttachmentText<'a>],
    /// Bytes of the copy.
    pub size: u64,
    /// Since when it is held, in seconds since 1970.
    pub held: i64,
    /// Language of the body, as it was told when the copy was indexed
    /// ([`language_of`](crate::text::language_of)).
    pub language: Option<&'a str>,
    /// Answers what is said about a copy and not in it: `Mailbox`, `Folder`, `Tag`, `Server`
    /// and `Flag`. Never asked anything else.
    pub sets: &'a dyn Fn(&Test) -> bool,
}

/// One attachment of a [`Document`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttachmentText<'a> {
    /// File name.
    pub name: Option<&'a str>,
    /// Its [type](crate::message::attachment_type).
    pub kind: &'a str,
    /// Its text; none where that is unknown.
    pub text: Option<&'a str>,
    /// True if there is more text than `text`.
    pub cut: bool,
}

impl AttachmentText<'_> {
    /// True if words that were not found may yet be in it.
    pub fn is_unread(&self) -> bool {
        self.text.is_none() || self.cut
    }
}

/// True if the text of an attachment is not known in full. Where nobody listed the
/// attachments, what [`SearchText::read`] saw of them decides.
pub fn attachments_unread(text: &SearchText, attachments: &[AttachmentText<'_>]) -> bool {
    if attachments.is_empty() {
        text.attachments_unread
    } else {
        attachments.iter().any(AttachmentText::is_unread)
    }
}

/// The three values, least first: `And` is the least of its parts, `Or` the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// The query does not hold.
    False,
    /// It may hold: something that it asks about was not read.
    Unknown,
    /// The query holds.
    True,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Truth::True } else { Truth::False }
    }
}

impl std::ops::Not for Truth {
    type Output = Truth;

    fn not(self) -> Truth {
        match self {
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
            Truth::True => Truth::False,
        }
    }
}

/// Whether `query`, [lowered](Query::lower), holds for `document`. A word is unknown where
/// text that it is asked of was not read and it was not found elsewhere; everything else
/// is known, and unknown parts count by Kleene's logic. (`Age` and `Group`, which lowering
/// replaces, are unknown.)
pub fn evaluate(query: &Query, document: &Document<'_>) -> Truth {
    let mut words = Words::new(query, document).into_iter();
    truth(query, document, &mut words)
}

fn truth(query: &Query, document: &Document<'_>, words: &mut dyn Iterator<Item = Truth>) -> Truth {
    // Every part is visited, decided or not: each takes its words from the list.
    let mut each = |list: &[Query]| -> Vec<Truth> {
        list.iter()
            .map(|part| truth(part, document, words))
            .collect()
    };
    match query {
        Query::And(list) => each(list).into_iter().min().unwrap_or(Truth::True),
        Query::Or(list) => each(list).into_iter().max().unwrap_or(Truth::False),
        Query::Not(inner) => !truth(inner, document, words),
        Query::Test(test) => match fact(test, document) {
            Some(truth) => truth,
            None => words.next().unwrap_or(Truth::Unknown),
        },
    }
}

/// The truth of each test of words, in the order of the query.
struct Words;

impl Words {
    fn new(query: &Query, document: &Document<'_>) -> Vec<Truth> {
        let seeker = Seeker::new(query, true, &|_| true);
        let mut found = vec![false; seeker.needles.len()];
        values(document, &mut |place, text| {
            let open = || {
                let needles = seeker.needles.iter().zip(&found);
                needles
                    .filter(|(needle, found)| !**found && needle.place.covers(place))
                    .count()
            };
            if open() == 0 {
                return;
            }
            let scan = seeker.scan(text, usize::MAX);
            for (needle, found) in seeker.needles.iter().zip(&mut found) {
                *found = *found || (needle.place.covers(place) && scan.meets(needle));
            }
        });
        let needles = seeker.needles.iter().zip(found);
        needles
            .map(|(needle, found)| {
                if !found && is_unread(needle.place, document) {
                    Truth::Unknown
                } else {
                    found.into()
                }
            })
            .collect()
    }
}

/// True if text that `place` covers was not read.
fn is_unread(place: Place<'_>, document: &Document<'_>) -> bool {
    let body = document.text.body_unread && place.covers(Place::Field(Field::Body));
    let attachments = place.covers(Place::Field(Field::Attachment))
        && attachments_unread(document.text, document.attachments);
    body || attachments
}

/// Each value of each field, one by one: no phrase spans two of them.
pub(super) fn values<'a>(document: &Document<'a>, visit: &mut dyn FnMut(Place<'a>, &'a str)) {
    let head = document.head;
    visit(Place::Field(Field::Subject), &head.subject);
    for field in [Field::From, Field::To, Field::Cc, Field::Bcc] {
        for address in addresses(head, field) {
            visit(Place::Field(field), &address.name);
            visit(Place::Field(field), &address.email);
        }
    }
    for name in &head.filenames {
        visit(Place::Field(Field::Filename), name);
    }
    if let Some(list) = &head.list_id {
        visit(Place::Field(Field::List), list);
    }
    for line in document.headers {
        visit(Place::Header(&line.name), &line.value);
    }
    visit(Place::Field(Field::Body), &document.text.body);
    for text in document.attachments.iter().filter_map(|one| one.text) {
        visit(Place::Field(Field::Attachment), text);
    }
}

/// The addresses of a field.
pub(super) fn addresses(head: &Head, field: Field) -> impl Iterator<Item = &Address> {
    let on = move |one: Field| field == one || field == Field::Any;
    let of = move |one: Field, list: &'_ [Address]| if on(one) { list.len() } else { 0 };
    let from = head.from.iter().take(of(Field::From, &head.from));
    let sender = head.sender.iter().take(of(Field::From, &head.sender));
    let to = head.to.iter().take(of(Field::To, &head.to));
    let cc = head.cc.iter().take(of(Field::Cc, &head.cc));
    let bcc = head.bcc.iter().take(of(Field::Bcc, &head.bcc));
    from.chain(sender).chain(to).chain(cc).chain(bcc)
}

/// The truth of a test that asks for no words.
pub(super) fn fact(test: &Test, document: &Document<'_>) -> Option<Truth> {
    let head = document.head;
    let holds = match test {
        Test::Words { .. }
        | Test::Prefix { .. }
        | Test::Stem { .. }
        | Test::Near { .. }
        | Test::Header { .. } => return None,
        Test::Age { .. } | Test::Group { .. } => return Some(Truth::Unknown),
        Test::Address { field, address } => {
            addresses(head, *field).any(|one| is_address(one, address))
        }
        Test::Domain { field, domain } => {
            addresses(head, *field).any(|one| is_in_domain(one, domain))
        }
        Test::Filename(pattern) => head
            .filenames
            .iter()
            .any(|name| glob::matches(pattern, &fold_exact(name))),
        Test::Sent { from, until } => {
            let sent = head.sent.as_ref().map(|sent| sent.unix);
            sent.is_some_and(|sent| between(sent, *from, *until))
        }
        Test::Held { from, until } => between(document.held, *from, *until),
        Test::Size { from, until } => between(document.size, *from, *until),
        Test::HasAttachment => head.attachments > 0,
        Test::MessageId(id) => head.message_id.as_deref() == Some(id.as_bytes()),
        Test::AttachmentType(kind) => document.attachments.iter().any(|one| one.kind == kind),
        Test::Language(code) => document.language == Some(code.as_str()),
        Test::Mailbox(_) | Test::Folder(_) | Test::Tag(_) | Test::Server(_) | Test::Flag(_) => {
            (document.sets)(test)
        }
    };
    Some(holds.into())
}

fn between<T: PartialOrd>(value: T, from: Option<T>, until: Option<T>) -> bool {
    from.is_none_or(|from| value >= from) && until.is_none_or(|until| value < until)
}

/// True for this very address, folded.
pub(super) fn is_address(one: &Address, address: &str) -> bool {
    !one.email.is_empty() && fold_exact(&one.email) == address
}

/// True for an address at this domain or one below it.
pub(super) fn is_in_domain(one: &Address, domain: &str) -> bool {
    let email = fold_exact(&one.email);
    email.rsplit_once('@').is_some_and(|(_, found)| {
        found
            .strip_suffix(domain)
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}
