//! Restoring: a snapshot becomes an archive again, in a new epoch.
//!
//! Everything is put together beside the place that it is to have ([`crate::arrival`]) and
//! checked on the way: an archive is either whole or not there. A restore that was cut short is
//! gone on with by asking for the same once more.
//!
//! The new epoch begins in the catalog's file, over the objects where they will lie; so it is the
//! same at both addresses, and what servers are given is the archive as it goes on.

use std::path::PathBuf;

use everpost_domain::log::{EventKind, ForkNotice, Note};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use sqlx::Connection;

use super::create::full;
use super::manifest::{self, Manifest, Object};
use super::repo::Repo;
use super::{BackupFault, BackupKeys, BackupProgress, files, verify};
use crate::address::Address;
use crate::arrival::{self, Arrival};
use crate::carry::carry;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Catalog, NEWEST, peek, statements};
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::follow::{blocking, log_signer, log_state};
use crate::keys::{KeySource, MasterKey};
use crate::rekey::{self, NewMaster};
use crate::store::{Options, Store};

/// What to restore, and to where.
pub struct Restore {
    /// The repository.
    pub repo: PathBuf,
    /// The snapshot; `None`: the newest.
    pub snapshot: Option<String>,
    /// Where the archive is to be: the data directory must not exist or be empty, a database and
    /// a bucket must be empty.
    pub address: Address,
    /// The data directory; where the archive is to be at servers, that of the node that restores.
    pub data: PathBuf,
    /// The master key of the archive; with recovery keys: where the new one is made.
    pub keys: BackupKeys,
    /// Where the master key is from now on; `None`: beside the data directory.
    pub key: Option<KeySource>,
    /// Go on although objects are missing or damaged; what is whole in them can be read.
    pub despite_damage: bool,
}

/// What a restore brought back.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The snapshot.
    pub snapshot: String,
    /// When it was taken: what came later is not in it.
    pub taken: String,
    /// The archive's new epoch.
    pub epoch: i64,
    /// Objects copied.
    pub objects: u64,
    /// Bytes of those and of the catalog.
    pub bytes: u64,
    /// Where the master key is.
    pub key: KeySource,
    /// True if the master key was made just now.
    pub new_key: bool,
    /// What each tenant got back.
    pub tenants: Vec<RestoredTenant>,
    /// Objects that are missing or damaged. Not empty and `done` false: nothing was
    /// restored, and `DIR.partial` holds what was copied so far.
    pub bad: Vec<BackupFault>,
    /// The archive can be opened.
    pub done: bool,
}

/// A tenant's part of a restore.
#[derive(Debug, Clone)]
pub struct RestoredTenant {
    /// Its name.
    pub name: String,
    /// Events that the snapshot holds; the last seq is one less.
    pub events: u64,
    /// Leaves that the log has in common with the one before.
    pub kept: u64,
    /// The signed fork notice: to be shown to whoever kept a later checkpoint.
    pub notice: Note,
}

/// A restore under way.
struct Work<'a> {
    what: &'a Restore,
    repo: Repo,
    snapshot: String,
    manifest: Manifest,
    source: KeySource,
}

/// Restores a snapshot to a place that holds nothing.
pub async fn restore_backup(
    what: &Restore,
    mut tell: impl FnMut(&BackupProgress),
) -> Result<Restored> {
    let repo = Repo::open(&what.repo)?;
    refuse_places(what)?;
    arrival::refuse_taken(&what.address, &what.data, None).await?;
    let snapshot = repo.choose(what.snapshot.as_deref())?;
    let mut objects = Vec::new();
    let manifest = manifest::read(&repo.manifest(&snapshot), |object| objects.push(object))
        .map_err(|what| StoreError::damaged(format!("the manifest of {snapshot}"), what))?;
    let source = match (&what.key, &what.keys) {
        (Some(key), _) => key.clone(),
        (None, BackupKeys::Master(key)) => key.clone(),
        (None, BackupKeys::Recovery(_)) => KeySource::beside(&what.data),
    };
    let work = Work {
        what,
        repo,
        snapshot,
        manifest,
        source,
    };
    // The key comes first: with a wrong one nothing is written at all.
    work.check_keys().await?;
    let mark = format!("restore {} {}\n", work.snapshot, work.manifest.tail.digest);
    let folder = arrival::partial(&what.data);
    let (arrival, lock) = Arrival::claim(&what.address, &what.data, folder, &mark).await?;
    let bad = work.copy_objects(&arrival, &objects, &mut tell).await?;
    if !bad.is_empty() && !what.despite_damage {
        return Ok(work.report(0, Vec::new(), bad, false));
    }
    work.copy_catalog(&arrival).await?;
    let (master, new) = work.master(&arrival).await?;
    // The key wherever it ends up: the store is handed its bytes, and reads no file here.
    let options = Options {
        key: Some(work.source.clone()),
        objects: Some(arrival.objects.clone()),
        ..Options::new(&arrival.folder)
    };
    let store = Store::open_locked(options, lock, master).await?.store;
    let (epoch, tenants) = store.begin_epoch().await?;
    store.close().await?;
    arrival.land(None).await?;
    arrival.open_up().await?;
    if let Some(new) = new {
        new.take_place()?;
    }
    Ok(work.report(epoch, tenants, bad, true))
}

