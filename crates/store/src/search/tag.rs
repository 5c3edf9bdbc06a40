//! Tags: marks that people put on messages. They are facts of the catalog, and a tag never
//! touches the index.

use std::collections::BTreeSet;

use everpost_domain::digest::Digest;
use everpost_domain::query::Query;
use everpost_domain::text::fold_exact;
use roaring::RoaringTreemap;
use sqlx::AnyConnection;

use super::Scope;
use super::known::{Known, seqs};
use super::saved::name_of;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Its name; case does not matter.
    pub name: String,
    /// Messages that have it.
    pub messages: u64,
}

/// Which messages are tagged.
#[derive(Debug, Clone, Copy)]
pub enum Tagging<'a> {
    /// Those of these copies.
    Copies(&'a [Digest]),
    /// Those for which a query holds now, as far as the scope reaches.
    Found(&'a Query, &'a Scope),
}

/// What tagging did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tagged {
    /// Messages that were named.
    pub messages: u64,
    /// Those of them that did not have the tag before, or do not have it any more.
    pub changed: u64,
}

/// Tags: each is looked through by `tag:` and listed whole.
const MOST: usize = 10_000;
/// Rows that are looked up at a time.
const BATCH: usize = 4096;

impl Tenant {
    /// Every tag, by name.
    pub async fn tags(&self) -> Result<Vec<Tag>> {
        let known = self.archive().await?;
        let mut tags = Vec::new();
        for (_, name) in self.tag_names().await? {
            let copies = self.tagged(&known, &name).await?;
            let messages = known.mail.folding.count(&copies);
            tags.push(Tag { name, messages });
        }
        tags.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tags)
    }

    /// Puts a tag on messages; makes it if there is none of that name.
    pub async fn add_tag(&self, name: &str, which: Tagging<'_>) -> Result<Tagged> {
        let name = name_of("tag", name)?;
        let known = self.archive().await?;
        let messages = self.messages_of(&known, which).await?;
        let before = self.tagged(&known, &name).await?;
        let fresh: Vec<u64> = messages
            .iter()
            .filter(|seq| !before.contains(**seq))
            .copied()
            .collect();
        let copies = self.rows_at(&fresh).await?;
        if self.find_tag(&name).await?.is_none() && self.tag_names().await?.len() >= MOST {
            return Err(StoreError::Invalid(format!(
                "there are {MOST} tags already"
            )));
        }
        let mut tx = self.store.catalog.begin().await?;
        let tag = match self.tag_of(&mut tx, &name).await? {
            Some(tag) => tag,
            None => self.make_tag(&mut tx, &name).await?,
        };
        let rows = copies.iter().map(|copy| values![self.id(), tag, *copy]);
        let changed = statements::INSERT_TAGGED
            .execute(&mut tx, rows.collect())
            .await?;
        tx.commit().await?;
        Ok(Tagged {
            messages: messages.len() as u64,
            changed,
        })
    }

    /// Takes a tag off messages.
    pub async fn remove_tag(&self, name: &str, which: Tagging<'_>) -> Result<Tagged> {
        let tag = self
            .find_tag(name)
            .await?
            .ok_or_else(|| StoreError::NotFound(format!("tag `{name}`")))?;
        let known = self.archive().await?;
        let messages = self.messages_of(&known, which).await?;
        let before = self.tagged(&known, name).await?;
        let folding = &known.mail.folding;
        let had: Vec<u64> = messages
            .iter()
            .filter(|seq| before.contains(**seq))
            .copied()
            .collect();
        // Messages that were joined later may have it by any of their copies.
        let all = had.iter().flat_map(|seq| {
            let members = folding.members(*seq);
            members
                .iter()
                .copied()
                .chain(members.is_empty().then_some(*seq))
        });
        let copies = self.rows_at(&all.collect::<Vec<u64>>()).await?;
        let mut tx = self.store.catalog.begin().await?;
        for copy in copies {
            let row = values![self.id(), tag, copy];
            sql::execute(&mut tx, statements::DELETE_TAGGED, row).await?;
        }
        tx.commit().await?;
        Ok(Tagged {
            messages: messages.len() as u64,
            changed: had.len() as u64,
        })
    }

    /// The tag of a name.
    pub(super) async fn find_tag(&self, name: &str) -> Result<Option<i64>> {
        let mut db = self.store.catalog.read().await?;
        self.tag_of(&mut db, name).await
    }

    async fn tag_of(&self, db: &mut AnyConnection, name: &str) -> Result<Option<i64>> {
        let hash = self.tag_hash(name);
        for row in sql::fetch(db, statements::TAGS, values![self.id()]).await? {
            if row.int(1)? == hash {
                return Ok(Some(row.int(0)?));
            }
        }
        Ok(None)
    }

    /// Every copy of the messages that have a tag.
    pub(super) async fn tagged(&self, known: &Known, name: &str) -> Result<RoaringTreemap> {
        let Some(tag) = self.find_tag(name).await? else {
            return Ok(RoaringTreemap::new());
        };
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statements::TAGGED_SEQS, values![self.id(), tag]).await?;
        let mut set = seqs(&rows)?;
        let folding = &known.mail.folding;
        let more: BTreeSet<u64> = (&set & folding.linked())
            .iter()
            .flat_map(|seq| folding.members(seq))
            .copied()
            .collect();
        set.extend(more);
        Ok(set)
    }

    /// Ids and names of all tags.
    pub(super) async fn tag_names(&self) -> Result<Vec<(i64, String)>> {
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statements::TAGS, values![self.id()]).await?;
        rows.iter()
            .map(|row| Ok((row.int(0)?, self.open_name(b"tag", &row.blob(2)?)?)))
            .collect()
    }

    async fn make_tag(&self, db: &mut AnyConnection, name: &str) -> Result<i64> {
        let id = take_ids(db, Counter::Tag, 1).await?;
        let sealed = self.state.keys.names.seal(b"tag", name.as_bytes())?;
        let row = values![id, self.id(), self.tag_hash(name), sealed];
        sql::execute(db, statements::INSERT_TAG, row).await?;
        Ok(id)
    }

    fn tag_hash(&self, name: &str) -> i64 {
        self.state
            .keys
            .lookup(b"tag", fold_exact(name.trim()).as_bytes())
    }

    /// The messages that are meant, each by the seq of its oldest copy.
    async fn messages_of(&self, known: &Known, which: Tagging<'_>) -> Result<BTreeSet<u64>> {
        let seqs = match which {
            Tagging::Copies(ids) => {
                let mut db = self.store.catalog.read().await?;
                let mut seqs = RoaringTreemap::new();
                for id in ids {
                    let copy = self.find_copy(&mut db, id).await?;
                    let ask = values![self.id(), copy.event];
                    let event = sql::fetch_optional(&mut db, statements::EVENT, ask).await?;
                    let seq = event.map(|event| event.int(0)).transpose()?;
                    seqs.insert(seq.ok_or(sqlx::Error::RowNotFound)?.unsigned_abs());
                }
                seqs
            }
            Tagging::Found(query, scope) => {
                let ask = self.ask(query, scope).await?;
                self.find(&ask, None).await?.matches.seqs()
            }
        };
        Ok(seqs
            .iter()
            .map(|seq| known.mail.folding.first(seq))
            .collect())
    }

    /// The rows of the copies with these seqs.
    async fn rows_at(&self, seqs: &[u64]) -> Result<Vec<i64>> {
        let mut db = self.store.catalog.read().await?;
        let mut rows = Vec::with_capacity(seqs.len());
        for seqs in seqs.chunks(BATCH) {
            let found = self.copies_at(&mut db, seqs).await?;
            rows.extend(found.values().map(|row| row.id));
        }
        rows.sort_unstable();
        Ok(rows)
    }
}
