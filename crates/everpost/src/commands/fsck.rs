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
    let report = store
        .fsck(command.repair, |progress| show(&bar, progress))
        .await;
    bar.finish_and_clear();
    let report = report?;
    print_bad(global, &report.bad)?;
    let lost: Vec<String> = report.lost.iter().map(ToString::to_string).collect();
    store.close().await?;
    if global.json {
        object(&json!({
            "summary": true, "checked": report.checked, "bad": report.bad.iter().map(bad_json).collect::<Vec<_>>(),
            "lost": lost, "orphans": report.orphans, "repaired": report.repaired,
        }))?;
    } else {
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
