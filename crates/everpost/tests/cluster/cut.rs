//! A node that is cut from its servers says so, and goes on when it reaches them again; the others
//! do not notice.

use std::time::{Duration, Instant};

use everpost_testkit::peers::Proxy;
use serde_json::Value;

use crate::nodes::{Node, Servers};
use crate::service::{Answer, PASSWORD, Service, everpost_as};

/// Nothing here takes longer, even after a lease had to run out.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(node: &Node) -> Service {
    Service::start_as(node.program(), &node.data, &["service"])
}

/// Asks until the answer is as wanted.
fn until(what: &str, ask: impl Fn() -> Answer, wanted: impl Fn(&Answer) -> bool) -> Answer {
    let began = Instant::now();
    loop {
        let answer = ask();
        if wanted(&answer) {
            return answer;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{what}: {} {}",
            answer.status,
            answer.text()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn is_told(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.code(), "E-UNREACHABLE");
    assert!(answer.headers.contains_key("retry-after"));
}

fn upload(service: &Service, who: &str, marker: &str) {
    let mail = format!(
        "From ann@example.org Mon Jan  1 10:00:00 2024\nFrom: ann@example.org\nTo: bob@example.org\n\
         Subject: {marker}\nMessage-ID: <{marker}@example.org>\nDate: Mon, 01 Jan 2024 10:00:00 +0000\n\nhello\n"
    );
    let kind = "content-type: application/octet-stream";
    let path = "/imports?kind=mbox&mailbox=root@example.org&name=mail.mbox";
    let base = ["-X", "POST", "-H", who, "-H", kind, "--data-binary", &mail];
    let answer = service.curl(&base, path);
    assert_eq!(answer.status, 202, "{}", answer.text());
}

fn total(answer: &Answer) -> Option<u64> {
    (answer.status == 200)
        .then(|| answer.json()["total"].as_u64())
        .flatten()
}

#[test]
fn a_node_that_is_cut_off_says_so_and_recovers() {
    let servers = Servers::start();
    let catalog = Proxy::before(servers.postgres.address()).unwrap();
    let objects = Proxy::before(servers.objects.address()).unwrap();
    let far = servers.node_by("far", catalog.address(), objects.address());
    let near = servers.node("near");
    let made = near.run(&["import", "demo", "--messages", "120"]);
    assert_eq!(made.code, 0, "{}", made.errors);
    let admin = [
        "user",
        "add",
        "root@example.org",
        "--password-stdin",
        "--role",
        "admin",
        "--role",
        "user",
    ];
    let added = everpost_as(near.program(), &near.data, &admin, &format!("{PASSWORD}\n"));
    assert!(
        added.status.success(),
        "{}",
        String::from_utf8_lossy(&added.stderr)
    );
    let (far, near) = (start(&far), start(&near));

    // One sign-in is good at every node: sessions are in the catalog.
    let who = far.sign_in("root@example.org", PASSWORD);
    let me = near.get(&who, "/me").well();
    assert_eq!(me["address"], "root@example.org");

    // What one takes in the other finds.
    upload(&far, &who, "flamingo");
    let search = |service: &Service, word: &str| service.get(&who, &format!("/search?q={word}"));
    let found = until(
        "the other node",
        || search(&near, "flamingo"),
        |answer| total(answer) == Some(1),
    );
    let id = found.json()["hits"][0]["id"].as_str().unwrap().to_string();

    catalog.cut();
    is_told(&search(&far, "flamingo"));
    is_told(&far.get("x-nobody: 1", "/readyz"));
    assert_eq!(
        far.get("x-nobody: 1", "/healthz").status,
        204,
        "it lives all the same"
    );
    assert_eq!(total(&search(&near, "flamingo")), Some(1));
    catalog.mend().unwrap();
    until(
        "after the cut",
        || far.get("x-nobody: 1", "/readyz"),
        |answer| answer.status == 204,
    );
    assert_eq!(total(&search(&far, "flamingo")), Some(1));

    objects.cut();
    is_told(&far.get("x-nobody: 1", "/readyz"));
    // It was taken in here and its pack was never read.
    is_told(&far.get(&who, &format!("/messages/{id}/raw")));
    assert_eq!(near.get(&who, &format!("/messages/{id}/raw")).status, 200);
    objects.mend().unwrap();
    until(
        "after the cut",
        || far.get("x-nobody: 1", "/readyz"),
        |answer| answer.status == 204,
    );
    assert_eq!(far.get(&who, &format!("/messages/{id}/raw")).status, 200);

    // A server that takes the connection and says nothing.
    catalog.hang().unwrap();
    is_told(&search(&far, "flamingo"));
    assert_eq!(total(&search(&near, "flamingo")), Some(1));
    catalog.mend().unwrap();
    until(
        "after the hang",
        || search(&far, "flamingo"),
        |answer| total(answer) == Some(1),
    );

    // Whoever followed may be gone: the other takes over when its lease has run out.
    far.kill();
    upload(&near, &who, "pelican");
    until(
        "the node that is left",
        || search(&near, "pelican"),
        |answer| total(answer) == Some(1),
    );
    let jobs: Value = near.get(&who, "/imports").well();
    assert!(jobs.to_string().contains("done"), "{jobs}");
    near.stop();
    servers.is_sound();
}
