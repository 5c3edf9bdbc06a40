//! Each operator on copies made for it, and what is told of the copies found.

use super::*;
use everpost_domain::query::{Field, Operand, Query, Test};
use std::collections::BTreeMap;

fn line(name: &str, value: &str) -> HeaderLine {
    HeaderLine {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

fn copies() -> Vec<Copy> {
    let mut near = plain(1, "the fraud was found by an audit of the books");
    near.headers = vec![line("x-spam-flag", "YES"), line("x-other", "audit yes")];
    near.head.list_id = Some("raid.list.example.org".to_owned());
    near.language = Some("en".to_owned());
    let mut attached = plain(2, "see the attachment");
    attached.attachments = vec![
        ("pdf".to_owned(), Some("ends with fraud".to_owned())),
        ("pdf".to_owned(), Some("audit begins this".to_owned())),
    ];
    attached.head.attachments = 2;
    attached.head.from = vec![address("Bob", "Bob@Mail.Example.com")];
    let mut pending = plain(3, "Rechnungen und Prüfung");
    pending.attachments = vec![("docx".to_owned(), None)];
    pending.language = Some("de".to_owned());
    pending.head.to = vec![
        address("fraud", "one@example.org"),
        address("audit", "two@example.org"),
    ];
    let mut cut = plain(4, "audits");
    cut.text.body_unread = true;
    cut.head.sent = None;
    vec![near, attached, pending, cut]
}

fn words(terms: &[&str]) -> Operand {
    Operand::Words(terms.iter().map(|term| (*term).to_owned()).collect())
}

fn near(field: Field, left: Operand, right: Operand, distance: u32) -> Test {
    Test::Near {
        field,
        left,
        right,
        distance,
    }
}

fn prefix(term: &str) -> Operand {
    Operand::Prefix(vec![term.to_owned()])
}

fn stem(word: &str) -> Operand {
    Operand::Stem {
        language: None,
        word: word.to_owned(),
    }
}

fn found(searcher: &Searcher, query: &Query) -> (Vec<u64>, Vec<u64>) {
    let question = Question {
        query,
        sets: &|_| None,
        visible: None,
        hidden: None,
    };
    let page = page(searcher, &question, Order::OldestFirst, None, 100).unwrap();
    (page.matched.iter().collect(), page.unknown.iter().collect())
}

#[test]
fn every_operator_finds_what_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Arc::new(BlockCache::new(1 << 20));
    let searcher = Searcher::new([open(
        &build(&copies(), dir.path(), &KEY).unwrap(),
        &KEY,
        &cache,
    )]);
    let header = |name: &str, terms: &[&str], open: bool| Test::Header {
        name: name.to_owned(),
        terms: terms.iter().map(|term| (*term).to_owned()).collect(),
        open,
    };
    let body = |word: &str| Test::Words {
        field: Field::Body,
        terms: vec![word.to_owned()],
    };
    let cases: Vec<(Test, &[u64], &[u64])> = vec![
        // fraud was found by an audit: five apart, either way.
        (
            near(Field::Body, words(&["fraud"]), words(&["audit"]), 5),
            &[1],
            &[4],
        ),
        (
            near(Field::Body, words(&["audit"]), words(&["fraud"]), 5),
            &[1],
            &[4],
        ),
        (
            near(Field::Body, words(&["fraud"]), words(&["audit"]), 4),
            &[],
            &[4],
        ),
        (
            near(
                Field::Body,
                words(&["the", "fraud"]),
                words(&["audit", "of"]),
                5,
            ),
            &[1],
            &[4],
        ),
        (
            near(Field::Body, words(&["the", "fraud"]), prefix("fou"), 2),
            &[1],
            &[4],
        ),
        (
            near(Field::Body, stem("frauds"), stem("audited"), 5),
            &[1],
            &[4],
        ),
        (
            near(Field::Body, words(&["the"]), words(&["the"]), 7),
            &[],
            &[4],
        ),
        (
            near(Field::Body, words(&["the"]), words(&["the"]), 8),
            &[1],
            &[4],
        ),
        (
            near(Field::Body, words(&["missing"]), prefix("au"), 9),
            &[],
            &[4],
        ),
        // Two attachments, two people: no value holds both.
        (
            near(
                Field::Attachment,
                words(&["fraud"]),
                words(&["audit"]),
                4000,
            ),
            &[],
            &[3],
        ),
        (
            near(Field::To, words(&["fraud"]), words(&["audit"]), 4000),
            &[],
            &[],
        ),
        (
            near(Field::Attachment, words(&["ends"]), words(&["fraud"]), 2),
            &[2],
            &[3],
        ),
        (body("fraud"), &[1], &[4]),
        (
            Test::Words {
                field: Field::Attachment,
                terms: vec!["fraud".to_owned()],
            },
            &[2],
            &[3],
        ),
        // Found is found, whatever else was not read.
        (
            Test::Words {
                field: Field::Any,
                terms: vec!["fraud".to_owned()],
            },
            &[1, 2, 3],
            &[4],
        ),
        (
            Test::Stem {
                field: Field::Body,
                language: None,
                word: "audit".to_owned(),
            },
            &[1, 4],
            &[],
        ),
        (
            Test::Words {
                field: Field::List,
                terms: vec!["list".to_owned(), "example".to_owned()],
            },
            &[1],
            &[],
        ),
        (header("x-spam-flag", &["yes"], false), &[1], &[]),
        (header("x-other", &["audit", "ye"], true), &[1], &[]),
        (header("x-spam-flag", &["audit"], false), &[], &[]),
        (Test::AttachmentType("pdf".to_owned()), &[2], &[]),
        (Test::AttachmentType("doc".to_owned()), &[], &[]),
        (Test::Language("de".to_owned()), &[3], &[]),
        (
            Test::Held {
                from: Some(2002),
                until: Some(2004),
            },
            &[2, 3],
            &[],
        ),
        (
            Test::Held {
                from: None,
                until: Some(i64::MIN),
            },
            &[],
            &[],
        ),
        (
            Test::Sent {
                from: None,
                until: None,
            },
            &[1, 2, 3],
            &[],
        ),
        (
            Test::Sent {
                from: Some(1002),
                until: None,
            },
            &[2, 3],
            &[],
        ),
    ];
    for (test, holds, unknown) in cases {
        let query = Query::Test(test);
        let got = found(&searcher, &query);
        assert_eq!(got, (holds.to_vec(), unknown.to_vec()), "{query:?}");
    }
    let age = Query::Test(Test::Age {
        from: None,
        until: None,
    });
    let question = Question {
        query: &age,
        sets: &|_| None,
        visible: None,
        hidden: None,
    };
    assert!(searcher.matches(&question).is_err(), "not lowered");
}

fn scored(searcher: &Searcher, query: &Query) -> Vec<(u64, u32)> {
    let question = Question {
        query,
        sets: &|_| None,
        visible: None,
        hidden: None,
    };
    let hits = searcher
        .matches(&question)
        .unwrap()
        .page(Order::Score, None, 100)
        .unwrap();
    hits.iter().map(|hit| (hit.seq, hit.score)).collect()
}

#[test]
fn scores_do_not_depend_on_how_documents_are_spread() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Arc::new(BlockCache::new(1 << 20));
    let copies: Vec<Copy> = (0..60)
        .map(|seq| {
            let body = format!("budget {}", "report ".repeat(seq as usize % 7));
            let mut copy = plain(seq, &format!("{body} {}", filler(seq, seq as usize)));
            if seq == 40 {
                copy.head.subject = "the report".to_owned();
            }
            copy
        })
        .collect();
    let split = |some: &[Copy]| open(&build(some, dir.path(), &KEY).unwrap(), &KEY, &cache);
    let any = |term: &str| {
        Query::Test(Test::Words {
            field: Field::Any,
            terms: vec![term.to_owned()],
        })
    };
    let query = Query::And(vec![
        any("budget"),
        Query::Or(vec![any("report"), any("none")]),
        Query::Not(Box::new(any("missing"))),
    ]);
    let one = scored(&Searcher::new([split(&copies)]), &query);
    assert_eq!(
        one.first().map(|hit| hit.0),
        Some(40),
        "a word of the subject: {one:?}"
    );
    assert!(one.windows(2).any(|two| two[0].1 > two[1].1));
    let (some, others) = copies.split_at(23);
    assert_eq!(
        scored(&Searcher::new([split(others), split(some)]), &query),
        one
    );
    // Replaced documents weigh nothing.
    let mut old = copies[..10].to_vec();
    old.iter_mut()
        .for_each(|copy| copy.text.body = "budget report report".to_owned());
    let dead = Part {
        split: split(&old),
        dead: Arc::new((0..10).collect()),
    };
    assert_eq!(
        scored(
            &Searcher::new([Part::from(split(&copies)), dead.clone()]),
            &query
        ),
        one
    );
    let merged = merge(
        &[split(&copies).into(), dead],
        &Default::default(),
        dir.path(),
        &KEY,
    );
    let merged = open(&merged.unwrap().unwrap(), &KEY, &cache);
    assert_eq!(merged.docs(), 60);
    assert_eq!(scored(&Searcher::new([merged]), &query), one);
}

