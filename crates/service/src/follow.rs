//! What runs beside the requests: index and log follow what was admitted, and imports that
//! were under way go on.

use std::time::Duration;

use everpost_store::StoreError;
use tokio::task::JoinHandle;

use crate::api::imports;
use crate::app::App;

/// How often it is looked for something new. Mail can be found two seconds after it was
/// acknowledged.
const EVERY: Duration = Duration::from_millis(500);
/// After an error: a full disk is not emptied at once.
const LATER: Duration = Duration::from_secs(10);

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
pub(crate) async fn start(app: &App) -> Result<Background, StoreError> {
    imports::resume(app).await?;
    Ok(Background(vec![tokio::spawn(follow(app.clone()))]))
}

async fn follow(app: App) {
    loop {
        let pause = match advance(&app).await {
            Ok(()) => EVERY,
            Err(error) => {
                tracing::error!(code = error.code(), %error, "index or log cannot go on");
                LATER
            }
        };
        tokio::select! {
            () = app.stop.wait() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn advance(app: &App) -> Result<(), StoreError> {
    // An import builds its own, larger splits.
    if app.jobs.importing() {
        return Ok(());
    }
    let progress = app.tenant.index_progress().await?;
    if progress.indexed < progress.events {
        app.tenant.advance_index(true).await?;
    }
    app.tenant.advance_log().await?;
    Ok(())
}
