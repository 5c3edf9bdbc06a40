//! The restore drill, and what damage, wrong keys and interruptions do to it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use everpost_domain::digest::Digest;
use everpost_domain::identity::Origin;
use everpost_domain::log::{ForkNotice, verify_consistency};
use everpost_domain::message::HeldEvidence;
use everpost_domain::query::parse;

use super::*;
use crate::{
    By, Flags, Incoming, NewMessage, Options, Order, Outcome, Placement, Prepared, SearchRequest,
    Store, StoreError, Tenant, now_us,
};

/// Bytes that do not compress, the same every time.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[(state % 32) as usize]
    };
    (0..length).map(|_| step()).collect()
}

fn mail(number: usize) -> Prepared {
    let mut raw = format!(
        "From: ann{}@example.org\r\nTo: bob@example.net\r\nMessage-ID: <{number}@example.org>\r\n\
         Date: Mon, 1 Jan 2024 10:{:02}:{:02} +0000\r\nSubject: letter {number}\r\n\r\nThe word is zebra{number}.\r\n",
        number % 7,
        number / 60 % 60,
        number % 60
    )
    .into_bytes();
    // One mail larger than a piece of anything, and some with parts of their own.
    let extra = match number {
        17 => 9 << 20,
        number if number % 10 == 0 => 40_000,
        _ => 100,
    };
    for line in noise(number as u64, extra).chunks(76) {
        raw.extend_from_slice(line);
        raw.extend_from_slice(b"\r\n");
    }
    let incoming = Incoming {
        raw: Bytes::from(raw),
        origin: Origin::Other,
        held: HeldEvidence::default(),
        position: number as u64,
        envelope: None,
        places: vec![Placement {
            mailbox: "bob@example.net".into(),
            folder: "INBOX".into(),
            flags: 1,
            keywords: Vec::new(),
        }],
        owners: Vec::new(),
        report_of: None,
        onward: None,
    };
    Prepared::new(incoming, now_us() / 1_000_000)
}

async fn admit(tenant: &Tenant, numbers: std::ops::Range<usize>) -> Vec<Digest> {
    let mut ids = Vec::new();
    for start in numbers.clone().step_by(50) {
        let items: Vec<Prepared> = (start..numbers.end.min(start + 50)).map(mail).collect();
        for outcome in tenant.admit(items, None).await.unwrap() {
            let Outcome::Stored(id) = outcome else {
                panic!("stored before")
            };
            ids.push(id);
        }
    }
    tenant.advance_index(true).await.unwrap();
    tenant.advance_log().await.unwrap();
    ids
}

struct Machine {
    dir: tempfile::TempDir,
    recovery: RecoveryKey,
}

impl Machine {
    /// A store with so many mails, and their ids.
    async fn with_mail(count: usize) -> (Self, Store, Vec<Digest>) {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::open(Options::create(dir.path().join("archive")))
            .await
            .unwrap();
        let ids = admit(&opened.store.tenant(None).unwrap(), 0..count).await;
        (
            Machine {
                dir,
                recovery: opened.recovery.unwrap(),
            },
            opened.store,
            ids,
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn recovery(&self) -> BackupKeys {
        BackupKeys::Recovery(vec![RecoveryKey::parse(&self.recovery.display()).unwrap()])
    }

    fn master(&self) -> BackupKeys {
        BackupKeys::Master(KeySource::File(self.path("archive.key")))
    }

    fn restore(&self, data: &Path, keys: BackupKeys) -> Restore {
        Restore {
            address: crate::Address::Embedded,
            repo: self.path("repo"),
            snapshot: None,
            data: data.to_path_buf(),
            keys,
            key: None,
            despite_damage: false,
        }
    }
}

/// Every file below `root` with its digest.
fn tree(root: &Path) -> BTreeMap<PathBuf, Digest> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => drop(found.insert(path.clone(), Digest::of(&fs::read(&path).unwrap()))),
            }
        }
    }
    found
}

async fn hits(tenant: &Tenant, query: &str) -> u64 {
    let request = SearchRequest {
        query: parse(query).unwrap(),
        by: By::Message,
        order: Order::Newest,
        after: None,
        limit: 10,
        scope: crate::Scope::Everything,
    };
    tenant.search(&request).await.unwrap().messages
}

