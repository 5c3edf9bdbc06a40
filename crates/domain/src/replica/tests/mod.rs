//! The replica against a server, clients, other users and bad luck.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

mod acts;
mod awaited;
mod cases;
mod play;
mod played;
mod rig;
mod standby;
mod table;
mod upstream;
mod watch;
