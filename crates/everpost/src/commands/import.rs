//! `everpost import`.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use everpost_mail::import::{ImportOptions, ImportProgress, ImportReport, Source, import};
use everpost_store::{Counts, JobInfo, JobState};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{instant, open, time};
use crate::cli::{Global, ImportCommand, ImportHow, ImportSource, ImportTo};
use crate::failure::{Exit, Failure};
use crate::output::{count, line, object, plain, size};

pub(crate) async fn run(global: &Global, command: ImportCommand) -> Result<Exit, Failure> {
    let (source, mailbox, folder, how) = match command.source {
        ImportSource::Demo {
            seed,
            messages,
            how,
        } => (Source::Demo { seed, messages }, String::new(), None, how),
        ImportSource::Mbox { path, dialect, to } => with(Source::Mbox { path, dialect }, to),
        ImportSource::Maildir { path, to } => with(Source::Maildir { path }, to),
        ImportSource::Eml { path, to } => with(Source::Eml { path }, to),
        ImportSource::Zip { path, to } => with(Source::Zip { path }, to),
        ImportSource::Tar { path, to } => with(Source::Tar { path }, to),
        ImportSource::List => return list(global).await,
        ImportSource::Errors { job } => return errors(global, job).await,
        ImportSource::Withdraw { job, reason } => return withdraw(global, job, &reason).await,
    };
    let options = ImportOptions {
        folder,
        since: how.since.as_deref().map(instant).transpose()?,
        until: how.until.as_deref().map(instant).transpose()?,
        server: how.server,
        dry_run: how.dry_run,
        no_wait: how.no_wait,
        max_message: how.max_message.saturating_mul(1 << 20),
        ..ImportOptions::new(mailbox)
    };
    let (store, tenant) = open(global, !how.dry_run).await?;
    let began = Instant::now();
    let bar = bar(global);
    let done = import(&tenant, &source, &options, |progress| show(&bar, progress)).await;
    bar.finish_and_clear();
    let report = done?;
    let seconds = began.elapsed().as_secs_f64();
    print_report(global, &report, seconds, how.dry_run)?;
    store.close().await?;
    Ok(exit(&report.counts))
}

fn with(source: Source, to: ImportTo) -> (Source, String, Option<String>, ImportHow) {
    (source, to.mailbox, to.folder, to.how)
}

fn exit(counts: &Counts) -> Exit {
    match counts {
        counts if !counts.balances() => Exit::Wrong,
        counts if counts.failed > 0 => Exit::SomeFailed,
        _ => Exit::Well,
    }
}

fn bar(global: &Global) -> ProgressBar {
    if global.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    let template = "{bar:30} {percent:>3}%  {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  ETA {eta}  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn show(bar: &ProgressBar, progress: &ImportProgress) {
    bar.set_length(progress.total_bytes.max(progress.read_bytes));
    bar.set_position(progress.read_bytes);
    let what = if progress.indexing {
        "indexing"
    } else {
        "messages"
    };
    bar.set_message(format!("{} {what}", count(progress.counts.seen)));
}

fn print_report(
    global: &Global,
    report: &ImportReport,
    seconds: f64,
    dry_run: bool,
) -> Result<(), Failure> {
    let counts = report.counts;
    if global.json {
        for (name, reason) in &report.errors {
            object(&json!({"item": name, "reason": reason}))?;
        }
        return object(&json!({
            "summary": true, "job": report.job.as_ref().map(|job| job.id), "dry_run": dry_run,
            "resumed": report.resumed, "seen": counts.seen, "stored": counts.stored,
            "duplicate": counts.duplicate, "rejected": counts.rejected, "failed": counts.failed,
            "outside": counts.outside, "bytes": counts.bytes, "seconds": seconds,
        }));
    }
    /// Lines of errors for people; programs get all that the report has.
    const SHOWN: usize = 20;
    for (name, reason) in report.errors.iter().take(SHOWN) {
        eprintln!("{}: {}", plain(name), plain(reason));
    }
    let shown = report.errors.len().min(SHOWN) as u64;
    let unlisted = (counts.rejected + counts.failed).saturating_sub(shown);
    if let (Some(job), true) = (&report.job, unlisted > 0) {
        eprintln!(
            "… and {} more: everpost import errors {}",
            count(unlisted),
            job.id
        );
    }
    if dry_run {
        line("Dry run: nothing was stored.")?;
    }
    if report.resumed {
        line("Went on where an earlier run stopped; counts are of the whole job.")?;
    }
    line(balance(&counts))?;
    let rate = counts.bytes as f64 / seconds.max(0.001);
    line(format!(
        "{} in {seconds:.1} s ({}/s)",
        size(counts.bytes),
        size(rate as u64)
    ))
}

