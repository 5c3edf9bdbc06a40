//! The full-text index: immutable, encrypted splits.
