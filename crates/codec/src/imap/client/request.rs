//! Commands, as they are sent.

use std::fmt::Write as _;

use crate::imap::{Numbers, internal_date};

/// A command that can be sent.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) parts: Vec<Part>,
    pub(super) changes: bool,
    pub(super) streams: bool,
    pub(super) talks: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Part {
    Text(Vec<u8>),
    Literal(Vec<u8>),
    /// A message of so many octets; whether it has NUL.
    Message(u64, bool),
}

/// It has a control character, and there is no form in which a command could have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this cannot be said in IMAP")]
pub struct Unsayable;

/// Whether this can be sent as a flag: an atom, or a backslash and an atom.
pub fn is_flag(name: &str) -> bool {
    let atom = name.strip_prefix('\\').unwrap_or(name);
    let is_plain = |byte: u8| {
        byte.is_ascii_graphic()
            && !matches!(byte, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
    };
    !atom.is_empty() && atom.len() <= super::limits::WORD && atom.bytes().all(is_plain)
}

impl Request {
    /// A command of these words, which changes nothing.
    pub fn new(text: impl Into<Vec<u8>>) -> Self {
        Request {
            parts: vec![Part::Text(text.into())],
            changes: false,
            streams: false,
            talks: false,
        }
    }

    /// It changes something on the server: its [fate](super::Client::fate) matters.
    #[must_use]
    pub fn changing(mut self) -> Self {
        self.changes = true;
        self
    }

    /// Messages that come with the answer are told in pieces.
    #[must_use]
    pub fn streaming(mut self) -> Self {
        self.streams = true;
        self
    }

    /// The server will ask, and [`reply`](super::Client::reply) answers.
    #[must_use]
    pub fn talking(mut self) -> Self {
        self.talks = true;
        self
    }

    /// Adds words, with a blank before them.
    #[must_use]
    pub fn word(mut self, text: &str) -> Self {
        self.text(b" ");
        self.text(text.as_bytes());
        self
    }

    /// Adds numbers.
    #[must_use]
    pub fn numbers(self, numbers: &Numbers) -> Self {
        self.word(&numbers.to_string())
    }

    /// Adds a string in quotes; of what quotes cannot have, nothing may be in it.
    ///
    /// # Errors
    /// Where it has a NUL or a line end.
    pub fn quoted(mut self, bytes: &[u8]) -> Result<Self, Unsayable> {
        if bytes.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return Err(Unsayable);
        }
        let mut text = vec![b' ', b'"'];
        for byte in bytes {
            if matches!(byte, b'"' | b'\\') {
                text.push(b'\\');
            }
            text.push(*byte);
        }
        text.push(b'"');
        self.text(&text);
        Ok(self)
    }

    /// Adds a string of any bytes but NUL: in quotes where that can be, else as a literal.
    ///
    /// # Errors
    /// Where it has a NUL.
    pub fn string(mut self, bytes: &[u8]) -> Result<Self, Unsayable> {
        if bytes.contains(&0) {
            return Err(Unsayable);
        }
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~');
        if bytes.iter().all(is_plain) {
            return self.quoted(bytes);
        }
        self.text(b" ");
        self.parts.push(Part::Literal(bytes.to_vec()));
        Ok(self)
    }

    /// Adds flags in parentheses; those that are [none](is_flag) are left out.
    #[must_use]
    pub fn flags<'a>(self, flags: impl IntoIterator<Item = &'a str>) -> Self {
        let flags: Vec<&str> = flags.into_iter().filter(|flag| is_flag(flag)).collect();
        self.word(&format!("({})", flags.join(" ")))
    }

    /// Adds an INTERNALDATE.
    #[must_use]
    pub fn date(self, unix: i64) -> Self {
        let mut text = String::new();
        // Writing to a string cannot fail.
        write!(text, "\"{}\"", internal_date(unix, 0)).ok();
        self.word(&text)
    }

    /// Adds a message of so many octets, which is asked for when the server wants it. `binary`: it has NUL, which only
    /// servers with BINARY take.
    #[must_use]
    pub fn message(mut self, octets: u64, binary: bool) -> Self {
        self.text(b" ");
        self.parts.push(Part::Message(octets, binary));
        self
    }

    fn text(&mut self, bytes: &[u8]) {
        match self.parts.last_mut() {
            Some(Part::Text(text)) => text.extend_from_slice(bytes),
            _ => self.parts.push(Part::Text(bytes.to_vec())),
        }
    }
}
