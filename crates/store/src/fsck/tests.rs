//! Damage, one byte or column at a time: each is named, and the rest stays readable.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use everpost_domain::digest::Digest;
use everpost_domain::query::parse;

use crate::trial::{Dice, Trial, flip, mails};
use crate::verify::Bad;
use crate::{By, FsckReport, Order, SearchRequest};

/// Different places each time; print it, so that a failure can be repeated.
fn seed() -> u64 {
    let seed = std::env::var("EVERPOST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| crate::now_us().unsigned_abs());
    println!("EVERPOST_SEED={seed}");
    seed
}

/// More than 256 events, so that the log has a full tile; one mail larger than a piece.
async fn trial() -> Trial {
    Trial::new(mails(300, Some(130), 7), 25).await
}

async fn fsck(trial: &Trial) -> FsckReport {
    trial.store.fsck(false, |_| ()).await.unwrap()
}

async fn verify(trial: &Trial) -> Vec<Bad> {
    trial.tenant.verify_all(|_| ()).await.unwrap().bad
}

fn names(bad: &[Bad], wanted: &str) -> bool {
    bad.iter()
        .any(|bad| bad.item.contains(wanted) || bad.what.contains(wanted))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_store_has_nothing_wrong() {
    let trial = trial().await;
    let found = trial.tenant.verify_all(|_| ()).await.unwrap();
    assert_eq!(
        (found.checked, found.ok, found.leaves, found.unlogged),
        (300, 300, 300, 0)
    );
    assert_eq!(found.bad, []);
    let report = fsck(&trial).await;
    assert_eq!(
        (report.bad, report.lost, report.orphans, report.repaired),
        (vec![], vec![], vec![], vec![])
    );
    for id in trial.mails.keys().take(5) {
        let one = trial.tenant.verify(id).await.unwrap();
        assert_eq!((one.bad, one.log_size), (vec![], 300));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_of_any_object_is_named() {
    let trial = trial().await;
    let mut dice = Dice::new(seed());
    for kind in ["packs", "tiles", "splits"] {
        let objects = trial.objects(kind);
        assert!(!objects.is_empty(), "{kind}");
        for path in objects {
            let length = std::fs::metadata(&path).unwrap().len() as usize;
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            // Beginning, end, and anywhere.
            let places = [
                dice.below(24),
                length - 1 - dice.below(40),
                dice.below(length),
                dice.below(length),
            ];
            for at in places.map(|at| at.min(length - 1)) {
                flip(&path, at);
                let report = fsck(&trial).await;
                assert!(
                    names(&report.bad, &name),
                    "byte {at} of {kind} {name}: {:?}",
                    report.bad
                );
                if kind == "tiles" {
                    assert!(
                        names(&verify(&trial).await, &name),
                        "byte {at} of tile {name}"
                    );
                }
                // In the middle of a pack lie frames, and verification sees those.
                if kind == "packs" && (40..length / 2).contains(&at) {
                    assert!(
                        names(&verify(&trial).await, &name),
                        "byte {at} of pack {name}"
                    );
                }
                assert!(kind == "packs" || report.lost.is_empty());
                trial.all_readable_but(&report.lost).await;
                flip(&path, at);
            }
        }
    }
    assert_eq!(fsck(&trial).await.bad, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_or_missing_pack_costs_its_own_copies_only() {
    let trial = trial().await;
    let packs = trial.objects("packs");
    let path = &packs[3];
    let name = path.file_name().unwrap().to_str().unwrap();
    let whole = std::fs::read(path).unwrap();
    for length in [0, 10, whole.len() / 2, whole.len() - 1] {
        std::fs::write(path, &whole[..length]).unwrap();
        let report = fsck(&trial).await;
        assert!(names(&report.bad, name));
        assert!(report.lost.len() < 60, "{}", report.lost.len());
        assert_eq!(report.lost.is_empty(), length == whole.len() - 1);
        trial.all_readable_but(&report.lost).await;
    }
    std::fs::remove_file(path).unwrap();
    // With a pack missing, one that nothing names might be it: repair leaves it alone.
    let stray = path.with_file_name("0123456789abcdef0123456789abcdef");
    std::fs::write(&stray, &whole).unwrap();
    let report = trial.store.fsck(true, |_| ()).await.unwrap();
    assert!(names(&report.bad, "missing") && stray.exists());
    std::fs::write(path, &whole).unwrap();
    let report = trial.store.fsck(true, |_| ()).await.unwrap();
    assert_eq!(
        (report.bad, report.repaired.len(), stray.exists()),
        (vec![], 1, false)
    );
    trial.all_readable_but(&[]).await;
}

/// Column, what tells rows apart, and whether it holds bytes.
const COLUMNS: &[(&str, &str, &str, bool)] = &[
    ("copy", "digest", "id", true),
    ("copy", "key", "id", true),
    ("copy", "record", "id", true),
    ("copy", "head", "id", true),
    ("copy", "day", "id", false),
    ("copy", "prefix", "id", false),
    ("copy", "size", "id", false),
    ("copy", "event", "id", false),
    ("copy", "header_key", "id", false),
    ("copy", "bucket", "id", false),
    ("copy", "frame", "id", false),
    ("copy", "at", "id", false),
    ("copy", "run", "id", false),
    ("part", "address", "id", true),
    ("part", "prefix", "id", false),
    ("part", "size", "id", false),
    ("part", "frame", "id", false),
    ("part", "at", "id", false),
    ("part", "bucket", "id", false),
    ("copy_part", "part", "copy", false),
    ("frame", "key", "id", true),
    ("frame", "number", "id", false),
    ("frame", "at", "id", false),
    ("frame", "sealed", "id", false),
    ("frame", "plain", "id", false),
    ("frame", "pack", "id", false),
    ("pack", "name", "id", true),
    ("pack", "size", "id", false),
    ("pack", "bucket", "id", false),
    ("event", "seq", "id", false),
    ("event", "kind", "id", false),
    ("event", "at", "id", false),
    ("event", "copy", "id", false),
    ("log", "tail", "tenant", true),
    ("log", "checkpoint", "tenant", true),
    ("log", "size", "tenant", false),
    ("follower", "seq", "tenant", false),
    ("split", "name", "id", true),
    ("split", "key", "id", true),
    ("split", "size", "id", false),
    ("split", "docs", "id", false),
    ("mailbox", "name", "id", true),
    ("mailbox", "hash", "id", false),
    ("folder", "name", "id", true),
    ("folder", "mailbox", "id", false),
    ("placement", "folder", "id", false),
    ("delivery", "job", "id", false),
    ("owner", "mailbox", "copy", false),
];

/// Columns whose damage verification sees, and not only fsck.
const OF_MAIL: &[&str] = &[
    "copy.digest",
    "copy.key",
    "copy.record",
    "copy.size",
    "copy.event",
    "copy.frame",
    "copy.at",
    "copy.run",
    "part.address",
    "part.size",
    "part.frame",
    "part.at",
    "part.bucket",
    "copy_part.part",
    "frame.key",
    "frame.number",
    "frame.at",
    "frame.sealed",
    "frame.pack",
    "pack.name",
    "event.seq",
    "event.kind",
    "event.at",
    "event.copy",
    "log.tail",
    "log.checkpoint",
    "log.size",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_column_is_named() {
    let trial = trial().await;
    let mut dice = Dice::new(seed());
    for (table, column, id, is_blob) in COLUMNS {
        let ids = trial
            .numbers(&format!("SELECT {id} FROM {table} ORDER BY {id}"))
            .await;
        let row = ids[dice.below(ids.len())];
        let place = if *is_blob {
            let length = trial
                .numbers(&format!(
                    "SELECT length({column}) FROM {table} WHERE {id} = {row}"
                ))
                .await[0];
            1 + dice.below(length as usize)
        } else {
            0
        };
        let before = format!("CREATE TABLE saved AS SELECT * FROM {table}");
        trial.sql(&before).await;
        // A byte of a blob becomes another one; a number its neighbour.
        let value = match is_blob {
            true => format!(
                "CAST(substr({column}, 1, {place} - 1) || CASE WHEN substr({column}, {place}, 1) = x'41' THEN x'42' ELSE x'41' END || substr({column}, {place} + 1) AS BLOB)"
            ),
            false => format!("{column} + 1"),
        };
        trial
            .sql(&format!(
                "UPDATE {table} SET {column} = {value} WHERE {id} = {row}"
            ))
            .await;
        trial.store.inner.vault.forget();
        let report = fsck(&trial).await;
        assert!(
            !report.bad.is_empty(),
            "{table}.{column} of {row}, byte {place}"
        );
        if OF_MAIL.contains(&format!("{table}.{column}").as_str()) {
            assert!(
                !verify(&trial).await.is_empty(),
                "{table}.{column} of {row}, byte {place}"
            );
        }
        trial.sql(&format!("DELETE FROM {table}")).await;
        trial
            .sql(&format!("INSERT INTO {table} SELECT * FROM saved"))
            .await;
        trial.sql("DROP TABLE saved").await;
    }
    assert_eq!(fsck(&trial).await.bad, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_of_a_row_names_its_copy() {
    let trial = trial().await;
    let id = *trial.mails.keys().next().unwrap();
    let hex = id.to_string();
    for (column, value) in [
        ("record", "zeroblob(40)"),
        ("run", "run - 1"),
        ("size", "size + 1"),
        ("at", "at + 1"),
    ] {
        trial.sql("CREATE TABLE saved AS SELECT * FROM copy").await;
        trial
            .sql(&format!(
                "UPDATE copy SET {column} = {value} WHERE digest = x'{hex}'"
            ))
            .await;
        assert!(names(&verify(&trial).await, &hex), "{column}");
        let one = trial.tenant.verify(&id).await.unwrap();
        assert!(names(&one.bad, &hex), "{column}");
        trial.sql("DELETE FROM copy").await;
        trial.sql("INSERT INTO copy SELECT * FROM saved").await;
        trial.sql("DROP TABLE saved").await;
    }
    trial.sql(&format!("UPDATE event SET at = at + 1 WHERE copy = (SELECT id FROM copy WHERE digest = x'{hex}')")).await;
    assert!(names(&verify(&trial).await, &hex));
    let one = trial.tenant.verify(&id).await.unwrap();
    assert!(names(&one.bad, "is not proven"), "{:?}", one.bad);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_derived_is_made_again() {
    let trial = trial().await;
    let tile = trial.objects("tiles").remove(0);
    let split = trial.objects("splits").remove(0);
    let whole = std::fs::read(&tile).unwrap();
    let tail = trial.numbers("SELECT length(tail) FROM log").await;
    flip(&tile, 5000);
    flip(&split, 300);
    trial.sql("UPDATE log SET tail = zeroblob(10)").await;
    std::fs::write(trial.store.data().join("objects/packs/half#1"), b"x").unwrap();
    let report = fsck(&trial).await;
    assert!(
        report.bad.len() >= 3 && report.repaired.is_empty() && report.orphans.len() == 1,
        "{report:?}"
    );
    let report = trial.store.fsck(true, |_| ()).await.unwrap();
    assert_eq!(
        (report.bad, report.lost, report.orphans),
        (vec![], vec![], vec![])
    );
    assert!(report.repaired.len() >= 4, "{:?}", report.repaired);
    assert_eq!(std::fs::read(&tile).unwrap(), whole);
    assert_eq!(trial.numbers("SELECT length(tail) FROM log").await, tail);
    std::fs::remove_file(&tile).unwrap();
    assert!(names(&verify(&trial).await, "missing"));
    trial.store.fsck(true, |_| ()).await.unwrap();
    assert_eq!(std::fs::read(&tile).unwrap(), whole);
    assert_eq!(fsck(&trial).await.bad, []);
    let request = SearchRequest {
        query: parse("parity").unwrap(),
        by: By::Copy,
        order: Order::Newest,
        after: None,
        limit: 10,
        scope: crate::Scope::Everything,
    };
    assert!(trial.tenant.search(&request).await.unwrap().copies > 200);
    // Tiles are made again only where the signed root says that the rows are right.
    trial
        .sql("UPDATE event SET at = at + 1 WHERE seq = 3")
        .await;
    flip(&tile, 0);
    let report = trial.store.fsck(true, |_| ()).await.unwrap();
    assert!(
        names(&report.bad, "tile") && report.repaired.is_empty(),
        "{report:?}"
    );
    assert_ne!(std::fs::read(&tile).unwrap(), whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_kept_elsewhere_tells_of_a_log_set_back() {
    let mut trial = Trial::new(mails(20, None, 1), 20).await;
    let early = trial
        .tenant
        .log_head()
        .await
        .unwrap()
        .unwrap()
        .note
        .to_string();
    trial.sql("CREATE TABLE saved AS SELECT * FROM log").await;
    trial.admit(mails(30, None, 2), 10).await;
    let late = trial
        .tenant
        .log_head()
        .await
        .unwrap()
        .unwrap()
        .note
        .to_string();
    for note in [&early, &late] {
        assert_eq!(
            trial
                .tenant
                .verify_checkpoint(note.as_bytes())
                .await
                .unwrap(),
            []
        );
    }
    for wrong in ["", "nothing\n", &late.replace("\n50\n", "\n49\n")] {
        assert_eq!(
            trial
                .tenant
                .verify_checkpoint(wrong.as_bytes())
                .await
                .unwrap()
                .len(),
            1,
            "{wrong}"
        );
    }
    let other = Trial::new(mails(20, None, 1), 20).await;
    let foreign = other
        .tenant
        .log_head()
        .await
        .unwrap()
        .unwrap()
        .note
        .to_string();
    assert_eq!(
        trial
            .tenant
            .verify_checkpoint(foreign.as_bytes())
            .await
            .unwrap()
            .len(),
        1
    );
    trial.sql("DELETE FROM log").await;
    trial.sql("INSERT INTO log SELECT * FROM saved").await;
    let bad = trial
        .tenant
        .verify_checkpoint(late.as_bytes())
        .await
        .unwrap();
    assert!(names(&bad, "set back"), "{bad:?}");
    // Another history of the same length, signed by the same log.
    trial.sql("DELETE FROM log").await;
    trial
        .sql("UPDATE event SET at = at + 1 WHERE seq = 3")
        .await;
    trial.tenant.advance_log().await.unwrap();
    let bad = trial
        .tenant
        .verify_checkpoint(early.as_bytes())
        .await
        .unwrap();
    assert!(names(&bad, "does not go on"), "{bad:?}");
    let first: Vec<Digest> = trial.mails.keys().copied().take(1).collect();
    assert_eq!(trial.tenant.verify(&first[0]).await.unwrap().bad, []);
}
