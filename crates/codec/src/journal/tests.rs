//! Reports as Exchange writes them, and as servers on the way leave them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use super::*;
use everpost_domain::digest::Digest;
use proptest::prelude::*;

const INNER: &str = "From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: Plans\r\n\
    Message-ID: <1@example.org>\r\n\r\n--outer\r\nNot a boundary of ours: it stands before.\r\n";

const LINES: &str = "Sender: ann@example.org\r\nSubject: Plans\r\nMessage-ID: <1@example.org>\r\n\
    To: bob@example.org\r\n";

/// Writes reports.
struct Writer {
    header: &'static str,
    text_header: &'static str,
    text: Vec<u8>,
    inner_header: &'static str,
    inner: Vec<u8>,
}

impl Default for Writer {
    fn default() -> Self {
        Writer {
            header: "X-MS-Journal-Report:\r\n",
            text_header: "Content-Type: text/plain; charset=us-ascii\r\n",
            text: LINES.as_bytes().to_vec(),
            inner_header: "Content-Type: message/rfc822\r\n",
            inner: INNER.as_bytes().to_vec(),
        }
    }
}

impl Writer {
    fn text(text: &str) -> Self {
        Writer {
            text: text.replace('\n', "\r\n").into_bytes(),
            ..Writer::default()
        }
    }

    fn write(&self) -> Vec<u8> {
        let head = format!(
            "From: Microsoft Outlook <MicrosoftExchange329e@example.org>\r\nTo: journal@archive.test\r\n\
             Subject: Plans\r\nMIME-Version: 1.0\r\n{}Content-Type: multipart/mixed; boundary=\"_j_\"\r\n\r\n\
             --_j_\r\n{}\r\n",
            self.header, self.text_header
        );
        let between = format!("\r\n--_j_\r\n{}\r\n", self.inner_header);
        let mut out = head.into_bytes();
        out.extend(&self.text);
        out.extend(between.as_bytes());
        out.extend(&self.inner);
        out.extend(b"\r\n--_j_--\r\n");
        out
    }

    fn read(&self) -> Report {
        read(&self.write()).unwrap()
    }
}

fn base64(bytes: &[u8]) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let number =
            group.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - group.len()));
        for digit in 0..4 {
            let value = (number >> (18 - 6 * digit)) as usize & 63;
            out.push(if digit <= group.len() {
                char::from(alphabet[value])
            } else {
                '='
            });
        }
        if out.len() % 78 == 76 {
            out.push_str("\r\n");
        }
    }
    out
}

fn shown(report: &Report) -> Vec<String> {
    report.recipients.iter().map(ToString::to_string).collect()
}

#[test]
fn every_form_of_line() {
    let report = Writer::text(
        "Sender: SMTP:ann@example.org\nOn-Behalf-Of: \"The Chief\" <chief@example.org>\nSubject: Plans\n\
         Message-ID: <1@example.org>\nLabel: Secret\nMailbox: box@example.org\n\
         SentUtc: 1/31/2024 5:00:00 PM\nReceivedUtc: 1/31/2024 5:00:01 PM\n\
         To: bob@example.org\nCc: eve@example.org, Expanded: team@example.org\n\
         bcc: smtp:new@example.org, Forwarded: old@example.org\nBcc: hidden@example.org\n\
         Recipient: out@example.net\nTo: m@x.org, Expanded: l@x.org, Forwarded: f@x.org\n\
         Cc: /o=Org, Inc/ou=Exchange/cn=Doe, Expanded: X500:/o=Org/cn=All, Staff\n\
         To: IMCEAEX-_O=ORG_OU=EX_CN=ANN@example.org\nTo: old@form.org Expanded: list@form.org\n\n",
    )
    .read();
    assert_eq!(
        report,
        Report {
            sender: "ann@example.org".into(),
            on_behalf_of: Some("chief@example.org".into()),
            subject: "Plans".into(),
            message_id: Some("1@example.org".into()),
            label: Some("Secret".into()),
            mailbox: Some("box@example.org".into()),
            sent: Some("1/31/2024 5:00:00 PM".into()),
            received: Some("1/31/2024 5:00:01 PM".into()),
            marked: true,
            recipients: report.recipients.clone(),
            inner: report.inner.clone(),
            ..Report::default()
        }
    );
    assert_eq!(
        shown(&report),
        [
            "To: bob@example.org",
            "Cc: eve@example.org, Expanded: team@example.org",
            "Bcc: new@example.org, Forwarded: old@example.org",
            "Bcc: hidden@example.org",
            "Recipient: out@example.net",
            "To: m@x.org, Expanded: l@x.org, Forwarded: f@x.org",
            "Cc: /o=Org, Inc/ou=Exchange/cn=Doe, Expanded: X500:/o=Org/cn=All, Staff",
            "To: IMCEAEX-_O=ORG_OU=EX_CN=ANN@example.org",
            "To: old@form.org, Expanded: list@form.org",
        ]
    );
}

