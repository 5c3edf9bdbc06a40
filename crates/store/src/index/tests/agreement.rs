//! Whatever is indexed and asked, the index answers as the naive evaluator does.

use super::naive::{Value, evaluate};
use super::*;
use everpost_domain::query::{Field, Query, Test};
use everpost_domain::text::terms_of;
use proptest::collection::vec;
use proptest::prelude::*;
use roaring::RoaringTreemap;

const WORDS: &[&str] = &[
    "alpha",
    "Alp",
    "beta",
    "été",
    "日本語",
    "本",
    "語",
    "日本",
    "x1",
    "org",
    "ann",
    "𠮷野家",
    "",
];
const EMAILS: &[&str] = &[
    "ann@example.org",
    "Ann@Mail.Example.org",
    "bob@x1.org",
    "bob",
    "été@beta.example.org",
    "@org",
    "a@b@org.",
    "",
];
const FILES: &[&str] = &["alpha.pdf", "Alpha beta.PDF", "x1", "", "a*b.txt"];
const GLOBS: &[&str] = &["*.pdf", "alpha*", "?1", "*", "a?p*a*", "x1", "*b*t*", ""];

fn some<T: Clone + std::fmt::Debug + 'static>(of: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(of)
}

fn text(max: usize) -> impl Strategy<Value = String> {
    vec((some(WORDS), some(&[" ", " ", "-", ""])), 0..max).prop_map(|parts| {
        parts
            .into_iter()
            .flat_map(|(word, gap)| [word, gap])
            .collect()
    })
}

fn people() -> impl Strategy<Value = Vec<Address>> {
    vec(
        (text(3), some(EMAILS)).prop_map(|(name, email)| address(&name, email)),
        0..3,
    )
}

fn copy() -> impl Strategy<Value = Copy> {
    let people = (people(), people(), people(), people(), people());
    let files = vec(some(FILES), 0..3);
    let id = prop::option::of(some(&["id@1", "id@2"]));
    let sent = prop::option::of(prop_oneof![-5i64..5, Just(i64::MIN), Just(i64::MAX)]);
    (
        text(12),
        text(4),
        people,
        files,
        id,
        sent,
        0u64..6,
        any::<bool>(),
    )
        .prop_map(
            |(body, subject, (from, sender, to, cc, bcc), files, id, sent, size, unread)| Copy {
                seq: 0,
                size,
                head: Head {
                    sent: sent.map(|unix| Sent {
                        unix,
                        offset_minutes: 0,
                    }),
                    message_id: id.map(|id| id.as_bytes().to_vec()),
                    subject,
                    from,
                    sender,
                    to,
                    cc,
                    bcc,
                    attachments: files.len() as u32,
                    filenames: files.into_iter().map(str::to_owned).collect(),
                    ..Head::default()
                },
                text: SearchText {
                    body,
                    body_unread: unread,
                    attachments_unread: unread,
                },
                held: 0,
                headers: Vec::new(),
                attachments: Vec::new(),
                language: None,
            },
        )
}

fn field() -> impl Strategy<Value = Field> {
    some(&[
        Field::Any,
        Field::Any,
        Field::Body,
        Field::Body,
        Field::Subject,
        Field::From,
        Field::To,
        Field::Cc,
        Field::Bcc,
        Field::Filename,
    ])
}

fn terms() -> impl Strategy<Value = Vec<String>> {
    text(4)
        .prop_map(|text| terms_of(&text))
        .prop_filter("no terms", |terms| !terms.is_empty())
}

