//! The catalog as one SQLite file, which either address is made of: backups hold it, a restore and
//! a move begin with it.
//!
//! Tables and columns are read from the file's own schema, so one that is added later is carried
//! along. Rows go through memory a batch at a time, in the order of their keys, and what was
//! written is read back: both sides must give the same digest.

use std::path::Path;

use everpost_domain::digest::{Digest, Hasher};
use futures::TryStreamExt;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};

use super::fence::{self, Moved};
use super::sql::{self, Batch, Columns, Value, values};
use super::{
    peek, peek_server, schema, schema_version, server, settle, sqlite_address, statements,
};
use crate::error::{Result, StoreError};

/// Rows and bytes that are on their way at a time.
const BATCH_ROWS: usize = 128;
const BATCH_BYTES: usize = 4 << 20;

/// A file is of no worth before it is whole, and then the caller syncs it.
const FILE_SETTINGS: [&str; 2] = ["PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF"];

/// Tables that say something of a place and of who works there, not of the archive.
const OF_THE_PLACE: [&str; 6] = ["doomed", "lease", "moved", "node", "peer", "schema_version"];
/// A column of the same kind.
const COMMITS: (&str, &str) = ("store", "commits");

/// A table as the schema has it.
pub(crate) struct Table {
    name: String,
    columns: Vec<(String, Kind)>,
    key: Vec<String>,
}

/// Types that the schema uses.
#[derive(Clone, Copy)]
enum Kind {
    Int,
    Blob,
}

/// The rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDigest {
    /// The table.
    pub table: String,
    /// How many rows it has.
    pub rows: u64,
    /// SHA-256 over all of their columns, in the order of their keys.
    pub sha256: Digest,
}

/// The tables of a file.
pub(crate) async fn tables(file: &mut AnyConnection) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for row in sql::fetch(file, statements::FILE_TABLES, vec![]).await? {
        let name = row.string(0)?;
        let found = sql::fetch(file, statements::FILE_COLUMNS, values![name.as_str()]).await?;
        let (mut columns, mut key) = (Vec::new(), Vec::new());
        for row in &found {
            let (column, kind) = (row.string(0)?, row.string(1)?);
            let kind = match kind.as_str() {
                "BIGINT" | "INTEGER" => Kind::Int,
                "BLOB" => Kind::Blob,
                _ => {
                    let what = format!("{name}.{column} has the type {kind}");
                    return Err(StoreError::damaged("catalog", what));
                }
            };
            if row.int(2)? > 0 {
                key.push((row.int(2)?, column.clone()));
            }
            columns.push((column, kind));
        }
        key.sort();
        let key = key.into_iter().map(|(_, column)| column).collect();
        tables.push(Table { name, columns, key });
    }
    Ok(tables)
}

impl Table {
    fn list(columns: impl IntoIterator<Item = impl AsRef<str>>) -> String {
        let mut list = String::new();
        for column in columns {
            if !list.is_empty() {
                list.push_str(", ");
            }
            list.push_str(column.as_ref());
        }
        list
    }

    fn names(&self) -> String {
        Self::list(self.columns.iter().map(|(name, _)| name))
    }

    /// All rows in the order of their keys.
    fn select(&self) -> String {
        let (names, key) = (self.names(), Self::list(&self.key));
        format!("SELECT {names} FROM {} ORDER BY {key}", self.name)
    }

    fn read(&self, row: &AnyRow) -> Result<Vec<Value>> {
        let columns = self.columns.iter().enumerate();
        let value = |(place, (_, kind)): (usize, &(String, Kind))| {
            Ok(match kind {
                Kind::Int => Value::from(row.int_or_null(place)?),
                Kind::Blob => Value::from(row.blob_or_null(place)?),
            })
        };
        columns.map(value).collect()
    }

    /// Copies all rows to a table of the same columns that is empty.
    async fn copy(&self, from: &mut AnyConnection, to: &mut AnyConnection) -> Result<TableDigest> {
        let insert = Batch {
            before: format!("INSERT INTO {} ({}) VALUES", self.name, self.names()),
            columns: self.columns.len(),
            after: "",
        };
        let mut count = Counting::new(self);
        let (mut waiting, mut bytes) = (Vec::new(), 0);
        let mut rows = sqlx::query(AssertSqlSafe(self.select())).fetch(from);
        while let Some(row) = rows.try_next().await? {
            let row = self.read(&row)?;
            bytes += count.row(&row);
            waiting.push(row);
            if waiting.len() >= BATCH_ROWS || bytes >= BATCH_BYTES {
                insert.execute(to, std::mem::take(&mut waiting)).await?;
                bytes = 0;
            }
        }
        insert.execute(to, waiting).await?;
        Ok(count.done())
    }

