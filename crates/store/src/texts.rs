//! Texts of attachments as they are stored: each distinct part's once, sealed in packs of a
//! bucket of their own, with rows that say which part of which copy they are the text of.
//!
//! Derived: what is lost can be read again from the mail. They are kept so that building the
//! index again never parses a document again.

use std::collections::HashMap;

use everpost_extract::{Extraction, Gap};
use ring::hmac;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::catalog::sql::{self, Columns, Value, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::error::{Result, StoreError};
use crate::follow::{Content, LARGEST_COPY};
use crate::objects::MAIN;
use crate::tenant::Tenant;
use crate::vault::pack::Style;
use crate::vault::{FrameKind, PackWriter, Run, list_pack};
use everpost_domain::digest::Digest;

/// Buckets of derived things; mail's are 0.
pub(crate) const DERIVED: i64 = 1;

/// zstd's level: texts are written once and rarely read.
const LEVEL: i32 = 6;

/// Most bytes of attachments' text of one copy that are indexed, as of its own text.
const TEXT_OF_COPY: u64 = 64 << 20;

/// A text's row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredText {
    pub(crate) id: i64,
    /// Of the extractor.
    pub(crate) version: i64,
    /// Why there may be more.
    pub(crate) gap: Option<Gap>,
    /// Where it lies; empty if there is no text.
    run: Run,
}

impl StoredText {
    /// Reads id, version, gap, frame, at, length.
    fn read(row: &AnyRow) -> Result<Self> {
        let natural = |column| -> Result<u64> { Ok(u64::try_from(row.int(column)?).unwrap_or(0)) };
        // A gap that a newer program knows is a gap.
        let gap = match u8::try_from(row.int(2)?) {
            Ok(0) => None,
            Ok(code) => Some(Gap::of(code).unwrap_or(Gap::Unsupported)),
            Err(_) => Some(Gap::Unsupported),
        };
        Ok(StoredText {
            id: row.int(0)?,
            version: row.int(1)?,
            gap,
            run: Run {
                frame: row.int(3)?,
                at: natural(4)?,
                length: natural(5)?,
            },
        })
    }
}

/// A text on its way in.
pub(crate) struct NewText {
    pub(crate) address: [u8; 32],
    /// Of the document, in bytes.
    pub(crate) size: u64,
    pub(crate) extraction: Extraction,
    /// The row that it takes the place of.
    pub(crate) renews: Option<i64>,
}

/// The bucket of texts.
#[derive(Clone)]
pub(crate) struct TextBucket {
    id: i64,
    key: hmac::Key,
}

impl TextBucket {
    /// The address of a part's text.
    pub(crate) fn address(&self, digest: &Digest) -> [u8; 32] {
        let tag = hmac::sign(&self.key, &digest.0);
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }
}

/// An attachment of a copy, and what is known of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentText {
    /// Its part in the structure of the copy.
    pub part: usize,
    /// What is known of its text.
    pub state: TextState,
    /// Its text as far as it is known; empty if it has none.
    pub text: String,
}

/// What is known of an attachment's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextState {
    /// All of it.
    Known,
    /// There is or may be more than is known, and why.
    Gap(Gap),
    /// Nobody tried to read it yet.
    Pending,
}

impl Tenant {
    /// The attachments of a copy with their texts, those in nested messages too, in order.
    pub async fn attachment_texts(&self, id: &Digest) -> Result<Vec<AttachmentText>> {
        let mut db = self.store.catalog.read().await?;
        let row = self.find_copy(&mut db, id).await?;
        let (copy, too_large) = (row.id, row.size > LARGEST_COPY);
        let doc = self.read_doc(&mut db, copy).await?;
        let rows = sql::fetch(&mut db, statements::TEXTS_OF_COPY, values![self.id(), copy]).await?;
        let mut gaps = HashMap::new();
        for row in rows {
            if let (Ok(part), Some(gap)) =
                (usize::try_from(row.int(6)?), StoredText::read(&row)?.gap)
            {
                gaps.insert(part, gap);
            }
        }
        let attachments = doc.content.attachments.into_iter();
        let told = attachments.map(|one| AttachmentText {
            part: one.part,
            state: match (&one.text, gaps.get(&one.part)) {
                (Some(_), None) if !one.cut => TextState::Known,
                (_, Some(gap)) => TextState::Gap(*gap),
                (Some(_), None) => TextState::Gap(Gap::TooMuch),
                (None, None) if too_large => TextState::Gap(Gap::TooLarge),
                (None, None) => TextState::Pending,
            },
            text: one.text.unwrap_or_default(),
        });
        Ok(told.collect())
    }

    /// The bucket of texts, made on first use.
    pub(crate) async fn text_bucket(&self) -> Result<TextBucket> {
        let wanted = values![self.id(), DERIVED, 0];
        let mut db = self.store.catalog.read().await?;
        let mut row = sql::fetch_optional(&mut db, statements::BUCKETS, wanted.clone()).await?;
        drop(db);
        if row.is_none() {
            let mut tx = self.store.catalog.begin().await?;
            if sql::fetch_optional(&mut tx, statements::BUCKETS, wanted.clone())
                .await?
                .is_none()
            {
                let id = take_ids(&mut tx, Counter::Bucket, 1).await?;
                let new = values![id, self.id(), DERIVED, 0];
                sql::execute(&mut tx, statements::INSERT_BUCKET, new).await?;
            }
            row = sql::fetch_optional(&mut tx, statements::BUCKETS, wanted).await?;
            tx.commit().await?;
        }
        let id = row.ok_or(sqlx::Error::RowNotFound)?.int(0)?;
        Ok(TextBucket {
            id,
            key: self.state.keys.bucket(id),
        })
    }

