//! What agents ask, over a real archive.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use std::collections::BTreeMap;

use bytes::Bytes;
use everpost_codec::journal::{Envelope, Reports};
use everpost_codec::link::Code;
use everpost_codec::link::message::{Change, Deed, Evidence, Fate, FetchAsk, Mail, Mark};
use everpost_domain::digest::Digest;
use everpost_domain::relay::LegState;
use everpost_store::{
    Device, FlagOrder, Flags, MailDomain, NewDevice, Options, Recipient, Replica, Store, Tenant,
    UnknownRecipient,
};

use super::{HandedBy, apply, evidence, hand_over, look};
use crate::capture::{Arrived, Capture, CaptureOptions};
use crate::relay::front::{Front, Organization};

const ANN: &str = "ann@a.test";

fn letter(number: u64) -> Bytes {
    let text = format!(
        "From: {ANN}\r\nTo: bob@a.test\r\nSubject: Pier {number}\r\nMessage-ID: <{number}@laptop.a.test>\r\n\
         Date: Mon, 3 Jun 2024 10:00:00 +0000\r\n\r\nPier {number}.\r\n"
    );
    text.into()
}

struct Archive {
    _folder: tempfile::TempDir,
    tenant: Tenant,
    capture: Capture,
    front: Front,
    device: Device,
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
        let people = [ANN, "bob@a.test"].map(Recipient::mailbox);
        tenant.put_recipients(&people, "op").await.unwrap();
        let options = CaptureOptions {
            domains: vec!["a.test".into()],
            reports: Reports::Ignored,
            room: 1 << 20,
            spool: 1 << 20,
        };
        let capture = Capture::new(tenant.clone(), &options);
        let organization = Organization {
            tenant: tenant.clone(),
            capture: capture.clone(),
        };
        let code = tenant.enrol_code(ANN, "op", 60).await.unwrap();
        let mut exchange = [0; 32];
        exchange[0] = 9;
        let new = NewDevice {
            key: [1; 32],
            exchange,
            name: "a laptop".into(),
            version: "1".into(),
        };
        let ticket = Code::parse(&code).unwrap().ticket();
        let device = tenant.enrol(&ticket, &new).await.unwrap();
        Archive {
            _folder: folder,
            front: Front::new(vec![organization], None),
            capture,
            device,
            tenant,
        }
    }

    async fn hand(&self, number: u64, sender: &str, to: &[&str], raw: &Bytes) -> Fate {
        let own = [ANN.to_owned()];
        let by = HandedBy {
            device: &self.device,
            own: &own,
            address: None,
            most: 100_000,
        };
        let mail = Mail {
            number,
            sender: sender.into(),
            recipients: to.iter().map(|one| (*one).to_owned()).collect(),
            size: raw.len() as u64,
            sha256: Digest::of(raw),
        };
        let handed = hand_over(&self.front, &self.tenant, by, &mail, raw.clone());
        handed.await.unwrap()
    }

    async fn legs(&self) -> Vec<LegState> {
        let legs = self.tenant.relay_legs(0, true).await.unwrap();
        legs.iter().map(|leg| leg.state).collect()
    }
}

