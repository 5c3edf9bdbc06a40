//! `everpost class`.

use std::fs;
use std::path::Path;

use everpost_domain::class::Month;
use everpost_domain::message::format_rfc3339;
use everpost_store::{ClassFile, ClassInfo, ClassReport, Tenant, now_us};
use serde_json::json;

use super::open;
use super::verify::{bad_json, print_bad};
use crate::cli::{ClassCommand, Global};
use crate::failure::{Exit, Failure};
use crate::output::{count, line, object, plain, size};

/// Who the log says it was: whoever can open the archive without a service.
const ACTOR: &str = "operator";

pub(crate) async fn run(global: &Global, command: ClassCommand) -> Result<Exit, Failure> {
    let (store, tenant) = open(global, false).await?;
    let exit = match command {
        ClassCommand::Check { file } => check(global, &tenant, &file).await,
        ClassCommand::Apply { file } => {
            let file = read(&file)?;
            tenant.set_classes(&file, ACTOR).await?;
            let classes = count(file.classes.len() as u64);
            match global.json {
                true => object(&json!({"summary": true, "classes": file.classes.len()}))?,
                false => line(format!(
                    "{classes} classes are in force; `everpost class move` moves mail to them, a service every hour."
                ))?,
            }
            Ok(Exit::Well)
        }
        ClassCommand::List => list(global, &tenant.classes().await?),
        ClassCommand::Show => {
            let file = tenant.class_file().await?;
            match global.json {
                true => object(&json!(file))?,
                false => line(file.to_toml()?.trim_end())?,
            }
            Ok(Exit::Well)
        }
        ClassCommand::Move { dry_run } => {
            let report = tenant.move_classes(now_us(), dry_run, |_| ()).await?;
            moved(global, dry_run, &report)
        }
    };
    store.close().await?;
    exit
}

fn read(path: &Path) -> Result<ClassFile, Failure> {
    let text =
        fs::read_to_string(path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    Ok(ClassFile::parse(&text)?)
}

async fn check(global: &Global, tenant: &Tenant, path: &Path) -> Result<Exit, Failure> {
    let wrong = tenant.check_classes(&read(path)?).await?;
    for what in &wrong {
        match global.json {
            true => object(&json!({"wrong": what}))?,
            false => line(plain(what))?,
        }
    }
    match global.json {
        true => object(&json!({"summary": true, "wrong": wrong.len()}))?,
        false if wrong.is_empty() => line("The definition can be put in force.")?,
        false => {}
    }
    Ok(if wrong.is_empty() {
        Exit::Well
    } else {
        Exit::Wrong
    })
}

fn day(us: i64) -> String {
    let text = format_rfc3339(us.div_euclid(1_000_000));
    text.split('T').next().unwrap_or_default().to_string()
}

fn list(global: &Global, classes: &[ClassInfo]) -> Result<Exit, Failure> {
    for info in classes {
        if global.json {
            object(&json!({
                "name": info.name, "former": info.former, "copies": info.copies, "bytes": info.bytes,
                "packs": info.packs, "stored": info.stored, "unlocked": info.unlocked, "held": info.held,
                "locked_until": info.locked_until.map(|(_, last)| format_rfc3339(last / 1_000_000)),
                "class": info.class,
            }))?;
            continue;
        }
        line(plain(&format!(
            "{}{}: {} copies of {} in {} packs of {}",
            info.name,
            if info.former {
                " (not defined any more)"
            } else {
                ""
            },
            count(info.copies),
            size(info.bytes),
            count(info.packs),
            size(info.stored)
        )))?;
        if let Some((first, last)) = info.locked_until {
            line(format!("  locked until {} to {}", day(first), day(last)))?;
        }
        if info.held > 0 {
            line(format!("  {} packs held", count(info.held)))?;
        }
        if info.unlocked > 0 {
            line(format!("  {} packs not yet locked", count(info.unlocked)))?;
        }
    }
    if global.json {
        object(&json!({"summary": true, "classes": classes.len()}))?;
    }
    Ok(Exit::Well)
}

fn moved(global: &Global, dry: bool, report: &ClassReport) -> Result<Exit, Failure> {
    for moved in &report.moves {
        let held = moved.release == Some(Month::HELD);
        let release = moved.release.filter(|_| !held);
        let release = release.map(|month| month.to_string());
        if global.json {
            object(&json!({
                "class": moved.class, "copies": moved.copies, "bytes": moved.bytes, "free_from": release, "held": held,
            }))?;
            continue;
        }
        let locked = match (held, release) {
            (true, _) => ", held".into(),
            (false, Some(month)) => format!(", locked until {month}"),
            (false, None) => String::new(),
        };
        line(plain(&format!(
            "{} copies of {} {} to {}{locked}",
            count(moved.copies),
            size(moved.bytes),
            if dry { "would move" } else { "moved" },
            moved.class
        )))?;
    }
    print_bad(global, &report.bad)?;
    if global.json {
        object(&json!({
            "summary": true, "dry_run": dry, "moved": report.moves.iter().map(|moved| moved.copies).sum::<u64>(),
            "locked": report.locked, "undecided": report.undecided, "packs_locked": report.packs_locked,
            "bad": report.bad.iter().map(bad_json).collect::<Vec<_>>(),
        }))?;
    } else {
        if report.moves.is_empty() {
            line("Every mail is in its class.")?;
        }
        if report.packs_locked > 0 {
            line(format!("{} packs were locked.", count(report.packs_locked)))?;
        }
        if report.locked > 0 {
            line(format!(
                "{} copies stay where they are: their locks have not ended.",
                count(report.locked)
            ))?;
        }
        if report.undecided > 0 {
            line(format!(
                "{} copies wait: the index has to reach them first.",
                count(report.undecided)
            ))?;
        }
    }
    Ok(match report.bad.is_empty() {
        true => Exit::Well,
        false => Exit::Wrong,
    })
}
