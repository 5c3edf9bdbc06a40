//! Reads a client's lines: CRLF ends one, and none is longer than its limit.

use memchr::memchr;

use super::limits;

/// What a [`LineReader`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, without its CRLF. Bare CRs may be in it.
    Whole(Vec<u8>),
    /// A LF without CR. It is said at once, because who writes so may never write a CRLF; all up to
    /// the next CRLF is passed over, so that nothing is read as a command that came in one line
    /// with what was refused.
    BareLf,
    /// A line above its limit, which has ended.
    TooLong,
    /// A line so far above its limit that its end is not awaited.
    Endless,
}

/// Puts lines together from pieces of any size.
#[derive(Debug, Clone, Default)]
pub(super) struct LineReader {
    held: Vec<u8>,
    passing: Option<Passing>,
    /// The last octet was a CR.
    cr: bool,
}

/// Why what comes is passed over up to a CRLF, and how many octets were.
#[derive(Debug, Clone, Copy)]
struct Passing {
    too_long: bool,
    octets: u64,
}

impl LineReader {
    /// The next line; `None` if `input` is used up before. `limit` says from a line's start how long
    /// it may be, with its CRLF.
    pub(super) fn next(&mut self, input: &mut &[u8], limit: fn(&[u8]) -> usize) -> Option<Line> {
        while !input.is_empty() {
            let lf = memchr(b'\n', input);
            let end = lf.map_or(input.len(), |lf| lf + 1);
            let (piece, after) = input.split_at_checked(end).unwrap_or((input, &[]));
            *input = after;
            let crlf = piece.ends_with(b"\r\n") || (piece == b"\n" && self.cr);
            self.cr = piece.ends_with(b"\r");
            if self.passing.is_none() {
                self.hold(piece, limit);
            } else if let Some(passing) = &mut self.passing {
                passing.octets = passing.octets.saturating_add(piece.len() as u64);
            }
            match self.passing {
                Some(passing) if passing.octets > limits::LINE_PASSED_OVER => {
                    return Some(Line::Endless);
                }
                Some(passing) if crlf => {
                    self.passing = None;
                    if passing.too_long {
                        return Some(Line::TooLong);
                    }
                }
                None if crlf => {
                    let mut line = std::mem::take(&mut self.held);
                    line.truncate(line.len().saturating_sub(2));
                    return Some(Line::Whole(line));
                }
                _ if lf.is_some() => {
                    self.held.clear();
                    let octets = self.passing.map_or(0, |passing| passing.octets);
                    self.passing = Some(Passing {
                        too_long: false,
                        octets,
                    });
                    return Some(Line::BareLf);
                }
                _ => {}
            }
        }
        None
    }

    /// Keeps a piece of a line, or gives the line up.
    fn hold(&mut self, piece: &[u8], limit: fn(&[u8]) -> usize) {
        // The verb decides on the limit; it may come in two pieces.
        let verb = 5usize.saturating_sub(self.held.len());
        let (start, rest) = piece.split_at_checked(verb).unwrap_or((piece, &[]));
        self.held.extend_from_slice(start);
        if self.held.len() + rest.len() > limit(&self.held) {
            self.passing = Some(Passing {
                too_long: true,
                octets: (self.held.len() + rest.len()) as u64,
            });
            self.held = Vec::new();
        } else {
            self.held.extend_from_slice(rest);
        }
    }

    /// Octets held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.capacity()
    }
}

/// How long a command line may be.
pub(super) fn command_limit(start: &[u8]) -> usize {
    let starts = |verb: &[u8]| {
        start
            .get(..verb.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(verb))
    };
    if starts(b"MAIL ") || starts(b"RCPT ") {
        limits::ENVELOPE_LINE
    } else if starts(b"AUTH ") {
        limits::AUTH_LINE
    } else {
        limits::COMMAND_LINE
    }
}

/// How long an answer to a challenge may be.
pub(super) fn answer_limit(_: &[u8]) -> usize {
    limits::AUTH_LINE
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], piece: usize) -> Vec<Line> {
        let mut reader = LineReader::default();
        let mut lines = Vec::new();
        for mut piece in bytes.chunks(piece) {
            while let Some(line) = reader.next(&mut piece, command_limit) {
                lines.push(line);
            }
            assert!(reader.held.len() <= limits::AUTH_LINE);
        }
        lines
    }

    fn whole(line: &str) -> Line {
        Line::Whole(line.as_bytes().to_vec())
    }

    #[test]
    fn lines() {
        let long = |verb: &str, octets: usize| {
            verb.to_owned() + &"x".repeat(octets - verb.len() - 2) + "\r\n"
        };
        let fits = |verb: &str, octets: usize| whole(long(verb, octets).trim_end());
        let cases = [
            ("a\r\n\r\nb".to_owned(), vec![whole("a"), whole("")]),
            ("a\rb\r\r\n".to_owned(), vec![whole("a\rb\r")]),
            ("a\nb\r\nc\r\n".to_owned(), vec![Line::BareLf, whole("c")]),
            (
                "a\nb\nc\r\nd\r\n".to_owned(),
                vec![Line::BareLf, Line::BareLf, whole("d")],
            ),
            ("a\n\r\nd\r\n".to_owned(), vec![Line::BareLf, whole("d")]),
            (long("NOOP ", 512), vec![fits("NOOP ", 512)]),
            (
                long("NOOP ", 513) + "a\r\n",
                vec![Line::TooLong, whole("a")],
            ),
            (long("mail ", 2_048), vec![fits("mail ", 2_048)]),
            (long("RCPT ", 2_049), vec![Line::TooLong]),
            (long("AUTH ", 12_288), vec![fits("AUTH ", 12_288)]),
            (long("AUTH ", 12_289), vec![Line::TooLong]),
            ("x".repeat(600) + "\na\r\n", vec![Line::BareLf]),
        ];
        for (bytes, lines) in cases {
            for piece in [1, 2, 3, 500, usize::MAX] {
                assert_eq!(read(bytes.as_bytes(), piece), lines);
            }
        }
    }

    #[test]
    fn a_line_without_end() {
        let mut reader = LineReader::default();
        let piece = [b'x'; 4_096];
        let mut pieces = 0;
        while reader.next(&mut &piece[..], command_limit).is_none() {
            pieces += 1;
            assert!(reader.held() <= limits::COMMAND_LINE);
        }
        assert_eq!(pieces * 4_096, limits::LINE_PASSED_OVER);
    }

    proptest! {
        #[test]
        fn whatever_the_pieces(text in "([a\r\n]|\r\n|x{509,513}|MAIL ){0,12}", piece in 1usize..600) {
            prop_assert_eq!(read(text.as_bytes(), piece), read(text.as_bytes(), usize::MAX));
        }
    }
}
