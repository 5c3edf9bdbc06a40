//! Which documents of a field hold given terms: alone, in a row, or with the last one
//! open. Everything is exact; nothing is cut off at a number of expansions.

use everpost_domain::text::Stem;
use roaring::RoaringBitmap;
use std::io;
use tantivy::index::InvertedIndexReader;
use tantivy::postings::{BlockSegmentPostings, Postings, SegmentPostings, TermInfo};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet, TERMINATED};

/// Documents that hold `terms`, adjacent and in order; if `open`, the last one is a prefix.
pub(crate) fn words(
    field: &InvertedIndexReader,
    terms: &[String],
    open: bool,
) -> io::Result<RoaringBitmap> {
    let Some((last, before)) = terms.split_last() else {
        return Ok(RoaringBitmap::new());
    };
    if before.is_empty() {
        return if open {
            prefix(field, last)
        } else {
            term(field, last.as_bytes())
        };
    }
    let fixed = if open { before } else { terms };
    let mut row = Vec::with_capacity(terms.len());
    // How far each term stands before the last, so that all positions fall on one.
    let mut distance = u32::try_from(terms.len()).map_err(io::Error::other)?;
    for term in fixed {
        distance -= 1;
        let Some(info) = field.terms().get(term.as_bytes())? else {
            return Ok(RoaringBitmap::new());
        };
        row.push(Placed::open(field, &info, distance)?);
    }
    let mut found = RoaringBitmap::new();
    if !open {
        in_a_row(row, None, &mut found);
        return Ok(found);
    }
    // One pass for each expansion, over the few documents where it can still tell
    // something: those with the words before it, not found yet. Expansions are mostly
    // rare terms, so most are done with a look at their documents, and memory stays that
    // of one phrase.
    let mut among = RoaringBitmap::new();
    in_a_row(row.clone(), None, &mut among);
    let mut open_term = Docs::default();
    each_with_prefix(field, last, |_, info| {
        let mut docs = RoaringBitmap::new();
        open_term.collect(field, info, &mut docs)?;
        docs &= &among;
        docs -= &found;
        if !docs.is_empty() {
            let mut row = row.clone();
            row.push(Placed::open(field, info, 0)?);
            in_a_row(row, Some(&docs), &mut found);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Documents that hold exactly `term`.
pub(crate) fn term(field: &InvertedIndexReader, term: &[u8]) -> io::Result<RoaringBitmap> {
    let mut found = RoaringBitmap::new();
    match field.terms().get(term)? {
        None => {}
        Some(info) if info.doc_freq > OFTEN => {
            let mut union = Union::default();
            union.add(field, &info)?;
            found = union.finish();
        }
        Some(info) => Docs::default().collect(field, &info, &mut found)?,
    }
    Ok(found)
}

/// Documents that hold a whole value that `matches`, among those starting with `start`.
pub(crate) fn matching(
    field: &InvertedIndexReader,
    start: &str,
    matches: impl Fn(&str) -> bool,
) -> io::Result<RoaringBitmap> {
    let mut union = Union::default();
    union.each(field, start, matches)?;
    Ok(union.finish())
}

/// Documents that hold a word with the stem that is looked for.
pub(crate) fn stems(field: &InvertedIndexReader, stem: &Stem) -> io::Result<RoaringBitmap> {
    let mut union = Union::default();
    for start in stem.prefixes() {
        union.each(field, start, |term| stem.matches(term))?;
    }
    Ok(union.finish())
}

fn prefix(field: &InvertedIndexReader, prefix: &str) -> io::Result<RoaringBitmap> {
    matching(field, prefix, |_| true)
}

/// Calls `then` with every term that begins with `prefix`, in order.
pub(crate) fn each_with_prefix(
    field: &InvertedIndexReader,
    prefix: &str,
    mut then: impl FnMut(&[u8], &TermInfo) -> io::Result<()>,
) -> io::Result<()> {
    let mut stream = field.terms().range().ge(prefix).into_stream()?;
    while stream.advance() && stream.key().starts_with(prefix.as_bytes()) {
        then(stream.key(), stream.value())?;
    }
    Ok(())
}

/// Reads the documents of term after term with one set of buffers.
#[derive(Default)]
pub(crate) struct Docs(Option<BlockSegmentPostings>);

impl Docs {
    /// Hands on all documents of a term, block by block.
    pub(crate) fn each(
        &mut self,
        field: &InvertedIndexReader,
        info: &TermInfo,
        mut then: impl FnMut(&[DocId]),
    ) -> io::Result<()> {
        let postings = match &mut self.0 {
            Some(postings) => {
                field.reset_block_postings_from_terminfo(info, postings)?;
                postings
            }
            empty => empty
                .insert(field.read_block_postings_from_terminfo(info, IndexRecordOption::Basic)?),
        };
        loop {
            let docs = postings.docs();
            if docs.is_empty() {
                return Ok(());
            }
            then(docs);
            postings.advance();
        }
    }

    /// Adds all documents of a term.
    pub(crate) fn collect(
        &mut self,
        field: &InvertedIndexReader,
        info: &TermInfo,
        found: &mut RoaringBitmap,
    ) -> io::Result<()> {
        self.each(field, info, |docs| found.extend(docs))
    }
}

/// From so many documents on, bits are set faster than a compressed bitmap is made.
const OFTEN: u32 = 2048;

/// The documents of many terms, or of a frequent one: bits first, for most terms of a dictionary are rare, and
/// putting each into a compressed bitmap by itself costs more than all the rest.
#[derive(Default)]
struct Union {
    docs: Docs,
    bits: Vec<u64>,
}

impl Union {
    fn each(
        &mut self,
        field: &InvertedIndexReader,
        start: &str,
        matches: impl Fn(&str) -> bool,
    ) -> io::Result<()> {
        each_with_prefix(field, start, |term, info| {
            if std::str::from_utf8(term).is_ok_and(&matches) {
                self.add(field, info)?;
            }
            Ok(())
        })
    }

    fn add(&mut self, field: &InvertedIndexReader, info: &TermInfo) -> io::Result<()> {
        let bits = &mut self.bits;
        self.docs.each(field, info, |docs| {
            for &doc in docs {
                let word = (doc / 64) as usize;
                if word >= bits.len() {
                    bits.resize(word + 1, 0);
                }
                if let Some(word) = bits.get_mut(word) {
                    *word |= 1 << (doc % 64);
                }
            }
        })
    }

    fn finish(self) -> RoaringBitmap {
        let bytes: Vec<u8> = self
            .bits
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        RoaringBitmap::from_lsb0_bytes(0, &bytes)
    }
}

/// A term of a phrase.
#[derive(Clone)]
struct Placed {
    postings: SegmentPostings,
    distance: u32,
}

impl Placed {
    fn open(field: &InvertedIndexReader, info: &TermInfo, distance: u32) -> io::Result<Self> {
        let option = IndexRecordOption::WithFreqsAndPositions;
        let postings = field.read_postings_from_terminfo(info, option)?;
        Ok(Placed { postings, distance })
    }
}

/// Adds the documents, of those in `among` if given, where all terms of `row` stand at
/// their distances.
fn in_a_row(mut row: Vec<Placed>, among: Option<&RoaringBitmap>, found: &mut RoaringBitmap) {
    // The rarest leads, the others follow.
    row.sort_by_key(|placed| placed.postings.size_hint());
    let (mut common, mut other) = (Vec::new(), Vec::new());
    let mut candidates = among.map(RoaringBitmap::iter);
    let mut next = 0;
    loop {
        if let Some(candidates) = &mut candidates {
            candidates.advance_to(next);
            let Some(candidate) = candidates.next() else {
                return;
            };
            next = candidate;
        }
        let doc = align(&mut row, next);
        if doc == TERMINATED {
            return;
        }
        next = doc + 1;
        if among.is_some_and(|among| !among.contains(doc)) {
            continue;
        }
        let mut first = true;
        for Placed { postings, distance } in &mut row {
            if first {
                postings.positions_with_offset(*distance, &mut common);
                first = false;
            } else {
                postings.positions_with_offset(*distance, &mut other);
                keep_common(&mut common, &other);
            }
            if common.is_empty() {
                break;
            }
        }
        if !common.is_empty() {
            found.insert(doc);
        }
    }
}

/// The first document at or after `from` that is in all postings, which then stand on it.
fn align(row: &mut [Placed], from: DocId) -> DocId {
    let mut target = from;
    loop {
        let mut all = true;
        for Placed { postings, .. } in row.iter_mut() {
            if postings.doc() < target {
                postings.seek(target);
            }
            let doc = postings.doc();
            if doc == TERMINATED {
                return TERMINATED;
            }
            if doc > target {
                target = doc;
                all = false;
                break;
            }
        }
        if all {
            return target;
        }
    }
}

/// Keeps of `common` what `other` has too; both rise.
fn keep_common(common: &mut Vec<u32>, other: &[u32]) {
    let mut other = other.iter().peekable();
    common.retain(|position| {
        while other.next_if(|at| *at < position).is_some() {}
        other.peek() == Some(&position)
    });
}
