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
    wrong("tag:x", 0, 4, "unknown field `tag:`");
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
    wrong("a NEAR/5 b", 2, 6, "not part of the language yet");
    wrong(&"x".repeat(300), 0, 300, "longer than 255 bytes");
    let hint = parse("tag:x").unwrap_err().hint.unwrap();
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
    assert!(what(&format!("\"{}\"", "a ".repeat(1025))).contains("1024 words"));
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
    for row in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        canonical(row.split_once('`').unwrap().0);
        seen += 1;
    }
    assert!(seen > 40, "{seen} examples");
    let source = "budget form:ann";
    let shown = parse(source).unwrap_err().pretty(source);
    let (shown, _) = shown.split_once("\nhint").unwrap();
    assert!(page.contains(shown), "{shown}");
}
