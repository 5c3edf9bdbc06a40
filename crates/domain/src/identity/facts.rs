//! What is known of a message without looking into its parts.

use crate::digest::Digest;
use crate::message::{Address, Head, Sent};
use crate::wire::Writer;

/// Where a message's bytes came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Origin {
    /// Captured in real time, before any mailbox server rebuilt it.
    EventSink = 1,
    /// Read from a mailbox server, which may have rebuilt the MIME structure.
    Harvester = 2,
    /// Mail from files, an API, a client or a restore probe. Its bytes may be exact, but
    /// nothing vouches for that, so it is compared as harvested mail is.
    Other = 3,
}

impl Origin {
    /// The durable number of this origin.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The origin with this number.
    pub fn from_code(code: u8) -> Option<Origin> {
        [Origin::EventSink, Origin::Harvester, Origin::Other]
            .into_iter()
            .find(|origin| origin.code() == code)
    }
}

/// What a server key tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum KeyScope {
    /// One key a message, however many mailboxes hold it: two keys, two messages.
    MessageWide = 1,
    /// One key an instance in a mailbox: two keys may still be one message.
    PerInstance = 2,
}

impl KeyScope {
    /// The durable number of this scope.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The scope with this number.
    pub fn from_code(code: u8) -> Option<KeyScope> {
        [KeyScope::MessageWide, KeyScope::PerInstance]
            .into_iter()
            .find(|scope| scope.code() == code)
    }
}

/// The identifier that the server holding a message guarantees to be unique.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerKey {
    /// The server, or cluster, that vouches for the value.
    pub issuer: String,
    /// The identifier (X-GUID, EMAILID, ...), as the server gives it.
    pub value: Vec<u8>,
    /// What different values mean.
    pub scope: KeyScope,
}

impl ServerKey {
    /// Nothing vouches for a key without issuer, and an empty value names nothing.
    fn is_usable(&self) -> bool {
        !self.issuer.is_empty() && !self.value.is_empty()
    }
}

/// The key that equal messages must share: the sender's Message-ID and the instant of
/// the Date field. The zone is no part of it, since servers and clients rewrite zones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeaderKey {
    /// Message-ID without brackets, folding and blanks; never empty.
    pub message_id: Vec<u8>,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub sent: i64,
}

impl HeaderKey {
    /// SHA-256 of the key, for look-ups where neither part may be readable.
    pub fn digest(&self) -> Digest {
        let mut bytes = Writer::new();
        bytes.bytes(&self.message_id).signed(self.sent);
        Digest::of(&bytes.finish())
    }
}

/// What is known of a message without looking into its parts. Only the origin and the
/// server key are bound to each other; the rest may be unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    origin: Origin,
    server_key: Option<ServerKey>,
    /// Message-ID as the sending server gave it, without brackets, folding and blanks.
    pub message_id: Option<Vec<u8>>,
    /// The Date field, with its zone.
    pub sent: Option<Sent>,
    /// SHA-256 of the whole message. Compared between captures only.
    pub total: Option<Digest>,
    /// Length of the whole message in bytes.
    pub size: u64,
    /// Digest of the author's addresses, for profiles that demand it.
    pub sender: Option<Digest>,
    /// Digest of the addresses in To and Cc, for profiles that demand it.
    pub recipients: Option<Digest>,
    /// Digest of the subject, for profiles that demand it.
    pub subject: Option<Digest>,
    /// The copy that this message is a stub of.
    pub stub_of: Option<Digest>,
}

/// A harvested message came without a server key. The harvester always has one; a
/// message without it was not harvested, or its harvester is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("harvested message without the server key of the mailbox it came from")]
pub struct MissingServerKey;

impl Facts {
    /// Facts of a message of this origin; all but origin and key still unknown. A key
    /// without issuer or value is none.
    pub fn new(origin: Origin, server_key: Option<ServerKey>) -> Result<Facts, MissingServerKey> {
        let server_key = server_key.filter(ServerKey::is_usable);
        if origin == Origin::Harvester && server_key.is_none() {
            return Err(MissingServerKey);
        }
        Ok(Facts::unchecked(origin, server_key))
    }

    /// Facts of mail captured in real time; it was in no mailbox yet, so it has no
    /// server key.
    pub fn captured() -> Facts {
        Facts::unchecked(Origin::EventSink, None)
    }

    /// Facts of mail read from files, an API or a client.
    pub fn other() -> Facts {
        Facts::unchecked(Origin::Other, None)
    }

    fn unchecked(origin: Origin, server_key: Option<ServerKey>) -> Facts {
        Facts {
            origin,
            server_key,
            message_id: None,
            sent: None,
            total: None,
            size: 0,
            sender: None,
            recipients: None,
            subject: None,
            stub_of: None,
        }
    }

    /// Adds what the header says.
    pub fn with_head(mut self, head: &Head) -> Facts {
        self.message_id.clone_from(&head.message_id);
        self.sent = head.sent;
        self.sender = addresses(head.from.iter());
        self.recipients = addresses(head.to.iter().chain(&head.cc));
        let subject = head.subject.trim();
        self.subject = (!subject.is_empty()).then(|| Digest::of(subject.as_bytes()));
        self
    }

    /// Adds what the bytes say: digest and length in bytes of the whole message.
    pub fn with_bytes(mut self, total: Digest, size: u64) -> Facts {
        self.total = Some(total);
        self.size = size;
        self
    }

    /// Where the message came from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The holding server's key; always there for [`Origin::Harvester`].
    pub fn server_key(&self) -> Option<&ServerKey> {
        self.server_key.as_ref()
    }

    /// The header key; `None` without Message-ID or Date, and then nothing is ever
    /// decided about the message.
    pub fn header_key(&self) -> Option<HeaderKey> {
        let message_id = self.message_id.clone().filter(|id| !id.is_empty())?;
        Some(HeaderKey {
            message_id,
            sent: self.sent?.unix,
        })
    }
}

/// Digest of a set of addresses, whatever their order and case; `None` if there is none.
fn addresses<'a>(list: impl Iterator<Item = &'a Address>) -> Option<Digest> {
    let mut emails: Vec<String> = list
        .map(|address| address.email.to_lowercase())
        .filter(|email| !email.is_empty())
        .collect();
    emails.sort_unstable();
    emails.dedup();
    if emails.is_empty() {
        return None;
    }
    let mut bytes = Writer::new();
    for email in &emails {
        bytes.text(email);
    }
    Some(Digest::of(&bytes.finish()))
}
