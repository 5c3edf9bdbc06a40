//! The demo keeps its promises: the same every time, well-formed, and searchable.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

use std::collections::{BTreeMap, BTreeSet};

use everpost_domain::digest::{Digest, Hasher};
use everpost_domain::message::{Structure, decode, scan, text_of};

use super::calendar::{Civil, Zone, rfc5322, utc};
use super::people::HOME;
use super::random::Random;
use super::{BEGIN, Demo, DemoItem, END, Flags, SEARCHES, files, machines, world};

/// One digest of everything that a demo yields.
fn fingerprint(demo: Demo) -> Digest {
    let mut hasher = Hasher::new();
    for item in demo.items() {
        hasher.update(item.mailbox.as_bytes());
        hasher.update(item.folder.as_bytes());
        hasher.update(item.flags.letters().as_bytes());
        hasher.update(&item.delivered.to_be_bytes());
        hasher.update(&Digest::of(&item.raw).0);
    }
    hasher.finish()
}

/// The different byte strings of the default demo.
fn copies() -> BTreeMap<Digest, DemoItem> {
    Demo::default()
        .items()
        .map(|item| (Digest::of(&item.raw), item))
        .collect()
}

/// A header field as it stands, unfolded; empty if there is none.
fn header(raw: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(raw).replace("\r\n ", " ");
    let start = format!("{}: ", name.to_lowercase());
    let found = text
        .split("\r\n")
        .take_while(|line| !line.is_empty())
        .find(|line| line.to_lowercase().starts_with(&start));
    found
        .map(|line| line[start.len()..].to_owned())
        .unwrap_or_default()
}

