//! The catalog: relational truth in SQL, one code path for SQLite and PostgreSQL.
//!
//! **Invariant.** The pool is private to this crate; whoever works for a tenant does it
//! through statements that name the tenant (a test reads every statement for it).

pub(crate) mod fence;
mod lease;
pub(crate) mod portable;
mod schema;
mod server;
pub(crate) mod sql;
pub(crate) mod statements;
mod transaction;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Connection, Executor};
use tokio::sync::{Notify, OwnedMutexGuard};

use crate::clock::now_us;
use crate::error::{Result, StoreError};
pub(crate) use lease::{Lease, Work};
use sql::Columns;
pub(crate) use transaction::Transaction;
use transaction::{Generation, Number};

/// The newest schema this program reads.
pub(crate) const NEWEST: i64 = schema::VERSION;

/// Kinds of ids that are handed out in blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Counter {
    Bucket = 1,
    Pack = 2,
    Frame = 3,
    Part = 4,
    Copy = 5,
    Link = 6,
    Mailbox = 7,
    Folder = 8,
    Event = 9,
    Split = 10,
    Job = 11,
    Tenant = 12,
    Account = 13,
    Token = 14,
    Case = 15,
    SavedSearch = 20,
    Tag = 21,
    Group = 22,
    Text = 16,
    Volume = 17,
    StorageClass = 18,
    Domain = 23,
    Recipient = 24,
    RelayMail = 25,
    RelayLeg = 26,
    Replica = 27,
    ReplicaFolder = 28,
    Enrolment = 32,
    Device = 33,
    Recovery = 34,
}

/// The database's clock, in µs since 1970; a file has that of whoever opened it.
pub(crate) async fn now(db: &mut AnyConnection) -> Result<i64> {
    if !sql::is_server(db) {
        return Ok(now_us());
    }
    let row = sql::fetch_optional(db, statements::SERVER_NOW, vec![]).await?;
    row.ok_or(sqlx::Error::RowNotFound)?.int(0)
}

/// The name of a node: random, kept in its data directory.
pub(crate) type NodeId = [u8; 16];

/// An open catalog.
pub(crate) struct Catalog {
    /// One connection: on SQLite one writer at a time is what the file allows anyway.
    writer: AnyPool,
    /// Held by a transaction of a shared catalog until it is known what became of it.
    alone: Arc<tokio::sync::Mutex<()>>,
    readers: AnyPool,
    refused: Arc<Refused>,
    /// The catalog is PostgreSQL's; else it is SQLite's.
    postgres: bool,
    /// Other nodes write to it as well.
    shared: bool,
    generation: Arc<Generation>,
    /// By which name this node holds leases.
    holder: NodeId,
}

/// Why a new connection could not be made ready. The pool tries such a connection again until its
/// time is up and then says only that; whoever waits for it is told the reason at once.
#[derive(Default)]
struct Refused {
    reason: Mutex<Option<sqlx::Error>>,
    said: Notify,
}

impl Refused {
    fn say(&self, reason: sqlx::Error) {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
        self.said.notify_one();
    }

    /// What `work` on the pool gives, or why no connection could be made for it.
    async fn or<T>(&self, work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done?),
                () = self.said.notified() => {
                    let mut reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(reason) = reason.take() {
                        return Err(reason.into());
                    }
                }
            }
        }
    }
}

const SQLITE_SETTINGS: [&str; 5] = [
    "PRAGMA journal_mode = WAL",
    // Durable before acknowledged: the WAL is synced at each commit.
    "PRAGMA synchronous = FULL",
    // Erased means overwritten: wrapped keys must not linger in free pages.
    "PRAGMA secure_delete = ON",
    "PRAGMA busy_timeout = 10000",
    // 16 MiB of pages a connection, counted in the store's memory budget.
    "PRAGMA cache_size = -16384",
];

impl Catalog {
    /// Opens the SQLite catalog at `path`, creating it where `create` says so, and brings
    /// its schema up to date.
    pub(crate) async fn open_sqlite(path: &Path, create: bool) -> Result<Self> {
        let mode = if create { "mode=rwc" } else { "mode=rw" };
        Self::open(&sqlite_address(path, mode)?, None).await
    }

    /// Opens the catalog that nodes share in the database at `address`, as the node `holder`, and
    /// brings its schema up to date. That is PostgreSQL; a simulation has its nodes in one process
    /// and gives them a file.
    pub(crate) async fn open_server(address: &str, holder: NodeId) -> Result<Self> {
        Self::open(address, Some(holder)).await
    }

