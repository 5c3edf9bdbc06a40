//! Address fields for ENVELOPE: as they are written, with routes and groups.
//!
//! `everpost_domain::message::Head` reads addresses for people: decoded, groups dissolved. ENVELOPE
//! wants RFC 5322 §3.4 taken apart without decoding (RFC 9051 §7.5.2), so there is this reader too.
//! Like that one it never fails: broken quotes and brackets are text.

use everpost_domain::message::unfold;

/// Most bytes of a field that are read, and most addresses that are told of one: lists of thousands
/// of recipients exist, more were made to be large.
const FIELD: usize = 1 << 20;
const ADDRESSES: usize = 10_000;

/// Longest address literal: RFC 5321 §4.5.3.1.2. Its end is not looked for beyond.
const LITERAL: usize = 255;

/// What stands for a mailbox or a host that is missing. NIL would open or end a group; these words
/// are Dovecot's, which programs know.
pub(super) const NO_MAILBOX: &[u8] = b"MISSING_MAILBOX";
pub(super) const NO_HOST: &[u8] = b"MISSING_DOMAIN";

/// One element of an address list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Element {
    /// A mailbox.
    Mailbox {
        /// Display name without quotes, encoded words left as they are.
        name: Option<Vec<u8>>,
        /// The obsolete source route `@a,@b` (RFC 5322 §4.4).
        route: Option<Vec<u8>>,
        /// Local part without quotes.
        local: Vec<u8>,
        /// Domain; empty if there is none.
        host: Vec<u8>,
    },
    /// A group of this name opens.
    Open(Vec<u8>),
    /// It ends.
    Close,
}

/// Appends the elements of a field's value.
pub(super) fn read(value: &[u8], out: &mut Vec<Element>) {
    let text = unfold(value.get(..FIELD).unwrap_or(value));
    let mut reader = Reader {
        rest: &text,
        quotes: true,
        comments: true,
        group: false,
        after_at: false,
        tokens: Vec::new(),
        out,
    };
    reader.run();
}

/// A piece of a phrase or of an address.
enum Token {
    /// A run without blanks and specials.
    Word(Vec<u8>),
    /// The inside of a quoted string, backslashes gone.
    Quoted(Vec<u8>),
    /// The inside of a comment.
    Comment(Vec<u8>),
    /// `@`.
    At,
    /// What angle brackets hold.
    Angle(Vec<Token>),
    Blank,
}

struct Reader<'a, 'b> {
    rest: &'a [u8],
    /// False once a quote (comment) was found to have no end: later ones are text, for looking for
    /// the end of each would read the field as often as it holds them.
    quotes: bool,
    comments: bool,
    /// A group is open.
    group: bool,
    /// An `@` was read last.
    after_at: bool,
    /// What was read since the last element.
    tokens: Vec<Token>,
    out: &'b mut Vec<Element>,
}

impl Reader<'_, '_> {
    fn run(&mut self) {
        while self.out.len() < ADDRESSES
            && let Some((&first, after)) = self.rest.split_first()
        {
            match first {
                b',' => {
                    self.rest = after;
                    self.mailboxes();
                }
                b';' => {
                    self.rest = after;
                    self.mailboxes();
                    self.close();
                }
                b':' if self.is_phrase() => {
                    self.rest = after;
                    self.open();
                }
                b'<' => {
                    self.rest = after;
                    let inside = self.angle();
                    self.tokens.push(Token::Angle(inside));
                }
                _ => {
                    let token = self.token();
                    self.tokens.push(token);
                }
            }
        }
        if self.out.len() < ADDRESSES {
            self.mailboxes();
        }
        self.close();
    }

    /// True if what was read can be a group's name.
    fn is_phrase(&self) -> bool {
        let mut words = false;
        for token in &self.tokens {
            match token {
                Token::At | Token::Angle(_) => return false,
                Token::Word(_) | Token::Quoted(_) => words = true,
                Token::Comment(_) | Token::Blank => {}
            }
        }
        words
    }

