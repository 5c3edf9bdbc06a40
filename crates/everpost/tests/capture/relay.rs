//! The service as MX before a real Postfix and its Dovecot, and a line between them that goes down and loses answers.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use everpost_testkit::peers::{Dovecot, Postfix};
use serde_json::Value;

use crate::client::{Client, id};
use crate::service::{Service, everpost, everpost_with, lines};
use crate::{Archive, address};

pub(crate) const ANN: &str = "ann@example.test";
pub(crate) const BOB: &str = "bob@example.test";

/// A line to a server.
struct Line {
    address: SocketAddr,
    up: Arc<AtomicBool>,
    /// So many answers to a message are lost, and the connection with each.
    lose: Arc<AtomicUsize>,
}

impl Line {
    fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let line = Line {
            address: listener.local_addr().unwrap(),
            up: Arc::new(AtomicBool::new(true)),
            lose: Arc::default(),
        };
        let (up, lose) = (line.up.clone(), line.lose.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if up.load(Ordering::SeqCst) {
                    let lose = lose.clone();
                    let server = TcpStream::connect(server).unwrap();
                    let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                    std::thread::spawn(move || carry(from, to, |_| false));
                    std::thread::spawn(move || {
                        carry(server, client, |bytes| {
                            let answer = bytes.windows(9).any(|at| at == b"queued as");
                            let less = |left: usize| left.checked_sub(1);
                            answer
                                && lose
                                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
                                    .is_ok()
                        });
                    });
                }
            }
        });
        line
    }
}

/// Carries bytes until one side ends, or `lost` says that these are.
fn carry(mut from: TcpStream, mut to: TcpStream, lost: impl Fn(&[u8]) -> bool) {
    let mut buffer = [0; 4096];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 || lost(&buffer[..read]) || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}

pub(crate) fn letter(number: usize) -> Vec<u8> {
    format!(
        "From: Carol <carol@example.com>\r\nTo: {ANN}\r\nSubject: letter {number}\r\n\
         Message-ID: <{number}@example.com>\r\nDate: Mon, 3 Jun 2024 10:00:00 +0000\r\n\r\n\
         Pier {number}.\r\n.. and a dot\r\n"
    )
    .into_bytes()
}

