//! Answers, out of what the reader cut.

use super::answer::{Answer, Counts, Found, Kind, Listed, Namespace, Namespaces, Status};
use super::code::{capabilities, code_and_text};
use super::cursor::{Cursor, Value};
use super::fetch::fetched;
use super::limits;
use super::reader::Raw;
use crate::imap::Numbers;

/// A whole answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// `+`, with what follows.
    Continue(Vec<u8>),
    /// The answer to a command.
    Tagged(Vec<u8>, Status),
    Untagged(Answer),
}

pub(super) fn parse(raw: &Raw) -> Line {
    let mut cursor = Cursor::new(raw);
    let first = cursor.atom();
    match first {
        b"+" => Line::Continue(cursor.rest().trim_ascii().to_vec()),
        b"*" => {
            let said = untagged(&mut cursor);
            Line::Untagged(said.unwrap_or_else(|| Answer::Malformed(shown(&raw.text))))
        }
        tag => match status(&mut cursor) {
            Some(status) if !tag.is_empty() => Line::Tagged(tag.to_vec(), status),
            _ => Line::Untagged(Answer::Malformed(shown(&raw.text))),
        },
    }
}

fn shown(text: &[u8]) -> String {
    let text = text.get(..limits::WORD).unwrap_or(text);
    String::from_utf8_lossy(text).into_owned()
}

fn kind(word: &[u8]) -> Option<Kind> {
    Some(match word {
        b"OK" => Kind::Ok,
        b"NO" => Kind::No,
        b"BAD" => Kind::Bad,
        b"PREAUTH" => Kind::Preauth,
        b"BYE" => Kind::Bye,
        _ => return None,
    })
}

fn status(cursor: &mut Cursor<'_>) -> Option<Status> {
    let kind = kind(&cursor.atom().to_ascii_uppercase())?;
    let (code, text) = code_and_text(cursor.rest());
    Some(Status { kind, code, text })
}

fn untagged(cursor: &mut Cursor<'_>) -> Option<Answer> {
    let mut ahead = cursor.clone();
    if let Some(status) = status(&mut ahead) {
        return Some(Answer::Status(status));
    }
    let word = cursor.atom().to_ascii_uppercase();
    if !word.is_empty() && word.iter().all(u8::is_ascii_digit) {
        let number = std::str::from_utf8(&word).ok()?.parse().ok()?;
        return numbered(number, cursor);
    }
    Some(match word.as_slice() {
        b"CAPABILITY" => Answer::Capabilities(capabilities(cursor)),
        b"ENABLED" => Answer::Enabled(capabilities(cursor)),
        b"FLAGS" => Answer::Flags(cursor.words()?),
        b"LIST" => Answer::Listed(listed(cursor)?),
        b"LSUB" => Answer::Subscribed(listed(cursor)?),
        b"NAMESPACE" => Answer::Namespaces(namespaces(cursor)?),
        b"STATUS" => Answer::Counted(counts(cursor)?),
        b"SEARCH" => Answer::Found(search(cursor)?),
        b"ESEARCH" => Answer::Found(esearch(cursor)?),
        b"VANISHED" => {
            let earlier = cursor.takes(b'(');
            if earlier {
                let word = cursor.atom();
                if !word.eq_ignore_ascii_case(b"EARLIER") || !cursor.takes(b')') {
                    return None;
                }
            }
            let uids = cursor.numbers()?;
            Answer::Vanished { earlier, uids }
        }
        b"" => return None,
        other => Answer::Other(shown(other)),
    })
}

fn numbered(number: u32, cursor: &mut Cursor<'_>) -> Option<Answer> {
    let word = cursor.atom().to_ascii_uppercase();
    Some(match word.as_slice() {
        b"EXISTS" => Answer::Exists(number),
        b"EXPUNGE" => Answer::Expunged(number),
        b"FETCH" => Answer::Fetched(fetched(number, cursor)?),
        b"" => return None,
        other => Answer::Other(shown(other)),
    })
}