    fn open(&mut self) {
        self.close();
        let name = phrase(&std::mem::take(&mut self.tokens));
        if !name.eq_ignore_ascii_case(b"mailto") {
            self.out.push(Element::Open(name));
            self.group = true;
        }
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.group) {
            self.out.push(Element::Close);
        }
    }

    /// What was read is a mailbox, if it is anything; where commas are missing it is several.
    fn mailboxes(&mut self) {
        let mut angle: Option<(Vec<Token>, Vec<Token>)> = None;
        let mut words = Vec::new();
        for token in std::mem::take(&mut self.tokens) {
            let Token::Angle(inside) = token else {
                words.push(token);
                continue;
            };
            let name = std::mem::take(&mut words);
            if let Some((before, inside)) = angle.replace((name, inside)) {
                self.push(in_brackets(&before, &inside, &[]));
            }
        }
        match angle {
            Some((before, inside)) => self.push(in_brackets(&before, &inside, &words)),
            None => self.bare(&words),
        }
    }

    /// Addresses without brackets.
    fn bare(&mut self, tokens: &[Token]) {
        let mut rest = tokens;
        while let Some(at) = rest.iter().position(|token| matches!(token, Token::At)) {
            let (before, host) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            let (host, after) = host.split_at_checked(host_end(host)).unwrap_or((host, &[]));
            let next = after.iter().position(|token| matches!(token, Token::At));
            let another = matches!(after, [Token::Blank, Token::Word(_) | Token::Quoted(_), ..]);
            if next.is_some() && !another {
                // `a@b@c`: the last `@` is the one.
                let last = rest.iter().rposition(|token| matches!(token, Token::At));
                let (before, host) = rest
                    .split_at_checked(last.unwrap_or(at))
                    .unwrap_or_default();
                self.push(named(before, host, &[]));
                return;
            }
            let more = next.is_some();
            self.push(named(before, host, if more { &[] } else { after }));
            if !more {
                return;
            }
            rest = after;
        }
        self.push(without_host(rest));
    }

    fn push(&mut self, element: Option<Element>) {
        if self.out.len() < ADDRESSES {
            self.out.extend(element);
        }
    }

    /// The inside of angle brackets; without their end, up to the next comma or semicolon.
    fn angle(&mut self) -> Vec<Token> {
        let closed = memchr::memchr2(b'>', b'<', self.rest)
            .is_some_and(|at| self.rest.get(at) == Some(&b'>'));
        let mut tokens = Vec::new();
        // The comma of a route (`<@a,@b:ann@x.org>`) does not end it.
        while let Some((&first, after)) = self.rest.split_first() {
            match first {
                b'>' => {
                    self.rest = after;
                    break;
                }
                b'<' => break,
                b',' | b';' if !closed => break,
                _ => {
                    let token = self.token();
                    tokens.push(token);
                }
            }
        }
        tokens
    }

    /// The next token; there is one byte at least.
    fn token(&mut self) -> Token {
        let Some((&first, after)) = self.rest.split_first() else {
            return Token::Blank;
        };
        let after_at = std::mem::replace(&mut self.after_at, first == b'@');
        match first {
            // A bracket that closes nothing divides like a blank.
            b' ' | b'\t' | b'>' | 0 => {
                self.rest = after;
                Token::Blank
            }
            b'@' => {
                self.rest = after;
                Token::At
            }
            b'"' => self.quoted(after),
            b'(' => self.comment(after),
            b'[' => self.word(after_at),
            _ => self.word(false),
        }
    }

    /// A run of bytes; `literal`: an address literal (`[IPv6:::1]`), which may hold specials.
    fn word(&mut self, literal: bool) -> Token {
        let special = |byte: &u8| b" \t\0@\"(<>,;:".contains(byte);
        let inside = self.rest.get(..LITERAL).unwrap_or(self.rest);
        let length = match memchr::memchr(b']', inside).filter(|_| literal) {
            Some(at) => at.saturating_add(1),
            // A special first is one that opens nothing: one byte of text.
            None => {
                let length = self.rest.iter().position(special);
                length.unwrap_or(self.rest.len()).max(1)
            }
        };
        let (word, rest) = self
            .rest
            .split_at_checked(length)
            .unwrap_or((self.rest, &[]));
        self.rest = rest;
        Token::Word(word.to_vec())
    }

    fn quoted(&mut self, after: &[u8]) -> Token {
        if self.quotes
            && let Some((inside, length)) = enclosed(after, None, b'"')
        {
            self.skip(length);
            return Token::Quoted(inside);
        }
        self.quotes = false;
        self.skip(0);
        Token::Blank
    }

    fn comment(&mut self, after: &[u8]) -> Token {
        if self.comments
            && let Some((inside, length)) = enclosed(after, Some(b'('), b')')
        {
            self.skip(length);
            return Token::Comment(inside);
        }
        self.comments = false;
        self.skip(0);
        Token::Blank
    }

    /// Moves over the opening byte and `length` more.
    fn skip(&mut self, length: usize) {
        self.rest = self
            .rest
            .get(length.saturating_add(1)..)
            .unwrap_or_default();
    }
}

