//! A generated organization.
