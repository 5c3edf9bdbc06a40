//! Objects of an archive that are damaged, and whole in one of its backups.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use object_store::{ObjectStoreExt, PutPayload};

use super::files;
use super::manifest;
use super::repo::Repo;
use crate::catalog::NEWEST;
use crate::error::{Result, StoreError};
use crate::store::Store;
use crate::verify::Bad;

/// A damaged object that a snapshot has whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healing {
    /// Its name in the store, as in `objects/packs/…`.
    pub object: String,
    /// The newest snapshot that has it.
    pub snapshot: String,
    /// It was put back.
    pub done: bool,
}

impl Store {
    /// Which of the objects that `bad` names are whole in the repository at `root`, which belongs to this
    /// archive; with `repair`, puts them back. What a snapshot has is what its digest says, which is
    /// computed before anything is said of it.
    pub async fn heal(&self, root: &Path, bad: &[Bad], repair: bool) -> Result<Vec<Healing>> {
        let (store, _) = self.name_and_epoch().await?;
        let repo = Repo::open(root)?;
        let mut wanted: BTreeSet<&str> =
            bad.iter().filter_map(|bad| object_of(&bad.item)).collect();
        let mut found = BTreeMap::new();
        for snapshot in repo.snapshots()?.into_iter().rev() {
            if wanted.is_empty() {
                break;
            }
            let mut named = Vec::new();
            let read = manifest::read(&repo.manifest(&snapshot), |object| {
                if wanted.contains(object.name.as_str()) {
                    named.push(object);
                }
            });
            // A snapshot that is damaged itself heals nothing; one of another archive has other keys.
            let Ok(read) = read else {
                continue;
            };
            if read.head.store != store || read.head.schema > NEWEST {
                continue;
            }
            for object in named {
                let Some(digest) = object.digest() else {
                    continue;
                };
                let path = repo.object(&digest);
                if matches!(files::digest(&path)?, Some((_, there)) if there == digest) {
                    wanted.remove(object.name.as_str());
                    found.insert(object.name, (snapshot.clone(), path));
                }
            }
        }
        let mut healings = Vec::with_capacity(found.len());
        for (object, (snapshot, path)) in found {
            if repair {
                self.put_back(&object, &path).await?;
            }
            healings.push(Healing {
                object,
                snapshot,
                done: repair,
            });
        }
        if repair {
            self.inner.vault.forget();
        }
        Ok(healings)
    }

    /// Puts an object where it lies, or where it would if it were there.
    async fn put_back(&self, object: &str, from: &Path) -> Result<()> {
        let bytes = std::fs::read(from).map_err(|error| StoreError::file(from, error))?;
        let path = object_store::path::Path::from(object);
        let volumes = self.inner.vault.volumes.all();
        let mut place = self.inner.vault.objects.clone();
        for (_, volume) in volumes {
            if volume.objects.head(&path).await.is_ok() {
                place = volume.objects;
                break;
            }
        }
        place.put(&path, PutPayload::from(bytes)).await?;
        Ok(())
    }
}

/// The object that an item of a report is about, or lies in.
fn object_of(item: &str) -> Option<&str> {
    let (_, rest) = item.split_at_checked(item.find("objects/")?)?;
    let end = rest.find(|letter: char| letter == ',' || letter == ':' || letter.is_whitespace());
    Some(rest.split_at_checked(end.unwrap_or(rest.len()))?.0)
}
