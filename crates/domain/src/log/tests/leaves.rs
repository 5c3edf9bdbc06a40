//! Leaves, records and what an export carries of them.

use super::*;

fn capture() -> CaptureRecord {
    CaptureRecord {
        copy: Digest::of(b"mail"),
        size: 4,
        parts: vec![Digest::of(b"ma"), Digest::of(b"il")],
        time_us: -5,
        origin: 3,
    }
}

/// Computed outside this program, with Python's hashlib.
#[test]
fn the_form_of_a_leaf() {
    let salt: [u8; 16] = std::array::from_fn(|i| i as u8);
    let leaf = Leaf::new(EventKind::Admitted, 1_700_000_000_000_000, &salt, b"record");
    let hex: String = leaf
        .encode()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        hex,
        "0100060a24181e400099847e4d59bf0ec59ef9ef80aa60d8adbb64f3c641a9c281104fa92557e1b31c"
    );
    assert_eq!(
        leaf.hash().to_string(),
        "3ad451d73e3768107830370a485cdd528597bdb40c26aa803973bc39d9c630a8"
    );
    assert_eq!(Leaf::decode(&leaf.encode()), Ok(leaf));
}

/// Codes stand in logs for ever: this table only grows.
#[test]
fn codes_stay() {
    let codes: Vec<_> = (0..=u8::MAX).filter_map(EventKind::from_code).collect();
    use EventKind::*;
    assert_eq!(
        codes,
        [
            Admitted,
            Delivered,
            ImportWithdrawn,
            Restored,
            Exported,
            Accessed,
            Administered,
            Refused,
            Omitted
        ]
    );
    assert_eq!(
        codes.iter().map(|kind| kind.code()).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6, 7, 8, 9]
    );
}

#[test]
fn records_come_back() {
    let record = capture();
    assert_eq!(CaptureRecord::decode(&record.encode()), Ok(record.clone()));
    let action = ActionRecord {
        actor: "admin@example".to_owned(),
        subject: vec![0, 255],
        reason: "wrong folder — «sic»".to_owned(),
    };
    assert_eq!(ActionRecord::decode(&action.encode()), Ok(action.clone()));
    assert_eq!(
        Record::decode(EventKind::Exported, &action.encode()),
        Ok(Record::Action(action.clone()))
    );
    for bytes in [record.encode(), action.encode()] {
        for end in 0..bytes.len() {
            assert!(CaptureRecord::decode(&bytes[..end]).is_err());
            assert!(ActionRecord::decode(&bytes[..end]).is_err());
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(CaptureRecord::decode(&longer).is_err());
        assert!(ActionRecord::decode(&longer).is_err());
    }
}

/// An exported copy verifies with nothing but a checkpoint, and not after any change.
#[test]
fn an_export_verifies_offline() {
    let salt = [7; 16];
    let record = capture().encode();
    let mut all = leaves(600);
    all[345] = Leaf::new(EventKind::Admitted, 99, &salt, &record).hash();
    let log = Log::new(&all);
    let checkpoint = Checkpoint::new("log", 600, log.tail.root()).unwrap();
    let hashes = log.prove(&ProofPlan::inclusion(345, 600).unwrap());
    let proof = LeafProof {
        kind: EventKind::Admitted,
        time_us: 99,
        salt,
        record: record.clone(),
        index: 345,
        size: 600,
        hashes,
    };
    assert_eq!(proof.verify(checkpoint.root()), Ok(capture()));
    assert_eq!(proof.verify_in(&checkpoint), Ok(capture()));
    let refused = |change: &dyn Fn(&mut LeafProof)| {
        let mut changed = proof.clone();
        change(&mut changed);
        assert!(changed.verify_in(&checkpoint).is_err());
    };
    refused(&|proof| proof.kind = EventKind::Delivered);
    refused(&|proof| proof.time_us += 1);
    refused(&|proof| proof.index -= 1);
    refused(&|proof| proof.size += 1);
    for bit in 0..record.len() * 8 {
        refused(&|proof| proof.record[bit / 8] ^= 1 << (bit % 8));
    }
    for bit in 0..128 {
        refused(&|proof| proof.salt[bit / 8] ^= 1 << (bit % 8));
    }
}

#[test]
fn an_action_is_no_capture() {
    let action = ActionRecord {
        actor: "a".to_owned(),
        subject: vec![],
        reason: String::new(),
    };
    let proof = LeafProof {
        kind: EventKind::ImportWithdrawn,
        time_us: 0,
        salt: [0; 16],
        record: action.encode(),
        index: 0,
        size: 1,
        hashes: vec![],
    };
    let root = proof.leaf().hash();
    assert_eq!(proof.verify(&root), Err(LeafProofError::NotACapture));
    assert_eq!(proof.verify_record(&root), Ok(Record::Action(action)));
}
