//! The procedure: cheap keys first, part sets only of what they leave.

use super::trace::{Accepted, Doubt, Finding, Rule, Trace, Verdict};
use super::{Facts, KeyScope, Origin, PartSet, Profile};
use std::fmt;

/// What the answer is for. It decides which side may hold more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Are these the same message?
    Correlate,
    /// May the upload be left out? All that the new message holds must be archived.
    SkipResubmit,
    /// May the restore be left out? The new message is the archived one, candidates are
    /// those of the mailbox, which must lack nothing.
    SkipRestore,
    /// Is this attachment stored? See [`attachments_present`](super::attachments_present).
    DedupAttachment,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Purpose::Correlate => "correlate",
            Purpose::SkipResubmit => "skip resubmission",
            Purpose::SkipRestore => "skip restore",
            Purpose::DedupAttachment => "deduplicate attachments",
        })
    }
}

/// A message that the new one may be the same as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its id; unique among candidates, smaller for older ones.
    pub id: i64,
    /// What is known of it.
    pub facts: Facts,
}

/// Gives part sets when they are needed. What cannot be given is given as
/// [`PartSet::empty`], which matches nothing.
pub trait PartSource {
    /// The part set of the new message; asked for at most once.
    fn of_new(&mut self) -> PartSet;
    /// The part set of a candidate; asked for at most once each.
    fn of_candidate(&mut self, id: i64) -> PartSet;
}

/// Is `new` the same message as one of `candidates`? Candidates with another header key
/// are passed over. Their order does not matter.
pub fn match_message(
    new: &Facts,
    candidates: &[Candidate],
    purpose: Purpose,
    profile: &Profile,
    parts: &mut impl PartSource,
) -> (Verdict, Trace) {
    match begin(new, candidates, purpose, profile) {
        Begun::Decided(verdict, trace) => (verdict, trace),
        Begun::NeedsParts(pending) => {
            let set = parts.of_new();
            pending.decide(&set, |id| parts.of_candidate(id))
        }
    }
}

/// A match after its cheap half.
#[derive(Debug)]
pub enum Begun<'a> {
    /// Decided without parts.
    Decided(Verdict, Trace),
    /// Undecided: the part sets must be compared.
    NeedsParts(Pending<'a>),
}

/// A match that waits for part sets, which the caller may have to read from far away.
#[derive(Debug)]
pub struct Pending<'a> {
    purpose: Purpose,
    origin: Origin,
    /// Oldest first.
    alive: Vec<&'a Candidate>,
    trace: Trace,
}

/// The cheap half of [`match_message`].
pub fn begin<'a>(
    new: &Facts,
    candidates: &'a [Candidate],
    purpose: Purpose,
    profile: &Profile,
) -> Begun<'a> {
    let header_key = new.header_key();
    let mut trace = Trace {
        purpose,
        header_key: header_key.clone(),
        steps: Vec::new(),
        doubt: None,
        part_sets: 0,
    };
    if profile.attachments_only || purpose == Purpose::DedupAttachment {
        trace.doubt = Some(Doubt::AttachmentsOnly);
        return Begun::Decided(Verdict::Undecidable, trace);
    }
    // Oldest first, so that the answer does not depend on how the caller found them.
    let mut candidates: Vec<&Candidate> = candidates.iter().collect();
    candidates.sort_by_key(|candidate| candidate.id);

    // A stub has fewer parts than what it stands for, and maybe a header of its own, yet
    // the mail is present: before any key is looked at.
    if purpose == Purpose::SkipRestore
        && let Some(copy) = new.total
        && let Some(stub) = candidates
            .iter()
            .find(|stub| stub.facts.stub_of == Some(copy))
    {
        trace.note(stub.id, Finding::StubPointer);
        return same(stub, Rule::StubPointer, trace);
    }
    let Some(header_key) = header_key else {
        trace.doubt = Some(Doubt::NoHeaderKey);
        return Begun::Decided(Verdict::Undecidable, trace);
    };

    let mut alive = Vec::new();
    for candidate in candidates {
        let finding = if candidate.facts.header_key().as_ref() != Some(&header_key) {
            Finding::OtherHeaderKey
        } else {
            cheap_keys(new, &candidate.facts, profile)
        };
        trace.note(candidate.id, finding);
        match finding {
            Finding::ServerKeyEqual => return same(candidate, Rule::HeaderServerKey, trace),
            Finding::TotalHashEqual => return same(candidate, Rule::HeaderTotalHash, trace),
            Finding::Survived => alive.push(candidate),
            _ => {}
        }
    }
    if alive.is_empty() || !profile.sufficient.part_subset {
        return Begun::Decided(Verdict::Different, trace);
    }
    Begun::NeedsParts(Pending {
        purpose,
        origin: new.origin(),
        alive,
        trace,
    })
}

