//! Cases that random play found, one each.

use super::cases::{ALL, agree, append, arrive, id, kept, rig, seen};
use super::rig::{Event, Fault, Rig};
use super::upstream::Abilities;
use crate::replica::*;

/// A server without MOVE.
const SLOW: Abilities = Abilities {
    moves: false,
    ..ALL
};

fn move_here(rig: &mut Rig, from: &str, uid: u32, to: &str) {
    let (from, to) = (id(rig, from), id(rig, to));
    rig.mailbox.move_to(from, uid, to).unwrap();
    rig.commit();
}

/// A round with one fault in it.
fn round_with(rig: &mut Rig, fault: Fault) {
    rig.script = vec![Event::Fault(fault)].into();
    rig.round();
    assert!(rig.script.is_empty());
}

#[test]
fn an_equal_one_is_not_what_was_to_be_moved() {
    // Where it came from, or where it was to go.
    for name in [INBOX, "A"] {
        let mut rig = rig();
        arrive(&mut rig, INBOX, 2, Flags::NONE);
        rig.calm();
        move_here(&mut rig, INBOX, 1, "A");
        round_with(&mut rig, Fault::RequestLost);
        arrive(&mut rig, name, 2, Flags::NONE);
        rig.calm();
        agree(&rig);
        assert_eq!(rig.upstream.all().len(), 2);
    }
}

#[test]
fn what_is_still_there_takes_no_copy_of_it_for_itself() {
    let mut rig = rig();
    arrive(&mut rig, INBOX, 2, Flags::NONE);
    rig.calm();
    let (inbox, to) = (id(&rig, INBOX), id(&rig, "A"));
    rig.mailbox.copy(inbox, 1, to, rig.now).unwrap();
    rig.commit();
    round_with(&mut rig, Fault::AnswerLost);
    // The copy is there, and nobody knows; then it is itself to be moved to the same place, and is not.
    move_here(&mut rig, INBOX, 1, "A");
    let order = rig.mailbox.work(true).remove(0);
    assert!(rig.mailbox.intend(&order));
    rig.mailbox.outcome(&order, Outcome::Lost, rig.now);
    rig.commit();
    rig.calm();
    agree(&rig);
    assert_eq!((kept(&rig, INBOX).len(), kept(&rig, "A").len()), (0, 2));
}

#[test]
fn a_move_leaves_nothing_even_where_nobody_looked() {
    let mut rig = rig();
    arrive(&mut rig, INBOX, 2, Flags::NONE);
    rig.calm();
    move_here(&mut rig, INBOX, 1, "A");
    round_with(&mut rig, Fault::AnswerLost);
    let mut sighting = rig.sighting();
    sighting.folders.get_mut(INBOX).unwrap().messages = Messages::NotSeen;
    rig.mailbox.reconcile(&sighting, &rig.evidence()).unwrap();
    rig.commit();
    assert_eq!(rig.mailbox.messages().count(), 1);
    // What is numbered so afterwards is another.
    arrive(&mut rig, INBOX, 2, Flags::NONE);
    rig.upstream.renumber(INBOX, false);
    rig.calm();
    agree(&rig);
    assert_eq!((kept(&rig, INBOX).len(), kept(&rig, "A").len()), (1, 1));
}

#[test]
fn of_a_move_in_two_steps_both_halves_are_known_under_a_new_numbering() {
    let mut rig = Rig::new(SLOW, Vec::new());
    arrive(&mut rig, INBOX, 2, Flags::NONE);
    rig.calm();
    move_here(&mut rig, INBOX, 1, "A");
    round_with(&mut rig, Fault::AnswerLost);
    rig.upstream.renumber(INBOX, false);
    // An equal one is awaited: the copy is not that.
    let awaited = rig.receive_here(2, Flags::NONE);
    rig.commit();
    rig.calm();
    assert!(rig.mailbox.message(awaited.message).unwrap().awaited);
    arrive(&mut rig, INBOX, 2, Flags::NONE);
    rig.calm();
    agree(&rig);
    assert_eq!((kept(&rig, INBOX).len(), kept(&rig, "A").len()), (1, 1));
}

#[test]
fn folders_that_wait_for_one_another_by_what_is_above_them_come_to_an_end() {
    let mut rig = rig();
    arrive(&mut rig, "B", 2, Flags::NONE);
    rig.calm();
    for (from, to) in [("B", "A/x"), ("Sent", "B"), ("A", "Sent")] {
        rig.mailbox.rename_folder(from, to).unwrap();
    }
    rig.commit();
    rig.calm();
    agree(&rig);
    assert_eq!(kept(&rig, "Sent/x"), [(2, 0)]);
}

#[test]
fn what_may_be_deleted_already_takes_nothing_that_another_waits_for() {
    let mut rig = rig();
    let deleted = rig.receive_here(2, Flags::NONE);
    let other = rig.receive_here(2, Flags::NONE);
    let inbox = id(&rig, INBOX);
    rig.mailbox.expunge(inbox, deleted.uid).unwrap();
    rig.commit();
    arrive(&mut rig, INBOX, 2, Flags::NONE);
    round_with(&mut rig, Fault::AnswerLost);
    assert_eq!(kept(&rig, INBOX), []);
    // The other comes, and with it a new numbering.
    arrive(&mut rig, INBOX, 2, Flags::NONE);
    rig.upstream.renumber(INBOX, false);
    rig.calm();
    agree(&rig);
    assert_eq!(seen(&rig, INBOX), [(other.uid, 2, 0)]);
}

#[test]
fn a_move_that_comes_while_we_look_is_one_message() {
    let mut rig = rig();
    arrive(&mut rig, "A", 2, Flags::NONE);
    rig.calm();
    move_here(&mut rig, "A", 1, "B");
    round_with(&mut rig, Fault::RequestLost);
    let place = id(&rig, "B");
    rig.mailbox.expunge(place, 1).unwrap();
    rig.commit();
    // It is seen in both: A was looked at before the order came, B after.
    let before = rig.upstream.look("A", false).unwrap();
    let kept = rig.upstream.folders.get_mut("A").unwrap().take(1).unwrap();
    let folder = rig.upstream.folders.get_mut("B").unwrap();
    folder.add(kept.mail, kept.flags);
    let mut sighting = rig.sighting();
    sighting.folders.insert("A".into(), before);
    rig.mailbox.reconcile(&sighting, &rig.evidence()).unwrap();
    rig.commit();
    rig.calm();
    agree(&rig);
    assert_eq!(rig.upstream.all(), []);
}

#[test]
fn what_is_under_way_is_no_double_of_what_the_server_saved() {
    let abilities = Abilities {
        uidplus: false,
        ..SLOW
    };
    let mut rig = Rig::new(abilities, Vec::new());
    append(&mut rig, "Sent", 2, Flags::NONE);
    rig.calm();
    move_here(&mut rig, "Sent", 1, "A");
    // It is copied, nobody says where to, and somebody takes the copy back.
    let order = rig.mailbox.work(false).remove(0);
    assert!(rig.mailbox.intend(&order));
    rig.commit();
    let outcome = rig.upstream.carry_out(&order, None);
    assert_eq!(outcome, Outcome::Done(None));
    rig.mailbox.outcome(&order, outcome, rig.now);
    rig.commit();
    let taken = rig.upstream.folders.get_mut("A").unwrap().take(1).unwrap();
    let sent = rig.upstream.folders.get_mut("Sent").unwrap();
    sent.add(taken.mail, taken.flags);
    rig.calm();
    agree(&rig);
    assert_eq!(kept(&rig, "Sent"), [(2, 0)]);
}
