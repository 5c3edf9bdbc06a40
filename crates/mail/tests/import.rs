//! Imports: every source's counts balance, and nothing is lost or doubled on the way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

mod common;

use std::io::Write;
use std::path::Path;

use common::{ANN, Archive, eml, ends, maildir, mbox, message, write};
use everpost_domain::digest::Digest;
use everpost_mail::import::{ImportOptions, Source, import};

#[test]
fn a_tree_with_everything_in_it_balances() {
    ends(async {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path();
        write(&root.join("a/1.eml"), message(1));
        write(&root.join("a/2"), message(2));
        write(&root.join("b/again.eml"), message(1));
        write(
            &root.join("b/broken.eml"),
            "no header at all, and still a message",
        );
        write(&root.join("b/empty.eml"), "");
        write(&root.join("notes.txt"), "milk, eggs");
        write(&root.join("photo.jpg"), b"\xff\xd8\xff\xe0\0\x10JFIF");
        write(
            &root.join("large.eml"),
            [message(3), vec![b'x'; 20_000]].concat(),
        );
        write(&root.join(".hidden"), message(4));
        std::os::unix::fs::symlink(root.join("nowhere"), root.join("dangling.eml")).unwrap();
        let options = ImportOptions {
            max_message: 10_000,
            ..ImportOptions::new(ANN)
        };

        let archive = Archive::new().await;
        let dry = ImportOptions {
            dry_run: true,
            ..options.clone()
        };
        let counted = archive.import_with(eml(root), &dry).await.unwrap();
        assert!(archive.placed().await.is_empty());
        let report = archive.import_with(eml(root), &options).await.unwrap();
        let counts = report.counts;
        assert_eq!(
            (counts.seen, counts.stored, counts.duplicate),
            (9, 4, 1),
            "{:?}",
            report.errors
        );
        assert_eq!(
            (counts.rejected, counts.failed),
            (3, 1),
            "{:?}",
            report.errors
        );
        assert_eq!(counted.counts, counts);
        assert_eq!(counted.errors, report.errors);
        let job = report.job.unwrap();
        assert_eq!(archive.tenant.job_errors(job.id).await.unwrap().len(), 4);
        let folders = archive.folders().await;
        assert!(folders.contains(&(Digest::of(&message(1)), "b".into())));
    });
}

#[test]
fn only_what_was_held_in_the_range() {
    ends(async {
        let tree = tempfile::tempdir().unwrap();
        let names = [
            "1600000000.a.h:2,S",
            "1650000000.b.h:2,",
            "1700000000.c.h:2,F",
        ];
        for (number, name) in names.iter().enumerate() {
            write(&tree.path().join("cur").join(name), message(number));
        }
        std::fs::create_dir(tree.path().join("new")).unwrap();
        let archive = Archive::new().await;
        let options = ImportOptions {
            since: Some(1_650_000_000),
            until: Some(1_700_000_000),
            ..ImportOptions::new(ANN)
        };
        let report = archive
            .import_with(maildir(tree.path()), &options)
            .await
            .unwrap();
        assert_eq!(
            (
                report.counts.seen,
                report.counts.stored,
                report.counts.outside
            ),
            (1, 1, 2)
        );
        assert_eq!(archive.placed().await[0].0, Digest::of(&message(1)));
    });
}

/// Packs cannot be written any more; returns what undoes that.
fn break_packs(packs: &Path) -> impl FnOnce() + use<> {
    let (packs, away) = (packs.to_path_buf(), packs.with_extension("away"));
    std::fs::rename(&packs, &away).unwrap();
    std::fs::write(&packs, "in the way").unwrap();
    move || {
        std::fs::remove_file(&packs).unwrap();
        std::fs::rename(&away, &packs).unwrap();
    }
}

/// Imports until the first group is stored, then fails; then goes on.
async fn interrupted(source: Source, all: u64) -> Archive {
    let mut archive = Archive::new().await;
    let packs = archive.packs();
    let mut repair = None;
    let failed = import(
        &archive.tenant,
        &source,
        &ImportOptions::new(ANN),
        |progress| {
            if progress.counts.seen > 0 && repair.is_none() {
                repair = Some(break_packs(&packs));
            }
        },
    )
    .await;
    assert!(failed.is_err(), "{failed:?}");
    repair.unwrap()();
    // Every stage has ended: the store can be closed and opened.
    archive = archive.again().await;
    let report = archive.import(source.clone()).await;
    assert!(report.resumed);
    assert_eq!((report.counts.seen, report.counts.stored), (all, all));
    assert_eq!(archive.placed().await.len() as u64, all);
    archive
}

