//! What a message says: its MIME structure, head, dates and text, read from any bytes
//! without ever failing.

mod structure;

pub use structure::{Encoding, Kind, Part, Structure};
