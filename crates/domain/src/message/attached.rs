//! Attachments and the text in them, as far as it can be read without knowing file formats.

use super::body::{is_attachment, is_machinery};
use super::bytes::cap;
use super::decode::text;
use super::{Kind, Structure, decode, scan};

/// Most decoded bytes of one text part that are read. Text that people wrote is smaller;
/// what is larger is a log or a table, and a term index of it would outweigh the mail of
/// a month.
pub(super) const PART: usize = 8 << 20;

/// Depth to which nested messages are opened that `scan` left closed, because they are
/// encoded (base64) or beyond its depth. Each level scans its content again, so hostile
/// nesting must end.
pub(super) const ENCODED: u32 = 3;

/// An attachment of a message, wherever in its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its part in the structure.
    pub part: usize,
    /// File name, decoded.
    pub name: Option<String>,
    /// Its [type](attachment_type).
    pub kind: String,
    /// Its text, if that can be told here: of text and of nested messages. Empty where it
    /// has none (images, audio, video) or the text is in the body. None is unknown.
    pub text: Option<String>,
    /// True if there is more text than `text`.
    pub cut: bool,
}

/// The attachments of a message, those of nested messages too, in order. Beside what
/// [`Head::attachments`](super::Head::attachments) counts, these are parts that hold text
/// which is not in [`SearchText::body`](super::SearchText::body). Never fails.
///
/// A nested message is listed where it is an attachment, its text being in the body; one
/// that is transfer-encoded has the text of its own attachments here.
pub fn attachments(raw: &[u8], structure: &Structure) -> Vec<Attachment> {
    listed(raw, structure, ENCODED)
}

fn listed(raw: &[u8], structure: &Structure, encoded: u32) -> Vec<Attachment> {
    let mut out = Vec::new();
    for (index, part) in structure.parts.iter().enumerate() {
        let content = content(structure, index);
        if !is_attachment(structure, index) && content != Content::Attachment {
            continue;
        }
        let kind = part.content_type.as_str();
        let (text, cut) = match content {
            Content::Attachment if is_text(kind) => attached_text(raw, structure, index),
            Content::Attachment if !is_silent(kind) => (None, false),
            Content::Encrypted => (None, false),
            Content::Nested => (nested_text(raw, structure, index, encoded), false),
            // What has no text, and what has it in the body.
            Content::Attachment | Content::Body | Content::None => (Some(String::new()), false),
        };
        out.push(Attachment {
            part: index,
            name: part.filename.clone(),
            kind: attachment_type(part.filename.as_deref(), kind),
            text,
            cut,
        });
    }
    out
}

/// The text of an attachment that is text, and whether there is more.
fn attached_text(raw: &[u8], structure: &Structure, index: usize) -> (Option<String>, bool) {
    let Some(part) = structure.parts.get(index) else {
        return (None, false);
    };
    let bytes = decode(raw, part);
    let text = text(cap(&bytes, PART), part.charset.as_deref());
    let rendered = if part.content_type == "text/html" {
        super::html_to_text(&text)
    } else {
        text
    };
    (Some(rendered), bytes.len() > PART)
}

/// The text of the attachments of a nested message that `scan` left closed; none if
/// something of it is unknown.
fn nested_text(raw: &[u8], structure: &Structure, index: usize, encoded: u32) -> Option<String> {
    let part = structure.parts.get(index).filter(|_| encoded > 0)?;
    let inner = decode(raw, part);
    let list = listed(&inner, &scan(&inner), encoded - 1);
    let texts = list.into_iter().map(|one| one.text.filter(|_| !one.cut));
    let texts: Option<Vec<String>> = texts.collect();
    Some(texts?.join("\n\n"))
}

/// What the text of a part is to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// There is none.
    None,
    /// Part of the body.
    Body,
    /// A value of its own.
    Attachment,
    /// A nested message that `scan` left closed.
    Nested,
    /// Out of reach.
    Encrypted,
}

