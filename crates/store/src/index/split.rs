//! A finished split, read by range.

use super::cache::Piece;
use super::error::guarded;
use super::schema::{
    ATTACHED, ATTACHMENTS_UNREAD, BODY_UNREAD, FLAGS, HELD, KIND, LANGUAGE, SENDER, SENT, SEQ, SIZE,
};
use super::stream::{RUN, SplitDirectory, Stream};
use super::tail::Tail;
use super::{BlockCache, IndexError, RangeRead, SplitId};
use roaring::{RoaringBitmap, RoaringTreemap};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tantivy::columnar::StrColumn;
use tantivy::fastfield::Column;
use tantivy::index::Segment;
use tantivy::schema::Field;
use tantivy::{Directory, Index, SegmentReader};

/// An open split. Opening reads the end of its object; the engine's readers are made of that by
/// the first search and kept until [`close`](Split::close).
pub struct Split {
    stream: Arc<Stream>,
    opened: Mutex<Option<Arc<Opened>>>,
}

/// The engine's readers of one split, and what searches look at for every hit: 20 bytes a
/// document.
pub(crate) struct Opened {
    pub(crate) segment: Segment,
    pub(crate) reader: SegmentReader,
    pub(crate) docs: u32,
    /// By document.
    pub(crate) seqs: Vec<u64>,
    /// By document; 0 without a date.
    pub(crate) sent: Vec<i64>,
    /// Documents that have a date.
    pub(crate) dated: RoaringBitmap,
    pub(crate) size: Column<u64>,
    pub(crate) held: Column<i64>,
    pub(crate) sender: Option<StrColumn>,
    pub(crate) kind: Option<StrColumn>,
    pub(crate) language: Option<StrColumn>,
    pub(crate) attached: RoaringBitmap,
    pub(crate) body_unread: RoaringBitmap,
    pub(crate) attachments_unread: RoaringBitmap,
    /// True if seq rises with the document id, as it does unless merges came out of order.
    pub(crate) rising: bool,
    /// Documents by date and seq, made when first asked for.
    by_date: OnceLock<Vec<u32>>,
    /// Documents by seq, where seq does not rise.
    by_seq: OnceLock<(Vec<u64>, Vec<u32>)>,
    /// By field: documents that have it, and the sum of their lengths.
    lengths: Mutex<BTreeMap<Field, (u64, u64)>>,
}

impl Split {
    /// Opens the split `id` that `source` holds, sealed under `key`: one read of the source, two
    /// where the split is large.
    pub fn open(
        source: Arc<dyn RangeRead>,
        id: SplitId,
        key: &[u8; 32],
        cache: Arc<BlockCache>,
    ) -> Result<Self, IndexError> {
        // What was kept on the disk may have been torn: then it is read again.
        let kept = cache.sealed(id, Piece::Tail);
        if let Some(mut tail) = kept.and_then(|kept| Tail::kept(kept, source.len())) {
            match tail.open(source.clone(), id, key, cache.clone()) {
                Ok((stream, _)) => return Ok(Split::new(stream)),
                Err(IndexError::Damaged(_)) => cache.discard(id, Piece::Tail),
                Err(error) => return Err(error),
            }
        }
        let mut tail = Tail::read(&*source)?;
        let (stream, from) = tail.open(source, id, key, cache)?;
        stream.cache.keep(id, Piece::Tail, tail.since(from));
        Ok(Split::new(stream))
    }

    fn new(stream: Stream) -> Self {
        Split {
            stream: Arc::new(stream),
            opened: Mutex::default(),
        }
    }

    /// Its name.
    pub fn id(&self) -> SplitId {
        self.stream.id
    }

    /// Documents in it.
    pub fn docs(&self) -> u64 {
        self.stream.footer.docs
    }

    /// The lowest seq in it.
    pub fn seq_min(&self) -> u64 {
        self.stream.footer.seq_min
    }

    /// The highest seq in it.
    pub fn seq_max(&self) -> u64 {
        self.stream.footer.seq_max
    }

    /// The version of the analyser that made its terms; a split of an older one should be
    /// built again, for queries are analysed by the newest.
    pub fn analyser(&self) -> u64 {
        self.stream.footer.analyser
    }

