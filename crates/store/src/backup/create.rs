//! Taking a backup: the catalog as of one moment, then every object that it names.
//!
//! The order makes it crash-safe: objects are durable before the manifest that names them,
//! and the snapshot's directory gets its name last. What was copied before a crash stays
//! and is not copied again.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use everpost_domain::digest::{Digest, Hasher};
use everpost_domain::log::Note;
use everpost_domain::message::format_rfc3339;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use sqlx::{AnyConnection, Connection};

use super::manifest::{self, Head, Object, Signature, TenantHead, Writing};
use super::repo::Repo;
use super::{BackupFault, BackupProgress, files, snapshot_name};
use crate::carry::{named_objects, on_volumes};
use crate::catalog::sql::{self, Columns};
use crate::catalog::{fence, peek, schema_version, statements};
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::follow::{blocking, log_signer, log_state};
use crate::keys::KeySource;
use crate::objects::MAIN;
use crate::store::{Store, make_private_dir};

/// Bytes of an object that are read and written at a time.
const PIECE: u64 = 4 << 20;

/// What a backup did.
#[derive(Debug, Clone, Default)]
pub struct BackupReport {
    /// The snapshot's name.
    pub snapshot: String,
    /// Objects that it names.
    pub objects: u64,
    /// Bytes of those and of the catalog: what a restore copies.
    pub bytes: u64,
    /// Bytes of the catalog.
    pub catalog_bytes: u64,
    /// Objects that the repository did not hold yet.
    pub copied: u64,
    /// Their bytes.
    pub copied_bytes: u64,
    /// Objects of the store that were missing, cut off or changed.
    pub bad: Vec<BackupFault>,
}

/// What earlier manifests say of objects: memory grows with the number of objects (some
/// 150 bytes each), not with their bytes.
#[derive(Default)]
struct Known {
    objects: HashMap<String, (Digest, u64)>,
}

impl Known {
    /// Learns from the newest snapshot that can be read, and from what an interrupted
    /// backup left. The names of packs and splits are random and never used again, so a
    /// name says which bytes. A tile's name is a place in the log, which says so within one
    /// epoch only.
    fn read(repo: &Repo, epoch: i64) -> Result<Self> {
        let mut known = Known::default();
        for name in repo.snapshots()?.iter().rev() {
            let mut found = Vec::new();
            if let Ok(manifest) = manifest::read(&repo.manifest(name), |object| found.push(object))
            {
                known.add(found, manifest.head.epoch == epoch);
                break;
            }
        }
        for left in repo.leftovers()? {
            let mut found = Vec::new();
            if let Some(head) =
                manifest::salvage(&left.join(manifest::FILE), |object| found.push(object))
            {
                known.add(found, head.epoch == epoch);
            }
        }
        Ok(known)
    }

    fn add(&mut self, objects: Vec<Object>, tiles: bool) {
        for object in objects {
            if let (Some(digest), true) = (
                object.digest(),
                tiles || !object.name.starts_with("objects/tiles/"),
            ) {
                self.objects.insert(object.name, (digest, object.size));
            }
        }
    }
}

/// A backup being taken.
struct Taking<'a> {
    store: &'a Store,
    repo: &'a Repo,
    known: Known,
    manifest: Writing,
    /// Directories that got new names, to be synced before the manifest counts.
    touched: BTreeSet<PathBuf>,
    report: BackupReport,
    progress: BackupProgress,
    tell: &'a mut (dyn FnMut(&BackupProgress) + Send),
}

impl Store {
    /// Takes a snapshot into the repository at `root`, which is made if there is none.
    ///
    /// The archive goes on meanwhile, at this node and at others: the catalog is as of one
    /// moment, no object is removed before the last one is copied, and what comes after that
    /// moment is in the next snapshot.
    pub async fn backup(
        &self,
        root: &Path,
        tell: impl FnMut(&BackupProgress) + Send,
    ) -> Result<BackupReport> {
        self.refuse_places(root)?;
        // What was left of an archive that moved says nothing of what came later.
        fence::refuse_moved(&mut *self.inner.catalog.read().await?).await?;
        let hold = self.hold_objects().await?;
        let report = self.back_up(root, tell).await;
        hold.end().await;
        report
    }

