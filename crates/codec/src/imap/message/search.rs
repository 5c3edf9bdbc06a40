//! SEARCH: does a message answer to a key (RFC 9051 §6.4.4)?
//!
//! A [`Query`] is made of a key once and asked for each message. Its parts stand in the order of
//! what they cost: flags, numbers and sizes decide before the header is asked for, and the header
//! before the body, so that most messages are never opened.

use super::subject::fold;
use super::texts::{BodyText, HeaderText};
use crate::imap::command::{Day, SearchKey};
use crate::imap::set::Saved;
use everpost_domain::message::{Sent, civil, text_of_bytes};
use std::collections::BTreeSet;

/// A message that is asked. What the first methods tell is at hand in a mailbox's list; `sent`,
/// `header` and `body` are asked for when nothing else decides, and should keep what they read.
pub trait Candidate {
    /// Its message number.
    fn number(&self) -> u32;
    /// Its UID.
    fn uid(&self) -> u32;
    /// The last saved search found it (`$`, RFC 5182).
    fn is_saved(&self) -> bool;
    /// It has this flag or keyword, whose case does not matter.
    fn has_flag(&self, flag: &str) -> bool;
    /// INTERNALDATE, in seconds since 1970.
    fn internal_date(&self) -> i64;
    /// RFC822.SIZE.
    fn size(&self) -> u64;
    /// MODSEQ.
    fn modseq(&self) -> u64;
    /// EMAILID (RFC 8474).
    fn email_id(&self) -> &str;
    /// THREADID, if it has one.
    fn thread_id(&self) -> Option<&str>;
    /// What the Date field says, if there is one that can be read. Of the header, for who keeps
    /// nothing nearer.
    fn sent(&mut self) -> Option<Sent> {
        self.header().sent
    }
    /// Its header.
    fn header(&mut self) -> &HeaderText;
    /// Its body.
    fn body(&mut self) -> &BodyText;
}

/// What a query may have to read of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// The date of its Date field.
    pub sent: bool,
    /// Its header.
    pub header: bool,
    /// Its body.
    pub body: bool,
}

impl Needs {
    fn and(self, other: Needs) -> Needs {
        Needs {
            sent: self.sent || other.sent,
            header: self.header || other.header,
            body: self.body || other.body,
        }
    }

    /// What it costs to find out, by rank.
    fn cost(self) -> u8 {
        match self {
            Needs { body: true, .. } => 3,
            Needs { header: true, .. } => 2,
            Needs { sent: true, .. } => 1,
            _ => 0,
        }
    }
}

/// True for a charset whose strings are understood; another one is answered `NO [BADCHARSET
/// (US-ASCII UTF-8)]`. The name is in upper case.
pub fn charset_known(charset: Option<&str>) -> bool {
    matches!(charset, None | Some("UTF-8" | "US-ASCII"))
}

/// What a key means depends on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Context {
    /// Now, in seconds since 1970: for YOUNGER and OLDER (RFC 5032).
    pub now: i64,
    /// The number of the mailbox's last message, `*` in a set of numbers; 0 in an empty one.
    pub largest_number: u32,
    /// That message's UID.
    pub largest_uid: u32,
}

/// A search key made ready.
#[derive(Debug, Clone)]
pub struct Query {
    test: Test,
    needs: Needs,
}

/// [`SearchKey`] with folded strings, and the parts of a conjunction by what they cost.
#[derive(Debug, Clone)]
enum Test {
    And(Vec<Query>),
    Or(Box<(Query, Query)>),
    Not(Box<Query>),
    Never,
    /// Ranges in order.
    Number(Vec<(u32, u32)>),
    Uid(Vec<(u32, u32)>),
    Saved,
    Flag(String),
    /// INTERNALDATE, or the Date field.
    Day(Clock, Order, Day),
    Larger(u64),
    Smaller(u64),
    /// INTERNALDATE is that or later.
    Since(i64),
    /// INTERNALDATE is that or earlier.
    Until(i64),
    /// Field name in lower case, needle.
    Field(String, String),
    Body(String),
    Text(String),
    ModSeq(u64),
    EmailId(String),
    ThreadId(String),
}

#[derive(Debug, Clone, Copy)]
enum Clock {
    Internal,
    Sent,
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Before,
    On,
    Since,
}

