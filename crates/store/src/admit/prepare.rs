//! What is known of an item before the store is asked: all the work on its bytes.

use bytes::Bytes;
use everpost_domain::cut::{Cut, Limits, cut};
use everpost_domain::digest::Digest;
use everpost_domain::identity::{Facts, Origin, PartSet, part_set_of_cut};
use everpost_domain::message::{
    Head, HeldEvidence, HeldFromSource, day, held_from, received_date, scan,
};

use crate::copy::pack_head;
use crate::follow::Content;
use crate::relay::Onward;

/// A message on its way in.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The exact bytes.
    pub raw: Bytes,
    /// How it came.
    pub origin: Origin,
    /// What the source knows about when the message was first held.
    pub held: HeldEvidence,
    /// Its place in the source: an offset, a number; only told back to people.
    pub position: u64,
    /// The SMTP envelope, where there was one.
    pub envelope: Option<Envelope>,
    /// Where it was delivered to: one place, or none. What lies in several is admitted once for
    /// each, and stored once.
    pub places: Vec<Placement>,
    /// Addresses of mailboxes whose mail it is, wherever it lies: for mail captured on its way, those
    /// of the organization that sent it or that it was for.
    pub owners: Vec<String>,
    /// It tells of an earlier item of its group, as a journal report does of the message in it: both
    /// are one message, and the other's copy speaks for it.
    pub report_of: Option<Digest>,
    /// To whom it goes on, once it is admitted: in the same transaction.
    pub onward: Option<Onward>,
}

/// An SMTP envelope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// MAIL FROM, without brackets; empty for the null sender.
    pub sender: String,
    /// RCPT TO.
    pub recipients: Vec<String>,
    /// What was found when it came, as whether its sender is who it says: bytes that only their
    /// writer reads. Empty where nothing was looked at.
    pub found: Vec<u8>,
}

/// A place where a message lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The mailbox's address.
    pub mailbox: String,
    /// The folder's full name, levels separated by `/`.
    pub folder: String,
    /// IMAP system flags as bits: 1 seen, 2 answered, 4 flagged, 8 deleted, 16 draft, 32 passed (forwarded).
    pub flags: u32,
    /// IMAP keywords.
    pub keywords: Vec<String>,
}

/// A message whose bytes were read, hashed and cut; ready to be admitted.
pub struct Prepared {
    pub(crate) incoming: Incoming,
    pub(crate) digest: Digest,
    pub(crate) day: i64,
    pub(crate) head: Head,
    /// The head as it will be sealed.
    pub(crate) packed_head: Vec<u8>,
    /// Digest of the key that copies of one message share, if it has one.
    pub(crate) header_key: Option<Digest>,
    pub(crate) content: Content,
    pub(crate) cut: Cut,
    pub(crate) parts: PartSet,
    pub(crate) held_from: i64,
    pub(crate) held_source: HeldFromSource,
}

impl Prepared {
    /// Does all the work on a message's bytes. `now` is the time of import in seconds.
    /// Never fails, whatever the bytes; takes long for large ones, so call it where
    /// waiting is allowed.
    pub fn new(incoming: Incoming, now: i64) -> Self {
        let raw = &incoming.raw;
        let structure = scan(raw);
        let head = Head::read(raw, &structure);
        let (held_from, held_source) = held_from(HeldEvidence {
            received: received_date(raw, &structure),
            date: head.sent.map(|sent| sent.unix),
            now,
            ..incoming.held
        });
        let cut = cut(raw, &structure, &Limits::default());
        Prepared {
            digest: Digest::of(raw),
            day: day(head.sent),
            content: Content::read(raw, &structure),
            parts: part_set_of_cut(raw, &structure, incoming.origin, &cut),
            cut,
            packed_head: pack_head(&head),
            header_key: header_key(&head),
            head,
            held_from,
            held_source,
            incoming,
        }
    }

    /// The copy's id.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Since when the message is held, in seconds since 1970; what `--since` looks at.
    pub fn held_from(&self) -> i64 {
        self.held_from
    }

    /// Size of the raw bytes.
    pub fn size(&self) -> u64 {
        self.incoming.raw.len() as u64
    }
}

fn header_key(head: &Head) -> Option<Digest> {
    let mut facts = Facts::other();
    facts.message_id.clone_from(&head.message_id);
    facts.sent = head.sent;
    facts.header_key().map(|key| key.digest())
}
