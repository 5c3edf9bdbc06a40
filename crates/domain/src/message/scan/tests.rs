//! The MIME scanner.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]
use super::*;
use proptest::prelude::*;

/// The tree in one line: `type[header|body](children)`.
fn tree(raw: &[u8]) -> String {
    fn show(raw: &[u8], structure: &Structure, index: usize, out: &mut String) {
        let part = &structure.parts[index];
        out.push_str(&part.content_type);
        if part.kind == Kind::Leaf {
            out.push_str(&format!(
                "{:?}",
                String::from_utf8_lossy(&raw[part.body.clone()])
            ));
            return;
        }
        let children: Vec<usize> = (0..structure.parts.len())
            .filter(|&i| structure.parts[i].parent == Some(index))
            .collect();
        out.push('(');
        for (n, child) in children.into_iter().enumerate() {
            if n > 0 {
                out.push(' ');
            }
            show(raw, structure, child, out);
        }
        out.push(')');
    }
    let structure = scan(raw);
    check(raw, &structure);
    let mut out = String::new();
    show(raw, &structure, 0, &mut out);
    out
}

/// The invariants of the module `structure`.
pub(super) fn check(raw: &[u8], structure: &Structure) {
    let parts = &structure.parts;
    assert!(!parts.is_empty() && parts.len() <= MAX_PARTS);
    assert_eq!(parts[0].parent, None);
    let mut last_end: Vec<usize> = parts.iter().map(|p| p.body.start).collect();
    let mut children = vec![0usize; parts.len()];
    for (index, part) in parts.iter().enumerate() {
        assert!(part.header.start <= part.header.end && part.header.end == part.body.start);
        assert!(part.body.start <= part.body.end && part.body.end <= raw.len());
        let Some(parent) = part.parent else {
            assert_eq!(index, 0);
            continue;
        };
        assert!(parent < index, "preorder");
        assert_ne!(parts[parent].kind, Kind::Leaf);
        assert!(part.header.start >= last_end[parent], "in order: {parts:?}");
        assert!(part.body.end <= parts[parent].body.end, "inside: {parts:?}");
        last_end[parent] = part.body.end;
        children[parent] += 1;
    }
    for (part, children) in parts.iter().zip(children) {
        match part.kind {
            Kind::Leaf => assert_eq!(children, 0),
            Kind::Message => assert_eq!(children, 1),
            Kind::Multipart => assert!(children >= 1),
        }
    }
}

