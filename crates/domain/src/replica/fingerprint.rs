//! What a message is, so that it is known again on a mail server: digests of its header and of its body.

use std::collections::BTreeMap;

use crate::digest::{Digest, Hasher};
use crate::message::{fields, scan, unfold};

/// Fields that say what a message is. Servers and programs add others on the way, and these stay as they are.
pub const NAMING: [&str; 5] = ["Message-ID", "Date", "From", "To", "Subject"];

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// Of the fields [`NAMING`] it.
    pub key: Digest,
    /// Of its body, however its lines and its end are broken.
    pub content: Digest,
}

impl Fingerprint {
    /// Of a whole message.
    pub fn of(raw: &[u8]) -> Self {
        let structure = scan(raw);
        let root = structure.parts.first();
        let header = root.and_then(|root| raw.get(root.header.clone()));
        let body = root.and_then(|root| raw.get(root.body.clone()));
        Fingerprint {
            key: Fingerprint::key(header.unwrap_or_default()),
            content: content(body.unwrap_or_default()),
        }
    }

    /// Of a header, or as much of it as names the message.
    pub fn key(header: &[u8]) -> Digest {
        let mut values: BTreeMap<usize, Vec<Vec<u8>>> = BTreeMap::new();
        for field in fields(header) {
            if let Some(place) = NAMING.iter().position(|name| field.is(name)) {
                let value = unfold(field.value);
                let words = value.split(u8::is_ascii_whitespace);
                let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
                values.entry(place).or_default().push(words.join(&b' '));
            }
        }
        let mut hasher = Hasher::new();
        for (place, values) in values {
            for value in values {
                hasher.update(&[u8::try_from(place).unwrap_or(u8::MAX)]);
                hasher.update(&(value.len() as u64).to_le_bytes());
                hasher.update(&value);
            }
        }
        hasher.finish()
    }
}

fn content(body: &[u8]) -> Digest {
    let end = body
        .iter()
        .rposition(|byte| !byte.is_ascii_whitespace())
        .map_or(0, |last| last + 1);
    let body = body.get(..end).unwrap_or_default();
    let mut hasher = Hasher::new();
    for piece in body.split(|byte| *byte == b'\r') {
        hasher.update(piece);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    const RAW: &str = "Received: by a\r\nMessage-ID: <1@a>\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\nSubject: the\r\n pier\r\n\r\nNumber 7\r\n";

    #[test]
    fn what_happens_on_the_way_changes_nothing() {
        let sent = Fingerprint::of(RAW.as_bytes());
        let added = format!("Return-Path: <ann@example.org>\r\nX-UID: 7\r\n{RAW}\r\n");
        assert_eq!(Fingerprint::of(added.as_bytes()), sent);
        assert_eq!(Fingerprint::of(RAW.replace('\r', "").as_bytes()), sent);
        let refolded = RAW.replace("the\r\n pier", "the pier");
        assert_eq!(Fingerprint::of(refolded.as_bytes()), sent);
        let header = "Subject: the pier\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\nMessage-ID: <1@a>\r\n\r\n";
        assert_eq!(Fingerprint::key(header.as_bytes()), sent.key);
    }

    #[test]
    fn other_words_are_another_message() {
        let sent = Fingerprint::of(RAW.as_bytes());
        let body = Fingerprint::of(RAW.replace("Number 7", "Number 8").as_bytes());
        assert_eq!(body.key, sent.key);
        assert_ne!(body.content, sent.content);
        for (old, new) in [("<1@a>", "<2@a>"), ("pier", "peer"), ("10:00", "10:01")] {
            let other = Fingerprint::of(RAW.replace(old, new).as_bytes());
            assert_ne!(other.key, sent.key, "{new}");
            assert_eq!(other.content, sent.content);
        }
        // A value is not to be had by cutting another.
        let moved = Fingerprint::key(b"Subject: a\r\nTo: b\r\n\r\n");
        assert_ne!(moved, Fingerprint::key(b"Subject: a b\r\n\r\n"));
    }
}
