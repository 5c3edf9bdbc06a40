//! A message as signatures see it: fields with every byte, and a body. Tag lists (RFC 6376 §3.2).
//!
//! The scanner of `domain` forgives what senders do to a header; here a field is what RFC 5322 §2.2 says,
//! because two readers that disagree about fields are a way round a signature.

use std::ops::Range;

/// Fields beyond these are not looked at, and no signature holds then: each of them costs memory.
const MOST_FIELDS: usize = 10_000;
/// Tags of a list; signatures have about a dozen.
const MOST_TAGS: usize = 64;

/// A field of a header.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    /// The name as written, with blanks before the colon; empty for a line without a colon.
    pub(super) name: &'a [u8],
    /// What follows the colon, to the end of the last line, with folding and line endings.
    pub(super) value: &'a [u8],
    /// Where it lies, with its line ending.
    pub(super) range: Range<usize>,
}

impl Field<'_> {
    /// Whether it has this name, whatever its case.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name
            .trim_ascii_end()
            .eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Walks over the fields of a message, to the empty line.
pub(super) struct Fields<'a> {
    raw: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn of(raw: &'a [u8]) -> Self {
        Fields { raw, at: 0 }
    }

    /// The line at a place, with its ending.
    fn line(&self, at: usize) -> Option<&'a [u8]> {
        let rest = self.raw.get(at..).filter(|rest| !rest.is_empty())?;
        let end = rest.iter().position(|&byte| byte == b'\n');
        rest.get(..end.map_or(rest.len(), |end| end + 1))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let start = self.at;
        let first = self.line(start)?;
        let mut end = start + first.len();
        if matches!(first, b"\n" | b"\r\n") {
            return None;
        }
        while let Some(more) = self.line(end)
            && matches!(more.first(), Some(b' ' | b'\t'))
        {
            end += more.len();
        }
        self.at = end;
        let whole = self.raw.get(start..end)?;
        let colon = first.iter().position(|&byte| byte == b':');
        let (name, value) = match colon {
            Some(colon) => (whole.get(..colon)?, whole.get(colon + 1..)?),
            None => (&b""[..], whole),
        };
        Some(Field {
            name,
            value,
            range: start..end,
        })
    }
}

/// A message cut into fields and body.
pub(super) struct Split<'a> {
    /// The fields, top down.
    pub(super) fields: Vec<Field<'a>>,
    /// What follows the empty line.
    pub(super) body: &'a [u8],
    /// Whether these are all fields.
    pub(super) whole: bool,
}

impl<'a> Split<'a> {
    pub(super) fn of(raw: &'a [u8]) -> Self {
        let mut walk = Fields::of(raw);
        let fields: Vec<_> = walk.by_ref().take(MOST_FIELDS).collect();
        let whole = walk.by_ref().next().is_none();
        let gap = walk.line(walk.at).map_or(0, <[u8]>::len);
        Split {
            fields,
            body: raw.get(walk.at + gap..).unwrap_or_default(),
            whole,
        }
    }

    /// The fields of this name, top down.
    pub(super) fn named(&self, name: &'static str) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter().filter(move |field| field.is(name))
    }

    /// The fields that a signature names, each from the bottom of those not taken yet; a name too many
    /// stands for nothing (RFC 6376 §5.4.2).
    pub(super) fn signed(&self, names: &[String]) -> Vec<(&'a [u8], &'a [u8])> {
        let mut taken: Vec<(&str, usize)> = Vec::new();
        let mut out = Vec::new();
        for name in names {
            let slot = taken
                .iter()
                .position(|(known, _)| known.eq_ignore_ascii_case(name));
            let slot = slot.unwrap_or_else(|| {
                taken.push((name, 0));
                taken.len() - 1
            });
            let Some((_, below)) = taken.get_mut(slot) else {
                continue;
            };
            let mut left = self.fields.iter().rev().enumerate().skip(*below);
            match left.find(|(_, field)| field.is(name)) {
                Some((place, field)) => {
                    *below = place + 1;
                    out.push((field.name, field.value));
                }
                None => *below = self.fields.len(),
            }
        }
        out
    }
}

/// The tags of a list, names and values without blanks around; none where it is no list of tags, or one
/// comes twice.
pub(super) fn tags(list: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut out: Vec<(&[u8], &[u8])> = Vec::new();
    let mut ended = false;
    for part in list.split(|&byte| byte == b';') {
        let part = part.trim_ascii();
        if ended {
            return None;
        }
        if part.is_empty() {
            ended = true;
            continue;
        }
        let equals = part.iter().position(|&byte| byte == b'=')?;
        let name = part.get(..equals)?.trim_ascii();
        let twice = out.iter().any(|(known, _)| *known == name);
        if name.is_empty() || twice || out.len() == MOST_TAGS {
            return None;
        }
        out.push((name, part.get(equals + 1..)?.trim_ascii()));
    }
    Some(out)
}

/// The value of a tag.
pub(super) fn tag<'a>(tags: &[(&[u8], &'a [u8])], name: &str) -> Option<&'a [u8]> {
    let mut tags = tags.iter();
    let found = tags.find(|(known, _)| *known == name.as_bytes())?;
    Some(found.1)
}

/// Whether a list with colons has one of these words, or there is no list.
pub(super) fn allows(list: Option<&[u8]>, words: &[&str]) -> bool {
    list.is_none_or(|list| {
        list.split(|&byte| byte == b':').any(|one| {
            let one = one.trim_ascii();
            words
                .iter()
                .any(|word| one.eq_ignore_ascii_case(word.as_bytes()))
        })
    })
}

/// The value of a field of a signature with what signs taken out (RFC 6376 §3.7): the value of its `b=`,
/// and the line's ending.
pub(super) fn unsigned(value: &[u8]) -> Vec<u8> {
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    let value = value.strip_suffix(b"\r").unwrap_or(value);
    let mut out = Vec::with_capacity(value.len());
    for (index, part) in value.split(|&byte| byte == b';').enumerate() {
        if index > 0 {
            out.push(b';');
        }
        let equals = part.iter().position(|&byte| byte == b'=');
        let kept = equals.filter(|&equals| {
            let name = part.get(..equals).unwrap_or_default();
            name.trim_ascii() == b"b"
        });
        out.extend_from_slice(match kept {
            Some(equals) => part.get(..=equals).unwrap_or(part),
            None => part,
        });
    }
    out
}
