//! Tests of BODY and BODYSTRUCTURE.

use super::*;
use everpost_domain::message::scan;

fn of(raw: &str, shape: Shape) -> String {
    let mut out = Vec::new();
    write_structure(&mut out, raw.as_bytes(), &scan(raw.as_bytes()), shape);
    String::from_utf8(out).unwrap()
}

fn body(raw: &str) -> String {
    of(raw, Shape::default())
}

fn extended(raw: &str) -> String {
    let shape = Shape {
        extended: true,
        global: false,
    };
    of(raw, shape)
}

/// RFC 3501 §7.4.2 and §8.
#[test]
fn examples_of_the_rfc() {
    let text = "x".repeat(31);
    let lines: String = (0..91).map(|_| format!("{text}\r\n")).collect();
    let raw = format!("Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n{lines}");
    assert_eq!(
        body(&raw),
        "(\"text\" \"plain\" (\"charset\" \"US-ASCII\") NIL NIL \"7bit\" 3003 91)"
    );
    let raw = "Content-Type: multipart/mixed; boundary=b\r\n\r\n\
               --b\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n1\r\n2\r\n\r\n\
               --b\r\nContent-Type: text/plain; charset=us-ascii; name=\"cc.diff\"\r\n\
               Content-ID: <960723163407.20117h@cac.washington.edu>\r\n\
               Content-Description: Compiler diff\r\n\
               Content-Transfer-Encoding: BASE64\r\n\r\nAAAA\r\n--b--\r\n";
    assert_eq!(
        body(raw),
        "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 2)\
         (\"text\" \"plain\" (\"charset\" \"us-ascii\" \"name\" \"cc.diff\") \
         \"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \"base64\" 4 0) \
         \"mixed\")"
    );
}

#[test]
fn extension_data() {
    let raw = "Content-Type: multipart/related; boundary=\"b c\"; type=\"text/html\"\r\n\
               Content-Language: de, en\r\nContent-Location: http://x.org/\r\n\r\n\
               --b c\r\nContent-Type: image/png\r\nContent-MD5: Q2hlY2s=\r\n\
               Content-Disposition: ATTACHMENT; filename*0*=utf-8''%c3%a4; filename*1=\".png\"\r\n\
               Content-Transfer-Encoding: x-uuencode\r\n\r\nx\r\n\
               --b c\r\nContent-Disposition: inline\r\n\r\nx\r\n--b c--\r\n";
    assert_eq!(
        extended(raw),
        "((\"image\" \"png\" NIL NIL NIL \"x-uuencode\" 1 \"Q2hlY2s=\" \
         (\"attachment\" (\"filename*0*\" \"utf-8''%c3%a4\" \"filename*1\" \".png\")) NIL NIL)\
         (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0 NIL (\"inline\" NIL) \
         NIL NIL) \"related\" (\"boundary\" \"b c\" \"type\" \"text/html\") NIL (\"de\" \"en\") \
         \"http://x.org/\")"
    );
}

const EMPTY_ENVELOPE: &str = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";

#[test]
fn nested_messages() {
    let raw = "Content-Type: multipart/digest; boundary=b\r\n\r\n\
               --b\r\n\r\nSubject: s\r\n\r\none\r\ntwo\r\n--b--\r\n";
    let inner = "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 8 1)";
    let envelope = "(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL)";
    assert_eq!(
        body(raw),
        format!(
            "((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 22 {envelope} {inner} 3) \"digest\")"
        )
    );
    // A message that is nothing but a message.
    let raw = "Content-Type: message/rfc822\r\n\r\n\r\nx\r\n";
    let inner = "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 1)";
    assert_eq!(
        body(raw),
        format!("(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 5 {EMPTY_ENVELOPE} {inner} 2)")
    );
    // Only IMAP4rev2 knows message/global.
    let raw = "Content-Type: message/global\r\n\r\n\r\nx\r\n";
    assert_eq!(body(raw), "(\"message\" \"global\" NIL NIL NIL \"7bit\" 5)");
    let rev2 = Shape {
        extended: false,
        global: true,
    };
    assert_eq!(
        of(raw, rev2),
        format!("(\"message\" \"global\" NIL NIL NIL \"7bit\" 5 {EMPTY_ENVELOPE} {inner} 2)")
    );
    // What follows it is not lost.
    let raw = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: \
               message/global\r\n\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n1\
               \r\n--c\r\n\r\n2\r\n--c--\r\n--b\r\nContent-Type: a/b\r\n\r\n--b--\r\n";
    assert!(body(raw).ends_with("(\"a\" \"b\" NIL NIL NIL \"7bit\" 0) \"mixed\")"));
}

/// Whatever is broken has a syntax that clients can parse.
#[test]
fn broken_structures() {
    let plain = "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\"";
    let table = [
        ("", format!("{plain} 0 0)")),
        (
            "Content-Type: multipart/mixed\r\n\r\nx\r\n",
            format!("{plain} 3 1)"),
        ),
        (
            "Content-Type: multipart/mixed; boundary=b; charset=utf-8\r\n\r\nx",
            "(\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 1 0)".into(),
        ),
        // The boundary comes, and nothing in it.
        (
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b--\r\n",
            format!("({plain} 0 0) \"mixed\")"),
        ),
        (
            "Content-Transfer-Encoding: quoted printable\r\n\r\nx",
            format!("{plain} 1 0)"),
        ),
        ("Content-Type: nonsense\r\n\r\nx", format!("{plain} 1 0)")),
        (
            "Content-Type: text/html; charset=\"utf-8\r\n\r\n",
            "(\"text\" \"html\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 0 0)".into(),
        ),
        (
            "Content-Type: message/rfc822; name=a.eml\r\nContent-Transfer-Encoding: base64\r\n\r\n",
            "(\"application\" \"octet-stream\" (\"name\" \"a.eml\") NIL NIL \"base64\" 0)".into(),
        ),
    ];
    for (raw, expected) in table {
        assert_eq!(body(raw), expected, "{raw}");
    }
    let none = Structure { parts: Vec::new() };
    let mut out = Vec::new();
    write_structure(&mut out, b"", &none, Shape::default());
    assert_eq!(String::from_utf8(out).unwrap(), format!("{plain} 0 0)"));
}
