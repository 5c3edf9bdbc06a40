//! The service: an archive over HTTP, with sign-in, rights, jobs and a console.
//!
//! ```text
//! listener → guard (limits, headers, origin) → route → caller (session, token, socket)
//!          → reach (role, case → scope; what must be logged is) → store
//! ```
//! `routes` is the table of contents; a file of `api` answers for one kind of thing.

mod alerts;
mod api;
mod app;
mod authenticity;
mod backups;
mod caller;
mod capture;
mod console;
pub mod desk;
pub mod devices;
mod door;
mod extract;
mod follow;
mod guard;
mod html;
mod link;
mod metrics;
mod nodes;
mod omissions;
pub mod password;
mod problem;
mod relay;
mod routes;
mod standby;
mod throttle;
mod view;

use std::path::PathBuf;
use std::sync::Arc;

use everpost_extract::PoolOptions;
use everpost_mail::capture::smtp::Login;
use everpost_node::NodeError;
use everpost_node::ca::identity;
use everpost_node::config::{Config, Listen, Protocol};
use everpost_node::listen::{Listener, serve, serve_streams};
use everpost_node::ready::Ready;
use everpost_node::stop::Stop;
use everpost_store::{Store, StoreError, Tenant};

use alerts::Watch;
use standby::Standby;

pub use alerts::test as test_alerts;
pub use api::moves::MoveView;
pub use authenticity::{AuthenticityView, ResultView, authenticity};
pub use omissions::{OmissionsView, omissions};
pub use relay::signers;
pub use routes::openapi;

/// The socket in a data directory by which commands reach a running service.
pub const SOCKET: &str = "api.sock";

/// How to run.
pub struct ServiceOptions {
    /// What the configuration file says.
    pub config: Config,
    /// Listeners.
    pub listen: Vec<Listen>,
    /// A file that appears when every listener accepts.
    pub ready_file: Option<PathBuf>,
    /// How attachments are read.
    pub readers: PoolOptions,
}

/// Why the service cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Of listeners, certificates or configuration.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// Of the archive.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs the service of a tenant until it is told to stop. `started` is called when every
/// listener accepts.
pub async fn run(
    store: &Store,
    tenant: &Tenant,
    options: ServiceOptions,
    stop: Stop,
    started: impl FnOnce(&Ready),
) -> Result<(), ServiceError> {
    let identity = identity(store.data(), &options.config.tls, &options.listen)?;
    let (keeper, keeper_stop) = (identity.keeper(), stop.clone());
    let name = capture::name(&options.config);
    let watch = Watch::new(&options.config, &name, keeper.status())?;
    let (mut listeners, mut figures, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut mail, mut mailboxes) = (Vec::new(), Vec::new());
    let has = |kind: fn(Protocol) -> bool| options.listen.iter().any(|one| kind(one.protocol));
    let (captures, relays) = (has(is_captured), has(goes_on));
    let capture = match captures || relays {
        true => {
            let known = tenant.mail_domains().await?.into_iter();
            let known = known.map(|domain| domain.name).collect();
            let config = &options.config.capture;
            Some(capture::capture(tenant, config, captures, known)?)
        }
        false => None,
    };
    for listen in &options.listen {
        let listener = Listener::open(listen, &identity).await?;
        match listen.protocol {
            Protocol::Metrics => figures.push(listener),
            Protocol::Nodes if !store.is_shared() => {
                let what = "nodes is for an archive that several nodes share";
                return Err(NodeError::Config(what.into()).into());
            }
            Protocol::Nodes => nodes.push(listener),
            Protocol::Https | Protocol::Http => listeners.push(listener),
            one if standby::is_mailbox(one) => mailboxes.push(listener),
            _ => mail.push(listener),
        }
    }
    let all = listeners.iter().chain(&figures).chain(&nodes);
    let all = all.chain(&mail).chain(&mailboxes);
    let ready = Ready {
        listeners: all.filter_map(Listener::address).collect(),
        // Whoever reads it may stand in another directory.
        ca: identity.ca.map(|ca| std::path::absolute(&ca).unwrap_or(ca)),
        pid: std::process::id(),
    };
    match Listener::local(&store.data().join(SOCKET)) {
        Ok(listener) => listeners.push(listener),
        // A path may be too long for a socket; only commands beside the service miss it.
        Err(error) => tracing::warn!(%error, "no socket for commands"),
    }
    let app = app::Shared::new(
        store.clone(),
        tenant.clone(),
        &options.config,
        capture.clone(),
        stop.clone(),
    );
    let onward = match &capture {
        Some(capture) if relays => {
            Some(relay::onward(store, tenant, capture, &options.config, &name).await?)
        }
        _ => None,
    };
    let mut relaying = Vec::new();
    let onward = onward.map(|onward| {
        for relay in &onward.relays {
            let (relay, stop) = (relay.clone(), stop.clone());
            relaying.push(tokio::spawn(async move { relay.run(stop.wait()).await }));
        }
        app.relays.set(onward.relays).ok();
        app.link.front.set(onward.front.clone()).ok();
        let login: Arc<dyn Login> = Arc::new(relay::Doorman(app.clone()));
        (onward.front, login)
    });
    let roads = capture
        .as_ref()
        .map(|capture| capture::Roads::new(capture, &options.config, onward, stop.clone()));
    let answers_at = nodes.iter().find_map(Listener::address);
    if answers_at.is_some() {
        let messenger = nodes::messenger()?;
        tenant.share(messenger, options.config.nodes.share_from);
    }
    let answers_at = answers_at.map(|(_, address)| address);
    let standby = Standby::new(&app, &options.config, stop.clone());
    let background =
        follow::start(&app, options.readers, options.config.backup, answers_at).await?;
    let watching = tokio::spawn(watch.keep(app.clone()));
    let router = routes::router(app.clone());
    let serving = tokio::spawn(serve(listeners, router, stop.clone()));
    let telling = tokio::spawn(serve(figures, metrics::router(app.clone()), stop.clone()));
    let answering = tokio::spawn(serve(nodes, nodes::router(app), stop.clone()));
    let taking = roads.map(|roads| {
        let handler = move |connection| roads.clone().serve(connection);
        tokio::spawn(serve_streams(mail, handler, stop.clone()))
    });
    let handler = move |connection| standby.clone().serve(connection);
    let showing = tokio::spawn(serve_streams(mailboxes, handler, stop));
    let keeping = tokio::spawn(keeper.keep(keeper_stop));
    // The listeners are bound, so connections wait in their queues from here on.
    if let Some(path) = &options.ready_file {
        ready.write(path)?;
    }
    started(&ready);
    serving.await.ok();
    telling.await.ok();
    answering.await.ok();
    if let Some(taking) = taking {
        taking.await.ok();
    }
    showing.await.ok();
    keeping.await.ok();
    watching.await.ok();
    for relay in relaying {
        relay.await.ok();
    }
    background.end().await;
    Ok(())
}

/// Whether a copy of mail comes in by it, for the archive alone.
fn is_captured(protocol: Protocol) -> bool {
    matches!(
        protocol,
        Protocol::Journal | Protocol::Lmtp | Protocol::Milter
    )
}

/// Whether mail comes in by it that goes on.
fn goes_on(protocol: Protocol) -> bool {
    matches!(
        protocol,
        Protocol::Mx | Protocol::Submission | Protocol::Submissions
    )
}
