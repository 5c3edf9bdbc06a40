//! A mailbox beside a model of one.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use std::collections::{BTreeMap, BTreeSet};

use everpost_domain::digest::Digest;

use super::{FlagOrder, Flags, MOST_KEYWORDS, NewMessage, Replica, Row, SpecialUse};
use crate::trial::{Dice, Trial, mails};

fn new(copy: Digest, place: usize) -> NewMessage {
    NewMessage {
        copy: Some(copy),
        fingerprint: None,
        flags: Flags::default(),
        date: 1_700_000_000 + place as i64,
        size: 1000 + place as u64,
        summary: format!("summary {place}").into_bytes(),
    }
}

/// A folder as somebody sees it who looks again and again.
#[derive(Default)]
struct Seen {
    modseq: u64,
    rows: BTreeMap<u32, Row>,
}

impl Seen {
    async fn look(&mut self, replica: &Replica, folder: u32) {
        let changes = replica.changes(folder, self.modseq).await.unwrap();
        assert!(changes.folder.modseq >= self.modseq);
        for uid in changes.gone {
            self.rows.remove(&uid);
        }
        for row in changes.rows {
            assert!(row.modseq > self.modseq && row.modseq <= changes.folder.modseq);
            self.rows.insert(row.uid, row);
        }
        self.modseq = changes.folder.modseq;
    }
}

/// What a folder should be: UIDs, the mail that each is, and its flags.
type Model = BTreeMap<u32, BTreeMap<u32, (usize, Flags)>>;

