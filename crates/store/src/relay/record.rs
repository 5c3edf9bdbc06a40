//! What is known of a leg, and how its row seals it.

use everpost_domain::digest::Digest;
use everpost_domain::relay::{LegState, Why};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::seconds;
use crate::catalog::sql::Columns;
use crate::devices::Handed;
use crate::error::{Result, StoreError};
use crate::keys::TenantKeys;

/// Attempts that are kept of a leg; of more, the first is kept and those after it go.
const ATTEMPTS: usize = 20;

/// To whom a message goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Onward {
    /// MAIL FROM; empty for the null sender.
    pub sender: String,
    /// How it came and what is put before it, as whoever sends it reads it.
    pub how: String,
    /// Its recipients.
    pub legs: Vec<NewLeg>,
    /// The device that handed it over, which is receipted for it: in the same transaction.
    pub handed: Option<Handed>,
}

/// A recipient of a message that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLeg {
    /// The address.
    pub recipient: String,
    /// Whose mail it is: the address without what a tag adds to it. What comes to it twice is a repeat.
    pub user: String,
    /// Where it goes: legs of one place are sent together.
    pub place: String,
    /// More urgent ones go first.
    pub priority: i8,
    /// Why it does not go yet.
    pub held: Option<Why>,
    /// What the sender wants of it (RFC 3461), as whoever sends it reads it.
    pub options: String,
}

/// A message's way to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Its number.
    pub id: i64,
    /// The number of the message that was taken, the same for all its recipients.
    pub mail: i64,
    /// The message.
    pub copy: Digest,
    /// MAIL FROM.
    pub sender: String,
    /// The address.
    pub recipient: String,
    /// Where it goes.
    pub place: String,
    /// Where it is.
    pub state: LegState,
    /// Why it is held, if it is.
    pub why: Option<Why>,
    /// More urgent ones go first.
    pub priority: i8,
    /// When it was taken in, µs since 1970.
    pub at: i64,
    /// When it is tried, or given up waiting for evidence.
    pub due: i64,
    /// What was tried, oldest first.
    pub attempts: Vec<Attempt>,
    /// Tries in all, those that are not kept any more included.
    pub tries: u32,
    /// What the sender wants of it.
    pub options: String,
    /// How the message came.
    pub how: String,
}

/// Legs of one message to one place, which this node has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// The number of the message.
    pub mail: i64,
    /// The message.
    pub copy: Digest,
    /// MAIL FROM.
    pub sender: String,
    /// How it came.
    pub how: String,
    /// Its recipients.
    pub legs: Vec<Leg>,
}

impl Errand {
    pub(super) fn new(leg: Leg) -> Self {
        Errand {
            mail: leg.mail,
            copy: leg.copy,
            sender: leg.sender.clone(),
            how: leg.how.clone(),
            legs: vec![leg],
        }
    }
}

/// What came of trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The other server took it.
    Accepted,
    /// Not now.
    Temporary,
    /// Not ever.
    Permanent,
    /// It may have taken it.
    Uncertain,
    /// Nobody could say whether it had, and it went on.
    Unsettled,
    /// Evidence said that it had.
    Evidence,
    /// Evidence said that it had not.
    NotThere,
    /// An operator gave an order.
    Ordered,
}

/// One try, or what was learned between tries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When, µs since 1970.
    pub at: i64,
    /// Which server; empty where there was none.
    pub server: String,
    /// What came of it.
    pub verdict: Verdict,
    /// The words of the server, or ours.
    pub words: String,
}

/// What became of a leg that this node had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The leg as it was taken.
    pub leg: Leg,
    /// Where it is now.
    pub state: LegState,
    /// Seconds until it is due, if it waits or is uncertain.
    pub wait: u64,
    /// How that came.
    pub attempt: Option<Attempt>,
}

impl Settled {
    pub(super) fn wait_us(&self) -> i64 {
        seconds(self.wait)
    }
}

