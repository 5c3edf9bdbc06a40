//! The text of a message that search looks at.

use super::Structure;

/// Text for the index, before it becomes terms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchText {
    /// Body text: plain parts, HTML rendered, headers and text of nested messages.
    pub body: String,
    /// True if the message has parts whose text was not read (attachments that are
    /// neither text nor messages): what they hold is unknown to search.
    pub unread: bool,
}

impl SearchText {
    /// Collects the text of a message. Never fails.
    pub fn read(_raw: &[u8], _structure: &Structure) -> SearchText {
        SearchText::default()
    }
}