#[test]
fn inner_bytes_are_exact() {
    let odd =
        b"Message-ID: <1@example.org>\nX: \xe4\xff\0\r\n\r\nbare\nlf, cr\r, and no end".to_vec();
    for inner in [
        INNER.as_bytes().to_vec(),
        odd,
        b"\r\n".to_vec(),
        b"Subject: nothing after".to_vec(),
        b"Subject: no empty line\r\n".to_vec(),
        b"Subject: no body\r\n\r\n".to_vec(),
        Vec::new(),
    ] {
        for (transfer, encode) in [
            ("Content-Type: message/rfc822\r\n", false),
            (
                "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: binary\r\n",
                false,
            ),
            (
                "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n",
                true,
            ),
        ] {
            let raw = Writer {
                inner_header: transfer,
                inner: if encode {
                    base64(&inner).into_bytes()
                } else {
                    inner.clone()
                },
                ..Writer::default()
            }
            .write();
            let report = read(&raw).unwrap();
            let [found] = report.inner.as_slice() else {
                panic!("{report:?}")
            };
            assert_eq!(Digest::of(found.bytes(&raw)), Digest::of(&inner));
            assert_eq!(matches!(found, Inner::Within(_)), !encode);
        }
    }
}

#[test]
fn charsets_and_encodings() {
    let text = "Sender: ann@example.org\nSubject: Pläne für Łódź – 東京\nMessage-ID: <1@example.org>\n\
        Bcc: jürgen@exämple.org\n";
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let quoted = text
        .bytes()
        .map(|b| match b {
            b'\n' => "\r\n".to_string(),
            b' '..=b'<' | b'>'..=b'~' => char::from(b).to_string(),
            b => format!("={b:02X}"),
        })
        .collect::<String>()
        .replace("Message-ID: ", "Message-ID: =\r\n");
    for (text_header, text) in [
        (
            "Content-Type: text/plain; charset=utf-8\r\n",
            text.as_bytes().to_vec(),
        ),
        (
            "Content-Type: text/plain; charset=\"utf-8\"\r\nContent-Transfer-Encoding: base64\r\n",
            base64(text.as_bytes()).into_bytes(),
        ),
        (
            "Content-Type: text/plain; charset=utf-16le\r\nContent-Transfer-Encoding: base64\r\n",
            base64(&utf16).into_bytes(),
        ),
        (
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n",
            quoted.into_bytes(),
        ),
    ] {
        let report = Writer {
            text_header,
            text,
            ..Writer::default()
        }
        .read();
        assert_eq!(report.subject, "Pläne für Łódź – 東京", "{text_header}");
        assert_eq!(shown(&report), ["Bcc: jürgen@exämple.org"]);
        assert_eq!(report.message_id.as_deref(), Some("1@example.org"));
    }
    let latin = Writer {
        text_header: "Content-Type: text/plain; charset=iso-8859-1\r\n",
        text: b"Sender: a@b\r\nSubject: B\xe4t\r\nMessage-ID: <1@x>\r\nTo: c@d\r\n".to_vec(),
        ..Writer::default()
    };
    assert_eq!(latin.read().subject, "Bät");
    let words = Writer::text(
        "Sender: a@b\nSubject: =?utf-8?B?UGzDpG5l?=\n =?utf-8?Q?_f=C3=BCr?= alle\nMessage-ID: <1@x>\nTo: c@d\n",
    );
    assert_eq!(words.read().subject, "Pläne für alle");
}

