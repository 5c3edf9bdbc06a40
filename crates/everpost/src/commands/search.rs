//! `everpost search`.

use std::io::IsTerminal;
use std::time::Instant;

use everpost_domain::message::{Address, format_rfc3339};
use everpost_domain::query::{Query, Snippet, parse};
use everpost_store::{
    By, FacetCount, HitSnippet, Order, Scope, SearchHit, SearchPage, SearchRequest, SnippetPlace,
    Tenant,
};
use serde_json::{Value, json};

use super::{indexed, open, time};
use crate::cli::{Global, SearchCommand};
use crate::failure::{Exit, Failure};
use crate::output::{count, cut, line, object, plain};

/// Whose searches the command line keeps: the operator's.
const OWNER: &str = "";
/// Values of each facet.
const FACETS: usize = 10;

pub(crate) async fn run(global: &Global, command: SearchCommand) -> Result<Exit, Failure> {
    // What is wrong with the command is said before anything is opened.
    query(&command.query)?;
    let (_store, tenant) = open(global, false).await?;
    if command.saved.as_deref() == Some("") {
        return list_saved(global, &tenant).await;
    }
    let text = match &command.saved {
        Some(name) => saved(&tenant, name).await?,
        None => command.query.clone(),
    };
    let query = query(&text)?;
    if let Some(name) = &command.save {
        tenant.save_search(OWNER, name, &text).await?;
    }
    let lag = indexed(&tenant).await?;
    if command.facets {
        return facets(global, &tenant, &query).await;
    }
    if command.months {
        return months(global, &tenant, &query).await;
    }
    if let Some(id) = &command.explain {
        return explain(global, &tenant, &query, id).await;
    }
    let request = SearchRequest {
        by: match command.by.as_str() {
            "copy" => By::Copy,
            _ => By::Message,
        },
        order: match command.order.as_str() {
            "oldest" => Order::Oldest,
            "score" => Order::Score,
            _ => Order::Newest,
        },
        after: command.cursor.as_deref().map(str::parse).transpose()?,
        limit: command.limit,
        ..SearchRequest::new(query)
    };
    let began = Instant::now();
    let page = tenant.search(&request).await?;
    let took_ms = began.elapsed().as_secs_f64() * 1000.0;
    let shown: Vec<_> = page.hits.iter().map(|hit| hit.copy).collect();
    let snippets = tenant
        .snippets(&request.query, &shown, &request.scope)
        .await?;
    for (hit, snippet) in page.hits.iter().zip(&snippets) {
        match global.json {
            true => object(&hit_json(hit, snippet))?,
            false => print_hit(hit, snippet)?,
        }
    }
    if global.json {
        object(&json!({
            "summary": true, "total": page.messages, "copies": page.copies, "unknown": page.unknown,
            "took_ms": (took_ms * 10.0).round() / 10.0, "next": page.next.map(|next| next.to_string()),
            "answered": ["local"], "silent": [], "index_lag": lag,
        }))?;
    } else {
        line(summary(&page, lag, took_ms))?;
    }
    Ok(Exit::Well)
}

/// A query as it was typed.
pub(crate) fn query(text: &str) -> Result<Query, Failure> {
    parse(text).map_err(|error| {
        Failure::usage(
            format!("the query is wrong\n{}", error.pretty(text)),
            "see docs/query.md",
        )
    })
}

fn summary(page: &SearchPage, lag: u64, took_ms: f64) -> String {
    let messages = if page.messages == 1 {
        "message"
    } else {
        "messages"
    };
    let mut text = format!("{} {messages}", count(page.messages));
    if page.copies != page.messages {
        text.push_str(&format!(" ({} copies)", count(page.copies)));
    }
    if page.messages > page.hits.len() as u64 {
        text.push_str(&format!(", {} shown", count(page.hits.len() as u64)));
    }
    if page.unknown > 0 {
        text.push_str(&format!(
            "; {} more might match: some of their text was not read",
            count(page.unknown)
        ));
    }
    if lag > 0 {
        text.push_str(&format!("; {} not indexed yet", count(lag)));
    }
    format!("{text}; {took_ms:.0} ms")
}

async fn saved(tenant: &Tenant, name: &str) -> Result<String, Failure> {
    let all = tenant.saved_searches(OWNER).await?;
    let wanted = name.trim().to_lowercase();
    let found = all.iter().find(|one| one.name.to_lowercase() == wanted);
    found.map(|one| one.text.clone()).ok_or_else(|| {
        let names: Vec<String> = all.iter().map(|one| plain(&one.name)).collect();
        let hint = match names.is_empty() {
            true => "`--save NAME` keeps one".to_owned(),
            false => format!("there are: {}", names.join(", ")),
        };
        Failure::usage(format!("there is no saved search `{name}`"), hint)
    })
}