    /// A node of a cluster opens a shared catalog, nobody one of its own.
    async fn open(address: &str, node: Option<NodeId>) -> Result<Self> {
        let (postgres, shared) = (!address.starts_with("sqlite:"), node.is_some());
        install_default_drivers();
        let refused = Arc::new(Refused::default());
        // A file makes whoever wants it wait for the others; a server that does not answer may
        // not answer for long, and there may be another node that it does answer.
        let patience = if postgres {
            server::PATIENCE
        } else {
            Duration::from_secs(60)
        };
        let options = || {
            let refused = refused.clone();
            AnyPoolOptions::new()
                .acquire_timeout(patience)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(postgres)
                .after_connect(move |connection, _| {
                    let refused = refused.clone();
                    Box::pin(async move {
                        let settled = settle(connection, postgres).await;
                        settled.map_err(|reason| {
                            refused.say(reason);
                            sqlx::Error::PoolTimedOut
                        })
                    })
                })
        };
        let catalog = Catalog {
            writer: options().max_connections(1).connect_lazy(address)?,
            alone: Arc::default(),
            readers: options().max_connections(4).connect_lazy(address)?,
            refused,
            postgres,
            shared,
            generation: Arc::default(),
            holder: node.unwrap_or_default(),
        };
        catalog.migrate().await?;
        Ok(catalog)
    }

