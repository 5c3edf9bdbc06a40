//! Opening a store: data directory, lock, keys, catalog, objects.

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;

use crate::address::Address;
use crate::catalog::sql::{self, Columns};
use crate::catalog::{Catalog, NodeId, statements};
use crate::error::{Result, StoreError};
use crate::index::{BlockCache, DiskCache};
use crate::keys::{self, KeySource, MasterKey, RecoveryKey};
use crate::objects;
use crate::rekey;
use crate::seal::random;
use crate::tenant::{Tenant, TenantState};
use crate::tenants;
use crate::vault::Vault;

/// How to open a store.
#[derive(Clone)]
pub struct Options {
    /// The data directory.
    pub data: PathBuf,
    /// Where catalog and objects are.
    pub address: Address,
    /// Where the master key is; `None`: beside the data directory.
    pub key: Option<KeySource>,
    /// Make the store if there is none.
    pub create: bool,
    /// What to read and write objects through instead of the address; tests put faults here.
    pub objects: Option<Arc<dyn ObjectStore>>,
    /// Bytes of opened frames that are kept for the next reader.
    pub frame_cache: usize,
    /// Bytes of opened index blocks that are kept for the next search.
    pub block_cache: usize,
    /// Bytes of sealed index blocks that a node of a cluster keeps on its disk, over restarts too;
    /// 0 keeps none. An embedded store has them on its disk anyway.
    pub disk_cache: u64,
}

impl Options {
    /// The usual way to open the store in `data`.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Options {
            data: data.into(),
            address: Address::Embedded,
            key: None,
            create: false,
            objects: None,
            frame_cache: 24 << 20,
            block_cache: 48 << 20,
            disk_cache: 2 << 30,
        }
    }

    /// As [`Options::new`], and the store is made if there is none.
    pub fn create(data: impl Into<PathBuf>) -> Self {
        Options {
            create: true,
            ..Options::new(data)
        }
    }

    pub(crate) fn key_source(&self) -> KeySource {
        self.key
            .clone()
            .unwrap_or_else(|| KeySource::beside(&self.data))
    }
}

/// The operator's handle of an open store. Work for a tenant goes through [`Tenant`].
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) catalog: Catalog,
    pub(crate) vault: Vault,
    pub(crate) data: PathBuf,
    pub(crate) options: Options,
    pub(crate) master: MasterKey,
    pub(crate) tenants: Vec<Arc<TenantState>>,
    /// Shared by whoever copies objects; while anybody does, none is removed.
    pub(crate) copying: Arc<tokio::sync::RwLock<()>>,
    /// Held until the store is dropped; the operating system frees it when we die.
    _lock: fs::File,
}

/// A store that was opened, and what must be shown once if it was made just now.
pub struct Opened {
    /// The store.
    pub store: Store,
    /// The first tenant's recovery key. Whoever opened the store shows it to a person now:
    /// it is not kept anywhere.
    pub recovery: Option<RecoveryKey>,
}

impl Store {
    /// Opens the store. After this returned, no other process has its data directory open; at
    /// the embedded address that is the store itself, and every lease of an earlier opening has
    /// ended.
    pub async fn open(mut options: Options) -> Result<Opened> {
        let data = options.data.clone();
        let embedded = matches!(options.address, Address::Embedded);
        let found = match &options.address {
            Address::Embedded if data.join("catalog.db").exists() => Some(Vec::new()),
            Address::Embedded => None,
            // The tables may be there without a tenant, when whoever made them died.
            Address::Cluster(cluster) => Some(rekey::look_at_tenants(&cluster.catalog).await?)
                .filter(|tenants| !tenants.is_empty()),
        };
        let exists = found.is_some();
        if !exists && !options.create {
            let place = match &options.address {
                Address::Embedded => format!("in {}", data.display()),
                Address::Cluster(cluster) => format!("at {cluster}"),
            };
            return Err(StoreError::NotFound(format!("archive {place}")));
        }
        if !data.exists() {
            let above: Vec<&Path> = data.ancestors().take_while(|path| !path.exists()).collect();
            make_private_dir(&data)?;
            // What is acknowledged must survive a power cut with all directories above it.
            above.into_iter().try_for_each(keys::sync_parent)?;
        }
        let lock = lock(&data)?;
        // Before anything is written, migrations and temporary files included, the key must
        // be the right one.
        let tenants = match found {
            Some(_) if embedded => rekey::peek_tenants(&data.join("catalog.db")).await?,
            found => found.unwrap_or_default(),
        };
        let source = options.key_source();
        let no_key = !exists && matches!(MasterKey::read(&source), Ok(None));
        let master = rekey::settle(&source, &data, exists, &tenants)?;
        if let Address::Cluster(cluster) = &options.address {
            let objects = match options.objects.take() {
                Some(objects) => objects,
                None => objects::open(&options.address, &data)?,
            };
            let name = cluster.objects.to_string();
            objects::probe(&*objects, &name, !exists).await?;
            options.objects = Some(objects);
        }
        let opened = Self::open_locked(options, lock, master).await;
        if let (Err(StoreError::Key(_)), true, KeySource::File(path)) = (&opened, no_key, source) {
            // Another node made the archive meanwhile, under a key of its own. The one that was
            // made here opens nothing, and would be taken for the right one.
            fs::remove_file(path).ok();
        }
        opened
    }

