//! What each command does.

use super::session::{Question, Session, State, Transaction};
use super::{Abandoned, Closed, Event};
use crate::smtp::command::{Command, Fault, Hello, parse};
use crate::smtp::line::{Line, command_limit};
use crate::smtp::{Extensions, Mail, Path, Protocol, Rcpt, Reply, Step};

impl Session {
    /// Reads a line and does what it says.
    pub(super) fn command<'b>(&mut self, input: &mut &'b [u8]) -> Step<Event<'b>> {
        let Some(line) = self.lines.next(input, command_limit) else {
            return Step::Wait;
        };
        let Some(line) = self.usable(line) else {
            return Step::On;
        };
        match parse(&line, &self.offers) {
            Ok(command) => self.obey(command, !input.is_empty()),
            Err(Fault::Reply(reply)) => {
                self.complain(&reply);
                Step::On
            }
            Err(Fault::Lost(reply)) => {
                self.push(&reply);
                self.close(Closed::Unreadable);
                Step::On
            }
            Err(Fault::Foreign) => {
                self.push(&Reply::new(421, [7, 0], "this is no web server"));
                self.close(Closed::Foreign);
                Step::On
            }
        }
    }

    /// The line's bytes, or an answer to what is wrong with it.
    pub(super) fn usable(&mut self, line: Line) -> Option<Vec<u8>> {
        match line {
            Line::Whole(line) => return Some(line),
            Line::BareLf => self.complain(&Reply::new(500, [5, 2], "lines end with CRLF")),
            Line::TooLong => self.complain(&Reply::new(500, [5, 2], "line too long")),
            Line::Endless => {
                self.push(&Reply::new(500, [5, 2], "line without end"));
                self.close(Closed::Endless);
            }
        }
        None
    }

    fn obey<'b>(&mut self, command: Command, more: bool) -> Step<Event<'b>> {
        // What these bring is counted elsewhere: recipients of a transaction, octets of a message.
        let counted = match &command {
            Command::Rcpt(_) | Command::Quit => false,
            Command::Bdat { octets, last } => *octets == 0 && !last,
            _ => true,
        };
        self.idle += u32::from(counted);
        if self.idle > self.config.max_idle_commands {
            self.push(&Reply::new(421, [7, 0], "too many commands without mail"));
            self.close(Closed::TooManyCommands);
            return Step::On;
        }
        match command {
            Command::Hello { verb, name } => return self.say_hello(verb, name),
            Command::Mail(mail) => return self.mail(mail),
            Command::Rcpt(rcpt) => return self.rcpt(rcpt),
            Command::Data => return self.start_data(),
            Command::Bdat { octets, last } => return self.start_chunk(octets, last),
            Command::Auth { mechanism, initial } => return self.auth(&mechanism, initial),
            Command::StartTls => return self.start_tls(more),
            Command::Reset => {
                self.push(&Reply::new(250, [0, 0], "reset"));
                return self.abandon();
            }
            Command::Noop => self.push(&Reply::new(250, [0, 0], "ok")),
            Command::Verify => {
                self.push(&Reply::new(252, [1, 5], "send some mail, it will be tried"));
            }
            Command::Expand => self.complain(&Reply::new(502, [5, 1], "not implemented")),
            Command::Help => {
                self.push(&Reply::new(214, [0, 0], "RFC 5321 says it all"));
            }
            Command::Quit => {
                self.push(&Reply::new(221, [0, 0], "bye"));
                self.close(Closed::Quit);
            }
        }
        Step::On
    }

    /// Forgets the transaction under way, if there is one.
    fn abandon<'b>(&mut self) -> Step<Event<'b>> {
        match self.transaction.take() {
            Some(_) => Step::Give(Event::Abandoned(Abandoned::Reset)),
            None => Step::On,
        }
    }

    /// Complains; the state stays.
    pub(super) fn wrong<'b>(&mut self, code: u16, detail: [u16; 2], text: &str) -> Step<Event<'b>> {
        self.complain(&Reply::new(code, detail, text));
        Step::On
    }

    fn say_hello<'b>(&mut self, verb: Hello, name: String) -> Step<Event<'b>> {
        let lmtp = self.config.protocol == Protocol::Lmtp;
        if lmtp != (verb == Hello::Lhlo) {
            let text = if lmtp { "say LHLO" } else { "say EHLO" };
            return self.wrong(500, [5, 1], text);
        }
        let mut lines = vec![self.config.hostname.clone()];
        if verb == Hello::Helo {
            self.offers = Extensions::default();
        } else {
            self.offers = self.config.offers(self.tls);
            lines.extend(self.offers.lines());
        }
        self.hello = Some((verb, name));
        self.push(&Reply {
            code: 250,
            enhanced: None,
            lines,
        });
        self.abandon()
    }

    fn mail<'b>(&mut self, mail: Mail) -> Step<Event<'b>> {
        if self.hello.is_none() {
            return self.wrong(503, [5, 1], "say hello first");
        }
        if self.config.needs_tls && !self.tls {
            return self.wrong(530, [7, 0], "say STARTTLS first");
        }
        if self.config.needs_auth && !self.authenticated {
            return self.wrong(530, [7, 0], "say AUTH first");
        }
        if self.transaction.is_some() {
            return self.wrong(503, [5, 1], "a message is under way");
        }
        if mail.size.is_some_and(|size| size > self.config.max_size) {
            return self.wrong(552, [3, 4], "message too large");
        }
        let local = match &mail.from {
            Path::Mailbox(mailbox) => mailbox.domain().is_none(),
            Path::Null => false,
        };
        if local && !self.config.local_names {
            return self.wrong(501, [1, 7], "address without a domain");
        }
        self.state = State::Asked(Question::Mail(Transaction {
            smtputf8: mail.smtputf8,
            body_type: mail.body,
            ..Transaction::default()
        }));
        Step::Give(Event::Mail(mail))
    }

    fn rcpt<'b>(&mut self, rcpt: Rcpt) -> Step<Event<'b>> {
        let most = self.config.max_recipients;
        let Some(transaction) = &mut self.transaction else {
            return self.wrong(503, [5, 1], "say MAIL first");
        };
        if transaction.body.is_some() {
            return self.wrong(503, [5, 1], "the message has begun");
        }
        if transaction.asked >= most {
            // No error: the client is to send the others again (RFC 5321 §4.5.3.1.10).
            self.push(&Reply::new(452, [5, 3], "too many recipients"));
            return Step::On;
        }
        if !rcpt.is_ascii() && !transaction.smtputf8 {
            return self.wrong(553, [6, 7], "address needs SMTPUTF8");
        }
        if rcpt.to.domain().is_none() && !rcpt.to.is_postmaster() && !self.config.local_names {
            return self.wrong(501, [1, 3], "address without a domain");
        }
        transaction.asked += 1;
        self.state = State::Asked(Question::Rcpt);
        Step::Give(Event::Rcpt(rcpt))
    }

    fn start_tls<'b>(&mut self, more: bool) -> Step<Event<'b>> {
        if self.tls {
            return self.wrong(503, [5, 1], "TLS is active");
        }
        if !self.config.offers.starttls {
            return self.wrong(502, [5, 1], "not implemented");
        }
        if self.hello.is_none() {
            return self.wrong(503, [5, 1], "say hello first");
        }
        if more {
            self.injected();
            return Step::On;
        }
        self.push(&Reply::new(220, [0, 0], "go ahead"));
        self.transaction = None;
        self.state = State::Handshake;
        Step::Give(Event::StartTls)
    }
}
