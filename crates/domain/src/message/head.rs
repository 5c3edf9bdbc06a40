//! The head: what people read of a message without opening it, and what IMAP ENVELOPE,
//! BODYSTRUCTURE, SORT and THREAD need. Kept sealed, one per copy.

mod codec;

use super::address::read_addresses;
use super::body::{BodyPart, body_structure, is_attachment, is_nested};
use super::bytes::{cap, cap_text, split_once};
use super::encoded::header_text;
use super::fields::fields;
use super::ids::{message_id, references};
use super::{Sent, Structure, parse_date};

/// Most bytes of a Subject or List-Id that are read: people read a line of them, and
/// the head of every message is opened for lists.
const LINE: usize = 16 * 1024;

/// Most ids kept of In-Reply-To and of References. Threading needs the root of the
/// conversation and the nearest ancestors; long threads repeat hundreds of ids, which
/// do not compress.
const IDS: usize = 10;

/// One mailbox of an address field (RFC 5322 §3.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// Display name, decoded; empty if none.
    pub name: String,
    /// `local@domain` as written (case kept); empty for a group's name, which its members
    /// follow, and for a name without address.
    pub email: String,
}

/// What a message's header says, decoded.
///
/// Address fields hold at most 10,000 addresses, names and addresses at most 1,000 bytes,
/// Subject and List-Id 16 KiB; a field that occurs several times counts as one (addresses
/// and ids) or by its first readable occurrence (all else).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The first Date field that can be read.
    pub sent: Option<Sent>,
    /// Message-ID without angle brackets, folding and surrounding blanks: the first id
    /// of the first field that has one; none if it is longer than 64 KiB.
    pub message_id: Option<Vec<u8>>,
    /// Subject, decoded.
    pub subject: String,
    /// From.
    pub from: Vec<Address>,
    /// Sender, where its addresses differ from From's.
    pub sender: Vec<Address>,
    /// Reply-To, where its addresses differ from From's.
    pub reply_to: Vec<Address>,
    /// To.
    pub to: Vec<Address>,
    /// Cc.
    pub cc: Vec<Address>,
    /// Bcc.
    pub bcc: Vec<Address>,
    /// In-Reply-To ids, without brackets; the first 10.
    pub in_reply_to: Vec<Vec<u8>>,
    /// References ids, oldest first, without brackets: the oldest (the conversation's
    /// root) and the newest 9. Ids longer than 998 bytes are left out.
    pub references: Vec<Vec<u8>>,
    /// List-Id without brackets.
    pub list_id: Option<String>,
    /// File names of attachments (as counted in `attachments`), decoded, in order.
    pub filenames: Vec<String>,
    /// Number of attachments: `has:attachment` is true for more than none. Counted is
    /// what a person would call one, outside of nested messages:
    ///
    /// - a leaf with Content-Disposition attachment;
    /// - a leaf with a file name;
    /// - a leaf that is not text;
    /// - a nested message, unless it is an item of a digest, the subject of a delivery
    ///   report or the whole message;
    ///
    /// and never, whatever else is true:
    ///
    /// - machinery: signatures (application/pgp-signature, pkcs7-signature), the control
    ///   part of PGP/MIME encryption, the machine-readable parts of delivery reports and
    ///   read receipts, text/rfc822-headers;
    /// - without Content-Disposition attachment: a leaf with a Content-ID directly inside
    ///   multipart/related (an image of the HTML text), and text/plain or text/html
    ///   directly inside multipart/alternative (the text itself, some senders name it).
    pub attachments: u32,
    /// Every part, in preorder.
    pub structure: Vec<BodyPart>,
}

impl Head {
    /// Reads the head of a message. Never fails.
    pub fn read(raw: &[u8], structure: &Structure) -> Head {
        let header = structure
            .parts
            .first()
            .and_then(|part| raw.get(part.header.clone()));
        let mut head = Head::of_header(header.unwrap_or_default());
        head.structure = body_structure(raw, structure);
        for (index, part) in structure.parts.iter().enumerate() {
            if is_attachment(structure, index) && !is_nested(structure, index) {
                head.attachments = head.attachments.saturating_add(1);
                head.filenames.extend(part.filename.clone());
            }
        }
        head
    }

    /// What a header block says; nothing of the body.
    pub(super) fn of_header(header: &[u8]) -> Head {
        let mut head = Head::default();
        for field in fields(header) {
            head.read_field(field.name, field.value);
        }
        let same = |list: &[Address]| {
            list.iter()
                .map(|a| &a.email)
                .eq(head.from.iter().map(|a| &a.email))
        };
        let (sender, reply_to) = (same(&head.sender), same(&head.reply_to));
        if sender {
            head.sender.clear();
        }
        if reply_to {
            head.reply_to.clear();
        }
        head.in_reply_to.truncate(IDS);
        if head.references.len() > IDS {
            head.references.drain(1..head.references.len() - (IDS - 1));
        }
        head
    }

    fn read_field(&mut self, name: &[u8], value: &[u8]) {
        // Most fields of a header are none of these, and length tells most of them.
        match name.len() {
            2 if is(name, "To") => read_addresses(value, &mut self.to),
            2 if is(name, "Cc") => read_addresses(value, &mut self.cc),
            3 if is(name, "Bcc") => read_addresses(value, &mut self.bcc),
            4 if is(name, "From") => read_addresses(value, &mut self.from),
            4 if is(name, "Date") && self.sent.is_none() => self.sent = parse_date(value),
            6 if is(name, "Sender") => read_addresses(value, &mut self.sender),
            7 if is(name, "Subject") && self.subject.is_empty() => {
                self.subject = header_text(cap(value, LINE));
            }
            7 if is(name, "List-Id") && self.list_id.is_none() => self.list_id = list_id(value),
            8 if is(name, "Reply-To") => read_addresses(value, &mut self.reply_to),
            10 if is(name, "Message-ID") && self.message_id.is_none() => {
                self.message_id = message_id(value);
            }
            10 if is(name, "References") => references(value, &mut self.references),
            11 if is(name, "In-Reply-To") => references(value, &mut self.in_reply_to),
            _ => {}
        }
    }
}

fn is(name: &[u8], known: &str) -> bool {
    name.eq_ignore_ascii_case(known.as_bytes())
}

/// `Description <id>`, or the id alone.
fn list_id(value: &[u8]) -> Option<String> {
    let value = cap(value, LINE);
    let id = match split_once(b'<', value) {
        Some((_, after)) => split_once(b'>', after).map_or(after, |(id, _)| id),
        None => value,
    };
    let mut id = header_text(id);
    cap_text(&mut id, 255);
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests;
