//! The mbox family: many messages in one file, each behind a `From_` line.
//!
//! **Where a message ends.** A `From_` line starts with `From ` and is told from prose by
//! its shape and its surroundings: after an empty line a date of the
//! asctime or RFC 822 kind is enough; a lone word (`From -`, `From 1844@xxx`, `From ???@???`)
//! needs a header field on the next line; without an empty line before it both are needed.
//! So "From here on we split" never cuts a message, and files of writers that forget the
//! separator are still read. A git patch pasted without quoting after an empty line does
//! cut, as in every other reader: nothing distinguishes it from a message.
//!
//! **Content-Length** is believed only if it lands exactly on the end of the file, on a
//! `From_` line, or on one line break before either, and only if it stands once in the
//! message's own header. Otherwise the `From_` lines decide.
//!
//! **Quoting.** `rd` undoes one `>` of every line `^>+From `; `o`, `cl` and `cl2` leave
//! bytes as they are, because their writers' quoting cannot be told from text. `auto`
//! decides for each message alone, so that reading may resume at any message: bytes stay
//! as they are if the Content-Length landed, or if the message holds an unquoted `From `
//! line (proof that its writer was not mboxrd); otherwise one `>` is removed. The limit of
//! `auto`: in an mboxo file a line that was `>From ` before it was stored loses its `>`;
//! such a file wants `--dialect o`.
//!
//! **Separator.** The one empty line (LF or CRLF) before the next `From_` line or the end
//! of the file belongs to the file, not to the message; further empty lines are the
//! message's. Where a Content-Length landed, the message is exactly what it says.
//!
//! Files of lone CRs (classic Mac OS) are not read.

mod from_line;
mod length;
mod quote;
mod split;
mod stream;

pub use from_line::{from_line_date, from_line_sender};
pub use quote::{MboxEntry, unquote_rd, write_rd};
pub use split::Splitter;
pub use stream::{RdStream, after_message, from_line};

use std::str::FromStr;

/// How a writer quotes `From ` lines and marks the end of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// Content-Length where it can be believed, else `From_` lines with mboxrd quoting
    /// unless the message shows that its writer did not quote so.
    #[default]
    Auto,
    /// mboxo: `From ` became `>From `, irreversibly; bytes are left as they are.
    O,
    /// mboxrd: one `>` was put before every `>*From ` line and is removed.
    Rd,
    /// mboxcl: Content-Length, and mboxo's quoting.
    Cl,
    /// mboxcl2: Content-Length and no quoting. Read as `Cl`: both leave the bytes alone.
    Cl2,
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(name: &str) -> Result<Self, UnknownDialect> {
        match name {
            "auto" => Ok(Dialect::Auto),
            "o" => Ok(Dialect::O),
            "rd" => Ok(Dialect::Rd),
            "cl" => Ok(Dialect::Cl),
            "cl2" => Ok(Dialect::Cl2),
            _ => Err(UnknownDialect),
        }
    }
}

/// Not the name of an mbox dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an mbox dialect (auto, o, rd, cl, cl2)")]
pub struct UnknownDialect;

/// What a [`Splitter`] finds. Offsets and lengths count bytes of the file, of the whole
/// item: `From_` line, message as stored, and separator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A message.
    Message {
        /// Where its `From_` line starts.
        offset: u64,
        /// Its bytes in the file.
        length: u64,
        /// The `From_` line without its line break.
        from_line: Vec<u8>,
        /// The message, quoting undone and separator removed.
        message: Vec<u8>,
    },
    /// A message above the limit; its bytes were passed over.
    TooLarge {
        /// Where its `From_` line starts.
        offset: u64,
        /// Its bytes in the file.
        length: u64,
    },
    /// The file does not start with a `From_` line; nothing more is said about it.
    NotAnMbox,
}

#[cfg(test)]
mod tests;
