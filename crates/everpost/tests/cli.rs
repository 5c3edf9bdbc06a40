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

fn rows<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| !line[name].is_null()).collect()
}

fn sum(rows: &[&Value], name: &str) -> u64 {
    rows.iter().map(|row| row[name].as_u64().unwrap()).sum()
}

#[test]
fn what_hits_have_in_common_adds_up() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    demo(&data);
    let total = summary(&data, &["search", "the", "--limit", "0"])["total"]
        .as_u64()
        .unwrap();
    assert!(total > 0);
    let (_, months) = json(&data, &["search", "the", "--months"]);
    let last = months.last().unwrap();
    let undated = last["undated"].as_u64().unwrap();
    assert_eq!(sum(&rows(&months, "month"), "count") + undated, total);
    assert_eq!(last["total"].as_u64(), Some(total));
    let (_, facets) = json(&data, &["search", "the", "--facets"]);
    for (facet, exact) in [
        ("year", true),
        ("sender", false),
        ("domain", false),
        ("language", false),
    ] {
        let list: Vec<&Value> = facets
            .iter()
            .filter(|line| line["facet"] == facet)
            .collect();
        let counted = sum(&list, "count");
        assert!(
            !list.is_empty() && counted <= total,
            "{facet}: {counted} of {total}"
        );
        assert!(
            !exact || counted + undated == total,
            "{facet}: {counted} of {total}"
        );
    }

    // By score every hit comes once, the best first.
    let (mut seen, mut last, mut cursor) = (BTreeSet::new(), 0, None::<String>);
    loop {
        let mut arguments = vec![
            "search",
            "report OR meeting",
            "--order",
            "score",
            "--limit",
            "11",
        ];
        if let Some(cursor) = &cursor {
            arguments.extend(["--cursor", cursor]);
        }
        let (_, lines) = json(&data, &arguments);
        let (hits, summary) = lines.split_at(lines.len() - 1);
        assert!(hits.iter().all(|hit| seen.insert(hit["id"].to_string())));
        last += hits.len() as u64;
        match summary[0]["next"].as_str() {
            Some(next) => cursor = Some(next.to_string()),
            None => {
                assert_eq!(summary[0]["total"].as_u64(), Some(last));
                break;
            }
        }
    }
}

#[test]
fn searches_tags_and_groups_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    demo(&data);
    let total = |query: &str| summary(&data, &["search", query, "--limit", "0"])["total"].as_u64();
    let (_, hits) = json(
        &data,
        &["search", "subject:re", "--limit", "1", "--save", "Replies"],
    );
    let id = hits[0]["id"].as_str().unwrap().to_owned();
    let again = summary(&data, &["search", "--saved", "replies", "--limit", "0"]);
    assert_eq!(again["total"].as_u64(), total("subject:re"));
    let (_, saved) = json(&data, &["search", "--saved"]);
    assert_eq!(saved[0]["name"], "Replies");
    let output = everpost(&data, &["search", "--saved", "nothing"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("Replies"), "{}", error(&output));

    let (_, why) = json(
        &data,
        &["search", "subject:re -nosuchword", "--explain", &id],
    );
    assert_eq!(
        (&why[0]["holds"], &why[0]["where"][0]["field"]),
        (&Value::Bool(true), &"subject".into())
    );

    assert_eq!(
        summary(&data, &["tag", "add", "read later", &id])["changed"],
        1
    );
    let all = summary(&data, &["tag", "add", "read later", "subject:re"]);
    assert_eq!(all["messages"].as_u64(), total("subject:re"));
    assert_eq!(total("tag:\"read later\""), total("subject:re"));
    assert_eq!(
        summary(&data, &["tag", "remove", "read later", &id])["changed"],
        1
    );
    let (_, tags) = json(&data, &["tag", "list"]);
    assert_eq!(
        tags[0]["messages"].as_u64().map(|count| count + 1),
        total("subject:re")
    );
    let output = everpost(&data, &["search", "tag:later"]);
    assert!(error(&output).contains("read later"), "{}", error(&output));

    let from = hits[0]["from"][0].as_str().unwrap();
    let address = from.rsplit('<').next().unwrap().trim_end_matches('>');
    summary(&data, &["group", "set", "writers", address]);
    assert_eq!(
        total("group:writers"),
        total(&format!(
            "from:{address} OR to:{address} OR cc:{address} OR bcc:{address}"
        ))
    );
    summary(&data, &["group", "remove", "writers"]);
    assert_eq!(
        everpost(&data, &["search", "group:writers"]).status.code(),
        Some(1)
    );

    let (_, talk) = json(&data, &["show", &id, "--conversation"]);
    assert!(talk.iter().any(|item| item["id"] == id.as_str()));
    assert_eq!(talk[0]["depth"], 0);
    assert_eq!(talk.last().unwrap()["complete"], true);
}

#[test]
fn what_is_held_adds_up() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    demo(&data);
    demo(&data);
    let (_, lines) = json(&data, &["status", "--mailboxes"]);
    let first = lines[0]["mailbox"].as_str().unwrap();
    let (_, domain) = first.split_once('@').unwrap();
    summary(&data, &["group", "set", "everybody", domain]);
    let arguments = ["status", "--mailboxes", "--ages", "--collected"];
    let (_, lines) = json(&data, &arguments);
    let status = lines.last().unwrap();
    let number = |name: &str| status[name].as_u64().unwrap();
    let ages = rows(&lines[..lines.len() - 1], "year");
    assert_eq!(
        (sum(&ages, "copies"), sum(&ages, "bytes")),
        (number("copies"), number("raw_bytes"))
    );
    let months = rows(&lines, "month");
    assert_eq!(sum(&months, "stored"), number("copies"));
    assert_eq!(
        sum(&months, "stored") + sum(&months, "duplicate"),
        number("deliveries")
    );
    assert_eq!(
        sum(&months, "stored_bytes") + sum(&months, "duplicate_bytes"),
        number("delivered_bytes")
    );
    let mailboxes = rows(&lines, "mailbox");
    let group = rows(&lines, "group")[0];
    assert!(group["copies"].as_u64().unwrap() <= sum(&mailboxes, "copies"));
    assert!(group["copies"].as_u64().unwrap() > 0);
    assert!(sum(&mailboxes, "share") <= number("raw_bytes"));
    let csv = String::from_utf8(everpost(&data, &["status", "--csv"]).stdout).unwrap();
    let width = csv.lines().next().unwrap().split(',').count();
    assert!(
        csv.lines().count() == 1 + mailboxes.len() + 1 + ages.len() + months.len(),
        "{csv}"
    );
    assert!(
        csv.lines().all(|line| line.split(',').count() == width),
        "{csv}"
    );
}
