//! The transparency of DATA (RFC 5321 §4.5.2): dots at line starts, and the end.

use memchr::memchr;

/// What an [`Unstuffer`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'b> {
    /// The message's next bytes.
    Bytes(&'b [u8]),
    /// CRLF `.` CRLF: the message is complete. Its last CRLF was given before.
    End,
}

/// Takes the dots off and finds the end, in pieces of any size, without copying.
///
/// Only CRLF starts a line here. A bare LF or CR is a byte like others, so `\n.\r\n` or `\r\n.\n`
/// end nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unstuffer(Place);

/// Where the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    LineStart,
    /// Behind a dot at a line start, which is not the message's in any case.
    Dot,
    /// Behind a dot and a CR: the CR is the message's only if no LF follows.
    DotCr,
    /// In a line.
    Line,
    /// In a line, behind a CR.
    Cr,
}

impl Default for Unstuffer {
    fn default() -> Self {
        Unstuffer::new()
    }
}

impl Unstuffer {
    /// Before the first byte after the answer to DATA.
    pub fn new() -> Self {
        Unstuffer(Place::LineStart)
    }

    /// Takes what is next from `input`; `None` if that is used up. After [`Part::End`] what is left
    /// in `input` are commands.
    pub fn next<'b>(&mut self, input: &mut &'b [u8]) -> Option<Part<'b>> {
        loop {
            let (&byte, after) = input.split_first()?;
            match (self.0, byte) {
                (Place::LineStart, b'.') => {
                    self.0 = Place::Dot;
                    *input = after;
                }
                (Place::Dot, b'\r') => {
                    self.0 = Place::DotCr;
                    *input = after;
                }
                (Place::DotCr, b'\n') => {
                    *self = Unstuffer::new();
                    *input = after;
                    return Some(Part::End);
                }
                (Place::DotCr, _) => {
                    self.0 = Place::Cr;
                    return Some(Part::Bytes(b"\r"));
                }
                // What follows a removed dot is in a line, another dot included.
                (Place::Dot, _) => self.0 = Place::Line,
                (Place::LineStart | Place::Line | Place::Cr, _) => {
                    return Some(Part::Bytes(self.run(input)));
                }
            }
        }
    }

    /// The bytes up to the next dot at a line start, or the end of the piece.
    fn run<'b>(&mut self, input: &mut &'b [u8]) -> &'b [u8] {
        let mut end = 0;
        let mut rest = *input;
        loop {
            let Some(lf) = memchr(b'\n', rest) else {
                self.0 = match rest.last() {
                    Some(b'\r') => Place::Cr,
                    Some(_) => Place::Line,
                    // Behind a LF that ended the piece: known below.
                    None => self.0,
                };
                end += rest.len();
                break;
            };
            let (line, after) = rest.split_at_checked(lf + 1).unwrap_or((rest, &[]));
            let crlf = match lf.checked_sub(1) {
                Some(before) => line.get(before) == Some(&b'\r'),
                None => self.0 == Place::Cr,
            };
            self.0 = if crlf { Place::LineStart } else { Place::Line };
            end += line.len();
            rest = after;
            if crlf && rest.first() == Some(&b'.') {
                break;
            }
        }
        let (run, left) = input.split_at_checked(end).unwrap_or((input, &[]));
        *input = left;
        run
    }
}

/// Puts the dots on and writes the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stuffer(Place);

impl Default for Stuffer {
    fn default() -> Self {
        Stuffer::new()
    }
}

impl Stuffer {
    /// Before the message's first byte.
    pub fn new() -> Self {
        Stuffer(Place::LineStart)
    }

