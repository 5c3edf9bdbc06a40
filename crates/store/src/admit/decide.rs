//! The decision about a group: what is new, what it belongs to, which parts are stored
//! already. Pure: it reads only the items and what was fetched.

use std::collections::{BTreeSet, HashMap};

use everpost_domain::digest::Digest;
use everpost_domain::identity::{self, Begun, PartSet, Profile, Purpose, Verdict};

use super::fetch::{Known, header_hash};
use super::prepare::Prepared;
use crate::record::{Record, facts};
use crate::tenant::TenantState;

/// A copy, either in the catalog or further up in the same group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CopyRef {
    /// By id. Admitted copies are older than any of this group.
    Admitted(i64),
    /// By place in `Decision::copies`.
    New(usize),
}

/// A part, either in the catalog or new in this group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartRef {
    Stored(i64),
    /// By place in `Decision::parts`.
    New(usize),
}

/// A copy to be stored.
pub(crate) struct NewCopy {
    /// Its place among the items.
    pub(crate) item: usize,
    pub(crate) header_hash: i64,
    pub(crate) record: Record,
    pub(crate) parts: Vec<PartRef>,
    /// Links to be written: copy or message, older message, rule, matched copy.
    pub(crate) links: Vec<(CopyRef, CopyRef, i64, CopyRef)>,
}

/// A part to be stored: which item brings it, and its ordinal there.
pub(crate) struct NewPart {
    pub(crate) item: usize,
    pub(crate) ordinal: usize,
    pub(crate) address: [u8; 32],
}

/// What is to be done with a group.
#[derive(Default)]
pub(crate) struct Decision {
    pub(crate) copies: Vec<NewCopy>,
    pub(crate) parts: Vec<NewPart>,
    /// For each item the copy that holds its bytes.
    pub(crate) items: Vec<Chosen>,
}

/// The copy that holds an item's bytes.
pub(crate) struct Chosen {
    pub(crate) copy: CopyRef,
    /// This item is the one that stores it.
    pub(crate) new: bool,
    /// The copy's wrapped key, if it was admitted before.
    pub(crate) key: Vec<u8>,
}

/// The rule of a link between two messages.
pub(crate) const SAME: i64 = 100;

/// The rule of a link from a journal report to the message that it tells of.
pub(crate) const REPORT: i64 = 101;

/// A header key that more copies share than this is a broken or hostile sender's: it says
/// nothing, and comparing each with each would take for ever. Such copies are not linked.
const RIVALS: usize = 200;

/// A candidate as matching sees it, whichever place it comes from.
struct Rival {
    copy: CopyRef,
    message: CopyRef,
    facts: identity::Facts,
    parts: PartSet,
}

/// Decides about all items in order.
pub(crate) fn decide(state: &TenantState, items: &[Prepared], known: Known) -> Decision {
    let mut decision = Decision::default();
    let mut here: HashMap<Digest, usize> = HashMap::new();
    let mut part_here: HashMap<[u8; 32], usize> = HashMap::new();
    let mut rivals: HashMap<i64, Vec<Rival>> = HashMap::new();
    for (hash, candidates) in known.candidates {
        let admitted = candidates.into_iter().map(|candidate| Rival {
            copy: CopyRef::Admitted(candidate.copy),
            message: CopyRef::Admitted(candidate.message),
            facts: candidate.facts,
            parts: candidate.parts,
        });
        rivals.entry(hash).or_default().extend(admitted);
    }
    for (index, item) in items.iter().enumerate() {
        if let Some((id, key)) = known.copies.get(&item.digest) {
            decision.items.push(Chosen {
                copy: CopyRef::Admitted(*id),
                new: false,
                key: key.clone(),
            });
            continue;
        }
        if let Some(new) = here.get(&item.digest) {
            decision.items.push(Chosen {
                copy: CopyRef::New(*new),
                new: false,
                key: Vec::new(),
            });
            continue;
        }
        let place = decision.copies.len();
        here.insert(item.digest, place);
        decision.items.push(Chosen {
            copy: CopyRef::New(place),
            new: true,
            key: Vec::new(),
        });
        let parts = choose_parts(
            state,
            index,
            item,
            &known.parts,
            &mut part_here,
            &mut decision.parts,
        );
        let hash = header_hash(state, item.header_key);
        let mut copy = NewCopy {
            item: index,
            header_hash: hash,
            record: Record {
                origin: item.incoming.origin,
                held_source: item.held_source,
                server_key: None,
                parts: item.parts.clone(),
            },
            parts,
            links: Vec::new(),
        };
        let told = item.incoming.report_of.and_then(|told| {
            let admitted = known
                .copies
                .get(&told)
                .map(|(id, _)| CopyRef::Admitted(*id));
            admitted.or_else(|| here.get(&told).map(|new| CopyRef::New(*new)))
        });
        if let Some(told) = told {
            // What it wraps was matched, if anything was; its own header is the server's.
            copy.links.push((CopyRef::New(place), told, REPORT, told));
        } else if hash != 0 {
            correlate(item, place, rivals.entry(hash).or_default(), &mut copy);
        }
        decision.copies.push(copy);
    }
    decision
}

