//! The part of the command line that looks at what is around the archive.

use clap::{Args, Subcommand};

pub(super) const DOCTOR_EXAMPLES: &str = "Examples:
  everpost doctor --config /etc/everpost/everpost.toml
  everpost doctor --config /etc/everpost/everpost.toml --reach example.net:25 --selector mail2026

It changes nothing and may run beside the service. Exit code 3 says that something is wrong.
docs/operate/doctor.md explains each check.";

pub(super) const ALERTS_EXAMPLES: &str = "Examples:
  everpost alerts list
  everpost alerts test --config /etc/everpost/everpost.toml

docs/operate/alerts.md explains each.";

#[derive(Subcommand)]
pub(crate) enum AlertsCommand {
    /// What is not well now, as the service on this data directory sees it
    List,
    /// Tell of nothing by every way of the configuration: does it arrive?
    Test,
}

#[derive(Args)]
pub(crate) struct DoctorCommand {
    /// Try whether mail gets out: a domain that takes mail, or a host, and a port, as example.net:25
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) reach: Option<String>,
    /// A name under which a key for signing mail is published in each domain (DKIM)
    #[arg(long, value_name = "NAME")]
    pub(crate) selector: Vec<String>,
    /// Listeners to look at, instead of those of the configuration file
    #[arg(long, value_name = "NAME=ADDR")]
    pub(crate) listen: Vec<String>,
}
