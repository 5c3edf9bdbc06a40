//! Which packs are written again together. Pure, so that "a second run does nothing" can
//! be tested without a store.

use sqlx::any::AnyRow;

use super::CompactOptions;
use crate::catalog::sql::Columns;
use crate::error::Result;
use crate::vault::pack::Name;

/// A pack as its rows describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackRow {
    pub(super) id: i64,
    pub(super) name: Name,
    pub(super) bucket: i64,
    pub(super) size: u64,
    /// The level it was written at by compaction; 0: as admission wrote it.
    pub(super) generation: i64,
    /// Ids of its frames: first and last.
    pub(super) frames: (i64, i64),
    /// Plain bytes of its frames.
    pub(super) plain: u64,
    /// Those of them that lie in frames as large as a piece.
    pub(super) full: u64,
}

impl PackRow {
    /// Reads a row of `statements::PACKS_TO_COMPACT`.
    pub(super) fn read(row: &AnyRow) -> Result<Self> {
        let natural = |column| {
            row.int(column)
                .map(|value| u64::try_from(value).unwrap_or(0))
        };
        Ok(PackRow {
            id: row.int(0)?,
            name: row.array(1)?,
            bucket: row.int(2)?,
            size: natural(3)?,
            generation: row.int(4)?,
            frames: (row.int(5)?, row.int(6)?),
            plain: natural(7)?,
            full: natural(8)?,
        })
    }

    /// Nothing to gain: large attachments, one a frame already.
    fn is_full(&self) -> bool {
        self.plain > 0 && self.full.saturating_mul(10) >= self.plain.saturating_mul(9)
    }
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Only note that this pack was looked at.
    Keep(PackRow),
    /// Make one pack of these.
    Rewrite(Vec<PackRow>),
}

impl Step {
    /// Plain bytes of the packs concerned.
    pub(super) fn plain(&self) -> u64 {
        match self {
            Step::Keep(pack) => pack.plain,
            Step::Rewrite(packs) => packs.iter().map(|pack| pack.plain).sum(),
        }
    }
}

/// What is to be done about `packs`, which are ordered by bucket and age. Each step brings
/// the packs nearer to where no step is left: it raises a generation or makes packs fewer.
pub(super) fn steps(packs: Vec<PackRow>, options: &CompactOptions) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut window: Vec<PackRow> = Vec::new();
    for pack in packs {
        let old = pack.generation < i64::from(options.level);
        if pack.is_full() {
            if old {
                steps.push(Step::Keep(pack));
            }
            continue;
        }
        // Packs below a quarter are worth joining: each is moved a few times at most
        // before it is large enough.
        if !old && pack.plain >= options.pack / 4 {
            continue;
        }
        let held: u64 = window.iter().map(|pack| pack.plain).sum();
        let fits = window
            .first()
            .is_none_or(|first| first.bucket == pack.bucket && held + pack.plain <= options.pack);
        if !fits {
            close(&mut window, options, &mut steps);
        }
        window.push(pack);
    }
    close(&mut window, options, &mut steps);
    steps
}

/// One pack that was compacted before gains nothing from being written alone.
fn close(window: &mut Vec<PackRow>, options: &CompactOptions, steps: &mut Vec<Step>) {
    let packs = std::mem::take(window);
    if packs.len() > 1
        || packs
            .iter()
            .any(|pack| pack.generation < i64::from(options.level))
    {
        steps.push(Step::Rewrite(packs));
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests may panic"
    )]
    use super::*;

    fn pack(id: i64, plain: u64, generation: i64) -> PackRow {
        PackRow {
            id,
            name: [0; 16],
            bucket: 1,
            size: plain,
            generation,
            frames: (0, 0),
            plain,
            full: 0,
        }
    }

    /// Carries the steps out on paper.
    fn run(mut packs: Vec<PackRow>, options: &CompactOptions) -> (Vec<PackRow>, usize) {
        let mut rounds = 0;
        loop {
            let steps = steps(packs.clone(), options);
            if steps.is_empty() {
                return (packs, rounds);
            }
            rounds += 1;
            for step in steps {
                let (gone, generation) = match &step {
                    Step::Keep(pack) => (vec![pack.clone()], i64::from(options.level)),
                    Step::Rewrite(old) => (
                        old.clone(),
                        old.iter()
                            .map(|pack| pack.generation)
                            .max()
                            .unwrap()
                            .max(options.level.into()),
                    ),
                };
                packs.retain(|pack| !gone.iter().any(|gone| gone.id == pack.id));
                let id = packs.iter().map(|pack| pack.id).max().unwrap_or(0) + 1;
                packs.push(PackRow {
                    full: if matches!(step, Step::Keep(_)) {
                        step.plain()
                    } else {
                        0
                    },
                    ..pack(id, step.plain(), generation)
                });
            }
            assert!(rounds < 100);
        }
    }

    #[test]
    fn every_start_comes_to_rest() {
        let options = CompactOptions {
            level: 9,
            pack: 1000,
            frame: 10,
        };
        let mut dice = crate::trial::Dice::new(5);
        for _ in 0..500 {
            let packs: Vec<PackRow> = (0..dice.below(40))
                .map(|id| {
                    let mut pack =
                        pack(id as i64, dice.below(1500) as u64, dice.below(3) as i64 * 6);
                    pack.full = if dice.below(5) == 0 { pack.plain } else { 0 };
                    pack
                })
                .collect();
            let plain: u64 = packs.iter().map(|pack| pack.plain).sum();
            let (rested, _) = run(packs, &options);
            assert_eq!(rested.iter().map(|pack| pack.plain).sum::<u64>(), plain);
            let small = rested
                .iter()
                .filter(|pack| pack.plain < 250 && !pack.is_full())
                .count();
            assert!(small <= 1, "{small} small packs remain");
            assert!(rested.iter().all(|pack| pack.generation >= 9));
        }
    }

    #[test]
    fn a_window_is_at_most_one_pack() {
        let options = CompactOptions {
            level: 9,
            pack: 1000,
            frame: 10,
        };
        let packs: Vec<PackRow> = (0..10).map(|id| pack(id, 300, 0)).collect();
        let windows = steps(packs, &options);
        assert_eq!(windows.len(), 4);
        assert!(windows.iter().all(|step| step.plain() <= 1000));
    }
}
