//! Text for search.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]
use super::super::scan;
use super::*;
use proptest::prelude::*;

fn read(raw: &str) -> SearchText {
    SearchText::read(raw.as_bytes(), &scan(raw.as_bytes()))
}

fn multipart(kind: &str, parts: &[&str]) -> SearchText {
    let mut raw = format!("Content-Type: multipart/{kind}; boundary=b\n\npreamble\n");
    for part in parts {
        raw.push_str(&format!("--b\n{part}\n"));
    }
    read(&(raw + "--b--\nepilogue\n"))
}

#[test]
fn what_is_read() {
    let table: [(&str, &[&str], &str, bool); 14] = [
        (
            "mixed",
            &[
                "Content-Type: text/plain\n\none",
                "Content-Type: text/html\n\n<p>two",
            ],
            "one\n\ntwo",
            false,
        ),
        (
            "mixed",
            &[
                "\n\none",
                "Content-Type: text/csv; name=a.csv\n\na,b",
                "Content-Type: text/x-patch\nContent-Disposition: attachment\n\n+c",
            ],
            "one",
            false,
        ),
        (
            "mixed",
            &[
                "\n\none",
                "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\ndHdv",
            ],
            "one\n\ntwo",
            false,
        ),
        (
            "mixed",
            &["\n\none", "Content-Type: application/pdf\n\nx"],
            "one",
            true,
        ),
        (
            "mixed",
            &["\n\none", "Content-Type: text/rtf\n\nx"],
            "one",
            true,
        ),
        (
            "mixed",
            &[
                "\n\none",
                "Content-Type: image/png\n\nx",
                "Content-Type: audio/wav\n\nx",
                "Content-Type: video/mp4\n\nx",
            ],
            "one",
            false,
        ),
        (
            "signed",
            &["\n\none", "Content-Type: application/pgp-signature\n\nx"],
            "one",
            false,
        ),
        (
            "alternative",
            &[
                "\n\nHello world",
                "Content-Type: text/html\n\n<p>hello <b>WORLD</b>!</p>",
            ],
            "Hello world",
            false,
        ),
        (
            "alternative",
            &[
                "\n\nHello world",
                "Content-Type: text/html\n\n<p>hello world</p><p>only here</p>",
            ],
            "Hello world\n\nonly here",
            false,
        ),
        (
            "alternative",
            &[
                "\n\nHello",
                "Content-Type: multipart/related; boundary=c\n\n--c\nContent-Type: text/html\n\nhello<br>more\n--c\nContent-Type: image/png\n\nx",
            ],
            "Hello\n\nmore",
            false,
        ),
        (
            "alternative",
            &["Content-Type: text/html\n\nonly"],
            "only",
            false,
        ),
        (
            "alternative",
            &["\n\n", "Content-Type: text/html\n\nonly"],
            "only",
            false,
        ),
        (
            "mixed",
            &[
                "\n\none",
                "Content-Type: message/rfc822\n\nSubject: sub\nFrom: Ann <ann@x.org>\nTo: bob@y.org\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\ninner\n--c\nContent-Type: application/pdf; name=a.pdf\n\nx\n--c--",
            ],
            "one\n\nsub\nAnn ann@x.org\nbob@y.org\na.pdf\n\ninner",
            true,
        ),
        (
            "mixed",
            &[
                "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogc3ViCgppbm5lcg==",
            ],
            "sub\n\ninner",
            false,
        ),
    ];
    for (kind, parts, body, unread) in table {
        assert_eq!(
            multipart(kind, parts),
            SearchText {
                body: body.into(),
                body_unread: false,
                attachments_unread: unread
            },
            "{kind} {parts:?}"
        );
    }
}

#[test]
fn large_text_is_read_in_part() {
    let raw = format!("Subject: x\n\n{}", "word ".repeat(PART / 5 + 10));
    let text = read(&raw);
    assert!(text.body_unread && text.body.len() <= PART);
    let small = read(&format!("Subject: x\n\n{}", "word ".repeat(1_000)));
    assert!(!small.body_unread && small.body.len() == 4_999);
}

#[test]
fn structure_beyond_the_limits_is_unread() {
    let deep = "Content-Type: message/rfc822\n\n".repeat(1_000) + "Subject: x\n\nx";
    assert!(read(&deep).body_unread);
    let multiparts: String = (0..100)
        .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n"))
        .collect();
    assert!(read(&multiparts).body_unread);
    let many =
        "Content-Type: multipart/mixed; boundary=b\n\n".to_string() + &"--b\n\nx\n".repeat(20_000);
    assert!(read(&many).body_unread);
}

proptest! {
    #[test]
    fn never_panics(bytes: Vec<u8>) {
        SearchText::read(&bytes, &scan(&bytes));
    }
}
