//! Suggestions: addresses that begin with what was typed so far.

use std::collections::BTreeSet;

use everpost_domain::query::{Field, Query, Test};
use everpost_domain::text::fold_exact;

use super::Scope;
use crate::error::Result;
use crate::follow::blocking;
use crate::index::{Order, Question};
use crate::tenant::Tenant;

/// An address that occurs in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The address, folded as searches compare it.
    pub address: String,
    /// The name that it goes by in its newest mail; empty if it has none there.
    pub name: String,
    /// How often it stands in an address field of copies in scope; of one that is suggested
    /// for its name, copies that it wrote.
    pub count: u64,
}

/// More are not looked for, whatever was asked: nobody reads on.
const MOST: usize = 100;

impl Tenant {
    /// Addresses in scope that begin with `prefix`, or whose owner's name has a word that
    /// does, the most frequent first; at most 100.
    pub async fn suggest(
        &self,
        prefix: &str,
        scope: &Scope,
        limit: usize,
    ) -> Result<Vec<Suggestion>> {
        let known = self.archive().await?;
        let sight = self.sight(&known, scope).await?;
        let prefix = prefix.to_owned();
        // Each address with the newest copy that has it, for its name.
        let found = blocking(move || {
            let visible = sight.visible.as_ref();
            let hidden = Some(&known.mail.hidden).filter(|hidden| !hidden.is_empty());
            let found = known
                .searcher
                .suggest(&prefix, visible, hidden, limit.min(MOST))?;
            let mut named = Vec::with_capacity(found.len());
            for one in found {
                let query = Query::Test(Test::Address {
                    field: Field::Any,
                    address: one.address.clone(),
                });
                let matches = known.searcher.matches(&Question {
                    query: &query,
                    sets: &|_| None,
                    visible,
                    hidden,
                })?;
                let newest = matches.page(Order::NewestFirst, None, 1)?;
                named.push((one, newest.first().map(|hit| hit.seq)));
            }
            Ok::<_, crate::error::StoreError>(named)
        });
        let found = found.await??;
        let seqs: BTreeSet<u64> = found.iter().filter_map(|(_, seq)| *seq).collect();
        let shown = self.shown(&seqs).await?;
        let suggestion = |(one, seq): (crate::index::Suggestion, Option<u64>)| {
            let head = seq.and_then(|seq| shown.get(&seq)).map(|shown| &shown.head);
            let all = head.into_iter().flat_map(|head| {
                let fields = [&head.from, &head.sender, &head.to, &head.cc, &head.bcc];
                fields.into_iter().flatten()
            });
            let mut same = all.filter(|other| fold_exact(&other.email) == one.address);
            Suggestion {
                name: same
                    .find(|other| !other.name.is_empty())
                    .map(|other| other.name.clone())
                    .unwrap_or_default(),
                address: one.address,
                count: one.count,
            }
        };
        Ok(found.into_iter().map(suggestion).collect())
    }
}