fn test() -> impl Strategy<Value = Test> {
    let bound = || prop::option::of(-6i64..6);
    let length = || prop::option::of(0u64..7);
    prop_oneof![
        4 => (field(), terms()).prop_map(|(field, terms)| Test::Words { field, terms }),
        3 => (field(), terms(), 1usize..4).prop_map(|(field, mut terms, keep)| {
            let last = terms.last_mut().unwrap();
            *last = last.chars().take(keep).collect();
            Test::Prefix { field, terms }
        }),
        2 => (field(), some(EMAILS)).prop_map(|(field, email)| Test::Address {
            field,
            address: everpost_domain::text::fold_exact(email),
        }),
        2 => (field(), some(&["org", "example.org", "mail.example.org", "ample.org"])).prop_map(
            |(field, domain)| Test::Domain { field, domain: domain.to_owned() }
        ),
        1 => some(GLOBS).prop_map(|glob| Test::Filename(glob.to_owned())),
        1 => (bound(), bound()).prop_map(|(from, until)| Test::Sent { from, until }),
        1 => Just(Test::Sent { from: Some(i64::MAX), until: Some(i64::MIN) }),
        1 => (length(), length()).prop_map(|(from, until)| Test::Size { from, until }),
        1 => Just(Test::HasAttachment),
        1 => some(&["id@1", "id@3"]).prop_map(|id| Test::MessageId(id.to_owned())),
        1 => Just(Test::Mailbox("even".to_owned())),
        1 => some(&["third", "none"]).prop_map(|name| Test::Folder(name.to_owned())),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    test()
        .prop_map(Query::Test)
        .prop_recursive(4, 12, 3, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Query::And),
                vec(inner.clone(), 0..4).prop_map(Query::Or),
                inner.prop_map(|query| Query::Not(Box::new(query))),
            ]
        })
}

/// Whether the catalog would have `seq` in the set of `test`.
fn in_set(test: &Test, seq: u64) -> bool {
    match test {
        Test::Mailbox(_) => seq.is_multiple_of(2),
        Test::Folder(name) => name == "third" && seq.is_multiple_of(3),
        _ => unreachable!(),
    }
}

/// Every hit, page by page.
fn all_hits(searcher: &Searcher, question: &Question<'_>, order: Order, limit: usize) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    let mut after = None;
    loop {
        let answer = page(searcher, question, order, after, limit).unwrap();
        if answer.hits.is_empty() {
            return hits;
        }
        assert!(answer.hits.len() <= limit);
        after = answer.hits.last().map(Hit::cursor);
        hits.extend(answer.hits);
    }
}

