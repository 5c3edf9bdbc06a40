//! Which attachments are stored already: a question about files, not about messages, so
//! that neither header key nor text is looked at.

use super::{PartKind, PartSet};
use crate::digest::Digest;

/// One attachment of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttachmentPresence {
    /// Its part hash: for a binary attachment the SHA-256 of the file.
    pub digest: Digest,
    /// Whether the store has it.
    pub present: bool,
}

/// Asks `stored` for each attachment of a message. The answer is empty if there is none,
/// which says nothing about the message. An attachment found absent because it is stored
/// in another form costs an upload, never a loss.
pub fn attachments_present(
    set: &PartSet,
    mut stored: impl FnMut(&Digest) -> bool,
) -> Vec<AttachmentPresence> {
    set.parts()
        .iter()
        .filter(|part| part.kind == PartKind::Attachment)
        .map(|part| AttachmentPresence {
            digest: part.digest,
            present: stored(&part.digest),
        })
        .collect()
}
