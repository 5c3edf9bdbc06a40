//! Streams made here, and compressed RTF of the specification.

use super::*;
use proptest::prelude::*;

/// A stream of (level, tag, data).
fn stream(attributes: &[(u8, u32, &[u8])]) -> Vec<u8> {
    let mut out = SIGNATURE.to_vec();
    out.extend([1, 0]);
    for (level, tag, data) in attributes {
        out.push(*level);
        out.extend(tag.to_le_bytes());
        out.extend((data.len() as u32).to_le_bytes());
        out.extend(*data);
        let sum = data
            .iter()
            .fold(0u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        out.extend(sum.to_le_bytes());
    }
    out
}

/// A list of properties of (type, id, value).
fn properties(list: &[(u16, u16, &[u8])]) -> Vec<u8> {
    let mut out = (list.len() as u32).to_le_bytes().to_vec();
    for (kind, id, value) in list {
        out.extend(kind.to_le_bytes());
        out.extend(id.to_le_bytes());
        if *id >= 0x8000 {
            out.extend([7; 16]);
            out.extend(1u32.to_le_bytes());
            out.extend(6u32.to_le_bytes());
            out.extend(b"n\0a\0m\0\0\0");
        }
        if *kind == 3 {
            out.extend(*value);
            continue;
        }
        out.extend(1u32.to_le_bytes());
        out.extend((value.len() as u32).to_le_bytes());
        out.extend(*value);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn subject_body_and_attachments_are_read() {
    let inner = stream(&[(1, attribute::SUBJECT, b"inner\0")]);
    let embedded = [[9; 16].as_slice(), &inner].concat();
    let long = utf16("a long name.txt\0");
    let message = properties(&[
        (0x1f, 0x8003, &utf16("ignored")),
        (0x1f, property::SUBJECT, &utf16("Größe\0")),
        (3, property::INTERNET_CODEPAGE, &1251u32.to_le_bytes()),
        (0x102, property::HTML, b"<p>\xcf\xf0"),
    ]);
    let first = properties(&[(0x1f, property::LONG_FILE_NAME, &long)]);
    let second = properties(&[(0x0d, property::DATA, &embedded)]);
    let bytes = stream(&[
        (1, attribute::MESSAGE_PROPERTIES, &message),
        (1, attribute::BODY, b"the body\0"),
        (2, attribute::ATTACHMENT_BEGINS, &[0; 14]),
        (2, attribute::ATTACHMENT_TITLE, b"ALONGN~1.TXT\0"),
        (2, attribute::ATTACHMENT_DATA, b"content"),
        (2, attribute::ATTACHMENT_PROPERTIES, &first),
        (2, attribute::ATTACHMENT_BEGINS, &[0; 14]),
        (2, attribute::ATTACHMENT_PROPERTIES, &second),
    ]);
    let tnef = Tnef::read(&bytes).unwrap();
    assert!(!tnef.damaged);
    assert_eq!(tnef.subject.as_deref(), Some("Größe"));
    assert_eq!(tnef.body.as_deref(), Some("the body"));
    let html = tnef.html.unwrap().text(tnef.html_charset.as_deref());
    assert_eq!(html.as_deref(), Some("<p>Пр"));
    let [file, letter] = tnef.attachments.as_slice() else {
        panic!("{:?}", tnef.attachments);
    };
    assert_eq!(file.name.as_deref(), Some("a long name.txt"));
    assert_eq!(file.data, b"content");
    let inner = Tnef::read(letter.data).unwrap();
    assert_eq!(inner.subject.as_deref(), Some("inner"));
}

#[test]
fn code_page_may_follow_the_text() {
    let bytes = stream(&[
        (1, attribute::SUBJECT, b"\xcf\xf0\0"),
        (1, attribute::OEM_CODEPAGE, &[0xe3, 4, 0, 0, 0, 0, 0, 0]),
    ]);
    assert_eq!(Tnef::read(&bytes).unwrap().subject.as_deref(), Some("Пр"));
}

#[test]
fn what_is_cut_off_gives_what_came_before() {
    let whole = stream(&[
        (1, attribute::SUBJECT, b"kept\0"),
        (1, attribute::BODY, b"a body that is cut off\0"),
    ]);
    let tnef = Tnef::read(&whole[..whole.len() - 8]).unwrap();
    assert_eq!(tnef.subject.as_deref(), Some("kept"));
    assert_eq!(tnef.body, None);
    assert!(tnef.damaged);
    assert_eq!(Tnef::read(b"PK\x03\x04"), None);
}

/// The examples of [MS-OXRTFCP] §3.1 and §3.2: plain run, and a copy that overlaps itself.
#[test]
fn compressed_rtf_of_the_specification() {
    let simple = b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125B2\x0a\xf3 hel\x09\0 bw\x05\xb0ld}\x0a\x80\x0f\xa0";
    let text = decompress_rtf(simple, 1 << 20).unwrap();
    assert_eq!(text, b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
    let crossing = b"\x1a\0\0\0\x1c\0\0\0LZFu\xe2\xd4\x4b\x51\x41\0\x04\x20WXYZ\x0dn}\x01\x0e\xb0";
    let text = decompress_rtf(crossing, 1 << 20).unwrap();
    assert_eq!(text, b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}");
    assert_eq!(decompress_rtf(crossing, 10).unwrap().len(), 10);
    assert_eq!(decompress_rtf(b"too short", 10), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0usize..400) {
        let mut stream = SIGNATURE.to_vec();
        stream.extend([0, 0]);
        stream.extend(&bytes);
        Tnef::read(&stream);
        let list = properties(&[(0x102, property::HTML, &bytes), (0x1f, property::BODY, &bytes)]);
        let mut list = list.get(..cut).unwrap_or(&list).to_vec();
        if let Some(byte) = list.get_mut(cut / 2) {
            *byte = byte.wrapping_mul(31);
        }
        let attributes = [(1, attribute::MESSAGE_PROPERTIES, list.as_slice())];
        Tnef::read(&super::tests::stream(&attributes));
        let rtf = [b"\0\0\0\0\xff\xff\0\0LZFu\0\0\0\0".as_slice(), &bytes].concat();
        prop_assert!(decompress_rtf(&rtf, 5000).unwrap().len() <= 5000);
    }
}
