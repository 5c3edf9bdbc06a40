//! A mailbox that is kept in step: what is in memory is what is written.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::collections::BTreeMap;

use everpost_domain::digest::Digest;
use everpost_domain::replica::{
    Copied, Evidence, Fingerprint, FlagOrder, FolderSighting, Messages, Outcome, Sighting,
};

use super::order::Core;
use super::{Flags, NewMessage, Replica};
use crate::trial::{Dice, Trial, mails};

/// All that is known of a mailbox, to be compared.
fn all(core: &Core) -> String {
    let folders: Vec<_> = core.folders().collect();
    let remotes: Vec<_> = core.remotes().collect();
    let messages: Vec<_> = core.messages().collect();
    let lines: Vec<_> = core.lines().collect();
    let counters = core.counters();
    format!("{counters:?} {folders:#?} {remotes:#?} {messages:#?} {lines:#?}")
}

/// What lies in a folder, by UID, as mail programs see it.
async fn shown(replica: &Replica, folder: u32) -> Vec<(u32, Flags, u64, i64)> {
    let rows = replica.changes(folder, 0).await.unwrap().rows;
    let shown = rows
        .iter()
        .map(|row| (row.uid, row.flags, row.modseq, row.copy));
    shown.collect()
}

#[tokio::test]
async fn a_message_without_bytes_gets_them_later() {
    let trial = Trial::new(mails(2, None, 9), 2).await;
    let copy = *trial.mails.keys().next().unwrap();
    let replica = trial
        .tenant
        .synced_replica("ann@example.org")
        .await
        .unwrap();
    let inbox = replica.folder("INBOX").await.unwrap().id;
    let header = NewMessage {
        copy: None,
        fingerprint: None,
        flags: Flags::NONE,
        date: 5,
        size: 70,
        summary: b"header".to_vec(),
    };
    let headers = [header.clone(), header.clone()];
    replica.append(inbox, &headers, false).await.unwrap();
    let newest = replica.unfilled(inbox, 1).await.unwrap();
    assert_eq!((newest[0].uid, newest[0].copy), (2, 0));
    let whole = NewMessage {
        copy: Some(copy),
        fingerprint: Some(Fingerprint {
            key: copy,
            content: copy,
        }),
        size: 77,
        summary: b"whole".to_vec(),
        ..header
    };
    let before = replica.folder("INBOX").await.unwrap();
    for _ in 0..2 {
        let both = [(2, whole.clone()), (9, whole.clone())];
        replica.fill(inbox, &both).await.unwrap();
    }
    // Nobody need fetch anything again because of it.
    assert_eq!(replica.folder("INBOX").await.unwrap(), before);
    let rows = replica.rows(inbox, &[1, 2, 9]).await.unwrap();
    assert_eq!((rows[0].copy, rows[1].size), (0, 77));
    assert_eq!(rows.len(), 2);
    assert_ne!(rows[1].copy, 0);
    assert_eq!(replica.unfilled(inbox, 9).await.unwrap().len(), 1);
    let summaries = replica.summaries(inbox, &[1, 2]).await.unwrap();
    assert_eq!(summaries[1].1, b"whole");
    assert!(replica.look(|core| core.messages().count()).await.unwrap() == 2);
    let standby = trial.tenant.replica("bob@example.org").await.unwrap();
    assert!(standby.look(|_| ()).await.is_err());
}

struct Server {
    folders: BTreeMap<String, BTreeMap<u32, (usize, Flags)>>,
    next: u32,
}

impl Server {
    fn sighting(&self, now: i64) -> Sighting {
        let folder = |all: &BTreeMap<u32, (usize, Flags)>| {
            let copied = |flags| Copied {
                flags,
                modseq: None,
            };
            FolderSighting {
                uidvalidity: 7,
                uidnext: self.next,
                modseq: None,
                subscribed: true,
                role: None,
                keeps: Flags::ALL,
                messages: Messages::All(
                    all.iter()
                        .map(|(uid, (_, flags))| (*uid, copied(*flags)))
                        .collect(),
                ),
            }
        };
        Sighting {
            generation: 0,
            began: now,
            ended: now,
            can_move: true,
            folders: self
                .folders
                .iter()
                .map(|(name, all)| (name.clone(), folder(all)))
                .collect(),
        }
    }
}

