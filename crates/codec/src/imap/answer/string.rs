//! Strings on the way out.

use crate::imap::limits;
use crate::imap::name;

/// Whether a byte may stand in quotes, escaped or not.
fn is_quotable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// A string: in quotes, if it is printable ASCII and not long, else a literal. NUL may stand in neither, and is left out.
pub fn string(out: &mut Vec<u8>, text: &[u8]) {
    if text.contains(&0) {
        let text: Vec<u8> = text.iter().copied().filter(|byte| *byte != 0).collect();
        return string(out, &text);
    }
    match text.len() <= limits::QUOTED && text.iter().all(|byte| is_quotable(*byte)) {
        true => quoted(out, text),
        false => literal(out, text),
    }
}

/// A string, or NIL.
pub fn nstring(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        Some(text) => string(out, text),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// A string that may do without quotes: one word of letters, digits and what is plain.
pub fn astring(out: &mut Vec<u8>, text: &[u8]) {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.@/:=+".contains(byte);
    // Three letters are left out, because NIL without quotes is something else.
    let word = !text.is_empty() && text.iter().all(plain) && !text.eq_ignore_ascii_case(b"NIL");
    match word {
        true => out.extend_from_slice(text),
        false => string(out, text),
    }
}

/// A mailbox's name. `utf8` as in [`name::encode`]; then it may stand in quotes as it is (RFC 6855 §3).
pub fn mailbox(out: &mut Vec<u8>, name: &str, utf8: bool) {
    let wire = name::encode(name, utf8);
    let plain = !wire.chars().any(char::is_control);
    match utf8 && plain && wire.len() <= limits::QUOTED {
        true => quoted(out, wire.as_bytes()),
        false => string(out, wire.as_bytes()),
    }
}

fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// A literal.
pub fn literal(out: &mut Vec<u8>, bytes: &[u8]) {
    literal_head(out, bytes.len() as u64, false);
    out.extend_from_slice(bytes);
}

/// What stands before a literal's bytes, for who writes them in pieces. `literal8`: the bytes may hold NUL (RFC 3516 §4.4).
pub fn literal_head(out: &mut Vec<u8>, octets: u64, literal8: bool) {
    let tilde = if literal8 { "~" } else { "" };
    out.extend_from_slice(format!("{tilde}{{{octets}}}\r\n").as_bytes());
}

/// `(\Seen $Junk)`.
pub fn flags<F: AsRef<str>>(out: &mut Vec<u8>, flags: impl IntoIterator<Item = F>) {
    words(out, flags);
}

/// Words in parentheses. What no atom may hold is left out, so that one odd word does not cost the whole answer.
pub(super) fn words<W: AsRef<str>>(out: &mut Vec<u8>, words: impl IntoIterator<Item = W>) {
    out.push(b'(');
    let mut first = true;
    for word in words {
        let word = word.as_ref().as_bytes();
        let fits = |byte: &u8| byte.is_ascii_graphic() && !b"(){\"]%".contains(byte);
        if word.is_empty() || !word.iter().all(fits) {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
    out.push(b')');
}
