//! The text of a message that search looks at.

use super::attached::{Content, ENCODED, PART, content, is_silent, is_text};
use super::body::is_attachment;
use super::bytes::cap;
use super::decode::text;
use super::{Address, Head, Kind, Part, Structure, decode, html_to_text, scan};
use std::collections::{BTreeMap, BTreeSet};

/// Most bytes of text of one message: the index builds a document in memory.
const MESSAGE: usize = 64 << 20;

/// Text for the index, before it becomes terms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchText {
    /// Body text: plain parts, HTML rendered, headers and text of nested messages. Parts
    /// are divided by an empty line.
    pub body: String,
    /// True if some body text is not in `body`: beyond the limits, or encrypted.
    pub body_unread: bool,
    /// True if the message has an attachment whose text was not read here. Who keeps the
    /// texts of attachments knows better, see
    /// [`attachments_unread`](crate::query::attachments_unread).
    pub attachments_unread: bool,
}

impl SearchText {
    /// Collects the text of a message. Never fails.
    ///
    /// - Every `text/*` part is read that is no attachment; text/html is rendered;
    ///   text/rtf is not text and counts as an attachment. What attachments say is for
    ///   [`attachments`](super::attachments).
    /// - HTML that has a text/plain sibling under the nearest multipart/alternative adds
    ///   only its lines that hold a word which the plain text does not, so that nothing
    ///   is unfindable and the index does not hold everything twice.
    /// - A nested message adds its Subject, From, To, Cc and file names as lines, then
    ///   its text. One that is transfer-encoded is decoded and read the same way, three
    ///   levels deep.
    /// - Of delivery reports, the machine-readable parts are read as text.
    /// - Images, audio and video hold no text (until somebody recognises it) and
    ///   signatures none that people wrote: they leave nothing unread. Encrypted parts
    ///   leave the body unread, and so do text beyond 8 MiB of a part or 64 MiB of a
    ///   message and structure beyond the limits of `scan`.
    pub fn read(raw: &[u8], structure: &Structure) -> SearchText {
        let mut out = SearchText::default();
        out.add(raw, structure, ENCODED);
        out
    }

    fn add(&mut self, raw: &[u8], structure: &Structure, encoded: u32) {
        self.body_unread |= structure.parts.len() >= super::MAX_PARTS;
        let mut plain = Plain::default();
        for (index, part) in structure.parts.iter().enumerate() {
            if let Some(parent) = part.parent
                && structure
                    .parts
                    .get(parent)
                    .is_some_and(|parent| parent.kind == Kind::Message)
            {
                self.header_lines(raw, structure, index);
            }
            match content(structure, index) {
                Content::None => {}
                Content::Encrypted => self.body_unread = true,
                Content::Nested => self.nested(raw, part, encoded),
                Content::Attachment => {
                    let kind = part.content_type.as_str();
                    self.attachments_unread |= !is_text(kind) && !is_silent(kind);
                }
                Content::Body if part.content_type == "text/html" => {
                    let rendered = html_to_text(&self.part_text(raw, structure, index));
                    match nearest_alternative(structure, index) {
                        Some(group) => plain.add_new_lines(raw, structure, group, &rendered, self),
                        None => self.paragraph(&rendered),
                    }
                }
                Content::Body => {
                    let text = self.part_text(raw, structure, index);
                    self.paragraph(&text);
                }
            }
        }
    }

    /// A nested message that `scan` left closed.
    fn nested(&mut self, raw: &[u8], part: &Part, encoded: u32) {
        if encoded == 0 {
            self.body_unread = true;
            return;
        }
        let inner = decode(raw, part);
        let tree = scan(&inner);
        self.header_lines(&inner, &tree, 0);
        self.add(&inner, &tree, encoded - 1);
    }

    /// The text of a leaf, within its limit.
    fn part_text(&mut self, raw: &[u8], structure: &Structure, index: usize) -> String {
        let Some(part) = structure.parts.get(index) else {
            return String::new();
        };
        let bytes = decode(raw, part);
        self.body_unread |= bytes.len() > PART;
        text(cap(&bytes, PART), part.charset.as_deref())
    }

