//! Mails that devices, and people in the console, handed over: each number once, for ever.

use everpost_domain::digest::Digest;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;

use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{now, statements};
use crate::error::{Result, StoreError};
use crate::keys::TenantKeys;
use crate::tenant::Tenant;

/// A mail that was taken from a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The copy that it is.
    pub copy: Digest,
    /// Recipients that it was not taken for.
    pub unwanted: Vec<Unwanted>,
}

/// A recipient that a mail was not taken for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unwanted {
    /// Who.
    pub recipient: String,
    /// The reply code.
    pub code: u16,
    /// Why.
    pub words: String,
}

/// What a device hands over, as it is written down with the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// The device; below zero, the account of somebody who writes in the console.
    pub device: i64,
    /// The number that it has for it.
    pub number: u64,
    /// Recipients that it is not taken for.
    pub unwanted: Vec<Unwanted>,
}

impl Handed {
    /// What a person sends from the console, where `key` is the page's name for it. It is taken for all its recipients.
    pub fn by_person(account: i64, key: &str) -> Self {
        Handed {
            device: account.saturating_neg(),
            // Half of what a stored number may be: no two keys of one person meet there.
            number: Digest::of(key.as_bytes()).prefix().cast_unsigned() >> 1,
            unwanted: Vec::new(),
        }
    }
}

fn number_of(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| StoreError::Invalid("no number of a mail".into()))
}

/// Writes down what a device handed over, in the transaction that takes it. What is written already stays.
pub(crate) async fn insert_submission(
    db: &mut AnyConnection,
    keys: &TenantKeys,
    handed: &Handed,
    copy: &Digest,
    at: i64,
) -> Result<()> {
    let about = serde_json::to_vec(&handed.unwanted);
    let about = about.map_err(|error| StoreError::Invalid(error.to_string()))?;
    let row = values![
        keys.tenant,
        handed.device,
        number_of(handed.number)?,
        at,
        copy.0.to_vec(),
        keys.names.seal(b"submission", &about)?,
    ];
    sql::execute(db, statements::INSERT_SUBMISSION, row).await?;
    Ok(())
}

/// Whether something was handed over under this number before.
pub(crate) async fn is_submitted(
    db: &mut AnyConnection,
    keys: &TenantKeys,
    handed: &Handed,
) -> Result<bool> {
    let asked = values![keys.tenant, handed.device, number_of(handed.number)?];
    let row = sql::fetch_optional(db, statements::SUBMISSION, asked).await?;
    Ok(row.is_some())
}

impl Tenant {
    /// What a device handed over under a number, if it did.
    pub async fn submission(&self, device: i64, number: u64) -> Result<Option<Submission>> {
        let mut db = self.store.catalog.read().await?;
        let asked = values![self.id(), device, number_of(number)?];
        let row = sql::fetch_optional(&mut db, statements::SUBMISSION, asked).await?;
        let read = |row: sqlx::any::AnyRow| {
            Ok(Submission {
                copy: Digest(row.array(0)?),
                unwanted: self.open_about(b"submission", &row.blob(1)?)?,
            })
        };
        row.map(read).transpose()
    }

    /// Writes down what a device handed over, where no transaction of this tenant took it: a mail for other organizations of
    /// the store alone. Returns what stands there.
    pub async fn record_submission(&self, handed: &Handed, copy: &Digest) -> Result<Submission> {
        let mut tx = self.store.catalog.begin().await?;
        let at = now(&mut tx).await?;
        insert_submission(&mut tx, &self.state.keys, handed, copy, at).await?;
        tx.commit().await?;
        let stands = self.submission(handed.device, handed.number).await?;
        stands.ok_or_else(|| StoreError::damaged("a submission", "it was just written down"))
    }
}
