//! Proofs of many leaves under one checkpoint: what an export hands out with each copy.

use everpost_domain::digest::Digest;
use everpost_domain::log::{LeafProof, ProofPlan, Tail, TileSet};
use sqlx::any::AnyRow;

use super::log::{LogHead, event_leaf, read_event};
use crate::catalog::sql::{self, values};
use crate::catalog::statements;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// Tiles that are kept: 8 KiB each. Leaves asked for in the order of the log use each tile
/// once; in any other order, a tile that was dropped is read again.
const KEPT: usize = 512;

/// Proves leaves under the checkpoint that was the newest when it was made, however far
/// the log has gone since.
pub struct Prover {
    tenant: Tenant,
    head: LogHead,
    tail: Tail,
    tiles: TileSet,
    kept: usize,
}

impl Tenant {
    /// Something that proves leaves under the newest checkpoint; `None` before the first.
    pub async fn prover(&self) -> Result<Option<Prover>> {
        let Some((head, tail)) = self.head_and_tail().await? else {
            return Ok(None);
        };
        Ok(Some(Prover {
            tenant: self.clone(),
            head,
            tiles: TileSet::of_tail(&tail),
            tail,
            kept: 0,
        }))
    }

    /// Proves the admission of a copy under the newest checkpoint. `None` if the log has
    /// not reached it yet.
    pub async fn prove(&self, id: &Digest) -> Result<Option<LeafProof>> {
        let mut db = self.store.catalog.read().await?;
        let row = self.find_copy(&mut db, id).await?;
        let tail = self.log_tail(&mut db).await?;
        self.prove_event(&mut db, row.event, &tail).await
    }
}

impl Prover {
    /// The checkpoint that every proof leads to.
    pub fn head(&self) -> &LogHead {
        &self.head
    }

    /// Proves the event at `seq` of the log. `None` if it is younger than the checkpoint.
    pub async fn prove_seq(&mut self, seq: u64) -> Result<Option<LeafProof>> {
        let first = i64::try_from(seq).unwrap_or(i64::MAX);
        let ask = values![self.tenant.id(), first, first.saturating_add(1)];
        let row = sql::fetch_optional(
            &mut *self.tenant.store.catalog.read().await?,
            statements::EVENTS_FROM,
            ask,
        )
        .await?;
        self.prove_row(row, || format!("event {seq}")).await
    }

    /// Proves that the log at `old` leaves is a beginning of the one under the checkpoint.
    pub async fn prove_consistency(&mut self, old: u64) -> Result<Vec<Digest>> {
        let plan = ProofPlan::consistency(old, self.tail.size()).map_err(|_| {
            StoreError::Invalid(format!(
                "the log has {} leaves, not {old}",
                self.tail.size()
            ))
        })?;
        self.hashes(&plan).await
    }

    pub(crate) async fn prove_event(&mut self, event: i64) -> Result<Option<LeafProof>> {
        let ask = values![self.tenant.id(), event];
        let row = sql::fetch_optional(
            &mut *self.tenant.store.catalog.read().await?,
            statements::EVENT,
            ask,
        )
        .await?;
        self.prove_row(row, || format!("event {event}")).await
    }

    async fn prove_row(
        &mut self,
        row: Option<AnyRow>,
        name: impl Fn() -> String,
    ) -> Result<Option<LeafProof>> {
        let event = read_event(&row.ok_or_else(|| StoreError::damaged(name(), "it is missing"))?)?;
        let (size, index) = (
            self.tail.size(),
            u64::try_from(event.seq).unwrap_or(u64::MAX),
        );
        let Ok(plan) = ProofPlan::inclusion(index, size) else {
            return Ok(None);
        };
        let hashes = self.hashes(&plan).await?;
        let (salt, record) = event_leaf(&self.tenant.state.keys, &event)?;
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

    /// The hashes of a proof; reads the tiles that are not held.
    async fn hashes(&mut self, plan: &ProofPlan) -> Result<Vec<Digest>> {
        if self.kept >= KEPT {
            self.tiles = TileSet::of_tail(&self.tail);
            self.kept = 0;
        }
        for tile in plan.tiles(self.tail.size()) {
            if self.tiles.holds(&tile) {
                continue;
            }
            let bytes = self.tenant.read_tile(&tile).await?;
            self.tiles
                .insert(&tile, &bytes)
                .map_err(|error| StoreError::damaged(tile.path(), error.to_string()))?;
            self.kept += 1;
        }
        plan.prove(&self.tiles)
            .map_err(|error| StoreError::damaged("log", format!("a hash is missing: {error:?}")))
    }
}
