//! The index follower: admitted copies become splits, small splits become larger ones.
//!
//! Documents gather in memory; nothing is promised of them until their split lies in the
//! object store and one transaction has listed it and noted what is in it. What was gathered
//! and not sealed is read again after a crash. Which node gathers what: `range.rs`.

use std::ops::Range;
use std::sync::Arc;

use everpost_domain::message::{
    Attachment, Head, HeaderLine, SearchText, Structure, attachments, scan, searchable_headers,
};
use everpost_domain::query::AttachmentText;
use everpost_domain::text::language_of;
use futures::stream::{self, StreamExt, TryStreamExt};
use sqlx::AnyConnection;
use tokio::sync::Semaphore;

use super::splits::ATTEMPTS;
use super::{Follower, POLL, SplitRow};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::clock::sleep;
use crate::error::{Result, StoreError};
use crate::index::{Built, Doc, SplitWriter};
use crate::seal::Key;
use crate::tenant::Tenant;

/// Copies that are read back side by side; each takes a connection for a moment.
const READERS: usize = 3;
/// MiB of copies that are held while they are read back; a larger one is read alone.
const ROOM: usize = 64;
/// Splits are built by so many threads side by side.
const WRITERS: usize = 2;
/// A builder seals its split when its postings take this much memory.
const BUDGET: usize = 32 << 20;

/// What the index needs to know of a copy, as admission left it or as it was read back.
pub(crate) struct FreshDoc {
    pub(crate) size: u64,
    /// When it was first held, in seconds.
    pub(crate) held: i64,
    pub(crate) head: Head,
    pub(crate) content: Content,
}

/// What can be searched of a copy's bytes besides its head.
pub(crate) struct Content {
    pub(crate) text: SearchText,
    pub(crate) headers: Vec<HeaderLine>,
    pub(crate) attachments: Vec<Attachment>,
    /// ISO 639-1 code.
    pub(crate) language: Option<&'static str>,
}

impl Content {
    /// Reads the bytes of a copy. Texts of attachments that take knowledge of a file format
    /// are not known from that.
    pub(crate) fn read(raw: &[u8], structure: &Structure) -> Self {
        let text = SearchText::read(raw, structure);
        Content {
            headers: searchable_headers(raw, structure),
            attachments: attachments(raw, structure),
            language: language_of(&text.body),
            text,
        }
    }

    /// Its attachments as queries see them.
    pub(crate) fn attachment_texts(&self) -> Vec<AttachmentText<'_>> {
        let each = self.attachments.iter().map(|one| AttachmentText {
            name: one.name.as_deref(),
            kind: &one.kind,
            text: one.text.as_deref(),
            cut: one.cut,
        });
        each.collect()
    }

    /// What is known of a copy whose bytes are damaged.
    fn unknown() -> Self {
        Content {
            text: SearchText {
                body: String::new(),
                body_unread: true,
                attachments_unread: true,
            },
            headers: Vec::new(),
            attachments: Vec::new(),
            language: None,
        }
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let headers = self
            .headers
            .iter()
            .map(|line| line.name.len() + line.value.len());
        let texts = self.attachments.iter().filter_map(|one| one.text.as_ref());
        self.text.body.len() + headers.sum::<usize>() + texts.map(String::len).sum::<usize>() + 1024
    }
}

impl FreshDoc {
    /// Adds it to a split as the copy at `seq`.
    pub(super) fn add_to(&self, writer: &mut SplitWriter, seq: u64) -> Result<()> {
        let content = &self.content;
        let attachments = content.attachment_texts();
        writer.add(&Doc {
            seq,
            size: self.size,
            head: &self.head,
            text: &content.text,
            held: self.held,
            headers: &content.headers,
            attachments: &attachments,
            language: content.language,
        })?;
        Ok(())
    }
}

/// Splits under construction.
#[derive(Default)]
pub(crate) struct Building {
    writers: Vec<SplitWriter>,
    /// Whose documents the writers hold.
    gathered: Vec<Range<i64>>,
    /// It was looked whether the splits that there are can be used.
    looked: bool,
}

/// How far the index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexProgress {
    /// Events whose copies can be found.
    pub indexed: u64,
    /// Events there are.
    pub events: u64,
}

/// Runs work that computes or waits for disks where it does not hold up other tasks.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    #[cfg(test)]
    let work = crate::simulation::on_one_core(work);
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| StoreError::Stopped)
}

/// How many of such works are done side by side.
pub(crate) fn side_by_side(usual: usize) -> usize {
    #[cfg(test)]
    let usual = crate::simulation::side_by_side(usual);
    usual
}

