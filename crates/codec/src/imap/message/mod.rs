//! What an IMAP server tells of a message: pure functions over its bytes and its structure.
//!
//! The caller makes the line ends right ([`crlf`]), scans once
//! ([`scan`](everpost_domain::message::scan)), and asks for what a client wants: bytes
//! ([`section()`], [`binary`]), ENVELOPE ([`write_envelope`]), BODYSTRUCTURE ([`write_structure`]),
//! PREVIEW ([`preview()`]). SEARCH is a [`Query`] over [`Candidate`]s; SORT and THREAD work on small
//! values that are made of a `Head`, without opening a message.
//!
//! Nothing here fails and nothing panics, whatever the mail: what is broken is told as what can be
//! made of it, in syntax that a client can parse. MIME is read by `everpost_domain::message` alone;
//! only addresses are read here once more, because ENVELOPE wants them undecoded.

mod address;
mod envelope;
mod preview;
mod search;
mod section;
mod sort;
mod structure;
mod subject;
#[cfg(test)]
mod tests;
mod texts;
mod thread;
mod write;

pub use envelope::write_envelope;
pub use preview::preview;
pub use search::{Candidate, Context, Needs, Query, charset_known};
pub use section::{UnknownTransfer, binary, binary_size, crlf, crlf_size, partial, section};
pub use sort::{Sortable, sort};
pub use structure::{Shape, write_structure};
pub use subject::{BaseSubject, base_subject, fold};
pub use texts::{BodyText, HeaderText};
pub use thread::{Node, Threadable, Threads, thread};
pub use write::{write_nstring, write_string};
