//! The command line's contract, on the real program: JSON fields, exit codes, errors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn everpost(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_everpost"))
        .env_remove("EVERPOST_DATA")
        .arg("--data")
        .arg(data)
        .args(arguments)
        .output()
        .unwrap()
}

/// Runs with `--json`; every line of output must be an object. Returns exit code and lines.
fn json(data: &Path, arguments: &[&str]) -> (i32, Vec<Value>) {
    let output = everpost(data, &[&["--json"], arguments].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    (output.status.code().unwrap(), lines)
}

fn summary(data: &Path, arguments: &[&str]) -> Value {
    let (code, lines) = json(data, arguments);
    assert_eq!(code, 0, "{arguments:?}");
    let last = lines.last().unwrap().clone();
    assert_eq!(last["summary"], true);
    last
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn demo(data: &Path) -> Value {
    summary(data, &["import", "demo", "--messages", "300"])
}

#[test]
fn import_search_page_show() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let counts = demo(&data);
    let number = |name: &str| counts[name].as_u64().unwrap();
    assert_eq!(
        number("seen"),
        number("stored") + number("duplicate") + number("rejected") + number("failed")
    );
    assert!(number("stored") >= 300 && number("bytes") > 0);

    // Paging through everything by copy gives each stored copy once, newest first.
    let mut seen = BTreeSet::new();
    let mut after: Option<String> = None;
    let mut last_date = String::from("9");
    loop {
        let mut arguments = vec!["search", "", "--by", "copy", "--limit", "37"];
        if let Some(after) = &after {
            arguments.extend(["--after", after.as_str()]);
        }
        let (_, lines) = json(&data, &arguments);
        let (hits, summary) = lines.split_at(lines.len() - 1);
        assert_eq!(summary[0]["copies"], counts["stored"]);
        for hit in hits {
            for field in [
                "id", "sha256", "copies", "date", "from", "to", "subject", "snippet", "size",
                "places",
            ] {
                assert!(!hit[field].is_null(), "{field} of {hit}");
            }
            let date = hit["date"].as_str().unwrap().to_string();
            assert!(date <= last_date, "{date} after {last_date}");
            last_date = date;
            assert!(
                seen.insert(hit["sha256"].as_str().unwrap().to_string()),
                "{hit} came twice"
            );
        }
        match summary[0]["next"].as_str() {
            Some(next) => after = Some(next.to_string()),
            None => break,
        }
    }
    assert_eq!(seen.len() as u64, number("stored"));

    // The raw bytes of a copy are what its id says; a beginning of the id is enough.
    let id = seen.first().unwrap();
    let raw = everpost(&data, &["show", id.get(..12).unwrap(), "--raw"]);
    assert_eq!(
        everpost_domain::digest::Digest::of(&raw.stdout).to_string(),
        *id
    );
    let (code, shown) = json(&data, &["show", id]);
    assert_eq!((code, shown[0]["id"].as_str()), (0, Some(id.as_str())));

    // Messages are fewer than copies, and both counts are told.
    let all = summary(&data, &["search", ""]);
    assert!(all["total"].as_u64().unwrap() < all["copies"].as_u64().unwrap());
}

#[test]
fn the_index_is_rebuilt_to_the_same_answers() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    demo(&data);
    let queries = [
        "",
        "pier",
        "\"pier 7\"",
        "from:johan.akerblom",
        "has:attachment",
        "-pier has:attachment",
        "sent:2024",
    ];
    let answers = |data: &Path| -> Vec<(Value, Value, Value)> {
        let ask = |query: &&str| {
            let answer = summary(data, &["search", query]);
            (
                answer["total"].clone(),
                answer["copies"].clone(),
                answer["unknown"].clone(),
            )
        };
        queries.iter().map(ask).collect()
    };
    let before = answers(&data);
    assert!(before.iter().all(|(total, ..)| total.as_u64().unwrap() > 0));
    // Not only asked to: the splits are gone.
    std::fs::remove_dir_all(data.join("objects/splits")).unwrap();
    assert_eq!(everpost(&data, &["search", "pier"]).status.code(), Some(1));
    summary(&data, &["reindex"]);
    assert_eq!(answers(&data), before);
}

