//! An archive arrives at a place that holds nothing yet. It is put together beside that place and
//! is there whole, or not at all.
//!
//! ```text
//! directory   DIR.partial: objects, catalog.db             → rename to DIR
//! servers     bucket: objects; DIR.partial: catalog.db     → rows in one transaction
//! ```
//! A mark, beside the objects, says what is on its way, so that the same can be gone on with and
//! nothing else is mistaken for it.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::TryStreamExt;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use sqlx::Connection;

use crate::address::{Address, Cluster};
use crate::catalog::fence::Moved;
use crate::catalog::portable::{self, Found, Table, TableDigest};
use crate::catalog::{peek, peek_server};
use crate::error::{Result, StoreError};
use crate::fsck::unfinished;
use crate::keys::sync_parent;
use crate::objects;
use crate::relocate::Destination;
use crate::store::{lock, make_private_dir};

/// The file or object that says what is on its way.
const MARK: &str = "arriving";

/// A place that an archive is brought to.
pub(crate) struct Arrival {
    /// What becomes the objects of the archive.
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// The folder in which its `catalog.db` is put together.
    pub(crate) folder: PathBuf,
    to: To,
}

enum To {
    /// This data directory.
    Directory(PathBuf),
    Servers(Box<Cluster>),
}

/// `DIR.partial`, in which the archive that `data` is to hold is put together.
pub(crate) fn partial(data: &Path) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

/// True for a directory that is empty or does not exist.
pub(crate) fn is_empty(path: &Path) -> Result<bool> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(StoreError::file(path, error)),
    }
}

/// Fails where something else is at the place already; writes nothing.
pub(crate) async fn refuse_taken(
    address: &Address,
    data: &Path,
    store: Option<&(Vec<u8>, i64)>,
) -> Result<()> {
    match address {
        Address::Embedded if is_empty(data)? => Ok(()),
        Address::Embedded => Err(StoreError::Invalid(format!(
            "{} is not empty, and an archive is never written over; name a new directory",
            data.display()
        ))),
        Address::Cluster(cluster) => match portable::look_at(&cluster.catalog).await? {
            Found::Nothing => Ok(()),
            Found::Arriving { store: there, .. } if Some(&there) == store => Ok(()),
            found => Err(found.refusal()),
        },
    }
}

/// True if the archive of this name and epoch, or what went on from it, is at a place.
pub(crate) async fn is_there(to: &Destination, store: &(Vec<u8>, i64)) -> Result<bool> {
    let there = match to {
        Destination::Directory(data) if data.join("catalog.db").exists() => {
            let mut db = peek(&data.join("catalog.db")).await?;
            let there = portable::identity(&mut db).await;
            db.close().await?;
            Some(there?)
        }
        Destination::Directory(_) => None,
        Destination::Servers(cluster) => match portable::look_at(&cluster.catalog).await? {
            Found::Archive(there) => Some(there),
            _ => None,
        },
    };
    Ok(there.is_some_and(|there| there.0 == store.0 && there.1 >= store.1))
}

impl Arrival {
    /// Claims a place for what `mark` names, a line, or takes on what was begun for the same. The
    /// catalog is put together in `folder`, which is locked.
    pub(crate) async fn claim(
        address: &Address,
        data: &Path,
        folder: PathBuf,
        mark: &str,
    ) -> Result<(Self, fs::File)> {
        claim_folder(&folder, mark)?;
        let lock = lock(&folder)?;
        let (objects, to) = match address {
            Address::Embedded => {
                for file in unfinished(&folder.join("objects"))? {
                    fs::remove_file(&file).map_err(|error| StoreError::file(&file, error))?;
                }
                let objects = objects::open(address, &folder)?;
                (objects, To::Directory(data.to_path_buf()))
            }
            Address::Cluster(cluster) => {
                let objects = objects::open(address, &folder)?;
                let name = cluster.objects.to_string();
                objects::probe(&*objects, &name, true).await?;
                claim_bucket(&*objects, &name, mark).await?;
                (objects, To::Servers(cluster.clone()))
            }
        };
        let arrival = Arrival {
            objects,
            folder,
            to,
        };
        Ok((arrival, lock))
    }

