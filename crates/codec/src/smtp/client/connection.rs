//! The connection: its state, its output, and what is heard on it.

use std::collections::VecDeque;

use super::transaction::Transaction;
use super::{BodyFault, Config, Envelope, Event, NotReady, Outcome, Report, Verdict};
use crate::smtp::{Extensions, Reply, ReplyReader, Timeout};

/// One connection, seen by the client. See [the module](super) for how it is driven.
///
/// Memory: the envelope, its outcomes, commands that were sent ahead, and the piece of the message
/// that was given last.
#[derive(Debug)]
pub struct Client {
    pub(super) config: Config,
    pub(super) state: State,
    replies: ReplyReader,
    pub(super) output: Vec<u8>,
    pub(super) events: VecDeque<Event>,
    pub(super) tls: bool,
    /// STARTTLS was tried and refused.
    pub(super) tls_refused: bool,
    pub(super) authenticated: bool,
    pub(super) offers: Extensions,
}

/// What the client is at.
#[derive(Debug)]
pub(super) enum State {
    /// The greeting is awaited.
    Greeting,
    /// The answer to EHLO or LHLO.
    Hello,
    /// The answer to HELO.
    OldHello,
    /// The answer to STARTTLS.
    StartTls,
    /// The driver shakes hands.
    Handshake,
    /// The answer to AUTH, with what is to be said next.
    Auth(VecDeque<String>),
    /// The driver may send.
    Ready,
    /// A transaction is under way.
    Busy(Box<Transaction>),
    /// The answer to RSET.
    Reset,
    /// The answer to QUIT.
    Quit,
    /// Nothing more is heard.
    Closed,
}

impl Client {
    /// A connection that was just made.
    pub fn new(config: Config) -> Self {
        Client {
            tls: config.tls,
            config,
            state: State::Greeting,
            replies: ReplyReader::new(),
            output: Vec::new(),
            events: VecDeque::new(),
            tls_refused: false,
            authenticated: false,
            offers: Extensions::default(),
        }
    }

