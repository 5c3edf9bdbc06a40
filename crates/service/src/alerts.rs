//! Tells people when something is not well.
//!
//! ```text
//! conditions: app, files, clock ─▶ Alerts (pure: patience, calm, again) ─▶ notices ─▶ tell: mail, webhook
//! ```
//! Every node looks and tells for itself: what is not well may be what nodes share.

mod conditions;
mod tell;

use std::time::Duration;

use everpost_domain::alert::{Condition, Severity};
use everpost_node::NodeError;
use everpost_node::config::Config;
use everpost_node::shown::Status;
use everpost_store::now_us;
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use utoipa::ToSchema;

use crate::app::{App, lock};
use crate::view::time;
use conditions::Past;
pub use tell::test;
use tell::{Teller, tellers};

/// Notices that wait to be told; of more, later ones are not: the first are what it is about.
const WAITING: usize = 100;

/// Something that is not well.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AlertView {
    /// What it is; the same trouble has the same key.
    key: String,
    /// `warning` or `critical`.
    severity: &'static str,
    /// Since when.
    since: String,
    /// What was found.
    what: String,
    /// What to do.
    hint: String,
}

/// What is not well now, the worst first.
pub(crate) fn open(app: &App) -> Vec<AlertView> {
    let alerts = lock(&app.alerts);
    let mut open: Vec<(&Condition, i64)> = alerts.open().collect();
    open.sort_by_key(|(condition, _)| std::cmp::Reverse(condition.severity));
    let view = |(condition, since): &(&Condition, i64)| AlertView {
        key: condition.key.clone(),
        severity: condition.severity.name(),
        since: time(since.saturating_mul(1_000_000)),
        what: condition.what.clone(),
        hint: condition.hint.clone(),
    };
    open.iter().map(view).collect()
}

/// How many are not well, by severity.
pub(crate) fn counts(app: &App) -> [(Severity, i64); 2] {
    let alerts = lock(&app.alerts);
    let count = |severity| {
        let of = alerts.open();
        let of = of.filter(|(condition, _)| condition.severity == severity);
        (severity, i64::try_from(of.count()).unwrap_or(i64::MAX))
    };
    [count(Severity::Warning), count(Severity::Critical)]
}

/// What looks, and whom it tells.
pub(crate) struct Watch {
    config: Config,
    tellers: Vec<Teller>,
    certificate: watch::Receiver<Status>,
}

impl Watch {
    /// As it is configured; `name`: what the service calls itself.
    pub(crate) fn new(
        config: &Config,
        name: &str,
        certificate: watch::Receiver<Status>,
    ) -> Result<Self, NodeError> {
        Ok(Watch {
            config: config.clone(),
            tellers: tellers(config, name)?,
            certificate,
        })
    }

    /// Looks and tells until the service stops.
    pub(crate) async fn keep(self, app: App) {
        let Watch {
            config,
            tellers,
            certificate,
        } = self;
        let mut lines = Vec::new();
        let ways = tellers.into_iter().map(|teller| {
            let (line, notices) = mpsc::channel(WAITING);
            lines.push(line);
            let stop = app.stop.clone();
            tokio::spawn(async move { teller.keep(notices, stop).await })
        });
        let ways: Vec<_> = ways.collect();
        let every = Duration::from_secs(config.alerts.look_seconds.max(1).into());
        let mut past = Past::default();
        loop {
            let look = async {
                tokio::time::sleep(every).await;
                conditions::find(&app, &config, &certificate, &mut past).await
            };
            let found = tokio::select! {
                () = app.stop.wait() => break,
                found = look => found,
            };
            let notices = lock(&app.alerts).look(now_us() / 1_000_000, found);
            for notice in notices {
                let (key, change) = (&notice.condition.key, notice.change.name());
                tracing::warn!(%key, change, what = notice.condition.what, "alert");
                for line in &lines {
                    line.try_send(notice.clone()).ok();
                }
            }
        }
        drop(lines);
        for way in ways {
            way.await.ok();
        }
    }
}
