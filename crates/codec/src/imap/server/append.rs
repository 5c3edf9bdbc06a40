//! Literals, and the messages of APPEND among them.

use super::Event;
use super::gather::{Announced, Gather};
use super::session::{Question, Session, State, Step};
use crate::imap::answer::Code;
use crate::imap::parse::append::{self, Before};
use crate::imap::parse::{Refused, opening};

/// An APPEND under way.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) tag: String,
    /// The last message was in `UTF8 (…)`.
    wrapped: bool,
}

impl Session {
    /// A line announces a literal.
    pub(super) fn announced<'b>(&mut self, literal: Announced) -> Step<Event<'b>> {
        if self.gather.is_passing() {
            return self.pass(literal);
        }
        match self.append.take() {
            Some(append) => self.next_message(append, literal),
            None => self.first_literal(literal),
        }
    }

    /// The literal of a command that nobody wants. A client that waits is answered, and sends nothing more of it.
    fn pass<'b>(&mut self, literal: Announced) -> Step<Event<'b>> {
        if literal.waits {
            self.gather = Gather::default();
            let abandoned = self.append.take().is_some();
            return match self.refusal.take() {
                Some(refusal) => self.refuse(&refusal, abandoned),
                None => Step::On,
            };
        }
        self.skip(literal.size);
        Step::On
    }

    /// Refuses the command that the literal belongs to.
    fn turn_down<'b>(
        &mut self,
        refused: Refused,
        literal: Announced,
        abandoned: bool,
    ) -> Step<Event<'b>> {
        self.gather.pass();
        self.refusal = Some(refused);
        match (self.pass(literal), abandoned) {
            (Step::On, true) => Step::Give(Event::Abandoned),
            (step, _) => step,
        }
    }

    /// A literal of a command whose messages, if it has any, did not begin.
    fn first_literal<'b>(&mut self, literal: Announced) -> Step<Event<'b>> {
        let held = self.gather.held();
        let (tag, verb) = opening(held);
        let refused = |bad, code, text: &str| Refused {
            tag: tag.clone(),
            bad,
            code,
            text: text.to_owned(),
        };
        // What would be refused in any case is refused before it comes.
        let Some(verb) = verb else {
            let refused = refused(true, None, "unknown command");
            return self.turn_down(refused, literal, false);
        };
        if !self.authenticated && !matches!(verb, "LOGIN" | "ID" | "AUTHENTICATE") {
            let refused = refused(true, None, "log in first");
            return self.turn_down(refused, literal, false);
        }
        if verb == "APPEND" {
            let before = held.len().saturating_sub(literal.octets);
            let before = held.get(..before).unwrap_or_default();
            match append::begin(before, self.enabled.utf8_names()) {
                Err(refused) => return self.turn_down(refused, literal, false),
                Ok(Before::Name) => {}
                Ok(Before::Message {
                    tag,
                    mailbox,
                    mut appended,
                    wrapped,
                }) => {
                    let size = match self.acceptable(&tag, literal) {
                        Ok(size) => size,
                        Err(refused) => return self.turn_down(refused, literal, false),
                    };
                    appended.size = size;
                    appended.literal8 = literal.eight;
                    self.gather = Gather::default();
                    self.state = State::Announced(appended, literal.waits);
                    let event = Event::Append {
                        tag: tag.clone(),
                        mailbox,
                    };
                    self.append = Some(Append { tag, wrapped });
                    return Step::Give(event);
                }
            }
        }
        let room = self.most().saturating_sub(held.len()) as u64;
        match literal.size.filter(|size| *size <= room) {
            Some(size) => {
                self.gather.literal(size);
                if literal.waits {
                    self.proceed("go on");
                }
                Step::On
            }
            None => {
                let refused = refused(false, Some(Code::TooBig), "literal too large");
                self.turn_down(refused, literal, false)
            }
        }
    }

    /// What stands between two messages.
    fn next_message<'b>(&mut self, append: Append, literal: Announced) -> Step<Event<'b>> {
        let held = self.gather.held();
        let before = held.len().saturating_sub(literal.octets);
        let before = held.get(..before).unwrap_or_default();
        let next = append::next(before, append.wrapped)
            .map_err(|fault| fault.of(Some(&append.tag)))
            .and_then(|next| Ok((next, self.acceptable(&append.tag, literal)?)));
        match next {
            Err(refused) => self.turn_down(refused, literal, true),
            Ok(((mut appended, wrapped), size)) => {
                appended.size = size;
                appended.literal8 = literal.eight;
                self.gather = Gather::default();
                self.append = Some(Append { wrapped, ..append });
                self.state = State::Announced(appended, literal.waits);
                Step::On
            }
        }
    }

    /// The size of a message, if it may come.
    fn acceptable(&self, tag: &str, literal: Announced) -> Result<u64, Refused> {
        let refused = |code, text: &str| Refused {
            tag: Some(tag.to_owned()),
            bad: false,
            code,
            text: text.to_owned(),
        };
        match literal.size {
            // The way to give up a MULTIAPPEND (RFC 3502 §6.3.11), and no message in any case.
            Some(0) => Err(refused(None, "message is empty")),
            Some(size) if size <= self.config.max_message => Ok(size),
            _ => Err(refused(Some(Code::TooBig), "message too large")),
        }
    }

    pub(super) fn tell_message<'b>(&mut self) -> Step<Event<'b>> {
        let state = std::mem::replace(&mut self.state, State::Command);
        let State::Announced(appended, waits) = state else {
            return Step::On;
        };
        self.state = State::Asked(Question::Message {
            size: appended.size,
            waits,
        });
        Step::Give(Event::Message(appended))
    }

    pub(super) fn message<'b>(&mut self, input: &mut &'b [u8]) -> Step<Event<'b>> {
        let State::Message(left) = &mut self.state else {
            return Step::On;
        };
        if *left == 0 {
            self.state = State::Command;
            return Step::Give(Event::MessageEnd);
        }
        let most = usize::try_from(*left).unwrap_or(usize::MAX);
        let Some((bytes, rest)) = input.split_at_checked(most.min(input.len())) else {
            return Step::Wait;
        };
        if bytes.is_empty() {
            return Step::Wait;
        }
        *input = rest;
        *left = left.saturating_sub(bytes.len() as u64);
        Step::Give(Event::Bytes(bytes))
    }

    /// The line that ends an APPEND.
    pub(super) fn append_ends<'b>(&mut self, append: Append, line: &[u8]) -> Step<Event<'b>> {
        match append::end(line, append.wrapped) {
            Ok(()) => {
                self.state = State::Asked(Question::AppendEnd { tag: append.tag });
                Step::Give(Event::AppendEnd)
            }
            Err(fault) => self.refuse(&fault.of(Some(&append.tag)), true),
        }
    }

    /// The driver refuses the APPEND that is under way.
    pub(super) fn refuse_append(&mut self, mut refused: Refused) {
        let Some(append) = self.append.take() else {
            return;
        };
        refused.tag = Some(append.tag);
        let left = match std::mem::replace(&mut self.state, State::Command) {
            State::Asked(Question::Message { waits: true, .. }) | State::Announced(_, true) => {
                // The client waits, and the answer is all that it gets.
                return self.complain(&refused);
            }
            State::Asked(Question::Message { size, .. }) => size,
            State::Announced(appended, _) => appended.size,
            State::Message(left) => left,
            _ => 0,
        };
        self.gather.pass();
        self.gather.literal(left);
        self.refusal = Some(refused);
    }
}
