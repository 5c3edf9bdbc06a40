//! Heads and their durable form.
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
use crate::message::{Disposition, Transfer};
use proptest::prelude::*;

fn read(raw: &str) -> Head {
    Head::read(raw.as_bytes(), &scan(raw.as_bytes()))
}

#[test]
fn reads_a_header() {
    let head = read(
        "From ann Mon Jan 1\r\nDate: never\r\nDate: Tue, 2 Jan 2024 03:04:05 +0100\r\nDate: 1 Jan 2000 00:00 Z\r\n\
         Message-Id: <a@b>\r\nSubject: =?utf-8?Q?caf=C3?=\r\n =?utf-8?Q?=A9?= time\r\nFROM: Ann <ann@x.org>\r\n\
         Sender: ann@x.org\r\nReply-To: list@x.org\r\nTo: bob@y.org\r\nTo: carol@z.org\r\nCc: D <d@w.org>\r\n\
         Bcc: e@v.org\r\nIn-Reply-To: <p@q>\r\nReferences: <r@s> <p@q>\r\nList-Id: The list <list.x.org>\r\n\r\nbody",
    );
    assert_eq!(head.sent, parse_date(b"2 Jan 2024 03:04:05 +0100"));
    assert_eq!(head.message_id.as_deref(), Some(&b"a@b"[..]));
    assert_eq!(head.subject, "café time");
    assert_eq!(
        head.from,
        [Address {
            name: "Ann".into(),
            email: "ann@x.org".into()
        }]
    );
    assert!(head.sender.is_empty(), "the same as From");
    assert_eq!(head.reply_to[0].email, "list@x.org");
    assert_eq!(
        head.to.iter().map(|a| a.email.as_str()).collect::<Vec<_>>(),
        ["bob@y.org", "carol@z.org"]
    );
    assert_eq!((head.cc.len(), head.bcc.len()), (1, 1));
    assert_eq!(head.in_reply_to, [b"p@q".to_vec()]);
    assert_eq!(head.references, [b"r@s".to_vec(), b"p@q".to_vec()]);
    assert_eq!(head.list_id.as_deref(), Some("list.x.org"));
    assert_eq!((head.attachments, head.structure.len()), (0, 1));
    assert_eq!(
        (head.structure[0].size, head.structure[0].lines),
        (4, Some(0))
    );
}

#[test]
fn subjects() {
    let table: [(&[u8], &str); 14] = [
        (b"plain", "plain"),
        (b"=?UTF-8?B?4oKs?= =?UTF-8?B?4oKs?=", "€€"),
        (b"=?UTF-8?B?4oI=?= =?utf-8?B?rA==?=", "€"),
        (b"=?iso-8859-1?Q?caf=E9_au_lait?=", "café au lait"),
        (
            b"a =?utf-8?Q?b?= c =?utf-8?Q?d?=  =?iso-8859-1?Q?=E9?= f",
            "a b c dé f",
        ),
        (b"a=?utf-8?Q?b?=c", "abc"),
        (b"=?utf-8*en?Q?b c?=", "b c"),
        (b"=?utf-8?Q?=?=", "="),
        (b"=?utf-8?X?b?= =?utf-8?Q?b", "=?utf-8?X?b?= =?utf-8?Q?b"),
        (b"=?x-invented?Q?caf=E9?=", "café"),
        (b"caf\xe9", "café"),
        (b"caf\xc3\xa9", "café"),
        (b"a\0b =?utf-8?Q?c=0Ad?=", "a b c d"),
        (b"a\r\n\tb\nc", "a b c"),
    ];
    for (value, expected) in table {
        assert_eq!(
            header_text(value),
            expected,
            "{:?}",
            String::from_utf8_lossy(value)
        );
    }
}

#[test]
fn hostile_encoded_words_stay_linear() {
    for piece in [
        "=?",
        "=?a?q?",
        "=?a?b?==",
        "=",
        "=?a?q?=?",
        "?=",
        "=?a?q?b?=",
    ] {
        header_text(piece.repeat((1 << 20) / piece.len()).as_bytes());
    }
}

fn multipart(kind: &str, parts: &[&str]) -> Head {
    let mut raw = format!("Content-Type: multipart/{kind}; boundary=b\n\n");
    for part in parts {
        raw.push_str(&format!("--b\n{part}\n\nx\n"));
    }
    read(&(raw + "--b--\n"))
}

