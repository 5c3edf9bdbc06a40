//! Folding against a plain count.

use super::*;
use everpost_domain::query::parse;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

const COPIES: u64 = 90;

/// What a copy answers to the query `found`.
fn answer(seq: u64) -> Option<bool> {
    match seq % 5 {
        0 => None,
        rest => Some(rest < 4),
    }
}

/// Three splits: one whose seqs rise, one whose seqs don't, one between the two.
static SEARCHER: LazyLock<Searcher> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let cache = Arc::new(BlockCache::new(1 << 20));
    let copy = |seq: u64| {
        let mut copy = plain(
            seq,
            if answer(seq) == Some(true) {
                "found"
            } else {
                ""
            },
        );
        copy.text.body_unread = answer(seq).is_none();
        copy
    };
    let all = || (0..COPIES).map(copy);
    let rising: Vec<Copy> = all().filter(|copy| copy.seq % 3 == 0).collect();
    let falling: Vec<Copy> = all().rev().filter(|copy| copy.seq % 3 == 1).collect();
    let turned: Vec<Copy> = all()
        .filter(|copy| copy.seq % 3 == 2 && copy.seq >= 40)
        .chain(all().filter(|copy| copy.seq % 3 == 2 && copy.seq < 40))
        .collect();
    let splits = [rising, falling, turned];
    Searcher::new(splits.map(|some| open(&build(&some, dir.path(), &KEY).unwrap(), &KEY, &cache)))
});

proptest! {
    #[test]
    fn a_group_counts_once(
        groups in prop::collection::btree_map(0..COPIES, 0usize..12, 0..60),
        youngest: bool,
        leave_out: bool,
    ) {
        let query = parse("body:found").unwrap();
        let question = Question { query: &query, sets: &|_| None, visible: None, hidden: None };
        let mut matches = SEARCHER.matches(&question).unwrap();
        prop_assert_eq!(matches.count(), (0..COPIES).filter(|seq| answer(*seq) == Some(true)).count() as u64);

        let seqs = groups.keys().copied().collect();
        let known = SEARCHER.groups(&seqs, 12, |seq| groups.get(&seq).copied()).unwrap();
        let order = if youngest { Order::NewestFirst } else { Order::OldestFirst };
        let folded = matches.fold(&known, order, leave_out);

        // A copy without a group is one of its own.
        let name = |seq: u64| groups.get(&seq).map_or((1, seq), |number| (0, *number as u64));
        let mut hits: BTreeMap<(u8, u64), BTreeSet<u64>> = BTreeMap::new();
        for seq in (0..COPIES).filter(|seq| answer(*seq) == Some(true)) {
            hits.entry(name(seq)).or_default().insert(seq);
        }
        let open: BTreeSet<(u8, u64)> = (0..COPIES)
            .filter(|seq| answer(*seq).is_none())
            .map(name)
            .filter(|name| !hits.contains_key(name))
            .collect();
        prop_assert_eq!((folded.hits, folded.unknown), (hits.len() as u64, open.len() as u64));
        let shown = hits.values().flat_map(|members| match (leave_out, youngest) {
            (false, _) => members.clone(),
            (true, true) => members.last().copied().into_iter().collect(),
            (true, false) => members.first().copied().into_iter().collect(),
        });
        prop_assert_eq!(matches.seqs(), shown.collect::<RoaringTreemap>());
    }
}
