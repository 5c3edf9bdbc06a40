//! The list of MAPI properties inside an attribute.

use super::Input;
use everpost_domain::message::text_of_bytes;
use std::collections::VecDeque;

/// Property types ([MS-OXCDATA] §2.11.1).
mod kind {
    pub(super) const OBJECT: u16 = 0x0d;
    pub(super) const STRING8: u16 = 0x1e;
    pub(super) const UNICODE: u16 = 0x1f;
    pub(super) const BINARY: u16 = 0x102;
    pub(super) const LONG: u16 = 0x03;
    pub(super) const MANY: u16 = 0x1000;
}

/// Most values of one property: lists of people have some hundreds.
const VALUES: u32 = 100_000;

/// A property's value, as far as text or bytes are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Text in the code page of the stream.
    Ansi(&'a [u8]),
    /// UTF-16, little-endian.
    Unicode(&'a [u8]),
    /// Bytes.
    Binary(&'a [u8]),
    /// Bytes behind the identifier of a class.
    Object(&'a [u8]),
}

impl<'a> Value<'a> {
    /// As text; `None` for nothing.
    pub fn text(&self, charset: Option<&str>) -> Option<String> {
        let text = match self {
            Value::Unicode(bytes) => text_of_bytes(bytes, Some("utf-16le")),
            Value::Ansi(bytes) | Value::Binary(bytes) | Value::Object(bytes) => {
                text_of_bytes(bytes, charset)
            }
        };
        let text = text.trim_end_matches('\0');
        (!text.is_empty()).then(|| text.to_string())
    }

    /// As bytes.
    pub fn bytes(&self) -> &'a [u8] {
        match self {
            Value::Ansi(bytes)
            | Value::Unicode(bytes)
            | Value::Binary(bytes)
            | Value::Object(bytes) => bytes,
        }
    }

    /// As bytes, without the class of an object.
    pub(super) fn object(&self) -> &'a [u8] {
        match self {
            Value::Object(bytes) => bytes.get(16..).unwrap_or_default(),
            other => other.bytes(),
        }
    }
}

/// Properties of text or bytes, and numbers, in their order; of several values the first.
pub(super) struct Properties<'a> {
    found: VecDeque<(u16, Value<'a>)>,
    numbers: Vec<(u16, u32)>,
    /// The list ends early or its lengths lie.
    pub(super) damaged: bool,
}

impl<'a> Properties<'a> {
    pub(super) fn read(data: &'a [u8]) -> Self {
        let mut list = Properties {
            found: VecDeque::new(),
            numbers: Vec::new(),
            damaged: false,
        };
        let mut input = Input(data);
        let count = input.u32().unwrap_or(0);
        for _ in 0..count {
            if list.property(&mut input).is_none() {
                list.damaged = true;
                break;
            }
        }
        list
    }

    pub(super) fn number(&self, id: u16) -> Option<u32> {
        let found = self.numbers.iter().find(|(other, _)| *other == id)?;
        Some(found.1)
    }

    fn property(&mut self, input: &mut Input<'a>) -> Option<()> {
        let kind = input.u16()?;
        let id = input.u16()?;
        if id >= 0x8000 {
            name(input)?;
        }
        let base = kind & !kind::MANY;
        match base {
            kind::OBJECT | kind::STRING8 | kind::UNICODE | kind::BINARY => {
                let count = input.u32().filter(|count| *count <= VALUES)?;
                let mut first = None;
                for _ in 0..count {
                    first.get_or_insert(padded(input)?);
                }
                let value = match (base, first?) {
                    (kind::OBJECT, bytes) => Value::Object(bytes),
                    (kind::STRING8, bytes) => Value::Ansi(bytes),
                    (kind::UNICODE, bytes) => Value::Unicode(bytes),
                    (_, bytes) => Value::Binary(bytes),
                };
                if id < 0x8000 {
                    self.found.push_back((id, value));
                }
            }
            _ => {
                let size = fixed(base)?;
                let count = match kind & kind::MANY {
                    0 => 1,
                    _ => input.u32().filter(|count| *count <= VALUES)?,
                };
                for at in 0..count {
                    let bytes = input.take(size)?;
                    if base == kind::LONG && at == 0 {
                        let number = u32::from_le_bytes(*bytes.first_chunk()?);
                        self.numbers.push((id, number));
                    }
                }
            }
        }
        Some(())
    }
}

impl<'a> Iterator for Properties<'a> {
    type Item = (u16, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.found.pop_front()
    }
}

/// Bytes of a value of fixed length, with what fills it up to four.
fn fixed(kind: u16) -> Option<usize> {
    Some(match kind {
        0x00 | 0x01 => 0,
        // Numbers of two bytes, floats, errors and booleans.
        0x02..=0x04 | 0x0a | 0x0b => 4,
        0x05..=0x07 | 0x14 | 0x40 => 8,
        0x48 => 16,
        _ => return None,
    })
}

/// A length, that many bytes, and what fills them up to a multiple of four.
fn padded<'a>(input: &mut Input<'a>) -> Option<&'a [u8]> {
    let length = usize::try_from(input.u32()?).ok()?;
    let value = input.take(length)?;
    // At the very end the filling may be missing.
    let filling = length.next_multiple_of(4) - length;
    input.0 = input.0.get(filling..).unwrap_or_default();
    Some(value)
}

/// The name of a named property: a class and a number or a string. None matters here.
fn name(input: &mut Input<'_>) -> Option<()> {
    input.take(16)?;
    match input.u32()? {
        0 => input.take(4).map(|_| ()),
        _ => padded(input).map(|_| ()),
    }
}
