//! Looking at mail: pages, messages, cases and the log, commands beside a service.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::common::*;
use crate::door::owners;

#[test]
fn pages_lead_to_the_end_and_repeat_nothing() {
    let (_folder, data) = demo();
    let owner = owners(&data).remove(0);
    account(&data, &owner, &[]);
    let service = Service::start(&data, &["service"]);
    let who = service.sign_in(&owner, PASSWORD);
    for order in ["newest", "oldest"] {
        let mut seen = BTreeSet::new();
        let mut dates = Vec::new();
        let mut cursor = String::new();
        let total = loop {
            let path = format!("/search?limit=7&order={order}{cursor}");
            let page = service.get(&who, &path).well();
            for hit in page["hits"].as_array().unwrap() {
                assert!(seen.insert(hit["id"].to_string()), "twice: {hit}");
                dates.extend(hit["date"].as_str().map(String::from));
                for place in hit["places"].as_array().unwrap() {
                    assert_eq!(place["mailbox"], owner.as_str());
                }
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break page["total"].as_u64().unwrap(),
            }
        };
        assert_eq!(seen.len() as u64, total);
        let mut sorted = dates.clone();
        sorted.sort();
        if order == "newest" {
            sorted.reverse();
        }
        assert_eq!(dates, sorted);
    }
    assert_eq!(service.get(&who, "/search?limit=501").code(), "E-INVALID");
    assert_eq!(
        service.get(&who, "/search?cursor=nonsense").code(),
        "E-INVALID"
    );
    assert_eq!(service.get(&who, "/search?order=up").code(), "E-INVALID");
    let wrong = service.get(&who, "/query?q=%22%C3%A4%20foo%22%20size%3A%28");
    assert_eq!(wrong.code(), "E-QUERY");
    assert!(
        wrong.json()["at"].as_u64().unwrap() >= 8,
        "{}",
        wrong.text()
    );
    let understood = service.get(&who, "/query?q=b%20AND%20a").well();
    assert!(understood["canonical"].is_string());

    let all = service.get(&who, "/search?limit=0").well()["total"]
        .as_u64()
        .unwrap();
    let months = service.get(&who, "/search/timeline").well();
    let dated: u64 = months["months"]
        .as_array()
        .unwrap()
        .iter()
        .map(|month| month["count"].as_u64().unwrap())
        .sum();
    assert_eq!(dated + months["undated"].as_u64().unwrap(), all);
    let facets = service.get(&who, "/search/facets").well();
    assert_eq!(facets["mailbox"], json!([{"value": owner, "count": all}]));
    assert!(facets["sender"].as_array().unwrap().len() <= 20);
    let hits = service.get(&who, "/suggest?prefix=a&limit=3").well();
    assert!(hits["addresses"].as_array().unwrap().len() <= 3);
}

