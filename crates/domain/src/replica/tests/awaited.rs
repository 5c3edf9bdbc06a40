//! Mail that came out of the standby mailbox, and that the service brings to the server later.

use super::cases::{ALL, agree, append, arrive, id, kept, rig, seen};
use super::rig::Rig;
use super::upstream::{Mail, Upstream};
use crate::replica::*;

fn receive(rig: &mut Rig, content: u32, flags: Flags) -> Placed {
    let placed = rig.receive_here(content, flags);
    rig.commit();
    placed
}

/// The service brings a mail to the server, with fields of its own.
fn hand_over(rig: &mut Rig, name: &str, content: u32) {
    let mail = Mail {
        content,
        is_rewritten: true,
    };
    let folder = rig.upstream.folders.get_mut(name).unwrap();
    folder.add(mail, Flags::NONE);
}

fn move_here(rig: &mut Rig, from: &str, uid: u32, to: &str) -> Placed {
    let (from, to) = (id(rig, from), id(rig, to));
    let placed = rig.mailbox.move_to(from, uid, to).unwrap();
    rig.commit();
    placed
}

fn flag_here(rig: &mut Rig, name: &str, uid: u32, flags: Flags) {
    let folder = id(rig, name);
    let order = FlagOrder::Add(flags);
    rig.mailbox.store(folder, uid, order).unwrap();
    rig.commit();
}

fn expunge_here(rig: &mut Rig, name: &str, uid: u32) {
    let folder = id(rig, name);
    rig.mailbox.expunge(folder, uid).unwrap();
    rig.commit();
}

fn stop_waiting(rig: &mut Rig, born_before: i64) {
    rig.mailbox.stop_waiting(born_before);
    rig.commit();
}

fn owes_nothing(rig: &mut Rig) {
    assert_eq!(rig.mailbox.owed(), []);
    assert_eq!(rig.mailbox.work(true), []);
    rig.calm();
    assert_eq!(rig.upstream.all(), []);
}

#[test]
fn nothing_that_clients_do_with_it_is_owed_before_it_is_there() {
    let mut rig = rig();
    let first = receive(&mut rig, 2, Flags::NONE);
    owes_nothing(&mut rig);
    // Nor is it taken there if somebody asks for that.
    let order = Order::Append {
        message: first.message,
        to: INBOX.into(),
        flags: Flags::NONE,
    };
    assert!(!rig.mailbox.intend(&order));
    flag_here(&mut rig, INBOX, first.uid, Flags::SEEN);
    let moved = move_here(&mut rig, INBOX, first.uid, "A");
    owes_nothing(&mut rig);
    assert_eq!(seen(&rig, "A"), [(moved.uid, 2, 1)]);
    expunge_here(&mut rig, "A", moved.uid);
    owes_nothing(&mut rig);
    assert_eq!(seen(&rig, "A"), []);
}

#[test]
fn what_clients_did_with_it_is_done_there_when_it_is_there() {
    let mut rig = rig();
    let read = receive(&mut rig, 2, Flags::NONE);
    let filed = receive(&mut rig, 4, Flags::NONE);
    let deleted = receive(&mut rig, 6, Flags::NONE);
    flag_here(&mut rig, INBOX, read.uid, Flags::SEEN);
    let filed = move_here(&mut rig, INBOX, filed.uid, "A");
    expunge_here(&mut rig, INBOX, deleted.uid);
    // One after the other, and some rounds apart.
    for content in [6, 4, 2] {
        rig.calm();
        hand_over(&mut rig, INBOX, content);
    }
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, INBOX), [(read.uid, 2, 1)]);
    assert_eq!(seen(&rig, "A"), [(filed.uid, 4, 0)]);
    assert_eq!(rig.upstream.all().len(), 2);
    assert_eq!(rig.mailbox.messages().count(), 2);
}

#[test]
fn a_deletion_is_held_against_what_was_found() {
    let mut rig = rig();
    let placed = receive(&mut rig, 2, Flags::NONE);
    expunge_here(&mut rig, INBOX, placed.uid);
    // Read elsewhere before we knew of it: that is no change since we knew.
    let uid = arrive(&mut rig, INBOX, 2, Flags::SEEN);
    let plan = rig
        .mailbox
        .reconcile(&rig.sighting(), &rig.evidence())
        .unwrap();
    rig.commit();
    let is_delete = |order: &Order| matches!(order, Order::Delete { at, flags, .. } if at.uid == uid && *flags == Flags::SEEN);
    assert!(matches!(plan.orders.as_slice(), [order] if is_delete(order)));
    // Changed after that: it is kept, as ever.
    let inbox = rig.upstream.folders.get_mut(INBOX).unwrap();
    inbox.store(uid, FlagOrder::Add(Flags::FLAGGED));
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, INBOX), [(placed.uid + 1, 2, 5)]);
}

