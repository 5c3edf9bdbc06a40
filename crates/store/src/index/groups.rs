//! Copies that belong together, as documents of splits: however many of a group are found, it
//! counts once and is shown once.

use super::matches::{Found, Matches};
use super::search::Searcher;
use super::{IndexError, Order};
use roaring::{RoaringBitmap, RoaringTreemap};

/// Which documents of a searcher's splits belong together.
#[derive(Debug, Default)]
pub struct Groups {
    /// By split: documents of groups in order, each with the number of its group.
    parts: Vec<Vec<(u32, usize)>>,
    count: usize,
}

/// What was found, each group counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folded {
    /// Groups, and copies that are in none, for which the query holds.
    pub hits: u64,
    /// The same for which it cannot be told; a group with a hit is none of them.
    pub unknown: u64,
}

impl Searcher {
    /// Finds the documents of groups: those at `seqs`, of which `number` tells the group by a
    /// number below `count`.
    pub fn groups(
        &self,
        seqs: &RoaringTreemap,
        count: usize,
        number: impl Fn(u64) -> Option<usize>,
    ) -> Result<Groups, IndexError> {
        let of_part = |part: &super::Part| -> Result<Vec<(u32, usize)>, IndexError> {
            let opened = part.split.opened()?;
            let docs = opened.docs_of(seqs);
            let numbered = |doc: u32| Some((doc, number(opened.seq(doc))?));
            Ok(docs.iter().filter_map(numbered).collect())
        };
        Ok(Groups {
            parts: self.parts.iter().map(of_part).collect::<Result<_, _>>()?,
            count,
        })
    }
}

impl Groups {
    /// Those of `docs` that are in a group, with its number.
    fn among<'a>(
        &'a self,
        found: &Found,
        docs: &'a RoaringBitmap,
    ) -> Box<dyn Iterator<Item = (u32, usize)> + 'a> {
        let known = self.parts.get(found.part).map_or(&[][..], Vec::as_slice);
        // Few are looked up, many are walked along.
        if docs.len() < known.len() as u64 / 16 {
            Box::new(docs.iter().filter_map(move |doc| {
                let at = known.binary_search_by_key(&doc, |(doc, _)| *doc).ok()?;
                known.get(at).copied()
            }))
        } else {
            let inside = known.iter().filter(|(doc, _)| docs.contains(*doc));
            Box::new(inside.copied())
        }
    }
}

impl Matches {
    /// Counts each group once. With `leave_out`, only one copy of a group stays among what was
    /// found: the youngest, in the order of age the oldest. Copies of a group have one date,
    /// so that either is the first of them in an order by date.
    pub fn fold(&mut self, groups: &Groups, order: Order, leave_out: bool) -> Folded {
        let youngest = order != Order::OldestFirst;
        let (mut hits, mut unknown) = (self.count(), self.unknown());
        // Of each group the copy that is shown: its seq, split and document.
        let mut shown: Vec<Option<(u64, usize, u32)>> = vec![None; groups.count];
        let mut repeats: Vec<RoaringBitmap> = vec![RoaringBitmap::new(); self.found.len()];
        for (at, found) in self.found.iter().enumerate() {
            for (doc, number) in groups.among(found, &found.matched) {
                let fresh = (found.opened.seq(doc), at, doc);
                let repeat = match shown.get_mut(number) {
                    Some(slot @ None) => {
                        *slot = Some(fresh);
                        continue;
                    }
                    Some(Some(before)) if (fresh.0 > before.0) == youngest => {
                        std::mem::replace(before, fresh)
                    }
                    _ => fresh,
                };
                hits -= 1;
                if let Some(repeats) = repeats.get_mut(repeat.1) {
                    repeats.insert(repeat.2);
                }
            }
        }
        for found in &self.found {
            for (_, number) in groups.among(found, &found.unknown) {
                match shown.get_mut(number) {
                    // The first doubtful copy stands for the group.
                    Some(slot @ None) => *slot = Some((0, 0, 0)),
                    _ => unknown -= 1,
                }
            }
        }
        if leave_out {
            for (found, repeats) in self.found.iter_mut().zip(&repeats) {
                found.matched -= repeats;
            }
        }
        Folded { hits, unknown }
    }
}