/// The balance as one line: `seen = stored + duplicate + rejected + failed`.
fn balance(counts: &Counts) -> String {
    let mut text = format!(
        "{} seen = {} stored + {} duplicate + {} rejected + {} failed",
        count(counts.seen),
        count(counts.stored),
        count(counts.duplicate),
        count(counts.rejected),
        count(counts.failed)
    );
    if counts.outside > 0 {
        text.push_str(&format!(
            "; {} outside the chosen dates",
            count(counts.outside)
        ));
    }
    if !counts.balances() {
        text.push_str("; THIS DOES NOT BALANCE");
    }
    text
}

fn state(job: &JobInfo) -> &'static str {
    match job.state {
        JobState::Running => "unfinished",
        JobState::Done => "done",
        JobState::Withdrawn => "withdrawn",
    }
}

async fn list(global: &Global) -> Result<Exit, Failure> {
    if let Some(service) = super::remote::service(global).await {
        return super::remote::imports(global, &service).await;
    }
    let (_store, tenant) = open(global, false).await?;
    let jobs = tenant.jobs().await?;
    for job in &jobs {
        if global.json {
            let counts = job.counts;
            object(&json!({
                "job": job.id, "state": state(job), "about": job.about, "started": time(job.started),
                "updated": time(job.updated), "seen": counts.seen, "stored": counts.stored,
                "duplicate": counts.duplicate, "rejected": counts.rejected, "failed": counts.failed,
                "outside": counts.outside, "bytes": counts.bytes,
            }))?;
        } else {
            line(format!(
                "{:>4}  {:<10}  {}  {}",
                job.id,
                state(job),
                time(job.started),
                plain(&job.about)
            ))?;
            line(format!("      {}", balance(&job.counts)))?;
        }
    }
    if global.json {
        object(&json!({"summary": true, "jobs": jobs.len()}))?;
    } else if jobs.is_empty() {
        line("No imports yet.")?;
    }
    Ok(Exit::Well)
}

async fn errors(global: &Global, job: i64) -> Result<Exit, Failure> {
    let (_store, tenant) = open(global, false).await?;
    tenant.job(job).await?;
    let errors = tenant.job_errors(job).await?;
    for (position, what) in &errors {
        match global.json {
            true => object(&json!({"position": position, "what": what}))?,
            false => line(plain(what))?,
        }
    }
    if global.json {
        object(&json!({"summary": true, "errors": errors.len()}))?;
    }
    Ok(Exit::Well)
}

async fn withdraw(global: &Global, job: i64, reason: &str) -> Result<Exit, Failure> {
    let (store, tenant) = open(global, false).await?;
    let actor = std::env::var("USER").unwrap_or_else(|_| "operator".into());
    let job = tenant.withdraw_job(job, &actor, reason).await?;
    tenant.advance_log().await?;
    store.close().await?;
    match global.json {
        true => object(&json!({"summary": true, "job": job.id, "state": state(&job)}))?,
        false => line(format!(
            "Job {} is withdrawn. What only it brought is hidden; nothing was destroyed.",
            job.id
        ))?,
    }
    Ok(Exit::Well)
}
