//! `everpost dkim`: keys that mail of our own is signed with.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use everpost_mail::authenticity::{KeyKind, Signer};
use everpost_service::signers;
use serde_json::json;

use crate::cli::{DkimCommand, DkimKind, Global};
use crate::failure::{Exit, Failure};
use crate::output::{line, object};

pub(crate) fn run(global: &Global, command: &DkimCommand) -> Result<Exit, Failure> {
    match command {
        DkimCommand::List => {
            for signer in signers(&global.config.relay)? {
                show(global, &signer)?;
            }
        }
        DkimCommand::Generate {
            domain,
            selector,
            out,
            kind,
        } => {
            let kind = match kind {
                DkimKind::Rsa => KeyKind::Rsa,
                DkimKind::Ed25519 => KeyKind::Ed25519,
            };
            let hint =
                "as: everpost dkim generate example.org mail2026 --out /etc/everpost/mail2026.pem";
            let wrong = |error: everpost_mail::authenticity::SignError| {
                Failure::usage(error.to_string(), hint)
            };
            let (pem, _) = Signer::generate(domain, selector, kind).map_err(wrong)?;
            let signer = Signer::from_pem(domain, selector, &pem).map_err(wrong)?;
            let unwritten = |error: std::io::Error| {
                Failure::from(anyhow::anyhow!("{}: {error}", out.display()))
            };
            // A key that is there signs mail that is under way: it is never written over.
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(out)
                .map_err(unwritten)?;
            file.write_all(pem.as_bytes()).map_err(unwritten)?;
            file.sync_all().map_err(unwritten)?;
            show(global, &signer)?;
            if !global.json {
                line(format!(
                    "\nPublish the record, wait until `everpost doctor --selector {selector}` finds it, then sign:\n\n\
                     [[relay.dkim]]\ndomain = \"{}\"\nselector = \"{}\"\nkey = \"{}\"",
                    signer.domain(),
                    signer.selector(),
                    out.display(),
                ))?;
            }
        }
    }
    Ok(Exit::Well)
}

/// What is to be published, as a line of a zone file: strings have 255 bytes at most (RFC 1035 §3.3.14).
fn show(global: &Global, signer: &Signer) -> Result<(), Failure> {
    let (name, record) = (signer.dns_name(), signer.dns_record());
    if global.json {
        return object(&json!({
            "domain": signer.domain(), "selector": signer.selector(), "name": name, "record": record,
        }));
    }
    let strings = record.as_bytes().chunks(255);
    let strings: Vec<String> = strings
        .map(|part| format!("\"{}\"", String::from_utf8_lossy(part)))
        .collect();
    line(format!("{name}. IN TXT ( {} )", strings.join(" ")))
}
