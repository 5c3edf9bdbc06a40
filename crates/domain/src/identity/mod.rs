//! When two messages are the same.
//!
//! One mail has different bytes at the MX, at the milter and in the mailbox: servers add
//! trace headers, rebuild MIME, re-encode. Matching compares what survives that, from
//! cheap to dear: the *header key* (sender's Message-ID and Date), then the holding
//! server's own key or the hash of the whole message, and only then the hashes of the
//! parts.
//!
//! **Invariants.**
//! - The header key is necessary and never sufficient; without one nothing is decided.
//! - The hash of the whole counts only between two captures; a server key only within
//!   the issuer that vouches for it; the part hashes between any origins.
//! - An empty part set proves nothing.
//! - No part set is computed where a cheaper key decides; the [`Trace`] counts them.
//! - The verdict does not depend on the order of the candidates.
//! - Doubt is [`Verdict::Undecidable`], on which callers archive, upload, and never skip.

mod attachments;
mod build;
#[cfg(test)]
mod cases;
mod facts;
#[cfg(test)]
mod laws;
mod matching;
mod parts;
mod profile;
#[cfg(test)]
mod rebuilt;
#[cfg(test)]
mod tests;
mod trace;

pub use attachments::{AttachmentPresence, attachments_present};
pub use build::{part_set, part_set_of_cut};
pub use facts::{Facts, HeaderKey, KeyScope, MissingServerKey, Origin, ServerKey};
pub use matching::{Begun, Candidate, PartSource, Pending, Purpose, begin, match_message};
pub use parts::{Overlap, PartHash, PartKind, PartSet, SET_VERSION};
pub use profile::{Extra, Profile, Sufficient};
pub use trace::{Doubt, Finding, Rule, Step, Trace, Verdict};
