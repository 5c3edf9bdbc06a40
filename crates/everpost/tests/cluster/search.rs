//! A search that several nodes answer together says what one says alone, whoever dies meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use everpost_testkit::corpus;
use serde_json::Value;

use crate::mailbox::Mailbox;
use crate::nodes::{Node, Servers};
use crate::service::{PASSWORD, Service, everpost_as};

const PATIENCE: Duration = Duration::from_secs(60);

const WHO: &str = "root@example.org";

const ASKED: [&str; 7] = [
    "/search?q=&limit=20",
    "/search?q=linux&order=oldest&limit=20",
    "/search?q=money%20OR%20server&order=score&limit=20",
    "/search?q=-free%20in:inbox&by=copy&limit=20",
    "/search?q=%22if%20you%22&limit=20",
    "/search/facets?q=the",
    "/search/timeline?q=subject:re",
];

/// A node that takes part.
fn start(node: &Node) -> Service {
    let mut program = node.program();
    program
        .arg("--config")
        .arg(node.data.with_extension("toml"));
    std::fs::write(
        node.data.with_extension("toml"),
        "[nodes]\nshare_from = 1\n",
    )
    .unwrap();
    let listen = ["nodes=127.0.0.1:0", "metrics=127.0.0.1:0"];
    let command = ["service", "--listen", listen[0], "--listen", listen[1]];
    Service::start_as(program, &node.data, &command)
}

/// What a node says to everything that is asked, without what differs from time to time, and the
/// other nodes that took part.
fn said(service: &Service, who: &str) -> (Vec<Value>, Vec<String>) {
    let mut others = Vec::new();
    let mut say = |path: &&str| {
        let mut answer = service.get(who, path).well();
        if let Some(answer) = answer.as_object_mut() {
            answer.remove("took_ms");
            let answered = answer.remove("answered");
            let names = answered.as_ref().and_then(Value::as_array);
            let names = names.into_iter().flatten().filter_map(Value::as_str);
            others.extend(names.filter(|name| *name != "here").map(String::from));
        }
        answer
    };
    let answers = ASKED.iter().map(&mut say).collect();
    (answers, others)
}

fn figure(service: &Service, name: &str) -> u64 {
    let url = service
        .url("metrics", "/metrics")
        .replace("metrics://", "http://");
    let text = service.curl_to(&[], &url).text();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim().parse().unwrap()
}

#[test]
fn three_nodes_answer_together_and_alone_when_the_others_die() {
    let servers = Servers::start();
    let node = servers.node("n0");
    let mails = corpus::spam_assassin().unwrap();
    // Each a split of its own.
    for some in mails.chunks(40).take(6) {
        let mailbox = Mailbox::of(some.iter().map(|mail| mail.bytes.clone()).collect());
        let path = mailbox.path.to_str().unwrap();
        let made = node.run(&["import", "mbox", path, "--dialect", "rd", "--mailbox", WHO]);
        assert_eq!(made.code, 0, "{}", made.errors);
    }
    let user = ["user", "add", WHO, "--password-stdin", "--role", "user"];
    let added = everpost_as(node.program(), &node.data, &user, &format!("{PASSWORD}\n"));
    let errors = String::from_utf8_lossy(&added.stderr);
    assert!(added.status.success(), "{errors}");

    let mut services: Vec<Service> = ["n0", "n1", "n2"]
        .map(|name| start(&servers.node(name)))
        .into();
    let cookie = services[0].sign_in(WHO, PASSWORD);
    let alone = Service::start_as(
        servers.node("n3").program(),
        &servers.node("n3").data,
        &["service"],
    );
    let (wanted, nobody) = said(&alone, &cookie);
    assert_eq!(nobody, Vec::<String>::new());
    assert!(wanted[0]["total"].as_u64().unwrap() > 200, "{}", wanted[0]);
    alone.stop();

    // Whoever has not every split is answered by others, once each has heard of them.
    let began = Instant::now();
    let asked = loop {
        let mut took_part = services.iter().map(|service| {
            let (answers, others) = said(service, &cookie);
            assert_eq!(answers, wanted);
            !others.is_empty()
        });
        if let Some(asked) = took_part.position(|others| others) {
            break asked;
        }
        assert!(began.elapsed() < PATIENCE, "no node asks another");
    };
    let asked = services.swap_remove(asked);
    assert!(figure(&asked, "everpost_shared_searches_total ") > 0);
    let answered: u64 = services
        .iter()
        .map(|service| figure(service, "everpost_answered_splits_total "))
        .sum();
    assert!(answered > 0);

    // The others die one by one, in the middle of it.
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut rounds = 0;
            while !stop.load(Ordering::Relaxed) || rounds < 2 {
                assert_eq!(said(&asked, &cookie).0, wanted);
                rounds += 1;
            }
        });
        for service in services {
            service.kill();
            assert_eq!(said(&asked, &cookie).0, wanted);
        }
        stop.store(true, Ordering::Relaxed);
        asking.join().unwrap();
    });
    assert!(figure(&asked, "everpost_taken_back_splits_total ") > 0);
    // Nobody answers who is none of the nodes.
    let url = asked
        .url("nodes", "/v1/answer")
        .replace("nodes://", "http://");
    let foreign = asked.curl_to(&["-X", "POST", "--data-binary", "a question"], &url);
    assert_eq!((foreign.status, foreign.body.len()), (403, 0));
    asked.stop();
}
