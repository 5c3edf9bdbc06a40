//! Reading values off an answer: atoms, strings, literals, lists.

use std::borrow::Cow;

use super::limits;
use super::reader::{Content, Literal, Raw};
use crate::imap::Numbers;

/// Where in an answer we are.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    literals: &'a [Literal],
}

/// A value that may be a string.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Nil,
    Bytes(Cow<'a, [u8]>),
    Streamed(u64),
    PassedOver(u64),
}

impl<'a> Value<'a> {
    pub(super) fn bytes(self) -> Option<Cow<'a, [u8]>> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

fn ends_atom(byte: u8) -> bool {
    matches!(byte, b' ' | b'(' | b')' | b'\t')
}

impl<'a> Cursor<'a> {
    pub(super) fn new(raw: &'a Raw) -> Self {
        Cursor {
            text: &raw.text,
            at: 0,
            literals: &raw.literals,
        }
    }

    /// One without literals.
    pub(super) fn of(text: &'a [u8]) -> Self {
        Cursor {
            text,
            at: 0,
            literals: &[],
        }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Nothing more but blanks.
    pub(super) fn is_over(&self) -> bool {
        self.rest().trim_ascii().is_empty()
    }

    /// Takes this byte, if it is next behind blanks.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        self.blanks();
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn take_while(&mut self, mut goes_on: impl FnMut(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let end = rest.iter().position(|byte| !goes_on(*byte));
        let (taken, _) = rest.split_at(end.unwrap_or(rest.len()));
        self.at += taken.len();
        taken
    }

    /// What stands until a blank or parenthesis; empty if nothing does.
    pub(super) fn atom(&mut self) -> &'a [u8] {
        self.blanks();
        self.take_while(|byte| !ends_atom(byte))
    }

    /// The name of an item of FETCH: blanks and parentheses within brackets are part of it.
    pub(super) fn item(&mut self) -> &'a [u8] {
        self.blanks();
        let mut depth = 0_u32;
        self.take_while(|byte| {
            match byte {
                b'[' => depth += 1,
                b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth > 0 || !ends_atom(byte)
        })
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self) -> Option<T> {
        let digits = self.atom();
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
        text.parse().ok()
    }

    /// A string of any form, or NIL.
    pub(super) fn value(&mut self) -> Option<Value<'a>> {
        self.blanks();
        match self.peek()? {
            b'"' => self.quoted().map(Value::Bytes),
            b'{' => self.literal(),
            b'~' if self.rest().starts_with(b"~{") => {
                self.at += 1;
                self.literal()
            }
            b'(' | b')' => None,
            _ => Some(match self.atom() {
                nil if nil.eq_ignore_ascii_case(b"NIL") => Value::Nil,
                atom => Value::Bytes(Cow::Borrowed(atom)),
            }),
        }
    }

    fn quoted(&mut self) -> Option<Cow<'a, [u8]>> {
        self.at += 1;
        let plain = self.take_while(|byte| !matches!(byte, b'"' | b'\\'));
        if self.peek()? == b'"' {
            self.at += 1;
            return Some(Cow::Borrowed(plain));
        }
        let mut whole = plain.to_vec();
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => return Some(Cow::Owned(whole)),
                b'\\' => {
                    whole.push(self.peek()?);
                    self.at += 1;
                }
                other => whole.push(other),
            }
        }
    }

    fn literal(&mut self) -> Option<Value<'a>> {
        self.take_while(|byte| byte != b'}');
        self.at += 1;
        let (first, rest) = self.literals.split_first()?;
        if first.after != self.at {
            return None;
        }
        self.literals = rest;
        Some(match &first.content {
            Content::Kept(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            Content::Streamed(size) => Value::Streamed(*size),
            Content::PassedOver(size) => Value::PassedOver(*size),
        })
    }

    /// Passes over a value of any form.
    pub(super) fn skip(&mut self) -> Option<()> {
        let mut depth = 0_u32;
        loop {
            self.blanks();
            match self.peek() {
                Some(b'(') => {
                    depth = depth
                        .checked_add(1)
                        .filter(|depth| *depth <= limits::DEPTH)?;
                    self.at += 1;
                }
                Some(b')') => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                Some(_) => {
                    self.value()?;
                }
                None => return None,
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// `(a b c)`. Words that are too long are left out.
    pub(super) fn words(&mut self) -> Option<Vec<String>> {
        if !self.takes(b'(') {
            return None;
        }
        let mut words = Vec::new();
        loop {
            if self.takes(b')') {
                return Some(words);
            }
            let word = self.atom();
            if word.is_empty() || words.len() >= limits::LIST {
                return None;
            }
            if word.len() <= limits::WORD {
                words.push(String::from_utf8_lossy(word).into_owned());
            }
        }
    }

    /// `1:4,7`.
    pub(super) fn numbers(&mut self) -> Option<Numbers> {
        numbers(self.atom())
    }
}

/// A set as a server writes it: no `*`.
pub(super) fn numbers(text: &[u8]) -> Option<Numbers> {
    let one = |digits: &[u8]| -> Option<u32> {
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
        text.parse().ok().filter(|number| *number > 0)
    };
    let mut ranges = Vec::new();
    for range in text.split(|byte| *byte == b',') {
        let mut ends = range.splitn(2, |byte| *byte == b':');
        let from = one(ends.next()?)?;
        let to = ends.next().map_or(Some(from), one)?;
        if ranges.len() >= limits::RANGES {
            return None;
        }
        ranges.push((from.min(to), from.max(to)));
    }
    Some(Numbers(ranges))
}
