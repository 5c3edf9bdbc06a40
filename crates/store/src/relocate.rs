//! Moving an archive to another place while it goes on: from a data directory to servers, and back.
//!
//! ```text
//! here    goes on ─────────────── goes on ──── stops ──────────────── left for good
//! there            objects, round by round    the last, rows, compared          is an archive
//!                                                                   ↑ one transaction, here
//! ```
//! Objects never change, so they are copied while others come. When few are left, this node takes
//! the turn to write and keeps it: the rest is copied, the rows are brought over in one
//! transaction, and both sides are compared. Then the transaction that holds the turn says that the
//! archive left, and only then the other place is opened.
//!
//! **Promise.** Whatever dies whenever: before that commit the turn ends with its holder, so the
//! archive goes on here, and there is nothing that opens; after it nothing is taken in here any
//! more, and all of it is there. Asked for again, a move goes on where it was. There are never two
//! archives that take mail in.
//!
//! The archive keeps name and epoch: its log goes on with the leaf after the last.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use everpost_domain::log::Note;
use futures::StreamExt;
use object_store::path::Path as ObjectPath;
use sqlx::{AnyConnection, Connection};

use crate::address::{Address, Cluster};
use crate::arrival::{self, Arrival};
use crate::backup::full;
use crate::carry::{carry, named_here};
use crate::catalog::fence::{self, Moved};
use crate::catalog::portable::{self, TableDigest};
use crate::catalog::sql::Columns;
use crate::catalog::{NEWEST, peek, sql, statements};
use crate::error::{Result, StoreError};
use crate::store::Store;

/// Objects that are under way at a time, each with some 12 MiB of memory at most.
const AT_ONCE: usize = 4;
/// So little may be left for the time in which nobody writes.
const LITTLE: u64 = 32 << 20;
/// Rounds after which writers wait in any case: somebody takes in as fast as this copies.
const ROUNDS: u64 = 8;

/// Where an archive is moved to.
#[derive(Debug, Clone)]
pub enum Destination {
    /// A data directory, which does not exist or is empty.
    Directory(PathBuf),
    /// A database and a bucket, both empty.
    Servers(Box<Cluster>),
}

/// For people, without passwords. An archive that left is named by it.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Directory(data) => full(data).display().fmt(f),
            Destination::Servers(cluster) => cluster.fmt(f),
        }
    }
}

/// What a move does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelocationStage {
    /// Objects are copied; the archive goes on.
    Objects,
    /// Nobody writes: the last objects and all rows are copied and compared.
    Stopped,
}

/// How far a move is.
#[derive(Debug, Clone, Copy)]
pub struct RelocationProgress {
    /// What is done.
    pub stage: RelocationStage,
    /// Bytes of objects there are.
    pub total: u64,
    /// Bytes of objects that are there and read back.
    pub done: u64,
    /// How many objects those are.
    pub objects: u64,
}

/// What a move would carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelocationPlan {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Rows of all tables.
    pub rows: u64,
}

/// An archive that was moved.
#[derive(Debug, Clone)]
pub struct Relocated {
    /// Where it is now.
    pub place: String,
    /// Objects that it consists of.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// For how long nobody could write.
    pub stopped: Duration,
    /// What both places hold.
    pub tables: Vec<TableDigest>,
    /// Tenants and the newest checkpoints of their logs, which go on.
    pub logs: Vec<(String, Option<Note>)>,
    /// True if an earlier run had done all but opening it.
    pub earlier: bool,
}

impl Store {
    /// What the archive holds, table by table: the same at two places if and only if they hold the
    /// same. What is of a place alone (leases, what waits to be removed) is left out.
    pub async fn manifest(&self) -> Result<Vec<TableDigest>> {
        let tables = portable::tables_of_schema(NEWEST).await?;
        portable::digests(&mut *self.inner.catalog.read().await?, &tables).await
    }

    /// What [`Store::relocate`] would carry to a place; changes nothing at either.
    pub async fn plan_relocation(&self, to: &Destination) -> Result<RelocationPlan> {
        let mut db = self.inner.catalog.read().await?;
        if let Some(Moved::To(place)) = fence::moved(&mut db).await? {
            return Err(StoreError::Moved(place));
        }
        let store = portable::identity(&mut db).await?;
        let (address, data) = self.address_of(to);
        arrival::refuse_taken(&address, &data, Some(&store)).await?;
        let named = named_here(&mut db).await?;
        drop(db);
        Ok(RelocationPlan {
            objects: named.len() as u64,
            bytes: named.iter().map(|(_, size)| size).sum(),
            rows: self.catalog_rows().await?,
        })
    }

