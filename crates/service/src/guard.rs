//! What every request passes: limits, origin, headers, and a line in the log.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::to_bytes;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use everpost_node::config::LimitConfig;
use everpost_node::listen::Peer;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::app::App;
use crate::caller::bearer;
use crate::problem::Problem;

/// Bytes of a body that is read before the request is looked at: all of JSON is that small.
const SMALL: usize = 1 << 20;
/// Who has not sent as much by then has gone away.
const SLOW: Duration = Duration::from_secs(60);
/// No answer begins later than this: what it waits for does not come.
const ANSWER: Duration = Duration::from_secs(30);
/// The same for agents: 256 MiB at 4 Mbit/s.
const LINK: Duration = Duration::from_secs(600);
/// Callers are forgotten when there are more than this.
const REMEMBERED: usize = 100_000;

/// How much each caller may ask for: a network address, a device.
pub(crate) struct Limiter<K: Clone + Eq + Hash> {
    buckets: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
}

impl<K: Clone + Eq + Hash> Limiter<K> {
    pub(crate) fn new(limits: &LimitConfig) -> Self {
        let at_least_one = |count: u32| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(limits.requests_per_second))
            .allow_burst(at_least_one(limits.burst));
        Limiter {
            buckets: RateLimiter::keyed(quota),
            clock: DefaultClock::default(),
        }
    }

    /// Refuses with the seconds to wait.
    pub(crate) fn check(&self, caller: &K) -> Result<(), u64> {
        if self.buckets.len() > REMEMBERED {
            self.buckets.retain_recent();
        }
        self.buckets
            .check_key(caller)
            .map_err(|early| early.wait_time_from(self.clock.now()).as_secs() + 1)
    }
}

/// One household has a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

/// Wraps every route.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let began = Instant::now();
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let peer = request.extensions().get::<Peer>().copied();
    let method = request.method().clone();
    // The pattern, never the address itself: that holds what people look for.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("-".to_string(), |path| path.as_str().to_string());
    let admitted = admit(&app, &request, peer);
    let patience = match route.as_str() {
        // An upload takes as long as it takes, and so does undoing one.
        route if method == Method::POST && route.starts_with("/api/v1/imports") => Duration::MAX,
        // Agents wait for a change, or bring large mail over slow lines.
        route if route.starts_with("/link/v1/") => LINK,
        _ => ANSWER,
    };
    let mut response = match (whole(request).await, admitted) {
        (Ok(request), Ok(())) => match tokio::time::timeout(patience, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::unreachable().into_response(),
        },
        (Err(problem), _) | (_, Err(problem)) => problem.into_response(),
    };
    let tls = matches!(peer, Some(Peer::Network { tls: true, .. }));
    fill_headers(response.headers_mut(), tls, number);
    app.metrics
        .answered(&method, &route, response.status().as_u16(), began.elapsed());
    tracing::info!(
        request = number,
        %method,
        route,
        status = response.status().as_u16(),
        ms = began.elapsed().as_millis() as u64,
        "request"
    );
    response
}

/// Reads a small body before anything answers: an answer before the end of a body breaks the
/// stream in HTTP/2, and clients take that for a failure of the network.
async fn whole(request: Request) -> Result<Request, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_none_or(|length| length > SMALL) {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    match tokio::time::timeout(SLOW, to_bytes(body, SMALL)).await {
        Ok(Ok(body)) => Ok(Request::from_parts(parts, body.into())),
        _ => Err(Problem::invalid("the request was cut off")),
    }
}

fn admit(app: &App, request: &Request, peer: Option<Peer>) -> Result<(), Problem> {
    let Some(Peer::Network { address, .. }) = peer else {
        return Ok(());
    };
    app.limiter
        .check(&network(address))
        .map_err(|seconds| Problem::too_many("too many requests from this address", seconds))?;
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if !safe && bearer(request.headers()).is_none() && !same_origin(request) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "E-ORIGIN",
            "the request was made by a page of another origin",
        ));
    }
    Ok(())
}

/// Whether a request that changes something comes from a page of ours, or from no browser.
fn same_origin(request: &Request) -> bool {
    let text = |name| request.headers().get(name).map(|value| value.to_str());
    match text("sec-fetch-site") {
        None | Some(Ok("same-origin" | "none")) => {}
        _ => return false,
    }
    let host = match (request.uri().authority(), text("host")) {
        (Some(authority), _) => authority.as_str(),
        (None, Some(Ok(host))) => host,
        _ => "",
    };
    match text("origin") {
        None => true,
        Some(Ok(origin)) => origin
            .split_once("://")
            .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host)),
        Some(Err(_)) => false,
    }
}

/// Headers of every answer; a route that set one knows better.
fn fill_headers(headers: &mut HeaderMap, tls: bool, number: u64) {
    const ALWAYS: [(HeaderName, &str); 7] = [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=()",
        ),
    ];
    for (name, value) in ALWAYS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    if tls {
        headers
            .entry(header::STRICT_TRANSPORT_SECURITY)
            .or_insert(HeaderValue::from_static("max-age=31536000"));
    }
    headers.insert("x-request-id", number.into());
}
