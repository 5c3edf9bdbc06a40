//! Small searches over bytes that the readers of this module share.

use std::borrow::Cow;

/// Offset of the first `byte` in `hay`.
pub(super) fn find(byte: u8, hay: &[u8]) -> Option<usize> {
    memchr::memchr(byte, hay)
}

/// `hay` up to the first `byte`, and what follows it.
pub(super) fn split_once(byte: u8, hay: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = find(byte, hay)?;
    let (before, rest) = hay.split_at_checked(at)?;
    Some((before, rest.get(1..)?))
}

/// Space and tab: the blanks inside a line.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// At most the first `limit` bytes.
pub(super) fn cap(bytes: &[u8], limit: usize) -> &[u8] {
    bytes.get(..limit).unwrap_or(bytes)
}

/// At most the first `limit` bytes of `text`, cut between characters.
pub(super) fn cap_text(text: &mut String, limit: usize) {
    if text.len() > limit {
        let mut at = limit;
        while !text.is_char_boundary(at) {
            at = at.saturating_sub(1);
        }
        text.truncate(at);
    }
}

/// One line from `start`: where its content ends and where the next line starts.
/// `eol` is the byte that ends lines; a CR before an LF belongs to the line break.
pub(super) fn line(raw: &[u8], start: usize, eol: u8) -> (usize, usize) {
    let rest = raw.get(start..).unwrap_or_default();
    match find(eol, rest) {
        None => (raw.len(), raw.len()),
        Some(at) => {
            let end = start.saturating_add(at);
            (end - break_before(raw, start, end, eol), end + 1)
        }
    }
}

/// 1 if the line break at `end` began with a CR at or after `start`, else 0.
fn break_before(raw: &[u8], start: usize, end: usize, eol: u8) -> usize {
    usize::from(eol == b'\n' && end > start && raw.get(end - 1) == Some(&b'\r'))
}

/// The byte that ends lines in `raw`: LF, or CR in mail that holds no LF at all (old
/// Macintosh exports).
pub(super) fn line_ending(raw: &[u8]) -> u8 {
    if find(b'\n', raw).is_none() && find(b'\r', raw).is_some() {
        b'\r'
    } else {
        b'\n'
    }
}

/// A field's value on one line: line breaks go, and the blank after them stays (RFC 5322
/// §2.2.3). A break without a blank (a broken sender's continuation) becomes a space.
pub fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'\r', b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut broke = false;
    for &byte in value {
        if matches!(byte, b'\r' | b'\n') {
            broke = true;
            continue;
        }
        if broke && !is_blank(byte) {
            out.push(b' ');
        }
        broke = false;
        out.push(byte);
    }
    Cow::Owned(out)
}
