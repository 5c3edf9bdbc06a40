//! The extraction follower: attachments of admitted copies become stored texts, and copies
//! whose texts are known are indexed once more.
//!
//! ```text
//! seq → copies with attachments → distinct parts not read yet → child process → texts stored
//!                                                                             → rows → index
//! ```
//! **Invariant.** The cursor moves after everything before it is stored and indexed. Whoever
//! dies between does the rest again: parts are found by their addresses then, and are not read
//! twice.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use everpost_domain::digest::Digest;
use everpost_domain::message::{BodyPart, attachments, decode, scan};
use everpost_extract::{Extract, Extraction, Gap, Item};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use roaring::RoaringTreemap;

use super::{Content, Follower, FreshDoc, blocking, move_cursor};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::copy::CopyRow;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;
use crate::texts::{NewText, StoredText, TextBucket};

/// Events that are looked at before the cursor moves.
const STEP: i64 = 2048;
/// Copies whose heads are looked at together.
const LOOKED_AT: usize = 512;
/// Raw bytes of copies that are worked on side by side …
const GROUP_BYTES: usize = 16 << 20;
/// … and how many these are at most.
const GROUP: usize = 64;
/// Larger copies are not opened: each is held whole, with its parts decoded one by one, and
/// memory is promised for any mailbox. Mail systems carry half of this.
pub(crate) const LARGEST_COPY: u64 = 64 << 20;
/// Texts that wait for their pack.
const TEXT_BYTES: usize = 16 << 20;
/// Documents that wait for the index: each time costs a split …
const DOC_BYTES: usize = 24 << 20;
/// … so that fewer wait on at the end of a step, and the cursor with them.
const FEW_DOC_BYTES: usize = 8 << 20;
/// Documents that are with the readers or wait for one.
const SIDE_BY_SIDE: usize = 8;
/// What failed by accident is tried so often without being asked.
const TRIES: i64 = 3;

/// How far the extraction is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExtractProgress {
    /// Events whose attachments are read or given up.
    pub done: u64,
    /// Events there are.
    pub events: u64,
    /// Documents read since it began.
    pub documents: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What is known of attachments' texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextStatus {
    /// Copies that nobody looked at yet.
    pub pending: u64,
    /// Copies that could not be read back to look at.
    pub unreadable: u64,
    /// Distinct documents read as a whole.
    pub read: u64,
    /// Those of them that have no text.
    pub empty: u64,
    /// Distinct documents with unknown text, by reason.
    pub gaps: Vec<(Gap, u64)>,
    /// Bytes of text, before compression.
    pub text_bytes: u64,
    /// Bytes of the packs that hold it.
    pub pack_bytes: u64,
}

/// A copy in work.
struct Gathered {
    seq: u64,
    row: CopyRow,
    raw: Bytes,
    /// Parts whose text the mail alone does not tell.
    parts: Vec<Wanted>,
}

struct Wanted {
    part: usize,
    address: [u8; 32],
    size: u64,
}

/// One run of the follower.
struct Run<'a, E> {
    tenant: &'a Tenant,
    reader: &'a E,
    bucket: TextBucket,
    /// Parts that failed by accident are read again.
    again: bool,
    progress: ExtractProgress,
    docs: Vec<(u64, FreshDoc)>,
    doc_bytes: usize,
}

impl Tenant {
    /// Reads the attachments of what was admitted since the last time, and what failed by
    /// accident and was not tried too often; with `retry`, however often. When this returns,
    /// what was read can be found.
    pub async fn advance_extract<E: Extract>(
        &self,
        reader: &E,
        retry: bool,
        mut progress: impl FnMut(ExtractProgress) + Send,
    ) -> Result<ExtractProgress> {
        let _alone = self.state.extracting.lock().await;
        let mut run = Run {
            tenant: self,
            reader,
            bucket: self.text_bucket().await?,
            again: false,
            progress: ExtractProgress::default(),
            docs: Vec::new(),
            doc_bytes: 0,
        };
        if self.lead_or_wait(Follower::Extract).await?.is_none() {
            let (events, done) = self.events_and_cursor(Follower::Extract).await?;
            run.progress.done = done.unsigned_abs();
            run.progress.events = events.unsigned_abs();
            progress(run.progress);
            return Ok(run.progress);
        }
        let mut db = self.store.catalog.read().await?;
        let mut next = self.extract_cursor(&mut db).await?;
        let mut kept = next;
        drop(db);
        loop {
            let mut db = self.store.catalog.read().await?;
            run.progress.done = next.unsigned_abs();
            run.progress.events = crate::admit::next_seq(&mut db, self.id())
                .await?
                .unsigned_abs();
            let range = values![self.id(), next, next + STEP];
            let rows = sql::fetch(&mut db, statements::ADMISSIONS_FROM, range).await?;
            drop(db);
            let Some(last) = rows.last() else {
                break;
            };
            let last = last.int(0)?;
            let mut copies = Vec::with_capacity(rows.len());
            for row in &rows {
                if row.int(3)? == 1 {
                    copies.push((row.int(0)?.unsigned_abs(), row.int(2)?));
                }
            }
            run.copies(copies, &mut progress).await?;
            next = last + 1;
            if run.doc_bytes >= FEW_DOC_BYTES {
                run.flush().await?;
            }
            if run.docs.is_empty() {
                self.move_extract_cursor(kept, next).await?;
                kept = next;
            }
        }
        run.flush().await?;
        if next != kept {
            self.move_extract_cursor(kept, next).await?;
        }
        run.again = true;
        let accidents = self.accidents(if retry { i64::MAX } else { TRIES }).await?;
        run.copies(accidents, &mut progress).await?;
        run.flush().await?;
        progress(run.progress);
        Ok(run.progress)
    }

