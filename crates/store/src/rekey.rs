//! Changing who can open an archive: settling, rotating and recovering the master key.
//!
//! A tenant's root never changes; what changes is by which keys it is wrapped. Every change
//! is one transaction over all tenants, so an archive is never half under one key and half
//! under another. The new key is durable before that transaction (`KEY.new` beside the key
//! file) and takes its place after it; whoever opens the archive after a crash between the
//! steps finishes or undoes the change, by trying which key opens the roots.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sqlx::{AnyConnection, Connection};

use crate::address::Address;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{peek, peek_server, statements};
use crate::error::{Result, StoreError};
use crate::keys::{self, KeySource, MasterKey, RecoveryKey, TenantKeys};
use crate::seal::Key;
use crate::store::{Options, Store, lock, make_private_dir, open_catalog};
use crate::tenant::Tenant;

/// A tenant's root as it rests in a catalog.
pub(crate) struct WrappedTenant {
    pub(crate) id: i64,
    name: Vec<u8>,
    by_master: Vec<u8>,
    by_recovery: Vec<u8>,
}

impl WrappedTenant {
    /// The root, if `master` wrapped it.
    pub(crate) fn open(&self, master: &MasterKey) -> Option<Key> {
        keys::open_root(self.id, master, &self.by_master)
    }

    /// The root, if one of the recovery keys wrapped it.
    pub(crate) fn recover(&self, recovery: &[RecoveryKey]) -> Option<Key> {
        recovery
            .iter()
            .find_map(|key| keys::recover_root(self.id, key, &self.by_recovery))
    }

    /// The tenant's name, opened with its root.
    pub(crate) fn name(&self, root: &Key) -> Result<String> {
        let name = TenantKeys::new(self.id, root)
            .names
            .open(b"tenant", &self.name);
        name.and_then(|name| String::from_utf8(name).ok())
            .ok_or_else(|| {
                StoreError::damaged(format!("tenant {}", self.id), "its name does not open")
            })
    }
}

/// The roots that a catalog holds; none if it has no tables yet.
pub(crate) async fn wrapped_tenants(db: &mut AnyConnection) -> Result<Vec<WrappedTenant>> {
    let asked = match sql::is_server(db) {
        true => statements::SERVER_HAS_TENANTS,
        false => statements::HAS_TENANTS,
    };
    let tables = sql::fetch_optional(db, asked, vec![]).await?;
    if tables.is_none() {
        return Ok(Vec::new());
    }
    let rows = sql::fetch(db, statements::TENANTS, vec![]).await?;
    let read = |row: &sqlx::any::AnyRow| {
        Ok(WrappedTenant {
            id: row.int(0)?,
            name: row.blob(1)?,
            by_master: row.blob(2)?,
            by_recovery: row.blob(3)?,
        })
    };
    rows.iter().map(read).collect()
}

/// As [`wrapped_tenants`], of the PostgreSQL database at an address; changes nothing.
pub(crate) async fn look_at_tenants(address: &str) -> Result<Vec<WrappedTenant>> {
    let mut db = peek_server(address).await?;
    let tenants = wrapped_tenants(&mut db).await;
    db.close().await?;
    tenants
}

/// As [`wrapped_tenants`], of a catalog that is not open; changes nothing.
pub(crate) async fn peek_tenants(catalog: &Path) -> Result<Vec<WrappedTenant>> {
    let mut db = peek(catalog).await?;
    let tenants = wrapped_tenants(&mut db).await;
    db.close().await?;
    tenants
}

/// True if the key is the one of these tenants.
pub(crate) fn opens(master: &MasterKey, tenants: &[WrappedTenant]) -> bool {
    !tenants.is_empty() && tenants.iter().all(|tenant| tenant.open(master).is_some())
}

