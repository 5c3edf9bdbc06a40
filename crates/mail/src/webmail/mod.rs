//! Working in a standby mailbox from a browser: what the API reads there, finds and sends.
//!
//! ```text
//! page ─ API ─ read, find ─▶ Replica: rows ─▶ copies: heads, bytes
//!            └ send: letter ─ compose ─ Front ─ admit(legs, receipt) ─ Sent, flags of the original
//! ```
//! **Promise.** What [`send()`] answered is durable and goes out once, however often it is asked for under the same key.

mod compose;
mod find;
mod read;
mod send;
#[cfg(test)]
mod tests;

pub use compose::Letter;
pub use find::{FindError, Found, Mark, find};
pub use read::{Page, page, raw, row, special};
pub use send::{Original, SendError, Sending, Sent, SentBy, Turns, send};
