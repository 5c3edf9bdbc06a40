//! The query language: one grammar for search, scopes, rules and holds.

mod ast;

pub use ast::{Field, Query, Test};
