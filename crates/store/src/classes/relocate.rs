//! Moving copies to another bucket: read, written anew as their class says, read back, and
//! swapped in one guarded transaction.

use std::collections::{BTreeMap, HashMap};

use everpost_domain::class::StorageClass;
use everpost_domain::digest::{Digest, Hasher};
use object_store::ObjectStoreExt;
use ring::hmac;
use sqlx::AnyConnection;

use super::ClassReport;
use crate::catalog::sql::{self, Columns, Value, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::compact::conversation::{Talk, order};
use crate::copy::CopyRow;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;
use crate::vault::pack::Style;
use crate::vault::{
    FrameKind, FrameRow, PIECE, PackWriter, Run, WrittenPack, list_pack, object_path,
};
use crate::verify::Bad;

/// How often a group is moved again because its rows changed meanwhile.
const ATTEMPTS: usize = 4;

/// Where copies go.
pub(super) struct Target<'a> {
    pub(super) id: i64,
    pub(super) class: &'a StorageClass,
    /// The month in which they are free; 0 where nothing is locked.
    pub(super) release: i64,
}

/// A bucket that takes copies.
struct Into {
    bucket: i64,
    key: hmac::Key,
    volume: i64,
}

/// A part of a copy, as it was read.
#[derive(Clone, Copy)]
struct Part {
    id: i64,
    run: Run,
}

/// A part in the new bucket.
#[derive(Clone, Copy)]
enum NewPart {
    /// It was there.
    Stored(i64),
    /// By place among those that are written.
    Written(usize),
}

/// Copies as they lie in a new pack.
struct Written {
    pack: Option<WrittenPack>,
    /// By place among the copies.
    skeletons: Vec<Run>,
    parts: Vec<([u8; 32], Run)>,
    /// Of each copy, its parts in order.
    of_copies: Vec<Vec<NewPart>>,
    /// What stood in the bucket when it was decided which parts are new.
    known: BTreeMap<[u8; 32], i64>,
}

