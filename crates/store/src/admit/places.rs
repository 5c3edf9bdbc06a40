//! Where the items of a group were seen: deliveries, owners, placements, and the mailboxes and
//! folders they name.

use std::collections::BTreeSet;

use sqlx::AnyConnection;

use super::commit::{Covered, Ids, signed, unsigned};
use super::decide::{CopyRef, Decision};
use super::prepare::Prepared;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::copy::copy_key;
use crate::delivery::seal_envelope;
use crate::error::Result;
use crate::seal::Key;
use crate::tenant::{Places, TenantState, mailbox_key};

/// Deliveries, owners and placements of every item, new or not.
#[allow(
    clippy::too_many_arguments,
    reason = "everything a group's rows are made of; a struct would only rename it"
)]
pub(super) async fn insert_places(
    db: &mut AnyConnection,
    state: &TenantState,
    ids: &Ids,
    keys: &[Key],
    items: &[Prepared],
    progress: &[Covered],
    decision: &Decision,
    now: i64,
) -> Result<Places> {
    let mut places = known_places(state);
    let mut deliveries = Vec::with_capacity(items.len());
    let mut owners = BTreeSet::new();
    let mut placements = Vec::with_capacity(items.len());
    for (place, (item, chosen)) in items.iter().zip(&decision.items).enumerate() {
        let copy = ids.copy(chosen.copy);
        let event = ids.event + signed(place);
        let job = progress
            .iter()
            .find(|(_, covered)| covered.contains(&place));
        let job = job.map_or(0, |(progress, _)| progress.job);
        let envelope = match &item.incoming.envelope {
            Some(envelope) => {
                let key = match chosen.copy {
                    CopyRef::New(place) => keys.get(place).copied(),
                    CopyRef::Admitted(_) => Some(copy_key(&state.keys, &item.digest, &chosen.key)?),
                };
                key.map(|key| seal_envelope(&key, &item.digest, envelope))
                    .transpose()?
            }
            None => None,
        };
        let at = item.held_from.saturating_mul(1_000_000).min(now);
        deliveries.push(values![
            state.id,
            copy,
            event,
            at,
            job,
            unsigned(item.incoming.position),
            envelope
        ]);
        for owner in &item.incoming.owners {
            owners.insert((mailbox_id(db, state, &mut places, owner).await?, copy));
        }
        for placement in &item.incoming.places {
            let mailbox = mailbox_id(db, state, &mut places, &placement.mailbox).await?;
            let folder = folder_id(db, state, &mut places, mailbox, &placement.folder).await?;
            owners.insert((mailbox, copy));
            let keywords = seal_keywords(state, &placement.keywords)?;
            placements.push(values![
                state.id,
                copy,
                event,
                folder,
                i64::from(placement.flags),
                keywords
            ]);
        }
    }
    statements::INSERT_DELIVERIES
        .execute(db, deliveries)
        .await?;
    let owners = owners
        .into_iter()
        .map(|(mailbox, copy)| values![state.id, mailbox, copy]);
    statements::INSERT_OWNERS
        .execute(db, owners.collect())
        .await?;
    statements::INSERT_PLACEMENTS
        .execute(db, placements)
        .await?;
    Ok(places)
}

fn known_places(state: &TenantState) -> Places {
    state
        .places
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .clone()
}

async fn mailbox_id(
    db: &mut AnyConnection,
    state: &TenantState,
    places: &mut Places,
    address: &str,
) -> Result<i64> {
    let hash = state.keys.lookup(b"mailbox", &mailbox_key(address));
    if places.mailboxes.is_empty() {
        for row in sql::fetch(db, statements::MAILBOXES, values![state.id]).await? {
            places.mailboxes.insert(row.int(1)?, row.int(0)?);
        }
    }
    if let Some(id) = places.mailboxes.get(&hash) {
        return Ok(*id);
    }
    // Another node may have met it first.
    let by_hash = values![state.id, hash];
    if let Some(row) = sql::fetch_optional(db, statements::MAILBOX_BY_HASH, by_hash).await? {
        places.mailboxes.insert(hash, row.int(0)?);
        return row.int(0);
    }
    let id = take_ids(db, Counter::Mailbox, 1).await?;
    let name = state
        .keys
        .names
        .seal(b"mailbox", address.trim().as_bytes())?;
    sql::execute(
        db,
        statements::INSERT_MAILBOX,
        values![id, state.id, hash, name],
    )
    .await?;
    places.mailboxes.insert(hash, id);
    Ok(id)
}

async fn folder_id(
    db: &mut AnyConnection,
    state: &TenantState,
    places: &mut Places,
    mailbox: i64,
    name: &str,
) -> Result<i64> {
    let hash = state.keys.lookup(b"folder", name.as_bytes());
    if places.folders.is_empty() {
        for row in sql::fetch(db, statements::FOLDERS, values![state.id]).await? {
            places
                .folders
                .insert((row.int(1)?, row.int(2)?), row.int(0)?);
        }
    }
    if let Some(id) = places.folders.get(&(mailbox, hash)) {
        return Ok(*id);
    }
    let by_hash = values![state.id, mailbox, hash];
    if let Some(row) = sql::fetch_optional(db, statements::FOLDER_BY_HASH, by_hash).await? {
        places.folders.insert((mailbox, hash), row.int(0)?);
        return row.int(0);
    }
    let id = take_ids(db, Counter::Folder, 1).await?;
    let sealed = state.keys.names.seal(b"folder", name.as_bytes())?;
    sql::execute(
        db,
        statements::INSERT_FOLDER,
        values![id, state.id, mailbox, hash, sealed],
    )
    .await?;
    places.folders.insert((mailbox, hash), id);
    Ok(id)
}

fn seal_keywords(state: &TenantState, keywords: &[String]) -> Result<Option<Vec<u8>>> {
    if keywords.is_empty() {
        return Ok(None);
    }
    Ok(Some(
        state
            .keys
            .names
            .seal(b"keywords", keywords.join("\n").as_bytes())?,
    ))
}
