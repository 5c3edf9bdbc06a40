//! Storage classes: where mail rests, how it is sealed and compressed there, and how long it is
//! locked.
//!
//! ```text
//! new mail (class 0, the store's own place, unlocked)
//!    │ mover: age and scope → class → bucket (tenant, class, release month)
//!    ▼
//! window of copies → read → new pack on the class's volume, read back → one guarded transaction
//!                                                                        └ WORM: lock → note it
//! ```
//! **Invariant.** What is locked stays: no mover takes a copy out of a locked pack before its
//! month, nor out of one that is held while its class's `hold` asks for it; no definition that would is accepted, and each attempt stands in the log. A pack is
//! named by rows before it is locked, so that nothing is locked that nobody knows of.

mod definition;
mod lock;
mod plan;
mod relocate;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use everpost_domain::class::{Month, StorageClass, Volume};
use everpost_domain::log::{ActionRecord, EventKind};
use sqlx::AnyConnection;

use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, Work, statements, take_ids};
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::keys::TenantKeys;
use crate::objects::{MAIN, probe};
use crate::tenant::Tenant;
use crate::texts::DERIVED;
use crate::vault::Vault;
use crate::verify::Bad;

pub use definition::ClassFile;
use definition::NamedVolume;

/// The place of a class that is kept only because mail rests in it.
const FORMER: i64 = -1;
const SECOND: i64 = 1_000_000;
/// In the place of the time until which a pack is locked: held, however long that takes.
const HELD: i64 = i64::MAX;

/// A storage class and what rests in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassInfo {
    /// Its name; that of new mail is `new`.
    pub name: String,
    /// How it is defined; `None` for new mail.
    pub class: Option<StorageClass>,
    /// It is in no definition any more.
    pub former: bool,
    /// Copies that rest in it.
    pub copies: u64,
    /// Their raw bytes.
    pub bytes: u64,
    /// Packs.
    pub packs: u64,
    /// Bytes of these.
    pub stored: u64,
    /// WORM: packs that are written and not yet locked.
    pub unlocked: u64,
    /// WORM: packs that are held beyond their time.
    pub held: u64,
    /// WORM: when the first and the last of them are free, µs since 1970.
    pub locked_until: Option<(i64, i64)>,
}

/// What a mover did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassReport {
    /// By class and month of release.
    pub moves: Vec<ClassMove>,
    /// Copies that other classes want and that are locked where they are.
    pub locked: u64,
    /// Copies for which a scope could not be decided yet; they stay.
    pub undecided: u64,
    /// Packs that were locked.
    pub packs_locked: u64,
    /// Copies that could not be read, or packs that could not be locked.
    pub bad: Vec<Bad>,
}

/// Copies that went, or would go, to a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassMove {
    /// The class's name.
    pub class: String,
    /// The month in which they are free; `None` where nothing is locked.
    pub release: Option<Month>,
    /// How many.
    pub copies: u64,
    /// Their raw bytes.
    pub bytes: u64,
}

/// A class as its row has it.
struct Row {
    id: i64,
    place: i64,
    class: StorageClass,
}

impl Tenant {
    /// The definition of storage classes in force.
    pub async fn class_file(&self) -> Result<ClassFile> {
        let mut db = self.store.catalog.read().await?;
        let volumes = self.volume_rows(&mut db).await?;
        let classes = self.class_rows(&mut db).await?;
        let named = |(_, volume): (i64, NamedVolume)| (volume.name, volume.volume);
        Ok(ClassFile {
            volumes: volumes.into_iter().map(named).collect(),
            classes: classes
                .into_iter()
                .filter(|row| row.place != FORMER)
                .map(|row| row.class)
                .collect(),
        })
    }

