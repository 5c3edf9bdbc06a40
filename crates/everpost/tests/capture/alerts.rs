//! People are told when something is not well: by mail through a real Postfix, and by a webhook.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use everpost_testkit::peers::{Dovecot, Postfix};
use serde_json::Value;

use crate::relay::{await_that, well};
use crate::service::{Service, lines};
use crate::{Archive, text};

/// A request that came: its fields in lower case, and its body.
type Request = (Vec<(String, String)>, String);

/// Takes webhooks.
fn hook() -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (requests, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let (mut line, mut fields) = (String::new(), Vec::new());
            reader.read_line(&mut line).unwrap();
            assert_eq!(line, "POST /hook HTTP/1.1\r\n");
            loop {
                line.clear();
                reader.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim_end().split_once(": ") else {
                    break;
                };
                fields.push((name.to_lowercase(), value.to_owned()));
            }
            let length = field(&fields, "content-length").parse().unwrap();
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            reader.get_mut().write_all(answer).unwrap();
            if requests
                .send((fields, String::from_utf8(body).unwrap()))
                .is_err()
            {
                return;
            }
        }
    });
    (url, received)
}

fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    let found = fields.iter().find(|(one, _)| one == name);
    &found.unwrap_or_else(|| panic!("no {name} in {fields:?}")).1
}

/// As Standard Webhooks says, by somebody else's HMAC.
fn signature(secret: &str, signed: &str) -> String {
    let script = "import sys, hmac, base64
key = base64.b64decode(sys.argv[1])
print('v1,' + base64.b64encode(hmac.new(key, sys.argv[2].encode(), 'sha256').digest()).decode())";
    let mut python = Command::new("python3");
    let output = python
        .args(["-c", script, secret, signed])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_full_disk_is_told_by_mail_and_webhook() {
    let dovecot = Dovecot::start(&["ann"]).unwrap();
    let postfix = Postfix::before(&dovecot, false).unwrap();
    let (url, received) = hook();
    let archive = Archive::new("domains = ['example.test']");
    let secret = archive.folder.path().join("secret");
    std::fs::write(&secret, "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cw==\n").unwrap();
    archive.relays(&format!(
        "[alerts]\nmail = ['ann@example.test']\nserver = '{}'\n\
             webhook = '{url}'\nwebhook_secret = '{}'\nlook_seconds = 1\nfree_bytes = {}\n",
        postfix.address(),
        text(&secret),
        i64::MAX,
    ));
    let said = well(&archive, &["alerts", "test", "--config", &archive.config]);
    assert_eq!(said.matches(": told").count(), 2, "{said}");
    // The path of a webhook is often its secret.
    assert!(!said.contains("hook"), "{said}");
    let next = || received.recv_timeout(Duration::from_secs(60)).unwrap();
    let read = |(fields, body): Request| {
        let (id, at) = (
            field(&fields, "webhook-id"),
            field(&fields, "webhook-timestamp"),
        );
        let signed = format!("{id}.{at}.{body}");
        let wanted = signature("c2VjcmV0IG9mIHRoZSB0ZXN0cw==", &signed);
        assert_eq!(field(&fields, "webhook-signature"), wanted);
        serde_json::from_str::<Value>(&body).unwrap()
    };
    assert_eq!(read(next())["data"]["key"], "test");

    let service = Service::start(&archive.data, &["service", "--config", &archive.config]);
    let told = read(next());
    assert_eq!(told["type"], "alert.begun");
    assert_eq!(told["data"]["key"], "disk");
    assert_eq!(told["data"]["severity"], "critical");
    assert_eq!(told["data"]["service"], "mx.archive.test");
    await_that("two mails", || dovecot.delivered("ann").unwrap().len() == 2);
    let mails = dovecot.delivered("ann").unwrap();
    let subject = b"Subject: [mx.archive.test] critical begun: disk";
    let tells = |mail: &Vec<u8>| mail.windows(subject.len()).any(|at| at == subject);
    assert_eq!(mails.iter().filter(|mail| tells(mail)).count(), 1);
    let listed = lines(&archive.data, &["alerts", "list"]);
    assert_eq!((listed.len(), &listed[0]["key"]), (2, &Value::from("disk")));
    let said = well(&archive, &["alerts", "list"]);
    assert!(said.starts_with("critical  disk"), "{said}");
    service.stop();
    // What goes on is not told again.
    assert!(received.try_recv().is_err());
}