fn code(fate: &Fate) -> u16 {
    match fate {
        Fate::Refused { code, .. } => *code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_number_is_taken_once_and_receipted_each_time() {
    let archive = Archive::new().await;
    let raw = letter(1);
    let to = ["bob@a.test", "nobody@a.test"];
    let first = archive.hand(1, ANN, &to, &raw).await;
    let Fate::Taken { copy, not_for } = &first else {
        panic!("{first:?}");
    };
    assert_eq!(*copy, Digest::of(&raw));
    assert_eq!(not_for.len(), 1);
    assert_eq!(
        (not_for[0].recipient.as_str(), not_for[0].code),
        ("nobody@a.test", 550)
    );
    assert_eq!(archive.legs().await, [LegState::Waiting]);
    for _ in 0..2 {
        assert_eq!(archive.hand(1, ANN, &to, &raw).await, first);
    }
    assert_eq!(archive.legs().await, [LegState::Waiting]);
    // The number is this mail's.
    assert_eq!(code(&archive.hand(1, ANN, &to, &letter(2)).await), 554);
    // The same bytes under another number go nowhere a second time.
    let other = archive.hand(2, ANN, &["bob@a.test"], &raw).await;
    assert!(matches!(other, Fate::Taken { .. }));
    assert_eq!(
        archive.legs().await,
        [LegState::Waiting, LegState::Repeated]
    );
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_and_not_remembered() {
    let archive = Archive::new().await;
    let raw = letter(1);
    let bob = ["bob@a.test"];
    assert_eq!(code(&archive.hand(1, "bob@a.test", &bob, &raw).await), 553);
    assert_eq!(code(&archive.hand(1, "", &bob, &raw).await), 553);
    assert_eq!(code(&archive.hand(1, ANN, &[], &raw).await), 554);
    assert_eq!(code(&archive.hand(1, ANN, &["x@a.test"], &raw).await), 550);
    assert_eq!(code(&archive.hand(1, ANN, &["b b"], &raw).await), 553);
    let bare = Bytes::from_static(b"Subject: a\n.\n");
    assert_eq!(code(&archive.hand(1, ANN, &bob, &bare).await), 554);
    let large = Bytes::from(b"a\r\n".repeat(40_000));
    assert_eq!(code(&archive.hand(1, ANN, &bob, &large).await), 552);
    assert!(archive.legs().await.is_empty());
    let taken = archive.hand(1, &ANN.to_uppercase(), &bob, &raw).await;
    assert!(matches!(taken, Fate::Taken { .. }));
}

#[tokio::test]
async fn a_copy_that_was_sent_is_evidence_and_one_in_a_folder_is_none() {
    let archive = Archive::new().await;
    let known = |raw: Bytes| evidence(&archive.tenant, raw);
    let raw = letter(1);
    assert_eq!(known(raw.clone()).await.unwrap().0, Evidence::Unknown);
    // A mail program puts what it failed to send into Sent.
    let replica = archive.tenant.replica(ANN).await.unwrap();
    let append = Change {
        number: 1,
        deed: Deed::Append {
            folder: "Sent".into(),
            flags: Vec::new(),
            date: 0,
            size: raw.len() as u64,
            sha256: Digest::of(&raw),
        },
    };
    apply(&replica, &append, Some(raw.clone())).await.unwrap();
    assert_eq!(known(raw.clone()).await.unwrap().0, Evidence::Unknown);
    // The mail server journals it, with a field of its own.
    let passed = [
        b"Received: from laptop by mx.a.test; Mon, 3 Jun 2024 10:00:01 +0000\r\n",
        raw.as_ref(),
    ]
    .concat();
    let arrived = Arrived {
        raw: passed.into(),
        envelope: Envelope {
            sender: ANN.into(),
            recipients: vec!["bob@a.test".into()],
        },
        is_whole: true,
    };
    archive.capture.take(arrived).await.unwrap();
    assert_eq!(known(raw).await.unwrap().0, Evidence::There);
    // Of another with the same Message-ID nothing is known.
    let other = String::from_utf8(letter(1).to_vec()).unwrap();
    let other = other.replace("Pier 1.", "Something else.");
    assert_eq!(known(other.into()).await.unwrap().0, Evidence::Unknown);
    // What was handed over was taken.
    let second = letter(2);
    archive.hand(1, ANN, &["bob@a.test"], &second).await;
    assert_eq!(known(second).await.unwrap().0, Evidence::There);
}

/// A mailbox as a device knows it.
#[derive(Default)]
struct Known {
    marks: Vec<Mark>,
    mails: BTreeMap<(u32, u32), (Vec<String>, Digest)>,
    pages: usize,
}

impl Known {
    /// Asks until there is nothing more.
    async fn follow(&mut self, replica: &Replica, most: u64) {
        loop {
            self.pages += 1;
            assert!(self.pages < 10_000, "it never ends");
            if !self.page(replica, most).await {
                return;
            }
        }
    }

    async fn page(&mut self, replica: &Replica, most: u64) -> bool {
        let ask = FetchAsk {
            marks: self.marks.clone(),
            most,
        };
        let looked = look(Some(replica), &ask).await.unwrap();
        let mut messages = looked.messages.into_iter();
        self.marks = looked.answer.folders.iter().map(|one| one.mark).collect();
        let ids: Vec<u32> = looked.answer.folders.iter().map(|one| one.id).collect();
        self.mails.retain(|(folder, _), _| ids.contains(folder));
        for row in looked.answer.rows {
            let digest = match row.body {
                Some(body) => {
                    let raw = messages.next().unwrap();
                    assert_eq!(
                        (raw.len() as u64, Digest::of(&raw)),
                        (body.size, body.sha256)
                    );
                    body.sha256
                }
                None => self.mails[&(row.folder, row.uid)].1,
            };
            self.mails
                .insert((row.folder, row.uid), (row.flags, digest));
        }
        for gone in looked.answer.gone {
            for uid in gone.uids {
                self.mails.remove(&(gone.folder, uid));
            }
        }
        looked.answer.more
    }
}

async fn truth(replica: &Replica) -> BTreeMap<(u32, u32), (Vec<String>, Digest)> {
    let keywords = replica.keywords().await.unwrap();
    let mut all = BTreeMap::new();
    for folder in replica.folders().await.unwrap() {
        let rows = replica.changes(folder.id, 0).await.unwrap().rows;
        let copies: Vec<i64> = rows.iter().map(|row| row.copy).collect();
        let read = replica.tenant().read_copies(&copies, |place, raw| {
            let row = rows[place];
            let flags = row.flags.names(&keywords);
            let flags = flags.into_iter().map(str::to_owned).collect();
            all.insert((folder.id, row.uid), (flags, Digest::of(&raw.unwrap())));
            true
        });
        read.await.unwrap();
    }
    all
}

#[tokio::test]
async fn whoever_follows_page_by_page_has_the_whole_mailbox() {
    let archive = Archive::new().await;
    let replica = archive.tenant.replica(ANN).await.unwrap();
    let append = |number: u64, folder: &str| {
        let raw = letter(number % 17);
        let change = Change {
            number,
            deed: Deed::Append {
                folder: folder.into(),
                flags: vec![format!("$k{}", number % 3)],
                date: 7,
                size: raw.len() as u64,
                sha256: Digest::of(&raw),
            },
        };
        let replica = replica.clone();
        async move { apply(&replica, &change, Some(raw)).await.unwrap() }
    };
    let (mut eager, mut lazy, mut paged) = (Known::default(), Known::default(), Known::default());
    let mut dice = 12345_u64;
    let mut roll = |most: u64| {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % most
    };
    let inbox = replica.folder("INBOX").await.unwrap().id;
    let trash = replica.folder("Trash").await.unwrap().id;
    for step in 0..150 {
        let uids: Vec<u32> = (0..3).map(|_| 1 + roll(20) as u32).collect();
        let deed = match roll(5) {
            0 | 1 => {
                append(step, ["INBOX", "Sent"][roll(2) as usize]).await;
                continue;
            }
            2 => Deed::Flags {
                folder: inbox,
                uids,
                add: vec!["\\Seen".into(), format!("$k{}", roll(5))],
                remove: vec!["\\Flagged".into()],
            },
            3 => Deed::Move {
                folder: [inbox, trash][roll(2) as usize],
                uids,
                to: ["INBOX", "Trash"][roll(2) as usize].into(),
            },
            _ => Deed::Remove {
                folder: trash,
                uids,
            },
        };
        let change = Change { number: step, deed };
        let done = apply(&replica, &change, None).await.unwrap();
        assert_eq!(done.refused, None);
        eager.follow(&replica, 1 << 20).await;
        // This one is always in the middle of it.
        paged.page(&replica, 300).await;
        if step % 31 == 0 {
            lazy.follow(&replica, 1).await;
        }
    }
    let truth = truth(&replica).await;
    assert!(truth.len() > 5, "the test does little");
    for known in [&mut eager, &mut lazy, &mut paged] {
        known.follow(&replica, 500).await;
        assert_eq!(known.mails, truth);
    }
    let mut fresh = Known::default();
    fresh.follow(&replica, 1).await;
    assert_eq!(fresh.mails, truth);
    assert!(
        look(
            None,
            &FetchAsk {
                marks: Vec::new(),
                most: 1
            }
        )
        .await
        .unwrap()
        .answer
        .folders
        .is_empty()
    );
}

#[tokio::test]
async fn a_deed_that_is_done_again_does_no_harm() {
    let archive = Archive::new().await;
    let replica = archive.tenant.replica(ANN).await.unwrap();
    let raw = letter(1);
    let inbox = replica.folder("INBOX").await.unwrap().id;
    let deeds = [
        Deed::Create {
            name: "Work".into(),
            used_for: None,
        },
        Deed::Append {
            folder: "INBOX".into(),
            flags: vec!["\\Seen".into()],
            date: 7,
            size: raw.len() as u64,
            sha256: Digest::of(&raw),
        },
        Deed::Flags {
            folder: inbox,
            uids: vec![1],
            add: vec!["\\Flagged".into()],
            remove: vec!["\\Seen".into()],
        },
        Deed::Subscribe {
            name: "Work".into(),
            subscribed: false,
        },
        Deed::Move {
            folder: inbox,
            uids: vec![1],
            to: "Work".into(),
        },
        Deed::Delete {
            name: "Junk".into(),
        },
    ];
    for (number, deed) in (1..).zip(deeds) {
        let change = Change { number, deed };
        for _ in 0..2 {
            let done = apply(&replica, &change, Some(raw.clone())).await.unwrap();
            assert_eq!(done.refused, None, "{change:?}");
        }
    }
    let work = replica.folder("Work").await.unwrap();
    assert!(!work.subscribed);
    let rows = replica.changes(work.id, 0).await.unwrap().rows;
    assert_eq!(rows.len(), 1);
    assert!(rows[0].flags == Flags::FLAGGED && replica.count(inbox).await.unwrap().messages == 0);
    assert!(replica.folder("Junk").await.is_err());
    let wrong = [
        Deed::Move {
            folder: inbox,
            uids: vec![1],
            to: "Nowhere".into(),
        },
        Deed::Flags {
            folder: inbox,
            uids: vec![1],
            add: vec!["\\Wrong".into()],
            remove: Vec::new(),
        },
        Deed::Append {
            folder: "INBOX".into(),
            flags: Vec::new(),
            date: 7,
            size: 1,
            sha256: Digest::of(b"other"),
        },
    ];
    for (number, deed) in (7..).zip(wrong) {
        let change = Change { number, deed };
        let done = apply(&replica, &change, Some(raw.clone())).await.unwrap();
        assert!(done.refused.is_some(), "{change:?}");
    }
    // Flags that only one side knows are no trouble.
    let order = FlagOrder::Add(Flags::DELETED);
    replica
        .store_flags(work.id, &[1], order, None)
        .await
        .unwrap();
}
