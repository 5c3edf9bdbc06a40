//! Durable records of any bytes are read or refused, never a panic.
#![no_main]

use everpost_domain::identity::PartSet;
use everpost_domain::log::{ActionRecord, CaptureRecord, Checkpoint, ForkNotice, Frontier, Note, Tail};
use everpost_domain::message::Head;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(head) = Head::decode(bytes) {
        assert_eq!(Head::decode(&head.encode()), Ok(head));
    }
    if let Ok(set) = PartSet::decode(bytes) {
        assert_eq!(PartSet::decode(&set.encode()), Ok(set));
    }
    let _ = CaptureRecord::decode(bytes);
    let _ = ActionRecord::decode(bytes);
    let _ = ForkNotice::decode(bytes);
    let _ = Frontier::decode(bytes);
    let _ = Tail::decode(bytes);
    let _ = Note::parse(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = text.parse::<Checkpoint>();
    }
});
