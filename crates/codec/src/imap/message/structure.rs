//! BODY and BODYSTRUCTURE: the parts of a message as a client sees them (RFC 9051 §7.5.2,
//! RFC 3501 §7.4.2).
//!
//! What is written obeys the grammar whatever the mail is like, because clients stop at what they
//! cannot parse, and with it at the whole folder:
//!
//! - A multipart has a part at least. One without boundary, or whose boundary never comes, was read
//!   as text by `scan`, and is told as that.
//! - A message in a message has an envelope and a structure. One that cannot be looked into
//!   (transfer-encoded, or beyond the limits of `scan`) is told as application/octet-stream, and so
//!   is a multipart beyond them: a client can save it, and asks for no part that is not there.
//! - The part numbers are those of [`section`](super::section()).
//!
//! Values are told as they are written, parameters in RFC 2231 pieces too: clients join and decode
//! them themselves.

use super::envelope::write_envelope_of;
use super::write::{one_line, write_nstring, write_number, write_string};
use everpost_domain::message::{Field, Kind, Part, Structure, Transfer, fields, parameters};

/// How a structure is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    /// BODYSTRUCTURE: with extension data. False: BODY.
    pub extended: bool,
    /// The client enabled IMAP4rev2, where message/global (RFC 6532) is told like message/rfc822.
    /// For IMAP4rev1 it is a part like any other, and a client expects no envelope in it.
    pub global: bool,
}

/// Appends the structure of a message.
pub fn write_structure(out: &mut Vec<u8>, raw: &[u8], structure: &Structure, shape: Shape) {
    let mut writer = Writer {
        out,
        raw,
        parts: &structure.parts,
        shape,
    };
    if writer.parts.is_empty() {
        writer.empty();
    } else {
        writer.part(0);
    }
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    raw: &'a [u8],
    /// In preorder.
    parts: &'a [Part],
    shape: Shape,
}

/// The fields of a part's header that matter here; of each the first.
#[derive(Default)]
struct Entity<'a> {
    kind: Option<&'a [u8]>,
    transfer: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
    description: Option<&'a [u8]>,
    md5: Option<&'a [u8]>,
    disposition: Option<&'a [u8]>,
    language: Option<&'a [u8]>,
    location: Option<&'a [u8]>,
}

impl<'a> Entity<'a> {
    fn read(header: &'a [u8]) -> Entity<'a> {
        let mut entity = Entity::default();
        let content = |field: &Field<'_>| {
            let start = field.name.get(..8).unwrap_or_default();
            start.eq_ignore_ascii_case(b"Content-")
        };
        for field in fields(header).filter(content) {
            let name = field.name.to_ascii_lowercase();
            let slot = match name.get(8..).unwrap_or_default() {
                b"type" => &mut entity.kind,
                b"transfer-encoding" => &mut entity.transfer,
                b"id" => &mut entity.id,
                b"description" => &mut entity.description,
                b"md5" => &mut entity.md5,
                b"disposition" => &mut entity.disposition,
                b"language" => &mut entity.language,
                b"location" => &mut entity.location,
                _ => continue,
            };
            slot.get_or_insert(field.value);
        }
        entity
    }

    /// The parameters of Content-Type. Where the part is not what the field says, only its name and
    /// its charset mean something. Text without one is us-ascii (RFC 2045 §5.2), which clients want to hear.
    fn parameters(&self, told: &str) -> Vec<(String, Vec<u8>)> {
        let (written, mut list) = self.kind.map(parameters).unwrap_or_default();
        if written != told {
            let text = told.starts_with("text/");
            list.retain(|(name, _)| name.starts_with("name") || (text && name == "charset"));
        }
        let charset = |(name, _): &(String, Vec<u8>)| name == "charset" || name == "charset*";
        if told.starts_with("text/") && !list.iter().any(charset) {
            list.push(("charset".to_string(), b"us-ascii".to_vec()));
        }
        list
    }
}

