//! What a search gives back: pages of heads with exact counts, then snippets, facets,
//! months, conversations, suggestions and reasons for the same question.
//!
//! ```text
//! query ─ lower (groups, ages) ─┐
//! tests over sets ─ bitmaps ────┼─ index: matched, unknown ─ fold copies ─ page ─ heads
//! scope ─ bitmap over seq ──────┘                               └─ facets, months
//! ```
//! **Invariant.** A [`Scope`] is ANDed before anything is counted: no hit, count, place,
//! facet, suggestion, conversation or id tells of a copy that lies outside of it.

mod ask;
mod conversation;
mod cursor;
mod facet;
mod fold;
mod group;
mod known;
mod page;
mod reason;
mod saved;
mod scope;
mod share;
mod snippet;
mod suggest;
mod tag;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use everpost_domain::digest::Digest;
use everpost_domain::message::Head;
use everpost_domain::query::Query;

use crate::read::Place;

pub use conversation::{Conversation, ConversationItem};
pub use facet::{FacetCount, Facets, MonthCount, Months};
pub use group::Group;
pub use reason::{Reason, ReasonPlace};
pub use saved::SavedSearch;
pub use scope::{Area, Scope};
pub use snippet::{HitSnippet, SnippetPlace};
pub use suggest::Suggestion;
pub use tag::{Tag, Tagged, Tagging};

pub(crate) use ask::Ask;
pub(crate) use known::Known;
pub(crate) use page::{Ranked, Shown};
pub(crate) use saved::name_of;

/// What a hit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A message: one hit, however many of its copies match.
    Message,
    /// Each copy.
    Copy,
}

/// Which hits come first. Each order is total: what is equal in its first measure is in
/// the order of date, then of admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The latest first, by the Date field; those without one last.
    Newest,
    /// The earliest first.
    Oldest,
    /// The best first: BM25 over the words of the query.
    Score,
}

/// Where the next page goes on. It is written and read as text; what it says is ours.
///
/// A cursor also remembers how far the index was at the first page: later pages show and
/// count only what was there then, so that mail which comes meanwhile neither repeats nor
/// hides a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) sent: i64,
    pub(crate) seq: u64,
    /// Bits of the score, in the order by score.
    pub(crate) score: Option<u32>,
    /// Only copies with a smaller seq belong to this paging.
    pub(crate) horizon: u64,
}

/// A question to a tenant's index.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// The query, as parsed: groups, tags and ages are looked up by the search itself.
    pub query: Query,
    /// Messages or copies.
    pub by: By,
    /// Which hits come first.
    pub order: Order,
    /// Hits after this one.
    pub after: Option<Cursor>,
    /// At most so many hits on this page; counts are of all. There is no cap on how many
    /// pages follow.
    pub limit: usize,
    /// What the asker may see.
    pub scope: Scope,
}

impl SearchRequest {
    /// The first 50 messages, newest first, of everything.
    pub fn new(query: Query) -> Self {
        SearchRequest {
            query,
            by: By::Message,
            order: Order::Newest,
            after: None,
            limit: 50,
            scope: Scope::Everything,
        }
    }
}

/// One page of an answer, with counts of the whole.
#[derive(Debug, Clone)]
pub struct SearchPage {
    /// Hits in order.
    pub hits: Vec<SearchHit>,
    /// Messages for which the query holds.
    pub messages: u64,
    /// Copies for which it holds.
    pub copies: u64,
    /// Messages for which it cannot be told, because some of their text was not read.
    pub unknown: u64,
    /// Where the next page goes on; `None` on the last.
    pub next: Option<Cursor>,
    /// Other nodes that took part, by name.
    pub answered: Vec<String>,
}

/// A hit. Its snippet is asked for apart ([`Tenant::snippets`](crate::Tenant::snippets)).
#[derive(Debug, Clone)]
pub struct SearchHit {
    /// The id of the message: that of its first copy in scope.
    pub id: Digest,
    /// The copy that is shown: one for which the query holds.
    pub copy: Digest,
    /// Copies of the message in scope.
    pub copies: u64,
    /// Raw size of the shown copy in bytes.
    pub size: u64,
    /// What its header says.
    pub head: Arc<Head>,
    /// Where it lies, as far as the scope reaches.
    pub places: Vec<Place>,
    /// How well it fits, in the order by score.
    pub score: Option<f32>,
}
