//! The mail server is down, and people work in their standby mailbox from a browser: what the API lets them do.

use serde_json::{Value, json};

use crate::service::{self, PASSWORD, Service, everpost_with, lines};
use crate::standby::{send, waits_for};
use crate::{ANN, Archive, address};

const BOB: &str = "bob@example.test";
const ADMIN: &str = "it@example.test";

/// Mail that looks like an invoice, and is not what it looks like.
const HOSTILE: &str = "From: Carol <carol@example.com>\r\nTo: ann@example.test, Bob <bob@example.test>\r\n\
    Reply-To: desk@example.com\r\nSubject: Pier 7\r\nMessage-ID: <pier@example.com>\r\n\
    Date: Mon, 3 Jun 2024 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/html\r\n\r\n<p>The <b>crane</b> stands</p><script>steal()</script>\
    <img src=http://track.example/1.gif onerror=steal()>\r\n\
    --b\r\nContent-Type: text/html; name=plan.html\r\nContent-Disposition: attachment; filename=plan.html\r\n\r\n\
    <script>steal()</script>\r\n--b--";

/// An archive with Ann, Bob and somebody who reads no mail, served. All of their mail server is down.
fn outage() -> (Archive, Service) {
    let archive = Archive::before("127.0.0.1:1");
    service::account(&archive.data, BOB, &["--owns", BOB]);
    service::account(&archive.data, ADMIN, &["--role", "admin"]);
    archive.well(&["recipient", "add", BOB]);
    let service = archive.serve();
    (archive, service)
}

fn activate(archive: &Archive) {
    let why = ["--reason", "down"];
    archive.well(&[&["continuity", "activate", "--scope", "all"][..], &why].concat());
}

/// The messages of a folder by its use.
fn listed(service: &Service, who: &str, used_for: &str) -> Vec<Value> {
    let folder = folder(service, who, used_for);
    let page = service.get(who, &format!("/mailbox/messages?folder={folder}"));
    let page = page.well();
    page["items"].as_array().unwrap().clone()
}

fn folder(service: &Service, who: &str, used_for: &str) -> u64 {
    let mailbox = service.get(who, "/mailbox").well();
    let folders = mailbox["folders"].as_array().unwrap();
    let found = folders.iter().find(|one| one["use"] == used_for);
    found.unwrap()["id"].as_u64().unwrap()
}

/// Waits for the one message of an inbox; where it lies.
fn arrived(service: &Service, who: &str) -> String {
    let inbox = || listed(service, who, "inbox");
    waits_for("the mail", || inbox().len() == 1);
    let mail = inbox().remove(0);
    format!("/mailbox/messages/{}/{}", mail["folder"], mail["uid"])
}

#[test]
fn a_mailbox_is_there_in_an_outage_and_nobody_elses() {
    let (archive, service) = outage();
    let ann = service.sign_in(ANN, PASSWORD);
    let before = service.get(&ann, "/mailbox");
    assert_eq!(
        (before.status, before.code().as_str()),
        (404, "E-NOT-FOUND")
    );
    assert!(before.json()["hint"].is_string());
    assert_eq!(service.get(&ann, "/me").well()["mailbox"], false);
    activate(&archive);
    assert_eq!(service.get(&ann, "/me").well()["mailbox"], true);
    let mailbox = service.get(&ann, "/mailbox").well();
    assert_eq!(
        [&mailbox["address"], &mailbox["state"], &mailbox["sends"]],
        [&json!(ANN), &json!("active"), &json!(true)]
    );
    let uses = mailbox["folders"].as_array().unwrap().iter();
    let uses: Vec<&str> = uses.map(|one| one["use"].as_str().unwrap()).collect();
    assert_eq!(
        uses,
        ["inbox", "drafts", "sent", "archive", "junk", "trash"]
    );

    send(address(&service, "mx"), HOSTILE);
    let path = arrived(&service, &ann);
    let inbox = folder(&service, &ann, "inbox");
    let bob = service.sign_in(BOB, PASSWORD);
    assert_eq!(service.get(&bob, "/me").well()["mailbox"], true);
    assert!(listed(&service, &bob, "inbox").is_empty());
    let mine = folder(&service, &bob, "inbox");
    let foreign = [
        service.get(&bob, &path),
        service.get(&bob, &format!("{path}/html")),
        service.get(&bob, &format!("{path}/raw")),
        service.get(&bob, &format!("{path}/attachments/0")),
        service.get(&bob, &format!("/mailbox/messages?folder={inbox}")),
        service.get(&bob, &format!("/mailbox/search?q=pier&folder={inbox}")),
        service.send(&bob, "PATCH", &path, &json!({"seen": true})),
        service.send(&bob, "POST", &format!("{path}/move"), &json!({"to": mine})),
        service.curl(&["-X", "DELETE", "-H", &bob], &path),
        // Nothing is put into another's folder either.
        service.send(&ann, "POST", &format!("{path}/move"), &json!({"to": mine})),
        service.get(&ann, "/mailbox/messages/x/1"),
        service.get(&ann, &format!("/mailbox/messages/{inbox}/99")),
    ];
    for (number, answer) in foreign.iter().enumerate() {
        let answered = (answer.status, answer.code());
        assert_eq!(answered, (404, "E-NOT-FOUND".into()), "{number}");
    }
    let found = service.get(&bob, "/mailbox/search?q=pier").well();
    assert_eq!(found["items"], json!([]));
    let stolen = json!({"key": "0123456789abcdef", "to": [{"email": BOB}],
        "forward": {"folder": inbox, "uid": 1}});
    let answer = service.send(&bob, "POST", "/mailbox/send", &stolen);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (404, "E-NOT-FOUND")
    );

    // Who reads no mail reads none here; who is nobody even less.
    let admin = service.sign_in(ADMIN, PASSWORD);
    assert_eq!(service.get(&admin, "/me").well()["mailbox"], false);
    assert_eq!(service.get(&admin, "/mailbox").status, 403);
    assert_eq!(service.get("x-nobody: 1", "/mailbox").status, 401);
    assert_eq!(listed(&service, &ann, "inbox").len(), 1);
    service.stop();

    // A token that reads changes nothing.
    let create = [
        "--json", "token", "create", ANN, "--name", "t", "--scope", "read",
    ];
    let made = everpost_with(&archive.data, &create, "");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let token = format!("authorization: Bearer {}", made["secret"].as_str().unwrap());
    let service = archive.serve();
    assert_eq!(service.get(&token, &path).status, 200);
    for refused in [
        service.send(&token, "PATCH", &path, &json!({"seen": true})),
        service.send(&token, "POST", &format!("{path}/move"), &json!({"to": 1})),
        service.send(
            &token,
            "POST",
            "/mailbox/send",
            &json!({"key": "0123456789abcdef"}),
        ),
        service.curl(&["-X", "DELETE", "-H", &token], &path),
        service.get(&token, "/mailbox/search?q=pier"),
    ] {
        assert_eq!(refused.status, 403, "{}", refused.text());
    }
    service.stop();
}

