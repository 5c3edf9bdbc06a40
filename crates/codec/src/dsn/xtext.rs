//! The encodings of addresses: xtext (RFC 3461 §4) and the Unicode forms of RFC 6533 §3.

/// Decodes xtext: `+` and two upper-case hexadecimal digits are a byte. What is damaged stays as it is;
/// bytes that are no UTF-8 are replaced.
pub(super) fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let digit = |at: usize| {
            let byte = after.get(at).filter(|byte| !byte.is_ascii_lowercase())?;
            char::from(*byte).to_digit(16)
        };
        match (first, digit(0).zip(digit(1))) {
            (b'+', Some((high, low))) => {
                out.push(u8::try_from(high << 4 | low).unwrap_or(b'?'));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => out.push(first),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Writes what is not ASCII, and the characters that have a meaning in it, as `\x{HEX}`.
pub(super) fn encode_unicode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '!'..='~') && !matches!(c, '\\' | '+' | '=') {
            out.push(c);
        } else {
            out.push_str(&format!("\\x{{{:X}}}", u32::from(c)));
        }
    }
    out
}

/// Reads what [`encode_unicode`] writes; what is damaged stays as it is.
pub(super) fn decode_unicode(text: &str) -> String {
    let mut pieces = text.split("\\x{");
    let mut out = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        let read = piece.split_once('}').and_then(|(hex, rest)| {
            let c = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)?;
            Some((c, rest))
        });
        match read {
            Some((c, rest)) => {
                out.push(c);
                out.push_str(rest);
            }
            None => {
                out.push_str("\\x{");
                out.push_str(piece);
            }
        }
    }
    out
}
