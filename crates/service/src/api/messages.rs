//! One message: what its header says, its text, its HTML, its bytes, attachments,
//! conversation and proof.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use everpost_domain::access::Action;
use everpost_domain::digest::Digest;
use everpost_domain::identity::Origin;
use everpost_domain::message::{
    SearchText, Structure, attachment_parts, decode, format_rfc3339, scan,
};
use everpost_domain::query::{Query, highlight, parse};
use everpost_store::{AttachmentText, CopyInfo, Delivery, Scope, TextState};
use serde::{Deserialize, Serialize};
use tokio::sync::SemaphorePermit;
use utoipa::{IntoParams, ToSchema};

use super::shown::{bytes, file, framed};
use super::{CaseAsk, Items};
use crate::app::{App, Reach};
use crate::authenticity::{AuthenticityView, authenticity};
use crate::caller::Caller;
use crate::extract::Ask;
use crate::html;
use crate::problem::Problem;
use crate::view::{Person, PlaceView, people, places, sent, time, utf16};

/// Marks of one text; a page shows no more.
const MOST_MARKS: usize = 2000;

/// A message's or copy's whole id.
pub(crate) fn id(text: &str) -> Result<Digest, Problem> {
    text.parse()
        .map_err(|_| Problem::not_found(format!("message {text}")))
}

/// A message that the caller may look at.
struct Opened<'a> {
    info: CopyInfo,
    reach: Reach,
    raw: Vec<u8>,
    structure: Structure,
    _room: SemaphorePermit<'a>,
}

async fn find(
    app: &App,
    caller: &Caller,
    text: &str,
    case: Option<i64>,
) -> Result<(CopyInfo, Reach), Problem> {
    let reach = app.reach(caller, Action::Read, case).await?;
    let id = match reach.scope {
        // The operator may give the first digits; to others they would tell what is there.
        Scope::Everything => app.tenant.resolve(text).await?,
        _ => id(text)?,
    };
    let info = app.tenant.show_within(&id, &reach.scope).await?;
    Ok((info, reach))
}

/// Finds a message, writes down that its `part` is looked at, and reads it.
async fn open<'a>(
    app: &'a App,
    caller: &Caller,
    text: &str,
    case: Option<i64>,
    part: &str,
) -> Result<Opened<'a>, Problem> {
    let (info, reach) = find(app, caller, text, case).await?;
    reach
        .log(app, &format!("message {} {part}", info.id))
        .await?;
    let room = app.room(info.size).await?;
    let raw = app.tenant.raw(&info.id).await?;
    let structure = scan(&raw);
    Ok(Opened {
        info,
        reach,
        raw,
        structure,
        _room: room,
    })
}

/// A message.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessageView {
    /// The message's id.
    id: String,
    /// The copy that is shown.
    sha256: String,
    /// Its copies within reach.
    copies: Vec<String>,
    /// Bytes of the copy.
    size: u64,
    /// The Date field.
    date: Option<String>,
    /// Its zone, in minutes east of UTC.
    zone_minutes: Option<i16>,
    /// Since when it is held.
    held_from: String,
    /// Where that time is from.
    held_source: String,
    /// How it came: `captured`, `harvested`, `imported`.
    origin: &'static str,
    /// The place of its admission in the log.
    seq: Option<u64>,
    subject: String,
    from: Vec<Person>,
    to: Vec<Person>,
    cc: Vec<Person>,
    bcc: Vec<Person>,
    reply_to: Vec<Person>,
    /// Without angle brackets.
    message_id: Option<String>,
    /// Where it lies.
    places: Vec<PlaceView>,
    attachments: Vec<AttachmentView>,
    /// Whether it has an HTML body.
    has_html: bool,
    /// Each time it came. Only for the operator: a delivery names other recipients.
    #[serde(skip_serializing_if = "Option::is_none")]
    deliveries: Option<Vec<DeliveryView>>,
}

/// An attachment.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttachmentView {
    /// Its number in the message, from 0.
    index: usize,
    /// Its file name; may be empty.
    name: String,
    /// Its type.
    r#type: String,
    /// Its decoded bytes.
    size: u64,
    /// Whether its text can be searched: `read`, `none` (it has none), `unknown`, `pending`.
    text: &'static str,
    /// Why not.
    reason: Option<String>,
}