    async fn migrate(&self) -> Result<()> {
        let mut tx = self.begin_uncounted().await?;
        for statement in schema::steps(0, 0, self.postgres) {
            tx.execute(AssertSqlSafe(statement)).await?;
        }
        let found = match sql::fetch_optional(&mut tx, statements::SCHEMA_VERSION, vec![]).await? {
            Some(row) => row.int(0)?,
            None => 0,
        };
        if found > schema::VERSION {
            return Err(StoreError::Version {
                found,
                known: schema::VERSION,
            });
        }
        for statement in schema::steps(found, schema::VERSION, self.postgres) {
            tx.execute(AssertSqlSafe(statement)).await?;
        }
        if found < schema::VERSION {
            sql::execute(
                &mut tx,
                statements::SET_SCHEMA_VERSION,
                sql::values![schema::VERSION],
            )
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Begins a transaction that may write. Until it ends no other of this store begins, on any
    /// node: what it reads stays as it is, and what it numbers is dense.
    pub(crate) async fn begin(&self) -> Result<Transaction> {
        let alone = match self.shared {
            true => Some(self.alone().await?),
            false => None,
        };
        let mut tx = self.begin_uncounted().await?;
        if let Some(alone) = alone {
            let number = server::count_commit(&mut tx, &self.holder).await?;
            tx.ask_if_unheard(Number {
                pool: self.writer.clone(),
                node: self.holder,
                number,
                _alone: alone,
            });
        }
        fence::refuse_moved(&mut tx).await?;
        Ok(tx)
    }

    /// Waits until no transaction of this node is under way, not longer than for a connection.
    async fn alone(&self) -> Result<OwnedMutexGuard<()>> {
        let alone = self.alone.clone().lock_owned();
        tokio::time::timeout(server::PATIENCE, alone)
            .await
            .map_err(|_| no_connection())
    }

    /// As [`Catalog::begin`], before there are tables.
    async fn begin_uncounted(&self) -> Result<Transaction> {
        // A read that turns into a write cannot wait for the lock on SQLite: take it at once.
        let begin = if self.postgres {
            "BEGIN"
        } else {
            "BEGIN IMMEDIATE"
        };
        #[cfg(test)]
        let turn = crate::simulation::take_turn().await?;
        let inner = self.reach(self.writer.begin_with(begin)).await?;
        let mut tx = Transaction::new(inner, self.generation.clone());
        #[cfg(test)]
        tx.hold(turn);
        if self.postgres {
            server::take_turn(&mut tx).await?;
        }
        Ok(tx)
    }

    /// Whether other nodes may write to it as well.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// The node that opened this; zeros where there is one alone.
    pub(crate) fn node(&self) -> NodeId {
        self.holder
    }

    /// Counts commits, those of all nodes: whatever was read while it had a value is still true
    /// while it has it.
    pub(crate) async fn generation(&self) -> Result<u64> {
        match self.shared {
            true => server::commits(&mut *self.read().await?).await,
            // An embedded store has no other writer.
            false => Ok(self.generation.now()),
        }
    }

    /// What `work` on a pool gives. A server that gave no connection in time is out of reach.
    async fn reach<T>(&self, work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
        match self.refused.or(work).await {
            Err(StoreError::Sql(sqlx::Error::PoolTimedOut)) if self.postgres => {
                Err(no_connection())
            }
            other => other,
        }
    }

    /// A connection for reading.
    pub(crate) async fn read(&self) -> Result<PoolConnection<Any>> {
        self.reach(self.readers.acquire()).await
    }

    /// The connection for writing.
    async fn write(&self) -> Result<PoolConnection<Any>> {
        self.reach(self.writer.acquire()).await
    }

    /// Moves the write-ahead log into the database file, as after a purge or before a backup.
    pub(crate) async fn checkpoint(&self) -> Result<()> {
        if !self.shared {
            let mut connection = self.write().await?;
            connection
                .execute("PRAGMA wal_checkpoint(TRUNCATE)")
                .await?;
        }
        Ok(())
    }

    /// Rewrites the database file without its free pages.
    pub(crate) async fn vacuum(&self) -> Result<()> {
        let mut connection = self.write().await?;
        connection.execute("VACUUM").await?;
        drop(connection);
        self.checkpoint().await
    }

    /// Bytes of the database of a server, indexes included; `None` where the catalog is a file.
    pub(crate) async fn server_bytes(&self) -> Result<Option<u64>> {
        if !self.postgres {
            return Ok(None);
        }
        let mut db = self.read().await?;
        let row = sql::fetch_optional(&mut db, statements::SERVER_BYTES, vec![]).await?;
        row.map(|row| Ok(row.int(0)?.unsigned_abs())).transpose()
    }

    /// What is wrong with the database's own structure; empty if nothing is.
    pub(crate) async fn integrity(&self) -> Result<Vec<String>> {
        if self.postgres {
            return Ok(Vec::new());
        }
        let mut connection = self.read().await?;
        let rows = sqlx::query("PRAGMA integrity_check")
            .fetch_all(&mut *connection)
            .await?;
        let lines = rows
            .iter()
            .map(|row| row.string(0))
            .collect::<Result<Vec<_>>>()?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }

    /// Writes the catalog, as the last commit left it, into a new SQLite file. Others may write
    /// meanwhile; the caller syncs the file.
    pub(crate) async fn snapshot(&self, to: &Path) -> Result<()> {
        let text = to.to_str().ok_or_else(|| {
            StoreError::Invalid(format!("the path {} is not UTF-8", to.display()))
        })?;
        let mut connection = self.read().await?;
        if self.postgres {
            return portable::write_file(&mut connection, to).await;
        }
        sql::execute(&mut connection, statements::SNAPSHOT, sql::values![text]).await?;
        Ok(())
    }

    /// Closes every connection; later calls fail.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn no_connection() -> StoreError {
    let patience = server::PATIENCE.as_secs();
    StoreError::Unreachable(format!("catalog: no connection within {patience} s"))
}

/// Makes the settings of a new connection.
async fn settle(connection: &mut AnyConnection, postgres: bool) -> sqlx::Result<()> {
    let settings: &[&'static str] = if postgres {
        &server::SETTINGS
    } else {
        &SQLITE_SETTINGS
    };
    for setting in settings {
        connection.execute(*setting).await?;
    }
    Ok(())
}

/// The address of the SQLite file at `path`.
fn sqlite_address(path: &Path, how: &str) -> Result<String> {
    let text = path
        .to_str()
        .ok_or_else(|| StoreError::Invalid(format!("the path {} is not UTF-8", path.display())))?;
    // The path is a URL here: these three would end or escape it.
    let text = text
        .replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23");
    Ok(format!("sqlite://{text}?{how}"))
}

/// Opens a SQLite catalog for reading alone: no migration, no setting, not a byte of the
/// file changes. Where no write-ahead log lies beside it nothing is made beside it either.
/// The caller sees to it that nobody writes meanwhile.
pub(crate) async fn peek(path: &Path) -> Result<AnyConnection> {
    install_default_drivers();
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let closed = std::fs::metadata(log).map_or(true, |log| log.len() == 0);
    let how = if closed {
        "mode=ro&immutable=true"
    } else {
        "mode=ro"
    };
    Ok(AnyConnection::connect(&sqlite_address(path, how)?).await?)
}

/// Connects to the PostgreSQL database at `address` and looks at it; nothing is made or changed.
pub(crate) async fn peek_server(address: &str) -> Result<AnyConnection> {
    install_default_drivers();
    let connecting = AnyConnection::connect(address);
    match tokio::time::timeout(server::PATIENCE, connecting).await {
        Ok(connected) => Ok(connected?),
        Err(_) => Err(StoreError::Unreachable(
            "catalog: it does not answer".into(),
        )),
    }
}

/// The schema of an open catalog.
pub(crate) async fn schema_version(db: &mut AnyConnection) -> Result<i64> {
    let row = sql::fetch_optional(db, statements::SCHEMA_VERSION, vec![]).await?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Takes `count` neighbouring ids and returns the first.
pub(crate) async fn take_ids(
    db: &mut sqlx::AnyConnection,
    kind: Counter,
    count: usize,
) -> Result<i64> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let values = sql::values![kind as i64, count];
    let row = sql::fetch_optional(db, statements::TAKE_IDS, values).await?;
    let next = row.ok_or(sqlx::Error::RowNotFound)?.int(0)?;
    Ok(next - count)
}
