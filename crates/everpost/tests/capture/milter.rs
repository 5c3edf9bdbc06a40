//! Postfix shows each mail to the service before it takes it.

use everpost_testkit::peers::Postfix;

use crate::Archive;
use crate::client::Client;
use crate::service::{everpost_with, lines};

fn letter(number: usize) -> Vec<u8> {
    format!(
        "From: ann@example.test\r\nTo: u1@example.test\r\nSubject: {number}\r\n\
         Message-ID: <{number}@example.test>\r\n\r\nLetter {number}\r\n"
    )
    .into_bytes()
}

#[test]
fn postfix_takes_nothing_that_is_not_archived() {
    let archive = Archive::new("domains = ['example.test']");
    let postfix = Postfix::filtering("tempfail").unwrap();
    let listen = format!("milter={}", postfix.archive());
    let to = ["u1@example.test", "hidden@example.test"];
    let send = |number: usize| {
        let (mut client, greeting) = Client::greeted(postfix.address());
        // Without its filter Postfix says so at once, or for each sender.
        if !greeting.starts_with("220 ") {
            return greeting;
        }
        client.say("EHLO client.test");
        client.send("ann@example.test", &to, &letter(number))
    };
    let mut taken = Vec::new();
    let mut refused = 0;
    for round in 0..3 {
        for place in 0..3 {
            // The service is down.
            let said = send(round * 10 + place);
            assert!(said.starts_with('4'), "{said}");
            refused += 1;
        }
        let service = archive.serve(&listen);
        for place in 0..5 {
            let said = send(round * 10 + place);
            assert!(said.starts_with("250 "), "{said}");
            taken.push(round * 10 + place);
        }
        match round {
            0 => service.stop(),
            _ => service.kill(),
        }
    }
    println!("{} taken, {refused} held up", taken.len());
    let copies = archive.copies();
    assert_eq!(copies.len(), taken.len());
    archive.within(false, async |tenant| {
        let mut kept = Vec::new();
        for id in &copies {
            kept.push(tenant.raw(id).await.unwrap());
            let came = tenant.deliveries(id).await.unwrap();
            assert_eq!(came.len(), 1);
            let envelope = came[0].envelope.clone().unwrap();
            assert_eq!(envelope.sender, "ann@example.test");
            assert_eq!(envelope.recipients, to);
        }
        for number in taken {
            assert!(kept.contains(&letter(number)), "{number}");
        }
    });
}

#[test]
fn what_passed_unarchived_is_named_by_the_mail_log() {
    let archive = Archive::new("domains = ['example.test']");
    let postfix = Postfix::filtering("accept").unwrap();
    let listen = format!("milter={}", postfix.archive());
    let send = |number: usize| {
        let mut client = Client::connect(postfix.address());
        let said = client.send("ann@example.test", &["u1@example.test"], &letter(number));
        assert!(said.starts_with("250 "), "{said}");
    };
    let service = archive.serve(&listen);
    send(0);
    service.stop();
    send(1);
    send(2);
    let sent = |log: &[u8]| String::from_utf8_lossy(log).matches("status=sent").count() == 3;
    postfix.logs("three mails", sent).unwrap();
    let log = String::from_utf8(postfix.log().unwrap()).unwrap();
    let asked = |more: &[&str], code: i32| {
        let command = [&["--json", "capture", "omissions", "-"], more].concat();
        let done = everpost_with(&archive.data, &command, &log);
        assert_eq!(done.status.code(), Some(code));
        let said = String::from_utf8(done.stdout).unwrap();
        let lines = said.lines().map(|line| serde_json::from_str(line).unwrap());
        let lines: Vec<serde_json::Value> = lines.collect();
        let ids: Vec<String> = lines
            .iter()
            .filter_map(|one| one["message_id"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(ids, ["1@example.test", "2@example.test"]);
        let summary = lines.last().unwrap();
        assert_eq!(
            (summary["seen"].as_u64(), summary["archived"].as_u64()),
            (Some(3), Some(1))
        );
        lines[0]["known"].as_bool().unwrap()
    };
    assert!(!asked(&[], 3));
    assert!(!asked(&["--record"], 3));
    // The same log again: each is written down once.
    let service = archive.serve(&listen);
    assert!(asked(&["--record"], 3));
    service.stop();
    let actions = lines(&archive.data, &["log", "actions"]);
    let omitted: Vec<&str> = actions
        .iter()
        .filter(|one| one["kind"] == "omitted")
        .map(|one| one["subject"].as_str().unwrap())
        .collect();
    assert_eq!(omitted.len(), 2);
    assert!(omitted[0].starts_with(
        "message <1@example.test> from <ann@example.test> to u1@example.test passed "
    ));
}