/// What stands before `close`, without backslashes, and its length with `close`. Comments nest.
fn enclosed(text: &[u8], open: Option<u8>, close: u8) -> Option<(Vec<u8>, usize)> {
    let mut inside = Vec::new();
    let mut depth = 0usize;
    let mut bytes = text.iter().copied().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some((_, escaped)) => inside.push(escaped),
                None => return None,
            },
            _ if byte == close && depth == 0 => return Some((inside, at.saturating_add(1))),
            _ => {
                if byte == close {
                    depth = depth.saturating_sub(1);
                } else if Some(byte) == open {
                    depth = depth.saturating_add(1);
                }
                inside.push(byte);
            }
        }
    }
    None
}

/// Words and quoted strings, one blank where there were some, also inside the quotes.
fn phrase(tokens: &[Token]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    for token in tokens {
        match token {
            Token::Word(text) | Token::Quoted(text) => out.extend_from_slice(text),
            Token::At => out.push(b'@'),
            Token::Comment(_) | Token::Blank | Token::Angle(_) => out.push(b' '),
        }
    }
    squeeze(&out)
}

fn squeeze(text: &[u8]) -> Vec<u8> {
    let words = text.split(u8::is_ascii_whitespace);
    let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
    words.join(&b' ')
}

/// The comments, divided by blanks: where old programs put the name.
fn comments(tokens: &[Token]) -> Option<Vec<u8>> {
    let all = tokens.iter().filter_map(|token| match token {
        Token::Comment(text) => Some(squeeze(text)),
        _ => None,
    });
    let all: Vec<Vec<u8>> = all.filter(|text| !text.is_empty()).collect();
    (!all.is_empty()).then(|| all.join(&b' '))
}

fn is_text(token: &Token) -> bool {
    matches!(token, Token::Word(_) | Token::Quoted(_) | Token::At)
}

/// `name <address>`, with a comment behind it or not.
fn in_brackets(before: &[Token], inside: &[Token], after: &[Token]) -> Option<Element> {
    let name = Some(phrase(before))
        .filter(|name| !name.is_empty())
        .or_else(|| comments(before))
        .or_else(|| comments(after));
    let (route, local, host) = address(inside.iter());
    let nothing = name.is_none() && local.is_empty() && host.is_empty();
    (!nothing).then_some(Element::Mailbox {
        name,
        route,
        local,
        host,
    })
}

/// An address without brackets, whose domain `host` opens with the `@`. The words next to it are
/// the local part, blanks beside it or not (`ann @ x.org`, RFC 822), and so are those that dots
/// join (`ann . lee`); others are a name.
fn named(before: &[Token], host: &[Token], after: &[Token]) -> Option<Element> {
    let start = local_start(before);
    let (words, local) = before.split_at_checked(start).unwrap_or((before, &[]));
    let name = [phrase(words), phrase(after)]
        .into_iter()
        .find(|name| !name.is_empty());
    let comment = comments(before)
        .or_else(|| comments(host))
        .or_else(|| comments(after));
    let (_, local, host) = address(local.iter().chain(host));
    Some(Element::Mailbox {
        name: comment.or(name),
        route: None,
        local,
        host,
    })
}