#[test]
fn what_counts_as_attachment() {
    let table: [(&str, &[&str], u32); 22] = [
        (
            "mixed",
            &[
                "Content-Type: text/plain",
                "Content-Type: application/pdf; name=a.pdf",
            ],
            1,
        ),
        (
            "mixed",
            &["Content-Type: text/plain", "Content-Type: application/pdf"],
            1,
        ),
        (
            "mixed",
            &[
                "Content-Type: text/plain",
                "Content-Type: text/x-patch; name=a.patch\nContent-Disposition: inline",
            ],
            1,
        ),
        (
            "mixed",
            &[
                "Content-Type: text/plain",
                "Content-Type: text/plain\nContent-Disposition: attachment",
            ],
            1,
        ),
        (
            "mixed",
            &["Content-Type: text/plain", "Content-Type: text/plain"],
            0,
        ),
        (
            "mixed",
            &[
                "Content-Type: text/plain",
                "Content-Type: image/jpeg\nContent-Disposition: inline; filename=i.jpg\nContent-ID: <i>",
            ],
            1,
        ),
        (
            "mixed",
            &["Content-Type: text/plain", "Content-Type: message/rfc822"],
            1,
        ),
        ("digest", &["", ""], 0),
        (
            "report",
            &[
                "Content-Type: text/plain",
                "Content-Type: message/delivery-status",
                "Content-Type: message/rfc822",
            ],
            0,
        ),
        (
            "report",
            &[
                "Content-Type: text/plain",
                "Content-Type: message/delivery-status",
                "Content-Type: text/rfc822-headers",
            ],
            0,
        ),
        (
            "related",
            &[
                "Content-Type: text/html",
                "Content-Type: image/png; name=i.png\nContent-ID: <i>",
            ],
            0,
        ),
        (
            "related",
            &[
                "Content-Type: text/html",
                "Content-Type: image/png; name=i.png\nContent-ID: <i>\nContent-Disposition: inline",
            ],
            0,
        ),
        (
            "related",
            &[
                "Content-Type: text/html",
                "Content-Type: image/png; name=i.png\nContent-ID: <i>\nContent-Disposition: attachment",
            ],
            1,
        ),
        (
            "related",
            &[
                "Content-Type: text/html",
                "Content-Type: image/png; name=i.png",
            ],
            1,
        ),
        (
            "alternative",
            &[
                "Content-Type: text/plain; name=a.txt",
                "Content-Type: text/html; name=a.html",
            ],
            0,
        ),
        (
            "alternative",
            &["Content-Type: text/plain", "Content-Type: text/calendar"],
            0,
        ),
        (
            "alternative",
            &[
                "Content-Type: text/plain",
                "Content-Type: text/calendar; name=a.ics",
            ],
            1,
        ),
        (
            "signed",
            &[
                "Content-Type: text/plain",
                "Content-Type: application/pgp-signature; name=signature.asc",
            ],
            0,
        ),
        (
            "signed",
            &[
                "Content-Type: text/plain",
                "Content-Type: application/x-pkcs7-signature; name=smime.p7s\nContent-Disposition: attachment",
            ],
            0,
        ),
        (
            "encrypted",
            &[
                "Content-Type: application/pgp-encrypted",
                "Content-Type: application/octet-stream; name=encrypted.asc",
            ],
            1,
        ),
        (
            "mixed",
            &[
                "Content-Type: multipart/mixed; boundary=c\nContent-Disposition: attachment\n\n--c\n",
            ],
            0,
        ),
        (
            "mixed",
            &[
                "Content-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: application/pdf; name=inner.pdf",
            ],
            1,
        ),
    ];
    for (kind, parts, expected) in table {
        assert_eq!(
            multipart(kind, parts).attachments,
            expected,
            "{kind} {parts:?}"
        );
    }
    assert_eq!(read("Content-Type: application/pdf\n\nx").attachments, 1);
    assert_eq!(
        read("Content-Type: message/rfc822\n\nSubject: x\n\nx").attachments,
        0
    );
    let names = multipart(
        "mixed",
        &[
            "Content-Type: a/b; name=1",
            "Content-Type: a/b",
            "Content-Type: a/b; name=1",
        ],
    );
    assert_eq!(
        (names.filenames.clone(), names.attachments),
        (vec!["1".to_string(); 2], 3)
    );
    assert_eq!(Head::decode(&names.encode()), Ok(names));
}

#[test]
fn long_threads_keep_root_and_nearest() {
    let ids: Vec<String> = (0..100).map(|n| format!("<{n}@x>")).collect();
    let head = read(&format!("References: {}\n\n", ids.join("\n ")));
    assert_eq!(head.references.len(), IDS);
    assert_eq!(head.references[0], b"0@x");
    assert_eq!(head.references[1], b"91@x");
    assert_eq!(head.references[IDS - 1], b"99@x");
}

