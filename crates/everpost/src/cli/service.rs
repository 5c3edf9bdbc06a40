//! The part of the command line that concerns the service and who comes in.

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(super) const SERVICE_EXAMPLES: &str = "Examples:
  everpost service
  everpost service --listen https=0.0.0.0:8443 --config /etc/everpost.toml --log-json
  everpost service --listen https=127.0.0.1:0 --ready-file /run/everpost.json

SIGTERM stops it cleanly. The certificate to trust lies in DIR.ca.pem beside the data directory.";

pub(super) const CAPTURE_EXAMPLES: &str = "Examples:
  everpost capture check report.eml
  everpost capture check - --json < report.eml

How mail servers are set up to send it: docs/operate/capture.md";

pub(super) const UP_EXAMPLES: &str = "Examples:
  everpost up --demo            a generated organization to look at
  everpost up --data ./archive --admin it@example.org";

pub(super) const USER_EXAMPLES: &str = "Examples:
  echo \"$PASSWORD\" | everpost user add ann@example.org --password-stdin
  everpost user add it@example.org --password-stdin --role admin
  everpost user add law@example.org --password-stdin --role officer --role user
  everpost user list
  everpost user disable ann@example.org

Roles: user (reads mail of the addresses it owns), admin, officer (opens cases), reviewer.";

pub(super) const CASE_EXAMPLES: &str = "Examples:
  everpost case open 'Pier 7' --officer law@example.org --reason 'the leak of May' \\
      --person bob@example.org --from 2024-05-01 --to 2024-07-01
  everpost case close 1";

#[derive(Args)]
pub(crate) struct ServiceCommand {
    /// Where to listen: https=ADDRESS:PORT, metrics=ADDRESS:PORT (Prometheus, without TLS),
    /// nodes=ADDRESS:PORT (other nodes of a cluster), journal=, lmtp= or milter=ADDRESS:PORT (copies of mail, see `capture` in the configuration),
    /// mx=, submission= or submissions=ADDRESS:PORT (mail that goes on, see `relay`)
    /// or, on this machine only, http=ADDRESS:PORT; port 0 takes any that is free [default: https=127.0.0.1:8443]
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
pub(crate) enum CaptureCommand {
    /// Say what a mail would be taken for: send a test message, save it as it came, and look
    Check {
        /// The file of the mail, as it would come; - for standard input
        file: PathBuf,
    },
    /// Say which messages of a mail log of Postfix are not in the archive
    Omissions {
        /// The log; - for standard input
        file: PathBuf,
        /// Write them into the archive's log, once each
        #[arg(long)]
        record: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Read the file that --config names and say what is wrong with it
    Check,
    /// Show what is in force: the file's settings, and the defaults of those that it leaves out
    Show,
    /// Print every setting with its meaning and default
    Reference,
}

#[derive(Args)]
pub(crate) struct UpCommand {
    /// Fill an empty archive with a generated organization, and make accounts to look at it
    #[arg(long)]
    pub(crate) demo: bool,
    /// Messages of the demo
    #[arg(long, default_value_t = 2000)]
    pub(crate) messages: usize,
    /// The address of the first administrator
    #[arg(long, value_name = "ADDRESS", default_value = "admin@everpost.example")]
    pub(crate) admin: String,
    #[command(flatten)]
    pub(crate) service: ServiceCommand,
}

#[derive(Subcommand)]
pub(crate) enum UserCommand {
    /// Make an account
    Add {
        /// The address that it signs in with
        address: String,
        /// Read the password from standard input (its first line)
        #[arg(long, required = true)]
        password_stdin: bool,
        /// What it may do: user, admin, officer, reviewer [default: user]
        #[arg(long, value_name = "R")]
        role: Vec<String>,
        /// An address whose mail is its own [default: the address itself]
        #[arg(long, value_name = "ADDR")]
        owns: Vec<String>,
        /// The person's name
        #[arg(long, default_value = "")]
        name: String,
    },
    /// List accounts
    List,
    /// Shut an account out; its sessions end
    Disable {
        /// The account
        address: String,
        /// Let it in again
        #[arg(long)]
        undo: bool,
    },
    /// Set an account's password; its sessions end
    Passwd {
        /// The account
        address: String,
        /// Read the password from standard input (its first line)
        #[arg(long, required = true)]
        password_stdin: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token of an account; prints its secret once
    Create {
        /// The account that it speaks for
        address: String,
        /// What it is for
        #[arg(long)]
        name: String,
        /// What it is good for: search, read, export, import, observe, verify, users, cases, mailbox
        #[arg(long, value_name = "S", required = true)]
        scope: Vec<String>,
        /// When it ends (2024-01-31 or 2024-01-31T08:00:00Z); default: never
        #[arg(long, value_name = "DATE")]
        expires: Option<String>,
    },
    /// List tokens
    List,
    /// End a token
    Revoke {
        /// Its number
        id: i64,
    },
}

#[derive(Subcommand)]
pub(crate) enum CaseCommand {
    /// Open a case of a compliance officer
    Open {
        /// What it is called
        name: String,
        /// Why; kept in the log
        #[arg(long)]
        reason: String,
        /// The officer's account
        #[arg(long, value_name = "ADDRESS")]
        officer: String,
        /// An address whose mail is looked at
        #[arg(long, value_name = "ADDRESS", required = true)]
        person: Vec<String>,
        /// An account that works in it beside the officer
        #[arg(long, value_name = "ADDRESS")]
        reviewer: Vec<String>,
        /// Mail held from this date on
        #[arg(long, value_name = "DATE")]
        from: String,
        /// Mail held from before this date
        #[arg(long, value_name = "DATE")]
        to: String,
    },
    /// List cases
    List,
    /// Close a case, for good
    Close {
        /// Its number
        id: i64,
    },
}
