//! Objects that no row names.

use std::collections::HashSet;
use std::path::{Path as FilePath, PathBuf};

use everpost_domain::log::Tile;
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;

use super::FsckReport;
use crate::address::Address;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::objects::MAIN;
use crate::store::Store;
use crate::vault::{ObjectKind, object_path};

/// Where other nodes write, an object that no row names is an orphan at this age, in µs. What is
/// written is named within an hour; the rest is for clocks that differ.
const YOUNG: i64 = 24 * 3_600_000_000;

impl Store {
    /// Finds orphans and, where that is safe, removes them.
    pub(super) async fn fsck_orphans(&self, repair: bool, report: &mut FsckReport) -> Result<()> {
        // By volume: what rests on one and has the name of an object on another is its own.
        let mut named: HashSet<(i64, Path)> = HashSet::new();
        let mut db = self.inner.catalog.read().await?;
        let mut name = |kind: &str, rows: Vec<sqlx::any::AnyRow>| {
            for row in rows {
                // A name that is no name belongs to a row that was reported.
                if let Ok(name) = row.array(0) {
                    named.insert((row.int(1).unwrap_or(MAIN), object_path(kind, &name)));
                }
            }
        };
        for (kind, statement) in [
            ("packs", statements::ALL_PACKS),
            ("splits", statements::ALL_SPLITS),
        ] {
            name(kind, sql::fetch(&mut db, statement, vec![]).await?);
        }
        for kind in ObjectKind::ALL {
            let doomed = values![kind as i64];
            let rows = sql::fetch(&mut db, statements::ALL_DOOMED, doomed).await?;
            name(kind.folder(), rows);
        }
        let mut sizes = Vec::new();
        for tenant in self.tenants() {
            let log = sql::fetch_optional(&mut db, statements::LOG, values![tenant.id()]).await?;
            let size = log.map_or(Ok(0), |row| row.int(0))?.unsigned_abs();
            sizes.push((format!("objects/tiles/{}/", tenant.id()), size));
        }
        drop(db);
        let embedded = matches!(self.inner.options.address, Address::Embedded);
        // While truth is damaged, an object that nothing names may be what a row named.
        let whole = report.bad.is_empty();
        for (volume, open) in self.inner.vault.volumes.all() {
            let found: Vec<_> = open
                .objects
                .list(Some(&Path::from("objects")))
                .try_collect()
                .await?;
            for object in found {
                let path = object.location;
                let known = (volume, path.clone());
                if named.contains(&known)
                    || (volume == MAIN && is_tile(&sizes, path.as_ref()))
                    || !is_ours(path.as_ref())
                {
                    continue;
                }
                // Another node may be about to name it.
                let age = now_us() - object.last_modified.timestamp_micros();
                if !embedded && age < YOUNG {
                    continue;
                }
                if repair && whole && open.remove(&path).await? {
                    report
                        .repaired
                        .push(format!("{path}: removed, no row names it"));
                } else {
                    report.orphans.push(path.to_string());
                }
            }
        }
        self.unfinished(repair, report)
    }

    fn unfinished(&self, repair: bool, report: &mut FsckReport) -> Result<()> {
        let options = &self.inner.options;
        if options.objects.is_some() || !matches!(options.address, Address::Embedded) {
            return Ok(());
        }
        for path in unfinished(&self.inner.data.join("objects"))? {
            let shown = path
                .strip_prefix(&self.inner.data)
                .unwrap_or(&path)
                .display()
                .to_string();
            if repair {
                std::fs::remove_file(&path).map_err(|error| StoreError::file(&path, error))?;
                report
                    .repaired
                    .push(format!("{shown}: removed, its writer never finished it"));
            } else {
                report.orphans.push(shown);
            }
        }
        Ok(())
    }
}

/// Files below a folder that the local object store wrote and had no time to rename.
pub(crate) fn unfinished(folder: &FilePath) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let fail = |error| StoreError::file(&folder, error);
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(fail(error)),
        };
        for entry in entries {
            let entry = entry.map_err(fail)?;
            let path = entry.path();
            if entry.file_type().map_err(fail)?.is_dir() {
                folders.push(path);
            } else if is_unfinished(&path) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// `NAME#NUMBER`, which is what the local object store calls a file until it is whole.
fn is_unfinished(path: &FilePath) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    name.split_once('#')
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// Kinds of objects that only rows give a meaning.
fn is_ours(path: &str) -> bool {
    ["objects/packs/", "objects/splits/", "objects/tiles/"]
        .iter()
        .any(|kind| path.starts_with(kind))
}

/// True for a full tile of a log as long as its row says.
fn is_tile(sizes: &[(String, u64)], path: &str) -> bool {
    sizes.iter().any(|(prefix, size)| {
        let tile = path
            .strip_prefix(prefix)
            .and_then(|rest| rest.parse::<Tile>().ok());
        tile.is_some_and(|tile| {
            tile.is_full() && Tile::in_tree(tile.level, tile.index, *size) == Some(tile)
        })
    })
}
