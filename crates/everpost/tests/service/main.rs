//! The service over real HTTP: the real program, and curl.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

mod common;
mod door;
mod mail;
mod watch;
mod work;
