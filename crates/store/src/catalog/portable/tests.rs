//! No table is left behind, and a file that is filled from a server is the one that filled it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use everpost_testkit::peers::Postgres;

use super::*;
use crate::catalog::{Catalog, NEWEST};

/// A file with so many rows in every table of the schema, whatever its columns are called.
async fn file_of_rows(path: &Path, rows: i64) -> Vec<Table> {
    let catalog = Catalog::open_sqlite(path, true).await.unwrap();
    let mut db = catalog.begin().await.unwrap();
    let tables = tables(&mut db).await.unwrap();
    for table in tables.iter().filter(|table| {
        // What keeps a catalog from being used, and the version, are rows of their own.
        !["moved", "schema_version"].contains(&table.name.as_str())
    }) {
        let insert = Batch {
            before: format!("INSERT INTO {} ({}) VALUES", table.name, table.names()),
            columns: table.columns.len(),
            after: "",
        };
        let value = |(column, kind): &(String, Kind), number: i64| match kind {
            Kind::Int if column == "seq" && table.name == "event" && number % 3 == 0 => {
                Value::NoInt
            }
            Kind::Int if number == 2 => Value::Int(i64::MIN + 7),
            Kind::Int => Value::Int(number),
            // Unlike each other: some are keys.
            Kind::Blob => Value::Blob(number.to_le_bytes().repeat(1 + (number % 7) as usize)),
        };
        let row = |number| -> Vec<Value> {
            let columns = table.columns.iter();
            columns.map(|column| value(column, number)).collect()
        };
        insert
            .execute(&mut db, (1..=rows).map(row).collect())
            .await
            .unwrap();
    }
    db.commit().await.unwrap();
    catalog.checkpoint().await.unwrap();
    catalog.close().await;
    tables
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_goes_to_a_server_and_comes_back() {
    let postgres = Postgres::start().unwrap();
    postgres.create_database("mail").unwrap();
    let url = postgres.url("mail");
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (
        folder.path().join("first.db"),
        folder.path().join("second.db"),
    );
    let tables = file_of_rows(&first, 300).await;
    let of_schema = tables_of_schema(NEWEST).await.unwrap();
    assert_eq!(of_schema.len(), tables.len());
    fill_server(&url, &first, None).await.unwrap();
    // What the server has is what was carried: nothing was left out of the list.
    let there = postgres.query(
        "mail",
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    );
    let there = there.unwrap();
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(there.lines().collect::<Vec<_>>(), names);
    let mut server = connect(&url).await.unwrap();
    write_file(&mut server, &second).await.unwrap();
    let (mut one, mut other) = (peek(&first).await.unwrap(), peek(&second).await.unwrap());
    for table in &tables {
        let (mine, theirs) = (
            table.digest(&mut one).await.unwrap(),
            table.digest(&mut other).await.unwrap(),
        );
        match table.name.as_str() {
            // Those of another place have ended.
            "lease" => assert_eq!(mine.rows, theirs.rows),
            _ => assert_eq!(mine, theirs),
        }
        let wanted = match table.name.as_str() {
            "moved" => 0,
            "schema_version" => 1,
            _ => 300,
        };
        assert_eq!(theirs.rows, wanted, "{}", table.name);
    }
    // What was filled is not filled again.
    let again = fill_server(&url, &first, None).await.unwrap_err();
    assert!(again.to_string().contains("holds an archive"), "{again}");
}

/// A digest tells a row's columns and rows apart.
#[tokio::test]
async fn a_digest_sees_every_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let tables = file_of_rows(&path, 5).await;
    let catalog = Catalog::open_sqlite(&path, false).await.unwrap();
    let filled = |table: &&Table| {
        table.key == ["id"] && !["moved", "schema_version"].contains(&table.name.as_str())
    };
    for table in tables.iter().filter(filled) {
        for (column, kind) in &table.columns {
            let mut tx = catalog.begin().await.unwrap();
            let before = table.digest(&mut tx).await.unwrap();
            let value = match kind {
                Kind::Int => "77",
                Kind::Blob => "x'00'",
            };
            let key = if column == "id" { "5" } else { "4" };
            let (name, change) = (&table.name, format!("{column} = {value}"));
            let change = format!("UPDATE {name} SET {change} WHERE id = {key}");
            tx.execute(AssertSqlSafe(change)).await.unwrap();
            let same = before == table.digest(&mut tx).await.unwrap();
            let of_the_place = (name.as_str(), column.as_str()) == COMMITS;
            assert_eq!(same, of_the_place, "{name}.{column}");
        }
    }
}
