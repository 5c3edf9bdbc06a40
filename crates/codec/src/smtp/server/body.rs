//! The message: DATA and BDAT.

use super::session::{Question, Session, State};
use super::{Abandoned, Closed, Config, Event};
use crate::smtp::dots::{Part, Unstuffer};
use crate::smtp::{BodyType, Protocol, Reply, Step, Survey};

/// What has come of a message.
#[derive(Debug, Default)]
pub(super) struct Body {
    survey: Survey,
    /// The answer, if it is refused already; the rest is passed over.
    refused: Option<Reply>,
    /// A chunk was refused and answered: the message cannot become whole.
    broken: bool,
    /// It comes by BDAT.
    chunked: bool,
    /// Octets passed over.
    passed: u64,
}

impl Body {
    /// What makes the message unacceptable, as far as it was looked at.
    fn fault(&self, survey: &Survey, config: &Config) -> Option<Abandoned> {
        let found = survey.so_far();
        let strict = !self.chunked && !config.bare_line_ends;
        let faults = [
            (found.size > config.max_size, Abandoned::TooLarge),
            (strict && found.bare_lf, Abandoned::BareLf),
            (strict && found.bare_cr, Abandoned::BareCr),
            (
                found.nul && !self.chunked && !config.nul_in_data,
                Abandoned::Nul,
            ),
        ];
        faults
            .into_iter()
            .find_map(|(is, fault)| is.then_some(fault))
    }
}

impl Abandoned {
    /// What the client hears.
    fn reply(self) -> Reply {
        match self {
            Abandoned::Reset => Reply::new(250, [0, 0], "reset"),
            Abandoned::TooLarge => Reply::new(552, [3, 4], "message too large"),
            Abandoned::BareLf => Reply::new(554, [6, 0], "bare LF in the message"),
            Abandoned::BareCr => Reply::new(554, [6, 0], "bare CR in the message"),
            Abandoned::Nul => Reply::new(554, [6, 0], "NUL in the message"),
        }
    }
}

impl Session {
    pub(super) fn start_data<'b>(&mut self) -> Step<Event<'b>> {
        let Some(transaction) = &self.transaction else {
            return self.wrong(503, [5, 1], "say MAIL first");
        };
        if transaction.body.is_some() {
            return self.wrong(503, [5, 1], "the message comes by BDAT");
        }
        if transaction.body_type == Some(BodyType::Binary) {
            return self.wrong(503, [5, 1], "BINARYMIME comes by BDAT");
        }
        if let Some(reply) = self.lacks_recipients() {
            self.complain(&reply);
            return Step::On;
        }
        self.state = State::Asked(Question::Data(None));
        Step::Give(Event::Data)
    }

    fn lacks_recipients(&self) -> Option<Reply> {
        let transaction = self.transaction.as_ref()?;
        match (transaction.asked, transaction.accepted) {
            (0, _) => Some(Reply::new(503, [5, 1], "say RCPT first")),
            (_, 0) => Some(Reply::new(554, [5, 1], "no valid recipients")),
            _ => None,
        }
    }

    /// A chunk is taken off the wire in any case: its octets are not commands (RFC 3030 §2).
    pub(super) fn start_chunk<'b>(&mut self, left: u64, last: bool) -> Step<Event<'b>> {
        let max_size = self.config.max_size;
        if left > max_size.max(self.config.max_passed_over) {
            self.push(&Abandoned::TooLarge.reply());
            self.close(Closed::Endless);
            return Step::On;
        }
        if let Some(reply) = self.lacks_for_chunk() {
            self.state = State::Pass { left, reply };
            return Step::On;
        }
        let Some(transaction) = &mut self.transaction else {
            return Step::On;
        };
        if transaction.body.as_ref().is_some_and(|body| body.broken) {
            let reply = Reply::new(503, [5, 1], "an earlier chunk was refused");
            self.state = State::Pass { left, reply };
            if last {
                self.transaction = None;
            }
            return Step::On;
        }
        let begun = transaction.body.as_ref();
        let so_far = begun.map(|body| body.survey.so_far().size);
        let fits = so_far.unwrap_or(0).saturating_add(left) <= max_size;
        if so_far.is_none() && fits {
            self.state = State::Asked(Question::Data(Some((left, last))));
            return Step::Give(Event::Data);
        }
        self.state = State::Chunk { left, last };
        if fits {
            return Step::On;
        }
        let body = transaction.body.get_or_insert_with(Body::default);
        body.chunked = true;
        self.give_up(Abandoned::TooLarge)
    }

    /// Why no chunk can be taken now.
    fn lacks_for_chunk(&self) -> Option<Reply> {
        if !self.config.offers.chunking {
            return Some(Reply::new(502, [5, 1], "not implemented"));
        }
        if self.transaction.is_none() {
            return Some(Reply::new(503, [5, 1], "say MAIL first"));
        }
        self.lacks_recipients()
    }

    /// The driver has answered whether the message may come.
    pub(super) fn begin_body(&mut self, chunk: Option<(u64, bool)>, reply: &Reply) {
        let Some(transaction) = &mut self.transaction else {
            return;
        };
        let yes = reply.is_positive();
        match chunk {
            None if yes => {
                transaction.body = Some(Body::default());
                self.state = State::Data(Unstuffer::new());
                self.push(&Reply::plain(354, "end with CRLF.CRLF"));
            }
            None => self.push(reply),
            Some((left, last)) => {
                transaction.body = Some(Body {
                    chunked: true,
                    refused: (!yes).then(|| reply.clone()),
                    ..Body::default()
                });
                self.state = State::Chunk { left, last };
            }
        }
    }

