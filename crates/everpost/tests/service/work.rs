//! Work in the background: imports, and what a crash leaves of them; everything from nothing.

use std::fmt::Write;
use std::path::Path;

use serde_json::json;

use crate::common::*;

/// A word that no program writes by itself.
const MARKER: &str = "quetzalcoatlus";

/// An mbox of `count` different messages of some 8 kB.
fn mbox(count: usize) -> String {
    let mut text = String::new();
    let mut state = 88_172_645_463_325_252_u64;
    for number in 0..count {
        write!(
            text,
            "From ann@example.org Mon Jan  1 10:00:00 2024\nFrom: ann@example.org\nTo: bob@example.org\n\
             Subject: {MARKER} {number}\nMessage-ID: <{number}@example.org>\nDate: Mon, 01 Jan 2024 10:00:00 +0000\n\n"
        )
        .unwrap();
        for _ in 0..100 {
            for _ in 0..5 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                write!(text, "{state:016x}").unwrap();
            }
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

fn holds_marker(directory: &Path) -> Option<std::path::PathBuf> {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if let Some(found) = holds_marker(&path) {
                return Some(found);
            }
        } else if let Ok(bytes) = std::fs::read(&path)
            && bytes
                .windows(MARKER.len())
                .any(|window| window == MARKER.as_bytes())
        {
            return Some(path);
        }
    }
    None
}

/// Sends bytes as a file.
fn post(service: &Service, who: &str, path: &str, body: &str) -> Answer {
    let kind = "content-type: application/octet-stream";
    let base = ["-X", "POST", "-H", who, "-H", kind, "--data-binary", body];
    service.curl(&base, path)
}

#[test]
fn an_upload_that_was_killed_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    account(&data, "root@example.org", &["--role", "admin"]);
    account(&data, "bob@example.org", &[]);
    let count = 6000;
    let file = folder.path().join("mail.mbox");
    std::fs::write(&file, mbox(count)).unwrap();
    let upload = format!("@{}", file.display());

    let service = Service::start(&data, &["service"]);
    let admin = service.sign_in("root@example.org", PASSWORD);
    let post = |path: &str, body: &str| post(&service, &admin, path, body);
    assert_eq!(post("/imports?kind=mbox", "x").code(), "E-INVALID");
    assert_eq!(
        post("/imports?kind=pst&mailbox=a@b.c", "x").code(),
        "E-INVALID"
    );
    let anywhere = "/imports?kind=mbox&mailbox=a@b.c&path=/etc/passwd";
    assert_eq!(post(anywhere, "x").code(), "E-FORBIDDEN");
    let job = post(
        "/imports?kind=mbox&mailbox=bob@example.org&name=mail.mbox",
        &upload,
    );
    assert_eq!(job.status, 202, "{}", job.text());
    let id = job.json()["id"].as_i64().unwrap();
    service.watch(&admin, id, |job| job["stored"].as_u64().unwrap() > 0);
    service.kill();
    assert_eq!(holds_marker(&data), None);

    let service = Service::start(&data, &["service"]);
    let done = service.watch(&admin, id, |job| job["state"] != "running");
    assert_eq!(done["state"], "done", "{done}");
    for (field, wanted) in [
        ("seen", count),
        ("stored", count),
        ("duplicate", 0),
        ("failed", 0),
    ] {
        assert_eq!(done[field], wanted, "{field}");
    }
    let bob = service.sign_in("bob@example.org", PASSWORD);
    let found = service
        .get(&bob, &format!("/search?q={MARKER}&limit=0"))
        .well();
    assert_eq!(found["total"], count);

    let check = service.send(&admin, "POST", "/verify", &json!({"all": true}));
    assert_eq!(check.status, 202);
    let withdrawn = service.send(
        &admin,
        "POST",
        &format!("/imports/{id}/withdraw?reason=test"),
        &json!({}),
    );
    assert_eq!(withdrawn.well()["state"], "withdrawn");
    let found = service
        .get(&bob, &format!("/search?q={MARKER}&limit=0"))
        .well();
    assert_eq!(found["total"], 0);
    service.stop();
    // Whatever the end of the process left half done is done at the next start.
    Service::start(&data, &["service"]).stop();
    let left = std::fs::read_dir(data.join("spool")).unwrap().count();
    assert_eq!(left, 0);
    assert_eq!(
        lines(&data, &["verify", "--all"]).last().unwrap()["bad"],
        json!([])
    );
}

