//! Where an answer of the server ends: lines, and the literals in them.

use super::limits;

/// An answer as it was read: its text, and what stood where a literal was announced.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// Without line ends; announcements of literals are still in it.
    pub(super) text: Vec<u8>,
    pub(super) literals: Vec<Literal>,
}

/// A literal.
#[derive(Debug)]
pub(super) struct Literal {
    /// Where in the text its announcement ends.
    pub(super) after: usize,
    pub(super) content: Content,
}

/// What became of a literal's octets.
#[derive(Debug)]
pub(super) enum Content {
    Kept(Vec<u8>),
    /// It was handed on as it came.
    Streamed(u64),
    /// There was no room for it.
    PassedOver(u64),
}

/// What was read.
#[derive(Debug)]
pub(super) enum Part<'a> {
    Answer(Raw),
    Begins(u64),
    Piece(&'a [u8]),
    Ends,
}

/// Why nothing more can be read: the connection is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Fault {
    /// A line beyond [`limits::LINE`] or [`limits::NUMBERS_LINE`].
    #[error("a line of the server is too long")]
    LineTooLong,
    /// More literals than [`limits::LITERALS`] in one answer.
    #[error("too many literals in an answer")]
    TooManyLiterals,
    /// The first line is not the greeting of IMAP.
    #[error("this is no IMAP server")]
    NoGreeting,
    /// An answer to a command that was not sent.
    #[error("the answer is to another command")]
    WrongTag,
}

/// Cuts the stream.
#[derive(Debug, Default)]
pub(super) struct Reader {
    raw: Raw,
    state: State,
    /// Messages that come are wanted.
    pub(super) streams: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Line,
    Keep(u64, Vec<u8>),
    PassOver(u64, u64),
    Stream(u64, u64),
}

impl Reader {
    /// Nothing was begun.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.state, State::Line) && self.raw.text.is_empty()
    }

    /// Takes bytes off `input` until there is something to tell.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Result<Part<'a>, Fault>> {
        loop {
            let state = std::mem::take(&mut self.state);
            match state {
                State::Line => {
                    let part = self.line(input)?;
                    match part {
                        Ok(None) => {}
                        Ok(Some(part)) => return Some(Ok(part)),
                        Err(fault) => return Some(Err(fault)),
                    }
                }
                State::Keep(left, mut kept) => {
                    let piece = take(input, left);
                    kept.extend_from_slice(piece);
                    let left = left.saturating_sub(piece.len() as u64);
                    match left {
                        0 => self.literal(Content::Kept(kept)),
                        _ => {
                            self.state = State::Keep(left, kept);
                            return None;
                        }
                    }
                }
                State::PassOver(left, size) => {
                    let piece = take(input, left);
                    let left = left.saturating_sub(piece.len() as u64);
                    match left {
                        0 => self.literal(Content::PassedOver(size)),
                        _ => {
                            self.state = State::PassOver(left, size);
                            return None;
                        }
                    }
                }
                State::Stream(0, size) => {
                    self.literal(Content::Streamed(size));
                    return Some(Ok(Part::Ends));
                }
                State::Stream(left, size) => {
                    let piece = take(input, left);
                    self.state = State::Stream(left.saturating_sub(piece.len() as u64), size);
                    return (!piece.is_empty()).then_some(Ok(Part::Piece(piece)));
                }
            }
        }
    }

    fn literal(&mut self, content: Content) {
        let after = self.raw.text.len();
        self.raw.literals.push(Literal { after, content });
    }

    /// Reads on in a line. Nothing to tell: a literal follows.
    fn line<'a>(&mut self, input: &mut &'a [u8]) -> Option<Result<Option<Part<'a>>, Fault>> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let (piece, rest) = input.split_at(end.map_or(input.len(), |end| end + 1));
        *input = rest;
        self.raw.text.extend_from_slice(piece);
        if self.raw.text.len() > longest(&self.raw.text) {
            return Some(Err(Fault::LineTooLong));
        }
        end?;
        let line_end = if self.raw.text.ends_with(b"\r\n") {
            2
        } else {
            1
        };
        self.raw
            .text
            .truncate(self.raw.text.len().saturating_sub(line_end));
        let announced = match self.raw.literals.is_empty() && is_for_people(&self.raw.text) {
            true => None,
            false => announced(
                &self.raw.text,
                self.raw.literals.last().map_or(0, |last| last.after),
            ),
        };
        let Some((before, size)) = announced else {
            return Some(Ok(Some(Part::Answer(std::mem::take(&mut self.raw)))));
        };
        if self.raw.literals.len() >= limits::LITERALS {
            return Some(Err(Fault::TooManyLiterals));
        }
        let kept = |literal: &Literal| match &literal.content {
            Content::Kept(bytes) => bytes.len() as u64,
            _ => 0,
        };
        let kept: u64 = self.raw.literals.iter().map(kept).sum();
        if self.streams && is_message(self.raw.text.get(..before).unwrap_or_default()) {
            self.state = State::Stream(size, size);
            return Some(Ok(Some(Part::Begins(size))));
        }
        self.state = match size.saturating_add(kept) <= limits::KEPT as u64 {
            true => State::Keep(size, Vec::new()),
            false => State::PassOver(size, size),
        };
        Some(Ok(None))
    }
}

