//! The session: its state, its answers, its output.

use super::append::Append;
use super::gather::Gather;
use super::sasl::Exchange;
use super::{Closed, Config, Event};
use crate::imap::answer::{self, Code, Condition};
use crate::imap::limits;
use crate::imap::parse::Refused;

/// One connection, seen by the server. See [the module](super) for how it is driven.
///
/// Memory: one command, and the answers not yet written: what the driver appends, and little else.
#[derive(Debug)]
pub struct Session {
    pub(super) config: Config,
    pub(super) state: State,
    pub(super) gather: Gather,
    output: Vec<u8>,
    /// Octets of `output` that were written.
    sent: usize,
    pub(super) tls: bool,
    pub(super) authenticated: bool,
    pub(super) selected: bool,
    pub(super) enabled: Enabled,
    pub(super) append: Option<Append>,
    /// The answer to the command that is passed over.
    pub(super) refusal: Option<Refused>,
    pub(super) client: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    errors: u32,
    pub(super) commands: u32,
    /// To be told to the driver.
    closing: Option<Closed>,
}

/// What a client enabled (RFC 5161), or used so that it counts as enabled (RFC 7162 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Enabled {
    /// Flags changed by others are told with MODSEQ.
    pub condstore: bool,
    /// VANISHED is told instead of EXPUNGE.
    pub qresync: bool,
    /// RFC 9051 alone: SEARCH is answered by ESEARCH, and nothing is told of RECENT.
    pub rev2: bool,
    /// UTF8=ACCEPT.
    pub utf8: bool,
}

impl Enabled {
    /// Whether names of mailboxes are UTF-8 on the wire, both ways.
    pub fn utf8_names(self) -> bool {
        self.utf8 || self.rev2
    }
}

/// What the session is at.
#[derive(Debug)]
pub(super) enum State {
    /// The driver has not greeted.
    Unopened,
    /// A command is awaited, or what follows a literal.
    Command,
    /// The driver is asked.
    Asked(Question),
    /// A message of an APPEND was announced, and is to be told; the size, and whether the client waits.
    Announced(crate::imap::command::Appended, bool),
    /// So many octets of a message come.
    Message(u64),
    /// The client is asked in AUTHENTICATE; the refusal is for the end of an exchange that failed.
    Challenge {
        tag: String,
        exchange: Exchange,
        refusal: Option<Refused>,
    },
    /// IDLE.
    Idling { tag: String },
    /// The driver shakes hands.
    Handshake,
    /// Nothing more is taken.
    Closed,
}

/// What one step came to.
pub(super) enum Step<T> {
    /// Go on with the next step.
    On,
    /// Nothing can be done before more bytes, or an answer, come.
    Wait,
    /// Hand this out.
    Give(T),
}

/// What the driver is asked.
#[derive(Debug)]
pub(super) enum Question {
    Auth {
        tag: String,
        /// A refusal is told in a challenge.
        bearer: bool,
    },
    Command {
        tag: String,
        then: Then,
    },
    /// IDLE ends; `wrong`: not with DONE.
    Done {
        tag: String,
        wrong: bool,
    },
    /// With its size, and whether the client waits.
    Message {
        size: u64,
        waits: bool,
    },
    AppendEnd {
        tag: String,
    },
}

/// What a "yes" changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Nothing,
    Select,
    Deselect,
    Idle,
}

impl Session {
    /// A connection that was just accepted. Nothing is said before [`greet`](Session::greet).
    pub fn new(config: Config) -> Self {
        Session {
            tls: config.tls,
            config,
            state: State::Unopened,
            gather: Gather::default(),
            output: Vec::new(),
            sent: 0,
            authenticated: false,
            selected: false,
            enabled: Enabled::default(),
            append: None,
            refusal: None,
            client: Vec::new(),
            errors: 0,
            commands: 0,
            closing: None,
        }
    }

    /// Greets, and says what there is, which saves most programs a question.
    pub fn greet(&mut self) {
        if matches!(self.state, State::Unopened) {
            let code = Code::Capability(self.capabilities());
            let text = format!("{} ready", self.config.hostname);
            answer::line(self.out(), None, Condition::Ok, Some(&code), &text);
            self.state = State::Command;
        }
    }

