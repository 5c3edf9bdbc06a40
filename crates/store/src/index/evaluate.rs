//! Evaluates a query on one split, with three values.

use super::document::{address_term, domain_term};
use super::glob;
use super::plan::Plan;
use super::postings;
use super::schema::Fields;
use super::split::Opened;
use everpost_domain::query::{Field, Test};
use roaring::{RoaringBitmap, RoaringTreemap};
use std::ops::RangeInclusive;
use tantivy::fastfield::Column;
use tantivy::schema::Field as Handle;

/// For which documents something holds, and for which it may. `may` is `None` where
/// nothing is unknown, which is the common case and saves the work.
pub(crate) struct Truth {
    pub(crate) holds: RoaringBitmap,
    may: Option<RoaringBitmap>,
}

impl Truth {
    fn known(holds: RoaringBitmap) -> Self {
        Truth { holds, may: None }
    }

    fn may(&self) -> &RoaringBitmap {
        self.may.as_ref().unwrap_or(&self.holds)
    }

    /// Documents for which it is unknown.
    pub(crate) fn unknown(&self) -> RoaringBitmap {
        self.may
            .as_ref()
            .map(|may| may - &self.holds)
            .unwrap_or_default()
    }
}

/// Evaluates plans on one split.
pub(crate) struct Evaluator<'s> {
    pub(crate) split: &'s Opened,
    pub(crate) fields: Fields,
}

