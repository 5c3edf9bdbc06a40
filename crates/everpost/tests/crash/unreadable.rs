//! Trap 10 (peers.md): an error on one item is named and makes the run red; the rest goes on.

use std::fs;

use everpost_testkit::letters::Letters;

use super::common::{ALICE, everpost, is_whole, run};

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (data, mails) = (dir.path().join("data"), dir.path().join("mails"));
    fs::create_dir(&mails).unwrap();
    let mut letters = Letters::new(60);
    for number in 0..20 {
        fs::write(mails.join(format!("{number:02}.eml")), letters.letter(500)).unwrap();
    }
    // A link to nothing, and a file on which the disk fails.
    std::os::unix::fs::symlink("nowhere", mails.join("07a.eml")).unwrap();
    let bad = mails.join("12.eml");
    let bad = bad.to_str().unwrap();
    let before = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-P",
        bad,
        "-e",
        "trace=read",
        "-e",
        "inject=read:error=EIO",
    ];
    let arguments = [
        "import",
        "eml",
        mails.to_str().unwrap(),
        "--mailbox",
        "alice@example.org",
    ];
    let said = run(&mut everpost(&before, &data, &arguments));
    assert_eq!(said.code, 3, "{}", said.errors);
    let summary = said.lines.last().unwrap();
    assert_eq!(
        (
            summary["seen"].as_u64(),
            summary["stored"].as_u64(),
            summary["failed"].as_u64()
        ),
        (Some(21), Some(19), Some(2))
    );
    let named: Vec<&str> = said
        .lines
        .iter()
        .filter_map(|line| line["item"].as_str())
        .collect();
    assert!(
        named.len() == 2 && named[0].ends_with("07a.eml") && named[1].ends_with("12.eml"),
        "{named:?}"
    );
    let errors = run(&mut everpost(&[], &data, &["import", "errors", "1"]));
    assert_eq!(errors.summary()["errors"], 2, "the job keeps them");
    // When the disk is well again, the same command brings the rest and nothing twice.
    fs::remove_file(mails.join("07a.eml")).unwrap();
    let said = run(&mut everpost(&[], &data, &arguments));
    assert_eq!(
        (
            said.summary()["stored"].as_u64(),
            said.summary()["duplicate"].as_u64()
        ),
        (Some(1), Some(19))
    );
}

#[test]
fn a_mailbox_that_fails_half_way_goes_on_there() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let path = ALICE.path.to_str().unwrap();
    let before = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-P",
        path,
        "-e",
        "trace=read",
        "-e",
        "inject=read:error=EIO:when=30+",
    ];
    let said = run(&mut everpost(&before, &data, &ALICE.arguments()));
    assert_eq!(said.code, 1, "{}", said.errors);
    assert!(
        said.errors.contains("E-SOURCE") && said.errors.contains("alice.mbox"),
        "{}",
        said.errors
    );
    let again = run(&mut everpost(&[], &data, &ALICE.arguments()));
    assert_eq!(again.summary()["resumed"], true);
    ALICE.balances(again.summary());
    is_whole(&data, &ALICE);
}
