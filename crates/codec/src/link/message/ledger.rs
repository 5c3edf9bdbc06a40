//! Who writes a user's mailbox back, and what was appended to it.

use everpost_domain::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::link::batch::Head;

/// May I write the user's mailbox back?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseAsk {
    /// For how long.
    pub seconds: u32,
}

impl Head for LeaseAsk {}

/// Who may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseAnswer {
    /// The generation, if it is the one who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Which device has it.
    pub holder: String,
    /// Until when, in seconds since 1970 by the service's clock.
    pub until: i64,
    /// The service's clock.
    pub now: i64,
}

impl Head for LeaseAnswer {}

/// An append to the user's mailbox: that is intended, or that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerLine {
    /// The message.
    pub key: Digest,
    /// The folder, by its name on the mail server.
    pub folder: String,
    /// Under which UID, once the server said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Under which generation.
    #[serde(default)]
    pub generation: u64,
}

/// Writes down what is about to be appended, and what was; asks what others wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerAsk {
    /// The generation of the lease.
    pub generation: u64,
    /// What is about to be appended. All of it is written down, or nothing.
    #[serde(default)]
    pub intend: Vec<LedgerLine>,
    /// What was, each with its UID. It is written down whoever has the lease by now.
    #[serde(default)]
    pub appended: Vec<LedgerLine>,
    /// Lines from behind this number on are wanted.
    #[serde(default)]
    pub since: u64,
}

impl Head for LedgerAsk {}

/// The ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerAnswer {
    /// The lease is over: nothing that was intended is written down.
    #[serde(default)]
    pub over: bool,
    /// Lines, the agent's own among them.
    #[serde(default)]
    pub lines: Vec<LedgerLine>,
    /// What to ask from the next time.
    pub upto: u64,
    /// There is more to be asked for at once.
    #[serde(default)]
    pub more: bool,
}

impl Head for LedgerAnswer {}
