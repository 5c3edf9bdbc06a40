//! The page of settings is what the types say.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

#[test]
fn the_page_is_what_the_types_say() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operate/config.md");
    let now = everpost_node::config::reference();
    assert!(
        now.contains("| `requests_per_second` | ") && now.contains("| `100` |"),
        "{now}"
    );
    if std::env::var_os("EVERPOST_UPDATE").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(
        kept == now,
        "settings changed: run this test with EVERPOST_UPDATE=1 and look at the difference"
    );
}
