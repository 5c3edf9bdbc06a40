//! Saved searches of the caller.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use everpost_domain::access::{Action, Object};
use everpost_domain::query::parse;
use everpost_store::SavedSearch;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Items;
use crate::app::App;
use crate::caller::Caller;
use crate::extract::{Body, number};
use crate::problem::Problem;
use crate::view::time;

/// A saved search.
#[derive(Serialize, ToSchema)]
pub(crate) struct Saved {
    id: i64,
    name: String,
    /// The query as it was typed.
    q: String,
    /// The query as the language writes it.
    canonical: String,
    created: String,
}

fn saved(one: SavedSearch) -> Saved {
    Saved {
        id: one.id,
        name: one.name,
        q: one.text,
        canonical: one.canonical,
        created: time(one.created),
    }
}

/// Whose searches these are. Everybody who may search anything may keep what they searched.
fn owner(caller: &Caller) -> Result<&str, Problem> {
    let objects = [Object::OwnMail, Object::CaseMail];
    let allowed = objects
        .iter()
        .any(|object| caller.check(Action::Search, *object).is_ok());
    match allowed {
        true => Ok(caller.account().map_or("", |account| &account.address)),
        false => Err(Problem::forbidden("no role of this account searches mail")),
    }
}

/// The caller's saved searches.
#[utoipa::path(get, path = "/saved-searches", tag = "search",
    responses((status = 200, body = Items<Saved>), Problem))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Items<Saved>>, Problem> {
    let found = app.tenant.saved_searches(owner(&caller)?).await?;
    Ok(Json(Items {
        items: found.into_iter().map(saved).collect(),
    }))
}

/// A search to be saved.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewSaved {
    /// Its name; what had it before is replaced.
    name: String,
    /// The query.
    q: String,
}

/// Save a search.
#[utoipa::path(post, path = "/saved-searches", tag = "search", request_body = NewSaved,
    responses((status = 201, body = Saved), Problem))]
pub(crate) async fn save(
    State(app): State<App>,
    caller: Caller,
    Body(ask): Body<NewSaved>,
) -> Result<(StatusCode, Json<Saved>), Problem> {
    let owner = owner(&caller)?;
    parse(&ask.q)?;
    let made = app.tenant.save_search(owner, &ask.name, &ask.q).await?;
    Ok((StatusCode::CREATED, Json(saved(made))))
}

/// Forget a saved search.
#[utoipa::path(delete, path = "/saved-searches/{id}", tag = "search",
    params(("id" = i64, Path, description = "The saved search")),
    responses((status = 204, description = "Forgotten"), Problem))]
pub(crate) async fn forget(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = number(&id, "saved search")?;
    app.tenant.delete_search(owner(&caller)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