/// Waits for something; a test that waits for ever has failed.
pub(crate) fn await_that(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{what} never came"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// An archive that is the MX of `example.test` before this server.
fn archive(server: SocketAddr) -> Archive {
    let archive = Archive::new("domains = ['example.test']");
    archive.relays("quiet_seconds = 1\ncheck_senders = false\n");
    let server = server.to_string();
    well(
        &archive,
        &["domain", "add", "example.test", "--server", &server],
    );
    well(&archive, &["recipient", "add", ANN, BOB]);
    let team = [
        "recipient",
        "add",
        "team@example.test",
        "--alias-of",
        ANN,
        "--alias-of",
        BOB,
    ];
    well(&archive, &team);
    archive
}

pub(crate) fn well(archive: &Archive, command: &[&str]) -> String {
    let done = everpost(&archive.data, command);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {said}");
    String::from_utf8(done.stdout).unwrap()
}

fn queue(archive: &Archive) -> Vec<Value> {
    let mut legs = lines(&archive.data, &["queue", "list", "--all"]);
    assert_eq!(legs.pop().unwrap()["summary"], true);
    legs
}

pub(crate) fn states(archive: &Archive) -> Vec<String> {
    let legs = queue(archive);
    let states = legs
        .iter()
        .map(|leg| leg["state"].as_str().unwrap().to_owned());
    states.collect()
}

fn all_are(archive: &Archive, state: &str) -> bool {
    states(archive).iter().all(|one| one == state)
}

fn serve(archive: &Archive, journal: Option<SocketAddr>) -> Service {
    let journal = journal.map(|address| format!("journal={address}"));
    let mut command = vec![
        "service",
        "--config",
        &archive.config,
        "--listen",
        "mx=127.0.0.1:0",
    ];
    if let Some(journal) = &journal {
        command.extend(["--listen", journal]);
    }
    Service::start(&archive.data, &command)
}

/// A Postfix that hands mail to a Dovecot with these users.
fn behind(users: &[&str], journals: bool) -> (Postfix, Dovecot) {
    let dovecot = Dovecot::start(users).unwrap();
    (Postfix::before(&dovecot, journals).unwrap(), dovecot)
}

/// How often each subject is in somebody's mailbox.
fn counts(dovecot: &Dovecot, name: &str, letters: std::ops::Range<usize>) -> Vec<usize> {
    let mails = dovecot.delivered(name).unwrap();
    let holds = |mail: &[u8], text: &str| {
        let mail = String::from_utf8_lossy(mail).into_owned();
        mail.lines().any(|line| line == text)
    };
    let count = |number| {
        let subject = format!("Subject: letter {number}");
        mails.iter().filter(|mail| holds(mail, &subject)).count()
    };
    letters.map(count).collect()
}

#[test]
fn mail_goes_on_waits_and_comes_once() {
    let (postfix, dovecot) = behind(&["ann", "bob"], true);
    let line = Line::to(postfix.address());
    let archive = archive(line.address);
    let service = serve(&archive, Some(postfix.archive()));
    let mut client = Client::connect(address(&service, "mx"));
    let mut send = |to: &[&str], number| client.send("carol@example.com", to, &letter(number));

    // Ready: delivered and archived.
    let first = id(&send(&["team@example.test", ANN], 0));
    await_that("two mails", || {
        counts(&dovecot, "ann", 0..1) == [1] && counts(&dovecot, "bob", 0..1) == [1]
    });
    await_that("an end", || all_are(&archive, "delivered"));
    let mail = dovecot.delivered("bob").unwrap().pop().unwrap();
    let mail = String::from_utf8(mail).unwrap();
    assert!(
        mail.ends_with(std::str::from_utf8(&letter(0)).unwrap()),
        "{mail}"
    );
    assert!(
        mail.contains("by mx.archive.test (Everpost) with ESMTP id "),
        "{mail}"
    );
    // The same again, as from a sender that did not hear the answer: taken, and not delivered twice.
    assert_eq!(id(&send(&["team@example.test", ANN], 0)), first);
    assert_eq!(
        states(&archive)
            .iter()
            .filter(|state| *state == "repeated")
            .count(),
        2
    );
    for (to, code) in [
        ("nobody@example.test", "550 5.1.1 "),
        ("x@example.net", "550 5.7.1 "),
    ] {
        let said = send(&[to], 1);
        assert!(said.starts_with(code), "{said}");
    }

    // Down: queued. Up again: delivered, each once.
    line.up.store(false, Ordering::SeqCst);
    for number in 1..6 {
        id(&send(&[ANN], number));
    }
    await_that("a try", || {
        queue(&archive)
            .iter()
            .any(|leg| leg["tries"] != 0 && leg["state"] == "waiting")
    });
    assert_eq!(counts(&dovecot, "ann", 1..6), [0; 5]);
    line.up.store(true, Ordering::SeqCst);
    well(&archive, &["queue", "retry"]);
    await_that("five mails", || counts(&dovecot, "ann", 1..6) == [1; 5]);
    let ended = |state: &str| matches!(state, "delivered" | "repeated");
    await_that("their ends", || {
        states(&archive).iter().all(|state| ended(state))
    });

    // Answers are lost: uncertain, until Postfix's own journal brings the copy.
    line.lose.store(3, Ordering::SeqCst);
    for number in 6..9 {
        id(&send(&[ANN, BOB], number));
    }
    await_that("three mails", || counts(&dovecot, "ann", 6..9) == [1; 3]);
    await_that("evidence", || {
        states(&archive).iter().all(|state| ended(state))
    });
    assert_eq!(line.lose.load(Ordering::SeqCst), 0, "no answer was lost");
    let settled = queue(&archive);
    let settled = settled.iter().filter(|leg| {
        let last = leg["attempts"].as_array().unwrap().last();
        last.is_some_and(|last| last["verdict"] == "evidence")
    });
    assert_eq!(settled.count(), 6, "three messages to two people each");
    assert!(
        queue(&archive)
            .iter()
            .all(|leg| leg["possibly_doubled"] == false)
    );

    // Ann's mail server is not used: her mail waits here, Bob's goes on.
    let state = |verb: &str| {
        well(
            &archive,
            &["continuity", verb, "--scope", "user:ann@example.test"],
        )
    };
    assert!(state("activate").starts_with("1 are active now"));
    for number in 9..12 {
        id(&send(&[ANN, BOB], number));
    }
    await_that("Bob's mail", || counts(&dovecot, "bob", 9..12) == [1; 3]);
    let held = queue(&archive);
    let held: Vec<&Value> = held.iter().filter(|leg| leg["state"] == "held").collect();
    // It waits, and a moment later lies in her standby mailbox at the same time.
    let waits =
        |leg: &&Value| ["standby", "standby mailbox"].contains(&leg["why"].as_str().unwrap());
    assert!(held.len() == 3 && held.iter().all(|leg| waits(leg) && leg["recipient"] == ANN));
    assert!(state("recover").starts_with("1 are recovery now"));
    await_that("Ann's mail", || counts(&dovecot, "ann", 9..12) == [1; 3]);

    // Nobody has anything twice.
    assert_eq!(counts(&dovecot, "ann", 0..12), [1; 12]);
    await_that("all ends", || {
        states(&archive).iter().all(|state| ended(state))
    });
    postfix.drained().unwrap();
    client.quit();
    service.stop();
    let kept = archive.copies();
    let wanted = (0..12).map(|number| everpost_domain::digest::Digest::of(&letter(number)));
    assert!(wanted.into_iter().all(|digest| kept.contains(&digest)));
}

#[test]
fn a_mail_log_settles_what_nobody_heard() {
    let (postfix, dovecot) = behind(&["ann"], false);
    let line = Line::to(postfix.address());
    let archive = archive(line.address);
    let service = serve(&archive, None);
    let mut client = Client::connect(address(&service, "mx"));
    line.lose.store(2, Ordering::SeqCst);
    for number in 0..2 {
        id(&client.send("carol@example.com", &[ANN], &letter(number)));
    }
    await_that("doubt", || all_are(&archive, "uncertain"));
    // The service dies; what it knows it still knows.
    drop(client);
    service.kill();
    let service = serve(&archive, None);
    assert!(all_are(&archive, "uncertain"));
    let log = String::from_utf8(postfix.log().unwrap()).unwrap();
    let done = everpost_with(&archive.data, &["queue", "evidence", "-"], &log);
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(said.contains(" 2 were taken, 0 were not"), "{said}");
    assert!(all_are(&archive, "delivered"));
    let told = well(&archive, &["queue", "explain", "1"]);
    assert!(
        told.contains("uncertain") && told.contains("evidence"),
        "{told}"
    );
    assert_eq!(counts(&dovecot, "ann", 0..2), [1; 2]);
    service.stop();
}

#[test]
fn a_sender_hears_what_cannot_be_delivered() {
    let (postfix, dovecot) = behind(&["ann"], false);
    let archive = archive(postfix.address());
    // Bob is known here and not there; Ann sends it, so that the notification comes back to a mailbox.
    let service = serve(&archive, None);
    let mut client = Client::connect(address(&service, "mx"));
    id(&client.send(ANN, &[BOB], &letter(0)));
    await_that("a notification", || {
        !dovecot.delivered("ann").unwrap().is_empty()
    });
    let told = dovecot.delivered("ann").unwrap().pop().unwrap();
    let told = String::from_utf8(told).unwrap();
    for wanted in [
        "multipart/report",
        "Final-Recipient: rfc822; bob@example.test",
        "Action: failed",
        "Status: 5.1.1",
        "Subject: letter 0",
    ] {
        assert!(told.contains(wanted), "{wanted} in {told}");
    }
    await_that("ends", || {
        let mut states = states(&archive);
        states.sort();
        states == ["delivered", "failed"]
    });
    client.quit();
    service.stop();
}