/// Where a new key waits until it counts.
fn waiting(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// The master key of the archive in `data`, whose catalog holds `tenants`. Ends what a
/// crash left of a rotation or recovery. Makes a key file only if there is no archive yet;
/// fails, having changed nothing, if no key at hand is the right one.
pub(crate) fn settle(
    source: &KeySource,
    data: &Path,
    exists: bool,
    tenants: &[WrappedTenant],
) -> Result<MasterKey> {
    let missing = |what: String| StoreError::Key(format!("the master key {what}"));
    let path = match source {
        KeySource::File(path) => path,
        KeySource::Env(name) => {
            let master =
                MasterKey::read(source)?.ok_or_else(|| missing(format!("${name} is not set")))?;
            return check(master, source, tenants);
        }
    };
    let waits = waiting(path);
    let found = match MasterKey::read(source) {
        Ok(None) if !exists => {
            let master = MasterKey::generate()?;
            master.write_new(path)?;
            return Ok(master);
        }
        Ok(Some(master)) if tenants.is_empty() => return Ok(master),
        Ok(Some(master)) if opens(&master, tenants) => {
            // The new key never came to count: the transaction that it was made for is not there.
            if source.is_beside(data) && waits.exists() {
                fs::remove_file(&waits).map_err(|error| StoreError::file(&waits, error))?;
            }
            return Ok(master);
        }
        found => found,
    };
    // A key file that others may use is not replaced, only one that is not there.
    let ours = source.is_beside(data) || matches!(found, Ok(None));
    // A new key that was not written to its end opens nothing, whatever reading it says.
    let new = MasterKey::read(&KeySource::File(waits.clone()))
        .ok()
        .flatten();
    match new {
        Some(new) if ours && opens(&new, tenants) => {
            replace(&waits, path)?;
            Ok(new)
        }
        _ => match found? {
            Some(master) => check(master, source, tenants),
            None => Err(missing(format!("{} is missing", path.display()))),
        },
    }
}

fn check(master: MasterKey, source: &KeySource, tenants: &[WrappedTenant]) -> Result<MasterKey> {
    if tenants.is_empty() || opens(&master, tenants) {
        return Ok(master);
    }
    Err(StoreError::Key(format!(
        "the master key in {source} (fingerprint {}) is not the one of this archive",
        master.fingerprint()
    )))
}

fn replace(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|error| StoreError::file(to, error))?;
    keys::sync_parent(to)
}

/// A new master key that is safe from a crash and does not count yet.
pub(crate) struct NewMaster {
    pub(crate) master: MasterKey,
    pub(crate) source: KeySource,
    waits: bool,
}

impl NewMaster {
    /// A key that will take its place at `path`.
    pub(crate) fn waiting_for(path: &Path) -> Result<Self> {
        let waits = waiting(path);
        match fs::remove_file(&waits) {
            // Left by an attempt that never came to count.
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::file(&waits, error)),
        }
        let master = MasterKey::generate()?;
        master.write_new(&waits)?;
        Ok(NewMaster {
            master,
            source: KeySource::File(path.to_path_buf()),
            waits: true,
        })
    }

    /// The key that `source` holds; a file that does not exist is made with a new one. The
    /// operator names it, so it may be a key in use elsewhere.
    fn given(source: KeySource, data: &Path) -> Result<Self> {
        let master = match (MasterKey::read(&source)?, &source) {
            (Some(master), _) => master,
            (None, KeySource::Env(name)) => {
                return Err(StoreError::Key(format!(
                    "${name} is not set; put a line there that `everpost key new` printed"
                )));
            }
            (None, KeySource::File(path)) => {
                outside(path, data)?;
                let master = MasterKey::generate()?;
                master.write_new(path)?;
                master
            }
        };
        Ok(NewMaster {
            master,
            source,
            waits: false,
        })
    }

    /// For an archive whose key is lost: `source` names a variable that holds the new key,
    /// or a file that does not exist.
    pub(crate) fn in_place_of_lost(
        source: KeySource,
        data: &Path,
        tenants: &[WrappedTenant],
    ) -> Result<Self> {
        let KeySource::File(path) = &source else {
            return Self::given(source, data);
        };
        if path.exists() {
            let opens =
                matches!(MasterKey::read(&source), Ok(Some(master)) if opens(&master, tenants));
            let what = match opens {
                true => "opens this archive: nothing is lost",
                false => "is never replaced; move it away, or name another with --key",
            };
            return Err(StoreError::Invalid(format!(
                "the key file {} exists and {what}",
                path.display()
            )));
        }
        outside(path, data)?;
        Self::waiting_for(path)
    }

    /// The key counts now: puts it in its place.
    pub(crate) fn take_place(self) -> Result<()> {
        match (&self.source, self.waits) {
            (KeySource::File(path), true) => replace(&waiting(path), path),
            _ => Ok(()),
        }
    }
}

