//! Wrong, missing, rotated and foreign keys: the state is clear and nothing is written.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use std::collections::BTreeMap;

use bytes::Bytes;
use everpost_domain::digest::Digest;
use everpost_domain::identity::Origin;
use everpost_domain::message::HeldEvidence;

use super::*;
use crate::{Incoming, Prepared, now_us};

/// Every file below `data` with its digest, SQLite's side files included: an archive that
/// was closed has none, and a refused opening makes none. `lock` alone is left out: it
/// names the process that asked.
fn tree(data: &Path) -> BTreeMap<PathBuf, Digest> {
    let mut found = BTreeMap::new();
    let mut folders = vec![data.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path != data.join("lock") {
                found.insert(path.clone(), Digest::of(&fs::read(&path).unwrap()));
            }
        }
    }
    found
}

struct Place {
    _dir: tempfile::TempDir,
    data: PathBuf,
    key: PathBuf,
    recovery: RecoveryKey,
    mail: Digest,
}

fn mail(text: &str) -> Prepared {
    let raw = format!("From: ann@example.org\r\nSubject: {text}\r\n\r\n{text}\r\n");
    let incoming = Incoming {
        raw: Bytes::from(raw),
        origin: Origin::Other,
        held: HeldEvidence::default(),
        position: 0,
        envelope: None,
        places: Vec::new(),
        owners: Vec::new(),
        report_of: None,
        onward: None,
    };
    Prepared::new(incoming, now_us() / 1_000_000)
}

/// An archive with one mail, closed.
async fn archive() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("archive");
    let opened = Store::open(Options::create(&data)).await.unwrap();
    let item = mail("the first");
    let digest = item.digest();
    let tenant = opened.store.tenant(None).unwrap();
    tenant.admit(vec![item], None).await.unwrap();
    tenant.advance_log().await.unwrap();
    drop(tenant);
    opened.store.close().await.unwrap();
    let key = dir.path().join("archive.key");
    Place {
        _dir: dir,
        data,
        key,
        recovery: opened.recovery.unwrap(),
        mail: digest,
    }
}

fn with_key(place: &Place, key: impl Into<PathBuf>) -> Options {
    Options {
        key: Some(KeySource::File(key.into())),
        create: true,
        ..Options::new(&place.data)
    }
}

async fn refused(options: Options) -> StoreError {
    let Err(error) = Store::open(options).await else {
        panic!("the key was accepted")
    };
    assert_eq!(error.code(), "E-KEY", "{error}");
    error
}

async fn readable(options: Options, mail: &Digest) {
    let opened = Store::open(options).await.unwrap();
    let tenant = opened.store.tenant(None).unwrap();
    assert_eq!(Digest::of(&tenant.raw(mail).await.unwrap()), *mail);
    drop(tenant);
    opened.store.close().await.unwrap();
}