#[tokio::test]
async fn what_is_in_memory_is_what_is_written() {
    let trial = Trial::new(mails(30, None, 9), 30).await;
    let ids: Vec<Digest> = trial.mails.keys().copied().collect();
    let print = |mail: usize| Fingerprint {
        key: ids[mail],
        content: ids[mail],
    };
    let new = |mail: usize| NewMessage {
        copy: Some(ids[mail]),
        fingerprint: Some(print(mail)),
        flags: Flags::NONE,
        date: 1000 + mail as i64,
        size: 77,
        summary: format!("summary {mail}").into_bytes(),
    };
    let replica = trial
        .tenant
        .synced_replica("ann@example.org")
        .await
        .unwrap();
    let mut server = Server {
        folders: ["INBOX", "Work"]
            .map(|name| (name.to_owned(), BTreeMap::new()))
            .into(),
        next: 1,
    };
    let mut dice = Dice::new(5);
    let mut orders_done = 0;
    for now in 0..150_i64 {
        // The server changes.
        for (name, all) in &mut server.folders {
            match dice.below(4) {
                0 if name == "INBOX" => {
                    all.insert(server.next, (dice.below(30), Flags::NONE));
                    server.next += 1;
                }
                1 => {
                    if let Some((_, flags)) = all.values_mut().next() {
                        *flags = flags.with(Flags::SEEN);
                    }
                }
                2 => drop(all.pop_first()),
                _ => {}
            }
        }
        // Programs do.
        let folders = replica.folders().await.unwrap();
        let folder = &folders[dice.below(folders.len())];
        let uids: Vec<u32> = (1..=folder.next).filter(|_| dice.below(3) == 0).collect();
        match dice.below(6) {
            0 => {
                let mail = dice.below(30);
                replica
                    .append(folder.id, &[new(mail)], false)
                    .await
                    .unwrap();
            }
            1 => {
                let flagged = FlagOrder::Add(Flags::FLAGGED);
                replica
                    .store_flags(folder.id, &uids, flagged, None)
                    .await
                    .unwrap();
            }
            2 => {
                let to = folders[dice.below(folders.len())].id;
                let and_remove = dice.below(2) == 0;
                replica
                    .copy(folder.id, &uids, to, and_remove)
                    .await
                    .unwrap();
            }
            3 => drop(replica.expunge(folder.id, &uids).await.unwrap()),
            4 => drop(replica.create_folder(&format!("F{}", now % 3), None).await),
            _ => drop(replica.delete_folder(&format!("F{}", now % 3)).await),
        }
        // They are brought together, so far as this simple server goes.
        let sighting = server.sighting(now);
        let mut evidence = BTreeMap::new();
        let mut mail = BTreeMap::new();
        for (name, all) in &server.folders {
            for (uid, (number, _)) in all {
                let at = (name.clone(), *uid);
                let print = print(*number);
                let is = Evidence {
                    key: print.key,
                    content: Some(print.content),
                    size: 77,
                    date: 1000,
                };
                evidence.insert(at.clone(), is);
                mail.insert(at, new(*number));
            }
        }
        let plan = replica
            .step(&mail, |core| core.reconcile(&sighting, &evidence))
            .await
            .unwrap()
            .unwrap();
        let none = BTreeMap::new();
        if let Some(order) = plan.orders.first() {
            let intended = replica
                .step(&none, |core| core.intend(order))
                .await
                .unwrap();
            if intended && dice.below(2) == 0 {
                let said = [Outcome::NotDone, Outcome::Lost, Outcome::NotAsThought];
                let outcome = said[dice.below(3)];
                replica
                    .step(&none, |core| core.outcome(order, outcome, now))
                    .await
                    .unwrap();
                orders_done += 1;
            }
        }
        // What is written is what is in memory, and what is shown.
        let mut db = replica.tenant.store.catalog.read().await.unwrap();
        let written = replica.load_all(&mut db).await.unwrap();
        let (in_memory, seen) = replica
            .step(&none, |core| {
                let seen: Vec<Vec<(u32, Flags, u64)>> = core
                    .folders()
                    .map(|folder| {
                        core.seen_in(folder.id)
                            .map(|(seat, _)| (seat.uid, seat.flags, seat.modseq))
                            .collect()
                    })
                    .collect();
                (all(core), seen)
            })
            .await
            .unwrap();
        assert_eq!(in_memory, all(&written.core));
        for (folder, seen) in replica.folders().await.unwrap().iter().zip(seen) {
            let shown = shown(&replica, folder.id).await;
            let rows: Vec<_> = shown
                .iter()
                .map(|(uid, flags, modseq, _)| (*uid, *flags, *modseq))
                .collect();
            assert_eq!(rows, seen);
            let uids: Vec<u32> = shown.iter().map(|row| row.0).collect();
            let summaries = replica.summaries(folder.id, &uids).await.unwrap();
            let copies: Vec<i64> = shown.iter().map(|row| row.3).collect();
            let read = trial.tenant.read_copies(&copies, |place, raw| {
                let id = Digest::of(&raw.unwrap());
                let mail = ids.iter().position(|one| *one == id).unwrap();
                assert_eq!(summaries[place].1, format!("summary {mail}").into_bytes());
                true
            });
            read.await.unwrap();
        }
    }
    assert!(orders_done > 10, "the test does little: {orders_done}");
}
