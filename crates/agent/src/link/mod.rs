//! The agent's side of the link (`docs/link.md`): a device's key, enrolment, and what a device asks.
//!
//! ```text
//! DeviceKey ─┐                                  ┌─ state, indicator, wait: unsigned
//! Code ──────┴─ enrol ─▶ Enrolled ─▶ LinkClient ┼─ heartbeat: signed
//!                                               └─ submit, fetch, change, evidence, lease, ledger: signed and sealed
//! ```
//! Whoever runs this keeps key and [`Enrolled`], sealed; everything else can be asked again. All questions may be asked again:
//! what was not heard has the same answer.

mod client;
mod http;
mod key;

pub use client::{Enrolled, LinkClient, Outgoing};
pub(crate) use http::machine;
pub use http::{LinkError, Trust};
pub use key::DeviceKey;
pub(crate) use key::random;
