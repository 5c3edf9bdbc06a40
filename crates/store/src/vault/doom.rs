//! Objects whose rows are gone. They stay until nobody can be reading them any more.
//!
//! Whoever takes an object's row away dooms the object in the same transaction. So a crash
//! between that and the removal leaves nothing behind that nobody knows of, and a node that read
//! the row a moment before still finds the object. Its key is gone with the row: what remains
//! cannot be opened by who reads it later.

use std::sync::Arc;

use sqlx::AnyConnection;
use tokio::sync::OwnedRwLockReadGuard;

use super::object_path;
use super::pack::Name;
use crate::address::Address;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Lease, Work, statements};
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::objects::MAIN;
use crate::store::Store;
use crate::tenant::Tenant;

/// So long may another node go on reading what it looked up, in µs, and so far may clocks differ.
/// Readers of this process look up again.
const GRACE: i64 = 3_600_000_000;

/// Kinds of objects that are listed in rows. The numbers stand in the table `doomed`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ObjectKind {
    Pack = 1,
    Split = 2,
}

impl ObjectKind {
    pub(crate) const ALL: [ObjectKind; 2] = [ObjectKind::Pack, ObjectKind::Split];

    /// The folder of such objects.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            ObjectKind::Pack => "packs",
            ObjectKind::Split => "splits",
        }
    }
}

/// An object that goes.
pub(crate) struct Doomed {
    pub(crate) name: Name,
    pub(crate) volume: i64,
    /// Until when it is locked there, µs since 1970; 0 if it is not.
    pub(crate) locked: i64,
}

/// While this is held, no object is removed, at this node or another. A holder that died holds
/// nothing any more when its leases end.
pub(crate) struct Hold {
    leases: Vec<Arc<Lease>>,
    _here: OwnedRwLockReadGuard<()>,
}

impl Hold {
    /// Lets objects be removed again.
    pub(crate) async fn end(self) {
        for lease in &self.leases {
            lease.give_back().await;
        }
    }
}

impl Store {
    /// Keeps every object that a row names from now on. What is being removed right now has no row
    /// any more.
    pub(crate) async fn hold_objects(&self) -> Result<Hold> {
        let mut hold = Hold {
            leases: Vec::new(),
            _here: self.inner.copying.clone().read_owned().await,
        };
        for tenant in self.tenants() {
            match self.inner.catalog.lease(tenant.id(), Work::Copy).await? {
                Some(lease) => hold.leases.push(lease),
                None => {
                    hold.end().await;
                    let what = "another node takes a backup of this archive or moves it";
                    return Err(StoreError::Invalid(what.into()));
                }
            }
        }
        Ok(hold)
    }
}

impl Tenant {
    /// Dooms objects in the store's own place, in the transaction that takes their rows away.
    pub(crate) async fn doom(
        &self,
        db: &mut AnyConnection,
        kind: ObjectKind,
        names: impl IntoIterator<Item = Name>,
    ) -> Result<()> {
        let unlocked = |name| Doomed {
            name,
            volume: MAIN,
            locked: 0,
        };
        let doomed = names.into_iter().map(unlocked).collect();
        self.doom_on(db, kind, doomed).await
    }

    /// As [`Tenant::doom`], of objects on any volume.
    pub(crate) async fn doom_on(
        &self,
        db: &mut AnyConnection,
        kind: ObjectKind,
        doomed: Vec<Doomed>,
    ) -> Result<()> {
        let now = now_us();
        let row = |doomed: Doomed| {
            let name = doomed.name.to_vec();
            values![
                self.id(),
                kind as i64,
                name,
                now,
                doomed.volume,
                doomed.locked
            ]
        };
        let rows = doomed.into_iter().map(row).collect();
        statements::DOOM.execute(db, rows).await?;
        Ok(())
    }

    /// Removes doomed objects that nobody reads any more; returns how many. What cannot be removed
    /// now, or while the archive is copied, is removed another time.
    pub async fn remove_doomed(&self) -> Result<u64> {
        let Ok(_nobody_copies) = self.store.copying.try_write() else {
            return Ok(0);
        };
        if self.store.catalog.is_leased(self.id(), Work::Copy).await? {
            return Ok(0);
        }
        let grace = match self.store.options.address {
            Address::Embedded => 0,
            Address::Cluster(_) => GRACE,
        };
        let mut db = self.store.catalog.read().await?;
        let before = values![self.id(), now_us() - grace, now_us()];
        let rows = sql::fetch(&mut db, statements::DOOMED_BEFORE, before).await?;
        if !rows.is_empty() {
            let vault = &self.store.vault;
            vault.learn_volumes(&mut db, &self.state.keys).await?;
        }
        drop(db);
        let mut gone = Vec::new();
        for row in &rows {
            let kind = row.int(0)?;
            let name: Name = row.array(1)?;
            let folder = ObjectKind::ALL.into_iter().find(|one| *one as i64 == kind);
            let Some(folder) = folder.map(ObjectKind::folder) else {
                continue;
            };
            let path = object_path(folder, &name);
            let volume = self.store.vault.volumes.of(row.int(2)?)?;
            if let Ok(true) = volume.remove(&path).await {
                gone.push((kind, name));
            }
        }
        if gone.is_empty() {
            return Ok(0);
        }
        let mut tx = self.store.catalog.begin().await?;
        for (kind, name) in &gone {
            let row = values![self.id(), *kind, name.to_vec()];
            sql::execute(&mut tx, statements::FORGET_DOOMED, row).await?;
        }
        tx.commit().await?;
        Ok(gone.len() as u64)
    }
}