    /// What is wrong with a definition; empty if nothing is. Volumes are tried out: each is
    /// written to, and one of medium worm must keep what it locked.
    pub async fn check_classes(&self, file: &ClassFile) -> Result<Vec<String>> {
        let mut wrong = file.complaints();
        for (name, volume) in &file.volumes {
            let Some(address) = &volume.address else {
                continue;
            };
            let tried = async {
                let open = self.store.vault.volumes.open(address)?;
                probe(&*open.objects, &format!("volume {name}"), false).await?;
                match volume.medium {
                    everpost_domain::class::Medium::Worm => open.probe_lock(name).await,
                    _ => Ok(()),
                }
            };
            if let Err(error) = tried.await {
                wrong.push(format!("volume {name}: {error}"));
            }
        }
        let mut db = self.store.catalog.read().await?;
        wrong.extend(self.broken_promises(&mut db, file).await?);
        Ok(wrong)
    }

    /// Puts a definition in force. [`StoreError::Invalid`] names everything that is wrong with
    /// it; what a lock forbids is [`StoreError::Locked`], and stands in the log.
    pub async fn set_classes(&self, file: &ClassFile, actor: &str) -> Result<()> {
        let wrong = self.check_classes(file).await?;
        let mut tx = self.store.catalog.begin().await?;
        let broken = self.broken_promises(&mut tx, file).await?;
        if let Some(first) = broken.first() {
            self.note(&mut tx, EventKind::Refused, actor, first).await?;
            tx.commit().await?;
            return Err(StoreError::Locked(broken.join("; ")));
        }
        if !wrong.is_empty() {
            return Err(StoreError::Invalid(wrong.join("; ")));
        }
        let names = &self.state.keys.names;
        let old = self.volume_rows(&mut tx).await?;
        for (name, volume) in &file.volumes {
            // Another place has another number: nodes know the place by it.
            let same = |old: &&(i64, NamedVolume)| {
                old.1.name == *name && old.1.volume.address == volume.address
            };
            let id = match old.iter().find(same) {
                Some((id, _)) => *id,
                None => take_ids(&mut tx, Counter::Volume, 1).await?,
            };
            let about = NamedVolume {
                name: name.clone(),
                volume: volume.clone(),
            };
            let row = values![id, self.id(), names.seal(b"volume", &about.encode()?)?];
            sql::execute(&mut tx, statements::SET_VOLUME, row).await?;
        }
        for (id, old) in &old {
            let kept = file.volumes.get(&old.name);
            if kept.is_none_or(|kept| kept.address != old.volume.address) {
                let unused = values![self.id(), *id];
                sql::execute(&mut tx, statements::DROP_VOLUME, unused).await?;
            }
        }
        let old = self.class_rows(&mut tx).await?;
        for row in &old {
            let former = values![self.id(), row.id, FORMER];
            sql::execute(&mut tx, statements::PLACE_CLASS, former).await?;
        }
        for (place, class) in (0i64..).zip(&file.classes) {
            let known = old.iter().find(|row| row.class.name == class.name);
            let id = match known {
                Some(row) => row.id,
                // New mail and texts of attachments have numbers of their own before it.
                None => take_ids(&mut tx, Counter::StorageClass, 1).await? + DERIVED,
            };
            let about = serde_json::to_vec(class).map_err(definition::unreadable)?;
            let row = values![id, self.id(), place, names.seal(b"class", &about)?];
            sql::execute(&mut tx, statements::SET_CLASS, row).await?;
        }
        let classes: Vec<&str> = file
            .classes
            .iter()
            .map(|class| class.name.as_str())
            .collect();
        let subject = format!("storage classes are now: {}", classes.join(", "));
        self.note(&mut tx, EventKind::Administered, actor, &subject)
            .await?;
        tx.commit().await?;
        let mut db = self.store.catalog.read().await?;
        self.store
            .vault
            .learn_volumes(&mut db, &self.state.keys)
            .await
    }

