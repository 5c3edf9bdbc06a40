//! Locking packs of WORM classes until their month, and giving up packs that hold nothing.

use everpost_domain::class::Month;

use super::{ClassReport, HELD, SECOND};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;
use crate::vault::pack::Name;
use crate::vault::{Doomed, ObjectKind, object_path};
use crate::verify::Bad;

impl Tenant {
    /// Locks every pack that is to be locked and is not. What cannot be locked now is named, and
    /// tried again by the next run.
    pub(super) async fn lock_packs(&self, report: &mut ClassReport) -> Result<()> {
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statements::PACKS_TO_LOCK, values![self.id()]).await?;
        if !rows.is_empty() {
            let vault = &self.store.vault;
            vault.learn_volumes(&mut db, &self.state.keys).await?;
        }
        drop(db);
        for row in rows {
            let (id, name, volume) = (row.int(0)?, row.array(1)?, row.int(2)?);
            let month = Month(row.int(3)?);
            let (locked, until) = match month {
                Month::HELD => (self.set_hold(&name, volume, true).await, HELD),
                month => {
                    let until = month.start();
                    let locked = self.lock_pack(&name, volume, until).await;
                    (locked, until.saturating_mul(SECOND))
                }
            };
            match locked {
                Ok(()) => {
                    let mut tx = self.store.catalog.begin().await?;
                    let locked = values![self.id(), id, until];
                    sql::execute(&mut tx, statements::SET_LOCKED, locked).await?;
                    tx.commit().await?;
                    report.packs_locked += 1;
                }
                Err(error) => {
                    let path = object_path("packs", &name);
                    report
                        .bad
                        .push(Bad::new(path, format!("not locked: {error}")));
                }
            }
        }
        Ok(())
    }

    /// Locks a pack and reads its lock back.
    async fn lock_pack(&self, name: &Name, volume: i64, until: i64) -> Result<()> {
        let path = object_path("packs", name);
        let volume = self.store.vault.volumes.of(volume)?;
        let Some(lock) = volume.lock else {
            return Err(StoreError::Invalid("its volume has no locks".into()));
        };
        // A lock ends in the future. Whoever could not lock it until now has nothing to lock.
        if until * SECOND <= now_us() {
            return Ok(());
        }
        lock.retain(&path, until).await?;
        match lock.retention(&path).await? {
            Some(found) if found.compliance && found.until >= until => Ok(()),
            _ => Err(StoreError::Object(format!(
                "{path}: the store took the lock and does not show it"
            ))),
        }
    }

    /// Holds a pack, or lets it go, and reads that back.
    async fn set_hold(&self, name: &Name, volume: i64, on: bool) -> Result<()> {
        let path = object_path("packs", name);
        let volume = self.store.vault.volumes.of(volume)?;
        let Some(lock) = volume.lock else {
            return Err(StoreError::Invalid("its volume has no locks".into()));
        };
        lock.hold(&path, on).await?;
        match lock.is_held(&path).await? == on {
            true => Ok(()),
            false => Err(StoreError::Object(format!(
                "{path}: the store took the hold and does not show it"
            ))),
        }
    }

    /// Gives up packs of storage classes and of new mail in which nothing rests any more.
    pub(super) async fn drop_idle_packs(&self, report: &mut ClassReport) -> Result<()> {
        self.let_go(report).await?;
        let mut tx = self.store.catalog.begin().await?;
        let rows = sql::fetch(&mut tx, statements::IDLE_PACKS, values![self.id()]).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut doomed = Vec::with_capacity(rows.len());
        for row in &rows {
            // Mail may have come to rest in it since holds were lifted, or its store is away.
            if row.int(3)? == HELD {
                continue;
            }
            let pack = values![self.id(), row.int(0)?];
            sql::execute(&mut tx, statements::DELETE_FRAMES_OF_PACK, pack.clone()).await?;
            sql::execute(&mut tx, statements::DELETE_PACK, pack).await?;
            doomed.push(Doomed {
                name: row.array(1)?,
                volume: row.int(2)?,
                locked: row.int(3)?,
            });
        }
        self.doom_on(&mut tx, ObjectKind::Pack, doomed).await?;
        tx.commit().await?;
        // Opened frames of keys that are gone must not be read any more.
        self.store.vault.forget();
        Ok(())
    }

    /// Lifts the holds of packs in which nothing rests any more: what was held in them is held
    /// elsewhere now, or by nobody.
    async fn let_go(&self, report: &mut ClassReport) -> Result<()> {
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statements::IDLE_PACKS, values![self.id()]).await?;
        drop(db);
        for row in rows {
            let (id, name, volume) = (row.int(0)?, row.array(1)?, row.int(2)?);
            if row.int(3)? != HELD {
                continue;
            }
            match self.set_hold(&name, volume, false).await {
                Ok(()) => {
                    let mut tx = self.store.catalog.begin().await?;
                    let free = values![self.id(), id];
                    sql::execute(&mut tx, statements::SET_FREE, free).await?;
                    tx.commit().await?;
                }
                Err(error) => {
                    let path = object_path("packs", &name);
                    report
                        .bad
                        .push(Bad::new(path, format!("still held: {error}")));
                }
            }
        }
        Ok(())
    }
}
