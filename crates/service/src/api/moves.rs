//! The archive moves to another place while this service goes on: by the operator's word, over the
//! socket in the data directory.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use everpost_store::{
    Cluster, Destination, Relocated, RelocationPlan, RelocationProgress, RelocationStage,
    StoreError,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{App, lock};
use crate::caller::{Caller, Via};
use crate::extract::Body;
use crate::problem::Problem;

/// Where to: `data`, or `catalog` and `objects`.
#[derive(Deserialize, ToSchema)]
pub(crate) struct MoveAsk {
    /// A data directory on the service's machine.
    data: Option<String>,
    /// PostgreSQL, as `postgres://USER:PASSWORD@HOST/DATABASE`.
    catalog: Option<String>,
    /// S3, as `s3://BUCKET/PREFIX?endpoint=https://HOST`.
    objects: Option<String>,
    /// Key id for S3; default: what the service was started with.
    access_key: Option<String>,
    /// Its secret.
    secret_key: Option<String>,
    /// Say what would be carried; change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// A move: how far it is, or what it did.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct MoveView {
    /// `planned`, `running`, `done` or `failed`.
    state: &'static str,
    /// Where to.
    place: String,
    /// While it runs: `objects`, or `stopped` while nobody can write.
    stage: &'static str,
    /// Objects there are, or that are there so far.
    objects: u64,
    /// Bytes of objects that are to be carried, as far as it is known.
    bytes: u64,
    /// Bytes of objects that are there.
    done: u64,
    /// Rows of the catalog.
    rows: u64,
    /// For how long nobody could write.
    stopped_seconds: f64,
    /// An earlier run had done all but the last step.
    earlier: bool,
    /// What both places hold, by table.
    tables: Vec<MovedTable>,
    /// The logs, which go on from here.
    logs: Vec<MovedLog>,
    /// Why it failed.
    problem: Option<MoveProblem>,
}

/// A table of the catalog that moved.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct MovedTable {
    table: String,
    rows: u64,
    /// Over all rows in the order of their keys.
    sha256: String,
}

/// A log that goes on at the new place.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct MovedLog {
    tenant: String,
    /// Its newest signed checkpoint; empty before the first.
    checkpoint: String,
}

/// Why a move failed, for the operator.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct MoveProblem {
    code: &'static str,
    detail: String,
    hint: &'static str,
}

impl MoveView {
    /// What would be done.
    pub fn planned(to: &Destination, plan: RelocationPlan) -> Self {
        MoveView {
            state: "planned",
            place: to.to_string(),
            objects: plan.objects,
            bytes: plan.bytes,
            rows: plan.rows,
            ..MoveView::default()
        }
    }

    /// What was done.
    pub fn done(moved: &Relocated) -> Self {
        let tables = moved.tables.iter();
        let logs = moved.logs.iter();
        MoveView {
            state: "done",
            place: moved.place.clone(),
            objects: moved.objects,
            bytes: moved.bytes,
            done: moved.bytes,
            rows: moved.tables.iter().map(|table| table.rows).sum(),
            stopped_seconds: moved.stopped.as_secs_f64(),
            earlier: moved.earlier,
            tables: tables
                .map(|table| MovedTable {
                    table: table.table.clone(),
                    rows: table.rows,
                    sha256: table.sha256.to_string(),
                })
                .collect(),
            logs: logs
                .map(|(tenant, checkpoint)| MovedLog {
                    tenant: tenant.clone(),
                    checkpoint: checkpoint
                        .as_ref()
                        .map(ToString::to_string)
                        .unwrap_or_default(),
                })
                .collect(),
            ..MoveView::default()
        }
    }

    fn running(to: &Destination) -> Self {
        MoveView {
            state: "running",
            place: to.to_string(),
            stage: "objects",
            ..MoveView::default()
        }
    }

    fn progress(&mut self, progress: &RelocationProgress) {
        self.stage = match progress.stage {
            RelocationStage::Objects => "objects",
            RelocationStage::Stopped => "stopped",
        };
        self.objects = progress.objects;
        self.bytes = progress.total;
        self.done = progress.done;
    }

    fn failed(&mut self, error: &StoreError) {
        self.state = "failed";
        self.problem = Some(MoveProblem {
            code: error.code(),
            detail: error.to_string(),
            hint: error.hint(),
        });
    }
}

impl MoveAsk {
    fn destination(self) -> Result<Destination, Problem> {
        match (self.data, self.catalog, self.objects) {
            (Some(data), None, None) => Ok(Destination::Directory(data.into())),
            (None, Some(catalog), Some(objects)) => {
                let mut cluster = Cluster::parse(&catalog, &objects)?;
                cluster.objects.credentials = self.access_key.zip(self.secret_key);
                Ok(Destination::Servers(Box::new(cluster)))
            }
            _ => Err(Problem::invalid("give `data`, or `catalog` and `objects`")),
        }
    }
}

/// Only whoever owns the data directory: the new place, and what opens it, are no business of
/// accounts.
fn operator(caller: &Caller) -> Result<(), Problem> {
    match caller.via {
        Via::Local => Ok(()),
        Via::Session(_) | Via::Token => Err(Problem::forbidden(
            "an archive is moved over the socket in its data directory",
        )),
    }
}

/// Begin to move the archive.
#[utoipa::path(post, path = "/move", tag = "operator", request_body = MoveAsk,
    responses((status = 200, body = MoveView), (status = 202, body = MoveView), Problem))]
pub(crate) async fn start(
    State(app): State<App>,
    caller: Caller,
    Body(ask): Body<MoveAsk>,
) -> Result<Response, Problem> {
    operator(&caller)?;
    let dry_run = ask.dry_run;
    let to = ask.destination()?;
    if dry_run {
        let plan = app.store.plan_relocation(&to).await?;
        return Ok(Json(MoveView::planned(&to, plan)).into_response());
    }
    let view = MoveView::running(&to);
    {
        let mut moving = lock(&app.jobs.moving);
        if moving.as_ref().is_some_and(|one| one.state == "running") {
            let what = "the archive is being moved already";
            return Err(Problem::new(StatusCode::CONFLICT, "E-EXISTS", what));
        }
        *moving = Some(view.clone());
    }
    // Where it is dropped with the process, it is as if it had been killed: asked for again, it
    // goes on.
    tokio::spawn(async move {
        let change = |change: &mut dyn FnMut(&mut MoveView)| {
            if let Some(view) = lock(&app.jobs.moving).as_mut() {
                change(view);
            }
        };
        let tell = |progress: &RelocationProgress| change(&mut |view| view.progress(progress));
        match app.store.relocate(&to, tell).await {
            Ok(moved) => {
                tracing::info!(place = moved.place, "the archive moved");
                change(&mut |view| *view = MoveView::done(&moved));
            }
            Err(error) => {
                tracing::error!(code = error.code(), %error, "the archive could not be moved");
                change(&mut |view| view.failed(&error));
            }
        }
    });
    Ok((StatusCode::ACCEPTED, Json(view)).into_response())
}

/// How far the move is that was begun last.
#[utoipa::path(get, path = "/move", tag = "operator",
    responses((status = 200, body = MoveView), Problem))]
pub(crate) async fn one(State(app): State<App>, caller: Caller) -> Result<Json<MoveView>, Problem> {
    operator(&caller)?;
    let view = lock(&app.jobs.moving).clone();
    view.map(Json)
        .ok_or_else(|| Problem::not_found("move under way"))
}
