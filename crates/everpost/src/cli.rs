//! The command line as data: what can be asked, with examples.

mod agent;
mod doctor;
mod global;
mod link;
mod migrate;
mod relay;
mod service;
mod tenant;
mod upkeep;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use agent::AGENT_EXAMPLES;
use doctor::{ALERTS_EXAMPLES, DOCTOR_EXAMPLES};
use link::{DEVICE_EXAMPLES, ENROL_EXAMPLES};
use migrate::MIGRATE_EXAMPLES;
use relay::{
    CONTINUITY_EXAMPLES, DKIM_EXAMPLES, DOMAIN_EXAMPLES, QUEUE_EXAMPLES, RECIPIENT_EXAMPLES,
};
use service::{CAPTURE_EXAMPLES, CASE_EXAMPLES, SERVICE_EXAMPLES, UP_EXAMPLES, USER_EXAMPLES};
use tenant::TENANT_EXAMPLES;

use crate::examples::*;
pub(crate) use agent::{AgentAdd, AgentCommand, AgentOrder, AgentRun, AgentTls};
pub(crate) use doctor::{AlertsCommand, DoctorCommand};
pub(crate) use global::Global;
pub(crate) use link::{DeviceCommand, EnrolCommand};
pub(crate) use migrate::MigrateCommand;
pub(crate) use relay::{
    ContinuityCommand, DkimCommand, DkimKind, DomainCommand, QueueCommand, RecipientCommand,
};
pub(crate) use service::{
    CaptureCommand, CaseCommand, ConfigCommand, ServiceCommand, TokenCommand, UpCommand,
    UserCommand,
};
pub(crate) use tenant::TenantCommand;
pub(crate) use upkeep::{ClassCommand, CompactCommand, FsckCommand, KeyCommand, KeyWhat};

