//! What the catalog knows about the items of a group, before and inside the transaction.

use std::collections::{BTreeSet, HashMap};

use everpost_domain::digest::Digest;
use everpost_domain::identity::{Facts, PartSet};
use sqlx::AnyConnection;

use super::prepare::Prepared;
use crate::catalog::sql::{Columns, Value, values};
use crate::catalog::statements;
use crate::copy::{copy_key, open_head, open_record};
use crate::error::Result;
use crate::record::Record;
use crate::tenant::TenantState;

/// An admitted copy with the same header key as an item.
pub(crate) struct Candidate {
    pub(crate) copy: i64,
    /// The id of the first copy of its message.
    pub(crate) message: i64,
    pub(crate) facts: Facts,
    pub(crate) parts: PartSet,
}

/// Everything that deciding about a group reads.
#[derive(Default)]
pub(crate) struct Known {
    /// Id and wrapped key by digest.
    pub(crate) copies: HashMap<Digest, (i64, Vec<u8>)>,
    /// By header key.
    pub(crate) candidates: HashMap<i64, Vec<Candidate>>,
    /// Part id by address.
    pub(crate) parts: HashMap<[u8; 32], i64>,
    /// The ids that were read: if the same look-ups give others at commit, another writer
    /// was here and the decision is void.
    pub(crate) guard: Guard,
}

/// Ids of all rows that the look-ups of a group found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Guard {
    copies: BTreeSet<i64>,
    candidates: BTreeSet<i64>,
    parts: BTreeSet<i64>,
}

/// The look-up keys of a group.
pub(crate) struct Wanted {
    copies: Vec<Vec<Value>>,
    headers: Vec<Vec<Value>>,
    parts: Vec<Vec<Value>>,
}

/// The keyed hash by which copies with equal header keys are found; 0 without a header key.
pub(crate) fn header_hash(state: &TenantState, header_key: Option<Digest>) -> i64 {
    header_key.map_or(0, |key| state.keys.lookup(b"header", &key.0))
}

fn prefix(address: &[u8; 32]) -> i64 {
    Digest(*address).prefix()
}

impl Wanted {
    pub(crate) fn of(state: &TenantState, items: &[Prepared]) -> Self {
        let tenant = state.id;
        let copies: BTreeSet<(i64, i64)> = items
            .iter()
            .map(|item| (item.day, item.digest.prefix()))
            .collect();
        let headers: BTreeSet<i64> = items
            .iter()
            .map(|item| header_hash(state, item.header_key))
            .filter(|hash| *hash != 0)
            .collect();
        let parts: BTreeSet<i64> = items
            .iter()
            .flat_map(|item| item.cut.parts())
            .map(|part| prefix(&state.address(&part.digest)))
            .collect();
        Wanted {
            copies: copies
                .into_iter()
                .map(|(day, first)| values![tenant, day, first])
                .collect(),
            headers: headers
                .into_iter()
                .map(|hash| values![tenant, hash])
                .collect(),
            parts: parts
                .into_iter()
                .map(|first| values![tenant, state.bucket, first])
                .collect(),
        }
    }

    /// Reads everything the decision needs.
    pub(crate) async fn fetch(&self, db: &mut AnyConnection, state: &TenantState) -> Result<Known> {
        let mut known = Known::default();
        for row in statements::FIND_COPIES
            .fetch(db, self.copies.clone())
            .await?
        {
            known
                .copies
                .insert(Digest(row.array(1)?), (row.int(0)?, row.blob(2)?));
            known.guard.copies.insert(row.int(0)?);
        }
        for row in statements::FIND_PARTS.fetch(db, self.parts.clone()).await? {
            known.parts.insert(row.array(1)?, row.int(0)?);
            known.guard.parts.insert(row.int(0)?);
        }
        let found = statements::FIND_BY_HEADER
            .fetch(db, self.headers.clone())
            .await?;
        let copies: Vec<i64> = found.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
        let messages = crate::message::messages_of(db, state.id, &copies).await?;
        for row in found {
            let copy = row.int(0)?;
            let digest = Digest(row.array(2)?);
            let key = copy_key(&state.keys, &digest, &row.blob(4)?)?;
            let head = open_head(&key, &digest, &row.blob(5)?)?;
            let record = Record::decode(&open_record(&key, &digest, &row.blob(6)?)?)?;
            let size = u64::try_from(row.int(3)?).unwrap_or(0);
            let facts = record.facts(&digest, size, &head);
            let message = messages.get(&copy).copied().unwrap_or(copy);
            known
                .candidates
                .entry(row.int(1)?)
                .or_default()
                .push(Candidate {
                    copy,
                    message,
                    facts,
                    parts: record.parts,
                });
            known.guard.candidates.insert(copy);
        }
        Ok(known)
    }

    /// The same look-ups inside the transaction that commits, ids only.
    pub(crate) async fn guard(&self, db: &mut AnyConnection) -> Result<Guard> {
        let mut guard = Guard::default();
        for row in statements::FIND_COPIES
            .fetch(db, self.copies.clone())
            .await?
        {
            guard.copies.insert(row.int(0)?);
        }
        for row in statements::FIND_PARTS.fetch(db, self.parts.clone()).await? {
            guard.parts.insert(row.int(0)?);
        }
        for row in statements::IDS_BY_HEADER
            .fetch(db, self.headers.clone())
            .await?
        {
            guard.candidates.insert(row.int(0)?);
        }
        Ok(guard)
    }
}
