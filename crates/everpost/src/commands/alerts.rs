//! `everpost alerts`.

use everpost_service::test_alerts;
use serde_json::{Value, json};

use super::remote::{items, service, text};
use crate::cli::{AlertsCommand, Global};
use crate::failure::{Exit, Failure};
use crate::output::{line, object, plain};

pub(crate) async fn run(global: &Global, command: &AlertsCommand) -> Result<Exit, Failure> {
    match command {
        AlertsCommand::List => list(global).await,
        AlertsCommand::Test => test(global).await,
    }
}

async fn list(global: &Global) -> Result<Exit, Failure> {
    let Some(service) = service(global).await else {
        let hint = "the service looks after the archive; start it, or ask with --data for the one that runs";
        return Err(Failure::usage(
            "no service runs on this data directory",
            hint,
        ));
    };
    let all: Vec<Value> = items(service.get("/alerts").await?)?;
    for one in &all {
        if global.json {
            object(one)?;
            continue;
        }
        line(format!(
            "{:<9} {:<20} since {}",
            text(one, "severity"),
            text(one, "key"),
            text(one, "since")
        ))?;
        line(format!("          {}", plain(text(one, "what"))))?;
        line(format!("          → {}", plain(text(one, "hint"))))?;
    }
    if global.json {
        object(&json!({"summary": true, "alerts": all.len()}))?;
    } else if all.is_empty() {
        line("All is well.")?;
    }
    Ok(Exit::Well)
}

async fn test(global: &Global) -> Result<Exit, Failure> {
    let told = test_alerts(&global.config).await?;
    if told.is_empty() {
        let hint = "set `mail` or `webhook` of [alerts]; docs/operate/alerts.md says more";
        return Err(Failure::usage("nobody is told of anything", hint));
    }
    let mut exit = Exit::Well;
    for (way, done) in &told {
        let why = done.as_ref().err();
        if why.is_some() {
            exit = Exit::SomeFailed;
        }
        if global.json {
            object(&json!({"way": way, "told": why.is_none(), "why": why}))?;
            continue;
        }
        line(match why {
            None => format!("{way}: told"),
            Some(why) => format!("{way}: NOT told: {}", plain(why)),
        })?;
    }
    Ok(exit)
}