impl Evaluator<'_> {
    /// Kleene's logic: an unknown stays one unless the others decide.
    pub(crate) fn truth(&self, plan: &Plan<'_>) -> tantivy::Result<Truth> {
        match plan {
            Plan::And(parts) => {
                let mut all = Truth::known(self.everything());
                for part in parts {
                    if all.may().is_empty() {
                        break;
                    }
                    let truth = self.truth(part)?;
                    all.may = match (&all.may, &truth.may) {
                        (None, None) => None,
                        _ => Some(all.may() & truth.may()),
                    };
                    all.holds &= truth.holds;
                }
                Ok(all)
            }
            Plan::Or(parts) => {
                let mut any = Truth::known(RoaringBitmap::new());
                for part in parts {
                    let truth = self.truth(part)?;
                    any.may = match (&any.may, &truth.may) {
                        (None, None) => None,
                        _ => Some(any.may() | truth.may()),
                    };
                    any.holds |= truth.holds;
                }
                Ok(any)
            }
            Plan::Not(part) => {
                let truth = self.truth(part)?;
                Ok(Truth {
                    holds: self.everything() - truth.may(),
                    may: truth
                        .may
                        .is_some()
                        .then(|| self.everything() - &truth.holds),
                })
            }
            Plan::Set(seqs) => Ok(Truth::known(self.docs_of(seqs))),
            Plan::Name(start, pattern) => {
                let index = self.split.reader.inverted_index(self.fields.name)?;
                let docs = postings::matching(&index, start, |name| glob::matches(pattern, name))?;
                Ok(Truth::known(docs))
            }
            Plan::Test(test) => self.test(test),
        }
    }

    fn test(&self, test: &Test) -> tantivy::Result<Truth> {
        let known = match test {
            Test::Words { field, terms } => return self.words(*field, terms, false),
            Test::Prefix { field, terms } => return self.words(*field, terms, true),
            Test::Address { field, address } => self.exact(*field, &address_term(address))?,
            Test::Domain { field, domain } => self.exact(*field, &domain_term(domain))?,
            Test::MessageId(id) => self.term(self.fields.msgid, id.as_bytes())?,
            Test::Sent { from, until } => {
                let last = until.map_or(Some(i64::MAX), |until| until.checked_sub(1));
                self.between(&self.split.sent, from.unwrap_or(i64::MIN), last)
            }
            Test::Size { from, until } => {
                let last = until.map_or(Some(u64::MAX), |until| until.checked_sub(1));
                self.between(&self.split.size, from.unwrap_or(0), last)
            }
            Test::HasAttachment => self.split.attached.clone(),
            // The plan turned these into others.
            Test::Filename(_) | Test::Mailbox(_) | Test::Folder(_) => RoaringBitmap::new(),
            // Not in this schema.
            Test::Stem { .. }
            | Test::Near { .. }
            | Test::Held { .. }
            | Test::Age { .. }
            | Test::AttachmentType(_)
            | Test::Language(_)
            | Test::Header { .. }
            | Test::Tag(_)
            | Test::Server(_)
            | Test::Flag(_)
            | Test::Group { .. } => RoaringBitmap::new(),
        };
        Ok(Truth::known(known))
    }

    /// Words in the text of a copy some of whose parts were not read are unknown there
    /// unless they are found; header fields are always known.
    fn words(&self, field: Field, terms: &[String], open: bool) -> tantivy::Result<Truth> {
        let f = &self.fields;
        let handles: &[Handle] = match field {
            Field::Any => &[f.body, f.subject, f.from, f.to, f.cc, f.bcc, f.filename],
            Field::Subject => &[f.subject],
            Field::From => &[f.from],
            Field::To => &[f.to],
            Field::Cc => &[f.cc],
            Field::Bcc => &[f.bcc],
            Field::Body => &[f.body],
            Field::Filename => &[f.filename],
            Field::Attachment | Field::List => &[],
        };
        let mut holds = RoaringBitmap::new();
        for &handle in handles {
            let index = self.split.reader.inverted_index(handle)?;
            holds |= postings::words(&index, terms, open)?;
        }
        let text = matches!(field, Field::Any | Field::Body);
        let may = (text && !self.split.unread.is_empty()).then(|| &holds | &self.split.unread);
        Ok(Truth { holds, may })
    }

    fn exact(&self, field: Field, term: &str) -> tantivy::Result<RoaringBitmap> {
        let f = &self.fields;
        let handles: &[Handle] = match field {
            Field::Any => &[f.from_x, f.to_x, f.cc_x, f.bcc_x],
            Field::From => &[f.from_x],
            Field::To => &[f.to_x],
            Field::Cc => &[f.cc_x],
            Field::Bcc => &[f.bcc_x],
            // Subjects, texts and file names have no addresses.
            Field::Subject | Field::Body | Field::Filename | Field::Attachment | Field::List => &[],
        };
        let mut holds = RoaringBitmap::new();
        for &handle in handles {
            holds |= self.term(handle, term.as_bytes())?;
        }
        Ok(holds)
    }

    fn term(&self, handle: Handle, term: &[u8]) -> tantivy::Result<RoaringBitmap> {
        let index = self.split.reader.inverted_index(handle)?;
        Ok(postings::term(&index, term)?)
    }

    /// Documents with a value from `first` to `last`; a document without one is in none.
    fn between<T>(&self, column: &Column<T>, first: T, last: Option<T>) -> RoaringBitmap
    where
        T: PartialOrd + Copy + std::fmt::Debug + Send + Sync + 'static,
    {
        let Some(last) = last.filter(|last| first <= *last) else {
            return RoaringBitmap::new();
        };
        let range: RangeInclusive<T> = first..=last;
        (0..self.split.docs)
            .filter(|&doc| {
                column
                    .first(doc)
                    .is_some_and(|value| range.contains(&value))
            })
            .collect()
    }

    /// Documents whose seq is in `seqs`.
    fn docs_of(&self, seqs: &RoaringTreemap) -> RoaringBitmap {
        (0..self.split.docs)
            .filter(|&doc| {
                self.split
                    .seq
                    .first(doc)
                    .is_some_and(|seq| seqs.contains(seq))
            })
            .collect()
    }

    fn everything(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.split.docs);
        all
    }

    /// The seqs of `docs`.
    pub(crate) fn seqs_of(&self, docs: &RoaringBitmap) -> RoaringTreemap {
        let mut seqs: Vec<u64> = docs
            .iter()
            .filter_map(|doc| self.split.seq.first(doc))
            .collect();
        if !self.split.rising {
            seqs.sort_unstable();
        }
        // Sorted, so that this cannot fail; duplicates, which would, are none by contract.
        seqs.dedup();
        RoaringTreemap::from_sorted_iter(seqs).unwrap_or_default()
    }
}
