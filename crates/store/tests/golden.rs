//! Every version ever written can be read: archives of past versions, byte for byte as they
//! were written then. A new version of the format adds a folder; none is ever changed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::path::{Path, PathBuf};

use everpost_domain::query::parse;
use everpost_store::{By, KeySource, Options, Order, SearchRequest, Store};

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A copy of the golden archive of `version` in a temporary place, with its key.
fn golden(version: &str) -> (tempfile::TempDir, Options, String) {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(version);
    let dir = tempfile::tempdir().unwrap();
    copy_dir(&golden.join("store"), &dir.path().join("store"));
    let key = dir.path().join("key");
    std::fs::copy(golden.join("master-key.txt"), &key).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut options = Options::new(dir.path().join("store"));
    options.key = Some(KeySource::File(key));
    (
        dir,
        options,
        std::fs::read_to_string(golden.join("expected.txt")).unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn version_1_is_read_whole() {
    let (_dir, options, expected) = golden("v1");
    let store = Store::open(options).await.unwrap().store;
    let tenant = store.tenant(None).unwrap();
    let status = tenant.status().await.unwrap();
    // Its index has the fields of that time: it cannot be asked, and is built again.
    let everything = parse("").unwrap();
    let refused = tenant
        .search(&SearchRequest::new(everything.clone()))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "E-INDEX", "{refused}");
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
                let request = SearchRequest {
                    query: parse(query).unwrap(),
                    by: By::Message,
                    order: Order::Newest,
                    after: None,
                    limit: 10,
                    scope: everpost_store::Scope::Everything,
                };
                let page = tenant.search(&request).await.unwrap();
                assert_eq!(page.messages.to_string(), total, "{query}");
            }
            other => panic!("expected.txt says {other}"),
        }
    }
    assert_eq!(copies, status.copies);
    let head = tenant.log_head().await.unwrap().unwrap();
    assert_eq!(head.size, status.log_size);
}
