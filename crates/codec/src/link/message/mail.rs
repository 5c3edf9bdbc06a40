//! Mail that is handed over, and mail that nobody knows the fate of.

use everpost_domain::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::link::batch::Head;

/// Mails to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitAsk {
    /// In the order of sending.
    pub mails: Vec<Mail>,
}

/// A mail to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Its number in the outbox: the device never has it again.
    pub number: u64,
    /// Who sends it.
    pub sender: String,
    /// Whom it is for.
    pub recipients: Vec<String>,
    /// Its bytes.
    pub size: u64,
    /// Their digest.
    pub sha256: Digest,
}

impl Head for SubmitAsk {
    fn sizes(&self) -> Vec<u64> {
        self.mails.iter().map(|mail| mail.size).collect()
    }
}

/// What became of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitAnswer {
    /// One for each mail, in order.
    pub receipts: Vec<Receipt>,
}

impl Head for SubmitAnswer {}

/// What became of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its number.
    pub number: u64,
    /// The digest of what the service means by it.
    pub sha256: Digest,
    /// What became of it.
    #[serde(flatten)]
    pub fate: Fate,
}

/// What became of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fate", rename_all = "kebab-case")]
pub enum Fate {
    /// It is durable here, and goes on from here.
    Taken {
        /// The copy in the archive.
        copy: Digest,
        /// Recipients that it was not taken for: its sender is to be told.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        not_for: Vec<NotFor>,
    },
    /// It will never be taken: its sender is to be told.
    Refused {
        /// A reply code, as SMTP has them.
        code: u16,
        /// Why.
        words: String,
    },
    /// Not now.
    Later {
        /// Why.
        words: String,
    },
}

/// A recipient that a mail was not taken for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotFor {
    /// Who.
    pub recipient: String,
    /// A reply code, as SMTP has them.
    pub code: u16,
    /// Why.
    pub words: String,
}

/// What is known of mails of which nobody knows whether the mail server took them?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceAsk {
    /// Which.
    pub mails: Vec<Doubtful>,
}

impl Head for EvidenceAsk {
    fn sizes(&self) -> Vec<u64> {
        self.mails.iter().map(|mail| mail.size).collect()
    }
}

/// An uncertain mail. Its bytes follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubtful {
    /// Its number in the outbox.
    pub number: u64,
    /// Its bytes.
    pub size: u64,
}

/// What is known of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceAnswer {
    /// One for each mail, in order.
    pub known: Vec<Known>,
}

impl Head for EvidenceAnswer {}

/// What is known of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its number.
    pub number: u64,
    /// What.
    pub evidence: Evidence,
    /// How, for people.
    #[serde(default)]
    pub words: String,
}

/// Whether a mail was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// It was.
    There,
    /// It was not.
    NotThere,
    /// Nobody knows, or says what this reader does not know.
    #[serde(other)]
    Unknown,
}
