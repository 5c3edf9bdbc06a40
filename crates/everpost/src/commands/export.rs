//! `everpost export`, and the verification of what it wrote.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use everpost_domain::query::parse;
use everpost_mail::export::{
    ExportCheck, ExportOptions, ExportProgress, ExportReport, export, verify_export,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::open;
use crate::cli::{ExportCommand, Global};
use crate::failure::{Exit, Failure};
use crate::output::{count, line, object, plain, size};

pub(crate) async fn run(global: &Global, command: ExportCommand) -> Result<Exit, Failure> {
    let query = parse(&command.query).map_err(|error| {
        Failure::usage(
            format!("the query is wrong\n{}", error.pretty(&command.query)),
            "see docs/query.md",
        )
    })?;
    let format = command
        .format
        .parse()
        .map_err(|error| Failure::usage(format!("{error}"), ""))?;
    let options = ExportOptions {
        query,
        scope: everpost_store::Scope::Everything,
        text: command.query,
        format,
        out: command.out,
        actor: std::env::var("USER").unwrap_or_else(|_| "operator".into()),
        dry_run: command.dry_run,
    };
    let (store, tenant) = open(global, false).await?;
    let began = Instant::now();
    let bar = bar(global);
    let done = export(&tenant, &options, |progress| show(&bar, progress)).await;
    bar.finish_and_clear();
    let report = done?;
    store.close().await?;
    print_report(global, &options, &report, began.elapsed().as_secs_f64())?;
    Ok(if report.failed > 0 {
        Exit::SomeFailed
    } else {
        Exit::Well
    })
}

fn bar(global: &Global) -> ProgressBar {
    if global.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    let template =
        "{bar:30} {percent:>3}%  {human_pos}/{human_len} messages  {per_sec}  ETA {eta}  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn show(bar: &ProgressBar, progress: &ExportProgress) {
    bar.set_length(progress.all);
    bar.set_position(progress.done);
    bar.set_message(size(progress.bytes));
}

fn print_report(
    global: &Global,
    options: &ExportOptions,
    report: &ExportReport,
    seconds: f64,
) -> Result<(), Failure> {
    if global.json {
        for (id, reason) in &report.errors {
            object(&json!({"id": id, "error": reason}))?;
        }
        return object(&json!({
            "summary": true, "dry_run": options.dry_run, "format": options.format.name(),
            "out": options.out.display().to_string(), "copies": report.copies, "items": report.items,
            "bytes": report.bytes, "failed": report.failed, "unknown": report.unknown,
            "manifest_sha256": report.manifest.map(|digest| digest.to_string()), "seconds": seconds,
        }));
    }
    for (id, reason) in &report.errors {
        eprintln!("{}: {}", plain(id), plain(reason));
    }
    let unlisted = report.failed.saturating_sub(report.errors.len() as u64);
    if unlisted > 0 {
        eprintln!("… and {} more; the manifest names all", count(unlisted));
    }
    let what = format!(
        "{} copies in {} places, {}",
        count(report.copies),
        count(report.items),
        size(report.bytes)
    );
    match options.dry_run {
        true => line(format!("Dry run: nothing was written. {what}"))?,
        false => line(format!(
            "{what}, in {seconds:.1} s to {}",
            options.out.display()
        ))?,
    }
    if report.unknown > 0 {
        line(format!(
            "{} more might match: their attachments were not read",
            count(report.unknown)
        ))?;
    }
    if report.failed > 0 {
        line(format!(
            "{} failed; the rest is whole.",
            count(report.failed)
        ))?;
    }
    Ok(())
}

/// `everpost verify --export`: what `--key` names is the log's public key here, for there is
/// no archive to open.
pub(crate) fn verify(
    global: &Global,
    export: &Path,
    checkpoint: Option<&Path>,
) -> Result<Exit, Failure> {
    let kept = checkpoint.map(std::fs::read_to_string).transpose()?;
    let check = verify_export(export, global.key.as_deref(), kept.as_deref());
    print_check(global, &check)?;
    Ok(match check {
        check if !check.holds() => Exit::Wrong,
        check if !check.signer_checked => Exit::SignerUnchecked,
        _ => Exit::Well,
    })
}

fn print_check(global: &Global, check: &ExportCheck) -> Result<(), Failure> {
    if global.json {
        let bad: Vec<_> = check
            .bad
            .iter()
            .map(|(item, reason)| json!({"item": item, "reason": reason}))
            .collect();
        return object(&json!({
            "summary": true, "checked": check.checked, "ok": check.ok, "bytes": check.bytes, "wrong": check.wrong,
            "bad": bad, "missing": check.missing, "signer_checked": check.signer_checked, "notes": check.notes,
        }));
    }
    for (item, reason) in &check.bad {
        line(format!("{}: {}", plain(item), plain(reason)))?;
    }
    for note in &check.notes {
        line(plain(note))?;
    }
    let counts = format!(
        "{} checked, {} ok, {} wrong",
        count(check.checked),
        count(check.ok),
        count(check.wrong)
    );
    let verdict = match check {
        check if !check.holds() => "NOT what was exported",
        check if !check.signer_checked => "consistent, signer not checked",
        _ => "authentic",
    };
    line(format!("{counts}: {verdict}"))
}
