//! Examples that `--help` shows.

pub(crate) const BENCH_EXAMPLES: &str = "Examples:
  everpost bench
  everpost bench ~/mail/archive.mbox --json
  everpost import demo --messages 100000 --data ./big; everpost bench search --data ./big";

pub(crate) const IMPORT_EXAMPLES: &str = "Examples:
  everpost import demo
  everpost import mbox ~/mail/archive.mbox --mailbox alice@example.org
  everpost import maildir ~/Maildir --mailbox alice@example.org --since 2024-01-01
  everpost import eml ./letters --mailbox alice@example.org --dry-run
  everpost import list
  everpost import withdraw 3 --reason 'wrong mailbox'";

pub(crate) const EXTRACT_EXAMPLES: &str = "Examples:
  everpost extract                 what `import … --no-extract` or a crash left
  everpost extract --retry         also what failed by accident, however often

What is read, and its limits: docs/extract.md";

pub(crate) const SEARCH_EXAMPLES: &str = "Examples:
  everpost search 'invoice from:ann@example.org sent:2024'
  everpost search 'subject:(merger OR acquisition) has:attachment -draft'
  everpost search '\"out of memory\"' --limit 50 --json
  everpost search ''                       everything, newest first
  everpost search 'merger' --order score --limit 10
  everpost search 'merger' --facets
  everpost search 'merger' --months
  everpost search 'merger' --save mergers; everpost search --saved mergers
  everpost search 'merger' --explain 3f9a1c2e

The language: docs/query.md";

pub(crate) const EXPORT_EXAMPLES: &str = "Examples:
  everpost export 'in:\"Sent\" sent:2024' --format eml --out ./sent-2024
  everpost export 'mailbox:ann@example.org' --format maildir --out ./ann
  everpost export '' --format mbox --out ./all --dry-run

PATH gets one directory a mailbox, and manifest.ndjson with the SHA-256, places and proof of
every message.";

pub(crate) const VERIFY_EXAMPLES: &str = "Examples:
  everpost verify 3f9a1c2e
  everpost verify --all
  everpost log head --out /media/usb/head.txt      keep it elsewhere …
  everpost verify --all --checkpoint /media/usb/head.txt      … and nothing before it can be changed unseen
  everpost verify --export ./out --key 'everpost/…+1a2b3c4d+AQ…'      on any machine, without the archive

Exit code 4: something is wrong; it is named.";

pub(crate) const TAG_EXAMPLES: &str = "Examples:
  everpost tag add privileged 'from:counsel@example.org subject:advice'
  everpost tag add privileged 3f9a1c2e
  everpost tag remove privileged 3f9a1c2e
  everpost search 'tag:privileged'";

pub(crate) const GROUP_EXAMPLES: &str = "Examples:
  everpost group set brokers ann@example.org bob@example.org broker.example
  everpost search 'group:brokers sent:2024'";

pub(crate) const CLASS_EXAMPLES: &str = "Examples:
  everpost class check classes.toml        what is wrong with it; each volume is tried out
  everpost class apply classes.toml
  everpost class move --dry-run            a service moves mail every hour
  everpost class list

classes.toml, where mail of a year ago is locked for seven years:
  [volume.locked]
  address = \"s3://records?endpoint=https://s3.example.org\"
  medium = \"worm\"

  [[class]]
  name = \"records\"
  volume = \"locked\"
  medium = \"worm\"
  after = \"1y\"
  keep = \"7y\"";

pub(crate) const KEY_EXAMPLES: &str = "Examples:
  everpost key check                       which key opens which tenants
  everpost key check --recovery            does the key on this paper still open the archive?
  everpost key rotate --recovery           a new master key and a new recovery key
  everpost key recover                     the master key is lost; asks for the recovery key
  everpost key new                         print a master key for a secret manager

docs/operate/backup.md says where to keep which key.";

pub(crate) const BACKUP_EXAMPLES: &str = "Examples:
  everpost backup create /mnt/backup/archive
  everpost backup list /mnt/backup/archive
  everpost backup verify /mnt/backup/archive
  everpost backup prune /mnt/backup/archive --keep-days 30 --dry-run
  everpost backup restore /mnt/backup/archive --data ./restored --recovery

The master key is not in a backup. docs/operate/backup.md says what is, and how to restore.";
