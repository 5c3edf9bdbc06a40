//! `everpost backup`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use everpost_store::{
    BackupFault, BackupKeys, BackupProgress, BackupReport, BackupSigner, KeySource, Pruned,
    Restore, Restored, Store, list_backups, prune_backups, restore_backup, verify_backup,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::key::read_recovery_keys;
use super::options;
use crate::cli::{BackupCommand, BackupWhat, Global};
use crate::failure::{Exit, Failure};
use crate::output::{count, line, object, plain, size};

pub(crate) async fn run(global: &Global, command: BackupCommand) -> Result<Exit, Failure> {
    match command.what {
        BackupWhat::Create { repo, keep_days } => create(global, &repo, keep_days).await,
        BackupWhat::List { repo } => list(global, &repo),
        BackupWhat::Verify {
            repo,
            snapshot,
            recovery,
        } => verify(global, &repo, snapshot, recovery).await,
        BackupWhat::Restore {
            repo,
            snapshot,
            recovery,
            despite_damage,
        } => restore(global, repo, snapshot, recovery, despite_damage).await,
        BackupWhat::Prune {
            repo,
            keep_days,
            dry_run,
        } => {
            let pruned = prune_backups(&repo, keep_days, dry_run)?;
            print_pruned(global, &pruned, dry_run)?;
            Ok(if pruned.blocked.is_some() {
                Exit::Wrong
            } else {
                Exit::Well
            })
        }
    }
}