    /// Moves the archive. It goes on meanwhile, at this node and at others; at the end writers
    /// wait for some seconds, and afterwards nothing is taken in here any more. A move that was
    /// cut short is gone on with by asking for the same once more.
    pub async fn relocate(
        &self,
        to: &Destination,
        tell: impl FnMut(&RelocationProgress) + Send,
    ) -> Result<Relocated> {
        let place = to.to_string();
        let mut db = self.inner.catalog.read().await?;
        let store = portable::identity(&mut db).await?;
        let moved = fence::moved(&mut db).await?;
        drop(db);
        match moved {
            Some(Moved::To(there)) if there == place => {
                return self.end_relocation(to, &store).await;
            }
            Some(Moved::To(there)) => return Err(StoreError::Moved(there)),
            Some(Moved::From(from)) => return Err(StoreError::Arriving(from)),
            None => {}
        }
        let (address, data) = self.address_of(to);
        arrival::refuse_taken(&address, &data, Some(&store)).await?;
        self.refuse_tasks(&mut *self.inner.catalog.read().await?)
            .await?;
        let hold = self.hold_objects().await?;
        let done = async {
            let (arrival, _lock) = self.claim(to, &store).await?;
            let carrying = Carrying::new(self, &arrival, tell);
            let report = self.carry_over(carrying, &arrival, &place).await?;
            arrival.open_up().await?;
            Ok(report)
        }
        .await;
        hold.end().await;
        done
    }

    fn address_of(&self, to: &Destination) -> (Address, PathBuf) {
        match to {
            Destination::Directory(data) => (Address::Embedded, data.clone()),
            Destination::Servers(cluster) => (
                Address::Cluster(cluster.clone()),
                self.inner.data.join("tmp").join("moving"),
            ),
        }
    }

    /// Where the archive is, for people.
    fn place(&self) -> String {
        match &self.inner.options.address {
            Address::Embedded => full(&self.inner.data).display().to_string(),
            Address::Cluster(cluster) => cluster.to_string(),
        }
    }

    async fn claim(
        &self,
        to: &Destination,
        (name, epoch): &(Vec<u8>, i64),
    ) -> Result<(Arrival, std::fs::File)> {
        let (address, data) = self.address_of(to);
        let folder = match to {
            Destination::Directory(data) => arrival::partial(data),
            Destination::Servers(_) => data.clone(),
        };
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let mark = format!("move {name} {epoch}\n");
        Arrival::claim(&address, &data, folder, &mark).await
    }

    /// Files that a service took on lie in its data directory and are not carried.
    async fn refuse_tasks(&self, db: &mut AnyConnection) -> Result<()> {
        let row = sql::fetch_optional(db, statements::COUNT_TASKS, vec![]).await?;
        match row.map_or(Ok(0), |row| row.int(0))? {
            0 => Ok(()),
            count => Err(StoreError::Invalid(format!(
                "{count} uploads are being imported at this place; move the archive when they are done"
            ))),
        }
    }

    /// Everything up to the commit after which the archive is at the other place.
    async fn carry_over(
        &self,
        mut carrying: Carrying<'_, impl FnMut(&RelocationProgress) + Send>,
        arrival: &Arrival,
        place: &str,
    ) -> Result<Relocated> {
        for _ in 0..ROUNDS {
            let named = named_here(&mut *self.inner.catalog.read().await?).await?;
            if carrying.round(named).await? <= LITTLE {
                break;
            }
        }
        let began = Instant::now();
        let mut turn = self.inner.catalog.begin().await?;
        if sql::is_server(&turn) {
            sql::execute(&mut turn, statements::MAY_IDLE, vec![]).await?;
        }
        self.refuse_tasks(&mut turn).await?;
        carrying.progress.stage = RelocationStage::Stopped;
        arrival.clear_catalog()?;
        self.inner.catalog.snapshot(&arrival.catalog()).await?;
        let mut file = peek(&arrival.catalog()).await?;
        let named = named_here(&mut file).await?;
        let (objects, bytes) = (named.len(), named.iter().map(|(_, size)| size).sum());
        let names = named.iter().map(|(path, _)| path.clone()).collect();
        carrying.round(named).await?;
        carrying.whole()?;
        arrival.sweep(&names).await?;
        let tables = portable::tables(&mut file).await?;
        file.close().await?;
        arrival.land(Some(&Moved::From(self.place()))).await?;
        let mine = portable::digests(&mut *self.inner.catalog.read().await?, &tables).await?;
        let theirs = arrival.digests(&tables).await?;
        if let Some((mine, _)) = mine.iter().zip(&theirs).find(|(one, other)| one != other) {
            let what = "it is not the same at both places";
            return Err(StoreError::damaged(format!("table {}", mine.table), what));
        }
        let logs = self.log_heads().await?;
        fence::say(&mut turn, &Moved::To(place.to_string())).await?;
        turn.commit().await?;
        Ok(Relocated {
            place: place.to_string(),
            objects: objects as u64,
            bytes,
            stopped: began.elapsed(),
            tables: mine,
            logs,
            earlier: false,
        })
    }

