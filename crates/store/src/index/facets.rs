//! What the copies found have in common: counts by sender, domain, year, type of attachment
//! and language; hits per month.

use super::IndexError;
use super::error::guarded;
use super::matches::{Found, Matches};
use super::split::Opened;
use everpost_domain::message::civil;
use rayon::prelude::*;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::ops::Range;
use tantivy::columnar::StrColumn;

/// A value and how many copies have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    /// The value.
    pub value: String,
    /// Copies.
    pub count: u64,
}

/// The values that most copies have, the most frequent first, those of one count in the
/// order of their value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets {
    /// Addresses of the first author.
    pub sender: Vec<Facet>,
    /// Domains of those.
    pub domain: Vec<Facet>,
    /// Years of the date, UTC.
    pub year: Vec<Facet>,
    /// Types of attachments; a copy counts once for each type.
    pub kind: Vec<Facet>,
    /// Languages of the body.
    pub language: Vec<Facet>,
}

/// Copies per month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Months {
    /// Year and month (1 to 12), rising, with the number of copies; months without one are
    /// left out. UTC.
    pub months: Vec<((i64, u8), u64)>,
    /// Copies whose date cannot be read.
    pub undated: u64,
}

impl Matches {
    /// The `limit` most frequent values of each kind, counted over everything found.
    pub fn facets(&self, limit: usize) -> Result<Facets, IndexError> {
        let counted = self
            .found
            .par_iter()
            .map(|found| {
                guarded(found.id, || {
                    Counted::new(found).map_err(|error| IndexError::Io(error.into()))
                })
            })
            .collect::<Result<Vec<Counted>, IndexError>>()?;
        let mut all = Counted::default();
        for counted in counted {
            merge(&mut all.sender, counted.sender);
            merge(&mut all.kind, counted.kind);
            merge(&mut all.language, counted.language);
        }
        let mut domains: HashMap<&str, u64> = HashMap::new();
        for (sender, count) in &all.sender {
            if let Some((_, domain)) = sender.rsplit_once('@').filter(|(_, of)| !of.is_empty()) {
                *domains.entry(domain).or_default() += count;
            }
        }
        let mut years: HashMap<i64, u64> = HashMap::new();
        for ((year, _), count) in self.months().months {
            *years.entry(year).or_default() += count;
        }
        Ok(Facets {
            domain: top(domains, limit),
            year: top(years, limit),
            sender: top(all.sender, limit),
            kind: top(all.kind, limit),
            language: top(all.language, limit),
        })
    }

    /// Everything found, by month. The sum is [`count`](Matches::count).
    pub fn months(&self) -> Months {
        let counted: Vec<(ByMonth, u64)> = self.found.par_iter().map(months).collect();
        let mut all = Months::default();
        let mut by_month = ByMonth::new();
        for (months, undated) in counted {
            all.undated += undated;
            for (month, count) in months {
                *by_month.entry(month).or_default() += count;
            }
        }
        all.months = by_month.into_iter().collect();
        all
    }
}

/// Counts by year and month.
type ByMonth = BTreeMap<(i64, u8), u64>;

/// One split's counts.
#[derive(Default)]
struct Counted {
    sender: HashMap<String, u64>,
    kind: HashMap<String, u64>,
    language: HashMap<String, u64>,
}

impl Counted {
    fn new(found: &Found) -> std::io::Result<Counted> {
        let opened: &Opened = &found.opened;
        Ok(Counted {
            sender: values(opened.sender.as_ref(), &found.matched)?,
            kind: values(opened.kind.as_ref(), &found.matched)?,
            language: values(opened.language.as_ref(), &found.matched)?,
        })
    }
}

/// How many of `docs` have each value of a column.
pub(super) fn values(
    column: Option<&StrColumn>,
    docs: &RoaringBitmap,
) -> std::io::Result<HashMap<String, u64>> {
    let Some(column) = column else {
        return Ok(HashMap::new());
    };
    let mut counts = vec![0u64; column.num_terms()];
    for doc in docs {
        for value in column.ords().values_for_doc(doc) {
            if let Some(count) = usize::try_from(value)
                .ok()
                .and_then(|at| counts.get_mut(at))
            {
                *count += 1;
            }
        }
    }
    let met: Vec<(u64, u64)> = (0..).zip(counts).filter(|(_, count)| *count > 0).collect();
    let numbers: Vec<u64> = met.iter().map(|(number, _)| *number).collect();
    let mut values = HashMap::with_capacity(met.len());
    let mut counts = met.iter().map(|(_, count)| *count);
    column
        .dictionary()
        .sorted_ords_to_term_cb(&numbers, |value| {
            if let (Ok(value), Some(count)) = (std::str::from_utf8(value), counts.next()) {
                values.insert(value.to_owned(), count);
            }
        })?;
    Ok(values)
}

fn months(found: &Found) -> (ByMonth, u64) {
    let dated = &found.matched & &found.opened.dated;
    let undated = found.matched.len() - dated.len();
    let mut months = ByMonth::new();
    // Neighbours are mostly of one month, so most need not be worked out.
    let mut month: Range<i64> = 0..0;
    let (mut current, mut run) = ((0, 0), 0u64);
    for doc in &dated {
        let sent = found.opened.sent(doc);
        if !month.contains(&sent) {
            if run > 0 {
                *months.entry(current).or_default() += run;
            }
            let (year, number, day, hour, minute, second) = civil(sent);
            let into = i64::from(second)
                + 60 * (i64::from(minute) + 60 * (i64::from(hour) + 24 * (i64::from(day) - 1)));
            // Every month has 28 days: what lies in them is surely of it.
            let start = sent.saturating_sub(into);
            month = start
                ..start
                    .saturating_add(28 * 86_400)
                    .max(sent.saturating_add(1));
            (current, run) = ((year, number), 0);
        }
        run += 1;
    }
    if run > 0 {
        *months.entry(current).or_default() += run;
    }
    (months, undated)
}

fn merge(all: &mut HashMap<String, u64>, some: HashMap<String, u64>) {
    if all.is_empty() {
        *all = some;
        return;
    }
    for (value, count) in some {
        *all.entry(value).or_default() += count;
    }
}

fn top<V: Eq + Hash + Ord + ToString>(counts: HashMap<V, u64>, limit: usize) -> Vec<Facet> {
    let mut counts: Vec<(V, u64)> = counts.into_iter().collect();
    let by_count = |(a, n): &(V, u64), (b, m): &(V, u64)| m.cmp(n).then_with(|| a.cmp(b));
    if limit < counts.len() {
        counts.select_nth_unstable_by(limit, by_count);
        counts.truncate(limit);
    }
    counts.sort_unstable_by(by_count);
    let facet = |(value, count): (V, u64)| Facet {
        value: value.to_string(),
        count,
    };
    counts.into_iter().map(facet).collect()
}
