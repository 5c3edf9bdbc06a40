//! Strings, numbers and lists as IMAP writes them.

use std::borrow::Cow;

/// Longest string that is written in quotes. Clients read a line into a buffer whose size they
/// chose themselves; a literal tells its size first.
const QUOTED: usize = 1_000;

/// Most bytes of a header field that are told in an ENVELOPE or a BODYSTRUCTURE: real ones are
/// shorter, and a client asks for those of thousands of messages at once.
const FIELD: usize = 64 * 1024;

/// A string (RFC 9051 §4.3): in quotes if it is short and holds nothing but ASCII on one line, else
/// as a literal. NUL is no character of either, and is left out.
pub fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    let text = if memchr::memchr(0, text).is_some() {
        Cow::Owned(text.iter().copied().filter(|&byte| byte != 0).collect())
    } else {
        Cow::Borrowed(text)
    };
    let plain = |byte: &u8| byte.is_ascii() && !matches!(byte, b'\r' | b'\n');
    if text.len() > QUOTED || !text.iter().all(plain) {
        out.push(b'{');
        write_number(out, text.len() as u64);
        out.extend_from_slice(b"}\r\n");
        out.extend_from_slice(&text);
        return;
    }
    out.push(b'"');
    for &byte in text.as_ref() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// A string, or NIL.
pub fn write_nstring(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        Some(text) => write_string(out, text),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// A number.
pub(super) fn write_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(number.to_string().as_bytes());
}

/// A field's value on one line, without blanks at its ends and not longer than [`FIELD`]. A fold
/// becomes one space, whatever blanks it was made of: RFC 5322 §2.2.3 would keep them, but they were
/// put there to lay out the header, and clients show a tab in a subject as a gap.
pub(super) fn one_line(value: &[u8]) -> Vec<u8> {
    let value = value.get(..FIELD).unwrap_or(value);
    let lines = value.split(|byte| matches!(byte, b'\r' | b'\n'));
    let lines = lines
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(&b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings() {
        let table: [(&[u8], &[u8]); 7] = [
            (b"", b"\"\""),
            (b"a b", b"\"a b\""),
            (b"a\"b\\c", b"\"a\\\"b\\\\c\""),
            (b"a\tb", b"\"a\tb\""),
            (b"a\r\nb", b"{4}\r\na\r\nb"),
            (b"\xc3\xa4", b"{2}\r\n\xc3\xa4"),
            (b"a\0b", b"\"ab\""),
        ];
        for (text, written) in table {
            let mut out = Vec::new();
            write_string(&mut out, text);
            assert_eq!(out, written);
        }
        let mut out = Vec::new();
        write_string(&mut out, &[b'x'; QUOTED + 1]);
        assert!(out.starts_with(b"{1001}\r\nxxx"));
        out.clear();
        write_nstring(&mut out, None);
        assert_eq!(out, b"NIL");
    }

    #[test]
    fn values_on_one_line() {
        assert_eq!(one_line(b" a \r\n\t b\tc \r\n"), b"a b\tc");
        assert_eq!(one_line(&vec![b'x'; FIELD + 9]).len(), FIELD);
    }
}