fn refuse_places(what: &Restore) -> Result<()> {
    let (data, repo) = (full(&what.data), full(&what.repo));
    if data.starts_with(&repo) || repo.starts_with(&data) {
        return Err(StoreError::Invalid(
            "repository and data directory must not lie in each other".into(),
        ));
    }
    Ok(())
}

impl Work<'_> {
    /// The catalog must be whole, open with the keys given, and vouch for the manifest.
    async fn check_keys(&self) -> Result<()> {
        let name = &self.snapshot;
        if self.manifest.head.schema > NEWEST {
            return Err(StoreError::Version {
                found: self.manifest.head.schema,
                known: NEWEST,
            });
        }
        if let Some(what) =
            verify::catalog_difference(&self.repo, name, &self.manifest.head).await?
        {
            return Err(StoreError::damaged(format!("catalog.db of {name}"), what));
        }
        let mut db = peek(&self.repo.catalog(name)).await?;
        let tenants = rekey::wrapped_tenants(&mut db).await?;
        match &self.what.keys {
            BackupKeys::Recovery(recovery) => {
                rekey::recovered_names(&tenants, recovery)?;
                if let KeySource::File(path) = &self.source
                    && path.exists()
                {
                    return Err(StoreError::Invalid(format!(
                        "the key file {} exists and is never replaced; move it away, or restore without --recovery",
                        path.display()
                    )));
                }
            }
            BackupKeys::Master(source) => {
                let master = MasterKey::read(source)?.ok_or_else(|| {
                    StoreError::Key(format!("there is no master key in {source}"))
                })?;
                if !rekey::opens(&master, &tenants) {
                    return Err(StoreError::Key(format!(
                        "the master key in {source} (fingerprint {}) does not open this snapshot",
                        master.fingerprint()
                    )));
                }
            }
        }
        let roots = verify::roots(&tenants, &self.what.keys).map_err(StoreError::Key)?;
        let signed = verify::check_signatures(&mut db, &self.manifest, &roots).await?;
        db.close().await?;
        signed.map_err(|what| StoreError::damaged(format!("the manifest of {name}"), what))
    }

    /// Copies every object and compares it with the manifest. One that an earlier attempt
    /// copied whole is read and kept.
    async fn copy_objects(
        &self,
        arrival: &Arrival,
        objects: &[Object],
        tell: &mut impl FnMut(&BackupProgress),
    ) -> Result<Vec<BackupFault>> {
        let mut bad = Vec::new();
        let mut progress = BackupProgress {
            total: self.manifest.tail.bytes,
            ..BackupProgress::default()
        };
        let repo = LocalFileSystem::new();
        for object in objects {
            let mut wrong =
                |what: String| bad.push(BackupFault::new(&self.snapshot, &object.name, what));
            let Some(digest) = object.digest() else {
                wrong("the store did not have it when the snapshot was taken".into());
                continue;
            };
            let from = std::path::absolute(self.repo.object(&digest))
                .map_err(|error| StoreError::file(self.repo.object(&digest), error))?;
            let from = ObjectPath::from_absolute_path(&from)
                .map_err(|error| StoreError::Object(error.to_string()))?;
            // The manifest's reader made sure that the name stays below `objects`.
            let place = ObjectPath::from(object.name.as_str());
            let known = Some((object.size, digest));
            let copied = carry(&repo, &from, &arrival.objects, &place, known).await?;
            if let Some(what) = verify::difference(copied, object.size, &digest) {
                wrong(what);
            }
            progress.step(object.size);
            tell(&progress);
        }
        Ok(bad)
    }

    /// Copies the catalog anew: an earlier attempt may have begun an epoch in it.
    async fn copy_catalog(&self, arrival: &Arrival) -> Result<()> {
        arrival.clear_catalog()?;
        let (from, to) = (self.repo.catalog(&self.snapshot), arrival.catalog());
        let copied = blocking(move || files::copy(&from, &to)).await??;
        let head = &self.manifest.head;
        let digest = head.catalog_sha256.parse();
        let digest = digest.map_err(|_| {
            StoreError::damaged(&self.snapshot, "the manifest has no digest of the catalog")
        })?;
        match verify::difference(copied, head.catalog_size, &digest) {
            Some(what) => Err(StoreError::damaged(
                format!("catalog.db of {}", self.snapshot),
                what,
            )),
            None => files::sync_dir(&arrival.folder),
        }
    }

    /// The master key of the restored archive. With recovery keys it is new: it waits
    /// beside its place until the archive has its name, so that a crash in between leaves
    /// nothing that looks like a key in use, and opening the archive ends the move.
    async fn master(&self, arrival: &Arrival) -> Result<(MasterKey, Option<NewMaster>)> {
        let path = arrival.catalog();
        match &self.what.keys {
            BackupKeys::Master(source) => {
                let master = MasterKey::read(source)?;
                Ok((
                    master.ok_or_else(|| {
                        StoreError::Key(format!("there is no master key in {source}"))
                    })?,
                    None,
                ))
            }
            BackupKeys::Recovery(recovery) => {
                let tenants = rekey::peek_tenants(&path).await?;
                let new =
                    NewMaster::in_place_of_lost(self.source.clone(), &arrival.folder, &tenants)?;
                let catalog = Catalog::open_sqlite(&path, false).await?;
                let mut tx = catalog.begin().await?;
                rekey::rewrap(&mut tx, &new.master, |tenant| tenant.recover(recovery)).await?;
                tx.commit().await?;
                catalog.checkpoint().await?;
                catalog.close().await;
                Ok((new.master.clone(), Some(new)))
            }
        }
    }

    fn report(
        &self,
        epoch: i64,
        tenants: Vec<RestoredTenant>,
        bad: Vec<BackupFault>,
        done: bool,
    ) -> Restored {
        Restored {
            snapshot: self.snapshot.clone(),
            taken: self.manifest.head.taken.clone(),
            epoch,
            objects: self.manifest.tail.objects,
            bytes: self.manifest.tail.bytes,
            key: self.source.clone(),
            new_key: matches!(self.what.keys, BackupKeys::Recovery(_)),
            tenants,
            bad,
            done,
        }
    }
}