pub(super) fn bar(global: &Global) -> ProgressBar {
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

fn show(bar: &ProgressBar, progress: &BackupProgress) {
    bar.set_length(progress.total.max(progress.done));
    bar.set_position(progress.done);
    bar.set_message(format!("{} objects", count(progress.objects)));
}

fn rate(bytes: u64, seconds: f64) -> String {
    format!(
        "{seconds:.1} s ({}/s)",
        size((bytes as f64 / seconds.max(0.001)) as u64)
    )
}

/// Names what is bad: as objects on standard output for programs, else on standard error.
fn print_bad(global: &Global, bad: &[BackupFault]) -> Result<(), Failure> {
    for bad in bad {
        match global.json {
            true => object(&json!({"snapshot": bad.snapshot, "item": bad.item, "what": bad.what}))?,
            false => eprintln!(
                "{}: {}: {}",
                plain(&bad.snapshot),
                plain(&bad.item),
                plain(&bad.what)
            ),
        }
    }
    Ok(())
}

fn names(bad: &[BackupFault]) -> Vec<&str> {
    bad.iter().map(|bad| bad.item.as_str()).collect()
}

async fn create(global: &Global, repo: &Path, keep_days: u32) -> Result<Exit, Failure> {
    let store = Store::open(options(global)?).await?.store;
    let began = Instant::now();
    let bar = bar(global);
    let done = store.backup(repo, |progress| show(&bar, progress)).await;
    bar.finish_and_clear();
    let report = done?;
    store.close().await?;
    let pruned = prune_backups(repo, keep_days, false)?;
    let seconds = began.elapsed().as_secs_f64();
    print_bad(global, &report.bad)?;
    print_created(global, &report, &pruned, seconds)?;
    let well = report.bad.is_empty() && pruned.blocked.is_none();
    Ok(if well { Exit::Well } else { Exit::Wrong })
}

fn print_created(
    global: &Global,
    report: &BackupReport,
    pruned: &Pruned,
    seconds: f64,
) -> Result<(), Failure> {
    if global.json {
        return object(&json!({
            "summary": true, "snapshot": report.snapshot, "objects": report.objects, "bytes": report.bytes,
            "catalog_bytes": report.catalog_bytes, "copied": report.copied, "copied_bytes": report.copied_bytes,
            "bad": names(&report.bad), "pruned_snapshots": pruned.snapshots, "pruned_objects": pruned.objects,
            "pruned_bytes": pruned.bytes, "blocked": pruned.blocked, "seconds": seconds,
        }));
    }
    line(format!("Snapshot    {}", report.snapshot))?;
    line(format!(
        "Holds       {} in {} objects and the catalog ({})",
        size(report.bytes),
        count(report.objects),
        size(report.catalog_bytes)
    ))?;
    line(format!(
        "Copied      {} in {} objects; the others were there",
        size(report.copied_bytes),
        count(report.copied)
    ))?;
    if !pruned.snapshots.is_empty() || pruned.objects > 0 {
        print_pruned(global, pruned, false)?;
    }
    if let Some(why) = &pruned.blocked {
        eprintln!("Nothing was pruned: {}", plain(why));
    }
    if !report.bad.is_empty() {
        line(format!(
            "NOT WHOLE   {} objects of the store are missing or damaged",
            count(report.bad.len() as u64)
        ))?;
    }
    line(format!(
        "Took        {}",
        rate(report.copied_bytes + report.catalog_bytes, seconds)
    ))
}

fn print_pruned(global: &Global, pruned: &Pruned, dry_run: bool) -> Result<(), Failure> {
    if global.json {
        for snapshot in &pruned.snapshots {
            object(&json!({"snapshot": snapshot}))?;
        }
        return object(&json!({
            "summary": true, "dry_run": dry_run, "snapshots": pruned.snapshots.len(), "objects": pruned.objects,
            "bytes": pruned.bytes, "kept": pruned.kept, "blocked": pruned.blocked,
        }));
    }
    if dry_run {
        for snapshot in &pruned.snapshots {
            line(snapshot)?;
        }
    }
    if let Some(why) = &pruned.blocked {
        eprintln!("No object is removed: {}", plain(why));
    }
    line(format!(
        "{} {} snapshots and {} in {} objects that no other needs; {} snapshots stay",
        if dry_run {
            "Would prune"
        } else {
            "Pruned     "
        },
        count(pruned.snapshots.len() as u64),
        size(pruned.bytes),
        count(pruned.objects),
        count(pruned.kept)
    ))
}

fn list(global: &Global, repo: &Path) -> Result<Exit, Failure> {
    let snapshots = list_backups(repo)?;
    for snapshot in &snapshots {
        if global.json {
            object(&json!({
                "snapshot": snapshot.name, "taken": snapshot.taken, "epoch": snapshot.epoch, "events": snapshot.events,
                "objects": snapshot.objects, "bytes": snapshot.bytes, "bad": snapshot.bad,
            }))?;
            continue;
        }
        match &snapshot.bad {
            Some(what) => line(format!(
                "{}  its manifest cannot be read: {}",
                snapshot.name,
                plain(what)
            ))?,
            None => line(format!(
                "{}  {:>8} in {:>6} objects  {} events",
                snapshot.name,
                size(snapshot.bytes),
                count(snapshot.objects),
                count(snapshot.events.unsigned_abs())
            ))?,
        }
    }
    let bad = snapshots
        .iter()
        .filter(|snapshot| snapshot.bad.is_some())
        .count();
    if global.json {
        object(&json!({"summary": true, "snapshots": snapshots.len(), "bad": bad}))?;
    } else if snapshots.is_empty() {
        line("No snapshots yet.")?;
    }
    Ok(if bad > 0 { Exit::Wrong } else { Exit::Well })
}

/// The master key as the command line names it, or recovery keys.
fn keys(global: &Global, recovery: bool) -> Result<BackupKeys, Failure> {
    if recovery {
        return Ok(BackupKeys::Recovery(read_recovery_keys()?));
    }
    let beside = || KeySource::beside(&global.data);
    Ok(BackupKeys::Master(
        global.key.as_deref().map_or_else(beside, KeySource::parse),
    ))
}

async fn verify(
    global: &Global,
    repo: &Path,
    snapshot: Option<String>,
    recovery: bool,
) -> Result<Exit, Failure> {
    let keys = keys(global, recovery)?;
    let began = Instant::now();
    let bar = bar(global);
    let done = verify_backup(repo, snapshot.as_deref(), &keys, |progress| {
        show(&bar, progress)
    })
    .await;
    bar.finish_and_clear();
    let found = done?;
    let seconds = began.elapsed().as_secs_f64();
    print_bad(global, &found.bad)?;
    let signer = match &found.signer {
        BackupSigner::Checked => "checked".to_string(),
        BackupSigner::NotChecked(why) => format!("not checked: {why}"),
    };
    if global.json {
        object(&json!({
            "summary": true, "snapshots": found.snapshots, "checked": found.objects, "bytes": found.bytes,
            "ok": found.bad.is_empty(), "bad": names(&found.bad), "signer": signer, "seconds": seconds,
        }))?;
    } else {
        line(format!(
            "Read        {} snapshots, {} objects, {} in {}",
            count(found.snapshots),
            count(found.objects),
            size(found.bytes),
            rate(found.bytes, seconds)
        ))?;
        line(format!("Signer      {}", plain(&signer)))?;
        match found.bad.len() {
            0 if found.signer == BackupSigner::Checked => line("All well.")?,
            0 => line("Consistent, signer not checked.")?,
            bad => line(format!("{} WRONG", count(bad as u64)))?,
        }
    }
    Ok(match (found.bad.is_empty(), &found.signer) {
        (true, BackupSigner::Checked) => Exit::Well,
        (true, BackupSigner::NotChecked(_)) => Exit::SignerUnchecked,
        (false, _) => Exit::Wrong,
    })
}

async fn restore(
    global: &Global,
    repo: PathBuf,
    snapshot: Option<String>,
    recovery: bool,
    despite_damage: bool,
) -> Result<Exit, Failure> {
    let what = Restore {
        repo,
        snapshot,
        address: options(global)?.address,
        data: global.data.clone(),
        keys: keys(global, recovery)?,
        key: global.key.as_deref().map(KeySource::parse),
        despite_damage,
    };
    let began = Instant::now();
    let bar = bar(global);
    let done = restore_backup(&what, |progress| show(&bar, progress)).await;
    bar.finish_and_clear();
    let restored = done?;
    let seconds = began.elapsed().as_secs_f64();
    print_bad(global, &restored.bad)?;
    if global.json {
        print_restored_json(&restored, seconds)?;
    } else {
        print_restored(global, &restored, seconds)?;
    }
    Ok(match (restored.done, restored.bad.is_empty()) {
        (true, true) => Exit::Well,
        (true, false) => Exit::SomeFailed,
        (false, _) => Exit::Wrong,
    })
}

fn print_restored_json(restored: &Restored, seconds: f64) -> Result<(), Failure> {
    for tenant in &restored.tenants {
        object(&json!({
            "tenant": tenant.name, "events": tenant.events, "log_kept": tenant.kept,
            "fork_notice": tenant.notice.to_string(),
        }))?;
    }
    object(&json!({
        "summary": true, "restored": restored.done, "snapshot": restored.snapshot, "taken": restored.taken,
        "epoch": restored.epoch, "objects": restored.objects, "bytes": restored.bytes,
        "key": restored.key.to_string(), "new_key": restored.new_key, "bad": names(&restored.bad), "seconds": seconds,
    }))
}

fn print_restored(global: &Global, restored: &Restored, seconds: f64) -> Result<(), Failure> {
    let place = plain(&global.place());
    if !restored.done {
        line(format!(
            "Nothing was restored: {} objects are missing or damaged.",
            count(restored.bad.len() as u64)
        ))?;
        line(format!(
            "What was copied waits beside {place}. Mend the repository and run the same again;"
        ))?;
        return line("with --despite-damage the rest is restored, and what is damaged stays lost.");
    }
    line(format!(
        "Restored    {place} from {} ({})",
        restored.snapshot,
        size(restored.bytes)
    ))?;
    line(format!("Not in it   what came after {}", restored.taken))?;
    for tenant in &restored.tenants {
        match tenant.events.checked_sub(1) {
            Some(last) => line(format!(
                "            {}: the last event is number {}",
                plain(&tenant.name),
                count(last)
            ))?,
            None => line(format!("            {}: no events", plain(&tenant.name)))?,
        }
    }
    line(format!(
        "Epoch       {}: the log goes on under a new name, with a signed notice",
        restored.epoch
    ))?;
    let made = if restored.new_key {
        "new; keep it as you kept the old one"
    } else {
        "as before"
    };
    line(format!(
        "Master key  {} ({made})",
        plain(&restored.key.to_string())
    ))?;
    line(format!("Took        {}", rate(restored.bytes, seconds)))
}
