//! A mailbox here and on a mail server: what clients did, what was seen there, and what makes both alike.
//!
//! ```text
//! client's order ─▶ Mailbox (client.rs) ─▶ changes ─▶ a store writes them, in one transaction
//! a look at the server (sighting.rs) ─▶ reconcile ─▶ needs: ask, look again
//!                                            └─▶ orders ─ intend ─ server ─ outcome (work.rs, outcome.rs)
//! ```
//! Clients see folders and UIDs of our own, which never change. Of each message it is known where it was on the server at the last
//! look, with which flags: the *base*. What differs from it here is owed to the server, what differs there is taken over, bit by
//! bit; the server's move beats ours, and a change beats a deletion (merge.rs). What is the same message is told by its header and its
//! body, never by a UID alone (matching.rs).
//!
//! Mail that somebody else brings to the server lies here already (`awaited`): nothing of it is owed until it is seen there.
//!
//! **Promise.** An order to the server is written down before it leaves, and what came of it after: whoever begins again knows
//! what is in doubt, and looks before it does anything twice. Nothing is deleted here because it was not seen, only because it
//! was seen to be gone. A step needs all folders, and the messages that it is about; a look needs all messages.

mod claims;
mod client;
mod fingerprint;
mod flags;
mod log;
mod mailbox;
mod matching;
mod merge;
mod outcome;
mod reconcile;
mod rows;
mod sighting;
mod state;
#[cfg(test)]
mod tests;
mod work;

pub use client::{Appended, Incoming, Placed, REPEAT, Refusal};
pub use fingerprint::{Fingerprint, NAMING};
pub use flags::{FlagOrder, Flags, Unnamed};
pub use mailbox::{Change, Mailbox, Since};
pub use merge::SETTLING;
pub use reconcile::Plan;
pub use sighting::{Copied, Evidence, Evidences, FolderSighting, Messages, Needs, Sighting};
pub use state::{
    Base, Counters, Deed, Folder, FolderId, INBOX, Line, Message, MessageId, Ordered, Remote,
    RemoteId, Role, Seat, Subject, Task, Unanswered, Validity,
};
pub use work::{Landed, Order, Outcome, Place};
