//! Why a copy is a hit.

use everpost_domain::digest::Digest;
use everpost_domain::query::{
    AttachmentText, Document, Field, Query, Reason as Said, Source, Test, Truth, print, why,
};

use super::Scope;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::error::{Result, StoreError};
use crate::follow::{FreshDoc, blocking};
use crate::tenant::Tenant;

/// What one test of a query says of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The test, as the query language writes it; a group is given as its members, an age as
    /// dates.
    pub test: String,
    /// Whether it holds; `None` where it cannot be told, because text was not read.
    pub holds: Option<bool>,
    /// Where it was met first; empty for tests that are not of text.
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
    /// Why the query holds, or does not, for a copy: each test that it does not negate.
    pub async fn why(&self, query: &Query, id: &Digest, scope: &Scope) -> Result<Vec<Reason>> {
        let ask = self.ask(query, scope).await?;
        let mut db = self.store.catalog.read().await?;
        let row = self.find_copy(&mut db, id).await?;
        if let Some(areas) = self.mailboxes_in(&mut db, scope).await?
            && !self.in_scope(&mut db, &row, &areas).await?
        {
            return Err(StoreError::NotFound(format!("message {id}")));
        }
        let event = values![self.id(), row.event];
        let event = sql::fetch_optional(&mut db, statements::EVENT, event).await?;
        let seq = event.map(|event| event.int(0)).transpose()?;
        let seq = seq.map_or(u64::MAX, i64::unsigned_abs);
        let doc = self.read_doc(&mut db, row.id).await?;
        drop(db);
        blocking(move || {
            let holds = |test: &Test| ask.set(test).is_some_and(|set| set.contains(seq));
            reasons(&ask.query, &doc, &holds)
        })
        .await
    }
}

fn reasons(query: &Query, doc: &FreshDoc, sets: &dyn Fn(&Test) -> bool) -> Vec<Reason> {
    let content = &doc.content;
    let attachments = content.attachment_texts();
    let document = Document {
        head: &doc.head,
        text: &content.text,
        headers: &content.headers,
        attachments: &attachments,
        size: doc.size,
        held: doc.held,
        language: content.language,
        sets,
    };
    let reason = |said: Said| Reason {
        test: print(&Query::Test(said.test)),
        holds: match said.truth {
            Truth::True => Some(true),
            Truth::False => Some(false),
            Truth::Unknown => None,
        },
        places: said
            .met
            .map(|met| {
                let (field, attachment) = match met.source {
                    Source::Field(field) => (name_of(field).to_owned(), None),
                    Source::Header(name) => (format!("header:{name}"), None),
                    Source::Attachment(number) => {
                        let named = attachments.get(number).map(title);
                        (name_of(Field::Attachment).to_owned(), named)
                    }
                };
                ReasonPlace {
                    field,
                    attachment,
                    text: met.text,
                }
            })
            .into_iter()
            .collect(),
    };
    why(query, &document).into_iter().map(reason).collect()
}

/// What people call an attachment: its name, else its type.
fn title(attachment: &AttachmentText<'_>) -> String {
    match attachment.name {
        Some(name) => name.to_owned(),
        None => format!("[{}]", attachment.kind),
    }
}

fn name_of(field: Field) -> &'static str {
    match field {
        Field::Any => "any",
        Field::Subject => "subject",
        Field::From => "from",
        Field::To => "to",
        Field::Cc => "cc",
        Field::Bcc => "bcc",
        Field::Body => "body",
        Field::Filename => "filename",
        Field::Attachment => "attachment",
        Field::List => "list",
    }
}
