//! Stories with one turn each.

use std::collections::{BTreeMap, BTreeSet};

use super::acts::Act;
use super::play::{here, there};
use super::rig::{Event, Fault, Rig};
use super::upstream::{Abilities, Mail};
use crate::digest::Digest;
use crate::replica::*;

pub(super) const ALL: Abilities = Abilities {
    moves: true,
    uidplus: true,
    condstore: true,
};

pub(super) fn rig() -> Rig {
    Rig::new(ALL, Vec::new())
}

pub(super) fn id(rig: &Rig, name: &str) -> FolderId {
    rig.mailbox.folder_named(name).unwrap().id
}

/// The mails of a folder, as clients see them: UID, mail, flags.
pub(super) fn seen(rig: &Rig, name: &str) -> Vec<(u32, u32, u64)> {
    let seen = rig.mailbox.seen_in(id(rig, name));
    seen.map(|(seat, row)| (seat.uid, Mail::of(row).content, seat.flags.0))
        .collect()
}

/// The mails of a folder of the server.
pub(super) fn kept(rig: &Rig, name: &str) -> Vec<(u32, u64)> {
    let kept = rig.upstream.folders[name].messages.values();
    kept.map(|kept| (kept.mail.content, kept.flags.0)).collect()
}

pub(super) fn arrive(rig: &mut Rig, name: &str, content: u32, flags: Flags) -> u32 {
    let folder = rig.upstream.folders.get_mut(name).unwrap();
    folder.add(Mail::plain(content), flags).uid
}

pub(super) fn append(rig: &mut Rig, name: &str, content: u32, flags: Flags) -> Appended {
    let folder = id(rig, name);
    let appended = rig.append_here(folder, content, flags);
    rig.commit();
    appended
}

pub(super) fn agree(rig: &Rig) {
    assert_eq!(here(rig), there(rig));
}

#[test]
fn an_append_whose_answer_was_lost_is_known_again() {
    let mut rig = rig();
    let first = append(&mut rig, "A", 2, Flags::SEEN);
    assert!(!first.is_repeat);
    rig.now += 60;
    let again = append(&mut rig, "A", 2, Flags::SEEN);
    assert_eq!((again.uid, again.is_repeat), (first.uid, true));
    // In another folder it is another message.
    assert!(!append(&mut rig, "B", 2, Flags::SEEN).is_repeat);
    // Another client moved it meanwhile: it is still the same.
    let (from, to) = (id(&rig, "A"), id(&rig, "INBOX"));
    rig.mailbox.move_to(from, first.uid, to).unwrap();
    assert!(append(&mut rig, "A", 2, Flags::SEEN).is_repeat);
    // It heard the answer: the same again is meant.
    rig.mailbox.answered(first.message);
    let other = append(&mut rig, "A", 2, Flags::SEEN);
    assert!(!other.is_repeat);
    // Long after, too.
    rig.now += REPEAT + 1;
    let late = append(&mut rig, "A", 2, Flags::SEEN);
    assert!(!late.is_repeat);
    // Deleted meanwhile: it is to be there again.
    rig.mailbox.expunge(from, late.uid).unwrap();
    assert!(!append(&mut rig, "A", 2, Flags::SEEN).is_repeat);
    rig.calm();
    agree(&rig);
}

#[test]
fn what_the_server_saved_itself_is_what_the_client_appends() {
    let rewritten = Mail {
        content: 2,
        is_rewritten: true,
    };
    let save = |rig: &mut Rig| {
        let folder = rig.upstream.folders.get_mut("Sent").unwrap();
        folder.add(rewritten, Flags::FLAGGED);
    };
    // Before anything of ours came there.
    let mut rig = rig();
    append(&mut rig, "Sent", 2, Flags::SEEN);
    save(&mut rig);
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, "Sent"), [(1, 2, 5)]);
    // After.
    let mut rig = Rig::new(ALL, Vec::new());
    append(&mut rig, "Sent", 2, Flags::SEEN);
    rig.calm();
    save(&mut rig);
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, "Sent"), [(1, 2, 5)]);
    // Before the client appends it at all: it gets the UID of what is there.
    let mut rig = Rig::new(ALL, Vec::new());
    save(&mut rig);
    rig.calm();
    let appended = append(&mut rig, "Sent", 2, Flags::SEEN);
    assert_eq!((appended.uid, appended.is_repeat), (1, true));
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, "Sent"), [(1, 2, 5)]);
    // In no other folder: two are two.
    let mut rig = Rig::new(ALL, Vec::new());
    append(&mut rig, "A", 2, Flags::SEEN);
    rig.calm();
    arrive(&mut rig, "A", 2, Flags::NONE);
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, "A").len(), 2);
}

