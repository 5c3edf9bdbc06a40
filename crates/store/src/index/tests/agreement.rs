//! Whatever is indexed and asked, the index answers as the in-memory evaluator does, in all
//! three values, and no operator goes untried.
//!
//! Each run draws new mail and new queries. The seed is printed; `EVERPOST_SEED=N` repeats a
//! run. With `EVERPOST_SOAK=1` a hundred times as many queries are asked.

use super::*;
use everpost_domain::query::{Document, Field, Flag, Operand, Query, Test, Truth, evaluate};
use everpost_domain::text::{Language, fold_exact, terms_of};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use roaring::RoaringTreemap;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

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
    "contract",
    "Contracts",
    "contracted",
    "Verträge",
    "Vertrag",
    "договор",
    "договоры",
    "الكتاب",
    "كتاب",
    "1,234.50",
    "",
];
/// Words of which `stem:` is asked.
const STEMS: &[&str] = &[
    "contract",
    "contracting",
    "vertrage",
    "договору",
    "كتاب",
    "alphas",
    "ann",
    "日本",
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
const FILES: &[&str] = &[
    "alpha.pdf",
    "Alpha beta.PDF",
    "x1",
    "",
    "a*b.txt",
    "été.doc",
];
const GLOBS: &[&str] = &[
    "*.pdf", "alpha*", "?1", "*", "a?p*a*", "x1", "*b*t*", "", "e?e*",
];
const HEADERS: &[&str] = &["x-a", "x-ab"];
const KINDS: &[&str] = &["pdf", "txt", "docx"];

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

fn head() -> impl Strategy<Value = Head> {
    let people = (people(), people(), people(), people(), people());
    let id = prop::option::of(some(&["id@1", "id@2"]));
    let sent = prop::option::of(prop_oneof![-5i64..5, Just(i64::MIN), Just(i64::MAX)]);
    let list = prop::option::of(text(3));
    (text(4), people, vec(some(FILES), 0..3), id, sent, list).prop_map(
        |(subject, (from, sender, to, cc, bcc), files, id, sent, list_id)| Head {
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
            list_id,
            attachments: files.len() as u32,
            filenames: files.into_iter().map(str::to_owned).collect(),
            ..Head::default()
        },
    )
}

fn copy() -> impl Strategy<Value = Copy> {
    let headers = vec((some(HEADERS), text(6)), 0..4);
    let attachments = vec((some(KINDS), prop::option::weighted(0.7, text(6))), 0..3);
    // Most copies are read whole: where nothing is known, nothing disagrees.
    let unread = (prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    let language = prop::option::of(some(&["en", "de"]));
    (
        head(),
        text(24),
        headers,
        attachments,
        unread,
        language,
        (0u64..6, -5i64..5),
    )
        .prop_map(
            |(head, body, headers, attachments, unread, language, (size, held))| Copy {
                seq: 0,
                size,
                head,
                text: SearchText {
                    body,
                    body_unread: unread.0,
                    attachments_unread: unread.1,
                },
                held,
                headers: headers
                    .into_iter()
                    .map(|(name, value)| HeaderLine {
                        name: name.to_owned(),
                        value,
                    })
                    .collect(),
                attachments: attachments
                    .into_iter()
                    .map(|(kind, text)| (kind.to_owned(), text))
                    .collect(),
                language: language.map(str::to_owned),
            },
        )
}

fn field() -> impl Strategy<Value = Field> {
    some(&[
        Field::Any,
        Field::Any,
        Field::Body,
        Field::Body,
        Field::Attachment,
        Field::Attachment,
        Field::Subject,
        Field::From,
        Field::To,
        Field::Cc,
        Field::Bcc,
        Field::Filename,
        Field::List,
    ])
}

fn terms() -> impl Strategy<Value = Vec<String>> {
    text(3)
        .prop_map(|text| terms_of(&text))
        .prop_filter("no terms", |terms| !terms.is_empty())
}

/// Terms whose last is cut short.
fn begun() -> impl Strategy<Value = Vec<String>> {
    (terms(), 1usize..4).prop_map(|(mut terms, keep)| {
        let last = terms.last_mut().unwrap();
        *last = last.chars().take(keep).collect();
        terms
    })
}

fn stem() -> impl Strategy<Value = (Option<Language>, String)> {
    let languages = &[
        None,
        None,
        Some(Language::English),
        Some(Language::German),
        Some(Language::Russian),
        Some(Language::Arabic),
    ];
    (some(languages), some(STEMS)).prop_map(|(language, word)| (language, word.to_owned()))
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![
        // Two words that rarely meet in a text would be near one another hardly ever.
        8 => some(&["alpha", "beta", "ann", "contract", "org"])
            .prop_map(|word| Operand::Words(vec![word.to_owned()])),
        3 => terms().prop_map(Operand::Words),
        1 => begun().prop_map(Operand::Prefix),
        1 => stem().prop_map(|(language, word)| Operand::Stem { language, word }),
    ]
}

/// Tests of words.
fn of_words() -> impl Strategy<Value = Test> {
    prop_oneof![
        4 => (field(), terms()).prop_map(|(field, terms)| Test::Words { field, terms }),
        3 => (field(), begun()).prop_map(|(field, terms)| Test::Prefix { field, terms }),
        3 => (field(), stem()).prop_map(|(field, (language, word))| Test::Stem { field, language, word }),
        5 => (field(), operand(), operand(), 1u32..12).prop_map(
            |(field, left, right, distance)| Test::Near { field, left, right, distance }
        ),
        3 => (some(HEADERS), begun(), any::<bool>()).prop_map(|(name, terms, open)| Test::Header {
            name: name.to_owned(),
            terms,
            open,
        }),
        1 => (some(HEADERS), terms()).prop_map(|(name, terms)| Test::Header {
            name: name.to_owned(),
            terms,
            open: false,
        }),
    ]
}

/// All other tests that a lowered query can hold.
fn of_facts() -> impl Strategy<Value = Test> {
    let bound = || prop::option::of(-6i64..6);
    let length = || prop::option::of(0u64..7);
    let named = |name: &str| name.to_owned();
    prop_oneof![
        3 => (field(), some(EMAILS)).prop_map(|(field, email)| Test::Address {
            field,
            address: fold_exact(email),
        }),
        2 => (field(), some(&["org", "example.org", "mail.example.org", "ample.org"])).prop_map(
            |(field, domain)| Test::Domain { field, domain: domain.to_owned() }
        ),
        2 => some(GLOBS).prop_map(|glob| Test::Filename(glob.to_owned())),
        1 => (bound(), bound()).prop_map(|(from, until)| Test::Sent { from, until }),
        1 => Just(Test::Sent { from: Some(i64::MAX), until: Some(i64::MIN) }),
        1 => (bound(), bound()).prop_map(|(from, until)| Test::Held { from, until }),
        1 => (length(), length()).prop_map(|(from, until)| Test::Size { from, until }),
        1 => Just(Test::HasAttachment),
        3 => some(&["id@1", "id@2", "id@3"]).prop_map(|id| Test::MessageId(id.to_owned())),
        2 => some(&["pdf", "txt", "doc"]).prop_map(move |kind| Test::AttachmentType(named(kind))),
        3 => some(&["de", "en", "fr"]).prop_map(move |code| Test::Language(named(code))),
        1 => Just(Test::Mailbox("even".to_owned())),
        2 => some(&["third", "none"]).prop_map(move |name| Test::Folder(named(name))),
        2 => some(&["third", "none"]).prop_map(move |name| Test::Tag(named(name))),
        2 => some(&["third", "none"]).prop_map(move |name| Test::Server(named(name))),
        2 => some(&[Flag::Read, Flag::Draft]).prop_map(Test::Flag),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    prop_oneof![3 => of_words(), 2 => of_facts()]
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
        Test::Folder(name) | Test::Tag(name) | Test::Server(name) => {
            name == "third" && seq.is_multiple_of(3)
        }
        Test::Flag(flag) => *flag == Flag::Read && seq.is_multiple_of(2),
        _ => unreachable!(),
    }
}

fn truth(query: &Query, copy: &Copy) -> Truth {
    let attachments: Vec<AttachmentText<'_>> = copy.attachment_texts();
    evaluate(
        query,
        &Document {
            head: &copy.head,
            text: &copy.text,
            headers: &copy.headers,
            attachments: &attachments,
            size: copy.size,
            held: copy.held,
            language: copy.language.as_deref(),
            sets: &|test| in_set(test, copy.seq),
        },
    )
}

/// How often an operator was false, unknown and true.
type Met = BTreeMap<String, [u64; 3]>;

/// Counts each part of `query` on its own.
fn count(query: &Query, copies: &[Copy], met: &mut Met) {
    let name = match query {
        Query::And(_) => "And".to_owned(),
        Query::Or(_) => "Or".to_owned(),
        Query::Not(_) => "Not".to_owned(),
        Query::Test(test) => {
            let shown = format!("{test:?}");
            let end = shown.find(|c: char| !c.is_alphanumeric());
            shown[..end.unwrap_or(shown.len())].to_owned()
        }
    };
    let counts = met.entry(name).or_default();
    for copy in copies {
        counts[truth(query, copy) as usize] += 1;
    }
    match query {
        Query::And(list) | Query::Or(list) => {
            list.iter().for_each(|part| count(part, copies, met));
        }
        Query::Not(inner) => count(inner, copies, met),
        Query::Test(_) => {}
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

/// Asks and compares with the evaluator over `copies`.
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
        Test::Folder(name) | Test::Tag(name) | Test::Server(name) if name == "none" => None,
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
    let with = |value: Truth| -> Vec<&Copy> {
        copies
            .iter()
            .filter(seen)
            .filter(|copy| truth(query, copy) == value)
            .collect()
    };
    let mut wanted: Vec<Hit> = with(Truth::True)
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
    let unknown = with(Truth::Unknown)
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

/// Mail, each with the split it goes to, and what is asked of it.
#[derive(Debug, Clone)]
struct Case {
    copies: Vec<(Copy, usize)>,
    queries: Vec<Query>,
    gone: Vec<u64>,
    shown: Option<Vec<u64>>,
    newest: bool,
    backwards: bool,
    cache: usize,
}

fn case() -> impl Strategy<Value = Case> {
    (
        vec((copy(), 0usize..3), 0..24),
        vec(query(), QUERIES),
        vec(0u64..72, 0..10),
        prop::option::of(vec(0u64..72, 0..60)),
        any::<bool>(),
        any::<bool>(),
        some(&[0usize, 100_000, 1 << 24]),
    )
        .prop_map(
            |(copies, queries, gone, shown, newest, backwards, cache)| Case {
                copies,
                queries,
                gone,
                shown,
                newest,
                backwards,
                cache,
            },
        )
}

/// Queries of a case: building splits costs more than asking.
const QUERIES: usize = 6;

/// Queries asked in all, each of some twelve copies; and in the soak tier.
const ASKED: [u32; 2] = [3_000, 100_000];

/// Each operator must be met so often, in hits and in misses.
const LEAST: u64 = 100;

/// Tests that can be unknown.
const OPEN: [&str; 4] = ["Words", "Prefix", "Stem", "Near"];

#[test]
fn index_and_evaluator_agree() {
    let given = std::env::var("EVERPOST_SEED").ok();
    let seed: u64 = given.map_or_else(|| RandomState::new().hash_one(0), |s| s.parse().unwrap());
    let soak = std::env::var_os("EVERPOST_SOAK").is_some();
    let cases = ASKED[usize::from(soak)] / QUERIES as u32;
    println!("EVERPOST_SEED={seed} repeats this run");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let met = RefCell::new(Met::new());
    let outcome = TestRunner::new_with_rng(config, rng).run(&case(), |case| {
        check(&case, &mut met.borrow_mut());
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("EVERPOST_SEED={seed}: {error}");
    }
    let met = met.into_inner();
    // All tests but the two that lowering replaces, and three connectives.
    assert_eq!(met.len(), 23, "{met:?}");
    for (name, [misses, unknown, hits]) in &met {
        println!("{name}: {hits} hits, {misses} misses, {unknown} unknown");
        assert!(
            *hits >= LEAST && *misses >= LEAST,
            "{name}: {hits} hits, {misses} misses"
        );
        let open = OPEN.contains(&name.as_str());
        assert!(!open || *unknown >= LEAST, "{name}: {unknown} unknown");
    }
}

fn check(case: &Case, met: &mut Met) {
    let Case {
        mut copies,
        queries,
        ..
    } = case.clone();
    let dir = tempfile::tempdir().unwrap();
    let cache = Arc::new(BlockCache::new(case.cache));
    let order = if case.newest {
        Order::NewestFirst
    } else {
        Order::OldestFirst
    };
    for (at, (copy, _)) in copies.iter_mut().enumerate() {
        // Beyond 32 bits too.
        copy.seq = at as u64 * 3 + if at % 5 == 4 { 1 << 33 } else { 0 };
    }
    let hidden: RoaringTreemap = case.gone.iter().copied().collect();
    let visible: Option<RoaringTreemap> = case
        .shown
        .as_ref()
        .map(|seqs| seqs.iter().copied().collect());
    let mut splits = Vec::new();
    for part in 0..3 {
        let some: Vec<Copy> = copies
            .iter()
            .filter(|(_, to)| *to == part)
            .map(|(copy, _)| copy.clone())
            .collect();
        let built = build(&some, dir.path(), &KEY);
        assert_eq!(built.is_some(), !some.is_empty());
        splits.extend(built.map(|built| open(&built, &KEY, &cache)));
    }
    if case.backwards {
        splits.reverse();
    }
    let copies: Vec<Copy> = copies.into_iter().map(|(copy, _)| copy).collect();
    let searcher = Searcher::new(splits.clone());
    for query in &queries {
        count(query, &copies, met);
        compare(&searcher, &copies, query, None, None, order);
        compare(
            &searcher,
            &copies,
            query,
            visible.as_ref(),
            Some(&hidden),
            order,
        );
    }
    let merged = merge(&parts(&splits), &hidden, dir.path(), &[9; 32]).unwrap();
    let left: Vec<Copy> = copies
        .into_iter()
        .filter(|copy| !hidden.contains(copy.seq))
        .collect();
    assert_eq!(merged.is_some(), !left.is_empty());
    let merged: Vec<Arc<Split>> = merged
        .iter()
        .map(|built| open(built, &[9; 32], &cache))
        .collect();
    if let Some(split) = merged.first() {
        assert_eq!(split.docs(), left.len() as u64);
        assert_eq!(
            Some(split.seq_min()),
            left.iter().map(|copy| copy.seq).min()
        );
        assert_eq!(
            Some(split.seq_max()),
            left.iter().map(|copy| copy.seq).max()
        );
        split.verify().unwrap();
    }
    let searcher = Searcher::new(merged);
    for query in &queries {
        compare(&searcher, &left, query, None, None, order);
        compare(&searcher, &left, query, visible.as_ref(), None, order);
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
