//! The session: its state, its answers, its output.

use super::body::Body;
use super::{Closed, Config, Event};
use crate::smtp::command::Hello;
use crate::smtp::dots::Unstuffer;
use crate::smtp::line::LineReader;
use crate::smtp::sasl::Exchange;
use crate::smtp::{BodyType, Extensions, Protocol, Reply, Step, Timeout, limits};

/// One connection, seen by the server. See [the module](super) for how it is driven.
///
/// Memory: one line, the answers not yet written, which do not much exceed
/// [`limits::OUTPUT`], and counts.
#[derive(Debug)]
pub struct Session {
    pub(super) config: Config,
    pub(super) state: State,
    pub(super) lines: LineReader,
    output: Vec<u8>,
    pub(super) tls: bool,
    pub(super) authenticated: bool,
    pub(super) hello: Option<(Hello, String)>,
    /// What the client may use, as it has said hello.
    pub(super) offers: Extensions,
    pub(super) transaction: Option<Transaction>,
    errors: u32,
    pub(super) idle: u32,
    /// To be told to the driver.
    closing: Option<Closed>,
}

/// What the session is at.
#[derive(Debug)]
pub(super) enum State {
    /// The driver has not greeted.
    Unopened,
    /// A command is awaited.
    Command,
    /// The driver is asked.
    Asked(Question),
    /// The client is asked in AUTH; the reply is for the end of an exchange that failed.
    Challenge(Exchange, Option<Reply>),
    /// The message comes by DATA.
    Data(Unstuffer),
    /// A chunk of it comes by BDAT.
    Chunk { left: u64, last: bool },
    /// A chunk that nobody wants is passed over, then answered.
    Pass { left: u64, reply: Reply },
    /// The driver shakes hands.
    Handshake,
    /// Nothing more is taken.
    Closed,
}

/// What the driver is asked.
#[derive(Debug)]
pub(super) enum Question {
    Mail(Transaction),
    Rcpt,
    /// With the chunk that waits, if it is BDAT.
    Data(Option<(u64, bool)>),
    Auth {
        bearer: bool,
    },
    /// With the number of answers that are missing.
    End(usize),
}

/// What is between MAIL and the answer to its message.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) smtputf8: bool,
    pub(super) body_type: Option<BodyType>,
    /// Recipients asked for, and accepted.
    pub(super) asked: usize,
    pub(super) accepted: usize,
    pub(super) body: Option<Body>,
}

impl Session {
    /// A connection that was just accepted. Nothing is said before [`greet`](Session::greet).
    pub fn new(config: Config) -> Self {
        Session {
            tls: config.tls,
            config,
            state: State::Unopened,
            lines: LineReader::default(),
            output: Vec::new(),
            authenticated: false,
            hello: None,
            offers: Extensions::default(),
            transaction: None,
            errors: 0,
            idle: 0,
            closing: None,
        }
    }

    /// Says 220.
    pub fn greet(&mut self) {
        if matches!(self.state, State::Unopened) {
            let name = match self.config.protocol {
                Protocol::Smtp => "ESMTP",
                Protocol::Lmtp => "LMTP",
            };
            self.push(&Reply::plain(
                220,
                format!("{} {name}", self.config.hostname),
            ));
            self.state = State::Command;
        }
    }

    /// Says this instead of what would come next, and closes: in place of the greeting (554, or 421 if
    /// there is too much to do), after a timeout, or when the service stops (421).
    pub fn shut_down(&mut self, reply: &Reply) {
        if !matches!(self.state, State::Closed) {
            self.push(reply);
            self.close(Closed::ByDriver);
        }
    }