#[tokio::test]
async fn a_wrong_missing_or_unreadable_key_changes_nothing() {
    let place = archive().await;
    let other = place.data.with_extension("other");
    MasterKey::generate().unwrap().write_new(&other).unwrap();
    let torn = place.data.with_extension("torn");
    fs::write(&torn, "everpost-master-key-1 0123").unwrap();
    fs::set_permissions(&torn, fs::Permissions::from_mode(0o600)).unwrap();
    let before = tree(&place.data);
    let error = refused(with_key(&place, &other)).await;
    assert!(
        error.to_string().contains("is not the one of this archive"),
        "{error}"
    );
    let error = refused(with_key(&place, place.data.with_extension("absent"))).await;
    assert!(error.to_string().contains("is missing"), "{error}");
    refused(with_key(&place, &torn)).await;
    let environment = KeySource::Env("EVERPOST_TEST_KEY_THAT_IS_NOT_SET".into());
    refused(Options {
        key: Some(environment),
        ..Options::new(&place.data)
    })
    .await;
    fs::set_permissions(&place.key, fs::Permissions::from_mode(0o644)).unwrap();
    let error = refused(Options::new(&place.data)).await;
    assert!(error.to_string().contains("0600"), "{error}");
    fs::set_permissions(&place.key, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(tree(&place.data), before);
    assert!(
        !place.data.with_extension("absent").exists(),
        "a lost key was made anew"
    );
    readable(Options::new(&place.data), &place.mail).await;
}

#[tokio::test]
async fn a_wrong_key_leaves_an_archive_that_was_killed_alone() {
    let place = archive().await;
    let opened = Store::open(Options::new(&place.data)).await.unwrap();
    let tenant = opened.store.tenant(None).unwrap();
    let item = mail("not yet moved out of the write-ahead log");
    let digest = item.digest();
    tenant.admit(vec![item], None).await.unwrap();
    // What kill -9 leaves: a write-ahead log that holds commits.
    let copy = place.data.with_extension("killed");
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(&place.data)
        .arg(&copy)
        .status()
        .unwrap();
    assert!(copied.success());
    let other = place.data.with_extension("other");
    MasterKey::generate().unwrap().write_new(&other).unwrap();
    // The index of the log (-shm) is SQLite's scratch: it is made anew from the log at
    // every first opening and holds nothing of its own.
    let truth = |mut tree: BTreeMap<PathBuf, Digest>| {
        tree.retain(|path, _| !path.to_string_lossy().ends_with("-shm"));
        tree
    };
    let before = truth(tree(&copy));
    assert!(before.keys().any(|path| path.ends_with("catalog.db-wal")));
    refused(Options {
        key: Some(KeySource::File(other)),
        ..Options::new(&copy)
    })
    .await;
    assert_eq!(truth(tree(&copy)), before);
    readable(
        Options {
            key: Some(KeySource::File(place.key.clone())),
            ..Options::new(&copy)
        },
        &digest,
    )
    .await;
}

#[tokio::test]
async fn one_key_may_serve_two_archives_and_then_is_not_replaced() {
    let first = archive().await;
    let second = first.data.with_extension("second");
    let shared = Options {
        key: Some(KeySource::File(first.key.clone())),
        ..Options::create(&second)
    };
    let opened = Store::open(shared.clone()).await.unwrap();
    let error = opened.store.rotate_key(None, None).await.err().unwrap();
    assert!(error.to_string().contains("--new-key"), "{error}");
    // Under a key of its own the second leaves the first alone.
    let own = first.data.with_extension("own");
    let opened = Store::open(shared.clone()).await.unwrap();
    let rotated = opened
        .store
        .rotate_key(Some(KeySource::File(own.clone())), None)
        .await
        .unwrap();
    assert_eq!(rotated.source, KeySource::File(own.clone()));
    readable(Options::new(&first.data), &first.mail).await;
    let before = tree(&second);
    refused(shared.clone()).await;
    assert_eq!(tree(&second), before);
    Store::open(Options {
        key: Some(KeySource::File(own)),
        ..shared
    })
    .await
    .unwrap();
    // And the first key, now another's, opens nothing of a third archive.
    let third = archive().await;
    let before = tree(&third.data);
    refused(with_key(&third, &first.key)).await;
    assert_eq!(tree(&third.data), before);
}

#[tokio::test]
async fn rotation_replaces_key_and_recovery_key() {
    let place = archive().await;
    let old = fs::read(&place.key).unwrap();
    let opened = Store::open(Options::new(&place.data)).await.unwrap();
    let before = opened.store.key_state().unwrap();
    assert_eq!((before.mode, before.tenants.len()), (Some(0o600), 1));
    let tenant = opened.store.tenant(None).unwrap();
    opened.store.inner.catalog.checkpoint().await.unwrap();
    let wrapped = peek_tenants(&place.data.join("catalog.db"))
        .await
        .unwrap()
        .remove(0);
    let rotated = opened.store.rotate_key(None, Some(tenant)).await.unwrap();
    assert_ne!(rotated.fingerprint, before.fingerprint);
    assert_ne!(fs::read(&place.key).unwrap(), old);
    assert!(!waiting(&place.key).exists());
    let options = Options::new(&place.data);
    readable(options.clone(), &place.mail).await;
    assert!(
        check_recovery(&options, RecoveryKey(place.recovery.0))
            .await
            .unwrap()
            .is_empty()
    );
    let recovery = rotated.recovery.unwrap();
    assert_eq!(
        check_recovery(&options, recovery).await.unwrap(),
        ["default"]
    );
    // The old key, kept by somebody, is refused, and nothing of it is left in the catalog.
    let kept = place.data.with_extension("kept");
    fs::write(&kept, old).unwrap();
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o600)).unwrap();
    let file = fs::read(place.data.join("catalog.db")).unwrap();
    for gone in [wrapped.by_master, wrapped.by_recovery] {
        assert!(!file.windows(gone.len()).any(|window| window == gone));
    }
    let tree_before = tree(&place.data);
    refused(with_key(&place, &kept)).await;
    assert_eq!(tree(&place.data), tree_before);
}

