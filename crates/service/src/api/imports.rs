//! Imports: begun, watched, withdrawn.

use std::convert::Infallible;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use axum::Json;
use axum::body::Body as Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use everpost_codec::mbox::Dialect;
use everpost_domain::access::{Action, Object};
use everpost_mail::import::{ImportError, ImportOptions, Source, UploadKind, begin, import};
use everpost_store::{JobInfo, JobState, Spooled, StoreError};
use futures::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Items;
use super::jobs::Running;
use crate::app::App;
use crate::caller::{Caller, Via};
use crate::extract::{Ask, number};
use crate::problem::Problem;
use crate::view::time;

/// Errors that an answer lists; `everpost import errors` has all.
const LISTED: usize = 50;
/// How often watchers are told of progress, at most.
const EVERY: Duration = Duration::from_millis(250);
/// How often watchers hear of an import that does not move.
const ALIVE: Duration = Duration::from_secs(15);

/// An import.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct Job {
    id: i64,
    /// `mbox`, `maildir`, `eml`, `zip`, `tar`, `demo`.
    kind: String,
    /// Kind, source and mailbox, for people.
    source: String,
    /// `running`, `done`, `stopped` (begun and not under way: it goes on when the service
    /// starts, or when the same import is asked for again), `withdrawn`, `failed`.
    state: &'static str,
    started: String,
    updated: String,
    /// Items of the source: stored + duplicate + rejected + failed.
    seen: u64,
    stored: u64,
    duplicate: u64,
    rejected: u64,
    failed: u64,
    /// Items outside of the chosen dates.
    outside: u64,
    /// Raw bytes of stored and duplicate items.
    bytes: u64,
    /// Bytes of the source, where that is known.
    total_bytes: Option<u64>,
    /// Bytes of the source a second, while it runs.
    rate: Option<f64>,
    /// How long it will take still, while it runs.
    eta_seconds: Option<f64>,
    /// The first items that were not imported, or why the whole stopped.
    errors: Vec<String>,
}

fn job(info: &JobInfo, running: Option<&Running>) -> Job {
    let kind = info.about.split(' ').next().unwrap_or_default();
    let live = running.filter(|running| running.ended.is_none());
    let mut counts = info.counts;
    let (mut total, mut rate, mut eta) = (None, None, None);
    if let Some(live) = live {
        let progress = &live.progress;
        if progress.counts.seen > counts.seen {
            counts = progress.counts;
        }
        let seconds = live.began.elapsed().as_secs_f64().max(0.001);
        let speed = progress.read_bytes as f64 / seconds;
        rate = Some(speed.round());
        total = Some(progress.total_bytes).filter(|total| *total > 0);
        eta = total
            .filter(|_| speed > 0.0)
            .map(|total| (total.saturating_sub(progress.read_bytes) as f64 / speed).round());
    }
    let why = running.and_then(|running| running.ended.clone()).flatten();
    Job {
        id: info.id,
        kind: kind.into(),
        source: info.about.clone(),
        state: match (info.state, live, &why) {
            (JobState::Done, ..) => "done",
            (JobState::Withdrawn, ..) => "withdrawn",
            (JobState::Running, Some(_), _) => "running",
            (JobState::Running, None, Some(_)) => "failed",
            (JobState::Running, None, None) => "stopped",
        },
        started: time(info.started),
        updated: time(info.updated),
        seen: counts.seen,
        stored: counts.stored,
        duplicate: counts.duplicate,
        rejected: counts.rejected,
        failed: counts.failed,
        outside: counts.outside,
        bytes: counts.bytes,
        total_bytes: total,
        rate,
        eta_seconds: eta,
        errors: why.into_iter().collect(),
    }
}

async fn current(app: &App, id: i64) -> Result<Job, Problem> {
    let info = app.tenant.job(id).await?;
    let running = app.jobs.import(id).map(|one| one.borrow().clone());
    let mut job = job(&info, running.as_ref());
    if job.rejected + job.failed > 0 {
        let errors = app.tenant.job_errors(id).await?;
        let room = LISTED.saturating_sub(job.errors.len());
        job.errors
            .extend(errors.into_iter().take(room).map(|(_, what)| what));
    }
    Ok(job)
}

/// All imports, oldest first.
#[utoipa::path(get, path = "/imports", tag = "imports",
    responses((status = 200, body = Items<Job>), Problem))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Items<Job>>, Problem> {
    caller.check(Action::Observe, Object::Organization)?;
    let jobs = app.tenant.jobs().await?;
    let items = jobs
        .iter()
        .map(|info| {
            let running = app.jobs.import(info.id).map(|one| one.borrow().clone());
            job(info, running.as_ref())
        })
        .collect();
    Ok(Json(Items { items }))
}

/// One import.
#[utoipa::path(get, path = "/imports/{id}", tag = "imports",
    params(("id" = i64, Path, description = "The import")),
    responses((status = 200, body = Job), Problem))]
