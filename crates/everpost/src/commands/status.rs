//! `everpost status` and `everpost reindex`.

use everpost_store::{Age, Collected, Tenant, Usage};
use serde_json::json;

use super::{extract, open};
use crate::cli::{Global, StatusCommand};
use crate::failure::{Exit, Failure};
use crate::output::{count, line, object, plain, size};

pub(crate) async fn run(global: &Global, command: StatusCommand) -> Result<Exit, Failure> {
    let lists = command.mailboxes || command.ages || command.collected || command.csv;
    if !lists && let Some(service) = super::remote::service(global).await {
        return super::remote::status(global, &service).await;
    }
    let (store, tenant) = open(global, false).await?;
    let status = tenant.status().await?;
    let lists = Lists::read(&tenant, &command).await?;
    if command.csv {
        return lists.csv();
    }
    let catalog = store.catalog_bytes().await?;
    let texts = tenant.text_status().await?;
    let stored = status.pack_bytes + status.index_bytes + texts.pack_bytes + catalog;
    if global.json {
        lists.json()?;
        object(&json!({
            "summary": true, "tenant": tenant.name(), "messages": status.messages, "copies": status.copies,
            "deliveries": status.deliveries, "mailboxes": status.mailboxes, "events": status.events,
            "delivered_bytes": status.delivered_bytes, "raw_bytes": status.raw_bytes,
            "distinct_bytes": status.distinct_bytes, "pack_bytes": status.pack_bytes, "packs": status.packs,
            "index_bytes": status.index_bytes, "splits": status.splits, "catalog_bytes": catalog,
            "stored_bytes": stored, "index_lag": status.index_lag, "log_lag": status.log_lag,
            "log_size": status.log_size, "log_root": status.log_root, "log_key": status.log_key,
            "last_admission": status.last_admission, "attachments": extract::as_json(&texts),
        }))?;
        return Ok(Exit::Well);
    }
    let of_raw = |bytes: u64| match status.delivered_bytes {
        0 => String::new(),
        all => format!("{:.0} % of what came in", bytes as f64 * 100.0 / all as f64),
    };
    line(format!(
        "Archive     {} (tenant {})",
        global.place(),
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
    line(format!(
        "  texts     {:>8} of attachments",
        size(texts.pack_bytes)
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
    line(extract::in_words(&texts))?;
    match status.log_size {
        0 => line("Checkpoint  none yet")?,
        leaves => line(format!(
            "Checkpoint  {} leaves, root {}",
            count(leaves),
            status.log_root
        ))?,
    }
    lists.print()?;
    Ok(Exit::Well)
}

/// What is told apart, as far as it was asked for.
#[derive(Default)]
struct Lists {
    mailboxes: Vec<Usage>,
    groups: Vec<Usage>,
    ages: Vec<Age>,
    collected: Vec<Collected>,
}

impl Lists {
    async fn read(tenant: &Tenant, command: &StatusCommand) -> Result<Self, Failure> {
        let none = !command.mailboxes && !command.ages && !command.collected;
        let all = command.csv && none;
        let mut lists = Lists::default();
        if all || command.mailboxes {
            lists.mailboxes = tenant.usage().await?;
            lists.groups = tenant.usage_by_group().await?;
        }
        if all || command.ages {
            lists.ages = tenant.ages().await?;
        }
        if all || command.collected {
            lists.collected = tenant.collected().await?;
        }
        Ok(lists)
    }

    fn json(&self) -> Result<(), Failure> {
        for (what, list) in [("mailbox", &self.mailboxes), ("group", &self.groups)] {
            for one in list {
                object(
                    &json!({what: one.name, "copies": one.copies, "bytes": one.bytes, "share": one.share}),
                )?;
            }
        }
        for age in &self.ages {
            object(&json!({"year": age.year, "copies": age.copies, "bytes": age.bytes}))?;
        }
        for one in &self.collected {
            object(&json!({
                "month": month(one), "stored": one.stored, "stored_bytes": one.stored_bytes,
                "duplicate": one.duplicate, "duplicate_bytes": one.duplicate_bytes,
            }))?;
        }
        Ok(())
    }

    fn print(&self) -> Result<(), Failure> {
        for (what, list) in [("", &self.mailboxes), ("group ", &self.groups)] {
            for one in list {
                line(format!(
                    "  {:<40} {:>9} copies  {:>8}  (share {})",
                    format!("{what}{}", plain(&one.name)),
                    count(one.copies),
                    size(one.bytes),
                    size(one.share)
                ))?;
            }
        }
        for age in &self.ages {
            let (copies, bytes) = (count(age.copies), size(age.bytes));
            line(format!(
                "  held since {:<29} {copies:>9} copies  {bytes:>8}",
                age.year
            ))?;
        }
        for one in &self.collected {
            line(format!(
                "  collected {:<30} {:>9} copies  {:>8}  ({} again)",
                month(one),
                count(one.stored),
                size(one.stored_bytes),
                count(one.duplicate)
            ))?;
        }
        Ok(())
    }

    /// One table: what a row is of, its name, and numbers.
    fn csv(&self) -> Result<Exit, Failure> {
        line("list,name,copies,bytes,share,duplicates,duplicate_bytes")?;
        for (what, list) in [("mailbox", &self.mailboxes), ("group", &self.groups)] {
            for one in list {
                let name = quoted(&one.name);
                line(format!(
                    "{what},{name},{},{},{},,",
                    one.copies, one.bytes, one.share
                ))?;
            }
        }
        for age in &self.ages {
            line(format!("age,{},{},{},,,", age.year, age.copies, age.bytes))?;
        }
        for one in &self.collected {
            line(format!(
                "collected,{},{},{},,{},{}",
                month(one),
                one.stored,
                one.stored_bytes,
                one.duplicate,
                one.duplicate_bytes
            ))?;
        }
        Ok(Exit::Well)
    }
}

fn month(of: &Collected) -> String {
    format!("{:04}-{:02}", of.year, of.month)
}

/// A value of a CSV file. Spreadsheets take what begins like a formula for one; a quote mark
/// before it makes it a text.
fn quoted(text: &str) -> String {
    let text = plain(text).replace('"', "\"\"");
    let guard = if text.starts_with(['=', '+', '-', '@']) {
        "'"
    } else {
        ""
    };
    format!("\"{guard}{text}\"")
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
