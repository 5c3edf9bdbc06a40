//! The Merkle log.