#[test]
fn body_structure_says_what_imap_asks() {
    let raw = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\na\r\nb\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nc\r\n--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <i>\r\nContent-Disposition: inline; filename=a.pdf\r\n\r\nAAAA\r\n--b--\r\n";
    let head = read(raw);
    let depths: Vec<(u32, &str)> = head
        .structure
        .iter()
        .map(|p| (p.depth, p.content_type.as_str()))
        .collect();
    assert_eq!(
        depths,
        [
            (0, "multipart/mixed"),
            (1, "text/plain"),
            (1, "message/rfc822"),
            (2, "text/plain"),
            (1, "application/pdf")
        ]
    );
    let [_, text, message, _, pdf] = head.structure.as_slice() else {
        panic!()
    };
    assert_eq!(
        (text.transfer, text.size, text.lines),
        (Transfer::EightBit, 4, Some(1))
    );
    assert_eq!((message.size, message.lines), (15, Some(2)));
    assert_eq!(
        (pdf.transfer, pdf.disposition, pdf.size, pdf.lines),
        (Transfer::Base64, Disposition::Inline, 4, None)
    );
    assert_eq!(
        (pdf.filename.as_deref(), pdf.content_id.as_deref()),
        (Some("a.pdf"), Some("i"))
    );
}

#[test]
fn the_durable_form_stays() {
    let head = read(
        "Date: 2 Jan 2024 03:04:05 +0100\nMessage-ID: <a@b>\nSubject: s\nFrom: A <a@x>\nIn-Reply-To: <p@q>\nReferences: <r@s> <p@q>\nContent-Type: text/plain; charset=utf-8\n\nx\n",
    );
    let hex: String = head
        .encode()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        hex,
        "019f010100012003020100aabc9bd90c78036140620173010370407102047240730001014103614078"
    );
}

fn address() -> impl Strategy<Value = Address> {
    (".{0,6}", ".{0,6}").prop_map(|(name, email)| Address { name, email })
}

fn addresses() -> impl Strategy<Value = Vec<Address>> {
    prop::collection::vec(address(), 0..3)
}

fn ids() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(
        prop::sample::select(vec![
            b"a@b".to_vec(),
            b"c".to_vec(),
            vec![],
            vec![0xff; 200],
        ]),
        0..5,
    )
}

fn part() -> impl Strategy<Value = BodyPart> {
    let kind = prop::sample::select(vec![
        "text/plain",
        "image/webp",
        "message/external-body",
        "x-a/b",
        "",
    ]);
    let charset = prop::sample::select(vec![
        None,
        Some("utf-8"),
        Some("tis-620"),
        Some("x"),
        Some(""),
    ]);
    let name = prop::sample::select(vec![None, Some("a.pdf"), Some("b"), Some("")]);
    let transfer = prop::sample::select(vec![
        Transfer::SevenBit,
        Transfer::EightBit,
        Transfer::Binary,
        Transfer::QuotedPrintable,
        Transfer::Base64,
        Transfer::Other,
    ]);
    let disposition = prop::sample::select(vec![
        Disposition::None,
        Disposition::Inline,
        Disposition::Attachment,
        Disposition::Other,
    ]);
    (
        any::<u32>(),
        kind,
        charset,
        transfer,
        disposition,
        any::<u64>(),
        any::<Option<u64>>(),
        name.clone(),
        name,
    )
        .prop_map(
            |(depth, kind, charset, transfer, disposition, size, lines, filename, content_id)| {
                BodyPart {
                    depth,
                    content_type: kind.into(),
                    charset: charset.map(Into::into),
                    transfer,
                    disposition,
                    size,
                    lines,
                    filename: filename.map(Into::into),
                    content_id: content_id.map(Into::into),
                }
            },
        )
}

prop_compose! {
    fn any_head()(
        sent in any::<Option<(i64, i16)>>(),
        message_id in any::<Option<Vec<u8>>>(),
        subject in ".{0,10}",
        lists in [addresses(), addresses(), addresses(), addresses(), addresses(), addresses()],
        in_reply_to in ids(),
        references in ids(),
        list_id in prop::option::of(".{0,6}"),
        filenames in prop::collection::vec(prop::sample::select(vec!["a.pdf", "b", "c", ""]), 0..4),
        attachments: u32,
        structure in prop::collection::vec(part(), 0..5),
    ) -> Head {
        let [from, sender, reply_to, to, cc, bcc] = lists;
        Head {
            sent: sent.map(|(unix, offset_minutes)| Sent { unix, offset_minutes }),
            message_id, subject, from, sender, reply_to, to, cc, bcc, in_reply_to, references, list_id,
            filenames: filenames.into_iter().map(Into::into).collect(),
            attachments, structure,
        }
    }
}

proptest! {
    #[test]
    fn decode_undoes_encode(head in any_head()) {
        prop_assert_eq!(Head::decode(&head.encode()), Ok(head));
    }

    #[test]
    fn decode_survives_damage(head in any_head(), at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut bytes = head.encode();
        let end = cut.index(bytes.len());
        prop_assert!(Head::decode(&bytes[..end]).is_err());
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = Head::decode(&bytes);
    }

    #[test]
    fn any_bytes(bytes: Vec<u8>) {
        let _ = Head::decode(&bytes);
        let _ = Head::decode(&[&[1][..], &bytes].concat());
        let head = Head::read(&bytes, &scan(&bytes));
        prop_assert_eq!(Head::decode(&head.encode()), Ok(head));
    }
}
