//! The words of the grammar: atoms, strings, numbers, lists (RFC 9051 §9).

use super::{Fault, Read};
use crate::imap::set::{Numbers, Saved};
use crate::imap::{limits, name};

/// What is left of a command.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'c> {
    rest: &'c [u8],
    utf8: bool,
}

/// ATOM-CHAR, and bytes above ASCII, which careless programs leave unquoted.
pub(super) fn is_atom(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f && !b"(){%*\"\\]".contains(&byte)
}

fn is_astring(byte: u8) -> bool {
    is_atom(byte) || byte == b']'
}

fn is_tag(byte: u8) -> bool {
    is_astring(byte) && byte != b'+' && byte.is_ascii()
}

/// What patterns consist of when they are not quoted.
fn is_pattern(byte: u8) -> bool {
    is_astring(byte) || byte == b'%' || byte == b'*'
}

impl<'c> Cursor<'c> {
    pub(super) fn new(bytes: &'c [u8], utf8: bool) -> Self {
        Cursor { rest: bytes, utf8 }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes the byte if it is next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    pub(super) fn want(&mut self, byte: u8, text: &'static str) -> Read<()> {
        self.eat(byte).then_some(()).ok_or(Fault::bad(text))
    }

    /// All that is next and of this kind; may be nothing.
    pub(super) fn run(&mut self, of: impl Fn(u8) -> bool) -> &'c [u8] {
        let end = self.rest.iter().position(|byte| !of(*byte));
        let end = end.unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.rest = rest;
        run
    }

    /// Blanks, if there are any.
    pub(super) fn blanks(&mut self) -> bool {
        !self.run(|byte| byte == b' ').is_empty()
    }

    /// A blank at least.
    pub(super) fn gap(&mut self) -> Read<()> {
        let text = "something is missing";
        self.blanks().then_some(()).ok_or(Fault::bad(text))
    }

    /// Whether the command ends here, blanks before its line end aside.
    pub(super) fn at_end(&mut self) -> bool {
        let mut ahead = self.clone();
        ahead.blanks();
        ahead.eat(b'\r');
        ahead.eat(b'\n');
        ahead.rest.is_empty()
    }

    pub(super) fn end(&mut self) -> Read<()> {
        let text = "something follows the command";
        self.at_end().then_some(()).ok_or(Fault::bad(text))
    }

    /// Whether something follows, after a blank, which is taken.
    pub(super) fn another(&mut self) -> Read<bool> {
        match self.at_end() {
            true => Ok(false),
            false => self.gap().map(|()| true),
        }
    }

    /// Refuses a list of more than [`limits::LIST`].
    pub(super) fn bounded(&self, count: usize) -> Read<()> {
        match count > limits::LIST {
            true => Err(Fault::bad("too many words")),
            false => Ok(()),
        }
    }

    pub(super) fn tag(&mut self) -> Read<String> {
        let tag = self.run(is_tag);
        match tag.is_empty() || !matches!(self.peek(), None | Some(b' ' | b'\r' | b'\n')) {
            true => Err(Fault::bad("no tag")),
            false => Ok(ascii(tag)),
        }
    }

    /// An atom in upper case.
    pub(super) fn word(&mut self) -> Read<String> {
        Ok(ascii(self.atom()?).to_ascii_uppercase())
    }

