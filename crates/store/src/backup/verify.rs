//! Verifying a repository: every byte is read and compared with what the manifests say.

use std::collections::HashMap;
use std::path::Path;

use everpost_domain::digest::Digest;
use everpost_domain::log::Note;
use sqlx::{AnyConnection, Connection};

use super::manifest::{self, Head, Manifest, Object};
use super::repo::Repo;
use super::{BackupFault, BackupKeys, BackupProgress, files};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{peek, statements};
use crate::error::Result;
use crate::follow::{blocking, log_signer};
use crate::keys::{MasterKey, TenantKeys};
use crate::rekey::{self, WrappedTenant};
use crate::seal::Key;
use crate::vault::object_path;

/// Whether somebody vouched for who made the snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupSigner {
    /// Every manifest is signed by the archive's log keys.
    Checked,
    /// Not looked at, and why.
    NotChecked(String),
}

/// What verification found.
#[derive(Debug, Clone)]
pub struct BackupVerified {
    /// Snapshots looked at.
    pub snapshots: u64,
    /// Objects read, each once.
    pub objects: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Whether signatures were checked.
    pub signer: BackupSigner,
    /// What is wrong.
    pub bad: Vec<BackupFault>,
}

/// Verifies one snapshot, or all: manifest, catalog and every object they name.
pub async fn verify_backup(
    root: &Path,
    snapshot: Option<&str>,
    keys: &BackupKeys,
    mut tell: impl FnMut(&BackupProgress),
) -> Result<BackupVerified> {
    let repo = Repo::open(root)?;
    let names = match snapshot {
        Some(wanted) => vec![repo.choose(Some(wanted))?],
        None => repo.snapshots()?,
    };
    if names.is_empty() {
        repo.choose(None)?;
    }
    let mut found = BackupVerified {
        snapshots: names.len() as u64,
        objects: 0,
        bytes: 0,
        signer: BackupSigner::Checked,
        bad: Vec::new(),
    };
    let mut progress = BackupProgress::default();
    // Snapshots share most objects: each is read once. `None`: it is well.
    let mut seen: HashMap<Digest, Option<String>> = HashMap::new();
    for name in &names {
        let mut objects = Vec::new();
        let manifest = manifest::read(&repo.manifest(name), |object| objects.push(object));
        match &manifest {
            Ok(manifest) => {
                check_catalog(&repo, name, manifest, &objects, keys, &mut found).await?
            }
            Err(what) => found.bad.push(BackupFault::new(name, manifest::FILE, what)),
        }
        let new = |object: &&Object| {
            object
                .digest()
                .is_some_and(|digest| !seen.contains_key(&digest))
        };
        progress.total += objects
            .iter()
            .filter(new)
            .map(|object| object.size)
            .sum::<u64>();
        for object in objects {
            let Some(digest) = object.digest() else {
                found.bad.push(BackupFault::new(
                    name,
                    object.name,
                    "the store did not have it when the snapshot was taken",
                ));
                continue;
            };
            if let std::collections::hash_map::Entry::Vacant(slot) = seen.entry(digest) {
                slot.insert(check_object(&repo, digest, object.size).await?);
                found.objects += 1;
                found.bytes += object.size;
                progress.step(object.size);
                tell(&progress);
            }
            if let Some(Some(what)) = seen.get(&digest) {
                found.bad.push(BackupFault::new(
                    name,
                    object.name,
                    format!("{what} (objects/{digest})"),
                ));
            }
        }
    }
    Ok(found)
}

async fn check_object(repo: &Repo, digest: Digest, size: u64) -> Result<Option<String>> {
    let path = repo.object(&digest);
    let read = blocking(move || files::digest(&path)).await?;
    // One that cannot be read is named as well; it must not end the work.
    Ok(match read {
        Ok(found) => difference(found, size, &digest),
        Err(error) => Some(format!("it cannot be read: {error}")),
    })
}

/// What tells a file from the one that a manifest speaks of; `None`: nothing.
pub(super) fn difference(
    found: Option<(u64, Digest)>,
    size: u64,
    digest: &Digest,
) -> Option<String> {
    match found {
        None => Some("it is missing".into()),
        Some((found, _)) if found != size => {
            Some(format!("it has {found} bytes instead of {size}"))
        }
        Some((_, found)) if found != *digest => Some("its bytes have changed".into()),
        Some(_) => None,
    }
}

