//! Whatever happens in whatever order: nothing is lost, nothing is doubled, and both sides end alike.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::acts::Act;
use super::rig::{Event, Fault, Rig};
use super::standby::Duty;
use super::upstream::{Abilities, Mail};
use crate::replica::*;

fn act() -> impl Strategy<Value = Act> {
    let byte = any::<u8>;
    prop_oneof![
        5 => (byte(), any::<bool>(), byte()).prop_map(|(folder, is_twin, flags)| Act::Append { folder, is_twin, flags }),
        1 => Just(Act::Repeat),
        5 => (byte(), byte(), byte()).prop_map(|(nth, order, flags)| Act::Flag { nth, order, flags }),
        5 => (byte(), byte()).prop_map(|(nth, folder)| Act::Move { nth, folder }),
        1 => (byte(), byte()).prop_map(|(nth, folder)| Act::Copy { nth, folder }),
        4 => byte().prop_map(|nth| Act::Delete { nth }),
        1 => (byte(), byte(), byte()).prop_map(|(nth, folder, later)| Act::SlowMove { nth, folder, later }),
        1 => byte().prop_map(|name| Act::Create { name }),
        1 => (byte(), byte()).prop_map(|(from, to)| Act::Rename { from, to }),
        1 => byte().prop_map(|name| Act::DeleteFolder { name }),
        1 => (byte(), any::<bool>()).prop_map(|(name, subscribed)| Act::Subscribe { name, subscribed }),
        1 => (byte(), any::<bool>()).prop_map(|(name, is_turned)| Act::Renumber { name, is_turned }),
        1 => byte().prop_map(|nth| Act::AutoSave { nth }),
    ]
}

fn duty() -> impl Strategy<Value = Duty> {
    let (byte, yes) = (any::<u8>, any::<bool>);
    prop_oneof![
        4 => (yes(), prop::bool::weighted(0.2), byte()).prop_map(|(is_twin, is_again, flags)| Duty::Receive { is_twin, is_again, flags }),
        3 => (byte(), yes()).prop_map(|(nth, is_rewritten)| Duty::HandOver { nth, is_rewritten }),
        1 => byte().prop_map(|nth| Duty::GiveUp { nth }),
        1 => Just(Duty::Report),
    ]
}

pub(super) fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::AnswerLost),
        any::<u8>().prop_map(Fault::Late),
        Just(Fault::RequestLost),
        Just(Fault::Refused),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => Just(Event::Wait),
        6 => act().prop_map(Event::Client),
        6 => act().prop_map(Event::Third),
        3 => duty().prop_map(Event::Service),
        1 => Just(Event::Crash),
        2 => fault().prop_map(Event::Fault),
        1 => (1_u8..12).prop_map(Event::Down),
    ]
}

pub(super) fn abilities() -> impl Strategy<Value = Abilities> {
    (
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.7),
    )
        .prop_map(|(moves, uidplus, condstore)| Abilities {
            moves,
            uidplus,
            condstore,
        })
}

/// All folders with their mails and flags.
type Everything = BTreeMap<String, (bool, Vec<(u32, Flags)>)>;

pub(super) fn here(rig: &Rig) -> Everything {
    let folders = rig.mailbox.folders();
    folders
        .map(|folder| {
            let seen = rig.mailbox.seen_in(folder.id);
            let mut mails: Vec<(u32, Flags)> = seen
                .map(|(seat, row)| (Mail::of(row).content, seat.flags))
                .collect();
            mails.sort_unstable();
            (folder.name.clone(), (folder.subscribed, mails))
        })
        .collect()
}

pub(super) fn there(rig: &Rig) -> Everything {
    let folders = rig.upstream.folders.iter();
    folders
        .map(|(name, folder)| {
            let kept = folder.messages.values();
            let mut mails: Vec<(u32, Flags)> =
                kept.map(|kept| (kept.mail.content, kept.flags)).collect();
            mails.sort_unstable();
            (name.clone(), (folder.subscribed, mails))
        })
        .collect()
}