impl Tenant {
    /// Moves copies; returns how many, and their raw bytes. What cannot be read is named in the
    /// report and stays.
    pub(super) async fn relocate(
        &self,
        target: &Target<'_>,
        mut copies: Vec<CopyRow>,
        report: &mut ClassReport,
    ) -> Result<(u64, u64)> {
        let into = self.bucket_of(target).await?;
        // Neighbours in a conversation compress each other.
        let talks = copies.iter().map(|copy| {
            let head = copy.head(&self.state.keys).unwrap_or_default();
            Talk::new(copy.id, &head)
        });
        let orders = order(talks.collect());
        copies.sort_by_key(|copy| (orders.get(&copy.id).copied().unwrap_or_default(), copy.id));
        for _ in 0..ATTEMPTS {
            let mut parts = Vec::with_capacity(copies.len());
            let mut db = self.store.catalog.read().await?;
            let mut readable = Vec::with_capacity(copies.len());
            for copy in copies {
                // Whole and right, or left where it is.
                match self.read_copy(&mut db, &copy, |_| Ok(())).await {
                    Ok(()) => {
                        parts.push(self.parts(&mut db, copy.id).await?);
                        readable.push(copy);
                    }
                    Err(error) => report
                        .bad
                        .push(Bad::of(format!("copy {}", copy.digest), error)?),
                }
            }
            copies = readable;
            if copies.is_empty() {
                return Ok((0, 0));
            }
            let written = self
                .write_copies(&mut db, &into, target.class, &copies, &parts)
                .await?;
            drop(db);
            let pack = written.pack.as_ref().map(|pack| pack.name);
            match self.swap_copies(&into, &copies, &parts, written).await {
                Ok(()) => {
                    return Ok((
                        copies.len() as u64,
                        copies.iter().map(|copy| copy.size).sum(),
                    ));
                }
                Err(StoreError::Guard) => {
                    // Nobody will name it, and nobody has locked it.
                    if let Some(name) = pack {
                        let volume = self.store.vault.volumes.of(into.volume)?;
                        let path = object_path("packs", &name);
                        volume.objects.delete(&path).await.ok();
                    }
                    copies = self.still_there(copies).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Guard)
    }

    /// Copies whose rows were moved meanwhile are looked up again; those in another bucket by now
    /// are somebody else's.
    async fn still_there(&self, copies: Vec<CopyRow>) -> Result<Vec<CopyRow>> {
        let mut db = self.store.catalog.read().await?;
        let mut there = Vec::with_capacity(copies.len());
        for copy in copies {
            let now = self.copy_row(&mut db, copy.id).await?;
            if now.bucket == copy.bucket {
                there.push(now);
            }
        }
        Ok(there)
    }

    /// The bucket of a class and month, made where there is none.
    async fn bucket_of(&self, target: &Target<'_>) -> Result<Into> {
        let mut tx = self.store.catalog.begin().await?;
        self.store
            .vault
            .learn_volumes(&mut tx, &self.state.keys)
            .await?;
        let volume = self.volume_number(&mut tx, &target.class.volume).await?;
        let ask = values![self.id(), target.id, target.release];
        let bucket = match sql::fetch_optional(&mut tx, statements::BUCKETS, ask).await? {
            Some(row) => row.int(0)?,
            None => {
                let id = take_ids(&mut tx, Counter::Bucket, 1).await?;
                let row = values![id, self.id(), target.id, target.release];
                sql::execute(&mut tx, statements::INSERT_BUCKET, row).await?;
                id
            }
        };
        tx.commit().await?;
        Ok(Into {
            bucket,
            key: self.state.keys.bucket(bucket),
            volume,
        })
    }

    /// The parts of a copy, in their order.
    async fn parts(&self, db: &mut AnyConnection, copy: i64) -> Result<Vec<Part>> {
        let rows = sql::fetch(db, statements::PARTS_OF_COPY, values![self.id(), copy]).await?;
        let read = |row: &sqlx::any::AnyRow| {
            Ok(Part {
                id: row.int(0)?,
                run: Run {
                    frame: row.int(1)?,
                    at: row.int(2)?.unsigned_abs(),
                    length: row.int(3)?.unsigned_abs(),
                },
            })
        };
        rows.iter().map(read).collect()
    }

    /// Writes copies into a new pack of the class's volume, and reads it back.
    async fn write_copies(
        &self,
        db: &mut AnyConnection,
        into: &Into,
        class: &StorageClass,
        copies: &[CopyRow],
        parts: &[Vec<Part>],
    ) -> Result<Written> {
        let (vault, keys) = (&self.store.vault, &self.state.keys);
        let objects = vault.volumes.of(into.volume)?.objects;
        let style = Style {
            compression: class.compression,
            cipher: class.cipher,
        };
        let mut writer = PackWriter::create(objects, keys.clone(), style).await?;
        let mut written = Written {
            pack: None,
            skeletons: Vec::with_capacity(copies.len()),
            parts: Vec::new(),
            of_copies: Vec::with_capacity(copies.len()),
            known: BTreeMap::new(),
        };
        let mut checks: Vec<(Run, Digest)> = Vec::new();
        let mut placed: HashMap<i64, NewPart> = HashMap::new();
        let mut by_address: HashMap<[u8; 32], NewPart> = HashMap::new();
        for (copy, parts) in copies.iter().zip(parts) {
            let mut skeleton = Vec::new();
            vault
                .read_run(db, keys, copy.skeleton, |bytes| {
                    skeleton.extend_from_slice(bytes);
                    Ok(())
                })
                .await?;
            let run = writer.add(FrameKind::Skeleton, &skeleton).await?;
            checks.push((run, Digest::of(&skeleton)));
            written.skeletons.push(run);
            let mut of_copy = Vec::with_capacity(parts.len());
            for part in parts {
                if let Some(new) = placed.get(&part.id) {
                    of_copy.push(*new);
                    continue;
                }
                let mut hasher = Hasher::new();
                vault
                    .read_run(db, keys, part.run, |bytes| {
                        hasher.update(bytes);
                        Ok(())
                    })
                    .await?;
                let digest = hasher.finish();
                let address = into.address(&digest);
                let new = match by_address.get(&address) {
                    Some(new) => *new,
                    None => match self.part_in(db, into, &address).await? {
                        Some(id) => {
                            written.known.insert(address, id);
                            NewPart::Stored(id)
                        }
                        None => {
                            let run = self.copy_part(db, &mut writer, part.run).await?;
                            checks.push((run, digest));
                            written.parts.push((address, run));
                            NewPart::Written(written.parts.len() - 1)
                        }
                    },
                };
                by_address.insert(address, new);
                placed.insert(part.id, new);
                of_copy.push(new);
            }
            written.of_copies.push(of_copy);
        }
        written.pack = writer.finish().await?;
        if let Some(pack) = &written.pack {
            self.read_back_runs(pack, into.volume, checks).await?;
        }
        Ok(written)
    }

    /// A part that lies in the bucket already.
    async fn part_in(
        &self,
        db: &mut AnyConnection,
        into: &Into,
        address: &[u8; 32],
    ) -> Result<Option<i64>> {
        let ask = values![self.id(), into.bucket, Digest(*address).prefix()];
        for row in statements::FIND_PARTS.fetch(db, vec![ask]).await? {
            if row.array::<32>(1)? == *address {
                return Ok(Some(row.int(0)?));
            }
        }
        Ok(None)
    }

    /// Writes a part's bytes; a large one piece by piece.
    async fn copy_part(
        &self,
        db: &mut AnyConnection,
        writer: &mut PackWriter,
        run: Run,
    ) -> Result<Run> {
        let (vault, keys) = (&self.store.vault, &self.state.keys);
        let mut rest = Run { ..run };
        if run.length <= PIECE as u64 {
            let mut whole = Vec::new();
            vault
                .read_run(db, keys, run, |bytes| {
                    whole.extend_from_slice(bytes);
                    Ok(())
                })
                .await?;
            return writer.add(FrameKind::Part, &whole).await;
        }
        // A run of more than a piece begins a frame, and each piece of it is one.
        let mut new = writer.begin();
        while rest.length > 0 {
            let here = Run {
                length: rest.length.min(PIECE as u64),
                ..rest
            };
            let mut piece = Vec::new();
            vault
                .read_run(db, keys, here, |bytes| {
                    piece.extend_from_slice(bytes);
                    Ok(())
                })
                .await?;
            writer.add_piece(FrameKind::Part, &mut new, piece).await?;
            rest = Run {
                frame: rest.frame + 1,
                at: 0,
                length: rest.length - here.length,
            };
        }
        Ok(new)
    }

    /// Opens every frame of a new pack and compares each run with what it is to be.
    async fn read_back_runs(
        &self,
        pack: &WrittenPack,
        volume: i64,
        mut checks: Vec<(Run, Digest)>,
    ) -> Result<()> {
        checks.sort_by_key(|(run, _)| (run.frame, run.at));
        let mut checks = checks.into_iter().peekable();
        let wrong = |number: i64| {
            StoreError::damaged(format!("new frame {number}"), "it is not what was written")
        };
        // What a run of several frames still wants.
        let mut open: Option<(Hasher, u64, Digest)> = None;
        for (number, frame) in (0i64..).zip(&pack.frames) {
            let row = FrameRow {
                id: number,
                volume,
                pack: pack.name,
                number: u32::try_from(number).unwrap_or(u32::MAX),
                place: frame.place,
                key: frame.key.clone(),
            };
            let plain = self.store.vault.open(&self.state.keys, &row).await?;
            if let Some((mut hasher, rest, digest)) = open.take() {
                let take = usize::try_from(rest).unwrap_or(usize::MAX).min(plain.len());
                hasher.update(plain.get(..take).unwrap_or_default());
                let rest = rest - take as u64;
                if rest > 0 {
                    open = Some((hasher, rest, digest));
                } else if hasher.finish() != digest {
                    return Err(wrong(number));
                }
            }
            while let Some((run, digest)) = checks.next_if(|(run, _)| run.frame == number) {
                let at = usize::try_from(run.at).unwrap_or(usize::MAX);
                let length = usize::try_from(run.length).unwrap_or(usize::MAX);
                let here = plain.get(at..).unwrap_or_default();
                let take = length.min(here.len());
                let mut hasher = Hasher::new();
                hasher.update(here.get(..take).unwrap_or_default());
                if take < length {
                    open = Some((hasher, (length - take) as u64, digest));
                } else if hasher.finish() != digest {
                    return Err(wrong(number));
                }
            }
        }
        match open.is_none() && checks.next().is_none() {
            true => Ok(()),
            false => Err(wrong(0)),
        }
    }

    /// One transaction: the new rows come, references move, parts that nobody has any more go.
    /// [`StoreError::Guard`] if anything is not as it was read.
    async fn swap_copies(
        &self,
        into: &Into,
        copies: &[CopyRow],
        parts: &[Vec<Part>],
        written: Written,
    ) -> Result<()> {
        let mut tx = self.store.catalog.begin().await?;
        let tenant = self.id();
        for (address, id) in &written.known {
            if self.part_in(&mut tx, into, address).await? != Some(*id) {
                return Err(StoreError::Guard);
            }
        }
        for (address, _) in &written.parts {
            if self.part_in(&mut tx, into, address).await?.is_some() {
                return Err(StoreError::Guard);
            }
        }
        let place = (into.bucket, into.volume);
        let first = match &written.pack {
            Some(pack) => list_pack(&mut tx, tenant, place, pack, 0).await?,
            None => 0,
        };
        let new = take_ids(&mut tx, Counter::Part, written.parts.len()).await?;
        let rows = (0i64..)
            .zip(&written.parts)
            .map(|(number, (address, run))| {
                let run = run.based(first);
                values![
                    new + number,
                    tenant,
                    into.bucket,
                    Digest(*address).prefix(),
                    address.to_vec(),
                    whole(run.length),
                    run.frame,
                    whole(run.at),
                ]
            });
        statements::INSERT_PARTS
            .execute(&mut tx, rows.collect())
            .await?;
        let moved: Vec<Vec<Value>> = copies
            .iter()
            .zip(&written.skeletons)
            .map(|(copy, run)| {
                let run = run.based(first);
                values![
                    tenant,
                    copy.id,
                    copy.bucket,
                    copy.skeleton.frame,
                    into.bucket,
                    run.frame,
                    whole(run.at),
                ]
            })
            .collect();
        let count = moved.len() as u64;
        if statements::RELOCATE_COPIES.execute(&mut tx, moved).await? != count {
            return Err(StoreError::Guard);
        }
        let ids = copies.iter().map(|copy| values![tenant, copy.id]);
        statements::DELETE_COPY_PARTS
            .execute(&mut tx, ids.collect())
            .await?;
        let mut rows = Vec::new();
        for (copy, parts) in copies.iter().zip(&written.of_copies) {
            for (ordinal, part) in (0i64..).zip(parts) {
                let part = match part {
                    NewPart::Stored(id) => *id,
                    NewPart::Written(place) => new + i64::try_from(*place).unwrap_or(i64::MAX),
                };
                rows.push(values![tenant, copy.id, ordinal, part]);
            }
        }
        statements::INSERT_COPY_PARTS.execute(&mut tx, rows).await?;
        let mut old: Vec<i64> = parts.iter().flatten().map(|part| part.id).collect();
        old.sort_unstable();
        old.dedup();
        let old = old.into_iter().map(|id| values![tenant, id]);
        statements::DELETE_IDLE_PARTS
            .execute(&mut tx, old.collect())
            .await?;
        tx.commit().await
    }
}

impl Into {
    /// The address of a part in this bucket.
    fn address(&self, digest: &Digest) -> [u8; 32] {
        let tag = hmac::sign(&self.key, &digest.0);
        tag.as_ref()
            .first_chunk::<32>()
            .copied()
            .unwrap_or_default()
    }
}

fn whole(length: u64) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
