//! The certificate that listeners show: whole, of its key, valid, and for our names.

use std::path::Path;
use std::time::SystemTime;

use super::{Finding, Patient};
use crate::acme::Acme;
use crate::beside;
use crate::certificate::{Certificate, Facts};
use crate::config::Protocol;

const DAY: u64 = 86_400;
/// Whoever renews by hand needs some time.
const SOON: u64 = 21;

/// Looks at the certificate.
pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let tls = &patient.config.tls;
    let now = SystemTime::now();
    match (&tls.cert, &tls.key, &tls.acme) {
        (None, None, None) => vec![own(&patient.data)],
        (Some(cert), Some(key), None) => given(cert, key, &tls.names, now),
        (None, None, Some(_)) => acme(patient, now),
        _ => {
            let hint = "give a certificate and its key, or `[tls.acme]`, or nothing";
            vec![
                Finding::new("certificate", "[tls]")
                    .wrong("the settings contradict each other", hint),
            ]
        }
    }
}

fn own(data: &Path) -> Finding {
    let path = beside(data, ".ca.pem");
    let finding = Finding::new("certificate", path.display().to_string());
    match path.exists() {
        true => finding.well("of this archive's own authority, renewed by itself; give this file to who is to trust it"),
        false => finding.skipped("the own authority is made when the service starts"),
    }
}

fn given(cert: &Path, key: &Path, names: &[String], now: SystemTime) -> Vec<Finding> {
    let subject = cert.display().to_string();
    let finding = Finding::new("certificate", &subject);
    match Certificate::read(cert, key) {
        Err(error) => vec![finding.wrong(error.to_string(), error.hint())],
        Ok(certificate) => {
            let facts = certificate.facts();
            let hint = "renew it; the service reads it by itself";
            vec![
                judge(finding, facts, now, SOON, hint),
                covered(Finding::new("names", subject), facts, names),
            ]
        }
    }
}

fn acme(patient: &Patient, now: SystemTime) -> Vec<Finding> {
    let finding = Finding::new("certificate", "[tls.acme]");
    let acme = match Acme::new(&patient.data, &patient.config.tls) {
        Ok(acme) => acme,
        Err(error) => return vec![finding.wrong(error.to_string(), error.hint())],
    };
    let https = |protocol| protocol == Protocol::Https;
    if !patient.listen.iter().any(|listen| https(listen.protocol)) {
        let hint = "the authority asks at a listener https: add one";
        return vec![finding.wrong("there is no listener https", hint)];
    }
    let hint = "look for `ACME` in the log of the service: it says why there is no new one";
    match acme.kept() {
        Ok(None) => vec![finding.warning(
            "there is none yet; until then our own authority serves",
            "it is asked for when the service starts; its log says what is in the way",
        )],
        Ok(Some(certificate)) => {
            let facts = certificate.facts();
            // A third of its life is left when another is asked for; half of that is late.
            let life = facts.until.duration_since(facts.from).unwrap_or_default();
            let late = life.as_secs() / 6 / DAY;
            vec![
                judge(finding, facts, now, late, hint),
                covered(Finding::new("names", "[tls.acme]"), facts, acme.names()),
            ]
        }
        Err(error) => {
            vec![finding.wrong(error.to_string(), "remove the file; another is asked for")]
        }
    }
}

/// By the days that are left, of which fewer than `soon` are few.
fn judge(finding: Finding, facts: &Facts, now: SystemTime, soon: u64, hint: &str) -> Finding {
    if now < facts.from {
        return finding.wrong("it is not valid yet", "is the clock of this machine right?");
    }
    let Ok(left) = facts.until.duration_since(now) else {
        return finding.wrong("it has run out", hint);
    };
    let days = left.as_secs() / DAY;
    let found = format!("whole, of its key, valid for {days} more days");
    match days < soon {
        true => finding.warning(found, hint),
        false => finding.well(found),
    }
}

fn covered(finding: Finding, facts: &Facts, names: &[String]) -> Finding {
    let missing: Vec<&str> = names
        .iter()
        .filter(|name| !facts.covers(name))
        .map(String::as_str)
        .collect();
    let has = facts.names.join(", ");
    match (names, missing.as_slice()) {
        ([], _) => finding.skipped(format!(
            "it is for {has}; `[tls] names` says nothing to compare"
        )),
        (_, []) => finding.well(format!("it is for {has}")),
        (_, missing) => finding.wrong(
            format!("it is for {has}, not for {}", missing.join(", ")),
            "get one for all names, or correct `names`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{DAY, covered, judge};
    use crate::certificate::Facts;
    use crate::doctor::{Finding, Verdict};

    #[test]
    fn days_and_names_are_judged() {
        let from = SystemTime::UNIX_EPOCH + Duration::from_secs(100 * DAY);
        let facts = Facts {
            names: vec!["mail.example.org".into()],
            from,
            until: from + Duration::from_secs(90 * DAY),
            serial: String::new(),
        };
        let after = |days: u64| {
            let now = from + Duration::from_secs(days * DAY);
            judge(Finding::new("", ""), &facts, now, 21, "").verdict
        };
        assert_eq!(after(0), Verdict::Well);
        assert_eq!(after(69), Verdict::Well);
        assert_eq!(after(70), Verdict::Warning);
        assert_eq!(after(91), Verdict::Wrong);
        let early = judge(
            Finding::new("", ""),
            &facts,
            from - Duration::from_secs(1),
            21,
            "",
        );
        assert_eq!(early.verdict, Verdict::Wrong);
        let names = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            covered(Finding::new("", ""), &facts, &names).verdict
        };
        assert_eq!(names(&[]), Verdict::Skipped);
        assert_eq!(names(&["mail.example.org"]), Verdict::Well);
        assert_eq!(
            names(&["mail.example.org", "mx.example.org"]),
            Verdict::Wrong
        );
    }
}
