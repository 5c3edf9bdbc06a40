//! Any mail is a journal report or none, what it holds lies inside of it, and merging keeps everybody;
//! any mail is a notification or none.
#![no_main]

use everpost_codec::dsn;
use everpost_codec::journal::{self, Captured, Envelope, Inner, Reports};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    dsn::read(input);
    let marked = [b"X-MS-Journal-Report:\r\n".as_slice(), input].concat();
    for raw in [input, &marked] {
        let captured = journal::classify(raw, &Envelope::default(), Reports::Read);
        captured.describe(raw).to_string();
        let Captured::Report(report) = captured else {
            continue;
        };
        for inner in &report.inner {
            if let Inner::Within(range) = inner {
                assert!(range.start <= range.end && range.end <= raw.len());
            }
            assert!(inner.bytes(raw).len() <= raw.len());
        }
        let merged = journal::merge([&*report, &*report]);
        assert_eq!(merged, journal::merge([&*report]));
        assert_eq!(merged.is_empty(), report.recipients.is_empty());
    }
});