    /// The digest of all rows, but for columns that say something of the place.
    async fn digest(&self, db: &mut AnyConnection) -> Result<TableDigest> {
        let mut count = Counting::new(self);
        let mut rows = sqlx::query(AssertSqlSafe(self.select())).fetch(db);
        while let Some(row) = rows.try_next().await? {
            count.row(&self.read(&row)?);
        }
        Ok(count.done())
    }
}

/// Counts and hashes rows.
struct Counting<'a> {
    table: &'a Table,
    rows: u64,
    hasher: Hasher,
}

impl<'a> Counting<'a> {
    fn new(table: &'a Table) -> Self {
        Counting {
            table,
            rows: 0,
            hasher: Hasher::new(),
        }
    }

    /// Takes a row; returns its bytes.
    fn row(&mut self, row: &[Value]) -> usize {
        self.rows += 1;
        let mut all = 0;
        for ((column, _), value) in self.table.columns.iter().zip(row) {
            if (self.table.name.as_str(), column.as_str()) == COMMITS {
                continue;
            }
            let (tag, bytes): (u8, &[u8]) = match value {
                Value::NoInt | Value::NoBlob => (0, &[]),
                Value::Int(number) => (1, &number.to_be_bytes()),
                Value::Blob(bytes) => (2, bytes),
                Value::Text(text) => (3, text.as_bytes()),
            };
            self.hasher.update(&[tag]);
            self.hasher.update(&(bytes.len() as u64).to_be_bytes());
            self.hasher.update(bytes);
            all += bytes.len();
        }
        all
    }

    fn done(self) -> TableDigest {
        TableDigest {
            table: self.table.name.clone(),
            rows: self.rows,
            sha256: self.hasher.finish(),
        }
    }
}

/// The digests of all tables that say something of the archive itself. Who compares two places
/// sees to it that nobody writes at either.
pub(crate) async fn digests(db: &mut AnyConnection, tables: &[Table]) -> Result<Vec<TableDigest>> {
    let mut digests = Vec::new();
    for table in tables {
        if !OF_THE_PLACE.contains(&table.name.as_str()) {
            digests.push(table.digest(db).await?);
        }
    }
    Ok(digests)
}

/// The tables of the schema at `version`, made in a file of memory.
pub(crate) async fn tables_of_schema(version: i64) -> Result<Vec<Table>> {
    sqlx::any::install_default_drivers();
    let mut memory = AnyConnection::connect("sqlite::memory:").await?;
    make(&mut memory, version).await?;
    let tables = tables(&mut memory).await;
    memory.close().await?;
    tables
}

/// Makes the tables of a schema, all of them empty, where there are none.
async fn make(db: &mut AnyConnection, version: i64) -> Result<()> {
    let postgres = sql::is_server(db);
    for statement in schema::steps(0, version, postgres) {
        db.execute(AssertSqlSafe(statement)).await?;
    }
    Ok(())
}

/// Copies all tables and reads them back.
async fn copy(from: &mut AnyConnection, to: &mut AnyConnection, tables: &[Table]) -> Result<()> {
    for table in tables {
        let copied = table.copy(from, to).await?;
        if table.digest(to).await? != copied {
            let what = "its rows do not read back as they were written";
            return Err(StoreError::damaged(format!("table {}", table.name), what));
        }
    }
    Ok(())
}

/// Writes what a server holds, as of one moment, into a new file.
pub(super) async fn write_file(server: &mut AnyConnection, to: &Path) -> Result<()> {
    let mut moment = server.begin_with(statements::BEGIN_SNAPSHOT).await?;
    let version = schema_version(&mut moment).await?;
    let mut file = AnyConnection::connect(&sqlite_address(to, "mode=rwc")?).await?;
    for setting in FILE_SETTINGS {
        file.execute(setting).await?;
    }
    let mut writing = file.begin().await?;
    make(&mut writing, version).await?;
    let tables = tables(&mut writing).await?;
    copy(&mut moment, &mut writing, &tables).await?;
    writing.commit().await?;
    file.close().await?;
    moment.rollback().await?;
    Ok(())
}

