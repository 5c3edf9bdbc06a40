//! Envelope journal reports: what Exchange and Microsoft 365 send to an archive for each message.
//!
//! A report is a mail of two parts: a text that names the envelope, line by line, and the message itself,
//! untouched. After [MS-XJRNL] §2.1 and the grammar that Exchange 2007 was published with:
//!
//! ```text
//! Sender: ann@example.org
//! On-Behalf-Of: chief@example.org
//! Subject: Plans
//! Message-ID: <1@example.org>
//! To: bob@example.org
//! Cc: eve@example.org, Expanded: team@example.org
//! Bcc: new@example.org, Forwarded: old@example.org
//! Recipient: out@example.net
//! ```
//!
//! `To`, `Cc` and `Bcc` say how the sender addressed somebody; `Recipient` that the server could not know
//! it. `Expanded` names the list that somebody is a member of, `Forwarded` the one whose mail goes to them.
//!
//! **What is a report.** A mail that says so in its header (`X-MS-Journal-Report`, whatever its value;
//! `X-WM-Journal-Report: journal`; `Content-Identifier: ExJournalReport`) and has such a text is read
//! leniently: lines nobody knows are kept aside, the text may have any charset and encoding, the message may
//! be encoded, be TNEF, or be missing. A mail that does not say so is one only if nothing speaks against it: two parts,
//! a text of nothing but the lines above that begins with `Sender`, and a message with the Message-ID
//! that the text names. Servers on the way strip unknown header fields; people don't write such text.
//!
//! **Bounced reports.** A journal address that does not take a report makes Exchange wrap it into a delivery
//! status notification for the administrator's address; such notifications around a report, up to four deep, are
//! taken off.
//!
//! **What else comes by this road.** Google Workspace's routing rules and Postfix's `always_bcc` and
//! `recipient_bcc_maps` send the mail itself. Whom it was for is then in the SMTP envelope or nowhere:
//! [`classify`] gives either form. Postfix's `always_bcc` names the archive's own address only;
//! with `recipient_bcc_maps` the true recipient can be written into it, or a milter tells all.
//!
//! A report is believed by whoever lets it in: anyone can write one. A listener whose peers send plain
//! copies must not read reports ([`Reports::Ignored`]), or mail from outside could say whom it was for.

mod describe;
mod merge;
mod read;
#[cfg(test)]
mod tests;
mod text;

pub use describe::Description;
pub use merge::merge;
pub use read::read;

use std::fmt;
use std::ops::Range;

/// How a message was addressed to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// In the field To.
    To,
    /// In the field Cc.
    Cc,
    /// In the field Bcc, or in the envelope only.
    Bcc,
    /// The server could not tell.
    Recipient,
}

/// One who got the message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipient {
    /// How it was addressed.
    pub kind: Kind,
    /// The address, without brackets and `SMTP:`. X.500 names (`/o=…`, `X500:…`) and IMCEAEX addresses
    /// stay as they are.
    pub address: String,
    /// The list that was expanded to this address.
    pub expanded: Option<String>,
    /// The address whose mail is forwarded to this one.
    pub forwarded: Option<String>,
}

/// The journaled message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inner {
    /// These bytes of the mail that was read, as they stand. The line break before a boundary belongs to the
    /// boundary (RFC 2046 §5.1.1): a message keeps its last one only if its writer added another.
    Within(Range<usize>),
    /// A message that was transfer-encoded, or lay in one that was.
    Decoded(Vec<u8>),
    /// A TNEF stream; see [`Tnef`](crate::tnef::Tnef).
    Tnef(Vec<u8>),
}

impl Inner {
    /// Its bytes; `raw` is the mail that the report was read from.
    pub fn bytes<'a>(&'a self, raw: &'a [u8]) -> &'a [u8] {
        match self {
            Inner::Within(range) => raw.get(range.clone()).unwrap_or_default(),
            Inner::Decoded(bytes) | Inner::Tnef(bytes) => bytes,
        }
    }
}