#[tokio::test]
async fn a_rotation_cut_short_anywhere_leaves_one_key_that_opens() {
    let place = archive().await;
    let waits = waiting(&place.key);
    // Before the transaction: the new key does not count, whole or torn.
    for text in [
        MasterKey::generate().unwrap().line(),
        "everpost-master-k".into(),
        String::new(),
    ] {
        fs::write(&waits, text).unwrap();
        fs::set_permissions(&waits, fs::Permissions::from_mode(0o600)).unwrap();
        readable(Options::new(&place.data), &place.mail).await;
        assert!(!waits.exists());
    }
    // After it: the new key counts, and takes its place.
    let old = fs::read(&place.key).unwrap();
    let opened = Store::open(Options::new(&place.data)).await.unwrap();
    opened.store.rotate_key(None, None).await.unwrap();
    let new = fs::read(&place.key).unwrap();
    fs::rename(&place.key, &waits).unwrap();
    fs::write(&place.key, &old).unwrap();
    fs::set_permissions(&place.key, fs::Permissions::from_mode(0o600)).unwrap();
    readable(Options::new(&place.data), &place.mail).await;
    assert_eq!(fs::read(&place.key).unwrap(), new);
    assert!(!waits.exists());
    // A wrong key beside a waiting key that is wrong too: both stay as they are.
    let wrong = MasterKey::generate().unwrap().line();
    fs::write(&place.key, &wrong).unwrap();
    fs::write(&waits, MasterKey::generate().unwrap().line()).unwrap();
    fs::set_permissions(&waits, fs::Permissions::from_mode(0o600)).unwrap();
    let before = tree(&place.data);
    refused(Options::new(&place.data)).await;
    assert_eq!(tree(&place.data), before);
    assert_eq!(fs::read_to_string(&place.key).unwrap(), wrong);
    assert!(waits.exists());
}

#[tokio::test]
async fn a_lost_master_key_is_replaced_with_the_recovery_key_alone() {
    let place = archive().await;
    let options = Options::new(&place.data);
    let before = tree(&place.data);
    // While the key is there, nothing is recovered and nothing replaced.
    let recovery = || RecoveryKey::parse(&place.recovery.display()).unwrap();
    let key = fs::read(&place.key).unwrap();
    let error = recover_key(&options, &[recovery()]).await.err().unwrap();
    assert!(error.to_string().contains("nothing is lost"), "{error}");
    assert_eq!(fs::read(&place.key).unwrap(), key);
    fs::remove_file(&place.key).unwrap();
    let wrong = RecoveryKey::generate().unwrap();
    let error = recover_key(&options, &[wrong]).await.err().unwrap();
    assert_eq!(error.code(), "E-KEY");
    assert!(!place.key.exists() && !waiting(&place.key).exists());
    let inside = Options {
        key: Some(KeySource::File(place.data.join("key"))),
        ..options.clone()
    };
    let error = recover_key(&inside, &[recovery()]).await.err().unwrap();
    assert_eq!(error.code(), "E-INVALID");
    assert_eq!(tree(&place.data), before);
    // An attempt that was cut short left a key that never counted.
    MasterKey::generate()
        .unwrap()
        .write_new(&waiting(&place.key))
        .unwrap();
    refused(options.clone()).await;
    let recovered = recover_key(&options, &[recovery()]).await.unwrap();
    assert_eq!(recovered.tenants, ["default"]);
    readable(options.clone(), &place.mail).await;
    // Cut short after the transaction: the next opening ends it.
    fs::rename(&place.key, waiting(&place.key)).unwrap();
    readable(options, &place.mail).await;
    assert!(place.key.exists());
}
