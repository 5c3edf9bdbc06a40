//! Which mails talk to each other: those compress each other best.
//!
//! This decides only where bytes lie, so a wrong guess costs some compression and nothing
//! else.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use everpost_domain::message::Head;

/// What is known of a mail.
pub(crate) struct Talk {
    /// Its row.
    pub(super) copy: i64,
    /// When it was sent, seconds since 1970; 0 if unknown.
    pub(super) sent: i64,
    id: u64,
    root: Option<u64>,
    parents: Vec<u64>,
    subject: u64,
    is_reply: bool,
}

/// Where a mail belongs: neighbours have neighbouring keys. When its conversation began,
/// which conversation, when it was sent.
pub(crate) type Order = (i64, u64, i64);

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl Talk {
    pub(crate) fn new(copy: i64, head: &Head) -> Self {
        let (subject, is_reply) = normal(&head.subject);
        Talk {
            copy,
            sent: head.sent.map_or(0, |sent| sent.unix),
            id: head.message_id.as_ref().map_or_else(|| hash(copy), hash),
            root: head.references.first().map(hash),
            parents: head.in_reply_to.iter().map(hash).collect(),
            subject: hash(subject),
            is_reply,
        }
    }
}

/// A subject without the marks of replies and lists, and whether it had a reply's.
fn normal(subject: &str) -> (String, bool) {
    let lower = subject.to_lowercase();
    let mut rest = lower.trim_start();
    let mut is_reply = false;
    loop {
        let reply = ["re:", "fwd:", "fw:", "aw:", "sv:", "antw:"]
            .iter()
            .find_map(|mark| rest.strip_prefix(mark));
        let tag = || {
            rest.strip_prefix('[')
                .and_then(|tagged| tagged.split_once(']'))
                .map(|(_, after)| after)
        };
        match reply.or_else(tag) {
            Some(after) => {
                is_reply |= reply.is_some();
                rest = after.trim_start();
            }
            None => return (rest.trim_end().to_string(), is_reply),
        }
    }
}

/// The order of all of them.
pub(crate) fn order(mut talks: Vec<Talk>) -> HashMap<i64, Order> {
    talks.sort_by_key(|talk| (talk.sent, talk.copy));
    let mut by_id: HashMap<u64, u64> = HashMap::new();
    let mut by_subject: HashMap<u64, u64> = HashMap::new();
    let mut began: HashMap<u64, i64> = HashMap::new();
    let mut orders = HashMap::new();
    for talk in talks {
        let answered = talk.root.into_iter().chain(talk.parents);
        let named: Vec<u64> = answered.collect();
        let known = named.iter().find_map(|id| by_id.get(id).copied());
        let about = || {
            by_subject
                .get(&talk.subject)
                .copied()
                .filter(|_| talk.is_reply)
        };
        let conversation = known
            .or_else(about)
            .or_else(|| named.first().copied())
            .unwrap_or(talk.id);
        by_id.insert(talk.id, conversation);
        // Whoever answers the same root later belongs here, also when the root is elsewhere.
        if let Some(root) = named.first() {
            by_id.entry(*root).or_insert(conversation);
        }
        by_subject.insert(talk.subject, conversation);
        let began = *began.entry(conversation).or_insert(talk.sent);
        orders.insert(talk.copy, (began, conversation, talk.sent));
    }
    orders
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests may panic"
    )]
    use super::*;
    use everpost_domain::message::Sent;

    fn head(id: &str, refs: &[&str], answers: &[&str], subject: &str, sent: i64) -> Head {
        let ids = |ids: &[&str]| ids.iter().map(|id| id.as_bytes().to_vec()).collect();
        Head {
            sent: Some(Sent {
                unix: sent,
                offset_minutes: 0,
            }),
            message_id: Some(id.as_bytes().to_vec()),
            references: ids(refs),
            in_reply_to: ids(answers),
            subject: subject.into(),
            ..Head::default()
        }
    }

    #[test]
    fn threads_are_found_by_references_replies_and_subjects() {
        let heads = [
            head("a", &[], &[], "Disk is gone", 10),
            head("x", &[], &[], "Other matter", 11),
            head("b", &["a"], &["a"], "Re: Disk is gone", 20),
            head("y", &["x"], &[], "Re: Other matter", 21),
            head("c", &[], &["b"], "AW: Disk is gone", 30),
            head("d", &[], &[], "Re: [list] Disk is gone", 40),
            head("e", &["lost"], &[], "Re: Something else", 41),
            head("f", &["lost"], &[], "new subject", 42),
        ];
        let talks = heads
            .iter()
            .enumerate()
            .map(|(copy, head)| Talk::new(copy as i64, head))
            .collect();
        let orders = order(talks);
        let of = |copy: i64| orders[&copy].1;
        assert!([2, 4, 5].into_iter().all(|copy| of(copy) == of(0)));
        assert_eq!(of(3), of(1));
        assert_eq!(of(6), of(7));
        assert!(of(0) != of(1) && of(0) != of(6) && of(1) != of(6));
        let mut sorted: Vec<i64> = (0..8).collect();
        sorted.sort_by_key(|copy| orders[copy]);
        assert_eq!(sorted, [0, 2, 4, 5, 1, 3, 6, 7]);
    }

    #[test]
    fn marks_are_taken_off_subjects() {
        assert_eq!(
            normal("Re: [md] FWD: re:  Raid 5 "),
            ("raid 5".into(), true)
        );
        assert_eq!(normal("[PATCH 1/2] md"), ("md".into(), false));
        assert_eq!(normal("[open"), ("[open".into(), false));
        assert_eq!(normal(""), (String::new(), false));
    }
}
