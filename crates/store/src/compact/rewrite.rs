//! Writing a window as one new pack, and the transaction that moves its references.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use everpost_domain::digest::{Digest, Hasher};
use object_store::ObjectStoreExt;

use super::CompactOptions;
use super::plan::PackRow;
use super::window::{Item, Window};
use crate::catalog::sql::{self, Value, values};
use crate::catalog::statements;
use crate::error::{Result, StoreError};
use crate::objects::MAIN;
use crate::tenant::Tenant;
use crate::vault::pack::Style;
use crate::vault::{
    FrameKind, FrameRow, ObjectKind, PIECE, PackWriter, Run, WrittenPack, list_pack, object_path,
};

/// Where a run was and where it lies in the new pack.
struct Moved {
    kind: FrameKind,
    id: i64,
    from: i64,
    to: Run,
}

/// A window as it lies in the object store.
pub(super) struct Written {
    pub(super) pack: WrittenPack,
    moved: Vec<Moved>,
    level: i64,
}

fn level(packs: &[PackRow], options: &CompactOptions) -> i64 {
    // Packs that only became too small keep the level that somebody chose for them.
    packs
        .iter()
        .map(|pack| pack.generation)
        .fold(i64::from(options.level), i64::max)
}

impl Tenant {
    /// Writes a window and reads it back. `None` if nothing in it is live.
    pub(super) async fn write_window(
        &self,
        window: &Window,
        packs: &[PackRow],
        options: &CompactOptions,
    ) -> Result<Option<Written>> {
        let level = level(packs, options);
        let objects = self.store.vault.objects.clone();
        let zstd = i32::try_from(level).unwrap_or(options.level);
        let mut writer = PackWriter::create(objects, self.state.keys.clone(), Style::zstd(zstd))
            .await?
            .framed(options.frame);
        let mut moved = Vec::with_capacity(window.items.len() + window.large.len());
        let mut held: BTreeMap<i64, Vec<(u64, Bytes)>> = BTreeMap::new();
        for item in &window.items {
            let run = writer.add(item.kind, &item.bytes).await?;
            held.entry(run.frame)
                .or_default()
                .push((run.at, item.bytes.clone()));
            moved.push(Moved {
                kind: item.kind,
                id: item.id,
                from: item.old.frame,
                to: run,
            });
        }
        let mut streamed = Vec::new();
        for item in &window.large {
            let (run, digest) = self.stream(&mut writer, window, item).await?;
            streamed.push((run, digest));
            moved.push(Moved {
                kind: item.kind,
                id: item.id,
                from: item.old.frame,
                to: run,
            });
        }
        let Some(pack) = writer.finish().await? else {
            return Ok(None);
        };
        if let Err(error) = self.read_back(&pack, held, streamed).await {
            // Nobody will name it.
            self.store
                .vault
                .objects
                .delete(&object_path("packs", &pack.name))
                .await
                .ok();
            return Err(error);
        }
        Ok(Some(Written { pack, moved, level }))
    }

    /// Moves a large run piece by piece.
    async fn stream(
        &self,
        writer: &mut PackWriter,
        window: &Window,
        item: &Item,
    ) -> Result<(Run, Digest)> {
        let mut run = writer.begin();
        let mut hasher = Hasher::new();
        let mut waiting: Vec<u8> = Vec::new();
        let (mut rest, mut frame) = (item.old.length, item.old.frame);
        let mut at = usize::try_from(item.old.at).unwrap_or(usize::MAX);
        while rest > 0 {
            let row = window.frames.get(&frame).ok_or(StoreError::Guard)?;
            let plain = self.store.vault.open(&self.state.keys, row).await?;
            let here = plain.get(at..).unwrap_or_default();
            let here = here
                .get(..usize::try_from(rest).unwrap_or(usize::MAX).min(here.len()))
                .unwrap_or_default();
            if here.is_empty() {
                return Err(StoreError::damaged(
                    format!("frame {frame}"),
                    "a run lies outside of it",
                ));
            }
            hasher.update(here);
            rest -= here.len() as u64;
            waiting.extend_from_slice(here);
            while waiting.len() >= PIECE {
                let later = waiting.split_off(PIECE);
                writer
                    .add_piece(item.kind, &mut run, std::mem::replace(&mut waiting, later))
                    .await?;
            }
            frame += 1;
            at = 0;
        }
        if !waiting.is_empty() {
            writer.add_piece(item.kind, &mut run, waiting).await?;
        }
        Ok((run, hasher.finish()))
    }