fn same<'a>(candidate: &Candidate, rule: Rule, trace: Trace) -> Begun<'a> {
    Begun::Decided(
        Verdict::Same {
            candidate: candidate.id,
            rule,
        },
        trace,
    )
}

/// What the cheap keys say of two messages with equal header keys.
fn cheap_keys(new: &Facts, stored: &Facts, profile: &Profile) -> Finding {
    if let Some(fact) = profile.extra.conflict(new, stored) {
        return Finding::ExtraDiffers(fact);
    }
    // Keys of two scopes are two numberings of one server: equal values mean nothing.
    if let (Some(mine), Some(theirs)) = (new.server_key(), stored.server_key())
        && (&mine.issuer, mine.scope) == (&theirs.issuer, theirs.scope)
    {
        if mine.value == theirs.value {
            if profile.sufficient.server_key {
                return Finding::ServerKeyEqual;
            }
        } else if mine.scope == KeyScope::MessageWide {
            return Finding::ServerKeyConflict;
        }
    }
    if (new.origin(), stored.origin()) == (Origin::EventSink, Origin::EventSink)
        && let (Some(mine), Some(theirs)) = (new.total, stored.total)
    {
        if mine == theirs {
            if profile.sufficient.total_hash {
                return Finding::TotalHashEqual;
            }
        } else if profile.eliminate_on_total_mismatch {
            return Finding::TotalHashConflict;
        }
    }
    Finding::Survived
}

impl Pending<'_> {
    /// The candidates whose part sets are needed, oldest first.
    pub fn survivors(&self) -> impl Iterator<Item = i64> {
        self.alive.iter().map(|candidate| candidate.id)
    }

    /// The dear half: `new` is the message's own part set, `set_of` gives each
    /// survivor's and is asked once for each, in order.
    pub fn decide(self, new: &PartSet, mut set_of: impl FnMut(i64) -> PartSet) -> (Verdict, Trace) {
        let Pending {
            purpose,
            origin,
            alive,
            mut trace,
        } = self;
        let mut best: Vec<(&Candidate, PartSet)> = Vec::new();
        let mut best_score = None;
        for candidate in alive {
            let set = set_of(candidate.id);
            trace.part_sets += 1;
            let overlap = new.overlap(origin, &set, candidate.facts.origin());
            if overlap.is_void() {
                trace.note(candidate.id, Finding::NothingToCompare);
                continue;
            }
            let accepted = match purpose {
                Purpose::Correlate => overlap.left_in_right() || overlap.right_in_left(),
                Purpose::SkipResubmit | Purpose::SkipRestore => overlap.left_in_right(),
                Purpose::DedupAttachment => false,
            };
            trace.note(candidate.id, Finding::Parts(overlap, Accepted(accepted)));
            // Equal sets before larger overlap; the older, which came first, stays ahead.
            let score = accepted.then_some((overlap.is_equal(), overlap.common));
            if score.is_none() || score < best_score {
                continue;
            }
            if score > best_score {
                best.clear();
                best_score = score;
            }
            best.push((candidate, set));
        }
        let Some((first, _)) = best.first() else {
            return (Verdict::Different, trace);
        };
        let verdict = Verdict::Same {
            candidate: first.id,
            rule: Rule::HeaderPartSubset,
        };
        if let Some((one, two)) = disagreement(&best) {
            trace.doubt = Some(Doubt::Tie(one, two));
            return (Verdict::Undecidable, trace);
        }
        (verdict, trace)
    }
}

/// Two of these equally good candidates that are not the same by what can be compared
/// between them: captures by their HTML too, all of them without it.
fn disagreement(best: &[(&Candidate, PartSet)]) -> Option<(i64, i64)> {
    let differ = |captures: bool| {
        let chosen = || {
            best.iter().filter(move |(candidate, _)| {
                !captures || candidate.facts.origin() == Origin::EventSink
            })
        };
        let version = chosen().map(|(_, set)| set.version()).min()?;
        let (first, set) = chosen().next()?;
        chosen()
            .find(|(_, other)| !set.overlap_at(other, version, captures).is_equal())
            .map(|(other, _)| (first.id, other.id))
    };
    differ(false).or_else(|| differ(true))
}