/// Fills the empty database at `address` from a file, at the file's schema, in one transaction:
/// it holds everything afterwards or nothing. With `arriving`, nobody opens it before
/// [`open_up`]; and what an earlier attempt to bring the same store here left is replaced.
pub(crate) async fn fill_server(
    address: &str,
    from: &Path,
    arriving: Option<&Moved>,
) -> Result<()> {
    let mut file = peek(from).await?;
    let tables = tables(&mut file).await?;
    let version = schema_version(&mut file).await?;
    let mut server = connect(address).await?;
    let mut tx = server.begin().await?;
    server::take_turn(&mut tx).await?;
    match found(&mut tx).await? {
        Found::Nothing => {}
        Found::Arriving { store, tables } if store == identity(&mut file).await? => {
            for table in tables {
                tx.execute(AssertSqlSafe(format!("DROP TABLE {table}")))
                    .await?;
            }
        }
        found => return Err(found.refusal()),
    }
    make(&mut tx, version).await?;
    copy(&mut file, &mut tx, &tables).await?;
    sql::execute(&mut tx, statements::END_LEASES, vec![]).await?;
    if let Some(arriving) = arriving {
        fence::say(&mut tx, arriving).await?;
    }
    tx.commit().await?;
    server.close().await?;
    file.close().await?;
    Ok(())
}

/// What arrived is whole: whoever comes may open it.
pub(crate) async fn open_up(address: &str) -> Result<()> {
    let mut server = connect(address).await?;
    let mut tx = server.begin().await?;
    server::take_turn(&mut tx).await?;
    sql::execute(&mut tx, statements::ARRIVED, vec![]).await?;
    tx.commit().await?;
    server.close().await?;
    Ok(())
}

/// What a database holds that an archive is to be brought to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// No table.
    Nothing,
    /// An archive that is not whole yet.
    Arriving {
        /// Its name and epoch.
        store: (Vec<u8>, i64),
        tables: Vec<String>,
    },
    /// An archive.
    Archive((Vec<u8>, i64)),
    /// Something else.
    Other,
}

impl Found {
    /// Why nothing is brought here.
    pub(crate) fn refusal(&self) -> StoreError {
        StoreError::Invalid(
            match self {
                Found::Archive(_) => {
                    "the database holds an archive already, which is never written over; name another"
                }
                Found::Arriving { .. } => {
                    "another archive is on its way to this database; name another"
                }
                Found::Nothing | Found::Other => {
                    "the database has tables that are not of an archive; name one that is empty"
                }
            }
            .into(),
        )
    }
}

/// Name and epoch of the store in a catalog.
pub(crate) async fn identity(db: &mut AnyConnection) -> Result<(Vec<u8>, i64)> {
    let row = sql::fetch_optional(db, statements::STORE, vec![]).await?;
    let row = row.ok_or_else(|| StoreError::damaged("catalog", "the store row is missing"))?;
    Ok((row.blob(0)?, row.int(1)?))
}

async fn found(db: &mut AnyConnection) -> Result<Found> {
    let rows = sql::fetch(db, statements::SERVER_TABLES, vec![]).await?;
    let names = rows.iter().map(|row| row.string(0));
    let tables = names.collect::<Result<Vec<String>>>()?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    if tables.is_empty() {
        return Ok(Found::Nothing);
    }
    if !has("store") || !has("schema_version") {
        return Ok(Found::Other);
    }
    let Ok(store) = identity(db).await else {
        return Ok(Found::Other);
    };
    if has("moved") && matches!(fence::moved(db).await?, Some(Moved::From(_))) {
        return Ok(Found::Arriving { store, tables });
    }
    Ok(Found::Archive(store))
}

/// What the database at an address holds; changes nothing.
pub(crate) async fn look_at(address: &str) -> Result<Found> {
    let mut db = peek_server(address).await?;
    let found = found(&mut db).await;
    db.close().await?;
    found
}

async fn connect(address: &str) -> Result<AnyConnection> {
    let mut db = peek_server(address).await?;
    settle(&mut db, true).await?;
    Ok(db)
}

#[cfg(test)]
mod tests;
