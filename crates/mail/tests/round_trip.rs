//! What was imported comes out of an export, and back in, byte for byte.
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

use common::{ANN, Archive, eml, ends, mailbox_dir, maildir, mbox, message, write};
use everpost_codec::mbox::unquote_rd;
use everpost_domain::digest::Digest;
use everpost_domain::query::parse;
use everpost_mail::MANIFEST;
use everpost_mail::export::{Format, verify_export};
use everpost_mail::import::ImportOptions;
use everpost_store::{By, Order, SearchRequest};
use serde_json::Value;

/// Bytes that other archives changed or lost (traps 9 and 11 of the comparison of peers).
fn odd_messages() -> Vec<Vec<u8>> {
    let mut odd: Vec<Vec<u8>> = vec![
        b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=x;\r\n bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n b=AAAA\r\nFrom: a@example.org\r\nSubject: signed  with   blanks \r\n\r\nText \t\r\n\r\n\r\n".to_vec(),
        b"From: a@example.org\nSubject: r\xe9sum\xe9\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\n\xe4\xf6\xfc\x80\xff\n".to_vec(),
        b"From: a@example.org\r\nSubject: mixed\nTo: b@example.org\r\n\r\nbare\nand\r\nboth\n".to_vec(),
        b"From: a@example.org\rSubject: old Mac\r\rlines\rof\rCR\r".to_vec(),
        b"From: a@example.org\nSubject: NUL\n\nbe\0fore\0\n\0".to_vec(),
        b"From: a@example.org\nSubject: no end\n\nthe last line has no end".to_vec(),
        b"From: a@example.org\nSubject: no body\n\n".to_vec(),
        b"From: a@example.org\nSubject: not even the empty line\n".to_vec(),
        b"From: a@example.org\nSubject: cut".to_vec(),
        b"From: a@example.org\n\nFrom here on\n>From there\n>>From further\n From x\n\nFrom ann@x.y Mon Jan  1 10:00:00 2024\nSubject: inside\n\n>From ".to_vec(),
        b"From ann@x.y Mon Jan  1 10:00:00 2024\nFrom: a@example.org\n\nwith its mbox line\n\n\n\n".to_vec(),
        b"Content-Length: 5\nFrom: a@example.org\n\nnot five bytes\n\n".to_vec(),
        b"".to_vec(),
        b"\n".to_vec(),
        b"no header".to_vec(),
    ];
    odd.push(
        format!(
            "Message-ID: <{}@example.org>\nSubject: long id\n\nx\n",
            "i".repeat(16 << 10)
        )
        .into_bytes(),
    );
    let field = |number: usize| format!("X-Field-{number}: {}\n", "v".repeat(60));
    let header: String = (0..2500).map(field).collect();
    assert!(header.len() > 131_072);
    odd.push(format!("{header}Subject: long header\n\nx\n").into_bytes());
    odd
}

fn digests(messages: &[Vec<u8>]) -> Vec<Digest> {
    let mut all: Vec<Digest> = messages.iter().map(|message| Digest::of(message)).collect();
    all.sort();
    all
}

async fn ids(archive: &Archive) -> Vec<Digest> {
    archive
        .folders()
        .await
        .into_iter()
        .map(|(id, _)| id)
        .collect()
}

fn items(out: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(out.join(MANIFEST)).unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line.get("path").is_some()).collect()
}

