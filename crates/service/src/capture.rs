//! Mail that comes in over the listeners `journal`, `lmtp` and `milter`: who may bring it, and by which
//! driver.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use everpost_codec::journal::Reports;
use everpost_codec::smtp;
use everpost_mail::capture::milter::{MilterOptions, MilterRoad};
use everpost_mail::capture::smtp::{Login, Security, SmtpOptions, SmtpRoad};
use everpost_mail::capture::{Capture, CaptureOptions};
use everpost_mail::relay::front::Front;
use everpost_node::NodeError;
use everpost_node::config::{self, CaptureConfig, Config, Network, Protocol};
use everpost_node::listen::{Connection, Peer};
use everpost_node::stop::Stop;
use everpost_store::Tenant;

use crate::app::lock;

/// What the service calls itself where nobody gave it a name. Not the machine's name: a mail server on the
/// same machine would take the mail that it sends here for a loop.
const NAME: &str = "everpost";
/// Strangers that are remembered, so that each is told of once.
const STRANGERS: usize = 10_000;

/// What serves the connections of mail. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Roads {
    journal: SmtpRoad,
    lmtp: SmtpRoad,
    milter: MilterRoad,
    /// For mail that goes on: from other servers, and from people.
    onward: Option<(SmtpRoad, SmtpRoad)>,
    from: Arc<[Network]>,
    strangers: Arc<Mutex<HashSet<IpAddr>>>,
    stop: Stop,
}

/// What the service calls itself in front of mail servers.
pub(crate) fn name(config: &Config) -> String {
    let names = config.relay.hostname.iter().chain(&config.tls.names);
    names
        .into_iter()
        .next()
        .cloned()
        .unwrap_or_else(|| NAME.into())
}

/// The way of captured mail into the archive, as it is configured. `alone`: copies are captured, which nobody else knows the
/// owners of. `known`: domains that the archive knows.
pub(crate) fn capture(
    tenant: &Tenant,
    config: &CaptureConfig,
    alone: bool,
    known: Vec<String>,
) -> Result<Capture, NodeError> {
    let wrong = |what: &str| Err(NodeError::Config(what.into()));
    if alone && config.domains.is_empty() {
        return wrong(
            "the listeners journal, lmtp and milter need `domains` of [capture]: mail of their addresses gets \
             into mailboxes",
        );
    }
    if let Some(domain) = config.domains.iter().find(|domain| !is_domain(domain)) {
        return wrong(&format!(
            "`{domain}` in `domains` of [capture] is no domain"
        ));
    }
    if config.max_message_bytes > config.room_bytes.min(config.spool_bytes) {
        return wrong(
            "`room_bytes` and `spool_bytes` of [capture] must have room for `max_message_bytes`",
        );
    }
    let reports = match config.reports {
        config::Reports::Read => Reports::Read,
        config::Reports::Marked => Reports::Marked,
        config::Reports::Ignored => Reports::Ignored,
    };
    let domains = config.domains.iter().cloned().chain(known).collect();
    Ok(Capture::new(
        tenant.clone(),
        &limits(config, domains, reports),
    ))
}

/// How much of mail may be on its way in.
pub(crate) fn limits(
    config: &CaptureConfig,
    domains: Vec<String>,
    reports: Reports,
) -> CaptureOptions {
    let bytes = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
    CaptureOptions {
        domains,
        reports,
        room: bytes(config.room_bytes),
        spool: bytes(config.spool_bytes),
    }
}

fn is_domain(text: &str) -> bool {
    let text = text.trim();
    let part = |c: char| !c.is_whitespace() && c != '@';
    !text.is_empty() && text.chars().all(part)
}

impl Roads {
    pub(crate) fn new(
        capture: &Capture,
        config: &Config,
        onward: Option<(Front, Arc<dyn Login>)>,
        stop: Stop,
    ) -> Self {
        let options = |protocol| SmtpOptions {
            hostname: name(config),
            protocol,
            max_message: config.capture.max_message_bytes,
        };
        let smtp = |protocol| SmtpRoad::new(capture.clone(), &options(protocol));
        let onward = onward.map(|(front, login)| {
            let road = |login| {
                let options = options(smtp::Protocol::Smtp);
                SmtpRoad::onward(capture.clone(), &options, front.clone(), login)
            };
            (road(None), road(Some(login)))
        });
        let milter = MilterOptions {
            fail_open: config.capture.milter_fails == config::Fails::Open,
            max_message: config.capture.max_message_bytes,
        };
        Roads {
            journal: smtp(smtp::Protocol::Smtp),
            lmtp: smtp(smtp::Protocol::Lmtp),
            milter: MilterRoad::new(capture, milter),
            onward,
            from: config.capture.from.clone().into(),
            strangers: Arc::default(),
            stop,
        }
    }

    /// Serves a connection until it ends.
    pub(crate) async fn serve(self, connection: Connection) {
        let Connection {
            stream,
            peer,
            listener,
            upgrade,
        } = connection;
        let from = match peer {
            Peer::Network { address, .. } => Some(address),
            Peer::Local { .. } => None,
        };
        let security = match (peer, upgrade) {
            (Peer::Network { tls: true, .. }, _) => Security::Within,
            (_, Some(tls)) => Security::Offered(tls),
            _ => Security::None,
        };
        let onward = self.onward.as_ref();
        let onward = onward.and_then(|(mx, submission)| match listener {
            name if name == Protocol::Mx.name() => Some(mx),
            name if name == Protocol::Submission.name() => Some(submission),
            name if name == Protocol::Submissions.name() => Some(submission),
            _ => None,
        });
        if let Some(road) = onward {
            return road.serve(stream, from, security, self.stop.wait()).await;
        }
        let smtp = match listener {
            name if name == Protocol::Journal.name() => Some(&self.journal),
            name if name == Protocol::Lmtp.name() => Some(&self.lmtp),
            _ => None,
        };
        let known = self.knows(peer, listener);
        match smtp {
            Some(road) if known => road.serve(stream, from, security, self.stop.wait()).await,
            Some(road) => road.turn_away(stream).await,
            None if known => self.milter.serve(stream, self.stop.wait()).await,
            // There are no words for it: the mail server does what it is set to without a filter.
            None => {}
        }
    }

    fn knows(&self, peer: Peer, listener: &str) -> bool {
        let Peer::Network { address, .. } = peer else {
            return true;
        };
        if self.from.iter().any(|network| network.contains(address)) {
            return true;
        }
        let mut strangers = lock(&self.strangers);
        if strangers.len() < STRANGERS && strangers.insert(address) {
            tracing::warn!(%address, listener, "turned away: `from` of [capture] does not name it");
        }
        false
    }
}
