//! Facets and months: what the hits have in common, and when they were sent.

use everpost_domain::query::Query;

use super::Scope;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// A value and the messages that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetCount {
    /// The value.
    pub value: String,
    /// Messages among the hits that have it.
    pub count: u64,
}

/// What the hits have in common; each list by falling count, then by value. Counts are of
/// messages. Lists of what a message has at most one of (sender, domain, year, language)
/// add up to no more than the hits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facets {
    /// Addresses that the mail is from.
    pub sender: Vec<FacetCount>,
    /// Domains of those.
    pub domain: Vec<FacetCount>,
    /// Years of the Date field, UTC.
    pub year: Vec<FacetCount>,
    /// Types of attachments, as `type:` finds them.
    pub kind: Vec<FacetCount>,
    /// Mailboxes that hold the mail, as far as the scope reaches.
    pub mailbox: Vec<FacetCount>,
    /// Languages of the body text, as `lang:` finds them.
    pub language: Vec<FacetCount>,
}

/// Hits of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthCount {
    /// Year of the Date field, UTC.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u8,
    /// Messages.
    pub count: u64,
}

/// Hits by month. All counts together, undated included, are the hits of the search.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Months {
    /// Months that have hits, in order.
    pub months: Vec<MonthCount>,
    /// Messages without a Date field that can be read.
    pub undated: u64,
}

impl Tenant {
    /// What the messages for which `query` holds have in common, at most `each` values a list.
    pub async fn facets(&self, query: &Query, scope: &Scope, each: usize) -> Result<Facets> {
        let _ = (query, scope, each);
        Err(StoreError::Invalid("not built yet".into()))
    }

    /// The messages for which `query` holds, by month.
    pub async fn months(&self, query: &Query, scope: &Scope) -> Result<Months> {
        let _ = (query, scope);
        Err(StoreError::Invalid("not built yet".into()))
    }
}
