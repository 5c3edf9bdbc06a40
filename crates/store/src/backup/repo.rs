//! The repository: a directory that one store's snapshots share.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use everpost_domain::digest::Digest;

use super::{files, is_snapshot_name, manifest};
use crate::error::{Result, StoreError};
use crate::store::make_private_dir;

const MARK: &str = "everpost-backup";
const MARK_LINE: &str = "everpost-backup-1 ";

/// An open repository.
pub(super) struct Repo {
    pub(super) root: PathBuf,
    _lock: Option<File>,
}

impl Repo {
    /// Opens a repository for reading. It may lie on a medium that cannot be written.
    pub(super) fn open(root: &Path) -> Result<Self> {
        if !root.join(MARK).exists() {
            return Err(StoreError::NotFound(format!(
                "backup repository in {}",
                root.display()
            )));
        }
        let lock = match File::open(root.join("lock")) {
            Ok(file) => Some(held(root, file, false)?),
            Err(_) => None,
        };
        Ok(Repo {
            root: root.to_path_buf(),
            _lock: lock,
        })
    }

    /// Opens a repository so that nobody else reads or writes it.
    pub(super) fn open_alone(root: &Path) -> Result<Self> {
        if !root.join(MARK).exists() {
            return Err(StoreError::NotFound(format!(
                "backup repository in {}",
                root.display()
            )));
        }
        let path = root.join("lock");
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let file = file.map_err(|error| StoreError::file(&path, error))?;
        Ok(Repo {
            root: root.to_path_buf(),
            _lock: Some(held(root, file, true)?),
        })
    }