/// What a report says. Empty strings are what the report left empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The envelope's sender; empty for the null path.
    pub sender: String,
    /// In whose name the sender wrote.
    pub on_behalf_of: Option<String>,
    /// The subject, decoded.
    pub subject: String,
    /// The Message-ID without brackets.
    pub message_id: Option<String>,
    /// `Label`: the message's classification.
    pub label: Option<String>,
    /// `Mailbox`: whose mailbox was journaled.
    pub mailbox: Option<String>,
    /// `SentUtc`, as written.
    pub sent: Option<String>,
    /// `ReceivedUtc`, as written.
    pub received: Option<String>,
    /// All recipients that are named, at most 100,000.
    pub recipients: Vec<Recipient>,
    /// The message. Usually one; two where a protected message comes with its readable copy; none if
    /// the report lost it.
    pub inner: Vec<Inner>,
    /// True if the header says that this is a report.
    pub marked: bool,
    /// Delivery status notifications around the report.
    pub wraps: usize,
    /// Lines of the text that were not understood, at most 20; recipients above the limit are among them.
    pub unread: Vec<String>,
}

/// Why a mail is no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReport {
    /// Nothing says that it is one.
    #[error("neither header nor structure is that of a journal report")]
    Plain,
    /// The header says it is, but no text names an envelope.
    #[error("marked as a journal report, but no text of it names an envelope")]
    NoEnvelope,
    /// A delivery status notification that returns only the header of a report.
    #[error("a bounced journal report of which only the header came back")]
    HeaderOnly,
    /// More delivery status notifications around each other than are taken off.
    #[error("too many delivery status notifications around each other")]
    TooDeep,
    /// Reports were not looked for.
    #[error("reports of this sender are not read")]
    Ignored,
}

/// Which reports a listener believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reports {
    /// All that can be recognised.
    #[default]
    Read,
    /// Those marked as such in their header.
    Marked,
    /// None: every mail is taken for a plain copy.
    Ignored,
}

/// The SMTP envelope that a mail came with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse path, without brackets; empty for the null path.
    pub sender: String,
    /// The forward paths, without brackets.
    pub recipients: Vec<String>,
}

/// What came in to be archived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Captured {
    /// A journal report: it names the envelope, and holds the message.
    Report(Box<Report>),
    /// The message itself: the envelope is the one that it came with.
    Plain {
        /// That envelope.
        envelope: Envelope,
        /// Why it is no report.
        why: NotReport,
    },
}

/// What a captured mail is. Whatever it is, keep the bytes that came and the envelope that they came with.
pub fn classify(raw: &[u8], envelope: &Envelope, reports: Reports) -> Captured {
    let report = match reports {
        Reports::Ignored => Err(NotReport::Ignored),
        Reports::Read => read(raw),
        Reports::Marked => read(raw).and_then(|report| {
            let marked = report.marked;
            marked.then_some(report).ok_or(NotReport::Ignored)
        }),
    };
    match report {
        Ok(report) => Captured::Report(Box::new(report)),
        Err(why) => Captured::Plain {
            envelope: envelope.clone(),
            why,
        },
    }
}

impl Captured {
    /// The message's sender, by the report or by SMTP.
    pub fn sender(&self) -> &str {
        match self {
            Captured::Report(report) => &report.sender,
            Captured::Plain { envelope, .. } => &envelope.sender,
        }
    }

    /// The message's recipients, by the report or by SMTP, which does not tell how they were addressed.
    pub fn recipients(&self) -> Vec<Recipient> {
        match self {
            Captured::Report(report) => report.recipients.clone(),
            Captured::Plain { envelope, .. } => {
                let addresses = envelope.recipients.iter().cloned();
                addresses.map(Recipient::unaddressed).collect()
            }
        }
    }
}

impl Recipient {
    fn unaddressed(address: String) -> Self {
        Recipient {
            kind: Kind::Recipient,
            address,
            expanded: None,
            forwarded: None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::To => "To",
            Kind::Cc => "Cc",
            Kind::Bcc => "Bcc",
            Kind::Recipient => "Recipient",
        })
    }
}

/// As a report writes it.
impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.address)?;
        if let Some(list) = &self.expanded {
            write!(f, ", Expanded: {list}")?;
        }
        if let Some(address) = &self.forwarded {
            write!(f, ", Forwarded: {address}")?;
        }
        Ok(())
    }
}