/// A key in the data directory would travel with what it locks.
fn outside(path: &Path, data: &Path) -> Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    match (fs::canonicalize(parent), fs::canonicalize(data)) {
        (Ok(parent), Ok(data)) if parent.starts_with(&data) => Err(StoreError::Invalid(format!(
            "the key file {} would lie in the data directory, beside what it locks",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// Wraps every tenant's root by `master`; `root` finds the roots.
pub(crate) async fn rewrap(
    db: &mut AnyConnection,
    master: &MasterKey,
    root: impl Fn(&WrappedTenant) -> Option<Key>,
) -> Result<()> {
    for tenant in wrapped_tenants(db).await? {
        let root = root(&tenant).ok_or_else(|| not_opened(&tenant))?;
        let wrapped = keys::wrap_root(tenant.id, master, &root)?;
        sql::execute(db, statements::REWRAP_TENANT, values![tenant.id, wrapped]).await?;
    }
    Ok(())
}

fn not_opened(tenant: &WrappedTenant) -> StoreError {
    StoreError::Key(format!(
        "tenant {} does not open with the keys given",
        tenant.id
    ))
}

/// What the master key in use is, without telling it.
#[derive(Debug, Clone)]
pub struct KeyState {
    /// Where it comes from.
    pub source: KeySource,
    /// Eight digits by which people tell keys apart.
    pub fingerprint: String,
    /// Mode of the key file; `None` for a variable.
    pub mode: Option<u32>,
    /// The tenants it opens: all there are.
    pub tenants: Vec<String>,
}

/// A changed master key.
pub struct Rekeyed {
    /// Where the new key is.
    pub source: KeySource,
    /// Fingerprint of the new key.
    pub fingerprint: String,
    /// The tenants it opens.
    pub tenants: Vec<String>,
    /// The new recovery key, if one was asked for. Whoever asked shows it to a person now.
    pub recovery: Option<RecoveryKey>,
}

impl Store {
    /// The master key in use.
    pub fn key_state(&self) -> Result<KeyState> {
        let source = self.inner.options.key_source();
        let mode = match &source {
            KeySource::File(path) => {
                let meta = fs::metadata(path).map_err(|error| StoreError::file(path, error))?;
                Some(meta.permissions().mode() & 0o7777)
            }
            KeySource::Env(_) => None,
        };
        let tenants = self
            .tenants()
            .iter()
            .map(|tenant| tenant.name().to_string())
            .collect();
        Ok(KeyState {
            source,
            fingerprint: self.inner.master.fingerprint(),
            mode,
            tenants,
        })
    }

    /// Puts the archive under a new master key, and closes it. The file beside the data
    /// directory is replaced by a new key; any other source may serve other archives as
    /// well, so for those `to` names where the new key is or is to be made. With
    /// `recovery_of`, that tenant gets a new recovery key in the same transaction and the
    /// old one opens nothing any more.
    ///
    /// Backups made before keep opening with the old keys.
    pub async fn rotate_key(
        self,
        to: Option<KeySource>,
        recovery_of: Option<Tenant>,
    ) -> Result<Rekeyed> {
        let source = self.inner.options.key_source();
        let old = self.inner.master.clone();
        let new = match (to, &source) {
            (Some(to), _) => NewMaster::given(to, &self.inner.data)?,
            (None, KeySource::File(path)) if source.is_beside(&self.inner.data) => {
                NewMaster::waiting_for(path)?
            }
            (None, _) => {
                return Err(StoreError::Invalid(format!(
                    "the master key in {source} may serve other archives and is not replaced; \
                     name another with --new-key FILE or --new-key env:NAME"
                )));
            }
        };
        if new.master.0 == old.0 {
            return Err(StoreError::Invalid(format!(
                "{} holds the key that is in use",
                new.source
            )));
        }
        let recovery = recovery_of
            .as_ref()
            .map(|_| RecoveryKey::generate())
            .transpose()?;
        let mut tx = self.inner.catalog.begin().await?;
        for tenant in wrapped_tenants(&mut tx).await? {
            if let (Some(key), Some(chosen)) = (&recovery, &recovery_of)
                && chosen.id() == tenant.id
            {
                let root = tenant.open(&old).ok_or_else(|| not_opened(&tenant))?;
                let wrapped = keys::wrap_root_for_recovery(tenant.id, key, &root)?;
                sql::execute(
                    &mut tx,
                    statements::REWRAP_RECOVERY,
                    values![tenant.id, wrapped],
                )
                .await?;
            }
        }
        rewrap(&mut tx, &new.master, |tenant| tenant.open(&old)).await?;
        tx.commit().await?;
        let tenants = self
            .tenants()
            .iter()
            .map(|tenant| tenant.name().to_string())
            .collect();
        // Moves the log into the file: what the old key opens is overwritten, not merely outdated.
        self.close().await?;
        let rekeyed = Rekeyed {
            source: new.source.clone(),
            fingerprint: new.master.fingerprint(),
            tenants,
            recovery,
        };
        new.take_place()?;
        Ok(rekeyed)
    }
}

/// The tenants of an archive that is not open, and the lock of its data directory. Changes
/// nothing of the archive.
async fn look_at_closed(options: &Options) -> Result<(fs::File, Vec<WrappedTenant>)> {
    let data = &options.data;
    match &options.address {
        Address::Embedded => {
            let catalog = data.join("catalog.db");
            if !catalog.exists() {
                let place = format!("archive in {}", data.display());
                return Err(StoreError::NotFound(place));
            }
            let lock = lock(data)?;
            Ok((lock, peek_tenants(&catalog).await?))
        }
        // Other nodes may be at work: what wraps the roots is changed in one transaction, and
        // they have opened them already.
        Address::Cluster(cluster) => {
            let tenants = look_at_tenants(&cluster.catalog).await?;
            if tenants.is_empty() {
                return Err(StoreError::NotFound(format!("archive at {cluster}")));
            }
            make_private_dir(data)?;
            Ok((lock(data)?, tenants))
        }
    }
}

/// Puts an archive whose master key is lost under a new one, which is made where
/// `options` says the key is. `recovery` must open every tenant: one key each.
pub async fn recover_key(options: &Options, recovery: &[RecoveryKey]) -> Result<Rekeyed> {
    let (_lock, tenants) = look_at_closed(options).await?;
    let names = recovered_names(&tenants, recovery)?;
    let new = NewMaster::in_place_of_lost(options.key_source(), &options.data, &tenants)?;
    let catalog = open_catalog(options, false).await?;
    let mut tx = catalog.begin().await?;
    rewrap(&mut tx, &new.master, |tenant| tenant.recover(recovery)).await?;
    tx.commit().await?;
    catalog.checkpoint().await?;
    catalog.close().await;
    let (source, fingerprint) = (new.source.clone(), new.master.fingerprint());
    new.take_place()?;
    Ok(Rekeyed {
        source,
        fingerprint,
        tenants: names,
        recovery: None,
    })
}

/// The names of all tenants, if the recovery keys open every one of them.
pub(crate) fn recovered_names(
    tenants: &[WrappedTenant],
    recovery: &[RecoveryKey],
) -> Result<Vec<String>> {
    let mut names = Vec::with_capacity(tenants.len());
    for tenant in tenants {
        let root = tenant.recover(recovery).ok_or_else(|| match tenants.len() {
            1 => StoreError::Key("this recovery key is not the one of this archive".into()),
            count => StoreError::Key(format!(
                "the archive has {count} tenants and the recovery keys given do not open all of them; give one key a line"
            )),
        })?;
        names.push(tenant.name(&root)?);
    }
    if names.is_empty() {
        return Err(StoreError::NotFound(
            "archive here: its catalog is empty".into(),
        ));
    }
    Ok(names)
}

/// The names of the tenants that a recovery key opens, of the archive that `options` would open.
/// Needs no master key and changes nothing.
pub async fn check_recovery(options: &Options, recovery: RecoveryKey) -> Result<Vec<String>> {
    let (_lock, tenants) = look_at_closed(options).await?;
    let recovery = [recovery];
    let opened = tenants
        .iter()
        .filter_map(|tenant| Some((tenant, tenant.recover(&recovery)?)));
    opened.map(|(tenant, root)| tenant.name(&root)).collect()
}

#[cfg(test)]
mod tests;
