//! What a server says, as data.

use super::Code;
use crate::imap::Numbers;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// OK, NO, BAD, PREAUTH or BYE that answers no command.
    Status(Status),
    /// CAPABILITY, in upper case.
    Capabilities(Vec<String>),
    /// ENABLED, in upper case.
    Enabled(Vec<String>),
    /// FLAGS: what occurs in the mailbox.
    Flags(Vec<String>),
    /// LIST.
    Listed(Listed),
    /// LSUB.
    Subscribed(Listed),
    /// NAMESPACE.
    Namespaces(Namespaces),
    /// STATUS.
    Counted(Counts),
    /// SEARCH or ESEARCH.
    Found(Found),
    /// EXISTS: so many messages are there.
    Exists(u32),
    /// EXPUNGE: the message of this number is gone, and those above have one less.
    Expunged(u32),
    /// VANISHED: these UIDs are gone (RFC 7162).
    Vanished {
        /// EARLIER: they were gone before.
        earlier: bool,
        /// Which; of some we may never have heard.
        uids: Numbers,
    },
    /// FETCH.
    Fetched(Fetched),
    /// Something else, by its first word, in upper case.
    Other(String),
    /// Something of the above that makes no sense, as far as it can be shown.
    Malformed(String),
}

/// How a command, or the server, fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// OK
    Ok,
    /// NO
    No,
    /// BAD: it is not understood.
    Bad,
    /// PREAUTH: no login is needed.
    Preauth,
    /// BYE
    Bye,
}

/// What a server says of a command, or of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Good or bad.
    pub kind: Kind,
    /// What programs understand.
    pub code: Option<Code>,
    /// What people understand.
    pub text: String,
}

/// A mailbox of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its attributes, with their backslashes.
    pub attributes: Vec<String>,
    /// What parts its name into levels.
    pub delimiter: Option<char>,
    /// Its name as the server writes it.
    pub name: Vec<u8>,
}

/// A prefix below which mailboxes are, and what parts the levels there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// The prefix as the server writes it, mostly with the delimiter at its end.
    pub prefix: Vec<u8>,
    /// The delimiter.
    pub delimiter: Option<char>,
}

/// NAMESPACE.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespaces {
    /// One's own.
    pub personal: Vec<Namespace>,
    /// Those of other users, and those that belong to nobody.
    pub foreign: Vec<Namespace>,
}

/// STATUS of a mailbox, as far as it was told. What is 0 though it cannot be was not told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// The mailbox, as the server writes it.
    pub name: Vec<u8>,
    /// MESSAGES
    pub messages: Option<u32>,
    /// UIDNEXT
    pub uidnext: Option<u32>,
    /// UIDVALIDITY
    pub uidvalidity: Option<u32>,
    /// HIGHESTMODSEQ
    pub modseq: Option<u64>,
    /// SIZE
    pub size: Option<u64>,
    /// MAILBOXID
    pub id: Option<String>,
}

/// SEARCH or ESEARCH.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The command that it answers, if it says so.
    pub tag: Option<Vec<u8>>,
    /// Which were found.
    pub numbers: Numbers,
    /// COUNT of ESEARCH.
    pub count: Option<u32>,
}

/// A message within a FETCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// It came as pieces before this answer; so many octets.
    Streamed(u64),
    /// It is so small that the server put it into quotes.
    Whole(Vec<u8>),
    /// NIL: it is not there.
    Nothing,
}

/// FETCH of a message, as far as we know the items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    /// The message's number.
    pub number: u32,
    /// UID
    pub uid: Option<u32>,
    /// FLAGS
    pub flags: Option<Vec<String>>,
    /// MODSEQ
    pub modseq: Option<u64>,
    /// RFC822.SIZE
    pub size: Option<u64>,
    /// INTERNALDATE, in seconds since 1970, if it makes sense.
    pub date: Option<i64>,
    /// `BODY[HEADER…]`, unless it is longer than is kept.
    pub header: Option<Vec<u8>>,
    /// `BODY[]`
    pub message: Option<Message>,
}
