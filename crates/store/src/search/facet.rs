//! Facets and months: what the hits have in common, and when they were sent.

use std::collections::BTreeMap;

use everpost_domain::query::Query;

use super::page::Folded;
use super::{By, Order, Scope};
use crate::error::{Result, StoreError};
use crate::follow::blocking;
use crate::index;
use crate::tenant::Tenant;

/// A value and the messages that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetCount {
    /// The value.
    pub value: String,
    /// Messages among the hits that have it.
    pub count: u64,
}

/// What the hits have in common; each list by falling count, then by value. Counts are of
/// messages; what tells of a copy (sender, date, types, language) is taken from the copy that
/// stands for its message among the hits. A message has at most one sender, domain, year and
/// language, so that each of these lists adds up to no more than the hits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facets {
    /// Addresses of first authors.
    pub sender: Vec<FacetCount>,
    /// Domains of those.
    pub domain: Vec<FacetCount>,
    /// Years of the Date field, UTC.
    pub year: Vec<FacetCount>,
    /// Types of attachments, as `type:` finds them.
    pub kind: Vec<FacetCount>,
    /// Mailboxes that hold the mail, as far as the scope reaches.
    pub mailbox: Vec<FacetCount>,
    /// Languages of the body text, as `lang:` finds them.
    pub language: Vec<FacetCount>,
}

/// Hits of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthCount {
    /// Year of the Date field, UTC.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u8,
    /// Messages.
    pub count: u64,
}

/// Hits by month. All counts together, undated included, are the hits of the search.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Months {
    /// Months that have hits, in order.
    pub months: Vec<MonthCount>,
    /// Messages without a Date field that can be read.
    pub undated: u64,
}

impl Tenant {
    /// What the messages for which `query` holds have in common, at most `each` values a list.
    pub async fn facets(&self, query: &Query, scope: &Scope, each: usize) -> Result<Facets> {
        let ask = self.ask(query, scope).await?;
        let matches = self.find(&ask, None).await?.matches;
        let mail = ask.known.mail.clone();
        // Whatever the order, all of a message's hits are in one mailbox or another.
        let wanted = mail
            .mailboxes
            .keys()
            .copied()
            .filter(|id| ask.sight.sees(*id))
            .collect();
        let sets = self.sets_of_mailboxes(&mail, &wanted).await?;
        blocking(move || {
            let all = matches.seqs();
            let mut mailboxes: BTreeMap<&str, u64> = BTreeMap::new();
            for (id, sets) in &sets {
                let (Some(name), Some(set)) = (mail.mailboxes.get(id), sets.get(id)) else {
                    continue;
                };
                let count = mail.folding.count(&(&all & set));
                if count > 0 {
                    *mailboxes.entry(name).or_default() += count;
                }
            }
            let mut mailbox: Vec<FacetCount> = mailboxes
                .into_iter()
                .map(|(value, count)| FacetCount {
                    value: value.to_owned(),
                    count,
                })
                .collect();
            // Stable, so that equal counts stay in the order of their value.
            mailbox.sort_by_key(|facet| std::cmp::Reverse(facet.count));
            mailbox.truncate(each);
            let folded = Folded::new(&ask, matches, By::Message, Order::Newest)?;
            let found = folded.matches.facets(each)?;
            Ok(Facets {
                sender: counts(found.sender),
                domain: counts(found.domain),
                year: counts(found.year),
                kind: counts(found.kind),
                mailbox,
                language: counts(found.language),
            })
        })
        .await?
    }

    /// The messages for which `query` holds, by month.
    pub async fn months(&self, query: &Query, scope: &Scope) -> Result<Months> {
        let ask = self.ask(query, scope).await?;
        let matches = self.find(&ask, None).await?.matches;
        let found = blocking(move || {
            let folded = Folded::new(&ask, matches, By::Message, Order::Newest)?;
            Ok::<_, StoreError>(folded.matches.months())
        });
        let found = found.await??;
        let month = |((year, month), count)| MonthCount { year, month, count };
        Ok(Months {
            months: found.months.into_iter().map(month).collect(),
            undated: found.undated,
        })
    }
}

fn counts(facets: Vec<index::Facet>) -> Vec<FacetCount> {
    let count = |facet: index::Facet| FacetCount {
        value: facet.value,
        count: facet.count,
    };
    facets.into_iter().map(count).collect()
}
