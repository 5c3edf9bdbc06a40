//! The splitter: bytes of a file in pieces of any size to items, the same items whatever
//! the pieces.

use super::from_line::{MAX_LINE, Place, Verdict, judge};
use super::length::{MAX_HEADER, content_length, header_end};
use super::{Dialect, Item, unquote_rd};
use memchr::memmem::{self, Finder};

/// Bytes behind a place that suffice to judge a `From_` line there: a line break, the
/// line, the name of a field.
const LOOK_AHEAD: usize = MAX_LINE + 512;

const FROM: &[u8] = b"\nFrom ";

/// Messages from this size on are moved out of the buffer instead of copied. Small in
/// tests, so that they take both ways.
const MOVED: usize = if cfg!(test) { 64 } else { 1 << 20 };

/// A buffer that a message makes grow beyond this has room made for the largest at once: pages
/// that are never written cost nothing, while growing step by step would copy it each time and
/// hold it twice meanwhile. Small in tests, as `MOVED`.
const LARGE: usize = if cfg!(test) { 256 } else { 16 << 20 };

/// Splits an mbox into messages.
///
/// Push bytes, take items with [`next`](Splitter::next) until `None`, push more; call
/// [`finish`](Splitter::finish) at the end of the file and take the rest. To resume a file,
/// start a new splitter [`at`](Splitter::at) the offset where an item ended.
///
/// Memory: what is pushed at once, one message of the limit, as much again of bytes given
/// away but not dropped yet, and the message given if it is small or had quoted lines.
#[derive(Debug)]
pub struct Splitter {
    dialect: Dialect,
    max_message: usize,
    from: Finder<'static>,
    /// Bytes not yet given away, after `head` bytes that were.
    buffer: Vec<u8>,
    head: usize,
    /// Offset in the file of `buffer`'s first byte.
    base: u64,
    end: bool,
    state: State,
}

/// Positions are in `buffer`.
#[derive(Debug, Clone, Copy)]
enum State {
    /// Before the first `From_` line.
    Start,
    /// A message begins; its header is awaited, to see its Content-Length.
    Header { content: usize, scan: usize },
    /// Its Content-Length says that it ends at `stop`; awaiting what stands there.
    Length { content: usize, stop: usize },
    /// The next `From_` line is searched.
    Lines {
        content: usize,
        scan: usize,
        plain: bool,
    },
    /// The same, for a message above the limit, which began at offset `began`.
    Skip { began: u64, scan: usize },
    /// Nothing more will come.
    Done,
}

impl Splitter {
    /// A splitter at the start of a file that gives no messages above `max_message` bytes.
    pub fn new(dialect: Dialect, max_message: usize) -> Self {
        Self::at(0, dialect, max_message)
    }

    /// A splitter for the part of a file from `offset`, where an earlier item ended.
    pub fn at(offset: u64, dialect: Dialect, max_message: usize) -> Self {
        Splitter {
            dialect,
            max_message,
            from: Finder::new(FROM),
            buffer: Vec::new(),
            head: 0,
            base: offset,
            end: false,
            state: State::Start,
        }
    }

