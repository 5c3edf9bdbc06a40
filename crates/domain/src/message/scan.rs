//! Raw bytes to MIME tree.

use super::{Encoding, Kind, Part, Structure};

/// Reads the MIME tree of `raw`. Never fails: whatever is broken becomes content.
pub fn scan(raw: &[u8]) -> Structure {
    Structure {
        parts: vec![Part {
            parent: None,
            header: 0..0,
            body: 0..raw.len(),
            kind: Kind::Leaf,
            content_type: "text/plain".into(),
            charset: None,
            encoding: Encoding::Identity,
            attachment: false,
            filename: None,
            content_id: None,
        }],
    }
}