/// The plain text of a mail.
fn plain(raw: &[u8], structure: &Structure) -> String {
    let texts = structure
        .parts
        .iter()
        .enumerate()
        .filter(|(_, part)| part.content_type == "text/plain");
    texts
        .map(|(index, _)| text_of(raw, structure, index))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_seed_decides_everything() {
    let small = Demo {
        messages: 400,
        ..Demo::default()
    };
    assert_eq!(fingerprint(small), fingerprint(small));
    assert_ne!(fingerprint(small), fingerprint(Demo { seed: 8, ..small }));
}

#[test]
fn every_message_is_well_formed() {
    for item in copies().values() {
        let raw = &item.raw;
        for name in [
            "Date",
            "From",
            "To",
            "Message-ID",
            "Subject",
            "MIME-Version",
        ] {
            assert!(
                !header(raw, name).is_empty(),
                "{name} is missing in {}",
                String::from_utf8_lossy(&raw[..600])
            );
        }
        assert!(raw.ends_with(b"\r\n"));
        for line in raw.split(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or_else(|| {
                assert!(
                    line.is_empty(),
                    "a bare line feed in {}",
                    header(raw, "Subject")
                );
                line
            });
            assert!(
                line.len() <= 998,
                "{} bytes in a line of {}",
                line.len(),
                header(raw, "Subject")
            );
            assert!(!line.contains(&b'\r') && !line.contains(&0));
        }
        let end = raw.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        assert!(raw[..end].is_ascii(), "header fields are ASCII");
    }
}

#[test]
fn items_lie_in_mailboxes_of_the_firm_and_in_its_years() {
    let mut folders = BTreeSet::new();
    let mut mailboxes = BTreeSet::new();
    for item in Demo::default().items() {
        assert!(item.mailbox.ends_with(HOME));
        assert!(
            (BEGIN..=END + 60).contains(&item.delivered),
            "{}",
            Civil::of(item.delivered).iso()
        );
        assert!(!item.flags.answered || item.flags.seen);
        mailboxes.insert(item.mailbox);
        folders.insert(item.folder);
    }
    assert_eq!(mailboxes.len(), super::people::STAFF.len());
    assert!(
        folders.contains("INBOX")
            && folders.contains("Sent")
            && folders.contains("Projects/Pier 7")
    );
}

#[test]
fn the_number_of_messages_is_kept() {
    for messages in [0, 1, 37, 300] {
        let demo = Demo {
            messages,
            ..Demo::default()
        };
        let different: BTreeSet<String> = demo
            .items()
            .map(|item| header(&item.raw, "Message-ID"))
            .collect();
        assert!(
            different.len() <= messages && different.len() + 1 >= messages,
            "{} of {messages}",
            different.len()
        );
    }
}

#[test]
fn multiparts_open_and_files_come_out_whole() {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut times: BTreeMap<Digest, usize> = BTreeMap::new();
    for item in copies().values() {
        let structure = scan(&item.raw);
        for part in &structure.parts {
            *kinds.entry(part.content_type.clone()).or_default() += 1;
            let bytes = decode(&item.raw, part);
            match part.content_type.as_str() {
                "application/pdf" => {
                    assert!(bytes.starts_with(b"%PDF-1.4") && bytes.ends_with(b"%%EOF\n"))
                }
                "image/png" => {
                    assert!(bytes.starts_with(b"\x89PNG") && bytes.ends_with(b"IEND\xaeB\x60\x82"))
                }
                _ => continue,
            }
            *times.entry(Digest::of(&bytes)).or_default() += 1;
        }
    }
    for kind in [
        "text/plain",
        "text/html",
        "text/csv",
        "text/calendar",
        "application/pdf",
        "image/png",
        "message/rfc822",
        "multipart/mixed",
        "multipart/alternative",
        "multipart/related",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ] {
        assert!(
            kinds.get(kind).is_some_and(|count| *count > 8),
            "{kind}: {kinds:?}"
        );
    }
    assert!(
        times.values().filter(|count| **count >= 5).count() >= 5,
        "files that many mails carry"
    );
}

#[test]
fn one_mail_lies_in_many_mailboxes_byte_for_byte() {
    let mut owners: BTreeMap<Digest, BTreeSet<String>> = BTreeMap::new();
    for item in Demo::default().items() {
        owners
            .entry(Digest::of(&item.raw))
            .or_default()
            .insert(item.mailbox);
    }
    assert!(owners.values().filter(|owners| owners.len() > 1).count() > 500);
    assert!(
        owners
            .values()
            .any(|owners| owners.len() == super::people::STAFF.len())
    );
}

#[test]
fn two_different_mails_share_a_message_id() {
    let scans: Vec<Vec<u8>> = copies()
        .into_values()
        .map(|item| item.raw)
        .filter(|raw| header(raw, "Message-ID").contains("00000001@mfp2"))
        .collect();
    assert_eq!(scans.len(), 2);
    assert_ne!(header(&scans[0], "Date"), header(&scans[1], "Date"));
    assert_eq!(machines::scanner(BEGIN, &mut Random::new(1)).len(), 2);
}

#[test]
fn every_language_and_charset_is_written_and_read_back() {
    let (mut spoken, mut charsets) = (BTreeSet::new(), BTreeSet::new());
    let copies = copies();
    for item in copies.values() {
        let structure = scan(&item.raw);
        let text = plain(&item.raw, &structure)
            .split_whitespace()
            .collect::<String>();
        charsets.extend(
            structure
                .parts
                .iter()
                .filter_map(|part| part.charset.clone())
                .map(|name| name.to_lowercase()),
        );
        for tongue in &world::TONGUES {
            // A sentence without slots must come out as it was written, but for line breaks.
            let whole = tongue
                .sentences
                .iter()
                .filter(|sentence| !sentence.contains('{'));
            if whole
                .map(|sentence| sentence.split_whitespace().collect::<String>())
                .any(|sentence| text.contains(&sentence))
            {
                spoken.insert(tongue.code);
            }
        }
        if text.contains("Bestregards") {
            spoken.insert("en");
        }
    }
    assert_eq!(spoken.len(), 11, "{spoken:?}");
    for charset in [
        "utf-8",
        "us-ascii",
        "iso-8859-1",
        "iso-8859-2",
        "iso-8859-7",
        "koi8-r",
        "iso-2022-jp",
        "gb18030",
        "euc-kr",
    ] {
        assert!(charsets.contains(charset), "{charset}: {charsets:?}");
    }
}

#[test]
fn threads_point_at_their_parents() {
    let copies = copies();
    let ids: BTreeSet<String> = copies
        .values()
        .map(|item| header(&item.raw, "Message-ID"))
        .collect();
    let mut replies = 0;
    for item in copies.values() {
        let parent = header(&item.raw, "In-Reply-To");
        if parent.is_empty() {
            continue;
        }
        replies += 1;
        assert!(header(&item.raw, "References").ends_with(&parent));
        // Mails between partners are nobody's here, and the last thread may be cut.
        replies -= usize::from(!ids.contains(&parent));
    }
    assert!(replies > 500, "{replies}");
}

#[test]
fn the_searches_find_something_and_not_everything() {
    let copies = copies();
    let mut hits = [0usize; 3];
    for item in copies.values() {
        let structure = scan(&item.raw);
        let subject = header(&item.raw, "Subject").to_lowercase();
        let text = format!("{subject} {}", plain(&item.raw, &structure))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .to_lowercase();
        let at = Civil::of(item.delivered);
        let spring = at.year == 2024 && (2..=4).contains(&at.month);
        hits[0] += usize::from(text.contains("caisson") && text.contains("pier 7"));
        hits[1] += usize::from(
            header(&item.raw, "From").contains("johan.akerblom@")
                && spring
                && text.contains("heron"),
        );
        let pdf = structure.parts.iter().any(|part| {
            part.attachment
                && part
                    .filename
                    .as_ref()
                    .is_some_and(|name| name.ends_with(".pdf"))
        });
        hits[2] += usize::from(pdf && subject.contains("invoice"));
    }
    assert_eq!(SEARCHES.len(), hits.len());
    assert!(
        hits.iter().all(|count| (2..300).contains(count)),
        "{hits:?}"
    );
}

#[test]
fn the_calendar_knows_leap_days_and_summer_time() {
    assert_eq!(
        rfc5322(utc(2024, 2, 29, 12, 0), Zone::Japan),
        "Thu, 29 Feb 2024 21:00:00 +0900"
    );
    assert_eq!(
        rfc5322(utc(2024, 3, 31, 0, 59), Zone::Central),
        "Sun, 31 Mar 2024 01:59:00 +0100"
    );
    assert_eq!(
        rfc5322(utc(2024, 3, 31, 1, 0), Zone::Central),
        "Sun, 31 Mar 2024 03:00:00 +0200"
    );
    assert_eq!(
        rfc5322(utc(2024, 10, 27, 1, 0), Zone::London),
        "Sun, 27 Oct 2024 01:00:00 +0000"
    );
    assert_eq!(rfc5322(0, Zone::Gulf), "Thu, 1 Jan 1970 04:00:00 +0400");
}

#[test]
fn a_document_is_a_zip_that_opens() {
    let file = files::docx("a.docx", &["One & only".to_owned()]);
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(file.bytes)).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(
        &mut archive.by_name("word/document.xml").unwrap(),
        &mut text,
    )
    .unwrap();
    assert!(text.contains("One &amp; only"));
}

#[test]
fn flags_have_maildir_letters() {
    assert_eq!(
        Flags {
            seen: true,
            answered: true,
            flagged: true
        }
        .letters(),
        "FRS"
    );
    assert_eq!(Flags::default().letters(), "");
}

#[test]
fn the_default_is_of_a_modest_size() {
    let mut sizes: Vec<usize> = Demo::default().items().map(|item| item.raw.len()).collect();
    sizes.sort_unstable();
    let (total, median) = (sizes.iter().sum::<usize>(), sizes[sizes.len() / 2]);
    assert!(total <= 40_000_000, "{total}");
    assert!((3_000..6_000).contains(&median), "{median}");
    assert!(sizes.iter().any(|size| *size > 400_000));
}
