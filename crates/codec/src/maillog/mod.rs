//! Postfix's log: what became of a mail, said by whoever had it.
//!
//! The log is evidence. A submission whose answer was lost is settled by it: the message was accepted if
//! its queue file was ([`Story::accepted`]), and whom it reached is in the lines of its deliveries. And it is where a bad
//! name shows first, in the replies of other servers ([`Entry::reputation`]).
//!
//! Read are lines of syslog, of journald in that form, and of Postfix's own `maillog_file`, with classic or
//! RFC 3339 times, of any `syslog_name` (`postfix`, `postfix-out`, `postfix/submission`). Written for Postfix 2.9
//! to 3.9; other lines are passed over.
//!
//! [`Entry::read`] reads one line; [`Stories`] gathers the lines of each message.

mod line;
mod story;
#[cfg(test)]
mod tests;
mod time;

pub use line::{Delivered, Entry, Event, Relay, Status};
pub use story::{Stories, Story};
pub use time::Stamp;
