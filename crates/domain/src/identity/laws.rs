//! Laws that hold for any messages: properties of matching and of the durable form.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

use super::tests::Sets;
use super::*;
use crate::cut::{Limits, cut};
use crate::digest::Digest;
use crate::message::{Encoding, Kind, Part, Sent, Structure};
use proptest::prelude::*;

fn any_digest() -> impl Strategy<Value = Digest> {
    (0u8..3).prop_map(|byte| Digest::of(&[byte]))
}

/// Few values, so that messages often agree in something.
fn any_facts() -> impl Strategy<Value = Facts> {
    let scope = prop_oneof![Just(KeyScope::MessageWide), Just(KeyScope::PerInstance)];
    let key = (0u8..2, 0u8..2, scope).prop_map(|(issuer, value, scope)| ServerKey {
        issuer: issuer.to_string(),
        value: vec![b'0' + value],
        scope,
    });
    let origin = prop_oneof![
        Just(Origin::EventSink),
        Just(Origin::Harvester),
        Just(Origin::Other)
    ];
    (
        (origin, key, any::<bool>()),
        proptest::option::weighted(0.9, 0u8..2),
        proptest::option::weighted(0.9, (0i64..2, -60i16..60)),
        (
            proptest::option::of(any_digest()),
            proptest::option::weighted(0.1, any_digest()),
        ),
    )
        .prop_map(|((origin, key, keyed), id, sent, (total, stub_of))| {
            let key = Some(key).filter(|_| keyed || origin == Origin::Harvester);
            let mut facts = Facts::new(origin, key).unwrap();
            facts.message_id = id.map(|id| vec![b'0' + id]);
            facts.sent = sent.map(|(unix, offset_minutes)| Sent {
                unix,
                offset_minutes,
            });
            facts.total = total;
            facts.stub_of = stub_of;
            facts
        })
}

fn any_set() -> impl Strategy<Value = PartSet> {
    let part = (1u8..6, any_digest()).prop_map(|(code, digest)| PartHash {
        kind: PartKind::from_code(code).unwrap(),
        digest,
    });
    (proptest::collection::vec(part, 0..5), 1..=SET_VERSION)
        .prop_map(|(parts, version)| PartSet::new(parts).at_version(version))
}

fn any_purpose() -> impl Strategy<Value = Purpose> {
    prop_oneof![
        Just(Purpose::Correlate),
        Just(Purpose::SkipResubmit),
        Just(Purpose::SkipRestore)
    ]
}

fn any_profile() -> impl Strategy<Value = Profile> {
    let choice = prop_oneof![
        Just(Profile::STANDARD),
        Just(Profile::STRICT),
        Just(Profile::ATTACHMENTS_ONLY),
        Just(Profile {
            eliminate_on_total_mismatch: true,
            ..Profile::STANDARD
        }),
    ];
    (choice, 0u8..8).prop_map(|(mut profile, bits)| {
        profile.sufficient = Sufficient {
            server_key: bits & 1 == 0,
            total_hash: bits & 2 == 0,
            part_subset: bits & 4 == 0,
        };
        profile
    })
}

