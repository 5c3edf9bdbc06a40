//! Header fields of a summary are those of the message, to the byte, whatever the mail is like.

use everpost_codec::imap::command::{Section, SectionOf};
use everpost_codec::imap::message::{crlf, section};
use everpost_domain::digest::Digest;
use everpost_domain::message::scan;
use everpost_store::Flags;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::super::summary::{KEPT_FIELDS, Summary, describe, describe_header, is_kept};

/// Pieces of lines as they occur in mail, and as they should not.
const PIECES: [&[u8]; 20] = [
    b"Subject: pier",
    b"SUBJECT : twice",
    b"From : ann@example.org",
    b"From ann Mon Jun  3 10:00:00 2024",
    b">From: quoted",
    b"To: b@example.org,\n\tc@example.org",
    b"to:",
    b"Received: by somewhere;\n Mon, 3 Jun 2024",
    b"X-Other: 1",
    b"References: <a@x>\n <b@x>\n   ",
    b"List-Id: =?utf-8?q?B=C3=BCro?= <office.example.org>",
    b"Date: Mon, 3 Jun 2024 10:00:00 +0200",
    b"Content-Type: multipart/mixed; boundary=b",
    b"content-type: message/rfc822",
    b"Message-ID: <\xe4\xf6@x>\xff\x00",
    b" begins with a blank",
    b"a line that is no field",
    b"lone\rcarriage: return",
    b"\xef\xbb\xbfSubject: behind a mark",
    b"--b\n\nSubject: within",
];

fn mail() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec(select(&PIECES[..]), 0..9);
    let ends = select(vec!["\n", "\r\n", "\r"]);
    let body = select(vec!["", "\n", "\nbody", "\nSubject: of the body\n\n"]);
    (pieces, ends, body).prop_map(|(pieces, end, body)| {
        let mut mail = Vec::new();
        for piece in pieces.into_iter().chain([body.as_bytes()]) {
            for byte in piece.iter().chain(b"\n") {
                match byte {
                    b'\n' => mail.extend_from_slice(end.as_bytes()),
                    byte => mail.push(*byte),
                }
            }
        }
        mail
    })
}

fn asked(names: &[&str], upper: bool) -> Section {
    let name = |name: &&str| match upper {
        true => name.to_uppercase(),
        false => (*name).to_owned(),
    };
    Section {
        part: Vec::new(),
        of: SectionOf::Fields(names.iter().map(name).collect()),
    }
}

/// What the message itself answers.
fn of_message(raw: &[u8], asked: &Section) -> Vec<u8> {
    let raw = crlf(raw);
    section(&raw, &scan(&raw), asked).unwrap().into_owned()
}

proptest! {
    #[test]
    fn a_summary_answers_as_its_message_does(
        raw in mail(),
        names in subsequence(KEPT_FIELDS.to_vec(), 1..KEPT_FIELDS.len()),
        upper: bool,
    ) {
        let asked = asked(&names, upper);
        prop_assert!(is_kept(&asked));
        let kept = describe(&raw, Digest::of(&raw), Flags::NONE, 7).summary;
        let summary = Summary::decode(&kept).unwrap();
        let expected = of_message(&raw, &asked);
        prop_assert_eq!(&*summary.answer(&asked).unwrap(), &expected[..]);
        // Made of the fields alone, as a mail server tells them, it is the same but for the structure.
        let fields = of_message(&raw, &self::asked(KEPT_FIELDS, false));
        let kept = describe_header(&fields, 9, 7, Flags::NONE).summary;
        let of_fields = Summary::decode(&kept).unwrap();
        prop_assert_eq!(&*of_fields.answer(&asked).unwrap(), &expected[..]);
        prop_assert_eq!(of_fields.envelope, summary.envelope);
        prop_assert!(of_fields.structure.is_empty());
    }
}
