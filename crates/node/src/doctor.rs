//! Looks whether everything around the archive is as it should be: the machine, the certificate, and what
//! others see of us in DNS. Each check says what was found and, where it is not well, what to do.
//! It changes nothing, and needs no archive to be open.

mod blocklist;
mod domain;
mod host;
mod listener;
mod shown;

use std::path::PathBuf;

use serde::Serialize;

use crate::NodeError;
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
    /// The names under which keys for signing mail are published (DKIM); none, where we sign nothing.
    pub selectors: Vec<String>,
    /// Whether mail gets out: `HOST:PORT`, or `DOMAIN:PORT` for the first host that takes its mail.
    pub reach: Option<String>,
}

/// Looks at everything, in the order in which a person would.
pub async fn examine(patient: &Patient) -> Result<Vec<Finding>, NodeError> {
    let dns = Dns::new(&patient.config.dns)?;
    let mut findings = host::directory(&patient.data);
    for listen in &patient.listen {
        findings.push(listener::look(listen, &patient.socket).await);
    }
    findings.extend(shown::look(patient));
    findings.extend(domain::acme_names(patient, &dns).await);
    for name in &patient.config.capture.domains {
        findings.extend(domain::look(name, patient, &dns).await);
    }
    findings.push(domain::reach(patient.reach.as_deref(), &dns).await);
    findings.extend(blocklist::look(&patient.config, &dns).await);
    Ok(findings)
}