    /// Length of the sealed object.
    pub fn bytes(&self) -> u64 {
        self.stream.source.len()
    }

    /// Names and lengths of the engine's files in it, for reports.
    pub fn files(&self) -> impl Iterator<Item = (&str, u64)> {
        let files = self.stream.footer.files.iter();
        files.map(|(name, range)| (name.as_str(), range.end - range.start))
    }

    /// Reads and authenticates every byte.
    pub fn verify(&self) -> Result<(), IndexError> {
        let mut at = 0;
        while at < self.stream.blocks {
            let end = (at + RUN).min(self.stream.blocks);
            self.stream.fetch(at..end, |_, _| ())?;
            at = end;
        }
        // The end may have been opened from what the disk keeps of it.
        let mut tail = Tail::read(&*self.stream.source)?;
        tail.agrees(&self.stream)
    }

    /// Drops what searches keep in memory (dictionaries of the fields they used, columns);
    /// the next one reads it again.
    pub fn close(&self) {
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The engine's readers.
    pub(crate) fn opened(&self) -> Result<Arc<Opened>, IndexError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = &*opened {
            return Ok(Arc::clone(opened));
        }
        let id = self.stream.id;
        let fresh = guarded(id, || {
            Opened::new(SplitDirectory(self.stream.clone()))
                .map_err(|error| IndexError::from_engine(id, error))
        })?;
        if u64::from(fresh.docs) != self.stream.footer.docs {
            return Err(IndexError::Engine {
                split: id,
                what: "documents do not add up".to_owned(),
            });
        }
        Ok(Arc::clone(opened.insert(Arc::new(fresh))))
    }
}

impl fmt::Debug for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Split({}, {} documents)",
            self.stream.id, self.stream.footer.docs
        )
    }
}

impl Opened {
    /// Opens the index in `directory`. What this reads is kept together in a split
    /// ([`hot`](super::hot)).
    pub(super) fn new(directory: impl Directory) -> tantivy::Result<Opened> {
        let index = Index::open(directory)?;
        let segment = index.searchable_segments()?.pop().ok_or_else(|| {
            tantivy::TantivyError::InternalError("the split holds no segment".to_owned())
        })?;
        let reader = SegmentReader::open(&segment)?;
        let docs = reader.max_doc();
        let columns = reader.fast_fields();
        // A column in which no document has a value may be left out.
        let sent_column = columns
            .column_opt::<i64>(SENT)?
            .unwrap_or_else(|| Column::build_empty_column(docs));
        let seq_column = columns.u64(SEQ)?;
        let seqs: Vec<u64> = (0..docs).filter_map(|doc| seq_column.first(doc)).collect();
        if seqs.len() != docs as usize {
            return Err(tantivy::TantivyError::InternalError(
                "a document has no seq".to_owned(),
            ));
        }
        let sent_of: Vec<Option<i64>> = (0..docs).map(|doc| sent_column.first(doc)).collect();
        let flags = columns.u64(FLAGS)?;
        let with = |bit: u64| -> RoaringBitmap {
            (0..docs)
                .filter(|&doc| flags.first(doc).is_some_and(|flags| flags & bit != 0))
                .collect()
        };
        Ok(Opened {
            segment,
            docs,
            rising: seqs.is_sorted(),
            seqs,
            dated: (0..docs)
                .zip(&sent_of)
                .filter(|(_, sent)| sent.is_some())
                .map(|(doc, _)| doc)
                .collect(),
            sent: sent_of.into_iter().map(Option::unwrap_or_default).collect(),
            size: columns.u64(SIZE)?,
            held: columns.i64(HELD)?,
            sender: columns.str(SENDER)?,
            kind: columns.str(KIND)?,
            language: columns.str(LANGUAGE)?,
            attached: with(ATTACHED),
            body_unread: with(BODY_UNREAD),
            attachments_unread: with(ATTACHMENTS_UNREAD),
            by_date: OnceLock::new(),
            by_seq: OnceLock::new(),
            lengths: Mutex::default(),
            reader,
        })
    }

    /// Seq of a document.
    pub(crate) fn seq(&self, doc: u32) -> u64 {
        self.seqs.get(doc as usize).copied().unwrap_or_default()
    }