    /// Opens every frame of the new pack and compares each run with what it is to be.
    async fn read_back(
        &self,
        pack: &WrittenPack,
        mut held: BTreeMap<i64, Vec<(u64, Bytes)>>,
        streamed: Vec<(Run, Digest)>,
    ) -> Result<()> {
        let wrong = |number: i64| {
            StoreError::damaged(format!("new frame {number}"), "it is not what was written")
        };
        let mut hashers: HashMap<i64, (usize, u64)> = HashMap::new();
        let mut digests: Vec<Hasher> = Vec::with_capacity(streamed.len());
        for (place, (run, _)) in streamed.iter().enumerate() {
            digests.push(Hasher::new());
            hashers.insert(run.frame, (place, run.length));
        }
        for (number, frame) in (0i64..).zip(&pack.frames) {
            let row = FrameRow {
                id: number,
                volume: MAIN,
                pack: pack.name,
                number: u32::try_from(number).unwrap_or(u32::MAX),
                place: frame.place,
                key: frame.key.clone(),
            };
            let plain = self.store.vault.open(&self.state.keys, &row).await?;
            for (at, bytes) in held.remove(&number).unwrap_or_default() {
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                if plain.get(at..at.saturating_add(bytes.len())) != Some(bytes.as_ref()) {
                    return Err(wrong(number));
                }
            }
            // A large run goes on in the next frame.
            if let Some((place, rest)) = hashers.remove(&number) {
                let take = usize::try_from(rest).unwrap_or(usize::MAX).min(plain.len());
                if let Some(hasher) = digests.get_mut(place) {
                    hasher.update(plain.get(..take).unwrap_or_default());
                }
                let rest = rest - take as u64;
                if rest > 0 {
                    hashers.insert(number + 1, (place, rest));
                }
            }
        }
        let same = digests
            .into_iter()
            .zip(&streamed)
            .all(|(hasher, (_, digest))| hasher.finish() == *digest);
        if !same || !held.is_empty() || !hashers.is_empty() {
            return Err(wrong(0));
        }
        Ok(())
    }

    /// One transaction: the new pack's rows come, references move, the old packs' rows and
    /// keys go. [`StoreError::Guard`] if a row is not as it was read.
    pub(super) async fn swap(&self, packs: &[PackRow], written: Option<Written>) -> Result<()> {
        let mut tx = self.store.catalog.begin().await?;
        if let Some(written) = &written {
            let bucket = packs.first().map_or(self.state.bucket, |pack| pack.bucket);
            let (id, pack) = (self.id(), &written.pack);
            let first = list_pack(&mut tx, id, (bucket, MAIN), pack, written.level).await?;
            for (kind, statement) in [
                (FrameKind::Skeleton, &statements::MOVE_COPIES),
                (FrameKind::Part, &statements::MOVE_PARTS),
            ] {
                let rows: Vec<Vec<Value>> = written
                    .moved
                    .iter()
                    .filter(|moved| moved.kind == kind)
                    .map(|moved| {
                        let to = moved.to.based(first);
                        values![
                            self.id(),
                            moved.id,
                            moved.from,
                            to.frame,
                            i64::try_from(to.at).unwrap_or(i64::MAX)
                        ]
                    })
                    .collect();
                let count = rows.len() as u64;
                if statement.execute(&mut tx, rows).await? != count {
                    return Err(StoreError::Guard);
                }
            }
        }
        for pack in packs {
            let range = values![self.id(), pack.frames.0, pack.frames.1];
            if !sql::fetch(&mut tx, statements::USES_OF_FRAMES, range)
                .await?
                .is_empty()
            {
                return Err(StoreError::Guard);
            }
            let old = values![self.id(), pack.id];
            sql::execute(&mut tx, statements::DELETE_FRAMES_OF_PACK, old.clone()).await?;
            if sql::execute(&mut tx, statements::DELETE_PACK, old).await? != 1 {
                return Err(StoreError::Guard);
            }
        }
        let names = packs.iter().map(|pack| pack.name);
        self.doom(&mut tx, ObjectKind::Pack, names).await?;
        tx.commit().await?;
        Ok(())
    }
}