/// A message that is a group of its own.
fn large(number: usize) -> Vec<u8> {
    [
        message(number),
        vec![b'a' + number as u8; 4 << 20],
        b"\n".to_vec(),
    ]
    .concat()
}

#[test]
fn an_import_goes_on_where_it_failed() {
    ends(async {
        let tree = tempfile::tempdir().unwrap();
        // In the order of names `inbox` is before `inbox-old`, in that of bytes
        // `inbox-old/1` is before `inbox/1`: a cursor must know which.
        for (number, name) in ["inbox/1", "inbox-old/1", "inbox.x/1", "a/b/1", "a/1"]
            .iter()
            .enumerate()
        {
            write(&tree.path().join(name).with_extension("eml"), large(number));
        }
        interrupted(eml(tree.path()), 5).await;

        let tree = tempfile::tempdir().unwrap();
        for (number, dir) in ["", ".Sent", ".Sent.2024", ".Sent-old", "Sent!"]
            .iter()
            .enumerate()
        {
            write(
                &tree
                    .path()
                    .join(dir)
                    .join(format!("cur/170000000{number}.x.h:2,S")),
                large(number),
            );
            std::fs::create_dir_all(tree.path().join(dir).join("new")).unwrap();
        }
        interrupted(maildir(tree.path()), 5).await;

        let tree = tempfile::tempdir().unwrap();
        let one = [
            b"From a@b.c Mon Jan  1 10:00:00 2024\n".to_vec(),
            large(1),
            b"\n".to_vec(),
        ]
        .concat();
        let two = [
            b"From a@b.c Mon Jan  1 10:00:00 2024\n".to_vec(),
            large(2),
            b"\n".to_vec(),
        ]
        .concat();
        write(&tree.path().join("box"), [one.clone(), two].concat());
        interrupted(mbox(&tree.path().join("box")), 2).await;

        let path = tree.path().join("all.zip");
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        for name in ["z.eml", "a.eml"] {
            zip.start_file(name, zip::write::SimpleFileOptions::default())
                .unwrap();
            zip.write_all(&large(name.len() + usize::from(name == "a.eml")))
                .unwrap();
        }
        zip.start_file("m.mbox", zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(&one).unwrap();
        zip.finish().unwrap();
        interrupted(Source::Zip { path }, 3).await;
    });
}

/// A Maildir, a tree and an mbox as entries of an archive.
fn entries() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("./Maildir/cur/1600000000.a.h:2,FS", message(1)),
        (
            "./Maildir/.Sent.2024/new/1600000001.b.h",
            [b"From x\n".to_vec(), message(2)].concat(),
        ),
        ("./Maildir/tmp/1600000002.c.h", message(3)),
        (".Drafts/cur/1600000003.d.h:2,D", message(4)),
        ("./letters/old/1.eml", message(5)),
        ("top.eml", message(6)),
        (
            "boxes/Work.mbox",
            [
                b"From a@b.c Mon Jan  1 10:00:00 2024\n".to_vec(),
                message(7),
                b"\n".to_vec(),
            ]
            .concat(),
        ),
        (
            "Mac.mbox/mbox",
            [
                b"From a@b.c Mon Jan  1 10:00:00 2024\n".to_vec(),
                message(8),
                b"\n".to_vec(),
            ]
            .concat(),
        ),
        ("readme.txt", b"nothing\n".to_vec()),
    ]
}

async fn check_archive(source: Source) {
    let archive = Archive::new().await;
    let report = archive.import(source).await;
    let counts = report.counts;
    assert_eq!(
        (counts.stored, counts.rejected, counts.failed),
        (7, 1, 0),
        "{:?}",
        report.errors
    );
    let mut found: Vec<(String, u32, i64)> = archive
        .placed()
        .await
        .into_iter()
        .map(|placed| (placed.2, placed.3, placed.5))
        .collect();
    found.sort();
    let folders: Vec<&str> = found.iter().map(|(folder, ..)| folder.as_str()).collect();
    assert_eq!(
        folders,
        [
            "Drafts",
            "INBOX",
            "INBOX",
            "Mac",
            "Sent/2024",
            "boxes/Work",
            "letters/old"
        ]
    );
    assert!(
        found.contains(&("INBOX".into(), 5, 1_600_000_000)),
        "{found:?}"
    );
    assert!(
        found.contains(&("Drafts".into(), 16, 1_600_000_003)),
        "{found:?}"
    );
}

