//! `everpost bench`: how fast and how small this machine archives, without other programs
//! (`bench/` measures those beside it).

use std::path::{Path, PathBuf};
use std::time::Instant;

use everpost_domain::query::{Query, parse};
use everpost_mail::import::{ImportOptions, Source, import};
use everpost_store::{By, Options, Order, SearchRequest, Store, Tenant};
use serde_json::json;

use crate::cli::{BenchCommand, BenchWhat, Global};
use crate::failure::{Exit, Failure};
use crate::output::{count, line, object, size};

/// What is searched for: words that are in all mail, in some and in none, a phrase, fields
/// and a range. Fixed, so that figures of two days can be compared.
const QUERIES: [&str; 8] = [
    "",
    "please",
    "\"out of memory\"",
    "subject:re",
    "from:example",
    "meeting (budget OR report)",
    "has:attachment sent:2002..2024",
    "nosuchwordanywhere",
];

pub(crate) async fn run(global: &Global, command: BenchCommand) -> Result<Exit, Failure> {
    if let Some(BenchWhat::Search { rounds, limit }) = command.what {
        return super::bench_search::run(global, rounds.max(1), limit).await;
    }
    let source = match command.path {
        Some(path) => Source::Mbox {
            path,
            dialect: everpost_codec::mbox::Dialect::default(),
        },
        None => Source::Demo {
            seed: 1,
            messages: command.messages,
        },
    };
    let place = Scratch::make(command.dir)?;
    let opened = Store::open(Options::create(place.0.join("data"))).await?;
    let tenant = opened.store.tenant(None)?;
    let before = cpu_seconds();
    let began = Instant::now();
    let report = import(
        &tenant,
        &source,
        &ImportOptions::new("bench@example.org"),
        |_| {},
    )
    .await?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = cpu_seconds()
        .zip(before)
        .map(|(after, before)| after - before);
    let peak = peak_bytes();
    let status = tenant.status().await?;
    let mut searches = Vec::with_capacity(QUERIES.len());
    for text in QUERIES {
        searches.push((text, search(&tenant, text, command.rounds.max(1)).await?));
    }
    opened.store.clone().close().await?;
    let catalog = opened.store.catalog_bytes().await?;
    let counts = report.counts;
    if global.json {
        for (text, found) in &searches {
            object(
                &json!({"query": text, "total": found.total, "p50_ms": found.p50, "p95_ms": found.p95}),
            )?;
        }
        object(&json!({
            "summary": true, "source": source.describe(), "messages": counts.seen, "bytes": counts.bytes,
            "seconds": seconds, "cpu_seconds": cpu, "peak_bytes": peak, "pack_bytes": status.pack_bytes,
            "index_bytes": status.index_bytes, "catalog_bytes": catalog,
        }))?;
        return Ok(Exit::Well);
    }
    line(format!(
        "Import      {}: {} messages, {}",
        source.describe(),
        count(counts.seen),
        size(counts.bytes)
    ))?;
    let rate = counts.bytes as f64 / seconds.max(0.001);
    line(format!(
        "Time        {seconds:.2} s: {}/s, {} messages a second",
        size(rate as u64),
        count((counts.seen as f64 / seconds.max(0.001)) as u64)
    ))?;
    if let Some(cpu) = cpu {
        line(format!("Processor   {cpu:.2} s"))?;
    }
    if let Some(peak) = peak {
        line(format!("Memory      {} at most", size(peak)))?;
    }
    let of = |bytes: u64| {
        format!(
            "{:>8}  {:.3} of the mail",
            size(bytes),
            bytes as f64 / counts.bytes.max(1) as f64
        )
    };
    line(format!("Packs       {}", of(status.pack_bytes)))?;
    line(format!("Index       {}", of(status.index_bytes)))?;
    line(format!("Catalog     {}", of(catalog)))?;
    line("Search          p50 ms   p95 ms      found")?;
    for (text, found) in &searches {
        let name = if text.is_empty() {
            "(everything)"
        } else {
            text
        };
        line(format!(
            "            {:>10.1} {:>8.1} {:>10}  {name}",
            found.p50,
            found.p95,
            count(found.total)
        ))?;
    }
    Ok(Exit::Well)
}

/// How long a query took, and what it found.
struct Found {
    total: u64,
    p50: f64,
    p95: f64,
}

async fn search(tenant: &Tenant, text: &str, rounds: usize) -> Result<Found, Failure> {
    let query: Query = parse(text)
        .map_err(|error| Failure::usage(error.pretty(text), "a query of the program itself"))?;
    let request = SearchRequest {
        query,
        by: By::Message,
        order: Order::Newest,
        after: None,
        limit: 20,
        scope: everpost_store::Scope::Everything,
    };
    let mut total = 0;
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let began = Instant::now();
        total = tenant.search(&request).await?.messages;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(Found {
        total,
        p50: quantile(&times, 50),
        p95: quantile(&times, 95),
    })
}

/// The smallest value that `percent` of all are not above. `sorted` is sorted.
pub(crate) fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// A folder that goes when the run ends, however it ends.
struct Scratch(PathBuf);

impl Scratch {
    fn make(dir: Option<PathBuf>) -> Result<Self, Failure> {
        let parent = dir.unwrap_or_else(std::env::temp_dir);
        let path = parent.join(format!("everpost-bench-{}", std::process::id()));
        std::fs::create_dir(&path).map_err(|error| named(&path, error))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own cleaning of its folder.
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn named(path: &Path, error: std::io::Error) -> Failure {
    Failure::from(anyhow::Error::from(error).context(path.display().to_string()))
}

/// User and system time of this process; `None` where the system does not tell it as Linux does.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name may hold blanks; fields count from behind its parenthesis. Linux tells
    // programs of hundredths of a second, whatever its own clock.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / 100.0)
}

/// The most memory this process has held.
fn peak_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;

    #[test]
    fn every_query_is_one() {
        QUERIES.iter().for_each(|text| drop(parse(text).unwrap()));
    }

    #[test]
    fn quantiles() {
        let times: Vec<f64> = (1..=20u8).map(f64::from).collect();
        assert_eq!((quantile(&times, 50), quantile(&times, 95)), (10.0, 19.0));
        assert_eq!(
            (
                quantile(&[7.0], 50),
                quantile(&[7.0], 95),
                quantile(&[], 50)
            ),
            (7.0, 7.0, 0.0)
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_tells_time_and_memory() {
        assert!(cpu_seconds().unwrap() >= 0.0);
        assert!(peak_bytes().unwrap() > 100_000);
    }
}
