//! One connection of an MTA: bytes to events, answers to bytes.

use super::event::{connect, header, path};
use super::frame::{BODY_CHUNK, Frames};
use super::negotiate::negotiate;
use super::reply::{write_header, write_progress};
use super::{Answer, Error, Event, Macros, Negotiated, Options, Stage, command};
use std::collections::VecDeque;

/// Where the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No transaction.
    Idle,
    /// A sender was named.
    Envelope,
    /// Fields of the header come.
    Header,
    /// The header is complete.
    Body,
    /// Nothing more will come.
    Closed,
}

/// One connection. Memory: what is pushed and not yet taken, and the macros of one message.
#[derive(Debug)]
pub struct Session {
    options: Options,
    frames: Frames,
    events: VecDeque<Event>,
    output: Vec<u8>,
    macros: Macros,
    negotiated: Option<Negotiated>,
    state: State,
    /// The command that the caller has to decide.
    awaits: Option<u8>,
    failed: Option<Error>,
}

impl Default for Session {
    fn default() -> Self {
        Session::new(Options::default())
    }
}

impl Session {
    /// A connection on which nothing was said.
    pub fn new(options: Options) -> Self {
        Session {
            frames: Frames::new(options.frame),
            options,
            events: VecDeque::new(),
            output: Vec::new(),
            macros: Macros::default(),
            negotiated: None,
            state: State::Idle,
            awaits: None,
            failed: None,
        }
    }

    /// Adds bytes that the MTA sent. They are held until [`next`](Session::next) takes them: push no more
    /// while it still gives events.
    pub fn push(&mut self, bytes: &[u8]) {
        self.frames.push(bytes);
    }