#[test]
fn odd_messages_are_kept_to_the_byte() {
    ends(async {
        let archive = Archive::new().await;
        let messages = odd_messages();
        archive.put("Odd", &messages).await;
        assert_eq!(ids(&archive).await, digests(&messages));
        let out = tempfile::tempdir().unwrap();
        for format in [Format::Eml, Format::Maildir, Format::Mbox] {
            let out = out.path().join(format.name());
            let report = archive.export("", format, &out).await;
            assert_eq!(
                (report.items, report.failed),
                (messages.len() as u64, 0),
                "{:?}",
                report.errors
            );
            let check = verify_export(&out, None, None);
            assert!(check.holds(), "{:?}", check.bad);
            let again = Archive::new().await;
            let dir = mailbox_dir(&out);
            if format == Format::Mbox {
                // With the manifest: each entry's own bytes.
                let text = std::fs::read(dir.join("Odd.mbox")).unwrap();
                for item in items(&out) {
                    let number = |name: &str| item[name].as_u64().unwrap() as usize;
                    let stored = &text[number("offset")..number("offset") + number("length")];
                    assert_eq!(
                        Digest::of(&unquote_rd(stored)).to_string(),
                        item["sha256"].as_str().unwrap()
                    );
                }
                // Without: a last line without an end gets one.
                again.import(mbox(&dir)).await;
                let ended = |message: &Vec<u8>| match message.last() {
                    None | Some(b'\n') => message.clone(),
                    Some(_) => [message.as_slice(), b"\n"].concat(),
                };
                let ended: Vec<Vec<u8>> = messages.iter().map(ended).collect();
                assert_eq!(ids(&again).await, digests(&ended));
                continue;
            }
            let source = if format == Format::Eml {
                eml(&dir)
            } else {
                maildir(&dir)
            };
            let report = again.import(source).await;
            assert_eq!(
                report.counts.rejected + report.counts.failed,
                0,
                "{:?}",
                report.errors
            );
            assert_eq!(
                again.folders().await,
                archive.folders().await,
                "{}",
                format.name()
            );
        }
    });
}

#[test]
fn folders_flags_keywords_and_times_come_back() {
    ends(async {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path();
        for dir in ["", ".Sent.2024", ".Entw&APw-rfe", ".x%y~z"] {
            for part in ["cur", "new", "tmp"] {
                std::fs::create_dir_all(root.join(dir).join(part)).unwrap();
            }
        }
        write(&root.join("dovecot-keywords"), "0 $Label1\n1 Work\n");
        write(&root.join("cur/1600000000.a.h:2,FRS"), message(1));
        write(&root.join("cur/1600000001.b.h:2,Tab"), message(2));
        write(&root.join("new/1600000002.c.h"), message(3));
        // The same bytes twice in one folder, and once more elsewhere.
        write(&root.join("cur/1600000003.d.h:2,S"), message(3));
        write(&root.join(".Sent.2024/cur/1600000004.e.h:2,PS"), message(3));
        // One Message-ID, two mails.
        let other = String::from_utf8(message(1))
            .unwrap()
            .replace("Text", "Other text")
            .into_bytes();
        write(&root.join(".Sent.2024/cur/1600000005.f.h:2,D"), &other);
        write(
            &root.join(".Entw&APw-rfe/cur/1600000006.g.h:2,D"),
            message(4),
        );
        write(&root.join(".x%y~z/cur/1600000007.h.h:2,"), message(5));
        let archive = Archive::new().await;
        archive.import(maildir(root)).await;
        archive.put("a.b/c", &[message(6)]).await;
        archive.put("a/b/c", &[message(7)]).await;
        archive.put(".hidden", &[message(8)]).await;

        let out = tempfile::tempdir().unwrap();
        let placed = archive.placed().await;
        assert_eq!(placed.len(), 11);
        for format in [Format::Maildir, Format::Eml, Format::Mbox] {
            let out = out.path().join(format.name());
            let report = archive.export("", format, &out).await;
            assert_eq!((report.copies, report.items, report.failed), (9, 11, 0));
            let check = verify_export(&out, None, None);
            assert!(
                check.holds() && check.checked == 11 && !check.signer_checked,
                "{:?}",
                check.bad
            );
            let mut named: Vec<(String, String)> = Vec::new();
            for item in items(&out) {
                let text = |name: &str| item[name].as_str().unwrap().to_string();
                named.push((text("sha256"), text("folder")));
            }
            named.sort();
            let known: Vec<_> = placed
                .iter()
                .map(|placed| (placed.0.to_string(), placed.2.clone()))
                .collect();
            assert_eq!(named, known);
            let again = Archive::new().await;
            let dir = mailbox_dir(&out);
            match format {
                Format::Maildir => {
                    again.import(maildir(&dir)).await;
                    assert_eq!(again.placed().await, placed);
                }
                Format::Eml => {
                    again.import(eml(&dir)).await;
                    assert_eq!(again.folders().await, archive.folders().await);
                }
                Format::Mbox => {
                    again.import(mbox(&dir)).await;
                    let times = |placed: Vec<common::Placed>| -> Vec<_> {
                        placed
                            .into_iter()
                            .map(|placed| (placed.0, placed.2, placed.5))
                            .collect()
                    };
                    assert_eq!(times(again.placed().await), times(placed.clone()));
                }
            }
        }
        let file = std::fs::metadata(out.path().join("eml")).unwrap();
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            file.permissions().mode() & 0o777,
            0o700,
            "an export is its maker's alone"
        );
    });
}

