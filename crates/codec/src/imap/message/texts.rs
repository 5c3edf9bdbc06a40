//! The texts of a message that SEARCH looks into: decoded and folded once, for all that is looked
//! for.

use super::subject::fold;
use everpost_domain::message::{
    Kind, Part, Sent, Structure, decode, fields, header_text, html_to_text, parse_date,
    text_of_bytes,
};

/// Most bytes of a header that are looked at. Headers of some hundred kilobytes exist.
const HEADER: usize = 1 << 20;

/// Most bytes of all the texts of a body, before and after decoding. What people write fits many
/// times; beyond it stand logs and tables, and a search looks into thousands of messages, holding
/// the whole text of one.
const BODY: usize = 8 << 20;

/// A header, for SEARCH.
#[derive(Debug, Clone, Default)]
pub struct HeaderText {
    /// The first Date field that can be read.
    pub sent: Option<Sent>,
    /// Names and values, decoded and folded.
    fields: Vec<(String, String)>,
}

impl HeaderText {
    /// Reads the header of a message.
    pub fn read(raw: &[u8], structure: &Structure) -> HeaderText {
        let mut text = HeaderText::default();
        if let Some(part) = structure.parts.first() {
            text.add(raw, part);
        }
        text
    }

    /// Of fields that were read before: names, and values decoded as `header_text` does. For who
    /// keeps some fields apart and knows by [`Query::fields`](super::Query::fields) that no others
    /// are asked for.
    pub fn of_fields<'a>(
        sent: Option<Sent>,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> HeaderText {
        let folded = |(name, value): (&str, &str)| (fold(name), fold(value));
        HeaderText {
            sent,
            fields: fields.into_iter().map(folded).collect(),
        }
    }

    /// Addresses are looked for as they are written: the display name decoded, `<` and `>` around
    /// what is an address.
    fn add(&mut self, raw: &[u8], part: &Part) {
        let header = raw.get(part.header.clone()).unwrap_or_default();
        let header = header.get(..HEADER).unwrap_or(header);
        for field in fields(header) {
            if self.sent.is_none() && field.is("Date") {
                self.sent = parse_date(field.value);
            }
            let name = fold(&String::from_utf8_lossy(field.name));
            self.fields.push((name, fold(&header_text(field.value))));
        }
    }

    /// True if a field of this name, whatever its case, contains `needle`, which is folded. An
    /// empty needle is in any.
    pub(super) fn field_contains(&self, name: &str, needle: &str) -> bool {
        self.fields
            .iter()
            .any(|(field, value)| field.eq_ignore_ascii_case(name) && value.contains(needle))
    }

    /// True if a field contains `needle`, its name and the colon included.
    pub(super) fn contains(&self, needle: &str) -> bool {
        needle.is_empty()
            || self
                .fields
                .iter()
                .any(|(name, value)| line_contains(name, value, needle))
    }
}

/// True if `name: value` contains `needle`. The line is not made for it unless it might.
fn line_contains(name: &str, value: &str, needle: &str) -> bool {
    value.contains(needle)
        || name.contains(needle)
        || (needle.contains(':') && format!("{name}: {value}").contains(needle))
}

/// The texts of a body, for SEARCH.
#[derive(Debug, Clone, Default)]
pub struct BodyText {
    /// What parts and nested messages say, headers of the latter included.
    texts: Vec<String>,
    /// The headers of parts.
    mime: HeaderText,
}

impl BodyText {
    /// Reads all texts of a message but its header: parts of type text and message (delivery
    /// reports), and the headers of nested messages. HTML is there twice: as it reads, because tags
    /// and references cut words in two, and as it is written, because the addresses of links are
    /// nowhere else.
    pub fn read(raw: &[u8], structure: &Structure) -> BodyText {
        let mut body = BodyText::default();
        let mut room = BODY;
        for part in &structure.parts {
            let parent = part.parent.and_then(|parent| structure.parts.get(parent));
            match parent.map(|parent| parent.kind) {
                None => {}
                Some(Kind::Message) => body.add_header(raw, part),
                Some(_) => body.mime.add(raw, part),
            }
            if part.kind == Kind::Leaf && is_text(&part.content_type) {
                body.add(raw, part, &mut room);
            }
        }
        body
    }

    fn add_header(&mut self, raw: &[u8], part: &Part) {
        let mut header = HeaderText::default();
        header.add(raw, part);
        let lines = header.fields.iter();
        let lines = lines.map(|(name, value)| format!("{name}: {value}"));
        self.texts.push(lines.collect::<Vec<_>>().join("\n"));
    }

    fn add(&mut self, raw: &[u8], part: &Part, room: &mut usize) {
        let mut part = part.clone();
        part.body.end = part.body.end.min(part.body.start.saturating_add(*room));
        let bytes = decode(raw, &part);
        let text = text_of_bytes(&bytes, part.charset.as_deref());
        *room = room.saturating_sub(text.len());
        if part.content_type == "text/html" {
            self.texts.push(fold(&html_to_text(&text)));
        }
        self.texts.push(fold(&text));
    }

    /// True if the body contains `needle`, which is folded (BODY).
    pub(super) fn contains(&self, needle: &str) -> bool {
        needle.is_empty() || self.texts.iter().any(|text| text.contains(needle))
    }

    /// The same, the headers of parts included (TEXT).
    pub(super) fn contains_anywhere(&self, needle: &str) -> bool {
        self.contains(needle) || self.mime.contains(needle)
    }
}

/// True for a type of content that people or programs wrote as text.
fn is_text(content_type: &str) -> bool {
    content_type.starts_with("text/") || content_type.starts_with("message/")
}