    /// Takes bytes off `input` until there is an event. `None`: write the output, and read more if
    /// `input` is used up.
    pub fn next<'b>(&mut self, input: &mut &'b [u8]) -> Option<Event<'b>> {
        loop {
            if let Some(why) = self.closing.take() {
                return Some(Event::Close(why));
            }
            if self.output.len() >= limits::OUTPUT {
                return None;
            }
            let step = match self.state {
                State::Unopened | State::Asked(_) => Step::Wait,
                State::Command => self.command(input),
                State::Challenge(..) => self.challenge(input),
                State::Data(_) => self.data(input),
                State::Chunk { .. } => self.chunk(input),
                State::Pass { .. } => self.pass(input),
                State::Handshake if input.is_empty() => Step::Wait,
                State::Handshake => {
                    self.injected();
                    Step::On
                }
                State::Closed => {
                    *input = &[];
                    Step::Wait
                }
            };
            match step {
                Step::On => {}
                Step::Wait => return None,
                Step::Give(event) => return Some(event),
            }
        }
    }

    /// Answers the last event with the usual words. Does nothing if no answer is awaited.
    pub fn accept(&mut self) {
        let State::Asked(question) = &self.state else {
            return;
        };
        let reply = match question {
            Question::Mail(_) => Reply::new(250, [1, 0], "sender ok"),
            Question::Rcpt => Reply::new(250, [1, 5], "recipient ok"),
            Question::Data(_) => Reply::plain(354, "end with CRLF.CRLF"),
            Question::Auth { .. } => Reply::new(235, [7, 0], "authenticated"),
            Question::End(_) => Reply::new(250, [0, 0], "accepted"),
        };
        self.answer(&reply);
    }

    /// Answers the last event. 2yz accepts, 4yz and 5yz refuse, 421 closes the connection too. A "yes"
    /// to [`Event::Data`] is said in the protocol's words. Does nothing if no answer is awaited.
    pub fn answer(&mut self, reply: &Reply) {
        let State::Asked(question) = std::mem::replace(&mut self.state, State::Command) else {
            return;
        };
        if reply.code == 421 {
            return self.shut_down(reply);
        }
        let yes = reply.is_positive();
        match question {
            Question::Mail(transaction) => {
                self.transaction = yes.then_some(transaction);
                self.push(reply);
            }
            Question::Rcpt => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.accepted += usize::from(yes);
                }
                self.push(reply);
            }
            Question::Data(chunk) => self.begin_body(chunk, reply),
            Question::Auth { bearer } => self.end_auth(bearer, reply),
            Question::End(left) => {
                self.push(reply);
                self.idle = if yes { 0 } else { self.idle };
                match left {
                    0 | 1 => self.transaction = None,
                    _ => self.state = State::Asked(Question::End(left - 1)),
                }
            }
        }
    }

    /// Answers [`Event::BodyEnd`] for all recipients that have no answer yet.
    pub fn answer_rest(&mut self, reply: &Reply) {
        while matches!(self.state, State::Asked(Question::End(_))) {
            self.answer(reply);
        }
    }

    /// The handshake after [`Event::StartTls`] is done: what was said before it counts no more
    /// (RFC 3207 §4.2). Before the greeting: TLS came first (RFC 8314 §3).
    pub fn tls_started(&mut self) {
        if matches!(self.state, State::Unopened) {
            self.tls = true;
        }
        if matches!(self.state, State::Handshake) {
            self.tls = true;
            self.authenticated = false;
            self.hello = None;
            self.transaction = None;
            self.offers = Extensions::default();
            self.lines = LineReader::default();
            self.state = State::Command;
        }
    }

    /// What is to be written to the client.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// So many octets of [`output`](Session::output) were written.
    pub fn written(&mut self, octets: usize) {
        self.output.drain(..octets.min(self.output.len()));
    }

    /// Whether the connection is to be closed once the output is written.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// What is awaited from the client, if anything is.
    pub fn timeout(&self) -> Option<Timeout> {
        match self.state {
            State::Command | State::Challenge(..) => Some(Timeout::NextCommand),
            State::Data(_) | State::Chunk { .. } | State::Pass { .. } => Some(Timeout::DataBlock),
            State::Handshake => Some(Timeout::Handshake),
            State::Unopened | State::Asked(_) | State::Closed => None,
        }
    }

    /// The name that the client gave to EHLO, HELO or LHLO.
    pub fn client_name(&self) -> Option<&str> {
        self.hello.as_ref().map(|(_, name)| name.as_str())
    }

    /// Whether there is TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Whether the client proved who it is.
    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// The word after `with` in a Received field (RFC 3848, RFC 6531 §4.3).
    pub fn received_with(&self) -> String {
        let utf8 = self.transaction.as_ref().is_some_and(|t| t.smtputf8);
        let name = match (self.config.protocol, &self.hello) {
            (Protocol::Lmtp, _) if utf8 => "UTF8LMTP",
            (Protocol::Lmtp, _) => "LMTP",
            (Protocol::Smtp, _) if utf8 => "UTF8SMTP",
            (Protocol::Smtp, Some((Hello::Helo, _)) | None) => return "SMTP".to_owned(),
            (Protocol::Smtp, _) => "ESMTP",
        };
        let letter = |has: bool, letter| if has { letter } else { "" };
        let tls = letter(self.tls, "S");
        format!("{name}{tls}{}", letter(self.authenticated, "A"))
    }

    /// Appends an answer.
    pub(super) fn push(&mut self, reply: &Reply) {
        if reply.enhanced.is_some() && !self.config.offers.enhanced_codes {
            let plain = Reply {
                enhanced: None,
                ..reply.clone()
            };
            plain.write(&mut self.output);
        } else {
            reply.write(&mut self.output);
        }
    }

    /// Answers what the client did wrong, and gives it up if that is too much.
    pub(super) fn complain(&mut self, reply: &Reply) {
        self.errors += 1;
        if self.errors > self.config.max_errors {
            self.push(&Reply::new(421, [7, 0], "too many errors"));
            self.close(Closed::TooManyErrors);
        } else {
            self.push(reply);
        }
    }

    pub(super) fn close(&mut self, why: Closed) {
        self.state = State::Closed;
        self.transaction = None;
        self.closing = Some(why);
    }

    pub(super) fn injected(&mut self) {
        self.push(&Reply::new(554, [7, 0], "plain text behind STARTTLS"));
        self.close(Closed::Injected);
    }

    /// Octets held: a line, and the output.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.lines.held() + self.output.capacity()
    }
}
