//! The head: what people read of a message without opening it, and what IMAP ENVELOPE,
//! BODYSTRUCTURE, SORT and THREAD need. Kept sealed, one per copy.

use super::{Sent, Structure};
use crate::wire::Damaged;

/// One mailbox of an address field (RFC 5322 §3.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// Display name, decoded; empty if none.
    pub name: String,
    /// `local@domain` as written (case kept); empty for a group's name only.
    pub email: String,
}

/// What a message's header says, decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The first Date field that can be read.
    pub sent: Option<Sent>,
    /// Message-ID without angle brackets, folding and surrounding blanks.
    pub message_id: Option<Vec<u8>>,
    /// Subject, decoded.
    pub subject: String,
    /// From.
    pub from: Vec<Address>,
    /// Sender, where it differs from From.
    pub sender: Vec<Address>,
    /// Reply-To, where it differs from From.
    pub reply_to: Vec<Address>,
    /// To.
    pub to: Vec<Address>,
    /// Cc.
    pub cc: Vec<Address>,
    /// Bcc.
    pub bcc: Vec<Address>,
    /// In-Reply-To ids, without brackets.
    pub in_reply_to: Vec<Vec<u8>>,
    /// References ids, oldest first, without brackets.
    pub references: Vec<Vec<u8>>,
    /// List-Id without brackets.
    pub list_id: Option<String>,
    /// File names of attachments, decoded, in order.
    pub filenames: Vec<String>,
    /// Number of attachments.
    pub attachments: u32,
}

impl Head {
    /// Reads the head of a message. Never fails.
    pub fn read(_raw: &[u8], _structure: &Structure) -> Head {
        Head::default()
    }

    /// The durable form (docs/format.md, head).
    pub fn encode(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Reads the durable form.
    pub fn decode(_bytes: &[u8]) -> Result<Head, Damaged> {
        Err(Damaged("not written yet"))
    }
}
