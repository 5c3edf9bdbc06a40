//! One transaction: its commands, its message, and what became of each recipient.

use std::collections::VecDeque;

use super::{BodyFault, Envelope, Outcome, Report, Verdict};
use crate::smtp::{
    BodyType, Content, Extensions, Path, Protocol, Rcpt, Reply, Stuffer, Survey, Timeout, limits,
};

/// A message under way.
#[derive(Debug)]
pub(super) struct Transaction {
    envelope: Envelope,
    protocol: Protocol,
    seats: Vec<Seat>,
    mail: Sent,
    /// The first recipient whose RCPT was not written.
    next: usize,
    data: Sent,
    /// LMTP: the first recipient who may lack the message's answer.
    settled: usize,
    /// Commands whose answers are missing, oldest first.
    awaited: VecDeque<Awaited>,
    body: Option<Body>,
    /// All that makes the message complete was handed out: it may have been accepted.
    handed_out: bool,
    line_end_added: bool,
    /// The server has given its last word on the message, and is ready for another.
    answered: bool,
}

/// How far a recipient is.
#[derive(Debug)]
enum Seat {
    /// RCPT has no answer yet.
    Open,
    /// RCPT was accepted.
    Taken,
    /// It is known what became of it.
    Done(Outcome),
}

impl Seat {
    fn is_done(&self) -> bool {
        matches!(self, Seat::Done(_))
    }
}

/// How far a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    No,
    Yes,
    Refused,
}

#[derive(Debug, Clone, Copy)]
enum Awaited {
    Mail,
    Rcpt(usize),
    Data,
    /// The message's answer; in LMTP one of them.
    Message,
    /// The answer to an empty message that was sent to nobody.
    Nothing,
}

/// The message on its way.
#[derive(Debug)]
struct Body {
    survey: Survey,
    /// What puts dots in, if it goes by DATA.
    stuffer: Option<Stuffer>,
}

impl Transaction {
    /// Decides what the server's offers cannot carry before anything is sent.
    pub(super) fn new(mut envelope: Envelope, offers: &Extensions, protocol: Protocol) -> Self {
        let content = envelope.content;
        let mail = &mut envelope.mail;
        mail.size = Some(content.size);
        mail.body = match content {
            _ if content.is_binary() => Some(BodyType::Binary),
            Content {
                eight_bit: true, ..
            } => Some(BodyType::EightBit),
            _ => None,
        };
        let beyond_ascii = |path: &Path| matches!(path, Path::Mailbox(m) if !m.is_ascii());
        mail.smtputf8 |= beyond_ascii(&mail.from);
        let refused = unsendable(&envelope, offers);
        let most = offers.recipients.unwrap_or(u64::MAX);
        let mut asked = 0;
        let seats = envelope.recipients.iter().map(|rcpt| {
            let own = |verdict, code, detail, text| {
                Seat::Done(Outcome::ours(verdict, Reply::new(code, detail, text)))
            };
            if let Some(outcome) = &refused {
                Seat::Done(outcome.clone())
            } else if !rcpt.to.is_ascii() && !offers.smtputf8 {
                own(
                    Verdict::Permanent,
                    553,
                    [6, 7],
                    "the server does not offer SMTPUTF8",
                )
            } else if asked >= most {
                own(
                    Verdict::Temporary,
                    452,
                    [5, 3],
                    "more recipients than the server takes",
                )
            } else {
                asked += 1;
                Seat::Open
            }
        });
        let seats: Vec<_> = seats.collect();
        let utf8 = |rcpt: &Rcpt| !rcpt.is_ascii();
        envelope.mail.smtputf8 |= offers.smtputf8 && envelope.recipients.iter().any(utf8);
        Transaction {
            seats,
            envelope,
            protocol,
            mail: Sent::No,
            next: 0,
            data: Sent::No,
            settled: 0,
            awaited: VecDeque::new(),
            body: None,
            handed_out: false,
            line_end_added: false,
            answered: false,
        }
    }

    /// Writes the commands that may be written now; whether the message begins.
    pub(super) fn fill(&mut self, offers: &Extensions, out: &mut Vec<u8>) -> bool {
        let ahead = if offers.pipelining {
            limits::PIPELINED
        } else {
            1
        };
        while self.awaited.len() < ahead && out.len() < limits::OUTPUT {
            if self.mail == Sent::No {
                if !self.has(|seat| matches!(seat, Seat::Open)) {
                    return false;
                }
                self.envelope.mail.write(offers, out);
                self.mail = Sent::Yes;
                self.awaited.push_back(Awaited::Mail);
            } else if self.mail == Sent::Refused || self.data != Sent::No {
                return false;
            } else if let Some(rcpt) = self.envelope.recipients.get(self.next) {
                if matches!(self.seats.get(self.next), Some(Seat::Open)) {
                    rcpt.write(offers, out);
                    self.awaited.push_back(Awaited::Rcpt(self.next));
                }
                self.next += 1;
            } else {
                return self.start_message(offers, out);
            }
        }
        false
    }

