//! Transfer decoding and charsets: a part's content as bytes and as text.

use super::charset::to_text;
use super::transfer::{base64, quoted_printable};
use super::{Encoding, Part, Structure};
use std::borrow::Cow;

/// The body of part `index` with its transfer encoding undone. Damaged encodings give
/// what can be decoded; never fails. A container's body is returned as it is.
pub fn decode<'a>(raw: &'a [u8], part: &Part) -> Cow<'a, [u8]> {
    let body = raw.get(part.body.clone()).unwrap_or_default();
    match part.encoding {
        Encoding::Identity => Cow::Borrowed(body),
        Encoding::Base64 => Cow::Owned(base64(body)),
        Encoding::QuotedPrintable => Cow::Owned(quoted_printable(body)),
    }
}

/// The decoded body of a text part as UTF-8, by its charset (unknown: UTF-8, else
/// windows-1252), newlines as LF. Empty where there is no such part.
///
/// What a charset's name means, in order: `us-ascii`, no name and invented names are
/// UTF-8 where the bytes are valid UTF-8, else windows-1252; names of the WHATWG Encoding
/// Standard (so iso-8859-1 is windows-1252); ISO-2022-KR, ISO-2022-CN and HZ; UTF-7 and
/// other names only mail uses. A byte order mark wins over the name. CRLF and lone CR
/// become LF; all else stays, NUL bytes too.
pub fn text_of(raw: &[u8], structure: &Structure, index: usize) -> String {
    let Some(part) = structure.parts.get(index) else {
        return String::new();
    };
    text(&decode(raw, part), part.charset.as_deref())
}

/// `bytes` as UTF-8 by the name of their charset, newlines as LF: what [`text_of`] does with
/// a part, for text that came another way. Without a name, UTF-8 if it is that, else
/// windows-1252.
pub fn text_of_bytes(bytes: &[u8], charset: Option<&str>) -> String {
    text(bytes, charset)
}

/// `bytes` as UTF-8 by `charset`, newlines as LF.
pub(super) fn text(bytes: &[u8], charset: Option<&str>) -> String {
    newlines(to_text(bytes, charset).into_owned())
}

/// CRLF and lone CR as LF.
fn newlines(text: String) -> String {
    if !text.as_bytes().contains(&b'\r') {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut pieces = text.split('\r');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        if !piece.starts_with('\n') {
            out.push('\n');
        }
        out.push_str(piece);
    }
    out
}

#[cfg(test)]
mod tests;
