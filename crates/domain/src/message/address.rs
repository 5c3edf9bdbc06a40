//! Address fields (RFC 5322 §3.4, §4.4) as people write them.

use super::Address;
use super::bytes::{cap, cap_text, find, split_once, unfold};
use super::encoded::header_text;
use super::params::skip_comment;
use std::borrow::Cow;

/// Most bytes of a field that are read: 10,000 addresses of a hundred bytes.
const FIELD: usize = 1 << 20;

/// Most addresses of a message's one field. Lists of thousands of recipients exist (they
/// belong in Bcc); more only fills the sealed head.
const ADDRESSES: usize = 10_000;

/// Longest address and display name kept, in bytes: RFC 5321 ends an address at 254.
const TEXT: usize = 1_000;

/// Appends the addresses of a field's value to `out`.
///
/// No address that can be found is dropped: broken quotes and brackets count as text, a
/// word with `@` in it is an address wherever it stands. A group's name becomes an
/// address without email before its members. Without `@`, one word is an email (`root`),
/// several are a name.
pub(super) fn read_addresses(value: &[u8], out: &mut Vec<Address>) {
    let text = unfold(cap(value, FIELD));
    let mut reader = Reader {
        rest: &text,
        quotes: true,
        comments: true,
        at: false,
        phrase: Vec::new(),
        out,
        last: None,
    };
    reader.run();
}

