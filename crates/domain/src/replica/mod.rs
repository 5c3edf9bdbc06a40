//! placeholder
mod claims;
mod client;
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
pub use flags::{FlagOrder, Flags};
pub use mailbox::{Change, Mailbox, Since};
pub use merge::SETTLING;
pub use reconcile::Plan;
pub use sighting::{Copied, Evidence, Evidences, FolderSighting, Messages, Needs, Sighting};
pub use state::{
    Base, Counters, Deed, Folder, FolderId, INBOX, Line, Message, MessageId, Ordered, Remote,
    RemoteId, Role, Seat, Subject, Task, Unanswered, Validity,
};
pub use work::{Landed, Order, Outcome, Place};