fn choose_parts(
    state: &TenantState,
    index: usize,
    item: &Prepared,
    stored: &HashMap<[u8; 32], i64>,
    here: &mut HashMap<[u8; 32], usize>,
    new: &mut Vec<NewPart>,
) -> Vec<PartRef> {
    let choose = |(ordinal, part): (usize, &everpost_domain::cut::PartCut)| {
        let address = state.address(&part.digest);
        if let Some(id) = stored.get(&address) {
            return PartRef::Stored(*id);
        }
        PartRef::New(*here.entry(address).or_insert_with(|| {
            new.push(NewPart {
                item: index,
                ordinal,
                address,
            });
            new.len() - 1
        }))
    };
    item.cut.parts().enumerate().map(choose).collect()
}

/// Finds the message that a new copy belongs to among the copies with its header key, and
/// adds the copy to them.
fn correlate(item: &Prepared, place: usize, rivals: &mut Vec<Rival>, copy: &mut NewCopy) {
    if rivals.len() >= RIVALS {
        return;
    }
    rivals.sort_by_key(|rival| rival.copy);
    let facts = facts(
        item.incoming.origin,
        None,
        &item.digest,
        item.size(),
        &item.head,
    );
    let me = CopyRef::New(place);
    let mut message = me;
    if let Some((matched, rule)) = same(&facts, &item.parts, rivals, |_| true) {
        let messages: BTreeSet<CopyRef> = rivals.iter().map(|rival| rival.message).collect();
        // The message that matched best, and every other that this copy proves to be the same.
        let mut joined: Vec<(CopyRef, CopyRef, i64)> = Vec::new();
        for candidate in messages {
            let own = rivals
                .iter()
                .any(|rival| rival.copy == matched && rival.message == candidate);
            if own {
                joined.push((candidate, matched, rule));
            } else if let Some((other, rule)) = same(&facts, &item.parts, rivals, |rival| {
                rival.message == candidate
            }) {
                joined.push((candidate, other, rule));
            }
        }
        // Ordered by age: the oldest speaks for all.
        if let Some((oldest, matched, rule)) = joined.first().copied() {
            message = oldest;
            copy.links.push((me, oldest, rule, matched));
            for (younger, matched, _) in joined.iter().skip(1) {
                copy.links.push((*younger, oldest, SAME, *matched));
            }
            let absorbed: Vec<CopyRef> = joined
                .iter()
                .skip(1)
                .map(|(message, ..)| *message)
                .collect();
            for rival in rivals
                .iter_mut()
                .filter(|rival| absorbed.contains(&rival.message))
            {
                rival.message = oldest;
            }
        }
    }
    rivals.push(Rival {
        copy: me,
        message,
        facts,
        parts: item.parts.clone(),
    });
}

/// The rival that matching finds to be the same message, and the rule's number.
fn same(
    facts: &identity::Facts,
    parts: &PartSet,
    rivals: &[Rival],
    considered: impl Fn(&Rival) -> bool,
) -> Option<(CopyRef, i64)> {
    // Matching prefers smaller ids as older; rivals are sorted by age, so places serve as ids.
    let candidates: Vec<identity::Candidate> = (0i64..)
        .zip(rivals)
        .filter(|(_, rival)| considered(rival))
        .map(|(id, rival)| identity::Candidate {
            id,
            facts: rival.facts.clone(),
        })
        .collect();
    let rival = |id: i64| usize::try_from(id).ok().and_then(|place| rivals.get(place));
    let verdict = match identity::begin(facts, &candidates, Purpose::Correlate, &Profile::STANDARD)
    {
        Begun::Decided(verdict, _) => verdict,
        Begun::NeedsParts(pending) => {
            let set_of = |id| rival(id).map_or_else(PartSet::empty, |rival| rival.parts.clone());
            pending.decide(parts, set_of).0
        }
    };
    match verdict {
        Verdict::Same { candidate, rule } => Some((rival(candidate)?.copy, i64::from(rule.code()))),
        Verdict::Different | Verdict::Undecidable => None,
    }
}