/// Keeps an organization's email kept, findable and flowing.
#[derive(Parser)]
#[command(
    name = "everpost",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// The data directory
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = "everpost-data",
        env = "EVERPOST_DATA"
    )]
    pub(crate) data: PathBuf,
    /// The configuration file (TOML)
    #[arg(long, global = true, value_name = "FILE", env = "EVERPOST_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// PostgreSQL that several nodes share, as postgres://USER@HOST/DATABASE; default: a file in
    /// the data directory
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "EVERPOST_CATALOG",
        requires = "objects",
        hide_env_values = true
    )]
    pub(crate) catalog: Option<String>,
    /// S3 that several nodes share, as s3://BUCKET/PREFIX?endpoint=https://HOST; default: files in
    /// the data directory
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "EVERPOST_OBJECTS",
        requires = "catalog",
        hide_env_values = true
    )]
    pub(crate) objects: Option<String>,
    /// Whose mail; default: the only tenant
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// The master key: FILE or env:NAME; default: DIR.key beside the data directory
    #[arg(long, global = true, value_name = "FILE|env:NAME")]
    pub(crate) key: Option<String>,
    /// Print one JSON object a line, the last one a summary
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Take in mail from files; makes the archive if there is none
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(ImportCommand),
    /// Find mail
    #[command(after_help = SEARCH_EXAMPLES)]
    Search(SearchCommand),
    /// Show one message
    Show(ShowCommand),
    /// Put tags on messages, take them off, list them
    #[command(after_help = TAG_EXAMPLES)]
    Tag(TagCommand),
    /// Named lists of addresses, for `group:`
    #[command(after_help = GROUP_EXAMPLES)]
    Group(GroupCommand),
    /// Write mail out as files that mail programs read, with proofs
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportCommand),
    /// Mail that goes on: see it, hold it, try it, settle what is uncertain
    #[command(subcommand, after_help = QUEUE_EXAMPLES)]
    Queue(QueueCommand),
    /// Domains that mail is received for
    #[command(subcommand, after_help = DOMAIN_EXAMPLES)]
    Domain(DomainCommand),
    /// Addresses that mail is received for, and aliases
    #[command(subcommand, after_help = RECIPIENT_EXAMPLES)]
    Recipient(RecipientCommand),
    /// Where users' mail is delivered: their mail server, or here while it is down
    #[command(subcommand, after_help = CONTINUITY_EXAMPLES)]
    Continuity(ContinuityCommand),
    /// Make a code by which a user's device is enrolled
    #[command(after_help = ENROL_EXAMPLES)]
    Enrol(EnrolCommand),
    /// Devices of users: installations of the agent
    #[command(subcommand, after_help = DEVICE_EXAMPLES)]
    Device(DeviceCommand),
    /// Keys that mail of the organization is signed with
    #[command(subcommand, after_help = DKIM_EXAMPLES)]
    Dkim(DkimCommand),
    /// Counts, sizes, lag, last checkpoint
    Status(StatusCommand),
    /// Read the text of attachments that nobody read yet
    #[command(after_help = EXTRACT_EXAMPLES)]
    Extract(ExtractCommand),
    /// Build the index again from the stored mail
    Reindex,
    /// Prove that mail is what came in: bytes, digests, log; names what is not
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyCommand),
    /// Read everything back and compare it with everything else; names what is damaged
    Fsck(FsckCommand),
    /// Make few large packs of many small ones, strongly compressed; can be stopped at any time
    Compact(CompactCommand),
    /// Storage classes: where mail rests at which age, how it is sealed, how long it is locked
    #[command(subcommand, after_help = CLASS_EXAMPLES)]
    Class(ClassCommand),
    /// The signed log of everything that was captured
    #[command(subcommand)]
    Log(LogCommand),
    /// Check, rotate or recover the master key
    #[command(after_help = KEY_EXAMPLES)]
    Key(KeyCommand),
    /// Back the archive up, verify the backups, restore one
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup(BackupCommand),
    /// Move the archive to servers or into a data directory, while it goes on
    #[command(after_help = MIGRATE_EXAMPLES)]
    Migrate(MigrateCommand),
    /// Run the service: HTTP API and console over the archive
    #[command(after_help = SERVICE_EXAMPLES)]
    Service(ServiceCommand),
    /// Run the agent beside a mail program: mail that goes on when the mail server does not
    #[command(after_help = AGENT_EXAMPLES)]
    Agent(AgentCommand),
    /// Run everything on this machine; makes the archive and a first administrator if needed
    #[command(after_help = UP_EXAMPLES)]
    Up(UpCommand),
    /// Organizations that share the archive
    #[command(subcommand, after_help = TENANT_EXAMPLES)]
    Tenant(TenantCommand),
    /// Accounts of people
    #[command(subcommand, after_help = USER_EXAMPLES)]
    User(UserCommand),
    /// Tokens of programs
    #[command(subcommand)]
    Token(TokenCommand),
    /// Cases: by which people look at another's mail
    #[command(subcommand, after_help = CASE_EXAMPLES)]
    Case(CaseCommand),
    /// Measure import, sizes and search on this machine, in a temporary archive
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(BenchCommand),
    /// What mail servers send to the archive
    #[command(subcommand, after_help = CAPTURE_EXAMPLES)]
    Capture(CaptureCommand),
    /// Check, show or explain the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look whether everything around the archive is well: machine, certificate, DNS
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(DoctorCommand),
    /// What is not well, and whether people are told
    #[command(subcommand, after_help = ALERTS_EXAMPLES)]
    Alerts(AlertsCommand),
    /// Read documents from standard input, under limits; the archive starts it itself
    #[command(hide = true)]
    ExtractWorker {
        /// Most memory, in MiB
        #[arg(long, default_value_t = 1024)]
        memory: u64,
    },
}

#[derive(Args)]
pub(crate) struct ImportCommand {
    #[command(subcommand)]
    pub(crate) source: ImportSource,
}

#[derive(Subcommand)]
pub(crate) enum ImportSource {
    /// A generated organization: the same every time for the same seed
    Demo {
        /// Same seed, same mail
        #[arg(long, default_value_t = 7)]
        seed: u64,
        /// Messages to generate
        #[arg(long, default_value_t = 2000)]
        messages: usize,
        #[command(flatten)]
        how: ImportHow,
    },
    /// An mbox file, an Apple package, or a directory of them
    Mbox {
        /// The file or directory
        path: PathBuf,
        /// How it quotes From lines: auto, o, rd, cl, cl2
        #[arg(long, default_value = "auto")]
        dialect: everpost_codec::mbox::Dialect,
        #[command(flatten)]
        to: ImportTo,
    },
    /// A Maildir with flags and Maildir++ folders
    Maildir {
        /// The directory that holds cur and new
        path: PathBuf,
        #[command(flatten)]
        to: ImportTo,
    },
    /// A message file, or a directory tree of them
    Eml {
        /// The file or directory
        path: PathBuf,
        #[command(flatten)]
        to: ImportTo,
    },
    /// A ZIP file of message files, Maildirs or mboxes
    Zip {
        /// The file
        path: PathBuf,
        #[command(flatten)]
        to: ImportTo,
    },
    /// A tar file (plain, .gz or .zst) of message files, Maildirs or mboxes
    Tar {
        /// The file
        path: PathBuf,
        #[command(flatten)]
        to: ImportTo,
    },
    /// List import jobs
    List,
    /// List what a job could not import
    Errors {
        /// The job's number
        job: i64,
    },
    /// Undo an import: what only it brought is hidden; nothing is destroyed
    Withdraw {
        /// The job's number
        job: i64,
        /// Why; kept in the log
        #[arg(long)]
        reason: String,
    },
}

