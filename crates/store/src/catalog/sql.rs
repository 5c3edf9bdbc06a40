//! Running statements: values in, rows out, VALUES groups repeated.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::error::{Result, StoreError};

/// A bound value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Int(i64),
    Blob(Vec<u8>),
    Text(String),
    NoBlob,
    NoInt,
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Value::Blob(value)
    }
}

impl From<Option<Vec<u8>>> for Value {
    fn from(value: Option<Vec<u8>>) -> Self {
        value.map_or(Value::NoBlob, Value::Blob)
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Value::NoInt, Value::Int)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(value.to_string())
    }
}

/// Makes a list of values of mixed types.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::catalog::sql::Value::from($value)),*] };
}
pub(crate) use values;

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, AnyArguments>;

fn bind(mut query: Query<'_>, values: impl IntoIterator<Item = Value>) -> Query<'_> {
    for value in values {
        query = match value {
            Value::Int(number) => query.bind(number),
            Value::Blob(bytes) => query.bind(bytes),
            Value::Text(text) => query.bind(text),
            Value::NoBlob => query.bind(None::<Vec<u8>>),
            Value::NoInt => query.bind(None::<i64>),
        };
    }
    query
}

/// A statement whose group of `$` places is repeated for many rows. All but those that are made of
/// the schema are constants.
pub(crate) struct Batch<S = &'static str> {
    /// Up to and without the first group; a `WITH … (VALUES` or `INSERT … VALUES`.
    pub(crate) before: S,
    /// Places in a group.
    pub(crate) columns: usize,
    /// What follows the last group.
    pub(crate) after: &'static str,
}

/// Group counts that are prepared; a batch is served by the largest that fit, so a
/// connection holds few prepared statements. Longer ones are slow to parse and run no faster.
const GROUPS: [usize; 4] = [128, 32, 8, 1];
/// SQLite binds at most 32,766 values a statement.
const PLACES: usize = 30_000;

impl<S: AsRef<str>> Batch<S> {
    /// `places`: `$1, $2, …` as PostgreSQL wants them, or plain `?`. SQLite understands
    /// both, but takes `$1` for a name and looks every name up in a list of all before it.
    fn sql(&self, groups: usize, numbered: bool) -> String {
        let mut sql = String::from(self.before.as_ref());
        let mut place = 0;
        for group in 0..groups {
            sql.push_str(if group == 0 { " (" } else { ", (" });
            for column in 0..self.columns {
                place += 1;
                if column > 0 {
                    sql.push_str(", ");
                }
                match numbered {
                    true => sql.push_str(&format!("${place}")),
                    false => sql.push('?'),
                }
            }
            sql.push(')');
        }
        sql.push_str(self.after);
        sql
    }

    /// Splits `rows` into prepared sizes and hands each with its SQL to `each`.
    fn chunks(&self, rows: Vec<Vec<Value>>, numbered: bool) -> Vec<(String, Vec<Vec<Value>>)> {
        let mut rest = rows;
        let mut chunks = Vec::new();
        while !rest.is_empty() {
            let fits = |groups: usize| groups <= rest.len() && groups * self.columns <= PLACES;
            let groups = GROUPS.into_iter().find(|groups| fits(*groups)).unwrap_or(1);
            let tail = rest.split_off(groups);
            chunks.push((self.sql(groups, numbered), rest));
            rest = tail;
        }
        chunks
    }

    /// Runs the statement for all `rows`; returns how many rows it changed.
    pub(crate) async fn execute(
        &self,
        db: &mut AnyConnection,
        rows: Vec<Vec<Value>>,
    ) -> Result<u64> {
        let mut changed = 0;
        for (sql, rows) in self.chunks(rows, is_server(db)) {
            #[cfg(test)]
            let _passage = crate::simulation::statement(&sql).await?;
            let query = bind(sqlx::query(AssertSqlSafe(sql)), rows.into_iter().flatten());
            changed += query.execute(&mut *db).await?.rows_affected();
        }
        Ok(changed)
    }

