//! Which copies are one message, as sets of seqs.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use crate::index::{Groups, IndexError, Searcher};

/// Copies whose message has others. Messages of one copy, nearly all, are not in it.
#[derive(Debug, Default)]
pub(crate) struct Folding {
    /// Every such copy, in order, with the number of its message in `messages`.
    linked: Vec<(u64, usize)>,
    /// The same copies.
    set: RoaringTreemap,
    /// The copies of each message, oldest first.
    messages: Vec<Vec<u64>>,
}

impl Folding {
    /// From the links in force: pairs of a copy and the older one that speaks for it.
    pub(crate) fn new(links: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut parent: BTreeMap<u64, u64> = BTreeMap::new();
        for (copy, message) in links {
            let (a, b) = (root(&parent, copy), root(&parent, message));
            parent.entry(copy).or_insert(copy);
            parent.entry(message).or_insert(message);
            // The older speaks for both.
            parent.insert(a.max(b), a.min(b));
        }
        let mut number_of: BTreeMap<u64, usize> = BTreeMap::new();
        let mut folding = Folding::default();
        for seq in parent.keys().copied() {
            let first = root(&parent, seq);
            let next = number_of.len();
            let number = *number_of.entry(first).or_insert(next);
            if number == folding.messages.len() {
                folding.messages.push(Vec::new());
            }
            if let Some(members) = folding.messages.get_mut(number) {
                members.push(seq);
            }
            folding.linked.push((seq, number));
            folding.set.insert(seq);
        }
        folding
    }

    /// Copies whose message has others.
    pub(crate) fn linked(&self) -> &RoaringTreemap {
        &self.set
    }

    /// Every copy of the message of `seq`, oldest first; none if it has one copy alone.
    pub(crate) fn members(&self, seq: u64) -> &[u64] {
        self.number(seq)
            .and_then(|number| self.messages.get(number))
            .map_or(&[], Vec::as_slice)
    }

    /// The number of the message of `seq`, if it has other copies.
    fn number(&self, seq: u64) -> Option<usize> {
        let at = self.linked.binary_search_by_key(&seq, |(seq, _)| *seq);
        Some(self.linked.get(at.ok()?)?.1)
    }

    /// The oldest copy of the message of `seq`.
    pub(crate) fn first(&self, seq: u64) -> u64 {
        self.members(seq).first().copied().unwrap_or(seq)
    }

    /// Messages of these copies.
    pub(crate) fn count(&self, copies: &RoaringTreemap) -> u64 {
        let linked = copies & &self.set;
        let mut seen = vec![false; self.messages.len()];
        let mut repeats = 0;
        for seq in &linked {
            if let Some(seen) = self.number(seq).and_then(|number| seen.get_mut(number)) {
                repeats += u64::from(std::mem::replace(seen, true));
            }
        }
        copies.len() - repeats
    }

    /// Which documents of the index are copies of one message.
    pub(crate) fn groups(&self, searcher: &Searcher) -> Result<Groups, IndexError> {
        searcher.groups(&self.set, self.messages.len(), |seq| self.number(seq))
    }
}

fn root(parent: &BTreeMap<u64, u64>, of: u64) -> u64 {
    let mut at = of;
    while let Some(next) = parent.get(&at).filter(|next| **next != at) {
        at = *next;
    }
    at
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set(seqs: &[u64]) -> RoaringTreemap {
        seqs.iter().copied().collect()
    }

    #[test]
    fn the_oldest_speaks_for_all() {
        let folding = Folding::new([(5, 2), (9, 5), (7, 3), (3, 2)]);
        assert_eq!(folding.members(7), [2, 3, 5, 7, 9]);
        assert_eq!((folding.first(9), folding.first(4)), (2, 4));
        assert_eq!(folding.count(&set(&[1, 3, 4, 9])), 3);
    }

    proptest! {
        #[test]
        fn counts_are_those_of_sets(
            links in prop::collection::vec((0u64..80, 0u64..80), 0..60),
            copies in prop::collection::btree_set(0u64..100, 0..100),
        ) {
            let folding = Folding::new(links.iter().map(|(a, b)| (*a.max(b), *a.min(b))));
            let copies: RoaringTreemap = copies.into_iter().collect();
            let firsts: BTreeSet<u64> = copies.iter().map(|seq| folding.first(seq)).collect();
            prop_assert_eq!(folding.count(&copies), firsts.len() as u64);
        }
    }
}
