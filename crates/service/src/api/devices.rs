//! Devices of users: codes by which they are enrolled, a list, an end.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use everpost_domain::access::{Action, Object};

use super::Items;
use crate::app::App;
use crate::caller::Caller;
use crate::devices::{self, CodeAsk, CodeView, DeviceView};
use crate::extract::Body;
use crate::problem::Problem;

/// Make a code by which one device of a user can be enrolled.
#[utoipa::path(post, path = "/devices/codes", tag = "devices", request_body = CodeAsk,
    responses((status = 201, body = CodeView), Problem))]
pub(crate) async fn code(
    State(app): State<App>,
    caller: Caller,
    Body(ask): Body<CodeAsk>,
) -> Result<(StatusCode, Json<CodeView>), Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    let code = devices::code(&app.tenant, &ask, caller.name()).await?;
    Ok((StatusCode::CREATED, Json(code)))
}

/// Every device, revoked ones too.
#[utoipa::path(get, path = "/devices", tag = "devices",
    responses((status = 200, body = Items<DeviceView>), Problem))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Items<DeviceView>>, Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    let items = devices::devices(&app.tenant).await?;
    Ok(Json(Items { items }))
}

/// End a device: it is not let in any more.
#[utoipa::path(delete, path = "/devices/{id}", tag = "devices",
    params(("id" = String, Path, description = "The device")),
    responses((status = 204, description = "Ended"), Problem))]
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    devices::revoke(&app.tenant, &id, caller.name()).await?;
    Ok(StatusCode::NO_CONTENT)
}
