//! Reads a server's replies, within limits.

use memchr::memchr;

use super::limits;
use super::reply::{Enhanced, Reply};

/// What is not a reply. Nothing after it can be trusted, so the connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyFault {
    /// No code, a code out of range, or lines with different codes.
    #[error("not a reply of SMTP")]
    Syntax,
    /// A line above [`limits::REPLY_LINE_READ`], more lines than [`limits::REPLY_LINES`] or more text
    /// than [`limits::REPLY`].
    #[error("a reply beyond all measure")]
    TooLong,
}

/// Puts replies together from pieces of any size.
///
/// A lone LF is taken as the end of a line here: replies carry nothing that could be smuggled, and
/// there are servers that write so.
#[derive(Debug, Clone, Default)]
pub struct ReplyReader {
    /// The start of a line.
    line: Vec<u8>,
    /// The lines of a reply so far, and their octets.
    reply: Option<Reply>,
    octets: usize,
}

impl ReplyReader {
    /// Before the first reply.
    pub fn new() -> Self {
        ReplyReader::default()
    }

    /// Whether a reply has begun and not ended.
    pub fn is_within(&self) -> bool {
        self.reply.is_some() || !self.line.is_empty()
    }

    /// The next reply; `None` if `input` is used up before.
    pub fn next(&mut self, input: &mut &[u8]) -> Option<Result<Reply, ReplyFault>> {
        loop {
            let lf = memchr(b'\n', input);
            let end = lf.map_or(input.len(), |lf| lf + 1);
            let (piece, after) = input.split_at_checked(end).unwrap_or((input, &[]));
            *input = after;
            if self.line.len() + piece.len() > limits::REPLY_LINE_READ {
                return Some(Err(ReplyFault::TooLong));
            }
            self.line.extend_from_slice(piece);
            lf?;
            let line = std::mem::take(&mut self.line);
            match self.add(&line) {
                Ok(false) => {}
                Ok(true) => {
                    self.octets = 0;
                    return self.reply.take().map(Ok);
                }
                Err(fault) => return Some(Err(fault)),
            }
        }
    }

    /// Adds a line; whether it was the last.
    fn add(&mut self, line: &[u8]) -> Result<bool, ReplyFault> {
        self.octets += line.len();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (digits, rest) = line.split_first_chunk::<3>().ok_or(ReplyFault::Syntax)?;
        let code = code(*digits).ok_or(ReplyFault::Syntax)?;
        let (last, text) = match rest.split_first() {
            None => (true, rest),
            Some((b' ', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            Some(_) => return Err(ReplyFault::Syntax),
        };
        let text = String::from_utf8_lossy(text);
        let first = self.reply.is_none();
        let reply = self.reply.get_or_insert_with(|| Reply {
            code,
            enhanced: None,
            lines: Vec::new(),
        });
        if reply.code != code {
            return Err(ReplyFault::Syntax);
        }
        if reply.lines.len() == limits::REPLY_LINES || self.octets > limits::REPLY {
            return Err(ReplyFault::TooLong);
        }
        let (enhanced, rest) = split_enhanced(&text, code);
        if first {
            reply.enhanced = enhanced;
        }
        // Each line repeats the code of the first; another is text.
        let same = enhanced == reply.enhanced;
        reply.lines.push(if same { rest } else { &text }.to_owned());
        Ok(last)
    }
}

fn code([a, b, c]: [u8; 3]) -> Option<u16> {
    let known = (b'2'..=b'5').contains(&a) && b.is_ascii_digit() && c.is_ascii_digit();
    let digit = |byte: u8| u16::from(byte.saturating_sub(b'0'));
    known.then(|| digit(a) * 100 + digit(b) * 10 + digit(c))
}

/// The enhanced code that `text` starts with, if its class is that of `code`.
fn split_enhanced(text: &str, code: u16) -> (Option<Enhanced>, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let enhanced = Enhanced::parse(word).filter(|found| u16::from(found.class) == code / 100);
    (enhanced, if enhanced.is_some() { rest } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], piece: usize) -> Vec<Result<Reply, ReplyFault>> {
        let mut reader = ReplyReader::new();
        let mut found = Vec::new();
        for mut piece in bytes.chunks(piece) {
            while let Some(reply) = reader.next(&mut piece) {
                let stop = reply.is_err();
                found.push(reply);
                if stop {
                    return found;
                }
            }
            assert!(reader.line.len() <= limits::REPLY_LINE_READ);
        }
        found
    }

    #[test]
    fn replies() {
        let cases: &[(&str, &[&str])] = &[
            ("250 ok\r\n", &["250 ok"]),
            ("250\r\n354 \r\n", &["250", "354"]),
            ("220 a\n221 b\n", &["220 a", "221 b"]),
            ("250-a\r\n250-SIZE 1\r\n250 b\r\n", &["250 a SIZE 1 b"]),
            ("550-5.1.1 no\r\n550 5.1.1 user\r\n", &["550 5.1.1 no user"]),
            (
                "550-5.1.1 no\r\n550 5.1.2 user\r\n",
                &["550 5.1.1 no 5.1.2 user"],
            ),
            ("550 4.1.1 no\r\n", &["550 4.1.1 no"]),
        ];
        for (bytes, replies) in cases {
            let found = read(bytes.as_bytes(), 3);
            let found: Vec<_> = found
                .into_iter()
                .map(|reply| reply.unwrap().to_string())
                .collect();
            assert_eq!(found, *replies, "{bytes}");
        }
        let odd = read(b"550 4.1.1 no\r\n", 9);
        assert_eq!(odd[0].as_ref().unwrap().enhanced, None);
    }

    #[test]
    fn garbage() {
        let long_line = format!("250 {}\r\n", "x".repeat(limits::REPLY_LINE_READ));
        let many_lines = "250-x\r\n".repeat(limits::REPLY_LINES + 1);
        let much = format!("250-{}\r\n", "x".repeat(1_000)).repeat(20);
        let cases = [
            ("HTTP/1.1 400 Bad Request\r\n", ReplyFault::Syntax),
            ("\r\n", ReplyFault::Syntax),
            ("25 x\r\n", ReplyFault::Syntax),
            ("150 x\r\n", ReplyFault::Syntax),
            ("600 x\r\n", ReplyFault::Syntax),
            ("250x\r\n", ReplyFault::Syntax),
            ("250-x\r\n251 x\r\n", ReplyFault::Syntax),
            (&long_line, ReplyFault::TooLong),
            (&many_lines, ReplyFault::TooLong),
            (&much, ReplyFault::TooLong),
        ];
        for (bytes, fault) in cases {
            for piece in [1, 7, usize::MAX] {
                assert_eq!(read(bytes.as_bytes(), piece), [Err(fault)]);
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            code in 200u16..600,
            numbers in proptest::option::of([0u16..1000, 0u16..1000]),
            lines in proptest::collection::vec("[a-z][ -~]{0,40}", 1..5),
            piece in 1usize..50,
        ) {
            let mut reply = Reply::plain(code, "");
            if let Some(numbers) = numbers {
                reply = Reply::new(code, numbers, "");
            }
            reply.lines = lines;
            let mut wire = Vec::new();
            reply.write(&mut wire);
            prop_assert_eq!(read(&wire, piece), vec![Ok(reply)]);
        }

        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "([245]50[- ]x?\r\n){0,9}") {
            let all = [text.as_bytes(), &bytes].concat();
            prop_assert_eq!(read(&all, 1), read(&all, usize::MAX));
        }
    }
}
