//! The log follower: every numbered event becomes a leaf, tiles fill, checkpoints are signed.
//!
//! Tiles are put before the transaction that moves the log on, and are a function of the
//! leaves alone, so a crash between the two repeats the same bytes under the same names.

use everpost_domain::digest::Digest;
use everpost_domain::log::{
    Checkpoint, EventKind, Leaf, LeafProof, Note, ProofPlan, SALT_BYTES, Signer, Tail, Tile,
    TileSet, VerifierKey,
};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::Follower;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::copy::{copy_key, open_record};
use crate::error::{Result, StoreError};
use crate::keys::{TenantKeys, leaf_salt};
use crate::record::Record;
use crate::tenant::Tenant;

/// Events that are turned into leaves at a time: 16 full tiles.
const BATCH: i64 = 4096;

/// The signed state of a tenant's log.
#[derive(Debug, Clone)]
pub struct LogHead {
    /// Number of leaves.
    pub size: u64,
    /// Root over them.
    pub root: Digest,
    /// The signed checkpoint (C2SP tlog-checkpoint).
    pub note: Note,
    /// The key that signed it.
    pub key: VerifierKey,
}

/// An event's row with what its leaf is made of.
pub(crate) struct EventRow {
    pub(crate) seq: i64,
    pub(crate) id: i64,
    pub(crate) kind: EventKind,
    pub(crate) at: i64,
    note: Option<Vec<u8>>,
    copy: Option<(Digest, u64, Vec<u8>, Vec<u8>)>,
}

/// Reads a row of `statements::EVENTS_FROM`.
pub(crate) fn read_event(row: &AnyRow) -> Result<EventRow> {
    let kind = u8::try_from(row.int(2)?)
        .ok()
        .and_then(EventKind::from_code);
    let id = row.int(1)?;
    let copy = match row.blob_or_null(6)? {
        Some(digest) => {
            let digest = digest.try_into().map_err(|_| {
                StoreError::damaged(
                    format!("event {id}"),
                    "its copy's digest has the wrong length",
                )
            })?;
            let size = u64::try_from(row.int(7)?).unwrap_or(0);
            Some((Digest(digest), size, row.blob(8)?, row.blob(9)?))
        }
        None => None,
    };
    Ok(EventRow {
        seq: row.int(0)?,
        id,
        kind: kind
            .ok_or_else(|| StoreError::damaged(format!("event {id}"), "its kind is unknown"))?,
        at: row.int(3)?,
        note: row.blob_or_null(5)?,
        copy,
    })
}

/// Salt and record of an event, as its leaf commits to them.
pub(crate) fn event_leaf(
    keys: &TenantKeys,
    event: &EventRow,
) -> Result<([u8; SALT_BYTES], Vec<u8>)> {
    let damaged = |what: &str| StoreError::damaged(format!("event {}", event.id), what);
    match (&event.kind, &event.copy, &event.note) {
        (EventKind::Admitted | EventKind::Delivered, Some((digest, size, key, record)), _) => {
            let key = copy_key(keys, digest, key)?;
            let record = Record::decode(&open_record(&key, digest, record)?)?;
            Ok((
                leaf_salt(&key, event.id),
                record.capture(*digest, *size, event.at).encode(),
            ))
        }
        (EventKind::Admitted | EventKind::Delivered, None, _) => {
            Err(damaged("its copy is missing"))
        }
        (_, _, Some(note)) => {
            let plain = keys
                .names
                .open(b"event", note)
                .ok_or_else(|| damaged("its note does not open"))?;
            let (salt, record) = plain
                .split_first_chunk::<SALT_BYTES>()
                .ok_or_else(|| damaged("its note is too short"))?;
            Ok((*salt, record.to_vec()))
        }
        _ => Err(damaged("its note is missing")),
    }
}

/// The name of a tenant's log in this epoch. A log never signs two histories under one
/// name: a restored store raises the epoch.
pub(crate) async fn log_name(db: &mut AnyConnection, tenant: i64) -> Result<String> {
    let row = sql::fetch_optional(db, statements::STORE, vec![])
        .await?
        .ok_or_else(|| StoreError::damaged("catalog", "the store row is missing"))?;
    let name: String = row
        .blob(0)?
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(format!("everpost/{name}/{tenant}/e{}", row.int(1)?))
}

