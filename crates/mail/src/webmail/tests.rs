//! A mailbox worked in from a browser, over a real archive.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use bytes::Bytes;
use everpost_codec::journal::Reports;
use everpost_codec::smtp::{self, Mailbox, Path, Rcpt, Survey};
use everpost_domain::message::{Address, Head, SearchText, scan};
use everpost_domain::query::parse;
use everpost_domain::relay::LegState;
use everpost_store::{
    Flags, Handed, MailDomain, Options, Recipient, Replica, Row, Store, StoreError, Tenant,
    UnknownRecipient,
};

use super::compose::{Letter, Stamp, references};
use super::{
    FindError, Found, Original, SendError, Sending, SentBy, Turns, find, page, raw, row, send,
    special,
};
use crate::capture::{Capture, CaptureOptions};
use crate::link::put;
use crate::relay::front::{Front, Incoming, Organization, Peer, Sender};

const ANN: &str = "ann@a.test";

fn person(name: &str, email: &str) -> Address {
    Address {
        name: name.into(),
        email: email.into(),
    }
}

fn letter() -> Letter {
    Letter {
        from: person("Änn", ANN),
        to: vec![person("Bob, the builder", "bob@a.test")],
        bcc: vec![person("", "carol@a.test")],
        subject: "Brücke\r\nBcc: eve@a.test".into(),
        text: "Grüße,\n.\nÄnn \u{1f309}".into(),
        ..Letter::default()
    }
}

fn head(raw: &[u8]) -> Head {
    Head::read(raw, &scan(raw))
}

#[test]
fn what_was_written_is_read_and_nothing_else() {
    let stamp = Stamp {
        id: "1@a.test".into(),
        at: 1_717_408_800,
        references: vec!["0@b.test".into(), "x@b.test".into()],
        along: None,
    };
    let raw = letter().write(stamp).unwrap();
    let mut survey = Survey::new();
    survey.push(&raw);
    let content = survey.finish();
    assert!(!content.is_binary() && content.ends_with_crlf && !content.eight_bit);
    let read = head(&raw);
    assert_eq!(read.from, [person("Änn", ANN)]);
    assert_eq!(read.to, [person("Bob, the builder", "bob@a.test")]);
    assert!(read.bcc.is_empty(), "{}", String::from_utf8_lossy(&raw));
    assert_eq!(read.subject, "Brücke  Bcc: eve@a.test");
    assert_eq!(read.message_id.as_deref(), Some(&b"1@a.test"[..]));
    assert_eq!(read.in_reply_to, [b"x@b.test"]);
    assert_eq!(read.references, [&b"0@b.test"[..], b"x@b.test"]);
    assert_eq!(read.sent.map(|sent| sent.unix), Some(1_717_408_800));
    let text = SearchText::read(&raw, &scan(&raw)).body;
    assert_eq!(text.trim_end().replace("\r\n", "\n"), letter().text);

    // The writer keeps whom else it went to.
    let kept = letter().kept(raw.clone().into());
    assert_eq!(head(&kept).bcc, [person("", "carol@a.test")]);
    assert!(kept.ends_with(&raw));
    let open = Letter {
        bcc: Vec::new(),
        ..letter()
    };
    assert_eq!(open.kept(raw.clone().into()), raw);
    // Without anybody in sight it is still a message.
    let blind = Letter {
        to: Vec::new(),
        ..letter()
    };
    let raw = blind.write(Stamp::default()).unwrap();
    let text = String::from_utf8(raw).unwrap();
    assert!(
        text.contains("\r\nTo: \"undisclosed-recipients\":;\r\n"),
        "{text}"
    );
}

#[test]
fn a_conversation_goes_on_by_ids_alone() {
    let mail = b"Message-ID: <3@x>\r\nIn-Reply-To: <2@x>\r\n\r\n";
    assert_eq!(references(&head(mail)), ["2@x", "3@x"]);
    let mail = b"Message-ID: <3@x>\r\nIn-Reply-To: <2@x>\r\nReferences: <0@x> <1@x>\r\n\r\n";
    assert_eq!(references(&head(mail)), ["0@x", "1@x", "3@x"]);
    // Two parents are no line of descent.
    let mail = b"Message-ID: <3@x>\r\nIn-Reply-To: <2@x> <1@x>\r\n\r\n";
    assert_eq!(references(&head(mail)), ["3@x"]);
    assert!(references(&head("Message-ID: <ä@x>\r\n\r\n".as_bytes())).is_empty());
    assert!(references(&head(b"Subject: a\r\n\r\n")).is_empty());
}

