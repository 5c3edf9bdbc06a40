//! Mail that goes on: the queue, domains, recipients and their states.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use everpost_domain::access::{Action, Object};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Items;
use crate::app::App;
use crate::caller::Caller;
use crate::desk::{
    self, DomainView, EvidenceView, OrderAsk, OrderedView, QueueView, RecipientView, StateAsk,
    StateChangeView,
};
use crate::extract::{Ask, Body, Whole};
use crate::omissions::{OmissionsView, omissions};
use crate::problem::Problem;

/// Which legs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct QueueAsk {
    /// Legs behind the one of this number.
    #[serde(default)]
    after: i64,
    /// Those too that came to an end within the last week.
    #[serde(default)]
    all: bool,
}

/// The queue.
#[utoipa::path(get, path = "/queue", tag = "relay", params(QueueAsk),
    responses((status = 200, body = QueueView), Problem))]
pub(crate) async fn queue(
    State(app): State<App>,
    caller: Caller,
    Ask(ask): Ask<QueueAsk>,
) -> Result<Json<QueueView>, Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    Ok(Json(desk::queue(&app.tenant, ask.after, ask.all).await?))
}

/// Give an order about legs.
#[utoipa::path(post, path = "/queue/orders", tag = "relay", request_body = OrderAsk,
    responses((status = 200, body = OrderedView), Problem))]
pub(crate) async fn order(
    State(app): State<App>,
    caller: Caller,
    Body(ask): Body<OrderAsk>,
) -> Result<Json<OrderedView>, Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    let done = desk::order(&app.tenant, &ask, caller.name()).await?;
    app.wake_relays();
    Ok(Json(done))
}

/// How the log is read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EvidenceAsk {
    /// The zone of its times, in minutes east of UTC, where they name none. Without it such a log denies nothing.
    offset_minutes: Option<i16>,
}

/// Hand over a mail log of Postfix: uncertain legs are settled by it.
#[utoipa::path(post, path = "/queue/evidence", tag = "relay", params(EvidenceAsk),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 200, body = EvidenceView), Problem))]
pub(crate) async fn evidence(
    State(app): State<App>,
    caller: Caller,
    Ask(ask): Ask<EvidenceAsk>,
    Whole(log): Whole,
) -> Result<Json<EvidenceView>, Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    let found = desk::evidence(&app.tenant, &log, ask.offset_minutes).await?;
    app.wake_relays();
    Ok(Json(found))
}

/// What becomes of it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OmissionsAsk {
    /// Write what is missing into the archive's log.
    #[serde(default)]
    record: bool,
}

/// Hand over a mail log of Postfix: which of its messages are not in the archive?
#[utoipa::path(post, path = "/capture/omissions", tag = "relay", params(OmissionsAsk),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 200, body = OmissionsView), Problem))]
pub(crate) async fn omitted(
    State(app): State<App>,
    caller: Caller,
    Ask(ask): Ask<OmissionsAsk>,
    Whole(log): Whole,
) -> Result<Json<OmissionsView>, Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    let actor = ask.record.then(|| caller.name());
    Ok(Json(omissions(&app.tenant, &log, actor).await?))
}

/// The organization's domains.
#[utoipa::path(get, path = "/domains", tag = "relay",
    responses((status = 200, body = Items<DomainView>), Problem))]
pub(crate) async fn domains(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Items<DomainView>>, Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    let items = desk::domains(&app.tenant).await?;
    Ok(Json(Items { items }))
}

/// Add a domain, or replace what was said of it.
#[utoipa::path(post, path = "/domains", tag = "relay", request_body = DomainView,
    responses((status = 204, description = "Done"), Problem))]
pub(crate) async fn put_domain(
    State(app): State<App>,
    caller: Caller,
    Body(ask): Body<DomainView>,
) -> Result<StatusCode, Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    desk::put_domain(&app.tenant, &ask, caller.name()).await?;
    app.wake_relays();
    Ok(StatusCode::NO_CONTENT)
}

/// Take a domain away.
#[utoipa::path(delete, path = "/domains/{name}", tag = "relay",
    params(("name" = String, Path, description = "The domain")),
    responses((status = 204, description = "Done"), Problem))]
pub(crate) async fn remove_domain(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    app.tenant.remove_mail_domain(&name, caller.name()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The organization's addresses.
#[utoipa::path(get, path = "/recipients", tag = "relay",
    responses((status = 200, body = Items<RecipientView>), Problem))]
pub(crate) async fn recipients(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Items<RecipientView>>, Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    let items = desk::recipients(&app.tenant).await?;
    Ok(Json(Items { items }))
}

/// Add addresses, or replace what was said of them: all, or none.
#[utoipa::path(post, path = "/recipients", tag = "relay", request_body = Vec<RecipientView>,
    responses((status = 204, description = "Done"), Problem))]
pub(crate) async fn put_recipients(
    State(app): State<App>,
    caller: Caller,
    Body(ask): Body<Vec<RecipientView>>,
) -> Result<StatusCode, Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    desk::put_recipients(&app.tenant, &ask, caller.name()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take an address away.
#[utoipa::path(delete, path = "/recipients/{address}", tag = "relay",
    params(("address" = String, Path, description = "The address")),
    responses((status = 204, description = "Done"), Problem))]
pub(crate) async fn remove_recipient(
    State(app): State<App>,
    caller: Caller,
    Path(address): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    app.tenant.remove_recipient(&address, caller.name()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change where users' mail is delivered.
#[utoipa::path(post, path = "/continuity", tag = "relay", request_body = StateAsk,
    responses((status = 200, body = StateChangeView), Problem))]
pub(crate) async fn continuity(
    State(app): State<App>,
    caller: Caller,
    Body(ask): Body<StateAsk>,
) -> Result<Json<StateChangeView>, Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    let done = desk::states(&app.tenant, &ask, caller.name()).await?;
    app.wake_relays();
    app.link.tell();
    Ok(Json(done))
}
