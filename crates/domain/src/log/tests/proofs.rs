//! Proofs of inclusion and consistency.

use super::*;

const LARGEST: u64 = 300;

/// Hashes of complete subtrees, made without tiles.
struct Table(Vec<Vec<Digest>>);

impl Table {
    fn new(leaves: &[Digest]) -> Self {
        let mut levels = vec![leaves.to_vec()];
        while levels.last().unwrap().len() > 1 {
            let pairs = levels.last().unwrap().chunks_exact(2);
            levels.push(pairs.map(|pair| node_hash(&pair[0], &pair[1])).collect());
        }
        Table(levels)
    }
}

impl Hashes for Table {
    fn hash(&self, level: u32, index: u64) -> Option<Digest> {
        self.0.get(level as usize)?.get(index as usize).copied()
    }
}

/// PATH of RFC 9162 §2.1.3.1.
fn path(m: usize, d: &[Digest]) -> Vec<Digest> {
    if d.len() == 1 {
        return Vec::new();
    }
    let k = d.len().next_power_of_two() / 2;
    let (mut below, beside) = if m < k {
        (path(m, &d[..k]), mth(&d[k..]))
    } else {
        (path(m - k, &d[k..]), mth(&d[..k]))
    };
    below.push(beside);
    below
}

/// SUBPROOF of RFC 9162 §2.1.4.1.
fn subproof(m: usize, d: &[Digest], b: bool) -> Vec<Digest> {
    if m == d.len() {
        return if b { Vec::new() } else { vec![mth(d)] };
    }
    let k = d.len().next_power_of_two() / 2;
    let (mut below, beside) = if m <= k {
        (subproof(m, &d[..k], b), mth(&d[k..]))
    } else {
        (subproof(m - k, &d[k..], false), mth(&d[..k]))
    };
    below.push(beside);
    below
}

#[test]
fn inclusion_of_all_leaves_in_all_sizes() {
    let leaves = leaves(LARGEST);
    let table = Table::new(&leaves);
    for size in 0..=LARGEST {
        let root = mth(&leaves[..size as usize]);
        assert!(ProofPlan::inclusion(size, size).is_err());
        for index in 0..size {
            let proof = ProofPlan::inclusion(index, size)
                .unwrap()
                .prove(&table)
                .unwrap();
            assert_eq!(
                verify_inclusion(&leaf(index), index, size, &proof, &root),
                Ok(())
            );
            if size % 50 < 3 {
                assert_eq!(proof, path(index as usize, &leaves[..size as usize]));
            }
        }
    }
}

#[test]
fn consistency_of_all_pairs_of_sizes() {
    let leaves = leaves(LARGEST);
    let table = Table::new(&leaves);
    let roots: Vec<_> = (0..=LARGEST as usize)
        .map(|size| mth(&leaves[..size]))
        .collect();
    for size in 0..=LARGEST {
        assert!(ProofPlan::consistency(size + 1, size).is_err());
        let root = &roots[size as usize];
        for old in 0..=size {
            let proof = ProofPlan::consistency(old, size)
                .unwrap()
                .prove(&table)
                .unwrap();
            let old_root = &roots[old as usize];
            assert_eq!(
                verify_consistency(old, old_root, size, root, &proof),
                Ok(())
            );
            if old > 0 && size % 50 < 3 {
                assert_eq!(
                    proof,
                    subproof(old as usize, &leaves[..size as usize], true)
                );
            }
        }
    }
}

/// The proofs that a store makes from the tiles it has are the same, also for sizes it
/// has outgrown.
#[test]
fn proofs_from_tiles() {
    let leaves = leaves(70_000);
    let log = Log::new(&leaves);
    let sizes = [
        1, 2, 255, 256, 257, 511, 4096, 65_535, 65_536, 65_537, 69_999, 70_000,
    ];
    for size in sizes {
        let root = mth(&leaves[..size as usize]);
        for index in [0, 1, size / 3, size / 2, size - 1]
            .into_iter()
            .filter(|i| *i < size)
        {
            let proof = log.prove(&ProofPlan::inclusion(index, size).unwrap());
            assert_eq!(
                verify_inclusion(&leaf(index), index, size, &proof, &root),
                Ok(())
            );
        }
        for old in sizes.into_iter().filter(|old| *old <= size) {
            let proof = log.prove(&ProofPlan::consistency(old, size).unwrap());
            let old_root = mth(&leaves[..old as usize]);
            assert_eq!(
                verify_consistency(old, &old_root, size, &root, &proof),
                Ok(())
            );
        }
    }
    let plan = ProofPlan::inclusion(0, 70_000).unwrap();
    assert!(plan.tiles(70_000).len() <= 6);
    assert!(plan.prove(&TileSet::of_tail(&log.tail)).is_err());
}

