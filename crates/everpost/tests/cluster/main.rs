//! Several nodes of the real program over a real PostgreSQL and a real S3-compatible store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

mod cut;
mod ingest;
#[allow(dead_code, reason = "what other tests use of it")]
#[path = "../crash/common.rs"]
mod mailbox;
mod moves;
mod nodes;
mod search;
#[allow(dead_code, reason = "what other tests use of it")]
#[path = "../service/common.rs"]
mod service;
