//! The pure core of Everpost: what a message is, when two are the same, how text
//! becomes terms, what a query means, and how the log proves what was captured.
//!
//! **Invariant.** Nothing here names a file, a socket, a clock, a source of randomness
//! or a map with random order; everything is a function of its arguments. Times are
//! arguments, bytes are slices, results are values.

pub mod access;
pub mod alert;
pub mod class;
pub mod continuity;
pub mod cut;
pub mod digest;
pub mod identity;
pub mod log;
pub mod message;
pub mod query;
pub mod relay;
pub mod replica;
pub mod text;
pub mod wire;
