//! Letters that are written in the page.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use everpost_domain::access::Action;
use everpost_domain::message::Address;
use everpost_mail::webmail::{Letter, Original, SendError, Sending, SentBy, send as send_by};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{addresses, own};
use crate::app::App;
use crate::caller::Caller;
use crate::extract::Body;
use crate::problem::Problem;

/// Characters of a key: enough that no two are the same by chance.
const KEY: std::ops::RangeInclusive<usize> = 16..=100;

/// Somebody who is written to.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PersonAsk {
    /// The name.
    #[serde(default)]
    name: String,
    /// The address.
    email: String,
}

/// A message of the mailbox.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PlaceAsk {
    folder: u32,
    uid: u32,
}

/// A letter.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SendAsk {
    /// The caller's name for this letter, 16 to 100 characters made by chance. Asked for again under the same key it is not
    /// sent again.
    key: String,
    /// As which of the caller's addresses; the usual one, if it is not said.
    from: Option<String>,
    #[serde(default)]
    to: Vec<PersonAsk>,
    #[serde(default)]
    cc: Vec<PersonAsk>,
    #[serde(default)]
    bcc: Vec<PersonAsk>,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    text: String,
    /// The message that it answers.
    in_reply_to: Option<PlaceAsk>,
    /// A message that goes along, whole.
    forward: Option<PlaceAsk>,
}

/// A letter that was sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct SentView {
    /// The copy's id in the archive.
    id: String,
    /// The folder of sent mail.
    folder: u32,
    /// Its UID there.
    uid: u32,
}

fn people(list: Vec<PersonAsk>) -> Vec<Address> {
    let person = |one: PersonAsk| Address {
        name: one.name,
        email: one.email.trim().to_owned(),
    };
    list.into_iter().map(person).collect()
}

fn problem(error: SendError) -> Problem {
    match error {
        SendError::Store(error) => error.into(),
        SendError::Invalid(what) => Problem::invalid(what),
        SendError::Refused { ref reply, .. } if reply.is_temporary() => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "E-LATER",
            error.to_string(),
        )
        .hint("nothing was sent; send it again in a while"),
        SendError::Refused { .. } => {
            Problem::new(StatusCode::BAD_REQUEST, "E-RECIPIENT", error.to_string())
                .hint("nothing was sent; correct or remove this address")
        }
    }
}

/// Send a letter. When the answer comes, it is in the queue and among the mail that was sent, and what it answers or forwards
/// is marked.
#[utoipa::path(post, path = "/mailbox/send", tag = "mailbox", request_body = SendAsk,
    responses((status = 201, body = SentView, description = "It was sent"),
        (status = 200, body = SentView, description = "It was sent before"), Problem))]
pub(crate) async fn send(
    State(app): State<App>,
    caller: Caller,
    Body(ask): Body<SendAsk>,
) -> Result<(StatusCode, Json<SentView>), Problem> {
    let own = own(&app, &caller, Action::Mailbox).await?;
    let front = app.link.front.get().ok_or_else(|| {
        let detail = "this service sends no mail on";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "E-NO-RELAY", detail)
            .hint("start it with a listener mx, submission or submissions")
    })?;
    if !KEY.contains(&ask.key.chars().count()) {
        let (least, most) = (KEY.start(), KEY.end());
        return Err(Problem::invalid(format!(
            "`key` has {least} to {most} characters"
        )));
    }
    let original = match (ask.in_reply_to, ask.forward) {
        (Some(_), Some(_)) => {
            return Err(Problem::invalid(
                "a letter answers a message or forwards one",
            ));
        }
        (Some(one), None) => Some(Original::Answered(one.folder, one.uid)),
        (None, Some(one)) => Some(Original::Forwarded(one.folder, one.uid)),
        (None, None) => None,
    };
    let addresses = addresses(own.account);
    let email = ask.from.unwrap_or_else(|| own.account.address.clone());
    let by = SentBy {
        account: own.account.id,
        own: &addresses,
        most: app.max_message,
    };
    let sending = Sending {
        key: ask.key,
        letter: Letter {
            from: Address {
                name: own.account.name.clone(),
                email,
            },
            to: people(ask.to),
            cc: people(ask.cc),
            bcc: people(ask.bcc),
            subject: ask.subject,
            text: ask.text,
        },
        original,
    };
    let sent = send_by(front, &own.replica, &app.turns, by, &sending).await;
    let sent = sent.map_err(problem)?;
    let status = match sent.before {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    };
    let view = SentView {
        id: sent.copy.to_string(),
        folder: sent.folder,
        uid: sent.uid,
    };
    Ok((status, Json(view)))
}