/// What has to hold at the end.
pub(super) fn judge(rig: &mut Rig) {
    assert_eq!(here(rig), there(rig));
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for (_, mails) in here(rig).values() {
        for (content, _) in mails {
            *counts.entry(*content).or_default() += 1;
        }
    }
    // A folder that is deleted and made again has another numbering.
    let was_renumbered = rig.was_renumbered || rig.lost_folder && rig.named_folder;
    for (content, story) in &rig.stories {
        let count = counts.get(content).copied().unwrap_or(0);
        let whole = story.received.max(1);
        let said = format!("mail {content} is there {count} times: {story:?}");
        // Moved while we looked and numbered anew besides, it may be brought back rather than lost.
        // Without MOVE two lie there for a while; if others move them then, nobody knows which of them was ours.
        let is_split = story.touched_here && !rig.upstream.abilities.moves;
        // Seen in both places while it was moved, changed here in both, then deleted in one: both may be brought back.
        let is_deleted = story.deleted_there || story.deleted_here;
        let is_changed_twice = story.touched_here && is_deleted;
        // Of several that are equal nobody knows which was brought, and which was moved or copied by others, or came into a folder
        // that another has the name of by now.
        let is_many = story.received > 0 && whole + story.copies > 1;
        let is_mixed = is_many && (story.touched_there || rig.named_folder);
        // Seen in both places twice, it was three messages for a while: what is changed here in the second is brought back.
        let is_blurred = story.touched_here && story.blurred > 1;
        let is_unclear = was_renumbered || is_split || is_changed_twice || is_blurred;
        if !(is_mixed || story.touched_there && is_unclear) {
            assert!(count <= whole + story.copies + story.auto_saved, "{said}");
        }
        if !story.deleted_here && !story.deleted_there {
            assert!(count >= if is_mixed { 1 } else { whole }, "{said}");
        }
        let is_quiet = !story.touched_here && !story.touched_there;
        let is_plain = story.auto_saved == 0 || story.auto_saved == 1 && !story.deleted_here;
        if is_quiet && is_plain {
            assert!(count <= whole, "{said}");
        }
        // What only one side deleted, and the other never touched, is gone.
        let only_here = story.deleted_here && !story.touched_there && !story.deleted_there;
        // What was taken in and deleted before anybody told us is taken for not taken in.
        let is_unheard = story.is_unheard || story.received > 0;
        let only_there =
            story.deleted_there && !(story.touched_here || story.deleted_here || is_unheard);
        let is_one = story.copies + story.auto_saved == 0 && whole == 1;
        if (only_here || only_there) && is_one && !was_renumbered {
            assert_eq!(count, 0, "{said}");
        }
        // Nobody did anything about it elsewhere: it is as clients left it. Which folder has another's name is a guess.
        let is_alone = !story.touched_there && !story.deleted_there && is_one;
        if let (true, Some((folder, flags))) = (is_alone && story.received == 1, story.left) {
            let mut seen = rig.mailbox.messages();
            let is_as_left = seen.any(|row| {
                let seat = row.here.filter(|_| Mail::of(row).content == *content);
                seat.is_some_and(|seat| {
                    seat.flags == flags && (seat.folder == folder || rig.named_folder)
                })
            });
            assert!(is_as_left || story.deleted_here, "{said}");
        }
    }
    rig.watch.clients_come_back(&rig.mailbox);
    // A further round finds nothing to do.
    assert!(rig.round());
}

/// How many cases are played: more in the soak.
pub(super) fn config(cases: u32) -> ProptestConfig {
    #[allow(
        clippy::disallowed_methods,
        reason = "the number of cases is no result"
    )]
    let soak = std::env::var("EVERPOST_SOAK").is_ok_and(|value| value == "1");
    ProptestConfig {
        cases: if soak { 100 * cases } else { cases },
        // The landing tier plays the same cases each time, so that what fails is the change; the soak tier others each time.
        rng_seed: match soak {
            true => RngSeed::Random,
            false => RngSeed::Fixed(6),
        },
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn both_sides_end_alike_whatever_happens(
        abilities in abilities(),
        fetches in any::<bool>(),
        script in prop::collection::vec(event(), 0..120),
    ) {
        let mut rig = Rig::new(abilities, script);
        rig.fetches = fetches;
        while !rig.script.is_empty() {
            rig.round();
        }
        rig.calm();
        rig.end_outage();
        judge(&mut rig);
    }
}