/// Asks and compares with the naive evaluator over `copies`.
fn compare(
    searcher: &Searcher,
    copies: &[Copy],
    query: &Query,
    visible: Option<&RoaringTreemap>,
    hidden: Option<&RoaringTreemap>,
    order: Order,
) {
    let seqs = || copies.iter().map(|copy| copy.seq);
    let sets = |test: &Test| match test {
        Test::Folder(name) if name == "none" => None,
        _ => Some(Arc::new(seqs().filter(|&seq| in_set(test, seq)).collect())),
    };
    let question = Question {
        query,
        sets: &sets,
        visible,
        hidden,
    };
    let whole = page(searcher, &question, order, None, usize::MAX).unwrap();
    let hits = all_hits(searcher, &question, order, 4);
    let seen = |copy: &&Copy| {
        visible.is_none_or(|set| set.contains(copy.seq))
            && hidden.is_none_or(|set| !set.contains(copy.seq))
    };
    let with = |value: Value| -> Vec<&Copy> {
        copies
            .iter()
            .filter(seen)
            .filter(|copy| evaluate(query, copy, &in_set) == value)
            .collect()
    };
    let mut wanted: Vec<Hit> = with(Value::Yes)
        .into_iter()
        .map(|copy| Hit {
            seq: copy.seq,
            sent: copy.head.sent.map_or(0, |sent| sent.unix),
            size: copy.size,
            score: 0,
        })
        .collect();
    wanted.sort_by_key(|hit| (hit.sent, hit.seq));
    if order == Order::NewestFirst {
        wanted.reverse();
    }
    assert_eq!(
        whole.matched,
        wanted.iter().map(|hit| hit.seq).collect(),
        "matched by {query:?}"
    );
    let unknown = with(Value::Unknown)
        .into_iter()
        .map(|copy| copy.seq)
        .collect();
    assert_eq!(whole.unknown, unknown, "unknown to {query:?}");
    assert_eq!(hits, wanted, "hits of {query:?}");
    assert_eq!(whole.hits, wanted);
    // The other order has the same hits, each once.
    let mut scored = all_hits(searcher, &question, Order::Score, 3);
    assert!(scored.is_sorted_by_key(|hit| (!hit.score, !hit.sent, !hit.seq)));
    scored.sort_by_key(|hit| hit.seq);
    wanted.sort_by_key(|hit| hit.seq);
    assert!(
        scored
            .iter()
            .map(|hit| hit.seq)
            .eq(wanted.iter().map(|hit| hit.seq))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn index_answers_as_by_the_book(
        mut copies in vec((copy(), 0usize..3), 0..24),
        queries in vec(query(), 6),
        gone in vec(0u64..72, 0..10),
        shown in prop::option::of(vec(0u64..72, 0..60)),
        newest in any::<bool>(),
        backwards in any::<bool>(),
        cache in some(&[0usize, 100_000, 1 << 24]),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Arc::new(BlockCache::new(cache));
        let order = if newest { Order::NewestFirst } else { Order::OldestFirst };
        for (at, (copy, _)) in copies.iter_mut().enumerate() {
            // Beyond 32 bits too.
            copy.seq = at as u64 * 3 + if at % 5 == 4 { 1 << 33 } else { 0 };
        }
        let hidden: RoaringTreemap = gone.into_iter().collect();
        let visible: Option<RoaringTreemap> = shown.map(|seqs| seqs.into_iter().collect());
        let mut splits = Vec::new();
        for part in 0..3 {
            let some: Vec<Copy> =
                copies.iter().filter(|(_, to)| *to == part).map(|(copy, _)| copy.clone()).collect();
            let built = build(&some, dir.path(), &KEY);
            assert_eq!(built.is_some(), !some.is_empty());
            splits.extend(built.map(|built| open(&built, &KEY, &cache)));
        }
        if backwards {
            splits.reverse();
        }
        let copies: Vec<Copy> = copies.into_iter().map(|(copy, _)| copy).collect();
        let searcher = Searcher::new(splits.clone());
        for query in &queries {
            compare(&searcher, &copies, query, None, None, order);
            compare(&searcher, &copies, query, visible.as_ref(), Some(&hidden), order);
        }
        let merged = merge(&parts(&splits), &hidden, dir.path(), &[9; 32]).unwrap();
        let left: Vec<Copy> =
            copies.into_iter().filter(|copy| !hidden.contains(copy.seq)).collect();
        assert_eq!(merged.is_some(), !left.is_empty());
        let merged: Vec<Arc<Split>> =
            merged.iter().map(|built| open(built, &[9; 32], &cache)).collect();
        if let Some(split) = merged.first() {
            assert_eq!(split.docs(), left.len() as u64);
            assert_eq!(Some(split.seq_min()), left.iter().map(|copy| copy.seq).min());
            assert_eq!(Some(split.seq_max()), left.iter().map(|copy| copy.seq).max());
            split.verify().unwrap();
        }
        let searcher = Searcher::new(merged);
        for query in &queries {
            compare(&searcher, &left, query, None, None, order);
            compare(&searcher, &left, query, visible.as_ref(), None, order);
        }
    }
}

#[test]
fn nothing_in_a_hidden_copy_survives_a_merge() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Arc::new(BlockCache::new(1 << 20));
    let copies: Vec<Copy> = (0..500)
        .map(|seq| plain(seq, &format!("common only{seq} {}", filler(seq, 50))))
        .collect();
    let splits: Vec<Arc<Split>> = copies
        .chunks(100)
        .map(|some| open(&build(some, dir.path(), &KEY).unwrap(), &KEY, &cache))
        .collect();
    let hidden: RoaringTreemap = [3, 250].into_iter().collect();
    let merged = merge(&parts(&splits), &hidden, dir.path(), &KEY)
        .unwrap()
        .unwrap();
    let split = open(&merged, &KEY, &cache);
    let opened = split.opened().unwrap();
    let body = opened
        .reader
        .inverted_index(schema::schema().1.body)
        .unwrap();
    for copy in [&copies[3], &copies[250]] {
        for term in terms_of(&copy.text.body)
            .iter()
            .filter(|term| *term != "common")
        {
            assert!(
                body.terms().get(term).unwrap().is_none(),
                "{term} is still there"
            );
        }
    }
    assert!(body.terms().get("only4").unwrap().is_some());
}
