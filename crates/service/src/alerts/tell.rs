//! The ways by which people are told: mail, and a webhook.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use everpost_codec::smtp::client::Login;
use everpost_domain::alert::{Change, Condition, Notice, Severity};
use everpost_domain::digest::Digest;
use everpost_domain::message::{format_rfc3339, format_rfc5322};
use everpost_mail::relay::{Direct, MailHosts, Trust};
use everpost_node::NodeError;
use everpost_node::config::{AlertsConfig, Config};
use everpost_node::stop::Stop;
use everpost_store::now_us;
use ring::hmac;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::relay::{hosts, login, trust};

/// The first wait after a way that did not work; each next one is twice as long.
const AGAIN: Duration = Duration::from_secs(10);
/// The longest.
const AGAIN_AT_MOST: Duration = Duration::from_secs(600);
/// How long a way may take.
const ANSWER: Duration = Duration::from_secs(60);

/// One way by which people are told.
pub(super) enum Teller {
    Mail(Box<Mail>),
    Webhook(Box<Webhook>),
}

pub(super) struct Mail {
    to: String,
    from: String,
    hostname: String,
    server: Option<String>,
    smarthost: Option<String>,
    login: Option<Login>,
    trust: Trust,
    hosts: Arc<dyn MailHosts>,
}

pub(super) struct Webhook {
    url: String,
    /// Its scheme, host and port.
    origin: String,
    secret: Option<hmac::Key>,
    hostname: String,
    client: reqwest::Client,
}

/// Every way that is configured.
pub(super) fn tellers(config: &Config, name: &str) -> Result<Vec<Teller>, NodeError> {
    let alerts = &config.alerts;
    let mut all = Vec::new();
    if !alerts.mail.is_empty() {
        let from = alerts.from.clone();
        let from = from.unwrap_or_else(|| format!("postmaster@{name}"));
        let hosts = hosts(&config.dns)?;
        for to in &alerts.mail {
            all.push(Teller::Mail(Box::new(Mail {
                to: to.clone(),
                from: from.clone(),
                hostname: name.into(),
                server: alerts.server.clone(),
                smarthost: config.relay.smarthost.clone(),
                login: login(&config.relay)?,
                trust: trust(&config.relay)?,
                hosts: hosts.clone(),
            })));
        }
    }
    if let Some(url) = &alerts.webhook {
        all.push(Teller::Webhook(Box::new(webhook(url, alerts, name)?)));
    }
    Ok(all)
}