/// A piece of a phrase.
enum Piece<'a> {
    /// A run without blanks and specials.
    Word(&'a [u8]),
    /// The inside of a quoted string, and the whole of it.
    Quoted(&'a [u8], &'a [u8]),
    /// The inside of a comment.
    Comment(&'a [u8]),
    /// Blanks.
    Blank,
}

/// Pieces that belong together.
struct Run {
    /// As written.
    raw: Vec<u8>,
    /// Without quotes.
    text: Vec<u8>,
    /// True if there is an `@` outside quotes.
    at: bool,
}

struct Reader<'a, 'b> {
    rest: &'a [u8],
    /// False once a quote (comment) was found to have no end. Later ones are then text:
    /// looking for the end of each would read the field as often as it holds them.
    quotes: bool,
    comments: bool,
    /// True if a word of the phrase holds an `@`.
    at: bool,
    /// What was read since the last address.
    phrase: Vec<Piece<'a>>,
    out: &'b mut Vec<Address>,
    /// The address that text after its brackets may still name.
    last: Option<usize>,
}

impl<'a> Reader<'a, '_> {
    fn run(&mut self) {
        while self.out.len() < ADDRESSES
            && let Some((&first, after)) = self.rest.split_first()
        {
            match first {
                b',' | b';' => {
                    self.rest = after;
                    self.end();
                }
                b':' if !self.at => {
                    self.rest = after;
                    self.group();
                }
                b'<' => self.angle(after),
                b'"' => self.quote(after),
                b'(' => self.comment(after),
                b' ' | b'\t' | 0 => {
                    self.rest = after;
                    self.phrase.push(Piece::Blank);
                }
                _ => self.word(),
            }
        }
        if self.out.len() < ADDRESSES {
            self.end();
        }
    }

    fn word(&mut self) {
        let special = |b: &u8| matches!(b, b',' | b';' | b'<' | b'"' | b'(' | b' ' | b'\t' | 0);
        // A domain literal holds colons: `ann@[IPv6:::1]`.
        let mut literal = false;
        let mut at = false;
        let length = self.rest.iter().position(|b| {
            literal = (literal || *b == b'[') && *b != b']';
            at |= *b == b'@';
            special(b) || (*b == b':' && !literal && !at)
        });
        // A special first is a quote, bracket or colon that opens nothing: one byte of text.
        let length = length.unwrap_or(self.rest.len()).max(1);
        let (word, rest) = self
            .rest
            .split_at_checked(length)
            .unwrap_or((self.rest, &[]));
        self.at |= at;
        self.phrase.push(Piece::Word(word));
        self.rest = rest;
    }

    fn clear(&mut self) {
        self.phrase.clear();
        self.at = false;
    }

    fn quote(&mut self, after: &'a [u8]) {
        if !self.quotes {
            self.rest = after;
            return;
        }
        let mut escaped = false;
        let end = after.iter().position(|&b| {
            let quote = b == b'"' && !escaped;
            escaped = b == b'\\' && !escaped;
            quote
        });
        match end {
            Some(end) => {
                let inside = after.get(..end).unwrap_or_default();
                let whole = self.rest.get(..end + 2).unwrap_or_default();
                self.phrase.push(Piece::Quoted(inside, whole));
                self.rest = after.get(end + 1..).unwrap_or_default();
            }
            None => {
                self.quotes = false;
                self.rest = after;
            }
        }
    }

    fn comment(&mut self, after: &'a [u8]) {
        if !self.comments {
            self.rest = after;
            self.phrase.push(Piece::Blank);
            return;
        }
        let rest = skip_comment(after);
        let length = after.len() - rest.len();
        let comment = after.get(..length).unwrap_or_default();
        match comment.strip_suffix(b")") {
            Some(comment) => {
                self.phrase.push(Piece::Comment(comment));
                self.rest = rest;
            }
            // No end: text, so that no address is lost in it.
            None => {
                self.comments = false;
                self.phrase.push(Piece::Blank);
                self.rest = after;
            }
        }
    }

    /// `<...>`: an address, named by the phrase before it.
    fn angle(&mut self, after: &'a [u8]) {
        let stop = after.iter().position(|&b| matches!(b, b'<' | b'>'));
        let closed = stop.filter(|&at| after.get(at) == Some(&b'>'));
        let length = closed.unwrap_or_else(|| {
            let end = |b: &u8| matches!(b, b',' | b';' | b'<');
            after.iter().position(end).unwrap_or(after.len())
        });
        let inside = after.get(..length).unwrap_or_default();
        self.rest = after
            .get(length + usize::from(closed.is_some())..)
            .unwrap_or_default();
        let email = clean_email(inside);
        if email.is_empty() {
            // `ann@x.org <>`: the phrase is all there is. `Ann <>`: so it is, but a name.
            if !self.at && !self.phrase.is_empty() {
                let name = self.name();
                self.clear();
                self.push(name, String::new());
            }
            return;
        }
        let name = self.name();
        self.clear();
        self.push(name, email);
        self.last = Some(self.out.len().saturating_sub(1));
    }

    /// `name:` opens a group.
    fn group(&mut self) {
        if self.phrase.is_empty() {
            return;
        }
        let name = self.name();
        self.clear();
        if !name.is_empty() && !name.eq_ignore_ascii_case("mailto") {
            self.push(name, String::new());
        }
        self.last = None;
    }

    /// The phrase as a display name: words and quoted strings, else comments.
    fn name(&self) -> String {
        let mut text = Vec::new();
        for piece in &self.phrase {
            match piece {
                Piece::Word(word) => text.extend_from_slice(word),
                Piece::Quoted(inside, _) => text.extend_from_slice(&unquote(inside)),
                Piece::Comment(_) | Piece::Blank => text.push(b' '),
            }
        }
        let name = header_text(&text);
        if name.is_empty() {
            self.comments()
        } else {
            squeeze(name)
        }
    }

    fn comments(&self) -> String {
        let mut text = Vec::new();
        for piece in &self.phrase {
            if let Piece::Comment(comment) = piece {
                text.extend_from_slice(&unquote(comment));
                text.push(b' ');
            }
        }
        squeeze(header_text(&text))
    }

    /// The end of an address: what the phrase holds if no brackets were read.
    fn end(&mut self) {
        let last = self.last.take();
        if self.phrase.is_empty() {
            return;
        }
        let (emails, words): (Vec<Run>, Vec<Run>) = self
            .runs()
            .into_iter()
            .partition(|run| run.at && run.raw.len() > 1);
        let words = words
            .into_iter()
            .map(|run| run.text)
            .collect::<Vec<_>>()
            .join(&b' ');
        let words = squeeze(header_text(&words));
        let comments = self.comments();
        self.clear();
        if let Some(last) = last.filter(|_| emails.is_empty()) {
            let name = if words.is_empty() { comments } else { words };
            if let Some(address) = self
                .out
                .get_mut(last)
                .filter(|address| address.name.is_empty())
            {
                address.name = name;
            }
        } else if !emails.is_empty() {
            let mut name = if comments.is_empty() { words } else { comments };
            for run in emails {
                self.push(std::mem::take(&mut name), clean_email(&run.raw));
            }
        } else if words.is_empty() || words.contains(char::is_whitespace) {
            self.push(
                if words.is_empty() { comments } else { words },
                String::new(),
            );
        } else {
            self.push(comments, words);
        }
    }

    /// Words and quoted strings without blanks between them; blanks around an `@` outside
    /// quotes do not divide (`ann @ x.org`, RFC 822).
    fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let (mut glued, mut dot) = (false, false);
        for piece in &self.phrase {
            let (raw, text, quoted) = match piece {
                Piece::Word(word) => (*word, word.to_vec(), false),
                Piece::Quoted(inside, whole) => (*whole, unquote(inside), true),
                Piece::Comment(_) | Piece::Blank => {
                    glued = false;
                    continue;
                }
            };
            let at = !quoted && raw.contains(&b'@');
            // `x . org`: RFC 822 again, in the domain only, for a sentence has dots too.
            let dotted = |run: &Run| run.at && !at && (dot || raw.starts_with(b"."));
            let split = |run: &Run| run.raw.ends_with(b"@") || (!run.at && raw.starts_with(b"@"));
            match runs.last_mut() {
                Some(run) if glued || split(run) || dotted(run) => {
                    run.raw.extend_from_slice(raw);
                    run.text.extend_from_slice(&text);
                    run.at |= at;
                }
                _ => runs.push(Run {
                    raw: raw.to_vec(),
                    text,
                    at,
                }),
            }
            (glued, dot) = (true, raw == b".");
        }
        runs
    }

    fn push(&mut self, mut name: String, mut email: String) {
        cap_text(&mut name, TEXT);
        cap_text(&mut email, TEXT);
        if (!name.is_empty() || !email.is_empty()) && self.out.len() < ADDRESSES {
            // `ann@x.org <ann@x.org>` has no name worth keeping.
            if name == email {
                name.clear();
            }
            self.out.push(Address { name, email });
        }
    }
}

