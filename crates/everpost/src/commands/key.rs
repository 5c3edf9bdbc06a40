//! `everpost key`.

use std::io::{BufRead, IsTerminal, Write};

use everpost_store::{
    KeySource, MasterKey, RecoveryKey, Rekeyed, Store, check_recovery, recover_key,
};
use serde_json::json;

use super::{options, show_recovery_key};
use crate::cli::{Global, KeyCommand, KeyWhat};
use crate::failure::{Exit, Failure};
use crate::output::{line, object, plain};

pub(crate) async fn run(global: &Global, command: KeyCommand) -> Result<Exit, Failure> {
    match command.what {
        KeyWhat::Check { recovery: false } => check(global).await,
        KeyWhat::Check { recovery: true } => check_paper(global).await,
        KeyWhat::Rotate { new_key, recovery } => rotate(global, new_key, recovery).await,
        KeyWhat::Recover => recover(global).await,
        KeyWhat::New => new(global),
    }
}

/// Recovery keys from standard input: a person gives one, a program one a line.
pub(crate) fn read_recovery_keys() -> Result<Vec<RecoveryKey>, Failure> {
    let input = std::io::stdin();
    let mut keys = Vec::new();
    if input.is_terminal() {
        eprint!("Recovery key: ");
        std::io::stderr().flush()?;
        let mut text = String::new();
        input.lock().read_line(&mut text)?;
        keys.push(RecoveryKey::parse(&text)?);
        return Ok(keys);
    }
    for text in input.lock().lines() {
        let text = text?;
        if !text.trim().is_empty() {
            keys.push(RecoveryKey::parse(&text)?);
        }
    }
    match keys.is_empty() {
        true => Err(Failure::usage(
            "standard input holds no recovery key",
            "give one a line, EVRK-…",
        )),
        false => Ok(keys),
    }
}

async fn check(global: &Global) -> Result<Exit, Failure> {
    let opened = Store::open(options(global)?).await?;
    let state = opened.store.key_state()?;
    opened.store.close().await?;
    if global.json {
        object(&json!({
            "summary": true, "key": state.source.to_string(), "fingerprint": state.fingerprint,
            "mode": state.mode.map(|mode| format!("{mode:04o}")), "tenants": state.tenants,
        }))?;
        return Ok(Exit::Well);
    }
    line(format!("Key         {}", plain(&state.source.to_string())))?;
    line(format!("Fingerprint {}", state.fingerprint))?;
    match state.mode {
        Some(0o600) => line("Mode        0600: only you can read it")?,
        // Nobody else can read it, or it would not have been taken.
        Some(mode) => line(format!("Mode        {mode:04o}; 0600 is usual"))?,
        None => line("Mode        none: it comes from a variable")?,
    }
    line(format!("Opens       {}", names(&state.tenants)))?;
    Ok(Exit::Well)
}

fn names(tenants: &[String]) -> String {
    tenants
        .iter()
        .map(|name| plain(name))
        .collect::<Vec<_>>()
        .join(", ")
}

async fn check_paper(global: &Global) -> Result<Exit, Failure> {
    let mut all_open = true;
    let mut opened = Vec::new();
    let options = options(global)?;
    for key in read_recovery_keys()? {
        let tenants = check_recovery(&options, key).await?;
        all_open &= !tenants.is_empty();
        opened.extend(tenants);
    }
    if global.json {
        object(&json!({"summary": true, "opens": opened, "ok": all_open}))?;
    } else if all_open {
        line(format!("The recovery key opens {}.", names(&opened)))?;
    } else {
        line("This is a recovery key, but not one of this archive.")?;
    }
    Ok(if all_open { Exit::Well } else { Exit::Wrong })
}

async fn rotate(global: &Global, new_key: Option<String>, recovery: bool) -> Result<Exit, Failure> {
    let opened = Store::open(options(global)?).await?;
    let tenant = match recovery {
        true => Some(opened.store.tenant(global.tenant.as_deref())?),
        false => None,
    };
    let new_key = new_key.as_deref().map(KeySource::parse);
    let rekeyed = opened.store.rotate_key(new_key, tenant).await?;
    report(global, &rekeyed, "The archive has a new master key")?;
    Ok(Exit::Well)
}

async fn recover(global: &Global) -> Result<Exit, Failure> {
    let keys = read_recovery_keys()?;
    let rekeyed = recover_key(&options(global)?, &keys).await?;
    report(
        global,
        &rekeyed,
        "The archive opens again with a new master key",
    )?;
    Ok(Exit::Well)
}

fn report(global: &Global, rekeyed: &Rekeyed, what: &str) -> Result<(), Failure> {
    if let Some(recovery) = &rekeyed.recovery {
        let words = "New recovery key (shown once; the old one opens this archive no longer, only its older backups):";
        show_recovery_key(global, recovery, words);
    }
    if global.json {
        return object(&json!({
            "summary": true, "key": rekeyed.source.to_string(), "fingerprint": rekeyed.fingerprint,
            "tenants": rekeyed.tenants, "new_recovery_key": rekeyed.recovery.is_some(),
        }));
    }
    line(format!(
        "{what}: {} (fingerprint {}).",
        plain(&rekeyed.source.to_string()),
        rekeyed.fingerprint
    ))?;
    line("Backups made before still open with the keys they were made under.")
}

fn new(global: &Global) -> Result<Exit, Failure> {
    let master = MasterKey::generate()?;
    match global.json {
        true => object(
            &json!({"summary": true, "key": master.line().trim(), "fingerprint": master.fingerprint()}),
        )?,
        false => line(master.line().trim())?,
    }
    Ok(Exit::Well)
}
