//! The link, the service's side: what agents ask. `docs/link.md` is the contract, `routes` below the table of contents.
//!
//! ```text
//! request ─ guard ─ Said, Carried: whose signature? how large? opens the batch? ─ the address's file ─ mail::link, store
//! ```
//! Nothing is read of a body before the signature over its digest was found to be a device's.

mod enrol;
mod ledger;
mod mail;
mod page;
mod signed;

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock};

use axum::Router;
use axum::routing::{get, post};
use everpost_codec::link::message::AgentConfig;
use everpost_domain::digest::Digest;
use everpost_mail::relay::front::Front;
use everpost_node::config::Config;
use everpost_store::{StoreError, Tenant, now_us};
use tokio::sync::{Semaphore, watch};

use crate::app::{App, lock};
use crate::guard::Limiter;

/// Agents that wait for a change at a time. Each holds a connection; the others look every few minutes.
const WAITS: usize = 768;

/// Everything that agents ask for.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/link/v1/enrol", post(enrol::enrol))
        .route("/link/v1/state/{name}", get(page::state))
        .route("/link/v1/indicator/{name}", get(page::indicator))
        .route("/link/v1/wait/{name}", get(page::wait))
        .route("/link/v1/heartbeat", post(page::heartbeat))
        .route("/link/v1/submit", post(mail::submit))
        .route("/link/v1/fetch", post(mail::fetch))
        .route("/link/v1/change", post(mail::change))
        .route("/link/v1/evidence", post(mail::evidence))
        .route("/link/v1/lease", post(ledger::lease))
        .route("/link/v1/ledger", post(ledger::ledger))
}

/// What requests of agents share.
pub(crate) struct Link {
    /// How much each device may ask for.
    limiter: Limiter<i64>,
    /// Devices of which a batch is under way.
    at_work: Mutex<BTreeSet<i64>>,
    waits: Semaphore,
    /// Told when the state of somebody may have changed.
    states: watch::Sender<()>,
    config: AgentConfig,
    /// The door for mail that goes on, where a listener has one.
    pub(crate) front: OnceLock<Front>,
}

impl Link {
    pub(crate) fn new(config: &Config) -> Self {
        let mut agents = AgentConfig {
            uncertain_wait_seconds: config.relay.uncertain_wait_seconds.into(),
            ..AgentConfig::default()
        };
        // The number is of the content: what differs has another.
        let text = serde_json::to_vec(&agents).unwrap_or_default();
        agents.number = Digest::of(&text).prefix().unsigned_abs() >> 32;
        Link {
            limiter: Limiter::new(&config.limits),
            at_work: Mutex::default(),
            waits: Semaphore::new(WAITS),
            states: watch::Sender::new(()),
            config: agents,
            front: OnceLock::new(),
        }
    }

    /// States of users may have changed: who waits for it looks.
    pub(crate) fn tell(&self) {
        self.states.send_replace(());
    }
}

/// A device has one batch under way; this is it.
struct Turn {
    app: App,
    device: i64,
}

impl Turn {
    fn take(app: &App, device: i64) -> Option<Self> {
        let app = app.clone();
        let is_free = lock(&app.link.at_work).insert(device);
        is_free.then_some(Turn { app, device })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.app.link.at_work).remove(&self.device);
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    now_us().div_euclid(1_000_000)
}

/// All addresses that a user may send as, their own first. `None`: the user's account is shut, and with it all devices are.
async fn addresses(tenant: &Tenant, owner: &str) -> Result<Option<Vec<String>>, StoreError> {
    let mut all = vec![owner.to_owned()];
    if let Some((account, _)) = tenant.credentials(owner).await? {
        if account.disabled {
            return Ok(None);
        }
        for address in account.owns {
            if !all.contains(&address) {
                all.push(address);
            }
        }
    }
    Ok(Some(all))
}