#[test]
fn mail_is_read_safely_and_put_in_order() {
    let (archive, service) = outage();
    activate(&archive);
    let ann = service.sign_in(ANN, PASSWORD);
    send(address(&service, "mx"), HOSTILE);
    let path = arrived(&service, &ann);

    let mail = service.get(&ann, &path).well();
    assert_eq!(mail["subject"], "Pier 7");
    assert_eq!(mail["reply_to"][0]["email"], "desk@example.com");
    assert_eq!(
        [&mail["has_html"], &mail["flags"]],
        [&json!(true), &json!([])]
    );
    assert!(mail["text"].as_str().unwrap().contains("The crane stands"));
    assert_eq!(mail["attachments"][0]["name"], "plan.html");
    let line = listed(&service, &ann, "inbox").remove(0);
    assert_eq!(
        [&line["id"], &line["attachments"]],
        [&mail["id"], &json!(1)]
    );
    let raw = service.get(&ann, &format!("{path}/raw"));
    assert!(raw.text().contains("<script>steal()"));
    let html = service.get(&ann, &format!("{path}/html"));
    assert!(html.text().contains("<b>crane</b>"));
    for bad in ["steal", "track.example", "onerror"] {
        assert!(!html.text().contains(bad), "{}", html.text());
    }
    let policy = &html.headers["content-security-policy"];
    assert!(
        policy.starts_with("sandbox; default-src 'none'"),
        "{policy}"
    );
    let file = service.get(&ann, &format!("{path}/attachments/0"));
    let policy = &file.headers["content-security-policy"];
    assert!(policy.starts_with("sandbox"), "{policy}");
    let how = &file.headers["content-disposition"];
    assert!(
        how.starts_with("attachment; filename=\"plan.html\""),
        "{how}"
    );

    let found = service
        .get(&ann, "/mailbox/search?q=crane+from%3Acarol")
        .well();
    assert_eq!(found["items"][0]["subject"], "Pier 7");
    assert_eq!(found["next"], Value::Null);
    let wrong = service.get(&ann, "/mailbox/search?q=(crane");
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "E-QUERY"));
    let wrong = service.get(&ann, "/mailbox/search?q=crane&after=1.2");
    assert_eq!(wrong.status, 400);

    let mark = |order: Value| service.send(&ann, "PATCH", &path, &order).well()["flags"].clone();
    assert_eq!(
        mark(json!({"seen": true, "flagged": true})),
        json!(["seen", "flagged"])
    );
    assert_eq!(
        service.get(&ann, "/mailbox").well()["folders"][0]["unseen"],
        0
    );
    assert_eq!(mark(json!({"flagged": false})), json!(["seen"]));
    assert_eq!(mark(json!({})), json!(["seen"]));
    let unread = service.get(&ann, "/mailbox/search?q=is%3Aunread").well();
    assert_eq!(unread["items"], json!([]));

    let shelf = folder(&service, &ann, "archive");
    let order = json!({"to": shelf});
    let moved = service
        .send(&ann, "POST", &format!("{path}/move"), &order)
        .well();
    assert_eq!(moved["folder"], shelf);
    assert_eq!(service.get(&ann, &path).status, 404);
    let delete = |at: &Value| {
        let path = format!("/mailbox/messages/{}/{}", at["folder"], at["uid"]);
        service.curl(&["-X", "DELETE", "-H", &ann], &path)
    };
    let again = format!(
        "/mailbox/messages/{}/{}/move",
        moved["folder"], moved["uid"]
    );
    assert_eq!(service.send(&ann, "POST", &again, &order).status, 400);
    let trashed = delete(&moved).well();
    assert_eq!(trashed["folder"], folder(&service, &ann, "trash"));
    assert_eq!(delete(&trashed).status, 204);
    assert_eq!(delete(&trashed).status, 404);
    // The archive keeps it.
    let id = mail["id"].as_str().unwrap();
    assert!(!archive_has(&archive, id).is_empty());
    service.stop();
}

