//! Whether the service lives and is ready, for whoever watches over it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use everpost_domain::access::{Action, Object};

use super::Items;
use crate::alerts::AlertView;
use crate::app::App;
use crate::caller::Caller;
use crate::problem::Problem;

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 204, description = "It lives")))]
pub(crate) async fn healthz() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Whoever watches does not wait longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is not well now, the worst first, as this node sees it.
#[utoipa::path(get, path = "/alerts", tag = "health",
    responses((status = 200, body = Items<AlertView>), Problem))]
pub(crate) async fn alerts(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Items<AlertView>>, Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    let items = crate::alerts::open(&app);
    Ok(Json(Items { items }))
}

/// Catalog and objects answer.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 204, description = "It is ready"), Problem))]
pub(crate) async fn readyz(State(app): State<App>) -> Result<StatusCode, Problem> {
    match tokio::time::timeout(PATIENCE, app.store.ready()).await {
        Ok(ready) => ready?,
        Err(_) => return Err(Problem::unreachable()),
    }
    Ok(StatusCode::NO_CONTENT)
}
