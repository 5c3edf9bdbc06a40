//! Delivery status notifications: what becomes of mail, told to its sender (RFC 3464, asked for by
//! RFC 3461, in any language's addresses by RFC 6533).
//!
//! [`write()`] makes one, and refuses where none may be sent; [`read()`] takes one of any server apart;
//! [`reputation()`] finds in a server's reply that our address is on a blocklist.

mod read;
mod reputation;
#[cfg(test)]
mod tests;
mod write;
mod xtext;

pub use read::{Delivery, Dsn, read};
pub use reputation::{Reputation, reputation};
pub use write::{NotWritten, Notification, Outcome, write};

use std::fmt;

/// What became of a message for one recipient (RFC 3464 §2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It could not be delivered, and nothing more is tried.
    Failed,
    /// It could not be delivered yet.
    Delayed,
    /// It was delivered.
    Delivered,
    /// It was handed to a server that does not send notifications.
    Relayed,
    /// It was delivered to a list, whose members are not told of.
    Expanded,
}

impl Action {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Action::Failed => "failed",
            Action::Delayed => "delayed",
            Action::Delivered => "delivered",
            Action::Relayed => "relayed",
            Action::Expanded => "expanded",
        }
    }

    /// By its name, whatever its case.
    pub fn named(name: &str) -> Option<Action> {
        let all = [
            Action::Failed,
            Action::Delayed,
            Action::Delivered,
            Action::Relayed,
            Action::Expanded,
        ];
        all.into_iter()
            .find(|action| action.name().eq_ignore_ascii_case(name))
    }

    /// The class of its status codes (RFC 3463 §3.1).
    fn class(self) -> &'static str {
        match self {
            Action::Failed => "5",
            Action::Delayed => "4",
            Action::Delivered | Action::Relayed | Action::Expanded => "2",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Of what the sender wants to be told (`NOTIFY`, RFC 3461 §4.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Notify {
    /// `SUCCESS`.
    pub success: bool,
    /// `FAILURE`.
    pub failure: bool,
    /// `DELAY`.
    pub delay: bool,
}

impl Notify {
    /// `NEVER`.
    pub const NEVER: Notify = Notify {
        success: false,
        failure: false,
        delay: false,
    };

    /// What a sender that does not say wants: failures, and delays, which the RFC leaves to the server.
    pub const UNSAID: Notify = Notify {
        success: false,
        failure: true,
        delay: true,
    };

    /// Reads a value of `NOTIFY`. `None` for unknown words, and for `NEVER` beside others.
    pub fn parse(value: &str) -> Option<Notify> {
        if value.eq_ignore_ascii_case("never") {
            return Some(Notify::NEVER);
        }
        let mut notify = Notify::NEVER;
        for word in value.split(',') {
            match word.to_ascii_lowercase().as_str() {
                "success" => notify.success = true,
                "failure" => notify.failure = true,
                "delay" => notify.delay = true,
                _ => return None,
            }
        }
        Some(notify)
    }

    /// True if the sender wants to hear of `action`.
    pub fn wants(self, action: Action) -> bool {
        match action {
            Action::Failed => self.failure,
            Action::Delayed => self.delay,
            Action::Delivered | Action::Relayed | Action::Expanded => self.success,
        }
    }
}

/// How much of the message a sender wants back (`RET`, RFC 3461 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ret {
    /// All of it.
    Full,
    /// Its header.
    Headers,
}

impl Ret {
    /// Reads a value of `RET`.
    pub fn parse(value: &str) -> Option<Ret> {
        match value.to_ascii_lowercase().as_str() {
            "full" => Some(Ret::Full),
            "hdrs" => Some(Ret::Headers),
            _ => None,
        }
    }
}