#[test]
fn a_message_goes_along_as_it_is() {
    let along = |original: &[u8]| {
        let stamp = Stamp {
            along: Some(Bytes::copy_from_slice(original)),
            ..Stamp::default()
        };
        let raw = letter().write(stamp).unwrap();
        let structure = scan(&raw);
        let part = structure.parts.get(2).unwrap();
        let kind = part.content_type.clone();
        (
            kind,
            everpost_domain::message::decode(&raw, part).into_owned(),
        )
    };
    let plain = "Subject: Pier\r\nContent-Transfer-Encoding: 8bit\r\n\r\nÜber 7\r\n";
    let (kind, bytes) = along(plain.as_bytes());
    assert_eq!(kind, "message/rfc822");
    assert_eq!(
        bytes.strip_suffix(b"\r\n").unwrap_or(&bytes),
        &plain.as_bytes()[..plain.len() - 2]
    );
    // A server on the way could change these, and what it changes is another message.
    for hostile in [&b"Subject: Pier\r\n\r\na\0b\r\n"[..], &[b'x'; 2000][..]] {
        let (kind, bytes) = along(hostile);
        assert_eq!(
            (kind.as_str(), bytes.as_slice()),
            ("application/octet-stream", hostile)
        );
    }
}

struct Archive {
    _folder: tempfile::TempDir,
    tenant: Tenant,
    front: Front,
    replica: Replica,
    turns: Turns,
}

impl Archive {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opened = Store::open(Options::create(folder.path().join("data"))).await;
        let tenant = opened.unwrap().store.tenant(None).unwrap();
        let known = MailDomain {
            name: "a.test".into(),
            unknown: UnknownRecipient::Reject,
            server: Some("127.0.0.1:1".into()),
        };
        tenant.put_mail_domain(&known, "op").await.unwrap();
        let people = [ANN, "bob@a.test", "carol@a.test"].map(Recipient::mailbox);
        tenant.put_recipients(&people, "op").await.unwrap();
        let options = CaptureOptions {
            domains: vec!["a.test".into()],
            reports: Reports::Ignored,
            room: 1 << 20,
            spool: 1 << 20,
        };
        let organization = Organization {
            tenant: tenant.clone(),
            capture: Capture::new(tenant.clone(), &options),
        };
        Archive {
            _folder: folder,
            front: Front::new(vec![organization], None),
            replica: tenant.replica(ANN).await.unwrap(),
            turns: Turns::default(),
            tenant,
        }
    }

    async fn send(&self, sending: &Sending) -> Result<super::Sent, SendError> {
        let by = SentBy {
            account: 1,
            own: &[ANN.to_owned()],
            most: 100_000,
        };
        send(&self.front, &self.replica, &self.turns, by, sending).await
    }

    async fn legs(&self) -> Vec<(String, LegState)> {
        let legs = self.tenant.relay_legs(0, true).await.unwrap();
        let legs = legs.into_iter();
        legs.map(|leg| (leg.recipient, leg.state)).collect()
    }

    async fn rows(&self, folder: &str) -> Vec<Row> {
        let folder = self.replica.folder(folder).await.unwrap();
        self.replica.changes(folder.id, 0).await.unwrap().rows
    }

    /// Puts a message into a folder; where it lies.
    async fn lies(&self, folder: &str, date: i64, raw: &str) -> (u32, u32) {
        let raw = Bytes::from(raw.to_owned());
        let (folder, uids) = put(&self.replica, folder, &[], date, raw).await.unwrap();
        (folder, uids[0])
    }
}

fn sending(key: &str) -> Sending {
    Sending {
        key: key.into(),
        letter: letter(),
        original: None,
    }
}