#[test]
fn two_that_are_equal_are_two() {
    let mut rig = rig();
    let first = receive(&mut rig, 2, Flags::NONE);
    let second = receive(&mut rig, 2, Flags::NONE);
    assert_ne!((first.message, first.uid), (second.message, second.uid));
    expunge_here(&mut rig, INBOX, first.uid);
    // What came first is brought first: the second waits for its own.
    hand_over(&mut rig, INBOX, 2);
    rig.calm();
    assert_eq!(
        (seen(&rig, INBOX), kept(&rig, INBOX)),
        (vec![(second.uid, 2, 0)], vec![])
    );
    hand_over(&mut rig, INBOX, 2);
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, INBOX), [(second.uid, 2, 0)]);
    // A third was not received here.
    hand_over(&mut rig, INBOX, 2);
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, INBOX).len(), 2);
}

#[test]
fn another_under_the_same_header_is_not_it() {
    let mut rig = rig();
    let placed = receive(&mut rig, 2, Flags::NONE);
    expunge_here(&mut rig, INBOX, placed.uid);
    arrive(&mut rig, INBOX, 3, Flags::NONE);
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, INBOX), [(placed.uid + 1, 3, 0)]);
}

#[test]
fn the_server_may_file_what_clients_left_in_the_inbox() {
    let mut rig = rig();
    let left = receive(&mut rig, 2, Flags::NONE);
    let filed = receive(&mut rig, 4, Flags::NONE);
    flag_here(&mut rig, INBOX, left.uid, Flags::SEEN);
    let filed = move_here(&mut rig, INBOX, filed.uid, "A");
    for content in [2, 4] {
        hand_over(&mut rig, "B", content);
    }
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, "B"), [(1, 2, 1)]);
    assert_eq!(seen(&rig, "A"), [(filed.uid, 4, 0)]);
}

#[test]
fn a_copy_of_it_is_owed() {
    for is_deleted in [false, true] {
        let mut rig = rig();
        let placed = receive(&mut rig, 2, Flags::NONE);
        let (inbox, to) = (id(&rig, INBOX), id(&rig, "A"));
        let copy = rig.mailbox.copy(inbox, placed.uid, to, rig.now).unwrap();
        rig.commit();
        if is_deleted {
            expunge_here(&mut rig, INBOX, placed.uid);
        }
        rig.calm();
        assert_eq!((kept(&rig, INBOX), kept(&rig, "A")), (vec![], vec![(2, 0)]));
        hand_over(&mut rig, INBOX, 2);
        rig.calm();
        agree(&rig);
        assert_eq!(seen(&rig, "A"), [(copy.uid, 2, 0)]);
        assert_eq!(seen(&rig, INBOX).len(), usize::from(!is_deleted));
    }
}

#[test]
fn a_copy_into_the_inbox_does_not_take_what_is_awaited() {
    let mut rig = rig();
    let placed = receive(&mut rig, 2, Flags::NONE);
    let inbox = id(&rig, INBOX);
    let copy = rig.mailbox.copy(inbox, placed.uid, inbox, rig.now).unwrap();
    rig.commit();
    expunge_here(&mut rig, INBOX, placed.uid);
    hand_over(&mut rig, INBOX, 2);
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, INBOX), [(copy.uid, 2, 0)]);
    assert_eq!(rig.mailbox.messages().count(), 1);
}

#[test]
fn what_nobody_brought_is_owed_after_all() {
    let mut rig = rig();
    let kept_here = receive(&mut rig, 2, Flags::NONE);
    let deleted = receive(&mut rig, 4, Flags::NONE);
    let moved = move_here(&mut rig, INBOX, kept_here.uid, "A");
    expunge_here(&mut rig, INBOX, deleted.uid);
    rig.now += 100;
    let said = rig.now;
    let later = receive(&mut rig, 6, Flags::NONE);
    let plan = rig
        .mailbox
        .reconcile(&rig.sighting(), &rig.evidence())
        .unwrap();
    assert!(plan.saw_all);
    stop_waiting(&mut rig, said);
    let line = Line {
        subject: Subject::Message(kept_here.message),
        task: Task::Append,
    };
    assert_eq!(rig.mailbox.owed(), [line]);
    assert!(rig.mailbox.message(deleted.message).is_none());
    rig.calm();
    assert_eq!((kept(&rig, INBOX), kept(&rig, "A")), (vec![], vec![(2, 0)]));
    assert_eq!(seen(&rig, "A"), [(moved.uid, 2, 0)]);
    assert_eq!(seen(&rig, INBOX), [(later.uid, 6, 0)]);
    stop_waiting(&mut rig, said + 1);
    rig.calm();
    agree(&rig);
    assert_eq!(kept(&rig, INBOX), [(6, 0)]);
}