    pub(super) fn atom(&mut self) -> Read<&'c [u8]> {
        let atom = self.run(is_atom);
        let fits = !atom.is_empty();
        fits.then_some(atom).ok_or(Fault::bad("a word is missing"))
    }

    /// Takes this word, in any case, if it is next and ends there.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let mut ahead = self.clone();
        let next = ahead.run(is_atom);
        let same = next.eq_ignore_ascii_case(word.as_bytes());
        if same {
            *self = ahead;
        }
        same
    }

    pub(super) fn astring(&mut self) -> Read<Vec<u8>> {
        match self.peek() {
            Some(b'"' | b'{' | b'~') if self.is_string() => self.string(),
            _ => {
                let atom = self.run(is_astring);
                let fits = !atom.is_empty();
                fits.then(|| atom.to_vec())
                    .ok_or(Fault::bad("a string is missing"))
            }
        }
    }

    /// A tilde begins a literal or an atom.
    fn is_string(&self) -> bool {
        !self.rest.starts_with(b"~") || self.rest.starts_with(b"~{")
    }

    /// In quotes, or a literal.
    pub(super) fn string(&mut self) -> Read<Vec<u8>> {
        if self.eat(b'"') {
            return self.quoted();
        }
        self.eat(b'~');
        if self.peek() == Some(b'{') {
            return self.literal();
        }
        Err(Fault::bad("a string is missing"))
    }

    /// The rest of a quoted string. A backslash before anything but a quote or itself is refused: whether the program meant it or
    /// forgot to escape it would be a guess, in a password a bad one.
    fn quoted(&mut self) -> Read<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            let plain = |byte: u8| !matches!(byte, b'"' | b'\\' | b'\r' | b'\n' | 0);
            text.extend_from_slice(self.run(plain));
            let Some((byte, rest)) = self.rest.split_first() else {
                return Err(Fault::bad("a quoted string does not end"));
            };
            self.rest = rest;
            match byte {
                b'"' => return Ok(text),
                b'\\' if matches!(self.peek(), Some(b'"' | b'\\')) => {
                    text.extend(self.peek());
                    self.rest = self.rest.get(1..).unwrap_or_default();
                }
                b'\\' => return Err(Fault::bad("a backslash escapes quotes and itself only")),
                0 => return Err(Fault::bad("a string has a NUL")),
                _ => return Err(Fault::bad("a quoted string does not end")),
            }
        }
    }

    fn literal(&mut self) -> Read<Vec<u8>> {
        let broken = || Fault::bad("a literal is broken");
        self.want(b'{', "a literal is broken")?;
        let size = usize::try_from(self.number64()?).map_err(|_| broken())?;
        self.eat(b'+');
        self.want(b'}', "a literal is broken")?;
        self.eat(b'\r');
        self.want(b'\n', "a literal is broken")?;
        let (text, rest) = self.rest.split_at_checked(size).ok_or_else(broken)?;
        self.rest = rest;
        match text.contains(&0) {
            true => Err(Fault::bad("a string has a NUL")),
            false => Ok(text.to_vec()),
        }
    }

    pub(super) fn nstring(&mut self) -> Read<Option<Vec<u8>>> {
        match self.eat_word("NIL") {
            true => Ok(None),
            false => self.string().map(Some),
        }
    }

    /// Digits that fit 63 bits, as numbers of RFC 9051 and MODSEQ do.
    pub(super) fn number64(&mut self) -> Read<u64> {
        let digits = self.run(|byte| byte.is_ascii_digit());
        let number: Option<u64> = ascii(digits).parse().ok();
        let fits = number.filter(|number| i64::try_from(*number).is_ok());
        fits.ok_or(Fault::bad("a number is missing or too large"))
    }

    pub(super) fn number(&mut self) -> Read<u32> {
        let number = self.number64()?;
        u32::try_from(number).map_err(|_| Fault::bad("a number is too large"))
    }

    /// A number that is not 0.
    pub(super) fn positive(&mut self) -> Read<u32> {
        match self.number()? {
            0 => Err(Fault::bad("a number is 0")),
            number => Ok(number),
        }
    }

    /// A set, or `$`.
    pub(super) fn numbers(&mut self) -> Read<Saved<Numbers>> {
        let of_set = |byte: u8| byte.is_ascii_digit() || b":,*$".contains(&byte);
        let text = self.run(of_set);
        Saved::parse(text).ok_or(Fault::bad("a set of numbers is missing or wrong"))
    }

    /// A set, without `$`.
    pub(super) fn plain_numbers(&mut self) -> Read<Numbers> {
        match self.numbers()? {
            Saved::These(numbers) => Ok(numbers),
            Saved::Saved => Err(Fault::bad("a set of numbers is wanted, not $")),
        }
    }

    pub(super) fn base64(&mut self) -> Read<Vec<u8>> {
        let of_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        let text = self.run(of_base64);
        let fits = !text.is_empty();
        fits.then(|| text.to_vec())
            .ok_or(Fault::bad("the initial answer is no base64"))
    }

    /// `(`, items with blanks between them, `)`.
    pub(super) fn list(&mut self, mut item: impl FnMut(&mut Self) -> Read<()>) -> Read<()> {
        self.want(b'(', "a list is missing")?;
        self.blanks();
        let mut count = 0;
        while !self.eat(b')') {
            item(self)?;
            count += 1;
            self.bounded(count)?;
            if !self.blanks() && self.peek() != Some(b')') {
                return Err(Fault::bad("a list does not end"));
            }
        }
        Ok(())
    }

    pub(super) fn mailbox(&mut self) -> Read<String> {
        let wire = self.astring()?;
        Ok(name::decode(&wire, self.utf8)?)
    }

    pub(super) fn gap_mailbox(&mut self) -> Read<String> {
        self.gap()?;
        self.mailbox()
    }

    /// What LIST takes as a reference.
    pub(super) fn reference(&mut self) -> Read<String> {
        let wire = self.astring()?;
        Ok(name::decode_pattern(&wire, self.utf8)?)
    }

    /// What LIST takes as a pattern.
    pub(super) fn pattern(&mut self) -> Read<String> {
        let wire = match self.peek() {
            Some(b'"' | b'{') => self.string()?,
            _ => match self.run(is_pattern) {
                [] => return Err(Fault::bad("a pattern is missing")),
                pattern => pattern.to_vec(),
            },
        };
        Ok(name::decode_pattern(&wire, self.utf8)?)
    }

    /// A flag: `\Seen` or a keyword. System flags get the case of RFC 9051 §2.3.2.
    pub(super) fn flag(&mut self) -> Read<String> {
        let system = self.eat(b'\\');
        let atom = self.atom()?;
        if !atom.is_ascii() || atom.len() > limits::FLAG {
            return Err(Fault::bad("a flag is ASCII and short"));
        }
        let atom = ascii(atom);
        if !system {
            return Ok(atom);
        }
        const SYSTEM: [&str; 6] = ["Answered", "Deleted", "Draft", "Flagged", "Recent", "Seen"];
        let known = SYSTEM
            .iter()
            .find(|known| known.eq_ignore_ascii_case(&atom));
        Ok(format!("\\{}", known.map_or(atom.as_str(), |known| known)))
    }
}

/// Text of what was looked at already.
pub(super) fn ascii(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
