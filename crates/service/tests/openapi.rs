//! The description of the API is a checked file: a change of the API shows in review.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

/// Run with `EVERPOST_UPDATE=1` to write the file anew.
#[test]
fn the_description_is_the_one_that_was_checked_in() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api/openapi.json");
    let mut made = serde_json::to_string_pretty(&everpost_service::openapi()).unwrap();
    made.push('\n');
    if std::env::var("EVERPOST_UPDATE").is_ok() {
        std::fs::write(path, &made).unwrap();
    }
    let checked = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        made == checked,
        "docs/api/openapi.json is not what the code describes; run this test with EVERPOST_UPDATE=1"
    );
}