    /// The next event; `None` if more bytes are needed, while an answer is awaited, and after
    /// [`Event::Quit`]. After an error nothing but the error comes: close the connection.
    #[expect(clippy::should_implement_trait, reason = "None does not mean the end")]
    pub fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if self.awaits.is_some() {
                return Ok(None);
            }
            if let Some(event) = self.events.pop_front() {
                self.awaits = event.decided();
                return Ok(Some(event));
            }
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            if self.state == State::Closed {
                return Ok(None);
            }
            match self.frames.next() {
                Ok(None) => return Ok(None),
                Ok(Some((command, data))) => {
                    if let Err(error) = self.take(command, &data) {
                        self.failed = Some(error);
                    }
                }
                Err(error) => self.failed = Some(error),
            }
        }
    }

    /// Answers the event that was given last. False, and nothing is sent, if it awaits none.
    pub fn answer(&mut self, answer: &Answer) -> bool {
        let Some(command) = self.awaits.take() else {
            return false;
        };
        match command {
            command::MAIL if *answer != Answer::Continue => self.end_transaction(),
            // A refused recipient is one less; the others go on.
            command::RECIPIENT if *answer == Answer::Accept => self.end_transaction(),
            command::END => self.end_transaction(),
            _ => {}
        }
        self.reply(command, answer);
        true
    }

    /// Adds a header field to the message whose [`Event::End`] awaits its answer; before that answer.
    /// False, and nothing is sent, where that was not agreed, or for what is no header field: a name of
    /// printable ASCII and a value of one line.
    pub fn add_header(&mut self, name: &str, value: &str) -> bool {
        let agreed = self.negotiated.filter(Negotiated::adds_headers);
        let Some(agreed) = agreed.filter(|_| self.awaits == Some(command::END)) else {
            return false;
        };
        let proper = |b: u8| b.is_ascii_graphic() && b != b':';
        if name.is_empty() || !name.bytes().all(proper) || value.contains(char::is_control) {
            return false;
        }
        // An MTA that leaves blanks alone also adds none.
        let blank = if agreed.exact_headers() { " " } else { "" };
        write_header(name, &format!("{blank}{value}"), &mut self.output);
        true
    }

    /// Tells the MTA that the answer to [`Event::End`] still takes time, so that its clock begins anew.
    /// False, and nothing is sent, at any other time.
    pub fn progress(&mut self) -> bool {
        let waits = self.awaits == Some(command::END);
        if waits {
            write_progress(&mut self.output);
        }
        waits
    }

    /// Takes the bytes that are to be sent to the MTA.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// The macros in force.
    pub fn macros(&self) -> &Macros {
        &self.macros
    }

    /// What was agreed; `None` before that.
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.negotiated.as_ref()
    }

    fn reply(&mut self, command: u8, answer: &Answer) {
        if self.negotiated.is_some_and(|n| n.answered(command)) {
            answer.write(&mut self.output);
        }
    }

    fn end_transaction(&mut self) {
        self.state = State::Idle;
        self.macros.forget(Stage::Mail);
    }

    /// Ends a transaction that the MTA gave up.
    fn abort(&mut self) {
        if self.state != State::Idle {
            self.events.push_back(Event::Abort);
        }
        self.end_transaction();
    }

    fn take(&mut self, command: u8, data: &[u8]) -> Result<(), Error> {
        let malformed = || Error::Malformed(command);
        let Some(negotiated) = self.negotiated else {
            if command != command::NEGOTIATE {
                return Err(Error::OutOfOrder(command));
            }
            let agreed = negotiate(data, &self.options, &mut self.output)?;
            self.negotiated = Some(agreed);
            return Ok(());
        };
        match command {
            command::NEGOTIATE => return Err(Error::OutOfOrder(command)),
            command::MACRO => self.macros.take(data).ok_or_else(malformed)?,
            command::CONNECT => {
                self.abort();
                let event = connect(data).ok_or_else(malformed)?;
                self.events.push_back(event);
            }
            command::HELO => {
                let name = data.strip_suffix(b"\0").unwrap_or(data);
                self.events.push_back(Event::Helo(name.to_vec()));
            }
            command::MAIL => self.mail(data).ok_or_else(malformed)?,
            command::RECIPIENT => {
                self.expect(command, State::Envelope)?;
                let (path, parameters) = path(data).ok_or_else(malformed)?;
                self.events.push_back(Event::Recipient { path, parameters });
            }
            command::DATA => {
                self.expect(command, State::Envelope)?;
                self.events.push_back(Event::Data);
            }
            command::HEADER => {
                self.expect(command, State::Header)?;
                let event = header(data, negotiated.exact_headers()).ok_or_else(malformed)?;
                self.events.push_back(event);
            }
            command::END_OF_HEADER => self.begin_body(command)?,
            command::BODY => {
                self.begin_body(command)?;
                self.body(data);
            }
            command::END => {
                self.begin_body(command)?;
                self.body(data);
                self.events.push_back(Event::End {
                    queue_id: self.macros.queue_id(),
                    macros: self.macros.clone(),
                });
            }
            // An SMTP command that the MTA does not know either.
            command::UNKNOWN => {}
            command::ABORT => self.abort(),
            command::QUIT_NC => {
                self.abort();
                self.macros.forget(Stage::Connect);
                self.events.push_back(Event::Disconnect);
            }
            command::QUIT => {
                self.abort();
                self.events.push_back(Event::Quit);
                self.state = State::Closed;
            }
            _ => return Err(Error::UnknownCommand(command)),
        }
        if matches!(
            command,
            command::HELO
                | command::DATA
                | command::HEADER
                | command::END_OF_HEADER
                | command::BODY
                | command::UNKNOWN
        ) {
            self.reply(command, &Answer::Continue);
        }
        Ok(())
    }

    fn mail(&mut self, data: &[u8]) -> Option<()> {
        // An MTA says when it gives a transaction up; where one does not, the macros that came for this
        // one must stay.
        if self.state != State::Idle {
            self.events.push_back(Event::Abort);
        }
        self.macros.forget(Stage::Recipient);
        self.state = State::Envelope;
        let (path, parameters) = path(data)?;
        self.events.push_back(Event::Mail { path, parameters });
        Some(())
    }

    /// Moves on to `next`, or stays there.
    fn expect(&mut self, command: u8, next: State) -> Result<(), Error> {
        let fits = match next {
            State::Envelope => self.state == State::Envelope,
            State::Header => matches!(self.state, State::Envelope | State::Header),
            State::Body => !matches!(self.state, State::Idle | State::Closed),
            State::Idle | State::Closed => false,
        };
        if !fits {
            return Err(Error::OutOfOrder(command));
        }
        self.state = next;
        Ok(())
    }

    /// Ends the header, if that was not done.
    fn begin_body(&mut self, command: u8) -> Result<(), Error> {
        let before = self.state;
        self.expect(command, State::Body)?;
        if before != State::Body {
            self.events.push_back(Event::EndOfHeader);
        }
        Ok(())
    }

    fn body(&mut self, data: &[u8]) {
        let chunks = data.chunks(BODY_CHUNK);
        self.events
            .extend(chunks.map(|chunk| Event::Body(chunk.to_vec())));
    }
}
