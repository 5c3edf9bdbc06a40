//! xtext (RFC 3461 §4): printable ASCII with `+XX` for the rest.

/// What `text` stands for. `None` if it is not xtext, or stands for control characters, blanks at
/// either end or anything else that would not survive as one value in a header of a report.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('+');
    let plain = parts.next()?;
    bytes.extend_from_slice(plain.as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        // from_str_radix takes a sign, which is no digit.
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    if text.contains('=') {
        return None;
    }
    let value = String::from_utf8(bytes).ok()?;
    let clean = !value.is_empty() && value == value.trim() && !value.chars().any(char::is_control);
    clean.then_some(value)
}

/// Appends `value` as xtext. Characters beyond ASCII stay: they are written in transactions of
/// SMTPUTF8 only (RFC 6533 §3).
pub fn encode(value: &str, out: &mut Vec<u8>) {
    for &byte in value.as_bytes() {
        match byte {
            b'+' | b'=' | 0..=b' ' | 0x7f => {
                out.extend_from_slice(format!("+{byte:02X}").as_bytes());
            }
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table() {
        let cases = [
            ("abc", Some("abc")),
            ("a+2Bb+3Dc", Some("a+b=c")),
            ("a+2bb", Some("a+b")),
            ("a+20b", Some("a b")),
            ("+C3+A9", Some("é")),
            ("a+0D+0Ab", None),
            ("+20a", None),
            ("a=b", None),
            ("a+", None),
            ("a+2", None),
            ("a++1", None),
            ("+FF", None),
            ("", None),
        ];
        for (text, value) in cases {
            assert_eq!(decode(text).as_deref(), value, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in "[!-~é☃]([ -~é☃]{0,30}[!-~])?") {
            let mut text = Vec::new();
            encode(&value, &mut text);
            let text = String::from_utf8(text).unwrap();
            prop_assert!(!text.contains([' ', '=']));
            prop_assert_eq!(decode(&text), Some(value));
        }
    }
}
