//! S3 Object Lock: what `object_store` has no call for. An object is written, then locked until
//! its date in COMPLIANCE mode, which nobody can shorten, and only then named by a row.
//!
//! A locked bucket keeps versions. Deleting a name there only hides it behind a marker: the
//! version that was locked is found and read all the same.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use everpost_domain::digest::Digest;
use everpost_domain::message::{format_rfc3339, parse_rfc3339};
use http::{Method, StatusCode};
use object_store::aws::{AmazonS3, AwsAuthorizer};
use object_store::client::{HttpClient, HttpConnector, HttpRequestBody, ReqwestConnector};
use object_store::path::Path;
use serde::Deserialize;

use super::client_options;
use crate::address::Bucket;
use crate::error::{Result, StoreError};

/// Why a request was answered as it was, as far as callers tell the cases apart.
enum Answer {
    Done(Bytes),
    /// 403: the lock holds, or these keys may not.
    Forbidden,
    /// 404 or 400: there is no such thing, here or at all.
    Without,
}

/// The calls of Object Lock on one bucket.
pub(crate) struct ObjectLock {
    bucket: Bucket,
    s3: Arc<AmazonS3>,
    http: HttpClient,
    region: String,
}

/// The lock of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    /// COMPLIANCE: nobody can shorten it.
    pub(crate) compliance: bool,
    /// Until when, in seconds since 1970.
    pub(crate) until: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RetentionXml {
    mode: Option<String>,
    retain_until_date: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LegalHoldXml {
    status: Option<String>,
}

#[derive(Deserialize)]
struct VersionsXml {
    #[serde(default, rename = "Version")]
    versions: Vec<VersionXml>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VersionXml {
    key: String,
    version_id: String,
}

impl ObjectLock {
    pub(crate) fn new(bucket: &Bucket, s3: Arc<AmazonS3>, region: String) -> Result<Self> {
        let http = ReqwestConnector::default().connect(&client_options(bucket))?;
        Ok(ObjectLock {
            bucket: bucket.clone(),
            s3,
            http,
            region,
        })
    }

    /// Locks the newest version of an object until `until` (seconds since 1970). A lock can be
    /// made longer, never shorter.
    pub(crate) async fn retain(&self, path: &Path, until: i64) -> Result<()> {
        let body = format!(
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>COMPLIANCE</Mode>\
             <RetainUntilDate>{}</RetainUntilDate></Retention>",
            format_rfc3339(until)
        );
        let answer = self.ask(Method::PUT, path, "retention", body).await?;
        self.done(answer, path, "lock it").map(drop)
    }

    /// The lock of the newest version of an object; `None` if there is none.
    pub(crate) async fn retention(&self, path: &Path) -> Result<Option<Retention>> {
        let xml = match self
            .ask(Method::GET, path, "retention", String::new())
            .await?
        {
            Answer::Done(xml) => xml,
            Answer::Without => return Ok(None),
            Answer::Forbidden => return Err(self.refused(path, "tell its lock")),
        };
        let found: RetentionXml = self.read(path, &xml)?;
        let until = found.retain_until_date.as_deref().and_then(parse_rfc3339);
        Ok(until.map(|until| Retention {
            compliance: found.mode.as_deref() == Some("COMPLIANCE"),
            until,
        }))
    }

    /// Turns the legal hold of an object on or off, of the version that was written first: while it
    /// is on, that stays, whatever its date.
    pub(crate) async fn hold(&self, path: &Path, on: bool) -> Result<()> {
        let status = if on { "ON" } else { "OFF" };
        let body = format!(
            "<LegalHold xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>{status}</Status></LegalHold>"
        );
        let query = self.first_legal_hold(path).await?;
        let answer = self.ask(Method::PUT, path, &query, body).await?;
        self.done(answer, path, "set its legal hold").map(drop)
    }

    /// Whether the first version of an object is held.
    pub(crate) async fn is_held(&self, path: &Path) -> Result<bool> {
        let query = self.first_legal_hold(path).await?;
        match self.ask(Method::GET, path, &query, String::new()).await? {
            Answer::Done(xml) => {
                let found: LegalHoldXml = self.read(path, &xml)?;
                Ok(found.status.as_deref() == Some("ON"))
            }
            Answer::Without => Ok(false),
            Answer::Forbidden => Err(self.refused(path, "tell its legal hold")),
        }
    }

    async fn first_legal_hold(&self, path: &Path) -> Result<String> {
        match self.versions(path).await?.pop() {
            Some(first) => Ok(format!("legal-hold&versionId={}", escape(&first))),
            None => Err(self.refused(path, "find a version to hold")),
        }
    }

    /// The versions of an object that hold bytes, newest first.
    pub(crate) async fn versions(&self, path: &Path) -> Result<Vec<String>> {
        let key = self.key(path);
        let query = format!("versions&prefix={}", escape(&key));
        let answer = self
            .ask_at(Method::GET, &self.root(), &query, String::new())
            .await?;
        let xml = self.done(answer, path, "list its versions")?;
        let found: VersionsXml = self.read(path, &xml)?;
        let ours = found
            .versions
            .into_iter()
            .filter(|version| version.key == key);
        Ok(ours.map(|version| version.version_id).collect())
    }

    /// Removes one version for good. False if the store keeps it: its date has not come, or it
    /// is held.
    pub(crate) async fn remove_version(&self, path: &Path, version: &str) -> Result<bool> {
        let query = format!("versionId={}", escape(version));
        match self
            .ask(Method::DELETE, path, &query, String::new())
            .await?
        {
            Answer::Done(_) | Answer::Without => Ok(true),
            Answer::Forbidden => Ok(false),
        }
    }

    fn key(&self, path: &Path) -> String {
        match self.bucket.prefix.as_str() {
            "" => path.to_string(),
            prefix => format!("{prefix}/{path}"),
        }
    }

    fn root(&self) -> String {
        let name = &self.bucket.name;
        match &self.bucket.endpoint {
            Some(endpoint) => format!("{}/{name}", endpoint.trim_end_matches('/')),
            None => format!("https://s3.{}.amazonaws.com/{name}", self.region),
        }
    }

    async fn ask(&self, method: Method, path: &Path, query: &str, body: String) -> Result<Answer> {
        // Names of objects are of our making: letters, digits and slashes; the prefix is not.
        let key: Vec<String> = self.key(path).split('/').map(escape).collect();
        let url = format!("{}/{}", self.root(), key.join("/"));
        self.ask_at(method, &url, query, body).await
    }

    async fn ask_at(&self, method: Method, url: &str, query: &str, body: String) -> Result<Answer> {
        let fail = |what: String| StoreError::Object(format!("{}: {what}", self.bucket));
        // A name without a value is signed as one with an empty value.
        let query: Vec<String> = query
            .split('&')
            .map(|part| match part.contains('=') {
                true => part.to_string(),
                false => format!("{part}="),
            })
            .collect();
        // A body that concerns locks must carry a checksum.
        let sum = STANDARD.encode(Digest::of(body.as_bytes()).0);
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{url}?{}", query.join("&")))
            .header("x-amz-checksum-sha256", sum)
            .body(HttpRequestBody::from(body));
        let mut request = request.map_err(|error| fail(error.to_string()))?;
        let credential = self.s3.credentials().get_credential().await?;
        AwsAuthorizer::new(&credential, "s3", &self.region).try_authorize(&mut request, None)?;
        let unreachable = |error: object_store::client::HttpError| {
            StoreError::Unreachable(format!("{}: {error}", self.bucket))
        };
        let answer = self.http.execute(request).await.map_err(unreachable)?;
        let status = answer.status();
        let bytes = answer.into_body().bytes().await.map_err(unreachable)?;
        match status {
            status if status.is_success() => Ok(Answer::Done(bytes)),
            StatusCode::FORBIDDEN => Ok(Answer::Forbidden),
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => Ok(Answer::Without),
            status if status.is_server_error() => Err(StoreError::Unreachable(format!(
                "{} answers {status}",
                self.bucket
            ))),
            status => Err(fail(format!("it answers {status}"))),
        }
    }

    fn done(&self, answer: Answer, path: &Path, what: &str) -> Result<Bytes> {
        match answer {
            Answer::Done(bytes) => Ok(bytes),
            Answer::Forbidden | Answer::Without => Err(self.refused(path, what)),
        }
    }

    fn refused(&self, path: &Path, what: &str) -> StoreError {
        StoreError::Object(format!("{} refused to {what}: {path}", self.bucket))
    }

    fn read<'x, T: Deserialize<'x>>(&self, path: &Path, xml: &'x [u8]) -> Result<T> {
        let text = std::str::from_utf8(xml).unwrap_or_default();
        quick_xml::de::from_str(text)
            .map_err(|error| StoreError::Object(format!("{}, {path}: {error}", self.bucket)))
    }
}

/// Percent-encodes all but what RFC 3986 calls unreserved.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
