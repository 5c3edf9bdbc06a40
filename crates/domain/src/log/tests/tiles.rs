//! Roots, tails and tile paths.

use proptest::prelude::*;

use super::*;

#[test]
fn known_vectors() {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(empty_root().to_string(), empty);
    assert_eq!(Frontier::new().root(), empty_root());
    assert_eq!(Tail::new().root(), empty_root());
    let of_empty = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    assert_eq!(leaf_hash(b"").to_string(), of_empty);
    let a_b = node_hash(&leaf_hash(b"a"), &leaf_hash(b"b"));
    let expected = "b137985ff484fb600db93107c77b0365c80d78f5b429ded0fd97361d077999eb";
    assert_eq!(a_b.to_string(), expected);
}

/// The eight leaves and roots by which Certificate Transparency's own code tests its tree.
#[test]
fn certificate_transparency_roots() {
    let leaves: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::new();
    let mut tail = Tail::new();
    for (leaf, root) in leaves.iter().zip(roots) {
        frontier.append(leaf_hash(leaf));
        assert!(tail.append(&[leaf_hash(leaf)]).is_empty());
        assert_eq!(frontier.root().to_string(), root);
        assert_eq!(tail.root().to_string(), root);
    }
}

#[test]
fn paths() {
    let table = [
        (Tile::full(0, 0), "tile/0/000"),
        (Tile::full(0, 999), "tile/0/999"),
        (Tile::full(1, 1000), "tile/1/x001/000"),
        (Tile::full(0, 1_234_067), "tile/0/x001/x234/067"),
        (
            Tile {
                level: 2,
                index: 5,
                width: 7,
            },
            "tile/2/005.p/7",
        ),
        (
            Tile {
                level: 63,
                index: 1_000_000,
                width: 255,
            },
            "tile/63/x001/x000/000.p/255",
        ),
        (
            Tile::full(0, u64::MAX),
            "tile/0/x018/x446/x744/x073/x709/x551/615",
        ),
    ];
    for (tile, path) in table {
        assert_eq!(tile.path(), path);
        assert_eq!(path.parse(), Ok(tile));
    }
    let wrong = [
        "",
        "tile/0/",
        "tile/0/0",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/001/000",
        "tile/00/000",
        "tile/64/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/07",
        "tile/0/+01",
        "tile/entries/000",
        "/tile/0/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
    ];
    for path in wrong {
        assert_eq!(path.parse::<Tile>(), Err(NotATile), "{path}");
    }
}

/// The example of tlog-tiles: a log of 70 000 leaves, and one of 256.
#[test]
fn tiles_of_the_specification() {
    let leaves = leaves(70_000);
    let log = Log::new(&leaves);
    let count = |level| log.full.keys().filter(|tile| tile.level == level).count();
    assert_eq!((count(0), count(1), count(2)), (273, 1, 0));
    let partial = |level, index, width| Tile {
        level,
        index,
        width,
    };
    let expected = vec![partial(2, 0, 1), partial(1, 1, 17), partial(0, 273, 112)];
    assert_eq!(Tile::partials(70_000), expected);
    assert_eq!(Tile::partials(256), vec![partial(1, 0, 1)]);
    assert_eq!(log.tail.root(), mth(&leaves));
    // Every hash of every tile is the MTH that the specification says.
    let partials: Vec<_> = log.tail.partial_tiles();
    for (tile, bytes) in log
        .full
        .iter()
        .chain(partials.iter().map(|(tile, bytes)| (tile, bytes)))
    {
        assert_eq!(bytes.len(), tile.byte_len());
        let span = 256usize.pow(u32::from(tile.level));
        for (i, hash) in bytes.chunks(32).enumerate() {
            let first = (tile.index as usize * 256 + i) * span;
            assert_eq!(hash, mth(&leaves[first..first + span]).0);
        }
    }
    assert_eq!(Tail::decode(&log.tail.encode()).unwrap(), log.tail);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn batches_do_not_matter(batches in prop::collection::vec(0usize..600, 0..8)) {
        let all = leaves(batches.iter().sum::<usize>() as u64);
        let (mut tail, mut frontier) = (Tail::new(), Frontier::new());
        let mut full = Vec::new();
        let mut done = 0;
        for batch in batches {
            let new = &all[done..done + batch];
            done += batch;
            full.extend(tail.append(new));
            frontier.append_many(new.iter().copied());
            tail = Tail::decode(&tail.encode()).unwrap();
            frontier = Frontier::decode(&frontier.encode()).unwrap();
            prop_assert_eq!(tail.size(), done as u64);
            prop_assert_eq!(tail.root(), mth(&all[..done]));
            prop_assert_eq!(&tail.frontier(), &frontier);
        }
        let mut once = Tail::new();
        prop_assert_eq!(once.append(&all), full);
        prop_assert_eq!(once, tail);
    }
}

#[test]
fn a_changed_tail_is_refused_or_has_another_root() {
    let tail = Log::new(&leaves(777)).tail;
    let bytes = tail.encode();
    for i in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[i] ^= 1;
        assert!(Tail::decode(&changed).map_or(true, |other| other.root() != tail.root()));
        assert!(Tail::decode(&bytes[..i]).is_err());
    }
    assert!(Tail::decode(&[bytes, vec![0]].concat()).is_err());
}
