//! Addresses that begin as somebody types.

use super::IndexError;
use super::document::address_term;
use super::error::guarded;
use super::facets::values;
use super::postings::{self, Docs};
use super::schema::schema;
use super::search::{Part, Searcher};
use everpost_domain::text::{fold_exact, terms_of};
use rayon::prelude::*;
use roaring::{RoaringBitmap, RoaringTreemap};
use std::collections::HashMap;

/// An address and in how many copies it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The address, folded.
    pub address: String,
    /// Copies that have it in From, Sender, To, Cc or Bcc, each field counted by itself;
    /// of one suggested for the name beside it, copies that it wrote.
    pub count: u64,
}

impl Searcher {
    /// At most `limit` addresses of visible copies that begin with `prefix`, or whose author's
    /// name or address has a word that does; the most frequent first.
    pub fn suggest(
        &self,
        prefix: &str,
        visible: Option<&RoaringTreemap>,
        hidden: Option<&RoaringTreemap>,
        limit: usize,
    ) -> Result<Vec<Suggestion>, IndexError> {
        let address = fold_exact(prefix.trim());
        if address.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        // Names that begin with one letter would be half of all.
        let words = match prefix.trim().chars().nth(1) {
            Some(_) => terms_of(prefix),
            None => Vec::new(),
        };
        let counted = self
            .parts
            .par_iter()
            .map(|part| count(part, &address, &words, visible, hidden))
            .collect::<Result<Vec<_>, IndexError>>()?;
        let mut all: HashMap<String, u64> = HashMap::new();
        for (address, count) in counted.into_iter().flatten() {
            *all.entry(address).or_default() += count;
        }
        let mut all: Vec<Suggestion> = all
            .into_iter()
            .map(|(address, count)| Suggestion { address, count })
            .collect();
        let order = |a: &Suggestion, b: &Suggestion| {
            b.count
                .cmp(&a.count)
                .then_with(|| a.address.cmp(&b.address))
        };
        if limit < all.len() {
            all.select_nth_unstable_by(limit, order);
            all.truncate(limit);
        }
        all.sort_unstable_by(order);
        Ok(all)
    }
}

/// One split's addresses.
fn count(
    part: &Part,
    address: &str,
    words: &[String],
    visible: Option<&RoaringTreemap>,
    hidden: Option<&RoaringTreemap>,
) -> Result<HashMap<String, u64>, IndexError> {
    let opened = part.split.opened()?;
    let id = part.split.id();
    let mut seen: Option<RoaringBitmap> = visible.map(|visible| opened.docs_of(visible));
    let mut gone = part.dead_docs(&opened);
    if let Some(hidden) = hidden {
        gone |= opened.docs_of(hidden);
    }
    if !gone.is_empty() {
        *seen.get_or_insert_with(|| opened.everything()) -= gone;
    }
    let seen = seen.as_ref();
    if seen.is_some_and(RoaringBitmap::is_empty) {
        return Ok(HashMap::new());
    }
    let fields = schema().1;
    guarded(id, || {
        let fill = || -> tantivy::Result<HashMap<String, u64>> {
            let mut found: HashMap<String, u64> = HashMap::new();
            let start = address_term(address);
            for handle in [fields.from_x, fields.to_x, fields.cc_x, fields.bcc_x] {
                let index = opened.reader.inverted_index(handle)?;
                let mut docs = Docs::default();
                postings::each_with_prefix(&index, &start, |term, info| {
                    let count = match seen {
                        None => u64::from(info.doc_freq),
                        Some(seen) => {
                            let mut count = 0;
                            docs.each(&index, info, |docs| {
                                let here = docs.iter().filter(|doc| seen.contains(**doc));
                                count += here.count() as u64;
                            })?;
                            count
                        }
                    };
                    let address = std::str::from_utf8(term)
                        .ok()
                        .and_then(|term| term.strip_prefix(address_term("").as_str()));
                    if let Some(address) = address.filter(|_| count > 0) {
                        match found.get_mut(address) {
                            Some(all) => *all += count,
                            None => drop(found.insert(address.to_owned(), count)),
                        }
                    }
                    Ok(())
                })?;
            }
            if !words.is_empty() {
                let index = opened.reader.inverted_index(fields.from)?;
                let mut docs = postings::words(&index, words, true)?;
                if let Some(seen) = seen {
                    docs &= seen;
                }
                for (address, count) in values(opened.sender.as_ref(), &docs)? {
                    found.entry(address).or_insert(count);
                }
            }
            Ok(found)
        };
        fill().map_err(|error| IndexError::from_engine(id, error))
    })
}