#[test]
fn folded_and_foreign_lines() {
    let report = Writer::text(
        "This is a notice.\n\nSender: <>\nMessage-ID:\n <1@example.org>\nSubject:\nTo: a@x.org,\n\
         Expanded: list@x.org\nCc: b@x.org,\n\tForwarded:\n  c@x.org\nTo: d@x.org,\nCc: e@x.org\n\
         To:\nSender: again@x.org\nMagic: 1\n",
    )
    .read();
    assert_eq!((&*report.sender, &*report.subject), ("", ""));
    assert_eq!(report.message_id.as_deref(), Some("1@example.org"));
    assert_eq!(
        shown(&report),
        [
            "To: a@x.org, Expanded: list@x.org",
            "Cc: b@x.org, Forwarded: c@x.org",
            "To: d@x.org",
            "Cc: e@x.org"
        ]
    );
    assert_eq!(
        report.unread,
        [
            "This is a notice.",
            "To:",
            "Sender: again@x.org",
            "Magic: 1"
        ]
    );
}

#[test]
fn what_marks_a_report() {
    let lenient = "Hello\nSender: a@b\nTo: c@d\n";
    for header in [
        "X-MS-Journal-Report:\r\n",
        "x-ms-journal-report: application/msgtnef\r\n",
        "X-WM-Journal-Report: journal\r\n",
        "Content-Identifier: ExJournalReport\r\n",
    ] {
        let marked = Writer {
            header,
            ..Writer::text(lenient)
        };
        assert!(marked.read().marked, "{header}");
    }
    for header in [
        "",
        "X-WM-Journal-Report: no\r\n",
        "Content-Identifier: other\r\n",
    ] {
        let strange = Writer {
            header,
            ..Writer::text(lenient)
        };
        assert_eq!(read(&strange.write()), Err(NotReport::Plain), "{header}");
        let strict = Writer {
            header,
            ..Writer::default()
        }
        .read();
        assert!(!strict.marked && strict.message_id.is_some(), "{header}");
    }
    // Without the mark, everything must fit.
    let header = "";
    for text in [
        LINES.replace("<1@", "<2@"),
        LINES.replace("Subject: Plans\r\n", ""),
        LINES.replace("To: bob@example.org\r\n", ""),
        LINES.replace("Sender: ann@example.org\r\n", ""),
        format!("Hello\r\n{LINES}"),
        format!("{LINES}Regards, Ann\r\n"),
        format!("Subject: Plans\r\n{LINES}"),
    ] {
        let found = Writer {
            header,
            text: text.clone().into_bytes(),
            ..Writer::default()
        };
        assert_eq!(read(&found.write()), Err(NotReport::Plain), "{text}");
    }
    let raw = Writer {
        header,
        ..Writer::default()
    }
    .write();
    let raw = String::from_utf8(raw).unwrap();
    for other in [
        raw.replace("multipart/mixed", "multipart/related"),
        raw.replace("--_j_--", "--_j_\r\n\r\nmore\r\n--_j_--"),
        raw.replace("message/rfc822", "text/plain"),
    ] {
        assert_eq!(read(other.as_bytes()), Err(NotReport::Plain));
    }
    let empty = Writer::text("Nothing here.\n").write();
    assert_eq!(read(&empty), Err(NotReport::NoEnvelope));
    assert_eq!(read(INNER.as_bytes()), Err(NotReport::Plain));
    assert_eq!(read(b""), Err(NotReport::Plain));
}

