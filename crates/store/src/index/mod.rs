//! The full-text index: immutable, encrypted splits.
//!
//! A *split* is one object (docs/format-index.md) that holds the index of some copies:
//! terms, positions and a few numbers, no text. [`SplitWriter`] builds one, [`merge()`]
//! makes one of several without those that went away, [`Split`] opens one through range
//! reads and a bounded [`BlockCache`], and [`Searcher`] answers queries over many.
//!
//! **Invariant.** Nothing readable leaves memory: scratch files and splits are sealed
//! block by block before they are written, and what is read back was authenticated
//! first. A damaged split is an [`IndexError`] that names it, never a panic, for the
//! index is derived and can be built again.

mod assemble;
mod cache;
mod directory;
mod disk;
mod document;
mod error;
mod evaluate;
mod facets;
mod footer;
mod groups;
mod hot;
mod matches;
mod merge;
mod near;
mod plan;
mod postings;
mod range;
mod related;
mod schema;
mod score;
mod scratch;
mod seal;
mod search;
mod split;
mod stream;
mod suggest;
mod tail;
mod tokens;
mod writer;

#[cfg(test)]
mod tests;

pub use assemble::{Built, Sealed};
pub use cache::BlockCache;
pub use disk::DiskCache;
pub use error::{Damage, IndexError};
pub use facets::{Facet, Facets, Months};
pub use groups::{Folded, Groups};
pub use matches::{Cursor, Hit, Matches, Order};
pub use merge::merge;
pub use range::{FileRange, RangeRead};
pub use schema::{ANALYSER_VERSION, SCHEMA_VERSION};
pub use seal::SplitId;
pub use search::{Answer, Part, Question, Searcher};
pub use split::Split;
pub use suggest::Suggestion;
pub use writer::{Doc, SplitWriter};