/// Where a tile lies.
pub(crate) fn tile_path(tenant: i64, tile: &Tile) -> Path {
    Path::from(format!("objects/tiles/{tenant}/{}", tile.path()))
}

/// What the catalog keeps of a log.
pub(crate) struct LogState {
    pub(crate) tail: Tail,
    /// The newest signed checkpoint; empty before the first.
    pub(crate) checkpoint: Vec<u8>,
}

/// The state of a tenant's log.
pub(crate) async fn log_state(db: &mut AnyConnection, tenant: i64) -> Result<LogState> {
    match sql::fetch_optional(db, statements::LOG, values![tenant]).await? {
        Some(row) => Ok(LogState {
            tail: Tail::decode(&row.blob(1)?)?,
            checkpoint: row.blob(2)?,
        }),
        None => Ok(LogState {
            tail: Tail::new(),
            checkpoint: Vec::new(),
        }),
    }
}

/// The signing key of a tenant's log in the epoch that the catalog is in.
pub(crate) async fn log_signer(db: &mut AnyConnection, keys: &TenantKeys) -> Result<Signer> {
    let name = log_name(db, keys.tenant).await?;
    Signer::from_seed(&name, &keys.log_seed())
        .map_err(|error| StoreError::Invalid(format!("log key: {error}")))
}

impl Tenant {
    async fn log_state(&self, db: &mut AnyConnection) -> Result<LogState> {
        log_state(db, self.id()).await
    }

    /// The signing key of the tenant's log in this epoch.
    pub(crate) async fn log_signer(&self, db: &mut AnyConnection) -> Result<Signer> {
        log_signer(db, &self.state.keys).await
    }

    /// Turns all numbered events into leaves and signs a checkpoint; returns the log's size.
    pub async fn advance_log(&self) -> Result<u64> {
        let _alone = self.state.following.lock().await;
        if self.lead_or_wait(Follower::Log).await?.is_none() {
            let (_, size) = self.events_and_cursor(Follower::Log).await?;
            return Ok(size.unsigned_abs());
        }
        self.log_all().await
    }

    /// As [`Tenant::advance_log`], whoever leads.
    pub(crate) async fn log_all(&self) -> Result<u64> {
        loop {
            let mut db = self.store.catalog.read().await?;
            let mut state = self.log_state(&mut db).await?;
            let first = i64::try_from(state.tail.size()).unwrap_or(i64::MAX);
            let rows = sql::fetch(
                &mut db,
                statements::EVENTS_FROM,
                values![self.id(), first, first + BATCH],
            )
            .await?;
            if rows.is_empty() {
                return Ok(state.tail.size());
            }
            let mut leaves = Vec::with_capacity(rows.len());
            for (seq, row) in (first..).zip(&rows) {
                let event = read_event(row)?;
                if event.seq != seq {
                    return Err(StoreError::damaged(
                        format!("event {seq}"),
                        "the sequence has a gap before it",
                    ));
                }
                let (salt, record) = event_leaf(&self.state.keys, &event)?;
                leaves.push(Leaf::new(event.kind, event.at, &salt, &record).hash());
            }
            // Side by side: each put waits for disks, not for the others.
            let puts = state
                .tail
                .append(&leaves)
                .into_iter()
                .map(|full| async move {
                    let path = tile_path(self.id(), &full.tile);
                    self.store
                        .vault
                        .objects
                        .put(&path, PutPayload::from(full.bytes))
                        .await
                });
            futures::future::try_join_all(puts).await?;
            let signer = self.log_signer(&mut db).await?;
            drop(db);
            let note = Checkpoint::new(signer.key().name(), state.tail.size(), state.tail.root())
                .and_then(|checkpoint| checkpoint.sign(&signer))
                .map_err(|error| StoreError::Invalid(format!("checkpoint: {error}")))?;
            let size = i64::try_from(state.tail.size()).unwrap_or(i64::MAX);
            let row = values![
                self.id(),
                size,
                state.tail.encode(),
                note.to_string().into_bytes(),
                first,
            ];
            let mut tx = self.store.catalog.begin().await?;
            // Another node that was faster wrote the same: go on from there.
            if sql::execute(&mut tx, statements::SET_LOG, row).await? == 1 {
                tx.commit().await?;
            }
        }
    }