async fn check_catalog(
    repo: &Repo,
    name: &str,
    manifest: &Manifest,
    objects: &[Object],
    keys: &BackupKeys,
    found: &mut BackupVerified,
) -> Result<()> {
    let path = repo.catalog(name);
    if let Some(what) = catalog_difference(repo, name, &manifest.head).await? {
        found.bad.push(BackupFault::new(name, "catalog.db", what));
        found.signer = BackupSigner::NotChecked("a catalog is damaged".into());
        return Ok(());
    }
    found.bytes += manifest.head.catalog_size;
    let mut db = match peek(&path).await {
        Ok(db) => db,
        Err(error) => {
            found
                .bad
                .push(BackupFault::new(name, "catalog.db", error.to_string()));
            return Ok(());
        }
    };
    if let Err(error) = check_rows(&mut db, name, manifest, objects, keys, found).await {
        found
            .bad
            .push(BackupFault::new(name, "catalog.db", error.to_string()));
    }
    db.close().await?;
    Ok(())
}

async fn check_rows(
    db: &mut AnyConnection,
    name: &str,
    manifest: &Manifest,
    objects: &[Object],
    keys: &BackupKeys,
    found: &mut BackupVerified,
) -> Result<()> {
    for row in sql::fetch(db, statements::INTEGRITY, vec![]).await? {
        let answer = row.string(0)?;
        if answer != "ok" {
            found.bad.push(BackupFault::new(name, "catalog.db", answer));
        }
    }
    let named: std::collections::HashSet<&str> =
        objects.iter().map(|object| object.name.as_str()).collect();
    for (kind, statement) in [
        ("packs", statements::PACKS_AFTER),
        ("splits", statements::SPLITS_AFTER),
    ] {
        let mut after = 0;
        loop {
            let rows = sql::fetch(db, statement, values![after]).await?;
            for row in &rows {
                after = row.int(0)?;
                let path = object_path(kind, &row.array(1)?);
                if !named.contains(path.as_ref()) {
                    found.bad.push(BackupFault::new(
                        name,
                        path.to_string(),
                        "the catalog names it, the manifest does not",
                    ));
                }
            }
            if rows.is_empty() {
                break;
            }
        }
    }
    let tenants = rekey::wrapped_tenants(db).await?;
    match roots(&tenants, keys) {
        Ok(roots) => {
            if let Err(what) = check_signatures(db, manifest, &roots).await? {
                found.bad.push(BackupFault::new(name, manifest::FILE, what));
            }
        }
        Err(why) => found.signer = BackupSigner::NotChecked(why),
    }
    Ok(())
}

/// How the catalog of a snapshot differs from what its manifest says.
pub(super) async fn catalog_difference(
    repo: &Repo,
    name: &str,
    head: &Head,
) -> Result<Option<String>> {
    let path = repo.catalog(name);
    let read = blocking(move || files::digest(&path)).await??;
    Ok(match head.catalog_sha256.parse() {
        Ok(digest) => difference(read, head.catalog_size, &digest),
        Err(_) => Some("the manifest has no digest of it".into()),
    })
}

/// Every tenant's id and root, or why they do not open.
pub(super) fn roots(
    tenants: &[WrappedTenant],
    keys: &BackupKeys,
) -> std::result::Result<Vec<(i64, Key)>, String> {
    let master = match keys {
        BackupKeys::Recovery(_) => None,
        BackupKeys::Master(source) => match MasterKey::read(source) {
            Ok(Some(master)) => Some(master),
            Ok(None) => return Err(format!("there is no key in {source}")),
            Err(error) => return Err(error.to_string()),
        },
    };
    let open = |tenant: &WrappedTenant| {
        let root = match (keys, &master) {
            (BackupKeys::Recovery(recovery), _) => tenant.recover(recovery),
            (_, Some(master)) => tenant.open(master),
            (_, None) => None,
        };
        root.map(|root| (tenant.id, root))
            .ok_or_else(|| "the key at hand does not open this snapshot".to_string())
    };
    tenants.iter().map(open).collect()
}

/// Every tenant must have signed the manifest with its log key. The inner `Err` says what is wrong.
pub(super) async fn check_signatures(
    db: &mut AnyConnection,
    manifest: &Manifest,
    roots: &[(i64, Key)],
) -> Result<std::result::Result<(), String>> {
    let text = manifest::signed_text(&manifest.head, &manifest.tail.digest);
    for (tenant, root) in roots {
        let signer = log_signer(db, &TenantKeys::new(*tenant, root)).await?;
        let signature = manifest
            .tail
            .signatures
            .iter()
            .find(|signature| signature.tenant == *tenant);
        let note = signature.and_then(|signature| Note::parse(signature.note.as_bytes()).ok());
        let Some(note) = note.filter(|note| note.text() == text) else {
            return Ok(Err(format!("tenant {tenant} did not sign it")));
        };
        if let Err(error) = note.verify(signer.key()) {
            return Ok(Err(error.to_string()));
        }
    }
    Ok(Ok(()))
}
