//! `everpost compact`.

use std::time::Instant;

use everpost_store::CompactOptions;
use serde_json::json;

use super::open;
use super::verify::{bad_json, bar, print_bad};
use crate::cli::{CompactCommand, Global};
use crate::failure::{Exit, Failure};
use crate::output::{count, line, object, size};

pub(crate) async fn run(global: &Global, command: CompactCommand) -> Result<Exit, Failure> {
    let (store, tenant) = open(global, false).await?;
    let options = CompactOptions {
        level: command.level,
        ..CompactOptions::default()
    };
    let began = Instant::now();
    let bar = bar(global);
    let done = tenant
        .compact(&options, |progress| {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
            bar.set_message("bytes");
        })
        .await;
    bar.finish_and_clear();
    let report = done?;
    let catalog = store.catalog_bytes().await?;
    store.vacuum().await?;
    let vacuumed = store.catalog_bytes().await?;
    let seconds = began.elapsed().as_secs_f64();
    store.close().await?;
    print_bad(global, &report.bad)?;
    if global.json {
        object(&json!({
            "summary": true, "old_packs": report.old_packs, "old_bytes": report.old_bytes,
            "new_packs": report.new_packs, "new_bytes": report.new_bytes, "moved": report.moved,
            "kept": report.kept, "catalog_before": catalog, "catalog_after": vacuumed, "seconds": seconds,
            "bad": report.bad.iter().map(bad_json).collect::<Vec<_>>(),
        }))?;
    } else if report.old_packs == 0 {
        line("Nothing to do: every pack is large and well compressed.")?;
    } else {
        line(format!(
            "{} packs of {} became {} of {}; catalog {} (was {}); {seconds:.1} s",
            count(report.old_packs),
            size(report.old_bytes),
            count(report.new_packs),
            size(report.new_bytes),
            size(vacuumed),
            size(catalog)
        ))?;
    }
    Ok(if report.bad.is_empty() {
        Exit::Well
    } else {
        Exit::Wrong
    })
}
