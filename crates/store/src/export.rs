//! What an export asks of the store: the copies of a query one after the other, each with
//! its places and its proof, and an entry in the log that it was done.

use std::collections::{HashMap, VecDeque};

use everpost_domain::digest::Digest;
use everpost_domain::log::{ActionRecord, EventKind, LeafProof};
use everpost_domain::query::Query;
use sqlx::AnyConnection;

use crate::copy::CopyRow;
use crate::error::{Result, StoreError};
use crate::follow::Prover;
use crate::read::Place;
use crate::search::{Ask, Scope};
use crate::tenant::Tenant;

/// Rows that are read at a time.
const BATCH: usize = 64;

/// A copy on its way out.
pub struct Held {
    /// SHA-256 of its bytes.
    pub id: Digest,
    /// The id of its message: that of the message's first copy in scope.
    pub message: Digest,
    /// Size of the raw bytes.
    pub size: u64,
    /// Since when it is held, µs since 1970.
    pub held_from: i64,
    /// Where it lies; empty if it was never filed.
    pub places: Vec<Place>,
    row: CopyRow,
}

/// A copy that cannot be handed out, because something stored about it is damaged.
#[derive(Debug)]
pub struct Missed {
    /// What is known of its name.
    pub id: String,
    /// What is wrong.
    pub error: StoreError,
}

/// The copies for which a query held when the walk began, in the order of the log: that is
/// the order in which they lie in packs, and proofs share their tiles.
pub struct Walk {
    tenant: Tenant,
    ask: Ask,
    seqs: VecDeque<u64>,
    unknown: u64,
}

impl Tenant {
    /// Begins a walk over all copies in `scope` for which `query` holds.
    pub async fn walk(&self, query: &Query, scope: &Scope) -> Result<Walk> {
        let ask = self.ask(query, scope).await?;
        let matches = self.find(&ask, None).await?.matches;
        Ok(Walk {
            tenant: self.clone(),
            ask,
            seqs: matches.seqs().iter().collect(),
            unknown: matches.unknown(),
        })
    }

    /// Hands the exact bytes of a copy to `out`; see [`Tenant::read_raw`].
    pub async fn read_held(
        &self,
        held: &Held,
        out: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<()> {
        let mut db = self.store.catalog.read().await?;
        self.read_copy(&mut db, &held.row, out).await
    }

    /// Writes into the log that copies were exported: by whom, by which query, and the
    /// digest of the manifest that names them.
    pub async fn record_export(&self, actor: &str, manifest: &Digest, query: &str) -> Result<u64> {
        let record = ActionRecord {
            actor: actor.into(),
            subject: manifest.0.to_vec(),
            reason: query.into(),
        };
        let mut tx = self.store.catalog.begin().await?;
        let seq = crate::admit::next_seq(&mut tx, self.id()).await?;
        self.record_action(&mut tx, EventKind::Exported, &record.encode())
            .await?;
        tx.commit().await?;
        Ok(seq.unsigned_abs())
    }

    async fn held(
        &self,
        db: &mut AnyConnection,
        row: CopyRow,
        seq: u64,
        ask: &Ask,
    ) -> Result<Held> {
        let first = ask.first_of_message(seq);
        let message = if first == seq {
            row.digest
        } else {
            let mut rows = self.copies_at(db, &[first]).await?;
            rows.remove(&first).map_or(row.digest, |row| row.digest)
        };
        let mut places = self.places_of(db, &[row.id]).await?;
        let places = places.remove(&row.id).unwrap_or_default();
        let places = places
            .into_iter()
            .filter(|(mailbox, _)| ask.sight.sees(*mailbox));
        let places = places.map(|(_, place)| place).collect();
        Ok(Held {
            id: row.digest,
            message,
            size: row.size,
            held_from: row.held_from,
            places,
            row,
        })
    }
}

impl Walk {
    /// Copies still to come.
    pub fn left(&self) -> u64 {
        self.seqs.len() as u64
    }

    /// Copies for which the query could not be decided; they are not walked over.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// The next copies; none at the end.
    pub async fn next(&mut self) -> Result<Vec<std::result::Result<Held, Missed>>> {
        let seqs: Vec<u64> = self.seqs.drain(..self.seqs.len().min(BATCH)).collect();
        let tenant = &self.tenant;
        let mut db = tenant.store.catalog.read().await?;
        let mut rows = match tenant.copies_at(&mut db, &seqs).await {
            Ok(rows) => rows,
            Err(StoreError::Damaged { .. }) => {
                // One row cannot be read; one by one, the others can.
                let mut rows = HashMap::new();
                for seq in &seqs {
                    rows.extend(tenant.copies_at(&mut db, &[*seq]).await.unwrap_or_default());
                }
                rows
            }
            Err(error) => return Err(error),
        };
        let mut found = Vec::with_capacity(seqs.len());
        for seq in seqs {
            let Some(row) = rows.remove(&seq) else {
                let error = StoreError::damaged(
                    format!("event {seq}"),
                    "the copy it admitted cannot be read",
                );
                found.push(Err(Missed {
                    id: format!("event {seq}"),
                    error,
                }));
                continue;
            };
            let id = row.digest;
            found.push(match tenant.held(&mut db, row, seq, &self.ask).await {
                Ok(held) => Ok(held),
                Err(error @ StoreError::Damaged { .. }) => Err(Missed {
                    id: id.to_string(),
                    error,
                }),
                Err(error) => return Err(error),
            });
        }
        Ok(found)
    }
}

impl Prover {
    /// Proves the admission of a copy. `None` if it is younger than the checkpoint.
    pub async fn prove_held(&mut self, held: &Held) -> Result<Option<LeafProof>> {
        self.prove_event(held.row.event).await
    }
}