/// The inside of brackets: blanks and comments outside quotes, `mailto:` and an obsolete
/// route (`@a,@b:ann@x.org`) go.
fn clean_email(inside: &[u8]) -> String {
    let text = header_text(&without_comments(inside));
    let mut email = text.trim();
    if email.starts_with('@')
        && let Some((_, local)) = email.split_once(':')
    {
        email = local;
    }
    if email
        .get(..7)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"))
    {
        email = email.get(7..).unwrap_or_default();
    }
    let email =
        email.trim_matches(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';'));
    if email.starts_with('"') || !email.contains(char::is_whitespace) {
        return email.to_string();
    }
    email.split_whitespace().collect()
}

/// `text` without its comments; a quoted string is no place for them.
fn without_comments(text: &[u8]) -> Cow<'_, [u8]> {
    if find(b'(', text).is_none() || find(b'"', text).is_some() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, comment)) = split_once(b'(', rest) {
        out.extend_from_slice(before);
        rest = skip_comment(comment);
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// Removes the backslashes of a quoted string or comment.
fn unquote(inside: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, after.split_first()) {
            (b'\\', Some((&escaped, tail))) => {
                out.push(escaped);
                rest = tail;
            }
            _ => out.push(first),
        }
    }
    out
}

/// Runs of blanks as one.
fn squeeze(name: String) -> String {
    if !name.contains("  ") && !name.contains('\t') && name.trim().len() == name.len() {
        return name;
    }
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
