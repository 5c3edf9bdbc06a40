//! AUTH: the exchange of challenges and answers.

use super::Event;
use super::session::{Question, Session, State};
use crate::smtp::command::Hello;
use crate::smtp::line::{Line, answer_limit};
use crate::smtp::sasl::{self, Exchange, Turn};
use crate::smtp::{Mechanism, Reply, Step};

impl Session {
    pub(super) fn auth<'b>(&mut self, mechanism: &str, initial: Option<String>) -> Step<Event<'b>> {
        if self.config.offers.auth.is_empty() {
            return self.wrong(502, [5, 1], "not implemented");
        }
        let extended = matches!(&self.hello, Some((verb, _)) if *verb != Hello::Helo);
        if !extended || self.transaction.is_some() {
            return self.wrong(503, [5, 1], "not now");
        }
        if self.authenticated {
            return self.wrong(503, [5, 1], "you are known");
        }
        if !self.config.auth_allowed(self.tls) {
            return self.wrong(538, [7, 11], "say STARTTLS first");
        }
        let Some(mechanism) = self.config.has(mechanism) else {
            return self.wrong(504, [5, 4], "no such mechanism");
        };
        let exchange = Exchange::of(mechanism);
        match initial {
            Some(initial) => self.take_answer(exchange, None, &initial),
            None => {
                self.ask(exchange, None);
                Step::On
            }
        }
    }

    /// Reads the client's answer to a challenge.
    pub(super) fn challenge<'b>(&mut self, input: &mut &'b [u8]) -> Step<Event<'b>> {
        let Some(line) = self.lines.next(input, answer_limit) else {
            return Step::Wait;
        };
        let state = std::mem::replace(&mut self.state, State::Command);
        let State::Challenge(exchange, outcome) = state else {
            return Step::On;
        };
        if line == Line::TooLong {
            return self.wrong(500, [5, 6], "answer too long");
        }
        // A line that is not one ends the exchange with its own answer.
        let Some(line) = self.usable(line) else {
            return Step::On;
        };
        if line == b"*" {
            return self.wrong(501, [7, 0], "cancelled");
        }
        let text = String::from_utf8_lossy(&line);
        self.take_answer(exchange, outcome, &text)
    }

    fn ask(&mut self, exchange: Exchange, outcome: Option<Reply>) {
        self.push(&Reply::plain(334, exchange.challenge()));
        self.state = State::Challenge(exchange, outcome);
    }

    fn take_answer<'b>(
        &mut self,
        exchange: Exchange,
        outcome: Option<Reply>,
        text: &str,
    ) -> Step<Event<'b>> {
        let bearer = exchange == Exchange::of(Mechanism::OAuthBearer);
        let turn = sasl::decode(text).and_then(|bytes| exchange.answer(bytes));
        match turn {
            None => match outcome {
                // An acknowledgement that says nothing acknowledges all the same.
                Some(reply) => self.complain(&reply),
                None => return self.wrong(501, [5, 2], "malformed answer"),
            },
            Some(Turn::Ask(next)) => self.ask(next, None),
            Some(Turn::Over) => {
                let refused = || Reply::new(535, [7, 8], "refused");
                self.complain(&outcome.unwrap_or_else(refused));
            }
            Some(Turn::Said(credentials)) => {
                self.state = State::Asked(Question::Auth { bearer });
                return Step::Give(Event::Auth(credentials));
            }
        }
        Step::On
    }

    /// The driver has judged.
    pub(super) fn end_auth(&mut self, bearer: bool, reply: &Reply) {
        if reply.is_positive() {
            self.authenticated = true;
            self.idle = 0;
            self.push(reply);
        } else if bearer {
            self.ask(Exchange::BearerRefused, Some(reply.clone()));
        } else {
            self.complain(reply);
        }
    }
}