/// Lease generations of an epoch begin at its number times this: above all that an earlier
/// epoch handed out, those after the snapshot included, of which the catalog knows nothing.
const GENERATIONS: i64 = 1 << 20;

impl Store {
    /// Begins the epoch of a restored store: no name, number or lease of the time after the
    /// snapshot is used a second time, and the log says where it goes on from.
    ///
    /// An epoch's number is the second it began in, where that is higher than the number
    /// after the last: two restores of one snapshot, say a drill and then the real one, must
    /// not both be epoch n + 1, or one log would sign two histories under one name.
    async fn begin_epoch(&self) -> Result<(i64, Vec<RestoredTenant>)> {
        let mut tx = self.inner.catalog.begin().await?;
        let store = || StoreError::damaged("catalog", "the store row is missing");
        let row = sql::fetch_optional(&mut tx, statements::STORE, vec![])
            .await?
            .ok_or_else(store)?;
        let epoch = row
            .int(1)?
            .saturating_add(1)
            .max(now_us().div_euclid(1_000_000));
        if sql::execute(&mut tx, statements::RAISE_EPOCH, values![epoch]).await? != 1 {
            return Err(store());
        }
        // Agents pass over a state of a lower generation than they know.
        for statement in [
            statements::RAISE_LEASES,
            statements::RAISE_STATES,
            statements::RAISE_RECOVERIES,
        ] {
            let first = values![epoch.saturating_mul(GENERATIONS)];
            sql::execute(&mut tx, statement, first).await?;
        }
        for statement in [
            statements::RAISE_UIDS,
            statements::RAISE_FOLDERS,
            statements::RAISE_INDICATORS,
        ] {
            sql::execute(&mut tx, statement, vec![]).await?;
        }
        // A backup keeps the packs of storage classes beside all others, and that is where they are.
        for statement in [
            statements::BUCKETS_ARE_NEW,
            statements::PACKS_ARE_HERE,
            statements::DOOMED_ARE_HERE,
        ] {
            sql::execute(&mut tx, statement, vec![]).await?;
        }
        let mut restored = Vec::new();
        for tenant in self.tenants() {
            let state = log_state(&mut tx, tenant.id()).await?;
            let signer = log_signer(&mut tx, &tenant.state.keys).await?;
            let damaged = |what: String| StoreError::damaged("checkpoint", what);
            let previous = match state.checkpoint.is_empty() {
                true => None,
                false => Some(
                    Note::parse(&state.checkpoint).map_err(|error| damaged(error.to_string()))?,
                ),
            };
            let notice = ForkNotice {
                origin: signer.key().name().to_string(),
                epoch: epoch.unsigned_abs(),
                kept_size: state.tail.size(),
                kept_root: state.tail.root(),
                previous,
            };
            let events = crate::admit::next_seq(&mut tx, tenant.id()).await?;
            tenant
                .record_action(&mut tx, EventKind::Restored, &notice.encode())
                .await?;
            restored.push(RestoredTenant {
                name: tenant.name().to_string(),
                events: events.unsigned_abs(),
                kept: notice.kept_size,
                notice: notice
                    .sign(&signer)
                    .map_err(|error| damaged(error.to_string()))?,
            });
        }
        tx.commit().await?;
        for tenant in self.tenants() {
            tenant.advance_log().await?;
        }
        Ok((epoch, restored))
    }
}
