//! The connection: which command is under way, how much of it was handed out, and what is heard.

use std::collections::VecDeque;

use super::answer::{Answer, Kind, Status};
use super::parse::{Line, parse};
use super::reader::{Fault, Part as Read, Reader};
use super::request::{Part, Request};

/// Which literals may be sent without being asked for (RFC 7888).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LiteralPlus {
    /// None.
    #[default]
    Never,
    /// Those up to 4,096 octets (LITERAL-).
    Small,
    /// All (LITERAL+).
    Any,
}

/// What can be said about the command that is under way when nothing more is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is not complete, so the server cannot have done it; or it changes nothing; or there is none.
    NotSent,
    /// The server may have done it.
    Unknown,
}

/// What happens.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The server's first words.
    Greeting(Status),
    /// Something is said.
    Answer(Answer),
    /// A message of so many octets comes.
    Begins(u64),
    /// A piece of it.
    Piece(&'a [u8]),
    /// It is complete.
    Ends,
    /// The message that is to be appended is wanted.
    Message,
    /// The server asks, and waits for a [`reply`](Client::reply).
    Challenge(Vec<u8>),
    /// The command is over.
    Done(Status),
    /// Nothing more can be read.
    Fault(Fault),
}

/// It was called out of turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection is not ready for that")]
pub struct NotReady;

/// Above this, a literal is announced and waits even where it need not: a server that has no room says so before it came.
const WORTH_ASKING: u64 = 64 << 10;

/// One connection, seen by the client. See [the module](super) for how it is driven.
#[derive(Debug)]
pub struct Client {
    reader: Reader,
    output: Vec<u8>,
    state: State,
    tags: u32,
    /// Which literals the server takes.
    pub literal_plus: LiteralPlus,
}

#[derive(Debug)]
enum State {
    Greeting,
    Ready,
    Busy(Busy),
    Closed,
}

#[derive(Debug)]
struct Busy {
    tag: String,
    parts: VecDeque<Part>,
    waits: Waits,
    changes: bool,
    talks: bool,
    is_out: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Waits {
    /// For the server to want the next literal.
    Continue,
    /// For so many octets of the message; whether that was told.
    Message(u64, bool),
    /// For the answer.
    Answer,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// A connection that was just made.
    pub fn new() -> Self {
        Client {
            reader: Reader::default(),
            output: Vec::new(),
            state: State::Greeting,
            tags: 0,
            literal_plus: LiteralPlus::Never,
        }
    }

    /// The handshake after STARTTLS succeeded: there is no second greeting.
    pub fn tls_started(&mut self) {
        self.state = State::Ready;
    }

    /// Takes bytes off `input` until there is an event. `None`: write the output and read more.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Event<'a>> {
        if let State::Busy(Busy {
            waits: Waits::Message(_, is_told @ false),
            ..
        }) = &mut self.state
        {
            *is_told = true;
            return Some(Event::Message);
        }
        loop {
            if matches!(self.state, State::Closed) {
                *input = &[];
                return None;
            }
            let event = match self.reader.next(input)? {
                Ok(Read::Begins(octets)) => Some(Event::Begins(octets)),
                Ok(Read::Piece(piece)) => Some(Event::Piece(piece)),
                Ok(Read::Ends) => Some(Event::Ends),
                Ok(Read::Answer(raw)) => self.hear(parse(&raw)),
                Err(fault) => Some(self.fault(fault)),
            };
            if event.is_some() {
                return event;
            }
        }
    }

    /// What is to be written to the server.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// So many octets of [`output`](Client::output) were written.
    pub fn written(&mut self, octets: usize) {
        self.output.drain(..octets.min(self.output.len()));
    }

    /// Whether a command may be sent.
    pub fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    /// Whether the server has begun an answer, or a command is under way.
    pub fn is_between(&self) -> bool {
        self.is_ready() && self.reader.is_between()
    }

    /// Sends a command.
    ///
    /// # Errors
    /// Where one is under way, or there was no greeting.
    pub fn send(&mut self, request: Request) -> Result<(), NotReady> {
        if !self.is_ready() {
            return Err(NotReady);
        }
        self.tags = self.tags.wrapping_add(1);
        let tag = format!("E{}", self.tags);
        self.output.extend_from_slice(tag.as_bytes());
        self.output.push(b' ');
        self.reader.streams = request.streams;
        self.state = State::Busy(Busy {
            tag,
            parts: request.parts.into(),
            waits: Waits::Answer,
            changes: request.changes,
            talks: request.talks,
            is_out: false,
        });
        self.pump();
        Ok(())
    }