fn archive_has(archive: &Archive, id: &str) -> Vec<Value> {
    lines(&archive.data, &["show", id])
}

#[test]
fn a_reply_goes_out_once_and_stands_in_sent() {
    let (archive, service) = outage();
    activate(&archive);
    let (ann, bob) = (
        service.sign_in(ANN, PASSWORD),
        service.sign_in(BOB, PASSWORD),
    );
    send(address(&service, "mx"), HOSTILE);
    let path = arrived(&service, &ann);
    let at = service.get(&ann, &path).well();
    let at = json!({"folder": at["folder"], "uid": at["uid"]});
    let letter = |key: &str, to: &[&str]| {
        let to: Vec<Value> = to
            .iter()
            .map(|email| json!({"name": "", "email": email}))
            .collect();
        json!({"key": key, "to": to, "bcc": [{"name": "Bob", "email": BOB}],
            "subject": "Re: Pier 7", "text": "Grüße\nÄnn", "in_reply_to": at})
    };
    let ask = |letter: &Value| service.send(&ann, "POST", "/mailbox/send", letter);
    let queue = || {
        let legs = lines(&archive.data, &["queue", "list"]).into_iter();
        let legs = legs.filter(|leg| leg["sender"] == ANN);
        let mut to: Vec<String> = legs
            .map(|leg| leg["recipient"].as_str().unwrap().into())
            .collect();
        to.sort();
        to
    };

    // What cannot be sent as a whole is not sent at all.
    let refused = ask(&letter(
        "a letter of today",
        &["desk@example.com", "nobody@example.test"],
    ));
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "E-RECIPIENT")
    );
    assert!(refused.text().contains("nobody@example.test"));
    let mut foreign = letter("a letter of today", &["desk@example.com"]);
    foreign["from"] = json!(BOB);
    assert_eq!(ask(&foreign).code(), "E-RECIPIENT");
    assert_eq!(ask(&letter("short", &["desk@example.com"])).status, 400);
    assert!(queue().is_empty() && listed(&service, &ann, "sent").is_empty());

    let letter = letter("a letter of today", &["desk@example.com"]);
    let first = ask(&letter);
    assert_eq!(first.status, 201, "{}", first.text());
    let again = ask(&letter);
    assert_eq!((again.status, again.json()), (200, first.json()));
    assert_eq!(queue(), [BOB, "desk@example.com"]);
    let sent = listed(&service, &ann, "sent");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0]["flags"], json!(["seen"]));
    assert_eq!(
        service.get(&ann, &path).well()["flags"],
        json!(["answered"])
    );
    let kept = format!("/mailbox/messages/{}/{}", sent[0]["folder"], sent[0]["uid"]);
    let kept = service.get(&ann, &kept).well();
    assert_eq!(kept["bcc"][0]["email"], BOB);
    assert_eq!(kept["text"].as_str().unwrap().trim(), "Grüße\nÄnn");

    // Bob's mailbox is here as well. He is not told of himself, and finds the question by the answer.
    let got = arrived(&service, &bob);
    let raw = service.get(&bob, &format!("{got}/raw")).text();
    assert!(!raw.to_lowercase().contains("bcc:"), "{raw}");
    assert!(raw.contains("In-Reply-To: <pier@example.com>\r\n"), "{raw}");
    let forward = json!({"key": "another letter of today", "to": [{"email": "eve@example.com"}],
        "subject": "Fwd", "forward": at});
    assert_eq!(ask(&forward).status, 201);
    let flags = service.get(&ann, &path).well()["flags"].clone();
    assert_eq!(flags, json!(["answered", "forwarded"]));

    // The mail server is used again: all of it stays here, and still letters go out.
    archive.well(&["continuity", "recover", "--scope", "all"]);
    assert_eq!(service.get(&ann, "/mailbox").well()["state"], "recovery");
    archive.well(&["continuity", "ready", "--scope", "all"]);
    assert_eq!(service.get(&ann, "/mailbox").well()["state"], "ready");
    assert_eq!(listed(&service, &ann, "sent").len(), 2);
    service.stop();
}