#[test]
fn archives_of_everything() {
    ends(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("all.zip");
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        for (name, bytes) in entries() {
            zip.start_file(name, zip::write::SimpleFileOptions::default())
                .unwrap();
            zip.write_all(&bytes).unwrap();
        }
        zip.finish().unwrap();
        check_archive(Source::Zip { path }).await;

        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in entries() {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            tar.append_data(&mut header, name, bytes.as_slice())
                .unwrap();
        }
        let tar = tar.into_inner().unwrap();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gz.write_all(&tar).unwrap();
        let packed = [
            ("tar", tar.clone()),
            ("tar.gz", gz.finish().unwrap()),
            ("tar.zst", zstd::encode_all(tar.as_slice(), 3).unwrap()),
        ];
        for (end, bytes) in packed {
            let path = dir.path().join(format!("all.{end}"));
            write(&path, bytes);
            check_archive(Source::Tar { path }).await;
        }
    });
}

#[test]
fn links_and_cut_archives_are_told() {
    ends(async {
        let dir = tempfile::tempdir().unwrap();
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(message(1).len() as u64);
        tar.append_data(
            &mut header,
            "M/cur/1600000000.a.h:2,",
            message(1).as_slice(),
        )
        .unwrap();
        let mut link = tar::Header::new_gnu();
        link.set_entry_type(tar::EntryType::Link);
        link.set_size(0);
        tar.append_link(
            &mut link,
            "M/.Sent/cur/1600000000.a.h:2,",
            "M/cur/1600000000.a.h:2,",
        )
        .unwrap();
        let whole = tar.into_inner().unwrap();
        let path = dir.path().join("linked.tar");
        write(&path, &whole);
        let report = Archive::new().await.import(Source::Tar { path }).await;
        assert_eq!(
            (report.counts.stored, report.counts.failed),
            (1, 1),
            "{:?}",
            report.errors
        );

        let path = dir.path().join("cut.tar");
        write(&path, &whole[..600]);
        let report = Archive::new().await.import(Source::Tar { path }).await;
        assert_eq!(
            (report.counts.stored, report.counts.failed),
            (0, 2),
            "{:?}",
            report.errors
        );
    });
}

#[test]
fn packages_and_chosen_folders() {
    ends(async {
        let dir = tempfile::tempdir().unwrap();
        let package = dir.path().join("Sent Items.mbox");
        let text = [
            b"From a@b.c Mon Jan  1 10:00:00 2024\n".to_vec(),
            message(1),
            b"\n".to_vec(),
        ]
        .concat();
        write(&package.join("mbox"), &text);
        write(&package.join("table_of_contents"), b"\0\0\0");
        for path in [
            dir.path().to_path_buf(),
            package.clone(),
            package.join("mbox"),
        ] {
            let archive = Archive::new().await;
            let report = archive.import(mbox(&path)).await;
            assert_eq!(
                (report.counts.seen, report.counts.stored),
                (1, 1),
                "{:?}",
                report.errors
            );
            assert_eq!(
                archive.folders().await,
                [(Digest::of(&message(1)), "Sent Items".into())]
            );
        }
        let archive = Archive::new().await;
        let options = ImportOptions {
            folder: Some("Old/2001".into()),
            ..ImportOptions::new(ANN)
        };
        archive
            .import_with(mbox(dir.path()), &options)
            .await
            .unwrap();
        assert_eq!(
            archive.folders().await,
            [(Digest::of(&message(1)), "Old/2001".into())]
        );
    });
}

