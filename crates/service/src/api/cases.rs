//! Cases: the reason for which somebody looks at another's mail.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use everpost_domain::access::{Action, Object};
use everpost_store::{Account, Case, NewCase};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Items;
use super::tokens::instant;
use crate::app::App;
use crate::caller::Caller;
use crate::extract::{Body, number};
use crate::problem::Problem;
use crate::view::{time, time_or_never};

/// A case.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseView {
    id: i64,
    name: String,
    reason: String,
    /// Who opened it.
    officer: String,
    /// Whose mail is looked at.
    people: Vec<String>,
    /// Who works in it beside the officer.
    reviewers: Vec<String>,
    /// Mail held from this time on …
    from: String,
    /// … until before this one.
    to: String,
    opened: String,
    closed: Option<String>,
}

fn view(case: Case, accounts: &[Account]) -> CaseView {
    let address = |id: &i64| {
        let account = accounts.iter().find(|account| account.id == *id);
        account.map_or(String::new(), |account| account.address.clone())
    };
    CaseView {
        id: case.id,
        officer: address(&case.officer),
        reviewers: case.reviewers.iter().map(address).collect(),
        name: case.name,
        reason: case.reason,
        people: case.people,
        from: time(case.since),
        to: time(case.until),
        opened: time(case.opened),
        closed: time_or_never(case.closed),
    }
}

async fn answer(app: &App, case: Case) -> Result<Json<CaseView>, Problem> {
    Ok(Json(view(case, &app.tenant.accounts().await?)))
}

/// Cases: all for who manages them, else those in which the caller works.
#[utoipa::path(get, path = "/cases", tag = "cases",
    responses((status = 200, body = Items<CaseView>), Problem))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Items<CaseView>>, Problem> {
    let all = caller
        .check(Action::ManageCases, Object::Organization)
        .is_ok();
    let accounts = app.tenant.accounts().await?;
    let mut cases = app.tenant.cases().await?;
    cases.retain(|case| all || caller.account().is_some_and(|one| case.admits(one)));
    Ok(Json(Items {
        items: cases
            .into_iter()
            .map(|case| view(case, &accounts))
            .collect(),
    }))
}

/// A case to be opened.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewCaseAsk {
    name: String,
    /// Why. It goes into the log, and cannot be changed.
    reason: String,
    /// Whose mail is looked at.
    people: Vec<String>,
    /// Accounts that work in it beside the caller.
    #[serde(default)]
    reviewers: Vec<String>,
    /// Mail held from this time on (`2024-01-31` or RFC 3339) …
    from: String,
    /// … until before this one.
    to: String,
}

/// Open a case.
#[utoipa::path(post, path = "/cases", tag = "cases", request_body = NewCaseAsk,
    responses((status = 201, body = CaseView), Problem))]
pub(crate) async fn open(
    State(app): State<App>,
    caller: Caller,
    Body(ask): Body<NewCaseAsk>,
) -> Result<(StatusCode, Json<CaseView>), Problem> {
    caller.check(Action::ManageCases, Object::Organization)?;
    let officer = caller.person()?;
    let new = NewCase {
        name: ask.name,
        reason: ask.reason,
        people: ask.people,
        reviewers: ask.reviewers,
        since: instant(&ask.from)?,
        until: instant(&ask.to)?,
    };
    let made = app.tenant.open_case(&new, officer, caller.name()).await?;
    Ok((StatusCode::CREATED, answer(&app, made).await?))
}

/// What is to be different about a case.
#[derive(Deserialize, ToSchema)]
pub(crate) struct CaseChange {
    /// Who works in it beside its officer.
    reviewers: Option<Vec<String>>,
    /// True closes it, for good.
    closed: Option<bool>,
}

/// Say who works in a case, or close it.
#[utoipa::path(patch, path = "/cases/{id}", tag = "cases", request_body = CaseChange,
    params(("id" = i64, Path, description = "The case")),
    responses((status = 200, body = CaseView), Problem))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(ask): Body<CaseChange>,
) -> Result<Json<CaseView>, Problem> {
    caller.check(Action::ManageCases, Object::Organization)?;
    let id = number(&id, "case")?;
    let mut case = app.tenant.case(id).await?;
    if let Some(reviewers) = &ask.reviewers {
        case = app.tenant.assign_case(id, reviewers, caller.name()).await?;
    }
    match ask.closed {
        Some(true) => case = app.tenant.close_case(id, caller.name()).await?,
        Some(false) => {
            return Err(Problem::invalid("a closed case stays closed").hint("open another"));
        }
        None => {}
    }
    answer(&app, case).await
}
