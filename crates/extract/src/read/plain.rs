//! Text that is text: charsets, HTML, folded lines.

use std::borrow::Cow;

use everpost_domain::message::{html_to_text, text_of_bytes};

use super::Item;

/// As much is looked at to tell text from data.
const SAMPLE: usize = 64 << 10;

/// In a text, control characters are at most one in so many bytes.
const CONTROLS: usize = 200;

/// A charset is looked for this far into an HTML document, as the standard says.
const META_WITHIN: usize = 1024;

/// Whether the bytes are text. Whatever the sender calls it, text has hardly a control
/// character and, but for UTF-16, no zero byte.
pub(super) fn is_text(item: &Item<'_>) -> bool {
    if mark(item.bytes).is_some() || looks_utf16(item.bytes).is_some() {
        return true;
    }
    let sample = item.bytes.get(..SAMPLE).unwrap_or(item.bytes);
    let controls = sample
        .iter()
        .filter(|byte| matches!(byte, 0..=8 | 11 | 14..=26 | 28..=31 | 127))
        .count();
    let zeros = sample.contains(&0);
    let declared = item.content_type.starts_with("text/") || !item.charset.is_empty();
    match zeros {
        true => declared && controls.saturating_mul(CONTROLS) <= sample.len(),
        false => controls.saturating_mul(CONTROLS) <= sample.len(),
    }
}

/// The charset of a byte order mark.
fn mark(bytes: &[u8]) -> Option<&'static str> {
    let marks: [(&[u8], &str); 3] = [
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16le"),
        (b"\xfe\xff", "utf-16be"),
    ];
    let found = marks.iter().find(|(mark, _)| bytes.starts_with(mark))?;
    Some(found.1)
}

/// UTF-16 without a mark: of most pairs one byte, always the same one, is zero.
fn looks_utf16(bytes: &[u8]) -> Option<&'static str> {
    let sample = bytes.get(..4096).unwrap_or(bytes);
    let pairs = sample.chunks_exact(2);
    let count = pairs.len();
    let zeros = |which: usize| {
        pairs
            .clone()
            .filter(|pair| pair.get(which) == Some(&0) && pair.get(1 - which) != Some(&0))
            .count()
    };
    let both = pairs.clone().any(|pair| pair == [0, 0]);
    if count < 8 || both {
        return None;
    }
    match (zeros(0), zeros(1)) {
        (few, most) if most * 10 > count * 7 && few == 0 => Some("utf-16le"),
        (most, few) if most * 10 > count * 7 && few == 0 => Some("utf-16be"),
        _ => None,
    }
}

fn decoded(item: &Item<'_>, charset: &str) -> String {
    let seen = mark(item.bytes).or_else(|| looks_utf16(item.bytes));
    let charset = seen.unwrap_or(charset);
    text_of_bytes(item.bytes, (!charset.is_empty()).then_some(charset))
}

/// Plain text, by the charset that is named or seen.
pub(super) fn text(item: &Item<'_>) -> String {
    decoded(item, item.charset)
}

/// XML as it stands: a mark counts, without one it is UTF-8.
pub(super) fn xml(bytes: &[u8]) -> String {
    text_of_bytes(bytes, mark(bytes))
}

/// HTML, rendered. The document's own word on its charset counts where the mail has none.
pub(super) fn html(item: &Item<'_>) -> String {
    let charset = match item.charset {
        "" => Cow::Owned(meta_charset(item.bytes)),
        named => Cow::Borrowed(named),
    };
    html_to_text(&decoded(item, &charset))
}

fn meta_charset(bytes: &[u8]) -> String {
    let head = bytes.get(..META_WITHIN).unwrap_or(bytes);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let Some((_, after)) = head.split_once("charset=") else {
        return String::new();
    };
    after
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_:.".contains(*c))
        .take(40)
        .collect()
}

/// vCard and iCalendar, with folded lines joined (RFC 5545 §3.1, RFC 6350 §3.2).
pub(super) fn unfolded(item: &Item<'_>) -> String {
    let text = decoded(item, item.charset);
    text.replace("\n ", "").replace("\n\t", "")
}
