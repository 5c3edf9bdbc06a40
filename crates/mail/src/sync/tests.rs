//! A mailbox beside a real Dovecot: what either side does is on both.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use everpost_codec::smtp::Secret;
use everpost_domain::replica::Place;
use everpost_store::{FlagOrder, Flags, Options, Replica, Store};
use everpost_testkit::peers::Dovecot;
use rustls::RootCertStore;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::filing::filed;
use crate::imap::{Bodies, describe};
use crate::upstream::{Access, Body, Done, Patience, Proof, Tls, Told, Verdict};

const ANN: &str = "ann@example.test";

/// An agent's mailbox beside a Dovecot.
struct Pair {
    dovecot: Dovecot,
    _folder: TempDir,
    _store: Store,
    replica: Replica,
    gate: watch::Sender<bool>,
    health: watch::Receiver<Health>,
    run: JoinHandle<()>,
}

fn account(dovecot: &Dovecot) -> Account {
    let address = dovecot.imap();
    let proof = Proof::Password(Secret::new("secret of ann"));
    let host = address.ip().to_string();
    let mut account = Account::new(
        (&host, address.port()),
        Tls::None,
        RootCertStore::empty(),
        (ANN, proof),
    );
    account.patience = Patience {
        connect: Duration::from_secs(10),
        silence: Duration::from_secs(10),
        ..Patience::default()
    };
    account
}

fn raw(number: usize) -> Vec<u8> {
    format!(
        "From: bob@example.org\r\nTo: {ANN}\r\nMessage-ID: <{number}@example.org>\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\nSubject: number {number}\r\n\r\nPier {number} is open.\r\n"
    )
    .into_bytes()
}

fn subject(raw: &[u8]) -> usize {
    let text = String::from_utf8_lossy(raw);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Subject: number "));
    line.unwrap().parse().unwrap()
}

/// What a folder holds: the message's number, and its flags.
type Holds = Vec<(usize, Vec<String>)>;

