//! The archive moves between a data directory and servers: under a running service, and killed at
//! any time.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use everpost_domain::digest::Digest;
use everpost_testkit::letters::Letters;

use crate::mailbox::{Said, run, soak};
use crate::nodes::{Node, Servers};
use crate::service::{PASSWORD, Service, everpost_as, program};

/// The program on the data directory at `data`, with the key that the nodes have, too.
fn at(data: &Path, node: &Node, arguments: &[&str]) -> Command {
    let mut command = program();
    command.envs(node.credentials).args(["--json", "--data"]);
    command.arg(data).arg("--key").arg(&node.key);
    command.args(arguments);
    command
}

fn to_servers(node: &Node) -> Vec<&str> {
    let [catalog, bucket] = [&node.catalog, &node.bucket].map(String::as_str);
    vec!["migrate", "--to-catalog", catalog, "--to-objects", bucket]
}

/// Takes a new letter in; gives its id if that was acknowledged.
fn import(mut command: Command, letters: &mut Letters) -> Result<String, Said> {
    let folder = tempfile::tempdir().unwrap();
    let (letter, path) = (letters.letter(400), folder.path().join("letter.eml"));
    std::fs::write(&path, &letter).unwrap();
    command.args(["import", "eml"]).arg(&path);
    let said = run(command.args(["--mailbox", "ann@example.org"]));
    match said.code {
        0 => Ok(Digest::of(&letter).to_string()),
        _ => Err(said),
    }
}

fn code(said: &Said) -> &str {
    let line = said.errors.lines().last().unwrap_or_default();
    let (_, rest) = line.split_once("\"error\":\"").unwrap_or_default();
    rest.split('"').next().unwrap_or_default()
}

/// Every copy that a search finds.
fn copies(mut command: Command) -> BTreeSet<String> {
    let found = run(command.args(["search", "", "--by", "copy", "--limit", "1000000"]));
    found.summary();
    let ids = found.lines.iter().filter_map(|hit| hit["sha256"].as_str());
    ids.map(String::from).collect()
}

#[test]
fn a_service_goes_on_while_its_archive_moves() {
    let servers = Servers::start();
    let node = servers.node("n0");
    let data = servers.path("home");
    let made = run(&mut at(
        &data,
        &node,
        &["import", "demo", "--messages", "200"],
    ));
    assert_eq!(made.code, 0, "{}", made.errors);
    let admin = ["user", "add", "root@example.org", "--password-stdin"];
    let roles = ["--role", "admin", "--role", "user"];
    let mut keyed = program();
    keyed.arg("--key").arg(&node.key);
    let added = everpost_as(
        keyed,
        &data,
        &[admin.as_slice(), &roles].concat(),
        &format!("{PASSWORD}\n"),
    );
    assert!(added.status.success());
    let key = node.key.to_str().unwrap();
    let service = Service::start(&data, &["--key", key, "service"]);
    let who = service.sign_in("root@example.org", PASSWORD);
    let upload = |name: &str| {
        let mail = format!(
            "From ann@example.org Mon Jan  1 10:00:00 2024\nFrom: ann@example.org\n\
             Subject: {name}\nMessage-ID: <{name}@example.org>\n\nhello\n"
        );
        let path = format!("/imports?kind=mbox&mailbox=root@example.org&name={name}.mbox");
        let kind = "content-type: application/octet-stream";
        service.curl(
            &["-X", "POST", "-H", &who, "-H", kind, "--data-binary", &mail],
            &path,
        )
    };
    let job = upload("flamingo").well()["id"].as_i64().unwrap();
    service.watch(&who, job, |job| job["state"] == "done");

    // Nobody but the operator moves it.
    let refused = service.send(
        &who,
        "POST",
        "/move",
        &serde_json::json!({"data": "/nowhere"}),
    );
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "E-FORBIDDEN")
    );
    let dry = [to_servers(&node), vec!["--dry-run"]].concat();
    let planned = run(&mut at(&data, &node, &dry));
    assert_eq!(planned.summary()["state"], "planned");
    assert_eq!(
        servers.number("SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'"),
        0
    );
    // The service knows neither password nor key of the servers; the command line brings them.
    let moved = run(&mut at(&data, &node, &to_servers(&node)));
    assert_eq!(moved.summary()["state"], "done");

    let refused = upload("pelican");
    assert_eq!((refused.status, refused.code().as_str()), (503, "E-MOVED"));
    assert_eq!(service.get(&who, "/readyz").status, 503);
    assert_eq!(service.get(&who, "/search?q=flamingo").well()["total"], 1);
    service.stop();

    let there = run(&mut node.command(&["search", "flamingo"]));
    assert_eq!(there.summary()["total"], 1);
    let verified = node.run(&["verify", "--all"]);
    assert_eq!(verified.code, 0, "{}", verified.errors);
    let checked = node.run(&["fsck"]);
    assert_eq!(checked.code, 0, "{:?}", checked.lines);
}

/// Kills a move again and again, a little later each time. Whatever it was about to do: the
/// archive is at one of the two places at most, what was acknowledged is in it, and the same
/// command ends what it began.
fn move_and_kill(
    here: &dyn Fn() -> Command,
    there: &dyn Fn() -> Command,
    to: &[&str],
    seed: u64,
    wanted: &mut BTreeSet<String>,
) {
    let mut letters = Letters::new(seed);
    let (mut met, mut left) = (0, false);
    let (kills, step) = if soak() { (150, 4) } else { (7, 60) };
    for number in 0..kills {
        let patience = Duration::from_millis(step * number + 10);
        let mut child = here()
            .args(to)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while began.elapsed() < patience && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().ok();
        met += u32::from(!child.wait().unwrap().success());
        let opened = run(there().arg("status"));
        match import(here(), &mut letters) {
            Ok(id) => {
                assert!(!left, "it took mail in after it had left");
                wanted.insert(id);
                let refused = ["E-NOT-FOUND", "E-ARRIVING"];
                assert!(refused.contains(&code(&opened)), "{}", opened.errors);
            }
            Err(said) => {
                assert_eq!(code(&said), "E-MOVED", "{}", said.errors);
                left = true;
            }
        }
        if left {
            break;
        }
    }
    println!("{met} kills survived, left {left}");
    assert!(met >= 2, "too few were met");
    let moved = run(here().args(to));
    assert_eq!(moved.summary()["state"], "done");
    let id = import(there(), &mut letters);
    wanted.insert(id.unwrap_or_else(|said| panic!("{}", said.errors)));
    assert_eq!(copies(there()), *wanted);
    for command in [["verify", "--all"].as_slice(), &["fsck"]] {
        let said = run(there().args(command));
        assert_eq!(said.code, 0, "{:?} {}", said.lines, said.errors);
    }
}

#[test]
fn a_move_that_is_killed_loses_and_doubles_nothing() {
    let servers = Servers::start();
    let node = servers.node("n0");
    let (home, back) = (servers.path("home"), servers.path("back"));
    let made = run(&mut at(
        &home,
        &node,
        &["import", "demo", "--messages", "150"],
    ));
    assert_eq!(made.code, 0, "{}", made.errors);
    let mut wanted = copies(at(&home, &node, &[]));
    let there = || node.command(&[]);
    let to = to_servers(&node);
    move_and_kill(&|| at(&home, &node, &[]), &there, &to, 81, &mut wanted);
    let to = ["migrate", "--to-data", back.to_str().unwrap()];
    move_and_kill(&there, &|| at(&back, &node, &[]), &to, 82, &mut wanted);
}