impl Leg {
    /// Whether it may have been delivered more than once: it was sent again though nobody knew.
    pub fn may_be_doubled(&self) -> bool {
        let unsettled = |attempt: &Attempt| attempt.verdict == Verdict::Unsettled;
        self.attempts.iter().any(unsettled)
    }

    pub(super) fn about(&self) -> LegAbout {
        LegAbout {
            recipient: self.recipient.clone(),
            place: self.place.clone(),
            options: self.options.clone(),
            tries: self.tries,
            attempts: self.attempts.clone(),
        }
    }
}

/// The sealed part of a leg's row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LegAbout {
    pub(super) recipient: String,
    pub(super) place: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) options: String,
    #[serde(default)]
    pub(super) tries: u32,
    #[serde(default)]
    pub(super) attempts: Vec<Attempt>,
}

/// The sealed part of a message's row.
#[derive(Serialize, Deserialize)]
pub(super) struct MailAbout {
    pub(super) sender: String,
    #[serde(default)]
    pub(super) how: String,
}

fn seal<T: Serialize>(keys: &TenantKeys, kind: &[u8], about: &T) -> Result<Vec<u8>> {
    let text = serde_json::to_vec(about);
    let text = text.map_err(|error| StoreError::Invalid(error.to_string()))?;
    keys.names.seal(kind, &text)
}

fn open<T: for<'de> Deserialize<'de>>(keys: &TenantKeys, kind: &[u8], sealed: &[u8]) -> Result<T> {
    let damaged = |what: &str| StoreError::damaged(String::from_utf8_lossy(kind), what);
    let plain = keys.names.open(kind, sealed);
    let plain = plain.ok_or_else(|| damaged("its row does not open"))?;
    serde_json::from_slice(&plain).map_err(|error| damaged(&error.to_string()))
}

impl LegAbout {
    pub(super) fn seal(&self, keys: &TenantKeys) -> Result<Vec<u8>> {
        seal(keys, b"relay_leg", self)
    }

    /// Adds what was tried or learned.
    pub(super) fn add(&mut self, attempt: Option<Attempt>) {
        let Some(attempt) = attempt else { return };
        let tried = matches!(
            attempt.verdict,
            Verdict::Accepted | Verdict::Temporary | Verdict::Permanent | Verdict::Uncertain
        );
        self.tries = self.tries.saturating_add(u32::from(tried));
        self.attempts.push(attempt);
        if self.attempts.len() > ATTEMPTS {
            // What may have doubled it is never forgotten.
            let old = self.attempts.iter().skip(1);
            let old = old
                .take_while(|one| one.verdict == Verdict::Unsettled)
                .count();
            self.attempts.remove((1 + old).min(self.attempts.len() - 1));
        }
    }
}

impl MailAbout {
    pub(super) fn seal(&self, keys: &TenantKeys) -> Result<Vec<u8>> {
        seal(keys, b"relay_mail", self)
    }
}

/// Reads a row of the statements that read legs.
pub(super) fn read_leg(keys: &TenantKeys, row: &AnyRow) -> Result<Leg> {
    let about: LegAbout = open(keys, b"relay_leg", &row.blob(7)?)?;
    let mail: MailAbout = open(keys, b"relay_mail", &row.blob(9)?)?;
    let id = row.int(0)?;
    let state = LegState::from_code(row.int(2)?)
        .ok_or_else(|| StoreError::damaged(format!("leg {id}"), "its state is unknown"))?;
    Ok(Leg {
        id,
        mail: row.int(1)?,
        copy: Digest(row.array(8)?),
        sender: mail.sender,
        recipient: about.recipient,
        place: about.place,
        state,
        why: Why::from_code(row.int(3)?),
        priority: i8::try_from(row.int(4)?).unwrap_or(0),
        at: row.int(5)?,
        due: row.int(6)?,
        attempts: about.attempts,
        tries: about.tries,
        options: about.options,
        how: mail.how,
    })
}
