//! What parent and child of the extraction say to each other is read or refused, and RTF, XML and
//! archives end.
#![no_main]

use everpost_extract::{Item, Limits, decode_answer, decode_job, encode_answer, encode_job, extract};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Some(item) = decode_job(input) {
        assert_eq!(encode_job(&item), input);
    }
    if let Some(answer) = decode_answer(input) {
        assert_eq!(encode_answer(&answer), input);
    }
    let limits = Limits {
        text: 1 << 16,
        expanded: 1 << 20,
        ..Limits::default()
    };
    let item = Item {
        name: "a.eml",
        content_type: "",
        charset: "",
        bytes: input,
    };
    assert!(extract(&item, &limits).text.len() <= 1 << 16);
});