    /// Appends a piece of the message.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        while let Some(&first) = rest.first() {
            if self.0 == Place::LineStart && first == b'.' {
                out.push(b'.');
            }
            let end = memchr(b'\n', rest).map_or(rest.len(), |lf| lf + 1);
            let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            out.extend_from_slice(line);
            let crlf = line.ends_with(b"\r\n") || (line == b"\n" && self.0 == Place::Cr);
            self.0 = match line.last() {
                _ if crlf => Place::LineStart,
                Some(b'\r') => Place::Cr,
                _ => Place::Line,
            };
            rest = after;
        }
    }

    /// Appends the end. A message that does not end with CRLF gets one, without which its end could
    /// not be told (RFC 5321 §4.1.1.4); says whether it did.
    pub fn finish(self, out: &mut Vec<u8>) -> bool {
        let added = self.0 != Place::LineStart;
        if added {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
        added
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The message, whether it ended, and what is left.
    fn unstuff(bytes: &[u8], piece: usize) -> (Vec<u8>, bool, Vec<u8>) {
        let mut unstuffer = Unstuffer::new();
        let (mut message, mut ended, mut left) = (Vec::new(), false, Vec::new());
        for mut piece in bytes.chunks(piece) {
            while !ended {
                match unstuffer.next(&mut piece) {
                    Some(Part::Bytes(bytes)) => {
                        assert!(!bytes.is_empty());
                        message.extend_from_slice(bytes);
                    }
                    Some(Part::End) => ended = true,
                    None => break,
                }
            }
            left.extend_from_slice(piece);
        }
        (message, ended, left)
    }

    #[test]
    fn ends() {
        let cases: &[(&str, &str, Option<&str>)] = &[
            (".\r\n", "", Some("")),
            (".\r\nQUIT\r\n", "", Some("QUIT\r\n")),
            ("a\r\n.\r\n", "a\r\n", Some("")),
            ("..\r\n.\r\n", ".\r\n", Some("")),
            (".a\r\n...\r\n.\r\n", "a\r\n..\r\n", Some("")),
            // None of these ends a message.
            ("a\n.\r\nb", "a\n.\r\nb", None),
            ("a\r\n.\nb", "a\r\n\nb", None),
            ("a\n.\nb", "a\n.\nb", None),
            ("a\r.\rb", "a\r.\rb", None),
            ("a\r\n.\rb", "a\r\n\rb", None),
            ("a\r\n.\r\r\nb", "a\r\n\r\r\nb", None),
            ("a\r.\r\nb", "a\r.\r\nb", None),
            ("a\r\n\n.\r\nb", "a\r\n\n.\r\nb", None),
            ("a\r\n.\r.\r\nb", "a\r\n\r.\r\nb", None),
            ("a\r\r\n.\r\nb", "a\r\r\n", Some("b")),
            ("a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n", Some("")),
        ];
        for (bytes, message, left) in cases {
            for piece in 1..=bytes.len() {
                let (found, ended, rest) = unstuff(bytes.as_bytes(), piece);
                assert_eq!(
                    String::from_utf8(found).unwrap(),
                    *message,
                    "{bytes:?} {piece}"
                );
                assert_eq!(
                    ended.then_some(rest),
                    left.map(|left| left.into()),
                    "{bytes:?}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn there_and_back(
            message in "([.a]|\r\n|\r\n\\.){0,20}|[.a\r\n]{0,20}",
            (one, two) in (1usize..9, 1usize..9),
        ) {
            let mut wire = Vec::new();
            let mut stuffer = Stuffer::new();
            message.as_bytes().chunks(one).for_each(|piece| stuffer.push(piece, &mut wire));
            let added = stuffer.finish(&mut wire);
            wire.extend_from_slice(b"NEXT");
            let whole = message.clone() + if added { "\r\n" } else { "" };
            prop_assert_eq!(added, !message.is_empty() && !message.ends_with("\r\n"));
            prop_assert_eq!(unstuff(&wire, two), (whole.into_bytes(), true, b"NEXT".to_vec()));
        }

        #[test]
        fn any_bytes_whatever_the_pieces(bytes in "[.a\r\n]{0,30}", piece in 1usize..9) {
            prop_assert_eq!(unstuff(bytes.as_bytes(), piece), unstuff(bytes.as_bytes(), usize::MAX));
        }
    }
}
