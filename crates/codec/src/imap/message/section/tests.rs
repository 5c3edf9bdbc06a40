//! Tests of BODY[…] and BINARY[…].

use super::*;
use everpost_domain::message::scan;

/// The message of RFC 9051 §6.4.5.1, whose parts say their numbers.
const NUMBERED: &str = "Subject: outer\r\nContent-Type: multipart/mixed; boundary=A\r\n\r\n\
     --A\r\nContent-Type: text/plain\r\n\r\n1\r\n\
     --A\r\nContent-Type: application/octet-stream\r\n\r\n2\r\n\
     --A\r\nContent-Type: message/rfc822\r\n\r\n\
     Subject: three\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n\
     --B\r\n\r\n3.1\r\n\
     --B\r\nContent-Type: application/octet-stream\r\n\r\n3.2\r\n--B--\r\n\
     --A\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n\
     --C\r\nContent-Type: image/gif\r\n\r\n4.1\r\n\
     --C\r\nContent-Type: message/rfc822\r\n\r\n\
     Subject: four two\r\nContent-Type: multipart/mixed; boundary=D\r\n\r\n\
     --D\r\n\r\n4.2.1\r\n\
     --D\r\nContent-Type: multipart/alternative; boundary=E\r\n\r\n\
     --E\r\n\r\n4.2.2.1\r\n\
     --E\r\nContent-Type: text/richtext\r\n\r\n4.2.2.2\r\n--E--\r\n--D--\r\n--C--\r\n\
     --A\r\nContent-Type: message/rfc822\r\n\r\nSubject: five\r\n\r\nfive\r\n--A--\r\n";

fn get(raw: &str, part: &[u32], of: SectionOf) -> Option<String> {
    let wanted = Section {
        part: part.to_vec(),
        of,
    };
    let raw = raw.as_bytes();
    let bytes = section(raw, &scan(raw), &wanted)?.into_owned();
    Some(String::from_utf8(bytes).unwrap())
}

#[test]
fn the_numbers_of_the_rfc() {
    let parts: [&[u32]; 8] = [
        &[1],
        &[2],
        &[3, 1],
        &[3, 2],
        &[4, 1],
        &[4, 2, 1],
        &[4, 2, 2, 1],
        &[4, 2, 2, 2],
    ];
    for part in parts {
        let name = part
            .iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(".");
        assert_eq!(get(NUMBERED, part, SectionOf::Whole), Some(name));
    }
    assert_eq!(get(NUMBERED, &[], SectionOf::Whole).unwrap(), NUMBERED);
    let header = |part: &[u32]| get(NUMBERED, part, SectionOf::Header).unwrap();
    assert!(header(&[]).starts_with("Subject: outer\r\n"));
    assert!(header(&[3]).starts_with("Subject: three\r\n"));
    assert!(header(&[4, 2]).starts_with("Subject: four two\r\n"));
    assert!(header(&[4, 2]).ends_with("boundary=D\r\n\r\n"));
    let text = |part: &[u32]| get(NUMBERED, part, SectionOf::Text).unwrap();
    assert!(text(&[]).starts_with("--A\r\n"));
    assert!(text(&[3]).starts_with("--B\r\n"));
    assert!(text(&[4, 2]).ends_with("--D--"));
    let whole = |part: &[u32]| get(NUMBERED, part, SectionOf::Whole).unwrap();
    assert!(whole(&[3]).starts_with("Subject: three\r\n"));
    assert!(whole(&[4]).starts_with("--C\r\n"));
    assert!(whole(&[4, 2, 2]).starts_with("--E\r\n"));
    // A nested message without multipart: its text is part 1.
    assert_eq!(whole(&[5, 1]), "five");
    let mime = |part: &[u32]| get(NUMBERED, part, SectionOf::Mime).unwrap();
    assert_eq!(mime(&[1]), "Content-Type: text/plain\r\n\r\n");
    assert_eq!(mime(&[3, 1]), "\r\n");
    assert_eq!(mime(&[4, 2]), "Content-Type: message/rfc822\r\n\r\n");
    assert_eq!(mime(&[4, 2, 2, 2]), "Content-Type: text/richtext\r\n\r\n");
}

#[test]
fn what_is_not_there() {
    let parts: [&[u32]; 8] = [
        &[0],
        &[6],
        &[1, 1],
        &[3, 3],
        &[4, 2, 2, 3],
        &[5, 2],
        &[5, 1, 1],
        &[u32::MAX],
    ];
    for part in parts {
        assert_eq!(get(NUMBERED, part, SectionOf::Whole), None, "{part:?}");
    }
    // Header and text are of messages.
    for part in [&[1u32][..], &[4], &[4, 1], &[3, 1]] {
        assert_eq!(get(NUMBERED, part, SectionOf::Header), None);
        assert_eq!(get(NUMBERED, part, SectionOf::Text), None);
    }
    assert_eq!(get(NUMBERED, &[], SectionOf::Mime), None);
}