fn take<'a>(input: &mut &'a [u8], most: u64) -> &'a [u8] {
    let most = usize::try_from(most).unwrap_or(usize::MAX).min(input.len());
    let (piece, rest) = input.split_at(most);
    *input = rest;
    piece
}

fn longest(text: &[u8]) -> usize {
    let lists = [b"* SEARCH".as_slice(), b"* ESEARCH", b"* VANISHED"];
    let is_one = |word: &[u8]| {
        let start = text.get(..word.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    match lists.into_iter().any(is_one) {
        true => limits::NUMBERS_LINE,
        false => limits::LINE,
    }
}

/// A line that ends in words for people, in which `{5}` is what it says.
fn is_for_people(text: &[u8]) -> bool {
    let mut words = text.split(|byte| *byte == b' ');
    let (first, second) = (words.next(), words.next());
    let states = ["OK", "NO", "BAD", "BYE", "PREAUTH"];
    let is_state = |word: &[u8]| {
        states
            .iter()
            .any(|state| word.eq_ignore_ascii_case(state.as_bytes()))
    };
    first == Some(b"+") || second.is_some_and(is_state)
}

/// The size of the literal that follows this text, and where its announcement begins. Up to `seen`, literals came already.
fn announced(text: &[u8], seen: usize) -> Option<(usize, u64)> {
    let inner = text.strip_suffix(b"}").filter(|_| text.len() > seen)?;
    let open = inner.iter().rposition(|byte| *byte == b'{')?;
    let digits = inner.get(open + 1..)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let before = text.get(..open)?;
    let before = before.strip_suffix(b"~").unwrap_or(before);
    let is_apart = matches!(before.last(), Some(b' ' | b'('));
    let size = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (is_number && is_apart).then_some((before.len(), size))
}

/// Whether the next value is a message: `* 5 FETCH (… BODY[] `.
fn is_message(before: &[u8]) -> bool {
    let mut words = before.split(|byte| *byte == b' ');
    let is_fetch = words.next() == Some(b"*")
        && words
            .next()
            .is_some_and(|word| word.iter().all(u8::is_ascii_digit))
        && words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case(b"FETCH"));
    let end = before.trim_ascii_end();
    let start = end.iter().rposition(|byte| matches!(byte, b' ' | b'('));
    let name = start
        .and_then(|start| end.get(start + 1..))
        .unwrap_or_default();
    is_fetch && is_message_item(name)
}

/// `BODY[]`, also of a part (`BODY[]<0>`), and RFC 3501's other name for it.
pub(super) fn is_message_item(name: &[u8]) -> bool {
    let name = name.to_ascii_uppercase();
    name == b"RFC822" || name.starts_with(b"BODY[]") || name.starts_with(b"BINARY[]")
}
