//! Any text is a query or an error that points into it; what is printed parses to the same.
//! Asked of mail that holds the text itself, a query and its negation are each other's
//! opposite, and marks and reasons lie in the text.
#![no_main]

use everpost_domain::message::{Head, HeaderLine, SearchText};
use everpost_domain::query::{
    AttachmentText, Document, Query, evaluate, parse, print, snippet, why,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let query = match parse(text) {
        Ok(query) => query,
        Err(error) => {
            assert!(error.at <= text.chars().count());
            let _ = error.pretty(text);
            return;
        }
    };
    assert_eq!(parse(&print(&query)).as_ref(), Ok(&query));
    snippet(text, &query, 80);
    let document = Document {
        head: &Head {
            subject: text.to_owned(),
            ..Head::default()
        },
        text: &SearchText {
            body: text.to_owned(),
            ..SearchText::default()
        },
        headers: &[HeaderLine {
            name: "x-a".to_owned(),
            value: text.to_owned(),
        }],
        attachments: &[AttachmentText {
            name: None,
            kind: "txt",
            text: None,
            cut: false,
        }],
        size: text.len() as u64,
        held: 0,
        language: None,
        sets: &|_| false,
    };
    for reason in why(&query, &document) {
        if let Some(met) = reason.met {
            assert!(text.get(met.range).is_some());
        }
    }
    let truth = evaluate(&query, &document);
    assert_eq!(evaluate(&Query::negate(query), &document), !truth);
});