impl Pair {
    async fn start(options: SyncOptions) -> Self {
        let dovecot = Dovecot::start(&["ann"]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let opened = Store::open(Options::create(folder.path().join("data"))).await;
        let store = opened.unwrap().store;
        let replica = store
            .tenant(None)
            .unwrap()
            .synced_replica(ANN)
            .await
            .unwrap();
        let (_, release) = watch::channel(0);
        let sync = Sync::new(replica.clone(), account(&dovecot), options, release);
        let health = sync.health();
        let (gate, open) = watch::channel(false);
        let run = tokio::spawn(sync.run(open));
        Pair {
            dovecot,
            _folder: folder,
            _store: store,
            replica,
            gate,
            health,
            run,
        }
    }

    async fn server(&self) -> Upstream {
        Upstream::connect(&account(&self.dovecot)).await.unwrap()
    }

    /// What mail programs see here.
    async fn here(&self) -> BTreeMap<String, Holds> {
        let keywords = self.replica.keywords().await.unwrap();
        let mut all = BTreeMap::new();
        for folder in self.replica.folders().await.unwrap() {
            let rows = self.replica.changes(folder.id, 0).await.unwrap().rows;
            let copies: Vec<i64> = rows.iter().map(|row| row.copy).collect();
            let mut holds = Holds::new();
            if !copies.contains(&0) {
                let tenant = self.replica.tenant();
                let read = tenant.read_copies(&copies, |place, bytes| {
                    let bytes = bytes.unwrap();
                    assert_eq!(bytes, raw(subject(&bytes)));
                    let names = rows[place].flags.names(&keywords);
                    let names = names.into_iter().map(str::to_owned).collect();
                    holds.push((subject(&bytes), sorted(names)));
                    true
                });
                read.await.unwrap();
            }
            holds.sort();
            all.insert(folder.name, holds);
        }
        all
    }

    /// What the server has.
    async fn there(&self) -> BTreeMap<String, Holds> {
        let mut server = self.server().await;
        let mut all = BTreeMap::new();
        let listed = server.folders(false).await.unwrap().all;
        for folder in listed.into_iter().filter(|folder| folder.is_selectable) {
            // It may have gone since it was listed.
            let seen = server.look(&folder.name, None, Access::Read).await;
            let Ok(seen) = seen else {
                continue;
            };
            let Told::All(listing) = seen.told else {
                panic!("{seen:?}");
            };
            let mut holds = Holds::new();
            for (uid, flags, _) in listing.iter() {
                let mut bytes = Vec::new();
                let body = server.body(&folder.name, seen.uidvalidity, uid, 9999, &mut bytes);
                // It may be in another place by now; then it is looked again.
                if let Ok(Body::Whole(_)) = body.await {
                    holds.push((subject(&bytes), sorted(flags.to_vec())));
                }
            }
            holds.sort();
            all.insert(folder.name, holds);
        }
        all
    }

    /// Waits until both sides have the same, and gives it.
    async fn agree(&mut self) -> BTreeMap<String, Holds> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let (here, there) = (self.here().await, self.there().await);
            let owed = self.replica.look(|core| core.owed()).await.unwrap();
            if here == there && owed.is_empty() {
                return here;
            }
            let waited = timeout_at(deadline, self.health.changed()).await;
            assert!(waited.is_ok(), "{here:#?}\n{there:#?}\n{owed:?}");
        }
    }

    /// What a mail program does.
    async fn append(&self, folder: &str, number: usize, flags: Flags) {
        let item = filed(Bytes::from(raw(number)), ANN, folder);
        let new = describe(&raw(number), item.digest(), flags, 1_700_000_000);
        self.replica.tenant().admit(vec![item], None).await.unwrap();
        let folder = self.replica.folder(folder).await.unwrap().id;
        self.replica.append(folder, &[new], false).await.unwrap();
    }

    async fn flag(&self, folder: &str, uids: &[u32], order: FlagOrder) {
        let folder = self.replica.folder(folder).await.unwrap().id;
        let stored = self.replica.store_flags(folder, uids, order, None);
        stored.await.unwrap();
    }

    async fn relocate(&self, folder: &str, uids: &[u32], to: &str) {
        let from = self.replica.folder(folder).await.unwrap().id;
        let to = self.replica.folder(to).await.unwrap().id;
        self.replica.copy(from, uids, to, true).await.unwrap();
    }

    async fn expunge(&self, folder: &str, uids: &[u32]) {
        let folder = self.replica.folder(folder).await.unwrap().id;
        self.replica.expunge(folder, uids).await.unwrap();
    }

    /// Waits until it goes so.
    async fn until(&mut self, is: impl FnMut(&Health) -> bool) -> Health {
        let deadline = Instant::now() + Duration::from_secs(60);
        let waited = timeout_at(deadline, self.health.wait_for(is));
        waited.await.unwrap().unwrap().clone()
    }

    async fn end(self) {
        drop(self.gate);
        self.run.await.unwrap();
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

/// Puts a message on the server.
async fn put(server: &mut Upstream, folder: &str, number: usize, flags: &[&str]) -> Place {
    let bytes = [Bytes::from(raw(number))];
    let verdict = server.append(folder, flags, 1_704_000_000, &bytes).await;
    let Ok(Verdict::Done(Done {
        landed: Some(landed),
        ..
    })) = verdict
    else {
        panic!("{verdict:?}");
    };
    Place {
        folder: folder.to_owned(),
        uidvalidity: landed.uidvalidity,
        uid: landed.uid,
    }
}

fn options() -> SyncOptions {
    SyncOptions {
        look: Duration::from_secs(1),
        ..SyncOptions::default()
    }
}

fn names(flags: &[&str]) -> Vec<String> {
    flags.iter().map(|flag| (*flag).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_either_side_does_is_on_both() {
    let mut pair = Pair::start(options()).await;
    let mut server = pair.server().await;
    server.create("Work/Pier").await.unwrap();
    let mut places = Vec::new();
    for number in 0..6 {
        let flags: &[&str] = match number {
            0 => &["\\Seen", "$one"],
            _ => &[],
        };
        places.push(put(&mut server, "INBOX", number, flags).await);
    }
    for number in 6..8 {
        put(&mut server, "Work/Pier", number, &["\\Flagged"]).await;
    }
    pair.gate.send(true).unwrap();
    let all = pair.agree().await;
    assert_eq!(all["INBOX"].len(), 6);
    assert_eq!(all["INBOX"][0], (0, names(&["$one", "\\Seen"])));
    assert_eq!(all["Work/Pier"].len(), 2);
    let sent = pair.replica.folder("Sent").await.unwrap();
    assert_eq!(sent.used_for.map(|role| role.name()), Some("\\Sent"));

    // Both at once.
    pair.append("Sent", 8, Flags::SEEN).await;
    pair.flag("INBOX", &[2], FlagOrder::Add(Flags::SEEN)).await;
    pair.relocate("INBOX", &[3], "Work/Pier").await;
    pair.expunge("INBOX", &[4]).await;
    pair.replica.create_folder("Trip", None).await.unwrap();
    pair.relocate("INBOX", &[5], "Trip").await;
    put(&mut server, "INBOX", 9, &[]).await;
    server
        .store(&places[1], &["\\Flagged"], &[], None)
        .await
        .unwrap();
    server.relocate(&places[5], "Trash").await.unwrap();
    let all = pair.agree().await;
    let of = |folder: &str| {
        all[folder]
            .iter()
            .map(|(number, _)| *number)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("Sent"), [8]);
    assert_eq!(of("INBOX"), [0, 1, 9]);
    assert_eq!(all["INBOX"][1], (1, names(&["\\Flagged", "\\Seen"])));
    assert_eq!(of("Work/Pier"), [2, 6, 7]);
    assert_eq!((of("Trip"), of("Trash")), (vec![4], vec![5]));

    // The server dies; programs go on.
    drop(server);
    pair.dovecot.kill().unwrap();
    pair.until(|health| health.is_up == Some(false)).await;
    pair.append("Drafts", 10, Flags::DRAFT).await;
    pair.flag("Sent", &[1], FlagOrder::Add(Flags::FLAGGED))
        .await;
    pair.relocate("Trip", &[1], "INBOX").await;
    pair.replica.delete_folder("Trip").await.unwrap();
    pair.replica.rename_folder("Work", "Done").await.unwrap();
    pair.dovecot.start_again().unwrap();
    let all = pair.agree().await;
    let of = |folder: &str| {
        all[folder]
            .iter()
            .map(|(number, _)| *number)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("INBOX"), [0, 1, 4, 9]);
    assert_eq!((of("Drafts"), of("Done/Pier")), (vec![10], vec![2, 6, 7]));
    assert!(!all.contains_key("Trip") && !all.contains_key("Work/Pier"));
    let refused = pair.health.borrow().refused.clone();
    assert!(refused.is_empty(), "{refused:?}");
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_outside_of_the_window_come_when_they_are_asked_for() {
    let narrow = SyncOptions {
        window_days: Some(1),
        ..options()
    };
    let mut pair = Pair::start(narrow).await;
    let mut server = pair.server().await;
    for number in 0..3 {
        put(&mut server, "INBOX", number, &[]).await;
    }
    pair.gate.send(true).unwrap();
    pair.until(|health| health.rounds > 0).await;
    let inbox = pair.replica.folder("INBOX").await.unwrap().id;
    let rows = pair.replica.changes(inbox, 0).await.unwrap().rows;
    assert_eq!(
        rows.iter().map(|row| row.copy).collect::<Vec<_>>(),
        [0, 0, 0]
    );
    assert!(rows.iter().all(|row| row.size == raw(0).len() as u64));
    let desk = OnDemand::default();
    // Of nobody whom it serves it brings nothing.
    let bring = || desk.bring(pair.replica.clone(), inbox, vec![2, 7]);
    bring().await.unwrap();
    assert_eq!(pair.replica.unfilled(inbox, 9).await.unwrap().len(), 3);
    desk.serve(ANN, account(&pair.dovecot), narrow).await;
    bring().await.unwrap();
    let rows = pair.replica.rows(inbox, &[1, 2, 3]).await.unwrap();
    assert_eq!((rows[0].copy, rows[2].copy), (0, 0));
    let copies = [rows[1].copy];
    let read = pair.replica.tenant().read_copies(&copies, |_, bytes| {
        assert_eq!(bytes.unwrap(), raw(1));
        true
    });
    read.await.unwrap();
    // A connection that died meanwhile is no matter; a server that is away is.
    pair.dovecot.kill().unwrap();
    let third = || desk.bring(pair.replica.clone(), inbox, vec![3]);
    third().await.unwrap();
    assert_eq!(pair.replica.unfilled(inbox, 9).await.unwrap().len(), 2);
    pair.dovecot.start_again().unwrap();
    third().await.unwrap();
    assert_eq!(pair.replica.unfilled(inbox, 9).await.unwrap().len(), 1);
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn much_that_vanishes_at_once_is_not_taken_over() {
    let wary = SyncOptions {
        alarming: 3,
        ..options()
    };
    let mut pair = Pair::start(wary).await;
    let mut server = pair.server().await;
    for number in 0..8 {
        put(&mut server, "INBOX", number, &[]).await;
    }
    pair.gate.send(true).unwrap();
    pair.agree().await;
    pair.gate.send(false).unwrap();
    let inbox = pair.replica.folder("INBOX").await.unwrap().id;
    let mut place = Place {
        folder: "INBOX".into(),
        uidvalidity: server
            .look("INBOX", None, Access::Write)
            .await
            .unwrap()
            .uidvalidity,
        uid: 1,
    };
    for uid in 1..=6 {
        place.uid = uid;
        let unchanged = crate::upstream::Unchanged {
            modseq: None,
            flags: &|_| true,
        };
        server.delete(&place, &unchanged).await.unwrap();
    }
    pair.gate.send(true).unwrap();
    let alarm = pair.until(|health| health.alarm.is_some()).await.alarm;
    assert!(alarm.is_some_and(|count| count > 3), "{alarm:?}");
    let rows = pair.replica.changes(inbox, 0).await.unwrap().rows;
    assert!(rows.len() >= 5, "{rows:?}");
    pair.end().await;
}
