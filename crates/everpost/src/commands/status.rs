//! `everpost status` and `everpost reindex`.

use serde_json::json;

use super::open;
use crate::cli::{Global, StatusCommand};
use crate::failure::{Exit, Failure};
use crate::output::{count, line, object, plain, size};

pub(crate) async fn run(global: &Global, command: StatusCommand) -> Result<Exit, Failure> {
    if let Some(service) = super::remote::service(global).await {
        return super::remote::status(global, &service).await;
    }
    let (store, tenant) = open(global, false).await?;
    let status = tenant.status().await?;
    let usage = if command.mailboxes {
        tenant.usage().await?
    } else {
        Vec::new()
    };
    let catalog = store.catalog_bytes();
    let stored = status.pack_bytes + status.index_bytes + catalog;
    if global.json {
        for usage in &usage {
            object(
                &json!({"mailbox": usage.mailbox, "copies": usage.copies, "bytes": usage.bytes, "share": usage.share}),
            )?;
        }
        object(&json!({
            "summary": true, "tenant": tenant.name(), "messages": status.messages, "copies": status.copies,
            "deliveries": status.deliveries, "mailboxes": status.mailboxes, "events": status.events,
            "delivered_bytes": status.delivered_bytes, "raw_bytes": status.raw_bytes,
            "distinct_bytes": status.distinct_bytes, "pack_bytes": status.pack_bytes, "packs": status.packs,
            "index_bytes": status.index_bytes, "splits": status.splits, "catalog_bytes": catalog,
            "stored_bytes": stored, "index_lag": status.index_lag, "log_lag": status.log_lag,
            "log_size": status.log_size, "log_root": status.log_root, "log_key": status.log_key,
            "last_admission": status.last_admission,
        }))?;
        return Ok(Exit::Well);
    }
    let of_raw = |bytes: u64| match status.delivered_bytes {
        0 => String::new(),
        all => format!("{:.0} % of what came in", bytes as f64 * 100.0 / all as f64),
    };
    line(format!(
        "Archive     {} (tenant {})",
        global.data.display(),
        tenant.name()
    ))?;
    line(format!(
        "Mail        {} messages, {} copies, {} deliveries, {} mailboxes",
        count(status.messages),
        count(status.copies),
        count(status.deliveries),
        count(status.mailboxes)
    ))?;
    line(format!("Came in     {}", size(status.delivered_bytes)))?;
    line(format!("Stored      {}: {}", size(stored), of_raw(stored)))?;
    line(format!(
        "  mail      {:>8} in {} packs",
        size(status.pack_bytes),
        count(status.packs)
    ))?;
    line(format!(
        "  index     {:>8} in {} splits",
        size(status.index_bytes),
        count(status.splits)
    ))?;
    line(format!("  catalog   {:>8}", size(catalog)))?;
    line(format!(
        "Saved       {} by keeping equal bytes once, {} by compression",
        size(status.delivered_bytes.saturating_sub(status.distinct_bytes)),
        size(status.distinct_bytes.saturating_sub(status.pack_bytes))
    ))?;
    line(format!(
        "Lag         index {}, log {} of {} events",
        count(status.index_lag),
        count(status.log_lag),
        count(status.events)
    ))?;
    match status.log_size {
        0 => line("Checkpoint  none yet")?,
        leaves => line(format!(
            "Checkpoint  {} leaves, root {}",
            count(leaves),
            status.log_root
        ))?,
    }
    for usage in &usage {
        line(format!(
            "  {:<40} {:>9} copies  {:>8}  (share {})",
            plain(&usage.mailbox),
            count(usage.copies),
            size(usage.bytes),
            size(usage.share)
        ))?;
    }
    Ok(Exit::Well)
}

pub(crate) async fn reindex(global: &Global) -> Result<Exit, Failure> {
    let (store, tenant) = open(global, false).await?;
    let progress = tenant.reindex().await?;
    store.close().await?;
    match global.json {
        true => object(
            &json!({"summary": true, "indexed": progress.indexed, "events": progress.events}),
        )?,
        false => line(format!("Indexed {} events.", count(progress.indexed)))?,
    }
    Ok(Exit::Well)
}
