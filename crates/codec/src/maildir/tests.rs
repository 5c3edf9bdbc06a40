//! Maildir names and folders.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use super::*;
use proptest::prelude::*;

#[test]
fn names() {
    let cases = [
        (
            "cur/1700000000.M1P2.host,S=123,W=130:2,FRST",
            "1700000000.M1P2.host,S=123,W=130",
            Some(1_700_000_000),
            Some(123),
            "FRST",
        ),
        (
            "1700000000.M1P2.host:2,",
            "1700000000.M1P2.host",
            Some(1_700_000_000),
            None,
            "",
        ),
        (
            "new/1700000000.M1P2.host",
            "1700000000.M1P2.host",
            Some(1_700_000_000),
            None,
            "",
        ),
        (
            "1700000000.1.host;2,S",
            "1700000000.1.host",
            Some(1_700_000_000),
            None,
            "S",
        ),
        (
            "1700000000.1.host!2,S",
            "1700000000.1.host",
            Some(1_700_000_000),
            None,
            "S",
        ),
        (
            "1700000000_0.12.host,U=3,FMD5=ab:2,PSDac",
            "1700000000_0.12.host,U=3,FMD5=ab",
            Some(1_700_000_000),
            None,
            "DPSac",
        ),
        (
            "1700000000.1.host:1,XS",
            "1700000000.1.host",
            Some(1_700_000_000),
            None,
            "",
        ),
        (
            "1700000000.1.host:2,SS,more",
            "1700000000.1.host",
            Some(1_700_000_000),
            None,
            "S",
        ),
        (
            "1700000000.1.a:2,b:2,S",
            "1700000000.1.a:2,b",
            Some(1_700_000_000),
            None,
            "S",
        ),
        // No time of delivery: a counter, a hash, nothing behind the digits, no digits.
        ("12.host:2,S", "12.host", None, None, "S"),
        ("17000000001234.host", "17000000001234.host", None, None, ""),
        ("1700000000", "1700000000", None, None, ""),
        ("msg.eml:2,", "msg.eml", None, None, ""),
        ("0000000001.host", "0000000001.host", None, None, ""),
    ];
    for (path, unique, seconds, size, letters) in cases {
        let name = Name::parse(path.as_bytes()).unwrap();
        assert_eq!(name.unique, unique.as_bytes(), "{path}");
        assert_eq!((name.seconds, name.size()), (seconds, size), "{path}");
        let mut sorted: Vec<u8> = letters.bytes().collect();
        sorted.sort_unstable();
        assert_eq!(name.flags.letters().collect::<Vec<_>>(), sorted, "{path}");
    }
    for other in ["", "cur/", ".nfs0001", "cur/.hidden:2,S"] {
        assert_eq!(Name::parse(other.as_bytes()), None, "{other}");
    }
}

#[test]
fn built_names() {
    let mut flags = Flags::default();
    for flag in [Flag::Seen, Flag::Draft, Flag::Replied] {
        flags.set(flag);
    }
    flags.set_keyword(b'b');
    flags.set_keyword(b'X');
    let name = Name::new(1_700_000_000, b"ab/12:x", flags);
    assert_eq!(name.file_name(), b"1700000000.ab_12_x:2,DRSb");
    assert_eq!(Name::parse(&name.file_name()), Some(name.clone()));
    assert!(name.flags.has(Flag::Seen) && !name.flags.has(Flag::Trashed));
    assert_eq!(name.flags.keywords().collect::<Vec<_>>(), b"b");
}

#[test]
fn keyword_files() {
    let read = keywords(b"0 $Forwarded\r\n1 Junk mail\n25 z\n26 too many\n-1 x\n2\n3 \nx y\n");
    let expected = [(b'a', "$Forwarded"), (b'b', "Junk mail"), (b'z', "z")];
    assert_eq!(
        read,
        expected
            .map(|(letter, name)| (letter, name.to_string()))
            .into()
    );
}

#[test]
fn modified_utf7() {
    // The first is the example of RFC 3501.
    let cases = [
        ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("Entwürfe", "Entw&APw-rfe"),
        ("A&B", "A&-B"),
        ("&", "&-"),
        ("ü&ü", "&APw-&-&APw-"),
        ("😀", "&2D3eAA-"),
        ("", ""),
        ("\0\t", "&AAAACQ-"),
        ("-", "-"),
        ("ä-", "&AOQ--"),
    ];
    for (name, encoded) in cases {
        assert_eq!(mutf7_encode(name), encoded);
        assert_eq!(mutf7_decode(encoded).as_deref(), Some(name));
    }
    // No shift back, plain characters or nothing encoded, stray bits, a lone surrogate,
    // a foreign letter, 8-bit text, two shifts in a row.
    for wrong in [
        "A&B",
        "&",
        "&AEE-",
        "&APw",
        "&APx-",
        "&2D0-",
        "&AP/-",
        "ü",
        "&A-",
        "&APw-&APw-",
    ] {
        assert_eq!(mutf7_decode(wrong), None, "{wrong}");
    }
}

#[test]
fn folders() {
    let cases: [(&str, &[&str]); 6] = [
        ("", &[]),
        (".Sent", &["Sent"]),
        (".Sent.2024", &["Sent", "2024"]),
        (".Entw&APw-rfe", &["Entwürfe"]),
        (".INBOX.Sent Items", &["INBOX", "Sent Items"]),
        (".A&-B", &["A&B"]),
    ];
    for (dir, path) in cases {
        assert_eq!(folder_of_dir(dir.as_bytes()).unwrap(), path);
        assert_eq!(dir_of_folder(path), dir);
    }
    for other in ["cur", ".", "..", "Sent"] {
        assert_eq!(folder_of_dir(other.as_bytes()), None, "{other}");
    }
    // Taken as it stands.
    assert_eq!(
        folder_of_dir(".R&D.Entwürfe".as_bytes()).unwrap(),
        ["R&D", "Entwürfe"]
    );
    assert_eq!(folder_segment(b"M\xFCll"), "M\u{fffd}ll");
    assert_eq!(dir_of_folder(&["a.b/c"]), ".a%2Eb%2Fc");
    let deep = dir_of_folder(&vec!["日本語"; 60]);
    assert!(deep.len() <= 200 && deep.starts_with(".&ZeVnLIqe-."));
}

#[test]
fn maildirs() {
    let is = |entries: &[&'static str]| is_maildir(entries.iter().map(|entry| entry.as_bytes()));
    assert!(is(&["cur", "new", "tmp"]) && is(&["x", "tmp", "cur"]) && is(&["new", "cur"]));
    assert!(!is(&["cur"]) && !is(&["new", "tmp"]) && !is(&[]));
}

proptest! {
    #[test]
    fn utf7_round_trip(name in any::<String>()) {
        let encoded = mutf7_encode(&name);
        prop_assert!(encoded.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        prop_assert_eq!(mutf7_decode(&encoded), Some(name));
    }

    #[test]
    fn utf7_decoding_is_exact(name in "[&A-Da-d,+/-]{0,12}") {
        if let Some(decoded) = mutf7_decode(&name) {
            prop_assert_eq!(mutf7_encode(&decoded), name);
        }
    }

    #[test]
    fn any_file_name(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Some(name) = Name::parse(&bytes) {
            prop_assert_eq!(Name::parse(&name.file_name()), Some(name));
        }
    }
}
