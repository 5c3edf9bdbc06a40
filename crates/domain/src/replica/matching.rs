//! Which message of the server that has no row is which row that has no message of the server.

use std::collections::{BTreeMap, BTreeSet};

use super::sighting::{Copied, Evidence};
use super::state::{FolderId, Message, MessageId, Ordered, RemoteId};

/// How a row stands to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was never there.
    Never,
    /// Nobody looked.
    Unknown,
    /// It is where it was.
    There(Copied),
    /// It is no more where it was.
    Vanished,
    /// Its place is of a numbering that is over.
    Stale,
}

/// A message of the server that no row names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival<'a, K> {
    pub(super) remote: RemoteId,
    /// What clients see of that folder.
    pub(super) folder: Option<FolderId>,
    pub(super) uid: u32,
    pub(super) copied: Copied,
    pub(super) evidence: &'a Evidence<K>,
}

/// Why an arrival is a row's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// It is where it was.
    InPlace,
    /// The same under another numbering, or in another folder: brought there by somebody else.
    Elsewhere,
    /// We ordered that, and the answer was lost.
    ByUs,
    /// Brought there by somebody else, instead of us or besides, or saved by the server itself.
    Adopted,
}

/// Whether they are the same message as far as is known. `None`: the content has to be asked for.
///
/// Equal headers are not enough: programs save a draft again and again under one Message-ID. Equal size and date are, where
/// the server itself carried the message along. Of what the server was never seen to have, only the content is proof: taking
/// an older state for it would lose it.
pub(super) fn is_same<K: Ord>(
    row: &Message<K>,
    evidence: &Evidence<K>,
    needs_proof: bool,
) -> Option<bool> {
    if row.key != evidence.key {
        return Some(false);
    }
    let looks_same = (row.size, row.date) == (evidence.size, evidence.date);
    match (&row.content, &evidence.content) {
        (Some(ours), Some(theirs)) => Some(ours == theirs),
        (Some(_), None) if needs_proof || !looks_same => None,
        _ => Some(looks_same),
    }
}

/// Whether only the content proves that this row is that folder's arrival.
pub(super) fn needs_proof<K>(
    row: &Message<K>,
    standing: Standing,
    remote: Option<RemoteId>,
) -> bool {
    match (row.base, standing) {
        (None, _) => true,
        // Nobody moves a message into the folder in which it is; a draft that is saved again looks like that.
        (Some(base), Standing::Vanished | Standing::There(_)) => Some(base.remote) == remote,
        _ => false,
    }
}

/// Whether a row looks for its message among the arrivals.
pub(super) fn is_loose<K>(row: &Message<K>, standing: Standing) -> bool {
    match standing {
        Standing::Never | Standing::Vanished | Standing::Stale => true,
        // We ordered it elsewhere: what it was copied from is still there, or it was there only when we looked.
        Standing::There(_) | Standing::Unknown => {
            row.deed.and_then(|deed| deed.what.brings()).is_some()
        }
    }
}

