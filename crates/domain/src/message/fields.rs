//! A header block as fields in the order they stand.

use super::bytes::{is_blank, line, line_ending};

/// One header field.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// The name as written.
    pub name: &'a [u8],
    /// The value with its folding.
    pub value: &'a [u8],
    /// All of it as it stands, from its name on, without the line break that ends it: what a
    /// server hands on that gives some fields of a header.
    pub whole: &'a [u8],
}

impl Field<'_> {
    /// True if the field has this name, whatever its case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Longest field name that counts as one. RFC 5322 sets no limit, IANA's longest is 40;
/// a longer run of letters before a colon is a line of text.
const NAME: usize = 76;

/// The length of the field name that `content` (one line) opens with.
pub(super) fn field_name(content: &[u8]) -> Option<usize> {
    let length = content
        .iter()
        .take(NAME)
        .position(|b| !matches!(b, 33..=57 | 59..=126))?;
    let after = content.get(length..)?.iter().find(|&&b| !is_blank(b))?;
    (length > 0 && *after == b':').then_some(length)
}

/// True for a line an mbox puts before a header.
pub(super) fn is_mbox_from(content: &[u8]) -> bool {
    content.starts_with(b"From ") || content.starts_with(b">From ")
}

/// Length of the byte order mark that text editors put before a header.
pub(super) fn bom(header: &[u8]) -> usize {
    if header.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    }
}

/// The fields of a header block. A line that is neither a field nor a continuation
/// continues the field above it: senders that break lines without a blank exist.
pub fn fields(header: &[u8]) -> Fields<'_> {
    Fields {
        header,
        at: 0,
        eol: line_ending(header),
    }
}

/// Iterator of [`fields`].
#[derive(Debug)]
pub struct Fields<'a> {
    header: &'a [u8],
    at: usize,
    eol: u8,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        while self.at < self.header.len() {
            let start = self.at;
            let (mut end, mut next) = line(self.header, start, self.eol);
            let content = self.header.get(start..end)?;
            let name = field_name(content);
            while name.is_some() && next < self.header.len() {
                let (more, after) = line(self.header, next, self.eol);
                let content = self.header.get(next..more)?;
                let blank = content.first().is_some_and(|&b| is_blank(b));
                if content.is_empty() || (!blank && field_name(content).is_some()) {
                    break;
                }
                (end, next) = (more, after);
            }
            self.at = next;
            let Some(length) = name else { continue };
            let whole = self.header.get(start..end)?;
            let (name, rest) = whole.split_at_checked(length)?;
            let colon = rest.iter().position(|&b| b == b':')?;
            return Some(Field {
                name,
                value: rest.get(colon + 1..)?,
                whole,
            });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_field() {
        let header = b"From x\r\nA: 1\r\n\t2\r\nB :3\r\nodd\r\n\r\n";
        let whole: Vec<&[u8]> = fields(header).map(|field| field.whole).collect();
        assert_eq!(whole, [b"A: 1\r\n\t2".as_slice(), b"B :3\r\nodd"]);
        assert!(fields(header).all(|field| field.whole.ends_with(field.value)));
    }
}
