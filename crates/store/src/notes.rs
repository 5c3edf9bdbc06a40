//! What a role writes down for itself: sealed rows by kind and number. An agent keeps its accounts here, its outbox, and where it
//! is with everything.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::error::Result;
use crate::tenant::Tenant;

/// What is written down together: all of it, or nothing.
#[derive(Debug, Default)]
pub struct Notes {
    put: Vec<(i64, i64, String)>,
    drop: Vec<(i64, i64)>,
}

impl Notes {
    /// Nothing yet.
    pub fn new() -> Self {
        Notes::default()
    }

    /// Writes a note, over what was there.
    #[must_use]
    pub fn put<T: Serialize>(mut self, kind: i64, id: i64, note: &T) -> Self {
        // What is kept here is plain: numbers, texts, lists.
        let text = serde_json::to_string(note).unwrap_or_default();
        self.put.push((kind, id, text));
        self
    }

    /// Forgets one.
    #[must_use]
    pub fn forget(mut self, kind: i64, id: i64) -> Self {
        self.drop.push((kind, id));
        self
    }
}

/// What a note is sealed for: that of one place opens for no other.
fn label(kind: i64, id: i64) -> Vec<u8> {
    let mut label = b"note".to_vec();
    label.extend(kind.to_le_bytes());
    label.extend(id.to_le_bytes());
    label
}

impl Tenant {
    /// Writes notes down; durable when it returns.
    pub async fn write_notes(&self, notes: Notes) -> Result<()> {
        let mut tx = self.store.catalog.begin().await?;
        for (kind, id) in notes.drop {
            let row = values![self.id(), kind, id];
            sql::execute(&mut tx, statements::DELETE_NOTE, row).await?;
        }
        let mut rows = Vec::with_capacity(notes.put.len());
        for (kind, id, text) in notes.put {
            let sealed = self
                .state
                .keys
                .names
                .seal(&label(kind, id), text.as_bytes())?;
            rows.push(values![self.id(), kind, id, sealed]);
        }
        statements::PUT_NOTES.execute(&mut tx, rows).await?;
        tx.commit().await
    }

    /// All notes of a kind, by number.
    pub async fn notes<T: DeserializeOwned>(&self, kind: i64) -> Result<Vec<(i64, T)>> {
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statements::NOTES, values![self.id(), kind]).await?;
        let mut all = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = row.int(0)?;
            all.push((id, self.open_about(&label(kind, id), &row.blob(1)?)?));
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::Notes;
    use crate::trial::{Trial, mails};

    #[tokio::test]
    async fn notes_are_kept_by_kind_and_number() {
        let trial = Trial::new(mails(1, None, 1), 1).await;
        let tenant = &trial.tenant;
        let some = Notes::new()
            .put(1, 7, &"pier")
            .put(1, -3, &"boat")
            .put(2, 7, &5);
        tenant.write_notes(some).await.unwrap();
        let all: Vec<(i64, String)> = tenant.notes(1).await.unwrap();
        assert_eq!(all, [(-3, "boat".to_owned()), (7, "pier".to_owned())]);
        let changed = Notes::new().forget(1, -3).put(1, 7, &"quay").forget(9, 9);
        tenant.write_notes(changed).await.unwrap();
        let all: Vec<(i64, String)> = tenant.notes(1).await.unwrap();
        assert_eq!(all, [(7, "quay".to_owned())]);
        assert_eq!(tenant.notes::<u8>(2).await.unwrap(), [(7, 5)]);
        assert!(tenant.notes::<String>(2).await.is_err());
    }
}