#[test]
fn maildirs_that_programs_left_behind() {
    ends(async {
        use std::os::unix::ffi::OsStrExt;
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path();
        for dir in [
            "cur", "new", "tmp", ".A.B/cur", ".A.B/new", "A/B/cur", "A/B/new",
        ] {
            std::fs::create_dir_all(root.join(dir)).unwrap();
        }
        // Two directories of one folder, and directories that are links to themselves.
        write(&root.join(".A.B/cur/1600000000.a.h:2,S"), message(1));
        write(&root.join("A/B/cur/1600000000.a.h:2,S"), message(2));
        for name in ["one", "two"] {
            std::os::unix::fs::symlink(root, root.join(name)).unwrap();
        }
        // A folder and a file whose names are no text.
        let odd = root.join(std::ffi::OsStr::from_bytes(b".odd\xff"));
        write(
            &odd.join("cur")
                .join(std::ffi::OsStr::from_bytes(b"1600000000.\xfe:2,")),
            message(3),
        );
        std::fs::create_dir(odd.join("new")).unwrap();
        // Broken, empty, and compressed by the server.
        write(&root.join("new/1600000001.x"), "no header");
        write(&root.join("new/1600000002.x"), "");
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gz.write_all(&message(4)).unwrap();
        write(
            &root.join("cur/1600000003.x,S=200:2,"),
            gz.finish().unwrap(),
        );
        write(
            &root.join("cur/1600000004.x:2,"),
            zstd::encode_all(message(5).as_slice(), 3).unwrap(),
        );
        write(&root.join("cur/1600000005.x:2,"), b"\x1f\x8bdamaged");
        // The same name with two sets of flags: both are there, so both are read.
        write(&root.join("cur/1600000006.x:2,"), message(6));
        write(&root.join("cur/1600000006.x:2,S"), message(7));

        let archive = Archive::new().await;
        let report = archive.import(maildir(root)).await;
        let counts = report.counts;
        assert_eq!(
            (counts.seen, counts.stored, counts.failed),
            (10, 9, 1),
            "{:?}",
            report.errors
        );
        let found = archive.folders().await;
        for number in 1..8 {
            assert!(
                found
                    .iter()
                    .any(|(id, _)| *id == Digest::of(&message(number))),
                "{number}"
            );
        }
        assert!(found.contains(&(Digest::of(&message(1)), "A/B".into())));
        assert!(found.contains(&(Digest::of(&message(2)), "A/B".into())));
    });
}

#[test]
fn a_small_budget_is_slow_and_never_stuck() {
    ends(async {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let from = b"From a@b.c Mon Jan  1 10:00:00 2024\n".to_vec();
        let sized = |number: usize, size: usize| {
            [message(number), vec![b'x'; size], b"\n".to_vec()].concat()
        };
        for in_flight in [1, 64 << 10, 48 << 20] {
            let options = ImportOptions {
                in_flight,
                max_message: 6 << 20,
                ..ImportOptions::new(ANN)
            };
            let tree = root.join(format!("tree{in_flight}"));
            for (number, size) in [10, 100_000, 10, 300_000, 5 << 20, 70_000, 10]
                .into_iter()
                .enumerate()
            {
                write(&tree.join(format!("{number}.eml")), sized(number, size));
            }
            let archive = Archive::new().await;
            let report = archive.import_with(eml(&tree), &options).await.unwrap();
            assert_eq!(report.counts.stored, 7);

            // A message above the limit takes all the room and gives it back; so does a
            // Content-Length that lies.
            let lie = [b"Content-Length: 9500000\n".to_vec(), message(90)].concat();
            let messages = [
                sized(10, 10),
                lie,
                sized(11, 10 << 20),
                sized(12, 20),
                sized(13, 5 << 20),
                sized(14, 20),
                sized(15, 20),
            ];
            let mut text = Vec::new();
            for message in &messages {
                text.extend([from.as_slice(), message, b"\n"].concat());
            }
            let path = root.join("box");
            write(&path, &text);
            let archive = Archive::new().await;
            let report = archive.import_with(mbox(&path), &options).await.unwrap();
            assert_eq!(
                (report.counts.stored, report.counts.rejected),
                (6, 1),
                "{:?}",
                report.errors
            );

            // Exactly where reading an entry turns from small to large.
            let path = root.join("all.zip");
            let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
            for (number, size) in [10, 4 << 20, (4 << 20) + 1, 20, 7 << 20, 30]
                .into_iter()
                .enumerate()
            {
                zip.start_file(
                    format!("{number}.eml"),
                    zip::write::SimpleFileOptions::default(),
                )
                .unwrap();
                let mut bytes = sized(number, size);
                bytes.truncate(size.max(500));
                zip.write_all(&bytes).unwrap();
            }
            zip.finish().unwrap();
            let archive = Archive::new().await;
            let report = archive
                .import_with(Source::Zip { path }, &options)
                .await
                .unwrap();
            assert_eq!(
                (report.counts.stored, report.counts.rejected),
                (5, 1),
                "{:?}",
                report.errors
            );
        }
    });
}
