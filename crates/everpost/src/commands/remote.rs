//! Commands whose archive a service has open: they ask it over the socket in the data
//! directory, and print what they would have printed themselves.

use std::fmt::Write as _;
use std::io::Write;

use bytes::Bytes;
use everpost_service::SOCKET;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::UnixStream;

use crate::cli::{Global, SearchCommand, ShowCommand};
use crate::failure::{Exit, Failure};
use crate::output::{count, cut, line, object, plain, size};

/// The service that has the data directory open.
pub(crate) struct Service {
    socket: std::path::PathBuf,
}

/// The service that has the data directory open, if one has.
pub(crate) async fn service(global: &Global) -> Option<Service> {
    let socket = global.data.join(SOCKET);
    UnixStream::connect(&socket).await.ok()?;
    Some(Service { socket })
}

/// A value as it stands in the query part of an address.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            // Writing to a string does not fail.
            _ => write!(out, "%{byte:02X}").unwrap_or_default(),
        }
    }
    out
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or(0)
}

pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The items of a listing.
pub(super) fn items<T: DeserializeOwned>(mut value: Value) -> Result<Vec<T>, Failure> {
    let items = value.get_mut("items").map(Value::take).unwrap_or_default();
    Ok(serde_json::from_value(items).map_err(anyhow::Error::from)?)
}

impl Service {
    async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Bytes, Failure> {
        let body = match body {
            Value::Null => Bytes::new(),
            body => Bytes::from(body.to_string()),
        };
        self.send(method, path, body).await
    }

    /// Sends bytes, and gives the bytes of the answer.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Bytes, Failure> {
        let stream = UnixStream::connect(&self.socket).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(anyhow::Error::from)?;
        let driving = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(body))
            .map_err(anyhow::Error::from)?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(anyhow::Error::from)?;
        let well = answer.status().is_success();
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(anyhow::Error::from)?
            .to_bytes();
        driving.abort();
        if well {
            return Ok(body);
        }
        let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
        Err(Failure::answered(
            text(&problem, "code"),
            text(&problem, "detail"),
            text(&problem, "hint"),
        ))
    }

    /// Asks for what has no answer but that it is done.
    pub(super) async fn tell(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<(), Failure> {
        self.ask(method, path, body).await.map(drop)
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let body = self.ask(Method::POST, path, body).await?;
        Ok(serde_json::from_slice(&body).map_err(anyhow::Error::from)?)
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        let body = self.ask(Method::GET, path, &Value::Null).await?;
        Ok(serde_json::from_slice(&body).map_err(anyhow::Error::from)?)
    }
}

/// `everpost search`.
pub(crate) async fn search(
    global: &Global,
    service: &Service,
    command: &SearchCommand,
) -> Result<Exit, Failure> {
    let after = command.cursor.as_deref().unwrap_or_default();
    let mut path = format!(
        "/search?q={}&by={}&order={}&limit={}",
        escape(&command.query),
        command.by,
        command.order,
        command.limit
    );
    if !after.is_empty() {
        path.push_str(&format!("&cursor={}", escape(after)));
    }
    let page = service.get(&path).await?;
    let hits = list(&page, "hits");
    let ids: Vec<&str> = hits.iter().map(|hit| text(hit, "sha256")).collect();
    let ask = json!({"q": command.query, "ids": ids});
    let snippets = service.ask(Method::POST, "/search/snippets", &ask).await?;
    let snippets: Value = serde_json::from_slice(&snippets).map_err(anyhow::Error::from)?;
    for hit in hits {
        let snippet = list(&snippets, "snippets")
            .iter()
            .find(|snippet| text(snippet, "id") == text(hit, "sha256"))
            .map_or("", |snippet| text(snippet, "text"));
        match global.json {
            true => object(&hit_json(hit, snippet))?,
            false => print_hit(hit, snippet)?,
        }
    }
    if global.json {
        object(&json!({
            "summary": true, "total": page.get("total"), "copies": page.get("copies"),
            "unknown": page.get("unknown"), "took_ms": page.get("took_ms"), "next": page.get("next"),
            "answered": ["local"], "silent": [],
        }))?;
        return Ok(Exit::Well);
    }
    let total = number(&page, "total");
    let shown = hits.len() as u64;
    let mut said = format!("{} messages", count(total));
    if total > shown {
        said.push_str(&format!(", {} shown", count(shown)));
    }
    let unknown = number(&page, "unknown");
    if unknown > 0 {
        let unknown = count(unknown);
        said.push_str(&format!(
            "; {unknown} more might match: their text was not read"
        ));
    }
    line(said)?;
    Ok(Exit::Well)
}

fn person(value: &Value) -> String {
    match (text(value, "name"), text(value, "email")) {
        ("", email) => email.into(),
        (name, "") => name.into(),
        (name, email) => format!("{name} <{email}>"),
    }
}

fn people(value: &Value, name: &str) -> Vec<String> {
    match value.get(name) {
        Some(Value::Array(list)) => list.iter().map(person).collect(),
        Some(one @ Value::Object(_)) => vec![person(one)],
        _ => Vec::new(),
    }
}

