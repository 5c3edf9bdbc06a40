//! The server's side: one [`Session`] a connection.
//!
//! ```text
//! driver                          session
//!   greet() ─────────────────────▶ 220
//!   next(input) ◀──── Mail, Rcpt, Data, BodyEnd, Auth: each waits for answer(reply)
//!               ◀──── Body: bytes of the message, as they come
//!               ◀──── Abandoned: forget the message under way
//!               ◀──── StartTls: write output, shake hands, tls_started()
//!               ◀──── Close: write output, close
//!               ◀──── None: write output; read more if input is used up
//! ```
//!
//! Nothing is taken from the input while an answer is awaited, so a policy may take its time, answers
//! keep their order, and commands that a client sent ahead wait.

mod auth;
mod body;
mod commands;
mod config;
mod session;

pub use config::Config;
pub use session::Session;

use super::{Content, Credentials, Mail, Rcpt};

/// What a [`Session`] tells its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'b> {
    /// A transaction begins. To be answered; an earlier one that did not end is gone.
    Mail(Mail),
    /// A recipient is asked for. To be answered.
    Rcpt(Rcpt),
    /// The message is about to come. To be answered: a "no" here costs the client less than one
    /// after the message.
    Data,
    /// The next bytes of the message.
    Body(&'b [u8]),
    /// The message is complete. To be answered, in LMTP once for each accepted recipient in the
    /// order of their RCPTs; a "yes" makes the server responsible for it (RFC 5321 §6.1).
    BodyEnd(Content),
    /// The transaction under way, with what came of its message, is to be forgotten; the session
    /// gives or gave the answer.
    Abandoned(Abandoned),
    /// A client proves who it is. To be answered.
    Auth(Credentials),
    /// Write the output, shake hands, and call [`Session::tls_started`]; if that fails, close the
    /// connection. A transaction under way is gone.
    StartTls,
    /// Write the output and close the connection. A transaction under way is gone.
    Close(Closed),
}

/// Why a transaction ended without its message being offered for acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Abandoned {
    /// The client said RSET, or EHLO again.
    Reset,
    /// The message is larger than [`Config::max_size`].
    TooLarge,
    /// A bare LF in DATA.
    BareLf,
    /// A bare CR in DATA.
    BareCr,
    /// A NUL in DATA.
    Nul,
}

/// Why a connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closed {
    /// The client said QUIT.
    Quit,
    /// The driver refused the connection, shut it down, or answered 421.
    ByDriver,
    /// More errors than [`Config::max_errors`].
    TooManyErrors,
    /// More commands than [`Config::max_idle_commands`] that led to nothing.
    TooManyCommands,
    /// A line or a refused message without end.
    Endless,
    /// Plain text came behind STARTTLS, before the handshake: somebody put it there to have it
    /// obeyed as if it had come over TLS.
    Injected,
    /// A chunk whose size cannot be read.
    Unreadable,
    /// HTTP.
    Foreign,
}

#[cfg(test)]
mod tests;
