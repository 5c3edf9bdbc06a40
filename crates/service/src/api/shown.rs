//! Answers that show what a mail brought: its HTML in a frame without rights, and files to be kept. Nothing of them runs in the page.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use everpost_domain::digest::Digest;
use everpost_domain::message::{Structure, attachment_parts, decode};

use crate::app::App;
use crate::html;
use crate::problem::Problem;

/// The HTML of a message as a page that does nothing, in a frame or alone.
pub(super) async fn framed(
    app: &App,
    raw: Vec<u8>,
    structure: Structure,
    index: usize,
) -> Result<Response, Problem> {
    let page = app
        .apart(move || html::page(&raw, &structure, index))
        .await?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, html::POLICY),
    ];
    Ok((headers, page).into_response())
}

/// Bytes that never change: the digest names them.
pub(super) fn bytes(
    headers: &HeaderMap,
    tag: String,
    kind: &str,
    file: &str,
    bytes: Vec<u8>,
) -> Response {
    let tag = format!("\"{tag}\"");
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(',').any(|one| one.trim() == tag));
    let text = |text: &str| HeaderValue::from_str(text);
    let mut response = match known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => bytes.into_response(),
    };
    let fields = [
        (header::ETAG, text(&tag)),
        // The browser may keep it, and asks each time whether it still may show it.
        (header::CACHE_CONTROL, text("private, no-cache")),
        (header::CONTENT_TYPE, text(kind)),
        (header::CONTENT_DISPOSITION, text(&disposition(file))),
        (
            header::CONTENT_SECURITY_POLICY,
            text("sandbox; default-src 'none'; frame-ancestors 'none'"),
        ),
    ];
    for (name, value) in fields {
        let fallback = HeaderValue::from_static("application/octet-stream");
        response
            .headers_mut()
            .insert(name, value.unwrap_or(fallback));
    }
    response
}

/// `attachment` with the file's name as RFC 6266 writes it.
fn disposition(file: &str) -> String {
    let plain: String = file
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' | ' ' => c,
            _ => '_',
        })
        .collect();
    let encoded: String = file
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// An attachment as a file.
pub(super) fn file(
    headers: &HeaderMap,
    id: &Digest,
    raw: &[u8],
    structure: &Structure,
    index: usize,
) -> Result<Response, Problem> {
    let what = format!("attachment {index}");
    let part = attachment_parts(structure)
        .get(index)
        .and_then(|part| structure.parts.get(*part))
        .ok_or_else(|| Problem::not_found(&what))?;
    let name = part.filename.clone().unwrap_or(what);
    let tag = format!("{id}-{index}");
    let body = decode(raw, part).into_owned();
    Ok(bytes(headers, tag, &part.content_type, &name, body))
}
