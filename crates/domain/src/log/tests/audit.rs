//! Audits of a whole log.

use super::*;

/// Runs an audit over what `tile` gives; the proven leaves in order and all errors.
fn run(
    size: u64,
    root: Digest,
    tile: impl Fn(&Tile) -> Vec<u8>,
) -> (BTreeMap<u64, Digest>, Vec<AuditError>) {
    let mut audit = Audit::new(size, root).unwrap();
    let (mut proven, mut errors) = (BTreeMap::new(), Vec::new());
    while let Some(next) = audit.next_tile() {
        match audit.feed(&tile(&next)) {
            Ok(None) => {}
            Ok(Some(leaves)) => {
                for (i, hash) in (leaves.first..).zip(leaves.hashes) {
                    assert_eq!(proven.insert(i, hash), None);
                }
            }
            Err(error) => errors.push(error),
        }
    }
    (proven, errors)
}

#[test]
fn an_honest_log_passes() {
    for size in [0, 1, 255, 256, 257, 512, 1500, 65_536, 70_000] {
        let leaves = leaves(size);
        let log = Log::new(&leaves);
        let (proven, errors) = run(size, log.tail.root(), |tile| log.tile(tile));
        assert_eq!(errors, []);
        assert!(proven.into_values().eq(leaves));
    }
}

#[test]
fn the_wrong_tile_is_named() {
    let size = 66_500;
    let log = Log::new(&leaves(size));
    let root = log.tail.root();
    for victim in [
        Tile::full(0, 0),
        Tile::full(0, 100),
        Tile::full(0, 258),
        Tile::full(1, 0),
    ] {
        let changed = |tile: &Tile| {
            let mut bytes = log.tile(tile);
            bytes[31] ^= u8::from(*tile == victim);
            bytes
        };
        let (proven, errors) = run(size, root, changed);
        assert_eq!(errors, [AuditError::Tile(victim)]);
        let lost = if victim.level == 0 { 256 } else { 65_536 };
        assert_eq!(proven.len() as u64, size - lost);
        let short = |tile: &Tile| {
            let bytes = log.tile(tile);
            if *tile == victim {
                bytes[1..].to_vec()
            } else {
                bytes
            }
        };
        let (_, errors) = run(size, root, short);
        let fault = WrongLength {
            tile: victim,
            found: 8191,
        };
        assert_eq!(errors, [AuditError::Length(fault)]);
    }
}

#[test]
fn a_wrong_edge_stops_the_audit() {
    let size = 66_500;
    let log = Log::new(&leaves(size));
    for victim in Tile::partials(size) {
        let changed = |tile: &Tile| {
            let mut bytes = log.tile(tile);
            bytes[7] ^= u8::from(*tile == victim);
            bytes
        };
        let (proven, errors) = run(size, log.tail.root(), changed);
        assert_eq!(errors, [AuditError::Edge { size }]);
        assert!(proven.is_empty());
    }
    assert!(Audit::new(0, leaf(0)).is_err());
}
