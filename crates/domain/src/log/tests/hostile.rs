//! No input makes the log's readers panic, and what they accept prints as it was read.

use proptest::prelude::*;

use super::*;

const NOTE: &str = "log\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— log AAAAAAAA\n";
const FORK: &str = "everpost fork notice v1\norigin log\nepoch 2\n\
                    kept 5 CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nprevious\n";
const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

fn read_all(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
    }
    if let Ok(tail) = Tail::decode(bytes) {
        assert_eq!(tail.size(), Tail::decode(&tail.encode()).unwrap().size());
        tail.root();
    }
    if let Ok(frontier) = Frontier::decode(bytes) {
        frontier.root();
    }
    let _ = CaptureRecord::decode(bytes);
    let _ = ActionRecord::decode(bytes);
    let _ = ForkNotice::decode(bytes);
    if let Some(leaf) = bytes.first_chunk::<LEAF_BYTES>() {
        let _ = Leaf::decode(leaf);
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(checkpoint) = text.parse::<Checkpoint>() {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Ok(notice) = text.parse::<ForkNotice>() {
        assert_eq!(notice.to_string(), text);
    }
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(tile) = text.parse::<Tile>() {
        assert_eq!(tile.path(), text);
    }
}

/// Valid forms of all kinds, to be damaged a little.
fn seeds() -> Vec<Vec<u8>> {
    let tail = Log::new(&leaves(300)).tail;
    let capture = CaptureRecord {
        copy: leaf(0),
        size: 9,
        parts: leaves(3),
        time_us: 1,
        origin: 1,
    };
    vec![
        NOTE.as_bytes().to_vec(),
        format!("{FORK}{NOTE}").into_bytes(),
        [&[1], FORK.as_bytes(), NOTE.as_bytes()].concat(),
        KEY.as_bytes().to_vec(),
        b"log\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nmore\n".to_vec(),
        b"tile/0/x001/x234/067.p/99".to_vec(),
        tail.encode(),
        tail.frontier().encode(),
        capture.encode(),
    ]
}

#[test]
fn the_seeds_are_valid() {
    assert!(Note::parse(NOTE.as_bytes()).is_ok());
    assert!(format!("{FORK}{NOTE}").parse::<ForkNotice>().is_ok());
    seeds().iter().for_each(|seed| read_all(seed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
    }

    #[test]
    fn arbitrary_text(text in "[-a-z0-9+/=. \n—\u{a0}x]{0,80}") {
        read_all(text.as_bytes());
    }

    #[test]
    fn damaged(kind in 0usize..9, at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let mut bytes = seeds()[kind].clone();
        let at = at.index(bytes.len());
        if cut { bytes.remove(at); } else { bytes[at] = byte; }
        read_all(&bytes);
    }

    #[test]
    fn proofs(
        index in prop_oneof![any::<u64>(), u64::MAX - 9..=u64::MAX, 0u64..9],
        size in prop_oneof![any::<u64>(), u64::MAX - 9..=u64::MAX, 0u64..9],
        length in 0u64..70,
    ) {
        let proof = leaves(length);
        let _ = verify_inclusion(&leaf(1), index, size, &proof, &leaf(2));
        let _ = verify_consistency(index, &leaf(1), size, &leaf(2), &proof);
        let plans = [ProofPlan::inclusion(index, size), ProofPlan::consistency(index, size)];
        for plan in plans.into_iter().flatten() {
            prop_assert!(plan.prove(&TileSet::new()).is_err() || plan.nodes().count() == 0);
            prop_assert_eq!(plan.tiles(size).is_empty(), plan.nodes().count() == 0);
        }
        if let Ok(audit) = Audit::new(size, leaf(3)) {
            prop_assert_eq!(audit.next_tile().is_some(), size > 0);
        }
        let _ = TileSet::new().hash(length as u32, index);
    }
}
