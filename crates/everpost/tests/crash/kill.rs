//! SIGKILL at every kind of step, and system calls that fail: the same command goes on.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::common::{ALICE, everpost, is_whole, left_behind, run, soak};

/// Where strace steps in. It counts for each thread on its own, so that one number meets
/// several places.
fn places(landing: &[(&'static str, &[u32])], most: u32) -> Vec<(&'static str, u32)> {
    let places = landing
        .iter()
        .flat_map(|(call, numbers)| numbers.iter().map(|number| (*call, *number)));
    match soak() {
        true => landing
            .iter()
            .flat_map(|(call, _)| (1..=most).map(|number| (*call, number)))
            .collect(),
        false => places.collect(),
    }
}

fn strace(call: &str, what: &str, number: u32) -> Vec<String> {
    let inject = format!("inject={call}:{what}:when={number}");
    let trace = format!("trace={call}");
    [
        "strace",
        "-f",
        "-qq",
        "--seccomp-bpf",
        "-o",
        "/dev/null",
        "-e",
        &trace,
        "-e",
        &inject,
    ]
    .map(String::from)
    .into()
}

/// Imports with `before` in front, then again without it; returns whether the first run ended early.
fn interrupted(before: &[String], note: &str) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let first = run(&mut everpost(&before, &data, &ALICE.arguments()));
    println!(
        "{note}: exit {} {}",
        first.code,
        first.errors.lines().last().unwrap_or_default()
    );
    go_on(&data);
    first.code != 0
}

/// The same command again, to the end.
fn go_on(data: &Path) {
    if !left_behind(data, &ALICE) {
        let again = run(&mut everpost(&[], data, &ALICE.arguments()));
        ALICE.balances(again.summary());
    }
    is_whole(data, &ALICE);
}

#[test]
fn killed_at_any_system_call_it_goes_on() {
    let landing: &[(&str, &[u32])] = &[
        // strace counts calls by thread, and the runtime spreads them over many: the first
        // ones of a thread are what a run reaches; later ones are for the soak tier.
        ("fsync", &[1, 2, 3]),
        ("pwrite64", &[1, 3, 10, 40]),
        ("rename,renameat,renameat2", &[1]),
        ("unlink,unlinkat", &[1]),
        ("write", &[2]),
        ("ftruncate", &[1]),
        ("link,linkat", &[1]),
    ];
    let mut kills = 0;
    for (call, number) in places(landing, 60) {
        kills += u32::from(interrupted(
            &strace(call, "signal=KILL", number),
            &format!("kill at {call} {number}"),
        ));
    }
    println!("{kills} kills survived");
    assert!(kills >= 4, "too few of the places were reached: {kills}");
}

/// Not at a call that we chose, but as soon as so much of what an import writes lies there.
#[test]
fn killed_from_outside_it_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("data");
    ALICE.balances(run(&mut everpost(&[], &whole, &ALICE.arguments())).summary());
    let (all, places) = (bytes_below(&whole), if soak() { 200 } else { 24 });
    let mut kills = 0;
    for place in 0..places {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let mut child = everpost(&[], &data, &ALICE.arguments())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let wanted = all * place / places;
        while child.try_wait().unwrap().is_none() && bytes_below(&data) <= wanted {
            std::thread::yield_now();
        }
        // `timeout` stands between us and the program.
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id()))
            .unwrap_or_default();
        for pid in children.split_whitespace() {
            run(std::process::Command::new("kill").args(["-KILL", pid]));
        }
        kills += u32::from(!child.wait().unwrap().success());
        go_on(&data);
    }
    println!("{kills} kills from outside survived");
    assert!(
        kills >= 10,
        "the program ended before it was killed: {kills}"
    );
}

fn bytes_below(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

/// The disk answers with an error, once or from then on.
#[test]
fn a_disk_that_fails_loses_nothing() {
    let landing: &[(&str, &[u32])] = &[
        ("fsync", &[1, 2, 3, 5, 8, 11]),
        ("pwrite64", &[1, 5, 50, 120]),
        ("rename,renameat,renameat2", &[1, 2]),
        ("ftruncate", &[1]),
    ];
    let mut failures = 0;
    for (call, number) in places(landing, 40) {
        for (from_then_on, error) in [("", "EIO"), ("+", "ENOSPC")] {
            if !soak() && (number % 2 == 0) == from_then_on.is_empty() {
                continue;
            }
            let mut before = strace(call, &format!("error={error}"), number);
            if let Some(inject) = before.last_mut() {
                inject.push_str(from_then_on);
            }
            failures += u32::from(interrupted(
                &before,
                &format!("{error} at {call} {number}{from_then_on}"),
            ));
        }
    }
    println!("{failures} failures survived");
    assert!(
        failures >= 5,
        "too few of the places were reached: {failures}"
    );
}

/// Building the index anew is interrupted: everything is still found.
#[test]
fn a_reindex_that_is_killed_is_made_up_for() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    ALICE.balances(run(&mut everpost(&[], &data, &ALICE.arguments())).summary());
    let landing: &[(&str, &[u32])] = &[
        ("fsync", &[1, 2]),
        ("unlink,unlinkat", &[1]),
        ("pwrite64", &[1, 2]),
    ];
    let mut kills = 0;
    for (call, number) in places(landing, 20) {
        let before = strace(call, "signal=KILL", number);
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        let killed = run(&mut everpost(&before, &data, &["reindex"]));
        kills += u32::from(killed.code != 0);
        let said = run(&mut everpost(
            &[],
            &data,
            &["search", "", "--by", "copy", "--limit", "1"],
        ));
        assert_eq!(
            said.summary()["copies"].as_u64().unwrap() as usize,
            ALICE.mails.len(),
            "{call} {number}"
        );
    }
    is_whole(&data, &ALICE);
    println!("{kills} kills of reindex survived");
    assert!(kills >= 2, "too few of the places were reached: {kills}");
}