    fn paragraph(&mut self, text: &str) {
        let text = text.trim_matches(|c: char| c.is_whitespace());
        if text.is_empty() {
            return;
        }
        if self.body.len().saturating_add(text.len()) > MESSAGE {
            self.body_unread = true;
            return;
        }
        if !self.body.is_empty() {
            self.body.push_str("\n\n");
        }
        self.body.push_str(text);
    }

    /// Header lines of the nested message whose content is part `index`.
    fn header_lines(&mut self, raw: &[u8], structure: &Structure, index: usize) {
        let Some(part) = structure.parts.get(index) else {
            return;
        };
        let head = Head::of_header(raw.get(part.header.clone()).unwrap_or_default());
        let mut lines = vec![head.subject.clone()];
        for list in [&head.from, &head.to, &head.cc] {
            lines.extend(list.iter().map(show));
        }
        // The file names of what this message encloses, but not of what that encloses.
        let children = structure.parts.iter().enumerate().skip(index);
        let ours = children.take_while(|(_, child)| {
            child.header.start < part.body.end || child.header == part.header
        });
        for (at, child) in ours {
            if is_attachment(structure, at)
                && enclosing(structure, at) == enclosing(structure, index)
            {
                lines.extend(child.filename.clone());
            }
        }
        lines.retain(|line| !line.is_empty());
        self.paragraph(&lines.join("\n"));
    }
}

fn show(address: &Address) -> String {
    format!("{} {}", address.name, address.email)
        .trim()
        .to_string()
}

/// The nested message that part `index` belongs to.
fn enclosing(structure: &Structure, index: usize) -> Option<usize> {
    let mut at = structure.parts.get(index)?.parent;
    while let Some(part) = at.and_then(|at| structure.parts.get(at)) {
        if part.kind == Kind::Message {
            return at;
        }
        at = part.parent;
    }
    None
}

/// The nearest multipart/alternative around a part, within its message.
fn nearest_alternative(structure: &Structure, index: usize) -> Option<usize> {
    let mut at = structure.parts.get(index)?.parent;
    while let Some(part) = at.and_then(|at| structure.parts.get(at)) {
        match part.kind {
            Kind::Message => return None,
            _ if part.content_type == "multipart/alternative" => return at,
            _ => at = part.parent,
        }
    }
    None
}

/// The words of the plain text of each multipart/alternative, read once.
#[derive(Default)]
struct Plain(BTreeMap<usize, String>);

impl Plain {
    /// Adds the lines of `rendered` that hold a word which is not in the plain text of
    /// the multipart/alternative `group`.
    fn add_new_lines(
        &mut self,
        raw: &[u8],
        structure: &Structure,
        group: usize,
        rendered: &str,
        out: &mut SearchText,
    ) {
        let text = self
            .0
            .entry(group)
            .or_insert_with(|| plain_text(raw, structure, group));
        let known: BTreeSet<&str> = words(text).collect();
        let lower = rendered.to_lowercase();
        // Lower case keeps line breaks, so the lines of both correspond.
        let new: Vec<&str> = rendered
            .lines()
            .zip(lower.lines())
            .filter(|(_, lower)| words(lower).any(|word| !known.contains(word)))
            .map(|(line, _)| line)
            .collect();
        out.paragraph(&new.join("\n"));
    }
}

/// The lower-case text of the text/plain leaves under `group` whose nearest
/// multipart/alternative it is.
fn plain_text(raw: &[u8], structure: &Structure, group: usize) -> String {
    let mut reader = SearchText::default();
    for (index, part) in structure.parts.iter().enumerate().skip(group) {
        let plain = part.kind == Kind::Leaf && part.content_type == "text/plain";
        if plain && nearest_alternative(structure, index) == Some(group) {
            let text = reader.part_text(raw, structure, index);
            reader.paragraph(&text);
        }
    }
    reader.body.to_lowercase()
}

/// Runs of letters and digits.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests;
