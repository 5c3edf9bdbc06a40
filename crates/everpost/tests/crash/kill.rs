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
        ("fsync", &[1, 2, 3, 4, 6, 9, 12]),
        ("pwrite64", &[1, 3, 10, 40, 90, 150]),
        ("rename,renameat,renameat2", &[1, 2, 3]),
        ("unlink,unlinkat", &[1, 2]),
        ("write", &[2, 4, 8]),
        ("ftruncate", &[1, 2]),
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
    assert!(kills >= 20, "too few of the places were reached: {kills}");
}

/// Not at a call that we chose, but as soon as so many packs lie there.
#[test]
fn killed_from_outside_it_goes_on() {
    for wanted in 1..=if soak() { 8 } else { 3 } {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let mut child = everpost(&[], &data, &ALICE.arguments())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while child.try_wait().unwrap().is_none() && packs(&data) < wanted {
            std::thread::yield_now();
        }
        // `timeout` stands between us and the program.
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id()))
            .unwrap_or_default();
        for pid in children.split_whitespace() {
            run(std::process::Command::new("kill").args(["-KILL", pid]));
        }
        child.wait().unwrap();
        go_on(&data);
    }
}

fn packs(data: &Path) -> usize {
    let folders = fs::read_dir(data.join("objects/packs"))
        .into_iter()
        .flatten()
        .flatten();
    folders
        .map(|folder| fs::read_dir(folder.path()).into_iter().flatten().count())
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
        ("fsync", &[1, 2, 3]),
        ("unlink,unlinkat", &[1, 2]),
        ("pwrite64", &[2]),
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
    assert!(kills >= 3, "too few of the places were reached: {kills}");
}