    /// The classes, new mail first, with what rests in each.
    pub async fn classes(&self) -> Result<Vec<ClassInfo>> {
        let mut db = self.store.catalog.read().await?;
        let mut infos = BTreeMap::new();
        let empty = |name: &str, class: Option<StorageClass>, former| ClassInfo {
            name: name.to_string(),
            class,
            former,
            copies: 0,
            bytes: 0,
            packs: 0,
            stored: 0,
            unlocked: 0,
            held: 0,
            locked_until: None,
        };
        let mut order = vec![0];
        infos.insert(0, empty("new", None, false));
        for row in self.class_rows(&mut db).await? {
            order.push(row.id);
            let name = row.class.name.clone();
            infos.insert(row.id, empty(&name, Some(row.class), row.place == FORMER));
        }
        let rows = sql::fetch(&mut db, statements::COPIES_BY_CLASS, values![self.id()]).await?;
        for row in rows {
            if let Some(info) = infos.get_mut(&row.int(0)?) {
                info.copies = row.int(1)?.unsigned_abs();
                info.bytes = row.int(2)?.unsigned_abs();
            }
        }
        let rows = sql::fetch(
            &mut db,
            statements::PACKS_BY_CLASS,
            values![self.id(), HELD],
        )
        .await?;
        for row in rows {
            if let Some(info) = infos.get_mut(&row.int(0)?) {
                info.packs = row.int(1)?.unsigned_abs();
                info.stored = row.int(2)?.unsigned_abs();
                info.unlocked = row.int(3)?.unsigned_abs();
                info.held = row.int(6)?.unsigned_abs();
                let until = (row.int(4)?, row.int(5)?);
                info.locked_until = (until.1 > 0).then_some(until);
            }
        }
        let infos = order.iter().filter_map(|id| infos.remove(id));
        Ok(infos
            .filter(|info| !info.former || info.copies + info.packs > 0)
            .collect())
    }

    /// Moves mail to the classes that want it at the time `now` (µs since 1970), and locks what
    /// is to be locked. With `dry`, only says what would move.
    pub async fn move_classes(
        &self,
        now: i64,
        dry: bool,
        mut progress: impl FnMut(&ClassReport) + Send,
    ) -> Result<ClassReport> {
        let Some(lease) = self.store.catalog.lease(self.id(), Work::Compact).await? else {
            return Err(StoreError::Invalid(
                "another node is moving or compacting".into(),
            ));
        };
        let report = self.move_all(now, dry, &mut progress).await;
        lease.give_back().await;
        report
    }

    async fn move_all(
        &self,
        now: i64,
        dry: bool,
        progress: &mut (impl FnMut(&ClassReport) + Send),
    ) -> Result<ClassReport> {
        let mut report = ClassReport::default();
        if !dry {
            // What a run before this one moved and had no time to lock.
            self.lock_packs(&mut report).await?;
        }
        self.move_due(now, dry, &mut report, progress).await?;
        if dry {
            return Ok(report);
        }
        self.lock_packs(&mut report).await?;
        self.drop_idle_packs(&mut report).await?;
        let mut tx = None;
        for moved in &report.moves {
            let subject = format!("{} copies moved to class {}", moved.copies, moved.class);
            let tx = match &mut tx {
                Some(tx) => tx,
                None => tx.insert(self.store.catalog.begin().await?),
            };
            self.note(tx, EventKind::Administered, "mover", &subject)
                .await?;
        }
        if report.locked > 0 {
            let subject = format!(
                "{} copies stay where they are: their locks have not ended",
                report.locked
            );
            let tx = match &mut tx {
                Some(tx) => tx,
                None => tx.insert(self.store.catalog.begin().await?),
            };
            self.note(tx, EventKind::Refused, "mover", &subject).await?;
        }
        if let Some(tx) = tx {
            tx.commit().await?;
        }
        self.remove_doomed().await?;
        Ok(report)
    }

    async fn note(
        &self,
        db: &mut AnyConnection,
        kind: EventKind,
        actor: &str,
        subject: &str,
    ) -> Result<()> {
        let record = ActionRecord {
            actor: actor.into(),
            subject: subject.as_bytes().to_vec(),
            reason: String::new(),
        };
        self.record_action(db, kind, &record.encode()).await
    }

