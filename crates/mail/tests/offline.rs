//! An export is verified where there is no archive; whatever was changed in it is named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

mod common;

use std::path::{Path, PathBuf};

use common::{Archive, ends, mailbox_dir, message, write};
use everpost_domain::digest::Digest;
use everpost_domain::log::Signer;
use everpost_mail::MANIFEST;
use everpost_mail::export::{ExportCheck, Format, SEAL, verify_export};

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_tree(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn first_file(dir: &Path) -> PathBuf {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries.into_iter().find(|path| path.is_file()).unwrap()
}

/// The manifest without its third line, and with a summary that says so.
fn without_a_line(out: &Path) {
    let text = std::fs::read_to_string(out.join(MANIFEST)).unwrap();
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    lines.remove(2);
    let last = lines.pop().unwrap();
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let mut summary: serde_json::Value = serde_json::from_str(&last).unwrap();
    summary["items"] = (summary["items"].as_u64().unwrap() - 1).into();
    summary["sha256_of_lines"] = Digest::of(body.as_bytes()).to_string().into();
    std::fs::write(out.join(MANIFEST), format!("{body}{summary}\n")).unwrap();
}

fn named(check: &ExportCheck, what: &str) -> bool {
    check
        .bad
        .iter()
        .any(|(item, reason)| item.contains(what) || reason.contains(what))
}

#[test]
fn changes_are_named() {
    ends(async {
        let archive = Archive::new().await;
        let messages: Vec<Vec<u8>> = (0..300).map(message).collect();
        archive.put("INBOX", &messages).await;
        let head = archive.tenant.log_head().await.unwrap().unwrap();
        let key = head.key.to_string();
        let dir = tempfile::tempdir().unwrap();
        let whole = dir.path().join("whole");
        archive.export("", Format::Maildir, &whole).await;
        let at_export = archive
            .tenant
            .log_head()
            .await
            .unwrap()
            .unwrap()
            .note
            .to_string();

        let check = verify_export(&whole, Some(&key), None);
        assert!(
            check.holds() && check.signer_checked && check.ok == 300,
            "{:?}",
            check.bad
        );
        let check = verify_export(&whole, None, None);
        assert!(check.holds() && !check.signer_checked);
        // A checkpoint kept elsewhere: of the same size, of another, of another log.
        for kept in [head.note.to_string(), at_export] {
            let check = verify_export(&whole, None, Some(&kept));
            assert!(
                check.holds() && check.signer_checked && check.notes.is_empty(),
                "{:?}",
                check.bad
            );
        }
        archive.put("INBOX", &[message(1000)]).await;
        let later = archive
            .tenant
            .log_head()
            .await
            .unwrap()
            .unwrap()
            .note
            .to_string();
        let check = verify_export(&whole, None, Some(&later));
        assert!(
            check.holds() && !check.signer_checked && check.notes.len() == 1,
            "{:?}",
            check.notes
        );
        let stranger = Signer::from_seed(head.key.name(), &[7; 32]).unwrap();
        let check = verify_export(&whole, Some(&stranger.key().to_string()), None);
        assert!(!check.holds());
        assert!(!verify_export(&whole, Some("nonsense"), None).holds());
        let other = Archive::new().await;
        other.put("INBOX", &[message(1)]).await;
        let foreign = other
            .tenant
            .log_head()
            .await
            .unwrap()
            .unwrap()
            .note
            .to_string();
        assert!(!verify_export(&whole, None, Some(&foreign)).holds());

        let changed = |name: &str, change: &dyn Fn(&Path)| {
            let out = dir.path().join(name);
            copy_tree(&whole, &out);
            change(&out);
            let check = verify_export(&out, Some(&key), None);
            assert!(!check.holds(), "{name}");
            check
        };
        let mail = first_file(&mailbox_dir(&whole).join("cur"));
        let name = mail.file_name().unwrap().to_str().unwrap();
        let below = mail.strip_prefix(&whole).unwrap().to_path_buf();
        let check = changed("byte", &|out| {
            let mut bytes = std::fs::read(out.join(&below)).unwrap();
            bytes[40] ^= 1;
            std::fs::write(out.join(&below), bytes).unwrap();
        });
        assert!(check.wrong == 1 && named(&check, name), "{:?}", check.bad);
        let check = changed("gone", &|out| {
            std::fs::remove_file(out.join(&below)).unwrap()
        });
        assert!(
            check.wrong == 1 && named(&check, name) && named(&check, "missing"),
            "{:?}",
            check.bad
        );
        let check = changed("more", &|out| write(&out.join("extra/new.eml"), "x"));
        assert!(
            check.wrong == 1 && named(&check, "extra/new.eml"),
            "{:?}",
            check.bad
        );
        let check = changed("line", &without_a_line);
        assert!(named(&check, "another manifest"), "{:?}", check.bad);
        let check = changed("unsealed", &|out| {
            std::fs::remove_file(out.join(SEAL)).unwrap()
        });
        assert!(named(&check, SEAL), "{:?}", check.bad);
        let edit = |out: &Path, from: &str, to: &str| {
            let text = std::fs::read_to_string(out.join(MANIFEST)).unwrap();
            assert!(text.contains(from));
            std::fs::write(out.join(MANIFEST), text.replacen(from, to, 1)).unwrap();
        };
        let check = changed("folder", &|out| {
            edit(out, "\"folder\":\"INBOX\"", "\"folder\":\"Spam\"")
        });
        assert!(named(&check, MANIFEST), "{:?}", check.bad);
        let check = changed("proof", &|out| edit(out, "\"index\":0", "\"index\":1"));
        assert!(named(&check, "proof fails"), "{:?}", check.bad);
        let check = changed("checkpoint", &|out| edit(out, "\\n300\\n", "\\n299\\n"));
        assert!(named(&check, "checkpoint"), "{:?}", check.bad);
        let check = changed("cut", &|out| {
            let text = std::fs::read(out.join(MANIFEST)).unwrap();
            std::fs::write(out.join(MANIFEST), &text[..text.len() / 2]).unwrap();
        });
        assert!(named(&check, MANIFEST), "{:?}", check.bad);
        let check = changed("outside", &|out| {
            edit(out, "\"path\":\"", "\"path\":\"../whole/")
        });
        assert!(named(&check, "outside"), "{:?}", check.bad);
        let check = changed("nothing", &|out| {
            std::fs::remove_file(out.join(MANIFEST)).unwrap()
        });
        assert!(named(&check, MANIFEST), "{:?}", check.bad);
    });
}

#[test]
fn an_mbox_is_verified_between_its_messages_too() {
    ends(async {
        let archive = Archive::new().await;
        archive.put("INBOX", &[message(1), message(2)]).await;
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        archive.export("", Format::Mbox, &out).await;
        let path = mailbox_dir(&out).join("INBOX.mbox");
        let text = std::fs::read(&path).unwrap();
        assert!(verify_export(&out, None, None).holds());
        std::fs::write(
            &path,
            [
                text.as_slice(),
                b"From x@y.z Mon Jan  1 10:00:00 2024\nSubject: slipped in\n\n\n",
            ]
            .concat(),
        )
        .unwrap();
        let check = verify_export(&out, None, None);
        assert!(
            check.ok == 2 && check.wrong == 1 && named(&check, "INBOX.mbox"),
            "{:?}",
            check.bad
        );
        let mut changed = text.clone();
        changed[60] ^= 1;
        std::fs::write(&path, changed).unwrap();
        let check = verify_export(&out, None, None);
        assert!(check.ok == 1 && named(&check, "at byte"), "{:?}", check.bad);
    });
}
