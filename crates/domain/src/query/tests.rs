//! The query language by example.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

use super::*;
use crate::text::Language;

/// The canonical text of `text`, which must read as the same query.
#[track_caller]
fn canonical(text: &str) -> String {
    let query = parse(text).unwrap_or_else(|e| panic!("{}", e.pretty(text)));
    let printed = print(&query);
    assert_eq!(
        parse(&printed).as_ref(),
        Ok(&query),
        "{text:?} printed as {printed:?}"
    );
    printed
}

#[track_caller]
fn same(text: &str, expected: &str) {
    assert_eq!(canonical(text), expected, "{text:?}");
}

#[track_caller]
fn wrong(text: &str, at: usize, len: usize, what: &str) {
    let error = parse(text).expect_err(text);
    assert!(error.what.contains(what), "{text:?}: {error:?}");
    assert_eq!((error.at, error.len), (at, len), "{}", error.pretty(text));
}

fn test(text: &str) -> Test {
    match parse(text).unwrap() {
        Query::Test(test) => test,
        other => panic!("{other:?}"),
    }
}

fn terms(list: &[&str]) -> Vec<String> {
    list.iter().map(|t| t.to_string()).collect()
}

#[test]
fn everything() {
    for text in ["", "  \n", "*", "* *"] {
        assert_eq!(parse(text), Ok(Query::And(vec![])));
    }
    same("a -*", "a -*");
    same("a *", "a");
}

#[test]
fn words_and_operators() {
    same("Merger acquisition", "merger acquisition");
    same("a AND b OR c", "a b OR c");
    same("a (b OR c) d", "a (b OR c) d");
    same("a (b AND (c d))", "a b c d");
    same("(((a)))", "a");
    same("NOT a --b -(c OR d)", "-a b -(c OR d)");
    same("-\"A b\" or AND and", "-\"a b\" or and");
    same(
        "e-mail x_y don't 3.5",
        "\"e mail\" \"x y\" \"don t\" \"3 5\"",
    );
    same("\u{201c}Exact Phrase\u{201d}", "\"exact phrase\"");
    same("\"quote \\\" in\"", "\"quote in\"");
    same("ann@example.org", "\"ann example org\"");
    same(
        "http://example.org/a?b 12:30",
        "\"http example org a b\" \"12 30\"",
    );
    same("foo(bar)\"b z\"-c", "foo bar \"b z\" -c");
}

#[test]
fn prefixes() {
    assert_eq!(
        test("pre*"),
        Test::Prefix {
            field: Field::Any,
            terms: terms(&["pre"])
        }
    );
    same("\"Annual rep*\"", "\"annual rep*\"");
    same("foo-ba*", "\"foo ba*\"");
    same("\"*** spam ***\"", "spam");
    wrong("a*", 0, 2, "at least 2");
    wrong("*foo", 0, 4, "end of a word");
    wrong("f*o", 0, 3, "end of a word");
    wrong("x \"foo* bar\"", 2, 10, "end of a word");
    wrong("\"foo bar\"*", 9, 1, "belongs to nothing");
    same("日*", "日");
    same("日本*", "日本*");
    assert_eq!(
        test("猫"),
        Test::Prefix {
            field: Field::Any,
            terms: terms(&["猫"])
        }
    );
    same("日本語", "\"日本 本語\"");
    same("filename:猫 from:\"x 猫\"", "filename:猫 from:\"x 猫\"");
}

