//! The console: static files that are part of the program.

use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{Embed, EmbeddedFile};

#[derive(Embed)]
#[folder = "../../web/console/dist"]
#[allow_missing = true]
struct Files;

/// What a page of the console may do: load what is ours, talk to us, show mail in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Shown by a program that was built without the console.
const BARE: &str = "<!doctype html><html lang=\"en\"><title>Everpost</title><h1>Everpost</h1><p>This program was built without the console. The API is at <a href=\"/api/v1/openapi.json\">/api/v1</a>.</p></html>";

/// A file of the console, or its page: addresses inside of it are its own to read.
pub(crate) async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = Files::get(path) {
        // Vite names what it builds by its content.
        let cache = match path.starts_with("assets/") {
            true => "public, max-age=31536000, immutable",
            false => "no-cache",
        };
        return respond(file, kind(path), cache, &headers);
    }
    // What looks like a file is missing; everything else is the page's to make sense of.
    if path.rsplit('/').next().unwrap_or_default().contains('.') {
        return StatusCode::NOT_FOUND.into_response();
    }
    match Files::get("index.html") {
        Some(file) => respond(file, kind("index.html"), "no-cache", &headers),
        None => ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(BARE)).into_response(),
    }
}

fn respond(file: EmbeddedFile, kind: &'static str, cache: &str, headers: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let fields = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, cache),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::ETAG, &tag),
    ];
    match known {
        true => (StatusCode::NOT_MODIFIED, fields).into_response(),
        false => (fields, file.data).into_response(),
    }
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" | "webmanifest" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
