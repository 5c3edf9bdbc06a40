//! The command line as data: what can be asked, with examples.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Keeps an organization's email kept, findable and flowing.
#[derive(Parser)]
#[command(
    name = "everpost",
    version,
    about,
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

/// What every command knows.
pub(crate) struct Global {
    pub(crate) data: PathBuf,
    pub(crate) tenant: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) json: bool,
}

impl Cli {
    pub(crate) fn global(&self) -> Global {
        Global {
            data: self.data.clone(),
            tenant: self.tenant.clone(),
            key: self.key.clone(),
            json: self.json,
        }
    }
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
    /// Write mail out as files that mail programs read, with proofs
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportCommand),
    /// Counts, sizes, lag, last checkpoint
    Status(StatusCommand),
    /// Build the index again from the stored mail
    Reindex,
    /// Prove that mail is what came in: bytes, digests, log; names what is not
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyCommand),
    /// Read everything back and compare it with everything else; names what is damaged
    Fsck(FsckCommand),
    /// Make few large packs of many small ones, strongly compressed; can be stopped at any time
    Compact(CompactCommand),
    /// The signed log of everything that was captured
    #[command(subcommand)]
    Log(LogCommand),
    /// Check, rotate or recover the master key
    #[command(after_help = KEY_EXAMPLES)]
    Key(KeyCommand),
    /// Back the archive up, verify the backups, restore one
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup(BackupCommand),
    /// Run the service: HTTP API and console over the archive
    #[command(after_help = SERVICE_EXAMPLES)]
    Service(ServiceCommand),
    /// Run everything on this machine; makes the archive and a first administrator if needed
    #[command(after_help = UP_EXAMPLES)]
    Up(UpCommand),
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
}

const SERVICE_EXAMPLES: &str = "Examples:
  everpost service
  everpost service --listen https=0.0.0.0:8443 --config /etc/everpost.toml --log-json
  everpost service --listen https=127.0.0.1:0 --ready-file /run/everpost.json

SIGTERM stops it cleanly. The certificate to trust lies in DIR.ca.pem beside the data directory.";

const UP_EXAMPLES: &str = "Examples:
  everpost up --demo            a generated organization to look at
  everpost up --data ./archive --admin it@example.org";

const USER_EXAMPLES: &str = "Examples:
  echo \"$PASSWORD\" | everpost user add ann@example.org --password-stdin
  everpost user add it@example.org --password-stdin --role admin
  everpost user add law@example.org --password-stdin --role officer --role user
  everpost user list
  everpost user disable ann@example.org

Roles: user (reads mail of the addresses it owns), admin, officer (opens cases), reviewer.";

const CASE_EXAMPLES: &str = "Examples:
  everpost case open 'Pier 7' --officer law@example.org --reason 'the leak of May' \\
      --person bob@example.org --from 2024-05-01 --to 2024-07-01
  everpost case close 1";

const BENCH_EXAMPLES: &str = "Examples:
  everpost bench
  everpost bench ~/mail/archive.mbox --json";

const IMPORT_EXAMPLES: &str = "Examples:
  everpost import demo
  everpost import mbox ~/mail/archive.mbox --mailbox alice@example.org
  everpost import maildir ~/Maildir --mailbox alice@example.org --since 2024-01-01
  everpost import eml ./letters --mailbox alice@example.org --dry-run
  everpost import list
  everpost import withdraw 3 --reason 'wrong mailbox'";

const SEARCH_EXAMPLES: &str = "Examples:
  everpost search 'invoice from:ann@example.org sent:2024'
  everpost search 'subject:(merger OR acquisition) has:attachment -draft'
  everpost search '\"out of memory\"' --limit 50 --json
  everpost search ''                       everything, newest first

The language: docs/query.md";

const EXPORT_EXAMPLES: &str = "Examples:
  everpost export 'in:\"Sent\" sent:2024' --format eml --out ./sent-2024
  everpost export 'mailbox:ann@example.org' --format maildir --out ./ann
  everpost export '' --format mbox --out ./all --dry-run

PATH gets one directory a mailbox, and manifest.ndjson with the SHA-256, places and proof of
every message.";

