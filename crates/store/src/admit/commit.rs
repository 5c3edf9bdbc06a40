//! Carrying a decision out: one pack, then one transaction.

use std::ops::Range;

use everpost_domain::log::EventKind;
use object_store::ObjectStoreExt;
use sqlx::AnyConnection;

use super::decide::{Chosen, CopyRef, Decision, PartRef, decide};
use super::fetch::{Known, Wanted};
use super::places::insert_places;
use super::prepare::Prepared;
use super::{Outcome, Progress, Request};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::clock::now_us;
use crate::copy::{seal_head, seal_record, wrap_copy_key};
use crate::error::{Result, StoreError};
use crate::follow::{FreshDoc, claim};
use crate::objects::MAIN;
use crate::relay::{Outgoing, insert_onward};
use crate::seal::Key;
use crate::tenant::{ID, Tenant, TenantState};
use crate::vault::pack::Style;
use crate::vault::{FrameKind, PIECE, PackWriter, Run, WrittenPack, object_path};

/// Import stores at a fast level; compaction may raise it later.
const LEVEL: i32 = 3;
/// How often a group is decided again because another writer was faster.
const ATTEMPTS: usize = 8;

/// Where the new bytes of a group lie, by frame number of the group's pack.
struct Stored {
    pack: Option<WrittenPack>,
    /// By place in `Decision::copies`.
    skeletons: Vec<Run>,
    /// By place in `Decision::parts`.
    parts: Vec<Run>,
}