#[test]
fn a_look_that_may_have_missed_it_did_not_see_all() {
    let mut rig = rig();
    receive(&mut rig, 2, Flags::NONE);
    hand_over(&mut rig, INBOX, 2);
    let before = rig.upstream.look("A", false).unwrap();
    // Somebody moves it from a folder that is looked at later to one that was looked at already.
    let taken = rig
        .upstream
        .folders
        .get_mut(INBOX)
        .unwrap()
        .take(1)
        .unwrap();
    let archive = rig.upstream.folders.get_mut("A").unwrap();
    archive.add(taken.mail, taken.flags);
    let mut sighting = rig.sighting();
    sighting.folders.insert("A".into(), before);
    let plan = rig.mailbox.reconcile(&sighting, &rig.evidence()).unwrap();
    assert!(!plan.saw_all);
    rig.commit();
    rig.calm();
    agree(&rig);
    assert_eq!(rig.upstream.all().len(), 1);
}

#[test]
fn it_is_awaited_whatever_becomes_of_the_server() {
    let mut rig = rig();
    let placed = receive(&mut rig, 2, Flags::NONE);
    append(&mut rig, INBOX, 4, Flags::NONE);
    rig.calm();
    rig.upstream.renumber(INBOX, true);
    rig.calm();
    assert_eq!(kept(&rig, INBOX), [(4, 0)]);
    let mut new = Upstream::new(ALL, &[INBOX]);
    new.generation = 2;
    rig.upstream = new;
    rig.calm();
    assert_eq!(kept(&rig, INBOX), [(4, 0)]);
    hand_over(&mut rig, INBOX, 2);
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, INBOX), [(placed.uid, 2, 0), (2, 4, 0)]);
    // Once it was there it is like any other: a server that lost it gets it back, and another numbering changes nothing.
    rig.upstream.renumber(INBOX, true);
    rig.calm();
    let mut new = Upstream::new(ALL, &[INBOX]);
    new.generation = 3;
    rig.upstream = new;
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, INBOX), [(placed.uid, 2, 0), (2, 4, 0)]);
}

#[test]
fn a_folder_that_goes_there_takes_nothing_with_it_that_is_awaited() {
    let mut rig = rig();
    let placed = receive(&mut rig, 2, Flags::NONE);
    move_here(&mut rig, INBOX, placed.uid, "A");
    rig.upstream.folders.remove("A");
    rig.calm();
    assert_eq!(seen(&rig, "A").len(), 1);
    hand_over(&mut rig, INBOX, 2);
    rig.calm();
    agree(&rig);
    assert_eq!(kept(&rig, "A"), [(2, 0)]);
    // A client that deletes the folder deletes what is in it.
    let placed = receive(&mut rig, 4, Flags::NONE);
    move_here(&mut rig, INBOX, placed.uid, "A");
    let folder = id(&rig, "A");
    rig.mailbox.delete_folder(folder).unwrap();
    rig.commit();
    hand_over(&mut rig, INBOX, 4);
    rig.calm();
    agree(&rig);
    assert_eq!(rig.upstream.all(), []);
}

#[test]
fn a_copy_that_is_under_way_does_not_take_what_is_awaited() {
    let mut rig = rig();
    let placed = receive(&mut rig, 2, Flags::NONE);
    let (inbox, to) = (id(&rig, INBOX), id(&rig, "A"));
    let copy = rig.mailbox.copy(inbox, placed.uid, to, rig.now).unwrap();
    rig.commit();
    hand_over(&mut rig, INBOX, 2);
    // It comes in after the next look.
    let order = Order::Append {
        message: copy.message,
        to: "A".into(),
        flags: Flags::NONE,
    };
    assert!(rig.mailbox.intend(&order));
    rig.mailbox.outcome(&order, Outcome::Lost, rig.now);
    rig.commit();
    rig.round();
    arrive(&mut rig, "A", 2, Flags::NONE);
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, INBOX), [(placed.uid, 2, 0)]);
    assert_eq!(seen(&rig, "A"), [(copy.uid, 2, 0)]);
}

#[test]
fn it_is_known_in_two_places_though_it_looks_different_there() {
    let mut rig = rig();
    let placed = receive(&mut rig, 2, Flags::NONE);
    hand_over(&mut rig, INBOX, 2);
    rig.calm();
    // A client reads it while somebody moves it, and it is seen in both places.
    flag_here(&mut rig, INBOX, placed.uid, Flags::SEEN);
    let before = rig.upstream.look(INBOX, false).unwrap();
    let inbox = rig.upstream.folders.get_mut(INBOX).unwrap();
    let taken = inbox.take(1).unwrap();
    let archive = rig.upstream.folders.get_mut("A").unwrap();
    archive.add(taken.mail, taken.flags);
    let mut sighting = rig.sighting();
    sighting.folders.insert(INBOX.into(), before);
    let mut evidence = Evidences::new();
    while let Err(needs) = rig.mailbox.reconcile(&sighting, &evidence) {
        rig.learn(&needs, &mut sighting, &mut evidence);
    }
    rig.commit();
    rig.calm();
    agree(&rig);
    assert_eq!((kept(&rig, INBOX), kept(&rig, "A")), (vec![], vec![(2, 1)]));
}