impl Tenant {
    /// Gathers what was admitted and not yet indexed, sealing splits as they fill. With
    /// `flush`, everything gathered is sealed, and what other nodes are at is waited for: when this
    /// returns, it can be found. An index that another version made is thrown away first and
    /// built again.
    pub async fn advance_index(&self, flush: bool) -> Result<IndexProgress> {
        let mut building = self.state.building.lock().await;
        if self.lead().await?.is_some() && !building.looked {
            if self.has_stale_splits().await? {
                self.discard_index(&mut building).await?;
            }
            building.looked = true;
        }
        match flush {
            true => self.index_all(&mut building).await?,
            false => self.catch_up(&mut building, false).await?,
        }
        if flush && self.lead().await?.is_some() {
            self.merge_small().await?;
        }
        drop(building);
        self.index_progress().await
    }

    /// Indexes all there is now, and waits for what others are at.
    pub(crate) async fn index_all(&self, building: &mut Building) -> Result<()> {
        let (target, _) = self.events_and_cursor(Follower::Index).await?;
        loop {
            self.catch_up(building, true).await?;
            if self.events_and_cursor(Follower::Index).await?.1 >= target {
                return Ok(());
            }
            sleep(POLL).await;
        }
    }

    /// Gathers all there is for this node, and seals it where asked to; once more where somebody
    /// else was there first.
    pub(crate) async fn catch_up(&self, building: &mut Building, flush: bool) -> Result<()> {
        let mut failures = 0;
        loop {
            let mut done = self.gather_all(building).await;
            if flush && done.is_ok() {
                done = self.seal(building).await;
            }
            match done {
                Err(StoreError::Guard) if failures < ATTEMPTS => failures += 1,
                other => return other,
            }
        }
    }

    async fn has_stale_splits(&self) -> Result<bool> {
        let mut db = self.store.catalog.read().await?;
        Ok(self
            .split_rows(&mut db)
            .await?
            .iter()
            .any(SplitRow::is_stale))
    }

    /// Gathers the documents of all events that are for this node.
    async fn gather_all(&self, building: &mut Building) -> Result<()> {
        loop {
            let leads = self.lead().await?.is_some();
            let next = self.next_to_gather(leads, &building.gathered).await?;
            let Some(next) = next else {
                return Ok(());
            };
            let docs = self.gather(&next).await?;
            // Until they come back, nobody knows what the writers hold: whoever fails here, or
            // is dropped, must not leave anything that others would go on from.
            let mut gathered = std::mem::take(&mut building.gathered);
            let writers = std::mem::take(&mut building.writers);
            building.writers = self.add(writers, docs).await?;
            gathered.push(next);
            building.gathered = gathered;
            if building
                .writers
                .iter()
                .any(|writer| writer.memory() >= BUDGET)
            {
                self.seal(building).await?;
            }
        }
    }

    /// How far the index is.
    pub async fn index_progress(&self) -> Result<IndexProgress> {
        let (events, indexed) = self.events_and_cursor(Follower::Index).await?;
        Ok(IndexProgress {
            indexed: indexed.unsigned_abs(),
            events: events.unsigned_abs(),
        })
    }

