//! IMAP, the server's side: commands as data, answers as bytes, and a machine between them; no sockets and no clock.
//!
//! A [`server::Session`] takes a client's bytes and gives events, most of them a [`Command`](command::Command). The driver
//! answers with the functions of [`answer`], and with those of [`message`] for what is in a message.
//!
//! RFC 3501 (IMAP4rev1) and RFC 9051 (IMAP4rev2) with ID (RFC 2971), IDLE (2177), NAMESPACE (2342), CHILDREN (3348),
//! MULTIAPPEND (3502), BINARY (3516), UNSELECT (3691), UIDPLUS (4315), ESEARCH (4731), SASL-IR (4959), WITHIN (5032), ENABLE
//! (5161), SEARCHRES (5182), SORT and THREAD (5256), LIST-EXTENDED (5258), ESORT (5267 §3), LIST-STATUS (5819), SORT=DISPLAY
//! (5957), SPECIAL-USE and CREATE-SPECIAL-USE (6154), MOVE (6851), UTF8=ACCEPT (6855), CONDSTORE and QRESYNC (7162), OAUTHBEARER
//! (7628), LITERAL+ and LITERAL- (7888), APPENDLIMIT (7889), STATUS=SIZE (8438), OBJECTID (8474), PREVIEW (8970), and of PARTIAL
//! (9394) what SEARCH returns.
//!
//! **Why the grammar is our own.** What the server takes decides what programs can do, and they do odd things: see
//! [`parse()`] for where it is lenient. A literal must be refused before it comes, a message must stream, and each byte must be
//! accounted for when a command is refused, or what a program sent as data is read as a command. That is most of a parser.

pub mod answer;
pub mod client;
pub mod command;
mod date;
pub mod limits;
pub mod message;
pub mod name;
mod parse;
mod pattern;
pub mod server;
pub mod set;

pub use date::{internal_date, parse_internal_date};
pub use parse::{Refused, parse};
pub use pattern::Pattern;
pub use set::{Numbers, Saved};
