//! `everpost show`.

use std::io::Write;

use everpost_domain::digest::Digest;
use everpost_domain::identity::Origin;
use everpost_domain::message::{SearchText, format_rfc3339, scan};
use everpost_store::{CopyInfo, MatchExplanation, Scope, Tenant};
use serde_json::json;

use super::search::address;
use super::{authenticity, indexed, open, time};
use crate::cli::{Global, ShowCommand};
use crate::failure::{Exit, Failure};
use crate::output::{count, cut, line, object, plain};

pub(crate) async fn run(global: &Global, command: ShowCommand) -> Result<Exit, Failure> {
    if !command.matches
        && !command.conversation
        && let Some(service) = super::remote::service(global).await
    {
        return super::remote::show(global, &service, &command).await;
    }
    let (_store, tenant) = open(global, false).await?;
    let id = tenant.resolve(&command.id).await?;
    if command.raw {
        let mut out = std::io::stdout().lock();
        tenant.read_raw(&id, |bytes| out.write_all(bytes)).await?;
        out.flush()?;
        return Ok(Exit::Well);
    }
    if command.matches {
        return explain(global, &tenant.explain_match(&id).await?);
    }
    if command.conversation {
        return conversation(global, &tenant, &id).await;
    }
    if command.authenticity {
        return authenticity::print(global, &everpost_service::authenticity(&tenant, &id).await?);
    }
    let info = tenant.show(&id).await?;
    if global.json {
        object(&info_json(&info))?;
        return Ok(Exit::Well);
    }
    print_head(&info)?;
    let raw = tenant.raw(&id).await?;
    let text = SearchText::read(&raw, &scan(&raw));
    line("")?;
    for text in text.body.lines() {
        line(plain(text))?;
    }
    Ok(Exit::Well)
}

async fn conversation(global: &Global, tenant: &Tenant, id: &Digest) -> Result<Exit, Failure> {
    indexed(tenant).await?;
    let found = tenant.conversation(id, &Scope::Everything).await?;
    for item in &found.items {
        let date = item.sent.map(format_rfc3339);
        let from = item.from.first().map(address).unwrap_or_default();
        if global.json {
            object(&json!({
                "id": item.id.to_string(), "date": date, "from": from, "subject": item.subject,
                "depth": item.depth,
            }))?;
            continue;
        }
        let short: String = item.id.to_string().chars().take(12).collect();
        let date: String = date
            .unwrap_or_else(|| "no date".into())
            .chars()
            .take(10)
            .collect();
        // Deeper answers are not moved further: the line has to hold the subject too.
        let indent = "  ".repeat(item.depth.min(12) as usize);
        line(format!(
            "{short}  {date}  {indent}{}: {}",
            cut(&from, 30),
            cut(&item.subject, 60)
        ))?;
    }
    if global.json {
        object(
            &json!({"summary": true, "messages": found.items.len(), "complete": found.complete}),
        )?;
    } else if !found.complete {
        line("… and more: the conversation is larger than what was looked at")?;
    }
    Ok(Exit::Well)
}

fn explain(global: &Global, found: &MatchExplanation) -> Result<Exit, Failure> {
    if global.json {
        object(&json!({
            "verdict": found.verdict.to_string(),
            "part_sets": found.trace.part_sets,
            "trace": found.trace.to_string().lines().collect::<Vec<_>>(),
            "candidates": found.candidates.iter().map(|(id, digest)| {
                json!({"number": id, "id": digest.to_string()})
            }).collect::<Vec<_>>(),
        }))?;
        return Ok(Exit::Well);
    }
    for (id, digest) in &found.candidates {
        line(format!("{id:>6}  {digest}"))?;
    }
    line(&found.trace)?;
    Ok(Exit::Well)
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::EventSink => "captured",
        Origin::Harvester => "harvested",
        Origin::Other => "imported",
    }
}

fn print_head(info: &CopyInfo) -> Result<(), Failure> {
    let head = &info.head;
    let list = |list: &[everpost_domain::message::Address]| {
        list.iter()
            .map(|one| plain(&address(one)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    line(format!("Id:       {}", info.id))?;
    if info.copies.len() > 1 {
        line(format!(
            "Message:  {} ({} copies)",
            info.message,
            info.copies.len()
        ))?;
    }
    if let Some(sent) = head.sent {
        line(format!(
            "Date:     {} (zone {:+03}:{:02})",
            format_rfc3339(sent.unix),
            sent.offset_minutes / 60,
            (sent.offset_minutes % 60).abs()
        ))?;
    }
    line(format!("From:     {}", list(&head.from)))?;
    line(format!("To:       {}", list(&head.to)))?;
    if !head.cc.is_empty() {
        line(format!("Cc:       {}", list(&head.cc)))?;
    }
    line(format!("Subject:  {}", plain(&head.subject)))?;
    for name in &head.filenames {
        line(format!("File:     {}", plain(name)))?;
    }
    line(format!("Size:     {} bytes", count(info.size)))?;
    line(format!(
        "Held:     since {} ({})",
        time(info.held_from),
        origin(info.origin)
    ))?;
    for place in &info.places {
        line(format!(
            "In:       {} / {}",
            plain(&place.mailbox),
            plain(&place.folder)
        ))?;
    }
    Ok(())
}

fn info_json(info: &CopyInfo) -> serde_json::Value {
    let head = &info.head;
    let list =
        |list: &[everpost_domain::message::Address]| list.iter().map(address).collect::<Vec<_>>();
    json!({
        "id": info.id.to_string(),
        "message": info.message.to_string(),
        "copies": info.copies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "size": info.size,
        "origin": origin(info.origin),
        "held_from": time(info.held_from),
        "held_source": format!("{:?}", info.held_source).to_lowercase(),
        "seq": info.seq,
        "date": head.sent.map(|sent| format_rfc3339(sent.unix)),
        "zone_minutes": head.sent.map(|sent| sent.offset_minutes),
        "message_id": head.message_id.as_ref().map(|id| String::from_utf8_lossy(id)),
        "from": list(&head.from), "to": list(&head.to), "cc": list(&head.cc), "bcc": list(&head.bcc),
        "subject": head.subject,
        "attachments": head.attachments,
        "filenames": head.filenames,
        "places": info.places.iter().map(|place| json!({
            "mailbox": place.mailbox, "folder": place.folder, "flags": place.flags,
            "keywords": place.keywords, "delivered": time(place.delivered),
        })).collect::<Vec<_>>(),
    })
}
