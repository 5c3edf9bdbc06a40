//! mboxrd quoting of bytes that arrive in pieces, both ways: what [`write_rd`] and
//! [`unquote_rd`](super::unquote_rd) do, without holding a message whole.

use memchr::memchr;

use super::write_rd;

const FROM: &[u8] = b"From ";

/// Adds or removes the `>` of lines `^>*From `, whatever the pieces.
#[derive(Debug, Clone)]
pub struct RdStream {
    quote: bool,
    /// Where in its line the next byte stands.
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Behind `marks` times `>` at the start of a line, and `letters` of `From `.
    Start { marks: u64, letters: usize },
    /// In a line of which no more needs to be known.
    Line,
}

const LINE_START: State = State::Start {
    marks: 0,
    letters: 0,
};

impl RdStream {
    /// Puts one `>` before every line `^>*From `.
    pub fn quote() -> Self {
        RdStream {
            quote: true,
            state: LINE_START,
        }
    }

    /// Removes one `>` from every line `^>+From `.
    pub fn unquote() -> Self {
        RdStream {
            quote: false,
            state: LINE_START,
        }
    }

    /// Adds a piece; appends to `out` what is decided.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        while let Some((&byte, after)) = rest.split_first() {
            match self.state {
                State::Line => {
                    let end = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
                    let (line, more) = rest.split_at_checked(end).unwrap_or((rest, &[]));
                    out.extend_from_slice(line);
                    if line.ends_with(b"\n") {
                        self.state = LINE_START;
                    }
                    rest = more;
                    continue;
                }
                State::Start { marks, letters: 0 } if byte == b'>' => {
                    self.state = State::Start {
                        marks: marks + 1,
                        letters: 0,
                    };
                }
                State::Start { marks, letters } if FROM.get(letters) == Some(&byte) => {
                    let letters = letters + 1;
                    self.state = State::Start { marks, letters };
                    if letters == FROM.len() {
                        let marks = if self.quote {
                            marks + 1
                        } else {
                            marks.saturating_sub(1)
                        };
                        write_start(marks, letters, out);
                        self.state = State::Line;
                    }
                }
                State::Start { marks, letters } => {
                    // No such line: the byte itself is looked at again as part of a line.
                    write_start(marks, letters, out);
                    self.state = State::Line;
                    continue;
                }
            }
            rest = after;
        }
    }

    /// Appends what was held back; the message has ended.
    pub fn finish(self, out: &mut Vec<u8>) {
        if let State::Start { marks, letters } = self.state {
            write_start(marks, letters, out);
        }
    }
}

fn write_start(marks: u64, letters: usize, out: &mut Vec<u8>) {
    out.extend((0..marks).map(|_| b'>'));
    out.extend_from_slice(FROM.get(..letters).unwrap_or_default());
}

/// The `From_` line that [`write_rd`] puts before a message, with its line break.
pub fn from_line(sender: &[u8], unix: i64) -> Vec<u8> {
    let mut line = Vec::new();
    let entry = write_rd(&mut line, sender, unix, b"");
    line.truncate(usize::try_from(entry.offset).unwrap_or(0));
    line
}

/// What [`write_rd`] puts behind a message whose last byte is `last`.
pub fn after_message(last: Option<u8>) -> &'static [u8] {
    match last {
        None | Some(b'\n') => b"\n",
        Some(_) => b"\n\n",
    }
}

#[cfg(test)]
mod tests {
    use super::super::unquote_rd;
    use super::*;
    use proptest::prelude::*;

    fn through(mut stream: RdStream, bytes: &[u8], piece: usize) -> Vec<u8> {
        let mut out = Vec::new();
        bytes
            .chunks(piece)
            .for_each(|piece| stream.push(piece, &mut out));
        stream.finish(&mut out);
        out
    }

    proptest! {
        #[test]
        fn the_same_as_whole(text in "([>FromX \n]|From |\n>*From |\r\n){0,40}", piece in 1usize..9) {
            let message = text.as_bytes();
            let mut file = Vec::new();
            let entry = write_rd(&mut file, b"ann@example.org", 1_700_000_000, message);
            let quoted = through(RdStream::quote(), message, piece);
            let mut streamed = from_line(b"ann@example.org", 1_700_000_000);
            prop_assert_eq!(streamed.len() as u64, entry.offset);
            streamed.extend_from_slice(&quoted);
            streamed.extend_from_slice(after_message(message.last().copied()));
            prop_assert_eq!(&streamed, &file);
            prop_assert_eq!(through(RdStream::unquote(), &quoted, piece), message);
            prop_assert_eq!(through(RdStream::unquote(), message, piece), unquote_rd(message));
        }
    }
}
