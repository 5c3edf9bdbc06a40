//! Who may come in: accounts, their sessions and tokens, and the cases by which they look at
//! another's mail. What follows from a role is decided by `everpost_domain::access`; here
//! is only what must be remembered, sealed as every name is.
//!
//! **Invariant.** A secret is handed out once and kept nowhere: rows hold keyed hashes.

mod account;
mod case;
mod session;
#[cfg(test)]
mod tests;
mod token;

use everpost_domain::log::{ActionRecord, EventKind, SALT_BYTES};
use sqlx::AnyConnection;

use crate::catalog::sql::{self, Columns, Value, values};
use crate::catalog::statements;
use crate::error::{Result, StoreError};
use crate::seal::random;
use crate::tenant::{Tenant, mailbox_key};

pub use account::{Account, AccountChange, NewAccount};
pub use case::{Case, NewCase};
pub use token::{Token, TokenGrant};

/// Bytes of a session's or token's secret.
const SECRET: usize = 32;
/// Longest name or reason, in bytes: a line or a paragraph, and a bound for the log.
const LONGEST: usize = 4096;

/// A look at another's mail, for the log.
#[derive(Debug, Clone)]
pub struct Accessed<'a> {
    /// Who looked.
    pub actor: &'a str,
    /// At what: a line of text.
    pub subject: &'a str,
    /// Why: the case.
    pub reason: &'a str,
}

/// An event of the log that somebody caused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionEvent {
    /// Its place in the log.
    pub seq: u64,
    /// What happened.
    pub kind: EventKind,
    /// When, µs since 1970.
    pub at: i64,
    /// Who, to what, why.
    pub record: ActionRecord,
}

impl ActionEvent {
    /// Whether it says that a message is not in the archive.
    pub fn is_omission(&self) -> bool {
        self.kind == EventKind::Omitted
    }
}

/// A message that passed a mail server and is not in the archive, for the log.
#[derive(Debug, Clone)]
pub struct Omission {
    /// Which one: a line of text.
    pub subject: String,
    /// How it is known.
    pub reason: String,
}

impl Tenant {
    /// What people did, from a place in the log on: at most 1,000 events, in order.
    pub async fn actions(&self, from: u64) -> Result<Vec<ActionEvent>> {
        let mut db = self.store.catalog.read().await?;
        let ask = values![self.id(), i64::try_from(from).unwrap_or(i64::MAX)];
        let rows = sql::fetch(&mut db, statements::ACTIONS, ask).await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            let seq = row.int(0)?.unsigned_abs();
            let damaged = |what: &str| StoreError::damaged(format!("event {seq}"), what);
            let kind = u8::try_from(row.int(1)?)
                .ok()
                .and_then(EventKind::from_code)
                .ok_or_else(|| damaged("its kind is unknown"))?;
            let note = self.state.keys.names.open(b"event", &row.blob(3)?);
            let note = note.ok_or_else(|| damaged("its note does not open"))?;
            let record = note
                .get(SALT_BYTES..)
                .ok_or_else(|| damaged("its note is too short"))?;
            events.push(ActionEvent {
                seq,
                kind,
                at: row.int(2)?,
                record: ActionRecord::decode(record)?,
            });
        }
        Ok(events)
    }

    /// Writes down that somebody looks at another's mail. When this returned, it is durable
    /// and will be a leaf of the log; only then may the mail be handed out.
    pub async fn record_access(&self, what: &Accessed<'_>) -> Result<()> {
        let mut tx = self.store.catalog.begin().await?;
        let record = ActionRecord {
            actor: what.actor.into(),
            subject: what.subject.as_bytes().to_vec(),
            reason: what.reason.into(),
        };
        self.record_action(&mut tx, EventKind::Accessed, &record.encode())
            .await?;
        tx.commit().await
    }

    /// Writes down what is missing: all, or nothing.
    pub async fn record_omissions(&self, actor: &str, omissions: &[Omission]) -> Result<()> {
        let mut tx = self.store.catalog.begin().await?;
        for omission in omissions {
            let record = ActionRecord {
                actor: actor.into(),
                subject: omission.subject.as_bytes().to_vec(),
                reason: omission.reason.clone(),
            };
            self.record_action(&mut tx, EventKind::Omitted, &record.encode())
                .await?;
        }
        tx.commit().await
    }

    /// Writes down when a secret was used last. Where the archive has left, what it was can be read
    /// all the same.
    async fn touch(&self, statement: &'static str, used: Vec<Value>) -> Result<()> {
        let mut tx = match self.store.catalog.begin().await {
            Err(StoreError::Moved(_)) => return Ok(()),
            begun => begun?,
        };
        sql::execute(&mut tx, statement, used).await?;
        tx.commit().await
    }

    /// Adds the event of a change of accounts, tokens or cases to its transaction.
    pub(crate) async fn record_change(
        &self,
        db: &mut AnyConnection,
        actor: &str,
        subject: &str,
        reason: &str,
    ) -> Result<()> {
        let record = ActionRecord {
            actor: actor.into(),
            subject: subject.as_bytes().to_vec(),
            reason: reason.into(),
        };
        self.record_action(db, EventKind::Administered, &record.encode())
            .await
    }

    pub(crate) fn seal_name(&self, kind: &[u8], name: &str) -> Result<Vec<u8>> {
        if name.len() > LONGEST {
            return Err(StoreError::Invalid(format!(
                "a text of {} bytes is too long; at most {LONGEST} are kept",
                name.len()
            )));
        }
        self.state.keys.names.seal(kind, name.as_bytes())
    }

    /// The keyed hash of an address, the same for accounts, cases and mailboxes.
    pub(crate) fn address_hash(&self, address: &str) -> i64 {
        self.state.keys.lookup(b"mailbox", &mailbox_key(address))
    }
}

/// A new secret: 256 random bits in 64 hexadecimal digits, behind `prefix`.
fn secret(prefix: &str) -> Result<String> {
    let bytes: [u8; SECRET] = random()?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{prefix}{hex}"))
}

/// An address as it is kept: trimmed, in lower case, with one `@` and no blanks.
pub(crate) fn clean_address(text: &str) -> Result<String> {
    let address = text.trim().to_lowercase();
    let whole = address.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@')
    });
    let odd = |c: char| c.is_whitespace() || c.is_control();
    if !whole || address.len() > 320 || address.contains(odd) {
        return Err(StoreError::Invalid(format!(
            "`{}` is not an address",
            text.trim()
        )));
    }
    Ok(address)
}