    /// All recipients were asked for: DATA, or the chunk once it is known that somebody wants it.
    fn start_message(&mut self, offers: &Extensions, out: &mut Vec<u8>) -> bool {
        let wanted = self.has(|seat| matches!(seat, Seat::Taken));
        let all_answered = self.awaited.is_empty();
        if offers.chunking {
            if !all_answered || !wanted {
                return false;
            }
            let size = self.envelope.content.size;
            out.extend_from_slice(format!("BDAT {size} LAST\r\n").as_bytes());
            self.data = Sent::Yes;
            if size == 0 {
                self.complete();
            } else {
                self.body = Some(Body {
                    survey: Survey::new(),
                    stuffer: None,
                });
            }
            return true;
        }
        if wanted || !all_answered {
            out.extend_from_slice(b"DATA\r\n");
            self.data = Sent::Yes;
            self.awaited.push_back(Awaited::Data);
        }
        false
    }

    /// Takes a reply; whether the message begins. An error says that the server makes no sense.
    pub(super) fn hear(&mut self, reply: Reply, out: &mut Vec<u8>) -> Result<bool, &'static str> {
        const ODD: &str = "a reply out of place";
        let Some(awaited) = self.awaited.pop_front() else {
            // Before the message is complete only a "no" can come, and nothing can come after it.
            let outcome = Outcome::said(reply).filter(|said| said.verdict != Verdict::Accepted);
            self.refuse_early(&outcome.ok_or(ODD)?);
            return Err("the server answered before the message was complete");
        };
        match awaited {
            Awaited::Mail => {
                let said = Outcome::said(reply).ok_or(ODD)?;
                if said.verdict != Verdict::Accepted {
                    self.mail = Sent::Refused;
                    self.settle(&said);
                }
            }
            Awaited::Rcpt(at) => {
                let said = Outcome::said(reply).ok_or(ODD)?;
                if let Some(seat @ Seat::Open) = self.seats.get_mut(at) {
                    *seat = match said.verdict {
                        Verdict::Accepted => Seat::Taken,
                        _ => Seat::Done(too_many(said)),
                    };
                }
            }
            Awaited::Data if (300..400).contains(&reply.code) => return self.go_ahead(out),
            Awaited::Data => {
                let said = Outcome::said(reply).ok_or(ODD)?;
                if said.verdict == Verdict::Accepted {
                    return Err(ODD);
                }
                self.data = Sent::Refused;
                self.settle(&said);
            }
            Awaited::Message => {
                let said = Outcome::said(reply).ok_or(ODD)?;
                match self.protocol {
                    Protocol::Smtp => self.settle(&said),
                    Protocol::Lmtp => self.settle_first(said),
                }
                self.answered = self.awaited.is_empty();
            }
            Awaited::Nothing => {}
        }
        Ok(false)
    }

    /// The server waits for the message.
    fn go_ahead(&mut self, out: &mut Vec<u8>) -> Result<bool, &'static str> {
        if self.has(|seat| matches!(seat, Seat::Taken)) {
            self.body = Some(Body {
                survey: Survey::new(),
                stuffer: Some(Stuffer::new()),
            });
            return Ok(true);
        }
        match self.protocol {
            // It waits for a message to nobody (RFC 2920 §3.1).
            Protocol::Smtp => {
                out.extend_from_slice(b".\r\n");
                self.awaited.push_back(Awaited::Nothing);
                Ok(false)
            }
            // Which has no answers there.
            Protocol::Lmtp => Err("the server wants a message to nobody"),
        }
    }

    /// Hands out a piece of the message.
    pub(super) fn body(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), BodyFault> {
        let body = self.body.as_mut().ok_or(BodyFault::NotAwaited)?;
        body.survey.push(bytes);
        let promised = self.envelope.content;
        let mut found = body.survey.so_far();
        if found.size > promised.size {
            return Err(BodyFault::Size);
        }
        let whole = found.size == promised.size;
        if whole {
            found = body.survey.clone().finish();
        }
        // Lone line ends in DATA are what smuggles messages past servers that are lax.
        let denied = (found.is_binary() && !promised.is_binary())
            || (found.eight_bit && !promised.eight_bit);
        if denied {
            return Err(BodyFault::Content);
        }
        match &mut body.stuffer {
            Some(stuffer) => stuffer.push(bytes, out),
            None => {
                out.extend_from_slice(bytes);
                if whole {
                    self.complete();
                }
            }
        }
        Ok(())
    }

    /// Ends the message.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) -> Result<(), BodyFault> {
        let Some(body) = self.body.take() else {
            // A chunk ends by itself.
            return self.handed_out.then_some(()).ok_or(BodyFault::NotAwaited);
        };
        if body.survey.so_far().size != self.envelope.content.size {
            return Err(BodyFault::Size);
        }
        if let Some(stuffer) = body.stuffer {
            self.line_end_added = stuffer.finish(out);
        }
        self.complete();
        Ok(())
    }

    /// The server has, or soon has, all that it needs to accept the message.
    fn complete(&mut self) {
        self.body = None;
        self.handed_out = true;
        let taken = self.seats.iter().filter(|s| matches!(s, Seat::Taken));
        let answers = match self.protocol {
            Protocol::Smtp => 1,
            Protocol::Lmtp => taken.count(),
        };
        self.awaited.extend((0..answers).map(|_| Awaited::Message));
    }

    /// The server refused the message while it was on its way.
    fn refuse_early(&mut self, said: &Outcome) {
        match self.protocol {
            Protocol::Smtp => self.settle(said),
            // It speaks of the first recipient; the others were not answered.
            Protocol::Lmtp => {
                self.settle_first(said.clone());
                self.settle(&Outcome {
                    verdict: Verdict::Temporary,
                    ..said.clone()
                });
            }
        }
    }

    fn has(&self, is: fn(&Seat) -> bool) -> bool {
        self.seats.iter().any(is)
    }

    /// One outcome for all whose is not known yet.
    fn settle(&mut self, outcome: &Outcome) {
        for seat in &mut self.seats {
            if !seat.is_done() {
                *seat = Seat::Done(outcome.clone());
            }
        }
    }

    /// LMTP: an outcome for the first whose is not known yet.
    fn settle_first(&mut self, outcome: Outcome) {
        let seats = self.seats.iter_mut().enumerate().skip(self.settled);
        for (at, seat) in seats {
            if matches!(seat, Seat::Taken) {
                *seat = Seat::Done(outcome);
                self.settled = at + 1;
                return;
            }
        }
    }

    /// Whether nothing more will be said or heard.
    pub(super) fn is_over(&self) -> bool {
        let asking = self.mail == Sent::Yes && self.next < self.seats.len();
        !asking
            && self.awaited.is_empty()
            && self.body.is_none()
            && self.seats.iter().all(Seat::is_done)
    }

    /// Whether the server knows of no transaction any more.
    pub(super) fn is_clean(&self) -> bool {
        self.answered || self.mail == Sent::No
    }

    /// What became of each.
    pub(super) fn report(self) -> Report {
        self.cut_off("not asked for")
    }

    /// The same, when nothing more will be heard.
    pub(super) fn cut_off(self, why: &str) -> Report {
        let handed_out = self.handed_out;
        let outcomes = self.seats.into_iter().map(|seat| match seat {
            Seat::Done(outcome) => outcome,
            Seat::Taken if handed_out => {
                let text = format!("{why}; the message may have been accepted");
                Outcome::ours(Verdict::Uncertain, Reply::new(451, [4, 2], text))
            }
            Seat::Open | Seat::Taken => {
                Outcome::ours(Verdict::Temporary, Reply::new(451, [4, 2], why))
            }
        });
        Report {
            outcomes: outcomes.collect(),
            line_end_added: self.line_end_added,
        }
    }

    pub(super) fn timeout(&self) -> Timeout {
        match self.awaited.front() {
            _ if self.body.is_some() => Timeout::DataBlock,
            Some(Awaited::Mail) | None => Timeout::Mail,
            Some(Awaited::Rcpt(_)) => Timeout::Rcpt,
            Some(Awaited::Data) => Timeout::DataStart,
            Some(Awaited::Message | Awaited::Nothing) => Timeout::DataEnd,
        }
    }
}

