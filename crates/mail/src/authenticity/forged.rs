//! Fields of mail that comes which claim to be ours.

use std::ops::Range;

use super::fields::Fields;

/// Where a message has `Authentication-Results` fields in the name of `authserv_id` (RFC 8601 §5): whoever
/// sent it wrote them, so that a server at the border takes them out before it adds its own. Ranges are of
/// whole fields with their line endings, in order, apart.
///
/// A field that cannot be read, yet has the name somewhere, counts: others may read it in another way.
pub fn forged(raw: &[u8], authserv_id: &str) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    for field in Fields::of(raw) {
        if !field.is("Authentication-Results") || !claims(field.value, authserv_id.as_bytes()) {
            continue;
        }
        match out.last_mut() {
            Some(last) if last.end == field.range.start => last.end = field.range.end,
            _ => out.push(field.range),
        }
    }
    out
}

fn claims(value: &[u8], ours: &[u8]) -> bool {
    let ours = bare(ours);
    match server(value) {
        Some(name) => bare(&name).eq_ignore_ascii_case(ours),
        None => {
            let mut parts = value.windows(ours.len().max(1));
            parts.any(|part| part.eq_ignore_ascii_case(ours))
        }
    }
}

/// A name without blanks around and dots at its end.
fn bare(name: &[u8]) -> &[u8] {
    let mut name = name.trim_ascii();
    while let Some(shorter) = name.strip_suffix(b".") {
        name = shorter.trim_ascii_end();
    }
    name
}

/// The name of the server that a field begins with: blanks and comments, then a token or a quoted string
/// (RFC 8601 §2.2).
fn server(value: &[u8]) -> Option<Vec<u8>> {
    let mut rest = value.iter().copied().peekable();
    loop {
        match rest.peek()? {
            b' ' | b'\t' | b'\r' | b'\n' => drop(rest.next()),
            b'(' => {
                let mut depth = 0_usize;
                loop {
                    match rest.next()? {
                        b'(' => depth += 1,
                        b')' => depth -= 1,
                        b'\\' => drop(rest.next()?),
                        _ => {}
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
            _ => break,
        }
    }
    let mut name = Vec::new();
    if rest.next_if_eq(&b'"').is_some() {
        loop {
            match rest.next()? {
                b'"' => return Some(name),
                b'\\' => name.push(rest.next()?),
                b'\r' | b'\n' => {}
                byte => name.push(byte),
            }
        }
    }
    while let Some(byte) =
        rest.next_if(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b';' | b'(' | b'"'))
    {
        name.push(byte);
    }
    (!name.is_empty()).then_some(name)
}
