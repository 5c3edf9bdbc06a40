//! What is done to a message of the mailbox: marks, moves, deletion.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use everpost_domain::access::Action;
use everpost_mail::webmail;
use everpost_store::{FlagOrder, Flags, Replica, SpecialUse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::message::{Place, place};
use super::{flags, own};
use crate::app::App;
use crate::caller::Caller;
use crate::extract::Body;
use crate::problem::Problem;

fn gone(uid: u32) -> Problem {
    Problem::not_found(format!("message {uid} in this folder"))
}

/// What a message is to be marked as. What is not said stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MarkOrder {
    /// Read.
    seen: Option<bool>,
    /// Flagged, or starred.
    flagged: Option<bool>,
}

/// Flags of a message.
#[derive(Serialize, ToSchema)]
pub(crate) struct FlagsView {
    /// `seen`, `answered`, `flagged`, `deleted`, `draft`, `forwarded`.
    flags: Vec<&'static str>,
}

/// Mark a message.
#[utoipa::path(patch, path = "/mailbox/messages/{folder}/{uid}", tag = "mailbox", request_body = MarkOrder,
    params(("folder" = u32, Path, description = "The folder's id"),
        ("uid" = u32, Path, description = "The message's UID there")),
    responses((status = 200, body = FlagsView), Problem))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(at): Path<Place>,
    Body(ask): Body<MarkOrder>,
) -> Result<Json<FlagsView>, Problem> {
    let own = own(&app, &caller, Action::Mailbox).await?;
    let (folder, uid) = place(&at)?;
    let (mut add, mut remove) = (Flags::default(), Flags::default());
    for (order, flag) in [(ask.seen, Flags::SEEN), (ask.flagged, Flags::FLAGGED)] {
        match order {
            Some(true) => add = add.with(flag),
            Some(false) => remove = remove.with(flag),
            None => {}
        }
    }
    let mut row = None;
    for order in [FlagOrder::Add(add), FlagOrder::Remove(remove)] {
        let uids = [uid];
        let stored = own.replica.store_flags(folder, &uids, order, None);
        row = stored.await?.0.first().copied();
    }
    let row = row.ok_or_else(|| gone(uid))?;
    let keywords = own.replica.keywords().await?;
    Ok(Json(FlagsView {
        flags: flags(&row, &keywords),
    }))
}

/// Where a message is to go.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct MoveOrder {
    /// The folder's id.
    to: u32,
}

/// Where it went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MovedView {
    folder: u32,
    uid: u32,
}

async fn moved(replica: &Replica, folder: u32, uid: u32, to: u32) -> Result<MovedView, Problem> {
    let taken = replica.copy(folder, &[uid], to, true).await?;
    let uid = taken.to.first().copied().ok_or_else(|| gone(uid))?;
    Ok(MovedView { folder: to, uid })
}

/// Move a message into another folder.
#[utoipa::path(post, path = "/mailbox/messages/{folder}/{uid}/move", tag = "mailbox", request_body = MoveOrder,
    params(("folder" = u32, Path, description = "The folder's id"),
        ("uid" = u32, Path, description = "The message's UID there")),
    responses((status = 200, body = MovedView), Problem))]
pub(crate) async fn move_to(
    State(app): State<App>,
    caller: Caller,
    Path(at): Path<Place>,
    Body(ask): Body<MoveOrder>,
) -> Result<Json<MovedView>, Problem> {
    let own = own(&app, &caller, Action::Mailbox).await?;
    let (folder, uid) = place(&at)?;
    if folder == ask.to {
        return Err(Problem::invalid("it is in that folder"));
    }
    Ok(Json(moved(&own.replica, folder, uid, ask.to).await?))
}

/// Delete a message: into Trash, and from there for good. The archive keeps it as its rules say.
#[utoipa::path(delete, path = "/mailbox/messages/{folder}/{uid}", tag = "mailbox",
    params(("folder" = u32, Path, description = "The folder's id"),
        ("uid" = u32, Path, description = "The message's UID there")),
    responses((status = 200, body = MovedView, description = "It lies in Trash"),
        (status = 204, description = "It is gone for good"), Problem))]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(at): Path<Place>,
) -> Result<Response, Problem> {
    let own = own(&app, &caller, Action::Mailbox).await?;
    let (folder, uid) = place(&at)?;
    let trash = webmail::special(&own.replica, SpecialUse::Trash).await?;
    if folder != trash.id {
        let moved = moved(&own.replica, folder, uid, trash.id).await?;
        return Ok(Json(moved).into_response());
    }
    match own.replica.expunge(folder, &[uid]).await?.as_slice() {
        [] => Err(gone(uid)),
        _ => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}