    pub(super) fn data<'b>(&mut self, input: &mut &'b [u8]) -> Step<Event<'b>> {
        let State::Data(unstuffer) = &mut self.state else {
            return Step::On;
        };
        match unstuffer.next(input) {
            None => Step::Wait,
            Some(Part::Bytes(bytes)) => self.take(bytes),
            Some(Part::End) => self.end_body(),
        }
    }

    pub(super) fn chunk<'b>(&mut self, input: &mut &'b [u8]) -> Step<Event<'b>> {
        let State::Chunk { left, last } = &mut self.state else {
            return Step::On;
        };
        match take_up_to(left, input) {
            Some(bytes) => self.take(bytes),
            None if *left > 0 => Step::Wait,
            None if *last => self.end_body(),
            None => {
                self.end_chunk();
                Step::On
            }
        }
    }

    pub(super) fn pass<'b>(&mut self, input: &mut &'b [u8]) -> Step<Event<'b>> {
        let State::Pass { left, .. } = &mut self.state else {
            return Step::On;
        };
        if take_up_to(left, input).is_none() && *left > 0 {
            return Step::Wait;
        }
        if *left == 0 {
            let state = std::mem::replace(&mut self.state, State::Command);
            if let State::Pass { reply, .. } = state {
                self.complain(&reply);
            }
        }
        Step::On
    }

    /// Looks at the message's next bytes.
    fn take<'b>(&mut self, bytes: &'b [u8]) -> Step<Event<'b>> {
        let Some(body) = self.transaction.as_mut().and_then(|t| t.body.as_mut()) else {
            return Step::On;
        };
        if body.refused.is_some() {
            self.pass_over(bytes.len());
            return Step::On;
        }
        let before = body.survey.clone();
        body.survey.push(bytes);
        if body.fault(&body.survey, &self.config).is_none() {
            return Step::Give(Event::Body(bytes));
        }
        // Which fault came first must not depend on how the bytes were cut into pieces.
        let mut survey = before;
        let first = (1..).zip(bytes.chunks(1)).find_map(|(taken, byte)| {
            survey.push(byte);
            Some((taken, body.fault(&survey, &self.config)?))
        });
        let Some((taken, fault)) = first else {
            return Step::On;
        };
        let step = self.give_up(fault);
        self.pass_over(bytes.len().saturating_sub(taken));
        step
    }

    /// Counts octets of a refused message; too many are not waited for.
    fn pass_over(&mut self, octets: usize) {
        let Some(body) = self.transaction.as_mut().and_then(|t| t.body.as_mut()) else {
            return;
        };
        body.passed = body.passed.saturating_add(octets as u64);
        if let Some(reply) = &body.refused
            && body.passed > self.config.max_passed_over
        {
            let reply = reply.clone();
            self.push(&reply);
            self.close(Closed::Endless);
        }
    }

    /// Refuses the message that comes; the client hears of it at its end.
    fn give_up<'b>(&mut self, fault: Abandoned) -> Step<Event<'b>> {
        let body = self.transaction.as_mut().and_then(|t| t.body.as_mut());
        let Some(body) = body.filter(|body| body.refused.is_none()) else {
            return Step::On;
        };
        body.refused = Some(fault.reply());
        Step::Give(Event::Abandoned(fault))
    }

    /// A chunk that is not the last is complete.
    fn end_chunk(&mut self) {
        self.state = State::Command;
        let body = self.transaction.as_mut().and_then(|t| t.body.as_mut());
        let Some(body) = body else { return };
        match body.refused.clone() {
            Some(reply) => {
                body.broken = true;
                self.turn_down(&reply);
            }
            None => {
                let size = body.survey.so_far().size;
                self.push(&Reply::new(250, [0, 0], format!("{size} octets")));
            }
        }
    }

    /// The message is complete.
    fn end_body<'b>(&mut self) -> Step<Event<'b>> {
        self.state = State::Command;
        let Some(transaction) = &mut self.transaction else {
            return Step::On;
        };
        let Some(body) = transaction.body.take() else {
            return Step::On;
        };
        let answers = match self.config.protocol {
            Protocol::Smtp => 1,
            Protocol::Lmtp => transaction.accepted,
        };
        let Some(reply) = body.refused else {
            self.state = State::Asked(Question::End(answers));
            return Step::Give(Event::BodyEnd(body.survey.finish()));
        };
        self.transaction = None;
        // One mistake, however many have to hear of it.
        for _ in 1..answers {
            self.push(&reply);
        }
        self.turn_down(&reply);
        Step::On
    }

    /// Answers a message that was refused; "later" is no mistake of the client's.
    fn turn_down(&mut self, reply: &Reply) {
        if reply.is_temporary() {
            self.push(reply);
        } else {
            self.complain(reply);
        }
    }
}

/// At most `left` octets of `input`; `None` if there are none.
fn take_up_to<'b>(left: &mut u64, input: &mut &'b [u8]) -> Option<&'b [u8]> {
    let most = usize::try_from(*left).unwrap_or(usize::MAX);
    let (bytes, rest) = input.split_at_checked(most.min(input.len()))?;
    *input = rest;
    *left -= bytes.len() as u64;
    (!bytes.is_empty()).then_some(bytes)
}
