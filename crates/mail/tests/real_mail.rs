//! Real and broken mail through every format and back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

mod common;

use std::collections::BTreeMap;

use common::{ANN, Archive, eml, ends, mailbox_dir, maildir, mbox, write};
use everpost_domain::digest::Digest;
use everpost_mail::export::{Format, verify_export};
use everpost_mail::import::ImportOptions;
use everpost_testkit::corpus;

/// An archive of real mail: the larger corpus where there is one, else the small one.
async fn real() -> Archive {
    let archive = Archive::new().await;
    let into = |folder: &str| ImportOptions {
        folder: Some(folder.into()),
        ..ImportOptions::new(ANN)
    };
    match (
        corpus::linux_raid_mbox().unwrap(),
        corpus::enron().unwrap(),
        corpus::torture().unwrap(),
    ) {
        (Some(raid), Some(enron), Some(torture)) => {
            let options = ImportOptions {
                folder: Some("Lists/linux-raid".into()),
                ..ImportOptions::new(ANN)
            };
            archive.import_with(mbox(&raid), &options).await.unwrap();
            archive.import(eml(&enron)).await;
            archive.import(eml(&torture)).await;
        }
        _ => {
            let dir = tempfile::tempdir().unwrap();
            for (number, mail) in corpus::spam_assassin().unwrap().iter().enumerate() {
                write(&dir.path().join(format!("{number}.eml")), &mail.bytes);
            }
            archive
                .import_with(eml(dir.path()), &into("Lists/spam"))
                .await
                .unwrap();
        }
    }
    archive
}

#[test]
fn every_format_gives_back_what_came_in() {
    ends(async {
        let archive = real().await;
        let known = archive.folders().await;
        assert!(known.len() > 6000, "{}", known.len());
        let dir = tempfile::tempdir().unwrap();
        for format in [Format::Eml, Format::Maildir, Format::Mbox] {
            let out = dir.path().join(format.name());
            let report = archive.export("", format, &out).await;
            assert_eq!(
                (report.items, report.failed),
                (known.len() as u64, 0),
                "{:?}",
                report.errors
            );
            let check = verify_export(&out, None, None);
            assert!(
                check.holds() && check.ok == known.len() as u64,
                "{:?}",
                check.bad
            );
            let again = Archive::new().await;
            let inside = mailbox_dir(&out);
            match format {
                Format::Eml => drop(again.import(eml(&inside)).await),
                Format::Maildir => drop(again.import(maildir(&inside)).await),
                Format::Mbox => drop(again.import(mbox(&inside)).await),
            }
            let found = again.folders().await;
            if format != Format::Mbox {
                assert_eq!(found, known, "{}", format.name());
                continue;
            }
            // Without the manifest an mbox gives a last line that had no end one.
            let mut ended: BTreeMap<Digest, Digest> = BTreeMap::new();
            let end = |id, raw: &[u8]| {
                if raw.last().is_some_and(|last| *last != b'\n') {
                    ended.insert(id, Digest::of(&[raw, b"\n"].concat()));
                }
            };
            archive.each(end).await;
            let mut expected: Vec<(Digest, String)> = known
                .iter()
                .map(|(id, folder)| (*ended.get(id).unwrap_or(id), folder.clone()))
                .collect();
            expected.sort();
            assert_eq!(found, expected);
        }
    });
}
