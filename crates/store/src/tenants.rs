//! The organizations that share a store: each has keys and a recovery key of its own.

use std::sync::Arc;

use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Catalog, Counter, fence, statements, take_ids};
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::index::BlockCache;
use crate::keys::{self, MasterKey, RecoveryKey, TenantKeys};
use crate::seal::random;
use crate::store::Store;
use crate::tenant::TenantState;

/// The name of the tenant that a new store begins with.
const FIRST_TENANT: &str = "default";

/// Longest name of a tenant, in bytes.
const LONGEST_NAME: usize = 64;

impl Store {
    /// Adds a tenant: an organization with mail, people and keys of its own. Whoever opens the
    /// store from now on has it; this handle, and nodes that run, go on without it. The recovery
    /// key is shown to a person now: it is not kept anywhere.
    ///
    /// # Errors
    /// [`StoreError::Exists`] for a name that is taken, [`StoreError::Invalid`] for one that is
    /// none: 1 to 64 of `a-z`, `0-9`, `.`, `-`, `_`, the first of them a letter or a digit.
    pub async fn add_tenant(&self, name: &str) -> Result<RecoveryKey> {
        check_name(name)?;
        let (catalog, master) = (&self.inner.catalog, &self.inner.master);
        let mut tx = catalog.begin().await?;
        // Takes a number first: of two that do this at once the second waits, and sees the first.
        let recovery = insert(&mut tx, master, name).await?;
        let named = read(&mut tx, master).await?;
        if named.iter().filter(|(_, other)| other == name).count() > 1 {
            return Err(StoreError::Exists(format!("tenant `{name}`")));
        }
        tx.commit().await?;
        Ok(recovery)
    }
}

fn check_name(name: &str) -> Result<()> {
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let fits = name.len() <= LONGEST_NAME
        && name.as_bytes().first().is_some_and(inner)
        && name
            .bytes()
            .all(|byte| inner(&byte) || b".-_".contains(&byte));
    match fits {
        true => Ok(()),
        false => Err(StoreError::Invalid(format!(
            "`{}` cannot name a tenant; take up to {LONGEST_NAME} of a-z, 0-9, `.`, `-`, `_`, a letter or digit first",
            name.escape_debug()
        ))),
    }
}

/// Makes store row and first tenant in an empty catalog.
pub(crate) async fn first(
    catalog: &Catalog,
    master: &MasterKey,
    create: bool,
) -> Result<Option<RecoveryKey>> {
    let store = statements::STORE;
    // Whoever may only read it opens it, too.
    let mut db = catalog.read().await?;
    fence::refuse_arriving(&mut db).await?;
    let there = sql::fetch_optional(&mut db, store, vec![]).await?;
    drop(db);
    if there.is_some() {
        return Ok(None);
    }
    let mut tx = catalog.begin().await?;
    if sql::fetch_optional(&mut tx, store, vec![]).await?.is_some() {
        return Ok(None);
    }
    if !create {
        return Err(StoreError::NotFound(
            "archive here: its catalog is empty".into(),
        ));
    }
    let name: [u8; 16] = random()?;
    sql::execute(
        &mut tx,
        statements::INSERT_STORE,
        values![name.to_vec(), now_us()],
    )
    .await?;
    let recovery = insert(&mut tx, master, FIRST_TENANT).await?;
    tx.commit().await?;
    Ok(Some(recovery))
}

async fn insert(
    db: &mut sqlx::AnyConnection,
    master: &MasterKey,
    name: &str,
) -> Result<RecoveryKey> {
    let id = take_ids(db, Counter::Tenant, 1).await?;
    let recovery = RecoveryKey::generate()?;
    let (root, wrapped) = keys::new_root(id, master, &recovery)?;
    let names = TenantKeys::new(id, &root).names;
    let sealed = names.seal(b"tenant", name.as_bytes())?;
    let row = values![id, sealed, wrapped.by_master, wrapped.by_recovery, now_us()];
    sql::execute(db, statements::INSERT_TENANT, row).await?;
    let bucket = take_ids(db, Counter::Bucket, 1).await?;
    sql::execute(db, statements::INSERT_BUCKET, values![bucket, id, 0, 0]).await?;
    Ok(recovery)
}

/// Every tenant's keys and name, oldest first.
async fn read(
    db: &mut sqlx::AnyConnection,
    master: &MasterKey,
) -> Result<Vec<(TenantKeys, String)>> {
    let rows = sql::fetch(db, statements::TENANTS, vec![]).await?;
    let open = |row: &sqlx::any::AnyRow| {
        let id = row.int(0)?;
        let root = keys::open_root(id, master, &row.blob(2)?).ok_or_else(|| {
            StoreError::Key("this master key is not the one of this archive".into())
        })?;
        let keys = TenantKeys::new(id, &root);
        let name = keys
            .names
            .open(b"tenant", &row.blob(1)?)
            .and_then(|name| String::from_utf8(name).ok())
            .ok_or_else(|| StoreError::damaged(format!("tenant {id}"), "its name does not open"))?;
        Ok((keys, name))
    };
    rows.iter().map(open).collect()
}

/// Opens every tenant.
pub(crate) async fn open(
    catalog: &Catalog,
    master: &MasterKey,
    blocks: &Arc<BlockCache>,
) -> Result<Vec<Arc<TenantState>>> {
    let mut db = catalog.read().await?;
    let mut tenants = Vec::new();
    for (keys, name) in read(&mut db, master).await? {
        let id = keys.tenant;
        let bucket = sql::fetch_optional(&mut db, statements::BUCKETS, values![id, 0, 0])
            .await?
            .ok_or_else(|| StoreError::damaged(format!("tenant {id}"), "it has no bucket"))?
            .int(0)?;
        let state = TenantState::new(name, keys, bucket, blocks.clone());
        tenants.push(Arc::new(state));
    }
    Ok(tenants)
}
