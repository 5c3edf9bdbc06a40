//! Batches that carry mail: handed over, fetched, changed, asked about.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use everpost_codec::link::MOST_TOGETHER;
use everpost_codec::link::message::{
    ChangeAnswer, ChangeAsk, Deed, EvidenceAnswer, EvidenceAsk, FetchAsk, Known, Receipt,
    SubmitAnswer, SubmitAsk,
};
use everpost_mail::link::{HandedBy, apply, evidence as known, hand_over, look};

use super::addresses;
use super::signed::Carried;
use crate::app::App;
use crate::problem::Problem;

pub(super) async fn submit(
    State(app): State<App>,
    mut carried: Carried<SubmitAsk>,
) -> Result<Response, Problem> {
    let front = app.link.front.get().ok_or_else(|| {
        let detail = "this service sends no mail on";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "E-NO-RELAY", detail)
            .hint("start it with a listener mx, submission or submissions")
    })?;
    let own = addresses(&app.tenant, &carried.device.owner).await?;
    let own = own.unwrap_or_default();
    let by = HandedBy {
        device: &carried.device,
        own: &own,
        address: carried.from,
        most: app.max_message,
    };
    let messages = std::mem::take(&mut carried.messages);
    let mut receipts = Vec::with_capacity(messages.len());
    for (mail, raw) in carried.head.mails.iter().zip(messages) {
        let fate = hand_over(front, &app.tenant, by, mail, raw).await?;
        receipts.push(Receipt {
            number: mail.number,
            sha256: mail.sha256,
            fate,
        });
    }
    carried
        .answer(&app, SubmitAnswer { receipts }, Vec::new())
        .await
}

pub(super) async fn fetch(
    State(app): State<App>,
    carried: Carried<FetchAsk>,
) -> Result<Response, Problem> {
    // Larger messages are rare, and each comes alone.
    let _room = app.room(MOST_TOGETHER as u64).await?;
    let replica = app.tenant.replica_if_any(&carried.device.owner).await?;
    let looked = look(replica.as_ref(), &carried.head).await?;
    carried.answer(&app, looked.answer, looked.messages).await
}

pub(super) async fn change(
    State(app): State<App>,
    mut carried: Carried<ChangeAsk>,
) -> Result<Response, Problem> {
    let replica = app.tenant.replica(&carried.device.owner).await?;
    let (mut upto, mut done) = (carried.device.changed, Vec::new());
    let mut messages = std::mem::take(&mut carried.messages).into_iter();
    let mut failed = None;
    for change in &carried.head.changes {
        let raw = match change.deed {
            Deed::Append { .. } => messages.next(),
            _ => None,
        };
        if change.number <= upto {
            continue;
        }
        match apply(&replica, change, raw).await {
            Ok(one) => {
                done.push(one);
                upto = change.number;
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    if upto > carried.device.changed {
        app.tenant.device_changed(carried.device.id, upto).await?;
    }
    match failed {
        Some(error) => Err(error.into()),
        None => {
            let answer = ChangeAnswer { upto, done };
            carried.answer(&app, answer, Vec::new()).await
        }
    }
}

pub(super) async fn evidence(
    State(app): State<App>,
    mut carried: Carried<EvidenceAsk>,
) -> Result<Response, Problem> {
    let messages = std::mem::take(&mut carried.messages);
    let mut all = Vec::with_capacity(messages.len());
    for (mail, raw) in carried.head.mails.iter().zip(messages) {
        let (evidence, words) = known(&app.tenant, raw).await?;
        all.push(Known {
            number: mail.number,
            evidence,
            words,
        });
    }
    carried
        .answer(&app, EvidenceAnswer { known: all }, Vec::new())
        .await
}