    /// Runs the statement for all `rows` and collects what it returns.
    pub(crate) async fn fetch(
        &self,
        db: &mut AnyConnection,
        rows: Vec<Vec<Value>>,
    ) -> Result<Vec<AnyRow>> {
        let mut found = Vec::new();
        for (sql, rows) in self.chunks(rows, is_server(db)) {
            #[cfg(test)]
            let _passage = crate::simulation::statement(&sql).await?;
            let query = bind(sqlx::query(AssertSqlSafe(sql)), rows.into_iter().flatten());
            found.extend(query.fetch_all(&mut *db).await?);
        }
        Ok(found)
    }
}

/// True for a connection to PostgreSQL.
pub(crate) fn is_server(db: &AnyConnection) -> bool {
    db.backend_name() != "SQLite"
}

/// Runs one statement; returns how many rows it changed.
pub(crate) async fn execute(
    db: &mut AnyConnection,
    sql: &'static str,
    values: Vec<Value>,
) -> Result<u64> {
    #[cfg(test)]
    let _passage = crate::simulation::statement(sql).await?;
    Ok(bind(sqlx::query(sql), values)
        .execute(db)
        .await?
        .rows_affected())
}

/// Runs one statement and collects what it returns.
pub(crate) async fn fetch(
    db: &mut AnyConnection,
    sql: &'static str,
    values: Vec<Value>,
) -> Result<Vec<AnyRow>> {
    #[cfg(test)]
    let _passage = crate::simulation::statement(sql).await?;
    Ok(bind(sqlx::query(sql), values).fetch_all(db).await?)
}

/// Runs one statement that returns at most one row.
pub(crate) async fn fetch_optional(
    db: &mut AnyConnection,
    sql: &'static str,
    values: Vec<Value>,
) -> Result<Option<AnyRow>> {
    #[cfg(test)]
    let _passage = crate::simulation::statement(sql).await?;
    Ok(bind(sqlx::query(sql), values).fetch_optional(db).await?)
}

/// Columns of a row by place, with errors instead of panics.
pub(crate) trait Columns {
    fn int(&self, column: usize) -> Result<i64>;
    fn int_or_null(&self, column: usize) -> Result<Option<i64>>;
    fn blob(&self, column: usize) -> Result<Vec<u8>>;
    fn blob_or_null(&self, column: usize) -> Result<Option<Vec<u8>>>;
    fn string(&self, column: usize) -> Result<String>;
    fn array<const N: usize>(&self, column: usize) -> Result<[u8; N]>;
}

impl Columns for AnyRow {
    fn int(&self, column: usize) -> Result<i64> {
        Ok(self.try_get(column)?)
    }

    fn int_or_null(&self, column: usize) -> Result<Option<i64>> {
        Ok(self.try_get(column)?)
    }

    fn blob(&self, column: usize) -> Result<Vec<u8>> {
        Ok(self.try_get(column)?)
    }

    fn blob_or_null(&self, column: usize) -> Result<Option<Vec<u8>>> {
        Ok(self.try_get(column)?)
    }

    fn string(&self, column: usize) -> Result<String> {
        Ok(self.try_get(column)?)
    }

    fn array<const N: usize>(&self, column: usize) -> Result<[u8; N]> {
        self.blob(column)?
            .try_into()
            .map_err(|_| StoreError::damaged("catalog row", "a column has the wrong length"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;

    #[test]
    fn groups_are_numbered_through() {
        let batch = Batch {
            before: "INSERT INTO t (tenant, a) VALUES",
            columns: 2,
            after: "",
        };
        assert_eq!(
            batch.sql(2, true),
            "INSERT INTO t (tenant, a) VALUES ($1, $2), ($3, $4)"
        );
        assert_eq!(
            batch.sql(2, false),
            "INSERT INTO t (tenant, a) VALUES (?, ?), (?, ?)"
        );
        let sizes: Vec<usize> = batch
            .chunks(vec![values![1, 2]; 700], true)
            .iter()
            .map(|(_, rows)| rows.len())
            .collect();
        assert_eq!(sizes.iter().sum::<usize>(), 700);
        assert_eq!(sizes.first(), Some(&128));
    }
}
