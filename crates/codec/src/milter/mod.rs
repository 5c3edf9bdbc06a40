//! The milter protocol, versions 2 to 6, as Sendmail and Postfix speak it to a mail filter. We are
//! the filter: an MTA connects, tells of each SMTP session step by step, and waits for a verdict.
//!
//! [`Session`] is one connection without its socket: bytes in, [`Event`]s out, replies into an output
//! buffer. Events that a filter may decide ([`Event::awaits_answer`]) hold the session until it is
//! [answered](Session::answer); all others are acknowledged by themselves, or by nothing where the MTA
//! agreed to expect nothing.
//!
//! ```
//! # use everpost_codec::milter::{Answer, Event, Session};
//! # fn durable(_: &[u8]) -> bool { true }
//! # fn serve(pieces: &[&[u8]]) -> Result<Vec<u8>, everpost_codec::milter::Error> {
//! let mut session = Session::default();
//! let (mut message, mut sent) = (Vec::new(), Vec::new());
//! for piece in pieces {
//!     session.push(piece);
//!     while let Some(event) = session.next()? {
//!         event.write(&mut message);
//!         if let Event::End { .. } = event {
//!             let kept = durable(&std::mem::take(&mut message));
//!             session.answer(&if kept { Answer::Continue } else { Answer::TempFail });
//!         } else if event.awaits_answer() {
//!             session.answer(&Answer::Continue);
//!         }
//!     }
//!     sent.extend(session.take_output());
//! }
//! # Ok(sent) }
//! # serve(&[]).unwrap();
//! ```
//!
//! # What is exact
//!
//! [`Event::write`] puts a message together again as the MTA holds it at that moment: each header field as
//! name, `:` and value, an empty line, the body. The bytes are the MTA's, with these differences, none of
//! which the protocol can avoid:
//!
//! - **The MTA's own `Received`** field is not shown to filters (Postfix, Sendmail), and what it adds
//!   later is not there yet.
//! - **The blank after the colon** is kept where the MTA offers `SMFIP_HDR_LEADSPC` (version 6); older ones
//!   eat one space, and one is put back whether there was one or not ([`Negotiated::exact_headers`]).
//! - **Line ends** are CRLF: folded values come with LF between their lines, bodies with CRLF as the MTA
//!   made them of whatever it received.
//! - **Blanks before the colon** are cut off by Postfix, and a field ends at a NUL, because fields travel
//!   as C strings. Of a field of more than 60,000 bytes Postfix shows the lines up to there.
//! - **The empty line** after the header is written even if the message ended with its header.
//! - Filters that ran before this one have left their changes.
//!
//! Everything else, 8-bit bytes and folding included, is as the MTA holds it. That is not always what the client
//! sent: Postfix drops Return-Path, Bcc and Content-Length on arrival, and completes the mail of local clients
//! (Message-ID, Date, From, addresses without a domain).
//!
//! Written from Sendmail's documentation of libmilter and what Postfix 3.7 sends. Of 1,122 odd and broken mails
//! sent through it, 1,106 were told byte for byte as it then delivered them; 15 differed only where it broke lines
//! above 998 bytes on delivery, and one had a field above 60,000 bytes.

mod event;
mod frame;
mod macros;
mod negotiate;
mod reply;
mod session;
#[cfg(test)]
mod tests;

pub use event::{Event, Peer};
pub use frame::{BODY_CHUNK, FRAME};
pub use macros::{Macros, Stage};
pub use negotiate::{Negotiated, Options};
pub use reply::{Answer, Reply};
pub use session::Session;

/// Commands, MTA to filter (`SMFIC_*`).
mod command {
    pub(super) const ABORT: u8 = b'A';
    pub(super) const BODY: u8 = b'B';
    pub(super) const CONNECT: u8 = b'C';
    pub(super) const MACRO: u8 = b'D';
    pub(super) const END: u8 = b'E';
    pub(super) const HELO: u8 = b'H';
    pub(super) const QUIT_NC: u8 = b'K';
    pub(super) const HEADER: u8 = b'L';
    pub(super) const MAIL: u8 = b'M';
    pub(super) const END_OF_HEADER: u8 = b'N';
    pub(super) const NEGOTIATE: u8 = b'O';
    pub(super) const QUIT: u8 = b'Q';
    pub(super) const RECIPIENT: u8 = b'R';
    pub(super) const DATA: u8 = b'T';
    pub(super) const UNKNOWN: u8 = b'U';
}

/// Why a connection cannot go on. The MTA then does what it is configured to do without a filter
/// (Postfix: `milter_default_action`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A frame is empty or longer than allowed: not this protocol, or an attack.
    #[error("a milter frame of {length} bytes; allowed are 1 to {limit}")]
    FrameLength {
        /// Its length as announced, command byte included.
        length: u32,
        /// The most allowed.
        limit: u32,
    },
    /// The MTA speaks a version below 2, of which nothing is known.
    #[error("milter protocol version {0}; 2 to 6 are spoken")]
    Version(u32),
    /// A command that no version has.
    #[error("unknown milter command {0:#04x}")]
    UnknownCommand(u8),
    /// A command whose data are not what they should be.
    #[error("data of the milter command `{}` cannot be read", char::from(*.0))]
    Malformed(u8),
    /// A command that may not come now, such as content without a sender.
    #[error("the milter command `{}` came out of order", char::from(*.0))]
    OutOfOrder(u8),
}
