//! Compaction leaves mail as it is, whatever happens on the way.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::sync::Arc;

use everpost_testkit::faults::{After, Fault, Faults, Plan};
use object_store::local::LocalFileSystem;

use crate::trial::{Trial, flip, mails};
use crate::{CompactOptions, CompactReport, StoreError};

const SMALL: CompactOptions = CompactOptions {
    level: 9,
    pack: 60_000,
    frame: 16 << 10,
};

async fn compact(trial: &Trial, options: &CompactOptions) -> CompactReport {
    trial.tenant.compact(options, |_| ()).await.unwrap()
}

async fn assert_whole(trial: &Trial) {
    assert_eq!(trial.tenant.verify_all(|_| ()).await.unwrap().bad, []);
    let report = trial.store.fsck(false, |_| ()).await.unwrap();
    assert_eq!((report.bad, report.lost), (vec![], vec![]));
    trial.all_readable_but(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_packs_become_few_and_mail_stays_the_same() {
    let mut trial = Trial::new(mails(240, Some(100), 3), 5).await;
    assert_eq!(trial.objects("packs").len(), 48);
    let report = compact(
        &trial,
        &CompactOptions {
            level: 9,
            ..CompactOptions::default()
        },
    )
    .await;
    assert_eq!(
        (
            report.old_packs + report.kept,
            report.new_packs,
            report.bad.len()
        ),
        (48, 1, 0)
    );
    assert!(report.new_bytes < report.old_bytes, "{report:?}");
    assert_whole(&trial).await;
    assert_eq!(
        trial.store.fsck(false, |_| ()).await.unwrap().orphans,
        [] as [String; 0]
    );
    let again = compact(
        &trial,
        &CompactOptions {
            level: 9,
            ..CompactOptions::default()
        },
    )
    .await;
    assert_eq!(again, CompactReport::default());
    // What comes later joins what is small; a higher level writes everything again.
    trial.admit(mails(20, None, 4), 5).await;
    let report = compact(
        &trial,
        &CompactOptions {
            level: 9,
            ..CompactOptions::default()
        },
    )
    .await;
    assert!(report.old_packs >= 4 && report.new_packs == 1, "{report:?}");
    let report = compact(
        &trial,
        &CompactOptions {
            level: 12,
            ..CompactOptions::default()
        },
    )
    .await;
    assert_eq!(report.new_packs, 1);
    assert_whole(&trial).await;
    let trial = trial.reopen(None).await;
    assert_whole(&trial).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_runs_pass_from_frame_to_frame() {
    // The large mail shares its pack with others, which do not fill it: all of it moves.
    let mut large = mails(60, Some(30), 9);
    large.push(
        b"Subject: no structure\r\n\r\n"
            .iter()
            .copied()
            .chain((0..9_000_001u32).map(|n| (n % 251) as u8))
            .collect(),
    );
    large.push([b"no header at all ".repeat(400_000), b"end".to_vec()].concat());
    large.push([b"a: b\n".repeat(1_200_000), b"\n".to_vec()].concat());
    let trial = Trial::new(large, 63).await;
    let frames = trial.numbers("SELECT MAX(frame) FROM copy").await[0];
    let report = compact(
        &trial,
        &CompactOptions {
            frame: 4 << 20,
            ..CompactOptions::default()
        },
    )
    .await;
    assert!(report.new_packs == 1 || report.kept == 1, "{report:?}");
    assert!(report.kept == 1 || trial.numbers("SELECT MIN(frame) FROM copy").await[0] > frames);
    assert_whole(&trial).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_the_next_run_finishes() {
    let mut reached = 0;
    let start = Trial::new(mails(36, None, 5), 6).await;
    start.store.inner.catalog.checkpoint().await.unwrap();
    for (fault, after) in [
        (Fault::Refused, After::Works),
        (Fault::AnswerLost, After::Dead),
        (Fault::Torn, After::Dead),
    ] {
        for at in 1.. {
            let twin = start.twin();
            let faults = Faults::over(Arc::new(
                LocalFileSystem::new_with_prefix(twin.path().join("data")).unwrap(),
            ));
            let trial =
                Trial::open(twin, start.mails.clone(), Some(Arc::new(faults.clone()))).await;
            faults.obey(Plan { at, fault, after });
            let done = trial.tenant.compact(&SMALL, |_| ()).await;
            if faults.tripped().is_none() {
                assert!(done.is_ok() && at > 10, "{at}");
                break;
            }
            reached += 1;
            faults.heal();
            // As the process would find it that comes after.
            let trial = trial.reopen(None).await;
            assert_whole(&trial).await;
            compact(&trial, &SMALL).await;
            assert_eq!(compact(&trial, &SMALL).await, CompactReport::default());
            let report = trial.store.fsck(true, |_| ()).await.unwrap();
            assert!(
                report.bad.is_empty() && report.orphans.is_empty(),
                "{at} {report:?}"
            );
            assert_whole(&trial).await;
            let packs = trial.numbers("SELECT COUNT(*) FROM pack").await[0];
            assert_eq!(trial.objects("packs").len() as i64, packs);
        }
    }
    println!("{reached} effects failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_pack_is_left_alone() {
    let trial = Trial::new(mails(60, None, 6), 6).await;
    let damaged = trial.objects("packs").remove(4);
    flip(&damaged, 300);
    let report = compact(&trial, &SMALL).await;
    assert_eq!(report.bad.len(), 1);
    assert!(
        report.bad[0]
            .item
            .contains(damaged.file_name().unwrap().to_str().unwrap())
    );
    assert!(damaged.exists() && report.old_packs >= 9, "{report:?}");
    // Nothing was lost by it: once the byte is right again, so is everything.
    flip(&damaged, 300);
    assert_whole(&trial).await;
    compact(&trial, &SMALL).await;
    assert!(!damaged.exists());
    assert_whole(&trial).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_moved_meanwhile_voids_the_swap() {
    let trial = Trial::new(mails(30, None, 8), 6).await;
    let options = SMALL;
    let packs = trial
        .tenant
        .packs_to_plan(&Default::default())
        .await
        .unwrap();
    let super::Loaded::Window(window) = trial.tenant.load_window(&packs).await.unwrap() else {
        unreachable!()
    };
    let written = trial
        .tenant
        .write_window(&window, &packs, &options)
        .await
        .unwrap();
    // Somebody else compacts first.
    compact(&trial, &options).await;
    let swapped = trial.tenant.swap(&packs, written).await;
    assert!(matches!(swapped, Err(StoreError::Guard)), "{swapped:?}");
    assert_whole(&trial).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_keys_are_gone_from_the_catalog() {
    let trial = Trial::new(mails(60, None, 2), 6).await;
    let mut db = trial.store.inner.catalog.read().await.unwrap();
    let keys: Vec<Vec<u8>> = sqlx::query_scalar("SELECT key FROM frame")
        .fetch_all(&mut *db)
        .await
        .unwrap();
    drop(db);
    assert!(keys.len() >= 10 && keys.iter().all(|key| key.len() == 60));
    let held = |trial: &Trial| {
        let files = ["catalog.db", "catalog.db-wal"]
            .map(|name| std::fs::read(trial.store.data().join(name)).unwrap_or_default());
        let holds = |key: &&Vec<u8>| {
            files
                .iter()
                .any(|file| file.windows(60).any(|window| window == key.as_slice()))
        };
        keys.iter().filter(holds).count()
    };
    assert_eq!(held(&trial), keys.len());
    compact(&trial, &SMALL).await;
    trial.store.vacuum().await.unwrap();
    assert_eq!(held(&trial), 0);
    assert_whole(&trial).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looked_up_before_reads_and_checks_after() {
    let trial = Trial::new(mails(60, Some(20), 4), 6).await;
    let mut db = trial.store.inner.catalog.read().await.unwrap();
    let mut rows = Vec::new();
    for id in trial.mails.keys() {
        rows.push(trial.tenant.find_copy(&mut db, id).await.unwrap());
    }
    compact(&trial, &SMALL).await;
    trial.store.inner.vault.forget();
    for (row, mail) in rows.iter().zip(trial.mails.values()) {
        let raw = trial.tenant.read_whole(&mut db, row).await.unwrap();
        assert!(raw == *mail, "{}", row.digest);
    }
    // What is damaged stays so, however often it is looked at.
    for pack in trial.objects("packs") {
        std::fs::remove_file(pack).unwrap();
    }
    trial.store.inner.vault.forget();
    let read = trial.tenant.read_whole(&mut db, &rows[0]).await;
    assert!(matches!(read, Err(StoreError::Damaged { .. })), "{read:?}");
}
