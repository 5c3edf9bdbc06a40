//! Mail goes where its class says, and stays where a lock says.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use everpost_domain::class::Month;
use everpost_domain::digest::Digest;
use everpost_domain::log::EventKind;
use everpost_testkit::faults::{After, Fault, Faults, Plan};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Object;
use object_store::{ObjectStoreExt, PutPayload};

use super::ClassFile;
use crate::clock::now_us;
use crate::together::Together;
use crate::trial::{Trial, mails, prepared};
use crate::{CompactOptions, StoreError, Tagging, Tenant};

const DAY: i64 = 86_400_000_000;
/// When the mails of a trial are held from, and a moment more.
const YOUNG: i64 = 1_700_000_100_000_000;

fn file(text: &str) -> ClassFile {
    ClassFile::parse(text).unwrap()
}

/// Everything at once into `cool`, after a year into `cold`; both on a folder.
fn two_classes(folder: &Path) -> ClassFile {
    file(&format!(
        r#"
        [volume.shelf]
        address = "file://{}"
        raid = "1"
        [[class]]
        name = "cool"
        volume = "shelf"
        cipher = "chacha20-poly1305"
        compression = "none"
        [[class]]
        name = "cold"
        volume = "shelf"
        raid = "1"
        after = "1y"
        compression = "zstd-12"
        "#,
        folder.display()
    ))
}

async fn run(tenant: &Tenant, now: i64) -> super::ClassReport {
    let report = tenant.move_classes(now, false, |_| ()).await.unwrap();
    assert_eq!(report.bad, []);
    report
}

async fn whole(trial: &Trial) {
    assert_eq!(trial.tenant.verify_all(|_| ()).await.unwrap().bad, []);
    let report = trial.store.fsck(false, |_| ()).await.unwrap();
    assert_eq!((report.bad, report.lost), (vec![], vec![]));
    trial.all_readable_but(&[]).await;
}

fn packs(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found
}

