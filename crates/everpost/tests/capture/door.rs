//! Who may hand mail in, what is counted, and what is refused at the start.

use crate::client::{Client, id};
use crate::service::{account, lines, program};
use crate::{Archive, address};

#[test]
fn a_stranger_is_turned_away_and_figures_tell_of_it_all() {
    let archive = Archive::new("domains = ['example.org']\nfrom = ['127.0.0.2']");
    let service = archive.serve("journal=127.0.0.1:0");
    let (mut stranger, greeting) = Client::greeted(address(&service, "journal"));
    assert!(greeting.starts_with("554 5.7.1 "), "{greeting}");
    assert_eq!(stranger.reply(), "");
    let (_, greeting) = Client::greeted(address(&service, "journal"));
    assert!(greeting.starts_with("554 "), "{greeting}");
    service.stop();
    let log = std::fs::read_to_string(archive.data.with_extension("log")).unwrap();
    assert_eq!(log.matches("turned away").count(), 1, "{log}");

    let archive = Archive::new("domains = ['example.org']");
    let service = crate::service::Service::start(
        &archive.data,
        &[
            "service",
            "--config",
            &archive.config,
            "--listen",
            "lmtp=127.0.0.1:0",
            "--listen",
            "journal=127.0.0.1:0",
            "--listen",
            "metrics=127.0.0.1:0",
        ],
    );
    let mut client = Client::connect(address(&service, "journal"));
    let first = client.send(
        "a@example.org",
        &["b@example.org"],
        b"Subject: 1\r\n\r\nHello\r\n",
    );
    id(&first);
    let (mut lmtp, _) = Client::greeted(address(&service, "lmtp"));
    assert!(lmtp.say("LHLO client.test").starts_with("250 "));
    let both = ["b@example.org", "c@example.org"];
    let second = lmtp.send("a@example.org", &both, b"Subject: 1\r\n\r\nHello\r\n");
    assert_eq!(second, first);
    assert_eq!(lmtp.reply(), first);
    let url = format!("http://{}/metrics", address(&service, "metrics"));
    let text = service.curl_to(&[], &url).text();
    for wanted in [
        "everpost_capture_messages_total{road=\"journal\",outcome=\"kept\"} 1\n",
        "everpost_capture_messages_total{road=\"lmtp\",outcome=\"kept\"} 1\n",
        "everpost_capture_messages_total{road=\"milter\",outcome=\"omitted\"} 0\n",
        "everpost_capture_bytes_total{road=\"journal\"} 21\n",
        "everpost_capture_open{road=\"lmtp\"} 1\n",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    // Idle connections hear that it stops, and it does not wait for them.
    let stopping = std::time::Instant::now();
    service.stop();
    assert!(stopping.elapsed().as_secs() < 8);
    assert!(client.reply().starts_with("421 4.3.2 "));
}

#[test]
fn without_domains_there_is_no_listener_of_mail() {
    let archive = Archive::new("");
    let done = program()
        .arg("--data")
        .arg(&archive.data)
        .args(["service", "--listen", "journal=127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(1));
    let said = String::from_utf8(done.stderr).unwrap();
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("error[E-CONFIG]: "), "{said}");
    assert!(last.contains("`domains` of [capture]"), "{said}");
    drop(archive.folder);
}

/// A token of an account of the archive, as a header.
fn token(archive: &Archive) -> String {
    account(&archive.data, "gate@example.org", &["--role", "admin"]);
    let create = ["token", "create", "gate@example.org", "--name", "gate"];
    let create = [&create[..], &["--scope", "import"]].concat();
    let made = &lines(&archive.data, &create)[0];
    format!("authorization: Bearer {}", made["secret"].as_str().unwrap())
}

#[test]
fn a_message_has_one_id_whatever_way_it_comes() {
    let capture = "domains = ['example.org']\nmax_message_bytes = 1000\nroom_bytes = 300000";
    let archive = Archive::new(capture);
    let token = token(&archive);
    let mut command = vec!["service", "--config", &archive.config];
    command.extend([
        "--listen",
        "https=127.0.0.1:0",
        "--listen",
        "journal=127.0.0.1:0",
    ]);
    let service = crate::service::Service::start(&archive.data, &command);
    let post = |who: &str, body: &str| {
        let file = archive.folder.path().join("body");
        std::fs::write(&file, body).unwrap();
        let body = format!("@{}", file.display());
        let kind = "content-type: message/rfc822";
        let with = ["-X", "POST", "-H", who, "-H", kind, "--data-binary", &body];
        service.curl(
            &with,
            "/messages?sender=a@example.org&recipients=b@example.org",
        )
    };
    let message = "Subject: 1\r\n\r\nHello\r\n";
    let first = post(&token, message);
    assert_eq!((first.status, &first.json()["stored"]), (201, &true.into()));
    let again = post(&token, message);
    assert_eq!(
        (again.status, &again.json()["stored"]),
        (200, &false.into())
    );
    let mut client = Client::connect(address(&service, "journal"));
    let by_mail = client.send("a@example.org", &["b@example.org"], message.as_bytes());
    for answer in [&first, &again] {
        assert_eq!(answer.json()["id"].as_str().unwrap(), id(&by_mail));
    }
    assert_eq!(post("x-nobody: 1", message).status, 401);
    assert_eq!(post(&token, &"x".repeat(1001)).status, 413);
    assert_eq!(post(&token, "").status, 400);
    client.quit();
    service.stop();
}

#[test]
fn without_room_a_message_is_to_come_again() {
    let capture = "domains = ['example.org']\nmax_message_bytes = 1000\nroom_bytes = 1000";
    let archive = Archive::new(capture);
    let token = token(&archive);
    let command = [
        "service",
        "--config",
        &archive.config,
        "--listen",
        "https=127.0.0.1:0",
    ];
    let service = crate::service::Service::start(&archive.data, &command);
    let with = ["-X", "POST", "-H", &token, "-d", "Subject: 1"];
    let answer = service.curl(&with, "/messages");
    assert_eq!((answer.status, answer.code().as_str()), (503, "E-BUSY"));
    assert!(answer.headers["retry-after"].parse::<u64>().unwrap() > 0);
    service.stop();
}
