//! What parent and child say to each other: a length (32 bits, little-endian) and that many
//! bytes, one job and one answer at a time. Neither side trusts the other's lengths.

use std::io::{Read, Write};

use crate::{Extraction, Gap, Item};

/// Largest job: a document of this size unpacks and parses within the child's memory.
pub(crate) const LARGEST_JOB: usize = 64 << 20;
/// Names and types are cut off here.
const LONGEST_NAME: usize = 4 << 10;
/// Largest answer: the text's limit, and room for what precedes it.
pub(crate) const LARGEST_ANSWER: usize = (8 << 20) + 64;
/// What the child says first, when it has given up its rights.
pub(crate) const GREETING: &[u8] = b"everpost-extract 1";

/// A job as bytes. Names beyond their limit are cut.
pub fn encode_job(item: &Item<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(item.bytes.len() + 256);
    for text in [item.name, item.content_type, item.charset] {
        let mut end = text.len().min(LONGEST_NAME);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = text.get(..end).unwrap_or_default();
        // Fits: the limit is far below 65,536.
        out.extend(u16::try_from(text.len()).unwrap_or(0).to_le_bytes());
        out.extend(text.as_bytes());
    }
    out.extend(item.bytes);
    out
}

/// Reads [`encode_job`]'s bytes; `None` for any others.
pub fn decode_job(bytes: &[u8]) -> Option<Item<'_>> {
    let mut rest = bytes;
    let mut text = || -> Option<&str> {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (text, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        rest = after;
        std::str::from_utf8(text).ok()
    };
    let (name, content_type, charset) = (text()?, text()?, text()?);
    Some(Item {
        name,
        content_type,
        charset,
        bytes: rest,
    })
}

/// An answer as bytes.
pub fn encode_answer(extraction: &Extraction) -> Vec<u8> {
    let gap = extraction.gap.map_or(0, |gap| gap as u8);
    [&[gap], extraction.text.as_bytes()].concat()
}

/// Reads [`encode_answer`]'s bytes; `None` for any others.
pub fn decode_answer(bytes: &[u8]) -> Option<Extraction> {
    let (code, text) = bytes.split_first()?;
    let gap = match code {
        0 => None,
        code => Some(Gap::of(*code)?),
    };
    let text = std::str::from_utf8(text).ok()?.to_string();
    Some(Extraction { text, gap })
}

/// The length before a frame.
pub(crate) fn prefix(length: usize) -> Option<[u8; 4]> {
    u32::try_from(length).ok().map(u32::to_le_bytes)
}

/// Reads one frame; `None` at the end of the input or if it is larger than `largest`.
pub(crate) fn read_frame(
    input: &mut impl Read,
    largest: usize,
) -> std::io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if let Err(error) = input.read_exact(&mut length) {
        return match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Ok(None),
            _ => Err(error),
        };
    }
    let length = u32::from_le_bytes(length);
    if usize::try_from(length).map_or(true, |length| length > largest) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    input.take(u64::from(length)).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Writes one frame.
pub(crate) fn write_frame(output: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    let prefix = prefix(bytes.len()).ok_or(std::io::ErrorKind::InvalidInput)?;
    output.write_all(&prefix)?;
    output.write_all(bytes)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_said_is_understood(
            name in ".{0,40}", content_type in "[a-z/]{0,20}", charset in "[a-z0-9-]{0,10}",
            bytes in proptest::collection::vec(any::<u8>(), 0..200), gap in 0u8..9, text in ".{0,100}",
        ) {
            let item = Item { name: &name, content_type: &content_type, charset: &charset, bytes: &bytes };
            let job = encode_job(&item);
            prop_assert_eq!(decode_job(&job), Some(item));
            let said = Extraction { text, gap: Gap::of(gap) };
            prop_assert_eq!(decode_answer(&encode_answer(&said)), Some(said));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(item) = decode_job(&bytes) {
                prop_assert_eq!(encode_job(&item), bytes.clone());
            }
            if let Some(answer) = decode_answer(&bytes) {
                prop_assert_eq!(encode_answer(&answer), bytes.clone());
            }
            let frame = read_frame(&mut bytes.as_slice(), 100).unwrap();
            prop_assert!(frame.is_none_or(|frame| frame.len() <= 100));
        }
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let name = "ä".repeat(3000);
        let item = Item {
            name: &name,
            content_type: "",
            charset: "",
            bytes: b"x",
        };
        let job = encode_job(&item);
        let read = decode_job(&job).unwrap();
        assert!(name.starts_with(read.name) && read.name.len() == LONGEST_NAME);
        assert_eq!(read.bytes, b"x");
    }
}