#[test]
fn a_draft_that_is_saved_again_ends_as_one() {
    let mut rig = rig();
    let first = append(&mut rig, "Drafts", 2, Flags::DRAFT);
    rig.calm();
    // Saved again under the same Message-ID; the server's copy of the old one was read elsewhere.
    let folder = rig.upstream.folders.get_mut("Drafts").unwrap();
    folder.store(1, FlagOrder::Add(Flags::SEEN));
    append(&mut rig, "Drafts", 3, Flags::DRAFT);
    let drafts = id(&rig, "Drafts");
    rig.mailbox.expunge(drafts, first.uid).unwrap();
    rig.commit();
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, "Drafts"), [(2, 3, 16)]);
    // In other folders a change beats a delete.
    let uid = arrive(&mut rig, "A", 4, Flags::NONE);
    rig.calm();
    let folder = rig.upstream.folders.get_mut("A").unwrap();
    folder.store(uid, FlagOrder::Add(Flags::SEEN));
    let archive = id(&rig, "A");
    rig.mailbox.expunge(archive, 1).unwrap();
    rig.commit();
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, "A"), [(2, 4, 1)]);
}

#[test]
fn an_old_state_of_a_draft_is_never_taken_for_the_new_one() {
    // The answer to the first save is lost, and the client saves again before anybody knows.
    let script = vec![Event::Fault(Fault::AnswerLost)];
    let mut rig = Rig::new(ALL, Vec::new());
    let first = append(&mut rig, "Drafts", 2, Flags::DRAFT);
    rig.script = script.into();
    rig.round();
    let drafts = id(&rig, "Drafts");
    rig.mailbox.expunge(drafts, first.uid).unwrap();
    append(&mut rig, "Drafts", 3, Flags::DRAFT);
    rig.calm();
    agree(&rig);
    assert_eq!(kept(&rig, "Drafts"), [(3, 16)]);
}

#[test]
fn another_uidvalidity_changes_nothing_for_clients() {
    let mut rig = rig();
    for content in 0..100 {
        arrive(&mut rig, "A", content, Flags(u64::from(content % 8)));
    }
    rig.calm();
    let before = seen(&rig, "A");
    let modseq = rig.mailbox.folder_named("A").unwrap().modseq;
    for is_turned in [true, false] {
        rig.upstream.renumber("A", is_turned);
        // Only headers are asked for, and nothing is ordered.
        let sighting = rig.sighting();
        let needs = rig
            .mailbox
            .reconcile(&sighting, &Evidences::new())
            .unwrap_err();
        assert_eq!((needs.headers.len(), needs.contents.len()), (100, 0));
        let plan = rig.mailbox.reconcile(&sighting, &rig.evidence()).unwrap();
        assert_eq!(
            (plan.orders.len(), plan.look_again, plan.expunged),
            (0, false, 0)
        );
        rig.commit();
        rig.calm();
        agree(&rig);
        assert_eq!(seen(&rig, "A"), before);
        assert_eq!(rig.mailbox.folder_named("A").unwrap().modseq, modseq);
    }
}