    /// Opens the store in a directory that is locked, with its key.
    pub(crate) async fn open_locked(
        options: Options,
        lock: fs::File,
        master: MasterKey,
    ) -> Result<Opened> {
        let data = options.data.clone();
        let temporary = data.join("tmp");
        fs::remove_dir_all(&temporary).ok();
        make_private_dir(&temporary)?;
        let objects: Arc<dyn ObjectStore> = match &options.objects {
            Some(objects) => objects.clone(),
            None => objects::open(&options.address, &data)?,
        };
        let catalog = open_catalog(&options, options.create).await?;
        let recovery = tenants::first(&catalog, &master, options.create).await?;
        let credentials = match &options.address {
            Address::Embedded => None,
            Address::Cluster(cluster) => cluster.objects.credentials.clone(),
        };
        let vault = Vault::new(objects, credentials, options.frame_cache);
        let blocks = Arc::new(open_blocks(&options, &catalog).await?);
        let tenants = tenants::open(&catalog, &master, &blocks).await?;
        let inner = Inner {
            catalog,
            vault,
            data,
            options,
            master,
            tenants,
            copying: Arc::default(),
            _lock: lock,
        };
        Ok(Opened {
            store: Store {
                inner: Arc::new(inner),
            },
            recovery,
        })
    }

    /// The tenant called `name`, or the only one.
    pub fn tenant(&self, name: Option<&str>) -> Result<Tenant> {
        let tenants = &self.inner.tenants;
        let state = match (name, tenants.as_slice()) {
            (None, [only]) => only,
            (None, _) => {
                return Err(StoreError::Invalid(
                    "there are several tenants; choose one with --tenant".into(),
                ));
            }
            (Some(name), _) => tenants
                .iter()
                .find(|tenant| tenant.name == name)
                .ok_or_else(|| StoreError::NotFound(format!("tenant `{name}`")))?,
        };
        Ok(Tenant {
            store: self.inner.clone(),
            state: state.clone(),
        })
    }

    /// Every tenant.
    pub fn tenants(&self) -> Vec<Tenant> {
        let handle = |state: &Arc<TenantState>| Tenant {
            store: self.inner.clone(),
            state: state.clone(),
        };
        self.inner.tenants.iter().map(handle).collect()
    }

    /// The name of this node, in hexadecimal digits. Only those of a cluster have one of their own.
    pub fn node(&self) -> String {
        let id = self.inner.catalog.node();
        id.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// True where several nodes may share the archive.
    pub fn is_shared(&self) -> bool {
        matches!(self.inner.options.address, Address::Cluster(_))
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.inner.data
    }

    /// Closes the catalog, so that the next opening finds no write-ahead log to read.
    pub async fn close(self) -> Result<()> {
        for tenant in self.tenants() {
            tenant.give_up_lead().await;
        }
        self.inner.catalog.checkpoint().await?;
        self.inner.catalog.close().await;
        Ok(())
    }
}

/// Opens the catalog of a directory that is locked; makes it where `create` says so.
pub(crate) async fn open_catalog(options: &Options, create: bool) -> Result<Catalog> {
    match &options.address {
        Address::Embedded => Catalog::open_sqlite(&options.data.join("catalog.db"), create).await,
        Address::Cluster(cluster) => {
            Catalog::open_server(&cluster.catalog, node_id(&options.data)?).await
        }
    }
}

/// The cache of index blocks; on a node of a cluster with one on the disk below it.
async fn open_blocks(options: &Options, catalog: &Catalog) -> Result<BlockCache> {
    let blocks = BlockCache::new(options.block_cache);
    let folder = options.data.join("cache");
    if matches!(options.address, Address::Embedded) {
        return Ok(blocks);
    }
    if options.disk_cache == 0 {
        fs::remove_dir_all(&folder).ok();
        return Ok(blocks);
    }
    let mut db = catalog.read().await?;
    let rows = sql::fetch(&mut db, statements::ALL_SPLITS, vec![]).await?;
    let listed: HashSet<[u8; 16]> = rows.iter().map(|row| row.array(0)).collect::<Result<_>>()?;
    let disk = DiskCache::open(&folder, options.disk_cache, |id| listed.contains(&id.0))
        .map_err(|error| StoreError::file(&folder, error))?;
    Ok(blocks.above(disk))
}

pub(crate) fn make_private_dir(path: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| StoreError::file(path, error))
}

/// Locks a data directory against every other process.
pub(crate) fn lock(data: &Path) -> Result<fs::File> {
    let path = data.join("lock");
    let fail = |error| StoreError::file(&path, error);
    let mut file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(fail)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid).ok();
            return Err(StoreError::Busy {
                pid: pid.trim().to_string(),
            });
        }
        Err(fs::TryLockError::Error(error)) => return Err(fail(error)),
    }
    // Only for people and error messages: the lock itself is what counts.
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(fail)?;
    Ok(file)
}

/// The name of the node whose data directory this is; made once. Whoever holds the lock of the
/// directory is that node.
fn node_id(data: &Path) -> Result<NodeId> {
    let path = data.join("node");
    let fail = |error| StoreError::file(&path, error);
    match fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            StoreError::damaged(path.display().to_string(), "it has the wrong length")
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id: NodeId = random()?;
            let half = data.join("node.making");
            let mut file = fs::File::create(&half).map_err(fail)?;
            file.write_all(&id).map_err(fail)?;
            // Half a name, left by a power cut, would stop every later start.
            file.sync_all().map_err(fail)?;
            fs::rename(&half, &path).map_err(fail)?;
            keys::sync_parent(&path)?;
            Ok(id)
        }
        Err(error) => Err(fail(error)),
    }
}
