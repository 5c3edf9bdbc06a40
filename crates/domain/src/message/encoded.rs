//! Encoded words (RFC 2047) and raw 8-bit text in header values.

use super::bytes::{find, is_blank, split_once, unfold};
use super::charset::to_text;
use super::transfer::{base64, hex_pair};

/// The text of an unstructured value (Subject, display name, file name): unfolded,
/// encoded words decoded wherever they stand, raw 8-bit bytes read as UTF-8, else as
/// windows-1252; control characters become blanks, and blanks at the ends go.
pub fn header_text(value: &[u8]) -> String {
    let value = unfold(value);
    let mut text = decode_words(&value);
    if text.chars().any(char::is_control) {
        text = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
    }
    let trimmed = text.trim();
    if trimmed.len() == text.len() {
        text
    } else {
        trimmed.to_string()
    }
}

/// One encoded word: charset, decoded bytes, and what follows it.
struct Word<'a> {
    charset: &'a [u8],
    bytes: Vec<u8>,
    rest: &'a [u8],
}

/// Decodes encoded words in one pass. Neighbours divided by blanks only are joined
/// (RFC 2047 §6.2), and neighbours of one charset are joined before the charset is
/// applied, because senders cut characters in two.
fn decode_words(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    // Bytes of words read but not yet turned into text, and their charset.
    let mut pending: Option<(&[u8], Vec<u8>)> = None;
    let mut plain = 0;
    // Once no "?=" follows, no later word can end: one failed search ends them all.
    let mut ends = true;
    while let Some(at) = find(b'=', rest.get(plain..).unwrap_or_default()).map(|at| at + plain) {
        let (before, candidate) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        let word = if ends {
            read_word(candidate, &mut ends)
        } else {
            None
        };
        let Some(word) = word else {
            if !ends {
                break;
            }
            plain = at + 1;
            continue;
        };
        let adjacent = before.iter().all(|&b| is_blank(b));
        match &mut pending {
            Some((charset, bytes)) if adjacent && charset.eq_ignore_ascii_case(word.charset) => {
                bytes.extend_from_slice(&word.bytes);
            }
            _ => {
                let joined = pending.is_some() && adjacent;
                flush(&mut out, &mut pending);
                if !joined {
                    out.push_str(&to_text(before, None));
                }
                pending = Some((word.charset, word.bytes));
            }
        }
        rest = word.rest;
        plain = 0;
    }
    flush(&mut out, &mut pending);
    out.push_str(&to_text(rest, None));
    out
}

fn flush(out: &mut String, pending: &mut Option<(&[u8], Vec<u8>)>) {
    if let Some((charset, bytes)) = pending.take() {
        let label = std::str::from_utf8(charset).ok();
        out.push_str(&to_text(&bytes, label));
    }
}

/// Reads `=?charset*language?encoding?text?=` from the start of `at`.
fn read_word<'a>(at: &'a [u8], ends: &mut bool) -> Option<Word<'a>> {
    // A charset name is short: without a limit each "=?" would be searched to the end.
    const CHARSET: usize = 64;
    let rest = at.strip_prefix(b"=?")?;
    let length = rest.iter().take(CHARSET).position(|&b| b == b'?')?;
    let (charset, rest) = rest.split_at_checked(length)?;
    let charset = split_once(b'*', charset).map_or(charset, |(name, _)| name);
    if charset.is_empty() || charset.iter().any(|b| !b.is_ascii_graphic()) {
        return None;
    }
    let (encoding, rest) = rest.get(1..)?.split_first()?;
    let rest = rest.strip_prefix(b"?")?;
    if !matches!(encoding, b'b' | b'B' | b'q' | b'Q') {
        return None;
    }
    let Some(length) = rest.windows(2).position(|pair| pair == b"?=") else {
        *ends = false;
        return None;
    };
    let (text, rest) = rest.split_at_checked(length)?;
    let bytes = match encoding {
        b'b' | b'B' => base64(text),
        _ => q_decode(text),
    };
    Some(Word {
        charset,
        bytes,
        rest: rest.get(2..)?,
    })
}

/// The Q encoding (RFC 2047 §4.2); a damaged escape stays as it is.
fn q_decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'_' => out.push(b' '),
            b'=' => match hex_pair(after) {
                Some(byte) => {
                    out.push(byte);
                    rest = after.get(2..).unwrap_or_default();
                }
                None => out.push(first),
            },
            _ => out.push(first),
        }
    }
    out
}
