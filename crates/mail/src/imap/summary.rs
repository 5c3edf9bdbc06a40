//! What is kept of a message beside its row, so that a list is shown without opening messages: ENVELOPE and BODYSTRUCTURE, ready
//! to be sent.

use everpost_codec::imap::message::{Shape, crlf, crlf_size, write_envelope, write_structure};
use everpost_domain::digest::Digest;
use everpost_domain::message::scan;
use everpost_domain::replica::Fingerprint;
use everpost_store::{Flags, NewMessage};

/// Its first byte.
const VERSION: u8 = 1;

/// A summary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// As ENVELOPE tells it.
    pub(super) envelope: Vec<u8>,
    /// As BODYSTRUCTURE does.
    pub(super) structure: Vec<u8>,
}

impl Summary {
    /// Of bytes as they are served: with CRLF.
    pub(super) fn of(raw: &[u8]) -> Self {
        let structure = scan(raw);
        let mut summary = Summary::default();
        write_envelope(&mut summary.envelope, raw, &structure);
        let shape = Shape {
            extended: true,
            global: false,
        };
        write_structure(&mut summary.structure, raw, &structure, shape);
        summary
    }

    /// As it is kept.
    pub(super) fn encode(&self) -> Vec<u8> {
        let length = u32::try_from(self.envelope.len()).unwrap_or(u32::MAX);
        let mut bytes = vec![VERSION];
        bytes.extend(length.to_le_bytes());
        bytes.extend(&self.envelope);
        bytes.extend(&self.structure);
        bytes
    }

    /// Of what was kept; `None` for that of another version: it is made again, of the message.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (envelope, structure) = rest.split_at_checked(length)?;
        (*version == VERSION).then(|| Summary {
            envelope: envelope.to_vec(),
            structure: structure.to_vec(),
        })
    }
}

/// A message of these bytes for a folder: the size that IMAP shows, what it is, and its summary. `date`: INTERNALDATE.
pub fn describe(raw: &[u8], copy: Digest, flags: Flags, date: i64) -> NewMessage {
    NewMessage {
        copy: Some(copy),
        fingerprint: Some(Fingerprint::of(raw)),
        flags,
        date,
        size: crlf_size(raw),
        summary: Summary::of(&crlf(raw)).encode(),
    }
}

/// Shim.
pub(crate) const KEPT_FIELDS: &[&str] = &[
    "Message-ID",
    "Date",
    "From",
    "To",
    "Cc",
    "Subject",
    "References",
    "In-Reply-To",
    "Reply-To",
    "Sender",
    "Bcc",
    "Content-Type",
];
pub(crate) fn describe_header(header: &[u8], size: u64, date: i64, flags: Flags) -> NewMessage {
    NewMessage {
        copy: None,
        fingerprint: None,
        flags,
        date,
        size,
        summary: Summary::of(&crlf(header)).encode(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_nothing_else_does() {
        let raw = b"Subject: pier\nFrom: ann@example.org\n\nNumber 7\n";
        let new = describe(raw, Digest::of(raw), Flags::NONE, 7);
        assert_eq!(new.size, raw.len() as u64 + 4);
        let kept = new.summary;
        let summary = Summary::decode(&kept).unwrap();
        assert_eq!(summary, Summary::of(&crlf(raw)));
        assert!(summary.envelope.starts_with(b"("));
        for cut in 0..5 {
            assert_eq!(Summary::decode(kept.get(..cut).unwrap()), None);
        }
        let mut other = kept;
        *other.first_mut().unwrap() = 9;
        assert_eq!(Summary::decode(&other), None);
    }
}
