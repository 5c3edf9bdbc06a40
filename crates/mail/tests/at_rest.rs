//! Nothing readable rests on the disk, and the catalog keeps to its budget.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")]

use std::path::{Path, PathBuf};

use everpost_codec::mbox::Dialect;
use everpost_mail::import::{ImportOptions, Source, import};
use everpost_store::{Options, Store};

fn files(below: &Path) -> Vec<PathBuf> {
    let mut open = vec![below.to_path_buf()];
    let mut files = Vec::new();
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path)
            } else {
                files.push(path)
            }
        }
    }
    files
}

/// Files below `dir` that hold `marker`, in their bytes or their names.
fn holding(dir: &Path, marker: &str) -> Vec<PathBuf> {
    let found = |path: &PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        let inside = bytes
            .windows(marker.len())
            .any(|window| window == marker.as_bytes());
        inside || path.to_string_lossy().contains(marker)
    };
    files(dir).into_iter().filter(found).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_marker_is_found_in_the_data_directory() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    std::fs::create_dir(&source).unwrap();
    let markers = [
        "Zqsubject",
        "Zqbody",
        "Zqfrom",
        "Zqto",
        "Zqcc",
        "Zqname",
        "Zqid",
        "Zqfile",
        "Zqattached",
        "Zqhtml",
        "Zqlist",
        "Zqfolder",
        "zqmailbox",
        "Zqsender",
    ];
    let mut mbox = String::new();
    for number in 0..40 {
        mbox.push_str(&format!(
            "From Zqsender@example.org Mon Jan  1 10:00:{:02} 2024\n\
             From: Zqname <Zqfrom{number}@example.org>\nTo: Zqto@example.org\nCc: Zqcc@example.org\n\
             Subject: Zqsubject {number}\nDate: Mon, 1 Jan 2024 10:00:{:02} +0000\n\
             Message-ID: <Zqid{number}@example.org>\nList-Id: <Zqlist.example.org>\nMIME-Version: 1.0\n\
             Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nZqbody {number}\n\
             --b\nContent-Type: text/html\n\n<p>Zqhtml</p>\n--b\n\
             Content-Type: application/octet-stream; name=Zqfile.bin\nContent-Disposition: attachment\n\n{}\n--b--\n\n",
            number % 60,
            number % 60,
            "Zqattached ".repeat(600 + number)
        ));
    }
    std::fs::write(source.join("Zqfolder.mbox"), &mbox).unwrap();
    let data = dir.path().join("data");
    let opened = Store::open(Options::create(&data)).await.unwrap();
    let tenant = opened.store.tenant(None).unwrap();
    let mbox = Source::Mbox {
        path: source.clone(),
        dialect: Dialect::Auto,
    };
    let report = import(
        &tenant,
        &mbox,
        &ImportOptions::new("zqmailbox@example.org"),
        |_| (),
    )
    .await
    .unwrap();
    assert_eq!(report.counts.stored, 40);
    // While the store is open, with a write-ahead log, and after it was closed.
    for closed in [false, true] {
        for marker in markers {
            assert!(
                marker == "zqmailbox" || !holding(&source, marker).is_empty(),
                "{marker} is not in the source"
            );
            assert_eq!(
                holding(&data, marker),
                Vec::<PathBuf>::new(),
                "{marker}, closed: {closed}"
            );
        }
        if !closed {
            drop(tenant.clone());
            opened.store.clone().close().await.unwrap();
        }
    }
}

/// At most 6 rows and 1 kB of SQL a message, indexes included, read from the file.
#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_keeps_to_its_budget() {
    let dir = tempfile::tempdir().unwrap();
    let mbox = match everpost_testkit::corpus::linux_raid_mbox().unwrap() {
        Some(mbox) => mbox,
        None => {
            let path = dir.path().join("spam.mbox");
            let mut out = Vec::new();
            for mail in everpost_testkit::corpus::spam_assassin().unwrap() {
                everpost_codec::mbox::write_rd(
                    &mut out,
                    b"a@example.org",
                    1_000_000_000,
                    &mail.bytes,
                );
            }
            std::fs::write(&path, out).unwrap();
            path
        }
    };
    let data = dir.path().join("data");
    let store = Store::open(Options::create(&data)).await.unwrap().store;
    let tenant = store.tenant(None).unwrap();
    let source = Source::Mbox {
        path: mbox,
        dialect: Dialect::Rd,
    };
    let report = import(
        &tenant,
        &source,
        &ImportOptions::new("list@example.org"),
        |_| (),
    )
    .await
    .unwrap();
    assert!(report.counts.balances());
    let messages = report.counts.seen as f64;
    let rows = store.catalog_rows().await.unwrap() as f64 / messages;
    store.vacuum().await.unwrap();
    let bytes = store.catalog_bytes().await.unwrap() as f64 / messages;
    println!("{messages} messages: {rows:.2} rows and {bytes:.0} bytes of SQL a message");
    assert!(rows <= 6.0, "{rows} rows a message");
    assert!(bytes <= 1000.0, "{bytes} bytes of SQL a message");
}