#[test]
fn a_message_of_one_part() {
    let raw = "Subject: s\r\n\r\ntext";
    assert_eq!(get(raw, &[1], SectionOf::Whole).unwrap(), "text");
    assert_eq!(
        get(raw, &[1], SectionOf::Mime).unwrap(),
        "Subject: s\r\n\r\n"
    );
    assert_eq!(get(raw, &[1, 1], SectionOf::Whole), None);
    assert_eq!(get(raw, &[1], SectionOf::Header), None);
    // One that is a message: part 1 is the inner message, and has parts.
    let raw = "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ntext";
    assert_eq!(
        get(raw, &[1], SectionOf::Whole).unwrap(),
        "Subject: in\r\n\r\ntext"
    );
    assert_eq!(get(raw, &[1, 1], SectionOf::Whole).unwrap(), "text");
    assert_eq!(
        get(raw, &[1], SectionOf::Header).unwrap(),
        "Subject: in\r\n\r\n"
    );
    assert_eq!(get(raw, &[1], SectionOf::Text).unwrap(), "text");
}

#[test]
fn some_fields() {
    let raw = "From: a\r\nSUBJECT : s\r\n\tfolded\r\nX: 1\r\nsubject: t\r\n\r\nbody";
    let names = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    let get = |of| get(raw, &[], of).unwrap();
    let fields = SectionOf::Fields(names(&["Subject", "x"]));
    assert_eq!(
        get(fields),
        "SUBJECT : s\r\n\tfolded\r\nX: 1\r\nsubject: t\r\n\r\n"
    );
    assert_eq!(
        get(SectionOf::FieldsNot(names(&["Subject", "x"]))),
        "From: a\r\n\r\n"
    );
    assert_eq!(get(SectionOf::Fields(names(&["Cc"]))), "\r\n");
}

#[test]
fn windows() {
    let whole = || Cow::Borrowed(b"abcdef".as_slice());
    assert_eq!(&*partial(whole(), None), b"abcdef");
    assert_eq!(&*partial(whole(), Some((0, 2))), b"ab");
    assert_eq!(&*partial(whole(), Some((4, u32::MAX))), b"ef");
    assert_eq!(&*partial(whole(), Some((6, 1))), b"");
    assert_eq!(&*partial(whole(), Some((u32::MAX, u32::MAX))), b"");
    let owned = Cow::Owned(b"abcdef".to_vec());
    assert_eq!(&*partial(owned, Some((2, 3))), b"cde");
}

#[test]
fn line_ends() {
    let table: [(&[u8], &[u8]); 9] = [
        (b"", b""),
        (b"a\r\nb", b"a\r\nb"),
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"\n\n", b"\r\n\r\n"),
        (b"a\r\nb\nc", b"a\r\nb\r\nc"),
        (b"a\rb\r\r", b"a\r\nb\r\n\r\n"),
        (b"a\rb\r\n", b"a\rb\r\n"),
        (b"a\r\r\n", b"a\r\r\n"),
        (b"\0\n", b"\0\r\n"),
    ];
    for (raw, expected) in table {
        let served = crlf(raw);
        assert_eq!(&*served, expected);
        assert_eq!(crlf_size(raw), expected.len() as u64);
        assert_eq!(matches!(served, Cow::Borrowed(_)), raw == expected);
    }
}

#[test]
fn decoded_parts() {
    let raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n\
                --b\r\nContent-Transfer-Encoding: base64\r\n\r\nYQBi\r\n\
                --b\r\nContent-Transfer-Encoding: x-odd\r\n\r\nx\r\n\
                --b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=41=\r\n\r\n--b--\r\n";
    let tree = scan(raw);
    let get = |part: &[u32]| binary(raw, &tree, part).map(|bytes| bytes.map(Cow::into_owned));
    assert_eq!(get(&[1]), Ok(Some(b"a\0b".to_vec())));
    assert_eq!(get(&[2]), Err(UnknownTransfer));
    assert_eq!(get(&[3]), Ok(Some(b"A".to_vec())));
    assert_eq!(get(&[4]), Ok(None));
    assert_eq!(get(&[]), Ok(Some(raw.to_vec())));
    assert_eq!(binary_size(raw, &tree, &[1]), Ok(Some(3)));
    assert_eq!(binary_size(raw, &tree, &[9]), Ok(None));
}
