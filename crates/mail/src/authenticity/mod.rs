//! Authenticity: whether mail comes from where it says, found out while that can still be found out.
//!
//! ```text
//! bytes, connection ─ Checker ─ DNS ─▶ Checks: verdicts, and the keys and policies that they rest on
//!                                        │ encode, decode: kept beside the message
//!                                        │ header: Authentication-Results (RFC 8601)
//!                                        └ verify_later: signatures again, without DNS
//! ```
//! Keys and policies in DNS come and go, some within weeks. What is recorded here is enough to check a
//! signature when nobody publishes its key any more. [`Signer`] signs mail of our own (RFC 6376).
//!
//! Signatures are judged by pure functions of bytes, records and time (`dkim`, `arc`, `dmarc`), so
//! that the verdict at capture and the one years later come from the same code.

mod arc;
mod check;
mod checks;
mod dkim;
mod dmarc;
mod dns;
mod fields;
mod forged;
mod header;
mod record;
mod seal;
mod sign;
mod signers;
mod spf;
#[cfg(test)]
mod tests;

pub use check::{Checker, Limits};
pub use checks::{
    Again, Arc, Asked, Came, Checks, Dkim, Dmarc, Found, Identity, Policy, Record, Spf, Verdict,
};
pub use forged::forged;
pub use sign::{KeyKind, SignError, Signer};
pub use signers::Signers;
