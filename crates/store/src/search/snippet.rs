//! Snippets: the text around the words that were looked for.

use everpost_domain::digest::Digest;
use everpost_domain::query::{Query, Snippet};

use super::Scope;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// The text of a hit around the words that were looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HitSnippet {
    /// The copy, as it was asked for.
    pub id: Digest,
    /// One line of text; its hits are ranges of bytes.
    pub snippet: Snippet,
    /// Where the text is from.
    pub place: SnippetPlace,
}

/// Where a snippet is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnippetPlace {
    /// The subject: the words are nowhere else.
    Subject,
    /// The body; also where nothing is marked.
    Body,
    /// An attachment, with its name if it has one.
    Attachment(Option<String>),
}

impl Tenant {
    /// One snippet for each of `ids` (copies, as hits name them), in their order. An id that
    /// is not there or outside of the scope is left out; a copy whose bytes are damaged or
    /// too large to open for a snippet has an empty one.
    pub async fn snippets(
        &self,
        query: &Query,
        ids: &[Digest],
        scope: &Scope,
    ) -> Result<Vec<HitSnippet>> {
        let _ = (query, ids, scope);
        Err(StoreError::Invalid("not built yet".into()))
    }
}