async fn all_there(tenant: &Tenant, ids: &[Digest]) {
    for id in ids {
        assert_eq!(Digest::of(&tenant.raw(id).await.unwrap()), *id);
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// The objects of the newest snapshot: name in the store, place in the repository.
fn objects(repo: &Path) -> Vec<(String, PathBuf)> {
    let repo = repo::Repo::open(repo).unwrap();
    let mut found = Vec::new();
    let newest = repo.choose(None).unwrap();
    manifest::read(&repo.manifest(&newest), |object| {
        found.push((object.name.clone(), repo.object(&object.digest().unwrap())));
    })
    .unwrap();
    found
}

fn of_kind(repo: &Path, kind: &str) -> (String, PathBuf) {
    let mut found = objects(repo);
    found.retain(|(name, _)| name.starts_with(&format!("objects/{kind}/")));
    found.swap_remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn drill_on_a_new_machine_with_the_recovery_key_alone() {
    let (machine, store, mut ids) = Machine::with_mail(300).await;
    let (repo, tenant) = (machine.path("repo"), store.tenant(None).unwrap());
    let mut told = BackupProgress::default();
    let first = store
        .backup(&repo, |progress| told = *progress)
        .await
        .unwrap();
    assert_eq!(first.bad, []);
    assert_eq!(
        (first.copied, told.done, told.objects),
        (first.objects, told.total, first.objects)
    );
    assert!(first.copied_bytes > 9 << 20);
    assert!(
        of_kind(&repo, "tiles").0.ends_with("tile/0/000"),
        "300 events fill a tile"
    );
    let early = tenant.log_head().await.unwrap().unwrap();

    // Nothing new: nothing is copied. Then what came since, and no more.
    let again = store.backup(&repo, |_| {}).await.unwrap();
    assert_eq!(
        (again.copied, again.copied_bytes, again.objects),
        (0, 0, first.objects)
    );
    let before: Vec<String> = objects(&repo).into_iter().map(|(name, _)| name).collect();
    ids.extend(admit(&tenant, 300..340).await);
    let second = store.backup(&repo, |_| {}).await.unwrap();
    let new = objects(&repo)
        .into_iter()
        .filter(|(name, _)| !before.contains(name))
        .count() as u64;
    assert_eq!(second.copied, new);
    assert!(
        second.copied >= 2 && second.copied_bytes < 1 << 20,
        "{second:?}"
    );
    let last = tenant.log_head().await.unwrap().unwrap();
    let lost = admit(&tenant, 340..350).await;
    assert_eq!(list_backups(&repo).unwrap().len(), 3);

    // No key of any kind is in the repository.
    let master = store.inner.master.clone();
    let secrets = [
        master.0.0.to_vec(),
        Digest(master.0.0).to_string().into_bytes(),
        machine.recovery.0.0.to_vec(),
    ];
    for path in tree(&repo).into_keys() {
        let bytes = fs::read(path).unwrap();
        assert!(
            secrets
                .iter()
                .all(|secret| !bytes.windows(secret.len()).any(|window| window == secret))
        );
    }
    drop(tenant);
    store.close().await.unwrap();
    let verified = verify_backup(&repo, None, &machine.master(), |_| {})
        .await
        .unwrap();
    assert_eq!(
        (verified.bad, verified.signer, verified.snapshots),
        (vec![], BackupSigner::Checked, 3)
    );

    // The machine burns down; the repository and a sheet of paper are left.
    fs::remove_dir_all(machine.path("archive")).unwrap();
    fs::remove_file(machine.path("archive.key")).unwrap();
    let verified = verify_backup(&repo, None, &machine.master(), |_| {})
        .await
        .unwrap();
    assert!(verified.bad.is_empty() && matches!(verified.signer, BackupSigner::NotChecked(_)));
    let elsewhere = tempfile::tempdir().unwrap();
    let data = elsewhere.path().join("new");
    let untouched = tree(&repo);
    let restored = restore_backup(&machine.restore(&data, machine.recovery()), |_| {})
        .await
        .unwrap();
    assert!(restored.done && restored.new_key && restored.bad.is_empty());
    assert_eq!(
        (restored.snapshot.clone(), restored.tenants[0].events),
        (second.snapshot, 340)
    );
    assert_eq!(tree(&repo), untouched);
    let files: Vec<String> = fs::read_dir(elsewhere.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files.len(), 2, "the archive and its key: {files:?}");

    let store = Store::open(Options::new(&data)).await.unwrap().store;
    let tenant = store.tenant(None).unwrap();
    all_there(&tenant, &ids).await;
    assert_eq!(
        tenant.raw(&lost[0]).await.unwrap_err().code(),
        "E-NOT-FOUND"
    );
    assert_eq!(hits(&tenant, "zebra317").await, 1);
    assert_eq!(hits(&tenant, "").await, 340);

    // The log goes on under the new epoch's name, from what was signed before.
    let head = tenant.log_head().await.unwrap().unwrap();
    assert!(head.key.name().ends_with(&format!("/e{}", restored.epoch)) && restored.epoch > 1);
    assert_eq!((head.size, last.size), (341, 340));
    for old in [&early, &last] {
        let proof = tenant.prove_consistency(old.size).await.unwrap();
        verify_consistency(old.size, &old.root, head.size, &head.root, &proof).unwrap();
    }
    let notice = ForkNotice::open(&restored.tenants[0].notice, &head.key).unwrap();
    assert_eq!(
        (notice.kept_size, notice.kept_root, notice.previous),
        (340, last.root, Some(last.note))
    );

    // And mail comes in again, what was lost as well as new.
    ids.extend(admit(&tenant, 345..360).await);
    all_there(&tenant, &ids).await;
    assert_eq!(hits(&tenant, "zebra359").await, 1);
    // The restored archive goes on in the same repository.
    let third = store.backup(&repo, |_| {}).await.unwrap();
    assert!(
        third.copied > 0 && third.copied < 10 && third.bad.is_empty(),
        "{third:?}"
    );
    let verified = verify_backup(&repo, Some(&third.snapshot), &machine.recovery(), |_| {})
        .await
        .unwrap();
    assert_eq!(
        (verified.bad, verified.signer),
        (vec![], BackupSigner::Checked)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_uid_is_given_twice_by_a_restored_archive() {
    let (machine, store, ids) = Machine::with_mail(2).await;
    let new = |copy: Digest| NewMessage {
        copy: Some(copy),
        fingerprint: None,
        flags: Flags::default(),
        date: 0,
        size: 1,
        summary: Vec::new(),
    };
    let replica = store
        .tenant(None)
        .unwrap()
        .replica("ann@example.org")
        .await
        .unwrap();
    let inbox = replica.folder("INBOX").await.unwrap().id;
    replica.append(inbox, &[new(ids[0])], true).await.unwrap();
    store.backup(&machine.path("repo"), |_| {}).await.unwrap();
    let lost = replica.append(inbox, &[new(ids[1])], true).await.unwrap();
    let folder = replica.create_folder("Lost", None).await.unwrap();
    let (modseq, seen) = (
        replica.folder("INBOX").await.unwrap().modseq,
        replica.indicator().await.unwrap(),
    );
    drop(replica);
    store.close().await.unwrap();
    let restore = machine.restore(&machine.path("restored"), machine.recovery());
    let restored = restore_backup(&restore, |_| {}).await.unwrap();
    let opened = Store::open(Options {
        key: Some(restored.key),
        ..Options::new(machine.path("restored"))
    });
    let store = opened.await.unwrap().store;
    let replica = store
        .tenant(None)
        .unwrap()
        .replica("ann@example.org")
        .await
        .unwrap();
    let kept = replica.changes(inbox, 0).await.unwrap();
    assert_eq!(kept.rows.len(), 1);
    assert!(kept.folder.modseq > modseq);
    assert!(replica.indicator().await.unwrap() > seen);
    let next = replica.append(inbox, &[new(ids[1])], true).await.unwrap();
    assert!(next > lost);
    let made = replica.create_folder("Made", None).await.unwrap();
    assert!(made.id > folder.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_and_the_real_restore_are_two_epochs() {
    let (machine, store, _) = Machine::with_mail(3).await;
    store.backup(&machine.path("repo"), |_| {}).await.unwrap();
    store.close().await.unwrap();
    let drill = restore_backup(
        &machine.restore(&machine.path("drill"), machine.recovery()),
        |_| {},
    )
    .await
    .unwrap();
    while now_us() / 1_000_000 <= drill.epoch {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let real = restore_backup(
        &machine.restore(&machine.path("real"), machine.master()),
        |_| {},
    )
    .await
    .unwrap();
    assert!(real.epoch > drill.epoch && !real.new_key);
    // With the master key the archive is opened by that same key.
    let opened = Store::open(Options {
        key: Some(real.key),
        ..Options::new(machine.path("real"))
    })
    .await
    .unwrap();
    assert_eq!(hits(&opened.store.tenant(None).unwrap(), "letter").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_flipped_byte_is_named_and_nothing_is_restored_in_silence() {
    let (machine, store, ids) = Machine::with_mail(300).await;
    let (repo, data) = (machine.path("repo"), machine.path("again"));
    let report = store.backup(&repo, |_| {}).await.unwrap();
    store.close().await.unwrap();
    for kind in ["packs", "splits", "tiles"] {
        // What an attempt copied whole would be kept, whatever becomes of the repository.
        fs::remove_dir_all(machine.path("again.partial")).ok();
        let (name, path) = of_kind(&repo, kind);
        let at = fs::metadata(&path).unwrap().len() as usize / 2;
        flip(&path, at);
        let verified = verify_backup(&repo, None, &machine.master(), |_| {})
            .await
            .unwrap();
        assert_eq!(verified.bad.len(), 1);
        assert_eq!(
            (&verified.bad[0].item, &verified.bad[0].snapshot),
            (&name, &report.snapshot)
        );
        let restored = restore_backup(&machine.restore(&data, machine.recovery()), |_| {})
            .await
            .unwrap();
        assert!(
            !restored.done && restored.bad.len() == 1 && restored.bad[0].item == name,
            "{restored:?}"
        );
        assert!(!data.exists() && !machine.path("again.key").exists());
        flip(&path, at);
    }
    // The same restore, asked for again, goes on where it stopped and ends well.
    let restored = restore_backup(&machine.restore(&data, machine.recovery()), |_| {})
        .await
        .unwrap();
    assert!(restored.done);
    let opened = Store::open(Options::new(&data)).await.unwrap();
    all_there(&opened.store.tenant(None).unwrap(), &ids).await;
    drop(opened);
    assert!(!machine.path("again.partial").exists());

    // Despite damage: what is whole comes back, the rest is named.
    let (name, path) = of_kind(&repo, "packs");
    fs::remove_file(&path).unwrap();
    let verified = verify_backup(&repo, None, &machine.master(), |_| {})
        .await
        .unwrap();
    assert!(
        verified.bad[0].item == name && verified.bad[0].what.contains("missing"),
        "{:?}",
        verified.bad
    );
    let rest = machine.path("rest");
    let despite = Restore {
        despite_damage: true,
        ..machine.restore(&rest, machine.recovery())
    };
    let restored = restore_backup(&despite, |_| {}).await.unwrap();
    assert!(restored.done && restored.bad.len() == 1 && restored.bad[0].item == name);
    let tenant = Store::open(Options::new(&rest))
        .await
        .unwrap()
        .store
        .tenant(None)
        .unwrap();
    let mut lost = 0;
    for id in &ids {
        match tenant.raw(id).await {
            Ok(raw) => assert_eq!(Digest::of(&raw), *id),
            Err(StoreError::Damaged { .. }) => lost += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(lost > 0 && lost <= 50, "{lost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_named_with_the_copy_that_heals_it() {
    let (machine, store, ids) = Machine::with_mail(300).await;
    let repo = machine.path("repo");
    let tenant = store.tenant(None).unwrap();
    let report = store.backup(&repo, |_| {}).await.unwrap();
    let objects: Vec<String> = objects(&repo).into_iter().map(|(name, _)| name).collect();
    let mut dice = crate::trial::Dice::new(97);
    let mut kinds = std::collections::BTreeSet::new();
    for round in 0..60 {
        // Each object once, then any.
        let place = if round < objects.len() {
            round
        } else {
            dice.below(objects.len())
        };
        let name = &objects[place];
        let path = store.data().join(name);
        let before = fs::read(&path).unwrap();
        let mut after = before.clone();
        let at = dice.below(after.len());
        after[at] ^= 1 << dice.below(8);
        fs::write(&path, &after).unwrap();
        let found = store.fsck(false, |_| ()).await.unwrap();
        let named = found.bad.iter().any(|bad| bad.item.contains(name.as_str()));
        assert!(named, "byte {at} of {name}: {:?}", found.bad);
        let healed = store.heal(&repo, &found.bad, round % 2 == 0).await.unwrap();
        let wanted = Healing {
            object: name.clone(),
            snapshot: report.snapshot.clone(),
            done: round % 2 == 0,
        };
        assert_eq!(healed, [wanted]);
        if round % 2 != 0 {
            store.heal(&repo, &found.bad, true).await.unwrap();
        }
        assert!(fs::read(&path).unwrap() == before, "{name} is as it was");
        kinds.extend(name.split('/').nth(1).map(String::from));
    }
    assert_eq!(store.fsck(false, |_| ()).await.unwrap().bad, []);
    all_there(&tenant, &ids).await;
    assert_eq!(kinds.len(), 3, "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_catalog_or_manifest_is_named() {
    let (machine, store, _) = Machine::with_mail(5).await;
    let repo = machine.path("repo");
    let report = store.backup(&repo, |_| {}).await.unwrap();
    store.close().await.unwrap();
    let folder = repo.join("snapshots").join(&report.snapshot);
    let check = async |item: &str| {
        let verified = verify_backup(&repo, None, &machine.master(), |_| {})
            .await
            .unwrap();
        assert_eq!(
            verified
                .bad
                .iter()
                .map(|bad| bad.item.as_str())
                .collect::<Vec<_>>(),
            [item]
        );
        let error = restore_backup(
            &machine.restore(&machine.path("new"), machine.master()),
            |_| {},
        )
        .await
        .unwrap_err();
        assert_eq!(error.code(), "E-DAMAGED");
        assert!(
            error.to_string().contains(item.split('.').next().unwrap()),
            "{error}"
        );
        assert!(!machine.path("new").exists() && !machine.path("new.partial").exists());
    };
    let catalog = fs::read(folder.join("catalog.db")).unwrap();
    fs::write(folder.join("catalog.db"), &catalog[..catalog.len() - 4096]).unwrap();
    check("catalog.db").await;
    fs::write(folder.join("catalog.db"), &catalog).unwrap();

    let path = folder.join("manifest.ndjson");
    let manifest = fs::read_to_string(&path).unwrap();
    let (lines, last) = manifest.trim_end().rsplit_once('\n').unwrap();
    // A line gone, cut off, something after the end, and one that climbs out of the archive.
    let shorter: Vec<&str> = lines.lines().take(2).chain([last]).collect();
    let climbing = lines.replace("objects/packs/", "objects/../packs/");
    let forged = resign(&lines.replace("\"epoch\":1", "\"epoch\":2"), last);
    for wrong in [
        format!("{}\n", shorter.join("\n")),
        manifest.trim_end().to_string(),
        format!("{lines}\n"),
        format!("{manifest}{last}\n"),
        resign(&climbing, last),
        forged,
        String::new(),
    ] {
        fs::write(&path, wrong).unwrap();
        check("manifest.ndjson").await;
    }
    fs::write(&path, manifest).unwrap();
    let verified = verify_backup(&repo, None, &machine.master(), |_| {})
        .await
        .unwrap();
    assert_eq!(
        (verified.bad, verified.signer),
        (vec![], BackupSigner::Checked)
    );
}

/// What somebody without a key can do: other lines, a digest that fits, the old signatures.
fn resign(lines: &str, last: &str) -> String {
    let mut tail: manifest::Tail = serde_json::from_str(last).unwrap();
    let old = std::mem::replace(
        &mut tail.digest,
        Digest::of(format!("{lines}\n").as_bytes()).to_string(),
    );
    for signature in &mut tail.signatures {
        signature.note = signature.note.replace(&old, &tail.digest);
    }
    format!("{lines}\n{}\n", serde_json::to_string(&tail).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_and_places_write_nothing() {
    let (machine, store, _) = Machine::with_mail(3).await;
    let repo = machine.path("repo");
    // Places that would defeat the purpose.
    for wrong in ["archive/backup", "archive", "."] {
        let error = store
            .backup(&machine.path(wrong), |_| {})
            .await
            .unwrap_err();
        assert_eq!(error.code(), "E-INVALID", "{wrong}");
    }
    fs::create_dir(machine.path("full")).unwrap();
    fs::write(machine.path("full/letter.txt"), "mine").unwrap();
    assert_eq!(
        store
            .backup(&machine.path("full"), |_| {})
            .await
            .unwrap_err()
            .code(),
        "E-INVALID"
    );
    store.backup(&repo, |_| {}).await.unwrap();
    store.close().await.unwrap();
    let (other, other_store, _) = Machine::with_mail(1).await;
    let error = other_store.backup(&repo, |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("another archive"), "{error}");
    drop(other_store);

    let before = tree(machine.dir.path());
    let data = machine.path("new");
    for keys in [
        other.recovery(),
        other.master(),
        BackupKeys::Master(KeySource::File(machine.path("absent"))),
    ] {
        let error = restore_backup(&machine.restore(&data, keys), |_| {})
            .await
            .unwrap_err();
        assert_eq!(error.code(), "E-KEY");
    }
    let occupied = Restore {
        key: Some(KeySource::File(machine.path("archive.key"))),
        ..machine.restore(&data, machine.recovery())
    };
    assert!(
        restore_backup(&occupied, |_| {})
            .await
            .unwrap_err()
            .to_string()
            .contains("never replaced")
    );
    let error = restore_backup(
        &machine.restore(&machine.path("full"), machine.master()),
        |_| {},
    )
    .await
    .unwrap_err();
    assert!(error.to_string().contains("not empty"), "{error}");
    let missing = Restore {
        snapshot: Some("1999".into()),
        ..machine.restore(&data, machine.master())
    };
    assert_eq!(
        restore_backup(&missing, |_| {}).await.unwrap_err().code(),
        "E-NOT-FOUND"
    );
    assert_eq!(tree(machine.dir.path()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_is_used_or_cleared() {
    let (machine, store, ids) = Machine::with_mail(60).await;
    let repo = machine.path("repo");
    let report = store.backup(&repo, |_| {}).await.unwrap();
    // As if killed before the manifest was finished and the snapshot had its name.
    let snapshots = repo.join("snapshots");
    let partial = snapshots.join(format!(".partial-{}", report.snapshot));
    fs::rename(snapshots.join(&report.snapshot), &partial).unwrap();
    let path = partial.join("manifest.ndjson");
    let manifest = fs::read(&path).unwrap();
    fs::write(&path, &manifest[..manifest.len() - 700]).unwrap();
    fs::write(repo.join("tmp/object"), "half").unwrap();
    let again = store.backup(&repo, |_| {}).await.unwrap();
    assert_eq!((again.copied, again.objects), (0, report.objects));
    assert!(!partial.exists() && !repo.join("tmp/object").exists());
    store.close().await.unwrap();

    // A restore killed while it copied: files half there, an epoch begun in its catalog.
    let data = machine.path("new");
    let (name, source) = of_kind(&repo, "packs");
    let kept = fs::read(&source).unwrap();
    fs::remove_file(&source).unwrap();
    assert!(
        !restore_backup(&machine.restore(&data, machine.recovery()), |_| {})
            .await
            .unwrap()
            .done
    );
    fs::write(&source, kept).unwrap();
    let partial = machine.path("new.partial");
    let half = partial.join(&name);
    fs::create_dir_all(half.parent().unwrap()).unwrap();
    fs::write(half, "half").unwrap();
    fs::write(partial.join("catalog.db"), "half").unwrap();
    fs::write(partial.join("catalog.db-wal"), "half").unwrap();
    fs::write(machine.path("new.key.new"), "half").unwrap();
    // Another snapshot does not go on with it.
    let other = Restore {
        snapshot: Some(report.snapshot),
        ..machine.restore(&data, machine.recovery())
    };
    assert!(restore_backup(&other, |_| {}).await.is_err());
    assert!(
        restore_backup(&machine.restore(&data, machine.recovery()), |_| {})
            .await
            .unwrap()
            .done
    );
    // Killed between the archive's name and its key's: opening ends it.
    fs::rename(machine.path("new.key"), machine.path("new.key.new")).unwrap();
    let opened = Store::open(Options::new(&data)).await.unwrap();
    all_there(&opened.store.tenant(None).unwrap(), &ids).await;
    assert!(machine.path("new.key").exists() && !data.join("arriving").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_keeps_the_newest_and_what_it_needs() {
    let (machine, store, ids) = Machine::with_mail(30).await;
    let (repo, tenant) = (machine.path("repo"), store.tenant(None).unwrap());
    let first = store.backup(&repo, |_| {}).await.unwrap();
    let old = of_kind(&repo, "splits").1;
    // The index is built anew: the next snapshot names other splits.
    tenant.reindex().await.unwrap();
    let second = store.backup(&repo, |_| {}).await.unwrap();
    let snapshots = repo.join("snapshots");
    fs::rename(
        snapshots.join(&first.snapshot),
        snapshots.join("20200101T000000.000000Z"),
    )
    .unwrap();
    fs::rename(
        snapshots.join(&second.snapshot),
        snapshots.join("20200102T000000.000000Z"),
    )
    .unwrap();

    let before = tree(&repo);
    let would = prune_backups(&repo, 30, true).unwrap();
    assert_eq!(
        (would.snapshots.as_slice(), would.kept),
        (["20200101T000000.000000Z".to_string()].as_slice(), 1)
    );
    assert_eq!(
        (would.objects, would.blocked.clone(), tree(&repo)),
        (1, None, before.clone())
    );
    // A snapshot that cannot say what it needs may need everything.
    let manifest = snapshots.join("20200102T000000.000000Z/manifest.ndjson");
    flip(&manifest, 40);
    let blocked = prune_backups(&repo, 30, true).unwrap();
    assert!(
        blocked.blocked.is_some() && blocked.snapshots.is_empty(),
        "{blocked:?}"
    );
    flip(&manifest, 40);
    let did = prune_backups(&repo, 30, false).unwrap();
    assert_eq!(
        (did.objects, did.bytes, did.snapshots),
        (would.objects, would.bytes, would.snapshots)
    );
    assert!(!old.exists());
    assert_eq!(prune_backups(&repo, 0, false).unwrap().kept, 1);
    let verified = verify_backup(&repo, None, &machine.master(), |_| {})
        .await
        .unwrap();
    assert_eq!((verified.bad, verified.snapshots), (vec![], 1));
    drop(tenant);
    store.close().await.unwrap();
    let data = machine.path("new");
    assert!(
        restore_backup(&machine.restore(&data, machine.recovery()), |_| {})
            .await
            .unwrap()
            .done
    );
    let opened = Store::open(Options::new(&data)).await.unwrap();
    all_there(&opened.store.tenant(None).unwrap(), &ids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_is_backed_up_as_far_as_it_goes() {
    let (machine, store, _) = Machine::with_mail(120).await;
    let repo = machine.path("repo");
    let mut packs: Vec<PathBuf> = tree(&machine.path("archive/objects/packs"))
        .into_keys()
        .collect();
    let gone = packs.pop().unwrap();
    fs::remove_file(&gone).unwrap();
    let cut = packs.pop().unwrap();
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let report = store.backup(&repo, |_| {}).await.unwrap();
    let name = |path: &Path| {
        path.strip_prefix(machine.path("archive"))
            .unwrap()
            .display()
            .to_string()
    };
    let mut bad: Vec<&str> = report.bad.iter().map(|bad| bad.item.as_str()).collect();
    bad.sort_unstable();
    let mut wanted = [name(&gone), name(&cut)];
    wanted.sort_unstable();
    assert_eq!(bad, wanted);
    // The next one says so again, and verification names what no snapshot has.
    let again = store.backup(&repo, |_| {}).await.unwrap();
    assert_eq!((again.bad.len(), again.copied), (2, 0));
    let verified = verify_backup(&repo, Some(&again.snapshot), &machine.master(), |_| {})
        .await
        .unwrap();
    assert_eq!(
        verified
            .bad
            .iter()
            .map(|bad| bad.item.clone())
            .collect::<Vec<_>>(),
        [name(&gone)]
    );
}