    /// The log's newest checkpoint; `None` before the first.
    pub async fn log_head(&self) -> Result<Option<LogHead>> {
        Ok(self.head_and_tail().await?.map(|(head, _)| head))
    }

    /// The newest checkpoint and the tail that it signs, as one reading gives them: another node
    /// may move the log on at any time.
    pub(super) async fn head_and_tail(&self) -> Result<Option<(LogHead, Tail)>> {
        let mut db = self.store.catalog.read().await?;
        let state = self.log_state(&mut db).await?;
        if state.checkpoint.is_empty() {
            return Ok(None);
        }
        let key = self.log_signer(&mut db).await?.key().clone();
        let wrong = |what: String| StoreError::damaged("checkpoint", what);
        let note = Note::parse(&state.checkpoint).map_err(|error| wrong(error.to_string()))?;
        let checkpoint = Checkpoint::open(&note, &key).map_err(|error| wrong(error.to_string()))?;
        if checkpoint.size() != state.tail.size() || *checkpoint.root() != state.tail.root() {
            return Err(wrong(
                "it does not sign the tail that lies beside it".into(),
            ));
        }
        let head = LogHead {
            size: checkpoint.size(),
            root: *checkpoint.root(),
            note,
            key,
        };
        Ok(Some((head, state.tail)))
    }

    /// The hashes that a proof needs.
    async fn tiles_for(&self, plan: &ProofPlan, tail: &Tail) -> Result<TileSet> {
        let mut tiles = TileSet::of_tail(tail);
        for tile in plan.tiles(tail.size()) {
            if !tiles.holds(&tile) {
                let bytes = self.read_tile(&tile).await?;
                tiles
                    .insert(&tile, &bytes)
                    .map_err(|error| StoreError::damaged(tile.path(), error.to_string()))?;
            }
        }
        Ok(tiles)
    }

    pub(crate) async fn read_tile(&self, tile: &Tile) -> Result<Vec<u8>> {
        let path = tile_path(self.id(), tile);
        match self.store.vault.objects.get(&path).await {
            Ok(found) => Ok(found.bytes().await?.to_vec()),
            Err(object_store::Error::NotFound { .. }) => {
                Err(StoreError::damaged(path, "the tile is missing"))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn log_tail(&self, db: &mut AnyConnection) -> Result<Tail> {
        Ok(self.log_state(db).await?.tail)
    }

    /// Proves an event's leaf under the checkpoint of a tail. `None` if that has not reached it.
    pub(crate) async fn prove_event(
        &self,
        db: &mut AnyConnection,
        event: i64,
        tail: &Tail,
    ) -> Result<Option<LeafProof>> {
        let row = sql::fetch_optional(db, statements::EVENT, values![self.id(), event])
            .await?
            .ok_or_else(|| StoreError::damaged(format!("event {event}"), "it is missing"))?;
        let event = read_event(&row)?;
        let (size, index) = (tail.size(), u64::try_from(event.seq).unwrap_or(u64::MAX));
        let Ok(plan) = ProofPlan::inclusion(index, size) else {
            return Ok(None);
        };
        let tiles = self.tiles_for(&plan, tail).await?;
        let hashes = plan
            .prove(&tiles)
            .map_err(|error| StoreError::damaged("log", format!("a hash is missing: {error:?}")))?;
        let (salt, record) = event_leaf(&self.state.keys, &event)?;
        Ok(Some(LeafProof {
            kind: event.kind,
            time_us: event.at,
            salt,
            record,
            index,
            size,
            hashes,
        }))
    }

    /// Proves that the log at `old` leaves is a beginning of the log as it is now.
    pub async fn prove_consistency(&self, old: u64) -> Result<Vec<Digest>> {
        let mut db = self.store.catalog.read().await?;
        let tail = self.log_tail(&mut db).await?;
        drop(db);
        let plan = ProofPlan::consistency(old, tail.size()).map_err(|_| {
            StoreError::Invalid(format!("the log has {} leaves, not {old}", tail.size()))
        })?;
        let tiles = self.tiles_for(&plan, &tail).await?;
        plan.prove(&tiles)
            .map_err(|error| StoreError::damaged("log", format!("a hash is missing: {error:?}")))
    }
}