const VERIFY_EXAMPLES: &str = "Examples:
  everpost verify 3f9a1c2e
  everpost verify --all
  everpost log head --out /media/usb/head.txt      keep it elsewhere …
  everpost verify --all --checkpoint /media/usb/head.txt      … and nothing before it can be changed unseen
  everpost verify --export ./out --key 'everpost/…+1a2b3c4d+AQ…'      on any machine, without the archive

Exit code 4: something is wrong; it is named.";

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
    /// Read and count, store nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Return as soon as everything is stored; the index follows on the next command
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Reject messages above this many MiB
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub(crate) max_message: usize,
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
    #[arg(long, default_value = "newest", value_parser = ["newest", "oldest"])]
    pub(crate) order: String,
    /// Go on after this cursor (`next` of the summary)
    #[arg(long, value_name = "CURSOR", allow_hyphen_values = true)]
    pub(crate) after: Option<String>,
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
}

#[derive(Args)]
pub(crate) struct StatusCommand {
    /// Storage by mailbox as well
    #[arg(long)]
    pub(crate) mailboxes: bool,
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

#[derive(Args)]
pub(crate) struct FsckCommand {
    /// Make again what is derived (tiles, index) and remove leftovers; mail is never touched
    #[arg(long)]
    pub(crate) repair: bool,
}

#[derive(Args)]
pub(crate) struct CompactCommand {
    /// How strongly to compress: packs written at a lower level are written again
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(i32).range(1..=22))]
    pub(crate) level: i32,
}

#[derive(Subcommand)]
pub(crate) enum LogCommand {
    /// The newest signed checkpoint and the key that verifies it
    Head {
        /// Write the checkpoint to this file
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

const KEY_EXAMPLES: &str = "Examples:
  everpost key check                       which key opens which tenants
  everpost key check --recovery            does the key on this paper still open the archive?
  everpost key rotate --recovery           a new master key and a new recovery key
  everpost key recover                     the master key is lost; asks for the recovery key
  everpost key new                         print a master key for a secret manager

docs/operate/backup.md says where to keep which key.";

#[derive(Args)]
pub(crate) struct KeyCommand {
    #[command(subcommand)]
    pub(crate) what: KeyWhat,
}

#[derive(Subcommand)]
pub(crate) enum KeyWhat {
    /// Open the archive and say what its master key is, without telling it
    Check {
        /// Read a recovery key from standard input instead and say what it opens
        #[arg(long)]
        recovery: bool,
    },
    /// Put the archive under a new master key
    Rotate {
        /// Where the new key is or is to be made; default: DIR.key beside the data directory is replaced
        #[arg(long, value_name = "FILE|env:NAME")]
        new_key: Option<String>,
        /// Make a new recovery key as well and print it once
        #[arg(long)]
        recovery: bool,
    },
    /// The master key is lost: read the recovery key from standard input, make a new master key
    Recover,
    /// Print a new master key, for use with env:NAME
    New,
}

const BACKUP_EXAMPLES: &str = "Examples:
  everpost backup create /mnt/backup/archive
  everpost backup list /mnt/backup/archive
  everpost backup verify /mnt/backup/archive
  everpost backup prune /mnt/backup/archive --keep-days 30 --dry-run
  everpost backup restore /mnt/backup/archive --data ./restored --recovery

The master key is not in a backup. docs/operate/backup.md says what is, and how to restore.";

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
    /// Make an archive of a snapshot, in the directory that --data names
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

#[derive(Args)]
pub(crate) struct BenchCommand {
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

#[derive(Args)]
pub(crate) struct ServiceCommand {
    /// Where to listen: https=ADDRESS:PORT or, on this machine only, http=ADDRESS:PORT;
    /// port 0 takes any that is free [default: https=127.0.0.1:8443]
    #[arg(long, value_name = "NAME=ADDR")]
    pub(crate) listen: Vec<String>,
    /// A file that appears, complete, when every listener accepts
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Write the log as JSON
    #[arg(long)]
    pub(crate) log_json: bool,
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
        /// What it is good for: search, read, export, import, observe, verify, users, cases
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