#[test]
fn fields() {
    same(
        "From:Ann SUBJECT:(merger OR acquisition -draft)",
        "from:ann (subject:merger OR subject:acquisition -subject:draft)",
    );
    let field = Field::From;
    assert_eq!(
        test("from:Ann@Example.org"),
        Test::Address {
            field,
            address: "ann@example.org".into()
        }
    );
    assert_eq!(test("from:<ann@example.org>"), test("from:ann@example.org"));
    assert_eq!(
        test("from:@Example.org"),
        Test::Domain {
            field,
            domain: "example.org".into()
        }
    );
    assert_eq!(
        test("from:example.org"),
        Test::Words {
            field,
            terms: terms(&["example", "org"])
        }
    );
    assert_eq!(
        test("any:@x.org"),
        Test::Domain {
            field: Field::Any,
            domain: "x.org".into()
        }
    );
    same("from:\"ann@example.org\"", "from:\"ann example org\"");
    same("from:ann@exam*", "from:\"ann exam*\"");
    same("any:ann", "ann");
    wrong("from:*@example.org", 5, 13, "end of a word");
    wrong("from:@", 5, 1, "not a domain");
    same("to:Ann", "to:ann");
    same("-to:ann x", "-to:ann x");
    same("to:(ann bob)", "to:ann to:bob");
    same("to:(ann OR bob) x", "(to:ann OR to:bob) x");
    same(
        "cc:z OR to:\"legal team\" OR b",
        "cc:z OR to:\"legal team\" OR b",
    );
    same("to-only:a@b.c OR bcc:q", "to-only:a@b.c OR bcc:q");
    same("to:@b.c", "to:@b.c");
    match parse("to:ann").unwrap() {
        Query::Or(list) => assert_eq!(list.len(), 3),
        other => panic!("{other:?}"),
    }
    same(
        "has:attachment has:Attachments",
        "has:attachment has:attachment",
    );
    wrong("has:stars", 4, 5, "does not know");
    assert_eq!(test("msgid:<A.b@c>"), Test::MessageId("A.b@c".into()));
    assert_eq!(
        test("mailbox:Ann@Example.org"),
        Test::Mailbox("ann@example.org".into())
    );
    assert_eq!(test("in:inbox"), Test::Folder("INBOX".into()));
    same("in:\"Old (2019)\\\\x\"", "in:\"Old (2019)\\\\x\"");
    same("in:< in:>x in:\"\\\"\"", "in:< in:>x in:\"\\\"\"");
    same("msgid:// http://x", "msgid:// \"http x\"");
    same("in:Archive/2024", "in:Archive/2024");
}

#[test]
fn file_names() {
    assert_eq!(test("filename:*.PDF"), Test::Filename("*.pdf".into()));
    same(
        "filename:\"Annual Report***?.doc\"",
        "filename:\"annual report*?.doc\"",
    );
    same("filename:report.pdf", "filename:\"report pdf\"");
    same("filename:rep*", "filename:rep*");
    same(
        "filename:(*.pdf OR *.docx)",
        "filename:*.pdf OR filename:*.docx",
    );
}

#[test]
fn dates() {
    same("sent:2024", "sent:2024");
    same("date:2024/1/5", "sent:2024-01-05");
    same("sent:2024-01..2024-03", "sent:2024-01..2024-03");
    same("sent:2024..2024-03", "sent:2024-01..2024-03");
    same("sent:2024-02-29..", "sent:2024-02-29..");
    same("sent:..2023", "sent:..2023");
    same(
        "sent:>2024-01-01 sent>=2024 sent:<2024 sent<=2024",
        "sent:2024-01-02.. sent:2024.. sent:..2023 sent:..2024",
    );
    same(
        "before:2024-02-01 after:2024-01",
        "sent:..2024-01 sent:2024..",
    );
    same(
        "sent:2024-01-15T12:00:00+02:00",
        "sent:2024-01-15T10:00:00Z",
    );
    same(
        "sent:2024-01-15T10:00Z",
        "sent:2024-01-15T10:00:00Z..2024-01-15T10:00:59Z",
    );
    same("sent:2016-12-31T23:59:60.5Z", "sent:2017-01-01T00:00:00Z");
    same("sent:0000..9999", "sent:0000..9999");
    let (from, until) = (Some(1_704_067_200), Some(1_706_745_600));
    assert_eq!(test("sent:2024-01"), Test::Sent { from, until });
    wrong("x sent:2024-13", 7, 7, "no month 13");
    wrong("sent:2023-02-29", 5, 10, "2023-02 has 28 days");
    wrong("sent:yesterday", 5, 9, "not a date");
    wrong("sent:2024..2023", 5, 10, "ends before");
    wrong("sent:..", 5, 2, "needs a first");
    wrong("sent:>9999", 5, 5, "outside");
    wrong("before:0000-01-01T00:00:00+05:00", 7, 25, "outside");
    wrong("sent:<0000", 5, 5, "outside");
    wrong("before:0000", 7, 4, "outside");
    wrong("after:2024..2025", 6, 10, "not a date");
}

