//! Looks whether everything around the archive is as it should be: the machine, the certificate, and what
//! others see of us in DNS. Each check says what was found and, where it is not well, what to do.
//! It changes nothing, and needs no archive to be open.

mod blocklist;
mod domain;
mod host;
mod listener;
mod shown;

use std::path::PathBuf;

pub use host::free_bytes;
use serde::Serialize;

use crate::config::{Config, Listen};
use crate::dns::Dns;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nobody looked, because there was nothing to look at or nobody asked.
    Skipped,
    /// As it should be.
    Well,
    /// It works, and something should be done all the same; or it may be meant so.
    Warning,
    /// It does not work, or others will not have our mail.
    Wrong,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it belongs to, for people: findings of a group follow each other.
    pub group: String,
    /// What was looked at; stable, for programs.
    pub check: &'static str,
    /// Of whom or what: a path, a listener, a name, a domain.
    pub subject: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do, where something is to be done.
    pub hint: String,
}

impl Finding {
    fn new(check: &'static str, subject: impl Into<String>) -> Self {
        Finding {
            group: String::new(),
            check,
            subject: subject.into(),
            verdict: Verdict::Skipped,
            found: String::new(),
            hint: String::new(),
        }
    }

    fn skipped(mut self, why: impl Into<String>) -> Self {
        self.found = why.into();
        self
    }

    fn well(mut self, found: impl Into<String>) -> Self {
        self.verdict = Verdict::Well;
        self.found = found.into();
        self
    }

    fn warning(mut self, found: impl Into<String>, hint: impl Into<String>) -> Self {
        self.verdict = Verdict::Warning;
        self.found = found.into();
        self.hint = hint.into();
        self
    }

    fn wrong(mut self, found: impl Into<String>, hint: impl Into<String>) -> Self {
        self.verdict = Verdict::Wrong;
        self.found = found.into();
        self.hint = hint.into();
        self
    }

    /// Nobody could be asked, so nobody knows.
    fn unanswered(self, error: &crate::dns::Unanswered) -> Self {
        self.wrong(
            error.to_string(),
            "do the servers of `[dns]` (or of /etc/resolv.conf) answer, and do those of the domain?",
        )
    }
}

/// What to look at.
#[derive(Debug, Clone)]
pub struct Patient {
    /// The data directory.
    pub data: PathBuf,
    /// The socket by which a running service is reached.
    pub socket: PathBuf,
    /// The configuration.
    pub config: Config,
    /// Listeners that the service would open.
    pub listen: Vec<Listen>,
    /// Domains that the archive receives mail for, beside those of `[capture]`; or why nobody knows.
    pub domains: Result<Vec<String>, String>,
    /// The names under which keys for signing mail are published (DKIM) in each domain.
    pub selectors: Vec<String>,
    /// Keys that we sign with.
    pub keys: Vec<SigningKey>,
    /// Whether mail gets out: `HOST:PORT`, or `DOMAIN:PORT` for the first host that takes its mail.
    pub reach: Option<String>,
}

/// A key that we sign mail with.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// The domain that it signs for.
    pub domain: String,
    /// Its name.
    pub selector: String,
    /// The record that publishes it.
    pub record: String,
}

/// Looks at everything, in the order in which a person would.
pub async fn examine(patient: &Patient) -> Vec<Finding> {
    let mut all = in_group("Data directory", host::directory(&patient.data));
    let mut listeners = Vec::new();
    for listen in &patient.listen {
        listeners.push(listener::look(listen, &patient.socket).await);
    }
    all.extend(in_group("Listeners", listeners));
    all.extend(in_group("Certificate", shown::look(patient)));
    let dns = match Dns::new(&patient.config.dns) {
        Ok(dns) => dns,
        Err(error) => {
            let finding = Finding::new("dns", "[dns]").wrong(
                error.to_string(),
                "name servers in `[dns] servers`; until then nothing is looked up",
            );
            all.extend(in_group("DNS", vec![finding]));
            return all;
        }
    };
    let acme = domain::acme_names(patient, &dns).await;
    all.extend(in_group("Certificate", acme));
    let mut domains = patient.config.capture.domains.clone();
    match &patient.domains {
        Ok(known) => domains.extend(known.iter().cloned()),
        Err(why) => {
            let finding = Finding::new("domains", "archive").skipped(why);
            all.extend(in_group("Domains", vec![finding]));
        }
    }
    for name in &mut domains {
        name.make_ascii_lowercase();
    }
    domains.sort();
    domains.dedup();
    if domains.is_empty() {
        let why = "neither `domains` of [capture] nor `everpost domain` names one to look at";
        let finding = Finding::new("mx", "domains").skipped(why);
        all.extend(in_group("Domains", vec![finding]));
    }
    for name in &domains {
        let findings = domain::look(name, patient, &dns).await;
        all.extend(in_group(&format!("Domain {name}"), findings));
    }
    let published = domain::keys(patient, &dns).await;
    all.extend(in_group("Signatures", published));
    let reach = domain::reach(patient.reach.as_deref(), &dns).await;
    all.extend(in_group("The way out", vec![reach]));
    let blocklists = blocklist::look(&patient.config, &dns).await;
    all.extend(in_group("Blocklists", blocklists));
    all
}

fn in_group(name: &str, mut findings: Vec<Finding>) -> Vec<Finding> {
    for finding in &mut findings {
        finding.group = name.into();
    }
    findings
}