pub(crate) async fn one(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Job>, Problem> {
    caller.check(Action::Observe, Object::Organization)?;
    Ok(Json(current(&app, number(&id, "import")?).await?))
}

/// What is to be imported.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportAsk {
    /// `mbox`, `eml`, `zip`, `tar`, or `demo` for a generated organization.
    kind: String,
    /// The mailbox that gets the mail; the demo brings its own.
    mailbox: Option<String>,
    /// The folder, instead of the one that the source names.
    folder: Option<String>,
    /// The uploaded file's name.
    name: Option<String>,
    /// For the operator: a file or directory of the machine, instead of an upload.
    path: Option<String>,
    /// Of the demo: how many messages.
    messages: Option<usize>,
}

/// How to go on with an import after a restart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    kind: String,
    mailbox: String,
    folder: Option<String>,
    /// The uploaded file's name.
    name: String,
    /// The name of the spooled file that was uploaded.
    pub(crate) spooled: Option<String>,
    path: Option<PathBuf>,
    messages: Option<usize>,
    /// The node that has the file and runs this.
    #[serde(default)]
    node: Option<String>,
}

impl Task {
    fn source(&self, app: &App) -> Result<Source, Problem> {
        if let Some(spooled) = &self.spooled {
            let kind = UploadKind::from_name(&self.kind).ok_or_else(|| {
                Problem::invalid(format!("`{}` cannot be uploaded", self.kind))
                    .hint("upload mbox, eml, zip or tar")
            })?;
            return Ok(Source::Upload {
                kind,
                name: self.name.clone(),
                file: app.tenant.spooled(spooled)?,
            });
        }
        let path = || {
            self.path
                .clone()
                .ok_or_else(|| Problem::invalid("there is no file to import"))
        };
        Ok(match self.kind.as_str() {
            "mbox" => Source::Mbox {
                path: path()?,
                dialect: Dialect::Auto,
            },
            "maildir" => Source::Maildir { path: path()? },
            "eml" => Source::Eml { path: path()? },
            "zip" => Source::Zip { path: path()? },
            "tar" => Source::Tar { path: path()? },
            "demo" => Source::Demo {
                seed: 7,
                messages: self.messages.unwrap_or(2000),
            },
            other => return Err(Problem::invalid(format!("`{other}` is no kind of import"))),
        })
    }

    fn options(&self) -> ImportOptions {
        ImportOptions {
            folder: self.folder.clone(),
            ..ImportOptions::new(self.mailbox.clone())
        }
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Store(error) => error.into(),
            ImportError::Source { .. } => {
                Problem::new(StatusCode::BAD_REQUEST, "E-SOURCE", error.to_string())
            }
        }
    }
}

/// Begin an import. The body is the file; the answer comes when all of it is here, durable.
#[utoipa::path(post, path = "/imports", tag = "imports", params(ImportAsk),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 202, body = Job), Problem))]
pub(crate) async fn start(
    State(app): State<App>,
    caller: Caller,
    Ask(ask): Ask<ImportAsk>,
    body: Bytes,
) -> Result<(StatusCode, Json<Job>), Problem> {
    caller.check(Action::Add, Object::Organization)?;
    // A path names any file of the machine: that is the operator's to read.
    if ask.path.is_some() && !matches!(caller.via, Via::Local) {
        return Err(Problem::forbidden("only the operator imports from a path"));
    }
    let demo = ask.kind == "demo";
    let mailbox = ask.mailbox.unwrap_or_default();
    if !demo && !mailbox.contains('@') {
        return Err(
            Problem::invalid("say which mailbox gets the mail").hint("?mailbox=alice@example.org")
        );
    }
    let mut task = Task {
        name: ask.name.unwrap_or_else(|| format!("upload.{}", ask.kind)),
        kind: ask.kind,
        mailbox,
        folder: ask.folder,
        spooled: None,
        path: ask.path.map(PathBuf::from),
        node: Some(app.store.node()),
        messages: ask.messages,
    };
    if !demo && task.path.is_none() {
        if UploadKind::from_name(&task.kind).is_none() {
            return Err(
                Problem::invalid(format!("`{}` cannot be uploaded", task.kind))
                    .hint("upload mbox, eml, zip or tar"),
            );
        }
        task.spooled = Some(receive(&app, body).await?.name().into());
    }
    let info = begin(&app.tenant, &task.source(&app)?, &task.options()).await?;
    let id = info.map(|info| info.id).unwrap_or_default();
    let kept = serde_json::to_vec(&task).unwrap_or_default();
    app.tenant.keep_task(id, &kept).await?;
    run(&app, id, task)?;
    Ok((StatusCode::ACCEPTED, Json(current(&app, id).await?)))
}

/// Takes an upload in: sealed block by block, never whole in memory.
async fn receive(app: &App, body: Bytes) -> Result<Spooled, Problem> {
    let mut writer = app.tenant.spool()?;
    let mut stream = body.into_data_stream();
    let mut received = 0u64;
    let failed = loop {
        let chunk = match stream.next().await {
            Some(Ok(chunk)) => chunk,
            Some(Err(_)) => break Problem::invalid("the upload was cut off"),
            None if received == 0 => break Problem::invalid("there is no file to import"),
            None => {
                let finished = app.apart(move || writer.finish()).await?;
                return Ok(finished?);
            }
        };
        received += chunk.len() as u64;
        if received > app.limits.upload_bytes {
            break Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "E-TOO-LARGE",
                format!("an upload has at most {} bytes", app.limits.upload_bytes),
            );
        }
        if let Err(error) = writer.write_all(&chunk) {
            tracing::error!(%error, "an upload cannot be written");
            break StoreError::Disk("the upload".into()).into();
        }
    };
    writer.abandon()?;
    Err(failed)
}

