//! Any line is one of Postfix or none, and stories take no more memory than they may.
#![no_main]

use everpost_codec::maillog::{Entry, Stories};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut stories = Stories::at_most(4, 1_795_996_800, 0);
    for line in input.split(|&byte| byte == b'\n') {
        let tagged = [b"Nov 29 10:00:00 mx postfix/smtp[1]: ABCDEF0: ".as_slice(), line];
        for line in [line, &tagged.concat()] {
            if let Some(entry) = Entry::read(line) {
                entry.reputation();
                stories.push(entry);
                assert!(stories.open().count() <= 4);
            }
        }
    }
    stories.finish().for_each(|story| assert!(!story.removed));
});