/// One way in which an arrival can be a row's.
type Pass<K> = fn(&Message<K>, Standing, &Arrival<'_, K>) -> bool;

fn is_ordered_to<K>(row: &Message<K>, arrival: &Arrival<'_, K>) -> bool {
    let brought = row.deed.and_then(|deed| deed.what.brings());
    brought.is_some_and(|(to, _)| to == arrival.remote)
}

/// Whether it is where it was although it was to be moved.
fn is_unmoved<K>(row: &Message<K>, standing: Standing) -> bool {
    matches!(standing, Standing::There(_)) && !row.is_copied()
}

fn was_in<K>(row: &Message<K>, arrival: &Arrival<'_, K>) -> bool {
    row.base.is_some_and(|base| base.remote == arrival.remote)
}

fn is_wanted_in<K>(row: &Message<K>, arrival: &Arrival<'_, K>) -> bool {
    row.here
        .is_some_and(|seat| Some(seat.folder) == arrival.folder)
}

/// The ways, most certain first.
fn passes<K>() -> [(How, Pass<K>); 10] {
    let stale: Pass<K> =
        |row, standing, arrival| standing == Standing::Stale && was_in(row, arrival);
    let ordered: Pass<K> =
        |row, standing, arrival| is_ordered_to(row, arrival) && !is_unmoved(row, standing);
    // It came while we looked.
    let moved_late: Pass<K> = |row, _, arrival| is_ordered_to(row, arrival);
    let moved_alike: Pass<K> = |row, standing, arrival| {
        standing == Standing::Vanished && is_wanted_in(row, arrival) && !was_in(row, arrival)
    };
    let moved: Pass<K> =
        |row, standing, arrival| standing == Standing::Vanished && !was_in(row, arrival);
    let back: Pass<K> =
        |row, standing, arrival| standing == Standing::Vanished && was_in(row, arrival);
    let renumbered: Pass<K> = |_, standing, _| standing == Standing::Stale;
    let awaited: Pass<K> = |row, _, _| row.awaited;
    let adopted: Pass<K> = |row, standing, arrival| {
        standing == Standing::Never && row.deed.is_none() && is_wanted_in(row, arrival)
    };
    // What we had it copied to was carried on, but hardly back to where it is.
    let carried_on: Pass<K> = |row, standing, arrival| match standing {
        Standing::Never => row.deed.is_some(),
        Standing::There(_) => row.is_copied() && !was_in(row, arrival),
        _ => false,
    };
    [
        (How::Elsewhere, stale),
        (How::ByUs, ordered),
        (How::ByUs, moved_late),
        (How::Elsewhere, moved_alike),
        (How::Elsewhere, moved),
        (How::Elsewhere, back),
        (How::Elsewhere, renumbered),
        (How::Adopted, awaited),
        (How::Adopted, adopted),
        (How::Elsewhere, carried_on),
    ]
}

/// What a row was paired with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    /// The number of the arrival.
    pub(super) at: usize,
    pub(super) how: How,
    /// The number of another that is to go: a move in two steps leaves two.
    pub(super) still: Option<usize>,
}

/// Pairs rows with arrivals. An arrival is one row's. Those of `last` choose when all others have.
pub(super) fn pair<K: Ord>(
    loose: &[(&Message<K>, Standing)],
    arrivals: &[Arrival<'_, K>],
    last: &BTreeSet<MessageId>,
) -> BTreeMap<MessageId, Pair> {
    let mut by_key: BTreeMap<&K, Vec<usize>> = BTreeMap::new();
    for (number, arrival) in arrivals.iter().enumerate() {
        let numbers = by_key.entry(&arrival.evidence.key).or_default();
        numbers.push(number);
    }
    // What we had deleted, and is gone, looks for nothing. Nor does a remnant: wherever somebody took it, it is not ours any more.
    let is_done = |row: &Message<K>, standing| {
        let is_deleted = row.deed.is_some_and(|deed| deed.what == Ordered::Delete);
        standing == Standing::Vanished && (is_deleted || row.remnant_of.is_some())
    };
    let rows = loose.iter();
    let mut rows: Vec<&(&Message<K>, Standing)> = rows
        .filter(|(row, standing)| by_key.contains_key(&row.key) && !is_done(row, *standing))
        .collect();
    // Copies of one message keep their order; but what clients see chooses before what is to go, unless all is numbered anew, or
    // is brought by others: they bring what came first.
    rows.sort_by_key(|(row, standing)| {
        let is_to_go = row.here.is_none() && *standing != Standing::Stale && !row.awaited;
        (is_to_go, row.base.map_or(u32::MAX, |base| base.uid), row.id)
    });
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut choose = |row: &Message<K>, standing, fits: &dyn Fn(&Arrival<'_, K>) -> bool| {
        let mut numbers = by_key.get(&row.key).into_iter().flatten().copied();
        let found = numbers.find(|number| {
            arrivals.get(*number).is_some_and(|arrival| {
                let proof = needs_proof(row, standing, Some(arrival.remote));
                !taken.contains(number)
                    && fits(arrival)
                    && is_same(row, arrival.evidence, proof) == Some(true)
            })
        });
        taken.extend(found);
        found
    };
    let mut pairs: BTreeMap<MessageId, Pair> = BTreeMap::new();
    let twice = [false, true].into_iter();
    for (is_late, (how, fits)) in twice.flat_map(|late| passes::<K>().map(|pass| (late, pass))) {
        for (row, standing) in &rows {
            let before = pairs.get(&row.id).map(|pair| pair.at);
            // A move in two steps leaves two: what it copied, and what it made. Under a new numbering both look for their rows.
            let is_split = how == How::ByUs && *standing == Standing::Stale && row.is_copied();
            if last.contains(&row.id) != is_late || before.is_some() && !is_split {
                continue;
            }
            let found = choose(row, *standing, &|arrival| fits(row, *standing, arrival));
            let still = before;
            pairs.extend(found.map(|at| (row.id, Pair { at, how, still })));
        }
    }
    pairs
}
