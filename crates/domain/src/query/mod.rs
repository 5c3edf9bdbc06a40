//! The query language: one grammar for search, scopes, rules and holds.
//!
//! [`parse()`] turns text into a [`Query`] in normal form, [`print()`] turns it back, and
//! `parse(print(q)) == q` for every query that `parse` gives. `docs/query.md` is the
//! language as people meet it; [`highlight()`] and [`snippet`] show why a text matched.

mod age;
mod ast;
mod date;
mod error;
mod field;
mod highlight;
mod lex;
mod normal;
mod parse;
mod print;
mod size;
mod value;

#[cfg(test)]
mod props;
#[cfg(test)]
mod tests;

pub use ast::{Field, Flag, Operand, Query, Test};
pub use error::QueryError;
pub use highlight::{Snippet, highlight, highlight_field, snippet};
pub use parse::parse;
pub use print::print;

/// Limits of one query. They bound what a query can cost whoever answers it, and the
/// depth of every recursion over its tree.
pub mod limit {
    /// Bytes of a query as typed, and as [`print`](super::print()) writes it.
    pub const BYTES: usize = 16 * 1024;
    /// Tests. `to:` counts three, one for each of To, Cc and Bcc.
    pub const TESTS: usize = 256;
    /// Terms over all tests: a phrase of thousands of words costs as much as as many tests.
    pub const TERMS: usize = 1024;
    /// Parentheses and negations inside one another.
    pub const DEPTH: usize = 64;
    /// Characters before the `*` of a prefix; fewer would name a large part of the
    /// dictionary. In scripts without spaces one is enough: there it is a word.
    pub const PREFIX: usize = 2;
}
