//! The mbox family of formats.
