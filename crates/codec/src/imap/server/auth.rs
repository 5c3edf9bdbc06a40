//! LOGIN and AUTHENTICATE, up to the credentials.

use super::Event;
use super::sasl::{self, Exchange, Mechanism, Turn};
use super::session::{Question, Session, State, Step};
use crate::imap::answer::Code;
use crate::imap::limits;
use crate::imap::parse::Refused;

impl Session {
    /// Why nobody may say who they are here, if so.
    fn lacks_for_auth(&self) -> Option<(bool, Option<Code>, &'static str)> {
        if self.authenticated {
            return Some((true, None, "you are known"));
        }
        let allowed = self.config.auth_allowed(self.tls);
        (!allowed).then_some((false, Some(Code::PrivacyRequired), "not without TLS"))
    }

    pub(super) fn login<'b>(
        &mut self,
        tag: String,
        user: &[u8],
        password: &[u8],
    ) -> Step<Event<'b>> {
        if let Some((bad, code, text)) = self.lacks_for_auth() {
            return self.wrong(tag, bad, code, text);
        }
        if !self.config.login {
            return self.wrong(tag, false, None, "LOGIN is disabled");
        }
        match sasl::login(user, password) {
            Some(credentials) => {
                self.state = State::Asked(Question::Auth { tag, bearer: false });
                Step::Give(Event::Auth(credentials))
            }
            // Nobody has such a name or password.
            None => self.wrong(tag, false, Some(Code::AuthenticationFailed), "refused"),
        }
    }

    pub(super) fn authenticate<'b>(
        &mut self,
        tag: String,
        mechanism: &str,
        initial: Option<Vec<u8>>,
    ) -> Step<Event<'b>> {
        if let Some((bad, code, text)) = self.lacks_for_auth() {
            return self.wrong(tag, bad, code, text);
        }
        let known = Mechanism::parse(mechanism).filter(|known| self.config.auth.contains(known));
        let Some(mechanism) = known else {
            return self.wrong(tag, false, Some(Code::Cannot), "no such mechanism");
        };
        let exchange = Exchange::First(mechanism);
        match initial {
            Some(initial) => self.take_answer(tag, exchange, None, &initial),
            None => {
                self.ask(tag, exchange, None);
                Step::On
            }
        }
    }

    /// Reads the client's answer to a challenge: one line without literals.
    pub(super) fn challenge<'b>(&mut self, input: &mut &'b [u8]) -> Step<Event<'b>> {
        let line = match self.bare_line(input, limits::AUTH_LINE) {
            Step::Wait => return Step::Wait,
            Step::On => return Step::On,
            Step::Give(line) => line,
        };
        let state = std::mem::replace(&mut self.state, State::Command);
        let State::Challenge {
            tag,
            exchange,
            refusal,
        } = state
        else {
            return Step::On;
        };
        let Some(line) = line else {
            return self.wrong(tag, true, None, "malformed answer");
        };
        match line.trim_ascii() {
            b"*" => self.wrong(tag, true, None, "cancelled"),
            text => self.take_answer(tag, exchange, refusal, text),
        }
    }

    fn ask(&mut self, tag: String, exchange: Exchange, refusal: Option<Refused>) {
        self.proceed(&exchange.challenge());
        self.state = State::Challenge {
            tag,
            exchange,
            refusal,
        };
    }

    fn take_answer<'b>(
        &mut self,
        tag: String,
        exchange: Exchange,
        refusal: Option<Refused>,
        text: &[u8],
    ) -> Step<Event<'b>> {
        if let Some(refusal) = refusal {
            // Whatever acknowledges a refusal, acknowledges it.
            return self.refuse(&refusal, false);
        }
        let bearer = matches!(&exchange, Exchange::First(how) if how.refuses_in_challenge());
        match sasl::decode(text).and_then(|bytes| exchange.answer(bytes)) {
            None | Some(Turn::Over) => self.wrong(tag, true, None, "malformed answer"),
            Some(Turn::Ask(next)) => {
                self.ask(tag, next, None);
                Step::On
            }
            Some(Turn::Said(credentials)) => {
                self.state = State::Asked(Question::Auth { tag, bearer });
                Step::Give(Event::Auth(credentials))
            }
        }
    }

    /// The driver does not believe it.
    pub(super) fn refuse_auth(&mut self, bearer: bool, refused: Refused) {
        match (bearer, &refused.tag) {
            (true, Some(tag)) => self.ask(tag.clone(), Exchange::Refused, Some(refused)),
            _ => self.complain(&refused),
        }
    }
}
