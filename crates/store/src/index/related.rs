//! Copies that speak of the same messages: those that are named by Message-IDs, and those
//! that answer them.

use super::IndexError;
use super::error::guarded;
use super::postings;
use super::schema::schema;
use super::search::{Part, Searcher};
use everpost_domain::digest::Digest;
use rayon::prelude::*;
use roaring::{RoaringBitmap, RoaringTreemap};
use std::collections::BTreeSet;

/// The term of a Message-ID in References or In-Reply-To: eight bytes of its digest, for
/// these ids are many and long, and who is found is looked at again.
pub(crate) fn answer_term(id: &[u8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = Digest::of(id).0;
    [a, b, c, d, e, f, g, h]
}

impl Searcher {
    /// Seqs of visible copies that have one of these Message-IDs or name one of them in
    /// References or In-Reply-To, as far as their heads keep these.
    pub fn related(
        &self,
        ids: &BTreeSet<Vec<u8>>,
        visible: Option<&RoaringTreemap>,
        hidden: &RoaringTreemap,
    ) -> Result<RoaringTreemap, IndexError> {
        let found = self
            .parts
            .par_iter()
            .map(|part| related(part, ids))
            .collect::<Result<Vec<RoaringTreemap>, IndexError>>()?;
        let mut all = RoaringTreemap::new();
        for found in found {
            all |= found;
        }
        if let Some(visible) = visible {
            all &= visible;
        }
        Ok(all - hidden)
    }
}

fn related(part: &Part, ids: &BTreeSet<Vec<u8>>) -> Result<RoaringTreemap, IndexError> {
    let opened = part.split.opened()?;
    let id = part.split.id();
    let fields = schema().1;
    let find = || -> tantivy::Result<RoaringBitmap> {
        let named = opened.reader.inverted_index(fields.msgid)?;
        let answers = opened.reader.inverted_index(fields.answers)?;
        let mut docs = RoaringBitmap::new();
        for id in ids {
            docs |= postings::term(&named, id)?;
            docs |= postings::term(&answers, &answer_term(id))?;
        }
        Ok(docs)
    };
    let docs = guarded(id, || {
        find().map_err(|error| IndexError::from_engine(id, error))
    })?;
    Ok(opened.seqs_of(&(docs - part.dead_docs(&opened))))
}