#[tokio::test]
async fn a_letter_goes_out_once_a_key_and_stands_among_those_sent() {
    let archive = Archive::new().await;
    let mail = "From: bob@a.test\r\nMessage-ID: <q@a.test>\r\nSubject: Pier?\r\n\r\nWhich?\r\n";
    let (folder, uid) = archive.lies("INBOX", 5, mail).await;
    let answer = Sending {
        original: Some(Original::Answered(folder, uid)),
        ..sending("one")
    };
    // Twice at once, and once more.
    let (first, second) = tokio::join!(archive.send(&answer), archive.send(&answer));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!([first.before, second.before], [false, true]);
    assert_eq!((first.copy, first.uid), (second.copy, second.uid));
    assert_eq!(archive.send(&answer).await.unwrap(), second);
    let waiting = |one: &str| (one.to_owned(), LegState::Waiting);
    let mut legs = archive.legs().await;
    legs.sort();
    assert_eq!(legs, [waiting("bob@a.test"), waiting("carol@a.test")]);

    let sent = archive.rows("Sent").await;
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].uid, sent[0].flags), (first.uid, Flags::SEEN));
    let kept = head(&raw(&archive.replica, &sent[0]).await.unwrap());
    assert_eq!(kept.bcc.len(), 1);
    assert_eq!(kept.in_reply_to, [b"q@a.test"]);
    let out = head(&archive.tenant.raw(&first.copy).await.unwrap());
    assert!(out.bcc.is_empty());
    assert_eq!(out.message_id, kept.message_id);
    assert_eq!(archive.rows("INBOX").await[0].flags, Flags::ANSWERED);

    // Under another key it is another letter.
    let other = archive.send(&sending("two")).await.unwrap();
    assert!(!other.before && other.copy != first.copy);
    assert_eq!(archive.legs().await.len(), 4);
    // The original may be gone when the order is repeated.
    archive.replica.expunge(folder, &[uid]).await.unwrap();
    assert_eq!(archive.send(&answer).await.unwrap(), second);
    let forward = Sending {
        original: Some(Original::Forwarded(folder, uid)),
        ..sending("three")
    };
    let gone = archive.send(&forward).await;
    assert!(
        matches!(gone, Err(SendError::Store(StoreError::NotFound(_)))),
        "{gone:?}"
    );
    assert_eq!(archive.legs().await.len(), 4);
}

#[tokio::test]
async fn two_nodes_that_are_asked_at_once_send_it_once() {
    let archive = Archive::new().await;
    let handed = Handed::by_person(1, "one");
    let sender = Sender::User(vec![ANN.into()]);
    let mut states = Vec::new();
    for text in ["this", "and this"] {
        // As each does after it saw that nothing was sent under the key.
        let mut incoming = Incoming::new(smtp::Mail {
            from: Path::Mailbox(Mailbox::parse(ANN).unwrap()),
            ..smtp::Mail::default()
        });
        let rcpt = Rcpt::new(Mailbox::parse("bob@a.test").unwrap());
        let accepted = archive
            .front
            .recipient(&sender, &incoming.mail, &rcpt)
            .await;
        incoming.add(accepted.unwrap());
        incoming.handed = Some(handed.clone());
        let peer = Peer {
            address: None,
            helo: String::new(),
            protocol: crate::relay::LINK.into(),
        };
        let raw = Bytes::from(format!("Subject: {text}\r\n\r\n"));
        archive
            .front
            .take(raw, incoming, &peer, &sender)
            .await
            .unwrap();
        let legs = archive.legs().await;
        states.push(legs.last().unwrap().1);
    }
    assert_eq!(states, [LegState::Waiting, LegState::Repeated]);
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let archive = Archive::new().await;
    let with = |to: &str, from: &str| Sending {
        letter: Letter {
            from: person("", from),
            to: vec![person("", "bob@a.test"), person("", to)],
            ..letter()
        },
        ..sending("one")
    };
    for (to, from, whose, code) in [
        ("nobody@a.test", ANN, "nobody@a.test", 550),
        ("no address", ANN, "no address", 553),
        ("bob@a.test", "bob@a.test", "bob@a.test", 553),
    ] {
        match archive.send(&with(to, from)).await {
            Err(SendError::Refused { address, reply }) => {
                assert_eq!((address.as_str(), reply.code), (whose, code));
            }
            other => panic!("{other:?}"),
        }
    }
    let nobody = Sending {
        letter: Letter {
            to: Vec::new(),
            bcc: Vec::new(),
            ..letter()
        },
        ..sending("one")
    };
    assert!(matches!(
        archive.send(&nobody).await,
        Err(SendError::Invalid(_))
    ));
    let mut large = sending("one");
    large.letter.text = "a\n".repeat(60_000);
    assert!(matches!(
        archive.send(&large).await,
        Err(SendError::Invalid(_))
    ));
    assert!(archive.legs().await.is_empty());
    assert!(archive.rows("Sent").await.is_empty());
    // The key is free still.
    assert!(!archive.send(&sending("one")).await.unwrap().before);
}