/// Why no recipient can get this message from this server.
fn unsendable(envelope: &Envelope, offers: &Extensions) -> Option<Outcome> {
    let content = envelope.content;
    let never = |code, detail, text| {
        let reply = Reply::new(code, detail, text);
        Some(Outcome::ours(Verdict::Permanent, reply))
    };
    if offers
        .size
        .is_some_and(|most| most != 0 && content.size > most)
    {
        return never(552, [3, 4], "the message is larger than the server takes");
    }
    if content.is_binary() && !(offers.binary && offers.chunking) {
        return never(554, [6, 3], "the server does not offer BINARYMIME");
    }
    if content.eight_bit && !content.is_binary() && !offers.eight_bit {
        return never(554, [6, 3], "the server does not offer 8BITMIME");
    }
    if envelope.mail.smtputf8 && !offers.smtputf8 {
        return never(553, [6, 7], "the server does not offer SMTPUTF8");
    }
    None
}

/// 552 for too many recipients is an old mistake for 452 (RFC 5321 §4.5.3.1.10).
fn too_many(said: Outcome) -> Outcome {
    let limit = said
        .reply
        .enhanced
        .is_none_or(|code| (code.subject, code.detail) == (5, 3));
    let verdict = match said.reply.code {
        552 if limit => Verdict::Temporary,
        _ => said.verdict,
    };
    Outcome { verdict, ..said }
}
