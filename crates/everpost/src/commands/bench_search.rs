//! `everpost bench search`: how long an archive takes to answer, by kind of query, measured
//! where the answer is made: from the query to heads, counts and places in memory.

use std::future::Future;
use std::time::Instant;

use everpost_domain::query::parse;
use everpost_store::{Order, Scope, SearchRequest, StoreError, Tenant};
use serde_json::json;

use super::bench::quantile;
use super::{indexed, open};
use crate::cli::Global;
use crate::failure::{Exit, Failure};
use crate::output::{count, line, object};

/// One query a kind, with words that the generated organization uses.
const QUERIES: [(&str, &str); 20] = [
    ("everything", ""),
    ("common word", "please"),
    ("rare word", "pier"),
    ("no hit", "nosuchwordanywhere"),
    ("two words", "caisson pier"),
    ("alternatives", "meeting (budget OR report)"),
    ("phrase", "\"please find\""),
    ("prefix", "repor*"),
    ("short prefix", "co*"),
    ("near", "please NEAR/5 confirm"),
    ("stem", "stem:meeting"),
    ("CJK", "会议"),
    ("subject", "subject:re"),
    ("address", "from:example"),
    ("date range", "sent:2023"),
    ("attachment", "has:attachment"),
    ("size", "size>20KB"),
    ("unread", "is:unread"),
    ("folder", "in:inbox"),
    ("negation", "-please"),
];

pub(crate) async fn run(global: &Global, rounds: usize, limit: usize) -> Result<Exit, Failure> {
    let (_store, tenant) = open(global, false).await?;
    indexed(&tenant).await?;
    if !global.json {
        line("kind                    p50 ms   p99 ms      found")?;
    }
    let (mut slowest, mut warm) = ((0.0f64, 0.0f64), Vec::new());
    for (kind, text) in QUERIES {
        for (order, name) in [(Order::Newest, "newest"), (Order::Score, "score")] {
            let request = SearchRequest {
                order,
                limit,
                ..SearchRequest::new(parsed(text)?)
            };
            let measured = measure(rounds, || async {
                Ok(tenant.search(&request).await?.messages)
            })
            .await?;
            slowest = (slowest.0.max(measured.p50), slowest.1.max(measured.p99));
            print(global, kind, name, text, &measured)?;
            warm.extend(measured.warm);
        }
    }
    others(global, &tenant, rounds, limit).await?;
    warm.sort_by(f64::total_cmp);
    if global.json {
        object(&json!({
            "summary": true, "messages": tenant.status().await?.messages, "rounds": rounds,
            "limit": limit, "slowest_p50_ms": slowest.0, "slowest_p99_ms": slowest.1,
            "warm_p50_ms": quantile(&warm, 50), "warm_p99_ms": quantile(&warm, 99),
        }))?;
    }
    Ok(Exit::Well)
}

/// What is asked beside a page.
async fn others(
    global: &Global,
    tenant: &Tenant,
    rounds: usize,
    limit: usize,
) -> Result<(), Failure> {
    let all = Scope::Everything;
    let query = parsed("please")?;
    let found = measure(rounds, || async {
        Ok(tenant.facets(&query, &all, 20).await?.sender.len() as u64)
    });
    print(global, "facets", "-", "please", &found.await?)?;
    let found = measure(rounds, || async {
        Ok(tenant.months(&query, &all).await?.months.len() as u64)
    });
    print(global, "months", "-", "please", &found.await?)?;
    let found = measure(rounds, || async {
        Ok(tenant.suggest("a", &all, 10).await?.len() as u64)
    });
    print(global, "suggestions", "-", "a", &found.await?)?;
    let request = SearchRequest {
        limit,
        ..SearchRequest::new(query.clone())
    };
    let page = tenant.search(&request).await?;
    let ids: Vec<_> = page.hits.iter().map(|hit| hit.copy).collect();
    let found = measure(rounds, || async {
        Ok(tenant.snippets(&query, &ids, &all).await?.len() as u64)
    });
    print(global, "snippets of a page", "-", "please", &found.await?)?;
    if let Some(id) = ids.first() {
        let found = measure(rounds, || async {
            Ok(tenant.conversation(id, &all).await?.items.len() as u64)
        });
        print(global, "conversation", "-", "", &found.await?)?;
    }
    Ok(())
}

fn parsed(text: &str) -> Result<everpost_domain::query::Query, Failure> {
    parse(text).map_err(|error| Failure::usage(error.pretty(text), "a query of the program itself"))
}

/// Times in milliseconds, and what was found.
struct Measured {
    p50: f64,
    p99: f64,
    found: u64,
    /// Of the first round, which opens what the later ones use.
    first: f64,
    /// Of the others, the shortest first.
    warm: Vec<f64>,
}

/// Asks so often. Median and 99th percentile are of all rounds, the first too.
async fn measure<F: Future<Output = Result<u64, StoreError>>>(
    rounds: usize,
    ask: impl Fn() -> F,
) -> Result<Measured, Failure> {
    let mut times = Vec::with_capacity(rounds);
    let mut found = 0;
    for _ in 0..rounds {
        let began = Instant::now();
        found = ask().await?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    let first = times.first().copied().unwrap_or_default();
    let mut warm = times.split_off(times.len().min(1));
    warm.sort_by(f64::total_cmp);
    times.extend(&warm);
    times.sort_by(f64::total_cmp);
    Ok(Measured {
        p50: quantile(&times, 50),
        p99: quantile(&times, 99),
        found,
        first,
        warm,
    })
}

fn print(
    global: &Global,
    kind: &str,
    order: &str,
    query: &str,
    measured: &Measured,
) -> Result<(), Failure> {
    let &Measured {
        p50, p99, found, ..
    } = measured;
    if global.json {
        return object(&json!({
            "kind": kind, "order": order, "query": query, "found": found, "p50_ms": p50,
            "p99_ms": p99, "first_ms": measured.first,
            "warm_p50_ms": quantile(&measured.warm, 50), "warm_p99_ms": quantile(&measured.warm, 99),
        }));
    }
    line(format!(
        "{kind:<16} {order:<6} {p50:>7.2} {p99:>8.2} {:>10}  {query}",
        count(found)
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;

    #[test]
    fn every_query_is_one() {
        QUERIES
            .iter()
            .for_each(|(_, text)| drop(parse(text).unwrap()));
    }
}
