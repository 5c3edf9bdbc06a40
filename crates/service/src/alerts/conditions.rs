//! What is not well, as one look finds it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use everpost_domain::alert::{Condition, Severity};
use everpost_domain::relay::LegState;
use everpost_mail::capture::Road;
use everpost_node::config::{AlertsConfig, Config};
use everpost_node::doctor::free_bytes;
use everpost_node::shown::Status;
use everpost_store::{RelayStatus, now_us};
use tokio::sync::watch;

use crate::app::App;
use crate::backups;

/// Whoever does not answer by then does not answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// For so long it counts that a server called our address bad, in seconds.
const BLOCKED: i64 = 3_600;
const HOUR: i64 = 3_600;
const DAY: u64 = 86_400;

/// What the last look saw: some things are only not well while they grow.
#[derive(Default)]
pub(super) struct Past(BTreeMap<(&'static str, &'static str), u64>);

struct Found(Vec<Condition>);

impl Found {
    fn add(
        &mut self,
        key: impl Into<String>,
        severity: Severity,
        patience: i64,
        what: impl Into<String>,
        hint: &str,
    ) {
        self.0.push(Condition {
            key: key.into(),
            severity,
            what: what.into(),
            hint: hint.into(),
            patience,
        });
    }
}

/// Everything that is not well now.
pub(super) async fn find(
    app: &App,
    config: &Config,
    certificate: &watch::Receiver<Status>,
    past: &mut Past,
) -> Vec<Condition> {
    let mut found = Found(Vec::new());
    let ready = tokio::time::timeout(PATIENCE, app.store.ready()).await;
    match ready {
        Ok(Ok(())) => queue(&mut found, app, &config.alerts).await,
        Ok(Err(error)) => out_of_reach(&mut found, &error.to_string()),
        Err(_) => out_of_reach(&mut found, "no answer"),
    }
    captured(&mut found, app, past);
    let status = certificate.borrow().clone();
    let left = status.facts.until.duration_since(SystemTime::now());
    lasts(
        &mut found,
        left.ok(),
        status.trouble.as_deref(),
        &config.alerts,
    );
    backed_up(&mut found, config).await;
    let data = app.store.data().to_path_buf();
    let free = tokio::task::spawn_blocking(move || free_bytes(&data)).await;
    if let Ok(Ok(free)) = free {
        room(&mut found, free, &config.alerts);
    }
    found.0
}

fn out_of_reach(found: &mut Found, why: &str) {
    let what = format!("catalog or objects do not answer: {why}");
    let hint =
        "nothing is taken in until they do; look at the servers, and at the log of the service";
    found.add("store", Severity::Critical, 30, what, hint);
}

async fn queue(found: &mut Found, app: &App, config: &AlertsConfig) {
    let Some(relays) = app.relays.get() else {
        return;
    };
    for relay in relays {
        let Some(blocked) = relay.tally().blocked() else {
            continue;
        };
        if now_us() / 1_000_000 - blocked.at < BLOCKED {
            let list = blocked.list.map(|list| format!(" ({list})"));
            let what = format!(
                "{} calls our address bad{}: {}",
                blocked.server,
                list.unwrap_or_default(),
                blocked.words
            );
            let hint = "find out what was sent from this address, end it, and ask the list to take the address off; `everpost doctor` looks at lists";
            found.add("queue.blocked", Severity::Warning, 0, what, hint);
        }
    }
    if let Ok(status) = app.relay_status().await {
        waits(found, &status, now_us(), config);
    }
}

/// `now`: µs since 1970.
fn waits(found: &mut Found, status: &RelayStatus, now: i64, config: &AlertsConfig) {
    let of = |wanted: fn(LegState) -> bool| {
        let counts = status.counts.iter().filter(|count| wanted(count.state));
        let oldest = counts.clone().map(|count| count.oldest).min();
        let legs: u64 = counts.map(|count| count.legs).sum();
        (legs, oldest.map_or(0, |oldest| (now - oldest) / 60_000_000))
    };
    use LegState::{Sending, Taken, Uncertain, Waiting};
    let (legs, minutes) = of(|state| matches!(state, Waiting | Taken | Sending));
    if legs > 0 && minutes >= config.queue_minutes.into() {
        let what = format!("mail waits to go on, the oldest of {legs} for {minutes} minutes");
        let hint = "`everpost queue list` says for which server; `everpost queue explain NUMBER` what it said";
        found.add("queue.waiting", Severity::Critical, 0, what, hint);
    }
    let (legs, _) = of(|state| state == Uncertain);
    if legs > 0 {
        let what = format!("of {legs} nobody knows whether a server took them");
        let hint = "hand over that server's log: `everpost queue evidence FILE`";
        // A journal settles it within seconds.
        found.add("queue.uncertain", Severity::Warning, 300, what, hint);
    }
}

fn captured(found: &mut Found, app: &App, Past(past): &mut Past) {
    let Some(capture) = &app.capture else {
        return;
    };
    for road in Road::ALL {
        for (outcome, many) in capture.tally(road).messages() {
            let before = past.insert((road.name(), outcome), many).unwrap_or(0);
            let more = many.saturating_sub(before);
            if more > 0 {
                turned_away(found, road, outcome, more);
            }
        }
    }
}