/// A time that the copy came.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryView {
    at: String,
    job: i64,
    sender: Option<String>,
    recipients: Vec<String>,
}

/// The attachments of a message, numbered as the API numbers them.
fn listed(raw: &[u8], structure: &Structure, texts: &[AttachmentText]) -> Vec<AttachmentView> {
    let view = |(index, at): (usize, usize)| {
        let part = structure.parts.get(at)?;
        let known = texts.iter().find(|one| one.part == at);
        let (text, reason) = match known.map(|one| (one.state, one.text.is_empty())) {
            // A nested message: its text is the message's, its attachments are listed.
            None => ("read", None),
            Some((TextState::Known, true)) => ("none", None),
            Some((TextState::Known, false)) => ("read", None),
            Some((TextState::Gap(gap), _)) => ("unknown", Some(gap.name().to_owned())),
            Some((TextState::Pending, _)) => ("pending", None),
        };
        Some(AttachmentView {
            index,
            name: part.filename.clone().unwrap_or_default(),
            r#type: part.content_type.clone(),
            size: decode(raw, part).len() as u64,
            text,
            reason,
        })
    };
    let parts = attachment_parts(structure).into_iter().enumerate();
    parts.filter_map(view).collect()
}

fn delivery(one: Delivery) -> DeliveryView {
    let (sender, recipients) = match one.envelope {
        Some(envelope) => (Some(envelope.sender), envelope.recipients),
        None => (None, Vec::new()),
    };
    DeliveryView {
        at: time(one.at),
        job: one.job,
        sender,
        recipients,
    }
}

/// What a message says of itself, and what the archive knows of it.
#[utoipa::path(get, path = "/messages/{id}", tag = "messages",
    params(("id" = String, Path, description = "The message's or copy's id"), CaseAsk),
    responses((status = 200, body = MessageView), Problem))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Ask(ask): Ask<CaseAsk>,
) -> Result<Json<MessageView>, Problem> {
    let opened = open(&app, &caller, &id, ask.case, "head").await?;
    let (info, structure) = (&opened.info, &opened.structure);
    let head = &info.head;
    let deliveries = match opened.reach.scope {
        Scope::Everything => Some(
            app.tenant
                .deliveries(&info.id)
                .await?
                .into_iter()
                .map(delivery)
                .collect(),
        ),
        _ => None,
    };
    let texts = app.tenant.attachment_texts(&info.id).await?;
    Ok(Json(MessageView {
        id: info.message.to_string(),
        sha256: info.id.to_string(),
        copies: info.copies.iter().map(ToString::to_string).collect(),
        size: info.size,
        date: sent(head),
        zone_minutes: head.sent.map(|sent| sent.offset_minutes),
        held_from: time(info.held_from),
        held_source: format!("{:?}", info.held_source).to_lowercase(),
        origin: match info.origin {
            Origin::EventSink => "captured",
            Origin::Harvester => "harvested",
            Origin::Other => "imported",
        },
        seq: info.seq,
        subject: head.subject.clone(),
        from: people(&head.from),
        to: people(&head.to),
        cc: people(&head.cc),
        bcc: people(&head.bcc),
        reply_to: people(&head.reply_to),
        message_id: head
            .message_id
            .as_ref()
            .map(|id| String::from_utf8_lossy(id).into_owned()),
        places: places(&info.places),
        attachments: listed(&opened.raw, structure, &texts),
        has_html: html::body(structure).is_some(),
        deliveries,
    }))
}

/// Which words to mark.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MarkAsk {
    /// A query whose words are marked.
    q: Option<String>,
    /// The case: mail of its people and time instead of the caller's own.
    case: Option<i64>,
}

impl MarkAsk {
    fn query(&self) -> Result<Option<Query>, Problem> {
        Ok(self.q.as_deref().map(parse).transpose()?)
    }
}

/// A text with marks.
#[derive(Serialize, ToSchema)]
pub(crate) struct TextAnswer {
    text: String,
    /// Words that meet the query: UTF-16 offsets of start and end.
    hits: Vec<[usize; 2]>,
}

fn marked(text: String, query: Option<&Query>) -> TextAnswer {
    let ranges = query.map(|query| highlight(&text, query, MOST_MARKS));
    TextAnswer {
        hits: utf16(&text, &ranges.unwrap_or_default()),
        text,
    }
}

