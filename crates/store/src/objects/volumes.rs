//! Volumes: the places that packs rest on besides the store's own.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt};

use super::{ObjectLock, probe_lock, s3};
use crate::address::Bucket;
use crate::error::{Result, StoreError};

/// Key id and secret of a server of objects.
pub(crate) type Credentials = Option<(String, String)>;

/// An opened volume.
#[derive(Clone)]
pub(crate) struct OpenVolume {
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// The calls of Object Lock, where it is a bucket.
    pub(crate) lock: Option<Arc<ObjectLock>>,
}

impl OpenVolume {
    /// The volume at `address`, as people write it; nothing is asked of it yet. A bucket is spoken
    /// to with `credentials`, or with those of the environment.
    pub(crate) fn open(address: &str, credentials: &Credentials) -> Result<Self> {
        if let Some(folder) = address.strip_prefix("file://") {
            let folder = PathBuf::from(folder);
            if !folder.is_absolute() {
                return Err(StoreError::Invalid(format!(
                    "`{address}` is no place for objects: write file:///FOLDER"
                )));
            }
            crate::store::make_private_dir(&folder)?;
            return Ok(OpenVolume {
                objects: Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true)),
                lock: None,
            });
        }
        let mut bucket: Bucket = address.parse()?;
        bucket.credentials.clone_from(credentials);
        let (store, region) = s3(&bucket)?;
        let store = Arc::new(store);
        let lock = ObjectLock::new(&bucket, store.clone(), region)?;
        let objects: Arc<dyn ObjectStore> = match bucket.prefix.as_str() {
            "" => store,
            prefix => Arc::new(PrefixStore::new(store, prefix)),
        };
        Ok(OpenVolume {
            objects,
            lock: Some(Arc::new(lock)),
        })
    }

    /// Tries whether it locks what it is asked to lock.
    pub(crate) async fn probe_lock(&self, name: &str) -> Result<()> {
        match &self.lock {
            Some(lock) => probe_lock(&*self.objects, lock, name).await,
            None => Err(StoreError::Invalid(format!(
                "volume {name} cannot be worm: files can be removed; use a bucket with Object Lock"
            ))),
        }
    }

    /// A range of an object. One that somebody hid behind a delete marker is read all the same.
    pub(crate) async fn get_range(
        &self,
        path: &Path,
        range: Range<u64>,
    ) -> object_store::Result<Bytes> {
        match self.objects.get_range(path, range.clone()).await {
            Err(error @ object_store::Error::NotFound { .. }) => {
                self.first_version(path, range).await.ok_or(error)
            }
            other => other,
        }
    }

    /// A whole object; see [`OpenVolume::get_range`].
    pub(crate) async fn get(&self, path: &Path) -> object_store::Result<Bytes> {
        match self.objects.get(path).await {
            Ok(found) => found.bytes().await,
            Err(error @ object_store::Error::NotFound { .. }) => {
                self.first(path, GetOptions::new()).await.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// A range of the version of an object that was written first: a pack is written once, and
    /// whatever came later under its name is somebody else's. `None` without versions.
    pub(crate) async fn first_version(&self, path: &Path, range: Range<u64>) -> Option<Bytes> {
        let options = GetOptions::new().with_range(Some(range));
        self.first(path, options).await
    }

    /// Removes an object for good. False if it stays: it is locked, and its date has not come.
    pub(crate) async fn remove(&self, path: &Path) -> Result<bool> {
        let Some(lock) = &self.lock else {
            return match self.objects.delete(path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(true),
                Err(error) => Err(error.into()),
            };
        };
        // Where versions are kept, deleting the name would be only a marker.
        let versions = lock.versions(path).await?;
        for version in &versions {
            if !lock.remove_version(path, version).await? {
                return Ok(false);
            }
        }
        if versions.is_empty() {
            self.objects.delete(path).await?;
        }
        Ok(true)
    }

    async fn first(&self, path: &Path, options: GetOptions) -> Option<Bytes> {
        let version = self.lock.as_ref()?.versions(path).await.ok()?.pop()?;
        let options = options.with_version(Some(version));
        let found = self.objects.get_opts(path, options).await.ok()?;
        found.bytes().await.ok()
    }
}

/// The store's own place (0) and every other, by number.
pub(crate) struct Volumes {
    main: OpenVolume,
    credentials: Credentials,
    others: RwLock<HashMap<i64, OpenVolume>>,
}

/// The number of the store's own place.
pub(crate) const MAIN: i64 = 0;

impl Volumes {
    pub(crate) fn new(main: Arc<dyn ObjectStore>, credentials: Credentials) -> Self {
        Volumes {
            credentials,
            main: OpenVolume {
                objects: main,
                lock: None,
            },
            others: RwLock::default(),
        }
    }

    /// The store's own place.
    pub(crate) fn main(&self) -> Arc<dyn ObjectStore> {
        self.main.objects.clone()
    }

    /// The volume with a number.
    pub(crate) fn of(&self, volume: i64) -> Result<OpenVolume> {
        if volume == MAIN {
            return Ok(self.main.clone());
        }
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        let found = others.get(&volume).cloned();
        found.ok_or_else(|| {
            StoreError::Unreachable(format!("volume {volume}: this node has not opened it yet"))
        })
    }

    /// Opens a volume with the keys of the store's own place.
    pub(crate) fn open(&self, address: &str) -> Result<OpenVolume> {
        OpenVolume::open(address, &self.credentials)
    }

    /// Makes a volume known.
    pub(crate) fn add(&self, number: i64, volume: OpenVolume) {
        let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
        others.insert(number, volume);
    }

    /// Every volume that is known, the store's own place first.
    pub(crate) fn all(&self) -> Vec<(i64, OpenVolume)> {
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        let others = others
            .iter()
            .map(|(number, volume)| (*number, volume.clone()));
        [(MAIN, self.main.clone())]
            .into_iter()
            .chain(others)
            .collect()
    }

    pub(crate) fn knows(&self, number: i64) -> bool {
        self.of(number).is_ok()
    }
}