#[test]
fn calendar() {
    // Every day of nine centuries, against counting.
    let first = date::parse("1600-01-01").ok().unwrap().0.unwrap();
    for day in 0..330_000 {
        let from = first + day * 86_400;
        let text = date::print((Some(from), Some(from + 86_400)));
        assert_eq!(
            date::parse(&text).ok().unwrap(),
            (Some(from), Some(from + 86_400)),
            "{text}"
        );
    }
    assert_eq!(
        date::parse("1970").ok().unwrap(),
        (Some(0), Some(365 * 86_400))
    );
    assert_eq!(
        date::parse("1600-01-01").ok().unwrap().0,
        Some(-11_676_096_000)
    );
}

#[test]
fn sizes() {
    assert_eq!(
        test("size>5MB"),
        Test::Size {
            from: Some(5_000_001),
            until: None
        }
    );
    same("size:>5MB", "size>5MB");
    same("size>=5mb", "size>=5MB");
    same("size<1KiB", "size<1KiB");
    same("size<=1KiB", "size<=1KiB");
    same("size:10kB..2MB", "size:10kB..2MB");
    same("size:10kB..", "size>=10kB");
    same("size:..2048", "size<=2KiB");
    same("size:1.5MiB", "size:1536KiB");
    same("size:0", "size:0");
    same("size:>=0", "size>=0");
    same("size<0", "size<0");
    same("size>18446744073709551614", "size>=18446744073709551615");
    wrong("size>18446744073709551615", 4, 21, "too large");
    wrong("size>99999999999GiB", 4, 15, "too large");
    wrong("size>5XB", 4, 4, "not a size");
    wrong("size:5.", 5, 2, "not a size");
    wrong("size:2MB..1MB", 5, 8, "ends before");
    wrong("size> 5", 0, 5, "nothing follows");
}

#[test]
fn faults() {
    wrong(
        "é form:ann",
        2,
        5,
        "unknown field `form:`; did you mean `from:`?",
    );
    wrong("colour:x", 0, 7, "unknown field `colour:`");
    wrong("Re: hello", 0, 3, "unknown field");
    wrong("from: ann", 0, 5, "nothing follows `from:`");
    wrong("from:\"\"", 5, 2, "no letter");
    wrong("mailbox:\"\"", 8, 2, "empty");
    wrong("from>ann", 0, 5, "cannot be compared");
    wrong("a \"b c", 2, 1, "never closed");
    wrong("a (b", 2, 1, "never closed");
    wrong("(", 0, 1, "never closed");
    wrong("from:(", 5, 1, "never closed");
    wrong("a b)", 3, 1, "closes nothing");
    wrong("()", 1, 1, "missing before");
    wrong("a OR", 4, 0, "ends where");
    wrong("AND a", 0, 3, "both sides");
    wrong("a OR AND b", 5, 3, "both sides");
    wrong("a NOT", 5, 0, "ends where");
    wrong("from:(a to:b)", 8, 3, "inside the values");
    wrong("smith & sons", 6, 1, "no letter");
    wrong(&"x".repeat(300), 0, 300, "longer than 255 bytes");
    let hint = parse("colour:x").unwrap_err().hint.unwrap();
    assert!(hint.contains("from, to, to-only"), "{hint}");
}

#[test]
fn a_fault_is_shown_under_the_text() {
    let source = "日本 form:ann";
    assert_eq!(
        parse(source)
            .unwrap_err()
            .pretty(source)
            .lines()
            .take(3)
            .collect::<Vec<_>>(),
        [
            "日本 form:ann",
            "     ^^^^^",
            "unknown field `form:`; did you mean `from:`?"
        ]
    );
    let source = format!("{} (", "a ".repeat(100));
    let shown = parse(&source).unwrap_err().pretty(&source);
    assert!(shown.starts_with("… a a"), "{shown}");
    assert_eq!(
        parse("a OR").unwrap_err().pretty("a OR").lines().nth(1),
        Some("    ^")
    );
}