#[test]
fn tnef_html_and_missing_originals() {
    let stream = [0x78, 0x9f, 0x3e, 0x22, 1, 0];
    let tnef = Writer {
        inner_header: "Content-Type: application/ms-tnef; name=\"winmail.dat\"\r\n\
            Content-Transfer-Encoding: base64\r\n",
        inner: base64(&stream).into_bytes(),
        ..Writer::default()
    };
    assert_eq!(tnef.read().inner, [Inner::Tnef(stream.to_vec())]);
    // A message that is TNEF inside is a message.
    let mail = "Message-ID: <1@example.org>\r\nContent-Type: application/ms-tnef\r\n\r\nx";
    let within = Writer {
        inner: mail.into(),
        ..Writer::default()
    };
    assert!(matches!(within.read().inner[..], [Inner::Within(_)]));
    let missing = Writer {
        inner_header: "",
        ..Writer::default()
    }
    .read();
    assert_eq!((missing.inner.len(), missing.recipients.len()), (0, 1));
    let html = Writer {
        text_header: "Content-Type: text/html\r\n",
        text: LINES
            .replace("\r\n", "<br>\r\n")
            .replace("<1@example.org>", "&lt;1@example.org&gt;")
            .into(),
        ..Writer::default()
    };
    assert_eq!(html.read().message_id.as_deref(), Some("1@example.org"));
    // The readable copy of a protected message lies beside it.
    let two = String::from_utf8(Writer::default().write())
        .unwrap()
        .replace(
            "--_j_--",
            "--_j_\r\nContent-Type: message/rfc822\r\n\r\nSubject: readable\r\n\r\n\r\n--_j_--",
        );
    assert_eq!(read(two.as_bytes()).unwrap().inner.len(), 2);
}

/// A notification that returns `mail`.
fn bounced(mail: &[u8], boundary: &str, kind: &str, encode: bool) -> Vec<u8> {
    let (transfer, mail) = if encode {
        (
            "Content-Transfer-Encoding: base64\r\n",
            base64(mail).into_bytes(),
        )
    } else {
        ("", mail.to_vec())
    };
    let head = format!(
        "From: postmaster@example.org\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary={boundary}\r\n\r\n\
         --{boundary}\r\nContent-Type: text/plain\r\n\r\nSender: nobody\r\nTo: nobody\r\n\r\n\
         --{boundary}\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n\
         Final-Recipient: rfc822; journal@x\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
         --{boundary}\r\nContent-Type: {kind}\r\n{transfer}\r\n"
    );
    [
        head.as_bytes(),
        &mail,
        format!("\r\n--{boundary}--\r\n").as_bytes(),
    ]
    .concat()
}

#[test]
fn bounced_reports() {
    let mut raw = Writer::default().write();
    let mut wraps = 0;
    while let Ok(report) = read(&raw) {
        assert_eq!(report.wraps, wraps);
        assert_eq!(report.sender, "ann@example.org");
        assert_eq!(report.inner[0].bytes(&raw), INNER.as_bytes());
        assert!(matches!(report.inner[0], Inner::Within(_)));
        wraps += 1;
        raw = bounced(&raw, &format!("b{wraps}"), "message/rfc822", false);
    }
    assert_eq!((wraps, read(&raw)), (5, Err(NotReport::TooDeep)));
    let encoded = bounced(&Writer::default().write(), "b", "message/rfc822", true);
    let report = read(&encoded).unwrap();
    assert_eq!(report.inner, [Inner::Decoded(INNER.into())]);
    let outside = bounced(&encoded, "c", "message/rfc822", false);
    assert_eq!(
        read(&outside).unwrap().inner,
        [Inner::Decoded(INNER.into())]
    );
    let header = b"X-MS-Journal-Report:\r\nSubject: x\r\n\r\n";
    let only = bounced(header, "b", "text/rfc822-headers", false);
    assert_eq!(read(&only), Err(NotReport::HeaderOnly));
    let other = bounced(INNER.as_bytes(), "b", "message/rfc822", false);
    assert_eq!(read(&other), Err(NotReport::Plain));
    let unmarked = Writer {
        header: "",
        ..Writer::default()
    }
    .write();
    assert_eq!(
        read(&bounced(&unmarked, "b", "message/rfc822", false))
            .unwrap()
            .wraps,
        1
    );
}

