//! Any text is a query or an error that points into it; what is printed parses to the same.
#![no_main]

use everpost_domain::query::{parse, print, snippet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(query) => {
            assert_eq!(parse(&print(&query)).as_ref(), Ok(&query));
            snippet(text, &query, 80);
        }
        Err(error) => {
            assert!(error.at <= text.chars().count());
            let _ = error.pretty(text);
        }
    }
});