    async fn class_rows(&self, db: &mut AnyConnection) -> Result<Vec<Row>> {
        let rows = sql::fetch(db, statements::CLASSES, values![self.id()]).await?;
        let read = |row: &sqlx::any::AnyRow| {
            let about = self.state.keys.names.open(b"class", &row.blob(2)?);
            let about = about.ok_or_else(|| {
                StoreError::damaged("storage class", "its definition does not open")
            })?;
            Ok(Row {
                id: row.int(0)?,
                place: row.int(1)?,
                class: serde_json::from_slice(&about).map_err(definition::unreadable)?,
            })
        };
        rows.iter().map(read).collect()
    }

    async fn volume_rows(&self, db: &mut AnyConnection) -> Result<Vec<(i64, NamedVolume)>> {
        volumes(db, &self.state.keys).await
    }

    /// What a definition would take from mail that is locked.
    async fn broken_promises(
        &self,
        db: &mut AnyConnection,
        file: &ClassFile,
    ) -> Result<Vec<String>> {
        let mut broken = Vec::new();
        let old = self.volume_rows(db).await?;
        let rows = sql::fetch(db, statements::PACKS_BY_VOLUME, values![self.id()]).await?;
        for row in rows {
            let (id, packs, until) = (row.int(0)?, row.int(1)?, row.int(2)?);
            let Some((_, before)) = old.iter().find(|(number, _)| *number == id) else {
                continue;
            };
            let now = file.volumes.get(&before.name);
            let same = now.is_some_and(|now| {
                now.address == before.volume.address && now.medium == before.volume.medium
            });
            if !same && until > now_us() {
                let locked = match until {
                    HELD => "some of them held".to_string(),
                    until => {
                        let until = everpost_domain::message::format_rfc3339(until / SECOND);
                        format!("locked until {until}")
                    }
                };
                broken.push(format!(
                    "volume {} holds {packs} packs, {locked}; it stays as it is",
                    before.name,
                ));
            } else if !same {
                broken.push(format!(
                    "volume {} holds {packs} packs; move them to another class first",
                    before.name
                ));
            }
        }
        Ok(broken)
    }

    /// The number of the volume with a name.
    async fn volume_number(&self, db: &mut AnyConnection, name: &str) -> Result<i64> {
        if name == everpost_domain::class::MAIN {
            return Ok(MAIN);
        }
        let volumes = self.volume_rows(db).await?;
        // The younger of two is in force; the other waits for its last locks to end.
        let found = volumes.iter().rev().find(|(_, volume)| volume.name == name);
        found
            .map(|(id, _)| *id)
            .ok_or_else(|| StoreError::NotFound(format!("volume {name}")))
    }
}

/// The volumes of a tenant, by number.
async fn volumes(db: &mut AnyConnection, keys: &TenantKeys) -> Result<Vec<(i64, NamedVolume)>> {
    let rows = sql::fetch(db, statements::VOLUMES, values![keys.tenant]).await?;
    let read = |row: &sqlx::any::AnyRow| {
        let about = keys.names.open(b"volume", &row.blob(1)?);
        let about =
            about.ok_or_else(|| StoreError::damaged("volume", "its definition does not open"))?;
        Ok((row.int(0)?, NamedVolume::decode(&about)?))
    };
    rows.iter().map(read).collect()
}

impl Vault {
    /// Opens the volumes that the catalog names and this node does not know.
    pub(crate) async fn learn_volumes(
        &self,
        db: &mut AnyConnection,
        keys: &TenantKeys,
    ) -> Result<()> {
        for (number, NamedVolume { volume, .. }) in volumes(db, keys).await? {
            if let (false, Some(address)) = (self.volumes.knows(number), &volume.address) {
                self.volumes.add(number, self.volumes.open(address)?);
            }
        }
        Ok(())
    }
}

/// The volume that a class without a name of its own rests on.
pub(crate) fn labels<'a>(file: &'a ClassFile, name: &str, main: &'a Volume) -> Option<&'a Volume> {
    match (file.volumes.get(name), name) {
        (Some(volume), _) => Some(volume),
        (None, everpost_domain::class::MAIN) => Some(main),
        (None, _) => None,
    }
}