#[test]
fn many_recipients() {
    let mut text = LINES.to_string();
    for number in 0..130 {
        text.push_str(&format!("Bcc: r{number}@example.org\r\n"));
    }
    let report = Writer {
        text: text.into(),
        ..Writer::default()
    }
    .read();
    assert_eq!(report.recipients.len(), 131);
    assert_eq!(report.recipients[130].address, "r129@example.org");
}

#[test]
fn reports_of_one_message_merge() {
    let with = |lines: &str| {
        Writer::text(&format!(
            "Sender: a@b\nSubject: x\nMessage-ID: <1@x>\n{lines}"
        ))
        .read()
    };
    let one = with("To: ann@x.org\nRecipient: out@x.org\nCc: eve@x.org, Expanded: L@x.org\n");
    let two = with(
        "To: ANN@x.org\nCc: eve@x.org, Expanded: l@x.org\nCc: eve@x.org\nBcc: out@x.org\n\
         Recipient: new@x.org\nRecipient: eve@x.org\n",
    );
    let merged: Vec<String> = merge([&one, &two])
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        merged,
        [
            "To: ann@x.org",
            "Bcc: out@x.org",
            "Cc: eve@x.org, Expanded: L@x.org",
            "Cc: eve@x.org",
            "Recipient: new@x.org"
        ]
    );
    assert_eq!(
        one.inner,
        with("To: ann@x.org\nRecipient: out@x.org\nCc: eve@x.org, Expanded: L@x.org\n").inner
    );
}

#[test]
fn plain_copies_have_the_envelope_of_smtp() {
    let envelope = Envelope {
        sender: "ann@example.org".into(),
        recipients: vec!["bob@example.org".into(), "hidden@example.org".into()],
    };
    let plain = classify(INNER.as_bytes(), &envelope, Reports::Read);
    assert_eq!(plain.sender(), "ann@example.org");
    let shown: Vec<String> = plain.recipients().iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "Recipient: bob@example.org",
            "Recipient: hidden@example.org"
        ]
    );
    let raw = Writer::default().write();
    let journal = Envelope {
        sender: String::new(),
        recipients: vec!["journal@archive.test".into()],
    };
    let report = classify(&raw, &journal, Reports::Marked);
    assert_eq!(
        (report.sender(), report.recipients().len()),
        ("ann@example.org", 1)
    );
    let unmarked = Writer {
        header: "",
        ..Writer::default()
    }
    .write();
    for (raw, reports) in [(&raw, Reports::Ignored), (&unmarked, Reports::Marked)] {
        let ignored = classify(raw, &journal, reports);
        assert!(matches!(
            ignored,
            Captured::Plain {
                why: NotReport::Ignored,
                ..
            }
        ));
    }
}

