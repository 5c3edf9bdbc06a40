//! Evaluates a query on one split, with three values.

use super::document::{address_term, domain_term};
use super::near::near;
use super::plan::Plan;
use super::postings;
use super::schema::{Fields, schema};
use super::split::Opened;
use super::tokens::NAME_END;
use everpost_domain::query::glob;
use everpost_domain::query::{Field, Test};
use everpost_domain::text::Stem;
use roaring::RoaringBitmap;
use std::fmt::Debug;
use std::io;
use std::ops::RangeInclusive;
use tantivy::fastfield::Column;
use tantivy::index::InvertedIndexReader;
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
    split: &'s Opened,
    fields: Fields,
}

impl<'s> Evaluator<'s> {
    pub(crate) fn new(split: &'s Opened) -> Self {
        Evaluator {
            split,
            fields: schema().1,
        }
    }

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
            Plan::Set(seqs) => Ok(Truth::known(self.split.docs_of(seqs))),
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
            Test::Words { field, terms } => {
                return self.texts(*field, |index| postings::words(index, terms, false));
            }
            Test::Prefix { field, terms } => {
                return self.texts(*field, |index| postings::words(index, terms, true));
            }
            Test::Stem {
                field,
                language,
                word,
            } => {
                let stem = Stem::new(*language, word);
                return self.texts(*field, |index| postings::stems(index, &stem));
            }
            Test::Near {
                field,
                left,
                right,
                distance,
            } => return self.texts(*field, |index| near(index, left, right, *distance)),
            Test::Address { field, address } => self.exact(*field, &address_term(address))?,
            Test::Domain { field, domain } => self.exact(*field, &domain_term(domain))?,
            Test::MessageId(id) => self.term(self.fields.msgid, id.as_bytes())?,
            Test::AttachmentType(kind) => self.term(self.fields.kind, kind.as_bytes())?,
            Test::Language(code) => self.term(self.fields.language, code.as_bytes())?,
            Test::Header { name, terms, open } => {
                let terms: Vec<String> = terms
                    .iter()
                    .map(|term| format!("{name}{NAME_END}{term}"))
                    .collect();
                let index = self.split.reader.inverted_index(self.fields.header)?;
                postings::words(&index, &terms, *open)?
            }
            Test::Sent { from, until } => match bounds(*from, *until) {
                Some(range) => self.sent(range),
                None => RoaringBitmap::new(),
            },
            Test::Held { from, until } => match bounds(*from, *until) {
                Some(range) => self.between(&self.split.held, range),
                None => RoaringBitmap::new(),
            },
            Test::Size { from, until } => {
                let last = until.map_or(Some(u64::MAX), |until| until.checked_sub(1));
                match last.map(|last| from.unwrap_or(0)..=last) {
                    Some(range) => self.between(&self.split.size, range),
                    None => RoaringBitmap::new(),
                }
            }
            Test::HasAttachment => self.split.attached.clone(),
            // The plan turned these into others.
            Test::Filename(_)
            | Test::Mailbox(_)
            | Test::Folder(_)
            | Test::Tag(_)
            | Test::Server(_)
            | Test::Flag(_) => RoaringBitmap::new(),
            Test::Age { .. } | Test::Group { .. } => {
                return Err(tantivy::TantivyError::InvalidArgument(
                    "the query was not lowered".to_owned(),
                ));
            }
        };
        Ok(Truth::known(known))
    }

    /// Words in texts some of which were not read are unknown there unless they are found;
    /// header fields are always known.
    fn texts(
        &self,
        field: Field,
        look: impl Fn(&InvertedIndexReader) -> io::Result<RoaringBitmap>,
    ) -> tantivy::Result<Truth> {
        let (f, split) = (&self.fields, self.split);
        let (body, attachments) = (&split.body_unread, &split.attachments_unread);
        let (handles, unread): (&[Handle], &[&RoaringBitmap]) = match field {
            Field::Any => (
                &[
                    f.body,
                    f.subject,
                    f.from,
                    f.to,
                    f.cc,
                    f.bcc,
                    f.filename,
                    f.attachment,
                ],
                &[body, attachments],
            ),
            Field::Subject => (&[f.subject], &[]),
            Field::From => (&[f.from], &[]),
            Field::To => (&[f.to], &[]),
            Field::Cc => (&[f.cc], &[]),
            Field::Bcc => (&[f.bcc], &[]),
            Field::Body => (&[f.body], &[body]),
            Field::Filename => (&[f.filename], &[]),
            Field::Attachment => (&[f.attachment], &[attachments]),
            Field::List => (&[f.list], &[]),
        };
        let mut holds = RoaringBitmap::new();
        for &handle in handles {
            let index = self.split.reader.inverted_index(handle)?;
            holds |= look(&index)?;
        }
        let mut may = None;
        for unread in unread.iter().filter(|unread| !unread.is_empty()) {
            *may.get_or_insert_with(|| holds.clone()) |= *unread;
        }
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

    /// Documents with a value in `range`; a document without one is in none.
    fn between<T>(&self, column: &Column<T>, range: RangeInclusive<T>) -> RoaringBitmap
    where
        T: PartialOrd + Copy + Debug + Send + Sync + 'static,
    {
        let mut docs = Vec::new();
        // Asked also because the engine takes a range below all values for their least one.
        let meets = *range.start() <= column.max_value() && *range.end() >= column.min_value();
        if meets && !range.is_empty() {
            column.get_docids_for_value_range(range, 0..self.split.docs, &mut docs);
        }
        docs.into_iter().collect()
    }

    /// Documents sent in `range`.
    fn sent(&self, range: RangeInclusive<i64>) -> RoaringBitmap {
        let dates = (0..).zip(&self.split.sent);
        let docs = dates.filter(|(_, sent)| range.contains(sent));
        docs.map(|(doc, _)| doc).collect::<RoaringBitmap>() & &self.split.dated
    }

    fn everything(&self) -> RoaringBitmap {
        self.split.everything()
    }
}

/// What lies from `from` on and before `until`; none if nothing can.
fn bounds(from: Option<i64>, until: Option<i64>) -> Option<RangeInclusive<i64>> {
    let last = until.map_or(Some(i64::MAX), |until| until.checked_sub(1))?;
    Some(from.unwrap_or(i64::MIN)..=last)
}