#[tokio::test]
async fn orders_do_what_a_model_does_and_whoever_looks_sees_it() {
    let trial = Trial::new(mails(40, None, 9), 40).await;
    let ids: Vec<Digest> = trial.mails.keys().copied().collect();
    let replica = trial.tenant.replica("Ann@Example.org").await.unwrap();
    let folders: Vec<u32> = replica
        .folders()
        .await
        .unwrap()
        .iter()
        .map(|folder| folder.id)
        .take(3)
        .collect();
    let mut model: Model = folders.iter().map(|id| (*id, BTreeMap::new())).collect();
    let mut given: BTreeSet<(u32, u32)> = BTreeSet::new();
    let mut seen: Vec<Seen> = folders.iter().map(|_| Seen::default()).collect();
    let mut dice = Dice::new(77);
    let mut came = 0;
    for step in 0..400 {
        let at = dice.below(3);
        let folder = folders[at];
        let mut uids: Vec<u32> = model[&folder].keys().copied().collect();
        uids.retain(|_| dice.below(4) == 0);
        // One that is not there, and may have been.
        uids.push(1 + dice.below(200) as u32);
        uids.dedup();
        uids.sort_unstable();
        uids.dedup();
        match dice.below(6) {
            0 | 1 => {
                let some: Vec<usize> = (0..1 + dice.below(4)).map(|_| dice.below(40)).collect();
                let messages: Vec<NewMessage> =
                    some.iter().map(|mail| new(ids[*mail], *mail)).collect();
                let is_new = dice.below(2) == 0;
                came += if is_new { messages.len() as u64 } else { 0 };
                let got = replica.append(folder, &messages, is_new).await.unwrap();
                for (uid, mail) in got.into_iter().zip(some) {
                    assert!(given.insert((folder, uid)), "UID {uid} twice");
                    let there = model.get_mut(&folder).unwrap();
                    assert!(there.keys().next_back().is_none_or(|last| *last < uid));
                    there.insert(uid, (mail, Flags::default()));
                }
            }
            2 => {
                let flags = Flags(dice.roll() & 0b11111);
                let order = [
                    FlagOrder::Replace(flags),
                    FlagOrder::Add(flags),
                    FlagOrder::Remove(flags),
                ][dice.below(3)];
                let since = (dice.below(3) == 0).then_some(seen[at].modseq);
                let before = replica.changes(folder, 0).await.unwrap();
                let result = replica.store_flags(folder, &uids, order, since).await;
                let (done, left) = result.unwrap();
                for row in &before.rows {
                    let asked = uids.contains(&row.uid);
                    let newer = since.is_some_and(|since| row.modseq > since);
                    assert_eq!(left.contains(&row.uid), asked && newer);
                    assert_eq!(done.iter().any(|one| one.uid == row.uid), asked && !newer);
                }
                for row in done {
                    let (_, flags) = model.get_mut(&folder).unwrap().get_mut(&row.uid).unwrap();
                    *flags = order.applied(*flags);
                    assert_eq!(*flags, row.flags);
                }
            }
            3 => {
                let gone = replica.expunge(folder, &uids).await.unwrap();
                let there = model.get_mut(&folder).unwrap();
                uids.retain(|uid| there.remove(uid).is_some());
                assert_eq!(gone, uids);
            }
            _ => {
                let to = folders[dice.below(3)];
                let and_remove = dice.below(2) == 0;
                let taken = replica.copy(folder, &uids, to, and_remove).await.unwrap();
                uids.retain(|uid| model[&folder].contains_key(uid));
                assert_eq!(taken.from, uids);
                for (from, uid) in taken.from.iter().zip(&taken.to) {
                    let one = model[&folder][from];
                    if and_remove {
                        model.get_mut(&folder).unwrap().remove(from);
                    }
                    assert!(given.insert((to, *uid)));
                    model.get_mut(&to).unwrap().insert(*uid, one);
                }
            }
        }
        // Some look at each step, some seldom.
        for (place, folder) in folders.iter().enumerate() {
            if place == 0 || step % 17 == 0 {
                seen[place].look(&replica, *folder).await;
            }
        }
    }
    for (place, folder) in folders.iter().enumerate() {
        seen[place].look(&replica, *folder).await;
        let fresh = replica.changes(*folder, 0).await.unwrap();
        let shown: Vec<Row> = seen[place].rows.values().copied().collect();
        assert_eq!(shown, fresh.rows);
        let there = &model[folder];
        assert!(there.len() > 5, "the test does little");
        let uids: Vec<u32> = there.keys().copied().collect();
        assert_eq!(shown.iter().map(|row| row.uid).collect::<Vec<_>>(), uids);
        let summaries = replica.summaries(*folder, &uids).await.unwrap();
        for (row, (uid, summary)) in shown.iter().zip(summaries) {
            let (mail, flags) = there[&uid];
            assert_eq!((row.uid, row.flags), (uid, flags));
            assert_eq!(summary, format!("summary {mail}").into_bytes());
            assert_eq!(row.date, 1_700_000_000 + mail as i64);
        }
        let copies: Vec<i64> = shown.iter().map(|row| row.copy).collect();
        let read = trial.tenant.read_copies(&copies, |place, raw| {
            let (mail, _) = there[&shown[place].uid];
            assert_eq!(raw.unwrap(), trial.mails[&ids[mail]]);
            true
        });
        read.await.unwrap();
        let counts = replica.count(*folder).await.unwrap();
        let has = |flag: Flags| there.values().filter(|(_, flags)| flags.has(flag)).count() as u64;
        assert_eq!(counts.messages, there.len() as u64);
        assert_eq!(counts.unseen, counts.messages - has(Flags::SEEN));
        assert_eq!(counts.deleted, has(Flags::DELETED));
        let bytes: usize = there.values().map(|(mail, _)| 1000 + mail).sum();
        assert_eq!(counts.bytes, bytes as u64);
    }
    assert_eq!(replica.indicator().await.unwrap(), came);
}