fn webhook(url: &str, alerts: &AlertsConfig, name: &str) -> Result<Webhook, NodeError> {
    let wrong = |what: String| NodeError::Config(format!("[alerts]: {what}"));
    let parsed = reqwest::Url::parse(url).map_err(|error| wrong(format!("`webhook`: {error}")))?;
    let home = parsed.host_str().is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    });
    match parsed.scheme() {
        "https" => {}
        "http" if home => {}
        _ => {
            return Err(wrong(
                "`webhook` is https:, or http: to a loopback address".into(),
            ));
        }
    }
    let secret = match &alerts.webhook_secret {
        None => None,
        Some(path) => {
            let wrong = |why: String| wrong(format!("{}: {why}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
            let text = text.trim().strip_prefix("whsec_");
            let text = text.ok_or_else(|| wrong("it does not begin with whsec_".into()))?;
            let key = STANDARD
                .decode(text)
                .map_err(|error| wrong(error.to_string()))?;
            Some(hmac::Key::new(hmac::HMAC_SHA256, &key))
        }
    };
    // Whoever was first has decided; all take the same.
    let provider = rustls::crypto::ring::default_provider();
    provider.install_default().ok();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(ANSWER)
        .build();
    Ok(Webhook {
        url: url.into(),
        origin: parsed.origin().ascii_serialization(),
        secret,
        hostname: name.into(),
        client: client.map_err(|error| wrong(error.to_string()))?,
    })
}

impl Teller {
    /// Tells each notice, again and again until it is told or the service stops.
    pub(super) async fn keep(self, mut notices: mpsc::Receiver<Notice>, stop: Stop) {
        let all = async {
            while let Some(notice) = notices.recv().await {
                let mut wait = AGAIN;
                while let Err(why) = self.tell(&notice).await {
                    tracing::error!(way = self.name(), why, "an alert could not be told");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(AGAIN_AT_MOST);
                }
            }
        };
        // Whoever stops does not wait for a server that does not answer.
        tokio::select! {
            () = stop.wait() => {}
            () = all => {}
        }
    }

    /// What it is called in messages to the operator. The rest of a webhook's address is often its secret.
    fn name(&self) -> &str {
        match self {
            Teller::Mail(mail) => &mail.to,
            Teller::Webhook(webhook) => &webhook.origin,
        }
    }

    async fn tell(&self, notice: &Notice) -> Result<(), String> {
        match self {
            Teller::Mail(mail) => mail.tell(notice).await,
            Teller::Webhook(webhook) => webhook.tell(notice).await,
        }
    }
}

impl Mail {
    async fn tell(&self, notice: &Notice) -> Result<(), String> {
        let direct = Direct {
            hostname: &self.hostname,
            server: self.server.as_deref(),
            smarthost: self.smarthost.as_deref(),
            login: self.login.as_ref(),
            trust: &self.trust,
            hosts: &*self.hosts,
        };
        let raw = Bytes::from(letter(notice, &self.from, &self.to, &self.hostname));
        match timeout(ANSWER, direct.send(&self.from, &self.to, &raw)).await {
            Ok(sent) => sent,
            Err(_) => Err("no answer".into()),
        }
    }
}

/// The name of a notice: told again, it is the same.
fn name(notice: &Notice) -> String {
    let (key, change) = (&notice.condition.key, notice.change.name());
    let text = format!("{key} {change} {} {}", notice.since, notice.at);
    Digest::of(text.as_bytes())
        .to_string()
        .chars()
        .take(32)
        .collect()
}

/// A notice as a mail. What others wrote stands in its text alone.
fn letter(notice: &Notice, from: &str, to: &str, host: &str) -> String {
    let Notice {
        change,
        condition,
        since,
        at,
    } = notice;
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (key, severity) = (&condition.key, condition.severity.name());
    let urgent = match (condition.severity, change) {
        (Severity::Critical, Change::Begun | Change::Still) => "Importance: high\r\n",
        _ => "",
    };
    format!(
        "From: Everpost <{from}>\r\nTo: <{to}>\r\nSubject: [{host}] {severity} {}: {key}\r\nDate: {}\r\n\
         Message-ID: <{}@{host}>\r\nAuto-Submitted: auto-generated\r\n{urgent}MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
         {}\r\n\r\nWhat to do: {}\r\n\r\nSince {}, told {} by {host}.\r\n",
        change.name(),
        format_rfc5322(*at),
        name(notice),
        line(&condition.what),
        line(&condition.hint),
        format_rfc3339(*since),
        format_rfc3339(*at),
    )
}

impl Webhook {
    async fn tell(&self, notice: &Notice) -> Result<(), String> {
        let condition = &notice.condition;
        let body = json!({
            "type": format!("alert.{}", notice.change.name()),
            "timestamp": format_rfc3339(notice.at),
            "data": {
                "key": condition.key, "severity": condition.severity.name(), "what": condition.what,
                "hint": condition.hint, "since": format_rfc3339(notice.since), "service": self.hostname,
            },
        })
        .to_string();
        // Standard Webhooks: id, time of this try, and a signature of both with the body.
        let (id, at) = (format!("msg_{}", name(notice)), now_us() / 1_000_000);
        let mut request = self
            .client
            .post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", at.to_string());
        if let Some(secret) = &self.secret {
            let tag = hmac::sign(secret, format!("{id}.{at}.{body}").as_bytes());
            let signature = format!("v1,{}", STANDARD.encode(tag));
            request = request.header("webhook-signature", signature);
        }
        let answer = request.body(body).send().await;
        let answer = answer.map_err(|error| error.without_url().to_string())?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(format!("it answered {}", answer.status())),
        }
    }
}

/// Tells of nothing by every way that is configured. What is told of each: its name, and why it did not work.
///
/// # Errors
/// Where a setting makes no sense.
pub async fn test(config: &Config) -> Result<Vec<(String, Result<(), String>)>, NodeError> {
    let at = now_us() / 1_000_000;
    let notice = Notice {
        change: Change::Begun,
        condition: Condition {
            key: "test".into(),
            severity: Severity::Warning,
            what: "This is a test: whoever reads it is told when something is not well.".into(),
            hint: "nothing".into(),
            patience: 0,
        },
        since: at,
        at,
    };
    let mut told = Vec::new();
    for teller in tellers(config, &crate::capture::name(config))? {
        let done = teller.tell(&notice).await;
        told.push((teller.name().to_owned(), done));
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_says_what_and_since_when() {
        let notice = Notice {
            change: Change::Begun,
            condition: Condition {
                key: "queue.blocked".into(),
                severity: Severity::Critical,
                what: "mx.example says:\r\n\r\nX: é".into(),
                hint: "look".into(),
                patience: 0,
            },
            since: 0,
            at: 60,
        };
        let letter = letter(&notice, "p@mx.test", "ops@example.org", "mx.test");
        let (head, body) = letter.split_once("\r\n\r\n").unwrap_or_default();
        assert!(
            head.contains("Subject: [mx.test] critical begun: queue.blocked\r\n"),
            "{head}"
        );
        assert!(head.is_ascii() && head.contains("Importance: high"));
        assert!(
            body.starts_with("mx.example says: X: é\r\n\r\nWhat to do: look\r\n"),
            "{body}"
        );
        assert_eq!(letter.matches('\n').count(), letter.matches("\r\n").count());
    }
}
