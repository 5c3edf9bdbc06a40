//! Requests, and what can become of them.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use everpost_codec::link::message::Problem;
use everpost_codec::link::{SKEW, Signed, content_digest, write_signature};
use everpost_domain::message::parse_date;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};

use super::key::{DeviceKey, random};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(15);
/// Who says nothing for so long has gone away. A service that takes mail in may be busy with it for a while.
const SILENCE: Duration = Duration::from_secs(120);
/// When to come again where the service does not say.
const LATER: u64 = 30;
/// The longest that a service may put somebody off, in seconds: an agent that is told a year would be lost.
const LONGEST: u64 = 3_600;
/// Bytes of an answer that is no batch.
pub(super) const SMALL: usize = 1 << 20;

/// Why there is no answer, or none that is one.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The service cannot be reached, or fell silent. What was asked may have been done; ask again.
    #[error("the service cannot be reached: {0}")]
    Unreachable(String),
    /// The service does not let this device in, or not with this code.
    #[error("refused ({code}): {detail}")]
    Refused {
        /// A stable code: `E-DEVICE`, `E-CLOCK`, `E-CODE`.
        code: String,
        /// Why.
        detail: String,
    },
    /// Not now. The time has some chance in it, so that a thousand devices do not come at once.
    #[error("the service is busy, again in {} s", .0.as_secs())]
    Busy(Duration),
    /// What was said, or answered, is not as it should be: asking again does not help.
    #[error("{0}")]
    Protocol(String),
}

/// Whom the service is recognised by.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The authorities that the machine trusts.
    Machine,
    /// These alone: certificates, PEM. A service's own authority is `DATA.ca.pem`.
    Only(Vec<u8>),
}

/// A connection to one service.
#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    /// Without a slash at its end.
    base: String,
    /// Seconds that the service's clock is ahead of ours.
    offset: AtomicI64,
    clock: fn() -> i64,
}

/// The machine's clock, in seconds since 1970.
pub(crate) fn machine() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}

fn unreachable(error: &reqwest::Error) -> LinkError {
    LinkError::Unreachable(chain(error))
}

/// As long again as half of it, by chance.
fn jittered(seconds: u64) -> Duration {
    let millis = seconds.min(LONGEST) * 1000;
    let chance = random::<8>().map(u64::from_le_bytes).unwrap_or(0);
    Duration::from_millis(millis + chance % (millis / 2 + 1))
}

fn text<'a>(headers: &'a HeaderMap, name: &reqwest::header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Who asks, if the question is signed.
#[derive(Clone, Copy)]
pub(super) struct Signer<'a> {
    pub(super) key: &'a DeviceKey,
    pub(super) id: &'a str,
}

impl Http {
    pub(super) fn new(base: &str, trust: &Trust, clock: fn() -> i64) -> Result<Self, LinkError> {
        let wrong = |error: reqwest::Error| LinkError::Protocol(chain(&error));
        // Where a provider is set already, it is this one.
        let provider = rustls::crypto::ring::default_provider();
        provider.install_default().ok();
        let mut client = reqwest::Client::builder()
            .https_only(true)
            .tls_version_min(reqwest::tls::Version::TLS_1_3)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .user_agent(concat!("everpost-agent/", env!("CARGO_PKG_VERSION")));
        if let Trust::Only(pem) = trust {
            let roots = reqwest::Certificate::from_pem_bundle(pem).map_err(wrong)?;
            client = client.tls_certs_only(roots);
        }
        Ok(Http {
            client: client.build().map_err(wrong)?,
            base: base.trim_end_matches('/').to_owned(),
            offset: AtomicI64::new(0),
            clock,
        })
    }

    /// The service's time, in seconds since 1970, as far as it is known.
    pub(super) fn time(&self) -> i64 {
        (self.clock)() + self.offset.load(Ordering::Relaxed)
    }

    /// Asks; the answer, if it says yes.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        query: Option<&str>,
        body: Option<Bytes>,
        signer: Option<Signer<'_>>,
    ) -> Result<Response, LinkError> {
        let before = self.time();
        let answer = self
            .send(&method, path, query, body.clone(), signer)
            .await?;
        // It may be the clock alone: the answer brought the right time.
        let differs = self.time().abs_diff(before) > SKEW.unsigned_abs() / 2;
        let again = answer.status() == StatusCode::UNAUTHORIZED && signer.is_some() && differs;
        let answer = match again {
            true => self.send(&method, path, query, body, signer).await?,
            false => answer,
        };
        match answer.status().is_success() {
            true => Ok(answer),
            false => Err(said_no(answer).await),
        }
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        query: Option<&str>,
        body: Option<Bytes>,
        signer: Option<Signer<'_>>,
    ) -> Result<Response, LinkError> {
        let mut url = format!("{}{path}", self.base);
        if let Some(query) = query {
            url.push('?');
            url.push_str(query);
        }
        let mut request = self.client.request(method.clone(), url);
        let body = body.unwrap_or_default();
        if let Some(signer) = signer {
            let digest = content_digest(&body);
            let signed = Signed {
                method: method.as_str(),
                path,
                query,
                content_digest: &digest,
                created: self.time(),
                key_id: signer.id,
            };
            let signature = write_signature(&signer.key.sign(&signed.base()));
            request = request
                .header("signature-input", signed.input())
                .header("signature", signature)
                .header("content-digest", digest);
        }
        if *method == Method::POST {
            request = request
                .header(CONTENT_TYPE, "application/octet-stream")
                .body(body);
        }
        let answer = request.send().await.map_err(|error| unreachable(&error))?;
        let date = text(answer.headers(), &DATE).and_then(|date| parse_date(date.as_bytes()));
        if let Some(date) = date {
            let offset = date.unix.saturating_sub((self.clock)());
            self.offset.store(offset, Ordering::Relaxed);
        }
        Ok(answer)
    }
}

/// The body of an answer, up to so many bytes.
pub(super) async fn whole(mut answer: Response, most: usize) -> Result<Vec<u8>, LinkError> {
    let mut body = BytesMut::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len() + piece.len() > most {
            return Err(LinkError::Protocol("the answer is too large".into()));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.into())
}

/// What an answer that says no means.
async fn said_no(answer: Response) -> LinkError {
    let status = answer.status();
    let again = text(answer.headers(), &RETRY_AFTER).and_then(|text| text.parse().ok());
    let busy = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::INSUFFICIENT_STORAGE,
    ];
    if busy.contains(&status) {
        return LinkError::Busy(jittered(again.unwrap_or(LATER)));
    }
    // Of the service itself, or of a server in front that does not reach it.
    if status.is_server_error() {
        return LinkError::Unreachable(format!("it answers {status}"));
    }
    let body = whole(answer, SMALL).await.unwrap_or_default();
    let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => LinkError::Refused {
            code: problem.code,
            detail: problem.detail,
        },
        _ => LinkError::Protocol(format!("{status} {}: {}", problem.code, problem.detail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_comes_sooner_than_asked_nor_much_later() {
        for seconds in [0, 1, 30, 600] {
            for _ in 0..50 {
                let wait = jittered(seconds);
                assert!(wait >= Duration::from_secs(seconds));
                assert!(wait <= Duration::from_millis(seconds * 1_500));
            }
        }
        assert!(jittered(u64::MAX) <= Duration::from_secs(LONGEST * 3 / 2));
    }

    #[test]
    fn a_date_of_http_is_read() {
        let date = parse_date(b"Mon, 01 Dec 2025 00:00:00 GMT").unwrap();
        assert_eq!(date.unix, 1_764_547_200);
    }
}
