//! `everpost capture`.

use std::io::Read;

use everpost_codec::journal::{Envelope, Reports, classify};
use serde_json::json;

use crate::cli::{CaptureCommand, Global};
use crate::failure::{Exit, Failure};
use crate::output::{line, object, plain};

/// What the archive takes at most.
const LARGEST: u64 = 256 << 20;

pub(crate) fn run(global: &Global, command: &CaptureCommand) -> Result<Exit, Failure> {
    let CaptureCommand::Check { file } = command;
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
