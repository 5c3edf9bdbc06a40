//! `everpost fsck`.

use serde_json::json;

use super::open;
use super::verify::{bad_json, bar, print_bad, show};
use crate::cli::{FsckCommand, Global};
use crate::failure::{Exit, Failure};
use crate::output::{count, line, object, plain};

pub(crate) async fn run(global: &Global, command: FsckCommand) -> Result<Exit, Failure> {
    let (store, _tenant) = open(global, false).await?;
    let bar = bar(global);
    let mut report = None;
    let mut healings = Vec::new();
    if let Some(repository) = &command.from {
        let found = store.fsck(false, |progress| show(&bar, progress)).await?;
        healings = store.heal(repository, &found.bad, command.repair).await?;
        // Without anything put back or made again there is nothing else to be found.
        report = Some(found).filter(|_| !command.repair);
    }
    let report = match report {
        Some(report) => report,
        None => {
            store
                .fsck(command.repair, |progress| show(&bar, progress))
                .await?
        }
    };
    bar.finish_and_clear();
    print_bad(global, &report.bad)?;
    let lost: Vec<String> = report.lost.iter().map(ToString::to_string).collect();
    store.close().await?;
    if global.json {
        object(&json!({
            "summary": true, "checked": report.checked, "bad": report.bad.iter().map(bad_json).collect::<Vec<_>>(),
            "lost": lost, "orphans": report.orphans, "repaired": report.repaired,
            "whole_in_backup": healings.iter().map(|one| json!({
                "object": one.object, "snapshot": one.snapshot, "put_back": one.done,
            })).collect::<Vec<_>>(),
        }))?;
    } else {
        for one in &healings {
            let (word, object, snapshot) = match one.done {
                true => ("HEALED ", &one.object, &one.snapshot),
                false => ("WHOLE  ", &one.object, &one.snapshot),
            };
            line(plain(&format!("{word} {object} in snapshot {snapshot}")))?;
        }
        if healings.iter().any(|one| !one.done) {
            line("With --repair they are put back from there.")?;
        }
        for id in &lost {
            line(format!("LOST    {id}"))?;
        }
        for what in &report.repaired {
            line(format!("REPAIR  {}", plain(what)))?;
        }
        for path in &report.orphans {
            line(format!("ORPHAN  {}", plain(path)))?;
        }
        line(match report.bad.len() {
            0 => format!("{} items read, all well.", count(report.checked)),
            n => format!(
                "{} items read; {} found wrong, {} copies cannot be read; the others can.",
                count(report.checked),
                count(n as u64),
                count(lost.len() as u64)
            ),
        })?;
        if !report.orphans.is_empty() && report.bad.is_empty() {
            line(
                "Orphans are leftovers of interrupted writes: `everpost fsck --repair` removes them.",
            )?;
        }
    }
    Ok(if report.bad.is_empty() {
        Exit::Well
    } else {
        Exit::Wrong
    })
}
