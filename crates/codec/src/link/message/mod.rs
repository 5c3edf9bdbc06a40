//! What both sides say: the question and the answer of each address. `docs/link.md` says what they mean.
//!
//! Fields that a reader does not know are passed over, and those that may come later have a default: an old side and a new
//! one understand each other.

mod ledger;
mod mail;
mod mailbox;

use everpost_domain::continuity::UserState;
use serde::{Deserialize, Serialize};

use super::text::{Bytes32, state};

pub use ledger::{LeaseAnswer, LeaseAsk, LedgerAnswer, LedgerAsk, LedgerLine};
pub use mail::{
    Doubtful, Evidence, EvidenceAnswer, EvidenceAsk, Fate, Known, Mail, NotFor, Receipt,
    SubmitAnswer, SubmitAsk,
};
pub use mailbox::{
    Body, Change, ChangeAnswer, ChangeAsk, Deed, Done, FetchAnswer, FetchAsk, FolderState, Gone,
    Mark, RowState,
};

/// An agent asks to be a device of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolAsk {
    /// [`Code::ticket`](super::Code::ticket).
    pub ticket: Bytes32,
    /// The device's Ed25519 key, which signs this request as well.
    pub key: Bytes32,
    /// The agent's X25519 key, made for this.
    pub exchange: Bytes32,
    /// What people call the device.
    pub name: String,
    /// The version of the program.
    pub version: String,
}

/// It is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolAnswer {
    /// The device's id.
    pub device: String,
    /// The user's address.
    pub address: String,
    /// All addresses that the user may send as, that one among them.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// The name of the state page.
    pub page: String,
    /// The service's X25519 key, made for this.
    pub exchange: Bytes32,
    /// How the agent works.
    pub config: AgentConfig,
}

/// How an agent works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentConfig {
    /// Which configuration this is: another number is another one.
    pub number: u64,
    /// Seconds between two looks at the state page.
    pub poll_seconds: u64,
    /// Seconds between two heartbeats.
    pub heartbeat_seconds: u64,
    /// Seconds that evidence is waited for before an uncertain mail leaves again.
    pub uncertain_wait_seconds: u64,
}

impl Default for AgentConfig {
    fn default() -> Self {
        AgentConfig {
            number: 0,
            poll_seconds: 300,
            heartbeat_seconds: 300,
            uncertain_wait_seconds: 900,
        }
    }
}

/// The state page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatePage {
    /// The user's state.
    #[serde(with = "state")]
    pub state: UserState,
    /// How often it changed: what says a lower one is out of date.
    pub generation: u64,
    /// The number of the configuration.
    #[serde(default)]
    pub config: u64,
    /// The indicator of new mail, where it was asked for and the user is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indicator: Option<u64>,
}

/// What an agent is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doing {
    /// As the mail server is used.
    Ready,
    /// As the service is.
    Active,
    /// Bringing back.
    Recovery,
    /// Nothing, by order.
    Dormant,
    /// What this reader does not know.
    #[default]
    #[serde(other)]
    Other,
}

impl Doing {
    /// Its name for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Doing::Ready => "ready",
            Doing::Active => "active",
            Doing::Recovery => "recovery",
            Doing::Dormant => "dormant",
            Doing::Other => "unknown",
        }
    }
}

/// Whether the mail server answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Primary {
    /// It does.
    Answers,
    /// It does not.
    Silent,
    /// Nobody tried.
    #[default]
    #[serde(other)]
    Unknown,
}

impl Primary {
    /// Its name for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Primary::Answers => "answers",
            Primary::Silent => "silent",
            Primary::Unknown => "unknown",
        }
    }
}

/// The outbox in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutboxCounts {
    /// Mails that wait.
    pub waiting: u64,
    /// Those of which nobody knows whether they were taken.
    pub uncertain: u64,
    /// Those that were sent again though nobody knew.
    pub doubled: u64,
}

/// How an agent is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Heartbeat {
    /// The version of the program.
    pub version: String,
    /// What it is doing.
    pub doing: Doing,
    /// Whether the mail server answers.
    pub primary: Primary,
    /// What waits.
    pub outbox: OutboxCounts,
    /// Messages that the mail server may lack still.
    pub owed: u64,
    /// The number of the configuration that it has.
    pub config: u64,
}

/// Something that an agent shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Be dormant until this order is not given any more.
    Dormant,
    /// Send its log.
    SendLogs,
    /// What this reader does not know, and does not do.
    #[serde(other)]
    Unknown,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatAnswer {
    /// The state page, as it is now.
    #[serde(flatten)]
    pub page: StatePage,
    /// The configuration, if the agent has another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<AgentConfig>,
    /// What the agent shall do.
    #[serde(default)]
    pub orders: Vec<Order>,
}

/// The body of an answer that says no.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// A stable code, as `E-DEVICE`.
    pub code: String,
    /// What is wrong.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
}
