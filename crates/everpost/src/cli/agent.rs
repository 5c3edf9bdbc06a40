//! The part of the command line that concerns the agent itself.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

pub(super) const AGENT_EXAMPLES: &str = "Examples:
  echo \"$PASSWORD\" | everpost agent add ann@example.org --imap mail.example.org --smtp mail.example.org \\
      --service https://archive.example.org:8443 --code ABCD-EFGH-JKLM-NPQR --password-stdin
  everpost agent show
  everpost agent
  everpost agent --listen imap=127.0.0.1:1143 --listen submission=127.0.0.1:1587 --listen http=127.0.0.1:8025

The mail program then talks to the agent, with the address and the password that `agent show` tells.";

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AgentCommand {
    #[command(subcommand)]
    pub(crate) order: Option<AgentOrder>,
    #[command(flatten)]
    pub(crate) run: AgentRun,
}

#[derive(Args)]
pub(crate) struct AgentRun {
    /// Where to listen, on this machine only: imap=ADDRESS:PORT, submission=ADDRESS:PORT, http=ADDRESS:PORT (how it goes);
    /// port 0 takes any that is free [default: imap=127.0.0.1:1143 submission=127.0.0.1:1587 http=127.0.0.1:8025]
    #[arg(long, value_name = "NAME=ADDR")]
    pub(crate) listen: Vec<String>,
    /// A file that appears, complete, when every listener accepts
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Write the log as JSON
    #[arg(long)]
    pub(crate) log_json: bool,
}

#[derive(Subcommand)]
pub(crate) enum AgentOrder {
    /// Add an account, or change one that is there
    Add(Box<AgentAdd>),
    /// What mail programs are set up with
    Show,
    /// A unit for systemd that runs the agent while its user is signed in
    Unit,
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AgentTls {
    /// From the first byte
    Tls,
    /// By STARTTLS
    Starttls,
    /// Not at all: a server on this machine
    None,
}

#[derive(Args)]
pub(crate) struct AgentAdd {
    /// Whose mail
    pub(crate) address: String,
    /// The user's name at the mail server, where it is not the address
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// The mail server's IMAP: HOST or HOST:PORT
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) imap: String,
    /// How IMAP is protected
    #[arg(long, value_enum, default_value_t = AgentTls::Tls)]
    pub(crate) imap_tls: AgentTls,
    /// The mail server's submission: HOST or HOST:PORT
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) smtp: String,
    /// How submission is protected
    #[arg(long, value_enum, default_value_t = AgentTls::Starttls)]
    pub(crate) smtp_tls: AgentTls,
    /// The service: https://HOST:PORT
    #[arg(long, value_name = "URL")]
    pub(crate) service: String,
    /// Certificates to trust instead of the machine's, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The code that an administrator made with `everpost enrol`
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Keep the bytes of so many days of mail here; older mail is fetched when it is opened
    #[arg(long, value_name = "DAYS")]
    pub(crate) window: Option<u32>,
    /// Read the password for the mail server from standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// What people call this device
    #[arg(long, default_value = "this device")]
    pub(crate) device: String,
}
