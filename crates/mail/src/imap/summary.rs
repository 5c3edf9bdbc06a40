//! What is kept of a message beside its row, so that a list is shown without opening messages: ENVELOPE and BODYSTRUCTURE, ready
//! to be sent, and the header fields that mail programs list folders by.

use std::borrow::Cow;

use everpost_codec::imap::command::{Section, SectionOf};
use everpost_codec::imap::message::{
    Shape, crlf, crlf_size, section, write_envelope, write_structure,
};
use everpost_domain::digest::Digest;
use everpost_domain::message::{Structure, scan};
use everpost_domain::replica::Fingerprint;
use everpost_store::{Flags, NewMessage};

/// Its first byte.
const VERSION: u8 = 2;
/// That of those without fields, which were made until December 2026.
const WITHOUT_FIELDS: u8 = 1;
/// Bytes of header fields that are kept.
const LONGEST: usize = 16 << 10;

/// Header fields that are kept: those that Thunderbird and neomutt ask for when they list a folder (docs/clients.md), and what
/// says how a body is to be read.
pub(crate) const KEPT_FIELDS: &[&str] = &[
    "From",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Date",
    "Message-ID",
    "Priority",
    "X-Priority",
    "References",
    "Newsgroups",
    "In-Reply-To",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Description",
    "MIME-Version",
    "Reply-To",
    "Sender",
    "Lines",
    "List-Id",
    "List-Post",
    "List-Subscribe",
    "X-Label",
    "X-Original-To",
    "Importance",
    "Auto-Submitted",
];

/// Whether a field is kept, whatever the case of its name.
pub(super) fn is_kept_field(name: &str) -> bool {
    KEPT_FIELDS.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// Whether the kept fields answer it.
pub(super) fn is_kept(asked: &Section) -> bool {
    match &asked.of {
        SectionOf::Fields(names) => {
            asked.part.is_empty() && names.iter().all(|name| is_kept_field(name))
        }
        _ => false,
    }
}

/// A summary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// As ENVELOPE tells it.
    pub(super) envelope: Vec<u8>,
    /// As BODYSTRUCTURE does; empty where only the header is here.
    pub(super) structure: Vec<u8>,
    /// The kept fields, as they stand in the message, and an empty line; empty where they are too long.
    pub(super) header: Vec<u8>,
}

impl Summary {
    /// Of bytes as they are served: with CRLF.
    pub(super) fn of(raw: &[u8]) -> Self {
        let scanned = scan(raw);
        let mut summary = Summary::of_header(raw, &scanned);
        let shape = Shape {
            extended: true,
            global: false,
        };
        write_structure(&mut summary.structure, raw, &scanned, shape);
        summary
    }

    fn of_header(raw: &[u8], scanned: &Structure) -> Self {
        let names = KEPT_FIELDS.iter().map(|name| (*name).to_owned());
        let kept = Section {
            part: Vec::new(),
            of: SectionOf::Fields(names.collect()),
        };
        let header = section(raw, scanned, &kept).filter(|fields| fields.len() <= LONGEST);
        let mut summary = Summary {
            header: header.map(|fields| fields.into_owned()).unwrap_or_default(),
            ..Summary::default()
        };
        write_envelope(&mut summary.envelope, raw, scanned);
        summary
    }

    /// As it is kept.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        for part in [&self.envelope, &self.structure] {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            bytes.extend(length.to_le_bytes());
            bytes.extend(part);
        }
        bytes.extend(&self.header);
        bytes
    }

    /// Of what was kept; `None` for that of a version not known: it is made again, of the message.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (envelope, rest) = cut(rest)?;
        let (structure, header) = match *version {
            VERSION => cut(rest)?,
            WITHOUT_FIELDS => (rest, Default::default()),
            _ => return None,
        };
        Some(Summary {
            envelope: envelope.to_vec(),
            structure: structure.to_vec(),
            header: header.to_vec(),
        })
    }

    /// The bytes of fields that are kept ([`is_kept`]); `None` where they were too long.
    pub(super) fn answer(&self, asked: &Section) -> Option<Cow<'_, [u8]>> {
        match self.header.is_empty() {
            true => None,
            false => section(&self.header, &header_alone(&self.header), asked),
        }
    }
}

