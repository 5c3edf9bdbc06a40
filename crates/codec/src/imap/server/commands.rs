//! Which command may be said where, and those that the session answers.

use super::session::{Question, Session, State, Step, Then};
use super::{Closed, Event};
use crate::imap::answer::{self, Code, Condition};
use crate::imap::command::{Command, FetchItem, SearchKey, StatusItem};
use crate::imap::parse::{Refused, parse};

/// Where a command is at home (RFC 9051 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Anywhere,
    Known,
    Selected,
}

fn place(command: &Command) -> Place {
    match command {
        Command::Capability
        | Command::Noop
        | Command::Logout
        | Command::Id(_)
        | Command::StartTls
        | Command::Login { .. }
        | Command::Authenticate { .. } => Place::Anywhere,
        Command::Enable(_)
        | Command::Namespace
        | Command::Select { .. }
        | Command::Create { .. }
        | Command::Delete(_)
        | Command::Rename { .. }
        | Command::Subscribe(_)
        | Command::Unsubscribe(_)
        | Command::List(_)
        | Command::Lsub { .. }
        | Command::Status { .. }
        | Command::Idle => Place::Known,
        Command::Check
        | Command::Close { .. }
        | Command::Expunge(_)
        | Command::Search(_)
        | Command::Sort { .. }
        | Command::Thread { .. }
        | Command::Fetch { .. }
        | Command::Store { .. }
        | Command::Copy { .. } => Place::Selected,
    }
}

impl Session {
    /// Reads a command and does what it says. `more`: bytes came behind it already.
    pub(super) fn command<'b>(&mut self, line: &[u8], more: bool) -> Step<Event<'b>> {
        if !self.authenticated {
            self.commands += 1;
            if self.commands > self.config.max_commands_before_login {
                self.bye("too many commands without login", Closed::TooManyCommands);
                return Step::On;
            }
        }
        if line.trim_ascii().is_empty() {
            // Some programs end their data with a line end too many.
            return Step::On;
        }
        match parse(line, self.enabled.utf8_names()) {
            Ok((tag, command)) => self.obey(tag, command, more),
            Err(refused) => {
                if !self.authenticated && is_http(line) {
                    self.bye("this is no web server", Closed::Foreign);
                    return Step::On;
                }
                self.refuse(&refused, false)
            }
        }
    }