    /// The first seq that is in no split.
    pub(crate) async fn index_cursor(&self, db: &mut AnyConnection) -> Result<i64> {
        let row = sql::fetch_optional(
            db,
            statements::FOLLOWER,
            values![self.id(), Follower::Index as i64],
        )
        .await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// The documents of events.
    async fn gather(&self, seqs: &Range<i64>) -> Result<Vec<(u64, Arc<FreshDoc>)>> {
        let mut db = self.store.catalog.read().await?;
        let range = values![self.id(), seqs.start, seqs.end];
        let rows = sql::fetch(&mut db, statements::ADMISSIONS_FROM, range).await?;
        drop(db);
        let room = Semaphore::new(ROOM);
        let mut docs = Vec::with_capacity(rows.len());
        for row in rows {
            let (seq, event, copy, kind) = (row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?);
            if kind == 1 {
                docs.push(self.doc_of(seq.unsigned_abs(), event, copy, &room));
            }
        }
        let readers = side_by_side(READERS);
        stream::iter(docs).buffered(readers).try_collect().await
    }

    /// What the index needs to know of a copy: as its admission left it here, else read back.
    async fn doc_of(
        &self,
        seq: u64,
        event: i64,
        copy: i64,
        room: &Semaphore,
    ) -> Result<(u64, Arc<FreshDoc>)> {
        if let Some(doc) = self.state.fresh.take(&event) {
            return Ok((seq, doc));
        }
        let mut db = self.store.catalog.read().await?;
        let size = self.copy_row(&mut db, copy).await?.size;
        let mib = usize::try_from(size >> 20).unwrap_or(ROOM).min(ROOM - 1) + 1;
        let mib = u32::try_from(mib).unwrap_or(1);
        let _held = room
            .acquire_many(mib)
            .await
            .map_err(|_| StoreError::Stopped)?;
        let doc = match self.read_doc(&mut db, copy).await {
            // A copy that cannot be read must not stop the others: it is found by what its row
            // says, and fsck names it.
            Err(StoreError::Damaged { .. }) => self.doc_of_head(&mut db, copy).await?,
            read => read?,
        };
        Ok((seq, Arc::new(doc)))
    }

    /// Reads a copy back for the index.
    pub(crate) async fn read_doc(&self, db: &mut AnyConnection, copy: i64) -> Result<FreshDoc> {
        let row = self.copy_row(db, copy).await?;
        let raw = self.read_whole(db, &row).await?;
        let head = row.head(&self.state.keys)?;
        let held = row.held_from.div_euclid(1_000_000);
        let mut doc = blocking(move || FreshDoc {
            size: raw.len() as u64,
            held,
            head,
            content: Content::read(&raw, &scan(&raw)),
        })
        .await?;
        // Attachments that were read once are never read again for the index.
        self.fill_texts(db, copy, &mut doc.content).await?;
        Ok(doc)
    }

    /// What can be found of a copy whose bytes are damaged: its head, text unknown.
    async fn doc_of_head(&self, db: &mut AnyConnection, copy: i64) -> Result<FreshDoc> {
        let row = self.copy_row(db, copy).await?;
        Ok(FreshDoc {
            size: row.size,
            held: row.held_from.div_euclid(1_000_000),
            head: row.head(&self.state.keys).unwrap_or_default(),
            content: Content::unknown(),
        })
    }

    async fn add(
        &self,
        mut writers: Vec<SplitWriter>,
        docs: Vec<(u64, Arc<FreshDoc>)>,
    ) -> Result<Vec<SplitWriter>> {
        let scratch = self.scratch();
        blocking(move || {
            // Few documents are not worth several splits.
            let wanted = if docs.len() < 64 { 1 } else { WRITERS };
            while writers.len() < wanted {
                writers.push(SplitWriter::new(&scratch, BUDGET)?);
            }
            let share = docs.len().div_ceil(wanted).max(1);
            let mut results: Vec<Result<()>> = Vec::new();
            results.resize_with(wanted, || Ok(()));
            rayon::scope(|scope| {
                for ((writer, docs), result) in
                    writers.iter_mut().zip(docs.chunks(share)).zip(&mut results)
                {
                    scope.spawn(move |_| {
                        *result = docs
                            .iter()
                            .try_for_each(|(seq, doc)| doc.add_to(writer, *seq));
                    });
                }
            });
            results.into_iter().collect::<Result<()>>()?;
            Ok(writers)
        })
        .await?
    }

    pub(super) fn scratch(&self) -> std::path::PathBuf {
        self.store.data.join("tmp")
    }

    /// Makes everything gathered durable and findable.
    async fn seal(&self, building: &mut Building) -> Result<()> {
        // Whatever fails from here on, the catalog still says what has to be gathered again.
        let gathered = std::mem::take(&mut building.gathered);
        if gathered.is_empty() {
            return Ok(());
        }
        let writers = std::mem::take(&mut building.writers);
        let sealed = blocking(move || {
            let finish = |writer: SplitWriter| -> Result<Option<(Built, Key)>> {
                let key = Key::random()?;
                Ok(writer.finish(&key.0)?.map(|built| (built, key)))
            };
            use rayon::prelude::*;
            writers
                .into_par_iter()
                .map(finish)
                .collect::<Result<Vec<_>>>()
        })
        .await??;
        let built: Vec<(Built, Key)> = sealed.into_iter().flatten().collect();
        let puts = built.iter().map(|(built, _)| self.put_split(built));
        let began = futures::future::try_join_all(puts).await?;
        let mut tx = self.store.catalog.begin().await?;
        if let Err(error) = self.note_indexed(&mut tx, &gathered).await {
            drop(tx);
            for (built, _) in &built {
                self.delete_object(&built.id).await;
            }
            return Err(error);
        }
        for ((built, key), began) in built.iter().zip(began) {
            self.list_split(&mut tx, built, began, key).await?;
        }
        tx.commit().await
    }

    /// Throws the index away and builds it again from the stored mail.
    pub async fn reindex(&self) -> Result<IndexProgress> {
        let mut building = self.state.building.lock().await;
        self.discard_index(&mut building).await?;
        drop(building);
        self.advance_index(true).await
    }

    async fn discard_index(&self, building: &mut Building) -> Result<()> {
        *building = Building {
            looked: building.looked,
            ..Building::default()
        };
        let mut tx = self.store.catalog.begin().await?;
        // Those of now: another node may have listed one just before.
        let rows = self.split_rows(&mut tx).await?;
        sql::execute(&mut tx, statements::DELETE_SPLITS, values![self.id()]).await?;
        let ahead = values![self.id()];
        sql::execute(&mut tx, statements::DELETE_INDEXED_RANGES, ahead).await?;
        sql::execute(
            &mut tx,
            statements::SET_FOLLOWER,
            values![self.id(), Follower::Index as i64, 0],
        )
        .await?;
        self.doom_splits(&mut tx, &rows).await?;
        tx.commit().await?;
        self.drop_splits(&rows).await
    }
}
