//! How well a copy answers: BM25 over the words of subject, body and attachments.
//!
//! Each word of a test that is not below a NOT counts by itself, those of a phrase too; an
//! open word or a stem counts as one word with all its forms, met once. Statistics are of
//! the live documents of all splits, and lengths are those that splits record (rounded to
//! a byte), so that a score does not depend on how documents are spread over splits.

use super::matches::Found;
use super::postings;
use super::schema::{Fields, schema};
use super::search::{Part, Searcher};
use super::split::Opened;
use super::{IndexError, error::guarded};
use everpost_domain::query::{Field, Operand, Query, Test};
use everpost_domain::text::{Language, Stem};
use rayon::prelude::*;
use roaring::RoaringBitmap;
use std::collections::BTreeSet;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::schema::{Field as Handle, IndexRecordOption};

/// How much more a word in the subject tells than one in a text.
const SUBJECT_WEIGHT: f32 = 3.0;
/// BM25's saturation and weight of length, at their usual values.
const K1: f32 = 1.2;
const B: f32 = 0.75;
/// Parts of one in which scores are counted, so that they are compared exactly.
const UNIT: f32 = 65_536.0;

/// What counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Term(String),
    Open(String),
    Stem(Option<Language>, String),
}

/// A word in a field.
struct Scored {
    word: Word,
    handle: Handle,
    weight: f32,
}

/// One split's numbers: live documents with each word, live documents with each field, and
/// their length.
struct Counts {
    live: u64,
    with: Vec<u64>,
    forms: Vec<Option<RoaringBitmap>>,
    lengths: Vec<(u64, u64)>,
}

