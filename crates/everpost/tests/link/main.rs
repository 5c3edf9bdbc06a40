//! The link: the real program as the service, and the agent's library as a device.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

#[allow(dead_code, reason = "what other tests use of it")]
#[path = "../service/common.rs"]
mod service;
mod signed;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use everpost_agent::link::{DeviceKey, Enrolled, LinkClient, LinkError, Outgoing, Trust};
use everpost_codec::link::Code;
use everpost_codec::link::message::{
    Change, Deed, Doing, Evidence, Fate, Heartbeat, LedgerAsk, LedgerLine, OutboxCounts, Primary,
};
use everpost_domain::continuity::UserState;
use everpost_domain::digest::Digest;
use service::{Service, lines};

pub(crate) const ANN: &str = "ann@example.test";

/// An archive with two recipients, whose mail server is nowhere.
pub(crate) struct Archive {
    _folder: tempfile::TempDir,
    pub(crate) data: PathBuf,
    config: PathBuf,
}

impl Archive {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (data, config) = (folder.path().join("data"), folder.path().join("c.toml"));
        let settings = "[capture]\ndomains = ['example.test']\n[relay]\nhostname = 'mx.archive.test'\n\
                        quiet_seconds = 1\ncheck_senders = false\n";
        std::fs::write(&config, settings).unwrap();
        service::account(&data, ANN, &["--owns", ANN, "--owns", "sales@example.test"]);
        let archive = Archive {
            _folder: folder,
            data,
            config,
        };
        archive.well(&["domain", "add", "example.test", "--server", "127.0.0.1:1"]);
        archive.well(&["recipient", "add", ANN, "bob@example.test"]);
        archive
    }

    pub(crate) fn well(&self, command: &[&str]) -> Vec<serde_json::Value> {
        lines(&self.data, command)
    }

    pub(crate) fn serve(&self) -> Service {
        let config = self.config.to_str().unwrap();
        let command = ["service", "--config", config, "--listen", "mx=127.0.0.1:0"];
        Service::start(&self.data, &command)
    }

    pub(crate) fn code(&self) -> Code {
        let made = self.well(&["enrol", ANN]);
        Code::parse(made[0]["code"].as_str().unwrap()).unwrap()
    }
}

pub(crate) fn trust(service: &Service) -> Trust {
    Trust::Only(std::fs::read(service.ca()).unwrap())
}

pub(crate) async fn enrol(
    service: &Service,
    key: &DeviceKey,
    code: &Code,
) -> Result<Enrolled, LinkError> {
    let base = service.url("https", "");
    Enrolled::enrol(&base, &trust(service), key, code, "a laptop", "0.1.0").await
}

fn client(service: &Service, key: &[u8], enrolled: &Enrolled) -> LinkClient {
    let key = DeviceKey::from_bytes(key).unwrap();
    let base = service.url("https", "/");
    LinkClient::new(&base, &trust(service), key, enrolled.clone()).unwrap()
}

pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, LinkError>) -> String {
    match answer {
        Err(LinkError::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

/// Sends a mail to Ann, as another server does.
fn send(service: &Service, mail: &str) {
    let to = service.ready["listeners"]["mx"].as_str().unwrap();
    let mut stream = BufReader::new(TcpStream::connect(to).unwrap());
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
    say(&format!("{mail}.\r\n"), "250");
    say("QUIT\r\n", "221");
}

fn letter(from: &str, to: &str, number: usize) -> String {
    format!(
        "From: {from}\r\nTo: {to}\r\nSubject: letter {number}\r\nMessage-ID: <{number}.{from}>\r\n\
         Date: Mon, 3 Jun 2024 10:00:00 +0000\r\n\r\nPier {number}.\r\n"
    )
}

fn outgoing(number: u64, raw: impl Into<Bytes>) -> Outgoing {
    Outgoing {
        number,
        sender: ANN.into(),
        recipients: vec!["bob@example.test".into()],
        raw: raw.into(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_lives_through_an_outage() {
    let archive = Archive::new();
    let service = archive.serve();
    let code = archive.code();
    let key = DeviceKey::generate().unwrap();
    let kept = key.reveal().to_vec();

    // Whoever has no code, or another's, is nobody.
    let wrong = enrol(&service, &key, &Code::new([7; 10])).await;
    assert_eq!(refused(wrong), "E-CODE");
    let lost = enrol(&service, &key, &code).await.unwrap();
    let enrolled = enrol(&service, &key, &code).await.unwrap();
    assert_eq!(
        (&lost.device, &lost.page),
        (&enrolled.device, &enrolled.page)
    );
    assert!(lost != enrolled, "another key of the link");
    assert_eq!(enrolled.address, ANN);
    assert_eq!(enrolled.addresses, [ANN, "sales@example.test"]);
    let other = DeviceKey::generate().unwrap();
    assert_eq!(refused(enrol(&service, &other, &code).await), "E-CODE");

    let device = client(&service, &kept, &enrolled);
    let page = device.state().await.unwrap();
    assert_eq!((page.state, page.generation), (UserState::Ready, 0));
    assert_eq!(device.indicator().await.unwrap(), None);
    let mut beat = Heartbeat {
        version: "0.1.0".into(),
        doing: Doing::Ready,
        primary: Primary::Silent,
        outbox: OutboxCounts {
            waiting: 2,
            ..OutboxCounts::default()
        },
        ..Heartbeat::default()
    };
    let answer = device.heartbeat(&beat).await.unwrap();
    assert_eq!(answer.page, page);
    assert_eq!(answer.settings.unwrap().number, page.config);
    // A clock that is wrong is no matter: the service's is heard of.
    let late = DeviceKey::from_bytes(&kept).unwrap();
    let base = service.url("https", "");
    let late = LinkClient::by_clock(&base, &trust(&service), late, enrolled.clone(), || 1_000);
    let late = late.unwrap();
    assert_eq!(late.heartbeat(&beat).await.unwrap().page, page);
    assert!(late.time() > 1_700_000_000);
    beat.config = page.config;
    assert_eq!(device.heartbeat(&beat).await.unwrap().settings, None);
    let listed = archive.well(&["device", "list"]);
    assert_eq!(listed[0]["id"], enrolled.device.as_str());
    assert_eq!(
        (&listed[0]["primary"], &listed[0]["waiting"]),
        (&"silent".into(), &2.into())
    );

    // The outage reaches who waits at once.
    let waiting = {
        let device = device.clone();
        tokio::spawn(async move {
            let page = device.wait(0, None, 100).await.unwrap();
            (page, Instant::now())
        })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    let activate = [
        "continuity",
        "activate",
        "--scope",
        "all",
        "--reason",
        "down",
    ];
    archive.well(&activate);
    let done = Instant::now();
    let (page, told) = waiting.await.unwrap();
    assert!(told < done + Duration::from_secs(1), "{:?}", told - done);
    assert_eq!((page.state, page.generation), (UserState::Active, 1));
    assert_eq!(page.indicator, Some(0));
    let again = device.wait(1, Some(0), 1).await.unwrap();
    assert_eq!(again, page, "nothing changed in a second");

    // Mail comes; who waits hears of it, and fetches it.
    let waiting = {
        let device = device.clone();
        tokio::spawn(async move { device.wait(1, Some(0), 100).await.unwrap() })
    };
    let mail = letter("carol@example.com", ANN, 1);
    send(&service, &mail);
    assert_eq!(waiting.await.unwrap().indicator, Some(1));
    assert_eq!(device.indicator().await.unwrap(), Some(1));
    let (new, bytes) = device.fetch(Vec::new(), 1 << 20).await.unwrap();
    assert_eq!((new.indicator, new.rows.len(), new.more), (1, 1, false));
    assert_eq!(bytes, [Bytes::from(mail.clone())]);
    let row = &new.rows[0];
    let named = |id: u32| {
        let mut all = new.folders.iter();
        all.find(|folder| folder.id == id).unwrap().name.clone()
    };
    assert_eq!(named(row.folder), "INBOX");
    let marks: Vec<_> = new.folders.iter().map(|folder| folder.mark).collect();
    let (nothing, _) = device.fetch(marks.clone(), 1 << 20).await.unwrap();
    assert!(nothing.rows.is_empty() && nothing.gone.is_empty() && !nothing.more);

    // What the user does to it is done here, once.
    let changes = vec![
        Change {
            number: 1,
            deed: Deed::Flags {
                folder: row.folder,
                uids: vec![row.uid],
                add: vec!["\\Seen".into(), "$Work".into()],
                remove: Vec::new(),
            },
        },
        Change {
            number: 2,
            deed: Deed::Move {
                folder: row.folder,
                uids: vec![row.uid],
                to: "Archive".into(),
            },
        },
        Change {
            number: 3,
            deed: Deed::Append {
                folder: "Sent".into(),
                flags: vec!["\\Seen".into()],
                date: 1_717_408_800,
                size: mail.len() as u64,
                sha256: Digest::of(mail.as_bytes()),
            },
        },
    ];
    let appended = vec![Bytes::from(mail.clone())];
    let done = device
        .change(changes.clone(), appended.clone())
        .await
        .unwrap();
    assert_eq!((done.upto, done.done.len()), (3, 3));
    assert!(done.done.iter().all(|one| one.refused.is_none()));
    let done = device.change(changes, appended).await.unwrap();
    assert_eq!((done.upto, done.done.len()), (3, 0));
    let (new, _) = device.fetch(marks, 1 << 20).await.unwrap();
    assert_eq!(new.gone[0].uids, [row.uid]);
    let mut told: Vec<_> = new
        .rows
        .iter()
        .map(|row| (named(row.folder), row.flags.clone()))
        .collect();
    told.sort();
    assert_eq!(
        told[0],
        ("Archive".into(), vec!["\\Seen".into(), "$Work".into()])
    );
    assert_eq!(told[1].0, "Sent");

    // What is handed over is taken once, and receipted each time: also by a service that began anew.
    let one = outgoing(1, letter(ANN, "bob@example.test", 1));
    let mut theirs = outgoing(2, letter(ANN, "bob@example.test", 2));
    theirs.sender = "bob@example.test".into();
    let mut sales = outgoing(3, letter(ANN, "bob@example.test", 3));
    sales.sender = "sales@example.test".into();
    let mails = [one.clone(), theirs, sales];
    let receipts = device.submit(&mails).await.unwrap();
    let copy = Digest::of(&one.raw);
    assert!(
        matches!(&receipts[0].fate, Fate::Taken { copy: kept, not_for } if *kept == copy && not_for.is_empty())
    );
    assert!(matches!(&receipts[1].fate, Fate::Refused { code: 553, .. }));
    assert!(matches!(&receipts[2].fate, Fate::Taken { .. }));
    assert_eq!(device.submit(&mails).await.unwrap(), receipts);
    service.stop();
    let service = archive.serve();
    let device = client(&service, &kept, &enrolled);
    assert_eq!(device.submit(&mails).await.unwrap(), receipts);
    let legs = archive.well(&["queue", "list", "--all"]);
    let ours = legs
        .iter()
        .filter(|leg| leg["recipient"] == "bob@example.test");
    let ours: Vec<_> = ours.map(|leg| leg["sha256"].as_str().unwrap()).collect();
    assert_eq!(ours.len(), 2);
    assert_eq!(ours[0], copy.to_string());

    // One that has a batch to itself.
    let line = format!("{}\r\n", "0123456789abcdef".repeat(4));
    let large = letter(ANN, "bob@example.test", 4) + &line.repeat((17 << 20) / line.len());
    let large = [
        outgoing(4, large),
        outgoing(5, letter(ANN, "bob@example.test", 5)),
    ];
    let receipts = device.submit(&large).await.unwrap();
    assert_eq!(receipts.len(), 1);
    assert!(matches!(receipts[0].fate, Fate::Taken { .. }));

    let asked = [
        (1, one.raw.clone()),
        (9, Bytes::from(letter(ANN, "bob@example.test", 9))),
    ];
    let known = device.evidence(&asked).await.unwrap();
    let said: Vec<_> = known.iter().map(|one| (one.number, one.evidence)).collect();
    assert_eq!(said, [(1, Evidence::There), (9, Evidence::Unknown)]);
    ledger(&archive, &service, &device).await;

    // A device that is ended hears nothing but that; it is told so, and no more.
    archive.well(&["device", "revoke", &enrolled.device]);
    assert_eq!(refused(device.heartbeat(&beat).await), "E-DEVICE");
    assert_eq!(refused(device.submit(&mails).await), "E-DEVICE");
    assert!(matches!(device.state().await, Err(LinkError::Protocol(_))));
    assert_eq!(refused(enrol(&service, &key, &code).await), "E-CODE");
    service.stop();
    let said = archive.well(&["log", "actions"]);
    let said: Vec<_> = said
        .iter()
        .filter_map(|one| one["subject"].as_str())
        .collect();
    for wanted in [
        "code for a device of ann@example.test: made",
        "device D1 of ann@example.test: enrolled",
        "device D1: revoked",
    ] {
        assert!(said.contains(&wanted), "{said:?}");
    }
}

/// Two devices of one user bring a mailbox back.
async fn ledger(archive: &Archive, service: &Service, device: &LinkClient) {
    let key = DeviceKey::generate().unwrap();
    let second = enrol(service, &key, &archive.code()).await.unwrap();
    let second = client(service, key.reveal(), &second);
    let lease = device.lease(60).await.unwrap();
    assert_eq!((lease.generation, lease.until), (Some(1), lease.now + 60));
    let denied = second.lease(60).await.unwrap();
    assert_eq!((denied.generation, &denied.holder), (None, &lease.holder));
    let line = |uid| LedgerLine {
        key: Digest::of(b"a message"),
        folder: "INBOX".into(),
        uid,
        generation: 0,
    };
    let mut ask = LedgerAsk {
        generation: 1,
        intend: vec![line(None)],
        appended: Vec::new(),
        since: 0,
    };
    for _ in 0..2 {
        let written = device.ledger(ask.clone()).await.unwrap();
        assert_eq!((written.over, written.lines.len()), (false, 1));
    }
    // Nobody else writes under its generation, and everybody reads.
    let stolen = second.ledger(ask.clone()).await.unwrap();
    assert!(stolen.over && stolen.lines.len() == 1);
    (ask.intend, ask.appended) = (Vec::new(), vec![line(Some(7))]);
    ask.since = stolen.upto;
    let written = device.ledger(ask).await.unwrap();
    assert_eq!(written.lines[0].uid, Some(7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_stops_lets_those_go_who_wait() {
    let archive = Archive::new();
    let service = archive.serve();
    let key = DeviceKey::generate().unwrap();
    let enrolled = enrol(&service, &key, &archive.code()).await.unwrap();
    let device = client(&service, key.reveal(), &enrolled);
    let waiting = tokio::spawn(async move { device.wait(0, None, 100).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    tokio::task::spawn_blocking(|| service.stop())
        .await
        .unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(waiting.await.unwrap().unwrap().generation, 0);
}