#[test]
fn facets_and_months_add_up() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Arc::new(BlockCache::new(1 << 20));
    const DAY: i64 = 86_400;
    let mut copies = copies();
    for seq in 10..400 {
        let mut copy = plain(seq, "more");
        copy.head.sent = Some(Sent {
            unix: (seq as i64 - 200) * DAY * 11 - 1,
            offset_minutes: 0,
        });
        copy.head.from = vec![address("", &format!("p{}@d{}.org", seq % 40, seq % 9))];
        copies.push(copy);
    }
    let splits: Vec<Arc<Split>> = copies
        .chunks(150)
        .map(|some| open(&build(some, dir.path(), &KEY).unwrap(), &KEY, &cache))
        .collect();
    let searcher = Searcher::new(splits);
    let everything = Query::And(Vec::new());
    let question = Question {
        query: &everything,
        sets: &|_| None,
        visible: None,
        hidden: None,
    };
    let mut matches = searcher.matches(&question).unwrap();
    // 1, 10 and 200 are copies of one message.
    let groups = searcher
        .groups(&[1, 10, 200].into_iter().collect(), 1, |_| Some(0))
        .unwrap();
    let folded = matches.fold(&groups, Order::NewestFirst, true);
    assert_eq!(folded.hits, copies.len() as u64 - 2);
    copies.retain(|copy| copy.seq != 1 && copy.seq != 10);
    assert_eq!(matches.count(), copies.len() as u64);
    let facets = matches.facets(1000).unwrap();
    let count = |of: &dyn Fn(&Copy) -> Option<String>| {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for value in copies.iter().filter_map(of) {
            *counts.entry(value).or_default() += 1;
        }
        counts
    };
    let as_map = |facets: &[Facet]| -> BTreeMap<String, u64> {
        assert!(facets.is_sorted_by_key(|facet| !facet.count));
        facets
            .iter()
            .map(|facet| (facet.value.clone(), facet.count))
            .collect()
    };
    let sender = |copy: &Copy| Some(copy.head.from[0].email.to_lowercase());
    assert_eq!(as_map(&facets.sender), count(&sender));
    assert_eq!(
        as_map(&facets.domain),
        count(&|copy| Some(sender(copy)?.split_once('@')?.1.to_owned()))
    );
    let month = |copy: &Copy| {
        let (year, month, ..) = everpost_domain::message::civil(copy.head.sent?.unix);
        Some((year, month))
    };
    assert_eq!(
        as_map(&facets.year),
        count(&|copy| Some(month(copy)?.0.to_string()))
    );
    assert_eq!(
        as_map(&facets.kind),
        [("pdf".into(), 1), ("docx".into(), 1)].into()
    );
    assert_eq!(as_map(&facets.language), [("de".into(), 1)].into());
    let months = matches.months();
    let mut wanted: BTreeMap<(i64, u8), u64> = BTreeMap::new();
    for month in copies.iter().filter_map(month) {
        *wanted.entry(month).or_default() += 1;
    }
    assert_eq!(months.months, wanted.into_iter().collect::<Vec<_>>());
    assert_eq!(months.undated, 1);
    let top = matches.facets(3).unwrap();
    assert_eq!(top.sender, facets.sender[..3]);

    // Addresses as somebody types them.
    let suggest = |prefix: &str, visible: Option<&RoaringTreemap>| {
        let hidden = [1].into_iter().collect();
        let found = searcher.suggest(prefix, visible, Some(&hidden), 3).unwrap();
        found
            .into_iter()
            .map(|one| (one.address, one.count))
            .collect::<Vec<_>>()
    };
    assert_eq!(suggest("TWO", None), [("two@example.org".into(), 1)]);
    assert_eq!(
        suggest("bob@mail.ex", None),
        [("bob@mail.example.com".into(), 1)]
    );
    assert_eq!(suggest("two", Some(&[2].into_iter().collect())), []);
    assert_eq!(suggest("nobody", None), []);
    assert_eq!(suggest("p1", None).len(), 3);
    // By a word of the name of its owner.
    assert_eq!(
        suggest("an", Some(&[3].into_iter().collect())),
        [("ann@example.org".into(), 1)]
    );
}
