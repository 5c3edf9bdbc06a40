//! The evaluator, reasons and lowering by example.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

use super::*;
use crate::message::{Attachment, Head, HeaderLine, SearchText};
use crate::message::{attachments, scan, searchable_headers};
use crate::text::{fold_exact, language_of};
use proptest::prelude::*;

const MAIL: &str = "\
From: Ann Lee <ann@mail.example.org>
Sender: office@example.org
To: \"Legal Team\" <legal@example.net>, Bob <bob@example.com>
Cc: cara@example.com
Subject: Merger of Alpha and Beta
Date: Mon, 15 Jan 2024 10:30:00 +0000
Message-ID: <m1@example.org>
List-Id: The board <board.example.org>
X-Mailer: The Bat! (v3.0)
X-Spam-Flag: YES
Content-Type: multipart/mixed; boundary=b

--b

Dear all, the contracts were signed. Fraud was not found by the external audit of 2023.
The closing is in March; we met the investors in \u{6771}\u{4eac}\u{90fd} yesterday.
--b
Content-Type: text/csv; name=\"Price list.csv\"

item,price,currency
--b
Content-Type: application/pdf; name=scan.pdf

x
--b--
";

struct Copy {
    head: Head,
    text: SearchText,
    headers: Vec<HeaderLine>,
    attachments: Vec<Attachment>,
}

fn copy(raw: &str) -> Copy {
    let raw = raw.as_bytes();
    let structure = scan(raw);
    Copy {
        head: Head::read(raw, &structure),
        text: SearchText::read(raw, &structure),
        headers: searchable_headers(raw, &structure),
        attachments: attachments(raw, &structure),
    }
}

