//! Evidence: whether a server took a message though its answer was lost.
//!
//! What is looked at: a copy of the message in the archive that carries our sealed field of that errand (the server journals
//! what it takes), and a mail log that somebody hands over.

use std::collections::BTreeMap;

use everpost_codec::maillog::{Entry, Stamp, Stories, Story};
use everpost_domain::digest::Digest;
use everpost_domain::relay::Order;
use everpost_store::{Leg, StoreError, Tenant, Verdict};

use super::trace::{hops, uncertain_name};

/// Clocks of two servers differ by so much, in µs.
const SKEW: i64 = 300 * 1_000_000;
/// A log that says nothing of a message for so long after its try, and goes on, says that it was not taken: in µs.
const SILENCE: i64 = 120 * 1_000_000;

/// What a mail log settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogEvidence {
    /// Messages that the log tells of.
    pub messages: u64,
    /// Uncertain legs that it says were taken.
    pub delivered: u64,
    /// Those that it says were not.
    pub not_delivered: u64,
    /// Those of which it says nothing.
    pub open: u64,
}

/// The try that left a leg uncertain.
fn tried(leg: &Leg) -> Option<i64> {
    let mut attempts = leg.attempts.iter().rev();
    let uncertain = attempts.find(|attempt| attempt.verdict == Verdict::Uncertain);
    uncertain.map(|attempt| attempt.at)
}

/// Settles uncertain legs whose messages came back by a journal. Returns how many.
///
/// A copy speaks for the tries that its sealed field names and for no other: that the server took the message for one
/// recipient, or at an earlier try, says nothing of this one.
pub(super) async fn by_journal(tenant: &Tenant) -> Result<u64, StoreError> {
    let mut open: BTreeMap<Digest, Vec<Leg>> = BTreeMap::new();
    for leg in tenant.relay_uncertain().await? {
        open.entry(leg.copy).or_default().push(leg);
    }
    let mut settled = 0;
    for (message, legs) in open {
        let copies = tenant.show(&message).await?.copies;
        for copy in copies.iter().filter(|copy| **copy != message) {
            let raw = tenant.raw(copy).await?;
            let tries: Vec<String> = hops(tenant, &raw).into_iter().flatten().collect();
            let named = legs
                .iter()
                .filter(|leg| tries.contains(&uncertain_name(leg)));
            let ids: Vec<i64> = named.map(|leg| leg.id).collect();
            if ids.is_empty() {
                continue;
            }
            let words = format!("the server's journal brought it as {copy}");
            let done = tenant.relay_order(&ids, Order::Delivered, "journal", &words);
            settled += done.await?.changed;
        }
    }
    Ok(settled)
}

/// Settles uncertain legs by the text of a Postfix log. `now` in seconds since 1970, for lines that name no year;
/// `offset_minutes` east of UTC, for lines that name no zone: without it such a log denies nothing, for nobody knows which
/// time it covers.
pub async fn by_log(
    tenant: &Tenant,
    log: &[u8],
    now: i64,
    offset_minutes: Option<i16>,
) -> Result<LogEvidence, StoreError> {
    // What it is asked about; of all else only the times are kept, however long the log is.
    let mut asked: Vec<(Leg, String)> = Vec::new();
    for leg in tenant.relay_uncertain().await? {
        let head = tenant.show(&leg.copy).await?.head;
        let id = String::from_utf8_lossy(head.message_id.as_deref().unwrap_or_default());
        asked.push((leg, id.trim_matches(['<', '>']).to_owned()));
    }
    let mut by_id: BTreeMap<String, Vec<Story>> = BTreeMap::new();
    by_id.extend(asked.iter().map(|(_, id)| (id.clone(), Vec::new())));
    let (mut messages, mut from, mut until) = (0, None::<i64>, None::<i64>);
    let mut heard = |story: Story| {
        messages += 1;
        from = from.into_iter().chain(story.first).min();
        until = until.into_iter().chain(story.last).max();
        if let Some(of) = story.message_id.as_ref().and_then(|id| by_id.get_mut(id)) {
            of.push(story);
        }
    };
    let mut stories = Stories::new(now, offset_minutes.unwrap_or(0));
    let mut is_timed = true;
    for entry in log.split(|byte| *byte == b'\n').filter_map(Entry::read) {
        is_timed &= offset_minutes.is_some() || matches!(entry.stamp, Stamp::Exact(_));
        stories.push(entry).into_iter().for_each(&mut heard);
    }
    stories.finish().for_each(&mut heard);
    let mut evidence = LogEvidence {
        messages,
        ..LogEvidence::default()
    };
    for (leg, id) in &asked {
        let Some(at) = tried(leg) else { continue };
        let stories = by_id.get(id).map(Vec::as_slice).unwrap_or_default();
        let near = |story: &&Story| story.first.is_some_and(|first| first > at - SKEW);
        let near: Vec<&Story> = stories.iter().filter(near).collect();
        // It may have been taken for others and not for this one.
        let names = |story: &&&Story| story.accepted() && story.outcome(&leg.recipient).is_some();
        let taken = near.iter().find(names);
        // Only a log that goes from before the try until well after it can deny it.
        let covers = is_timed
            && from.is_some_and(|from| from < at - SKEW)
            && until.is_some_and(|until| until > at + SKEW + SILENCE);
        let (order, words) = match taken {
            Some(story) => (
                Order::Delivered,
                format!("the log of {} has it as {}", story.host, story.queue_id),
            ),
            None if !id.is_empty() && covers && near.is_empty() => (
                Order::NotDelivered,
                "the log goes on and does not name it".to_owned(),
            ),
            None => {
                evidence.open += 1;
                continue;
            }
        };
        let done = tenant.relay_order(&[leg.id], order, "log", &words).await?;
        match order {
            Order::Delivered => evidence.delivered += done.changed,
            _ => evidence.not_delivered += done.changed,
        }
    }
    Ok(evidence)
}
