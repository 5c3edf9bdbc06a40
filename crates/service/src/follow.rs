//! What runs beside the requests, for every tenant: index, log and the reading of attachments
//! follow what was admitted, and imports that were under way go on.

use std::net::SocketAddr;
use std::time::Duration;

use everpost_extract::{Pool, PoolOptions};
use everpost_node::config::BackupConfig;
use everpost_store::{StoreError, Tenant, now_us};
use tokio::task::JoinHandle;

use crate::api::imports;
use crate::app::App;
use crate::backups;

/// How often it is looked for something new. Mail can be found two seconds after it was
/// acknowledged.
const EVERY: Duration = Duration::from_millis(500);
/// How often a node says that it lives.
const ANNOUNCE: Duration = Duration::from_secs(2);
/// After an error: a full disk is not emptied at once.
const LATER: Duration = Duration::from_secs(10);
/// Where the archive moved away there is nothing to follow.
const MOVED: Duration = Duration::from_secs(3600);
/// After a server was out of reach.
const SOON: Duration = Duration::from_secs(1);
/// How often mail is moved to its storage class: what is to be locked is so within a day.
const MOVE: Duration = Duration::from_secs(3600);
/// How often objects are removed that nobody reads any more.
const TIDY: Duration = Duration::from_secs(600);

/// What runs in the background.
pub(crate) struct Background(Vec<JoinHandle<()>>);

impl Background {
    /// Waits until all of it has stopped.
    pub(crate) async fn end(self) {
        for one in self.0 {
            one.await.ok();
        }
    }
}

/// Starts it.
pub(crate) async fn start(
    app: &App,
    readers: PoolOptions,
    backup: BackupConfig,
    answers_at: Option<SocketAddr>,
) -> Result<Background, StoreError> {
    imports::resume(app).await?;
    let mut all = vec![
        tokio::spawn(read(app.clone(), Pool::new(readers))),
        tokio::spawn(backups::take(app.clone(), backup)),
    ];
    for tenant in app.store.tenants() {
        all.push(tokio::spawn(follow(app.clone(), tenant.clone())));
        all.push(tokio::spawn(tidy(app.clone(), tenant.clone())));
        all.push(tokio::spawn(settle(app.clone(), tenant)));
    }
    if let Some(address) = answers_at {
        all.push(tokio::spawn(announce(app.clone(), address)));
    }
    Ok(Background(all))
}

/// Tells the other nodes that this one answers, until it stops.
async fn announce(app: App, address: SocketAddr) {
    loop {
        if let Err(error) = app.tenant.announce(address).await {
            tracing::warn!(code = error.code(), %error, "the other nodes were not told of this one");
        }
        tokio::select! {
            () = app.stop.wait() => break,
            () = tokio::time::sleep(ANNOUNCE) => {}
        }
    }
    // Else they would find out by themselves.
    app.tenant.withdraw().await.ok();
}

async fn follow(app: App, tenant: Tenant) {
    loop {
        let pause = pause("index or log", advance(&app, &tenant).await);
        tokio::select! {
            () = app.stop.wait() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Reads attachments until the service stops. What is under way then is done again later.
async fn read(app: App, readers: Pool) {
    loop {
        let pause = tokio::select! {
            () = app.stop.wait() => return,
            done = advance_extract(&app, &readers) => pause("reading of attachments", done),
        };
        tokio::select! {
            () = app.stop.wait() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn tidy(app: App, tenant: Tenant) {
    loop {
        let removed = tenant.remove_doomed().await.map(drop);
        let pause = TIDY.max(pause("removing of old objects", removed));
        tokio::select! {
            () = app.stop.wait() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Moves mail to its storage class and locks it there.
async fn settle(app: App, tenant: Tenant) {
    loop {
        // One node is enough for it: the one that follows.
        let pause = match tenant.leads().await {
            false => LATER,
            // What is under way when the service stops is begun again.
            true => tokio::select! {
                () = app.stop.wait() => return,
                done = move_due(&tenant) => MOVE.max(pause("moving to storage classes", done)),
            },
        };
        tokio::select! {
            () = app.stop.wait() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn move_due(tenant: &Tenant) -> Result<(), StoreError> {
    let report = tenant.move_classes(now_us(), false, |_| ()).await?;
    for bad in report.bad {
        tracing::error!(
            item = bad.item,
            what = bad.what,
            "left in its storage class"
        );
    }
    Ok(())
}

fn pause(what: &str, done: Result<(), StoreError>) -> Duration {
    match done {
        Ok(()) => EVERY,
        Err(error @ StoreError::Moved(_)) => {
            tracing::info!(code = error.code(), %error, "{what} ended here");
            MOVED
        }
        Err(error) => {
            tracing::error!(code = error.code(), %error, "{what} cannot go on");
            match error {
                StoreError::Unreachable(_) => SOON,
                _ => LATER,
            }
        }
    }
}

async fn advance_extract(app: &App, readers: &Pool) -> Result<(), StoreError> {
    for tenant in app.store.tenants() {
        if !imports(app, &tenant) && tenant.extract_is_behind().await? {
            tenant.advance_extract(readers, false, |_| ()).await?;
        }
    }
    Ok(())
}

async fn advance(app: &App, tenant: &Tenant) -> Result<(), StoreError> {
    if imports(app, tenant) {
        return Ok(());
    }
    let progress = tenant.index_progress().await?;
    if progress.indexed < progress.events {
        tenant.advance_index(true).await?;
    }
    tenant.advance_log().await?;
    Ok(())
}

/// Whether an import is under way here for a tenant: it builds its own, larger splits.
fn imports(app: &App, tenant: &Tenant) -> bool {
    app.jobs.importing() && tenant.name() == app.tenant.name()
}