/// Codec and cipher of the first frame of a pack.
fn style(pack: &Path) -> (u8, u8) {
    let bytes = std::fs::read(pack).unwrap();
    (bytes[26], bytes[27])
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_grows_older_from_class_to_class() {
    let shelf = tempfile::tempdir().unwrap();
    let trial = Trial::new(mails(60, None, 11), 12).await;
    let shared = trial.numbers("SELECT COUNT(*) FROM part").await[0];
    let now = YOUNG;
    trial
        .tenant
        .set_classes(&two_classes(shelf.path()), "ann")
        .await
        .unwrap();
    let plan = trial.tenant.move_classes(now, true, |_| ()).await.unwrap();
    let report = run(&trial.tenant, now).await;
    assert_eq!(plan.moves, report.moves);
    assert_eq!(
        (report.moves[0].class.as_str(), report.moves[0].copies),
        ("cool", 60)
    );
    whole(&trial).await;
    // Nothing is left where it was, and one part is still one part.
    assert_eq!(trial.objects("packs").len(), 0);
    assert_eq!(trial.numbers("SELECT COUNT(*) FROM part").await[0], shared);
    for pack in packs(shelf.path()) {
        assert_eq!(style(&pack), (0, 2), "not compressed, ChaCha20");
    }
    assert_eq!(run(&trial.tenant, now).await, super::ClassReport::default());
    let report = run(&trial.tenant, now + 400 * DAY).await;
    assert_eq!(
        (report.moves[0].class.as_str(), report.moves[0].copies),
        ("cold", 60)
    );
    let styles: Vec<_> = packs(shelf.path()).iter().map(|pack| style(pack)).collect();
    assert!(
        styles.iter().all(|(_, cipher)| *cipher == 1) && styles.contains(&(1, 1)),
        "{styles:?}"
    );
    whole(&trial).await;
    let info = trial.tenant.classes().await.unwrap();
    let copies: Vec<_> = info
        .iter()
        .map(|info| (info.name.as_str(), info.copies))
        .collect();
    assert_eq!(copies, [("new", 0), ("cool", 0), ("cold", 60)]);
    // Compaction has nothing to do with them, and a part that comes again is a part of new mail.
    let compacted = trial
        .tenant
        .compact(&CompactOptions::default(), |_| ())
        .await;
    assert_eq!(compacted.unwrap().old_packs, 0);
    let mut trial = trial.reopen(None).await;
    trial.admit(mails(84, None, 11), 12).await;
    run(&trial.tenant, now + 400 * DAY).await;
    whole(&trial).await;
    assert_eq!(
        trial.store.fsck(false, |_| ()).await.unwrap().orphans,
        [] as [String; 0]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_the_next_run_finishes() {
    let shelf = tempfile::tempdir().unwrap();
    let start = Trial::new(mails(36, None, 5), 6).await;
    let classes = two_classes(shelf.path());
    start.tenant.set_classes(&classes, "ann").await.unwrap();
    start.store.inner.catalog.checkpoint().await.unwrap();
    let mut reached = 0;
    for at in 1.. {
        let twin = start.twin();
        let faults = Faults::over(Arc::new(
            LocalFileSystem::new_with_prefix(twin.path().join("data")).unwrap(),
        ));
        let trial = Trial::open(twin, start.mails.clone(), Some(Arc::new(faults.clone()))).await;
        faults.obey(Plan {
            at,
            fault: Fault::Refused,
            after: After::Dead,
        });
        let moved = trial.tenant.move_classes(YOUNG, false, |_| ()).await;
        if faults.tripped().is_none() {
            assert!(moved.is_ok() && at > 6, "{at}");
            break;
        }
        reached += 1;
        faults.heal();
        let trial = trial.reopen(None).await;
        whole(&trial).await;
        run(&trial.tenant, YOUNG).await;
        assert_eq!(trial.objects("packs").len(), 0, "{at}");
        whole(&trial).await;
    }
    println!("{reached} effects failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_chooses_and_what_is_not_indexed_waits() {
    let shelf = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(mails(12, None, 3), 6).await;
    let text = format!(
        "[volume.shelf]\naddress = \"file://{}\"\n[[class]]\nname = \"one\"\nvolume = \"shelf\"\nscope = \"subject:archive from:ann1@example.org\"\n",
        shelf.path().display()
    );
    trial.tenant.set_classes(&file(&text), "ann").await.unwrap();
    let late = mails(18, None, 4).remove(7);
    let items = vec![prepared(&late)];
    trial.tenant.admit(items, None).await.unwrap();
    let report = run(&trial.tenant, now_us()).await;
    assert_eq!((report.moves[0].copies, report.undecided), (6, 1));
    trial.admit(vec![late], 1).await;
    let report = run(&trial.tenant, now_us()).await;
    assert_eq!((report.moves[0].copies, report.undecided), (1, 0));
    whole(&trial).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_holds_nothing_may_be_elsewhere_or_go() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let trial = Trial::new(mails(6, None, 3), 6).await;
    let tenant = &trial.tenant;
    tenant
        .set_classes(&two_classes(one.path()), "ann")
        .await
        .unwrap();
    tenant
        .set_classes(&two_classes(other.path()), "ann")
        .await
        .unwrap();
    run(tenant, YOUNG).await;
    assert_eq!(packs(one.path()), [] as [PathBuf; 0]);
    assert!(!packs(other.path()).is_empty());
    // Where mail rests it stays.
    let error = tenant.set_classes(&ClassFile::default(), "ann").await;
    assert_eq!(error.unwrap_err().code(), "E-LOCKED");
    let mut home = two_classes(other.path());
    home.classes.truncate(1);
    home.classes[0].name = "home".into();
    home.classes[0].volume = "main".into();
    tenant.set_classes(&home, "ann").await.unwrap();
    run(tenant, YOUNG).await;
    whole(&trial).await;
    home.volumes.clear();
    tenant.set_classes(&home, "ann").await.unwrap();
    assert_eq!(tenant.class_file().await.unwrap(), home);
    assert_eq!(packs(other.path()), [] as [PathBuf; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_volume_does_not_offer_is_refused_by_name() {
    let shelf = tempfile::tempdir().unwrap();
    let trial = Trial::new(mails(3, None, 3), 3).await;
    let volume = format!(
        "[volume.shelf]\naddress = \"file://{}\"\n",
        shelf.path().display()
    );
    for (class, word) in [
        ("raid = \"1\"", "RAID 1"),
        ("medium = \"tape\"", "medium tape"),
        ("copies = 2", "2 copies"),
        ("medium = \"worm\"\nkeep = \"7y\"", "medium worm"),
        ("scope = \"from:(\"", "scope"),
        ("searchable-within = \"1s\"", "searchable-within"),
    ] {
        let text = format!("{volume}[[class]]\nname = \"a\"\nvolume = \"shelf\"\n{class}\n");
        let error = trial
            .tenant
            .set_classes(&file(&text), "ann")
            .await
            .unwrap_err();
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
    // Nor does it help to say of a folder that it is worm.
    let text = format!(
        "{volume}medium = \"worm\"\n[[class]]\nname = \"a\"\nvolume = \"shelf\"\nmedium = \"worm\"\nkeep = \"7y\"\n"
    );
    let error = trial.tenant.set_classes(&file(&text), "ann").await;
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("files can be removed")
    );
    assert_eq!(
        trial.tenant.class_file().await.unwrap(),
        ClassFile::default()
    );
    for wrong in [
        "[[class]]\nnam = 1",
        "[class]",
        "[[class]]\nname = \"a\"\nkeep = \"soon\"",
    ] {
        assert!(matches!(
            ClassFile::parse(wrong),
            Err(StoreError::Invalid(_))
        ));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_locked_stays() {
    let together = Together::start();
    together.objects.create_bucket("records", true).unwrap();
    together.objects.create_bucket("plain", false).unwrap();
    let node = together.node("one").await;
    let all = mails(24, Some(9), 21);
    node.admit(&all).await;
    node.tenant.advance_log().await.unwrap();
    node.tenant.advance_index(true).await.unwrap();
    let class = |bucket: &str| {
        file(&format!(
            "[volume.locked]\naddress = \"s3://{bucket}/one?endpoint={}&region=us-east-1\"\nmedium = \"worm\"\n\
             [[class]]\nname = \"records\"\nvolume = \"locked\"\nmedium = \"worm\"\nkeep = \"10y\"\n",
            together.objects.endpoint()
        ))
    };
    // A bucket without Object Lock is found out.
    let error = node.tenant.set_classes(&class("plain"), "ann").await;
    assert!(error.unwrap_err().to_string().contains("cannot be worm"));
    node.tenant
        .set_classes(&class("records"), "ann")
        .await
        .unwrap();
    let report = run(&node.tenant, now_us()).await;
    assert_eq!(
        (report.moves[0].copies, report.packs_locked > 0),
        (24, true)
    );
    let month = report.moves[0].release.unwrap();
    node.is_whole(24).await;

    let volume = node.store.inner.vault.volumes.of(1).unwrap();
    let lock = volume.lock.clone().unwrap();
    let packs = node.names("SELECT name FROM pack WHERE locked > 0").await;
    assert!(!packs.is_empty());
    for name in &packs {
        let path = crate::vault::object_path("packs", name);
        let locked = lock.retention(&path).await.unwrap().unwrap();
        assert!(locked.compliance && locked.until >= month.start());
        // Neither removed nor locked for a shorter time, whoever asks.
        let versions = lock.versions(&path).await.unwrap();
        assert!(!lock.remove_version(&path, &versions[0]).await.unwrap());
        assert!(lock.retain(&path, month.start() - 86_400).await.is_err());
        // Hidden behind a marker, or under other bytes, it is read all the same.
        hide(&volume.objects, &path).await;
    }
    node.store.inner.vault.forget();
    node.is_whole(24).await;
    // Another node reads from a volume that it never heard of.
    let other = together.node("two").await;
    other.is_whole(24).await;

    // Whoever wants the lock gone is refused, and the log tells of it.
    let none = ClassFile::default();
    let error = node.tenant.set_classes(&none, "mallory").await.unwrap_err();
    assert_eq!(error.code(), "E-LOCKED", "{error}");
    let elsewhere = file(&format!(
        "{}[[class]]\nname = \"elsewhere\"\n",
        class("records").to_toml().unwrap()
    ));
    node.tenant.set_classes(&elsewhere, "ann").await.unwrap();
    let report = run(&node.tenant, now_us()).await;
    assert_eq!((report.moves.len(), report.locked), (0, 24));
    let refused = node.tenant.actions(0).await.unwrap();
    let refused: Vec<_> = refused
        .iter()
        .filter(|event| event.kind == EventKind::Refused)
        .map(|event| event.record.actor.as_str())
        .collect();
    assert_eq!(refused, ["mallory", "mover"]);
    // When the month has come it may go; the object itself stays as long as the store says.
    let report = run(&node.tenant, month.start() * 1_000_000).await;
    assert_eq!((report.moves[0].copies, report.locked), (24, 0));
    node.is_whole(24).await;
    for name in &packs {
        let path = crate::vault::object_path("packs", name);
        assert!(!lock.versions(&path).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_stays_beyond_its_time() {
    let together = Together::start();
    together.objects.create_bucket("records", true).unwrap();
    let node = together.node("one").await;
    let tenant = &node.tenant;
    let all = mails(12, None, 31);
    node.admit(&all).await;
    tenant.advance_log().await.unwrap();
    tenant.advance_index(true).await.unwrap();
    let ids: Vec<Digest> = all.iter().map(|raw| Digest::of(raw)).collect();
    let held = async |which: &[Digest]| {
        tenant
            .add_tag("matter", Tagging::Copies(which))
            .await
            .unwrap()
    };
    held(&ids[..4]).await;
    let class = file(&format!(
        "[volume.locked]\naddress = \"s3://records/one?endpoint={}&region=us-east-1\"\nmedium = \"worm\"\n\
         [[class]]\nname = \"records\"\nvolume = \"locked\"\nmedium = \"worm\"\nkeep = \"10y\"\nhold = \"tag:matter\"\n",
        together.objects.endpoint()
    ));
    tenant.set_classes(&class, "ann").await.unwrap();
    let moves = |report: &super::ClassReport| -> Vec<(bool, u64)> {
        let moves = report.moves.iter();
        moves
            .map(|moved| (moved.release == Some(Month::HELD), moved.copies))
            .collect()
    };
    let report = run(tenant, now_us()).await;
    assert_eq!(moves(&report), [(true, 4), (false, 8)]);
    let month = report.moves[1].release.unwrap();
    node.is_whole(12).await;

    // The store itself keeps what is held.
    let volume = node.store.inner.vault.volumes.of(1).unwrap();
    let lock = volume.lock.clone().unwrap();
    let packs = node
        .names("SELECT pack.name FROM pack JOIN bucket ON bucket.id = pack.bucket WHERE bucket.release = -1")
        .await;
    assert!(!packs.is_empty());
    let path = |name| crate::vault::object_path("packs", name);
    for name in &packs {
        assert!(lock.is_held(&path(name)).await.unwrap());
        let versions = lock.versions(&path(name)).await.unwrap();
        assert!(
            !lock
                .remove_version(&path(name), &versions[0])
                .await
                .unwrap()
        );
    }
    let records = tenant.classes().await.unwrap().remove(1);
    assert_eq!(
        (
            records.held,
            records.unlocked,
            records.locked_until.is_some()
        ),
        (packs.len() as u64, 0, true)
    );
    let error = tenant.set_classes(&ClassFile::default(), "mallory").await;
    assert_eq!(error.unwrap_err().code(), "E-LOCKED");

    // What is locked for its time stays there, and is held when that is over.
    held(&ids[4..5]).await;
    assert_eq!(run(tenant, now_us()).await, super::ClassReport::default());
    let report = run(tenant, month.start() * 1_000_000).await;
    assert_eq!((moves(&report), report.locked), (vec![(true, 1)], 0));

    // What is held no more is locked for the time that it has left, and its old place goes.
    tenant
        .remove_tag("matter", Tagging::Copies(&ids[..5]))
        .await
        .unwrap();
    let report = run(tenant, now_us()).await;
    assert_eq!(moves(&report), [(false, 5)]);
    node.is_whole(12).await;
    together.sql("UPDATE doomed SET at = 0");
    tenant.remove_doomed().await.unwrap();
    for name in &packs {
        assert!(lock.versions(&path(name)).await.unwrap().is_empty());
    }
    let records = tenant.classes().await.unwrap().remove(1);
    assert_eq!((records.held, records.copies), (0, 12));
}

/// What somebody with the keys of the bucket can do to an object that is locked.
async fn hide(objects: &Arc<dyn object_store::ObjectStore>, path: &Object) {
    objects
        .put(path, PutPayload::from_static(b"other bytes"))
        .await
        .unwrap();
    objects.delete(path).await.unwrap();
}