    async fn extract_cursor(&self, db: &mut sqlx::AnyConnection) -> Result<i64> {
        let wanted = values![self.id(), Follower::Extract as i64];
        let row = sql::fetch_optional(db, statements::FOLLOWER, wanted).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    async fn move_extract_cursor(&self, from: i64, to: i64) -> Result<()> {
        let mut tx = self.store.catalog.begin().await?;
        move_cursor(&mut tx, self.id(), Follower::Extract, from, to).await?;
        tx.commit().await
    }

    /// Copies with parts that failed by accident fewer than `tries` times, and copies that could
    /// not be read back; by seq.
    async fn accidents(&self, tries: i64) -> Result<Vec<(u64, i64)>> {
        let mut db = self.store.catalog.read().await?;
        let mut rows = sql::fetch(
            &mut db,
            statements::COPIES_TO_RETRY,
            values![self.id(), tries],
        )
        .await?;
        let wanted = values![self.id(), Follower::Extract as i64];
        rows.extend(sql::fetch(&mut db, statements::EXCEPTIONS, wanted).await?);
        let copies: Result<BTreeMap<u64, i64>> = rows
            .iter()
            .map(|row| Ok((row.int(0)?.unsigned_abs(), row.int(1)?)))
            .collect();
        Ok(copies?.into_iter().collect())
    }

    /// Seqs of copies whose attachments may still become known: not looked at yet, or failed by
    /// accident and to be tried again. Whoever decides by a copy's text waits for these.
    pub async fn unsettled(&self) -> Result<RoaringTreemap> {
        let accidents = self.accidents(TRIES).await?;
        let mut db = self.store.catalog.read().await?;
        let next = self.extract_cursor(&mut db).await?;
        let rows = sql::fetch(&mut db, statements::ADMITTED_FROM, values![self.id(), next]).await?;
        let mut seqs: RoaringTreemap = accidents.into_iter().map(|(seq, _)| seq).collect();
        for row in rows {
            seqs.insert(row.int(0)?.unsigned_abs());
        }
        Ok(seqs)
    }

    /// Whether there are events that nobody looked at for attachments. Cheap: to be asked often.
    pub async fn extract_is_behind(&self) -> Result<bool> {
        let (events, next) = self.events_and_cursor(Follower::Extract).await?;
        Ok(next < events)
    }

    /// What is known of attachments' texts.
    pub async fn text_status(&self) -> Result<TextStatus> {
        let mut db = self.store.catalog.read().await?;
        let next = self.extract_cursor(&mut db).await?;
        let pending =
            sql::fetch(&mut db, statements::ADMITTED_FROM, values![self.id(), next]).await?;
        let wanted = values![self.id(), Follower::Extract as i64];
        let unreadable = sql::fetch(&mut db, statements::EXCEPTIONS, wanted).await?;
        let packs =
            sql::fetch_optional(&mut db, statements::SUM_TEXT_PACKS, values![self.id()]).await?;
        let mut status = TextStatus {
            pending: pending.len() as u64,
            unreadable: unreadable.len() as u64,
            pack_bytes: packs.map_or(Ok(0), |row| row.int(0))?.unsigned_abs(),
            ..TextStatus::default()
        };
        for row in sql::fetch(&mut db, statements::TEXTS_BY_GAP, values![self.id()]).await? {
            let count = row.int(1)?.unsigned_abs();
            status.text_bytes += row.int(2)?.unsigned_abs();
            match u8::try_from(row.int(0)?).ok().and_then(Gap::of) {
                Some(gap) => status.gaps.push((gap, count)),
                None => {
                    status.read += count;
                    status.empty += row.int(3)?.unsigned_abs();
                }
            }
        }
        status.gaps.sort_unstable();
        Ok(status)
    }
}

impl<E: Extract> Run<'_, E> {
    /// Reads the attachments of copies, group by group, and hands them to the index.
    async fn copies(
        &mut self,
        copies: Vec<(u64, i64)>,
        progress: &mut (impl FnMut(ExtractProgress) + Send),
    ) -> Result<()> {
        let mut group = Vec::new();
        let mut bytes = 0;
        for some in copies.chunks(LOOKED_AT) {
            for (seq, row) in self.with_attachments(some).await? {
                if let Some(gathered) = self.gather(seq, row).await? {
                    bytes += gathered.raw.len();
                    group.push(gathered);
                }
                if bytes >= GROUP_BYTES || group.len() >= GROUP {
                    self.group(std::mem::take(&mut group)).await?;
                    bytes = 0;
                    progress(self.progress);
                }
            }
            if let (Some((last, _)), false) = (some.last(), self.again) {
                self.progress.done = last + 1;
            }
        }
        self.group(group).await?;
        progress(self.progress);
        Ok(())
    }

