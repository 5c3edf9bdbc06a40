//! Written messages come back: by the manifest exactly, by the dialect up to the terminator.
#![no_main]

use everpost_codec::mbox::{Dialect, Item, Splitter, from_line_date, unquote_rd, write_rd};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // NUL NUL separates messages; the first is the sender.
    let mut mails: Vec<&[u8]> = Vec::new();
    let mut rest = input;
    while let Some(at) = rest.windows(2).position(|two| two == [0, 0]) {
        mails.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    mails.push(rest);
    let mut file = Vec::new();
    let entries: Vec<_> = mails
        .iter()
        .map(|mail| write_rd(&mut file, mails[0], 1_700_000_000, mail))
        .collect();
    let mut splitter = Splitter::new(Dialect::Rd, usize::MAX);
    splitter.push(&file);
    splitter.finish();
    for (mail, entry) in mails.iter().zip(entries) {
        let stored = &file[entry.offset as usize..][..entry.length as usize];
        assert_eq!(unquote_rd(stored), *mail);
        let Some(Item::Message {
            message, from_line, ..
        }) = splitter.next()
        else {
            panic!("missing")
        };
        assert_eq!(from_line_date(&from_line), Some(1_700_000_000));
        let terminator = if mail.last().is_some_and(|&last| last != b'\n') {
            "\n"
        } else {
            ""
        };
        assert_eq!(message, [mail, terminator.as_bytes()].concat());
    }
    assert_eq!(splitter.next(), None);
});