#[tokio::test]
async fn a_folder_is_read_from_its_newest_message_on() {
    let archive = Archive::new().await;
    for number in 1..=5 {
        let mail = format!("Subject: {number}\r\n\r\n");
        archive.lies("INBOX", number, &mail).await;
    }
    let inbox = archive.replica.folder("INBOX").await.unwrap().id;
    let mut read = Vec::new();
    let mut before = u32::MAX;
    loop {
        let page = page(&archive.replica, inbox, before, 2).await.unwrap();
        assert_eq!(page.messages, 5);
        read.extend(page.rows.iter().map(|(_, head)| head.subject.clone()));
        before = page.rows.last().unwrap().0.uid;
        if !page.more {
            break;
        }
    }
    assert_eq!(read, ["5", "4", "3", "2", "1"]);
    let one = row(&archive.replica, inbox, 2).await.unwrap();
    assert_eq!(
        raw(&archive.replica, &one).await.unwrap(),
        b"Subject: 2\r\n\r\n"
    );
    let none = row(&archive.replica, inbox, 9).await;
    assert!(matches!(none, Err(StoreError::NotFound(_))));
    // Another's folder is none of this mailbox.
    let bob = archive.tenant.replica("bob@a.test").await.unwrap();
    for missing in [
        page(&bob, inbox, u32::MAX, 2).await.err(),
        row(&bob, inbox, 2).await.err(),
    ] {
        assert!(matches!(missing, Some(StoreError::NotFound(_))));
    }
    let trash = special(&archive.replica, everpost_store::SpecialUse::Trash).await;
    assert_eq!(trash.unwrap().name, "Trash");
    archive.replica.delete_folder("Trash").await.unwrap();
    let trash = special(&archive.replica, everpost_store::SpecialUse::Trash).await;
    assert_eq!(trash.unwrap().name, "Trash");
}

#[tokio::test]
async fn a_search_finds_what_holds_wherever_it_lies() {
    let archive = Archive::new().await;
    let mail = |from: &str, subject: &str, text: &str| {
        format!("From: {from}\r\nTo: {ANN}\r\nSubject: {subject}\r\n\r\n{text}\r\n")
    };
    archive
        .lies("INBOX", 1, &mail("Bob <bob@a.test>", "Pier 7", "the crane"))
        .await;
    archive
        .lies("Archive", 3, &mail("eve@b.test", "Lunch", "at the pier"))
        .await;
    let (inbox, seen) = archive
        .lies("INBOX", 2, &mail("bob@a.test", "Crane", "nothing"))
        .await;
    let order = everpost_store::FlagOrder::Add(Flags::SEEN);
    archive
        .replica
        .store_flags(inbox, &[seen], order, None)
        .await
        .unwrap();
    let ask = async |text: &str, folder: Option<u32>| {
        let query = parse(text).unwrap();
        let found = find(&archive.replica, &query, folder, None, 10)
            .await
            .unwrap();
        assert_eq!(found.next, None);
        let subjects = found.hits.into_iter().map(|(_, _, head)| head.subject);
        subjects.collect::<Vec<_>>()
    };
    assert_eq!(ask("pier", None).await, ["Lunch", "Pier 7"]);
    assert_eq!(ask("pier", Some(inbox)).await, ["Pier 7"]);
    assert_eq!(ask("from:bob crane", None).await, ["Crane", "Pier 7"]);
    assert_eq!(ask("is:unread", None).await, ["Lunch", "Pier 7"]);
    assert_eq!(ask("in:archive -from:bob", None).await, ["Lunch"]);
    assert_eq!(ask("\"the crane\"", None).await, ["Pier 7"]);
    assert!(ask("quay", None).await.is_empty());

    // Page by page it is the same.
    let query = parse("pier OR crane").unwrap();
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let found: Found = find(&archive.replica, &query, None, after, 1)
            .await
            .unwrap();
        read.extend(found.hits.into_iter().map(|(_, _, head)| head.subject));
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(read, ["Lunch", "Crane", "Pier 7"]);
    let bob = archive.tenant.replica("bob@a.test").await.unwrap();
    let foreign = find(&bob, &query, Some(inbox), None, 1).await;
    assert!(matches!(
        foreign,
        Err(FindError::Store(StoreError::NotFound(_)))
    ));
    let query = parse("tag:urgent").unwrap();
    let unknown = find(&archive.replica, &query, None, None, 1).await;
    assert!(matches!(unknown, Err(FindError::Query(_))));
}