/// The text of a message as searches see it.
#[utoipa::path(get, path = "/messages/{id}/text", tag = "messages",
    params(("id" = String, Path, description = "The message's or copy's id"), MarkAsk),
    responses((status = 200, body = TextAnswer), Problem))]
pub(crate) async fn text(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Ask(ask): Ask<MarkAsk>,
) -> Result<Json<TextAnswer>, Problem> {
    let query = ask.query()?;
    let opened = open(&app, &caller, &id, ask.case, "text").await?;
    let (raw, structure) = (opened.raw, opened.structure);
    let answer = app
        .apart(move || marked(SearchText::read(&raw, &structure).body, query.as_ref()))
        .await?;
    Ok(Json(answer))
}

/// The HTML of a message, made safe: for a frame of its own.
#[utoipa::path(get, path = "/messages/{id}/html", tag = "messages",
    params(("id" = String, Path, description = "The message's or copy's id"), CaseAsk),
    responses((status = 200, body = String, content_type = "text/html"), Problem))]
pub(crate) async fn page(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Ask(ask): Ask<CaseAsk>,
) -> Result<Response, Problem> {
    let opened = open(&app, &caller, &id, ask.case, "html").await?;
    let index = html::body(&opened.structure)
        .ok_or_else(|| Problem::not_found(format!("HTML in message {id}")))?;
    let (raw, structure) = (opened.raw, opened.structure);
    framed(&app, raw, structure, index).await
}

/// The exact bytes.
#[utoipa::path(get, path = "/messages/{id}/raw", tag = "messages",
    params(("id" = String, Path, description = "The message's or copy's id"), CaseAsk),
    responses((status = 200, body = Vec<u8>, content_type = "message/rfc822"),
        (status = 304, description = "Not changed"), Problem))]
pub(crate) async fn raw(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Ask(ask): Ask<CaseAsk>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let opened = open(&app, &caller, &id, ask.case, "raw").await?;
    let tag = opened.info.id.to_string();
    let file = format!("{tag}.eml");
    Ok(bytes(&headers, tag, "message/rfc822", &file, opened.raw))
}

pub(super) fn number(text: &str) -> Result<usize, Problem> {
    text.parse()
        .map_err(|_| Problem::not_found(format!("attachment {text}")))
}

/// The bytes of an attachment. It is always offered for keeping, never shown in the page.
#[utoipa::path(get, path = "/messages/{id}/attachments/{index}", tag = "messages",
    params(("id" = String, Path, description = "The message's or copy's id"),
        ("index" = usize, Path, description = "The attachment's number"), CaseAsk),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "Not changed"), Problem))]
pub(crate) async fn attached(
    State(app): State<App>,
    caller: Caller,
    Path((id, index)): Path<(String, String)>,
    Ask(ask): Ask<CaseAsk>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let index = number(&index)?;
    let what = format!("attachment {index}");
    let opened = open(&app, &caller, &id, ask.case, &what).await?;
    let (id, structure) = (&opened.info.id, &opened.structure);
    file(&headers, id, &opened.raw, structure, index)
}

/// The text of an attachment, as searches see it.
#[utoipa::path(get, path = "/messages/{id}/attachments/{index}/text", tag = "messages",
    params(("id" = String, Path, description = "The message's or copy's id"),
        ("index" = usize, Path, description = "The attachment's number"), MarkAsk),
    responses((status = 200, body = TextAnswer), Problem))]
pub(crate) async fn attached_text(
    State(app): State<App>,
    caller: Caller,
    Path((id, index)): Path<(String, String)>,
    Ask(ask): Ask<MarkAsk>,
) -> Result<Json<TextAnswer>, Problem> {
    let query = ask.query()?;
    let index = number(&index)?;
    let what = format!("attachment {index} text");
    let opened = open(&app, &caller, &id, ask.case, &what).await?;
    let part = attachment_parts(&opened.structure).get(index).copied();
    let texts = app.tenant.attachment_texts(&opened.info.id).await?;
    let found = texts.into_iter().find(|one| Some(one.part) == part);
    let text = found
        .filter(|one| one.state == TextState::Known || !one.text.is_empty())
        .ok_or_else(|| Problem::not_found(&what))?
        .text;
    let answer = app.apart(move || marked(text, query.as_ref())).await?;
    Ok(Json(answer))
}

