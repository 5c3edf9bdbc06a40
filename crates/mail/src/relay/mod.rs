//! The relay: mail that was taken in goes on to the servers of its recipients.
//!
//! ```text
//! listeners mx, submission ─ front: who may send to whom? ─ admit with legs ─ 250
//!                                                             │
//!   places ◀─ due legs ─ Relay ─ route ─ connection ─ client machine (codec) ─ what became of each
//!                          ▲                                  │
//!                          └──── settle: delivered, later, failed (+ notification), uncertain ◀┘
//! ```
//! The queue is the store's (`everpost_store`, legs): a leg is there from the commit that admitted its
//! message on, and open until its end is committed. This module decides when and where to, and says what became of it.

mod at_work;
mod bounce;
mod direct;
mod evidence;
pub mod front;
mod places;
mod route;
mod run;
mod send;
mod standby;
mod submit;
mod tally;
#[cfg(test)]
mod tests;
mod trace;

pub use direct::Direct;
pub use evidence::{LogEvidence, by_log};
pub use route::{MailHosts, NoHosts};
pub use run::{Relay, RelayOptions};
pub use send::{TlsPolicy, Trust};
pub use submit::{Said, Submission};
pub use tally::{Blocked, RelayTally};
pub(crate) use trace::header;
pub use trace::{Came, LINK, Wanted};
