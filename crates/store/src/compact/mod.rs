//! Compaction: small packs become large ones, fast compression becomes strong, and what is
//! neighbours in a conversation becomes neighbours in a frame.
//!
//! ```text
//! packs of a window → frames opened once → live runs sorted → new pack, put and read back
//!                   → one guarded transaction: new rows, references moved, old rows and keys gone
//!                   → old objects deleted, where other nodes may read them an hour later
//! ```
//! **Invariant.** At every instant each reference names a frame that exists: a new pack is
//! durable before the transaction, an old one goes after it. Whoever dies between leaves an
//! object that no row names or a doomed one, and the next run finds the rows either all moved or
//! none. What
//! was written is read back and compared before what it replaces goes.
//!
//! A new frame has a new key and the old key's row is deleted, so that what was erased
//! before cannot be opened from the old objects either.

pub(crate) mod conversation;
mod plan;
mod rewrite;
#[cfg(test)]
mod tests;
mod window;

use std::collections::HashSet;

use object_store::ObjectStoreExt;

use crate::catalog::sql::{self, values};
use crate::catalog::{Work, statements};
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;
use crate::vault::object_path;
use crate::verify::Bad;
use plan::{PackRow, Step};
use window::Loaded;

/// How to compact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactOptions {
    /// zstd's level. Packs written at a lower one are written again.
    pub level: i32,
    /// Plain bytes that make a pack; as many are held in memory.
    pub pack: u64,
    /// Plain bytes that make a frame, the smallest unit that is read.
    pub frame: usize,
}

/// Measured on linux-raid (70 MB): level 9 packs to 0.221 of raw, 12 to 0.220 for three times
/// the CPU, 19 to 0.215 for twenty times. Frames of 1 MiB would give 0.197, but then each
/// damaged or erased mail concerns four times as many others.
impl Default for CompactOptions {
    fn default() -> Self {
        CompactOptions {
            level: 9,
            pack: 64 << 20,
            frame: 256 << 10,
        }
    }
}

/// What compaction did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompactReport {
    /// Packs that went.
    pub old_packs: u64,
    /// Their bytes.
    pub old_bytes: u64,
    /// Packs that came.
    pub new_packs: u64,
    /// Their bytes.
    pub new_bytes: u64,
    /// Copies and parts that were moved.
    pub moved: u64,
    /// Packs left as they are: nothing but full frames.
    pub kept: u64,
    /// Packs left as they are because something in them is damaged.
    pub bad: Vec<Bad>,
}

/// How far compaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactProgress {
    /// Plain bytes written again.
    pub done: u64,
    /// Plain bytes there are to do.
    pub total: u64,
}

/// How often a step is tried again because its rows changed meanwhile.
const ATTEMPTS: usize = 4;

impl Tenant {
    /// Writes packs again that are small or were written at a lower level, until none is
    /// left. A second run finds nothing to do.
    pub async fn compact(
        &self,
        options: &CompactOptions,
        mut progress: impl FnMut(CompactProgress) + Send,
    ) -> Result<CompactReport> {
        let Some(lease) = self.store.catalog.lease(self.id(), Work::Compact).await? else {
            return Err(StoreError::Invalid("another node is compacting".into()));
        };
        let report = self.compact_all(options, &mut progress).await;
        lease.give_back().await;
        report
    }

    /// As [`Tenant::compact`], whoever else compacts.
    pub(crate) async fn compact_all(
        &self,
        options: &CompactOptions,
        progress: &mut (impl FnMut(CompactProgress) + Send),
    ) -> Result<CompactReport> {
        let mut report = CompactReport::default();
        let mut skipped = HashSet::new();
        let (mut done, mut failures) = (0, 0);
        loop {
            let steps = plan::steps(self.packs_to_plan(&skipped).await?, options);
            if steps.is_empty() {
                return Ok(report);
            }
            let total = done + steps.iter().map(Step::plain).sum::<u64>();
            for step in steps {
                progress(CompactProgress { done, total });
                match self.compact_step(&step, options, &mut report).await {
                    // A pack that cannot be read stays as it is; the others go on.
                    Ok(Some((pack, bad))) => {
                        skipped.insert(pack);
                        report.bad.push(bad);
                    }
                    Ok(None) => done += step.plain(),
                    Err(StoreError::Guard) if failures < ATTEMPTS => {
                        failures += 1;
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
            progress(CompactProgress { done, total });
        }
    }

    /// Carries one step out; gives back a pack that could not be read.
    async fn compact_step(
        &self,
        step: &Step,
        options: &CompactOptions,
        report: &mut CompactReport,
    ) -> Result<Option<(i64, Bad)>> {
        let packs = match step {
            Step::Keep(pack) => {
                let mut tx = self.store.catalog.begin().await?;
                let values = values![self.id(), pack.id, i64::from(options.level)];
                sql::execute(&mut tx, statements::SET_GENERATION, values).await?;
                tx.commit().await?;
                report.kept += 1;
                return Ok(None);
            }
            Step::Rewrite(packs) => packs,
        };
        let window = match self.load_window(packs).await? {
            Loaded::Window(window) => window,
            Loaded::Damaged(pack, bad) => {
                // One that another node compacted meanwhile, whose lease was thought to be over.
                let mut db = self.store.catalog.read().await?;
                let listed = values![self.id(), pack];
                return match sql::fetch_optional(&mut db, statements::PACK_IS_LISTED, listed)
                    .await?
                {
                    Some(_) => Ok(Some((pack, bad))),
                    None => Err(StoreError::Guard),
                };
            }
        };
        let written = self.write_window(&window, packs, options).await?;
        let new = written
            .as_ref()
            .map(|written| (written.pack.name, written.pack.size));
        let moved = window.moved();
        match self.swap(packs, written).await {
            Ok(()) => {}
            Err(error) => {
                // If rows may have been committed nothing is deleted: a pack too many is an orphan.
                if let (StoreError::Guard, Some((name, _))) = (&error, new) {
                    self.store
                        .vault
                        .objects
                        .delete(&object_path("packs", &name))
                        .await
                        .ok();
                }
                return Err(error);
            }
        }
        // Opened frames of keys that are gone must not be read any more.
        self.store.vault.forget();
        self.remove_doomed().await?;
        for pack in packs {
            report.old_packs += 1;
            report.old_bytes += pack.size;
        }
        if let Some((_, size)) = new {
            report.new_packs += 1;
            report.new_bytes += size;
        }
        report.moved += moved;
        Ok(None)
    }

    async fn packs_to_plan(&self, skipped: &HashSet<i64>) -> Result<Vec<PackRow>> {
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statements::PACKS_TO_COMPACT, values![self.id()]).await?;
        let mut packs = rows.iter().map(PackRow::read).collect::<Result<Vec<_>>>()?;
        packs.retain(|pack| !skipped.contains(&pack.id));
        Ok(packs)
    }
}
