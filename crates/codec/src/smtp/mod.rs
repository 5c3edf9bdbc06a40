//! SMTP and LMTP as machines: bytes in, events and bytes out, no sockets and no clock.
//!
//! [`server::Session`] and [`client::Client`] are driven alike: give `next` the bytes that came,
//! handle each event, and when it gives none write `output` to the peer and read more. What a
//! message carries streams through in pieces; nothing here holds a message.
//!
//! **Line endings.** CRLF ends a line and nothing else does. A command with a bare LF is refused,
//! and so is a message in DATA with a bare LF or CR, unless the server is set to keep such bytes;
//! even then only CRLF `.` CRLF ends it. So a message cannot smuggle a second one past either
//! side.
//!
//! **Why the grammar is our own.** smtp-proto 0.2.5 was looked at and tried. It takes a bare LF as
//! the end of a command and drops a bare CR; it gives `"a b"@example.org` without its quotes, so
//! that the address cannot be written back; it refuses address literals, takes `RCPT TO:<>`,
//! parameters given twice and broken xtext; its DATA receiver does not see the end of an empty
//! message and wants a buffer for the bytes; and one limit of 4,096 bytes stands for every line,
//! below what AUTH needs. Around all that little would be left of it.
//!
//! RFC 5321 with SIZE (1870), PIPELINING (2920), CHUNKING and BINARYMIME (3030), 8BITMIME (6152),
//! SMTPUTF8 (6531), STARTTLS (3207), AUTH (4954), DSN (3461), enhanced status codes (2034, 3463),
//! MT-PRIORITY (6710), LIMITS (9422); LMTP is RFC 2033.

mod address;
pub mod client;
mod command;
mod content;
mod dots;
mod envelope;
mod extensions;
pub mod limits;
mod line;
mod reply;
mod reply_reader;
mod sasl;
pub mod server;
mod timeout;
pub mod xtext;

pub use address::{AddressFault, Mailbox, Path};
pub use content::{Content, Survey};
pub use dots::{Part, Stuffer, Unstuffer};
pub use envelope::{BodyType, Mail, Notify, OriginalRecipient, Rcpt, Return};
pub use extensions::Extensions;
pub use reply::{Enhanced, Reply};
pub use reply_reader::{ReplyFault, ReplyReader};
pub use sasl::{Credentials, Mechanism, Secret};
pub use timeout::Timeout;

/// Which of the two protocols is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// SMTP: one answer for a message.
    Smtp,
    /// LMTP (RFC 2033): LHLO instead of EHLO, and one answer for each accepted recipient.
    Lmtp,
}

/// What one step of a machine came to.
enum Step<T> {
    /// Go on with the next step.
    On,
    /// Nothing can be done before more bytes, or an answer, come.
    Wait,
    /// Hand this out.
    Give(T),
}

#[cfg(test)]
mod tests;
