//! Verification: one message at once, all of them in the background.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use everpost_domain::access::{Action, Object};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::messages;
use crate::app::App;
use crate::caller::Caller;
use crate::extract::{Body, number};
use crate::problem::Problem;

/// What is to be verified: `id` or `all`.
#[derive(Deserialize, ToSchema)]
pub(crate) struct VerifyAsk {
    /// One message or copy.
    id: Option<String>,
    /// Every copy and the whole log.
    #[serde(default)]
    all: bool,
    /// With `id`: the case by which the message is in reach.
    case: Option<i64>,
}

/// A verification.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Check {
    /// Its number, if it is of everything.
    id: Option<i64>,
    /// `running`, `done`, `failed`.
    state: &'static str,
    /// Copies read back so far.
    checked: u64,
    /// Those of them with which nothing is wrong.
    ok: u64,
    /// What is wrong.
    bad: Vec<BadView>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct BadView {
    item: String,
    what: String,
}

fn bad(list: Vec<everpost_store::Bad>) -> Vec<BadView> {
    let view = |one: everpost_store::Bad| BadView {
        item: one.item,
        what: one.what,
    };
    list.into_iter().map(view).collect()
}

/// Verify a message, or begin to verify everything.
#[utoipa::path(post, path = "/verify", tag = "verify", request_body = VerifyAsk,
    responses((status = 200, body = Check), (status = 202, body = Check), Problem))]
pub(crate) async fn start(
    State(app): State<App>,
    caller: Caller,
    Body(ask): Body<VerifyAsk>,
) -> Result<Response, Problem> {
    match (ask.id, ask.all) {
        (Some(id), false) => {
            let reach = app.reach(&caller, Action::Verify, ask.case).await?;
            let id = messages::id(&id)?;
            let info = app.tenant.show_within(&id, &reach.scope).await?;
            let found = app.tenant.verify(&info.id).await?;
            let check = Check {
                id: None,
                state: "done",
                checked: 1,
                ok: u64::from(found.bad.is_empty()),
                bad: bad(found.bad),
            };
            Ok(Json(check).into_response())
        }
        (None, true) => {
            caller.check(Action::Verify, Object::Organization)?;
            let check = begin(&app);
            Ok((StatusCode::ACCEPTED, Json(check)).into_response())
        }
        _ => Err(Problem::invalid("give `id`, or `all`: true")),
    }
}

fn begin(app: &App) -> Check {
    let mut check = Check {
        id: None,
        state: "running",
        checked: 0,
        ok: 0,
        bad: Vec::new(),
    };
    let number = app.jobs.checks.add(check.clone());
    check.id = Some(number);
    app.jobs.checks.change(number, |one| one.id = Some(number));
    let app = app.clone();
    tokio::spawn(async move {
        let board = app.clone();
        let progress = move |progress: everpost_store::VerifyProgress| {
            if progress.stage == everpost_store::Stage::Copies {
                board
                    .jobs
                    .checks
                    .change(number, |one| one.checked = progress.done);
            }
        };
        let done = tokio::select! {
            () = app.stop.wait() => return,
            done = app.tenant.verify_all(progress) => done,
        };
        app.jobs.checks.change(number, |one| match done {
            Ok(found) => {
                one.state = "done";
                one.checked = found.checked;
                one.ok = found.ok;
                one.bad = bad(found.bad);
            }
            Err(error) => {
                tracing::error!(%error, "a verification failed");
                one.state = "failed";
            }
        });
    });
    check
}

/// How far a verification of everything is.
#[utoipa::path(get, path = "/verify/{id}", tag = "verify",
    params(("id" = i64, Path, description = "The verification")),
    responses((status = 200, body = Check), Problem))]
pub(crate) async fn one(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Check>, Problem> {
    caller.check(Action::Verify, Object::Organization)?;
    let found = app.jobs.checks.get(number(&id, "verification")?);
    found
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("verification {id}")))
}
