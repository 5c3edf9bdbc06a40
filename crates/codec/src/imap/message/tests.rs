//! Properties of what is told of any mail.

use super::*;
use crate::imap::command::{Section, SectionOf};
use everpost_domain::message::{Kind, Structure, scan};
use proptest::prelude::*;

/// True if the text is what an answer may hold: brackets that pair, quoted strings of ASCII that
/// end, literals as long as they say, and blanks where the grammar has them.
pub(super) fn is_balanced(text: &[u8]) -> bool {
    let mut rest = text;
    let mut depth = 0i64;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'(' => {
                depth += 1;
                if rest.starts_with(b")") || rest.starts_with(b" ") {
                    return false;
                }
            }
            b')' => depth -= 1,
            b'"' => loop {
                match rest {
                    [b'"', tail @ ..] => {
                        rest = tail;
                        break;
                    }
                    [b'\\', b'"' | b'\\', tail @ ..] => rest = tail,
                    [0 | b'\r' | b'\n' | b'\\' | 128.., ..] | [] => return false,
                    [_, tail @ ..] => rest = tail,
                }
            },
            b'{' => {
                let Some(end) = rest.iter().position(|&byte| byte == b'}') else {
                    return false;
                };
                let size: usize = String::from_utf8_lossy(&rest[..end]).parse().unwrap();
                let start = end + 3;
                if !rest[end..].starts_with(b"}\r\n") || rest.len() < start + size {
                    return false;
                }
                if rest[start..start + size].contains(&0) {
                    return false;
                }
                rest = &rest[start + size..];
            }
            b' ' | b'0'..=b'9' | b'N' | b'I' | b'L' => {}
            _ => return false,
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

/// The part numbers of every leaf, as a client counts them.
fn numbers(structure: &Structure) -> Vec<(Vec<u32>, usize)> {
    let parts = &structure.parts;
    let mut all: Vec<Vec<u32>> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let mut number = part
            .parent
            .map(|parent| all[parent].clone())
            .unwrap_or_default();
        match part.parent {
            // A child of a multipart is numbered, the multipart of a message is not.
            Some(parent) if parts[parent].kind == Kind::Multipart => {
                let before = parts[..index].iter().filter(|p| p.parent == Some(parent));
                number.push(before.count() as u32 + 1);
            }
            // Whatever else a message is, it is part 1.
            _ if part.kind != Kind::Multipart => number.push(1),
            _ => {}
        }
        all.push(number);
    }
    let numbered = all.into_iter().zip(0..);
    numbered
        .filter(|(_, index)| parts[*index].kind == Kind::Leaf)
        .collect()
}

fn check(raw: &[u8]) -> Result<(), TestCaseError> {
    let raw = crlf(raw);
    prop_assert_eq!(&crlf(&raw), &raw);
    let tree = scan(&raw);
    for (extended, global) in [(false, false), (true, false), (true, true)] {
        let mut out = Vec::new();
        write_structure(&mut out, &raw, &tree, Shape { extended, global });
        prop_assert!(is_balanced(&out), "{}", String::from_utf8_lossy(&out));
        prop_assert!(out.starts_with(b"("));
    }
    let mut out = Vec::new();
    write_envelope(&mut out, &raw, &tree);
    prop_assert!(is_balanced(&out), "{}", String::from_utf8_lossy(&out));
    let whole = section(&raw, &tree, &Section::default());
    prop_assert_eq!(whole.as_deref(), Some(&*raw));
    let of = |part: &[u32], of| {
        section(
            &raw,
            &tree,
            &Section {
                part: part.to_vec(),
                of,
            },
        )
    };
    let header = of(&[], SectionOf::Header).unwrap();
    let text = of(&[], SectionOf::Text).unwrap();
    prop_assert_eq!(&[header, text].concat(), &*raw);
    for (number, index) in numbers(&tree) {
        let part = &tree.parts[index];
        let body = of(&number, SectionOf::Whole);
        prop_assert_eq!(body.as_deref(), raw.get(part.body.clone()), "{:?}", number);
        let mime = of(&number, SectionOf::Mime);
        prop_assert_eq!(mime.as_deref(), raw.get(part.header.clone()));
        let size = binary_size(&raw, &tree, &number);
        prop_assert!(!matches!(size, Ok(None)));
    }
    let fields = vec!["subject".to_string(), "to".to_string()];
    for some in [
        SectionOf::Fields(fields.clone()),
        SectionOf::FieldsNot(fields),
    ] {
        prop_assert!(of(&[], some).unwrap().ends_with(b"\r\n"));
    }
    prop_assert!(preview(&raw, &tree).chars().count() <= 200);
    HeaderText::read(&raw, &tree);
    BodyText::read(&raw, &tree);
    Ok(())
}

/// Mail made of pieces that mean something, in any order.
fn any_mail() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec![
        "Content-Type: multipart/mixed; boundary=b\r\n",
        "Content-Type: multipart/digest; boundary=\"c d\"\n",
        "Content-Type: message/rfc822\r\n",
        "Content-Type: message/global; name=x\r\n",
        "Content-Type: text/html; charset=utf-8; name*0*=a''b; name*1=\"\\\"\"\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "Content-Transfer-Encoding: odd (\r\n",
        "Content-Disposition: attachment; filename=\"\u{e4}\r\n",
        "Content-Language: a,(b)\r\n",
        "Content-ID: \0<a@b>\r\n",
        "From: \"a\\\" <b@c>, :d: e;\r\n",
        "To: <@a:b@[c>,\r\n (\r\n",
        "Subject: a\r\n b\u{e4}\r\n",
        "--b\r\n",
        "--b--\r\n",
        "--c d\r\n",
        "--c d--\n",
        "\r\n",
        "\n",
        "\r",
        "text\r\n",
        "> <p>text &amp;\0\n",
    ];
    let piece = prop::sample::select(pieces).prop_map(|piece| piece.as_bytes().to_vec());
    let noise = prop::collection::vec(any::<u8>(), 0..6);
    let one = prop_oneof![9 => piece, 1 => noise];
    prop::collection::vec(one, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_mail_is_told(raw in any_mail()) {
        check(&raw)?;
    }

    #[test]
    fn any_bytes_are_told(raw in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&raw)?;
    }

    #[test]
    fn line_ends_are_whole(raw in prop::collection::vec(prop::sample::select(b"\r\na\0".to_vec()), 0..20)) {
        let served = crlf(&raw);
        prop_assert_eq!(crlf_size(&raw), served.len() as u64);
        prop_assert_eq!(&crlf(&served), &served);
        let mut before = 0;
        for &byte in served.iter() {
            prop_assert!(byte != b'\n' || before == b'\r');
            before = byte;
        }
    }
}

/// Structures at the limits of `scan`, and beyond.
#[test]
fn deep_and_wide() {
    let deep = |kind: &str| {
        format!("Content-Type: {kind}\r\n\r\n")
            .repeat(300)
            .into_bytes()
    };
    let mut multiparts = Vec::new();
    for level in 0..300 {
        let line =
            format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
        multiparts.extend_from_slice(line.as_bytes());
    }
    let mut wide = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    wide.extend(b"--b\r\n\r\nx\r\n".repeat(12_000));
    for raw in [deep("message/rfc822"), multiparts, wide] {
        let tree = scan(&raw);
        let mut out = Vec::new();
        let shape = Shape {
            extended: true,
            global: true,
        };
        write_structure(&mut out, &raw, &tree, shape);
        assert!(is_balanced(&out));
    }
}