#[test]
fn up_makes_everything_from_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::start(&data, &["up", "--demo", "--messages", "300"]);
    let accounts: Vec<_> = service
        .said
        .iter()
        .filter(|line| line["account"].is_string())
        .collect();
    assert_eq!(accounts.len(), 3);
    for account in &accounts {
        let (address, password) = (
            account["account"].as_str().unwrap(),
            account["password"].as_str().unwrap(),
        );
        let who = service.sign_in(address, password);
        let me = service.get(&who, "/me").well();
        assert_eq!(me["roles"], account["roles"]);
        let path = match me["cases"][0]["id"].as_i64() {
            Some(case) => format!("/search?q=caisson&case={case}"),
            None => "/search".into(),
        };
        let found = service.get(&who, &path);
        match account["roles"][0].as_str() {
            Some("admin") => assert_eq!(found.code(), "E-FORBIDDEN"),
            _ => assert!(found.well()["total"].as_u64().unwrap() > 0),
        }
    }
    service.stop();
    // The second time, nothing is made or shown again.
    let service = Service::start(&data, &["up", "--demo"]);
    assert!(service.said.is_empty(), "{:?}", service.said);
    service.stop();
}

#[test]
fn an_export_holds_what_its_owner_may_see_and_proves_it() {
    let (folder, data) = demo();
    let owner = crate::door::owners(&data).remove(0);
    account(&data, &owner, &[]);
    account(&data, "eve@example.org", &[]);
    let service = Service::start(&data, &["service"]);
    let who = service.sign_in(&owner, PASSWORD);
    let eve = service.sign_in("eve@example.org", PASSWORD);
    let total = service.get(&who, "/search?by=copy&limit=0").well()["copies"].clone();
    let wrong = service.send(&who, "POST", "/exports", &json!({"format": "pst"}));
    assert_eq!(wrong.code(), "E-INVALID");
    let export = service.send(&who, "POST", "/exports", &json!({"q": "", "format": "eml"}));
    assert_eq!(export.status, 202);
    let path = format!("/exports/{}", export.json()["id"]);
    assert_eq!(service.get(&eve, &path).code(), "E-NOT-FOUND");
    let done = loop {
        let export = service.get(&who, &path).well();
        if export["state"] != "running" {
            break export;
        }
    };
    assert_eq!(done["state"], "done", "{done}");
    assert_eq!((&done["done"], &done["failed"]), (&total, &json!(0)));
    let download = format!("{path}/download");
    assert_eq!(service.get(&eve, &download).code(), "E-NOT-FOUND");
    let answer = service.get(&who, &download);
    assert_eq!(answer.status, 200);
    service.stop();

    let out = folder.path().join("out");
    let packed = std::io::Cursor::new(&answer.body);
    zip::ZipArchive::new(packed).unwrap().extract(&out).unwrap();
    let out = out.join("export");
    let key = lines(&data, &["log", "head"]).pop().unwrap()["key"].clone();
    let checked = lines(
        &data,
        &[
            "verify",
            "--export",
            out.to_str().unwrap(),
            "--key",
            key.as_str().unwrap(),
        ],
    );
    assert_eq!(checked.last().unwrap()["bad"], json!([]));
    let manifest = std::fs::read_to_string(out.join("manifest.ndjson")).unwrap();
    for line in manifest.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            line["mailbox"].is_null() || line["mailbox"] == owner.as_str(),
            "{line}"
        );
    }
}

#[test]
fn a_service_takes_backups_by_itself() {
    let (folder, data) = demo();
    let repository = folder.path().join("backups");
    let config = folder.path().join("everpost.toml");
    let text = format!("[backup]\nrepository = {:?}\n", repository.display());
    std::fs::write(&config, text).unwrap();
    let mut program = program();
    program.arg("--config").arg(&config);
    let service = Service::start_as(program, &data, &["service"]);
    let root = repository.to_str().unwrap();
    let began = std::time::Instant::now();
    loop {
        // It is there as a whole or not at all.
        let listed = everpost(&data, &["--json", "backup", "list", root]);
        if String::from_utf8_lossy(&listed.stdout).contains("\"taken\"") {
            break;
        }
        assert!(began.elapsed().as_secs() < 60, "no backup was taken");
    }
    service.stop();
    let checked = everpost(&data, &["backup", "verify", root]);
    assert_eq!(
        checked.status.code(),
        Some(0),
        "the key lies beside the data"
    );
    let snapshots = lines(&data, &["backup", "list", root]);
    let taken = |line: &&serde_json::Value| line["taken"].is_string();
    assert_eq!(snapshots.iter().filter(taken).count(), 1, "{snapshots:?}");
}
