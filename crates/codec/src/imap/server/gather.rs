//! Gathers the bytes of a command: lines, and the literals between them.

use crate::imap::limits;

/// What a [`Gather`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The command is complete.
    Line,
    /// Its line announces a literal. Who found it says what becomes of that.
    Literal(Announced),
    /// Of what is passed over there is no end.
    Endless,
}

/// `{5}`, `{5+}`, `~{5}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Announced {
    /// `None`: a number that nobody could send.
    pub(super) size: Option<u64>,
    /// The client waits until it is asked to go on.
    pub(super) waits: bool,
    /// It is a literal8.
    pub(super) eight: bool,
    /// Octets of the announcement itself, with its line end.
    pub(super) octets: usize,
}

/// Puts a command together from pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Gather {
    held: Vec<u8>,
    /// Octets of a literal that come next.
    literal: u64,
    /// Nothing is kept any more: somebody refused the command, or it is too long.
    passing: bool,
    too_long: bool,
    /// The end of the line, while it is passed over.
    tail: Vec<u8>,
    passed: u64,
    /// Octets of literals that are passed over.
    skipped: u64,
    quote: Quote,
}

/// Where the line stands.
#[derive(Debug, Default, Clone, Copy)]
struct Quote {
    open: bool,
    escaped: bool,
    cr: bool,
}

/// An announcement of any size that is read fits into this.
const TAIL: usize = 40;

impl Quote {
    /// Takes a byte; whether the line ends with it. A bare LF ends a line too, but not within quotes: who writes
    /// a string of somebody else's into a command and forgets to look for line ends must not run that as a command.
    fn ends(&mut self, byte: u8) -> bool {
        if byte == b'\n' && (self.cr || !self.open) {
            *self = Quote::default();
            return true;
        }
        let escapes = self.open && byte == b'\\' && !self.escaped;
        if byte == b'"' && !self.escaped {
            self.open = !self.open;
        }
        self.escaped = escapes;
        self.cr = byte == b'\r';
        false
    }
}

impl Gather {
    /// Goes on; `None` if `input` is used up before there is something. `most`: octets of a command that are kept.
    pub(super) fn next(&mut self, input: &mut &[u8], most: usize) -> Option<Found> {
        while !input.is_empty() {
            if self.literal > 0 {
                let octets = usize::try_from(self.literal).unwrap_or(usize::MAX);
                let bytes = take(input, octets);
                self.literal -= bytes.len() as u64;
                if !self.passing {
                    self.held.extend_from_slice(bytes);
                }
                continue;
            }
            let end = input.iter().position(|byte| self.quote.ends(*byte));
            let piece = take(input, end.map_or(input.len(), |end| end + 1));
            self.keep(piece, most);
            if self.passed > limits::PASSED_OVER {
                return Some(Found::Endless);
            }
            if end.is_some() {
                let line = if self.passing { &self.tail } else { &self.held };
                let found = announced(line).map_or(Found::Line, Found::Literal);
                self.tail.clear();
                return Some(found);
            }
        }
        None
    }

    /// Keeps a piece of a line, or gives the command up.
    fn keep(&mut self, piece: &[u8], most: usize) {
        if !self.passing && self.held.len() + piece.len() > most {
            self.too_long = true;
            self.passed = self.held.len() as u64;
            self.pass();
        }
        if !self.passing {
            self.held.extend_from_slice(piece);
            return;
        }
        self.passed = self.passed.saturating_add(piece.len() as u64);
        // The tag may still be coming.
        let room = limits::TAG_KEPT.saturating_sub(self.held.len());
        self.held
            .extend_from_slice(piece.get(..room).unwrap_or(piece));
        let kept = piece.len().saturating_sub(TAIL);
        self.tail
            .extend_from_slice(piece.get(kept..).unwrap_or(piece));
        let over = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..over);
    }

    /// From here on nothing is kept until the command ends.
    pub(super) fn pass(&mut self) {
        if !self.passing {
            self.passing = true;
            let begin = self.held.len().saturating_sub(TAIL);
            self.tail = self.held.get(begin..).unwrap_or_default().to_vec();
            self.held.truncate(limits::TAG_KEPT);
            self.held.shrink_to_fit();
        }
    }

    pub(super) fn is_passing(&self) -> bool {
        self.passing
    }

    /// What is kept, if the command became too long for it: the tag is in it.
    pub(super) fn too_long(&self) -> Option<&[u8]> {
        self.too_long.then_some(&self.held)
    }

    /// What came of the command so far.
    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    /// The literal that was announced belongs to the command, or is passed over with it.
    pub(super) fn literal(&mut self, octets: u64) {
        self.literal = octets;
        if self.passing {
            self.skipped = self.skipped.saturating_add(octets);
        }
    }

    /// Octets of literals that are passed over with this command.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The command, and an end of it: the next begins.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self).held
    }

    /// Octets held.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.held.capacity() + self.tail.capacity()
    }
}

fn take<'b>(input: &mut &'b [u8], octets: usize) -> &'b [u8] {
    let split = input.split_at_checked(octets.min(input.len()));
    let (bytes, rest) = split.unwrap_or((input, &[]));
    *input = rest;
    bytes
}

/// The literal that a line, given with its end, announces.
fn announced(line: &[u8]) -> Option<Announced> {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let inner = text.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|byte| *byte == b'{')?;
    let (before, number) = inner.split_at_checked(open)?;
    let number = number.strip_prefix(b"{")?;
    let digits = number.strip_suffix(b"+").unwrap_or(number);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size: Option<u64> = std::str::from_utf8(digits).ok()?.parse().ok();
    let eight = before.ends_with(b"~");
    let size = size.filter(|size| i64::try_from(*size).is_ok());
    Some(Announced {
        size,
        waits: digits.len() == number.len(),
        eight,
        octets: line.len() - before.len() + usize::from(eight),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements() {
        let found = |line: &str| {
            announced(line.as_bytes()).map(|it| (it.size, it.waits, it.eight, it.octets))
        };
        assert_eq!(found("a {5}\r\n"), Some((Some(5), true, false, 5)));
        assert_eq!(found("a {5+}\n"), Some((Some(5), false, false, 5)));
        assert_eq!(found("a ~{15+}\r\n"), Some((Some(15), false, true, 8)));
        assert_eq!(
            found("a {99999999999999999999}\r\n"),
            Some((None, true, false, 24))
        );
        for none in [
            "a {}\r\n",
            "a {+}\r\n",
            "a {5} \r\n",
            "a {-5}\r\n",
            "a 5}\r\n",
            "a {5-}\r\n",
            "}\r\n",
            "",
        ] {
            assert_eq!(found(none), None, "{none:?}");
        }
    }

    #[test]
    fn line_ends() {
        let lines = |bytes: &str| {
            let (mut gather, mut input, mut lines) =
                (Gather::default(), bytes.as_bytes(), Vec::new());
            while let Some(found) = gather.next(&mut input, 100) {
                assert_eq!(found, Found::Line);
                lines.push(String::from_utf8(gather.take()).unwrap());
            }
            lines
        };
        assert_eq!(lines("a\nb\r\nc"), ["a\n", "b\r\n"]);
        assert_eq!(lines("a \"x\ny\" z\n"), ["a \"x\ny\" z\n"]);
        assert_eq!(lines("a \"x\r\ny\n"), ["a \"x\r\n", "y\n"]);
        assert_eq!(lines("a \"\\\"\ny\"\n"), ["a \"\\\"\ny\"\n"]);
        assert_eq!(lines("a \"\\\\\"\ny\n"), ["a \"\\\\\"\n", "y\n"]);
    }
}