    async fn back_up(
        &self,
        root: &Path,
        mut tell: impl FnMut(&BackupProgress) + Send,
    ) -> Result<BackupReport> {
        let (store, epoch) = self.name_and_epoch().await?;
        let repo = Repo::create(root, &store)?;
        for tenant in self.tenants() {
            // So that the checkpoints in the snapshot speak of every event in it.
            tenant.advance_log().await?;
        }
        let known = Known::read(&repo, epoch)?;
        for left in repo.leftovers()? {
            files::remove_dir(&left)?;
        }
        files::remove_dir(&root.join("tmp"))?;
        make_private_dir(&root.join("tmp"))?;

        let taken = now_us();
        let snapshot = snapshot_name(taken);
        let partial = repo.snapshots_dir().join(format!(".partial-{snapshot}"));
        make_private_dir(&partial)?;
        let catalog = partial.join("catalog.db");
        let (catalog_size, catalog_digest) = self.write_catalog(&catalog).await?;
        let mut db = peek(&catalog).await?;
        let head = Head {
            everpost_backup: Head::version(),
            store,
            epoch,
            schema: schema_version(&mut db).await?,
            taken: format_rfc3339(taken.div_euclid(1_000_000)),
            taken_us: taken,
            catalog_size,
            catalog_sha256: catalog_digest.to_string(),
            tenants: tenant_heads(self, &mut db).await?,
        };
        let mut taking = Taking {
            store: self,
            repo: &repo,
            known,
            manifest: Writing::new(&partial.join(manifest::FILE), &head)?,
            touched: BTreeSet::new(),
            report: BackupReport {
                snapshot: snapshot.clone(),
                catalog_bytes: catalog_size,
                ..Default::default()
            },
            progress: BackupProgress::default(),
            tell: &mut tell,
        };
        taking.objects(&mut db).await?;
        let report = taking.finish(&mut db, &head).await?;
        db.close().await?;
        files::sync_dir(&partial)?;
        files::rename(&partial, &repo.snapshots_dir().join(&snapshot))?;
        Ok(report)
    }