    /// Says BYE and closes: in place of the greeting, when nothing came for too long (RFC 9051 §5.4: not before 30 minutes), or
    /// when the service stops. Programs show it seldom, but until their next look they are deaf.
    pub fn shut_down(&mut self, text: &str) {
        if !matches!(self.state, State::Closed) {
            self.bye(text, Closed::ByDriver);
        }
    }

    /// Takes bytes off `input` until there is an event. `None`: write the output, and read more if `input` is used up.
    pub fn next<'b>(&mut self, input: &mut &'b [u8]) -> Option<Event<'b>> {
        loop {
            if let Some(why) = self.closing.take() {
                return Some(Event::Close(why));
            }
            if self.output().len() >= limits::OUTPUT {
                return None;
            }
            let step = match self.state {
                State::Unopened | State::Asked(_) => Step::Wait,
                State::Command => self.gathered(input),
                State::Announced(..) => self.tell_message(),
                State::Message(_) => self.message(input),
                State::Challenge { .. } => self.challenge(input),
                State::Idling { .. } => self.idling(input),
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

    /// Where untagged answers are appended, by the functions of [`answer`] or as they are. At any time while a command is
    /// answered, and in IDLE; whole lines only before anything else of the session is called.
    pub fn out(&mut self) -> &mut Vec<u8> {
        // What was written is thrown away when it is the larger part, so that no octet is moved often.
        if self.sent * 2 > self.output.len() {
            self.output.drain(..self.sent);
            self.sent = 0;
        }
        &mut self.output
    }

    /// A "yes" that is not the end: takes the message of an [`Event::Message`], or begins IDLE. Does nothing if neither is asked.
    pub fn go_on(&mut self) {
        match &self.state {
            State::Asked(Question::Message { size, waits }) => {
                let (size, waits) = (*size, *waits);
                self.state = State::Message(size);
                if waits {
                    self.proceed("go on");
                }
            }
            State::Asked(Question::Command {
                tag,
                then: Then::Idle,
            }) => {
                let tag = tag.clone();
                self.state = State::Idling { tag };
                self.proceed("idling");
            }
            _ => {}
        }
    }

    /// Answers the last event: it is done. Does nothing if no answer is awaited.
    pub fn ok(&mut self, code: Option<&Code>, text: &str) {
        match &self.state {
            State::Asked(Question::Message { .. }) => self.go_on(),
            _ => self.conclude(Condition::Ok, code, text),
        }
    }

    /// Answers the last event: it cannot be done. Within an APPEND at any time: the rest is passed over, and then answered so.
    pub fn no(&mut self, code: Option<&Code>, text: &str) {
        self.conclude(Condition::No, code, text);
    }

    /// Answers the last event: the command was not proper, as only the driver could see.
    pub fn bad(&mut self, code: Option<&Code>, text: &str) {
        self.conclude(Condition::Bad, code, text);
    }

    fn conclude(&mut self, condition: Condition, code: Option<&Code>, text: &str) {
        let refused = |tag: Option<String>| Refused {
            tag,
            bad: condition == Condition::Bad,
            code: code.cloned(),
            text: text.to_owned(),
        };
        let yes = condition == Condition::Ok;
        if !yes && self.append.is_some() {
            return self.refuse_append(refused(None));
        }
        if !matches!(self.state, State::Asked(_)) {
            return;
        }
        let state = std::mem::replace(&mut self.state, State::Command);
        let State::Asked(question) = state else {
            return;
        };
        match question {
            Question::Auth { tag, bearer } if !yes => {
                self.refuse_auth(bearer, refused(Some(tag)));
            }
            Question::Auth { tag, .. } => {
                self.authenticated = true;
                self.errors = 0;
                let capabilities = Code::Capability(self.capabilities());
                self.say(&tag, condition, Some(code.unwrap_or(&capabilities)), text);
            }
            Question::Command { tag, then } => {
                match then {
                    Then::Select => self.selected = yes,
                    Then::Deselect if yes => self.selected = false,
                    _ => {}
                }
                self.say(&tag, condition, code, text);
            }
            Question::Done { tag, wrong: true } => {
                self.say(&tag, Condition::Bad, None, "DONE ends IDLE");
            }
            Question::Done { tag, .. } => self.say(&tag, condition, code, text),
            Question::AppendEnd { tag } => self.say(&tag, condition, code, text),
            // Those of an APPEND are refused above, and taken by `ok`.
            Question::Message { .. } => {}
        }
    }

    /// The handshake after [`Event::StartTls`] is done: what was said before it counts no more (RFC 9051 §6.2.1). Before
    /// the greeting: TLS came first (RFC 8314 §3).
    pub fn tls_started(&mut self) {
        match self.state {
            State::Unopened => self.tls = true,
            State::Handshake => {
                self.tls = true;
                self.client = Vec::new();
                self.gather = Gather::default();
                self.state = State::Command;
            }
            _ => {}
        }
    }

    /// What is to be written to the client.
    pub fn output(&self) -> &[u8] {
        self.output.get(self.sent..).unwrap_or_default()
    }

    /// So many octets of [`output`](Session::output) were written.
    pub fn written(&mut self, octets: usize) {
        self.sent = self.sent.saturating_add(octets).min(self.output.len());
        if self.sent < self.output.len() {
            return;
        }
        self.output.clear();
        self.sent = 0;
        // Who waits for an hour keeps no buffer for it; who answers will need it again at once.
        if !matches!(self.state, State::Asked(_)) && self.output.capacity() > limits::OUTPUT {
            self.output.shrink_to(0);
        }
    }

    /// Whether the connection is to be closed once the output is written.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Whether the driver is asked something and nothing goes on before its answer.
    pub fn is_asked(&self) -> bool {
        matches!(self.state, State::Asked(_))
    }

    /// Whether the client is in IDLE, so that news are told at once.
    pub fn is_idling(&self) -> bool {
        matches!(self.state, State::Idling { .. })
    }

    /// Whether there is TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Whether the client proved who it is.
    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// Whether a mailbox is selected.
    pub fn is_selected(&self) -> bool {
        self.selected
    }

    /// What the client enabled.
    pub fn enabled(&self) -> Enabled {
        self.enabled
    }

    /// What the client told of itself by ID, if it did.
    pub fn client(&self) -> &[(Vec<u8>, Option<Vec<u8>>)] {
        &self.client
    }

    pub(super) fn capabilities(&self) -> Vec<String> {
        self.config.capabilities(self.tls, self.authenticated)
    }

    /// Answers a command that is over; the driver forgets the messages of its APPEND.
    pub(super) fn refuse<'b>(&mut self, refusal: &Refused, abandoned: bool) -> Step<Event<'b>> {
        self.complain(refusal);
        match abandoned {
            true => Step::Give(Event::Abandoned),
            false => Step::On,
        }
    }

    pub(super) fn proceed(&mut self, text: &str) {
        self.out()
            .extend_from_slice(format!("+ {text}\r\n").as_bytes());
    }

    pub(super) fn say(&mut self, tag: &str, condition: Condition, code: Option<&Code>, text: &str) {
        answer::line(self.out(), Some(tag), condition, code, text);
    }

    /// Answers what the client did wrong, and gives up one that does nothing else.
    pub(super) fn complain(&mut self, refused: &Refused) {
        let condition = match refused.bad {
            true => Condition::Bad,
            false => Condition::No,
        };
        let (tag, code) = (refused.tag.as_deref(), refused.code.as_ref());
        answer::line(self.out(), tag, condition, code, &refused.text);
        if !self.authenticated {
            self.errors += 1;
            if self.errors > self.config.max_errors {
                self.bye("too many errors", Closed::TooManyErrors);
            }
        }
    }

    pub(super) fn bye(&mut self, text: &str, why: Closed) {
        answer::line(self.out(), None, Condition::Bye, None, text);
        self.close(why);
    }

    pub(super) fn close(&mut self, why: Closed) {
        self.state = State::Closed;
        self.append = None;
        self.closing = Some(why);
    }

    pub(super) fn injected(&mut self) {
        self.bye("plain text behind STARTTLS", Closed::Injected);
    }

    /// Octets held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.gather.size() + self.output.capacity()
    }
}
