//! Roads that mail takes into and out of a store.

pub mod demo;
