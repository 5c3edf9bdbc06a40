//! The mail server is down: mail lies in the standby mailbox, and a mail program works with it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use everpost_testkit::peers::{Dovecot, Postfix};

use crate::service::{PASSWORD, lines};
use crate::{ANN, Archive, Mbsync, address};

/// Sends a mail to Ann, as another server does.
pub(crate) fn send(to: std::net::SocketAddr, mail: &str) {
    let stream = TcpStream::connect(to).unwrap();
    let mut stream = BufReader::new(stream);
    let mut say = |line: &str, wanted: &str| {
        stream.get_mut().write_all(line.as_bytes()).unwrap();
        let mut said = String::new();
        loop {
            said.clear();
            stream.read_line(&mut said).unwrap();
            if said.as_bytes().get(3) != Some(&b'-') {
                break;
            }
        }
        assert!(said.starts_with(wanted), "{line}: {said}");
    };
    say("", "220");
    say("EHLO far.test\r\n", "250");
    say("MAIL FROM:<carol@example.com>\r\n", "250");
    say(&format!("RCPT TO:<{ANN}>\r\n"), "250");
    say("DATA\r\n", "354");
    say(&format!("{mail}\r\n.\r\n"), "250");
    say("QUIT\r\n", "221");
}

fn letter(number: usize) -> String {
    format!(
        "From: Carol <carol@example.com>\r\nTo: {ANN}\r\nSubject: letter {number}\r\n\
         Message-ID: <{number}@example.com>\r\nDate: Mon, 3 Jun 2024 10:00:00 +0000\r\n\r\nPier {number}."
    )
}

pub(crate) fn waits_for(what: &str, mut is: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !is() {
        assert!(began.elapsed().as_secs() < 60, "{what} never came");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_mail_program_works_with_the_standby_mailbox_and_the_mail_server_gets_all_of_it() {
    let dovecot = Dovecot::start(&["ann"]).unwrap();
    let postfix = Postfix::before(&dovecot, false).unwrap();
    let archive = Archive::before(&postfix.address().to_string());
    let service = archive.serve();
    let activate = [
        "continuity",
        "activate",
        "--scope",
        "all",
        "--reason",
        "down",
    ];
    archive.well(&activate);
    for number in 0..5 {
        send(address(&service, "mx"), &letter(number));
    }
    let held = || {
        let mut legs = lines(&archive.data, &["queue", "list"]);
        legs.retain(|leg| leg["why"] == "standby mailbox");
        legs.len()
    };
    waits_for("five mails in the mailbox", || held() == 5);

    let ca = service.ready["ca"].as_str().unwrap().to_owned();
    let imaps = address(&service, "imaps");
    let mbsync = Mbsync::new(archive.folder.path(), imaps, ANN, PASSWORD, Some(&ca));
    mbsync.run();
    let mails = mbsync.mails("INBOX");
    assert_eq!(mails.len(), 5);
    for (number, (flags, mail)) in mails.iter().enumerate() {
        assert_eq!(flags, "");
        // mbsync puts a field of its own into what it pulls.
        let mail = String::from_utf8_lossy(mail);
        let lines = mail.lines().filter(|line| !line.starts_with("X-TUID: "));
        assert_eq!(lines.collect::<Vec<_>>().join("\r\n"), letter(number));
    }

    // Near by one is read, one deleted, and one is written.
    let inbox = mbsync.near.join("INBOX");
    let mut new: Vec<_> = std::fs::read_dir(inbox.join("new"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    new.sort();
    let name = |at: usize| new[at].file_name().unwrap().to_str().unwrap().to_owned();
    let named = |at: usize, flags: &str| {
        let base = name(at);
        let base = base.split(":2,").next().unwrap().to_owned();
        inbox.join("cur").join(format!("{base}:2,{flags}"))
    };
    std::fs::rename(&new[0], named(0, "FS")).unwrap();
    std::fs::rename(&new[1], named(1, "T")).unwrap();
    let written = "From: Ann <ann@example.test>\nSubject: a draft\nMessage-ID: <draft@example.test>\n\nPier.\n";
    let drafts = mbsync.near.join("Drafts/cur");
    std::fs::write(drafts.join("1.draft:2,DS"), written).unwrap();
    mbsync.run();
    mbsync.run();
    assert_eq!(mbsync.mails("INBOX").len(), 4);

    // Another client sees it.
    let other = archive.folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let other = Mbsync::new(&other, imaps, ANN, PASSWORD, Some(&ca));
    other.run();
    let flags: Vec<String> = other
        .mails("INBOX")
        .into_iter()
        .map(|(flags, _)| flags)
        .collect();
    assert_eq!(flags, ["", "", "", "FS"]);
    let drafts = other.mails("Drafts");
    assert_eq!(drafts.len(), 1);
    assert_eq!(drafts[0].0, "DS");
    assert!(String::from_utf8_lossy(&drafts[0].1).contains("Subject: a draft"));

    // A wrong password lets nobody in.
    let wrong = archive.folder.path().join("wrong");
    std::fs::create_dir(&wrong).unwrap();
    let mut stream = std::process::Command::new("curl");
    stream.args(["-s", "--cacert", &ca, "-u", "ann@example.test:wrong"]);
    stream.arg(format!("imaps://localhost:{}/INBOX", imaps.port()));
    assert_eq!(stream.status().unwrap().code(), Some(67));

    // The mail server is used again, and gets what came meanwhile, once.
    archive.well(&["continuity", "recover", "--scope", "all"]);
    waits_for("five mails at the mail server", || {
        dovecot.delivered("ann").unwrap().len() == 5
    });
    archive.well(&["continuity", "ready", "--scope", "all"]);
    service.stop();
    assert_eq!(dovecot.delivered("ann").unwrap().len(), 5);
}
