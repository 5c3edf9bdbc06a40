//! The MIME tree of a message as ranges of its raw bytes.
//!
//! The scanner is Everpost's own, because message identity (part hashes) and storage
//! (decoded attachments) depend on it and must not change with a library's version.

use std::ops::Range;

/// How a part's body is encoded for transport (RFC 2045 §6). Anything unknown is
/// `Identity`: its bytes are taken as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 7bit, 8bit, binary or unknown.
    Identity,
    /// base64 (RFC 2045 §6.8).
    Base64,
    /// quoted-printable (RFC 2045 §6.7).
    QuotedPrintable,
}

/// Content-Transfer-Encoding as the field says it: IMAP tells these apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Transfer {
    /// `7bit`, or no field.
    #[default]
    SevenBit,
    /// `8bit`.
    EightBit,
    /// `binary`.
    Binary,
    /// `quoted-printable`.
    QuotedPrintable,
    /// `base64`.
    Base64,
    /// Anything else (x-uuencode, typing errors).
    Other,
}

impl Transfer {
    /// By its name, lower case.
    pub(super) fn named(name: &str) -> Transfer {
        match name.trim_matches(['"', '\'', ',']) {
            "" | "7bit" | "7-bit" => Transfer::SevenBit,
            "8bit" | "8-bit" => Transfer::EightBit,
            "binary" => Transfer::Binary,
            "quoted-printable" => Transfer::QuotedPrintable,
            "base64" => Transfer::Base64,
            _ => Transfer::Other,
        }
    }
}

/// Content-Disposition (RFC 2183).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Disposition {
    /// No field.
    #[default]
    None,
    /// `inline`.
    Inline,
    /// `attachment`.
    Attachment,
    /// Any other word.
    Other,
}

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A container of parts that follow it with `parent` pointing here.
    Multipart,
    /// A nested message (message/rfc822, message/global) with exactly one child.
    Message,
    /// Content.
    Leaf,
}

/// One entity of the MIME tree. Ranges index the raw bytes of the whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Index of the enclosing part; `None` for the message itself, which is part 0.
    pub parent: Option<usize>,
    /// The header block, with the empty line that ends it.
    pub header: Range<usize>,
    /// The body, without the line break that belongs to a following boundary.
    pub body: Range<usize>,
    /// Container, nested message or content.
    pub kind: Kind,
    /// Content-Type, lower case, `type/subtype`; the RFC 2045 §5.2 default where absent
    /// or unreadable (`message/rfc822` inside multipart/digest).
    pub content_type: String,
    /// The charset parameter, lower case.
    pub charset: Option<String>,
    /// Content-Transfer-Encoding.
    pub encoding: Encoding,
    /// Content-Transfer-Encoding as written; 7bit for a container.
    pub transfer: Transfer,
    /// Content-Disposition.
    pub disposition: Disposition,
    /// True for Content-Disposition: attachment.
    pub attachment: bool,
    /// File name (filename, else name), RFC 2231 and RFC 2047 decoded.
    pub filename: Option<String>,
    /// Content-ID without angle brackets.
    pub content_id: Option<String>,
}

/// The MIME tree in preorder; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structure {
    /// Part 0 is the message itself.
    pub parts: Vec<Part>,
}