fn listed(cursor: &mut Cursor<'_>) -> Option<Listed> {
    let attributes = cursor.words()?;
    let delimiter = delimiter(cursor)?;
    let name = cursor.value()?;
    // What a name that is NIL or too long to be kept may be nobody knows; a server that calls a mailbox NIL is believed.
    let name = match name {
        Value::Nil => b"NIL".to_vec(),
        name => name.bytes()?.into_owned(),
    };
    Some(Listed {
        attributes,
        delimiter,
        name,
    })
}

/// A character in a string, or NIL. The outer `None`: neither.
fn delimiter(cursor: &mut Cursor<'_>) -> Option<Option<char>> {
    match cursor.value()? {
        Value::Nil => Some(None),
        Value::Bytes(bytes) if bytes.is_empty() => Some(None),
        Value::Bytes(bytes) => {
            let text = std::str::from_utf8(&bytes).ok()?;
            let mut letters = text.chars();
            let first = letters.next();
            letters.next().is_none().then_some(first)
        }
        _ => None,
    }
}

fn namespaces(cursor: &mut Cursor<'_>) -> Option<Namespaces> {
    let personal = namespace(cursor)?;
    let mut foreign = namespace(cursor)?;
    foreign.extend(namespace(cursor)?);
    Some(Namespaces { personal, foreign })
}

fn namespace(cursor: &mut Cursor<'_>) -> Option<Vec<Namespace>> {
    let mut all = Vec::new();
    if !cursor.takes(b'(') {
        return (cursor.value()? == Value::Nil).then_some(all);
    }
    while !cursor.takes(b')') {
        if !cursor.takes(b'(') || all.len() >= limits::LIST {
            return None;
        }
        let prefix = cursor.value()?.bytes()?.into_owned();
        let delimiter = delimiter(cursor)?;
        while !cursor.takes(b')') {
            cursor.skip()?;
        }
        all.push(Namespace { prefix, delimiter });
    }
    Some(all)
}

fn counts(cursor: &mut Cursor<'_>) -> Option<Counts> {
    let mut counts = Counts {
        name: cursor.value()?.bytes()?.into_owned(),
        ..Counts::default()
    };
    if !cursor.takes(b'(') {
        return None;
    }
    while !cursor.takes(b')') {
        let item = cursor.atom().to_ascii_uppercase();
        match item.as_slice() {
            b"" => return None,
            b"MESSAGES" => counts.messages = Some(cursor.number()?),
            b"UIDNEXT" => counts.uidnext = cursor.number().filter(|number| *number > 0),
            b"UIDVALIDITY" => counts.uidvalidity = cursor.number().filter(|number| *number > 0),
            b"HIGHESTMODSEQ" => counts.modseq = cursor.number().filter(|number| *number > 0),
            b"SIZE" => counts.size = Some(cursor.number()?),
            b"MAILBOXID" => counts.id = cursor.words()?.into_iter().next(),
            _ => cursor.skip()?,
        }
    }
    Some(counts)
}

fn search(cursor: &mut Cursor<'_>) -> Option<Found> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    while !cursor.is_over() {
        cursor.blanks();
        if cursor.peek() == Some(b'(') {
            cursor.skip()?;
            continue;
        }
        let number: u32 = cursor.number().filter(|number| *number > 0)?;
        match ranges.last_mut() {
            Some((_, to)) if to.checked_add(1) == Some(number) => *to = number,
            _ => ranges.push((number, number)),
        }
        if ranges.len() > limits::RANGES {
            return None;
        }
    }
    Some(Found {
        numbers: Numbers(ranges),
        ..Found::default()
    })
}

fn esearch(cursor: &mut Cursor<'_>) -> Option<Found> {
    let mut found = Found::default();
    if cursor.takes(b'(') {
        while !cursor.takes(b')') {
            let name = cursor.atom().to_ascii_uppercase();
            let value = cursor.value()?;
            if name == b"TAG" {
                found.tag = value.bytes().map(|tag| tag.into_owned());
            }
        }
    }
    while !cursor.is_over() {
        let name = cursor.atom().to_ascii_uppercase();
        match name.as_slice() {
            b"" => return None,
            b"UID" => {}
            b"ALL" => found.numbers = cursor.numbers()?,
            b"COUNT" => found.count = Some(cursor.number()?),
            _ => cursor.skip()?,
        }
    }
    Some(found)
}