/// A message of a conversation.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConversationView {
    id: String,
    date: Option<String>,
    from: Vec<Person>,
    subject: String,
    /// How many answers lie between it and the beginning.
    depth: u32,
}

/// The messages that answer each other, as far as they are within reach.
#[utoipa::path(get, path = "/messages/{id}/conversation", tag = "messages",
    params(("id" = String, Path, description = "The message's or copy's id"), CaseAsk),
    responses((status = 200, body = Items<ConversationView>), Problem))]
pub(crate) async fn conversation(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Ask(ask): Ask<CaseAsk>,
) -> Result<Json<Items<ConversationView>>, Problem> {
    let (info, reach) = find(&app, &caller, &id, ask.case).await?;
    let subject = format!("message {} conversation", info.id);
    reach.log(&app, &subject).await?;
    let found = app.tenant.conversation(&info.id, &reach.scope).await?;
    let items = found.items.into_iter().map(|one| ConversationView {
        id: one.id.to_string(),
        date: one.sent.map(format_rfc3339),
        from: people(&one.from),
        subject: one.subject,
        depth: one.depth,
    });
    Ok(Json(Items {
        items: items.collect(),
    }))
}

/// Whether a message is from whom it says, as it was found out when it came by the listener `mx`, once for each time; the
/// signatures are judged again by the keys that were recorded.
#[utoipa::path(get, path = "/messages/{id}/authenticity", tag = "messages",
    params(("id" = String, Path, description = "The message's or copy's id"), CaseAsk),
    responses((status = 200, body = Items<AuthenticityView>), Problem))]
pub(crate) async fn authentic(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Ask(ask): Ask<CaseAsk>,
) -> Result<Json<Items<AuthenticityView>>, Problem> {
    let (info, reach) = find(&app, &caller, &id, ask.case).await?;
    let subject = format!("message {} authenticity", info.id);
    reach.log(&app, &subject).await?;
    let _room = app.room(info.size).await?;
    let items = authenticity(&app.tenant, &info.id).await?;
    Ok(Json(Items { items }))
}

/// What the log says of a message, and the way to its signed head.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProofAnswer {
    /// Whether the bytes were read back, and bytes and leaf are what the log committed to.
    verified: bool,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What happened: `capture`.
    kind: &'static str,
    /// When.
    time: Option<String>,
    /// The leaf's number.
    seq: Option<u64>,
    /// Leaves of the log under the checkpoint.
    size: u64,
    /// The leaf's hash.
    leaf: Option<String>,
    /// The hashes on the way to the root, from below (RFC 9162).
    path: Vec<String>,
    /// The root.
    root: Option<String>,
    /// The signed checkpoint (C2SP signed note).
    checkpoint: Option<String>,
    /// The key that signed it (C2SP verifier key).
    key: Option<String>,
}

/// Prove that a message is what came in.
#[utoipa::path(get, path = "/messages/{id}/proof", tag = "messages",
    params(("id" = String, Path, description = "The message's or copy's id"), CaseAsk),
    responses((status = 200, body = ProofAnswer), Problem))]
pub(crate) async fn proof(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Ask(ask): Ask<CaseAsk>,
) -> Result<Json<ProofAnswer>, Problem> {
    let (info, _) = find(&app, &caller, &id, ask.case).await?;
    let mut answer = ProofAnswer {
        verified: false,
        reason: Some("its leaf is not in the log yet".into()),
        kind: "capture",
        time: None,
        seq: info.seq,
        size: 0,
        leaf: None,
        path: Vec::new(),
        root: None,
        checkpoint: None,
        key: None,
    };
    let (Some(seq), Some(mut prover)) = (info.seq, app.tenant.prover().await?) else {
        return Ok(Json(answer));
    };
    let Some(proof) = prover.prove_seq(seq).await? else {
        return Ok(Json(answer));
    };
    let found = app.tenant.verify(&info.id).await?;
    answer.verified = found.bad.is_empty();
    answer.reason = found.bad.first().map(|bad| bad.what.clone());
    answer.time = Some(time(proof.time_us));
    answer.size = proof.size;
    answer.leaf = Some(proof.leaf().hash().to_string());
    answer.path = proof.hashes.iter().map(ToString::to_string).collect();
    let head = prover.head();
    answer.root = Some(head.root.to_string());
    answer.checkpoint = Some(head.note.to_string());
    answer.key = Some(head.key.to_string());
    Ok(Json(answer))
}
