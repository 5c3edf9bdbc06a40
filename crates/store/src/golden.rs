//! Every version ever written can be read, at either address: archives byte for byte as past
//! versions wrote them. A new schema adds a folder; none is ever changed.
//!
//! `tests/golden/VERSION` holds the objects of a data directory, `catalog.db` (`.zst` where it is
//! small packed), the master key, and `expected.txt` with what must be read from it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use everpost_domain::access::Role;
use everpost_domain::digest::Digest;
use everpost_domain::query::parse;
use everpost_extract::{Extract, Extraction, Item, PoolError};

use crate::carry::{carry, named_objects};
use crate::catalog::portable::fill_server;
use crate::catalog::{NEWEST, peek, schema_version};
use crate::relocate::tests::World;
use crate::trial::{mails, prepared};
use crate::{
    Address, By, CompactOptions, KeySource, NewAccount, NewCase, Options, Order, Scope,
    SearchRequest, Store, Tagging, Tenant, open_objects,
};

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The versions there are.
fn versions() -> Vec<String> {
    let entries = fs::read_dir(golden()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut versions: Vec<String> = names.collect();
    versions.sort();
    versions
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A copy of a golden archive in a folder, and how it is opened.
fn unpack(version: &str, folder: &Path) -> Options {
    let golden = golden().join(version);
    let data = folder.join(version);
    copy_dir(&golden.join("store"), &data);
    let packed = data.join("catalog.db.zst");
    if packed.exists() {
        let catalog = zstd::decode_all(fs::File::open(&packed).unwrap()).unwrap();
        fs::write(data.join("catalog.db"), catalog).unwrap();
        fs::remove_file(packed).unwrap();
    }
    let key = folder.join(format!("{version}.key"));
    fs::copy(golden.join("master-key.txt"), &key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    Options {
        key: Some(KeySource::File(key)),
        ..Options::new(data)
    }
}

fn request(query: &str) -> SearchRequest {
    SearchRequest {
        query: parse(query).unwrap(),
        by: By::Message,
        order: Order::Newest,
        after: None,
        limit: 10,
        scope: Scope::Everything,
    }
}

async fn hits(tenant: &Tenant, query: &str) -> String {
    let page = tenant.search(&request(query)).await.unwrap();
    page.messages.to_string()
}

/// Opens an archive and reads all that its version was known to hold.
async fn reads_as_expected(version: &str, options: Options) {
    let expected = fs::read_to_string(golden().join(version).join("expected.txt")).unwrap();
    let store = Store::open(options).await.unwrap().store;
    let tenant = store.tenant(None).unwrap();
    let status = tenant.status().await.unwrap();
    // An index of the fields of an earlier time cannot be asked, and is built again.
    if version == "v1" {
        let refused = tenant.search(&request("")).await.unwrap_err();
        assert_eq!(refused.code(), "E-INDEX", "{refused}");
    }
    let progress = tenant.advance_index(true).await.unwrap();
    assert_eq!(progress.indexed, progress.events);
    assert_eq!(store.fsck(false, |_| ()).await.unwrap().bad, []);
    let mut copies = 0;
    for line in expected.lines().filter(|line| !line.starts_with('#')) {
        let (what, value) = line.split_once(' ').unwrap();
        match what {
            "leaves" => assert_eq!(status.log_size.to_string(), value),
            "root" => assert_eq!(status.log_root, value),
            "key" => assert_eq!(status.log_key, value),
            "messages" => assert_eq!(status.messages.to_string(), value),
            "copy" => {
                // The digest is checked on the way.
                tenant.raw(&value.parse().unwrap()).await.unwrap();
                tenant.show(&value.parse().unwrap()).await.unwrap();
                copies += 1;
            }
            "search" => {
                let (total, query) = value.split_once(' ').unwrap();
                assert_eq!(hits(&tenant, query).await, total, "{query}");
            }
            "account" => assert_eq!(tenant.accounts().await.unwrap()[0].address, value),
            "case" => assert_eq!(tenant.cases().await.unwrap()[0].name, value),
            other => panic!("expected.txt says {other}"),
        }
    }
    assert_eq!(copies, status.copies);
    let head = tenant.log_head().await.unwrap().unwrap();
    assert_eq!(head.size, status.log_size);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let versions = versions();
    assert!(versions.len() >= 2, "{versions:?}");
    for version in versions {
        reads_as_expected(&version, unpack(&version, folder.path())).await;
    }
}

/// Every step of the schema runs on PostgreSQL as well: a catalog is brought there as its version
/// wrote it, and the present program takes it from there.
#[tokio::test(flavor = "multi_thread")]
async fn every_version_is_read_whole_at_servers() {
    let world = World::start();
    for version in versions() {
        let options = unpack(&version, &world.path("golden"));
        let name = version.replace('-', "");
        let cluster = world.cluster(&name);
        let address = Address::Cluster(cluster.clone());
        let catalog = options.data.join("catalog.db");
        fill_server(&cluster.catalog, &catalog, None).await.unwrap();
        let from = open_objects(&Address::Embedded, &options.data).unwrap();
        let to = open_objects(&address, &options.data).unwrap();
        let mut db = peek(&catalog).await.unwrap();
        for (path, size) in named_objects(&mut db).await.unwrap() {
            let carried = carry(&*from, &path, &to, &path, None).await.unwrap();
            assert_eq!(carried.unwrap().0, size);
        }
        let at_servers = Options {
            address,
            data: world.path(&name),
            ..options
        };
        reads_as_expected(&version, at_servers).await;
        let step = "SELECT version FROM schema_version";
        let step = world.postgres.query(&name, step).unwrap();
        assert_eq!(step, NEWEST.to_string());
    }
}

/// A reader of attachments that are plain text.
struct Reader;

impl Extract for Reader {
    async fn extract(&self, item: Item<'_>) -> Result<Extraction, PoolError> {
        let text = String::from_utf8_lossy(item.bytes).trim().to_owned();
        Ok(Extraction { text, gap: None })
    }
}

/// Something in most tables; returns the copies.
async fn fill(tenant: &Tenant) -> Vec<Digest> {
    let mails = mails(12, None, 9);
    let job = tenant.start_job("mbox golden.mbox", "golden", Some("imap.example.org"));
    let job = job.await.unwrap().id;
    for number in 0..22u8 {
        let items = mails.iter().map(|mail| prepared(mail)).collect();
        let progress = crate::Progress {
            job,
            cursor: vec![number],
            errors: vec![(u64::from(number), "not a mail".into())],
            ..crate::Progress::default()
        };
        tenant.admit(items, Some(progress)).await.unwrap();
    }
    let resent = [
        b"Received: from a by b; 1 Mar 2024 10:00:00 +0000\r\n".as_slice(),
        &mails[1],
    ];
    let resent = resent.concat();
    tenant.admit(vec![prepared(&resent)], None).await.unwrap();
    tenant
        .advance_extract(&Reader, false, |_| ())
        .await
        .unwrap();
    let one = [Digest::of(&mails[3])];
    tenant
        .add_tag("urgent", Tagging::Copies(&one))
        .await
        .unwrap();
    tenant
        .set_group("array", &["ann0@example.org".into()])
        .await
        .unwrap();
    tenant
        .save_search("ann@example.org", "disks", "disk")
        .await
        .unwrap();
    let account = NewAccount {
        address: "law@example.org".into(),
        name: "Law".into(),
        roles: [Role::Officer].into_iter().collect(),
        owns: vec!["law@example.org".into()],
        password_hash: "a hash".into(),
    };
    let officer = tenant.add_account(&account, "op").await.unwrap();
    let case = NewCase {
        name: "Pier 7".into(),
        reason: "the leak of May".into(),
        people: vec!["ann@example.org".into()],
        reviewers: Vec::new(),
        since: 0,
        until: i64::MAX,
    };
    tenant.open_case(&case, &officer, "op").await.unwrap();
    tenant
        .compact(&CompactOptions::default(), |_| ())
        .await
        .unwrap();
    tenant.advance_index(true).await.unwrap();
    tenant.advance_log().await.unwrap();
    let copies = mails.iter().chain([&resent]);
    copies.map(|mail| Digest::of(mail)).collect()
}

/// Makes the golden archive of the present schema.
async fn make(folder: &Path) {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("store");
    let opened = Store::open(Options::create(&data)).await.unwrap();
    let (store, recovery) = (opened.store, opened.recovery.unwrap());
    let tenant = store.tenant(None).unwrap();
    let copies = fill(&tenant).await;
    let status = tenant.status().await.unwrap();
    let mut expected = format!(
        "# What schema {NEWEST} wrote. Never regenerated.\nleaves {}\nroot {}\nkey {}\nmessages {}\n",
        status.log_size, status.log_root, status.log_key, status.messages
    );
    expected.push_str("account law@example.org\ncase Pier 7\n");
    for query in [
        "parity",
        "\"of the archive\"",
        "has:attachment",
        "tag:urgent",
        "group:array",
        "server:imap.example.org",
        "",
    ] {
        let total = hits(&tenant, query).await;
        assert_ne!(total, "0", "{query}");
        expected.push_str(&format!("search {total} {query}\n"));
    }
    for copy in copies {
        expected.push_str(&format!("copy {copy}\n"));
    }
    drop(tenant);
    store.vacuum().await.unwrap();
    store.close().await.unwrap();
    copy_dir(&data.join("objects"), &folder.join("store/objects"));
    let catalog = fs::File::open(data.join("catalog.db")).unwrap();
    let packed = zstd::encode_all(catalog, 19).unwrap();
    fs::write(folder.join("store/catalog.db.zst"), packed).unwrap();
    fs::copy(
        scratch.path().join("store.key"),
        folder.join("master-key.txt"),
    )
    .unwrap();
    fs::write(folder.join("recovery-key.txt"), recovery.display()).unwrap();
    fs::write(folder.join("expected.txt"), expected).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_schema_has_a_golden_archive() {
    let folder = golden().join(format!("schema-{NEWEST}"));
    if std::env::var("EVERPOST_UPDATE").is_ok_and(|value| value == "1") && !folder.exists() {
        make(&folder).await;
    }
    assert!(
        folder.exists(),
        "run this test once with EVERPOST_UPDATE=1, and commit {}",
        folder.display()
    );
    let scratch = tempfile::tempdir().unwrap();
    let options = unpack(&format!("schema-{NEWEST}"), scratch.path());
    let mut db = peek(&options.data.join("catalog.db")).await.unwrap();
    assert_eq!(schema_version(&mut db).await.unwrap(), NEWEST);
}
