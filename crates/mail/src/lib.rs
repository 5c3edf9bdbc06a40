//! Roads that mail takes into and out of a store.

pub mod authenticity;
pub mod capture;
pub mod demo;
pub mod export;
pub mod filing;
mod flags;
pub mod imap;
pub mod import;
pub mod link;
pub mod relay;
pub mod sync;
pub mod upstream;
pub mod webmail;

/// The file of an export that lists what it holds; imports pass over it.
pub const MANIFEST: &str = "manifest.ndjson";
