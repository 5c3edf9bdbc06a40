//! `everpost extract`, and what import and status say of attachments.

use everpost_extract::{Pool, PoolOptions};
use everpost_store::{ExtractProgress, Tenant, TextStatus};
use indicatif::ProgressBar;
use serde_json::{Map, Value, json};

use super::import::bar;
use super::open;
use crate::cli::{ExtractCommand, Global};
use crate::failure::{Exit, Failure};
use crate::output::{count, line, object, size};

pub(crate) async fn run(global: &Global, command: ExtractCommand) -> Result<Exit, Failure> {
    let (store, tenant) = open(global, false).await?;
    let done = read(global, &tenant, command.retry).await?;
    let status = tenant.text_status().await?;
    store.close().await?;
    if global.json {
        object(&json!({
            "summary": true, "documents": done.documents, "bytes": done.bytes,
            "attachments": as_json(&status),
        }))?;
        return Ok(Exit::Well);
    }
    let (documents, bytes) = (count(done.documents), size(done.bytes));
    line(format!("{documents} attachments read ({bytes})."))?;
    line(in_words(&status))?;
    Ok(Exit::Well)
}

/// Reads what is not read yet, in child processes of this very program.
pub(crate) async fn read(
    global: &Global,
    tenant: &Tenant,
    retry: bool,
) -> Result<ExtractProgress, Failure> {
    let pool = Pool::new(PoolOptions::new(std::env::current_exe()?));
    let bar = bar(global);
    let shown = |progress| show(&bar, progress);
    let done = tenant.advance_extract(&pool, retry, shown).await;
    bar.finish_and_clear();
    Ok(done?)
}

fn show(bar: &ProgressBar, progress: ExtractProgress) {
    bar.set_length(progress.events);
    bar.set_position(progress.done);
    let read = count(progress.documents);
    bar.set_message(format!("reading attachments: {read}"));
}

/// What is known of attachments, as JSON.
pub(crate) fn as_json(status: &TextStatus) -> Value {
    let reasons = status.gaps.iter();
    let unknown: Map<String, Value> = reasons
        .map(|(gap, count)| (gap.name().to_owned(), json!(count)))
        .collect();
    json!({
        "pending_copies": status.pending, "unreadable_copies": status.unreadable, "read": status.read,
        "unknown": unknown, "text_bytes": status.text_bytes, "pack_bytes": status.pack_bytes,
    })
}

/// What is known of attachments, as a line.
pub(crate) fn in_words(status: &TextStatus) -> String {
    let mut text = format!(
        "Attachments {} read as a whole ({} of text)",
        count(status.read),
        size(status.text_bytes)
    );
    let unknown: u64 = status.gaps.iter().map(|(_, count)| count).sum();
    if unknown > 0 {
        let reasons = status.gaps.iter();
        let reasons: Vec<String> = reasons
            .map(|(gap, number)| format!("{} {}", count(*number), gap.name()))
            .collect();
        text.push_str(&format!(
            ", {} not or in part: {}",
            count(unknown),
            reasons.join(", ")
        ));
    }
    if status.pending > 0 {
        text.push_str(&format!("; {} copies wait", count(status.pending)));
    }
    if status.unreadable > 0 {
        text.push_str(&format!(
            "; {} copies cannot be read back",
            count(status.unreadable)
        ));
    }
    text
}
