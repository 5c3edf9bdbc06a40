//! `everpost search`.

use std::io::IsTerminal;
use std::time::Instant;

use everpost_domain::message::{Address, format_rfc3339};
use everpost_domain::query::{Snippet, parse};
use everpost_store::{By, HitSnippet, Order, Scope, SearchHit, SearchRequest};
use serde_json::{Value, json};

use super::open;
use crate::cli::{Global, SearchCommand};
use crate::failure::{Exit, Failure};
use crate::output::{count, cut, line, object, plain};

pub(crate) async fn run(global: &Global, command: SearchCommand) -> Result<Exit, Failure> {
    if let Some(service) = super::remote::service(global).await {
        return super::remote::search(global, &service, &command).await;
    }
    let query = parse(&command.query).map_err(|error| {
        Failure::usage(
            format!("the query is wrong\n{}", error.pretty(&command.query)),
            "see docs/query.md",
        )
    })?;
    let (_store, tenant) = open(global, false).await?;
    // What an interrupted import left unindexed is found all the same. Where the index cannot
    // move (a full disk, say), what it has is searched, and what is missing is said.
    let mut lag = 0;
    if let Err(error) = tenant.advance_index(true).await {
        eprintln!(
            "warning[{}]: the index could not be brought up to date: {error}",
            error.code()
        );
        let progress = tenant.index_progress().await?;
        lag = progress.events.saturating_sub(progress.indexed);
    }
    let request = SearchRequest {
        query,
        by: if command.by == "copy" {
            By::Copy
        } else {
            By::Message
        },
        order: if command.order == "oldest" {
            Order::Oldest
        } else {
            Order::Newest
        },
        after: command.after.as_deref().map(str::parse).transpose()?,
        limit: command.limit,
        scope: Scope::Everything,
    };
    let began = Instant::now();
    let page = tenant.search(&request).await?;
    let took_ms = began.elapsed().as_secs_f64() * 1000.0;
    let shown: Vec<_> = page.hits.iter().map(|hit| hit.copy).collect();
    let snippets = tenant
        .snippets(&request.query, &shown, &request.scope)
        .await?;
    for (hit, snippet) in page.hits.iter().zip(&snippets) {
        if global.json {
            object(&hit_json(hit, snippet))?;
        } else {
            print_hit(hit, snippet)?;
        }
    }
    if global.json {
        object(&json!({
            "summary": true, "total": page.messages, "copies": page.copies, "unknown": page.unknown,
            "took_ms": (took_ms * 10.0).round() / 10.0, "next": page.next.map(|next| next.to_string()),
            "answered": ["local"], "silent": [], "index_lag": lag,
        }))?;
        return Ok(Exit::Well);
    }
    let mut text = format!(
        "{} {}",
        count(page.messages),
        if page.messages == 1 {
            "message"
        } else {
            "messages"
        }
    );
    if page.copies != page.messages {
        text.push_str(&format!(" ({} copies)", count(page.copies)));
    }
    if page.messages > page.hits.len() as u64 {
        text.push_str(&format!(", {} shown", count(page.hits.len() as u64)));
    }
    if page.unknown > 0 {
        text.push_str(&format!(
            "; {} more might match: their attachments were not read",
            count(page.unknown)
        ));
    }
    if lag > 0 {
        text.push_str(&format!("; {} not indexed yet", count(lag)));
    }
    line(format!("{text}; {took_ms:.0} ms"))?;
    Ok(Exit::Well)
}

pub(crate) fn address(address: &Address) -> String {
    match (address.name.is_empty(), address.email.is_empty()) {
        (true, _) => address.email.clone(),
        (false, true) => address.name.clone(),
        (false, false) => format!("{} <{}>", address.name, address.email),
    }
}

fn addresses(list: &[Address]) -> Vec<String> {
    list.iter().map(address).collect()
}

fn hit_json(hit: &SearchHit, snippet: &HitSnippet) -> Value {
    let head = &hit.head;
    json!({
        "id": hit.id.to_string(),
        "sha256": hit.copy.to_string(),
        "copies": hit.copies,
        "date": head.sent.map(|sent| format_rfc3339(sent.unix)),
        "from": addresses(&head.from),
        "to": addresses(&head.to),
        "subject": head.subject,
        "snippet": snippet.snippet.text,
        "size": hit.size,
        "places": hit.places.iter().map(|place| json!({
            "mailbox": place.mailbox, "folder": place.folder,
        })).collect::<Vec<_>>(),
    })
}

fn print_hit(hit: &SearchHit, snippet: &HitSnippet) -> Result<(), Failure> {
    let id: String = hit.id.to_string().chars().take(12).collect();
    let date = hit
        .head
        .sent
        .map_or_else(|| "no date".into(), |sent| format_rfc3339(sent.unix));
    let date: String = date.chars().take(10).collect();
    let from = hit.head.from.first().map(|from| {
        if from.name.is_empty() {
            from.email.clone()
        } else {
            from.name.clone()
        }
    });
    let from = cut(&from.unwrap_or_default(), 24);
    let subject = if hit.head.subject.is_empty() {
        "(no subject)"
    } else {
        &hit.head.subject
    };
    line(format!("{id}  {date}  {from:<24}  {}", cut(subject, 70)))?;
    if !snippet.snippet.text.is_empty() {
        line(format!("              {}", marked(&snippet.snippet)))?;
    }
    let places: Vec<String> = hit
        .places
        .iter()
        .take(3)
        .map(|place| format!("{}/{}", plain(&place.mailbox), plain(&place.folder)))
        .collect();
    let more = hit.places.len().saturating_sub(3);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    if !places.is_empty() {
        line(format!("              in {}{more}", places.join(", ")))?;
    }
    Ok(())
}

/// The snippet, found words bold on a terminal.
fn marked(snippet: &Snippet) -> String {
    let text = &snippet.text;
    if !std::io::stdout().is_terminal() {
        return plain(text);
    }
    let mut out = String::new();
    let mut at = 0;
    for found in &snippet.hits {
        let (Some(before), Some(word)) = (text.get(at..found.start), text.get(found.clone()))
        else {
            continue;
        };
        out.push_str(&plain(before));
        out.push_str("\u{1b}[1m");
        out.push_str(&plain(word));
        out.push_str("\u{1b}[0m");
        at = found.end;
    }
    out.push_str(&plain(text.get(at..).unwrap_or_default()));
    out
}
