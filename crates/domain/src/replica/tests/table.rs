//! Both sides act while they do not see each other: what comes of it is known beforehand, message by message.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::play::{abilities, config, fault, here, there};
use super::rig::{Event, Rig};
use super::upstream::{Abilities, Mail};
use crate::replica::*;

/// What one side does with one message.
#[derive(Debug, Clone, Copy)]
enum Step {
    Flags(FlagOrder),
    Move(usize),
    Delete,
}

/// A message: where it was, and what each side did with it.
#[derive(Debug, Clone)]
struct Case {
    folder: usize,
    flags: Flags,
    here: Vec<Step>,
    there: Vec<Step>,
}

const FOLDERS: [&str; 4] = ["INBOX", "A", "Drafts", "B"];

/// A message's state on one side; `None`: deleted.
type State = Option<(usize, Flags)>;

fn flags() -> impl Strategy<Value = Flags> {
    // `\Deleted` is there, but rare.
    prop_oneof![
        4 => (0_u64..8).prop_map(Flags),
        1 => (0_u64..16).prop_map(Flags),
        1 => (0_u64..4).prop_map(|bits| Flags(bits << 5)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => flags().prop_map(|flags| Step::Flags(FlagOrder::Add(flags))),
        1 => flags().prop_map(|flags| Step::Flags(FlagOrder::Remove(flags))),
        1 => flags().prop_map(|flags| Step::Flags(FlagOrder::Replace(flags))),
        2 => (0..FOLDERS.len()).prop_map(Step::Move),
        2 => Just(Step::Delete),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let steps = || prop::collection::vec(step(), 0..4);
    (0..FOLDERS.len(), flags(), steps(), steps()).prop_map(|(folder, flags, here, there)| Case {
        folder,
        flags,
        here,
        there,
    })
}

fn played(case: &Case, steps: &[Step]) -> State {
    let mut state = Some((case.folder, case.flags));
    for step in steps {
        state = match (state, step) {
            (Some((folder, flags)), Step::Flags(order)) => Some((folder, order.applied(flags))),
            (Some((_, flags)), Step::Move(to)) => Some((*to, flags)),
            (_, Step::Delete) | (None, _) => None,
        };
    }
    state
}

/// The rules, in their plainest words.
fn merged(case: &Case, is_renumbered: bool) -> State {
    let base = (case.folder, case.flags);
    let is_draft = |folder: usize| FOLDERS[folder] == "Drafts";
    match (played(case, &case.here), played(case, &case.there)) {
        (None, None) => None,
        // Deleted here: gone, unless it was moved there, be it and back, or changed and not marked as deleted.
        (None, Some((folder, flags))) => {
            let is_changed = flags != base.1 && !flags.has(Flags::DELETED) && !is_draft(folder);
            let is_moved = case.there.iter().any(|step| matches!(step, Step::Move(_)));
            let is_moved = is_moved && !is_renumbered;
            (folder != base.0 || is_moved || is_changed).then_some((folder, flags))
        }
        // Deleted there: the same the other way. After a new numbering nobody knows that it was deleted.
        (Some((folder, flags)), None) => {
            let is_changed = flags != base.1 && !flags.has(Flags::DELETED) && !is_draft(folder);
            (folder != base.0 || is_changed || is_renumbered).then_some((folder, flags))
        }
        (Some(ours), Some(theirs)) => {
            let folder = if theirs.0 == base.0 { ours.0 } else { theirs.0 };
            Some((folder, Flags::merged(base.1, ours.1, theirs.1)))
        }
    }
}

fn act_here(rig: &mut Rig, content: u32, step: Step) {
    let rows = rig.mailbox.messages();
    let found = rows
        .filter(|row| Mail::of(row).content == content)
        .find_map(|row| row.here);
    let Some(seat) = found else {
        return;
    };
    match step {
        Step::Flags(order) => {
            rig.mailbox.store(seat.folder, seat.uid, order).unwrap();
        }
        Step::Move(to) => {
            let to = rig.mailbox.folder_named(FOLDERS[to]).unwrap().id;
            rig.mailbox.move_to(seat.folder, seat.uid, to).unwrap();
        }
        Step::Delete => rig.mailbox.expunge(seat.folder, seat.uid).unwrap(),
    }
    rig.commit();
}

fn act_there(rig: &mut Rig, content: u32, step: Step) {
    let all = rig.upstream.all().into_iter();
    let mut found =
        all.filter(|(name, uid)| rig.upstream.folders[name].messages[uid].mail.content == content);
    let Some((name, uid)) = found.next() else {
        return;
    };
    let folder = rig.upstream.folders.get_mut(&name).unwrap();
    match step {
        Step::Flags(order) => {
            folder.store(uid, order);
        }
        Step::Move(to) => {
            let kept = folder.take(uid).unwrap();
            let to = rig.upstream.folders.get_mut(FOLDERS[to]).unwrap();
            to.add(kept.mail, kept.flags);
        }
        Step::Delete => {
            folder.take(uid);
        }
    }
}

fn play(
    abilities: Abilities,
    cases: &[Case],
    renumbered: Option<bool>,
    script: Vec<Event>,
    server_first: bool,
) {
    let mut rig = Rig::new(abilities, Vec::new());
    for (content, case) in (0..).zip(cases) {
        let folder = rig.upstream.folders.get_mut(FOLDERS[case.folder]).unwrap();
        folder.add(Mail::plain(content), case.flags);
    }
    rig.calm();
    // Orders that the server had before are done, and numberings that clients know stay.
    let folders: BTreeMap<FolderId, String> = rig
        .mailbox
        .folders()
        .map(|folder| (folder.id, folder.name.clone()))
        .collect();
    for side in [server_first, !server_first] {
        for (content, case) in (0..).zip(cases) {
            match side {
                true => case
                    .there
                    .iter()
                    .for_each(|step| act_there(&mut rig, content, *step)),
                false => case
                    .here
                    .iter()
                    .for_each(|step| act_here(&mut rig, content, *step)),
            }
        }
    }
    if let Some(is_turned) = renumbered {
        for name in FOLDERS {
            rig.upstream.renumber(name, is_turned);
        }
    }
    rig.script = script.into();
    while !rig.script.is_empty() {
        rig.round();
    }
    rig.calm();
    let mut expected: BTreeMap<&str, Vec<(u32, Flags)>> = BTreeMap::new();
    for (content, case) in (0..).zip(cases) {
        if let Some((folder, flags)) = merged(case, renumbered.is_some()) {
            expected
                .entry(FOLDERS[folder])
                .or_default()
                .push((content, flags));
        }
    }
    let found = here(&rig);
    assert_eq!(found, there(&rig));
    for name in FOLDERS {
        let expected = expected.remove(name).unwrap_or_default();
        assert_eq!(found[name].1, expected, "{name}");
    }
    let after: BTreeMap<FolderId, String> = rig
        .mailbox
        .folders()
        .map(|folder| (folder.id, folder.name.clone()))
        .collect();
    assert_eq!(folders, after);
    rig.watch.clients_come_back(&rig.mailbox);
    assert!(rig.round());
}

fn trouble() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Wait),
        1 => Just(Event::Crash),
        2 => fault().prop_map(Event::Fault),
        1 => (1_u8..12).prop_map(Event::Down),
    ]
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn what_both_sides_did_apart_becomes_what_the_rules_say(
        abilities in abilities(),
        cases in prop::collection::vec(case(), 1..8),
        renumbered in prop::option::weighted(0.2, any::<bool>()),
        script in prop::collection::vec(trouble(), 0..60),
        server_first in any::<bool>(),
    ) {
        play(abilities, &cases, renumbered, script, server_first);
    }
}
