//! The server's side: one [`Session`] a connection.
//!
//! ```text
//! driver                          session
//!   greet() ─────────────────────▶ * OK
//!   next(input) ◀──── Auth, Command, Done, AppendEnd: each waits for ok(), no() or bad();
//!               │     before it the driver appends what it has to tell to out()
//!               ◀──── Command(Idle): go_on(), then out() whenever there is news; Done ends it
//!               ◀──── Append, then for each message
//!               │       Message: waits for go_on() or no()
//!               │       Bytes: bytes of the message, as they come
//!               │       MessageEnd
//!               ◀──── Abandoned: forget the messages of the APPEND
//!               ◀──── StartTls: write output, shake hands, tls_started()
//!               ◀──── Close: write output, close
//!               ◀──── None: write output; read more if input is used up
//! ```
//!
//! Nothing is taken from the input while an answer is awaited, so that the driver may take its time and commands that a program
//! sent ahead wait in the order of their answers.
//!
//! The session itself answers CAPABILITY, ID, ENABLE, NAMESPACE, LOGOUT, what is wrong with a command or not allowed where the
//! connection stands, and what must not come (RFC 9051 §3).

mod append;
mod auth;
mod commands;
mod config;
mod gather;
mod reading;
mod sasl;
mod session;

pub use config::Config;
pub use sasl::Mechanism;
pub use session::{Enabled, Session};

use super::command::{Appended, Command};
pub use crate::smtp::{Credentials, Secret};

/// What a [`Session`] tells its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'b> {
    /// A client proves who it is, by LOGIN or AUTHENTICATE. To be answered; the code of a "no" is the driver's, mostly
    /// [`AuthenticationFailed`](crate::imap::answer::Code::AuthenticationFailed).
    Auth(Credentials),
    /// A command that is allowed here. To be answered.
    Command {
        /// Its tag, which the session writes itself; ESEARCH repeats it.
        tag: String,
        /// What is asked.
        command: Command,
    },
    /// IDLE ends. To be answered, as the end of the command IDLE.
    Done {
        /// That of the IDLE.
        tag: String,
    },
    /// An APPEND begins. A [`Message`](Event::Message) follows.
    Append {
        /// Its tag.
        tag: String,
        /// Where to.
        mailbox: String,
    },
    /// A message is about to come. [`go_on`](Session::go_on) takes it, [`no`](Session::no) refuses it and the whole APPEND: none
    /// of its messages is stored (RFC 3502).
    Message(Appended),
    /// The next bytes of the message.
    Bytes(&'b [u8]),
    /// The message is complete. Nothing is stored yet: more may come, or what follows may be wrong.
    MessageEnd,
    /// The APPEND is complete. To be answered; a "yes" makes the server responsible for its messages.
    AppendEnd,
    /// The APPEND was not proper: its messages are to be forgotten. The session answers.
    Abandoned,
    /// Write the output, shake hands, and call [`Session::tls_started`]; if that fails, close the connection.
    StartTls,
    /// Write the output and close the connection. An APPEND under way is gone.
    Close(Closed),
}

/// Why a connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closed {
    /// The client said LOGOUT.
    Logout,
    /// The driver shut it down.
    ByDriver,
    /// More errors than [`Config::max_errors`].
    TooManyErrors,
    /// More commands before login than [`Config::max_commands_before_login`].
    TooManyCommands,
    /// A line or an unwanted literal without end.
    Endless,
    /// Plain text came behind STARTTLS, before the handshake: somebody put it there to have it obeyed as if it had come over
    /// TLS.
    Injected,
    /// HTTP: a page in a browser speaks to the port.
    Foreign,
}

#[cfg(test)]
mod tests;
