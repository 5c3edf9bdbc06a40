//! Suggestions: addresses that begin with what was typed so far.

use super::Scope;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// An address that occurs in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The address, folded as searches compare it.
    pub address: String,
    /// A name it goes by; empty if none is known.
    pub name: String,
    /// Copies in scope that have it in an address field.
    pub count: u64,
}

impl Tenant {
    /// Addresses in scope that begin with `prefix`, the most frequent first.
    pub async fn suggest(
        &self,
        prefix: &str,
        scope: &Scope,
        limit: usize,
    ) -> Result<Vec<Suggestion>> {
        let _ = (prefix, scope, limit);
        Err(StoreError::Invalid("not built yet".into()))
    }
}