    /// Takes bytes off `input` until there is an event. `None`: write the output and read more.
    pub fn next(&mut self, input: &mut &[u8]) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            match self.state {
                State::Closed => *input = &[],
                State::Handshake if !input.is_empty() => self.injected(),
                State::Busy(_) => self.fill(),
                _ => {}
            }
            if !self.events.is_empty() {
                continue;
            }
            match self.replies.next(input) {
                None => return None,
                Some(Ok(reply)) => self.hear(reply, !input.is_empty()),
                Some(Err(fault)) => self.give_up(&format!("garbage from the server: {fault}")),
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

    /// Begins a transaction, after [`Event::Ready`].
    pub fn send(&mut self, envelope: Envelope) -> Result<(), NotReady> {
        if !matches!(self.state, State::Ready) {
            return Err(NotReady);
        }
        let transaction = Transaction::new(envelope, &self.offers, self.config.protocol);
        self.state = State::Busy(Box::new(transaction));
        Ok(())
    }

    /// Hands out the next bytes of the message, after [`Event::Body`]. The output grows by as many and
    /// the dots: write it before the next piece.
    pub fn body(&mut self, bytes: &[u8]) -> Result<(), BodyFault> {
        let State::Busy(transaction) = &mut self.state else {
            return Err(BodyFault::NotAwaited);
        };
        let taken = transaction.body(bytes, &mut self.output);
        self.stop_at(taken)
    }

    /// Says that the message is complete.
    pub fn end(&mut self) -> Result<(), BodyFault> {
        let State::Busy(transaction) = &mut self.state else {
            return Err(BodyFault::NotAwaited);
        };
        let ended = transaction.end(&mut self.output);
        self.stop_at(ended)
    }

    /// A message that cannot be completed is cut off with its connection: there is no other way to take
    /// back what was sent.
    fn stop_at(&mut self, result: Result<(), BodyFault>) -> Result<(), BodyFault> {
        if let Err(fault @ (BodyFault::Size | BodyFault::Content)) = result {
            self.output.clear();
            self.give_up(&fault.to_string());
        }
        result
    }

    /// Says QUIT, after [`Event::Ready`].
    pub fn quit(&mut self) -> Result<(), NotReady> {
        if !matches!(self.state, State::Ready) {
            return Err(NotReady);
        }
        self.output.extend_from_slice(b"QUIT\r\n");
        self.state = State::Quit;
        Ok(())
    }

    /// The connection is gone, or was given up after a timeout. What came of the transaction under way,
    /// if there is one that [`Event::Done`] did not tell.
    pub fn lost(&mut self) -> Option<Report> {
        let told = self.events.drain(..).find_map(|event| match event {
            Event::Done(report) => Some(report),
            _ => None,
        });
        let state = std::mem::replace(&mut self.state, State::Closed);
        match state {
            State::Busy(transaction) => Some(transaction.cut_off("connection lost")),
            _ => told,
        }
    }

    /// The handshake after [`Event::StartTls`] is done.
    pub fn tls_started(&mut self) {
        if matches!(self.state, State::Handshake) {
            self.tls = true;
            self.replies = ReplyReader::new();
            self.say_hello();
        }
    }

    /// What the server offers, once it was told.
    pub fn offers(&self) -> &Extensions {
        &self.offers
    }

    /// Whether there is TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Whether the connection is to be closed.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// What is awaited from the server, or written to it; `None` if it is the driver's turn.
    pub fn timeout(&self) -> Option<Timeout> {
        match &self.state {
            State::Greeting => Some(Timeout::Greeting),
            State::Hello
            | State::OldHello
            | State::StartTls
            | State::Auth(_)
            | State::Reset
            | State::Quit => Some(Timeout::Command),
            State::Handshake => Some(Timeout::Handshake),
            State::Busy(transaction) => Some(transaction.timeout()),
            State::Ready | State::Closed => None,
        }
    }

    /// Takes a reply; `more` says that bytes came behind it.
    fn hear(&mut self, reply: Reply, more: bool) {
        match self.state {
            State::Greeting | State::Hello | State::OldHello | State::StartTls | State::Auth(_) => {
                self.hear_opening(reply, more);
            }
            State::Handshake => self.injected(),
            State::Busy(_) => self.hear_transaction(reply),
            State::Reset if (200..300).contains(&reply.code) => {
                self.state = State::Ready;
                self.events.push_back(Event::Ready);
            }
            // Nothing was asked, or the server leaves.
            State::Reset | State::Ready | State::Quit => {
                self.state = State::Closed;
                self.events.push_back(Event::Closed);
            }
            State::Closed => {}
        }
    }

    fn hear_transaction(&mut self, reply: Reply) {
        let State::Busy(transaction) = &mut self.state else {
            return;
        };
        let leaving = reply.code == 421;
        match transaction.hear(reply, &mut self.output) {
            Ok(begins) => {
                if begins {
                    self.events.push_back(Event::Body);
                }
            }
            Err(what) => return self.give_up(what),
        }
        if leaving {
            self.give_up("the server leaves");
        } else {
            self.finish();
        }
    }

    /// Writes the commands that may be written now.
    fn fill(&mut self) {
        let State::Busy(transaction) = &mut self.state else {
            return;
        };
        if transaction.fill(&self.offers, &mut self.output) {
            self.events.push_back(Event::Body);
        }
        self.finish();
    }

    /// Tells of a transaction that is over.
    fn finish(&mut self) {
        match std::mem::replace(&mut self.state, State::Ready) {
            State::Busy(transaction) if transaction.is_over() => {
                let clean = transaction.is_clean();
                self.events.push_back(Event::Done(transaction.report()));
                if clean {
                    self.events.push_back(Event::Ready);
                } else {
                    self.output.extend_from_slice(b"RSET\r\n");
                    self.state = State::Reset;
                }
            }
            state => self.state = state,
        }
    }

    /// The connection is of no more use.
    pub(super) fn give_up(&mut self, why: &str) {
        let event = match std::mem::replace(&mut self.state, State::Closed) {
            State::Busy(transaction) => {
                self.events.push_back(Event::Done(transaction.cut_off(why)));
                Event::Closed
            }
            State::Ready | State::Reset | State::Quit => Event::Closed,
            State::Closed => return,
            State::Greeting
            | State::Hello
            | State::OldHello
            | State::StartTls
            | State::Handshake
            | State::Auth(_) => {
                let reply = Reply::new(451, [4, 0], why);
                Event::Failed(Outcome::ours(Verdict::Temporary, reply))
            }
        };
        self.events.push_back(event);
    }

    /// Plain text before the handshake, meant to be read as if it had come over TLS.
    pub(super) fn injected(&mut self) {
        self.give_up("plain text behind the answer to STARTTLS");
    }
}