/// Scores of each split's documents; `None` where no word counts, and all are 0.
pub(super) fn scores(
    searcher: &Searcher,
    query: &Query,
    found: &[Found],
) -> Result<Option<Vec<Vec<u32>>>, IndexError> {
    let fields = schema().1;
    let mut words = BTreeSet::new();
    collect(query, &mut words);
    let scored: Vec<Scored> = words
        .into_iter()
        .flat_map(|(field, word)| {
            fields_of(&fields, field)
                .iter()
                .map(move |&(handle, weight)| Scored {
                    word: word.clone(),
                    handle,
                    weight,
                })
                .collect::<Vec<_>>()
        })
        .collect();
    if scored.is_empty() || found.iter().all(|found| found.matched.is_empty()) {
        return Ok(None);
    }
    let counts = searcher
        .parts
        .par_iter()
        .map(|part| count(part, &scored))
        .collect::<Result<Vec<Counts>, IndexError>>()?;
    let live: u64 = counts.iter().map(|counts| counts.live).sum();
    let sum = |of: &dyn Fn(&Counts) -> Option<u64>| -> u64 { counts.iter().filter_map(of).sum() };
    let weights: Vec<(f32, f32)> = (0..scored.len())
        .map(|at| {
            let with = sum(&|counts| counts.with.get(at).copied()) as f32;
            let documents = sum(&|counts| Some(counts.lengths.get(at)?.0)) as f32;
            let length = sum(&|counts| Some(counts.lengths.get(at)?.1)) as f32;
            let idf = ((live as f32 - with + 0.5) / (with + 0.5)).ln_1p();
            (idf, (length / documents.max(1.0)).max(1.0))
        })
        .collect();
    found
        .par_iter()
        .map(|found| {
            let Some(counts) = counts.get(found.part).filter(|_| !found.matched.is_empty()) else {
                return Ok(Vec::new());
            };
            guarded(found.id, || {
                add_up(&found.opened, &scored, &weights, &counts.forms)
                    .map_err(|error| IndexError::from_engine(found.id, error))
            })
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

/// Words of tests that speak for a copy.
fn collect(query: &Query, words: &mut BTreeSet<(Field, Word)>) {
    let test = match query {
        Query::And(parts) | Query::Or(parts) => {
            parts.iter().for_each(|part| collect(part, words));
            return;
        }
        Query::Not(_) => return,
        Query::Test(test) => test,
    };
    let mut side = |field: Field, operand: &Operand| match operand {
        Operand::Words(terms) => {
            words.extend(terms.iter().map(|term| (field, Word::Term(term.clone()))));
        }
        Operand::Prefix(terms) => {
            if let Some((last, before)) = terms.split_last() {
                words.extend(before.iter().map(|term| (field, Word::Term(term.clone()))));
                words.insert((field, Word::Open(last.clone())));
            }
        }
        Operand::Stem { language, word } => {
            words.insert((field, Word::Stem(*language, word.clone())));
        }
    };
    match test {
        Test::Words { field, terms } => side(*field, &Operand::Words(terms.clone())),
        Test::Prefix { field, terms } => side(*field, &Operand::Prefix(terms.clone())),
        Test::Stem {
            field,
            language,
            word,
        } => side(
            *field,
            &Operand::Stem {
                language: *language,
                word: word.clone(),
            },
        ),
        Test::Near {
            field, left, right, ..
        } => {
            side(*field, left);
            side(*field, right);
        }
        _ => {}
    }
}

fn fields_of(fields: &Fields, field: Field) -> Vec<(Handle, f32)> {
    let (subject, body, attachment) = (
        (fields.subject, SUBJECT_WEIGHT),
        (fields.body, 1.0),
        (fields.attachment, 1.0),
    );
    match field {
        Field::Any => vec![subject, body, attachment],
        Field::Subject => vec![subject],
        Field::Body => vec![body],
        Field::Attachment => vec![attachment],
        // Names and addresses are there or not.
        _ => Vec::new(),
    }
}

fn count(part: &Part, scored: &[Scored]) -> Result<Counts, IndexError> {
    let opened = part.split.opened()?;
    let id = part.split.id();
    let dead = part.dead_docs(&opened);
    guarded(id, || {
        let mut counts = Counts {
            live: u64::from(opened.docs) - dead.len(),
            with: Vec::new(),
            forms: Vec::new(),
            lengths: Vec::new(),
        };
        let mut fill = || -> tantivy::Result<()> {
            for one in scored {
                let index = opened.reader.inverted_index(one.handle)?;
                let forms = match &one.word {
                    Word::Term(term) if dead.is_empty() => {
                        let info = index.terms().get(term.as_bytes())?;
                        counts
                            .with
                            .push(info.map_or(0, |info| u64::from(info.doc_freq)));
                        counts.forms.push(None);
                        counts.lengths.push(lengths(&opened, one.handle, &dead)?);
                        continue;
                    }
                    Word::Term(term) => postings::term(&index, term.as_bytes())?,
                    Word::Open(start) => {
                        postings::words(&index, std::slice::from_ref(start), true)?
                    }
                    Word::Stem(language, word) => {
                        postings::stems(&index, &Stem::new(*language, word))?
                    }
                };
                counts.with.push((&forms - &dead).len());
                let open = !matches!(one.word, Word::Term(_));
                counts.forms.push(open.then_some(forms));
                counts.lengths.push(lengths(&opened, one.handle, &dead)?);
            }
            Ok(())
        };
        fill().map_err(|error| IndexError::from_engine(id, error))?;
        Ok(counts)
    })
}

/// Live documents with a field, and the sum of their lengths.
fn lengths(opened: &Opened, handle: Handle, dead: &RoaringBitmap) -> tantivy::Result<(u64, u64)> {
    let norms = opened.reader.get_fieldnorms_reader(handle)?;
    let (mut documents, mut length) = opened.lengths(handle)?;
    for doc in dead {
        let norm = u64::from(norms.fieldnorm(doc));
        documents -= u64::from(norm > 0);
        length -= norm;
    }
    Ok((documents, length))
}

fn add_up(
    opened: &Opened,
    scored: &[Scored],
    weights: &[(f32, f32)],
    forms: &[Option<RoaringBitmap>],
) -> tantivy::Result<Vec<u32>> {
    let mut scores = vec![0f32; opened.docs as usize];
    for ((one, &(idf, average)), forms) in scored.iter().zip(weights).zip(forms) {
        let norms = opened.reader.get_fieldnorms_reader(one.handle)?;
        // What length does, for each of the 256 lengths there are.
        let by_length: Vec<f32> = (0..=u8::MAX)
            .map(|id| {
                let length = FieldNormReader::id_to_fieldnorm(id) as f32;
                K1 * (1.0 - B + B * length / average)
            })
            .collect();
        let mut add = |doc: u32, times: f32| {
            let length = by_length
                .get(usize::from(norms.fieldnorm_id(doc)))
                .copied()
                .unwrap_or(K1);
            if let Some(score) = scores.get_mut(doc as usize) {
                *score += one.weight * idf * times * (K1 + 1.0) / (times + length);
            }
        };
        if let Some(forms) = forms {
            forms.iter().for_each(|doc| add(doc, 1.0));
            continue;
        }
        let Word::Term(term) = &one.word else {
            continue;
        };
        let index = opened.reader.inverted_index(one.handle)?;
        let Some(info) = index.terms().get(term.as_bytes())? else {
            continue;
        };
        let mut postings =
            index.read_block_postings_from_terminfo(&info, IndexRecordOption::WithFreqs)?;
        while !postings.docs().is_empty() {
            for (doc, times) in postings.docs().iter().zip(postings.freqs()) {
                add(*doc, *times as f32);
            }
            postings.advance();
        }
    }
    // Rounding is the same wherever a document lies; no score reaches the limit.
    Ok(scores
        .into_iter()
        .map(|score| (score * UNIT) as u32)
        .collect())
}