#[derive(Args)]
pub(crate) struct ImportTo {
    /// The mailbox that gets the mail
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) mailbox: String,
    /// The folder, instead of the one that the source names
    #[arg(long)]
    pub(crate) folder: Option<String>,
    #[command(flatten)]
    pub(crate) how: ImportHow,
}

#[derive(Args)]
pub(crate) struct ImportHow {
    /// Only messages held at or after this date (2024-01-31 or 2024-01-31T08:00:00Z)
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<String>,
    /// Only messages held before this date
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<String>,
    /// The mail server that the mail lay on, for `server:`
    #[arg(long, value_name = "NAME")]
    pub(crate) server: Option<String>,
    /// Read and count, store nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Return as soon as everything is stored; the index follows on the next command
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Leave attachments unread; `everpost extract` reads them later
    #[arg(long)]
    pub(crate) no_extract: bool,
    /// Reject messages above this many MiB
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub(crate) max_message: usize,
}

#[derive(Args)]
pub(crate) struct ExtractCommand {
    /// Try again what crashed or took too long, however often it did
    #[arg(long)]
    pub(crate) retry: bool,
}

#[derive(Args)]
pub(crate) struct SearchCommand {
    /// The query; '' is everything
    #[arg(default_value = "", allow_hyphen_values = true)]
    pub(crate) query: String,
    /// Hits to show
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: usize,
    /// What a hit is
    #[arg(long, default_value = "message", value_parser = ["message", "copy"])]
    pub(crate) by: String,
    /// Which hits come first
    #[arg(long, default_value = "newest", value_parser = ["newest", "oldest", "score"])]
    pub(crate) order: String,
    /// Go on after this cursor (`next` of the summary); there is no end to how far
    #[arg(long, value_name = "CURSOR", alias = "after")]
    pub(crate) cursor: Option<String>,
    /// What the hits have in common, instead of them: senders, domains, years, …
    #[arg(long, conflicts_with_all = ["months", "explain"])]
    pub(crate) facets: bool,
    /// Hits per month, instead of them
    #[arg(long, conflicts_with = "explain")]
    pub(crate) months: bool,
    /// Why the query holds, or does not, for this message
    #[arg(long, value_name = "ID")]
    pub(crate) explain: Option<String>,
    /// Keep the query under a name
    #[arg(long, value_name = "NAME")]
    pub(crate) save: Option<String>,
    /// Ask a query that was kept; without a NAME, list them
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["query", "save"])]
    pub(crate) saved: Option<String>,
}

#[derive(Args)]
pub(crate) struct ShowCommand {
    /// The id, or its first 8 or more digits
    pub(crate) id: String,
    /// Print the exact bytes
    #[arg(long)]
    pub(crate) raw: bool,
    /// Say why the copy is, or is not, the same message as others with its Message-ID and Date
    #[arg(long, conflicts_with = "raw")]
    pub(crate) matches: bool,
    /// List the messages that it answers and that answer it
    #[arg(long, conflicts_with_all = ["raw", "matches"])]
    pub(crate) conversation: bool,
    /// Say whether it is from whom it says: SPF, DKIM, DMARC and ARC as they were when it came
    #[arg(long, conflicts_with_all = ["raw", "matches", "conversation"])]
    pub(crate) authenticity: bool,
}

#[derive(Args)]
pub(crate) struct TagCommand {
    #[command(subcommand)]
    pub(crate) what: TagWhat,
}

#[derive(Subcommand)]
pub(crate) enum TagWhat {
    /// Put a tag on a message, or on all that a query finds
    Add {
        /// The tag; made if there is none of that name
        name: String,
        /// The query, or the id of one message
        #[arg(allow_hyphen_values = true)]
        target: String,
    },
    /// Take a tag off a message, or off all that a query finds
    Remove {
        /// The tag
        name: String,
        /// The query, or the id of one message
        #[arg(allow_hyphen_values = true)]
        target: String,
    },
    /// All tags, and how many messages have each
    List,
}

#[derive(Args)]
pub(crate) struct GroupCommand {
    #[command(subcommand)]
    pub(crate) what: GroupWhat,
}