impl Query {
    /// Makes a query of a key. Recursion is as deep as the key, which the reader of commands bounds.
    pub fn new(key: &SearchKey, context: Context) -> Query {
        let day = |clock, order, day: &Day| {
            let sent = matches!(clock, Clock::Sent);
            let needs = Needs {
                sent,
                ..Needs::default()
            };
            (Test::Day(clock, order, *day), needs)
        };
        let text = |header, body| Needs {
            sent: false,
            header,
            body,
        };
        let (test, needs) = match key {
            SearchKey::And(keys) => return Query::all(keys, context),
            SearchKey::Or(one, other) => {
                let (one, other) = (Query::new(one, context), Query::new(other, context));
                let needs = one.needs.and(other.needs);
                let pair = if other.needs.cost() < one.needs.cost() {
                    (other, one)
                } else {
                    (one, other)
                };
                (Test::Or(Box::new(pair)), needs)
            }
            SearchKey::Not(key) => {
                let query = Query::new(key, context);
                let needs = query.needs;
                (Test::Not(Box::new(query)), needs)
            }
            SearchKey::Recent => (Test::Never, Needs::default()),
            SearchKey::Sequence(Saved::Saved) | SearchKey::Uid(Saved::Saved) => {
                (Test::Saved, Needs::default())
            }
            SearchKey::Sequence(Saved::These(set)) => {
                let ranges = set.ranges(context.largest_number);
                (Test::Number(ranges), Needs::default())
            }
            SearchKey::Uid(Saved::These(set)) => {
                (Test::Uid(set.ranges(context.largest_uid)), Needs::default())
            }
            SearchKey::Flag(flag) => (Test::Flag(flag.clone()), Needs::default()),
            SearchKey::Before(it) => day(Clock::Internal, Order::Before, it),
            SearchKey::On(it) => day(Clock::Internal, Order::On, it),
            SearchKey::Since(it) => day(Clock::Internal, Order::Since, it),
            SearchKey::SentBefore(it) => day(Clock::Sent, Order::Before, it),
            SearchKey::SentOn(it) => day(Clock::Sent, Order::On, it),
            SearchKey::SentSince(it) => day(Clock::Sent, Order::Since, it),
            SearchKey::Larger(size) => (Test::Larger(*size), Needs::default()),
            SearchKey::Smaller(size) => (Test::Smaller(*size), Needs::default()),
            SearchKey::Younger(seconds) => {
                let since = context.now.saturating_sub(i64::from(*seconds));
                (Test::Since(since), Needs::default())
            }
            SearchKey::Older(seconds) => {
                let until = context.now.saturating_sub(i64::from(*seconds));
                (Test::Until(until), Needs::default())
            }
            SearchKey::Header(name, value) => (
                Test::Field(name.to_ascii_lowercase(), needle(value)),
                text(true, false),
            ),
            SearchKey::Body(value) => (Test::Body(needle(value)), text(false, true)),
            SearchKey::Text(value) => (Test::Text(needle(value)), text(true, true)),
            SearchKey::ModSeq(modseq) => (Test::ModSeq(*modseq), Needs::default()),
            SearchKey::EmailId(id) => (Test::EmailId(id.clone()), Needs::default()),
            SearchKey::ThreadId(id) => (Test::ThreadId(id.clone()), Needs::default()),
        };
        Query { test, needs }
    }

    fn all(keys: &[SearchKey], context: Context) -> Query {
        let mut parts: Vec<Query> = keys.iter().map(|key| Query::new(key, context)).collect();
        parts.sort_by_key(|part| part.needs.cost());
        let needs = parts
            .iter()
            .fold(Needs::default(), |needs, part| needs.and(part.needs));
        Query {
            test: Test::And(parts),
            needs,
        }
    }

    /// What it may have to read of a message.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// The names, in lower case, of the only fields of a header that it asks for; `None` if it may
    /// look at all of them. Who keeps some fields apart can answer from there.
    pub fn fields(&self) -> Option<BTreeSet<&str>> {
        let mut names = BTreeSet::new();
        self.gather_fields(&mut names).then_some(names)
    }

    fn gather_fields<'a>(&'a self, names: &mut BTreeSet<&'a str>) -> bool {
        match &self.test {
            Test::And(parts) => parts.iter().all(|part| part.gather_fields(names)),
            Test::Or(pair) => pair.0.gather_fields(names) && pair.1.gather_fields(names),
            Test::Not(query) => query.gather_fields(names),
            Test::Field(name, _) => {
                names.insert(name);
                true
            }
            Test::Text(_) => false,
            _ => true,
        }
    }

    /// True if the message answers to it.
    pub fn matches(&self, message: &mut impl Candidate) -> bool {
        match &self.test {
            Test::And(parts) => parts.iter().all(|part| part.matches(message)),
            Test::Or(pair) => pair.0.matches(message) || pair.1.matches(message),
            Test::Not(query) => !query.matches(message),
            Test::Never => false,
            Test::Saved => message.is_saved(),
            Test::Number(ranges) => hold(ranges, message.number()),
            Test::Uid(ranges) => hold(ranges, message.uid()),
            Test::Flag(flag) => message.has_flag(flag),
            Test::Day(Clock::Internal, order, day) => {
                // In UTC: the zone in which a client was told INTERNALDATE is the server's choice.
                compares(message.internal_date(), *order, *day)
            }
            Test::Day(Clock::Sent, order, day) => message.sent().is_some_and(|sent| {
                // The day that stands in the field, whatever its zone.
                let zone = i64::from(sent.offset_minutes).saturating_mul(60);
                compares(sent.unix.saturating_add(zone), *order, *day)
            }),
            Test::Larger(size) => message.size() > *size,
            Test::Smaller(size) => message.size() < *size,
            Test::Since(instant) => message.internal_date() >= *instant,
            Test::Until(instant) => message.internal_date() <= *instant,
            Test::Field(name, needle) => message.header().field_contains(name, needle),
            Test::Body(needle) => message.body().contains(needle),
            Test::Text(needle) => {
                message.header().contains(needle) || message.body().contains_anywhere(needle)
            }
            Test::ModSeq(modseq) => message.modseq() >= *modseq,
            Test::EmailId(id) => message.email_id() == id,
            Test::ThreadId(id) => message.thread_id() == Some(id),
        }
    }
}

/// What is looked for, folded. Old clients send Latin-1 without saying so.
fn needle(value: &[u8]) -> String {
    fold(&text_of_bytes(value, None))
}

/// True if one of the ranges, which are in order, holds `number`.
fn hold(ranges: &[(u32, u32)], number: u32) -> bool {
    let at = ranges.partition_point(|&(_, to)| to < number);
    ranges.get(at).is_some_and(|&(from, _)| from <= number)
}

/// Compares the day of an instant.
fn compares(unix: i64, order: Order, than: Day) -> bool {
    let (year, month, day, ..) = civil(unix);
    let it = (year, month, day);
    let than = (i64::from(than.year), than.month, than.day);
    match order {
        Order::Before => it < than,
        Order::On => it == than,
        Order::Since => it >= than,
    }
}

#[cfg(test)]
mod tests;
