//! `everpost verify` and `everpost log`.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use everpost_domain::log::EventKind;
use everpost_store::{Bad, Stage, Tenant, VerifyProgress};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{open, time};
use crate::cli::{Global, LogCommand, VerifyCommand};
use crate::failure::{Exit, Failure};
use crate::output::{count, line, object, plain};

pub(crate) async fn run(global: &Global, command: VerifyCommand) -> Result<Exit, Failure> {
    if let Some(export) = &command.export {
        return super::export::verify(global, export, command.checkpoint.as_deref());
    }
    if command.id.is_none() && !command.all && command.checkpoint.is_none() {
        return Err(Failure::usage(
            "nothing to verify",
            "give an id, --all, --export PATH or --checkpoint FILE",
        ));
    }
    let kept = command.checkpoint.as_deref().map(read).transpose()?;
    let (_store, tenant) = open(global, false).await?;
    // What an interrupted import left is brought into the log first. Where that fails
    // because something is damaged, what follows names it.
    let advanced = tenant.advance_log().await;
    let (mut checked, mut ok, mut bad) = (0, 0, Vec::new());
    if let Some(note) = kept {
        let found = tenant.verify_checkpoint(&note).await?;
        checked += 1;
        ok += u64::from(found.is_empty());
        bad.extend(found);
    }
    if let Some(id) = &command.id {
        let found = one(global, &tenant, id).await?;
        checked += 1;
        ok += u64::from(found.is_empty());
        bad.extend(found);
    }
    let mut unlogged = 0;
    if command.all {
        let bar = bar(global);
        let found = tenant.verify_all(|progress| show(&bar, progress)).await;
        bar.finish_and_clear();
        let found = found?;
        checked += found.checked;
        ok += found.ok;
        unlogged = found.unlogged;
        bad.extend(found.bad);
        if !global.json {
            line(format!("Log     {} leaves compared", count(found.leaves)))?;
        }
    }
    if let Err(error) = advanced
        && bad.is_empty()
    {
        return Err(error.into());
    }
    print_bad(global, &bad)?;
    if global.json {
        object(&json!({
            "summary": true, "checked": checked, "ok": ok, "unlogged": unlogged,
            "bad": bad.iter().map(bad_json).collect::<Vec<_>>(),
        }))?;
    } else {
        line(match bad.len() {
            0 => format!("{} verified, all well.", count(checked)),
            n => format!(
                "{} verified, {} well; {} found wrong.",
                count(checked),
                count(ok),
                count(n as u64)
            ),
        })?;
    }
    Ok(if bad.is_empty() {
        Exit::Well
    } else {
        Exit::Wrong
    })
}

async fn one(global: &Global, tenant: &Tenant, id: &str) -> Result<Vec<Bad>, Failure> {
    let id = tenant.resolve(id).await?;
    let found = tenant.verify(&id).await?;
    if global.json {
        object(&json!({
            "id": found.copy.to_string(), "size": found.size, "seq": found.seq,
            "captured": time(found.captured), "log_size": found.log_size, "ok": found.bad.is_empty(),
        }))?;
    } else if found.bad.is_empty() {
        line(format!("Copy    {}", found.copy))?;
        line(format!("Bytes   {}, as they came in", count(found.size)))?;
        line(format!(
            "Leaf    {} of {}, captured {}, under the signed checkpoint",
            count(found.seq),
            count(found.log_size),
            time(found.captured)
        ))?;
    }
    Ok(found.bad)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        Failure::usage(
            format!("{}: {error}", path.display()),
            "give a checkpoint file",
        )
    })
}

/// What is wrong, as one JSON object.
pub(crate) fn bad_json(bad: &Bad) -> Value {
    json!({"item": bad.item, "what": bad.what})
}

/// What is wrong, one a line.
pub(crate) fn print_bad(global: &Global, bad: &[Bad]) -> Result<(), Failure> {
    for bad in bad {
        match global.json {
            true => object(&bad_json(bad))?,
            false => line(format!(
                "BAD     {}: {}",
                plain(&bad.item),
                plain(&bad.what)
            ))?,
        }
    }
    Ok(())
}

/// A progress bar that counts, on a terminal.
pub(crate) fn bar(global: &Global) -> ProgressBar {
    if global.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template(
        "{bar:30} {percent:>3}%  {human_pos}/{human_len} {msg}  ETA {eta}",
    ) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Shows how far a verification is.
pub(crate) fn show(bar: &ProgressBar, progress: VerifyProgress) {
    bar.set_length(progress.total);
    bar.set_position(progress.done);
    bar.set_message(match progress.stage {
        Stage::Log => "leaves",
        Stage::Copies => "copies",
        Stage::Packs => "packs",
        Stage::Splits => "splits",
    });
}

/// `everpost log head`.
pub(crate) async fn log(global: &Global, command: LogCommand) -> Result<Exit, Failure> {
    let (_store, tenant) = open(global, false).await?;
    let out = match command {
        LogCommand::Head { out } => out,
        LogCommand::Actions { from } => return actions(global, &tenant, from).await,
    };
    tenant.advance_log().await?;
    let Some(head) = tenant.log_head().await? else {
        return Err(Failure::usage("the log is empty", "import mail first"));
    };
    if let Some(out) = &out {
        std::fs::write(out, head.note.to_string()).map_err(|error| {
            Failure::usage(
                format!("{}: {error}", out.display()),
                "give a file that can be written",
            )
        })?;
    }
    if global.json {
        object(&json!({
            "summary": true, "size": head.size, "root": head.root.to_string(), "key": head.key.to_string(),
            "checkpoint": head.note.to_string(), "out": out,
        }))?;
        return Ok(Exit::Well);
    }
    match &out {
        Some(out) => line(format!(
            "Checkpoint of {} leaves written to {}.",
            count(head.size),
            out.display()
        ))?,
        None => line(head.note.to_string().trim_end())?,
    }
    line(format!("Verifier key: {}", head.key))?;
    Ok(Exit::Well)
}

async fn actions(global: &Global, tenant: &Tenant, mut from: u64) -> Result<Exit, Failure> {
    loop {
        let events = tenant.actions(from).await?;
        let Some(last) = events.last() else {
            return Ok(Exit::Well);
        };
        from = last.seq + 1;
        for event in &events {
            let kind = match event.kind {
                EventKind::ImportWithdrawn => "withdrawn",
                EventKind::Exported => "exported",
                EventKind::Accessed => "accessed",
                EventKind::Refused => "refused",
                EventKind::Omitted => "omitted",
                _ => "administered",
            };
            let subject = match event.kind {
                EventKind::Accessed
                | EventKind::Administered
                | EventKind::Refused
                | EventKind::Omitted => String::from_utf8_lossy(&event.record.subject).into_owned(),
                // A job's number or a manifest's digest.
                _ => event
                    .record
                    .subject
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect(),
            };
            let (actor, reason) = (&event.record.actor, &event.record.reason);
            match global.json {
                true => object(&json!({
                    "seq": event.seq, "time": time(event.at), "kind": kind, "actor": actor,
                    "subject": subject, "reason": reason,
                }))?,
                false => line(plain(&format!(
                    "{:>8}  {}  {kind:<12}  {actor}  {subject}  {reason}",
                    event.seq,
                    time(event.at)
                )))?,
            }
        }
    }
}