#[test]
fn a_server_that_was_built_anew_gets_everything_back() {
    let mut rig = rig();
    for content in 0..10 {
        arrive(&mut rig, "A", content, Flags::SEEN);
    }
    arrive(&mut rig, "INBOX", 20, Flags::NONE);
    let third = Act::Create { name: 7 };
    rig.third(third);
    rig.calm();
    let before = here(&rig);
    let uids = seen(&rig, "A");
    // It has INBOX, with one mail that came since, and half of a folder from a backup.
    let mut new = super::upstream::Upstream::new(ALL, &["INBOX", "A"]);
    new.generation = 2;
    rig.upstream = new;
    arrive(&mut rig, "INBOX", 30, Flags::NONE);
    for content in 0..5 {
        arrive(&mut rig, "A", content, Flags::SEEN);
    }
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, "A"), uids);
    let mut after = here(&rig);
    let inbox = &mut after.get_mut("INBOX").unwrap().1;
    assert_eq!(inbox.pop(), Some((30, Flags::NONE)));
    assert_eq!(after, before);
}

#[test]
fn a_server_that_was_put_back_gives_uids_twice() {
    let mut rig = rig();
    arrive(&mut rig, "A", 2, Flags::NONE);
    rig.calm();
    let backup = rig.upstream.clone();
    arrive(&mut rig, "A", 4, Flags::NONE);
    arrive(&mut rig, "A", 6, Flags::NONE);
    rig.calm();
    rig.upstream = backup;
    // Under a UID that another message had.
    arrive(&mut rig, "A", 8, Flags::NONE);
    rig.calm();
    agree(&rig);
    assert_eq!(
        seen(&rig, "A"),
        [(1, 2, 0), (2, 4, 0), (3, 6, 0), (4, 8, 0)]
    );
}

#[test]
fn what_answers_without_an_inbox_is_no_mailbox() {
    let mut rig = rig();
    arrive(&mut rig, "A", 2, Flags::NONE);
    rig.calm();
    let before = rig.mailbox.clone();
    let mut sighting = rig.sighting();
    sighting.folders.clear();
    let plan = rig.mailbox.reconcile(&sighting, &Evidences::new()).unwrap();
    assert!(plan.orders.is_empty() && plan.look_again);
    assert_eq!(rig.mailbox, before);
}

#[test]
fn what_was_not_seen_is_not_gone() {
    let mut rig = rig();
    arrive(&mut rig, "A", 2, Flags::NONE);
    arrive(&mut rig, "B", 4, Flags::NONE);
    rig.calm();
    rig.upstream.folders.get_mut("B").unwrap().take(1);
    let mut sighting = rig.sighting();
    sighting.folders.get_mut("A").unwrap().messages = Messages::NotSeen;
    // However often: a message that is missed in B may lie in A.
    for _ in 0..5 {
        let plan = rig.mailbox.reconcile(&sighting, &Evidences::new()).unwrap();
        assert!(plan.look_again);
        rig.commit();
    }
    assert_eq!(seen(&rig, "B"), [(1, 4, 0)]);
    arrive(&mut rig, "A", 4, Flags::NONE);
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, "A"), [(1, 2, 0), (2, 4, 0)]);
}

#[test]
fn a_keyword_that_the_server_does_not_keep_stays_here() {
    let mut rig = rig();
    arrive(&mut rig, "A", 2, Flags::NONE);
    rig.calm();
    let keyword = Flags(1 << 5);
    let folder = id(&rig, "A");
    rig.mailbox
        .store(folder, 1, FlagOrder::Add(keyword))
        .unwrap();
    let order = rig.mailbox.work(true).remove(0);
    assert!(rig.mailbox.intend(&order));
    // It says OK, and forgets it.
    rig.mailbox.outcome(&order, Outcome::Done(None), rig.now);
    for _ in 0..2 {
        let mut sighting = rig.sighting();
        sighting.folders.get_mut("A").unwrap().keeps = Flags(31);
        let plan = rig.mailbox.reconcile(&sighting, &Evidences::new()).unwrap();
        assert_eq!(
            (plan.orders.len(), plan.look_again, plan.expunged),
            (0, false, 0)
        );
    }
    rig.commit();
    assert_eq!(seen(&rig, "A"), [(1, 2, keyword.0)]);
}