    /// Answers a command that was understood, but cannot be.
    pub(super) fn wrong<'b>(
        &mut self,
        tag: String,
        bad: bool,
        code: Option<Code>,
        text: &str,
    ) -> Step<Event<'b>> {
        let refused = Refused {
            tag: Some(tag),
            bad,
            code,
            text: text.to_owned(),
        };
        self.refuse(&refused, false)
    }

    fn obey<'b>(&mut self, tag: String, command: Command, more: bool) -> Step<Event<'b>> {
        let at = place(&command);
        if at != Place::Anywhere && !self.authenticated {
            return self.wrong(tag, true, None, "log in first");
        }
        if at == Place::Selected && !self.selected {
            return self.wrong(tag, true, None, "select a mailbox first");
        }
        match command {
            Command::Capability => {
                let mut line = b"* ".to_vec();
                Code::Capability(self.capabilities()).write(&mut line);
                self.out().extend_from_slice(&line);
                self.out().extend_from_slice(b"\r\n");
                self.done(&tag)
            }
            Command::Noop if !self.authenticated => self.done(&tag),
            Command::Id(fields) => {
                self.tell_id();
                self.client = fields;
                self.done(&tag)
            }
            Command::Namespace => {
                answer::namespace(self.out());
                self.done(&tag)
            }
            Command::Enable(words) => self.enable(&tag, &words),
            Command::Logout => {
                answer::line(self.out(), None, Condition::Bye, None, "until next time");
                self.say(&tag, Condition::Ok, None, "done");
                self.close(Closed::Logout);
                Step::On
            }
            Command::StartTls => self.start_tls(tag, more),
            Command::Login { user, password } => self.login(tag, &user, &password),
            Command::Authenticate { mechanism, initial } => {
                self.authenticate(tag, &mechanism, initial)
            }
            command => self.hand_out(tag, command),
        }
    }

    fn done<'b>(&mut self, tag: &str) -> Step<Event<'b>> {
        self.say(tag, Condition::Ok, None, "done");
        Step::On
    }

    fn tell_id(&mut self) {
        let mut line = b"* ID ".to_vec();
        if self.config.id.is_empty() {
            answer::nstring(&mut line, None);
        } else {
            for (at, (name, value)) in self.config.id.iter().enumerate() {
                line.push(if at > 0 { b' ' } else { b'(' });
                answer::string(&mut line, name.as_bytes());
                line.push(b' ');
                answer::string(&mut line, value.as_bytes());
            }
            line.push(b')');
        }
        line.extend_from_slice(b"\r\n");
        self.out().extend_from_slice(&line);
    }

    /// ENABLE: what is not known is passed over (RFC 5161 §3.1).
    fn enable<'b>(&mut self, tag: &str, words: &[String]) -> Step<Event<'b>> {
        let mut enabled = Vec::new();
        for word in words {
            if !self.config.offers(word) {
                continue;
            }
            let name = match word.as_str() {
                "CONDSTORE" => "CONDSTORE",
                "QRESYNC" => "QRESYNC",
                "IMAP4REV2" => "IMAP4rev2",
                "UTF8=ACCEPT" => "UTF8=ACCEPT",
                _ => continue,
            };
            match name {
                "CONDSTORE" => self.enabled.condstore = true,
                // RFC 7162 §3.2.3: who resyncs understands MODSEQ, too.
                "QRESYNC" => (self.enabled.qresync, self.enabled.condstore) = (true, true),
                "UTF8=ACCEPT" => self.enabled.utf8 = true,
                _ => self.enabled.rev2 = true,
            }
            if !enabled.contains(&name) {
                enabled.push(name);
            }
        }
        answer::enabled(self.out(), &enabled);
        self.done(tag)
    }

    fn start_tls<'b>(&mut self, tag: String, more: bool) -> Step<Event<'b>> {
        if self.tls {
            return self.wrong(tag, true, None, "TLS is active");
        }
        if !self.config.starttls {
            return self.wrong(tag, true, None, "unknown command");
        }
        if self.authenticated {
            return self.wrong(tag, true, None, "too late");
        }
        if more {
            self.injected();
            return Step::On;
        }
        self.say(&tag, Condition::Ok, None, "go ahead");
        self.state = State::Handshake;
        Step::Give(Event::StartTls)
    }

    /// Gives a command to the driver.
    fn hand_out<'b>(&mut self, tag: String, command: Command) -> Step<Event<'b>> {
        let resyncs = matches!(
            &command,
            Command::Select {
                qresync: Some(_),
                ..
            } | Command::Fetch { vanished: true, .. }
        );
        if resyncs && !self.enabled.qresync {
            // RFC 7162 §3.2.5 and §3.2.6.
            return self.wrong(tag, true, None, "enable QRESYNC first");
        }
        self.enabled.condstore |= uses_condstore(&command);
        let then = match &command {
            Command::Select { .. } => Then::Select,
            Command::Close { .. } => Then::Deselect,
            Command::Idle => Then::Idle,
            _ => Then::Nothing,
        };
        if then == Then::Select && std::mem::take(&mut self.selected) {
            // What follows is about the new mailbox, or about none (RFC 9051 §7.1).
            let text = "the mailbox before is closed";
            answer::line(self.out(), None, Condition::Ok, Some(&Code::Closed), text);
        }
        self.state = State::Asked(Question::Command {
            tag: tag.clone(),
            then,
        });
        Step::Give(Event::Command { tag, command })
    }

    /// Reads what ends IDLE.
    pub(super) fn idling<'b>(&mut self, input: &mut &'b [u8]) -> Step<Event<'b>> {
        let line = match self.bare_line(input, self.config.max_command) {
            Step::Wait => return Step::Wait,
            Step::On => return Step::On,
            Step::Give(line) => line,
        };
        let state = std::mem::replace(&mut self.state, State::Command);
        let State::Idling { tag } = state else {
            return Step::On;
        };
        let wrong = line.is_none_or(|line| !line.trim_ascii().eq_ignore_ascii_case(b"DONE"));
        self.state = State::Asked(Question::Done {
            tag: tag.clone(),
            wrong,
        });
        Step::Give(Event::Done { tag })
    }
}

/// Whether who says this is told MODSEQ from now on (RFC 7162 §3.1).
fn uses_condstore(command: &Command) -> bool {
    match command {
        Command::Select {
            condstore, qresync, ..
        } => *condstore || qresync.is_some(),
        Command::Status { items, .. } => items.contains(&StatusItem::HighestModSeq),
        Command::Fetch {
            items,
            changed_since,
            ..
        } => changed_since.is_some() || items.contains(&FetchItem::ModSeq),
        Command::Store {
            unchanged_since, ..
        } => unchanged_since.is_some(),
        Command::Search(search) | Command::Sort { search, .. } | Command::Thread { search, .. } => {
            names_modseq(&search.key)
        }
        _ => false,
    }
}

fn names_modseq(key: &SearchKey) -> bool {
    match key {
        SearchKey::ModSeq(_) => true,
        SearchKey::And(keys) => keys.iter().any(names_modseq),
        SearchKey::Or(one, other) => names_modseq(one) || names_modseq(other),
        SearchKey::Not(key) => names_modseq(key),
        _ => false,
    }
}

/// A request line: a page in a browser was made to speak to the port, and what follows is its author's.
fn is_http(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0")
}
