//! The body structure: what IMAP's BODYSTRUCTURE and attachment lists say of each part.

use super::bytes::line_ending;
use super::{Disposition, Kind, Part, Structure, Transfer};

/// One part as IMAP describes it (RFC 3501 §7.4.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BodyPart {
    /// Number of parts around this one. The list is in preorder, so that a part's
    /// children are the following parts that are one deeper.
    pub depth: u32,
    /// `type/subtype`, lower case.
    pub content_type: String,
    /// The charset parameter, lower case.
    pub charset: Option<String>,
    /// Content-Transfer-Encoding as written.
    pub transfer: Transfer,
    /// Content-Disposition.
    pub disposition: Disposition,
    /// Octets of the body as it stands in the message.
    pub size: u64,
    /// Line ends in the body: for text parts and nested messages only.
    pub lines: Option<u64>,
    /// File name, decoded.
    pub filename: Option<String>,
    /// Content-ID without angle brackets.
    pub content_id: Option<String>,
}

/// Describes every part of a message.
pub(super) fn body_structure(raw: &[u8], structure: &Structure) -> Vec<BodyPart> {
    let eol = line_ending(raw);
    let mut depths: Vec<u32> = Vec::with_capacity(structure.parts.len());
    let mut out = Vec::with_capacity(structure.parts.len());
    for part in &structure.parts {
        let depth = part
            .parent
            .and_then(|parent| depths.get(parent))
            .map_or(0, |depth| depth + 1);
        depths.push(depth);
        out.push(describe(raw, part, depth, eol));
    }
    out
}

fn describe(raw: &[u8], part: &Part, depth: u32, eol: u8) -> BodyPart {
    let body = raw.get(part.body.clone()).unwrap_or_default();
    let text = part.kind == Kind::Message || part.content_type.starts_with("text/");
    BodyPart {
        depth,
        content_type: part.content_type.clone(),
        charset: part.charset.clone(),
        transfer: part.transfer,
        disposition: part.disposition,
        size: body.len() as u64,
        lines: text.then(|| count(eol, body)),
        filename: part.filename.clone(),
        content_id: part.content_id.clone(),
    }
}

/// Occurrences of `byte`.
fn count(byte: u8, hay: &[u8]) -> u64 {
    // By chunks whose count fits a byte, which the compiler turns into vector code.
    hay.chunks(255)
        .map(|chunk| {
            u64::from(
                chunk
                    .iter()
                    .fold(0u8, |sum, &b| sum.wrapping_add(u8::from(b == byte))),
            )
        })
        .sum()
}

/// Control parts of signed and encrypted mail and of delivery reports: machines wrote
/// them for machines.
const MACHINERY: [&str; 10] = [
    "application/pgp-signature",
    "application/pgp-encrypted",
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
    "message/delivery-status",
    "message/global-delivery-status",
    "message/disposition-notification",
    "message/global-disposition-notification",
    "message/feedback-report",
    "text/rfc822-headers",
];

/// True for a part whose type is machinery, whatever its disposition.
pub(super) fn is_machinery(part: &Part) -> bool {
    MACHINERY.contains(&part.content_type.as_str())
}

/// True for a part that a person would call an attachment; `has:attachment` counts these
/// (docs on `Head::attachments`).
pub(super) fn is_attachment(structure: &Structure, index: usize) -> bool {
    let Some(part) = structure.parts.get(index) else {
        return false;
    };
    let parent = part.parent.and_then(|parent| structure.parts.get(parent));
    let inside = parent.map_or("", |parent| parent.content_type.as_str());
    match part.kind {
        Kind::Multipart => return false,
        Kind::Message => {
            return index != 0 && !matches!(inside, "multipart/digest" | "multipart/report");
        }
        Kind::Leaf => {}
    }
    if is_machinery(part) {
        return false;
    }
    if part.attachment {
        return true;
    }
    let text = matches!(part.content_type.as_str(), "text/plain" | "text/html");
    if text && inside == "multipart/alternative" {
        return false;
    }
    if part.content_id.is_some() && inside == "multipart/related" {
        return false;
    }
    part.filename.is_some() || !(part.content_type.starts_with("text/"))
}

/// The parts that are attachments of the message itself, in their order: what
/// [`Head::attachments`](super::Head::attachments) counts and `Head::filenames` names.
pub fn attachment_parts(structure: &Structure) -> Vec<usize> {
    (0..structure.parts.len())
        .filter(|index| is_attachment(structure, *index) && !is_nested(structure, *index))
        .collect()
}

/// True if the part lies inside a nested message.
pub(super) fn is_nested(structure: &Structure, index: usize) -> bool {
    let mut at = structure.parts.get(index).and_then(|part| part.parent);
    // Parents precede their children, so this ends.
    while let Some(part) = at.and_then(|parent| structure.parts.get(parent)) {
        if part.kind == Kind::Message {
            return true;
        }
        at = part.parent;
    }
    false
}