#[test]
fn a_message_without_its_body_cannot_be_brought_back() {
    let mut rig = rig();
    rig.fetches = false;
    for content in [2, 4] {
        arrive(&mut rig, "A", content, Flags::NONE);
    }
    rig.calm();
    let folder = id(&rig, "A");
    // Of the first the body came.
    let first = rig.mailbox.at(folder, 1).unwrap().id;
    rig.mailbox.hold(first, 2);
    for uid in [1, 2] {
        rig.mailbox
            .store(folder, uid, FlagOrder::Add(Flags::SEEN))
            .unwrap();
        rig.upstream.folders.get_mut("A").unwrap().take(uid);
    }
    rig.commit();
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, "A"), [(1, 2, 1)]);
}

#[test]
fn what_comes_in_after_it_was_given_up_is_left() {
    let script = vec![Event::Fault(Fault::RequestLost)];
    let mut rig = Rig::new(ALL, Vec::new());
    append(&mut rig, "A", 2, Flags::NONE);
    rig.script = script.into();
    while !rig.script.is_empty() {
        rig.round();
    }
    rig.calm();
    assert_eq!(kept(&rig, "A"), [(2, 0)]);
    // So slow a server is not to be expected, and nobody can tell its work from another user's: nothing is deleted on a guess.
    arrive(&mut rig, "A", 2, Flags::NONE);
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, "A").len(), 2);
}

#[test]
fn folders_keep_their_numbers_whoever_renames_them() {
    let mut rig = rig();
    arrive(&mut rig, "A", 2, Flags::NONE);
    arrive(&mut rig, "B", 4, Flags::NONE);
    rig.calm();
    let numbers = (id(&rig, "A"), id(&rig, "B"));
    assert!(rig.upstream.rename("A", "C"));
    rig.calm();
    agree(&rig);
    assert_eq!(id(&rig, "C"), numbers.0);
    // Two change their names: neither can go first.
    for (from, to) in [("C", "X"), ("B", "C"), ("X", "B")] {
        rig.mailbox.rename_folder(from, to).unwrap();
    }
    rig.commit();
    rig.calm();
    agree(&rig);
    assert_eq!((id(&rig, "B"), id(&rig, "C")), numbers);
    assert_eq!((seen(&rig, "B").len(), kept(&rig, "C")), (1, vec![(4, 0)]));
    // Both sides give it a name: the server's stays.
    rig.mailbox.rename_folder("B", "Ours").unwrap();
    rig.commit();
    assert!(rig.upstream.rename("B", "Theirs"));
    rig.calm();
    agree(&rig);
    assert_eq!(id(&rig, "Theirs"), numbers.0);
}

#[test]
fn a_deleted_folder_that_got_mail_meanwhile_comes_back() {
    let mut rig = rig();
    arrive(&mut rig, "A", 2, Flags::NONE);
    arrive(&mut rig, "B", 6, Flags::NONE);
    rig.calm();
    let (first, second) = (id(&rig, "A"), id(&rig, "B"));
    rig.mailbox.delete_folder(first).unwrap();
    rig.mailbox.delete_folder(second).unwrap();
    rig.commit();
    arrive(&mut rig, "A", 4, Flags::NONE);
    rig.calm();
    agree(&rig);
    // Its number is another, for its UIDs begin again.
    assert_ne!(id(&rig, "A"), first);
    assert_eq!(seen(&rig, "A"), [(1, 4, 0)]);
    assert!(rig.mailbox.folder_named("B").is_none());
    // Deleted and made again by a client, it is one folder there, emptied.
    let again = id(&rig, "A");
    rig.mailbox.delete_folder(again).unwrap();
    rig.mailbox.create_folder("A", None).unwrap();
    rig.commit();
    rig.calm();
    agree(&rig);
    assert_eq!(kept(&rig, "A"), []);
}

