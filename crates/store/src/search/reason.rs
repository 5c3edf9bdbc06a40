//! Why a copy is a hit.

use everpost_domain::digest::Digest;
use everpost_domain::query::Query;

use super::Scope;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// What one test of a query says of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The test, as the query language writes it.
    pub test: String,
    /// Whether it holds; `None` where it cannot be told, because text was not read.
    pub holds: Option<bool>,
    /// Where it was met.
    pub places: Vec<ReasonPlace>,
}

/// A place where a test was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonPlace {
    /// The field, as the query language calls it.
    pub field: String,
    /// The attachment, if it is in one: its name, or its type in brackets.
    pub attachment: Option<String>,
    /// The text that met it.
    pub text: String,
}

impl Tenant {
    /// Why the query holds, or does not, for a copy: each of its tests in turn.
    pub async fn why(&self, query: &Query, id: &Digest, scope: &Scope) -> Result<Vec<Reason>> {
        let _ = (query, id, scope);
        Err(StoreError::Invalid("not built yet".into()))
    }
}
