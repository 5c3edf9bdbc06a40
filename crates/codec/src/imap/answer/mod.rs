//! What a server says: each function appends to a buffer, which may be [`Session::out`](super::server::Session::out).
//!
//! Nothing here makes a line that a client could misread: quoted strings hold printable ASCII only, everything else goes as a
//! literal, and texts for people have no line ends.

mod code;
mod fetch;
mod folder;
mod found;
mod string;

pub use code::{Code, Condition, line};
pub use fetch::{Fetch, section_name};
pub use folder::{
    Figure, Listed, enabled, exists, expunged, flags_line, namespace, recent, status,
};
pub use found::{Esearch, search, sort, vanished};
pub use string::{astring, flags, literal, literal_head, mailbox, nstring, string};

#[cfg(test)]
mod tests;