    /// Those of some copies that may have attachments to read. Most mail has none, and its head
    /// says so.
    async fn with_attachments(&self, copies: &[(u64, i64)]) -> Result<Vec<(u64, CopyRow)>> {
        let tenant = self.tenant;
        let seqs: Vec<u64> = copies.iter().map(|(seq, _)| *seq).collect();
        let mut db = tenant.store.catalog.read().await?;
        let mut rows = tenant.copies_at(&mut db, &seqs).await?;
        drop(db);
        let mut found = Vec::with_capacity(copies.len());
        for (seq, copy) in copies {
            let missing = || StoreError::damaged(format!("copy {copy}"), "its row is missing");
            found.push((*seq, rows.remove(seq).ok_or_else(missing)?));
        }
        let keys = tenant.state.keys.clone();
        blocking(move || {
            use rayon::prelude::*;
            let none = |row: &CopyRow| {
                let head = row.head(&keys);
                head.is_ok_and(|head| !head.structure.is_empty() && !may_attach(&head.structure))
            };
            let found = found.into_par_iter();
            found
                .filter(|(_, row)| row.size <= LARGEST_COPY && !none(row))
                .collect()
        })
        .await
    }

    /// A copy and its parts to read; `None` if it has none, or cannot be read back.
    async fn gather(&self, seq: u64, row: CopyRow) -> Result<Option<Gathered>> {
        let tenant = self.tenant;
        let mut db = tenant.store.catalog.read().await?;
        let read = tenant.read_whole(&mut db, &row).await;
        drop(db);
        self.note(seq, read.as_ref().err()).await?;
        let raw = match read {
            Ok(raw) => Bytes::from(raw),
            Err(StoreError::Damaged { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let (bytes, bucket) = (raw.clone(), self.bucket.clone());
        let parts = blocking(move || wanted(&bytes, &bucket)).await?;
        Ok((!parts.is_empty()).then_some(Gathered {
            seq,
            row,
            raw,
            parts,
        }))
    }

    /// Notes that a copy could not be read back, or that it can be again.
    async fn note(&self, seq: u64, error: Option<&StoreError>) -> Result<()> {
        let tenant = self.tenant;
        let seq = i64::try_from(seq).unwrap_or(i64::MAX);
        let (kind, mut row) = (Follower::Extract as i64, values![tenant.id()]);
        row.extend(values![kind, seq]);
        let statement = match error {
            Some(error @ StoreError::Damaged { .. }) => {
                let reason = error.to_string();
                let names = &tenant.state.keys.names;
                row.extend(values![names.seal(b"exception", reason.as_bytes())?]);
                statements::SET_EXCEPTION
            }
            Some(_) => return Ok(()),
            None if self.again => statements::DELETE_EXCEPTION,
            None => return Ok(()),
        };
        let mut tx = tenant.store.catalog.begin().await?;
        sql::execute(&mut tx, statement, row).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Reads the parts of some copies, each distinct one once, and stores the texts.
    async fn group(&mut self, group: Vec<Gathered>) -> Result<()> {
        if group.is_empty() {
            return Ok(());
        }
        let tenant = self.tenant;
        let addresses = group
            .iter()
            .flat_map(|copy| &copy.parts)
            .map(|one| one.address);
        let mut db = tenant.store.catalog.read().await?;
        let stored = tenant.find_texts(&mut db, addresses).await?;
        drop(db);
        let mut known: HashMap<[u8; 32], i64> = HashMap::new();
        let mut queue = Vec::new();
        let mut asked: HashMap<[u8; 32], ()> = HashMap::new();
        for copy in &group {
            for one in &copy.parts {
                match stored.get(&one.address) {
                    Some(text) if !self.is_due(text) => {
                        known.insert(one.address, text.id);
                    }
                    found if asked.insert(one.address, ()).is_none() => {
                        queue.push((copy, one, found.map(|text| text.id)));
                    }
                    _ => {}
                }
            }
        }
        let mut queue = queue.into_iter();
        let mut at_work = FuturesUnordered::new();
        let (mut texts, mut bytes) = (Vec::new(), 0);
        loop {
            while at_work.len() < SIDE_BY_SIDE
                && let Some((copy, one, renews)) = queue.next()
            {
                at_work.push(read_part(self.reader, copy, one, renews));
            }
            let Some(text) = at_work.next().await else {
                break;
            };
            let text = text?;
            self.progress.documents += 1;
            self.progress.bytes += text.size;
            bytes += text.extraction.text.len();
            texts.push(text);
            if bytes >= TEXT_BYTES {
                known.extend(
                    tenant
                        .put_texts(&self.bucket, std::mem::take(&mut texts))
                        .await?,
                );
                bytes = 0;
            }
        }
        drop(at_work);
        known.extend(tenant.put_texts(&self.bucket, texts).await?);
        let mut list = Vec::new();
        for copy in &group {
            for one in &copy.parts {
                if let Some(text) = known.get(&one.address) {
                    list.push((copy.row.id, one.part, *text));
                }
            }
        }
        tenant.refer_to_texts(&list).await?;
        for copy in group {
            self.document(copy).await?;
        }
        Ok(())
    }

    /// True for a text that is read again: an accident, or made by an older extractor that could
    /// not read it.
    fn is_due(&self, text: &StoredText) -> bool {
        let older = text.version < i64::from(everpost_extract::VERSION);
        self.again && text.gap.is_some_and(|gap| gap.is_accident() || older)
    }

    /// Makes the document of a copy whose texts are stored, if they tell anything.
    async fn document(&mut self, copy: Gathered) -> Result<()> {
        let tenant = self.tenant;
        let raw = copy.raw;
        let size = raw.len() as u64;
        let mut content = blocking(move || Content::read(&raw, &scan(&raw))).await?;
        let mut db = tenant.store.catalog.read().await?;
        let filled = tenant
            .fill_texts(&mut db, copy.row.id, &mut content)
            .await?;
        drop(db);
        if !filled {
            return Ok(());
        }
        self.doc_bytes += content.bytes();
        let doc = FreshDoc {
            size,
            held: copy.row.held_from.div_euclid(1_000_000),
            head: copy.row.head(&tenant.state.keys)?,
            content,
        };
        self.docs.push((copy.seq, doc));
        match self.doc_bytes >= DOC_BYTES {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    async fn flush(&mut self) -> Result<()> {
        self.doc_bytes = 0;
        let docs = std::mem::take(&mut self.docs);
        self.tenant.replace_in_index(docs).await
    }
}

/// Reads one part of a copy.
async fn read_part<E: Extract>(
    reader: &E,
    copy: &Gathered,
    one: &Wanted,
    renews: Option<i64>,
) -> Result<NewText> {
    let structure = scan(&copy.raw);
    let extraction = match structure.parts.get(one.part) {
        Some(part) => {
            let bytes = decode(&copy.raw, part);
            let item = Item {
                name: part.filename.as_deref().unwrap_or_default(),
                content_type: &part.content_type,
                charset: part.charset.as_deref().unwrap_or_default(),
                bytes: &bytes,
            };
            let read = reader.extract(item).await;
            read.map_err(|error| StoreError::Extract(error.to_string()))?
        }
        None => Extraction::default(),
    };
    Ok(NewText {
        address: one.address,
        size: one.size,
        extraction,
        renews,
    })
}

/// Parts whose text is not known from the mail itself.
fn wanted(raw: &[u8], bucket: &TextBucket) -> Vec<Wanted> {
    let structure = scan(raw);
    let lacking = attachments(raw, &structure).into_iter();
    lacking
        .filter(|one| one.text.is_none())
        .filter_map(|one| {
            let bytes = decode(raw, structure.parts.get(one.part)?);
            Some(Wanted {
                part: one.part,
                address: bucket.address(&Digest::of(&bytes)),
                size: bytes.len() as u64,
            })
        })
        .collect()
}

/// Whether a message may have a part whose text is not in the mail itself. May err towards yes.
fn may_attach(structure: &[BodyPart]) -> bool {
    let plain = |part: &BodyPart| {
        let kind = part.content_type.as_str();
        let majors = ["text/", "multipart/", "image/", "audio/", "video/"];
        kind != "text/rtf" && majors.iter().any(|major| kind.starts_with(major))
    };
    // A nested message is opened by the scan if parts follow that are deeper than it.
    let opened = |at: usize, part: &BodyPart| {
        part.content_type.starts_with("message/")
            && structure
                .get(at + 1)
                .is_some_and(|next| next.depth > part.depth)
    };
    structure
        .iter()
        .enumerate()
        .any(|(at, part)| !plain(part) && !opened(at, part))
}

#[cfg(test)]
mod tests;
