//! What counts as an attachment, and what can be read of it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]
use super::super::SearchText;
use super::*;
use base64::Engine;
use proptest::prelude::*;

fn read(raw: &str) -> (SearchText, Vec<Attachment>) {
    let raw = raw.as_bytes();
    let structure = scan(raw);
    (
        SearchText::read(raw, &structure),
        attachments(raw, &structure),
    )
}

fn mixed(parts: &[&str]) -> String {
    let mut raw = "Content-Type: multipart/mixed; boundary=b\n\n".to_owned();
    for part in parts {
        raw.push_str(&format!("--b\n{part}\n"));
    }
    raw + "--b--\n"
}

fn shown(list: &[Attachment]) -> Vec<(&str, Option<&str>)> {
    let show = |one: &Attachment| (one.kind.clone(), one.text.clone());
    assert!(list.iter().map(show).all(|(kind, _)| !kind.is_empty()));
    list.iter()
        .map(|one| (one.kind.as_str(), one.text.as_deref()))
        .collect()
}

#[test]
fn texts_of_attachments_are_not_body() {
    let (text, list) = read(&mixed(&[
        "\n\nbody",
        "Content-Type: text/csv; name=a.csv\n\na,b",
        "Content-Type: text/html; name=a.HTM\n\n<p>bold",
        "Content-Type: application/pdf\n\nx",
        "Content-Type: image/jpeg; name=scan\n\nx",
        "Content-Type: text/rtf\n\nx",
        "Content-Type: application/pgp-signature\n\nx",
    ]));
    assert_eq!(text.body, "body");
    assert!(text.attachments_unread && !text.body_unread);
    assert_eq!(
        shown(&list),
        [
            ("csv", Some("a,b")),
            ("html", Some("bold")),
            ("pdf", None),
            ("jpg", Some("")),
            ("rtf", None),
        ]
    );
    assert_eq!(list[0].name.as_deref(), Some("a.csv"));
    assert_eq!(list[0].part, 2);
}

#[test]
fn a_message_with_a_file_name_is_its_body() {
    let (text, list) = read("Content-Type: text/plain; name=note.txt\n\nhello");
    assert_eq!(text.body, "hello");
    assert_eq!(shown(&list), [("txt", Some(""))]);
}

#[test]
fn nested_messages() {
    let inner = format!(
        "Subject: sub\n{}",
        mixed(&[
            "\n\ninner",
            "Content-Type: text/x-diff; name=a.diff\n\n+line"
        ])
    );
    let (text, list) = read(&mixed(&[&format!(
        "Content-Type: message/rfc822\n\n{inner}"
    )]));
    assert_eq!(text.body, "sub\na.diff\n\ninner");
    assert_eq!(shown(&list), [("eml", Some("")), ("diff", Some("+line"))]);

    let encoded = base64::engine::general_purpose::STANDARD.encode(&inner);
    let part =
        format!("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{encoded}");
    let (text, list) = read(&mixed(&[&part]));
    assert_eq!(text.body, "sub\na.diff\n\ninner");
    assert!(!text.attachments_unread);
    assert_eq!(shown(&list), [("eml", Some("+line"))]);

    let inner = mixed(&["Content-Type: application/pdf\n\nx"]);
    let encoded = base64::engine::general_purpose::STANDARD.encode(inner);
    let part =
        format!("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{encoded}");
    let (text, list) = read(&mixed(&[&part]));
    assert!(text.attachments_unread);
    assert_eq!(shown(&list), [("eml", None)]);
}

#[test]
fn what_is_encrypted_is_an_unread_body() {
    let pgp = "Content-Type: multipart/encrypted; boundary=b\n\n--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--b\nContent-Type: application/octet-stream\n\nx\n--b--\n";
    let smime = "Content-Type: application/pkcs7-mime; name=smime.p7m\n\nx";
    for (raw, kind) in [(pgp, "bin"), (smime, "p7m")] {
        let (text, list) = read(raw);
        assert!(text.body_unread && !text.attachments_unread, "{raw}");
        assert_eq!(shown(&list), [(kind, None)], "{raw}");
    }
}

#[test]
fn a_long_text_is_cut() {
    let part = format!(
        "Content-Type: text/plain; name=a.log\n\n{}",
        "word ".repeat(PART / 5 + 10)
    );
    let (text, list) = read(&mixed(&["\n\nbody", &part]));
    assert!(!text.body_unread && !text.attachments_unread);
    assert!(list[0].cut && list[0].text.as_ref().unwrap().len() == PART);
}

#[test]
fn types() {
    for (name, content_type, kind) in [
        (Some("Report.PDF"), "application/octet-stream", "pdf"),
        (Some("a.tar.gz"), "application/gzip", "gz"),
        (Some("photo.JPEG"), "image/jpeg", "jpg"),
        (None, "image/jpeg", "jpg"),
        (None, "text/plain", "txt"),
        (Some("no extension"), "application/msword", "doc"),
        (Some("mail. from ann"), "application/pdf", "pdf"),
        (None, "application/x-dvi", "dvi"),
        (None, "application/vnd.something-very.long", "bin"),
        (None, "", "bin"),
        (Some("."), "message/rfc822", "eml"),
    ] {
        assert_eq!(
            attachment_type(name, content_type),
            kind,
            "{name:?} {content_type}"
        );
    }
    assert!(TYPES.is_sorted() && SAME.is_sorted());
}

proptest! {
    #[test]
    fn never_panics(bytes: Vec<u8>, name: Option<String>, kind: String) {
        attachments(&bytes, &scan(&bytes));
        prop_assert!(!attachment_type(name.as_deref(), &kind).is_empty());
    }
}
