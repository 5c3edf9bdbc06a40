//! Storage classes at the command line, over a real bucket with Object Lock.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::path::Path;
use std::process::{Command, Output};

use everpost_testkit::peers::Seaweed;
use serde_json::Value;

/// The program beside a server of objects.
struct Program<'a> {
    data: &'a Path,
    objects: &'a Seaweed,
}

impl Program<'_> {
    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_everpost"))
            .env_remove("EVERPOST_DATA")
            .env("AWS_ACCESS_KEY_ID", self.objects.access_key())
            .env("AWS_SECRET_ACCESS_KEY", self.objects.secret_key())
            .arg("--data")
            .arg(self.data)
            .args(arguments)
            .output()
            .unwrap()
    }

    fn json(&self, arguments: &[&str]) -> (i32, Vec<Value>) {
        let output = self.run(&[&["--json"], arguments].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        (output.status.code().unwrap(), lines.collect())
    }

    fn summary(&self, arguments: &[&str]) -> Value {
        let (code, lines) = self.json(arguments);
        assert_eq!(code, 0, "{arguments:?} {lines:?}");
        lines.last().unwrap().clone()
    }
}

#[test]
fn mail_is_locked_and_nobody_takes_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let objects = Seaweed::start().unwrap();
    objects.create_bucket("records", true).unwrap();
    objects.create_bucket("plain", false).unwrap();
    let program = Program {
        data: &dir.path().join("data"),
        objects: &objects,
    };
    let demo = program.summary(&["import", "demo", "--messages", "200"]);
    let stored = demo["stored"].as_u64().unwrap();
    let file = dir.path().join("classes.toml");
    let define = |bucket: &str, more: &str| {
        let text = format!(
            "[volume.locked]\naddress = \"s3://{bucket}?endpoint={}\"\nmedium = \"worm\"\n\
             [[class]]\nname = \"records\"\nvolume = \"locked\"\nmedium = \"worm\"\nkeep = \"30y\"\n{more}",
            objects.endpoint()
        );
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_string()
    };
    // What is asked for and not there is named, and nothing changes.
    let path = define("plain", "raid = \"1\"\n");
    let (code, lines) = program.json(&["class", "check", &path]);
    assert_eq!(
        (code, lines.last().unwrap()["wrong"].as_u64()),
        (4, Some(2))
    );
    let said = format!("{lines:?}");
    assert!(
        said.contains("Object Lock") && said.contains("RAID 1"),
        "{said}"
    );
    assert_ne!(
        program.run(&["class", "apply", &path]).status.code(),
        Some(0)
    );

    let path = define("records", "");
    program.summary(&["class", "check", &path]);
    program.summary(&["class", "apply", &path]);
    let planned = program.summary(&["class", "move", "--dry-run"]);
    let moved = program.summary(&["class", "move"]);
    assert_eq!(planned["moved"], moved["moved"]);
    assert_eq!(moved["moved"].as_u64(), Some(stored));
    let (_, classes) = program.json(&["class", "list"]);
    assert_eq!(
        (classes[1]["name"].as_str(), classes[1]["copies"].as_u64()),
        (Some("records"), Some(stored))
    );
    assert_eq!(classes[1]["unlocked"].as_u64(), Some(0));
    assert!(classes[1]["locked_until"].as_str().unwrap() > "2050");
    assert_eq!(classes[0]["copies"].as_u64(), Some(0));
    assert_eq!(program.run(&["verify", "--all"]).status.code(), Some(0));
    assert_eq!(program.run(&["fsck"]).status.code(), Some(0));

    // A definition without it is refused, and the log says who asked.
    std::fs::write(&file, "").unwrap();
    let refused = program.run(&["class", "apply", &path]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("error[E-LOCKED]"), "{said}");
    let actions = program.run(&["log", "actions"]);
    let said = String::from_utf8_lossy(&actions.stdout).into_owned();
    assert!(said.contains("refused"), "{said}");
    // A backup holds what lies there, and what is restored from it is new mail again.
    let repo = dir.path().join("repo");
    let repo = repo.to_str().unwrap();
    assert_eq!(
        program.run(&["backup", "create", repo]).status.code(),
        Some(0)
    );
    let other = dir.path().join("other");
    let key = dir.path().join("data.key");
    let other = Program {
        data: &other,
        objects: &objects,
    };
    let key = key.to_str().unwrap();
    let restored = other.run(&["--key", key, "backup", "restore", repo]);
    assert_eq!(
        restored.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&restored.stderr)
    );
    assert_eq!(other.run(&["--key", key, "fsck"]).status.code(), Some(0));
    let classes = other.run(&["--key", key, "--json", "class", "list"]);
    let said = String::from_utf8(classes.stdout).unwrap();
    let first: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!(first["copies"].as_u64(), Some(stored));
}