async fn list_saved(global: &Global, tenant: &Tenant) -> Result<Exit, Failure> {
    let all = tenant.saved_searches(OWNER).await?;
    for one in &all {
        match global.json {
            true => object(&json!({
                "id": one.id, "name": one.name, "q": one.text, "canonical": one.canonical,
                "created": time(one.created),
            }))?,
            false => line(plain(&format!("{}: {}", one.name, one.text)))?,
        }
    }
    if global.json {
        object(&json!({"summary": true, "saved": all.len()}))?;
    }
    Ok(Exit::Well)
}

async fn facets(global: &Global, tenant: &Tenant, query: &Query) -> Result<Exit, Failure> {
    let found = tenant.facets(query, &Scope::Everything, FACETS).await?;
    let lists: [(&str, &[FacetCount]); 6] = [
        ("sender", &found.sender),
        ("domain", &found.domain),
        ("year", &found.year),
        ("type", &found.kind),
        ("mailbox", &found.mailbox),
        ("language", &found.language),
    ];
    for (name, list) in lists {
        if !global.json && !list.is_empty() {
            line(name)?;
        }
        for facet in list {
            match global.json {
                true => {
                    object(&json!({"facet": name, "value": facet.value, "count": facet.count}))?
                }
                false => line(format!(
                    "  {:<40} {:>9}",
                    cut(&facet.value, 40),
                    count(facet.count)
                ))?,
            }
        }
    }
    if global.json {
        object(&json!({"summary": true, "total": total(tenant, query).await?}))?;
    }
    Ok(Exit::Well)
}

async fn months(global: &Global, tenant: &Tenant, query: &Query) -> Result<Exit, Failure> {
    let found = tenant.months(query, &Scope::Everything).await?;
    let most = found
        .months
        .iter()
        .map(|month| month.count)
        .max()
        .unwrap_or(1);
    for month in &found.months {
        let name = format!("{:04}-{:02}", month.year, month.month);
        match global.json {
            true => object(&json!({"month": name, "count": month.count}))?,
            false => {
                // At least one mark for what is not nothing.
                let width = (month.count * 50).div_ceil(most.max(1)) as usize;
                line(format!(
                    "{name} {:>9}  {}",
                    count(month.count),
                    "▇".repeat(width)
                ))?;
            }
        }
    }
    let all = found.months.iter().map(|month| month.count).sum::<u64>() + found.undated;
    match global.json {
        true => object(&json!({"summary": true, "total": all, "undated": found.undated}))?,
        false => line(format!(
            "{} messages, {} without a date",
            count(all),
            count(found.undated)
        ))?,
    }
    Ok(Exit::Well)
}

async fn total(tenant: &Tenant, query: &Query) -> Result<u64, Failure> {
    let request = SearchRequest {
        limit: 0,
        ..SearchRequest::new(query.clone())
    };
    Ok(tenant.search(&request).await?.messages)
}

async fn explain(
    global: &Global,
    tenant: &Tenant,
    query: &Query,
    id: &str,
) -> Result<Exit, Failure> {
    let id = tenant.resolve(id).await?;
    let reasons = tenant.why(query, &id, &Scope::Everything).await?;
    for reason in &reasons {
        if global.json {
            object(&json!({
                "test": reason.test, "holds": reason.holds,
                "where": reason.places.iter().map(|place| json!({
                    "field": place.field, "attachment": place.attachment, "text": place.text,
                })).collect::<Vec<_>>(),
            }))?;
            continue;
        }
        let holds = match reason.holds {
            Some(true) => "yes",
            Some(false) => "no",
            None => "unknown: not all of its text was read",
        };
        line(format!("{}  {holds}", plain(&reason.test)))?;
        for place in &reason.places {
            let within = place.attachment.as_ref().map(|name| format!(" {name}"));
            let within = within.unwrap_or_default();
            line(format!(
                "    {}{}: {}",
                place.field,
                plain(&within),
                plain(&place.text)
            ))?;
        }
    }
    if global.json {
        object(&json!({"summary": true, "id": id.to_string(), "tests": reasons.len()}))?;
    }
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
        "attachment": match &snippet.place {
            SnippetPlace::Attachment(name) => Some(name.clone().unwrap_or_default()),
            SnippetPlace::Body | SnippetPlace::Subject => None,
        },
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
        let within = match &snippet.place {
            SnippetPlace::Attachment(Some(name)) => format!("[{}] ", cut(name, 40)),
            SnippetPlace::Attachment(None) => "[attachment] ".to_owned(),
            SnippetPlace::Body | SnippetPlace::Subject => String::new(),
        };
        line(format!(
            "              {within}{}",
            marked(&snippet.snippet)
        ))?;
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