#[test]
fn any_folder_can_be_written() {
    ends(async {
        let archive = Archive::new().await;
        let long = "ü".repeat(300);
        let deep = vec!["level"; 900].join("/");
        let folders = [
            "..",
            "../../etc",
            "a\\b",
            "c:d",
            "CON",
            "",
            "/",
            "x//y",
            "new",
            "cur",
            "manifest.ndjson",
            &long,
            &deep,
        ];
        for (number, folder) in folders.iter().enumerate() {
            archive.put(folder, &[message(number)]).await;
        }
        let out = tempfile::tempdir().unwrap();
        for format in [Format::Maildir, Format::Eml, Format::Mbox] {
            let out = out.path().join(format.name());
            let report = archive.export("", format, &out).await;
            assert_eq!((report.items, report.failed), (folders.len() as u64, 0));
            let check = verify_export(&out, None, None);
            assert!(
                check.holds() && check.ok == folders.len() as u64,
                "{:?}",
                check.bad
            );
            let found: BTreeMap<String, String> = items(&out)
                .iter()
                .map(|item| {
                    (
                        item["folder"].as_str().unwrap().into(),
                        item["path"].as_str().unwrap().into(),
                    )
                })
                .collect();
            assert_eq!(found.len(), folders.len());
            let dir = mailbox_dir(&out);
            let again = Archive::new().await;
            let source = match format {
                Format::Maildir => maildir(&dir),
                Format::Eml => eml(&dir),
                Format::Mbox => mbox(&dir),
            };
            again.import(source).await;
            assert_eq!(ids(&again).await, ids(&archive).await, "{}", format.name());
        }
    });
}

#[test]
fn every_hit_can_be_reached_and_exported() {
    ends(async {
        let archive = Archive::new().await;
        let messages: Vec<Vec<u8>> = (0..1500).map(message).collect();
        archive.put("INBOX", &messages).await;
        let mut request = SearchRequest {
            query: parse("subject:number").unwrap(),
            by: By::Message,
            order: Order::Oldest,
            after: None,
            limit: 400,
            scope: everpost_store::Scope::Everything,
        };
        let mut seen = 0;
        loop {
            let page = archive.tenant.search(&request).await.unwrap();
            assert_eq!(page.messages, 1500);
            seen += page.hits.len();
            match page.next {
                Some(next) => request.after = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, 1500);
        let out = tempfile::tempdir().unwrap();
        let report = archive
            .export("subject:number", Format::Eml, &out.path().join("all"))
            .await;
        assert_eq!((report.copies, report.items), (1500, 1500));
        assert_eq!(items(&out.path().join("all")).len(), 1500);
        let some = archive
            .export(
                "subject:\"number 7\"",
                Format::Mbox,
                &out.path().join("some"),
            )
            .await;
        assert_eq!(some.items, 1);
    });
}

#[test]
fn an_attachment_outlives_one_of_its_mails() {
    ends(async {
        let archive = Archive::new().await;
        let file: Vec<u8> = (0..200_000u32)
            .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        let coded = base64_lines(&file);
        let mail = |number: usize| {
            format!(
                "From: ann@example.org\r\nSubject: mail {number}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee {number}.\r\n--b\r\nContent-Type: application/octet-stream; name=plan.bin\r\nContent-Disposition: attachment; filename=plan.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n{coded}--b--\r\n"
            )
            .into_bytes()
        };
        archive.put("One", &[mail(1)]).await;
        archive.put("Two", &[mail(2)]).await;
        let jobs = archive.tenant.jobs().await.unwrap();
        archive
            .tenant
            .withdraw_job(jobs[0].id, "tester", "wrong")
            .await
            .unwrap();
        let two = Digest::of(&mail(2));
        assert_eq!(archive.folders().await, [(two, "Two".into())]);
        assert_eq!(archive.tenant.raw(&two).await.unwrap(), mail(2));
        assert_eq!(
            archive.tenant.show(&two).await.unwrap().head.filenames,
            ["plan.bin"]
        );
        let out = tempfile::tempdir().unwrap();
        let report = archive
            .export("filename:plan.bin", Format::Eml, &out.path().join("out"))
            .await;
        assert_eq!((report.items, report.failed), (1, 0));
        assert_eq!(
            items(&out.path().join("out"))[0]["sha256"]
                .as_str()
                .unwrap(),
            two.to_string()
        );
    });
}

fn base64_lines(bytes: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    let lines = text
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).unwrap().to_string() + "\r\n");
    lines.collect()
}

