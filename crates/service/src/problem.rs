//! Errors as callers see them: problem details (RFC 9457), each with a stable code.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use everpost_domain::query::QueryError;
use everpost_store::StoreError;
use serde::Serialize;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// Seconds after which it is worth asking again what the archive lies on.
const RETRY: u64 = 5;

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemBody {
    /// A name for this kind of problem: `urn:everpost:problem:` and the code.
    r#type: String,
    /// The kind of problem in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// The stable code, as the command line prints it.
    code: String,
    /// What is wrong here.
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// For a query: the first character at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<usize>,
    /// For a query: the characters at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    len: Option<usize>,
}

/// An error on its way to the caller.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    hint: Option<String>,
    span: Option<(usize, usize)>,
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Problem {
            status,
            code,
            detail: detail.into(),
            hint: None,
            span: None,
            retry_after: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        self
    }

    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The request makes no sense.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "E-INVALID", detail)
    }

    /// There is no such thing, or none that the caller may know of: the answer is the same.
    pub(crate) fn not_found(what: impl std::fmt::Display) -> Self {
        Problem::new(
            StatusCode::NOT_FOUND,
            "E-NOT-FOUND",
            format!("there is no {what}"),
        )
    }

    /// The caller may not do this.
    pub(crate) fn forbidden(why: &str) -> Self {
        Problem::new(StatusCode::FORBIDDEN, "E-FORBIDDEN", why)
    }

    /// Nobody knows who the caller is.
    pub(crate) fn unauthorized(detail: &str) -> Self {
        Problem::new(StatusCode::UNAUTHORIZED, "E-SIGN-IN", detail)
    }

    /// What the archive lies on gives no answer.
    pub(crate) fn unreachable() -> Self {
        let detail = "the archive does not answer in time".to_string();
        StoreError::Unreachable(detail).into()
    }

    /// There is no room now; what was sent is not kept.
    pub(crate) fn busy() -> Self {
        let detail = "there is no room now, come again";
        Problem {
            retry_after: Some(RETRY),
            ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, "E-BUSY", detail)
        }
    }

    /// Too much was asked for; `seconds` from now it may be asked again.
    pub(crate) fn too_many(detail: &str, seconds: u64) -> Self {
        Problem {
            retry_after: Some(seconds.max(1)),
            ..Problem::new(StatusCode::TOO_MANY_REQUESTS, "E-TOO-MANY", detail)
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            StoreError::NotFound(_) => StatusCode::NOT_FOUND,
            StoreError::Invalid(_) => StatusCode::BAD_REQUEST,
            StoreError::Exists(_) => StatusCode::CONFLICT,
            // Where it is now is the operator's to tell.
            StoreError::Moved(_) => {
                let detail = "the archive moved to another place";
                let hint = "the operator knows where it is now";
                return Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.code(), detail)
                    .hint(hint);
            }
            StoreError::Guard
            | StoreError::Stopped
            | StoreError::Busy { .. }
            | StoreError::Unreachable(_) => StatusCode::SERVICE_UNAVAILABLE,
            StoreError::Disk(_) => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let hint = error.hint();
        let retry_after = matches!(error, StoreError::Unreachable(_)).then_some(RETRY);
        if status.is_server_error() {
            // Paths and rows are for the operator's log; a caller gets the code to name.
            tracing::error!(code = error.code(), %error, "the store failed");
            let detail = "the archive could not do this";
            return Problem {
                retry_after,
                ..Problem::new(status, error.code(), detail).hint(hint)
            };
        }
        Problem::new(status, error.code(), error.to_string()).hint(hint)
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        Problem {
            hint: error.hint,
            span: Some((error.at, error.len)),
            ..Problem::new(StatusCode::BAD_REQUEST, "E-QUERY", error.what)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            r#type: format!("urn:everpost:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error").into(),
            status: self.status.as_u16(),
            code: self.code.into(),
            detail: self.detail,
            hint: self.hint,
            at: self.span.map(|(at, _)| at),
            len: self.span.map(|(_, len)| len),
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"everpost\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

/// Every operation can answer with a problem.
impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let schema = Ref::from_schema_name("ProblemBody");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new()
            .description("What is wrong")
            .content("application/problem+json", content)
            .build();
        BTreeMap::from([("default".to_string(), response.into())])
    }
}
