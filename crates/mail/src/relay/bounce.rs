//! Telling a sender what became of its mail: the notification is a message like others, archived and queued.

use bytes::Bytes;
use everpost_codec::dsn::{self, Action, Notification, Ret};
use everpost_codec::smtp::xtext;
use everpost_domain::digest::Digest;
use everpost_store::{Attempt, Envelope, Errand, Leg, NewLeg, Onward, Outcome, StoreError};

use super::route::place_of;
use super::trace::{Came, INTERNAL, Wanted};
use crate::capture::{Capture, item, now};

/// What is to be told of a leg.
pub(super) struct Told<'a> {
    pub(super) leg: &'a Leg,
    pub(super) action: Action,
    pub(super) attempt: &'a Attempt,
    /// Until when it will be tried, in seconds since 1970.
    pub(super) until: Option<i64>,
}

/// Whether the sender of a leg wants to hear of this.
pub(super) fn is_wanted(leg: &Leg, action: Action) -> bool {
    let wanted = Wanted::read(&leg.options);
    let notify = wanted.notify.as_deref().and_then(dsn::Notify::parse);
    !leg.sender.is_empty() && notify.unwrap_or(dsn::Notify::UNSAID).wants(action)
}

/// Writes a notification and queues it. `raw`: the message. Nothing is done where nobody wants to hear it.
pub(super) async fn tell(
    capture: &Capture,
    host: &str,
    errand: &Errand,
    raw: &[u8],
    told: &[Told<'_>],
) -> Result<Option<Vec<Outcome>>, StoreError> {
    let came = Came::read(&errand.how);
    let mut seed = errand.mail.to_le_bytes().to_vec();
    for one in told {
        seed.extend_from_slice(&one.leg.id.to_le_bytes());
        seed.extend_from_slice(one.action.name().as_bytes());
    }
    // The same for the same legs and news: told again after a crash, it is the same message.
    let name = Digest::of(&seed).to_string();
    let name = name.get(..32).unwrap_or_default();
    let at = told.iter().map(|one| one.attempt.at / 1_000_000).max();
    let wanted: Vec<Wanted> = told
        .iter()
        .map(|one| Wanted::read(&one.leg.options))
        .collect();
    let original: Vec<Option<String>> = wanted
        .iter()
        .map(|wanted| {
            let original = wanted.original.as_ref();
            original.map(|(kind, address)| format!("{kind};{}", in_xtext(address)))
        })
        .collect();
    let status: Vec<String> = told.iter().map(|one| status(&one.attempt.words)).collect();
    let recipients: Vec<dsn::Outcome<'_>> = told
        .iter()
        .zip(wanted.iter().zip(&original).zip(&status))
        .map(|(one, ((wanted, original), status))| dsn::Outcome {
            address: &one.leg.recipient,
            orcpt: original.as_deref(),
            notify: wanted.notify.as_deref().and_then(dsn::Notify::parse),
            action: one.action,
            status,
            remote_mta: Some(one.attempt.server.as_str()).filter(|server| !server.is_empty()),
            reply: Some(one.attempt.words.as_str()).filter(|words| !words.is_empty()),
            attempted: Some(one.attempt.at / 1_000_000),
            retry_until: one.until,
        })
        .collect();
    let envid = came.envid.as_deref().map(in_xtext);
    let (boundary, message_id, from) = (
        format!("=_{name}"),
        format!("{name}@{host}"),
        format!("MAILER-DAEMON@{host}"),
    );
    let notification = Notification {
        boundary: &boundary,
        message_id: &message_id,
        unix: at.unwrap_or_else(now),
        reporting_mta: host,
        from: &from,
        reverse_path: &errand.sender,
        envelope_id: envid.as_deref(),
        arrived: Some(came.at),
        received_from: Some(came.helo.as_str()).filter(|name| !name.is_empty()),
        ret: came
            .full
            .map(|full| if full { Ret::Full } else { Ret::Headers }),
        smtputf8: came.smtputf8,
        original: raw,
        recipients: &recipients,
    };
    let Ok(text) = dsn::write(&notification) else {
        return Ok(None);
    };
    let domain = errand
        .sender
        .rsplit_once('@')
        .map(|(_, domain)| domain.to_lowercase());
    let Some(domain) = domain else {
        return Ok(None);
    };
    let leg = NewLeg {
        recipient: errand.sender.clone(),
        user: errand.sender.to_lowercase(),
        place: place_of(None, &domain),
        priority: 0,
        held: None,
        options: String::new(),
    };
    let onward = Onward {
        handed: None,
        sender: String::new(),
        how: Came {
            at: now(),
            helo: host.to_owned(),
            protocol: INTERNAL.into(),
            smtputf8: came.smtputf8,
            ..Came::default()
        }
        .to_text(),
        legs: vec![leg],
    };
    let envelope = Envelope {
        recipients: vec![errand.sender.clone()],
        ..Envelope::default()
    };
    let owners = vec![errand.sender.clone()];
    let owners = owners
        .into_iter()
        .filter(|owner| capture.is_local(owner))
        .collect();
    let prepared = item(Bytes::from(text), envelope, owners, None, Some(onward));
    capture.keep(vec![prepared]).await.map(Some)
}

/// The enhanced status code in a reply, or none that says much.
fn status(words: &str) -> String {
    let code = words.split_whitespace().find(|word| {
        let mut parts = word.split('.');
        let digits = |part: Option<&str>| {
            part.is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        };
        digits(parts.next())
            && digits(parts.next())
            && digits(parts.next())
            && parts.next().is_none()
    });
    code.unwrap_or("0.0.0").to_owned()
}

fn in_xtext(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    xtext::encode(text, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