    /// Opens the repository of the store called `store`, and makes it in a directory that
    /// is empty or does not exist.
    pub(super) fn create(root: &Path, store: &str) -> Result<Self> {
        let mark = root.join(MARK);
        match fs::read_to_string(&mark) {
            Ok(text) if text.strip_prefix(MARK_LINE).map(str::trim) == Some(store) => {}
            Ok(text) if text.starts_with(MARK_LINE) => {
                return Err(StoreError::Invalid(format!(
                    "{} holds the backups of another archive; each archive has a repository of its own",
                    root.display()
                )));
            }
            Ok(_) => {
                return Err(StoreError::damaged(
                    mark.display().to_string(),
                    "it does not name a store",
                ));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::make(root, store)?,
            Err(error) => return Err(StoreError::file(mark, error)),
        }
        let repo = Self::open_alone(root)?;
        for folder in ["objects", "snapshots", "tmp"] {
            make_private_dir(&root.join(folder))?;
        }
        files::sync_dir(root)?;
        Ok(repo)
    }

    fn make(root: &Path, store: &str) -> Result<()> {
        make_private_dir(root)?;
        let fail = |error| StoreError::file(root, error);
        // `.new` is what a crash in here leaves.
        let new = root.join(format!("{MARK}.new"));
        for entry in fs::read_dir(root).map_err(fail)? {
            if entry.map_err(fail)?.path() != new {
                return Err(StoreError::Invalid(format!(
                    "{} is neither a backup repository nor empty",
                    root.display()
                )));
            }
        }
        let mut file = File::create(&new).map_err(fail)?;
        file.write_all(format!("{MARK_LINE}{store}\n").as_bytes())
            .map_err(fail)?;
        file.sync_all().map_err(fail)?;
        files::rename(&new, &root.join(MARK))?;
        crate::keys::sync_parent(root)
    }

    /// Where the object with this digest lies.
    pub(super) fn object(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_string();
        let folder: String = hex.chars().take(2).collect();
        self.root.join("objects").join(folder).join(hex)
    }

    /// True if the object is there with this size. Its bytes are `backup verify`'s to read.
    pub(super) fn holds(&self, digest: &Digest, size: u64) -> bool {
        fs::metadata(self.object(digest)).is_ok_and(|meta| meta.len() == size)
    }

    pub(super) fn snapshots_dir(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    pub(super) fn manifest(&self, snapshot: &str) -> PathBuf {
        self.snapshots_dir().join(snapshot).join(manifest::FILE)
    }

    pub(super) fn catalog(&self, snapshot: &str) -> PathBuf {
        self.snapshots_dir().join(snapshot).join("catalog.db")
    }

    /// Names of directories beside the snapshots that were never finished, or half removed.
    pub(super) fn leftovers(&self) -> Result<Vec<PathBuf>> {
        let names = self.entries()?;
        let left = names
            .into_iter()
            .filter(|name| name.starts_with(".partial-") || name.starts_with(".gone-"));
        Ok(left.map(|name| self.snapshots_dir().join(name)).collect())
    }

    /// The snapshots, oldest first.
    pub(super) fn snapshots(&self) -> Result<Vec<String>> {
        let mut names = self.entries()?;
        names.retain(|name| is_snapshot_name(name));
        names.sort();
        Ok(names)
    }

    fn entries(&self) -> Result<Vec<String>> {
        let folder = self.snapshots_dir();
        let fail = |error| StoreError::file(&folder, error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(fail)? {
            names.extend(entry.map_err(fail)?.file_name().into_string());
        }
        Ok(names)
    }

    /// The snapshot whose name begins with `wanted`, or the newest.
    pub(super) fn choose(&self, wanted: Option<&str>) -> Result<String> {
        let names = self.snapshots()?;
        let Some(wanted) = wanted else {
            return names
                .last()
                .cloned()
                .ok_or_else(|| StoreError::NotFound("snapshot in this repository".into()));
        };
        let mut found = names.into_iter().filter(|name| name.starts_with(wanted));
        match (found.next(), found.next()) {
            (Some(name), None) => Ok(name),
            (None, _) => Err(StoreError::NotFound(format!("snapshot {wanted}"))),
            (Some(_), Some(_)) => Err(StoreError::Invalid(format!(
                "several snapshots begin with {wanted}"
            ))),
        }
    }
}

fn held(root: &Path, file: File, alone: bool) -> Result<File> {
    match if alone {
        file.try_lock()
    } else {
        file.try_lock_shared()
    } {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Invalid(format!(
            "the repository {} is in use by another process",
            root.display()
        ))),
        // Some network file systems know no locks; reading is safe without.
        Err(TryLockError::Error(_)) if !alone => Ok(file),
        Err(TryLockError::Error(error)) => Err(StoreError::file(root.join("lock"), error)),
    }
}

/// A snapshot as its manifest describes it.
#[derive(Debug, Clone)]
pub struct SnapshotInfo {
    /// Its name.
    pub name: String,
    /// When it was taken, RFC 3339; empty if its manifest cannot be read.
    pub taken: String,
    /// The store's epoch.
    pub epoch: i64,
    /// Events that it holds, all tenants'.
    pub events: i64,
    /// Objects that it names.
    pub objects: u64,
    /// Bytes of those and of the catalog.
    pub bytes: u64,
    /// What is wrong with its manifest.
    pub bad: Option<String>,
}

/// The snapshots of a repository, oldest first. Reads manifests, not objects.
pub fn list_backups(root: &Path) -> Result<Vec<SnapshotInfo>> {
    let repo = Repo::open(root)?;
    let info = |name: String| match manifest::read(&repo.manifest(&name), |_| {}) {
        Ok(manifest::Manifest { head, tail }) => SnapshotInfo {
            name,
            taken: head.taken,
            epoch: head.epoch,
            events: head.tenants.iter().map(|tenant| tenant.events).sum(),
            objects: tail.objects,
            bytes: tail.bytes,
            bad: None,
        },
        Err(what) => SnapshotInfo {
            name,
            taken: String::new(),
            epoch: 0,
            events: 0,
            objects: 0,
            bytes: 0,
            bad: Some(what),
        },
    };
    Ok(repo.snapshots()?.into_iter().map(info).collect())
}
