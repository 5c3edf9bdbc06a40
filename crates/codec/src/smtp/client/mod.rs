//! The client's side: one [`Client`] a connection, any number of transactions over it.
//!
//! ```text
//! driver                          client
//!   next(input) ◀──── StartTls: write output, shake hands, tls_started()
//!               ◀──── Ready: send(envelope), or quit()
//!               ◀──── Body: body(piece)…, end(), writing output after each
//!               ◀──── Done: what came of each recipient; Ready or Closed follows
//!               ◀──── Failed, Closed: close
//!               ◀──── None: write output, and read more; while the message is sent, only look
//!                     whether something came
//!   the connection breaks: lost()
//! ```
//!
//! **When is a message where?** Until the last byte of a message (with CHUNKING) or the dot behind it
//! was handed out, the server cannot have taken it: a connection lost before is [`Verdict::Temporary`].
//! From then on until its answer came nobody here knows: [`Verdict::Uncertain`], and trying again may
//! double the message. Handed out means that it is in [`Client::output`], written or not, as a driver
//! whose write failed cannot say how much of it went out.
//!
//! **Bytes are never changed.** A message that needs what the server does not offer fails for good:
//! 8BITMIME and BINARYMIME with 5.6.3, SMTPUTF8 with 5.6.7. One exception is reported: DATA cannot end
//! a message that does not end with CRLF, so it gets one ([`Report::line_end_added`]).
//!
//! With CHUNKING the message goes as one chunk, so that answers are as clear as those to DATA.

mod connection;
mod hello;
mod transaction;

pub use connection::Client;

use super::{Content, Mail, Protocol, Rcpt, Reply, Secret};

/// The settings of a [`Client`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What the client calls itself.
    pub hostname: String,
    /// SMTP or LMTP.
    pub protocol: Protocol,
    /// The connection was encrypted before its first byte (implicit TLS).
    pub tls: bool,
    /// What to do about STARTTLS where it was not.
    pub starttls: StartTls,
    /// Who the client is, where the server wants to know.
    pub login: Option<Login>,
    /// The password may be sent without TLS: for loopback and tests.
    pub login_in_clear: bool,
}

impl Config {
    /// Opportunistic TLS, no login.
    pub fn new(hostname: impl Into<String>, protocol: Protocol) -> Self {
        Config {
            hostname: hostname.into(),
            protocol,
            tls: false,
            starttls: StartTls::Opportunistic,
            login: None,
            login_in_clear: false,
        }
    }
}

/// Whether STARTTLS is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StartTls {
    /// Never.
    Off,
    /// If it is offered (RFC 7435).
    Opportunistic,
    /// Nothing is sent without it.
    Required,
}

/// A name and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// A message's way: from whom, to whom, and what its bytes need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// MAIL. `size` and `body` are taken from `content`, `auth` is not passed on.
    pub mail: Mail,
    /// RCPT, one for each recipient.
    pub recipients: Vec<Rcpt>,
    /// What a [`Survey`](super::Survey) found in the message.
    pub content: Content,
}

/// What a [`Client`] tells its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Write the output, shake hands, and call [`Client::tls_started`]; if that fails, call
    /// [`Client::lost`] and close.
    StartTls,
    /// The next transaction may begin.
    Ready,
    /// The server waits for the message: its pieces, then the end. It may answer before that.
    Body,
    /// The transaction is over.
    Done(Report),
    /// There will be no transaction on this connection, for this reason, which stands for every
    /// recipient. Close it.
    Failed(Outcome),
    /// Close the connection.
    Closed,
}

/// What came of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// One for each recipient, in the envelope's order.
    pub outcomes: Vec<Outcome>,
    /// A CRLF was put behind the message, which had none.
    pub line_end_added: bool,
}

/// What came of a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What it means.
    pub verdict: Verdict,
    /// The words, the server's or our own.
    pub reply: Reply,
    /// Whose words they are.
    pub by: By,
}

/// What an outcome means for the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The server is responsible now.
    Accepted,
    /// Not now: to be tried again.
    Temporary,
    /// Not ever: to be reported.
    Permanent,
    /// It may have been accepted: to be settled by evidence, not by trying again.
    Uncertain,
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The server.
    Server,
    /// The client, of what it saw.
    Client,
}

impl Outcome {
    fn ours(verdict: Verdict, reply: Reply) -> Self {
        Outcome {
            verdict,
            reply,
            by: By::Client,
        }
    }

    /// What the server's reply means; `None` if it makes no sense as the last word on a command.
    fn said(reply: Reply) -> Option<Self> {
        let verdict = match reply.code {
            200..=299 => Verdict::Accepted,
            400..=499 => Verdict::Temporary,
            500..=599 => Verdict::Permanent,
            _ => return None,
        };
        Some(Outcome {
            verdict,
            reply,
            by: By::Server,
        })
    }
}

/// [`Client::send`] was called out of turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection is not ready for a transaction")]
pub struct NotReady;

/// Why [`Client::body`] or [`Client::end`] took nothing; [`Client::next`] tells what came of the
/// transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// The server does not wait for a message, or has answered already.
    #[error("no message is awaited")]
    NotAwaited,
    /// Not as many bytes as the envelope says. By what was sent nothing can have been accepted; the
    /// connection is to be closed.
    #[error("the message has another size than its envelope says")]
    Size,
    /// Bytes that the envelope denies. As with [`Size`](BodyFault::Size).
    #[error("the message has bytes that its envelope denies")]
    Content,
}

#[cfg(test)]
mod tests;
