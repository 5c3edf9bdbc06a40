//! Snippets: the text around the words that were looked for.

use everpost_domain::digest::Digest;
use everpost_domain::message::{SearchText, scan};
use everpost_domain::query::{Field, Query, Snippet, snippet, snippet_field};
use futures::stream::{self, StreamExt};

use super::Scope;
use super::scope::Areas;
use crate::error::{Result, StoreError};
use crate::follow::{FreshDoc, blocking, side_by_side};
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

/// Bytes of a snippet.
const WIDTH: usize = 160;
/// Larger copies are not opened for a snippet.
const LIMIT: u64 = 4 << 20;
/// Copies that are opened side by side; each takes a connection for a moment.
const ABREAST: usize = 3;

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
        let query = self.lower(query).await?;
        let mut db = self.store.catalog.read().await?;
        let areas = self.mailboxes_in(&mut db, scope).await?;
        drop(db);
        let areas = areas.as_ref();
        // Made before they are run: a closure over borrowed ids would keep this future from
        // being sent to another thread.
        let each: Vec<_> = ids
            .iter()
            .map(|id| self.snippet(&query, *id, areas))
            .collect();
        let abreast = side_by_side(ABREAST);
        let found: Vec<Result<HitSnippet>> = stream::iter(each).buffered(abreast).collect().await;
        let there = found
            .into_iter()
            .filter(|found| !matches!(found, Err(StoreError::NotFound(_))));
        there.collect()
    }

    async fn snippet(
        &self,
        query: &Query,
        id: Digest,
        areas: Option<&Areas<'_>>,
    ) -> Result<HitSnippet> {
        let mut db = self.store.catalog.read().await?;
        let row = self.find_copy(&mut db, &id).await?;
        if let Some(areas) = areas
            && !self.in_scope(&mut db, &row, areas).await?
        {
            return Err(StoreError::NotFound(format!("message {id}")));
        }
        let mut found = HitSnippet {
            id,
            snippet: Snippet {
                text: String::new(),
                hits: Vec::new(),
            },
            place: SnippetPlace::Body,
        };
        if row.size > LIMIT {
            return Ok(found);
        }
        let mut raw = Vec::new();
        let read = self.read_copy(&mut db, &row, |bytes| {
            raw.extend_from_slice(bytes);
            Ok(())
        });
        match read.await {
            Ok(()) => {}
            // What is damaged is said by whoever reads the message, not by a list.
            Err(StoreError::Damaged { .. }) => return Ok(found),
            Err(error) => return Err(error),
        }
        let head = row.head(&self.state.keys)?;
        let attached = head.attachments > 0;
        let asked = query.clone();
        (found.snippet, found.place) = blocking(move || {
            let text = SearchText::read(&raw, &scan(&raw));
            let body = snippet(&text.body, &asked, WIDTH);
            if !body.hits.is_empty() {
                return (body, SnippetPlace::Body);
            }
            let subject = snippet_field(&head.subject, &asked, Field::Subject, WIDTH);
            match subject.hits.is_empty() {
                true => (body, SnippetPlace::Body),
                false => (subject, SnippetPlace::Subject),
            }
        })
        .await?;
        if found.place == SnippetPlace::Body && found.snippet.hits.is_empty() && attached {
            // Only now are the texts of attachments worth their reading.
            let doc = self.read_doc(&mut db, row.id).await?;
            let asked = query.clone();
            let inside = blocking(move || in_attachment(&doc, &asked));
            if let Some((snippet, place)) = inside.await? {
                (found.snippet, found.place) = (snippet, place);
            }
        }
        Ok(found)
    }
}

/// The first attachment whose text meets the query.
fn in_attachment(doc: &FreshDoc, query: &Query) -> Option<(Snippet, SnippetPlace)> {
    doc.content.attachments.iter().find_map(|one| {
        let text = one.text.as_deref()?;
        let snippet = snippet_field(text, query, Field::Attachment, WIDTH);
        let place = SnippetPlace::Attachment(one.name.clone());
        (!snippet.hits.is_empty()).then_some((snippet, place))
    })
}
