//! mboxrd quoting, both ways: reversible, unlike mboxo's.

use super::from_line::asctime_text;
use memchr::memmem;

/// Where a message's own bytes lie in an mbox, as an export's manifest records it.
///
/// `offset` and `length` cover the message as stored, after its `From_` line and before
/// the terminator and separator that the writer added, so that
/// `unquote_rd(&file[offset..offset + length])` is the message, byte for byte, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MboxEntry {
    /// First byte after the `From_` line, counted from the start of the output given to
    /// [`write_rd`]; the caller adds where in the file that output starts.
    pub offset: u64,
    /// Bytes of the message as quoted.
    pub length: u64,
}

/// Appends a message to an mbox in the mboxrd dialect.
///
/// Written are: `From SENDER DATE` and LF; the message with one `>` before every line
/// `^>*From `; LF if the message is not empty and does not end with LF (the terminator);
/// LF (the separator). Reading it back without the manifest therefore gives the message,
/// or the message and one LF where it had no final one; with the manifest, the message.
///
/// `sender` becomes one word: blanks and control characters become `_`, an empty one
/// becomes `MAILER-DAEMON`. `unix` is written in UTC.
pub fn write_rd(out: &mut Vec<u8>, sender: &[u8], unix: i64, message: &[u8]) -> MboxEntry {
    out.extend_from_slice(b"From ");
    if sender.is_empty() {
        out.extend_from_slice(b"MAILER-DAEMON");
    }
    // RFC 5321 limits a path to 256 bytes; the reader's limit on the line is 1024.
    out.extend(sender.iter().take(320).map(|&byte| {
        if byte <= b' ' || byte == 0x7f {
            b'_'
        } else {
            byte
        }
    }));
    out.push(b' ');
    out.extend_from_slice(asctime_text(unix).as_bytes());
    out.push(b'\n');
    let offset = out.len();
    let mut done = 0;
    for at in memmem::find_iter(message, b"From ") {
        if let Some(line) = quoted_line_start(message, at) {
            out.extend_from_slice(message.get(done..line).unwrap_or_default());
            out.push(b'>');
            done = line;
        }
    }
    out.extend_from_slice(message.get(done..).unwrap_or_default());
    let length = out.len() - offset;
    if message.last().is_some_and(|&last| last != b'\n') {
        out.push(b'\n');
    }
    out.push(b'\n');
    MboxEntry {
        offset: offset as u64,
        length: length as u64,
    }
}

/// Removes one `>` from every line `^>+From `.
pub fn unquote_rd(stored: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(stored.len());
    let mut done = 0;
    for gt in memmem::find_iter(stored, b">From ") {
        if let Some(line) = quoted_line_start(stored, gt + 1) {
            out.extend_from_slice(stored.get(done..line).unwrap_or_default());
            done = line + 1;
        }
    }
    out.extend_from_slice(stored.get(done..).unwrap_or_default());
    out
}

/// As [`unquote_rd`], in the memory of a message that is not needed any more.
pub(super) fn unquote_rd_owned(mut stored: Vec<u8>) -> Vec<u8> {
    let finder = memmem::Finder::new(b">From ");
    let mut kept = 0;
    let mut done = 0;
    let mut from = 0;
    while let Some(found) = finder.find(stored.get(from..).unwrap_or_default()) {
        let gt = from + found;
        from = gt + 1;
        // What moved lies before this line, so the line is still as it came.
        if let Some(line) = quoted_line_start(&stored, gt + 1) {
            stored.copy_within(done..line, kept);
            kept += line - done;
            done = line + 1;
        }
    }
    if done > 0 {
        let end = stored.len();
        stored.copy_within(done..end, kept);
        stored.truncate(kept + end - done);
    }
    stored
}

/// Where the line starts, if nothing but `>` stands between there and `at`.
fn quoted_line_start(bytes: &[u8], at: usize) -> Option<usize> {
    let before = bytes.get(..at)?;
    let line = at
        - before
            .iter()
            .rev()
            .take_while(|&&byte| byte == b'>')
            .count();
    let starts = line
        .checked_sub(1)
        .is_none_or(|last| before.get(last) == Some(&b'\n'));
    starts.then_some(line)
}
