//! The storage engine: vault (bytes), catalog (SQL), index (splits), log.
//!
//! ```text
//! admit → pack (object store) → rows + event (one transaction) → seq
//!                                                                 ├→ log leaf, tile, checkpoint
//!                                                                 └→ split → search
//! read  ← frames by range     ← rows
//! ```
//! The public face is [`Store`] (the operator's) and [`Tenant`] (the only way to mail):
//! admit, read, search, verify, follow, back up.

mod access;
mod address;
mod admit;
mod arrival;
mod backup;
mod cache;
mod carry;
mod catalog;
mod classes;
mod clock;
mod compact;
mod copy;
mod delivery;
mod devices;
mod directory;
mod error;
mod explain;
mod export;
mod follow;
mod fsck;
#[cfg(test)]
mod golden;
mod holdings;
pub mod index;
mod job;
mod keys;
mod message;
mod nodes;
mod notes;
mod objects;
mod read;
mod record;
mod rekey;
mod relay;
mod relocate;
mod replica;
mod seal;
mod search;
#[cfg(test)]
mod simulation;
mod spool;
mod status;
mod store;
mod tenant;
mod tenants;
mod texts;
#[cfg(test)]
mod together;
#[cfg(test)]
mod trial;
mod vault;
mod verify;

pub use access::{
    Accessed, Account, AccountChange, ActionEvent, Case, NewAccount, NewCase, Omission, Token,
    TokenGrant,
};
pub use address::{Address, Bucket, Cluster};
pub use admit::{Admitted, Envelope, Incoming, Outcome, Placement, Prepared, Progress};
pub use backup::{
    BackupFault, BackupKeys, BackupProgress, BackupReport, BackupSigner, BackupVerified, Healing,
    Pruned, Restore, Restored, RestoredTenant, SnapshotInfo, list_backups, prune_backups,
    restore_backup, verify_backup,
};
pub use catalog::portable::TableDigest;
pub use classes::{ClassFile, ClassInfo, ClassMove, ClassReport};
pub use clock::now_us;
pub use compact::{CompactOptions, CompactProgress, CompactReport};
pub use delivery::Delivery;
pub use devices::{Device, Handed, LedgerChange, NewDevice, Submission, Unwanted};
pub use directory::{MailDomain, Recipient, StateChange, UnknownRecipient};
pub use error::{Result, StoreError};
pub use explain::MatchExplanation;
pub use export::{Held, Missed, Walk};
pub use follow::{ExtractProgress, IndexProgress, LogHead, Prover, TextStatus};
pub use fsck::FsckReport;
pub use holdings::{Age, Collected, Usage};
pub use job::{Counts, JobInfo, JobState};
pub use keys::{KeySource, MasterKey, RecoveryKey};
pub use nodes::{Messenger, SharedWork};
pub use notes::Notes;
pub use objects::open as open_objects;
pub use read::{CopyInfo, Place};
pub use rekey::{KeyState, Rekeyed, check_recovery, recover_key};
pub use relay::{
    Attempt, DuePlace, Errand, Leg, NewLeg, Onward, Ordered, RelayStatus, Settled, StandbyMail,
    StateCount, Verdict,
};
pub use relocate::{Destination, Relocated, RelocationPlan, RelocationProgress, RelocationStage};
pub use replica::{
    Changes, FlagOrder, Flags, Folder, FolderCounts, MOST_KEYWORDS, Mail, NewMessage, Replica, Row,
    SpecialUse, Taken,
};
pub use search::{
    Area, By, Conversation, ConversationItem, Cursor, FacetCount, Facets, Group, HitSnippet,
    MonthCount, Months, Order, Reason, ReasonPlace, SavedSearch, Scope, SearchHit, SearchPage,
    SearchRequest, SnippetPlace, Suggestion, Tag, Tagged, Tagging,
};
pub use spool::{SpoolReader, SpoolWriter, Spooled};
pub use status::Status;
pub use store::{Opened, Options, Store};
pub use tenant::Tenant;
pub use texts::{AttachmentText, TextState};
pub use verify::{Bad, Stage, Verification, Verified, VerifyProgress};