impl Writer<'_> {
    /// Writes the part `index` and what it holds; returns the index of what follows in preorder.
    /// Recursion is as deep as the mail is nested, which `scan` limits to `MAX_DEPTH`.
    fn part(&mut self, index: usize) -> usize {
        let parts = self.parts;
        let next = index.saturating_add(1);
        let Some(part) = parts.get(index) else {
            return next;
        };
        let entity = Entity::read(self.raw.get(part.header.clone()).unwrap_or_default());
        let holds = self.is_inside(next, index);
        match part.kind {
            Kind::Multipart if holds => self.multipart(index, part, &entity),
            Kind::Message if holds => self.message(index, part, &entity),
            Kind::Multipart | Kind::Message | Kind::Leaf => {
                self.leaf(part, &entity);
                next
            }
        }
    }

    fn is_inside(&self, index: usize, container: usize) -> bool {
        self.parts
            .get(index)
            .is_some_and(|part| part.parent == Some(container))
    }

    fn multipart(&mut self, index: usize, part: &Part, entity: &Entity<'_>) -> usize {
        self.out.push(b'(');
        let mut next = index.saturating_add(1);
        while self.is_inside(next, index) {
            next = self.part(next);
        }
        let (_, subtype) = halves(&part.content_type);
        self.out.push(b' ');
        write_string(self.out, subtype);
        if self.shape.extended {
            self.out.push(b' ');
            self.parameters(&entity.parameters(&part.content_type));
            self.extension(entity);
        }
        self.out.push(b')');
        next
    }

    fn message(&mut self, index: usize, part: &Part, entity: &Entity<'_>) -> usize {
        self.out.push(b'(');
        self.basic(part, &part.content_type, entity);
        let child = index.saturating_add(1);
        let next = if part.content_type == "message/rfc822" || self.shape.global {
            let header = self.parts.get(child).map(|part| part.header.clone());
            let header = header.and_then(|range| self.raw.get(range));
            self.out.push(b' ');
            write_envelope_of(self.out, header.unwrap_or_default());
            self.out.push(b' ');
            let next = self.part(child);
            self.out.push(b' ');
            self.lines(part);
            next
        } else {
            self.behind(index)
        };
        self.extension_of_one(entity);
        self.out.push(b')');
        next
    }

    /// The first part that is not inside `index`.
    fn behind(&self, index: usize) -> usize {
        let start = index.saturating_add(1);
        // Preorder: who stands behind a container has a parent before it.
        let inside = |part: &&Part| part.parent.is_some_and(|parent| parent >= index);
        let count = self.parts.get(start..).unwrap_or_default().iter();
        start.saturating_add(count.take_while(inside).count())
    }

    fn leaf(&mut self, part: &Part, entity: &Entity<'_>) {
        let kind = part.content_type.as_str();
        let closed = kind == "message/rfc822"
            || kind.starts_with("multipart/")
            || (kind == "message/global" && self.shape.global);
        let kind = if closed {
            "application/octet-stream"
        } else {
            kind
        };
        self.out.push(b'(');
        self.basic(part, kind, entity);
        if kind.starts_with("text/") {
            self.out.push(b' ');
            self.lines(part);
        }
        self.extension_of_one(entity);
        self.out.push(b')');
    }

    /// Type, parameters, id, description, encoding and size: body-fields. An encoding that is no
    /// word (`text/html`, `quoted printable`) is none: clients show the body instead of refusing it.
    fn basic(&mut self, part: &Part, told: &str, entity: &Entity<'_>) {
        let (kind, subtype) = halves(told);
        write_string(self.out, kind);
        self.out.push(b' ');
        write_string(self.out, subtype);
        self.out.push(b' ');
        self.parameters(&entity.parameters(told));
        for value in [entity.id, entity.description] {
            self.out.push(b' ');
            self.value(value);
        }
        self.out.push(b' ');
        match part.transfer {
            Transfer::SevenBit => self.out.extend_from_slice(b"\"7bit\""),
            Transfer::EightBit => self.out.extend_from_slice(b"\"8bit\""),
            Transfer::Binary => self.out.extend_from_slice(b"\"binary\""),
            Transfer::QuotedPrintable => self.out.extend_from_slice(b"\"quoted-printable\""),
            Transfer::Base64 => self.out.extend_from_slice(b"\"base64\""),
            Transfer::Other => {
                let value = entity.transfer.map(one_line).unwrap_or_default();
                let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
                let known = if value.iter().all(token) {
                    &value
                } else {
                    &b"7bit"[..]
                };
                write_string(self.out, known);
            }
        }
        self.out.push(b' ');
        write_number(self.out, self.body(part).len() as u64);
    }

    fn body(&self, part: &Part) -> &[u8] {
        self.raw.get(part.body.clone()).unwrap_or_default()
    }

    fn lines(&mut self, part: &Part) {
        let lines = memchr::memchr_iter(b'\n', self.body(part)).count();
        write_number(self.out, lines as u64);
    }

    fn parameters(&mut self, list: &[(String, Vec<u8>)]) {
        if list.is_empty() {
            self.out.extend_from_slice(b"NIL");
            return;
        }
        let mut before = b'(';
        for (name, value) in list {
            self.out.push(before);
            write_string(self.out, name.as_bytes());
            self.out.push(b' ');
            write_string(self.out, value);
            before = b' ';
        }
        self.out.push(b')');
    }

    /// The extension data of a part that is no multipart.
    fn extension_of_one(&mut self, entity: &Entity<'_>) {
        if self.shape.extended {
            self.out.push(b' ');
            self.value(entity.md5);
            self.extension(entity);
        }
    }

    /// Disposition, language and location.
    fn extension(&mut self, entity: &Entity<'_>) {
        self.out.push(b' ');
        let (disposition, list) = entity.disposition.map(parameters).unwrap_or_default();
        if disposition.is_empty() {
            self.out.extend_from_slice(b"NIL");
        } else {
            self.out.push(b'(');
            write_string(self.out, disposition.as_bytes());
            self.out.push(b' ');
            self.parameters(&list);
            self.out.push(b')');
        }
        self.out.push(b' ');
        self.languages(entity.language);
        self.out.push(b' ');
        self.value(entity.location);
    }

    /// Content-Language (RFC 3282): tags and commas.
    fn languages(&mut self, value: Option<&[u8]>) {
        let value = value.map(one_line).unwrap_or_default();
        let divides = |byte: &u8| matches!(byte, b',' | b' ' | b'\t' | b'(' | b')');
        let mut tags = value
            .split(divides)
            .filter(|tag| !tag.is_empty())
            .peekable();
        if tags.peek().is_none() {
            self.out.extend_from_slice(b"NIL");
            return;
        }
        let mut before = b'(';
        for tag in tags {
            self.out.push(before);
            write_string(self.out, tag);
            before = b' ';
        }
        self.out.push(b')');
    }

    /// A field's value as it is written; an empty one says as little as none.
    fn value(&mut self, value: Option<&[u8]>) {
        let value = value.map(one_line).filter(|value| !value.is_empty());
        write_nstring(self.out, value.as_deref());
    }

    /// A structure without parts, which `scan` never gives: an empty text.
    fn empty(&mut self) {
        self.out.extend_from_slice(
            b"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0",
        );
        self.extension_of_one(&Entity::default());
        self.out.push(b')');
    }
}

/// Type and subtype.
fn halves(kind: &str) -> (&[u8], &[u8]) {
    let (kind, subtype) = kind.split_once('/').unwrap_or((kind, ""));
    (kind.as_bytes(), subtype.as_bytes())
}

#[cfg(test)]
mod tests;
