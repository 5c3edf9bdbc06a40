//! Crashes and faults, through the store's public face: nothing acknowledged is lost, nothing
//! is doubled, and whatever failed works again when its cause is gone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

mod common;
mod hostile;
mod objects;
mod power;