    /// Where the catalog is put together.
    pub(crate) fn catalog(&self) -> PathBuf {
        self.folder.join("catalog.db")
    }

    /// Removes what an earlier attempt left of the catalog.
    pub(crate) fn clear_catalog(&self) -> Result<()> {
        for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
            let path = self.folder.join(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::file(path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes objects that an earlier attempt brought and nothing names any more.
    pub(crate) async fn sweep(&self, named: &HashSet<ObjectPath>) -> Result<()> {
        let below = ObjectPath::from("objects");
        let mut found = self.objects.list(Some(&below));
        while let Some(object) = found.try_next().await? {
            if !named.contains(&object.location) {
                self.objects.delete(&object.location).await?;
            }
        }
        Ok(())
    }

    /// All of it becomes durable at its place. With `arriving` nobody opens it there before
    /// [`Arrival::open_up`]; without, it is an archive from here on, at servers.
    pub(crate) async fn land(&self, arriving: Option<&Moved>) -> Result<()> {
        match &self.to {
            To::Directory(_) => {
                sync(&self.catalog())?;
                sync(&self.folder)
            }
            To::Servers(cluster) => {
                portable::fill_server(&cluster.catalog, &self.catalog(), arriving).await
            }
        }
    }

    /// What landed, table by table.
    pub(crate) async fn digests(&self, tables: &[Table]) -> Result<Vec<TableDigest>> {
        let mut db = match &self.to {
            To::Directory(_) => peek(&self.catalog()).await?,
            To::Servers(cluster) => peek_server(&cluster.catalog).await?,
        };
        let digests = portable::digests(&mut db, tables).await;
        db.close().await?;
        digests
    }

    /// What landed becomes an archive.
    pub(crate) async fn open_up(self) -> Result<()> {
        match &self.to {
            To::Directory(data) => {
                fs::rename(&self.folder, data).map_err(|error| StoreError::file(data, error))?;
                sync_parent(data)?;
                fs::remove_file(data.join(MARK)).ok();
            }
            To::Servers(cluster) => {
                portable::open_up(&cluster.catalog).await?;
                // Neither is in anybody's way.
                self.objects.delete(&ObjectPath::from(MARK)).await.ok();
                fs::remove_dir_all(&self.folder).ok();
            }
        }
        Ok(())
    }
}

fn sync(folder: &Path) -> Result<()> {
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| StoreError::file(folder, error))
}

fn claim_folder(folder: &Path, line: &str) -> Result<()> {
    let mark = folder.join(MARK);
    let in_the_way = |what: &str| {
        StoreError::Invalid(format!(
            "{} {what}; finish that, or remove the directory",
            folder.display()
        ))
    };
    match fs::read_to_string(&mark) {
        Ok(text) if text == line => return Ok(()),
        Ok(_) => return Err(in_the_way("holds another archive that is on its way")),
        Err(_) if !is_empty(folder)? => {
            return Err(in_the_way("is in the way and no archive on its way"));
        }
        Err(_) => make_private_dir(folder)?,
    }
    fs::write(&mark, line)
        .and_then(|()| fs::File::open(&mark)?.sync_all())
        .map_err(|error| StoreError::file(&mark, error))?;
    sync(folder)?;
    sync_parent(folder)
}

async fn claim_bucket(objects: &dyn ObjectStore, name: &str, line: &str) -> Result<()> {
    let mark = ObjectPath::from(MARK);
    match objects.get(&mark).await {
        Ok(found) => {
            if found.bytes().await? == line.as_bytes() {
                return Ok(());
            }
            return Err(StoreError::Invalid(format!(
                "another archive is on its way to {name}; name another bucket or prefix"
            )));
        }
        Err(object_store::Error::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let below = ObjectPath::from("objects");
    if objects.list(Some(&below)).try_next().await?.is_some() {
        return Err(StoreError::Invalid(format!(
            "{name} holds objects already; name a bucket or prefix that is empty"
        )));
    }
    let line = PutPayload::from(line.as_bytes().to_vec());
    objects.put(&mark, line).await?;
    Ok(())
}