    /// Date of a document; 0 if it has none.
    pub(crate) fn sent(&self, doc: u32) -> i64 {
        self.sent.get(doc as usize).copied().unwrap_or_default()
    }

    /// Documents in the order of their date, those of one second in that of their seq.
    pub(crate) fn by_date(&self) -> &[u32] {
        self.by_date.get_or_init(|| {
            let mut docs: Vec<u32> = (0..self.docs).collect();
            docs.sort_unstable_by_key(|&doc| (self.sent(doc), self.seq(doc)));
            docs
        })
    }

    /// Documents that have a field, and the sum of their lengths as they are recorded.
    pub(crate) fn lengths(&self, field: Field) -> tantivy::Result<(u64, u64)> {
        let mut known = self.lengths.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lengths) = known.get(&field) {
            return Ok(*lengths);
        }
        let norms = self.reader.get_fieldnorms_reader(field)?;
        let (mut documents, mut length) = (0, 0);
        for doc in 0..self.docs {
            let norm = u64::from(norms.fieldnorm(doc));
            documents += u64::from(norm > 0);
            length += norm;
        }
        known.insert(field, (documents, length));
        Ok((documents, length))
    }

    /// Documents whose seq is in `wanted`.
    pub(crate) fn docs_of(&self, wanted: &RoaringTreemap) -> RoaringBitmap {
        let (seqs, docs) = self.in_order();
        let (Some(first), Some(last)) = (seqs.first(), seqs.last()) else {
            return RoaringBitmap::new();
        };
        // Both sides rise: one walk over them finds what is in both.
        let (mut found, mut at) = (Vec::new(), 0usize);
        for (high, low) in wanted.bitmaps() {
            let high = u64::from(high) << 32;
            let Ok(from) = u32::try_from(first.saturating_sub(high)) else {
                continue;
            };
            if *last < high {
                break;
            }
            let to = u32::try_from(last - high).unwrap_or(u32::MAX);
            for seq in low.range(from..=to).map(|low| high | u64::from(low)) {
                at += below(seqs.get(at..).unwrap_or_default(), seq);
                if seqs.get(at) == Some(&seq) {
                    found.push(at);
                }
            }
        }
        if self.rising {
            let docs = found.into_iter().map(|at| at as u32);
            return RoaringBitmap::from_sorted_iter(docs).unwrap_or_default();
        }
        let mut bits = vec![0u8; (self.docs as usize).div_ceil(8)];
        for doc in found.into_iter().filter_map(|at| docs.get(at)) {
            if let Some(byte) = bits.get_mut(*doc as usize / 8) {
                *byte |= 1 << (doc % 8);
            }
        }
        RoaringBitmap::from_lsb0_bytes(0, &bits)
    }

    /// Every seq in order, and the documents they are of; none where document follows document.
    fn in_order(&self) -> (&[u64], &[u32]) {
        if self.rising {
            return (&self.seqs, &[]);
        }
        let (seqs, docs) = self.by_seq.get_or_init(|| {
            let mut docs: Vec<u32> = (0..self.docs).collect();
            docs.sort_unstable_by_key(|&doc| self.seq(doc));
            (docs.iter().map(|&doc| self.seq(doc)).collect(), docs)
        });
        (seqs, docs)
    }

    /// The seqs of `docs`.
    pub(crate) fn seqs_of(&self, docs: &RoaringBitmap) -> RoaringTreemap {
        let mut seqs: Vec<u64> = docs.iter().map(|doc| self.seq(doc)).collect();
        if !self.rising {
            seqs.sort_unstable();
        }
        // Sorted, so that this cannot fail; duplicates, which would, are none by contract.
        seqs.dedup();
        RoaringTreemap::from_sorted_iter(seqs).unwrap_or_default()
    }

    /// Every document.
    pub(crate) fn everything(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.docs);
        all
    }
}

/// How many of `seqs`, which rise, are below `seq`; fast where they are few.
fn below(seqs: &[u64], seq: u64) -> usize {
    let mut end = 1;
    while seqs.get(end - 1).is_some_and(|&one| one < seq) {
        end *= 2;
    }
    let (from, to) = (end / 2, seqs.len().min(end - 1));
    from + seqs
        .get(from..to)
        .unwrap_or_default()
        .partition_point(|&one| one < seq)
}
