//! Verification: what was stored is read back and compared with what came in and with what
//! the signed log says of it.
//!
//! Nothing here changes anything, and nothing stops at the first failure: each is named,
//! and the rest is checked all the same. Frames are opened through a cache of this
//! verification's own, so that what another reader opened before damage came is not
//! mistaken for what lies in the object store.

mod checkpoint;
mod copies;
mod log;

use everpost_domain::digest::Digest;
use everpost_domain::log::Tail;

use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bad {
    /// Which pack, frame, tile, split, row or copy.
    pub item: String,
    /// What is wrong with it.
    pub what: String,
}

impl Bad {
    pub(crate) fn new(item: impl Into<String>, what: impl Into<String>) -> Self {
        Bad {
            item: item.into(),
            what: what.into(),
        }
    }

    /// Damage that an error tells of, as found while looking at `item`. Errors that say
    /// nothing about what is stored (no memory, no disk, no catalog) come back.
    pub(crate) fn of(item: impl Into<String>, error: StoreError) -> Result<Self> {
        let item = item.into();
        match error {
            StoreError::Damaged { item: inner, what } if inner == item => Ok(Bad { item, what }),
            StoreError::Damaged { .. }
            | StoreError::NotFound(_)
            | StoreError::Object(_)
            | StoreError::Index(_)
            | StoreError::Sql(sqlx::Error::ColumnDecode { .. }) => Ok(Bad {
                item,
                what: error.to_string(),
            }),
            other => Err(other),
        }
    }
}

/// What verifying one copy found.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The copy.
    pub copy: Digest,
    /// Bytes of the copy.
    pub size: u64,
    /// Number of the leaf of its admission.
    pub seq: u64,
    /// When it was captured by that leaf, µs since 1970.
    pub captured: i64,
    /// Size of the log under whose signed head the leaf was proven; 0 if it was not.
    pub log_size: u64,
    /// What is wrong; empty if bytes and leaf are what they should be.
    pub bad: Vec<Bad>,
}

/// What verifying everything found.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// Copies that were read back.
    pub checked: u64,
    /// Those of them with which nothing is wrong.
    pub ok: u64,
    /// Leaves of the log that were compared.
    pub leaves: u64,
    /// Events that are not in the log yet, so not proven either.
    pub unlogged: u64,
    /// Everything that is wrong.
    pub bad: Vec<Bad>,
}

/// What a verification is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Comparing leaves with rows.
    Log,
    /// Reading copies back.
    Copies,
    /// Reading packs.
    Packs,
    /// Reading index splits.
    Splits,
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyProgress {
    /// What it is doing.
    pub stage: Stage,
    /// Items done of this stage.
    pub done: u64,
    /// Items there are.
    pub total: u64,
}

impl Tenant {
    /// Verifies one copy: its bytes are read back and hashed, its parts are what their
    /// addresses say, and the leaf of its admission is proven under the newest signed
    /// checkpoint.
    pub async fn verify(&self, id: &Digest) -> Result<Verified> {
        let mut db = self.store.catalog.read().await?;
        let found = self.find_copy(&mut db, id).await?;
        let row = statements::COPIES_BY_ID
            .fetch(&mut db, vec![values![self.id(), found.id]])
            .await?;
        let vault = self.fresh_vault();
        let mut bad = self.check_copies(&vault, &mut db, &row).await?.bad;
        let mut verified = Verified {
            copy: *id,
            size: found.size,
            seq: 0,
            captured: 0,
            log_size: 0,
            bad: Vec::new(),
        };
        let item = format!("copy {id}");
        match self.prove_copy(&mut db, &found, &mut verified).await {
            Ok(None) => {}
            Ok(Some(what)) => bad.push(Bad::new(item, what)),
            Err(error) => bad.push(Bad::of(item, error)?),
        }
        verified.bad = bad;
        Ok(verified)
    }

    /// Proves the leaf of a copy's admission; says what is wrong.
    async fn prove_copy(
        &self,
        db: &mut sqlx::AnyConnection,
        row: &crate::copy::CopyRow,
        verified: &mut Verified,
    ) -> Result<Option<String>> {
        // Head and tail of one reading: the log may move on at any time.
        let Some(log) = sql::fetch_optional(db, statements::LOG, values![self.id()]).await? else {
            return Ok(Some("the log has no signed checkpoint yet".into()));
        };
        let head = self.open_head(db, &log.blob(2)?).await?;
        let tail = Tail::decode(&log.blob(1)?)?;
        let Some(proof) = self.prove_event(db, row.event, &tail).await? else {
            return Ok(Some("its leaf is not in the log yet".into()));
        };
        verified.seq = proof.index;
        verified.captured = proof.time_us;
        let record = match proof.verify_in(&head) {
            Ok(record) => record,
            Err(error) => return Ok(Some(format!("leaf {} is not proven: {error}", proof.index))),
        };
        if record.copy != row.digest || record.size != row.size {
            return Ok(Some(format!("leaf {} speaks of another copy", proof.index)));
        }
        verified.log_size = head.size();
        Ok(None)
    }

    /// Verifies everything: each leaf of the log against tiles, signed head and the rows
    /// it was made of; then each copy's bytes.
    pub async fn verify_all(
        &self,
        mut progress: impl FnMut(VerifyProgress) + Send,
    ) -> Result<Verification> {
        let audit = self.audit_log(&mut progress).await?;
        let mut found = Verification {
            leaves: audit.size,
            unlogged: audit.unlogged,
            bad: audit.bad,
            ..Verification::default()
        };
        let copies = self.check_all_copies(&mut progress).await?;
        found.checked = copies.checked;
        found.ok = copies.checked.saturating_sub(copies.wrong);
        found.bad.extend(copies.bad);
        Ok(found)
    }
}
