//! Backups that a service takes by itself, as often as the strictest storage class asks for.

use std::path::Path;
use std::time::Duration;

use everpost_domain::message::parse_rfc3339;
use everpost_node::config::BackupConfig;
use everpost_store::{StoreError, list_backups, now_us, prune_backups};

use crate::app::App;

/// How often it is looked whether one is due.
const LOOK: Duration = Duration::from_secs(60);
/// How often a node looks whether it has come to lead.
const TURN: Duration = Duration::from_secs(5);
/// After a backup that failed: a full disk is not emptied at once.
const AGAIN: Duration = Duration::from_secs(600);

/// Takes backups until the service stops. Of several nodes the one that follows takes them, so
/// that all of them name one repository.
pub(crate) async fn take(app: App, config: BackupConfig) {
    let Some(repository) = &config.repository else {
        return;
    };
    loop {
        let pause = match app.tenant.leads().await {
            false => TURN,
            true => tokio::select! {
                () = app.stop.wait() => return,
                done = take_if_due(&app, repository, &config) => match done {
                    Ok(()) => LOOK,
                    Err(error) => {
                        tracing::error!(code = error.code(), %error, "no backup was taken");
                        AGAIN
                    }
                },
            },
        };
        tokio::select! {
            () = app.stop.wait() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn take_if_due(
    app: &App,
    repository: &Path,
    config: &BackupConfig,
) -> Result<(), StoreError> {
    let asked = app.tenant.class_file().await?.classes;
    let asked = asked.iter().map(|class| class.backup.length()).min();
    let every = asked.map_or(config.every(), |asked| asked.min(config.every()));
    let root = repository.to_path_buf();
    let newest = tokio::task::spawn_blocking(move || newest(&root));
    let newest = newest.await.map_err(|_| StoreError::Stopped)??;
    let now = now_us() / 1_000_000;
    // One that lies in the future was taken by a clock that went wrong: it says nothing.
    if newest.is_some_and(|newest| newest <= now && now - newest < every) {
        return Ok(());
    }
    let report = app.store.backup(repository, |_| ()).await?;
    for bad in &report.bad {
        tracing::error!(item = bad.item, what = bad.what, "not in the backup");
    }
    tracing::info!(
        snapshot = report.snapshot,
        copied_bytes = report.copied_bytes,
        "backup taken"
    );
    let (root, days) = (repository.to_path_buf(), config.keep_days);
    let pruned = tokio::task::spawn_blocking(move || prune_backups(&root, days, false));
    let pruned = pruned.await.map_err(|_| StoreError::Stopped)??;
    if let Some(why) = pruned.blocked {
        tracing::warn!(why, "no old backup was removed");
    }
    Ok(())
}

/// When the newest snapshot was taken, in seconds since 1970.
pub(crate) fn newest(repository: &Path) -> Result<Option<i64>, StoreError> {
    let snapshots = match list_backups(repository) {
        Err(StoreError::NotFound(_)) => return Ok(None),
        listed => listed?,
    };
    let whole = snapshots.iter().filter(|snapshot| snapshot.bad.is_none());
    Ok(whole
        .filter_map(|snapshot| parse_rfc3339(&snapshot.taken))
        .max())
}
