//! Handing messages in over HTTPS: any component of an organization can, and the answer means what a 250 means.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use everpost_codec::journal::Envelope;
use everpost_domain::access::{Action, Object};
use everpost_mail::capture::{Arrived, Capture, Room};
use everpost_store::Outcome;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::caller::Caller;
use crate::extract::Ask;
use crate::problem::Problem;

/// Bytes that room is asked for at a time.
const STEP: usize = 256 << 10;

/// The envelope of a message, where it is known.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SubmitAsk {
    /// Who sent it.
    #[serde(default)]
    sender: String,
    /// Whom it is for, addresses divided by commas.
    #[serde(default)]
    recipients: String,
}

/// What became of a message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Submitted {
    /// Its id: the SHA-256 of its bytes, whatever way they came.
    id: String,
    /// These bytes were not here before.
    stored: bool,
}

/// Hand in a message, byte for byte. When the answer comes, it is durable; the same bytes again have the same id, and are
/// stored once.
#[utoipa::path(post, path = "/messages", tag = "messages", params(SubmitAsk),
    request_body(content = Vec<u8>, content_type = "message/rfc822"),
    responses((status = 201, body = Submitted, description = "It was not here before"),
        (status = 200, body = Submitted, description = "It was here"), Problem))]
pub(crate) async fn submit(
    State(app): State<App>,
    caller: Caller,
    Ask(ask): Ask<SubmitAsk>,
    body: Body,
) -> Result<(StatusCode, Json<Submitted>), Problem> {
    caller.check(Action::Add, Object::Organization)?;
    let (raw, room) = whole(&app.submitted, app.max_message, body).await?;
    let recipients = ask.recipients.split(',').map(str::trim);
    let recipients = recipients.filter(|one| !one.is_empty()).map(str::to_owned);
    let envelope = Envelope {
        sender: ask.sender.trim().to_owned(),
        recipients: recipients.collect(),
    };
    let arrived = Arrived {
        raw,
        is_whole: !envelope.recipients.is_empty(),
        envelope,
    };
    let taken = app.submitted.take(arrived).await?;
    drop(room);
    let (status, stored, id) = match taken.copies.first() {
        Some(Outcome::Stored(id)) => (StatusCode::CREATED, true, id),
        Some(Outcome::Duplicate(id)) => (StatusCode::OK, false, id),
        None => return Err(Problem::unreachable()),
    };
    let id = id.to_string();
    Ok((status, Json(Submitted { id, stored })))
}

/// The whole body, in the room that all who hand in share.
async fn whole(capture: &Capture, most: u64, body: Body) -> Result<(Bytes, Vec<Room>), Problem> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (mut raw, mut rooms, mut fits) = (BytesMut::new(), Vec::new(), 0);
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| Problem::invalid(error.to_string()))?;
        let needed = raw.len() + piece.len();
        if needed > most {
            let what = format!("a message has at most {most} bytes");
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "E-TOO-LARGE",
                what,
            ));
        }
        if needed > fits {
            let more = (needed - fits).max(STEP);
            let room = capture.try_room(more).ok_or_else(Problem::busy)?;
            rooms.push(room);
            fits += more;
        }
        raw.extend_from_slice(&piece);
    }
    if raw.is_empty() {
        return Err(Problem::invalid(
            "there is no message: its bytes are the body",
        ));
    }
    Ok((raw.freeze(), rooms))
}
