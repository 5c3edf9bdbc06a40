//! What a server offers and how much it takes.

use super::Mechanism;
use crate::imap::limits;

/// The settings of a [`Session`](super::Session).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The server's name in its greeting.
    pub hostname: String,
    /// The connection was encrypted before its first byte (implicit TLS, RFC 8314).
    pub tls: bool,
    /// STARTTLS is offered while there is no TLS.
    pub starttls: bool,
    /// LOGIN and AUTHENTICATE are allowed without TLS too: for loopback and tests.
    pub auth_in_clear: bool,
    /// The mechanisms of AUTHENTICATE.
    pub auth: Vec<Mechanism>,
    /// LOGIN is allowed, where a password may be said at all.
    pub login: bool,
    /// What CAPABILITY names before login, besides STARTTLS, LOGINDISABLED and mechanisms.
    pub before_login: Vec<String>,
    /// What it names after login, besides APPENDLIMIT.
    pub after_login: Vec<String>,
    /// What the server tells of itself in ID; empty: NIL.
    pub id: Vec<(String, String)>,
    /// Octets of a message.
    pub max_message: u64,
    /// Octets of a command, with what literals it gathers.
    pub max_command: usize,
    /// The same before login.
    pub max_command_before_login: usize,
    /// Errors before login until the connection is closed.
    pub max_errors: u32,
    /// Commands before login until the connection is closed.
    pub max_commands_before_login: u32,
    /// Octets of unwanted literals that are passed over so that the command can be answered.
    pub max_passed_over: u64,
}

/// Before login a program learns how to log in and how to send the command.
const BEFORE_LOGIN: &[&str] = &[
    "IMAP4rev1",
    "IMAP4rev2",
    "LITERAL+",
    "SASL-IR",
    "ID",
    "ENABLE",
];

/// What grammar and session know. A driver that does not do one of these takes it out.
const AFTER_LOGIN: &[&str] = &[
    "IMAP4rev1",
    "IMAP4rev2",
    "LITERAL+",
    "SASL-IR",
    "ID",
    "ENABLE",
    "NAMESPACE",
    "CHILDREN",
    "IDLE",
    "UIDPLUS",
    "MOVE",
    "UNSELECT",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "STATUS=SIZE",
    "MULTIAPPEND",
    "BINARY",
    "UTF8=ACCEPT",
    "ESEARCH",
    "ESORT",
    "SEARCHRES",
    "WITHIN",
    "SORT",
    "SORT=DISPLAY",
    "THREAD=ORDEREDSUBJECT",
    "THREAD=REFERENCES",
    "THREAD=REFS",
    "CONDSTORE",
    "QRESYNC",
    "OBJECTID",
    "PREVIEW",
];

impl Config {
    /// Offers all that needs no certificate and no accounts, within the limits of [`limits`].
    pub fn new(hostname: impl Into<String>) -> Self {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Config {
            hostname: hostname.into(),
            tls: false,
            starttls: false,
            auth_in_clear: false,
            auth: vec![Mechanism::Plain, Mechanism::Login],
            login: true,
            before_login: owned(BEFORE_LOGIN),
            after_login: owned(AFTER_LOGIN),
            id: vec![("name".to_owned(), "Everpost".to_owned())],
            max_message: limits::MESSAGE,
            max_command: limits::COMMAND,
            max_command_before_login: limits::COMMAND_BEFORE_LOGIN,
            max_errors: limits::ERRORS,
            max_commands_before_login: limits::COMMANDS_BEFORE_LOGIN,
            max_passed_over: limits::LITERALS_PASSED_OVER,
        }
    }

    pub(super) fn auth_allowed(&self, tls: bool) -> bool {
        tls || self.auth_in_clear
    }

    /// What CAPABILITY says where the connection stands.
    pub(super) fn capabilities(&self, tls: bool, authenticated: bool) -> Vec<String> {
        if authenticated {
            let mut words = self.after_login.clone();
            words.push(format!("APPENDLIMIT={}", self.max_message));
            return words;
        }
        let mut words = self.before_login.clone();
        if self.starttls && !tls {
            words.push("STARTTLS".to_owned());
        }
        let allowed = self.auth_allowed(tls);
        if !(allowed && self.login) {
            words.push("LOGINDISABLED".to_owned());
        }
        if allowed {
            words.extend(self.auth.iter().map(|how| format!("AUTH={}", how.name())));
        }
        words
    }

    /// Whether the driver does what this word names.
    pub(super) fn offers(&self, word: &str) -> bool {
        let same = |offered: &String| offered.eq_ignore_ascii_case(word);
        self.after_login.iter().any(same)
    }
}
