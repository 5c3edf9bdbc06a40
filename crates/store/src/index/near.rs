//! Which documents hold two words, phrases, prefixes or stems near one another. Exact:
//! the positions of every form are read, of the documents only that hold both sides.

use super::postings::{self, Docs};
use everpost_domain::query::Operand;
use everpost_domain::text::Stem;
use roaring::RoaringBitmap;
use std::io;
use tantivy::index::InvertedIndexReader;
use tantivy::postings::{Postings, TermInfo};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, TERMINATED};

/// Places in all documents, rising: document in the upper half, position in the lower.
type Places = Vec<u64>;

/// Where an operand stands: its first terms, and how many terms it has.
struct Spans {
    starts: Places,
    length: u64,
}

/// Documents in which the later of the operands begins at most `distance` positions after
/// the end of the earlier, in one value of the field.
pub(crate) fn near(
    field: &InvertedIndexReader,
    left: &Operand,
    right: &Operand,
    distance: u32,
) -> io::Result<RoaringBitmap> {
    let among = docs(field, left)? & docs(field, right)?;
    if among.is_empty() {
        return Ok(among);
    }
    let (left, right) = (spans(field, left, &among)?, spans(field, right, &among)?);
    let mut found = RoaringBitmap::new();
    follows(&left, &right, distance, &mut found);
    follows(&right, &left, distance, &mut found);
    Ok(found)
}

/// Adds the documents in which `later` begins soon after the end of `earlier`.
fn follows(earlier: &Spans, later: &Spans, distance: u32, found: &mut RoaringBitmap) {
    let mut starts = later.starts.iter().peekable();
    for first in &earlier.starts {
        let end = first + earlier.length - 1;
        while starts.next_if(|start| **start <= end).is_some() {}
        let Some(start) = starts.peek() else {
            return;
        };
        if **start >> 32 == end >> 32 && **start - end <= u64::from(distance) {
            found.insert((end >> 32) as u32);
        }
    }
}

fn docs(field: &InvertedIndexReader, operand: &Operand) -> io::Result<RoaringBitmap> {
    match operand {
        Operand::Words(terms) => postings::words(field, terms, false),
        Operand::Prefix(terms) => postings::words(field, terms, true),
        Operand::Stem { language, word } => postings::stems(field, &Stem::new(*language, word)),
    }
}

fn spans(
    field: &InvertedIndexReader,
    operand: &Operand,
    among: &RoaringBitmap,
) -> io::Result<Spans> {
    let mut reader = Reader {
        field,
        among,
        docs: Docs::default(),
        positions: Vec::new(),
    };
    let (fixed, open): (&[String], Option<&String>) = match operand {
        Operand::Words(terms) => (terms, None),
        Operand::Prefix(terms) => match terms.split_last() {
            Some((last, before)) => (before, Some(last)),
            None => (&[], None),
        },
        Operand::Stem { language, word } => {
            let stem = Stem::new(*language, word);
            let starts: Vec<&str> = stem.prefixes().iter().map(String::as_str).collect();
            return Ok(Spans {
                starts: reader.forms(&starts, |term| stem.matches(term))?,
                length: 1,
            });
        }
    };
    let mut starts: Option<Places> = None;
    let mut length = 0;
    let mut join = |places: Places| {
        match &mut starts {
            None => starts = Some(places),
            Some(starts) => {
                let mut places = places.into_iter().peekable();
                starts.retain(|start| {
                    while places.next_if(|place| *place < start + length).is_some() {}
                    places.peek() == Some(&(start + length))
                });
            }
        }
        length += 1;
    };
    for term in fixed {
        join(reader.term(term)?);
    }
    if let Some(open) = open {
        join(reader.forms(&[open.as_str()], |_| true)?);
    }
    Ok(Spans {
        starts: starts.unwrap_or_default(),
        length: length.max(1),
    })
}

/// Reads positions in some documents.
struct Reader<'a> {
    field: &'a InvertedIndexReader,
    among: &'a RoaringBitmap,
    docs: Docs,
    positions: Vec<u32>,
}

impl Reader<'_> {
    fn term(&mut self, term: &str) -> io::Result<Places> {
        let mut places = Places::new();
        if let Some(info) = self.field.terms().get(term.as_bytes())? {
            self.places(&info, &mut places)?;
        }
        Ok(places)
    }

    /// Places of all terms that begin with one of `starts` and that `wanted` takes.
    fn forms(&mut self, starts: &[&str], wanted: impl Fn(&str) -> bool) -> io::Result<Places> {
        let mut places = Places::new();
        let (field, among) = (self.field, self.among);
        for start in starts {
            postings::each_with_prefix(field, start, |term, info| {
                if !std::str::from_utf8(term).is_ok_and(&wanted) {
                    return Ok(());
                }
                // Most forms are rare and elsewhere; that is seen without their positions.
                let mut here = false;
                self.docs.each(field, info, |docs| {
                    here = here || docs.iter().any(|doc| among.contains(*doc));
                })?;
                if here {
                    self.places(info, &mut places)?;
                }
                Ok(())
            })?;
        }
        places.sort_unstable();
        places.dedup();
        Ok(places)
    }

    fn places(&mut self, info: &TermInfo, places: &mut Places) -> io::Result<()> {
        let option = IndexRecordOption::WithFreqsAndPositions;
        let mut postings = self.field.read_postings_from_terminfo(info, option)?;
        let mut wanted = self.among.iter();
        loop {
            wanted.advance_to(postings.doc());
            let Some(doc) = wanted.next() else {
                return Ok(());
            };
            if postings.doc() < doc {
                postings.seek(doc);
            }
            match postings.doc() {
                TERMINATED => return Ok(()),
                at if at == doc => {
                    postings.positions(&mut self.positions);
                    let document = u64::from(doc) << 32;
                    places.extend(self.positions.iter().map(|at| document | u64::from(*at)));
                }
                _ => {}
            }
        }
    }
}