/// The structure of a header without its message. It is header to its end: where fields were left out, a line that continues one
/// may look like the beginning of a body.
pub(super) fn header_alone(header: &[u8]) -> Structure {
    let mut structure = scan(header);
    if let Some(message) = structure.parts.first_mut() {
        message.header = 0..header.len();
    }
    structure
}

/// A part behind its length, and what follows it.
fn cut(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    rest.split_at_checked(length)
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

/// A message of which only header fields are here, [`KEPT_FIELDS`] at least. `size`: its octets, as IMAP counts them.
pub(crate) fn describe_header(header: &[u8], size: u64, date: i64, flags: Flags) -> NewMessage {
    let header = crlf(header);
    NewMessage {
        copy: None,
        fingerprint: None,
        flags,
        date,
        size,
        summary: Summary::of_header(&header, &header_alone(&header)).encode(),
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
        for cut in 0..9 {
            assert_eq!(Summary::decode(kept.get(..cut).unwrap()), None);
        }
        let fields = b"Subject: pier\r\nFrom: ann@example.org\r\n\r\n";
        assert_eq!(summary.header, fields);
        // Of the header alone all is known but the structure.
        let header = describe_header(fields, new.size, 7, Flags::NONE);
        let of_header = Summary::decode(&header.summary).unwrap();
        assert_eq!((header.copy, header.size), (None, new.size));
        assert_eq!(of_header.envelope, summary.envelope);
        assert_eq!(of_header.header, summary.header);
        assert!(of_header.structure.is_empty());
        let mut other = kept;
        *other.first_mut().unwrap() = 9;
        assert_eq!(Summary::decode(&other), None);
    }

    #[test]
    fn what_was_kept_before_there_were_fields_still_lists() {
        let mut old = vec![WITHOUT_FIELDS];
        old.extend(3_u32.to_le_bytes());
        old.extend(b"(E)(S)");
        let summary = Summary::decode(&old).unwrap();
        assert_eq!(summary.envelope, b"(E)");
        assert_eq!(summary.structure, b"(S)");
        let asked = Section {
            part: Vec::new(),
            of: SectionOf::Fields(vec!["Subject".into()]),
        };
        assert_eq!(summary.answer(&asked), None);
    }

    #[test]
    fn kept_fields_are_what_the_message_would_answer() {
        let long = "x".repeat(LONGEST);
        let mails = [
            "Subject: a\r\n folded\r\nX-Other: 1\r\nsubject: twice\r\nTo: b@c\r\n\r\nbody"
                .to_owned(),
            "From: \u{e9}\r\n\r\n".to_owned(),
            "no header at all".to_owned(),
            format!("References: {long}\r\nTo: b\r\n\r\n"),
        ];
        for mail in mails {
            let raw = mail.as_bytes();
            let summary = Summary::of(raw);
            assert_eq!(summary.header.is_empty(), mail.len() > LONGEST);
            if summary.header.is_empty() {
                continue;
            }
            for names in [&["Subject"][..], &["TO", "from"], &["References", "Date"]] {
                let asked = Section {
                    part: Vec::new(),
                    of: SectionOf::Fields(names.iter().map(|one| (*one).to_owned()).collect()),
                };
                assert!(is_kept(&asked));
                let of = |raw: &[u8]| section(raw, &scan(raw), &asked).map(|one| one.into_owned());
                assert_eq!(of(&summary.header), of(raw), "{mail}");
            }
        }
        let other = SectionOf::Fields(vec!["Subject".into(), "X-Other".into()]);
        for of in [
            other,
            SectionOf::FieldsNot(vec!["Subject".into()]),
            SectionOf::Header,
        ] {
            let asked = Section {
                part: Vec::new(),
                of,
            };
            assert!(!is_kept(&asked));
        }
    }
}