/// Works on an import in the background.
fn run(app: &App, id: i64, task: Task) -> Result<(), Problem> {
    let Some(running) = app.jobs.start_import(id) else {
        return Ok(());
    };
    let (source, options) = (task.source(app)?, task.options());
    let app = app.clone();
    tokio::spawn(async move {
        let report = |progress: &everpost_mail::import::ImportProgress| {
            running.send_modify(|running| running.progress = *progress);
        };
        let done = tokio::select! {
            // The job stays unfinished and goes on at the next start.
            () = app.stop.wait() => return,
            done = import(&app.tenant, &source, &options, report) => done,
        };
        let why = match done {
            Ok(_) => None,
            Err(error) => {
                let problem = Problem::from(error);
                tracing::error!(job = id, code = problem.code(), "an import failed");
                Some(problem.detail().to_string())
            }
        };
        // What failed is not tried again by itself: it would fail again at each start.
        if let Err(error) = end(&app, id, &task).await {
            tracing::error!(job = id, %error, "an import cannot be put away");
        }
        running.send_modify(|running| running.ended = Some(why));
    });
    Ok(())
}

async fn end(app: &App, id: i64, task: &Task) -> Result<(), StoreError> {
    app.tenant.drop_task(id).await?;
    match &task.spooled {
        Some(name) => app.tenant.spooled(name)?.remove(),
        None => Ok(()),
    }
}

/// Goes on with what was under way when the service last ended.
pub(crate) async fn resume(app: &App) -> Result<(), StoreError> {
    let mut kept = Vec::new();
    for (id, what) in app.tenant.tasks().await? {
        let Ok(task) = serde_json::from_slice::<Task>(&what) else {
            tracing::error!(job = id, "a kept import cannot be read");
            continue;
        };
        // Another node's: its file lies there.
        if task
            .node
            .as_ref()
            .is_some_and(|node| *node != app.store.node())
        {
            continue;
        }
        // It ended, and the process did before it could put the task away.
        if app.tenant.job(id).await?.state != JobState::Running {
            app.tenant.drop_task(id).await?;
            continue;
        }
        kept.extend(task.spooled.clone());
        if run(app, id, task).is_err() {
            tracing::error!(job = id, "a kept import cannot go on");
        }
    }
    app.tenant.clear_spool(&kept)
}

/// An import as it goes, as server-sent events named `job`, until it ended.
#[utoipa::path(get, path = "/imports/{id}/events", tag = "imports",
    params(("id" = i64, Path, description = "The import")),
    responses((status = 200, body = Job, content_type = "text/event-stream"), Problem))]
pub(crate) async fn events(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    caller.check(Action::Observe, Object::Organization)?;
    let id = number(&id, "import")?;
    current(&app, id).await?;
    let told = stream::unfold(false, move |over| {
        let app = app.clone();
        async move {
            if over || app.stop.stopped() {
                return None;
            }
            let job = current(&app, id).await.ok()?;
            let text = serde_json::to_string(&job).ok()?;
            let over = job.state != "running";
            if !over && let Some(running) = app.jobs.import(id) {
                let mut watching = running.subscribe();
                tokio::select! {
                    () = app.stop.wait() => {}
                    // At least now and then, so that the connection is known to live.
                    _ = tokio::time::timeout(ALIVE, watching.changed()) => {}
                }
                tokio::time::sleep(EVERY).await;
            }
            Some((
                Ok::<_, Infallible>(format!("event: job\ndata: {text}\n\n")),
                over,
            ))
        }
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    Ok((kind, Bytes::from_stream(told)).into_response())
}

/// Why an import is withdrawn.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WithdrawAsk {
    /// In words; it goes into the log.
    reason: Option<String>,
}

/// Withdraw an import: what only it brought is hidden; nothing is destroyed.
#[utoipa::path(post, path = "/imports/{id}/withdraw", tag = "imports",
    params(("id" = i64, Path, description = "The import"), WithdrawAsk),
    responses((status = 200, body = Job), Problem))]
pub(crate) async fn withdraw(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Ask(ask): Ask<WithdrawAsk>,
) -> Result<Json<Job>, Problem> {
    caller.check(Action::Add, Object::Organization)?;
    let id = number(&id, "import")?;
    if current(&app, id).await?.state == "running" {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "E-RUNNING",
            format!("import {id} is under way"),
        )
        .hint("withdraw it when it is done"));
    }
    let reason = ask.reason.unwrap_or_default();
    app.tenant.withdraw_job(id, caller.name(), &reason).await?;
    Ok(Json(current(&app, id).await?))
}
