//! Which wait is under way: the machines have no clock, their drivers do.

use std::time::Duration;

/// What is awaited from the peer, and how long it may take (RFC 5321 §4.5.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timeout {
    /// Client: the greeting (§4.5.3.2.1).
    Greeting,
    /// Client: the answer to EHLO, STARTTLS, AUTH, RSET and QUIT; as long as to MAIL.
    Command,
    /// Client: the answer to MAIL (§4.5.3.2.2).
    Mail,
    /// Client: the answer to RCPT (§4.5.3.2.3).
    Rcpt,
    /// Client: the answer to DATA (§4.5.3.2.4).
    DataStart,
    /// Client: writing a block of the message (§4.5.3.2.5). Server: reading one.
    DataBlock,
    /// Client: the answer to the message (§4.5.3.2.6).
    DataEnd,
    /// Server: the next command (§4.5.3.2.7).
    NextCommand,
    /// Either: the TLS handshake, of which RFC 3207 says nothing.
    Handshake,
}

impl Timeout {
    /// The time that RFC 5321 recommends as the least.
    pub fn duration(self) -> Duration {
        let minutes = match self {
            Timeout::Handshake => 1,
            Timeout::DataStart => 2,
            Timeout::DataBlock => 3,
            Timeout::Greeting
            | Timeout::Command
            | Timeout::Mail
            | Timeout::Rcpt
            | Timeout::NextCommand => 5,
            Timeout::DataEnd => 10,
        };
        Duration::from_secs(60 * minutes)
    }
}
