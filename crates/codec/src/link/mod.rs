//! The link between agent and service, as `docs/link.md` has it: what both say to each other, how a request is signed, how
//! mail travels. Bytes in, values out: no socket, no clock, and what must be random is an argument.
//!
//! ```text
//! code (shown once) ─ ticket, salt ─┐
//! X25519 secret ────────────────────┴─▶ LinkKey ─ per direction ─▶ Way: seal, unseal ─▶ Batch { head, messages }
//! request ─ Signed: signature base ─▶ Ed25519 (the caller's)
//! ```

mod batch;
mod code;
mod key;
pub mod message;
mod sign;
#[cfg(test)]
mod tests;
mod text;

pub use batch::{
    Batch, BatchFault, Head, MOST_HEAD, MOST_MESSAGE, MOST_SEALED, MOST_TOGETHER, NONCE, Packed,
    Way, fit,
};
pub use code::Code;
pub use key::{Direction, Exchange, LinkKey};
pub use sign::{
    ENROLLING, Params, Signed, content_digest, read_content_digest, read_input, read_signature,
    write_signature,
};
pub use text::Bytes32;

/// Where the first version of the link answers.
pub const PREFIX: &str = "/link/v1";
/// How far a request's time may be from the service's, in seconds.
pub const SKEW: i64 = 300;
/// Seconds that one request may wait for a change: less than servers in between keep a silent connection.
pub const LONGEST_WAIT: u64 = 300;
