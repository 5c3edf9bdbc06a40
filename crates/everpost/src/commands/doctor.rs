//! `everpost doctor`.

use everpost_mail::authenticity::Signer;
use everpost_node::doctor::{Finding, Patient, SigningKey, Verdict, examine};
use everpost_service::{SOCKET, signers};
use serde_json::json;

use super::relay;
use super::service::listeners;
use crate::cli::{DoctorCommand, Global};
use crate::failure::{Exit, Failure};
use crate::output::{line, object, plain};

pub(crate) async fn run(global: &Global, command: DoctorCommand) -> Result<Exit, Failure> {
    let keys = signers(&global.config.relay)?;
    let key = |signer: Signer| SigningKey {
        domain: signer.domain().into(),
        selector: signer.selector().into(),
        record: signer.dns_record(),
    };
    let patient = Patient {
        data: global.data.clone(),
        socket: global.data.join(SOCKET),
        config: global.config.clone(),
        listen: listeners(global, &command.listen)?,
        domains: domains(global).await.map_err(|failure| failure.what()),
        selectors: command.selector,
        keys: keys.into_iter().map(key).collect(),
        reach: command.reach,
    };
    let findings = examine(&patient).await;
    let count = |verdict| {
        let of = findings.iter().filter(|finding| finding.verdict == verdict);
        of.count()
    };
    let (well, warnings) = (count(Verdict::Well), count(Verdict::Warning));
    let (wrong, skipped) = (count(Verdict::Wrong), count(Verdict::Skipped));
    if global.json {
        for finding in &findings {
            object(&serde_json::to_value(finding).map_err(anyhow::Error::from)?)?;
        }
        object(&json!({
            "summary": true, "well": well, "warnings": warnings, "wrong": wrong, "skipped": skipped,
        }))?;
    } else {
        show(&findings)?;
        line(format!(
            "\n{well} well, {warnings} to look after, {wrong} wrong, {skipped} not looked at."
        ))?;
    }
    Ok(match wrong {
        0 => Exit::Well,
        _ => Exit::SomeFailed,
    })
}

/// Domains that the archive knows; none where there is no archive yet.
async fn domains(global: &Global) -> Result<Vec<String>, Failure> {
    if !global.data.exists() {
        return Ok(Vec::new());
    }
    let known = relay::domains(global).await?.into_iter();
    Ok(known.map(|domain| domain.name).collect())
}

/// Prints what was found, group by group. Much of it others have written: names, records.
fn show(findings: &[Finding]) -> Result<(), Failure> {
    let mut group = None;
    for finding in findings {
        if group != Some(&finding.group) {
            if group.is_some() {
                line("")?;
            }
            line(plain(&finding.group))?;
            group = Some(&finding.group);
        }
        let verdict = match finding.verdict {
            Verdict::Well => "ok",
            Verdict::Warning => "look",
            Verdict::Wrong => "WRONG",
            Verdict::Skipped => "-",
        };
        let (subject, found) = (plain(&finding.subject), plain(&finding.found));
        line(format!(
            "  {verdict:<6} {:<12} {subject}: {found}",
            finding.check
        ))?;
        if !finding.hint.is_empty() {
            line(format!("  {:<19} → {}", "", plain(&finding.hint)))?;
        }
    }
    Ok(())
}
