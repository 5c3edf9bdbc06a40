//! Development only: corpora for tests, faults, real peers, worlds made of a seed.
//!
//! **Invariant.** No crate depends on this one outside of its tests; `cargo xtask layers` sees
//! to it.

pub mod corpus;
pub mod faults;
pub mod letters;
pub mod lies;
pub mod peers;
pub mod wal;
pub mod world;
