//! The real program: killed anywhere, on a full disk, with failing disks, and its memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

mod common;
mod disk;
mod kill;
mod memory;
mod unreadable;