#[test]
fn limits() {
    let what = |text: &str| parse(text).expect_err("over a limit").what;
    assert!(parse(&"a ".repeat(limit::TESTS)).is_ok());
    assert!(what(&"a ".repeat(limit::TESTS + 1)).contains("256 tests"));
    assert!(what(&"to:a ".repeat(86)).contains("256 tests"));
    let nested = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&nested(64)).is_ok());
    assert!(what(&nested(65)).contains("more than 64"));
    assert!(what(&nested(8000)).contains("more than 64"));
    assert!(what(&"(".repeat(16_000)).contains("more than 64"));
    assert!(what(&"-".repeat(16_000)).contains("more than 64"));
    assert!(what(&"NOT ".repeat(4_000)).contains("more than 64"));
    assert!(what(&"a".repeat(16_385)).contains("longer than 16384 bytes"));
    // Short as typed, long as kept.
    let name = "filename:(".to_owned() + &"ab* ".repeat(200) + ")";
    assert!(parse(&name).is_ok());
    assert!(what(&("in:".to_owned() + &"\\".repeat(9000))).contains("longer than"));
}

#[test]
fn marks() {
    let hit = |text: &str, query: &str| {
        let query = parse(query).unwrap();
        highlight(text, &query, 100)
            .into_iter()
            .map(|r| text[r].to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(hit("The CAFÉ, a café.", "cafe"), ["CAFÉ", "café"]);
    assert_eq!(
        hit("annual report, annual\nreports", "\"annual rep*\""),
        ["annual report", "annual\nreports"]
    );
    assert_eq!(hit("a b a b c", "\"a b c\" -a"), ["a b c"]);
    assert_eq!(hit("a a a b", "\"a a b\""), ["a a b"]);
    assert_eq!(
        hit("ann draft", "from:ann subject:draft -ann OR body:draft"),
        ["draft"]
    );
    assert_eq!(hit("黒猫と猫", "猫"), ["猫", "猫"]);
    assert_eq!(hit("これは日本語です", "日本語"), ["日本語"]);
    assert_eq!(hit("merge merger", "mer* merger"), ["merge", "merger"]);
    assert!(hit("anything", "").is_empty());
    assert_eq!(highlight("a a a", &parse("a").unwrap(), 2), [0..1, 2..3]);
    let to = highlight_field("Ann Lee", &parse("to:ann").unwrap(), Field::Cc, 9);
    assert_eq!(to.first(), Some(&(0..3)));
}

#[test]
fn snippets() {
    let snip = |text: &str, query: &str, width: usize| {
        let snippet = snippet(text, &parse(query).unwrap(), width);
        let mut shown = snippet.text.clone();
        for hit in snippet.hits.iter().rev() {
            shown.insert(hit.end, ']');
            shown.insert(hit.start, '[');
        }
        shown
    };
    assert_eq!(snip("", "a", 80), "");
    assert_eq!(
        snip("short  text\n\n here ", "text", 80),
        "short [text] here"
    );
    let long = format!(
        "{} the merger  of\n> Alpha and Beta {}",
        "lorem ipsum ".repeat(50),
        "dolor sit ".repeat(50)
    );
    assert_eq!(
        snip(&long, "merger beta", 60),
        "…ipsum the [merger] of > Alpha and [Beta] dolor sit dolor sit…"
    );
    assert_eq!(snip(&long, "nothing", 30), "lorem ipsum lorem ipsum lorem…");
    assert_eq!(
        snip("one two three four", "\"one two three four\"", 9),
        "[one two t]…"
    );
    // Both words together beat one word three times.
    let text = format!("alpha alpha alpha {} alpha beta", "x ".repeat(100));
    assert_eq!(snip(&text, "alpha beta", 24), "…x x x x x x [alpha] [beta]");
}

#[test]
fn the_examples_of_the_documentation_are_read() {
    let page = include_str!("../../../../docs/query.md");
    let mut seen = 0;
    let (examples, _) = page.split_once("| Part | Units |").unwrap();
    for row in examples.lines().filter_map(|line| line.strip_prefix("| `")) {
        canonical(row.split_once('`').unwrap().0);
        seen += 1;
    }
    assert!(seen > 70, "{seen} examples");
    let source = "budget form:ann";
    let shown = parse(source).unwrap_err().pretty(source);
    let (shown, _) = shown.split_once("\nhint").unwrap();
    assert!(page.contains(shown), "{shown}");
}

#[test]
fn stems() {
    let stem = |field, language, word: &str| Test::Stem {
        field,
        language,
        word: word.into(),
    };
    assert_eq!(test("stem:Running"), stem(Field::Any, None, "running"));
    assert_eq!(
        test("stem:DE:Verträge"),
        stem(Field::Any, Some(Language::German), "vertrage")
    );
    same("stem:\"run\" -stem:en:\"run\"", "stem:run -stem:en:run");
    same(
        "subject:stem:run subject:(stem:de:laufen OR x)",
        "subject:stem:run (subject:stem:de:laufen OR subject:x)",
    );
    same(
        "subject:stem:de:\"laufen\" subject:STEM:run",
        "subject:stem:de:laufen subject:stem:run",
    );
    same("to:stem:run", "to:stem:run");
    same("to:(stem:run)", "to:stem:run");
    same("stem:(run OR walk)", "stem:run OR stem:walk");
    wrong("stem:xx:run", 5, 6, "does not know the language `xx`");
    wrong("stem:\"run fast\"", 5, 10, "one word");
    wrong("stem:run*", 5, 4, "no `*`");
    wrong("stem:日本", 5, 2, "no language is known");
    wrong("stem:en:договор", 5, 10, "no word of the language `en`");
    wrong("stem:de:", 5, 3, "nothing follows `de:`");
}

#[test]
fn near() {
    let words = |word: &str| Operand::Words(terms(&[word]));
    assert_eq!(
        test("a NEAR/5 b"),
        Test::Near {
            field: Field::Any,
            left: words("a"),
            right: words("b"),
            distance: 5
        }
    );
    same("x a NEAR/5 \"b c\" y", "x a NEAR/5 \"b c\" y");
    same(
        "a NEAR/1 stem:run OR ab* NEAR/007 猫",
        "a NEAR/1 stem:run OR ab* NEAR/7 猫",
    );
    same("-a NEAR/5 b", "-(a NEAR/5 b)");
    same(
        "(fraud OR theft) NEAR/10 audit*",
        "fraud NEAR/10 audit* OR theft NEAR/10 audit*",
    );
    same("a (b NEAR/2 (c OR d))", "a (b NEAR/2 c OR b NEAR/2 d)");
    same("subject:(a NEAR/5 b)", "subject:(a NEAR/5 b)");
    same("subject:a NEAR/5 subject:b", "subject:(a NEAR/5 b)");
    same("-subject:(a NEAR/5 b) c", "-subject:(a NEAR/5 b) c");
    same("to:(a NEAR/5 b)", "to:(a NEAR/5 b)");
    same("to:a NEAR/5 to:b x", "to:(a NEAR/5 b) x");
    same(
        "to:((a OR b) NEAR/5 c)",
        "to:(a NEAR/5 c) OR to:(b NEAR/5 c)",
    );
    same(
        "cc:((a OR b) NEAR/5 c)",
        "cc:(a NEAR/5 c) OR cc:(b NEAR/5 c)",
    );
    same(
        "attachment:(stem:fraud NEAR/3 audit)",
        "attachment:(stem:fraud NEAR/3 audit)",
    );
    same("near NEAR/2 \"NEAR/3\"", "near NEAR/2 \"near 3\"");
    wrong("a NEAR b", 2, 4, "how near");
    wrong("a NEAR/ b", 2, 5, "no number");
    wrong("a NEAR/x b", 2, 6, "no number");
    wrong("a NEAR/0 b", 2, 6, "are one");
    wrong("a NEAR/501 b", 2, 8, "500 words at most");
    wrong("NEAR/5 b", 0, 6, "both sides");
    wrong("a NEAR/5", 8, 0, "ends where");
    wrong("a NEAR/5 -b", 2, 6, "not between what is not");
    wrong("(-a) NEAR/5 b", 0, 13, "not between what is not");
    wrong("(a b) NEAR/5 c", 0, 14, "not between several");
    wrong("a NEAR/5 b NEAR/5 c", 11, 6, "not three");
    wrong("(a NEAR/5 b) NEAR/5 c", 0, 21, "not three");
    wrong("subject:a NEAR/5 b", 0, 18, "same field");
    wrong(
        "(subject:a OR b) NEAR/5 (subject:c OR d)",
        0,
        40,
        "different fields",
    );
    wrong(
        "from:ann@example.org NEAR/5 x",
        0,
        29,
        "words, phrases, prefixes",
    );
    wrong(
        "x has:attachment NEAR/5 x",
        2,
        23,
        "words, phrases, prefixes",
    );
    let group = |n: usize| {
        format!(
            "({})",
            (0..n)
                .map(|i| format!("w{i}"))
                .collect::<Vec<_>>()
                .join(" OR ")
        )
    };
    assert!(parse(&format!("{} NEAR/5 {}", group(16), group(16))).is_ok());
    let error = parse(&format!("{} NEAR/5 {}", group(17), group(16))).unwrap_err();
    assert!(error.what.contains("make 272 pairs"), "{error}");
    let error = parse(&format!("x {} NEAR/5 {}", group(16), group(16))).unwrap_err();
    assert!(error.what.contains("256 tests"), "{error}");
}

#[test]
fn ages_and_since_when_held() {
    let day = 86_400;
    let age = |from, until| Test::Age { from, until };
    assert_eq!(test("age>90d"), age(Some(90 * day + 1), None));
    assert_eq!(test("age:>=1Y"), age(Some(365 * day), None));
    assert_eq!(test("age<2w"), age(None, Some(14 * day)));
    assert_eq!(
        test("age:30d..90d"),
        age(Some(30 * day), Some(90 * day + 1))
    );
    same("age>90d", "age>90d");
    same("age>=24h", "age>=1d");
    same("age<=36h", "age<=36h");
    same("age<0s", "age<0s");
    same("age:0s..59s", "age:0s..59s");
    same("age:..7d", "age<=1w");
    wrong("age:90d", 4, 3, "is compared");
    wrong("age>90", 3, 3, "not an age");
    wrong("age>90m", 3, 4, "not an age");
    wrong("age>d", 3, 2, "not an age");
    wrong("age:9d..8d", 4, 6, "ends before");
    wrong("age:..", 4, 2, "needs a first or a last");
    wrong("age>99999999999999y", 3, 16, "too long");
    same("held:2024", "held:2024");
    same("held>2024-01-15", "held:2024-01-16..");
    same("held:2024-01..2024-02", "held:2024-01..2024-02");
    wrong("held:soon", 5, 4, "not a date");
}

#[test]
fn attachments_and_languages() {
    assert_eq!(test("type:PDF"), Test::AttachmentType("pdf".into()));
    same("type:.jpeg ext:*.doc", "type:jpg type:doc");
    same("type:application/msword", "type:doc");
    wrong("type:a.b", 5, 3, "no type of file");
    same("lang:German language:pt", "lang:de lang:pt");
    wrong("lang:klingon", 5, 7, "no language that is told apart");
    same("attachment:\"term sheet\"", "attachment:\"term sheet\"");
    same("list:linux-raid", "list:\"linux raid\"");
}

#[test]
fn header_fields() {
    let header = |name: &str, list: &[&str], open| Test::Header {
        name: name.into(),
        terms: terms(list),
        open,
    };
    assert_eq!(
        test("header:X-Spam-Flag:YES"),
        header("x-spam-flag", &["yes"], false)
    );
    assert_eq!(
        test("header:x-mailer:\"The Ba*\""),
        header("x-mailer", &["the", "ba"], true)
    );
    same(
        "header:x-mailer:\"the bat\" x",
        "header:x-mailer:\"the bat\" x",
    );
    same("header:x-mailer:mutt*", "header:x-mailer:mutt*");
    same("header:x-url:http://a.b/c", "header:x-url:\"http a b c\"");
    wrong("header:yes", 7, 3, "name of a header field is missing");
    wrong("header:x-a:", 7, 4, "nothing follows `x-a:`");
    wrong("header:(x-a:b)", 0, 7, "nothing follows `header:`");
    wrong(
        "header:subject:x",
        7,
        9,
        "does not find the field `subject`",
    );
    wrong(
        "header:received:x",
        7,
        10,
        "does not find the field `received`",
    );
    assert!(
        parse("header:list-id:x")
            .unwrap_err()
            .hint
            .unwrap()
            .contains("`list:`")
    );
}

#[test]
fn names() {
    same(
        "tag:\"Outside Counsel\" -tag:privileged",
        "tag:\"outside counsel\" -tag:privileged",
    );
    same("label:x server:London folder:a", "tag:x server:london in:a");
    same(
        "is:unread is:Starred -is:(draft OR deleted)",
        "is:unread is:flagged -(is:draft OR is:deleted)",
    );
    wrong("is:red", 3, 3, "did you mean `is:read`?");
    wrong("is:important", 3, 9, "does not know `important`");
    same(
        "group:Brokers from:group:\"Legal Team\"",
        "group:brokers from:group:\"legal team\"",
    );
    same("to:(group:a OR bob)", "to:group:a OR to:bob");
    same("subject:group:a", "subject:\"group a\"");
    wrong("tag:\"\"", 4, 2, "empty");
    wrong("tag:(stem:run)", 5, 5, "inside the values");
    wrong("subject:(group:a)", 9, 6, "inside the values");
}

#[test]
fn costs() {
    let units = |text: &str| cost(&parse(text).unwrap());
    assert_eq!(units("a"), 2);
    assert_eq!(units("\"a b c\" has:attachment"), 5);
    assert_eq!(units("contract*"), 6);
    assert_eq!(units("con*"), 18);
    assert_eq!(units("stem:en:run"), 9);
    assert_eq!(units("stem:run"), 25);
    assert_eq!(units("a NEAR/5 stem:en:run"), 14);
    assert_eq!(units("filename:*.pdf"), 9);
    let error = parse(&"stem:run ".repeat(81)).unwrap_err();
    assert_eq!(
        error.what,
        "the query costs 2025 units, more than 2000; 2025 of them are for stems"
    );
    assert!(error.hint.unwrap().contains("name the language"));
    assert!(parse(&"stem:en:run ".repeat(200)).is_ok());
    let error = parse(&format!("\"{}\"", "a ".repeat(2_001))).unwrap_err();
    assert!(error.what.contains("for words and phrases"), "{error}");
}

#[test]
fn marks_of_stems_and_of_what_is_near() {
    let hit = |text: &str, query: &str| {
        let query = parse(query).unwrap();
        highlight(text, &query, 100)
            .into_iter()
            .map(|r| text[r].to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        hit("Contracts, contracted; contrast.", "stem:en:contract"),
        ["Contracts", "contracted"]
    );
    assert_eq!(
        hit(
            "fraud x audits. y y y y fraud y y y audits",
            "fraud NEAR/2 audit*"
        ),
        ["fraud", "audits"]
    );
    assert_eq!(hit("a b a", "a NEAR/1 b"), ["a", "b", "a"]);
    assert_eq!(hit("a x b", "a NEAR/1 b"), [""; 0]);
    assert_eq!(hit("Ann runs", "header:x:ann stem:run"), ["runs"]);
    let text = format!("audit {} fraud in audits", "x ".repeat(60));
    let shown = snippet(&text, &parse("fraud NEAR/2 audit*").unwrap(), 40);
    assert!(shown.text.ends_with("fraud in audits"), "{}", shown.text);
    let text = "of the merger";
    let shown = snippet_field(
        text,
        &parse("attachment:merger").unwrap(),
        Field::Attachment,
        40,
    );
    assert_eq!(shown.hits.first(), Some(&(7..13)));
}