    /// Adds the file's next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if matches!(self.state, State::Done) {
            self.buffer = Vec::new();
            self.head = 0;
            return;
        }
        // Moving what is left only when it is the smaller half keeps the work linear.
        if self.head >= self.buffer.len() / 2 {
            self.drain();
        }
        let wanted = self.buffer.len() + bytes.len();
        if wanted > LARGE && wanted > self.buffer.capacity() {
            let most = self.max_message.min(16 * LARGE).max(wanted);
            self.buffer.reserve_exact(most - self.buffer.len());
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that the file has no more bytes.
    pub fn finish(&mut self) {
        self.end = true;
    }

    /// The next item that the bytes so far decide; `None` if more are needed, or at the end.
    #[expect(clippy::should_implement_trait, reason = "None does not mean the end")]
    pub fn next(&mut self) -> Option<Item> {
        loop {
            let step = match self.state {
                State::Start => self.start(),
                State::Header { content, scan } => self.header(content, scan),
                State::Length { content, stop } => self.length(content, stop),
                State::Lines {
                    content,
                    scan,
                    plain,
                } => self.lines(content, scan, plain),
                State::Skip { began, scan } => self.skip(began, scan),
                State::Done => Step::Wait,
            };
            match step {
                Step::On => {}
                Step::Wait => return None,
                Step::Give(item) => return Some(item),
            }
        }
    }

    /// Bytes held now.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.buffer.capacity()
    }

    fn drain(&mut self) {
        let gone = self.head;
        self.buffer.drain(..gone);
        if self.buffer.capacity() > LARGE && self.buffer.len() < LARGE / 2 {
            self.buffer.shrink_to(LARGE / 2);
        }
        self.head = 0;
        self.base += gone as u64;
        match &mut self.state {
            State::Header { content, scan } | State::Lines { content, scan, .. } => {
                *content -= gone;
                *scan -= gone;
            }
            State::Length { content, stop } => {
                *content -= gone;
                *stop -= gone;
            }
            State::Skip { scan, .. } => *scan -= gone,
            State::Start | State::Done => {}
        }
        // One huge message must not keep its memory for the rest of the file.
        if self.buffer.capacity() > 1 << 22 && self.buffer.len() < self.buffer.capacity() / 8 {
            self.buffer.shrink_to(self.buffer.len() * 2);
        }
    }

    fn rest(&self, at: usize) -> &[u8] {
        self.buffer.get(at..).unwrap_or_default()
    }

    fn start(&mut self) -> Step {
        const BOM: &[u8] = b"\xEF\xBB\xBF";
        let rest = self.rest(self.head);
        if self.base == 0 && self.head == 0 {
            if rest.len() < BOM.len() && BOM.starts_with(rest) && !self.end {
                return Step::Wait;
            }
            if rest.starts_with(BOM) {
                self.head = BOM.len();
                return Step::On;
            }
        }
        let blank = rest
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        if blank > 0 {
            self.head += blank;
            return Step::On;
        }
        if rest.is_empty() {
            return self.wait_or_done();
        }
        let verdict = match rest.get(..5) {
            Some(b"From ") => judge(rest, Place::FileStart, self.end),
            None if b"From ".starts_with(rest) && !self.end => Verdict::Wait,
            _ => Verdict::No,
        };
        match verdict {
            Verdict::Yes(length) => {
                self.begin(self.head, length);
                Step::On
            }
            Verdict::Wait => Step::Wait,
            Verdict::No => {
                self.state = State::Done;
                Step::Give(Item::NotAnMbox)
            }
        }
    }

    /// A message begins at `at` with a `From_` line of `line` bytes.
    fn begin(&mut self, at: usize, line: usize) {
        let content = at + line;
        self.head = at;
        self.state = match self.dialect {
            Dialect::Auto | Dialect::Cl | Dialect::Cl2 => State::Header {
                content,
                scan: content - 1,
            },
            Dialect::O | Dialect::Rd => lines_from(content),
        };
    }

    /// Looks for the end of the header and a Content-Length in it.
    fn header(&mut self, content: usize, scan: usize) -> Step {
        // Positions in the search count from the line break before the header.
        let before = content - 1;
        let all = self.rest(before);
        let header = match header_end(all.get(..MAX_HEADER).unwrap_or(all), scan - before) {
            Ok(end) => all.get(..end).unwrap_or_default(),
            Err(_) if self.end || all.len() >= MAX_HEADER => {
                self.state = lines_from(content);
                return Step::On;
            }
            Err(scan) => {
                self.state = State::Header {
                    content,
                    scan: before + scan,
                };
                return Step::Wait;
            }
        };
        let body = before + header.len();
        let said = content_length(header);
        let stop = said.and_then(|length| body.checked_add(length));
        self.state = match stop {
            // A length above the limit cannot be checked without holding that much.
            Some(stop) if stop - content <= self.max_message => State::Length { content, stop },
            _ => lines_from(content),
        };
        Step::On
    }

    /// Believes a Content-Length if it lands where a message ends.
    fn length(&mut self, content: usize, stop: usize) -> Step {
        if !self.end && self.buffer.len() < stop.saturating_add(LOOK_AHEAD) {
            return Step::Wait;
        }
        let landed = match self.buffer.get(stop..) {
            None => None,
            Some([] | [b'\n'] | [b'\r', b'\n']) if self.end => Some((self.buffer.len(), None)),
            Some(rest) => {
                let skip = match rest {
                    [b'\n', ..] => 1,
                    [b'\r', b'\n', ..] => 2,
                    _ if stop.checked_sub(1).and_then(|last| self.buffer.get(last))
                        != Some(&b'\n') =>
                    {
                        usize::MAX
                    }
                    _ => 0,
                };
                let next = rest.get(skip..).unwrap_or_default();
                match next.get(..5) {
                    Some(b"From ") => match judge(next, Place::AfterBlank, self.end) {
                        Verdict::Yes(line) => Some((stop + skip, Some(line))),
                        Verdict::No | Verdict::Wait => None,
                    },
                    _ => None,
                }
            }
        };
        match landed {
            Some((to, line)) => {
                let (item, to) = self.take(content, stop, to, false);
                self.after(to, line);
                Step::Give(item)
            }
            None => {
                self.state = lines_from(content);
                Step::On
            }
        }
    }

    /// Searches the `From_` line that ends the message.
    fn lines(&mut self, content: usize, scan: usize, plain: bool) -> Step {
        match self.find(content, scan) {
            Search::Found { at, line } => {
                let (item, at) = self.ended(content, at, plain);
                self.after(at, Some(line));
                Step::Give(item)
            }
            Search::Text { scan } => {
                self.state = State::Lines {
                    content,
                    scan,
                    plain: true,
                };
                Step::On
            }
            Search::None { .. } if self.end => {
                let to = self.buffer.len();
                let (item, to) = self.ended(content, to, plain);
                self.after(to, None);
                Step::Give(item)
            }
            // Two bytes may yet turn out to be the separator.
            Search::None { scan }
                if scan.saturating_sub(content) > self.max_message.saturating_add(2) =>
            {
                self.state = State::Skip {
                    began: self.base + self.head as u64,
                    scan,
                };
                Step::On
            }
            Search::None { scan } => {
                self.state = State::Lines {
                    content,
                    scan,
                    plain,
                };
                Step::Wait
            }
        }
    }

    /// Passes over a message above the limit.
    fn skip(&mut self, began: u64, scan: usize) -> Step {
        match self.find(0, scan) {
            Search::Found { at, line } => {
                let length = self.base + at as u64 - began;
                self.after(at, Some(line));
                Step::Give(Item::TooLarge {
                    offset: began,
                    length,
                })
            }
            Search::Text { scan } => {
                self.state = State::Skip { began, scan };
                Step::On
            }
            Search::None { .. } if self.end => {
                let to = self.buffer.len();
                self.after(to, None);
                Step::Give(Item::TooLarge {
                    offset: began,
                    length: self.base + to as u64 - began,
                })
            }
            Search::None { scan } => {
                // Two bytes before stay: they tell whether the line before is empty.
                self.head = scan.saturating_sub(2).max(self.head);
                self.state = State::Skip { began, scan };
                Step::Wait
            }
        }
    }

    /// The next `From_` line at or after the line break at `scan`, in a message whose
    /// first line starts at `content`.
    fn find(&self, content: usize, scan: usize) -> Search {
        let Some(found) = self.from.find(self.rest(scan)) else {
            let scan = self.buffer.len().saturating_sub(FROM.len() - 1).max(scan);
            return Search::None { scan };
        };
        let lf = scan + found;
        let before = self
            .buffer
            .get(content.saturating_sub(1)..lf)
            .unwrap_or_default();
        let place = match before {
            [.., b'\n'] | [.., b'\n', b'\r'] => Place::AfterBlank,
            _ => Place::InText,
        };
        match judge(self.rest(lf + 1), place, self.end) {
            Verdict::Yes(line) => Search::Found { at: lf + 1, line },
            Verdict::No => Search::Text { scan: lf + 1 },
            Verdict::Wait => Search::None { scan: lf },
        }
    }

    /// The item that `From_` lines delimit: from `content` to `to`; and where that is now.
    fn ended(&mut self, content: usize, to: usize, plain: bool) -> (Item, usize) {
        let stored = without_separator(self.buffer.get(content..to).unwrap_or_default()).len();
        if stored > self.max_message {
            let item = Item::TooLarge {
                offset: self.base + self.head as u64,
                length: (to - self.head) as u64,
            };
            return (item, to);
        }
        let unquote = match self.dialect {
            Dialect::Rd => true,
            Dialect::Auto => !plain,
            Dialect::O | Dialect::Cl | Dialect::Cl2 => false,
        };
        self.take(content, content + stored, to, unquote)
    }

    /// The message from `content` to `stop`, of an item that ends at `to`; and where `to`
    /// is afterwards, for a large message leaves with the buffer it lies in: a copy would
    /// take as much memory again.
    fn take(&mut self, content: usize, stop: usize, to: usize, unquote: bool) -> (Item, usize) {
        let line = self.buffer.get(self.head..content).unwrap_or_default();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let from_line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
        let offset = self.base + self.head as u64;
        let length = (to - self.head) as u64;
        let (message, to) = if stop - content < MOVED {
            let message = self.buffer.get(content..stop).unwrap_or_default();
            (message.to_vec(), to)
        } else {
            let rest = self.buffer.split_off(to.min(self.buffer.len()));
            let mut message = std::mem::replace(&mut self.buffer, rest);
            message.truncate(stop);
            message.drain(..content.min(stop));
            message.shrink_to_fit();
            self.base += to as u64;
            self.head = 0;
            (message, 0)
        };
        let quoted = unquote && memmem::find(&message, b">From ").is_some();
        let item = Item::Message {
            offset,
            length,
            from_line,
            message: if quoted {
                unquote_rd(&message)
            } else {
                message
            },
        };
        (item, to)
    }

    /// Goes on at `to`, where the next `From_` line or nothing stands.
    fn after(&mut self, to: usize, line: Option<usize>) {
        match line {
            Some(line) => self.begin(to, line),
            None => {
                self.head = to;
                self.state = State::Done;
            }
        }
    }

    fn wait_or_done(&mut self) -> Step {
        if self.end {
            self.state = State::Done;
        }
        Step::Wait
    }
}

enum Step {
    On,
    Wait,
    Give(Item),
}

enum Search {
    /// A `From_` line of `line` bytes at `at`.
    Found { at: usize, line: usize },
    /// A line that starts with `From ` but is text; go on at `scan`.
    Text { scan: usize },
    /// None in the bytes so far; go on at `scan` when there are more.
    None { scan: usize },
}

/// The state that searches from the first line of a message on.
fn lines_from(content: usize) -> State {
    State::Lines {
        content,
        scan: content.saturating_sub(1),
        plain: false,
    }
}

/// `stored` without one empty line at its end.
fn without_separator(stored: &[u8]) -> &[u8] {
    for blank in [b"\r\n".as_slice(), b"\n"] {
        match stored.strip_suffix(blank) {
            Some(rest) if rest.is_empty() || rest.ends_with(b"\n") => return rest,
            _ => {}
        }
    }
    stored
}