#[test]
fn a_wrong_import_is_undone() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let letters = dir.path().join("letters");
    std::fs::create_dir(&letters).unwrap();
    for number in 0..3 {
        let mail = format!("From: a@example.org\nSubject: number {number}\n\nhello wombat\n");
        std::fs::write(letters.join(format!("{number}.eml")), mail).unwrap();
    }
    let letters = letters.to_str().unwrap();
    summary(
        &data,
        &["import", "eml", letters, "--mailbox", "right@example.org"],
    );
    let again = summary(
        &data,
        &["import", "eml", letters, "--mailbox", "wrong@example.org"],
    );
    assert_eq!(
        (again["stored"].as_u64(), again["duplicate"].as_u64()),
        (Some(0), Some(3))
    );
    std::fs::write(
        dir.path().join("other.eml"),
        "From: b@example.org\nSubject: x\n\nonly wombat here\n",
    )
    .unwrap();
    let other = dir.path().join("other.eml");
    let third = summary(
        &data,
        &[
            "import",
            "eml",
            other.to_str().unwrap(),
            "--mailbox",
            "wrong@example.org",
        ],
    );
    let total = |query: &str| {
        summary(&data, &["search", query])["total"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(
        (total("wombat"), total("mailbox:wrong@example.org")),
        (4, 4)
    );
    let job = |value: &Value| value["job"].as_u64().unwrap().to_string();
    // What came by another import as well stays; what only this one brought is hidden.
    summary(
        &data,
        &[
            "import",
            "withdraw",
            &job(&again),
            "--reason",
            "wrong mailbox",
        ],
    );
    assert_eq!(
        (
            total("wombat"),
            total("mailbox:wrong@example.org"),
            total("mailbox:right@example.org")
        ),
        (4, 1, 3)
    );
    summary(
        &data,
        &[
            "import",
            "withdraw",
            &job(&third),
            "--reason",
            "wrong mailbox",
        ],
    );
    assert_eq!(
        (total("wombat"), total("mailbox:wrong@example.org")),
        (3, 0)
    );
    let twice = everpost(
        &data,
        &["import", "withdraw", &job(&third), "--reason", "again"],
    );
    assert!(
        error(&twice).starts_with("error[E-INVALID]"),
        "{}",
        error(&twice)
    );
    let (_, jobs) = json(&data, &["import", "list"]);
    let states: Vec<&str> = jobs
        .iter()
        .filter_map(|job| job["state"].as_str())
        .collect();
    assert_eq!(states, ["done", "withdrawn", "withdrawn"]);
}

#[test]
fn errors_have_a_code_and_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let none = everpost(&data, &["status"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(
        error(&none).starts_with("error[E-NOT-FOUND]: there is no archive"),
        "{}",
        error(&none)
    );
    assert!(!data.exists(), "a failed command left something behind");

    assert_eq!(
        everpost(&data, &["search", "form:x"]).status.code(),
        Some(2)
    );
    assert_eq!(everpost(&data, &["frobnicate"]).status.code(), Some(2));
    assert_eq!(
        everpost(
            &data,
            &["import", "eml", "/nonexistent", "--mailbox", "a@b.example"]
        )
        .status
        .code(),
        Some(1)
    );

    demo(&data);
    let unknown = everpost(&data, &["show", "0123456789ab"]);
    assert!(
        error(&unknown).starts_with("error[E-NOT-FOUND]"),
        "{}",
        error(&unknown)
    );

    // A second process finds the store taken, and says by whom.
    let lock = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(data.join("lock"))
        .unwrap();
    lock.try_lock().unwrap();
    let busy = everpost(&data, &["status"]);
    assert!(
        error(&busy).starts_with("error[E-STORE-BUSY]: the data directory is in use by process"),
        "{}",
        error(&busy)
    );
    drop(lock);
    assert_eq!(everpost(&data, &["status"]).status.code(), Some(0));
}

#[test]
fn items_that_fail_make_exit_3_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let letters = dir.path().join("letters");
    std::fs::create_dir(&letters).unwrap();
    std::fs::write(letters.join("a.eml"), "From: a@example.org\n\nhello\n").unwrap();
    std::fs::write(letters.join("picture.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    std::os::unix::fs::symlink("/nonexistent", letters.join("b.eml")).unwrap();
    std::fs::write(letters.join("c.eml"), "From: c@example.org\n\nhello\n").unwrap();
    let (code, lines) = json(
        &data,
        &[
            "import",
            "eml",
            letters.to_str().unwrap(),
            "--mailbox",
            "a@example.org",
        ],
    );
    let last = lines.last().unwrap();
    let number = |name: &str| last[name].as_u64().unwrap();
    assert_eq!(
        (
            code,
            number("seen"),
            number("stored"),
            number("rejected"),
            number("failed")
        ),
        (3, 4, 2, 1, 1)
    );
    let named: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["item"].as_str())
        .collect();
    assert!(
        named.iter().any(|item| item.ends_with("b.eml"))
            && named.iter().any(|item| item.ends_with("picture.png"))
    );
}

#[test]
fn a_backup_says_whether_its_signer_was_checked() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    demo(&data);
    let repo = dir.path().join("backup");
    let repo = repo.to_str().unwrap();
    summary(&data, &["backup", "create", repo]);
    let (code, lines) = json(&data, &["backup", "verify", repo]);
    assert_eq!(
        (code, &lines.last().unwrap()["signer"]),
        (0, &"checked".into())
    );

    // Somebody who has the repository and no key.
    let elsewhere = dir.path().join("elsewhere");
    let (code, lines) = json(&elsewhere, &["backup", "verify", repo]);
    assert_eq!((code, &lines.last().unwrap()["ok"]), (5, &true.into()));

    let object = std::fs::read_dir(Path::new(repo).join("objects"))
        .unwrap()
        .flat_map(|entry| files_below(&entry.unwrap().path()))
        .next()
        .unwrap();
    let mut bytes = std::fs::read(&object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&object, bytes).unwrap();
    let (code, lines) = json(&data, &["backup", "verify", repo]);
    assert_eq!((code, &lines.last().unwrap()["ok"]), (4, &false.into()));
}

fn files_below(path: &Path) -> Vec<std::path::PathBuf> {
    if path.is_file() {
        return vec![path.to_path_buf()];
    }
    std::fs::read_dir(path)
        .unwrap()
        .flat_map(|entry| files_below(&entry.unwrap().path()))
        .collect()
}