    async fn log_heads(&self) -> Result<Vec<(String, Option<Note>)>> {
        let mut heads = Vec::new();
        for tenant in self.tenants() {
            let head = tenant.log_head().await?;
            heads.push((tenant.name().to_string(), head.map(|head| head.note)));
        }
        Ok(heads)
    }

    /// The archive left already: makes sure that it can be opened where it went.
    async fn end_relocation(&self, to: &Destination, store: &(Vec<u8>, i64)) -> Result<Relocated> {
        if !arrival::is_there(to, store).await? {
            let (arrival, _lock) = self.claim(to, store).await?;
            arrival.open_up().await?;
        }
        let named = named_here(&mut *self.inner.catalog.read().await?).await?;
        Ok(Relocated {
            place: to.to_string(),
            objects: named.len() as u64,
            bytes: named.iter().map(|(_, size)| size).sum(),
            stopped: Duration::ZERO,
            tables: self.manifest().await?,
            logs: self.log_heads().await?,
            earlier: true,
        })
    }
}

/// Objects on their way.
struct Carrying<'a, T> {
    store: &'a Store,
    arrival: &'a Arrival,
    /// Those that are there.
    there: HashSet<ObjectPath>,
    /// What is wrong with some of those that the last round named.
    bad: Vec<StoreError>,
    progress: RelocationProgress,
    tell: T,
}

impl<'a, T: FnMut(&RelocationProgress) + Send> Carrying<'a, T> {
    fn new(store: &'a Store, arrival: &'a Arrival, tell: T) -> Self {
        Carrying {
            store,
            arrival,
            there: HashSet::new(),
            bad: Vec::new(),
            progress: RelocationProgress {
                stage: RelocationStage::Objects,
                total: 0,
                done: 0,
                objects: 0,
            },
            tell,
        }
    }

    /// Copies those that are not there yet; returns their bytes.
    async fn round(&mut self, named: Vec<(ObjectPath, u64)>) -> Result<u64> {
        let missing = named
            .into_iter()
            .filter(|(path, _)| !self.there.contains(path));
        let missing: Vec<(ObjectPath, u64)> = missing.collect();
        let bytes = missing.iter().map(|(_, size)| size).sum();
        self.progress.total = self.progress.done.saturating_add(bytes);
        self.bad.clear();
        let (from, to) = (&self.store.inner.vault.objects, &self.arrival.objects);
        let mut under_way = futures::stream::iter(missing)
            .map(async |(path, size)| {
                let copied = carry(from.as_ref(), &path, to, &path, None).await;
                copied.map(|copied| (path, size, copied))
            })
            .buffer_unordered(AT_ONCE);
        while let Some(copied) = under_way.next().await {
            let (path, size, copied) = copied?;
            let what = match copied {
                None => Some("it is missing".to_string()),
                Some((found, _)) if found != size => {
                    Some(format!("it has {found} bytes, the catalog says {size}"))
                }
                Some(_) => None,
            };
            match what {
                Some(what) => self.bad.push(StoreError::damaged(path.to_string(), what)),
                None => {
                    self.there.insert(path);
                    self.progress.done += size;
                    self.progress.objects += 1;
                }
            }
            (self.tell)(&self.progress);
        }
        Ok(bytes)
    }

    /// Fails if something of the last round is not there. Before that it may have been compacted
    /// away.
    fn whole(&mut self) -> Result<()> {
        self.bad.pop().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
pub(crate) mod tests;