    /// Hands out the next piece of the message, after [`Event::Message`].
    ///
    /// # Errors
    /// Where none is wanted, or not so much of it.
    pub fn message(&mut self, piece: &[u8]) -> Result<(), NotReady> {
        let State::Busy(busy) = &mut self.state else {
            return Err(NotReady);
        };
        let Waits::Message(left, _) = &mut busy.waits else {
            return Err(NotReady);
        };
        *left = left.checked_sub(piece.len() as u64).ok_or(NotReady)?;
        self.output.extend_from_slice(piece);
        if *left == 0 {
            busy.is_out = true;
            busy.waits = Waits::Answer;
            self.pump();
        }
        Ok(())
    }

    /// Answers an [`Event::Challenge`]; `DONE` ends an IDLE.
    ///
    /// # Errors
    /// Where nothing was asked.
    pub fn reply(&mut self, line: &str) -> Result<(), NotReady> {
        match &self.state {
            State::Busy(busy) if busy.talks && busy.waits == Waits::Answer => {
                self.output.extend_from_slice(line.as_bytes());
                self.output.extend_from_slice(b"\r\n");
                Ok(())
            }
            _ => Err(NotReady),
        }
    }

    /// What can be said about the command that is under way if nothing more is heard.
    pub fn fate(&self) -> Fate {
        match &self.state {
            State::Busy(busy) if busy.changes && busy.is_out => Fate::Unknown,
            _ => Fate::NotSent,
        }
    }

    /// Hands out what may be.
    fn pump(&mut self) {
        let State::Busy(busy) = &mut self.state else {
            return;
        };
        while let Some(part) = busy.parts.pop_front() {
            let (octets, tilde) = match &part {
                Part::Text(text) => {
                    self.output.extend_from_slice(text);
                    continue;
                }
                Part::Literal(bytes) => (bytes.len() as u64, ""),
                Part::Message(octets, is_binary) => (*octets, if *is_binary { "~" } else { "" }),
            };
            let most = match self.literal_plus {
                LiteralPlus::Never => None,
                LiteralPlus::Small => Some(4_096),
                LiteralPlus::Any => Some(WORTH_ASKING),
            };
            let waits = most.is_none_or(|most| octets > most);
            let plus = if waits { "" } else { "+" };
            let announced = format!("{tilde}{{{octets}{plus}}}\r\n");
            self.output.extend_from_slice(announced.as_bytes());
            if waits {
                busy.parts.push_front(part);
                busy.waits = Waits::Continue;
                return;
            }
            if Self::literal(busy, &mut self.output, part) {
                return;
            }
        }
        self.output.extend_from_slice(b"\r\n");
        busy.waits = Waits::Answer;
        busy.is_out = true;
    }

    /// Hands out a literal. True if the driver has to give it.
    fn literal(busy: &mut Busy, output: &mut Vec<u8>, part: Part) -> bool {
        match part {
            Part::Text(bytes) | Part::Literal(bytes) => {
                output.extend_from_slice(&bytes);
                false
            }
            Part::Message(0, _) => {
                busy.is_out = true;
                false
            }
            Part::Message(octets, _) => {
                busy.waits = Waits::Message(octets, false);
                true
            }
        }
    }

    fn fault(&mut self, fault: Fault) -> Event<'static> {
        // What is under way stays, for its fate may be asked.
        if !matches!(self.state, State::Busy(_)) {
            self.state = State::Closed;
        }
        Event::Fault(fault)
    }

    /// An event that was told, or nothing to tell.
    fn hear(&mut self, line: Line) -> Option<Event<'static>> {
        match (line, &mut self.state) {
            (Line::Untagged(Answer::Status(status)), State::Greeting) => {
                self.state = match status.kind {
                    Kind::Ok | Kind::Preauth => State::Ready,
                    _ => State::Closed,
                };
                Some(Event::Greeting(status))
            }
            (_, State::Greeting) => Some(self.fault(Fault::NoGreeting)),
            (Line::Untagged(answer), _) => Some(Event::Answer(answer)),
            (Line::Continue(text), State::Busy(busy)) => match busy.waits {
                Waits::Continue => {
                    busy.waits = Waits::Answer;
                    let part = busy.parts.pop_front();
                    let wanted =
                        part.is_some_and(|part| Self::literal(busy, &mut self.output, part));
                    if !wanted {
                        self.pump();
                        return None;
                    }
                    if let Waits::Message(_, is_told) = &mut busy.waits {
                        *is_told = true;
                    }
                    Some(Event::Message)
                }
                Waits::Answer if busy.talks => Some(Event::Challenge(text)),
                // Nobody asked; there are servers that say so nevertheless.
                _ => None,
            },
            (Line::Continue(_), _) => None,
            (Line::Tagged(tag, status), State::Busy(busy)) if tag == busy.tag.as_bytes() => {
                // With half a message out, the server would read the rest as commands.
                self.state = match busy.waits {
                    Waits::Message(..) => State::Closed,
                    _ => State::Ready,
                };
                Some(Event::Done(status))
            }
            (Line::Tagged(..), _) => Some(self.fault(Fault::WrongTag)),
        }
    }
}
