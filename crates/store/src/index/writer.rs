//! Builds one split from copies.

use super::assemble::{Built, Summary, assemble};
use super::directory::SealedDirectory;
use super::document::document;
use super::error::guarded;
use super::hot::WHOLE;
use super::schema::{Fields, schema, settings, tokenizers};
use super::{IndexError, SplitId};
use everpost_domain::message::{Head, HeaderLine, SearchText};
use everpost_domain::query::AttachmentText;
use std::path::{Path, PathBuf};
use tantivy::{Index, SingleSegmentIndexWriter, TantivyDocument};

/// A copy to be indexed.
#[derive(Debug, Clone, Copy)]
pub struct Doc<'a> {
    /// Its number in the store's one order.
    pub seq: u64,
    /// Raw size in bytes.
    pub size: u64,
    /// What its header says.
    pub head: &'a Head,
    /// Its body text.
    pub text: &'a SearchText,
    /// When it was first held, in seconds since 1970.
    pub held: i64,
    /// Header lines that have no field of their own.
    pub headers: &'a [HeaderLine],
    /// Attachments and what is known of their text.
    pub attachments: &'a [AttachmentText<'a>],
    /// ISO 639-1 code of the body's language, where it could be told.
    pub language: Option<&'a str>,
}

/// A split under construction. One thread feeds it; several may be built at once.
pub struct SplitWriter {
    id: SplitId,
    out_dir: PathBuf,
    directory: SealedDirectory,
    fields: Fields,
    engine: SingleSegmentIndexWriter<TantivyDocument>,
    docs: u64,
    seqs: Option<(u64, u64)>,
}

impl SplitWriter {
    /// A writer that keeps its scratch file, and leaves a larger split, in `out_dir`.
    /// `budget` is the memory at which the caller means to [`finish`](Self::finish): it
    /// only sizes the first tables; [`memory`](Self::memory) tells what is really used.
    pub fn new(out_dir: &Path, budget: usize) -> Result<Self, IndexError> {
        let id = SplitId::random()?;
        let (schema, fields) = schema();
        let directory = SealedDirectory::new(out_dir)?;
        let engine = guarded(id, || {
            Index::builder()
                .schema(schema)
                .settings(settings())
                .tokenizers(tokenizers())
                .single_segment_index_writer(directory.clone(), budget.max(1 << 20))
                .map_err(|error| IndexError::from_engine(id, error))
        })?;
        Ok(SplitWriter {
            id,
            out_dir: out_dir.to_owned(),
            directory,
            fields,
            engine,
            docs: 0,
            seqs: None,
        })
    }

    /// Adds a copy. Each seq once; in rising order searches are faster. After an error
    /// the writer is to be dropped.
    pub fn add(&mut self, doc: &Doc<'_>) -> Result<(), IndexError> {
        let (id, fields, engine) = (self.id, &self.fields, &mut self.engine);
        guarded(id, || {
            engine
                .add_document(document(fields, doc))
                .map_err(|error| IndexError::from_engine(id, error))
        })?;
        self.docs += 1;
        let (min, max) = self.seqs.unwrap_or((doc.seq, doc.seq));
        self.seqs = Some((min.min(doc.seq), max.max(doc.seq)));
        Ok(())
    }

    /// Bytes of memory the postings take so far.
    pub fn memory(&self) -> usize {
        self.engine.mem_usage()
    }

    /// Copies added so far.
    pub fn docs(&self) -> u64 {
        self.docs
    }

    /// Seals the split under `key`, which no other split may ever have. `None` if
    /// nothing was added.
    pub fn finish(self, key: &[u8; 32]) -> Result<Option<Built>, IndexError> {
        self.finish_above(WHOLE, key)
    }

    /// As [`finish`](Self::finish); what opening reads is kept together if there are more than
    /// `whole` bytes.
    pub(super) fn finish_above(
        self,
        whole: u64,
        key: &[u8; 32],
    ) -> Result<Option<Built>, IndexError> {
        let Some((seq_min, seq_max)) = self.seqs else {
            return Ok(None);
        };
        let SplitWriter { id, engine, .. } = self;
        guarded(id, || {
            engine
                .finalize()
                .map(drop)
                .map_err(|error| IndexError::from_engine(id, error))
        })?;
        let summary = Summary {
            docs: self.docs,
            seq_min,
            seq_max,
            whole,
        };
        assemble(&self.directory, &self.out_dir, id, key, &summary).map(Some)
    }
}
