//! `BODY[…]` and `BINARY[…]`: the bytes of a message, or of a part of it.
//!
//! RFC 9051 §6.4.5 (RFC 3501 §6.4.5) and RFC 3516. Everything is cut out of the bytes that are
//! there; nothing is written anew but the choice of fields.

use crate::imap::command::{Section, SectionOf};
use everpost_domain::message::{Kind, Part, Structure, Transfer, decode, fields};
use std::borrow::Cow;

/// The message with CRLF at the end of each line, as IMAP wants it (RFC 9051 §4.3.1 with RFC 5322
/// §2.1): an LF that no CR precedes becomes CRLF. A CR without LF stays, for it ends no line; but in
/// mail that holds no LF at all (old Macintosh exports) it does, as `scan` reads it, and becomes
/// CRLF.
///
/// Mail that came from a Maildir or an mbox has bare LFs, and the archive keeps the bytes it was
/// given. Clients count lines and sizes, verify signatures over CRLF, and some see one endless line
/// otherwise. Do this before `scan`, so that all ranges, sizes and line counts are of the bytes
/// that are served. Mail that came by SMTP is borrowed as it is.
pub fn crlf(raw: &[u8]) -> Cow<'_, [u8]> {
    let breaks = Breaks::of(raw);
    if breaks.short == 0 {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len().saturating_add(breaks.short));
    let mut from = 0;
    for at in memchr::memchr_iter(breaks.end, raw) {
        let line = raw.get(from..at).unwrap_or_default();
        out.extend_from_slice(line);
        out.extend_from_slice(if line.ends_with(b"\r") {
            b"\n"
        } else {
            b"\r\n"
        });
        from = at.saturating_add(1);
    }
    out.extend_from_slice(raw.get(from..).unwrap_or_default());
    Cow::Owned(out)
}

/// The length of [`crlf`]'s result, without making it: RFC822.SIZE.
pub fn crlf_size(raw: &[u8]) -> u64 {
    (raw.len() as u64).saturating_add(Breaks::of(raw).short as u64)
}

/// The line breaks of a message.
struct Breaks {
    /// The byte that ends lines.
    end: u8,
    /// How many are no CRLF.
    short: usize,
}

impl Breaks {
    fn of(raw: &[u8]) -> Breaks {
        if memchr::memchr(b'\n', raw).is_none() {
            return Breaks {
                end: b'\r',
                short: memchr::memchr_iter(b'\r', raw).count(),
            };
        }
        let is_short = |&at: &usize| {
            let before = at.checked_sub(1).and_then(|before| raw.get(before));
            before != Some(&b'\r')
        };
        Breaks {
            end: b'\n',
            short: memchr::memchr_iter(b'\n', raw).filter(is_short).count(),
        }
    }
}

/// What a number of a section leads to.
#[derive(Clone, Copy)]
struct Place<'a> {
    index: usize,
    part: &'a Part,
    /// The message (or a nested one) and not yet a part of it: `1` is its body if it is no
    /// multipart.
    message: bool,
}

/// The bytes of `section`; `None`, told as NIL, if the message has no such part.
///
/// HEADER and TEXT are of the message, or of a nested one whose part they name; a part that holds
/// no message has none. MIME is the header of a part; of part 1 of a message without multipart
/// that is the message's. What HEADER.FIELDS gives ends with an empty line, also in a message whose
/// header does not.
pub fn section<'a>(
    raw: &'a [u8],
    structure: &Structure,
    section: &Section,
) -> Option<Cow<'a, [u8]>> {
    if section.part.is_empty() && section.of == SectionOf::Whole {
        return Some(Cow::Borrowed(raw));
    }
    let place = find(structure, &section.part)?;
    let slice = |range: &std::ops::Range<usize>| raw.get(range.clone()).unwrap_or_default();
    if section.of == SectionOf::Whole {
        return Some(Cow::Borrowed(slice(&place.part.body)));
    }
    if section.of == SectionOf::Mime {
        // RFC 9051 §6.4.5.1: MIME is never without a number.
        return (!place.message).then(|| Cow::Borrowed(slice(&place.part.header)));
    }
    let message = nested(structure, place)?;
    Some(match &section.of {
        SectionOf::Text => Cow::Borrowed(slice(&message.body)),
        SectionOf::Fields(names) => Cow::Owned(chosen(slice(&message.header), names, true)),
        SectionOf::FieldsNot(names) => Cow::Owned(chosen(slice(&message.header), names, false)),
        SectionOf::Header | SectionOf::Whole | SectionOf::Mime => {
            Cow::Borrowed(slice(&message.header))
        }
    })
}

