//! Whether the service lives and is ready, for whoever watches over it.

use axum::extract::State;
use axum::http::StatusCode;

use crate::app::App;
use crate::problem::Problem;

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 204, description = "It lives")))]
pub(crate) async fn healthz() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// The archive answers.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 204, description = "It is ready"), Problem))]
pub(crate) async fn readyz(State(app): State<App>) -> Result<StatusCode, Problem> {
    app.tenant.index_progress().await?;
    Ok(StatusCode::NO_CONTENT)
}
