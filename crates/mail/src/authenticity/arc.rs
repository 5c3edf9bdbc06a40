//! ARC chains (RFC 8617), judged by bytes, recorded keys and a time.

use std::collections::BTreeSet;

use mail_auth::arc::{ChainValidation, Results, Seal, Signature};
use mail_auth::dkim::Canonicalization;

use super::checks::{Arc, Record, Verdict};
use super::dkim::{Body, Not, Signed, by_key, holds, key_name, not};
use super::fields::{Field, Split, tag, tags, unsigned};

/// RFC 8617 §4.2.1.
const MOST_SETS: usize = 50;
pub(super) const RESULTS: &str = "ARC-Authentication-Results";
pub(super) const MESSAGE: &str = "ARC-Message-Signature";
pub(super) const SEAL: &str = "ARC-Seal";

/// What one of those who handed a message on added to it.
pub(super) struct Set<'a> {
    pub(super) results: &'a Field<'a>,
    message: (&'a Field<'a>, Signature),
    pub(super) seal: (&'a Field<'a>, Seal),
}

impl<'a> Set<'a> {
    /// The fields, as a seal covers them (RFC 8617 §5.1.1).
    pub(super) fn fields(&self) -> [(&'a [u8], &'a [u8]); 3] {
        [self.results, self.message.0, self.seal.0].map(|field| (field.name, field.value))
    }
}

/// The names of the keys of a chain.
pub(super) fn keys(split: &Split<'_>) -> Vec<String> {
    let Ok(sets) = chain(split) else {
        return Vec::new();
    };
    let seals = sets.iter().map(|set| {
        let seal = &set.seal.1;
        key_name(&seal.s, &seal.d)
    });
    let last = sets.last().map(|set| {
        let message = &set.message.1;
        key_name(&message.s, &message.d)
    });
    let names: BTreeSet<String> = last.into_iter().chain(seals).collect();
    names.into_iter().collect()
}

/// Judges the chain of a message (RFC 8617 §5.2).
pub(super) fn judge(raw: &[u8], records: &[Record], at: i64) -> Arc {
    let split = Split::of(raw);
    let mut out = Arc {
        verdict: Verdict::None,
        sets: 0,
        domain: String::new(),
        selector: String::new(),
        reason: String::new(),
    };
    let held = chain(&split).and_then(|sets| {
        let Some(last) = sets.last() else {
            return Ok(false);
        };
        out.sets = u32::try_from(sets.len()).unwrap_or(u32::MAX);
        out.domain.clone_from(&last.seal.1.d);
        out.selector.clone_from(&last.seal.1.s);
        verify(&split, &sets, last, records, at)?;
        Ok(true)
    });
    match held {
        Ok(true) => out.verdict = Verdict::Pass,
        Ok(false) => {}
        Err(Not(verdict, why)) => {
            // A chain passes or fails; only what DNS did not say is another matter.
            out.verdict = match verdict {
                Verdict::TempError => Verdict::TempError,
                _ => Verdict::Fail,
            };
            out.reason = why;
        }
    }
    out
}

fn verify(
    split: &Split<'_>,
    sets: &[Set<'_>],
    last: &Set<'_>,
    records: &[Record],
    at: i64,
) -> Result<(), Not> {
    let (field, signature) = &last.message;
    if signature
        .h
        .iter()
        .any(|name| name.eq_ignore_ascii_case(SEAL))
    {
        return Err(not(Verdict::Fail, "a signature covers seals"));
    }
    let list = tags(field.value).unwrap_or_default();
    let signed = Signed {
        field,
        names: &signature.h,
        algorithm: signature.a,
        header: signature.ch,
        body: signature.cb,
        hash: &signature.bh,
        length: tag(&list, "l").map(|_| signature.l),
        signature: &signature.b,
        key: key_name(&signature.s, &signature.d),
    };
    holds(split, &mut Body::new(split.body), &signed, records, None)?;
    let now = u64::try_from(at).unwrap_or(0);
    if signature.x != 0 && signature.x <= now {
        return Err(not(Verdict::Fail, "the last signature had expired"));
    }
    for (index, set) in sets.iter().enumerate().rev() {
        let (field, seal) = &set.seal;
        let own = unsigned(field.value);
        let mut headers: Vec<(&[u8], &[u8])> =
            sets.iter().take(index + 1).flat_map(Set::fields).collect();
        if let Some(last) = headers.last_mut() {
            last.1 = &own;
        }
        let signed = Signed {
            field,
            names: &[],
            algorithm: seal.a,
            header: Canonicalization::Relaxed,
            body: Canonicalization::Relaxed,
            hash: &[],
            length: None,
            signature: &seal.b,
            key: key_name(&seal.s, &seal.d),
        };
        by_key(records, &signed, &headers, None)
            .map_err(|Not(verdict, why)| Not(verdict, format!("seal {}: {why}", seal.i)))?;
    }
    Ok(())
}

/// The sets of a message, by number: from 1 on, each with one field of each kind, each saying that the
/// chain was whole so far.
pub(super) fn chain<'a>(split: &'a Split<'a>) -> Result<Vec<Set<'a>>, Not> {
    let fail = |why: &str| not(Verdict::Fail, why);
    let counts = [RESULTS, MESSAGE, SEAL].map(|name| split.named(name).count());
    let [count, ..] = counts;
    if counts.iter().any(|&other| other != count) {
        return Err(fail("the sets are not whole"));
    }
    if count > MOST_SETS {
        return Err(fail("more than 50 sets"));
    }
    let broken = |error| not(Verdict::Fail, error);
    let mut results = Vec::new();
    for field in split.named(RESULTS) {
        results.push((Results::parse(field.value).map_err(broken)?.i, field));
    }
    let mut messages = Vec::new();
    for field in split.named(MESSAGE) {
        let signature = Signature::parse(field.value).map_err(broken)?;
        messages.push((signature.i, (field, signature)));
    }
    let mut seals = Vec::new();
    for field in split.named(SEAL) {
        let seal = Seal::parse(field.value).map_err(broken)?;
        seals.push((seal.i, (field, seal)));
    }
    results.sort_by_key(|one| one.0);
    messages.sort_by_key(|one| one.0);
    seals.sort_by_key(|one| one.0);
    let mut sets = Vec::new();
    for (number, ((results, message), seal)) in
        (1..).zip(results.into_iter().zip(messages).zip(seals))
    {
        if [results.0, message.0, seal.0] != [number; 3] {
            return Err(fail("the sets are not numbered from 1 on"));
        }
        let said = if number == 1 {
            ChainValidation::None
        } else {
            ChainValidation::Pass
        };
        if seal.1.1.cv != said {
            return Err(fail("a seal says that the chain was broken"));
        }
        sets.push(Set {
            results: results.1,
            message: message.1,
            seal: seal.1,
        });
    }
    Ok(sets)
}