fn turned_away(found: &mut Found, road: Road, outcome: &str, more: u64) {
    let road = road.name();
    let key = format!("capture.{road}.{outcome}");
    match outcome {
        "failed" => found.add(
            key,
            Severity::Critical,
            60,
            format!("{road}: the archive could not take {more} messages; their senders keep them and come again"),
            "the log of the service says why",
        ),
        "no_room" => found.add(
            key,
            Severity::Warning,
            60,
            format!("{road}: there was no room for {more} messages; their senders keep them and come again"),
            "raise `room_bytes` or `spool_bytes` of [capture], if it goes on",
        ),
        "omitted" => found.add(
            key,
            Severity::Critical,
            0,
            format!("{road}: {more} messages passed without being archived (`milter_fails = \"open\"`)"),
            "`everpost capture omissions LOG` lists them, from the mail server's log",
        ),
        _ => {}
    }
}

fn lasts(found: &mut Found, left: Option<Duration>, trouble: Option<&str>, config: &AlertsConfig) {
    let days = left.map_or(0, |left| left.as_secs() / DAY);
    if left.is_some() && days >= config.certificate_days.into() {
        return;
    }
    let (severity, what) = match left {
        Some(_) => (
            Severity::Warning,
            format!("the certificate runs out in {days} days"),
        ),
        None => (Severity::Critical, "the certificate has run out".into()),
    };
    let why = trouble.map(|trouble| format!("; {trouble}"));
    let what = what + &why.unwrap_or_default();
    found.add(
        "certificate",
        severity,
        0,
        what,
        "`everpost doctor` says what is in the way",
    );
}

async fn backed_up(found: &mut Found, config: &Config) {
    let Some(repository) = config.backup.repository.clone() else {
        return;
    };
    let newest = tokio::task::spawn_blocking(move || backups::newest(&repository)).await;
    let now = now_us() / 1_000_000;
    let late = 2 * config.backup.every();
    let what = match newest {
        Ok(Ok(Some(newest))) if now - newest <= late => return,
        Ok(Ok(Some(newest))) => format!("the last backup is {} hours old", (now - newest) / HOUR),
        Ok(Ok(None)) => "there is no backup".into(),
        Ok(Err(error)) => format!("the repository of backups cannot be read: {error}"),
        Err(_) => return,
    };
    let hint = "the log of the service says why none was taken; `everpost backup create` takes one";
    // The first one takes its time.
    found.add("backup", Severity::Critical, 2 * HOUR, what, hint);
}

fn room(found: &mut Found, free: u64, config: &AlertsConfig) {
    let severity = match free {
        free if free < config.free_bytes / 10 => Severity::Critical,
        free if free < config.free_bytes => Severity::Warning,
        _ => return,
    };
    let what = format!(
        "{:.1} GB are free where the data directory lies",
        free as f64 / 1e9
    );
    let hint = "make room: without any, nothing more is taken in";
    found.add("disk", severity, 0, what, hint);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use everpost_domain::relay::Why;
    use everpost_store::StateCount;

    use super::*;

    fn keys(of: impl Fn(&mut Found)) -> Vec<(String, Severity)> {
        let mut found = Found(Vec::new());
        of(&mut found);
        let found = found.0.into_iter();
        found.map(|one| (one.key, one.severity)).collect()
    }

    #[test]
    fn mail_that_waits_for_its_user_is_well() {
        let config = AlertsConfig::default();
        let minute = 60_000_000;
        let of = |state, why, minutes| {
            let status = RelayStatus {
                counts: vec![StateCount {
                    state,
                    why,
                    legs: 2,
                    oldest: 1_000 * minute - minutes * minute,
                    due: 0,
                }],
            };
            keys(|found| waits(found, &status, 1_000 * minute, &config)).len()
        };
        assert_eq!(of(LegState::Waiting, None, 29), 0);
        assert_eq!(of(LegState::Waiting, None, 30), 1);
        assert_eq!(of(LegState::Uncertain, None, 0), 1);
        assert_eq!(of(LegState::Held, Some(Why::Standby), 900), 0);
    }

    #[test]
    fn certificates_and_disks_get_worse() {
        let config = AlertsConfig::default();
        let left = |days: u64| {
            let left = (days > 0).then(|| Duration::from_secs(days * DAY));
            keys(|found| lasts(found, left, None, &config)).pop()
        };
        let certificate = |severity| Some(("certificate".to_owned(), severity));
        assert_eq!(left(14), None);
        assert_eq!(left(13), certificate(Severity::Warning));
        assert_eq!(left(0), certificate(Severity::Critical));
        let free = |bytes| {
            keys(|found| room(found, bytes, &config))
                .pop()
                .map(|one| one.1)
        };
        assert_eq!(free(10 << 30), None);
        assert_eq!(free(9 << 30), Some(Severity::Warning));
        assert_eq!(free(1 << 29), Some(Severity::Critical));
    }
}