/// A hit as the command line promises it.
fn hit_json(hit: &Value, snippet: &str) -> Value {
    let place =
        |place: &Value| json!({"mailbox": place.get("mailbox"), "folder": place.get("folder")});
    json!({
        "id": hit.get("id"), "sha256": hit.get("sha256"), "copies": hit.get("copies"),
        "date": hit.get("date"), "from": people(hit, "from"), "to": people(hit, "to"),
        "subject": hit.get("subject"), "snippet": snippet, "size": hit.get("size"),
        "places": list(hit, "places").iter().map(place).collect::<Vec<_>>(),
    })
}

fn print_hit(hit: &Value, snippet: &str) -> Result<(), Failure> {
    let begin = |text: &str, length: usize| text.chars().take(length).collect::<String>();
    let date = match text(hit, "date") {
        "" => "no date".into(),
        date => begin(date, 10),
    };
    let from = people(hit, "from").into_iter().next().unwrap_or_default();
    let subject = match text(hit, "subject") {
        "" => "(no subject)",
        subject => subject,
    };
    line(format!(
        "{}  {date}  {:<24}  {}",
        begin(text(hit, "id"), 12),
        cut(&from, 24),
        cut(subject, 70)
    ))?;
    if !snippet.is_empty() {
        line(format!("              {}", plain(snippet)))?;
    }
    let places: Vec<String> = list(hit, "places")
        .iter()
        .take(3)
        .map(|place| {
            format!(
                "{}/{}",
                plain(text(place, "mailbox")),
                plain(text(place, "folder"))
            )
        })
        .collect();
    match places.is_empty() {
        true => Ok(()),
        false => line(format!("              in {}", places.join(", "))),
    }
}

/// `everpost show`.
pub(crate) async fn show(
    global: &Global,
    service: &Service,
    command: &ShowCommand,
) -> Result<Exit, Failure> {
    let id = escape(&command.id);
    if command.raw {
        let raw = service
            .ask(Method::GET, &format!("/messages/{id}/raw"), &Value::Null)
            .await?;
        let mut out = std::io::stdout().lock();
        out.write_all(&raw)?;
        out.flush()?;
        return Ok(Exit::Well);
    }
    if command.authenticity {
        let found = service.get(&format!("/messages/{id}/authenticity")).await?;
        return super::authenticity::print(global, &items(found)?);
    }
    let message = service.get(&format!("/messages/{id}")).await?;
    if global.json {
        object(&message)?;
        return Ok(Exit::Well);
    }
    line(format!("Id:       {}", text(&message, "sha256")))?;
    line(format!("Date:     {}", text(&message, "date")))?;
    for (title, field) in [("From", "from"), ("To", "to"), ("Cc", "cc")] {
        let people = people(&message, field);
        if !people.is_empty() {
            line(format!(
                "{:<10}{}",
                format!("{title}:"),
                plain(&people.join(", "))
            ))?;
        }
    }
    line(format!("Subject:  {}", plain(text(&message, "subject"))))?;
    for attachment in list(&message, "attachments") {
        line(format!("File:     {}", plain(text(attachment, "name"))))?;
    }
    line(format!(
        "Size:     {} bytes",
        count(number(&message, "size"))
    ))?;
    line(format!("Held:     since {}", text(&message, "held_from")))?;
    for place in list(&message, "places") {
        let (mailbox, folder) = (text(place, "mailbox"), text(place, "folder"));
        line(format!("In:       {} / {}", plain(mailbox), plain(folder)))?;
    }
    line("")?;
    let body = service.get(&format!("/messages/{id}/text")).await?;
    for one in text(&body, "text").lines() {
        line(plain(one))?;
    }
    Ok(Exit::Well)
}

/// `everpost status`.
pub(crate) async fn status(global: &Global, service: &Service) -> Result<Exit, Failure> {
    let mut storage = service.get("/storage").await?;
    if global.json {
        if let Some(fields) = storage.as_object_mut() {
            fields.insert("summary".into(), true.into());
        }
        object(&storage)?;
        return Ok(Exit::Well);
    }
    let lag = storage.get("lag").cloned().unwrap_or_default();
    line(format!(
        "Archive     {} (open in a service)",
        global.place()
    ))?;
    line(format!(
        "Mail        {} messages, {} copies",
        count(number(&storage, "messages")),
        count(number(&storage, "copies"))
    ))?;
    line(format!(
        "Stored      {} of {} raw",
        size(number(&storage, "stored_bytes")),
        size(number(&storage, "raw_bytes"))
    ))?;
    line(format!(
        "Lag         index {}, log {}",
        count(number(&lag, "index")),
        count(number(&lag, "log"))
    ))
    .map(|()| Exit::Well)
}

/// `everpost import list`.
pub(crate) async fn imports(global: &Global, service: &Service) -> Result<Exit, Failure> {
    let answer = service.get("/imports").await?;
    let jobs = list(&answer, "items");
    for job in jobs {
        if global.json {
            let mut job = job.clone();
            if let Some(fields) = job.as_object_mut() {
                let (id, about) = (fields.remove("id"), fields.remove("source"));
                fields.insert("job".into(), id.unwrap_or_default());
                fields.insert("about".into(), about.unwrap_or_default());
            }
            object(&job)?;
            continue;
        }
        line(format!(
            "{:>4}  {:<10}  {}  {}",
            number(job, "id"),
            text(job, "state"),
            text(job, "started"),
            plain(text(job, "source"))
        ))?;
    }
    if global.json {
        object(&json!({"summary": true, "jobs": jobs.len()}))?;
    } else if jobs.is_empty() {
        line("No imports yet.")?;
    }
    Ok(Exit::Well)
}
