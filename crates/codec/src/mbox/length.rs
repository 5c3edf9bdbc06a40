//! Content-Length in a message's header, as mboxcl and mboxcl2 use it.

use memchr::{memchr, memchr_iter};

/// A header longer than this is not searched.
pub(super) const MAX_HEADER: usize = 1 << 20;

/// Finds the first byte after the empty line that ends a header. `bytes` start with the
/// line break before the header; the search starts at `scan`. `Err` says where to go on
/// when there are more bytes.
pub(super) fn header_end(bytes: &[u8], scan: usize) -> Result<usize, usize> {
    for found in memchr_iter(b'\n', bytes.get(scan..).unwrap_or_default()) {
        let next = scan + found + 1;
        match bytes.get(next..) {
            Some([b'\n', ..]) => return Ok(next + 1),
            Some([b'\r', b'\n', ..]) => return Ok(next + 2),
            None | Some([] | [b'\r']) => return Err(next - 1),
            _ => {}
        }
    }
    Err(bytes.len().max(scan))
}

/// The Content-Length of a header, if it stands there exactly once and is a number.
/// `header` starts with the line break before it. `None` too if a line starts with
/// `From `: the field may then be the next message's.
pub(super) fn content_length(header: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let mut said = None;
    for found in memchr_iter(b'\n', header) {
        let line = header.get(found + 1..).unwrap_or_default();
        match line {
            [b'C' | b'c', ..] => {}
            [b'F', b'r', b'o', b'm', b' ', ..] => return None,
            _ => continue,
        }
        let line = memchr(b'\n', line)
            .and_then(|end| line.get(..end))
            .unwrap_or(line);
        let Some((name, value)) = line.split_at_checked(NAME.len()) else {
            continue;
        };
        if !name.eq_ignore_ascii_case(NAME) {
            continue;
        }
        if said.is_some() {
            return None;
        }
        said = Some(std::str::from_utf8(value.trim_ascii()).ok()?.parse().ok()?);
    }
    said
}