/// `<from.count>`: at most so many bytes from there on; nothing beyond the end.
pub fn partial(bytes: Cow<'_, [u8]>, window: Option<(u32, u32)>) -> Cow<'_, [u8]> {
    let Some((from, count)) = window else {
        return bytes;
    };
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
    let end = from
        .saturating_add(usize::try_from(count).unwrap_or(usize::MAX))
        .min(bytes.len());
    match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(from..end).unwrap_or_default()),
        Cow::Owned(mut bytes) => {
            bytes.truncate(end);
            bytes.drain(..from.min(bytes.len()));
            Cow::Owned(bytes)
        }
    }
}

/// A Content-Transfer-Encoding that nobody knows: `NO [UNKNOWN-CTE]` (RFC 3516 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown Content-Transfer-Encoding")]
pub struct UnknownTransfer;

/// `BINARY[…]`: a part's body with its transfer encoding undone; `Ok(None)` if there is no such
/// part. A multipart, a nested message and the whole message are given as they are: undoing the
/// encodings inside them would make another message of them.
pub fn binary<'a>(
    raw: &'a [u8],
    structure: &Structure,
    numbers: &[u32],
) -> Result<Option<Cow<'a, [u8]>>, UnknownTransfer> {
    if numbers.is_empty() {
        return Ok(Some(Cow::Borrowed(raw)));
    }
    let Some(place) = find(structure, numbers) else {
        return Ok(None);
    };
    if place.part.kind == Kind::Leaf && place.part.transfer == Transfer::Other {
        return Err(UnknownTransfer);
    }
    Ok(Some(decode(raw, place.part)))
}

/// `BINARY.SIZE[…]`: the length of [`binary`]. Clients show it as the size of an attachment, so it
/// is exact: the part is decoded for it.
pub fn binary_size(
    raw: &[u8],
    structure: &Structure,
    numbers: &[u32],
) -> Result<Option<u64>, UnknownTransfer> {
    Ok(binary(raw, structure, numbers)?.map(|bytes| bytes.len() as u64))
}

/// Follows part numbers from the message inwards (RFC 9051 §6.4.5.1).
fn find<'a>(structure: &'a Structure, numbers: &[u32]) -> Option<Place<'a>> {
    let mut place = Place {
        index: 0,
        part: structure.parts.first()?,
        message: true,
    };
    for &number in numbers {
        if !place.message && place.part.kind == Kind::Message {
            place = Place {
                message: true,
                ..child(structure, place.index, 1)?
            };
        }
        place = match place.part.kind {
            Kind::Multipart => child(structure, place.index, number)?,
            _ if place.message && number == 1 => Place {
                message: false,
                ..place
            },
            _ => return None,
        };
    }
    Some(place)
}

/// The part `number`, counted from 1, of those right inside part `index`.
fn child(structure: &Structure, index: usize, number: u32) -> Option<Place<'_>> {
    let skip = usize::try_from(number.checked_sub(1)?).ok()?;
    let after = structure.parts.iter().enumerate().skip(index);
    let mut children = after.filter(|(_, part)| part.parent == Some(index));
    children.nth(skip).map(|(index, part)| Place {
        index,
        part,
        message: false,
    })
}

/// The part whose header and body are HEADER and TEXT of `place`.
fn nested<'a>(structure: &'a Structure, place: Place<'a>) -> Option<&'a Part> {
    match place.part.kind {
        _ if place.message => Some(place.part),
        Kind::Message => child(structure, place.index, 1).map(|place| place.part),
        _ => None,
    }
}

/// The fields that have one of `names`, or all others, and an empty line.
fn chosen(header: &[u8], names: &[String], named: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields(header) {
        if names.iter().any(|name| field.is(name)) == named {
            out.extend_from_slice(field.whole);
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}

#[cfg(test)]
mod tests;