#[derive(Subcommand)]
pub(crate) enum GroupWhat {
    /// Make a group, or give it these members instead of those it has
    Set {
        /// Its name
        name: String,
        /// Addresses (ann@example.org) and domains (example.org)
        #[arg(required = true)]
        members: Vec<String>,
    },
    /// Forget a group
    Remove {
        /// Its name
        name: String,
    },
    /// All groups and their members
    List,
}

#[derive(Args)]
pub(crate) struct StatusCommand {
    /// Storage by mailbox, and by group of addresses
    #[arg(long)]
    pub(crate) mailboxes: bool,
    /// Storage by the year since when mail is held
    #[arg(long)]
    pub(crate) ages: bool,
    /// What was collected, by month
    #[arg(long)]
    pub(crate) collected: bool,
    /// These lists, or all of them, as a table for spreadsheets
    #[arg(long)]
    pub(crate) csv: bool,
}

#[derive(Args)]
pub(crate) struct ExportCommand {
    /// Which mail; '' is everything
    #[arg(allow_hyphen_values = true)]
    pub(crate) query: String,
    /// How it is written: eml, mbox (mboxrd), maildir (Maildir++)
    #[arg(long, value_parser = ["eml", "mbox", "maildir"])]
    pub(crate) format: String,
    /// The directory; made if it is not there, refused if it is not empty
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
    /// Count, write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args)]
pub(crate) struct VerifyCommand {
    /// The id of one copy, or its first 8 or more digits
    #[arg(conflicts_with = "all")]
    pub(crate) id: Option<String>,
    /// Every copy, and the whole log
    #[arg(long)]
    pub(crate) all: bool,
    /// An export, without an archive: give the log's public key with --key, or the signer is
    /// not checked (exit code 5)
    #[arg(long, value_name = "PATH", conflicts_with_all = ["id", "all"])]
    pub(crate) export: Option<PathBuf>,
    /// A checkpoint of the log that was kept elsewhere (see `everpost log head`)
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum LogCommand {
    /// What people did: mail of others that was looked at, exports, accounts and cases changed
    Actions {
        /// From this place in the log on
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        from: u64,
    },
    /// The newest signed checkpoint and the key that verifies it
    Head {
        /// Write the checkpoint to this file
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(Args)]
pub(crate) struct BackupCommand {
    #[command(subcommand)]
    pub(crate) what: BackupWhat,
}

#[derive(Subcommand)]
pub(crate) enum BackupWhat {
    /// Take a snapshot; copies only what the repository does not hold yet
    Create {
        /// The repository: a directory outside of the data directory, made on first use
        repo: PathBuf,
        /// Forget snapshots older than this, but never the newest
        #[arg(long, value_name = "N", default_value_t = 30)]
        keep_days: u32,
    },
    /// List the snapshots
    List {
        /// The repository
        repo: PathBuf,
    },
    /// Read every byte back and compare it with what the snapshots say
    Verify {
        /// The repository
        repo: PathBuf,
        /// One snapshot, by its name or how that begins; default: all
        #[arg(long, value_name = "S")]
        snapshot: Option<String>,
        /// Check signatures with the recovery key, read from standard input
        #[arg(long)]
        recovery: bool,
    },
    /// Make an archive of a snapshot, in the directory that --data names or at the servers that
    /// --catalog and --objects name
    Restore {
        /// The repository
        repo: PathBuf,
        /// The snapshot, by its name or how that begins; default: the newest
        #[arg(long, value_name = "S")]
        snapshot: Option<String>,
        /// The master key is lost: read the recovery key from standard input and make a new master key
        #[arg(long)]
        recovery: bool,
        /// Go on although objects are missing or damaged
        #[arg(long)]
        despite_damage: bool,
    },
    /// Forget old snapshots and what only they needed
    Prune {
        /// The repository
        repo: PathBuf,
        /// Forget snapshots older than this, but never the newest
        #[arg(long, value_name = "N", default_value_t = 30)]
        keep_days: u32,
        /// Say what would be removed, remove nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum BenchWhat {
    /// Measure searches of the archive that --data names: every kind of query, page by page
    Search {
        /// How often each query is asked
        #[arg(long, default_value_t = 100)]
        rounds: usize,
        /// Heads on a page
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BenchCommand {
    #[command(subcommand)]
    pub(crate) what: Option<BenchWhat>,
    /// An mbox to import; default: the generated organization
    pub(crate) path: Option<PathBuf>,
    /// Messages to generate where no mbox is given
    #[arg(long, default_value_t = 10_000)]
    pub(crate) messages: usize,
    /// How often each query is asked
    #[arg(long, default_value_t = 50)]
    pub(crate) rounds: usize,
    /// Where to make the temporary archive; default: the system's folder for such
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}