/// What the text of part `index` is. The whole message is its body even where it has a
/// file name.
pub(super) fn content(structure: &Structure, index: usize) -> Content {
    let Some(part) = structure
        .parts
        .get(index)
        .filter(|part| part.kind == Kind::Leaf)
    else {
        return Content::None;
    };
    let parent = part.parent.and_then(|parent| structure.parts.get(parent));
    let sealed = parent.is_some_and(|parent| parent.content_type == "multipart/encrypted");
    match part.content_type.as_str() {
        "message/rfc822" | "message/global" => Content::Nested,
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => Content::Encrypted,
        "application/octet-stream" if sealed => Content::Encrypted,
        "text/rtf" => Content::Attachment,
        kind if is_text(kind) && (index == 0 || !is_attachment(structure, index)) => Content::Body,
        _ if is_attachment(structure, index) => Content::Attachment,
        kind if is_silent(kind) || is_machinery(part) => Content::None,
        _ => Content::Attachment,
    }
}

/// Types that are text as they stand.
pub(super) fn is_text(kind: &str) -> bool {
    kind.starts_with("text/") && kind != "text/rtf"
        || matches!(
            kind,
            "message/delivery-status"
                | "message/global-delivery-status"
                | "message/disposition-notification"
                | "message/global-disposition-notification"
                | "message/feedback-report"
        )
}

/// Types that hold no text.
pub(super) fn is_silent(kind: &str) -> bool {
    ["image/", "audio/", "video/"]
        .iter()
        .any(|major| kind.starts_with(major))
}

/// Longest file extension that is one.
const EXTENSION: usize = 10;

/// Content types whose files are known by another name than their subtype.
const TYPES: [(&str, &str); 32] = [
    ("application/gzip", "gz"),
    ("application/ics", "ics"),
    ("application/javascript", "js"),
    ("application/ms-tnef", "tnef"),
    ("application/msexcel", "xls"),
    ("application/mspowerpoint", "ppt"),
    ("application/msword", "doc"),
    ("application/octet-stream", "bin"),
    ("application/pkcs7-mime", "p7m"),
    ("application/postscript", "ps"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.ms-powerpoint", "ppt"),
    ("application/vnd.ms-tnef", "tnef"),
    ("application/vnd.oasis.opendocument.presentation", "odp"),
    ("application/vnd.oasis.opendocument.spreadsheet", "ods"),
    ("application/vnd.oasis.opendocument.text", "odt"),
    (
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "pptx",
    ),
    (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xlsx",
    ),
    (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "docx",
    ),
    ("application/x-gzip", "gz"),
    ("application/x-pkcs7-mime", "p7m"),
    ("application/x-tar", "tar"),
    ("application/x-zip-compressed", "zip"),
    ("audio/mpeg", "mp3"),
    ("image/svg+xml", "svg"),
    ("message/global", "eml"),
    ("message/rfc822", "eml"),
    ("text/calendar", "ics"),
    ("text/markdown", "md"),
    ("text/plain", "txt"),
    ("text/vcard", "vcf"),
    ("video/quicktime", "mov"),
];

/// Extensions of one and the same type.
const SAME: [(&str, &str); 6] = [
    ("htm", "html"),
    ("jpe", "jpg"),
    ("jpeg", "jpg"),
    ("mpeg", "mpg"),
    ("tiff", "tif"),
    ("yml", "yaml"),
];

/// What kind of file an attachment is, as `type:` names it: the extension of its name in
/// lower case, else the one that its content type stands for; one word where several mean
/// the same (`jpeg` is `jpg`), never empty.
pub fn attachment_type(name: Option<&str>, content_type: &str) -> String {
    let is_extension = |text: &str| {
        (1..=EXTENSION).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let extension = name
        .and_then(|name| name.trim_end().rsplit_once('.'))
        .map(|(_, extension)| extension)
        .filter(|extension| is_extension(extension));
    let known = || {
        TYPES
            .iter()
            .find(|(kind, _)| *kind == content_type)
            .map(|&(_, extension)| extension)
    };
    let subtype = || {
        let (_, subtype) = content_type.split_once('/')?;
        let subtype = subtype.strip_prefix("x-").unwrap_or(subtype);
        Some(subtype).filter(|subtype| is_extension(subtype))
    };
    same_type(extension.or_else(known).or_else(subtype).unwrap_or("bin"))
}

/// The one word for an extension, lower case.
pub(crate) fn same_type(extension: &str) -> String {
    let extension = extension.to_ascii_lowercase();
    let same = SAME.iter().find(|(other, _)| *other == extension);
    same.map_or(extension, |(_, one)| (*one).to_owned())
}

#[cfg(test)]
mod tests;