#[test]
fn trees() {
    let table = [
        ("", r#"text/plain"""#),
        ("Subject: x\n\nhello\n", r#"text/plain"hello\n""#),
        ("Subject: x\r\n\r\nhello\r\n", r#"text/plain"hello\r\n""#),
        ("Subject: x\r\rhello\r", r#"text/plain"hello\r""#),
        ("Subject: x\n", r#"text/plain"""#),
        ("\nhello", r#"text/plain"hello""#),
        (
            "hello world\nSubject: x\n",
            r#"text/plain"hello world\nSubject: x\n""#,
        ),
        (
            "Subject: x\nhello\nworld\n",
            r#"text/plain"hello\nworld\n""#,
        ),
        (
            "Subject: x\nhello\n\nworld\n",
            r#"text/plain"hello\n\nworld\n""#,
        ),
        (
            "Subject: x\nbroken line\nTo: y\n\nhello",
            r#"text/plain"hello""#,
        ),
        (
            "From ann Mon Jan 1\nSubject: x\n\nhello",
            r#"text/plain"hello""#,
        ),
        (
            ">From ann Mon Jan 1\nSubject: x\n\nhello",
            r#"text/plain"hello""#,
        ),
        // Multiparts: preamble and epilogue belong to nobody.
        (
            "Content-Type: multipart/mixed; boundary=b\n\npre\n--b\n\none\n--b\nContent-Type: text/html\n\ntwo\n\n--b--\nepi\n--b\n",
            r#"multipart/mixed(text/plain"one" text/html"two\n")"#,
        ),
        // No end boundary.
        (
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n",
            r#"multipart/mixed(text/plain"one\n")"#,
        ),
        // A boundary right after the header, an empty part, blanks after the boundary.
        (
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--b  \r\n--b--\r\n",
            r#"multipart/mixed(text/plain"" text/plain"")"#,
        ),
        // The boundary ends a header without an empty line.
        (
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n--b--",
            r#"multipart/mixed(text/html"")"#,
        ),
        // Boundaries with the same prefix.
        (
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=bb\n\n--bb\n\none\n--bb\n\ntwo\n--bb--\n--b\n\nthree\n--b--\n",
            r#"multipart/mixed(multipart/alternative(text/plain"one" text/plain"two") text/plain"three")"#,
        ),
        // The same boundary inside and outside; inner first.
        (
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n--b--\n",
            r#"multipart/mixed(multipart/mixed(text/plain"one") text/plain"two")"#,
        ),
        // An outer boundary ends an inner multipart that has no end.
        (
            "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--a\n\ntwo\n--a--\n",
            r#"multipart/mixed(multipart/mixed(text/plain"one") text/plain"two")"#,
        ),
        // Not multiparts.
        (
            "Content-Type: multipart/mixed\n\n--b\n\none\n",
            r#"text/plain"--b\n\none\n""#,
        ),
        (
            "Content-Type: multipart/mixed; boundary=b\n\nhello\n",
            r#"text/plain"hello\n""#,
        ),
        (
            "Content-Type: multipart/mixed; boundary=\"\"\n\n--\nhello\n",
            r#"text/plain"--\nhello\n""#,
        ),
        ("Content-Type: multipart\n\nhello", r#"text/plain"hello""#),
        // Nested messages.
        (
            "Content-Type: message/rfc822\n\nSubject: x\n\nhello",
            r#"message/rfc822(text/plain"hello")"#,
        ),
        (
            "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nSGk=",
            r#"message/rfc822"SGk=""#,
        ),
        (
            "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\none\n--b\nContent-Type: text/plain\n\ntwo\n--b--\n",
            r#"multipart/digest(message/rfc822(text/plain"one") text/plain"two")"#,
        ),
        (
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\none\n--b\n\ntwo\n--b--",
            r#"multipart/mixed(message/rfc822(multipart/mixed(text/plain"one")) text/plain"two")"#,
        ),
        // Content-Type as people write it.
        (
            "content-type : TEXT/HTML ; charset=\"UTF-8\"\n\nx",
            r#"text/html"x""#,
        ),
        (
            "Content-Type: (c) text (c) / (c) html (c)\n\nx",
            r#"text/html"x""#,
        ),
        ("Content-Type: nonsense\n\nx", r#"text/plain"x""#),
        (
            "Content-Type: multipart/mixed;\n\tboundary=\"b c\"; (note) charset=x\n\n--b c\n\none\n--b c--",
            r#"multipart/mixed(text/plain"one")"#,
        ),
        (
            "Content-Type: multipart/mixed boundary=b\n\n--b\n\none\n--b--",
            r#"multipart/mixed(text/plain"one")"#,
        ),
        (
            "Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\n\n--ab\n\none\n--ab--",
            r#"multipart/mixed(text/plain"one")"#,
        ),
    ];
    for (raw, expected) in table {
        assert_eq!(tree(raw.as_bytes()), expected, "{raw}");
        if raw.contains('\n') && !raw.contains('\r') {
            let crlf = raw.replace('\n', "\r\n");
            assert_eq!(
                tree(crlf.as_bytes()),
                expected.replace("\\n", "\\r\\n"),
                "CRLF {raw}"
            );
            let cr = raw.replace('\n', "\r");
            assert_eq!(
                tree(cr.as_bytes()),
                expected.replace("\\n", "\\r"),
                "CR {raw}"
            );
        }
    }
}

fn part(header: &str) -> Part {
    scan(format!("{header}\n\nbody").as_bytes()).parts[0].clone()
}

#[test]
fn file_names() {
    let table = [
        ("Content-Disposition: attachment; filename=a.pdf", "a.pdf"),
        (
            "Content-Disposition: attachment; filename=\"a b.pdf\"; size=1",
            "a b.pdf",
        ),
        (
            "Content-Disposition: attachment; filename=a b (1).pdf; size=1",
            "a b (1).pdf",
        ),
        ("Content-Disposition: attachment filename=a.pdf", "a.pdf"),
        (
            "Content-Disposition: attachment; filename=\"a\\\"b.pdf\"",
            "a\"b.pdf",
        ),
        (
            "Content-Disposition: attachment; filename=\"C:\\temp\\a.pdf\"",
            "C:\\temp\\a.pdf",
        ),
        ("Content-Disposition: attachment; filename=\"a.pdf", "a.pdf"),
        (
            "Content-Type: application/pdf; name=n.pdf\nContent-Disposition: attachment",
            "n.pdf",
        ),
        (
            "Content-Type: application/pdf; name=n.pdf\nContent-Disposition: attachment; filename=f.pdf",
            "f.pdf",
        ),
        (
            "Content-Disposition: attachment; filename*=utf-8''%E2%82%AC%20a.pdf",
            "€ a.pdf",
        ),
        (
            "Content-Disposition: attachment; filename=x.pdf; filename*=iso-8859-1'en'%E9.pdf",
            "é.pdf",
        ),
        (
            "Content-Disposition: attachment; filename*=no-quotes.pdf",
            "no-quotes.pdf",
        ),
        (
            "Content-Disposition: attachment;\n filename*0*=utf-8''%E2%82;\n filename*1*=%AC;\n filename*2=\".pdf\"",
            "€.pdf",
        ),
        (
            "Content-Disposition: attachment; filename*1=b.pdf; filename*0=a",
            "ab.pdf",
        ),
        (
            "Content-Disposition: attachment; filename=\"=?utf-8?B?4oKs?= a.pdf\"",
            "€ a.pdf",
        ),
        (
            "Content-Disposition: attachment; filename==?utf-8?Q?=E2=82=AC.pdf?=",
            "€.pdf",
        ),
        (
            "Content-Disposition: attachment; filename=\"=?utf-8?Q?=E2?=\n =?utf-8?Q?=82=AC.pdf?=\"",
            "€.pdf",
        ),
        (
            "Content-Disposition: attachment; filename=\"caf\u{e9}.pdf\"",
            "café.pdf",
        ),
    ];
    for (header, name) in table {
        assert_eq!(part(header).filename.as_deref(), Some(name), "{header}");
    }
    assert_eq!(
        part("Content-Disposition: attachment; filename=\"\"").filename,
        None
    );
    assert_eq!(
        part("Content-Disposition: attachment; filename*x=a").filename,
        None
    );
}

#[test]
fn other_fields() {
    let header = "Content-Type: text/plain; charset=US-ASCII (plain); format=flowed\nContent-ID: <a@b>\nContent-Transfer-Encoding: BASE64\nContent-Disposition: ATTACHMENT";
    let part = part(header);
    assert_eq!(part.charset.as_deref(), Some("us-ascii"));
    assert_eq!(part.content_id.as_deref(), Some("a@b"));
    assert_eq!(part.encoding, Encoding::Base64);
    assert!(part.attachment);
}

#[test]
fn depth_is_limited() {
    let nested = "Content-Type: message/rfc822\n\n".repeat(5_000) + "Subject: x\n\nhello";
    let structure = scan(nested.as_bytes());
    check(nested.as_bytes(), &structure);
    assert_eq!(structure.parts.len(), MAX_DEPTH + 1);
    let last = structure.parts.last().unwrap();
    assert_eq!((last.kind, last.body.end), (Kind::Leaf, nested.len()));

    let mut deep = String::new();
    for level in 0..5_000 {
        deep.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"
        ));
    }
    let structure = scan(deep.as_bytes());
    check(deep.as_bytes(), &structure);
    assert_eq!(structure.parts.len(), MAX_DEPTH + 1);
}

#[test]
fn parts_are_limited() {
    let raw =
        "Content-Type: multipart/mixed; boundary=b\n\n".to_string() + &"--b\n\nx\n".repeat(100_000);
    let structure = scan(raw.as_bytes());
    check(raw.as_bytes(), &structure);
    assert_eq!(structure.parts.len(), MAX_PARTS);
    assert_eq!(structure.parts.last().unwrap().body.end, raw.len());
}

#[test]
fn hostile_sizes_stay_linear() {
    let megabyte = 1 << 20;
    for raw in [
        "(".repeat(megabyte),
        format!("Content-Type: {}", "(".repeat(megabyte)),
        format!("Content-Type: text/plain; {}", "a=b;".repeat(megabyte / 4)),
        format!("Content-Type: text/plain; {}", "a=\"".repeat(megabyte / 3)),
        format!("Subject: {}\n\nx", " \n".repeat(megabyte / 2)),
        format!(
            "Content-Disposition: attachment; filename={}",
            "=?u?q?".repeat(megabyte / 6)
        ),
        "x: \n".repeat(megabyte / 4),
        "--".repeat(megabyte / 2),
        format!(
            "Content-Type: multipart/mixed; boundary={0}\n\n{1}",
            "-".repeat(200),
            "-----\n".repeat(megabyte / 6)
        ),
    ] {
        check(raw.as_bytes(), &scan(raw.as_bytes()));
    }
}

/// Pieces that mail is made of, so that random messages have structure.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let fixed = prop::sample::select(vec![
        "\n",
        "\r\n",
        "\r",
        "\n\n",
        "--a\n",
        "--a--\n",
        "--ab\r\n",
        "--ab--\r\n",
        "--",
        "a",
        " ",
        "\0",
        "Content-Type: multipart/mixed; boundary=a\n",
        "Content-Type: multipart/digest; boundary=ab\r\n",
        "Content-Type: message/rfc822\n",
        "Content-Type: multipart/alternative; boundary=\"a\"\n\n--a\n",
        "Content-Transfer-Encoding: base64\n",
        "Subject: x\n",
        "From x\n",
        ">From x\n",
        "text\n",
    ]);
    prop_oneof![8 => fixed.prop_map(|text| text.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..8)]
}

/// A mail with most of what mail has.
const MAIL: &str = "Return-Path: <ann@x.org>\r\nReceived: from a by b;\r\n\tTue, 2 Jan 2024 03:04:05 +0000\r\nSubject: =?utf-8?Q?caf=C3=A9?=\r\nFrom: \"Lee, Ann\" <ann@x.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"b\"\r\n\r\npreamble\r\n--b\r\nContent-Type: multipart/alternative; boundary=\"b2\"\r\n\r\n--b2\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9 =\r\nau lait\r\n--b2\r\nContent-Type: text/html\r\n\r\n<p>caf&eacute;</p>\r\n--b2--\r\n\r\n--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename*0*=utf-8''%E2%82%AC; filename*1=.pdf\r\n\r\nJVBERi0=\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\ninner\r\n--b--\r\nepilogue\r\n";

proptest! {
    #[test]
    fn mutated_mail_is_read(edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, prop::option::of(piece())), 1..12)) {
        let mut raw = MAIL.as_bytes().to_vec();
        for (at, length, with) in edits {
            let start = at.index(raw.len() + 1).min(raw.len());
            let end = (start + length).min(raw.len());
            raw.splice(start..end, with.unwrap_or_default());
        }
        let structure = scan(&raw);
        check(&raw, &structure);
        let head = crate::message::Head::read(&raw, &structure);
        prop_assert_eq!(crate::message::Head::decode(&head.encode()), Ok(head));
        crate::message::SearchText::read(&raw, &structure);
    }

    #[test]
    fn any_bytes_have_a_sound_tree(raw: Vec<u8>) {
        check(&raw, &scan(&raw));
    }

    #[test]
    fn any_pieces_have_a_sound_tree(pieces in prop::collection::vec(piece(), 0..60)) {
        let raw = pieces.concat();
        check(&raw, &scan(&raw));
    }
}