#[test]
fn orders_that_cannot_be_are_refused() {
    let mut rig = rig();
    let inbox = id(&rig, INBOX);
    let mailbox = &mut rig.mailbox;
    assert_eq!(
        mailbox.delete_folder(inbox),
        Err(Refusal::Cannot(INBOX.into()))
    );
    assert_eq!(
        mailbox.rename_folder("A", "A/x"),
        Err(Refusal::Cannot("A".into()))
    );
    assert_eq!(
        mailbox.rename_folder("A", "B"),
        Err(Refusal::Exists("B".into()))
    );
    assert_eq!(mailbox.rename_folder("X", "Y"), Err(Refusal::NoFolder));
    assert_eq!(
        mailbox.create_folder("A", None),
        Err(Refusal::Exists("A".into()))
    );
    let gone = FolderId(999);
    assert_eq!(mailbox.subscribe(gone, true), Err(Refusal::NoFolder));
    assert_eq!(mailbox.expunge(inbox, 1), Err(Refusal::NoMessage));
    assert_eq!(mailbox.copy(inbox, 1, gone, 0), Err(Refusal::NoMessage));
    assert_eq!(
        mailbox.store(inbox, 1, FlagOrder::Add(Flags::SEEN)),
        Err(Refusal::NoMessage)
    );
    let incoming = Incoming {
        key: 1,
        content: 2,
        bytes: Digest::of(b"2"),
        size: 1,
        date: 2,
    };
    assert_eq!(
        mailbox.append(gone, incoming, Flags::NONE, 0),
        Err(Refusal::NoFolder)
    );
    assert!(mailbox.take_changes().is_empty());
    assert!(mailbox.owed().is_empty());
}

#[test]
fn who_was_away_for_long_is_told_enough() {
    let mut rig = rig();
    for content in 0..10 {
        arrive(&mut rig, "A", content, Flags::NONE);
    }
    rig.calm();
    let folder = id(&rig, "A");
    let before = rig.mailbox.folder(folder).unwrap().modseq;
    for uid in [2, 5, 7] {
        rig.mailbox.expunge(folder, uid).unwrap();
    }
    let between = rig.mailbox.folder(folder).unwrap().modseq;
    rig.mailbox.expunge(folder, 9).unwrap();
    rig.mailbox
        .store(folder, 1, FlagOrder::Add(Flags::SEEN))
        .unwrap();
    rig.commit();
    let told = |rig: &Rig, modseq| rig.mailbox.since(folder, modseq);
    assert_eq!(told(&rig, before).vanished, [2, 5, 7, 9]);
    assert_eq!(told(&rig, between).vanished, [9]);
    assert_eq!(told(&rig, between).changed, [1]);
    rig.mailbox.forget_expunged(folder, 1);
    rig.commit();
    assert_eq!(told(&rig, between).vanished, [9]);
    assert_eq!(told(&rig, before).vanished, [2, 5, 7, 9]);
    assert_eq!(told(&rig, 0).vanished, [2, 5, 7, 9]);
    rig.calm();
    agree(&rig);
}

#[test]
fn what_condstore_tells_is_all() {
    let base = |uid, flags| Base {
        remote: RemoteId(1),
        validity: Validity {
            generation: 1,
            uidvalidity: 1,
            turn: 0,
        },
        uid,
        flags: Flags(flags),
        modseq: Some(5),
    };
    let copied = |flags, modseq| Copied {
        flags: Flags(flags),
        modseq: Some(modseq),
    };
    let before = [base(1, 0), base(2, 1), base(3, 0)];
    let changed = BTreeMap::from([(2, copied(4, 7)), (9, copied(0, 8))]);
    let all = Messages::told(before, changed, &BTreeSet::from([3]));
    let expected = BTreeMap::from([(1, copied(0, 5)), (2, copied(4, 7)), (9, copied(0, 8))]);
    assert_eq!(all, Messages::All(expected));
}

#[test]
fn mass_loss_is_seen_before_it_is_written() {
    let mut rig = rig();
    for content in 0..20 {
        arrive(&mut rig, "INBOX", content, Flags::NONE);
    }
    rig.calm();
    rig.upstream
        .folders
        .get_mut("INBOX")
        .unwrap()
        .messages
        .clear();
    let look = rig.sighting();
    let first = rig.mailbox.reconcile(&look, &Evidences::new()).unwrap();
    assert_eq!((first.expunged, first.look_again), (0, true));
    rig.commit();
    rig.now += 1;
    let second = rig
        .mailbox
        .reconcile(&rig.sighting(), &Evidences::new())
        .unwrap();
    assert_eq!((second.expunged, second.look_again), (20, false));
    // Whoever finds that alarming throws it away: what is written has all.
    assert_eq!(rig.durable.seen_in(id(&rig, "INBOX")).count(), 20);
}