#[test]
fn a_message_is_shown_in_all_its_forms() {
    let (folder, data) = demo();
    let mail = "From: Mallory <m@evil.example>\r\nTo: ann@example.org\r\nSubject: =?utf-8?q?H=C3=A9llo?=\r\n\
        Date: Mon, 01 Jan 2024 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p onclick=steal()>caf\u{e9} \u{1f600} wombat</p>\
        <script>steal()</script><img src=https://track.example/x.gif>\r\n\
        --b\r\nContent-Type: text/plain; name=\"n\u{f6}te.txt\"\r\nContent-Disposition: attachment; filename=\"a b.txt\"\r\n\r\nattached wombat\r\n--b--\r\n";
    let path = folder.path().join("one.eml");
    std::fs::write(&path, mail).unwrap();
    let path = path.to_str().unwrap();
    lines(
        &data,
        &["import", "eml", path, "--mailbox", "ann@example.org"],
    );
    account(&data, "ann@example.org", &[]);
    let service = Service::start(&data, &["service"]);
    let who = service.sign_in("ann@example.org", PASSWORD);
    let page = service.get(&who, "/search?q=wombat").well();
    assert_eq!(page["total"], 1);
    let id = page["hits"][0]["sha256"].as_str().unwrap();
    let get = |rest: &str| service.get(&who, &format!("/messages/{id}{rest}"));

    let head = get("").well();
    assert_eq!(head["subject"], "Héllo");
    assert_eq!(head["has_html"], true);
    assert_eq!(head["attachments"][0]["name"], "a b.txt");
    assert!(head["deliveries"].is_null());
    let text = get("/text?q=wombat").well();
    let (shown, hits) = (
        text["text"].as_str().unwrap(),
        text["hits"].as_array().unwrap(),
    );
    let units: Vec<u16> = shown.encode_utf16().collect();
    for hit in hits {
        let at = |end: usize| usize::try_from(hit[end].as_u64().unwrap()).unwrap();
        assert_eq!(String::from_utf16(&units[at(0)..at(1)]).unwrap(), "wombat");
    }
    assert!(!hits.is_empty());
    let html = get("/html");
    assert!(html.headers["content-security-policy"].starts_with("sandbox; default-src 'none'"));
    assert!(html.text().contains("wombat"));
    assert!(!html.text().contains("steal") && !html.text().contains("track.example"));
    let raw = get("/raw");
    assert_eq!(raw.body, mail.as_bytes());
    assert!(raw.headers["content-disposition"].starts_with("attachment"));
    let attached = get("/attachments/0");
    assert_eq!(attached.text().trim(), "attached wombat");
    assert!(attached.headers["content-disposition"].contains("filename*=UTF-8''a%20b.txt"));
    assert_eq!(
        get("/attachments/0/text?q=wombat").well()["hits"],
        json!([[9, 15]])
    );
    assert_eq!(get("/attachments/1").code(), "E-NOT-FOUND");
    assert_eq!(
        get("/conversation").well()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let proof = get("/proof").well();
    assert_eq!(proof["verified"], true, "{proof}");
    assert_eq!(proof["root"].as_str().unwrap().len(), 64);
    let ask = json!({"q": "wombat", "ids": [id]});
    let snippets = service.send(&who, "POST", "/search/snippets", &ask).well();
    assert!(
        snippets["snippets"][0]["text"]
            .as_str()
            .unwrap()
            .contains("wombat")
    );
    let checked = service
        .send(&who, "POST", "/verify", &json!({"id": id}))
        .well();
    assert_eq!(
        (&checked["checked"], &checked["ok"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(service.get(&who, "/messages/0123").code(), "E-NOT-FOUND");
}

#[test]
fn a_look_at_anothers_mail_takes_a_case_and_stands_in_the_log() {
    let (_folder, data) = demo();
    let mailboxes = owners(&data);
    let person = &mailboxes[0];
    account(&data, "law@example.org", &["--role", "officer"]);
    account(&data, "rey@example.org", &["--role", "reviewer"]);
    let service = Service::start(&data, &["service"]);
    let law = service.sign_in("law@example.org", PASSWORD);
    let rey = service.sign_in("rey@example.org", PASSWORD);
    let ask = json!({"name": "Pier 7", "reason": "the leak", "people": [person],
        "reviewers": ["rey@example.org"], "from": "2000-01-01", "to": "2100-01-01"});
    let case = service.send(&law, "POST", "/cases", &ask).well()["id"].clone();
    assert_eq!(service.get(&rey, "/me").well()["cases"][0]["id"], case);
    assert_eq!(service.get(&rey, "/search").code(), "E-FORBIDDEN");
    let page = service
        .get(&rey, &format!("/search?case={case}&limit=500"))
        .well();
    assert!(page["total"].as_u64().unwrap() > 0);
    for hit in page["hits"].as_array().unwrap() {
        assert!(
            hit["places"]
                .as_array()
                .unwrap()
                .iter()
                .all(|place| place["mailbox"] == *person)
        );
    }
    let id = page["hits"][0]["sha256"].as_str().unwrap();
    for part in ["/text", "/raw"] {
        let path = format!("/messages/{id}{part}?case={case}");
        assert_eq!(service.get(&rey, &path).status, 200);
    }
    let close = json!({"closed": true});
    let closed = service.send(&law, "PATCH", &format!("/cases/{case}"), &close);
    assert_eq!(closed.status, 200);
    let path = format!("/messages/{id}/raw?case={case}");
    assert_eq!(service.get(&rey, &path).code(), "E-NOT-FOUND");
    service.stop();

    let events = lines(&data, &["log", "actions"]);
    let said = |kind: &str| -> Vec<&Value> {
        let of = |line: &&Value| line["kind"] == kind && line["actor"] == "rey@example.org";
        events.iter().filter(of).collect()
    };
    let looks = said("accessed");
    let subjects: Vec<&str> = looks
        .iter()
        .map(|look| look["subject"].as_str().unwrap())
        .collect();
    assert_eq!(subjects.len(), 3, "{subjects:?}");
    assert!(subjects[0].starts_with("search"));
    assert_eq!(subjects[1], format!("message {id} text"));
    assert_eq!(subjects[2], format!("message {id} raw"));
    assert!(
        looks
            .iter()
            .all(|look| look["reason"].as_str().unwrap().contains("Pier 7"))
    );
    let checked = lines(&data, &["verify", "--all"]);
    assert_eq!(checked.last().unwrap()["bad"], json!([]));
    let status = lines(&data, &["status"]);
    let status = status.last().unwrap();
    assert_eq!(status["log_size"], status["events"]);
}

#[test]
fn commands_ask_the_service_that_has_the_archive() {
    let (_folder, data) = demo();
    let alone = lines(&data, &["search", "invoice", "--limit", "3"]);
    let service = Service::start(&data, &["service"]);
    let beside = lines(&data, &["search", "invoice", "--limit", "3"]);
    assert_eq!(alone.len(), beside.len());
    for (one, other) in alone.iter().zip(&beside).take(3) {
        for field in [
            "id", "sha256", "copies", "date", "from", "to", "subject", "size",
        ] {
            assert_eq!(one[field], other[field], "{field}");
        }
    }
    let id = alone[0]["sha256"].as_str().unwrap();
    let raw = everpost(&data, &["show", id.get(..12).unwrap(), "--raw"]);
    assert_eq!(raw.stdout.len() as u64, alone[0]["size"].as_u64().unwrap());
    let status = lines(&data, &["status"]);
    assert_eq!(status[0]["summary"], true);
    assert_eq!(lines(&data, &["import", "list"])[0]["state"], "done");
    let busy = everpost(&data, &["fsck"]);
    assert!(String::from_utf8_lossy(&busy.stderr).contains("E-STORE-BUSY"));
    let wrong = everpost(&data, &["search", "size:("]);
    assert_eq!(wrong.status.code(), Some(2));
    service.stop();
    let looked = lines(&data, &["log", "actions"]);
    assert!(
        looked
            .iter()
            .any(|line| line["actor"] == "operator" && line["kind"] == "accessed")
    );
}
