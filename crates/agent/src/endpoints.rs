//! What mail programs on this machine talk to: IMAP, submission, and a page that says how it goes.

use std::net::IpAddr;
use std::sync::Arc;

use everpost_codec::journal::Reports;
use everpost_codec::smtp::{Credentials, Protocol as Dialect};
use everpost_mail::capture::smtp::{Login, SmtpOptions, SmtpRoad};
use everpost_mail::capture::{Capture, CaptureOptions};
use everpost_mail::imap::{ImapOptions, ImapRoad, Mailboxes, Security};
use everpost_mail::sync::OnDemand;
use everpost_node::NodeError;
use everpost_node::ca::identity;
use everpost_node::config::Protocol;
use everpost_node::listen::{Connection, Listener, Peer, serve as serve_http, serve_streams};
use everpost_node::ready::Ready;
use everpost_node::stop::Stop;
use everpost_store::{Replica, Store, StoreError, Tenant};
use futures::future::BoxFuture;

use crate::courier::Desk;
use crate::{AgentError, AgentOptions, Running, page};

/// Bytes of a message.
const MOST: u64 = 256 << 20;

/// What the endpoints call themselves.
const NAME: &str = "localhost";

/// Opens the listeners and serves them until the signal to stop.
pub(crate) async fn serve(
    store: &Store,
    tenant: &Tenant,
    running: Vec<Running>,
    bodies: OnDemand,
    options: AgentOptions,
    stop: Stop,
    started: impl FnOnce(&Ready),
) -> Result<(), AgentError> {
    let identity = identity(store.data(), &options.config.tls, &options.listen)?;
    let (mut mail, mut pages) = (Vec::new(), Vec::new());
    for listen in &options.listen {
        // It speaks in the clear with whoever is on this machine, and with nobody else.
        if !listen.address.ip().is_loopback() {
            let what = format!(
                "{} is not on this machine: an agent serves it alone",
                listen.address
            );
            return Err(NodeError::Config(what).into());
        }
        let listener = Listener::open(listen, &identity).await?;
        match listen.protocol {
            Protocol::Http => pages.push(listener),
            Protocol::Imap | Protocol::Imaps | Protocol::Submission | Protocol::Submissions => {
                mail.push(listener)
            }
            other => {
                let what = format!("an agent has no listener {}", other.name());
                return Err(NodeError::Config(what).into());
            }
        }
    }
    let all = mail.iter().chain(&pages);
    let ready = Ready {
        listeners: all.filter_map(Listener::address).collect(),
        ca: identity.ca.map(|ca| std::path::absolute(&ca).unwrap_or(ca)),
        pid: std::process::id(),
    };
    let door = Arc::new(Door::new(&running));
    let imap = ImapRoad::new(
        &ImapOptions {
            hostname: NAME.into(),
            max_message: MOST,
            in_clear: true,
        },
        door.clone(),
    );
    let imap = imap.with_bodies(Arc::new(bodies));
    let room = CaptureOptions {
        domains: Vec::new(),
        reports: Reports::Ignored,
        room: 64 << 20,
        spool: 1 << 30,
    };
    let capture = Capture::new(tenant.clone(), &room);
    let couriers = running.iter();
    let couriers = couriers.map(|one| (one.account.addresses(), one.courier.clone()));
    let smtp = SmtpRoad::beside(
        capture,
        &SmtpOptions {
            hostname: NAME.into(),
            protocol: Dialect::Smtp,
            max_message: MOST,
        },
        door,
        Arc::new(Desk(couriers.collect())),
    );
    let roads = Roads {
        imap,
        smtp,
        stop: stop.clone(),
    };
    let router = page::router(running, ready.listeners.clone());
    let showing = tokio::spawn(serve_http(pages, router, stop.clone()));
    let handler = move |connection| roads.clone().serve(connection);
    let serving = tokio::spawn(serve_streams(mail, handler, stop));
    if let Some(path) = &options.ready_file {
        ready.write(path)?;
    }
    started(&ready);
    serving.await.ok();
    showing.await.ok();
    Ok(())
}

#[derive(Clone)]
struct Roads {
    imap: ImapRoad,
    smtp: SmtpRoad,
    stop: Stop,
}

impl Roads {
    async fn serve(self, connection: Connection) {
        let (from, security) = match (connection.peer, connection.upgrade) {
            (Peer::Network { address, tls: true }, _) => (Some(address), Security::Within),
            (Peer::Network { address, .. }, Some(tls)) => (Some(address), Security::Offered(tls)),
            (Peer::Network { address, .. }, None) => (Some(address), Security::None),
            (Peer::Local { .. }, _) => (None, Security::None),
        };
        match connection.listener {
            "imap" | "imaps" => {
                let stream = Box::new(connection.stream);
                let stop = self.stop.wait();
                self.imap.serve(stream, from, security, stop).await;
            }
            _ => {
                let stop = self.stop.wait();
                self.smtp
                    .serve(connection.stream, from, security, stop)
                    .await;
            }
        }
    }
}

/// Knows who may come in: whoever has the account's password for this machine.
struct Door(Vec<Entry>);

struct Entry {
    address: String,
    password: String,
    own: Vec<String>,
    replica: Replica,
}

impl Door {
    fn new(running: &[Running]) -> Self {
        let entry = |one: &Running| Entry {
            address: one.account.settings().address.clone(),
            password: one.account.local_password().to_owned(),
            own: one.account.addresses(),
            replica: one.replica.clone(),
        };
        Door(running.iter().map(entry).collect())
    }

    fn entry(&self, user: &str, password: &str) -> Option<&Entry> {
        let mut all = self.0.iter();
        all.find(|one| one.address.eq_ignore_ascii_case(user) && same(&one.password, password))
    }
}

/// Compared in the same time wherever they differ.
fn same(one: &str, other: &str) -> bool {
    let differ = |(a, b): (u8, u8)| a ^ b;
    let bits = one.bytes().zip(other.bytes()).map(differ);
    one.len() == other.len() && bits.fold(0, |all, bits| all | bits) == 0
}

impl Mailboxes for Door {
    fn open(
        &self,
        credentials: Credentials,
        _: Option<IpAddr>,
    ) -> BoxFuture<'static, Result<Option<Replica>, StoreError>> {
        let found = match &credentials {
            Credentials::Password { user, password, .. } => self.entry(user, password.reveal()),
            _ => None,
        };
        let replica = found.map(|entry| entry.replica.clone());
        Box::pin(async move { Ok(replica) })
    }
}

impl Login for Door {
    fn login(
        &self,
        user: String,
        password: String,
        _: Option<IpAddr>,
    ) -> BoxFuture<'static, Result<Option<Vec<String>>, StoreError>> {
        let own = self.entry(&user, &password).map(|entry| entry.own.clone());
        Box::pin(async move { Ok(own) })
    }
}
