//! The transfer encodings base64 and quoted-printable, read tolerantly.

use super::bytes::is_blank;

/// Not a base64 digit.
const NONE: u8 = 0xff;

const DIGITS: [u8; 256] = digits();

#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, on a table of 256"
)]
const fn digits() -> [u8; 256] {
    let mut table = [NONE; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0;
    while value < alphabet.len() {
        table[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    table
}

fn digit(byte: u8) -> u8 {
    DIGITS.get(usize::from(byte)).copied().unwrap_or(NONE)
}

/// Decodes base64. Bytes outside the alphabet are skipped; `=` ends a group, after which
/// decoding goes on (some senders join pieces that were padded one by one); a last group
/// of two or three digits gives one or two bytes, of one digit nothing.
pub(super) fn base64(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let mut rest = text;
    let (mut bits, mut count) = (0u32, 0u8);
    while let Some((&first, after)) = rest.split_first() {
        if count == 0 {
            // Whole groups, as nearly all of a body is.
            if let Some((&[a, b, c, d], tail)) = rest.split_first_chunk::<4>() {
                let (a, b, c, d) = (digit(a), digit(b), digit(c), digit(d));
                if (a | b | c | d) < 64 {
                    let group =
                        u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d);
                    let [_, x, y, z] = group.to_be_bytes();
                    out.extend_from_slice(&[x, y, z]);
                    rest = tail;
                    continue;
                }
            }
        }
        rest = after;
        match (first, digit(first)) {
            (b'=', _) => {
                finish_group(&mut out, bits, count);
                (bits, count) = (0, 0);
            }
            (_, NONE) => {}
            (_, value) => {
                bits = bits << 6 | u32::from(value);
                count += 1;
                if count == 4 {
                    let [_, x, y, z] = bits.to_be_bytes();
                    out.extend_from_slice(&[x, y, z]);
                    (bits, count) = (0, 0);
                }
            }
        }
    }
    finish_group(&mut out, bits, count);
    out
}

fn finish_group(out: &mut Vec<u8>, bits: u32, count: u8) {
    let [_, x, y, _] = match count {
        2 => (bits << 12).to_be_bytes(),
        3 => (bits << 6).to_be_bytes(),
        _ => return,
    };
    out.push(x);
    if count == 3 {
        out.push(y);
    }
}

/// The byte that two hexadecimal digits at the start of `text` name.
pub(super) fn hex_pair(text: &[u8]) -> Option<u8> {
    let hex = |b: &u8| char::from(*b).to_digit(16);
    match text {
        [high, low, ..] => u8::try_from(hex(high)? << 4 | hex(low)?).ok(),
        _ => None,
    }
}

/// Decodes quoted-printable. `=` before a line's end joins lines, blanks at a line's end
/// go (RFC 2045 §6.7 rule 3: they were added in transit), a damaged escape stays as it is.
pub(super) fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest
            .iter()
            .position(|&b| matches!(b, b'=' | b' ' | b'\t'))
            .unwrap_or(rest.len());
        let (literal, tail) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
        out.extend_from_slice(literal);
        let Some((&first, after)) = tail.split_first() else {
            break;
        };
        rest = if first == b'=' {
            escape(after, &mut out)
        } else {
            blanks(tail, &mut out)
        };
    }
    out
}

/// What follows `=`.
fn escape<'a>(after: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    if let Some(byte) = hex_pair(after) {
        out.push(byte);
        return after.get(2..).unwrap_or_default();
    }
    let blank = after
        .iter()
        .position(|&b| !is_blank(b))
        .unwrap_or(after.len());
    match after.get(blank..).unwrap_or_default() {
        [] => &[],
        [b'\r', b'\n', tail @ ..] | [b'\n' | b'\r', tail @ ..] => tail,
        _ => {
            out.push(b'=');
            after
        }
    }
}

/// A run of blanks: kept, unless the line ends after it.
fn blanks<'a>(tail: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let length = tail
        .iter()
        .position(|&b| !is_blank(b))
        .unwrap_or(tail.len());
    let (run, rest) = tail.split_at_checked(length).unwrap_or((tail, &[]));
    if !matches!(rest.first(), None | Some(b'\r' | b'\n')) {
        out.extend_from_slice(run);
    }
    rest
}
