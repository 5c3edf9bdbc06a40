//! Reading a message never fails, and its parts lie within it.
#![no_main]

use everpost_domain::message::{Head, SearchText, decode, scan, text_of};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    let structure = scan(raw);
    for (index, part) in structure.parts.iter().enumerate() {
        assert!(part.header.start <= part.header.end && part.header.end <= raw.len());
        assert!(part.body.start <= part.body.end && part.body.end <= raw.len());
        assert!(part.parent.is_none_or(|parent| parent < index));
        decode(raw, part);
        text_of(raw, &structure, index);
    }
    let head = Head::read(raw, &structure);
    if let Ok(read) = Head::decode(&head.encode()) {
        assert_eq!(read, head);
    }
    SearchText::read(raw, &structure);
});
