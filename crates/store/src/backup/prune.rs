//! Forgetting old snapshots, and the objects that only they named. What was purged from the
//! archive is gone for good once no snapshot holds its key any more.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use everpost_domain::digest::Digest;

use super::repo::Repo;
use super::{files, manifest, snapshot_name};
use crate::clock::now_us;
use crate::error::{Result, StoreError};

/// What pruning removed, or would remove.
#[derive(Debug, Clone, Default)]
pub struct Pruned {
    /// Snapshots.
    pub snapshots: Vec<String>,
    /// Objects that no snapshot names any more.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Snapshots that remain.
    pub kept: u64,
    /// Why no object was removed: a remaining snapshot does not say which it needs.
    pub blocked: Option<String>,
}

/// Removes snapshots older than `keep_days` but never the newest, nor the newest whose
/// manifest can be read, and then every object that no remaining snapshot names. With
/// `dry_run` it only says what it would do.
pub fn prune_backups(root: &Path, keep_days: u32, dry_run: bool) -> Result<Pruned> {
    let repo = if dry_run {
        Repo::open(root)?
    } else {
        Repo::open_alone(root)?
    };
    let mut names = repo.snapshots()?;
    let newest = names.last().cloned();
    let readable = |name: &&String| manifest::read(&repo.manifest(name), |_| {}).is_ok();
    let newest_readable = names.iter().rev().find(readable).cloned();
    let limit = snapshot_name(now_us().saturating_sub(i64::from(keep_days) * 86_400_000_000));
    let mut pruned = Pruned::default();
    names.retain(|name| {
        let keep = *name >= limit
            || Some(name) == newest.as_ref()
            || Some(name) == newest_readable.as_ref();
        if !keep {
            pruned.snapshots.push(name.clone());
        }
        keep
    });
    pruned.kept = names.len() as u64;
    let mut needed: HashSet<Digest> = HashSet::new();
    for name in &names {
        let read = manifest::read(&repo.manifest(name), |object| {
            needed.extend(object.digest())
        });
        if let Err(what) = read {
            pruned.blocked = Some(format!(
                "the manifest of {name} does not say which objects it needs: {what}"
            ));
        }
    }
    if !dry_run {
        remove_snapshots(&repo, &pruned.snapshots)?;
    }
    if pruned.blocked.is_none() {
        sweep(&repo, &needed, dry_run, &mut pruned)?;
    }
    Ok(pruned)
}

fn remove_snapshots(repo: &Repo, names: &[String]) -> Result<()> {
    for name in names {
        // First no snapshot any more, then nothing: never one without its catalog.
        let gone = repo.snapshots_dir().join(format!(".gone-{name}"));
        files::rename(&repo.snapshots_dir().join(name), &gone)?;
    }
    for left in repo.leftovers()? {
        files::remove_dir(&left)?;
    }
    Ok(())
}

fn sweep(repo: &Repo, needed: &HashSet<Digest>, dry_run: bool, pruned: &mut Pruned) -> Result<()> {
    let objects = repo.root.join("objects");
    for folder in list(&objects)? {
        for path in list(&folder)? {
            let digest = path
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(|name| name.parse::<Digest>().ok());
            // What is not ours stays.
            if digest.is_none_or(|digest| needed.contains(&digest)) {
                continue;
            }
            let meta = fs::metadata(&path).map_err(|error| StoreError::file(&path, error))?;
            pruned.objects += 1;
            pruned.bytes += meta.len();
            if !dry_run {
                fs::remove_file(&path).map_err(|error| StoreError::file(&path, error))?;
            }
        }
    }
    Ok(())
}

fn list(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let fail = |error| StoreError::file(folder, error);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    fs::read_dir(folder)
        .map_err(fail)?
        .map(|entry| entry.map(|entry| entry.path()).map_err(fail))
        .collect()
}
