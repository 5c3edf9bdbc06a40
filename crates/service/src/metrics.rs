//! Figures for Prometheus. They tell of counts and times, never of people or mail.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use everpost_mail::capture::{Capture, Road};
use everpost_store::now_us;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::app::App;
use crate::problem::Problem;

/// Whoever scrapes does not wait longer for what lies on servers.
const PATIENCE: Duration = Duration::from_secs(3);

const KNOWN: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

type Labels = Vec<(&'static str, String)>;
type Open = Family<Labels, Gauge>;
/// By route.
type Times = Family<Labels, Histogram, fn() -> Histogram>;

/// What is counted as it happens.
pub(crate) struct Metrics {
    requests: Family<Labels, Counter>,
    seconds: Times,
}

impl Default for Metrics {
    fn default() -> Self {
        // From half a millisecond to half a minute, after which nothing is waited for.
        let buckets: fn() -> Histogram = || Histogram::new(exponential_buckets(0.0005, 3.0, 11));
        Metrics {
            requests: Family::default(),
            seconds: Family::new_with_constructor(buckets),
        }
    }
}

impl Metrics {
    /// Counts an answer. `route` is the pattern of the address, not the address.
    pub(crate) fn answered(&self, method: &Method, route: &str, status: u16, took: Duration) {
        // Callers may invent methods; each would be a figure for ever.
        let method = match KNOWN.contains(method) {
            true => method.as_str(),
            false => "other",
        };
        let route = route.to_string();
        let labels = vec![
            ("method", method.to_string()),
            ("route", route.clone()),
            ("status", status.to_string()),
        ];
        self.requests.get_or_create(&labels).inc();
        let labels = vec![("route", route)];
        self.seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }
}

/// What the listener for figures answers: `/metrics` and nothing else.
pub(crate) fn router(app: App) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state(app)
}

