//! One message of the mailbox: its head and text, its HTML for a frame, its bytes and attachments. The ways of showing them are
//! those of the archive's messages.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use everpost_domain::access::Action;
use everpost_domain::digest::Digest;
use everpost_domain::message::{
    Head, SearchText, Structure, attachment_parts, decode, format_rfc3339, scan,
};
use everpost_mail::webmail;
use everpost_store::Row;
use serde::Serialize;
use tokio::sync::SemaphorePermit;
use utoipa::ToSchema;

use super::super::messages::number;
use super::super::shown::{bytes, file, framed};
use super::{Own, flags, own};
use crate::app::App;
use crate::caller::Caller;
use crate::html;
use crate::problem::Problem;
use crate::view::{Person, people, sent};

/// A message's place: folder and UID.
pub(super) type Place = (String, String);

/// The numbers of a place in an address.
pub(super) fn place((folder, uid): &Place) -> Result<(u32, u32), Problem> {
    match (folder.parse(), uid.parse()) {
        (Ok(folder), Ok(uid)) => Ok((folder, uid)),
        _ => Err(Problem::not_found(format!("message {folder}/{uid}"))),
    }
}

/// A message that was read.
struct Opened<'a> {
    row: Row,
    id: Digest,
    raw: Vec<u8>,
    structure: Structure,
    _room: SemaphorePermit<'a>,
}

async fn open<'a>(app: &'a App, own: &Own<'_>, at: &Place) -> Result<Opened<'a>, Problem> {
    let (folder, uid) = place(at)?;
    let row = webmail::row(&own.replica, folder, uid).await?;
    let room = app.room(row.size).await?;
    let raw = webmail::raw(&own.replica, &row).await?;
    Ok(Opened {
        row,
        id: Digest::of(&raw),
        structure: scan(&raw),
        raw,
        _room: room,
    })
}

/// A message of the mailbox.
#[derive(Serialize, ToSchema)]
pub(crate) struct MailView {
    folder: u32,
    uid: u32,
    /// The copy's id in the archive.
    id: String,
    /// The Date field.
    date: Option<String>,
    /// When it came into the mailbox.
    came: String,
    subject: String,
    from: Vec<Person>,
    to: Vec<Person>,
    cc: Vec<Person>,
    bcc: Vec<Person>,
    reply_to: Vec<Person>,
    /// `seen`, `answered`, `flagged`, `deleted`, `draft`, `forwarded`.
    flags: Vec<&'static str>,
    /// Bytes.
    size: u64,
    /// Its text; that of its HTML, where it has no other.
    text: String,
    /// Whether it has an HTML body.
    has_html: bool,
    attachments: Vec<FileView>,
}

/// An attachment.
#[derive(Serialize, ToSchema)]
pub(crate) struct FileView {
    /// Its number in the message, from 0.
    index: usize,
    /// Its file name; may be empty.
    name: String,
    /// Its type.
    r#type: String,
    /// Its decoded bytes.
    size: u64,
}

fn files(raw: &[u8], structure: &Structure) -> Vec<FileView> {
    let parts = attachment_parts(structure).into_iter().enumerate();
    let view = |(index, part): (usize, usize)| {
        let part = structure.parts.get(part)?;
        Some(FileView {
            index,
            name: part.filename.clone().unwrap_or_default(),
            r#type: part.content_type.clone(),
            size: decode(raw, part).len() as u64,
        })
    };
    parts.filter_map(view).collect()
}

/// A message. Looking at it marks nothing.
#[utoipa::path(get, path = "/mailbox/messages/{folder}/{uid}", tag = "mailbox",
    params(("folder" = u32, Path, description = "The folder's id"),
        ("uid" = u32, Path, description = "The message's UID there")),
    responses((status = 200, body = MailView), Problem))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(at): Path<Place>,
) -> Result<Json<MailView>, Problem> {
    let own = own(&app, &caller, Action::Read).await?;
    let opened = open(&app, &own, &at).await?;
    let (folder, uid) = place(&at)?;
    let keywords = own.replica.keywords().await?;
    let flags = flags(&opened.row, &keywords);
    let (row, id, raw, structure) = (opened.row, opened.id, opened.raw, opened.structure);
    let read = move || {
        let head = Head::read(&raw, &structure);
        MailView {
            folder,
            uid,
            id: id.to_string(),
            date: sent(&head),
            came: format_rfc3339(row.date),
            from: people(&head.from),
            to: people(&head.to),
            cc: people(&head.cc),
            bcc: people(&head.bcc),
            reply_to: people(&head.reply_to),
            subject: head.subject,
            flags,
            size: row.size,
            text: SearchText::read(&raw, &structure).body,
            has_html: html::body(&structure).is_some(),
            attachments: files(&raw, &structure),
        }
    };
    Ok(Json(app.apart(read).await?))
}

/// The HTML of a message, made safe: for a frame of its own.
#[utoipa::path(get, path = "/mailbox/messages/{folder}/{uid}/html", tag = "mailbox",
    params(("folder" = u32, Path, description = "The folder's id"),
        ("uid" = u32, Path, description = "The message's UID there")),
    responses((status = 200, body = String, content_type = "text/html"), Problem))]
pub(crate) async fn page(
    State(app): State<App>,
    caller: Caller,
    Path(at): Path<Place>,
) -> Result<Response, Problem> {
    let own = own(&app, &caller, Action::Read).await?;
    let opened = open(&app, &own, &at).await?;
    let index =
        html::body(&opened.structure).ok_or_else(|| Problem::not_found("HTML in this message"))?;
    framed(&app, opened.raw, opened.structure, index).await
}

/// The exact bytes.
#[utoipa::path(get, path = "/mailbox/messages/{folder}/{uid}/raw", tag = "mailbox",
    params(("folder" = u32, Path, description = "The folder's id"),
        ("uid" = u32, Path, description = "The message's UID there")),
    responses((status = 200, body = Vec<u8>, content_type = "message/rfc822"),
        (status = 304, description = "Not changed"), Problem))]
pub(crate) async fn raw(
    State(app): State<App>,
    caller: Caller,
    Path(at): Path<Place>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let own = own(&app, &caller, Action::Read).await?;
    let opened = open(&app, &own, &at).await?;
    let tag = opened.id.to_string();
    let name = format!("{tag}.eml");
    Ok(bytes(&headers, tag, "message/rfc822", &name, opened.raw))
}

/// The bytes of an attachment. It is always offered for keeping, never shown in the page.
#[utoipa::path(get, path = "/mailbox/messages/{folder}/{uid}/attachments/{index}", tag = "mailbox",
    params(("folder" = u32, Path, description = "The folder's id"),
        ("uid" = u32, Path, description = "The message's UID there"),
        ("index" = usize, Path, description = "The attachment's number")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "Not changed"), Problem))]
pub(crate) async fn attached(
    State(app): State<App>,
    caller: Caller,
    Path((folder, uid, index)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let own = own(&app, &caller, Action::Read).await?;
    let index = number(&index)?;
    let opened = open(&app, &own, &(folder, uid)).await?;
    let (raw, structure) = (&opened.raw, &opened.structure);
    file(&headers, &opened.id, raw, structure, index)
}