impl Tenant {
    /// Fetch, decide, write, commit; again if a guard fails.
    pub(super) async fn commit(&self, requests: Vec<Request>) -> Result<Vec<Outcome>> {
        let mut items = Vec::new();
        let mut progress = Vec::new();
        for request in requests {
            let first = items.len();
            items.extend(request.items);
            progress.extend(
                request
                    .progress
                    .map(|progress| (progress, first..items.len())),
            );
        }
        for _ in 0..ATTEMPTS {
            match self.attempt(&items, &progress).await {
                Ok(outcomes) => {
                    let stored =
                        |(outcome, _): &&(Outcome, i64)| matches!(outcome, Outcome::Stored(_));
                    let stored = outcomes.iter().filter(stored).count() as u64;
                    self.state.queue.count(|admitted| {
                        admitted.groups += 1;
                        admitted.stored += stored;
                        admitted.duplicate += outcomes.len() as u64 - stored;
                        admitted.bytes += items.iter().map(Prepared::size).sum::<u64>();
                    });
                    self.offer_fresh(items, &outcomes);
                    return Ok(outcomes.into_iter().map(|(outcome, _)| outcome).collect());
                }
                Err(StoreError::Guard) => {
                    self.state.queue.count(|admitted| admitted.overtaken += 1);
                }
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Guard)
    }

    async fn attempt(
        &self,
        items: &[Prepared],
        progress: &[Covered],
    ) -> Result<Vec<(Outcome, i64)>> {
        let wanted = Wanted::of(&self.state, items);
        let mut known: Known = wanted
            .fetch(&mut *self.store.catalog.read().await?, &self.state)
            .await?;
        let guard = std::mem::take(&mut known.guard);
        let decision = decide(&self.state, items, known);
        let stored = self.write_pack(items, &decision).await?;
        let name = stored.pack.as_ref().map(|pack| pack.name);
        #[cfg(test)]
        self.state.gate.pass().await;
        let committed = self
            .write_rows(items, progress, &wanted, &guard, &decision, stored)
            .await;
        if let (Err(StoreError::Guard), Some(name)) = (&committed, name) {
            // Nobody will ever name this pack: remove it, or leave it to fsck.
            self.store
                .vault
                .objects
                .delete(&object_path("packs", &name))
                .await
                .ok();
        }
        committed
    }

    async fn write_pack(&self, items: &[Prepared], decision: &Decision) -> Result<Stored> {
        let vault = &self.store.vault;
        let mut stored = Stored {
            pack: None,
            skeletons: Vec::new(),
            parts: Vec::new(),
        };
        let mut writer = PackWriter::create(
            vault.objects.clone(),
            self.state.keys.clone(),
            Style::zstd(LEVEL),
        )
        .await?;
        let mut new_parts = decision.parts.iter().peekable();
        for copy in &decision.copies {
            let Some(item) = items.get(copy.item) else {
                continue;
            };
            let raw = &item.incoming.raw;
            let skeleton = item.cut.skeleton(raw);
            stored
                .skeletons
                .push(writer.add(FrameKind::Skeleton, &skeleton).await?);
            drop(skeleton);
            while let Some(part) = new_parts.next_if(|part| part.item == copy.item) {
                let Some(cut) = item.cut.parts().nth(part.ordinal) else {
                    continue;
                };
                let small = cut.size <= PIECE as u64;
                let run = if small {
                    let whole = cut.chunks(raw, PIECE).next().unwrap_or_default();
                    writer.add(FrameKind::Part, &whole).await?
                } else {
                    writer
                        .add_pieces(FrameKind::Part, cut.chunks(raw, PIECE))
                        .await?
                };
                if run.length != cut.size {
                    return Err(StoreError::damaged(
                        format!("part of {}", item.digest),
                        "its length changed",
                    ));
                }
                stored.parts.push(run);
            }
        }
        stored.pack = writer.finish().await?;
        Ok(stored)
    }

    async fn write_rows(
        &self,
        items: &[Prepared],
        progress: &[Covered],
        wanted: &Wanted,
        guard: &super::fetch::Guard,
        decision: &Decision,
        stored: Stored,
    ) -> Result<Vec<(Outcome, i64)>> {
        let state = &self.state;
        let now = now_us();
        let mut tx = self.store.catalog.begin().await?;
        if wanted.guard(&mut tx).await? != *guard {
            return Err(StoreError::Guard);
        }
        let ids = Ids::take(&mut tx, decision, items.len(), &stored).await?;
        insert_pack(&mut tx, state, &ids, &stored, now).await?;
        insert_parts(&mut tx, state, &ids, items, decision, &stored).await?;
        let (events, seqs) = insert_events(&mut tx, state, &ids, decision, now).await?;
        claim(&mut tx, &self.store.catalog, state.id, seqs).await?;
        let keys = insert_copies(&mut tx, state, &ids, items, decision, &stored).await?;
        insert_links(&mut tx, state, &ids, decision, now).await?;
        let places =
            insert_places(&mut tx, state, &ids, &keys, items, progress, decision, now).await?;
        let going = items.iter().zip(&decision.items);
        let going = going.filter_map(|(item, chosen)| {
            let onward = item.incoming.onward.as_ref()?;
            Some(Outgoing {
                copy: ids.copy(chosen.copy),
                digest: item.digest,
                onward,
            })
        });
        let going: Vec<Outgoing<'_>> = going.collect();
        insert_onward(&mut tx, &state.keys, &going, now).await?;
        let outcomes = outcomes(items, decision, &events);
        for (progress, covered) in progress {
            let items = items.get(covered.clone()).unwrap_or_default();
            let covered = outcomes.get(covered.clone()).unwrap_or_default();
            record_progress(&mut tx, state, progress, items, covered, now).await?;
        }
        tx.commit().await?;
        *state
            .places
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = places;
        // Whoever admitted something mostly has more to say of it.
        for (item, chosen) in items.iter().zip(&decision.items) {
            state.ids.put(item.digest, ID, ids.copy(chosen.copy));
        }
        Ok(outcomes)
    }

    /// Leaves what was read of new copies to the index follower, so that it need not read
    /// them back. Best effort: what is not taken from here is read from the vault.
    fn offer_fresh(&self, items: Vec<Prepared>, outcomes: &[(Outcome, i64)]) {
        for (item, (outcome, event)) in items.into_iter().zip(outcomes) {
            if let Outcome::Stored(_) = outcome {
                let bytes = item.content.bytes();
                let doc = FreshDoc {
                    size: item.size(),
                    held: item.held_from,
                    head: item.head,
                    content: item.content,
                };
                self.state
                    .fresh
                    .put(*event, bytes, std::sync::Arc::new(doc));
            }
        }
    }
}

/// A job's progress and the items it covers.
pub(super) type Covered = (Progress, std::ops::Range<usize>);

/// First ids of everything a group makes.
pub(super) struct Ids {
    pack: i64,
    frame: i64,
    part: i64,
    copy: i64,
    link: i64,
    pub(super) event: i64,
}

impl Ids {
    async fn take(
        db: &mut AnyConnection,
        decision: &Decision,
        items: usize,
        stored: &Stored,
    ) -> Result<Self> {
        let frames = stored.pack.as_ref().map_or(0, |pack| pack.frames.len());
        let links = decision.copies.iter().map(|copy| copy.links.len()).sum();
        Ok(Ids {
            pack: take_ids(db, Counter::Pack, 1).await?,
            frame: take_ids(db, Counter::Frame, frames).await?,
            part: take_ids(db, Counter::Part, decision.parts.len()).await?,
            copy: take_ids(db, Counter::Copy, decision.copies.len()).await?,
            link: take_ids(db, Counter::Link, links).await?,
            event: take_ids(db, Counter::Event, items).await?,
        })
    }

