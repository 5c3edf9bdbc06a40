//! `everpost capture`.

use std::io::Read;
use std::path::Path;

use everpost_codec::journal::{Envelope, Reports, classify};
use serde_json::json;

use super::relay;
use crate::cli::{CaptureCommand, Global};
use crate::failure::{Exit, Failure};
use crate::output::{line, object, plain};

/// What the archive takes at most.
const LARGEST: u64 = 256 << 20;

pub(crate) async fn run(global: &Global, command: &CaptureCommand) -> Result<Exit, Failure> {
    match command {
        CaptureCommand::Check { file } => check(global, file),
        CaptureCommand::Omissions { file, record } => omitted(global, file, *record).await,
    }
}

async fn omitted(global: &Global, file: &Path, record: bool) -> Result<Exit, Failure> {
    let found = relay::omitted(global, file, record).await?;
    for one in &found.omitted {
        if global.json {
            object(&serde_json::to_value(one).map_err(anyhow::Error::from)?)?;
            continue;
        }
        let known = if one.known { "  (known)" } else { "" };
        line(plain(&format!(
            "{}  {}  <{}>  from <{}> to {}{known}",
            one.at.as_deref().unwrap_or("?"),
            one.queue_id,
            one.message_id,
            one.sender,
            one.recipients.join(", "),
        )))?;
    }
    let omitted = found.missing;
    let listed = found.omitted.len() as u64;
    if global.json {
        object(&json!({
            "summary": true, "seen": found.seen, "archived": found.archived, "omitted": omitted,
            "unnamed": found.unnamed, "recorded": record,
        }))?;
    } else {
        line(format!(
            "{} messages passed: {} are in the archive, {omitted} are not, of {} the log names no Message-ID.",
            found.seen, found.archived, found.unnamed
        ))?;
        if listed < omitted {
            line(format!("The first {listed} are listed."))?;
        }
        if omitted > 0 && !record {
            line("With --record they are written into the archive's log.")?;
        }
    }
    Ok(match omitted {
        0 => Exit::Well,
        _ => Exit::SomeFailed,
    })
}

fn check(global: &Global, file: &Path) -> Result<Exit, Failure> {
    let source: Box<dyn Read> = match file.as_os_str() == "-" {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(std::fs::File::open(file).map_err(|error| unread(file, &error))?),
    };
    let mut raw = Vec::new();
    let read = source.take(LARGEST + 1).read_to_end(&mut raw);
    read.map_err(|error| unread(file, &error))?;
    if raw.len() as u64 > LARGEST {
        let what = format!("{} is larger than any mail", file.display());
        return Err(Failure::usage(what, "name the file of one mail"));
    }
    // Whom a plain copy is for stands in its envelope, which a file does not have.
    let said = classify(&raw, &Envelope::default(), Reports::Read).describe(&raw);
    if global.json {
        let facts = said.facts.iter();
        let facts = facts.map(|(name, value)| json!({"name": name, "value": value}));
        object(&json!({
            "form": said.form, "facts": facts.collect::<Vec<_>>(), "doubts": said.doubts,
        }))?;
        return Ok(Exit::Well);
    }
    for text in said.to_string().lines() {
        line(plain(text))?;
    }
    Ok(Exit::Well)
}

fn unread(file: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::from(anyhow::anyhow!("{}: {error}", file.display()))
}
