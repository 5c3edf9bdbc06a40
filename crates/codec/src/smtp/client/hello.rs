//! The opening of a connection: greeting, EHLO, STARTTLS, AUTH.

use std::collections::VecDeque;

use super::connection::{Client, State};
use super::{Event, Outcome, StartTls, Verdict};
use crate::smtp::{Extensions, Mechanism, Protocol, Reply, sasl};

impl Client {
    pub(super) fn hear_opening(&mut self, reply: Reply, more: bool) {
        let yes = (200..300).contains(&reply.code);
        match &mut self.state {
            State::Greeting if yes => self.say_hello(),
            State::Hello if yes => {
                self.offers = Extensions::default();
                let lines = reply.lines.iter().skip(1);
                lines.for_each(|line| self.offers.read_line(line));
                self.go_on();
            }
            // A server from before 1995, or one that plays it.
            State::Hello if reply.is_permanent() && self.config.protocol == Protocol::Smtp => {
                let line = format!("HELO {}\r\n", self.config.hostname);
                self.output.extend_from_slice(line.as_bytes());
                self.state = State::OldHello;
            }
            State::OldHello if yes => {
                self.offers = Extensions::default();
                self.go_on();
            }
            State::StartTls if yes && more => self.injected(),
            State::StartTls if yes => {
                self.state = State::Handshake;
                self.events.push_back(Event::StartTls);
            }
            State::StartTls
                if self.config.starttls == StartTls::Opportunistic && reply.code != 421 =>
            {
                self.tls_refused = true;
                self.go_on();
            }
            State::Auth(_) if yes => {
                self.authenticated = true;
                self.go_on();
            }
            State::Auth(answers) if reply.code == 334 => match answers.pop_front() {
                Some(answer) => {
                    self.output
                        .extend_from_slice(format!("{answer}\r\n").as_bytes());
                }
                None => self.give_up("the server asks too much in AUTH"),
            },
            // A wrong password is ours to mend: mail waits for that.
            State::Auth(_) | State::StartTls => self.fail(Verdict::Temporary, reply),
            _ => match Outcome::said(reply) {
                Some(Outcome { verdict, reply, .. }) if verdict != Verdict::Accepted => {
                    self.fail(verdict, reply);
                }
                _ => self.give_up("a reply out of place"),
            },
        }
    }

    fn fail(&mut self, verdict: Verdict, reply: Reply) {
        self.state = State::Closed;
        let outcome = Outcome::said(reply).map(|said| Outcome { verdict, ..said });
        let odd = || Outcome::ours(verdict, Reply::new(451, [5, 0], "a reply out of place"));
        self.events
            .push_back(Event::Failed(outcome.unwrap_or_else(odd)));
    }

    pub(super) fn say_hello(&mut self) {
        let verb = match self.config.protocol {
            Protocol::Smtp => "EHLO",
            Protocol::Lmtp => "LHLO",
        };
        let line = format!("{verb} {}\r\n", self.config.hostname);
        self.output.extend_from_slice(line.as_bytes());
        self.state = State::Hello;
    }

    /// What comes next, now that it is known what the server offers.
    fn go_on(&mut self) {
        let wants_tls = !self.tls && !self.tls_refused && self.config.starttls != StartTls::Off;
        if wants_tls && self.offers.starttls {
            self.output.extend_from_slice(b"STARTTLS\r\n");
            self.state = State::StartTls;
            return;
        }
        if !self.tls && self.config.starttls == StartTls::Required {
            let reply = Reply::new(454, [7, 0], "the server offers no TLS, which is required");
            return self.fail_ours(reply);
        }
        if self.config.login.is_some() && !self.authenticated {
            return self.log_in();
        }
        self.state = State::Ready;
        self.events.push_back(Event::Ready);
    }

    fn fail_ours(&mut self, reply: Reply) {
        self.state = State::Closed;
        let outcome = Outcome::ours(Verdict::Temporary, reply);
        self.events.push_back(Event::Failed(outcome));
    }

    fn log_in(&mut self) {
        let Some(login) = self.config.login.clone() else {
            return;
        };
        if !self.tls && !self.config.login_in_clear {
            let text = "the password is not sent without TLS";
            return self.fail_ours(Reply::new(454, [7, 11], text));
        }
        let offered = |mechanism| self.offers.auth.contains(&mechanism);
        let (mechanism, answers) = if offered(Mechanism::Plain) {
            let answer = sasl::plain_answer(&login.user, &login.password);
            (Mechanism::Plain, VecDeque::from([answer]))
        } else if offered(Mechanism::Login) {
            let user = sasl::login_answer(&login.user);
            let password = sasl::login_answer(login.password.reveal());
            (Mechanism::Login, VecDeque::from([user, password]))
        } else {
            let text = "the server offers neither AUTH PLAIN nor LOGIN";
            return self.fail_ours(Reply::new(454, [7, 0], text));
        };
        // Without an initial response, whose length a line may not have room for.
        let line = format!("AUTH {}\r\n", mechanism.name());
        self.output.extend_from_slice(line.as_bytes());
        self.state = State::Auth(answers);
    }
}