#[test]
fn descriptions() {
    let raw = Writer::default().write();
    let described = classify(&raw, &Envelope::default(), Reports::Read).describe(&raw);
    assert_eq!(
        described.to_string(),
        format!(
            "journal report\n  recognised by: header\n  sender: ann@example.org\n  subject: Plans\n  \
             message-id: 1@example.org\n  original: message, as it stands, {} bytes\n  \
             recipient: To: bob@example.org\n",
            INNER.len()
        )
    );
    let odd = Writer {
        inner_header: "",
        ..Writer::text("Sender: a@b\nSubject: x\nWhat?\n")
    }
    .write();
    let described = classify(&odd, &Envelope::default(), Reports::Read).describe(&odd);
    assert_eq!(
        described.doubts,
        [
            "the original is missing",
            "not understood: What?",
            "no recipient is named"
        ]
    );
    let plain = classify(INNER.as_bytes(), &Envelope::default(), Reports::Read);
    let described = plain.describe(INNER.as_bytes()).to_string();
    assert!(
        described.starts_with("plain copy\n  because: neither"),
        "{described}"
    );
    assert!(
        described.contains("  sender: <>\n  subject: Plans\n"),
        "{described}"
    );
}

fn recipient() -> impl Strategy<Value = Recipient> {
    let kinds = [Kind::To, Kind::Cc, Kind::Bcc, Kind::Recipient];
    let address = "[a-c]{1,2}@[xy]\\.org";
    (
        prop::sample::select(kinds.to_vec()),
        address,
        prop::option::of(address),
        prop::option::of(address),
    )
        .prop_map(|(kind, address, expanded, forwarded)| Recipient {
            kind,
            address,
            expanded,
            forwarded,
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        recipients in prop::collection::vec(recipient(), 1..20),
        body in "[ -~\r\n]{0,200}",
        subject in "[!-<>-~]([ -<>-~]{0,30}[!-<>-~])?",
        marked: bool,
        wrapped: bool,
    ) {
        let mut text = format!("Sender: a@b\nSubject: {subject}\nMessage-ID: <1@x>\n");
        for recipient in &recipients {
            text.push_str(&format!("{recipient}\n"));
        }
        let inner = format!("Message-ID: <1@x>\r\n\r\n{body}");
        let mut raw = Writer {
            header: if marked { "X-MS-Journal-Report:\r\n" } else { "" },
            inner: inner.clone().into(),
            ..Writer::text(&text)
        }.write();
        if wrapped {
            raw = bounced(&raw, "bb", "message/rfc822", false);
        }
        let report = read(&raw).unwrap();
        prop_assert_eq!(&report.recipients, &recipients);
        prop_assert_eq!(&report.subject, &subject);
        prop_assert_eq!(report.inner[0].bytes(&raw), inner.as_bytes());
        prop_assert_eq!(report.marked, marked);
    }

    #[test]
    fn merging_is_a_union(lists in prop::collection::vec(prop::collection::vec(recipient(), 0..8), 0..4)) {
        let mut reports: Vec<Report> = lists
            .into_iter()
            .map(|recipients| Report { recipients, ..Report::default() })
            .collect();
        let merged = merge(&reports);
        for recipient in reports.iter().flat_map(|report| &report.recipients) {
            prop_assert!(merged.iter().any(|one| one.address == recipient.address));
            let bare = recipient.to_string().starts_with("Recipient:")
                && recipient.expanded.is_none() && recipient.forwarded.is_none();
            prop_assert!(bare || merged.contains(recipient));
        }
        let sorted = |mut list: Vec<Recipient>| { list.sort(); list };
        let again = Report { recipients: merged.clone(), ..Report::default() };
        prop_assert_eq!(&merge([&again, &again]), &merged);
        reports.reverse();
        prop_assert_eq!(sorted(merge(&reports)), sorted(merged));
    }

    #[test]
    fn never_panics(bytes: Vec<u8>, text in "(Sender|To|Bcc|Subject|X):[ -~,\n]{0,40}") {
        read(&bytes).ok();
        let raw = Writer { text: text.into(), inner: bytes, ..Writer::default() }.write();
        let found = classify(&raw, &Envelope::default(), Reports::Read);
        found.describe(&raw).to_string();
        if let Captured::Report(report) = found {
            for inner in &report.inner {
                prop_assert!(inner.bytes(&raw).len() <= raw.len());
            }
        }
    }
}
