//! Worlds by the hundred.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::life::{End, run};
use super::sabotage::Sabotage;

/// One seed that is to be run alone, and told of.
const SEED: &str = "EVERPOST_SEED";
/// Where the seeds begin: another range finds other faults.
const FROM: &str = "EVERPOST_SEED_FROM";
/// Seeds of a landing, and of the soak tier.
const LANDING: u64 = 100;
const SOAK: u64 = 10_000;
/// Worlds beside those that all cores are for: in each, one node moves at a time and waits.
const MORE: usize = 1;
/// Lines of the trace that are shown of a world that failed.
const SHOWN: usize = 200;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What a person needs to look into it.
fn report(seed: u64, end: &End) -> String {
    let skipped = end.trace.len().saturating_sub(SHOWN);
    let shown = match number(SEED) {
        Some(_) => end.trace.join("\n"),
        None => end
            .trace
            .iter()
            .skip(skipped)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n"),
    };
    let broken: Vec<String> = end.broken.iter().map(ToString::to_string).collect();
    format!(
        "{shown}\n\nseed {seed} broke\n  {}\nagain: {SEED}={seed} cargo nextest run --release -p everpost-store --lib --no-capture promises_are_kept",
        broken.join("\n  ")
    )
}

#[test]
fn promises_are_kept() {
    let soak = std::env::var("EVERPOST_SOAK").is_ok_and(|value| value == "1");
    let (from, count) = match number(SEED) {
        Some(seed) => (seed, 1),
        None => (number(FROM).unwrap_or(1), if soak { SOAK } else { LANDING }),
    };
    let (next, began) = (AtomicU64::new(from), Instant::now());
    let failed = Mutex::new(BTreeMap::new());
    let totals = Mutex::new((0, 0, 0, 0, 0));
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores + MORE {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= from + count {
                        return;
                    }
                    let end = run(seed, None);
                    let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
                    totals.0 += end.counts.effects;
                    totals.1 += end.counts.faults;
                    totals.2 += end.counts.deaths;
                    totals.3 += end.doubled;
                    totals.4 += end.copies;
                    drop(totals);
                    if number(SEED).is_some() && end.broken.is_empty() {
                        println!("{}", report(seed, &end));
                    }
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    if !end.broken.is_empty() {
                        println!("{}", report(seed, &end));
                        failed.insert(seed, end.broken);
                    }
                    let done = seed + 1 - from;
                    if done % 500 == 0 {
                        println!(
                            "{done} worlds, {} failed, {:.0?}",
                            failed.len(),
                            began.elapsed()
                        );
                    }
                }
            });
        }
    });
    let (effects, faults, deaths, doubled, copies) = totals.into_inner().unwrap();
    println!(
        "{count} worlds in {:.1?}: {effects} effects, {faults} went wrong, {deaths} nodes died, {copies} copies, {doubled} deliveries came again",
        began.elapsed()
    );
    let failed = failed.into_inner().unwrap();
    assert!(
        failed.is_empty(),
        "{} seeds failed: {failed:#?}",
        failed.len()
    );
    if number(SEED).is_none() {
        assert!(faults > 100 && deaths > 10, "nothing was put to the test");
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in 1..=5 {
        let (one, two) = (run(seed, None), run(seed, None));
        let differ = one.trace.iter().zip(&two.trace).position(|(a, b)| a != b);
        if let Some(at) = differ {
            panic!(
                "seed {seed}, line {at}: {:?} and {:?}",
                &one.trace.get(at.saturating_sub(5)..=at),
                &two.trace.get(at)
            );
        }
        assert_eq!(one.digest, two.digest);
    }
    assert_ne!(run(1, None).digest, run(2, None).digest);
}

#[test]
fn broken_promises_are_found_out() {
    for sabotage in Sabotage::ALL {
        // Not every world has something to break.
        let found = (1..=10).find(|seed| {
            let broken = run(*seed, Some(sabotage)).broken;
            broken.iter().any(|one| one.promise == sabotage.breaks())
        });
        assert!(found.is_some(), "{sabotage:?} was not found out");
    }
}