    pub(super) fn copy(&self, copy: CopyRef) -> i64 {
        match copy {
            CopyRef::Admitted(id) => id,
            CopyRef::New(place) => self.copy + signed(place),
        }
    }

    fn part(&self, part: PartRef) -> i64 {
        match part {
            PartRef::Stored(id) => id,
            PartRef::New(place) => self.part + signed(place),
        }
    }
}

pub(super) fn signed(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(length: u64) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

async fn insert_pack(
    db: &mut AnyConnection,
    state: &TenantState,
    ids: &Ids,
    stored: &Stored,
    now: i64,
) -> Result<()> {
    let Some(pack) = &stored.pack else {
        return Ok(());
    };
    pack.may_be_named()?;
    let row = values![
        ids.pack,
        state.id,
        state.bucket,
        pack.name.to_vec(),
        unsigned(pack.size),
        now,
        0,
        MAIN,
    ];
    sql::execute(db, statements::INSERT_PACK, row).await?;
    let rows = pack.frames.iter().enumerate().map(|(number, frame)| {
        values![
            ids.frame + signed(number),
            state.id,
            ids.pack,
            signed(number),
            unsigned(frame.place.at),
            i64::from(frame.place.sealed),
            i64::from(frame.place.plain),
            frame.kind as i64,
            frame.key.clone(),
        ]
    });
    statements::INSERT_FRAMES
        .execute(db, rows.collect())
        .await?;
    Ok(())
}

async fn insert_parts(
    db: &mut AnyConnection,
    state: &TenantState,
    ids: &Ids,
    items: &[Prepared],
    decision: &Decision,
    stored: &Stored,
) -> Result<()> {
    let rows = decision
        .parts
        .iter()
        .zip(&stored.parts)
        .enumerate()
        .map(|(place, (part, run))| {
            let run = run.based(ids.frame);
            values![
                ids.part + signed(place),
                state.id,
                state.bucket,
                everpost_domain::digest::Digest(part.address).prefix(),
                part.address.to_vec(),
                unsigned(run.length),
                run.frame,
                unsigned(run.at),
            ]
        });
    statements::INSERT_PARTS.execute(db, rows.collect()).await?;
    let mut rows = Vec::new();
    for (place, copy) in decision.copies.iter().enumerate() {
        debug_assert!(
            items
                .get(copy.item)
                .is_some_and(|item| item.cut.parts().count() == copy.parts.len())
        );
        for (ordinal, part) in copy.parts.iter().enumerate() {
            rows.push(values![
                state.id,
                ids.copy + signed(place),
                signed(ordinal),
                ids.part(*part)
            ]);
        }
    }
    statements::INSERT_COPY_PARTS.execute(db, rows).await?;
    Ok(())
}

/// The number that the next event of a tenant gets. Only inside a transaction that excludes
/// other writers.
pub(crate) async fn next_seq(db: &mut AnyConnection, tenant: i64) -> Result<i64> {
    let last = sql::fetch_optional(db, statements::LAST_SEQ, values![tenant]).await?;
    last.map_or(Ok(0), |row| Ok(row.int(0)? + 1))
}

/// One event an item; returns their ids and their seqs. They are numbered here, where no other
/// transaction can come between.
async fn insert_events(
    db: &mut AnyConnection,
    state: &TenantState,
    ids: &Ids,
    decision: &Decision,
    now: i64,
) -> Result<(Vec<i64>, Range<i64>)> {
    let next = next_seq(db, state.id).await?;
    let rows = decision.items.iter().enumerate().map(|(place, chosen)| {
        let kind = if chosen.new {
            EventKind::Admitted
        } else {
            EventKind::Delivered
        };
        values![
            ids.event + signed(place),
            state.id,
            next + signed(place),
            i64::from(kind.code()),
            now,
            ids.copy(chosen.copy),
            None::<Vec<u8>>,
        ]
    });
    statements::INSERT_EVENTS
        .execute(db, rows.collect())
        .await?;
    let count = signed(decision.items.len());
    let events = (ids.event..ids.event + count).collect();
    Ok((events, next..next + count))
}

async fn insert_copies(
    db: &mut AnyConnection,
    state: &TenantState,
    ids: &Ids,
    items: &[Prepared],
    decision: &Decision,
    stored: &Stored,
) -> Result<Vec<Key>> {
    let mut keys = Vec::with_capacity(decision.copies.len());
    let mut rows = Vec::with_capacity(decision.copies.len());
    for (place, (copy, skeleton)) in decision.copies.iter().zip(&stored.skeletons).enumerate() {
        let Some(item) = items.get(copy.item) else {
            continue;
        };
        let key = Key::random()?;
        keys.push(key);
        let skeleton = skeleton.based(ids.frame);
        rows.push(values![
            ids.copy + signed(place),
            state.id,
            item.day,
            item.digest.prefix(),
            item.digest.0.to_vec(),
            unsigned(item.size()),
            0,
            item.held_from.saturating_mul(1_000_000),
            copy.header_hash,
            ids.event + signed(copy.item),
            state.bucket,
            skeleton.frame,
            unsigned(skeleton.at),
            unsigned(skeleton.length),
            wrap_copy_key(&state.keys, &item.digest, &key)?,
            seal_head(&key, &item.digest, item.packed_head.clone())?,
            seal_record(&key, &item.digest, copy.record.encode())?,
        ]);
    }
    statements::INSERT_COPIES.execute(db, rows).await?;
    Ok(keys)
}

async fn insert_links(
    db: &mut AnyConnection,
    state: &TenantState,
    ids: &Ids,
    decision: &Decision,
    now: i64,
) -> Result<()> {
    let links = decision.copies.iter().flat_map(|copy| &copy.links);
    let rows = links
        .enumerate()
        .map(|(place, (copy, message, rule, matched))| {
            values![
                ids.link + signed(place),
                state.id,
                ids.copy(*copy),
                ids.copy(*message),
                *rule,
                ids.copy(*matched).to_le_bytes().to_vec(),
                now,
                0,
            ]
        });
    statements::INSERT_LINKS.execute(db, rows.collect()).await?;
    Ok(())
}

/// Outcome and event of each item.
fn outcomes(items: &[Prepared], decision: &Decision, events: &[i64]) -> Vec<(Outcome, i64)> {
    let outcome = |((item, chosen), event): ((&Prepared, &Chosen), &i64)| {
        let outcome = if chosen.new {
            Outcome::Stored(item.digest)
        } else {
            Outcome::Duplicate(item.digest)
        };
        (outcome, *event)
    };
    items
        .iter()
        .zip(&decision.items)
        .zip(events)
        .map(outcome)
        .collect()
}

/// Adds a group's counts to its job, in the transaction that stores the group.
async fn record_progress(
    db: &mut AnyConnection,
    state: &TenantState,
    progress: &Progress,
    items: &[Prepared],
    outcomes: &[(Outcome, i64)],
    now: i64,
) -> Result<()> {
    let stored = outcomes
        .iter()
        .filter(|(outcome, _)| matches!(outcome, Outcome::Stored(_)))
        .count();
    let duplicate = outcomes.len() - stored;
    let bytes: u64 = items.iter().map(Prepared::size).sum();
    let seen = outcomes.len() as u64 + progress.rejected + progress.failed;
    let changed = sql::execute(
        db,
        statements::PROGRESS_JOB,
        values![
            state.id,
            progress.job,
            state.keys.names.seal(b"cursor", &progress.cursor)?,
            now,
            unsigned(seen),
            signed(stored),
            signed(duplicate),
            unsigned(progress.rejected),
            unsigned(progress.failed),
            unsigned(progress.outside),
            unsigned(bytes),
        ],
    )
    .await?;
    if changed != 1 {
        return Err(StoreError::Invalid(format!(
            "job {} is not running any more",
            progress.job
        )));
    }
    let mut rows = Vec::with_capacity(progress.errors.len());
    for (position, what) in &progress.errors {
        let sealed = state.keys.names.seal(b"job_error", what.as_bytes())?;
        rows.push(values![state.id, progress.job, unsigned(*position), sealed]);
    }
    statements::INSERT_JOB_ERRORS.execute(db, rows).await?;
    Ok(())
}