/// Calls `test` with each single bit of `hash` flipped.
fn flips(hash: &Digest, mut test: impl FnMut(Digest)) {
    for bit in 0..256 {
        let mut flipped = *hash;
        flipped.0[bit / 8] ^= 1 << (bit % 8);
        test(flipped);
    }
}

/// Calls `test` with all that is nearly the proof.
fn wrong_proofs(proof: &[Digest], mut test: impl FnMut(&[Digest])) {
    for i in 0..proof.len() {
        let mut wrong = proof.to_vec();
        flips(&proof[i], |flipped| {
            wrong[i] = flipped;
            test(&wrong);
        });
        test(&proof[..i]);
        test(&[&proof[..i], &proof[i + 1..]].concat());
    }
    test(&[proof, &[leaf(0)]].concat());
    test(&[&[leaf(0)], proof].concat());
}

#[test]
fn any_changed_bit_breaks_inclusion() {
    let all = leaves(LARGEST);
    let table = Table::new(&all);
    let cases = (1..=9).flat_map(|size| (0..size).map(move |index| (index, size)));
    for (index, size) in cases.chain([(0, 300), (255, 300), (256, 257), (299, 300)]) {
        let root = mth(&all[..size as usize]);
        let leaf = leaf(index);
        let proof = ProofPlan::inclusion(index, size)
            .unwrap()
            .prove(&table)
            .unwrap();
        wrong_proofs(&proof, |wrong| {
            assert!(verify_inclusion(&leaf, index, size, wrong, &root).is_err());
        });
        flips(&leaf, |wrong| {
            assert!(verify_inclusion(&wrong, index, size, &proof, &root).is_err())
        });
        flips(&root, |wrong| {
            assert!(verify_inclusion(&leaf, index, size, &proof, &wrong).is_err())
        });
        for other in (0..size + 2).filter(|other| *other != index) {
            assert!(verify_inclusion(&leaf, other, size, &proof, &root).is_err());
        }
    }
}

#[test]
fn any_changed_bit_breaks_consistency() {
    let all = leaves(LARGEST);
    let table = Table::new(&all);
    let cases = (1..=9).flat_map(|size| (1..=size).map(move |old| (old, size)));
    for (old, size) in cases.chain([(1, 300), (255, 300), (256, 300), (299, 300)]) {
        let (old_root, root) = (mth(&all[..old as usize]), mth(&all[..size as usize]));
        let proof = ProofPlan::consistency(old, size)
            .unwrap()
            .prove(&table)
            .unwrap();
        wrong_proofs(&proof, |wrong| {
            assert!(verify_consistency(old, &old_root, size, &root, wrong).is_err());
        });
        flips(&old_root, |wrong| {
            assert!(verify_consistency(old, &wrong, size, &root, &proof).is_err());
        });
        flips(&root, |wrong| {
            assert!(verify_consistency(old, &old_root, size, &wrong, &proof).is_err());
        });
        assert_eq!(
            verify_consistency(size + 1, &old_root, size, &root, &proof),
            Err(ProofError::Shrunk)
        );
    }
}

#[test]
fn the_empty_tree_has_one_root() {
    let root = mth(&leaves(3));
    assert_eq!(verify_consistency(0, &empty_root(), 3, &root, &[]), Ok(()));
    assert_eq!(
        verify_consistency(0, &root, 3, &root, &[]),
        Err(ProofError::OldRoot)
    );
    assert_eq!(
        verify_consistency(0, &empty_root(), 0, &root, &[]),
        Err(ProofError::Root)
    );
    assert_eq!(
        verify_consistency(0, &empty_root(), 3, &root, &[root]),
        Err(ProofError::Length)
    );
}

/// Who kept a checkpoint notices that a leaf before it was dropped, changed or moved,
/// whatever proof the log then makes of what it has left.
#[test]
fn a_dropped_leaf_is_detected() {
    let (old, size) = (200usize, 260u64);
    let honest = leaves(size + 1);
    let old_root = mth(&honest[..old]);
    for victim in 0..old {
        let mut dropped = honest.clone();
        dropped.remove(victim);
        let mut changed = leaves(size);
        changed[victim].0[0] ^= 1;
        let mut moved = leaves(size);
        moved.swap(victim, victim + 1);
        // A swap across the boundary also changes what was before it.
        for forged in [dropped, changed, moved] {
            let root = mth(&forged);
            let plan = ProofPlan::consistency(old as u64, size).unwrap();
            let proof = plan.prove(&Table::new(&forged)).unwrap();
            let verdict = verify_consistency(old as u64, &old_root, size, &root, &proof);
            assert_eq!(verdict, Err(ProofError::OldRoot));
            let honest_proof = plan.prove(&Table::new(&honest)).unwrap();
            assert!(verify_consistency(old as u64, &old_root, size, &root, &honest_proof).is_err());
        }
    }
}