    /// The texts that are stored under `addresses`.
    pub(crate) async fn find_texts(
        &self,
        db: &mut AnyConnection,
        addresses: impl IntoIterator<Item = [u8; 32]>,
    ) -> Result<HashMap<[u8; 32], StoredText>> {
        let wanted = addresses
            .into_iter()
            .map(|address| values![self.id(), Digest(address).prefix()])
            .collect();
        let rows = statements::FIND_TEXTS.fetch(db, wanted).await?;
        rows.iter()
            .map(|row| Ok((row.array(6)?, StoredText::read(row)?)))
            .collect()
    }

    /// Stores texts: one durable pack, then one transaction. Gives back their rows' ids.
    pub(crate) async fn put_texts(
        &self,
        bucket: &TextBucket,
        texts: Vec<NewText>,
    ) -> Result<Vec<([u8; 32], i64)>> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let objects = self.store.vault.objects.clone();
        let mut writer =
            PackWriter::create(objects, self.state.keys.clone(), Style::zstd(LEVEL)).await?;
        let mut runs = Vec::with_capacity(texts.len());
        for text in &texts {
            let bytes = text.extraction.text.as_bytes();
            runs.push(match bytes {
                [] => None,
                bytes => Some(writer.add(FrameKind::Part, bytes).await?),
            });
        }
        let pack = writer.finish().await?;
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let mut tx = self.store.catalog.begin().await?;
        let first = match &pack {
            Some(pack) => list_pack(&mut tx, self.id(), (bucket.id, MAIN), pack, 0).await?,
            None => 0,
        };
        let mut ids = Vec::with_capacity(texts.len());
        let mut rows: Vec<Vec<Value>> = Vec::new();
        let mut next = take_ids(&mut tx, Counter::Text, texts.len()).await?;
        // What another node read meanwhile is not kept twice.
        let addresses = texts.iter().map(|text| text.address);
        let stored = self.find_texts(&mut tx, addresses).await?;
        for (text, run) in texts.iter().zip(runs) {
            let run = run.map_or((0, 0, 0), |run| {
                let run = run.based(first);
                (run.frame, signed(run.at), signed(run.length))
            });
            let gap = text.extraction.gap.map_or(0, |gap| gap as i64);
            let version = i64::from(everpost_extract::VERSION);
            let (frame, at, length) = run;
            if text.renews.is_none()
                && let Some(found) = stored.get(&text.address)
            {
                ids.push((text.address, found.id));
                continue;
            }
            if let Some(id) = text.renews {
                let row = values![self.id(), id, version, gap, frame, at, length];
                sql::execute(&mut tx, statements::RENEW_TEXT, row).await?;
                ids.push((text.address, id));
                continue;
            }
            let prefix = Digest(text.address).prefix();
            let address = text.address.to_vec();
            let size = signed(text.size);
            rows.push(values![
                next,
                self.id(),
                prefix,
                address,
                size,
                version,
                gap,
                1,
                frame,
                at,
                length
            ]);
            ids.push((text.address, next));
            next += 1;
        }
        statements::INSERT_TEXTS.execute(&mut tx, rows).await?;
        tx.commit().await?;
        Ok(ids)
    }

    /// Notes which parts of copies have which texts: (copy, part, text).
    pub(crate) async fn refer_to_texts(&self, list: &[(i64, usize, i64)]) -> Result<()> {
        let rows = list.iter().map(|(copy, part, text)| {
            let part = i64::try_from(*part).unwrap_or(i64::MAX);
            values![self.id(), *copy, part, *text]
        });
        let mut tx = self.store.catalog.begin().await?;
        statements::INSERT_COPY_TEXTS
            .execute(&mut tx, rows.collect())
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// A stored text.
    pub(crate) async fn read_text(
        &self,
        db: &mut AnyConnection,
        stored: &StoredText,
    ) -> Result<String> {
        let mut bytes = Vec::new();
        let take = |piece: &[u8]| {
            bytes.extend_from_slice(piece);
            Ok(())
        };
        let vault = &self.store.vault;
        vault
            .read_run(db, &self.state.keys, stored.run, take)
            .await?;
        String::from_utf8(bytes)
            .map_err(|_| StoreError::damaged(format!("text row {}", stored.id), "it is not UTF-8"))
    }

    /// Puts stored texts in the place of those that `content` lacks. True if it knows more now.
    /// What is damaged stays unknown: fsck names it.
    pub(crate) async fn fill_texts(
        &self,
        db: &mut AnyConnection,
        copy: i64,
        content: &mut Content,
    ) -> Result<bool> {
        if content.attachments.iter().all(|one| one.text.is_some()) {
            return Ok(false);
        }
        let (mut filled, mut held) = (false, 0u64);
        let rows = sql::fetch(db, statements::TEXTS_OF_COPY, values![self.id(), copy]).await?;
        for row in rows {
            let (stored, part) = (StoredText::read(&row)?, usize::try_from(row.int(6)?).ok());
            let mut lacking = content.attachments.iter_mut();
            let Some(one) = lacking.find(|one| Some(one.part) == part && one.text.is_none()) else {
                continue;
            };
            held = held.saturating_add(stored.run.length);
            if held > TEXT_OF_COPY || (stored.gap.is_some() && stored.run.length == 0) {
                continue;
            }
            match self.read_text(db, &stored).await {
                Ok(text) => {
                    one.text = Some(text);
                    one.cut = stored.gap.is_some();
                    filled = true;
                }
                Err(StoreError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}
