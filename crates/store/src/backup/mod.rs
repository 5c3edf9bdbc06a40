//! Backup: consistent snapshots of a store in a directory that holds every object once.
//!
//! ```text
//! REPO/everpost-backup          names the store the repository belongs to
//!      lock                     held while something is written or read
//!      objects/AB/ABCD…         objects under the SHA-256 of their bytes
//!      snapshots/TIME/catalog.db, manifest.ndjson
//! ```
//! **Invariants.** A snapshot's directory appears whole, after everything its manifest names
//! is durable. An object's name is its digest, so nothing in it is ever replaced, and any
//! tool that computes SHA-256 can check it. The repository holds no key in clear: tenants'
//! roots are wrapped by the master key and by the recovery key, neither of which is in it.

mod create;
mod files;
mod heal;
mod manifest;
mod prune;
mod repo;
mod restore;
mod verify;

#[cfg(test)]
mod tests;

use everpost_domain::message::format_rfc3339;

use crate::keys::{KeySource, RecoveryKey};

pub use create::BackupReport;
pub(crate) use create::full;
pub use heal::Healing;
pub use prune::{Pruned, prune_backups};
pub use repo::{SnapshotInfo, list_backups};
pub use restore::{Restore, Restored, RestoredTenant, restore_backup};
pub use verify::{BackupSigner, BackupVerified, verify_backup};

/// How far a backup, verification or restore is.
#[derive(Debug, Clone, Copy, Default)]
pub struct BackupProgress {
    /// Bytes there are.
    pub total: u64,
    /// Bytes dealt with.
    pub done: u64,
    /// Objects dealt with.
    pub objects: u64,
}

impl BackupProgress {
    fn step(&mut self, bytes: u64) {
        self.objects += 1;
        self.done = self.done.saturating_add(bytes);
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupFault {
    /// The snapshot it was found in.
    pub snapshot: String,
    /// `manifest.ndjson`, `catalog.db`, or the object's name in the store.
    pub item: String,
    /// What is wrong.
    pub what: String,
}

impl BackupFault {
    fn new(snapshot: &str, item: impl Into<String>, what: impl Into<String>) -> Self {
        BackupFault {
            snapshot: snapshot.into(),
            item: item.into(),
            what: what.into(),
        }
    }
}

/// What opens a snapshot.
pub enum BackupKeys {
    /// The master key, wherever that is.
    Master(KeySource),
    /// Recovery keys, one a tenant.
    Recovery(Vec<RecoveryKey>),
}

/// Name of the snapshot taken at `us`: its time, sortable.
fn snapshot_name(us: i64) -> String {
    let whole: String = format_rfc3339(us.div_euclid(1_000_000))
        .chars()
        .filter(|c| !matches!(c, '-' | ':' | 'Z'))
        .collect();
    format!("{whole}.{:06}Z", us.rem_euclid(1_000_000))
}

/// True for what [`snapshot_name`] gives.
fn is_snapshot_name(name: &str) -> bool {
    let form = |(place, byte): (usize, u8)| match place {
        8 => byte == b'T',
        15 => byte == b'.',
        22 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    name.len() == 23 && name.bytes().enumerate().all(form)
}