impl Copy {
    fn with<T>(&self, ask: impl FnOnce(&Document<'_>) -> T) -> T {
        let list: Vec<AttachmentText<'_>> = self
            .attachments
            .iter()
            .map(|one| AttachmentText {
                name: one.name.as_deref(),
                kind: &one.kind,
                text: one.text.as_deref(),
                cut: one.cut,
            })
            .collect();
        ask(&Document {
            head: &self.head,
            text: &self.text,
            headers: &self.headers,
            attachments: &list,
            size: 1_000,
            held: 1_705_314_600,
            language: language_of(&self.text.body),
            sets: &|test| matches!(test, Test::Tag(name) if name == "privileged"),
        })
    }

    fn truth(&self, text: &str) -> Truth {
        let query = parse(text).unwrap_or_else(|e| panic!("{}", e.pretty(text)));
        self.with(|document| evaluate(&query, document))
    }
}

#[test]
fn tests_of_one_copy() {
    let mut read = copy(MAIL);
    read.attachments[1].text = Some("Scanned page of the merger agreement".into());
    let holds = [
        "merger",
        "MERGER alpha",
        "\"alpha and beta\"",
        "contract*",
        "stem:contract",
        "stem:en:sign",
        "fraud NEAR/8 audit",
        "audit NEAR/8 fraud",
        "\"not found\" NEAR/3 \"external audit\"",
        "subject:(alpha NEAR/2 beta)",
        "(theft OR fraud) NEAR/10 audit*",
        "東京",
        "都",
        "京都 NEAR/3 yesterday",
        "from:ann@mail.example.org",
        "from:@example.org",
        "from:office",
        "to:\"legal team\"",
        "to:cara",
        "any:@example.com",
        "filename:*.pdf",
        "filename:\"price list.csv\"",
        "filename:price",
        "type:csv",
        "type:pdf",
        "attachment:currency",
        "attachment:(page NEAR/3 merger)",
        "currency",
        "list:board",
        "header:x-mailer:\"the bat\"",
        "header:x-spam-flag:yes",
        "header:x-mailer:v3",
        "lang:en",
        "has:attachment",
        "sent:2024-01-15",
        "held:2024-01",
        "size:1000",
        "msgid:m1@example.org",
        "tag:privileged",
        "-tag:other",
        "*",
        "-(-merger)",
        "body:closing",
        "merger OR nothing",
        "body:(in NEAR/1 march)",
    ];
    for text in holds {
        assert_eq!(read.truth(text), Truth::True, "{text}");
    }
    let fails = [
        "nothing",
        "\"beta and alpha\"",
        "contract",
        "stem:contrast",
        "fraud NEAR/2 audit",
        "subject:(alpha NEAR/1 beta)",
        "subject:closing",
        "body:merger",
        "body:currency",
        "attachment:closing",
        "from:bob",
        "from:@ample.org",
        "to:ann",
        "to-only:cara",
        "type:doc",
        "filename:scan",
        "board NEAR/1 the",
        "any:bat",
        "header:x-mailer:yes",
        "header:x-other:yes",
        "lang:de",
        "sent:2023",
        "held<2024",
        "size>1000",
        "msgid:m2@example.org",
        "is:read",
        "-*",
        "list:beta",
        "team NEAR/9 bob",
        "currency NEAR/9 scanned",
        "merger NEAR/5 merger",
        "group:x -x",
    ];
    for text in fails.iter().filter(|text| !text.contains("group:")) {
        assert_eq!(read.truth(text), Truth::False, "{text}");
        assert_eq!(read.truth(&format!("-({text})")), Truth::True, "{text}");
    }
}

#[test]
fn what_was_not_read_is_unknown() {
    let mut copy = copy(MAIL);
    for text in [
        "nothing",
        "attachment:nothing",
        "stem:nothing",
        "noth*",
        "a NEAR/2 nothing",
        "-nothing",
        "merger nothing",
    ] {
        assert_eq!(copy.truth(text), Truth::Unknown, "{text}");
    }
    for text in [
        "body:nothing",
        "subject:nothing",
        "type:doc",
        "nothing -merger",
        "header:x-a:nothing",
    ] {
        assert_eq!(copy.truth(text), Truth::False, "{text}");
    }
    assert_eq!(copy.truth("merger OR nothing"), Truth::True);
    assert_eq!(copy.truth("-(merger nothing) OR beta"), Truth::True);
    copy.attachments[1].text = Some(String::new());
    assert_eq!(copy.truth("nothing"), Truth::False);
    copy.attachments[1].cut = true;
    assert_eq!(copy.truth("nothing"), Truth::Unknown);
    copy.attachments[1].cut = false;
    copy.text.body_unread = true;
    assert_eq!(copy.truth("body:nothing"), Truth::Unknown);
    assert_eq!(copy.truth("attachment:nothing"), Truth::False);
    copy.text.body_unread = false;
    copy.attachments.clear();
    assert_eq!(copy.truth("attachment:nothing"), Truth::Unknown);
    assert_eq!(copy.truth("age>1d"), Truth::Unknown);
}

#[test]
fn reasons() {
    let copy = copy(MAIL);
    let query = parse("stem:contract attachment:price from:@example.org filename:*.csv header:x-mailer:bat -draft (nothing OR lang:en) subject:merger").unwrap();
    let reasons = copy.with(|document| why(&query, document));
    let shown: Vec<(Truth, Option<(Source, &str)>)> = reasons
        .iter()
        .map(|r| {
            (
                r.truth,
                r.met.as_ref().map(|m| (m.source.clone(), m.text.as_str())),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            (Truth::True, Some((Source::Field(Field::Body), "contracts"))),
            (Truth::True, Some((Source::Attachment(0), "price"))),
            (
                Truth::True,
                Some((Source::Field(Field::From), "ann@mail.example.org"))
            ),
            (
                Truth::True,
                Some((Source::Field(Field::Filename), "Price list.csv"))
            ),
            (
                Truth::True,
                Some((Source::Header("x-mailer".into()), "Bat"))
            ),
            (Truth::Unknown, None),
            (Truth::True, None),
            (Truth::True, Some((Source::Field(Field::Subject), "Merger"))),
        ]
    );
    let body = reasons[0].met.as_ref().unwrap();
    assert_eq!(&copy.text.body[body.range.clone()], "contracts");
}

struct World;

impl Facts for World {
    fn now(&self) -> i64 {
        1_000_000
    }

    fn names(&self, of: Named) -> Vec<String> {
        let names: &[&str] = match of {
            Named::Group => &["Brokers", "Legal Team"],
            Named::Tag => &["Privilégié"],
            Named::Server => &[],
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn members(&self, group: &str) -> Vec<String> {
        assert_eq!(group, "Brokers");
        vec!["Ann@Example.org".into(), "@example.net".into()]
    }
}

#[test]
fn lowering() {
    let lower = |text: &str| parse(text).unwrap().lower(&World);
    let shown = |text: &str| print(&lower(text).unwrap());
    assert_eq!(
        shown("group:brokers x"),
        "(any:ann@example.org OR any:@example.net) x"
    );
    assert_eq!(
        shown("-from:group:BROKERS"),
        "-(from:ann@example.org OR from:@example.net)"
    );
    assert_eq!(
        shown("tag:privilegie size>1 (a OR b)"),
        "tag:privilegie size>1 (a OR b)"
    );
    let error = |text: &str| lower(text).unwrap_err();
    assert_eq!(error("group:broker").what, "there is no group `broker`");
    assert_eq!(error("group:broker").hint, "did you mean `group:brokers`?");
    assert_eq!(error("a -tag:secret").hint, "the tags are Privilégié");
    assert_eq!(error("server:x").hint, "there are no servers yet");
}

proptest! {
    /// An age holds of an instant exactly if it lies so far back.
    #[test]
    fn ages_are_instants(age in 0u64..2_000_000, from in prop::option::of(0u64..2_000_000), until in prop::option::of(0u64..2_000_000)) {
        let query = Query::Test(Test::Age { from, until });
        let Query::Test(Test::Held { from: first, until: last }) = query.lower(&World).unwrap() else {
            panic!("not lowered");
        };
        let held = 1_000_000 - age as i64;
        let by_age = from.is_none_or(|f| age >= f) && until.is_none_or(|u| age < u);
        let by_instant = first.is_none_or(|f| held >= f) && last.is_none_or(|l| held < l);
        prop_assert_eq!(by_age, by_instant);
    }

    /// `NEAR` by its definition, over words that are single terms.
    #[test]
    fn near_is_what_it_says(words in prop::collection::vec("[abcd]", 0..14), distance in 1u32..6, phrase in any::<bool>()) {
        let text = words.join(" ");
        let left: &[&str] = if phrase { &["a", "b"] } else { &["a"] };
        let query = format!("body:(\"{}\" NEAR/{distance} c)", left.join(" "));
        let starts = |row: &[&str]| -> Vec<i64> {
            (0..words.len())
                .filter(|&at| row.iter().enumerate().all(|(i, w)| words.get(at + i).is_some_and(|x| x == w)))
                .map(|at| at as i64)
                .collect()
        };
        let expected = starts(left).iter().any(|&l| {
            let end = l + left.len() as i64 - 1;
            starts(&["c"]).iter().any(|&r| {
                let gap = if r > end { r - end } else { l - r };
                gap >= 1 && gap <= i64::from(distance)
            })
        });
        let copy = copy(&format!("Subject: x\n\n{text}"));
        prop_assert_eq!(copy.truth(&query), Truth::from(expected), "{} in {}", query, text);
    }

    /// No document and no query makes the evaluator panic, negation is the other side, and
    /// where a test of words holds there is a place where it was met.
    #[test]
    fn any_mail_is_evaluated(body in any::<String>(), subject in any::<String>(), words in "[a-z日é]{1,3}( [a-z日]{1,2}){0,2}") {
        let copy = copy(&format!("Subject: {subject}\nX-A: {subject}\n\n{body} {words} {body}"));
        for text in [format!("\"{words}\""), format!("\"{words}\" NEAR/3 x"), "stem:x".into(), "header:x-a:x".into()] {
            let Ok(query) = parse(&text) else { continue };
            let truth = copy.with(|document| evaluate(&query, document));
            let negated = copy.with(|document| evaluate(&Query::negate(query.clone()), document));
            prop_assert_eq!(negated, !truth);
            let reasons = copy.with(|document| why(&query, document));
            prop_assert_eq!(reasons.iter().any(|r| r.met.is_some()), truth == Truth::True);
        }
        prop_assert!(fold_exact(&words).is_empty() || copy.truth(&format!("\"{words}\"")) == Truth::True);
    }
}
