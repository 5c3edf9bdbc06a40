//! What can go wrong, and what it means for an order.

use everpost_codec::imap::client::{Code, Kind, Status};
use everpost_domain::replica::{Landed, Outcome};

/// Why something was not done. All but [`Refused`](Trouble::Refused) end the connection.
///
/// Of an order, every trouble but [`Lost`](Trouble::Lost) means that it was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// It did not come to a talk, or the connection broke.
    #[error("mail server out of reach: {0}")]
    Unreachable(String),
    /// The server does not believe that the user is who they are. Trying again does not help.
    #[error("mail server refuses the login: {0}")]
    LoginRefused(Refusal),
    /// The server said goodbye, or that it cannot just now.
    #[error("mail server is away: {0}")]
    Away(String),
    /// What the server says makes no sense.
    #[error("mail server speaks nonsense: {0}")]
    Nonsense(String),
    /// The server says no. The connection can be used on.
    #[error("mail server refuses: {0}")]
    Refused(Refusal),
    /// A change was ordered, and the answer did not come: the server may have made it.
    #[error("the answer of the mail server is lost: {0}")]
    Lost(String),
}

/// A no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{text}", .code.as_ref().map(|code| format!("[{code}] ")).unwrap_or_default())]
pub struct Refusal {
    /// The server's code, in upper case: `OVERQUOTA`. None are our own words, too.
    pub code: Option<String>,
    /// For people.
    pub text: String,
    /// Trying the same again does not help.
    pub is_permanent: bool,
}

/// Codes of RFC 5530 and others that will be the same next time.
const PERMANENT: &[&str] = &[
    "ALREADYEXISTS",
    "AUTHENTICATIONFAILED",
    "AUTHORIZATIONFAILED",
    "BADCHARSET",
    "CANNOT",
    "CLIENTBUG",
    "EXPIRED",
    "HASCHILDREN",
    "NONEXISTENT",
    "NOPERM",
    "PRIVACYREQUIRED",
    "TOOBIG",
    "UNKNOWN-CTE",
];

/// Codes of a login that may work later.
const BUSY: &[&str] = &[
    "UNAVAILABLE",
    "INUSE",
    "LIMIT",
    "SERVERBUG",
    "THROTTLED",
    "CONTACTADMIN",
];

impl Refusal {
    /// The server's.
    pub(super) fn said(status: Status) -> Self {
        let code = status.code.as_ref().map(|code| code.name().to_owned());
        let is_known = code
            .as_deref()
            .is_some_and(|code| PERMANENT.contains(&code));
        Refusal {
            // A command that is not understood today is not understood tomorrow.
            is_permanent: is_known || status.kind == Kind::Bad,
            code,
            text: status.text,
        }
    }

    /// Ours, of what cannot be asked for.
    pub(super) fn ours(text: &str) -> Self {
        Refusal {
            code: None,
            text: text.to_owned(),
            is_permanent: true,
        }
    }

    /// Whether a login may be taken later.
    pub(super) fn is_busy(&self) -> bool {
        self.code
            .as_deref()
            .is_some_and(|code| BUSY.contains(&code))
    }

    /// Whether the server says that there is no such folder.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self.code.as_deref(), Some("NONEXISTENT" | "TRYCREATE"))
    }
}

/// What came of an order that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was carried out.
    Done(Done),
    /// There was nothing to do it to, or that is not as it was any more. Nothing was done.
    NotAsThought,
    /// The server, or this program before it asked, said no. Nothing was done, unless the order says so.
    Refused(Refusal),
}

/// How an order was carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Where a message is now, if the server says such things (UIDPLUS).
    pub landed: Option<Landed>,
    /// Flags that the folder does not keep, so that they were not ordered.
    pub unkept: Vec<String>,
    /// Of a move without MOVE: the copy was made, and the message may still be where it was, too.
    pub remains: bool,
}

impl Verdict {
    pub(super) fn done() -> Self {
        Verdict::Done(Done::default())
    }

    pub(super) fn landed(landed: Option<Landed>) -> Self {
        Verdict::Done(Done {
            landed,
            ..Done::default()
        })
    }
}

/// What came of an order, as the replica wants to hear it.
pub fn outcome(result: &Result<Verdict, Trouble>) -> Outcome {
    match result {
        Ok(Verdict::Done(done)) => Outcome::Done(done.landed),
        Ok(Verdict::NotAsThought) => Outcome::NotAsThought,
        Ok(Verdict::Refused(_)) => Outcome::NotDone,
        Err(Trouble::Lost(_)) => Outcome::Lost,
        Err(_) => Outcome::NotDone,
    }
}

/// OK, or why not.
pub(super) fn agreed(status: Status) -> Result<Option<Code>, Refusal> {
    match status.kind {
        Kind::Ok => Ok(status.code),
        _ => Err(Refusal::said(status)),
    }
}