#[test]
fn what_is_damaged_is_named_and_the_rest_is_exported() {
    ends(async {
        let archive = Archive::new().await;
        archive.put("One", &[message(1), message(2)]).await;
        let known: Vec<_> = packs(&archive).await;
        archive.put("Two", &[message(3)]).await;
        for pack in packs(&archive).await {
            if !known.contains(&pack) {
                let mut bytes = std::fs::read(&pack).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                std::fs::write(&pack, bytes).unwrap();
            }
        }
        let archive = archive.again().await;
        let out = tempfile::tempdir().unwrap();
        for format in [Format::Eml, Format::Mbox, Format::Maildir] {
            let out = out.path().join(format.name());
            let options = everpost_mail::export::ExportOptions {
                query: parse("").unwrap(),
                scope: everpost_store::Scope::Everything,
                text: String::new(),
                format,
                out: out.clone(),
                actor: "tester".into(),
                dry_run: false,
            };
            let report = everpost_mail::export::export(&archive.tenant, &options, |_| {})
                .await
                .unwrap();
            assert_eq!((report.items, report.failed), (2, 1), "{:?}", report.errors);
            assert_eq!(report.errors[0].0, Digest::of(&message(3)).to_string());
            let check = verify_export(&out, None, None);
            assert!(
                check.holds() && check.missing == 1 && check.ok == 2,
                "{:?}",
                check.bad
            );
        }
    });
}

async fn packs(archive: &Archive) -> Vec<std::path::PathBuf> {
    let mut open = vec![archive.packs()];
    let mut packs = Vec::new();
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path)
            } else {
                packs.push(path)
            }
        }
    }
    packs
}

#[test]
fn a_directory_with_something_in_it_is_refused() {
    ends(async {
        let archive = Archive::new().await;
        let out = tempfile::tempdir().unwrap();
        let options = |dry_run| everpost_mail::export::ExportOptions {
            query: parse("").unwrap(),
            scope: everpost_store::Scope::Everything,
            text: String::new(),
            format: Format::Eml,
            out: out.path().to_path_buf(),
            actor: "tester".into(),
            dry_run,
        };
        let empty = everpost_mail::export::export(&archive.tenant, &options(false), |_| {}).await;
        assert!(matches!(
            empty,
            Err(everpost_mail::export::ExportError::Nothing)
        ));
        archive
            .import_with(eml(out.path()), &ImportOptions::new(ANN))
            .await
            .unwrap();
        archive.put("INBOX", &[message(1)]).await;
        write(&out.path().join("mine.txt"), "keep me");
        let refused = everpost_mail::export::export(&archive.tenant, &options(false), |_| {}).await;
        assert!(matches!(
            refused,
            Err(everpost_mail::export::ExportError::NotEmpty(_))
        ));
        assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 1);
    });
}
