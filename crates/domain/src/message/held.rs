//! Since when a message is held: the instant its age counts from (design §3.15).

use super::fields::fields;
use super::{Structure, parse_date};

/// What `held_from` was read from. The numbers are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum HeldFromSource {
    /// First capture of live mail.
    Capture = 1,
    /// INTERNALDATE of a harvested message.
    InternalDate = 2,
    /// The seconds in a Maildir file name.
    Maildir = 3,
    /// The date of the mbox `From ` line.
    MboxFrom = 4,
    /// The topmost Received field.
    Received = 5,
    /// The Date field.
    Date = 6,
    /// Nothing is known: the time of import.
    Import = 7,
}

impl HeldFromSource {
    /// The durable number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// By its durable number.
    pub fn from_code(code: u8) -> Option<HeldFromSource> {
        use HeldFromSource::{Capture, Date, Import, InternalDate, Maildir, MboxFrom, Received};
        [
            Capture,
            InternalDate,
            Maildir,
            MboxFrom,
            Received,
            Date,
            Import,
        ]
        .into_iter()
        .find(|source| source.code() == code)
    }
}

/// What is known of a message's age, as seconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeldEvidence {
    /// When live mail was first captured.
    pub capture: Option<i64>,
    /// INTERNALDATE of the server it was harvested from.
    pub internal_date: Option<i64>,
    /// The seconds in its Maildir file name.
    pub maildir: Option<i64>,
    /// Its mbox `From ` line (`mbox_from_date`).
    pub mbox_from: Option<i64>,
    /// Its topmost Received field (`received_date`).
    pub received: Option<i64>,
    /// Its Date field.
    pub date: Option<i64>,
    /// The time of import.
    pub now: i64,
}

/// The instant a message's age counts from, and where it was read: the first evidence in
/// the order of [`HeldFromSource`]. Evidence of 0 or less is none (a clock that was never
/// set would make new mail half a century old and let retention destroy it), and what
/// lies in the future counts as now, or the message would be kept longer than promised.
pub fn held_from(evidence: HeldEvidence) -> (i64, HeldFromSource) {
    let order = [
        (evidence.capture, HeldFromSource::Capture),
        (evidence.internal_date, HeldFromSource::InternalDate),
        (evidence.maildir, HeldFromSource::Maildir),
        (evidence.mbox_from, HeldFromSource::MboxFrom),
        (evidence.received, HeldFromSource::Received),
        (evidence.date, HeldFromSource::Date),
    ];
    order
        .into_iter()
        .find_map(|(at, source)| {
            at.filter(|&at| at > 0)
                .map(|at| (at.min(evidence.now), source))
        })
        .unwrap_or((evidence.now, HeldFromSource::Import))
}

/// The date of the topmost Received field: the last hop's, in seconds since 1970. `None`
/// if that field has no readable date; the ones below it are older, and tell less.
pub fn received_date(raw: &[u8], structure: &Structure) -> Option<i64> {
    let header = raw.get(structure.parts.first()?.header.clone())?;
    let field = fields(header).find(|field| field.is("Received"))?;
    let date = field.value.rsplit(|&b| b == b';').next()?;
    parse_date(date).map(|sent| sent.unix)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::super::scan;
    use super::*;

    #[test]
    fn the_best_evidence_wins() {
        let all = HeldEvidence {
            capture: Some(1),
            internal_date: Some(2),
            maildir: Some(3),
            mbox_from: Some(4),
            received: Some(5),
            date: Some(6),
            now: 7,
        };
        assert_eq!(held_from(all), (1, HeldFromSource::Capture));
        let files = HeldEvidence {
            capture: None,
            internal_date: None,
            ..all
        };
        assert_eq!(held_from(files), (3, HeldFromSource::Maildir));
        assert_eq!(
            held_from(HeldEvidence {
                maildir: None,
                ..files
            }),
            (4, HeldFromSource::MboxFrom)
        );
        let header = HeldEvidence {
            maildir: Some(0),
            mbox_from: Some(-1),
            ..files
        };
        assert_eq!(held_from(header), (5, HeldFromSource::Received));
        assert_eq!(
            held_from(HeldEvidence {
                received: None,
                ..header
            }),
            (6, HeldFromSource::Date)
        );
        assert_eq!(
            held_from(HeldEvidence {
                now: 7,
                ..HeldEvidence::default()
            }),
            (7, HeldFromSource::Import)
        );
        assert_eq!(
            held_from(HeldEvidence { now: 2, ..files }),
            (2, HeldFromSource::Maildir)
        );
    }

    #[test]
    fn codes_are_durable() {
        for code in 0..=u8::MAX {
            assert_eq!(
                HeldFromSource::from_code(code).map_or(0, HeldFromSource::code),
                if (1..=7).contains(&code) { code } else { 0 }
            );
        }
    }

    #[test]
    fn topmost_received() {
        let raw = b"Received: from a by b; Tue, 2 Jan 2024 03:04:05 +0000\r\nReceived: from c by a;\r\n\tTue, 2 Jan 2024 03:04:00 +0000\r\n\r\n";
        assert_eq!(received_date(raw, &scan(raw)), Some(1_704_164_645));
        assert_eq!(
            received_date(b"Received: x\n\n", &scan(b"Received: x\n\n")),
            None
        );
        assert_eq!(received_date(b"", &scan(b"")), None);
    }
}