/// Where the domain ends that opens `tokens`, after its `@`.
fn host_end(tokens: &[Token]) -> usize {
    let mut end = 1;
    let mut joined = true;
    for (index, token) in tokens.iter().enumerate().skip(1) {
        match token {
            Token::Word(word) if joined || word.starts_with(b".") => {
                end = index.saturating_add(1);
                let next = tokens.get(end);
                joined = word.ends_with(b".") || matches!(next, Some(Token::Word(_)));
            }
            Token::Comment(_) | Token::Blank => {}
            _ => break,
        }
    }
    end
}

/// Where the local part begins at the end of `tokens`.
fn local_start(tokens: &[Token]) -> usize {
    let mut start = tokens.len();
    let mut joined = true;
    for (index, token) in tokens.iter().enumerate().rev() {
        match token {
            Token::Word(word) if joined || word.ends_with(b".") => {
                start = index;
                joined = word.starts_with(b".");
                // A word that touches this one belongs to it.
                joined |= touches(tokens, index);
            }
            Token::Quoted(_) if joined => {
                start = index;
                joined = touches(tokens, index);
            }
            Token::At if joined => start = index,
            Token::Word(_) | Token::Quoted(_) | Token::At | Token::Angle(_) => break,
            Token::Comment(_) | Token::Blank => {}
        }
    }
    start
}

/// True if no blank stands before token `index`.
fn touches(tokens: &[Token], index: usize) -> bool {
    index
        .checked_sub(1)
        .and_then(|before| tokens.get(before))
        .is_some_and(is_text)
}

/// Text without `@`: one word is a local part (`root`), several are a name. A comment alone is
/// nothing (RFC 5322 §3.4: `(the end of the group)`).
fn without_host(tokens: &[Token]) -> Option<Element> {
    let text = phrase(tokens);
    if text.is_empty() {
        return None;
    }
    let quoted = |token: &Token| matches!(token, Token::Quoted(_));
    let (name, local) = if text.contains(&b' ') || tokens.iter().any(quoted) {
        (Some(text), Vec::new())
    } else {
        (comments(tokens), text)
    };
    Some(Element::Mailbox {
        name,
        route: None,
        local,
        host: Vec::new(),
    })
}

/// Route, local part and domain of what angle brackets hold, blanks and comments left out.
fn address<'a>(tokens: impl Iterator<Item = &'a Token>) -> (Option<Vec<u8>>, Vec<u8>, Vec<u8>) {
    let mut tokens: Vec<&Token> = tokens.filter(|token| is_text(token)).collect();
    let mut route = None;
    let colon = |token: &&Token| matches!(token, Token::Word(word) if word == b":");
    if matches!(tokens.first(), Some(Token::At))
        && let Some(end) = tokens.iter().position(colon)
    {
        let rest = tokens.split_off(end.saturating_add(1));
        tokens.pop();
        route = Some(joined(&tokens));
        tokens = rest;
    }
    let Some(at) = tokens.iter().rposition(|token| matches!(token, Token::At)) else {
        return (route, joined(&tokens), Vec::new());
    };
    let host = tokens.split_off(at);
    (
        route,
        joined(&tokens),
        joined(host.get(1..).unwrap_or_default()),
    )
}

fn joined(tokens: &[&Token]) -> Vec<u8> {
    let mut out = Vec::new();
    for token in tokens {
        match token {
            Token::Word(text) | Token::Quoted(text) => out.extend_from_slice(text),
            Token::At => out.push(b'@'),
            Token::Comment(_) | Token::Blank | Token::Angle(_) => {}
        }
    }
    out
}

#[cfg(test)]
mod tests;
