//! How it goes, on a page of this machine alone; and what mail programs ask to set themselves up.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use everpost_domain::continuity::agent::Mode;
use everpost_domain::message::format_rfc3339;
use serde::Serialize;

use crate::Running;

struct Inside {
    running: Vec<Running>,
    listeners: BTreeMap<&'static str, SocketAddr>,
}

/// How an account is.
#[derive(Serialize)]
struct Status {
    address: String,
    /// `ready`, `active`, `recovery`.
    mode: &'static str,
    /// Whether the mail server answers; null before it was asked.
    mail_server: Option<bool>,
    /// Whether the service does.
    service: bool,
    /// What is wrong, for people.
    trouble: Option<String>,
    /// The mailbox was in step then.
    in_step: Option<String>,
    owed: usize,
    awaited: usize,
    pulled: usize,
    outbox_waiting: u64,
    outbox_uncertain: u64,
    possibly_doubled: u64,
}

pub(crate) fn router(
    running: Vec<Running>,
    listeners: BTreeMap<&'static str, SocketAddr>,
) -> Router {
    let inside = Arc::new(Inside { running, listeners });
    Router::new()
        .route("/", get(page))
        .route("/status", get(status))
        .route("/mail/config-v1.1.xml", get(autoconfig))
        .route(
            "/.well-known/autoconfig/mail/config-v1.1.xml",
            get(autoconfig),
        )
        .with_state(inside)
        .layer(from_fn(from_here))
}

/// A page of the Internet that has its name lead to this machine is not answered.
async fn from_here(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    match matches!(name, "localhost" | "127.0.0.1" | "[::1]") {
        true => next.run(request).await,
        false => StatusCode::MISDIRECTED_REQUEST.into_response(),
    }
}

async fn statuses(inside: &Inside) -> Vec<Status> {
    let mut all = Vec::new();
    for one in &inside.running {
        let (health, shown) = (one.health.borrow().clone(), one.shown.borrow().clone());
        let outbox = one.courier.counts().await;
        all.push(Status {
            address: one.account.settings().address.clone(),
            mode: name(shown.mode),
            mail_server: health.is_up,
            service: shown.is_linked,
            trouble: health.trouble,
            in_step: (health.last > 0).then(|| format_rfc3339(health.last)),
            owed: health.owed,
            awaited: health.awaited,
            pulled: shown.pulled,
            outbox_waiting: outbox.waiting,
            outbox_uncertain: outbox.uncertain,
            possibly_doubled: outbox.doubled,
        });
    }
    all
}

fn name(mode: Mode) -> &'static str {
    match mode {
        Mode::Unenrolled => "unenrolled",
        Mode::Ready => "ready",
        Mode::Active => "active",
        Mode::Recovery => "recovery",
        Mode::Killed => "dormant",
    }
}

async fn status(State(inside): State<Arc<Inside>>) -> Json<Vec<Status>> {
    Json(statuses(&inside).await)
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// What a mode means to whoever reads their mail.
fn sentence(mode: Mode, mail_server: Option<bool>) -> &'static str {
    match mode {
        Mode::Unenrolled => "This program is not known to the service yet.",
        Mode::Ready if mail_server == Some(false) => {
            "Your mail server does not answer. What you send waits here until it does, or the standby service takes over."
        }
        Mode::Ready => "Your mail server is used.",
        Mode::Active => {
            "Your mail server is away. The standby service carries your mail; go on as always."
        }
        Mode::Recovery => "Your mail server is back and gets what came and went meanwhile.",
        Mode::Killed => "This program rests by order of your administrator.",
    }
}

async fn page(State(inside): State<Arc<Inside>>) -> Html<String> {
    let mut body = String::new();
    for (one, status) in inside.running.iter().zip(statuses(&inside).await) {
        let mode = one.shown.borrow().mode;
        let answers = |is_up: Option<bool>| match is_up {
            Some(true) => "answers",
            Some(false) => "does not answer",
            None => "was not asked yet",
        };
        let rows = [
            ("Mail server", answers(status.mail_server).to_owned()),
            ("Service", answers(Some(status.service)).to_owned()),
            (
                "In step",
                status.in_step.unwrap_or_else(|| "not yet".into()),
            ),
            (
                "Still to be brought to the mail server",
                status.owed.to_string(),
            ),
            ("Still on their way there", status.awaited.to_string()),
            ("Waiting to be sent", status.outbox_waiting.to_string()),
            (
                "Sent, and not answered",
                status.outbox_uncertain.to_string(),
            ),
            ("Possibly sent twice", status.possibly_doubled.to_string()),
            ("Trouble", status.trouble.unwrap_or_else(|| "none".into())),
        ];
        let rows: String = rows
            .iter()
            .map(|(name, value)| {
                format!(
                    "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>",
                    escape(value)
                )
            })
            .collect();
        body.push_str(&format!(
            "<section><h2>{}</h2><p class=\"{}\">{}</p><table>{rows}</table></section>",
            escape(&status.address),
            status.mode,
            sentence(mode, status.mail_server),
        ));
    }
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Everpost agent</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"10\">\
         <style>{STYLE}</style></head><body><main><h1>Everpost agent</h1>{body}</main></body></html>"
    ))
}

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;margin:0}\
main{max-width:42rem;margin:2rem auto;padding:0 1rem}\
section{border:1px solid color-mix(in srgb,currentColor 25%,transparent);border-radius:.5rem;padding:0 1.25rem 1rem;margin:1rem 0}\
p{border-left:.35rem solid #2e7d32;padding-left:.75rem;font-weight:600}\
p.active{border-color:#c62828}p.recovery{border-color:#ef6c00}p.dormant,p.unenrolled{border-color:#757575}\
table{border-collapse:collapse;width:100%}\
th{text-align:left;font-weight:400;opacity:.8;padding:.15rem 1rem .15rem 0}td{text-align:right;font-variant-numeric:tabular-nums}";

/// Mozilla's autoconfig, for the first account: it names servers, never passwords.
async fn autoconfig(State(inside): State<Arc<Inside>>) -> Response {
    let server = |kind: &str, what: &str, address: Option<&SocketAddr>| {
        let Some(address) = address else {
            return String::new();
        };
        format!(
            "<{what} type=\"{kind}\"><hostname>{}</hostname><port>{}</port><socketType>plain</socketType>\
             <authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username></{what}>",
            address.ip(),
            address.port(),
        )
    };
    let domains: Vec<String> = inside
        .running
        .iter()
        .filter_map(|one| one.account.settings().address.rsplit_once('@'))
        .map(|(_, domain)| format!("<domain>{}</domain>", escape(domain)))
        .collect();
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><clientConfig version=\"1.1\"><emailProvider id=\"everpost\">{}\
         <displayName>Everpost</displayName>{}{}</emailProvider></clientConfig>",
        domains.concat(),
        server("imap", "incomingServer", inside.listeners.get("imap")),
        server("smtp", "outgoingServer", inside.listeners.get("submission")),
    );
    ([(header::CONTENT_TYPE, "application/xml")], xml).into_response()
}