#[tokio::test]
async fn folders_keep_what_they_are_called_by() {
    let trial = Trial::new(mails(3, None, 3), 3).await;
    let ids: Vec<Digest> = trial.mails.keys().copied().collect();
    let replica = trial.tenant.replica("ann@example.org").await.unwrap();
    let again = trial.tenant.replica("ANN@example.org").await.unwrap();
    let (mine, same) = (
        replica.folders().await.unwrap(),
        again.folders().await.unwrap(),
    );
    assert_eq!(mine, same);
    assert!(
        trial
            .tenant
            .replica_if_any("bob@example.org")
            .await
            .unwrap()
            .is_none()
    );

    let deep = replica.create_folder("Work/2024/Pier", None).await.unwrap();
    assert!(replica.create_folder("Work/2024", None).await.is_err());
    for wrong in ["", "/", "a//b", "a\r\nb", "inbox"] {
        assert!(replica.create_folder(wrong, None).await.is_err(), "{wrong}");
    }
    // There is one for sent mail: the second is a folder like others.
    let second = replica
        .create_folder("Sent 2", Some(SpecialUse::Sent))
        .await
        .unwrap();
    assert_eq!(second.used_for, None);
    replica
        .append(deep.id, &[new(ids[0], 0)], false)
        .await
        .unwrap();
    replica.rename_folder("Work", "Old/Work").await.unwrap();
    let moved = replica.folder("Old/Work/2024/Pier").await.unwrap();
    assert_eq!((moved.id, moved.next), (deep.id, 2));
    assert!(replica.rename_folder("Old", "Old/New").await.is_err());
    assert!(replica.rename_folder("Old", "inbox").await.is_err());

    let inbox = replica.folder("InBox").await.unwrap();
    replica
        .append(inbox.id, &[new(ids[1], 1), new(ids[2], 2)], true)
        .await
        .unwrap();
    replica.rename_folder("INBOX", "Before").await.unwrap();
    let (left, before) = (
        replica.folder("INBOX").await.unwrap(),
        replica.folder("Before").await.unwrap(),
    );
    assert_eq!((left.id, left.next), (inbox.id, 3));
    assert_eq!(replica.count(left.id).await.unwrap().messages, 0);
    assert_eq!(replica.count(before.id).await.unwrap().messages, 2);
    assert_eq!(replica.changes(left.id, 2).await.unwrap().gone, [1, 2]);

    // A folder that is made again is another one.
    replica.delete_folder("Before").await.unwrap();
    assert!(replica.delete_folder("Before").await.is_err());
    assert!(replica.delete_folder("inbox").await.is_err());
    assert!(replica.changes(before.id, 0).await.is_err());
    let made = replica.create_folder("Before", None).await.unwrap();
    assert!(made.id > before.id);
    assert!(!made.subscribed);
    replica.subscribe("Before", true).await.unwrap();
    assert!(replica.folder("Before").await.unwrap().subscribed);
}

#[tokio::test]
async fn keywords_are_kept_up_to_a_number() {
    let trial = Trial::new(mails(1, None, 3), 1).await;
    let replica = trial.tenant.replica("ann@example.org").await.unwrap();
    let text = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let flags = replica
        .flags(&text(&["\\seen", "$Label1", "\\Recent"]))
        .await
        .unwrap();
    let same = replica.flags(&text(&["$LABEL1", "\\Seen"])).await.unwrap();
    assert_eq!(flags, same);
    let keywords = replica.keywords().await.unwrap();
    assert_eq!(flags.names(&keywords), ["\\Seen", "$Label1"]);
    assert!(replica.flags(&text(&["\\Wrong"])).await.is_err());
    let many: Vec<String> = (1..MOST_KEYWORDS)
        .map(|number| format!("k{number}"))
        .collect();
    let all = replica.flags(&many).await.unwrap();
    let keywords = replica.keywords().await.unwrap();
    assert_eq!(all.names(&keywords), many);
    assert!(replica.flags(&text(&["one-more"])).await.is_err());
}

#[tokio::test]
async fn whoever_waits_hears_of_a_change() {
    let trial = Trial::new(mails(1, None, 3), 1).await;
    let ids: Vec<Digest> = trial.mails.keys().copied().collect();
    let replica = trial.tenant.replica("ann@example.org").await.unwrap();
    let other = trial.tenant.replica("bob@example.org").await.unwrap();
    let (mut mine, theirs) = (replica.changed(), other.changed());
    let inbox = replica.folder("INBOX").await.unwrap();
    replica
        .append(inbox.id, &[new(ids[0], 0)], true)
        .await
        .unwrap();
    mine.changed().await.unwrap();
    assert!(!theirs.has_changed().unwrap());
}
