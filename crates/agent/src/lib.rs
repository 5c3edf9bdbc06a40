//! The agent beside a user's mail program.
//!
//! ```text
//! mail program ─ IMAP ─▶ endpoints ─▶ replica ◀─ sync ─▶ mail server
//!              ─ SMTP ─▶ endpoints ─▶ courier (outbox) ─▶ mail server, or service
//! service ─ state page, indicator ─▶ follow ─ domain::continuity::agent ─▶ which way mail goes
//!         ─ standby mailbox ───────▶ pull ───▶ replica
//! ```
//! The mail program sees one server that never fails: what it asks is answered from the replica, what it sends is in the
//! outbox before it hears that it was taken.

mod accounts;
mod courier;
mod endpoints;
mod follow;
pub mod link;
mod page;
mod pull;

use std::path::PathBuf;
use std::sync::Arc;

use everpost_codec::link::message::StatePage;
use everpost_mail::sync::{OnDemand, Sync};
use everpost_node::NodeError;
use everpost_node::config::{Config, Listen};
use everpost_node::ready::Ready;
use everpost_node::stop::Stop;
use everpost_store::{Store, StoreError, Tenant};
use tokio::sync::{mpsc, watch};

pub use accounts::{Account, Protection, ServerAt, Settings, accounts, add};
use courier::Courier;
use everpost_domain::continuity::agent::Via;
use follow::{Ends, Follow};
use link::LinkError;
use pull::Puller;

/// Why the agent cannot run, or an account cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Of listeners, certificates or configuration.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// Of what is kept here.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Of the way to the service.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// What was said of an account.
    #[error("{0}")]
    Settings(String),
}

/// How to run.
pub struct AgentOptions {
    /// What the configuration file says.
    pub config: Config,
    /// Listeners: `imap`, `submission`, `http`.
    pub listen: Vec<Listen>,
    /// A file that appears when every listener accepts.
    pub ready_file: Option<PathBuf>,
}

/// What the follower of an account hears.
pub(crate) enum Heard {
    /// The user sent something.
    Sent,
    /// What the state page says.
    Page(StatePage),
    /// The service cannot be reached.
    Away,
    /// The service does not let this device in.
    Refused,
}

/// An account that runs.
pub(crate) struct Running {
    pub(crate) account: Account,
    pub(crate) replica: everpost_store::Replica,
    pub(crate) courier: Arc<Courier>,
    pub(crate) health: watch::Receiver<everpost_mail::sync::Health>,
    pub(crate) shown: watch::Receiver<follow::Shown>,
}

/// Runs the agent until it is told to stop. `started` is called when every listener accepts.
pub async fn run(
    store: &Store,
    tenant: &Tenant,
    options: AgentOptions,
    stop: Stop,
    started: impl FnOnce(&Ready),
) -> Result<(), AgentError> {
    let all = accounts(tenant).await?;
    if all.is_empty() {
        return Err(AgentError::Settings(
            "there is no account: `everpost agent add ADDRESS`".into(),
        ));
    }
    let desk = OnDemand::default();
    let (mut running, mut tasks) = (Vec::new(), Vec::new());
    for account in all {
        running.push(begin(account, tenant, &desk, &mut tasks).await?);
    }
    endpoints::serve(store, tenant, running, desk, options, stop, started).await?;
    for task in tasks {
        task.abort();
    }
    Ok(())
}

/// Begins everything that keeps an account flowing.
async fn begin(
    account: Account,
    tenant: &Tenant,
    desk: &OnDemand,
    tasks: &mut Vec<tokio::task::JoinHandle<()>>,
) -> Result<Running, AgentError> {
    let replica = tenant.synced_replica(&account.settings().address).await?;
    let (imap, sync_options) = (account.imap(), account.sync_options());
    desk.serve(replica.owner(), imap.clone(), sync_options)
        .await;
    let (gate, open) = watch::channel(false);
    let (release, released) = watch::channel(0);
    let (via, way) = watch::channel(Via::Primary);
    let (tell, heard) = mpsc::channel(64);
    let sync = Sync::new(replica.clone(), imap, sync_options, released);
    let health = sync.health();
    let courier = Courier::open(&account, tenant, replica.clone(), tell.clone()).await?;
    let link = account.link()?;
    let puller = Puller {
        account: account.number,
        tenant: tenant.clone(),
        replica: replica.clone(),
        link: link.clone(),
    };
    let ends = Ends {
        via,
        gate,
        release,
        health: health.clone(),
        heard,
    };
    let follow = Follow::open(&account, tenant, courier.clone(), puller, ends).await?;
    let shown = follow.shown.subscribe();
    tasks.push(tokio::spawn(sync.run(open)));
    tasks.push(tokio::spawn(courier.clone().run(way)));
    tasks.push(tokio::spawn(follow::listen(link, tell)));
    tasks.push(tokio::spawn(follow.run()));
    Ok(Running {
        account,
        replica,
        courier,
        health,
        shown,
    })
}
