//! The part of the command line that concerns mail that goes on.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

pub(super) const QUEUE_EXAMPLES: &str = "Examples:
  everpost queue list
  everpost queue list --all --json
  everpost queue explain 17
  everpost queue retry                       everything that waits, at once
  everpost queue drop 17 18 --reason 'asked for by its sender'
  everpost queue evidence /var/log/mail.log  settles what is uncertain by Postfix's log";

pub(super) const DOMAIN_EXAMPLES: &str = "Examples:
  everpost domain add example.org --server mail.example.org:25
  everpost domain add example.org --unknown relay
  everpost domain list";

pub(super) const RECIPIENT_EXAMPLES: &str = "Examples:
  everpost recipient add ann@example.org bob@example.org
  everpost recipient add sales@example.org --alias-of ann@example.org --alias-of bob@example.org
  everpost recipient import people.csv       a line each: ADDRESS, or ALIAS,TARGET,TARGET…
  everpost recipient list";

pub(super) const CONTINUITY_EXAMPLES: &str = "Examples:
  everpost continuity status
  everpost continuity activate --scope all --reason 'the mail server burns' --test
  everpost continuity activate --scope all --reason 'the mail server burns'
  everpost continuity recover --scope all
  everpost continuity ready --scope user:ann@example.org

While a user is active, mail for them waits here however long; in recovery and when ready it goes to the mail server.";

pub(super) const DKIM_EXAMPLES: &str = "Examples:
  everpost dkim generate example.org mail2026 --out /etc/everpost/mail2026.pem
  everpost dkim list --config /etc/everpost/everpost.toml";

#[derive(Subcommand)]
pub(crate) enum DkimCommand {
    /// Make a key, and say what is to be published in DNS
    Generate {
        /// The domain that it signs for
        domain: String,
        /// The name under which it is published
        selector: String,
        /// The file that gets the private key; it must not be there yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Everybody verifies rsa; ed25519 is shorter, and not everybody does
        #[arg(long, value_enum, default_value = "rsa")]
        kind: DkimKind,
    },
    /// What is to be published for the keys of the configuration
    List,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum DkimKind {
    /// RSA, 2048 bits
    Rsa,
    /// Ed25519 (RFC 8463)
    Ed25519,
}

#[derive(Subcommand)]
pub(crate) enum QueueCommand {
    /// What is under way
    List {
        /// Those too that came to an end within the last week
        #[arg(long)]
        all: bool,
    },
    /// Everything that is known of one
    Explain {
        /// Its number
        leg: i64,
    },
    /// Try at once
    Retry(Legs),
    /// Keep from going on
    Hold(Legs),
    /// Let what is held go on
    Release(Legs),
    /// Take out of the queue; the message stays in the archive
    Drop(Legs),
    /// Say that the other server has it
    Delivered(Legs),
    /// Say that the other server does not have it: it is sent again
    NotDelivered(Legs),
    /// Settle what is uncertain by a mail log of Postfix
    Evidence {
        /// The log; - for standard input
        file: PathBuf,
        /// The zone of its times, in minutes east of UTC, where they name none (Jan  2 03:04:05). Without it such a
        /// log proves what was taken, and denies nothing
        #[arg(long, value_name = "MINUTES", allow_hyphen_values = true)]
        offset: Option<i16>,
    },
}

#[derive(Args)]
pub(crate) struct Legs {
    /// Their numbers; retry, hold and release take all that are under way without any
    pub(crate) legs: Vec<i64>,
    /// Why, for the history
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}

#[derive(Subcommand)]
pub(crate) enum DomainCommand {
    /// Add a domain, or replace what was said of it
    Add {
        /// The domain
        name: String,
        /// Its mail server, as HOST or HOST:PORT; without one, its MX records say
        #[arg(long)]
        server: Option<String>,
        /// What becomes of mail for unknown addresses: reject, hold, relay, or an address that gets it
        #[arg(long, default_value = "reject")]
        unknown: String,
    },
    /// Take a domain away
    Remove {
        /// The domain
        name: String,
    },
    /// All domains
    List,
}

#[derive(Subcommand)]
pub(crate) enum RecipientCommand {
    /// Add addresses, or replace what was said of them
    Add {
        /// The addresses
        #[arg(required = true)]
        addresses: Vec<String>,
        /// Their mail server, if it is another than their domain's
        #[arg(long)]
        server: Option<String>,
        /// An address that they stand for
        #[arg(long)]
        alias_of: Vec<String>,
    },
    /// Add addresses from a file: a line each, ADDRESS or ALIAS,TARGET,TARGET…
    Import {
        /// The file; - for standard input
        file: PathBuf,
    },
    /// Take an address away
    Remove {
        /// The address
        address: String,
    },
    /// All addresses
    List,
}

#[derive(Subcommand)]
pub(crate) enum ContinuityCommand {
    /// The state of each user
    Status,
    /// The mail server is not used from now on
    Activate(Scoped),
    /// It is used again, and what came meanwhile is being put back
    Recover(Scoped),
    /// All is as before
    Ready(Scoped),
}

#[derive(Args)]
pub(crate) struct Scoped {
    /// Whose: all, domain:NAME, or user:ADDRESS
    #[arg(long)]
    pub(crate) scope: String,
    /// Why, for the log
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Say what would change, and change nothing
    #[arg(long)]
    pub(crate) test: bool,
}