async fn scrape(State(app): State<App>) -> Response {
    let mut registry = Registry::with_prefix("everpost");
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_string())];
    let build = Family::<Labels, Gauge>::default();
    build.get_or_create(&version).set(1);
    registry.register("build", "The program's version", build);
    registry.register(
        "requests",
        "Requests that were answered",
        app.metrics.requests.clone(),
    );
    registry.register(
        "request_seconds",
        "Time until an answer began",
        app.metrics.seconds.clone(),
    );
    let alerts = Family::<Labels, Gauge>::default();
    for (severity, many) in crate::alerts::counts(&app) {
        let labels = vec![("severity", severity.name().to_string())];
        alerts.get_or_create(&labels).set(many);
    }
    registry.register("alerts", "What is not well now", alerts);
    if let Some(capture) = &app.capture {
        captured(&mut registry, capture);
    }
    let admitted = app.tenant.admitted();
    let mut count = |name: &str, help: &str, value: u64| {
        registry.register(name, help, ConstCounter::<u64>::new(value));
    };
    count(
        "admitted_copies",
        "Copies not seen before, since this process began",
        admitted.stored,
    );
    count(
        "admitted_duplicates",
        "The very same bytes again",
        admitted.duplicate,
    );
    count("admitted_bytes", "Raw bytes of both", admitted.bytes);
    count(
        "admitted_groups",
        "Packs and transactions that they were committed in",
        admitted.groups,
    );
    count(
        "overtaken_groups",
        "Groups decided again because another writer was faster",
        admitted.overtaken,
    );
    let shared = app.tenant.shared_work();
    count(
        "shared_searches",
        "Searches that other nodes took part in",
        shared.searches,
    );
    count(
        "answered_splits",
        "Splits of the index that were evaluated for other nodes",
        shared.answered,
    );
    count(
        "taken_back_splits",
        "Splits that were evaluated here because another node did not",
        shared.taken_back,
    );
    let mut tell = |name: &str, help: &str, value: u64| {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        registry.register(name, help, ConstGauge::<i64>::new(value));
    };
    tell(
        "leads",
        "1 on the node that indexes, logs and reads attachments",
        app.tenant.leads().await.into(),
    );
    // What lies on servers may be out of reach; that is a figure, too.
    let reached = tokio::time::timeout(PATIENCE, async {
        app.store.ready().await?;
        let index = app.tenant.index_progress().await?;
        let log = app.tenant.log_head().await?.map_or(0, |head| head.size);
        Ok::<_, Problem>((index, log))
    });
    let reached = reached.await.ok().and_then(Result::ok);
    tell(
        "ready",
        "1 while catalog and objects answer",
        reached.is_some().into(),
    );
    relayed(&mut registry, &app, reached.is_some()).await;
    let mut tell = |name: &str, help: &str, value: u64| {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        registry.register(name, help, ConstGauge::<i64>::new(value));
    };
    if let Some((index, log)) = reached {
        tell("events", "Events of the archive", index.events);
        tell(
            "index_lag_events",
            "Events that search does not show yet",
            index.events.saturating_sub(index.indexed),
        );
        tell(
            "log_lag_events",
            "Events that are no leaves of the log yet",
            index.events.saturating_sub(log),
        );
    }
    let mut text = String::new();
    if encode(&mut text, &registry).is_err() {
        return Problem::unreachable().into_response();
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// What goes on, and what became of what did.
async fn relayed(registry: &mut Registry, app: &App, reached: bool) {
    let Some(relays) = app.relays.get() else {
        return;
    };
    let outcomes = Family::<Labels, Counter>::default();
    let (mut silent, mut blocked) = (0, 0);
    for relay in relays {
        for (outcome, many) in relay.tally().counts() {
            let labels = vec![("outcome", outcome.to_string())];
            outcomes.get_or_create(&labels).inc_by(many);
        }
        silent += i64::try_from(relay.silent_places()).unwrap_or(0);
        blocked = blocked.max(relay.tally().blocked().map_or(0, |last| last.at));
    }
    registry.register(
        "relay_outcomes",
        "Legs of mail that goes on, by what became of them, and connections made, since this process began",
        outcomes,
    );
    let mut tell = |name: &str, help: &str, value: i64| {
        registry.register(name, help, ConstGauge::<i64>::new(value));
    };
    tell("relay_silent", "Places that do not answer", silent);
    tell(
        "relay_blocked_at",
        "When a server last called our address bad, in seconds since 1970; 0 for never",
        blocked,
    );
    let status = match reached {
        true => app.relay_status().await.ok(),
        false => None,
    };
    let Some(status) = status else { return };
    let age = status.oldest().map_or(0, |at| (now_us() - at) / 1_000_000);
    tell(
        "relay_oldest_seconds",
        "Age of the oldest leg under way",
        age.max(0),
    );
    let legs = Family::<Labels, Gauge>::default();
    for count in &status.counts {
        let why = count.why.map(|why| why.name()).unwrap_or_default();
        let labels = vec![
            ("state", count.state.name().to_string()),
            ("why", why.to_string()),
        ];
        legs.get_or_create(&labels)
            .inc_by(i64::try_from(count.legs).unwrap_or(i64::MAX));
    }
    registry.register("relay_legs", "Legs under way", legs);
}

/// What came over the listeners of mail.
fn captured(registry: &mut Registry, capture: &Capture) {
    let (connections, open) = (Family::<Labels, Counter>::default(), Open::default());
    let bytes = Family::<Labels, Counter>::default();
    let messages = Family::<Labels, Counter>::default();
    for road in Road::ALL {
        let tally = capture.tally(road);
        let labels = vec![("road", road.name().to_string())];
        let count = connections.get_or_create(&labels);
        count.inc_by(tally.connections());
        bytes.get_or_create(&labels).inc_by(tally.bytes());
        let now = i64::try_from(tally.open()).unwrap_or(i64::MAX);
        open.get_or_create(&labels).set(now);
        for (outcome, many) in tally.messages() {
            let labels = vec![
                ("road", road.name().to_string()),
                ("outcome", outcome.to_string()),
            ];
            messages.get_or_create(&labels).inc_by(many);
        }
    }
    registry.register(
        "capture_messages",
        "Messages that came in, by what became of them",
        messages,
    );
    registry.register("capture_bytes", "Bytes of those that were kept", bytes);
    registry.register(
        "capture_connections",
        "Connections that brought them",
        connections,
    );
    registry.register("capture_open", "Connections that are open", open);
}