    /// A repository in the data directory would be lost with it, and one around it would
    /// hold the key or the store itself.
    fn refuse_places(&self, root: &Path) -> Result<()> {
        let root_full = full(root);
        let data = full(&self.inner.data);
        if root_full.starts_with(&data) {
            return Err(StoreError::Invalid(format!(
                "{} lies in the data directory; a backup must outlive it",
                root.display()
            )));
        }
        if data.starts_with(&root_full) {
            return Err(StoreError::Invalid(format!(
                "the data directory lies in {}; choose another",
                root.display()
            )));
        }
        match self.inner.options.key_source() {
            KeySource::File(key) if full(&key).starts_with(&root_full) => {
                Err(StoreError::Invalid(format!(
                    "the master key {} lies in {}; a backup never lies beside the key that opens it",
                    key.display(),
                    root.display()
                )))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn name_and_epoch(&self) -> Result<(String, i64)> {
        let mut db = self.inner.catalog.read().await?;
        let row = sql::fetch_optional(&mut db, statements::STORE, vec![]).await?;
        let row = row.ok_or_else(|| StoreError::damaged("catalog", "the store row is missing"))?;
        Ok((
            row.blob(0)?
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            row.int(1)?,
        ))
    }

    async fn write_catalog(&self, to: &Path) -> Result<(u64, Digest)> {
        self.inner.catalog.snapshot(to).await?;
        let to = to.to_path_buf();
        blocking(move || {
            fs::set_permissions(&to, Permissions::from_mode(0o600))
                .map_err(|error| StoreError::file(&to, error))?;
            files::sync_file(&to)?;
            files::digest(&to)?
                .ok_or_else(|| StoreError::damaged("catalog.db", "the snapshot is not there"))
        })
        .await?
    }
}

/// A path made absolute as far as it exists.
pub(crate) fn full(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut rest = Vec::new();
    for known in absolute.ancestors() {
        if let Ok(known) = fs::canonicalize(known) {
            return rest.iter().rev().fold(known, |path, name| path.join(name));
        }
        rest.extend(known.file_name());
    }
    absolute
}

async fn tenant_heads(store: &Store, db: &mut AnyConnection) -> Result<Vec<TenantHead>> {
    let mut heads = Vec::new();
    for tenant in store.tenants() {
        let state = log_state(db, tenant.id()).await?;
        heads.push(TenantHead {
            tenant: tenant.id(),
            events: crate::admit::next_seq(db, tenant.id()).await?,
            log_size: state.tail.size(),
            checkpoint: String::from_utf8(state.checkpoint)
                .map_err(|_| StoreError::damaged("checkpoint", "it is not text"))?,
        });
    }
    Ok(heads)
}

impl Taking<'_> {
    /// Every object that the snapshot names.
    async fn objects(&mut self, db: &mut AnyConnection) -> Result<()> {
        let vault = &self.store.inner.vault;
        for tenant in self.store.tenants() {
            vault.learn_volumes(db, &tenant.state.keys).await?;
        }
        let elsewhere = on_volumes(db).await?;
        let named = named_objects(db).await?;
        self.progress.total += named.iter().map(|(_, size)| size).sum::<u64>();
        for (path, size) in &named {
            let volume = elsewhere.get(path).copied().unwrap_or(MAIN);
            self.object(path, *size, volume).await?;
        }
        Ok(())
    }

    /// One object: in the repository already, or copied.
    async fn object(&mut self, path: &ObjectPath, size: u64, volume: i64) -> Result<()> {
        let name = path.to_string();
        // One that was found shorter than it should be is looked at, and named, each time.
        let known = self
            .known
            .objects
            .get(&name)
            .copied()
            .filter(|(_, known)| *known == size);
        let object = match known {
            Some((digest, _)) if self.repo.holds(&digest, size) => Object {
                name,
                size,
                sha256: Some(digest.to_string()),
            },
            _ => self.copy(path, size, volume, known).await?,
        };
        self.report.objects += 1;
        self.progress.step(size);
        (self.tell)(&self.progress);
        self.manifest.object(&object)
    }

    async fn copy(
        &mut self,
        path: &ObjectPath,
        size: u64,
        volume: i64,
        known: Option<(Digest, u64)>,
    ) -> Result<Object> {
        let name = path.to_string();
        let volume = self.store.inner.vault.volumes.of(volume)?;
        let found = match volume.objects.head(path).await {
            Ok(meta) => meta.size,
            Err(object_store::Error::NotFound { .. }) => {
                self.bad(&name, "the store does not have it any more");
                return Ok(Object {
                    name,
                    size: 0,
                    sha256: None,
                });
            }
            Err(error) => return Err(error.into()),
        };
        if found != size {
            // Kept as it is: the frames that are whole can still be read.
            self.bad(
                &name,
                &format!("it has {found} bytes, the catalog says {size}"),
            );
        }
        let temporary = self.repo.root.join("tmp").join("object");
        let digest = fetch(volume.objects.as_ref(), path, found, &temporary).await?;
        if known.is_some_and(|(known, _)| known != digest) {
            self.bad(
                &name,
                "its bytes are not those that an earlier snapshot found",
            );
        }
        let target = self.repo.object(&digest);
        let folder = target.parent().unwrap_or(&self.repo.root).to_path_buf();
        make_private_dir(&folder)?;
        if self.repo.holds(&digest, found) {
            fs::remove_file(&temporary).map_err(|error| StoreError::file(&temporary, error))?;
        } else {
            fs::rename(&temporary, &target).map_err(|error| StoreError::file(&target, error))?;
            self.report.copied += 1;
            self.report.copied_bytes += found;
        }
        self.touched.insert(folder);
        Ok(Object {
            name,
            size: found,
            sha256: Some(digest.to_string()),
        })
    }

    fn bad(&mut self, name: &str, what: &str) {
        self.report
            .bad
            .push(BackupFault::new(&self.report.snapshot, name, what));
    }

    /// Makes names durable, signs and ends the manifest.
    async fn finish(self, db: &mut AnyConnection, head: &Head) -> Result<BackupReport> {
        for folder in &self.touched {
            files::sync_dir(folder)?;
        }
        files::sync_dir(&self.repo.root.join("objects"))?;
        let text = manifest::signed_text(head, &self.manifest.digest().to_string());
        let mut signatures = Vec::new();
        for tenant in self.store.tenants() {
            let signer = log_signer(db, &tenant.state.keys).await?;
            let note = Note::sign(&text, &signer)
                .map_err(|error| StoreError::Invalid(error.to_string()))?;
            signatures.push(Signature {
                tenant: tenant.id(),
                note: note.to_string(),
            });
        }
        let tail = self.manifest.finish(signatures)?;
        Ok(BackupReport {
            bytes: tail.bytes,
            ..self.report
        })
    }
}

/// Reads an object piece by piece into a new file, durably, and gives its digest.
async fn fetch(
    objects: &dyn ObjectStore,
    path: &ObjectPath,
    size: u64,
    to: &Path,
) -> Result<Digest> {
    let file = File::create(to).map_err(|error| StoreError::file(to, error))?;
    let mut work = (file, Hasher::new());
    let mut at = 0;
    while at < size {
        let end = size.min(at + PIECE);
        let bytes = objects.get_range(path, at..end).await?;
        let name = to.to_path_buf();
        work = blocking(move || {
            let (mut file, mut hasher) = work;
            hasher.update(&bytes);
            file.write_all(&bytes)
                .map_err(|error| StoreError::file(name, error))?;
            Ok::<_, StoreError>((file, hasher))
        })
        .await??;
        at = end;
    }
    let name = to.to_path_buf();
    blocking(move || {
        let (file, hasher) = work;
        file.sync_all()
            .map_err(|error| StoreError::file(name, error))?;
        Ok(hasher.finish())
    })
    .await?
}