fn ask(
    new: &(Facts, PartSet),
    stored: &[(i64, Facts, PartSet)],
    purpose: Purpose,
    profile: &Profile,
) -> (Verdict, Trace) {
    let candidates: Vec<Candidate> = stored
        .iter()
        .map(|(id, facts, _)| Candidate {
            id: *id,
            facts: facts.clone(),
        })
        .collect();
    let mut sets = Sets {
        new: new.1.clone(),
        stored: stored
            .iter()
            .map(|(id, _, set)| (*id, set.clone()))
            .collect(),
        asked: 0,
    };
    let answer = match_message(&new.0, &candidates, purpose, profile, &mut sets);
    assert_eq!(answer.1.part_sets, sets.asked);
    answer
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_a_verdict_implies(
        new in (any_facts(), any_set()),
        stored in proptest::collection::vec((any_facts(), any_set()), 0..5),
        purpose in any_purpose(),
        profile in any_profile(),
        turn in 0usize..5,
    ) {
        let mut stored: Vec<_> =
            (1i64..).zip(stored).map(|(id, (facts, set))| (id, facts, set)).collect();
        let (verdict, trace) = ask(&new, &stored, purpose, &profile);
        let survivors =
            trace.steps.iter().filter(|step| step.finding == Finding::Survived).count();

        if let Verdict::Same { candidate, rule } = verdict {
            prop_assert!(!profile.attachments_only);
            let (_, facts, set) = stored.iter().find(|(id, _, _)| *id == candidate).unwrap();
            if rule == Rule::StubPointer {
                prop_assert_eq!(purpose, Purpose::SkipRestore);
                prop_assert_eq!(facts.stub_of, new.0.total);
            } else {
                prop_assert!(new.0.header_key().is_some(), "no key, no verdict");
                prop_assert_eq!(new.0.header_key(), facts.header_key());
            }
            if rule == Rule::HeaderTotalHash {
                prop_assert_eq!(new.0.origin(), Origin::EventSink);
                prop_assert_eq!(facts.origin(), Origin::EventSink);
            }
            if rule == Rule::HeaderServerKey {
                prop_assert_eq!(new.0.server_key(), facts.server_key());
            }
            if rule == Rule::HeaderPartSubset {
                prop_assert!(!new.1.is_empty() && !set.is_empty());
                prop_assert_eq!(trace.part_sets, survivors);
            } else {
                prop_assert_eq!(trace.part_sets, 0);
            }
        } else if !profile.attachments_only && new.0.header_key().is_none() {
            prop_assert_eq!(verdict, Verdict::Undecidable);
        }
        prop_assert_eq!(trace.doubt.is_some(), verdict == Verdict::Undecidable);

        let middle = turn.min(stored.len());
        stored.rotate_left(middle);
        prop_assert_eq!(ask(&new, &stored, purpose, &profile), (verdict, trace), "order");
    }

    #[test]
    fn correlating_two_messages_is_symmetric(
        one in (any_facts(), any_set()),
        two in (any_facts(), any_set()),
        profile in any_profile(),
    ) {
        let flat = |new: &(Facts, PartSet), stored: &(Facts, PartSet)| {
            ask(new, &[(1, stored.0.clone(), stored.1.clone())], Purpose::Correlate, &profile).0
        };
        let (there, back) = (flat(&one, &two), flat(&two, &one));
        // Without a header key of its own a message is Undecidable; with one, a
        // candidate that has none is Different. Neither is Same.
        if one.0.header_key().is_some() == two.0.header_key().is_some() {
            prop_assert_eq!(there, back);
        } else {
            let same = |verdict| matches!(verdict, Verdict::Same { candidate: 1, .. });
            prop_assert!(!same(there) && !same(back));
        }
    }

    #[test]
    fn a_message_with_a_header_key_and_a_part_is_itself(
        facts in any_facts(), set in any_set(), purpose in any_purpose(),
    ) {
        let own = set.overlap(facts.origin(), &set, facts.origin());
        if facts.header_key().is_some() && !own.is_void() {
            let answer = ask(&(facts.clone(), set.clone()), &[(7, facts, set)], purpose, &Profile::STANDARD);
            let is_same = matches!(answer.0, Verdict::Same { candidate: 7, .. });
            prop_assert!(is_same);
        }
    }

    #[test]
    fn part_sets_come_back_from_their_durable_form(set in any_set()) {
        let bytes = set.encode();
        prop_assert_eq!(bytes.len(), 1 + 33 * set.parts().len());
        prop_assert_eq!(PartSet::decode(&bytes), Ok(set));
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(0u8..6, 0..140)) {
        if let Ok(set) = PartSet::decode(&bytes)
            && bytes.first().is_some_and(|&version| version <= SET_VERSION)
        {
            prop_assert_eq!(set.encode(), bytes);
        }
    }

    #[test]
    fn any_structure_gives_a_set(
        raw in proptest::collection::vec(any::<u8>(), 0..200),
        parts in proptest::collection::vec(
            (proptest::option::of(0usize..12), 0usize..220, 0usize..220, 0u8..3, 0usize..6), 0..12),
    ) {
        let types = ["text/plain", "text/html", "multipart/alternative", "image/png", "message/rfc822", ""];
        let parts = parts.into_iter().map(|(parent, start, end, kind, content_type)| Part {
            parent,
            header: 0..0,
            body: start..end,
            kind: [Kind::Multipart, Kind::Message, Kind::Leaf][usize::from(kind)],
            content_type: types[content_type].into(),
            charset: None,
            encoding: [Encoding::Base64, Encoding::Identity, Encoding::QuotedPrintable][start % 3],
            attachment: end % 4 == 0,
            filename: None,
            content_id: None,
            transfer: crate::message::Transfer::SevenBit,
            disposition: crate::message::Disposition::None,
        }).collect();
        let structure = Structure { parts };
        let pieces = cut(&raw, &structure, &Limits { part_min: 1, text_min: 1 });
        let set = part_set(&raw, &structure, Origin::Other);
        prop_assert_eq!(part_set_of_cut(&raw, &structure, Origin::Other, &pieces), set);
    }
}
