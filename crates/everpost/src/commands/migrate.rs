//! `everpost migrate`.

use std::time::{Duration, Instant};

use everpost_service::MoveView;
use everpost_store::{Cluster, Destination, RelocationStage, Store};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::remote::{self, Service};
use super::{backup, options};
use crate::cli::{Global, MigrateCommand};
use crate::failure::{Exit, Failure};
use crate::output::{count, line, object, plain, size};

/// How often a service is asked how far it is.
const POLL: Duration = Duration::from_millis(200);

pub(crate) async fn run(global: &Global, command: MigrateCommand) -> Result<Exit, Failure> {
    let to = destination(&command)?;
    let began = Instant::now();
    let bar = backup::bar(global);
    let done = match remote::service(global).await {
        Some(service) => by_service(&service, &command, &to, &bar).await,
        None => by_ourselves(global, &command, &to, &bar).await,
    };
    bar.finish_and_clear();
    print(global, &done?, began.elapsed())?;
    Ok(Exit::Well)
}

fn destination(command: &MigrateCommand) -> Result<Destination, Failure> {
    match (&command.to_data, &command.to_catalog, &command.to_objects) {
        (Some(data), _, _) => Ok(Destination::Directory(data.clone())),
        (None, Some(catalog), Some(objects)) => Ok(Destination::Servers(Box::new(Cluster::parse(
            catalog, objects,
        )?))),
        _ => Err(Failure::usage(
            "no place to move to",
            "give --to-data, or --to-catalog and --to-objects",
        )),
    }
}

async fn by_ourselves(
    global: &Global,
    command: &MigrateCommand,
    to: &Destination,
    bar: &ProgressBar,
) -> Result<Value, Failure> {
    let store = Store::open(options(global)?).await?.store;
    let view = if command.dry_run {
        MoveView::planned(to, store.plan_relocation(to).await?)
    } else {
        let moved = store.relocate(to, |progress| {
            let stopped = progress.stage == RelocationStage::Stopped;
            show(bar, progress.total, progress.done, stopped);
        });
        MoveView::done(&moved.await?)
    };
    store.close().await?;
    Ok(serde_json::to_value(view).map_err(anyhow::Error::from)?)
}

/// The service that has the archive open moves it, and goes on meanwhile.
async fn by_service(
    service: &Service,
    command: &MigrateCommand,
    to: &Destination,
    bar: &ProgressBar,
) -> Result<Value, Failure> {
    // It stands in another directory and has another environment.
    let secret = |name| std::env::var(name).ok();
    let ask = match to {
        Destination::Directory(_) => json!({"data": to.to_string(), "dry_run": command.dry_run}),
        Destination::Servers(_) => json!({
            "catalog": command.to_catalog.as_deref().map(with_password), "objects": command.to_objects,
            "access_key": secret("AWS_ACCESS_KEY_ID"), "secret_key": secret("AWS_SECRET_ACCESS_KEY"),
            "dry_run": command.dry_run,
        }),
    };
    let mut view = service.post("/move", &ask).await?;
    loop {
        match remote::text(&view, "state") {
            "running" => {}
            "failed" => {
                let problem = view.get("problem").cloned().unwrap_or_default();
                return Err(Failure::answered(
                    remote::text(&problem, "code"),
                    remote::text(&problem, "detail"),
                    remote::text(&problem, "hint"),
                ));
            }
            _ => return Ok(view),
        }
        let number = |name| remote::number(&view, name);
        let stopped = remote::text(&view, "stage") == "stopped";
        show(bar, number("bytes"), number("done"), stopped);
        tokio::time::sleep(POLL).await;
        view = service.get("/move").await?;
    }
}

/// The address of a catalog with the password that this environment has for it.
fn with_password(catalog: &str) -> String {
    let given = catalog
        .split_once("://")
        .and_then(|(_, rest)| rest.rsplit_once('@'))
        .is_some_and(|(user, _)| user.contains(':'));
    match std::env::var("PGPASSWORD") {
        Ok(password) if !given && !catalog.contains("password=") => {
            let joint = if catalog.contains('?') { '&' } else { '?' };
            format!("{catalog}{joint}password={}", remote::escape(&password))
        }
        _ => catalog.to_string(),
    }
}

fn show(bar: &ProgressBar, total: u64, done: u64, stopped: bool) {
    bar.set_length(total.max(done));
    bar.set_position(done);
    bar.set_message(if stopped { "writers wait" } else { "" });
}

fn print(global: &Global, view: &Value, took: Duration) -> Result<(), Failure> {
    let (tables, logs) = (remote::list(view, "tables"), remote::list(view, "logs"));
    if global.json {
        for one in tables.iter().chain(logs) {
            object(one)?;
        }
        return object(&json!({
            "summary": true, "state": view.get("state"), "place": view.get("place"),
            "objects": view.get("objects"), "bytes": view.get("bytes"), "rows": view.get("rows"),
            "stopped_seconds": view.get("stopped_seconds"), "earlier": view.get("earlier"),
            "seconds": took.as_secs_f64(),
        }));
    }
    let number = |name| remote::number(view, name);
    let place = plain(remote::text(view, "place"));
    let holds = format!(
        "{} in {} objects, {} rows",
        size(number("bytes")),
        count(number("objects")),
        count(number("rows"))
    );
    if remote::text(view, "state") == "planned" {
        line(format!("Would move  {holds}"))?;
        return line(format!("To          {place}, where nothing is yet"));
    }
    line(format!("Moved       {holds}"))?;
    line(format!("To          {place}"))?;
    line(format!(
        "Compared    {} tables, equal at both places",
        count(tables.len() as u64)
    ))?;
    for log in logs {
        let checkpoint = remote::text(log, "checkpoint");
        let leaves = checkpoint.lines().nth(1).unwrap_or("0");
        line(format!(
            "Log         of {} goes on after {leaves} leaves",
            plain(remote::text(log, "tenant"))
        ))?;
    }
    let stopped = view.get("stopped_seconds").and_then(Value::as_f64);
    line(format!(
        "Took        {:.1} s; writers waited for {:.1} s",
        took.as_secs_f64(),
        stopped.unwrap_or(0.0)
    ))?;
    line("What was left here can be read, and takes nothing in. The master key is the same.")
}
