//! Transfer encodings and charsets.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]
use super::super::scan;
use super::super::transfer::{base64, quoted_printable};
use super::*;
use proptest::prelude::*;

#[test]
fn base64_as_senders_write_it() {
    let table: [(&str, &[u8]); 9] = [
        ("aGVsbG8=", b"hello"),
        ("aGVs\r\nbG8=\r\n", b"hello"),
        ("aGVsbG8", b"hello"),
        ("a-G*V s b G 8=", b"hello"),
        ("aGVsbG8=aGVsbG8=", b"hellohello"),
        ("aA==aA==", b"hh"),
        ("a", b""),
        ("====", b""),
        ("", b""),
    ];
    for (text, bytes) in table {
        assert_eq!(base64(text.as_bytes()), bytes, "{text}");
    }
}

#[test]
fn quoted_printable_as_senders_write_it() {
    let table: [(&str, &[u8]); 10] = [
        ("a=3Db", b"a=b"),
        ("a=3db", b"a=b"),
        ("a=\r\nb", b"ab"),
        ("a=\nb", b"ab"),
        ("a= \t\r\nb", b"ab"),
        ("a  \r\nb \n", b"a\r\nb\n"),
        ("a=XYb", b"a=XYb"),
        ("a=4", b"a=4"),
        ("a=", b"a"),
        ("100% =E2=82=AC", "100% €".as_bytes()),
    ];
    for (text, bytes) in table {
        assert_eq!(quoted_printable(text.as_bytes()), bytes, "{text}");
    }
}

#[test]
fn charsets() {
    let table: [(&[u8], Option<&str>, &str); 18] = [
        (
            b"a\x1b$B%O\x1b(B\x1b$B%m!<\x1b(B",
            Some("iso-2022-jp"),
            "aハロー",
        ),
        (b"caf\xe9", Some("iso-8859-1"), "café"),
        (b"caf\xc3\xa9", Some("utf-8"), "café"),
        (b"caf\xc3\xa9", Some("us-ascii"), "café"),
        (b"caf\xe9", Some("us-ascii"), "café"),
        (b"caf\xe9", None, "café"),
        (b"caf\xc3\xa9", Some("x-invented"), "café"),
        (b"caf\xe9", Some("unknown-8bit"), "café"),
        (b"\x80", Some("iso-8859-1"), "€"),
        (b"\xef\xbb\xbfcaf\xc3\xa9", Some("iso-8859-1"), "café"),
        (b"Hi +AKM-1", Some("utf-7"), "Hi £1"),
        (b"\x1b$B%O%m!<\x1b(B", Some("iso-2022-jp"), "ハロー"),
        (b"\x1b$B%O%m!<\x1b(B", Some("iso-2022-jp-ms"), "ハロー"),
        (b"\x1b$)C\x0e>H3g\x0f!", Some("iso-2022-kr"), "안녕!"),
        (b"~{VPND~} ~~", Some("hz-gb-2312"), "中文 ~"),
        (b"\xd6\xd0\xce\xc4", Some("GB2312"), "中文"),
        (b"h\0i\0", Some("utf-16le"), "hi"),
        (b"a\xffb", Some("utf-8"), "a\u{fffd}b"),
    ];
    for (bytes, charset, expected) in table {
        assert_eq!(text(bytes, charset), expected, "{charset:?}");
    }
}

#[test]
fn line_ends_become_lf() {
    assert_eq!(text(b"a\r\nb\rc\nd\r\r\n", None), "a\nb\nc\nd\n\n");
    assert_eq!(text(b"\r", None), "\n");
    assert_eq!(text(b"\r\n\r\n", None), "\n\n");
}

#[test]
fn text_of_a_part() {
    let raw = b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: Quoted-Printable (x)\r\n\r\ncaf=E9\r\n";
    let structure = scan(raw);
    assert_eq!(text_of(raw, &structure, 0), "café\n");
    assert_eq!(text_of(raw, &structure, 1), "");
}

proptest! {
    #[test]
    fn never_panics(bytes: Vec<u8>, label in "[a-z0-9-]{0,12}") {
        base64(&bytes);
        quoted_printable(&bytes);
        text(&bytes, Some(&label));
        for known in ["utf-7", "iso-2022-kr", "iso-2022-jp", "hz-gb-2312", "utf-16", "big5", "cp850", "replacement"] {
            text(&bytes, Some(known));
        }
    }

    #[test]
    fn base64_round_trip(bytes: Vec<u8>, width in 1usize..80) {
        use ::base64::Engine;
        let text = ::base64::engine::general_purpose::STANDARD.encode(&bytes);
        let folded = text.as_bytes().chunks(width).collect::<Vec<_>>().join(&b"\r\n"[..]);
        prop_assert_eq!(base64(&folded), bytes);
    }
}
