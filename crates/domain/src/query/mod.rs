//! The query language: one grammar for search, scopes, rules and holds.
//!
//! [`parse()`] turns text into a [`Query`] in normal form, [`print()`] turns it back, and
//! `parse(print(q)) == q` for every query that `parse` gives. `docs/query.md` is the
//! language as people meet it; [`highlight()`] and [`snippet`] show why a text matched.

mod age;
mod ast;
mod cost;
mod date;
mod error;
mod evaluate;
mod field;
pub mod glob;
mod highlight;
mod lex;
mod lower;
mod near;
mod normal;
mod parse;
mod print;
mod reason;
mod record;
mod seek;
mod size;
mod value;

#[cfg(test)]
mod props;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_evaluate;

pub use ast::{Field, Flag, Operand, Query, Test};
pub use cost::cost;
pub use error::QueryError;
pub use evaluate::{AttachmentText, Document, Truth, attachments_unread, evaluate};
pub use highlight::{Snippet, highlight, highlight_field, snippet, snippet_field};
pub use lower::{Facts, LowerError, Named};
pub use parse::parse;
pub use print::print;
pub use reason::{Met, Reason, Source, why};

/// Limits of one query. They bound what a query can cost whoever answers it, and the
/// depth of every recursion over its tree.
pub mod limit {
    /// Bytes of a query as typed, and as [`print`](super::print()) writes it.
    pub const BYTES: usize = 16 * 1024;
    /// Tests. `to:` counts three, one for each of To, Cc and Bcc, and groups beside `NEAR`
    /// count all their pairs.
    pub const TESTS: usize = 256;
    /// Units by [`cost`](super::cost()): some hundred words, or some dozens of stems.
    pub const COST: u64 = 2_000;
    /// Words that `NEAR` reaches. Beyond a page, words anywhere in a text say the same.
    pub const NEAR: u32 = 500;
    /// Parentheses and negations inside one another.
    pub const DEPTH: usize = 64;
    /// Characters before the `*` of a prefix; fewer would name a large part of the
    /// dictionary. In scripts without spaces one is enough: there it is a word.
    pub const PREFIX: usize = 2;
}
