//! Properties of the query language.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

use proptest::prelude::*;

use super::*;

fn word() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        "[a-z0-9]{1,6}",
        "[日本語猫]{1,4}",
        "[а-яé]{1,5}",
        "(and|or|not|near|हिन्दी)"
    ];
    text.prop_filter_map("has a term", |text: String| {
        let list = crate::text::terms_of(&text);
        (!list.is_empty()).then(|| list.join(" "))
    })
}

fn name_text() -> impl Strategy<Value = String> + Clone {
    "[ -~é“”（]{1,12}".prop_map(|s| s.replace('\\', "\\\\").replace('"', "\\\""))
}

fn date_text() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        "[0-9]{4}",
        "[0-9]{4}-(0[1-9]|1[0-2])",
        "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])",
        "[12][0-9]{3}-0[1-9]-1[0-9]T1[0-9]:[0-5][0-9]:[0-5][0-9](Z|\\+0[0-9]:30|-11:00)",
    ]
}

fn stem() -> impl Strategy<Value = String> {
    prop_oneof![
        "stem:[a-zé]{1,7}",
        "stem:(de|en|fr|tr):[a-zü]{1,7}",
        "stem:ru:[а-яй]{1,7}",
        "stem:[α-ω]{2,5}",
    ]
}

/// What may stand beside `NEAR`.
fn side() -> impl Strategy<Value = String> {
    let operand = || {
        prop_oneof![
            3 => word().prop_map(|w| format!("\"{w}\"")),
            1 => "[a-z]{2,4}\\*",
            1 => stem(),
            1 => (word(), word()).prop_map(|(a, b)| format!("\"{a} {b}\"")),
        ]
    };
    prop_oneof![
        3 => operand(),
        1 => (operand(), operand()).prop_map(|(a, b)| format!("({a} OR {b})")),
    ]
}

/// Tests that can be typed, through the text of each.
fn leaf() -> impl Strategy<Value = String> {
    let field = prop::sample::select(vec![
        "",
        "from:",
        "to:",
        "to-only:",
        "cc:",
        "bcc:",
        "any:",
        "subject:",
        "body:",
        "filename:",
    ]);
    let address = prop::sample::select(vec!["from:", "to:", "cc:", "any:"]);
    let (name, date) = (name_text(), date_text());
    let size = "[0-9]{1,9}(|[.][0-9]{1,3})(|B|kB|MB|GB|KiB|MiB|GiB)";
    prop_oneof![
        4 => (field.clone(), prop::collection::vec(word(), 1..4)).prop_map(|(f, w)| format!("{f}\"{}\"", w.join(" "))),
        2 => (field.clone(), word(), word()).prop_map(|(f, a, b)| format!("{f}\"{a} x{b}*\"")),
        3 => (field, word()).prop_map(|(f, w)| format!("{f}{}", w.replace(' ', "-"))),
        2 => (address, "[a-zA-Z.+é_/-]{0,5}", "[a-z]{1,4}(\\.[a-z]{2})?").prop_map(|(f, l, d)| format!("{f}{l}@{d}")),
        2 => (prop::sample::select(vec!["in:", "mailbox:", "msgid:", "filename:"]), name).prop_map(|(f, n)| format!("{f}\"{n}\"")),
        1 => "filename:[a-z*?.]{1,8}",
        3 => (prop::sample::select(vec!["sent:", "sent:..", "sent>", "sent:<=", "before:", "after:"]), date.clone()).prop_map(|(f, d)| f.to_owned() + &d),
        1 => (date.clone(), date).prop_map(|(a, b)| format!("sent:{a}..{b}")),
        2 => (prop::sample::select(vec!["size:", "size>", "size<=", "size<", "size:>=", "size:.."]), size).prop_map(|(f, s)| f.to_owned() + &s),
        1 => (size, size).prop_map(|(a, b)| format!("size:{a}..{b}")),
        1 => Just("has:attachment".to_owned()),
        3 => (prop::sample::select(vec!["", "subject:", "to:", "attachment:"]), stem()).prop_map(|(f, s)| f.to_owned() + &s),
        4 => (prop::sample::select(vec!["", "subject:", "to:", "cc:", "body:"]), side(), 1u32..500, side())
            .prop_map(|(f, a, n, b)| format!("{f}({a} NEAR/{n} {b})")),
        2 => (prop::sample::select(vec!["held:", "held>", "held:<="]), date_text()).prop_map(|(f, d)| f.to_owned() + &d),
        2 => "age(>|<|:>=|<=)[0-9]{1,5}[shdwy]",
        1 => (0u32..50, 0u32..100).prop_map(|(a, b)| format!("age:{a}d..{}h", a * 24 + b)),
        1 => "type:[a-z0-9]{1,6}",
        1 => prop::sample::select(crate::text::language_codes()).prop_map(|c| format!("lang:{c}")),
        2 => ("x-[a-z]{1,8}", prop::collection::vec(word(), 1..3), any::<bool>())
            .prop_map(|(n, w, open)| format!("header:{n}:\"{}{}\"", w.join(" "), if open { " xy*" } else { "" })),
        3 => (prop::sample::select(vec!["tag:", "server:", "group:", "from:group:", "to:group:"]), name_text())
            .prop_map(|(f, n)| format!("{f}\"{n}\"")),
        1 => prop::sample::select(Flag::ALL.to_vec()).prop_map(|(n, _)| format!("is:{n}")),
        1 => Just("*".to_owned()),
    ]
}

fn tree() -> impl Strategy<Value = Query> {
    let leaf = leaf().prop_filter_map("is a query", |text| parse(&text).ok());
    leaf.prop_recursive(5, 40, 5, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..5);
        prop_oneof![
            list.clone().prop_map(Query::all),
            list.prop_map(Query::any),
            inner.prop_map(Query::negate),
        ]
    })
}

/// Text near the language: its signs and words in any order.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        leaf(),
        prop::sample::select(vec![
            "(",
            ")",
            "\"",
            "-",
            " ",
            " ",
            " OR ",
            " AND ",
            "NOT ",
            ":",
            "*",
            "..",
            "<",
            ">",
            "\\",
            "from:",
            "size>",
            "sent:",
            "日",
            "“",
            "é",
            "@",
            "NEAR/3",
            " NEAR/2 ",
            "NEAR",
            "stem:",
            "header:x-a:",
            "age>",
            "group:",
            "filename:",
            "\u{3000}",
            "\u{301}",
            "２０２４",
            "http://",
        ])
        .prop_map(str::to_owned),
    ];
    prop_oneof![
        any::<String>(),
        prop::collection::vec(piece, 0..12).prop_map(|p| p.concat())
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4 * ProptestConfig::default().cases, ..ProptestConfig::default() })]

    #[test]
    fn printed_trees_are_read_as_they_were(query in tree()) {
        let text = print(&query);
        prop_assert_eq!(parse(&text), Ok(query), "{}", text);
    }

    #[test]
    fn trees_survive_as_bytes(query in tree(), cut in any::<prop::sample::Index>()) {
        let mut record = crate::wire::Writer::new();
        query.write(&mut record);
        let record = record.finish();
        let mut reader = crate::wire::Reader::new(&record);
        prop_assert_eq!(Query::read(&mut reader), Ok(query));
        prop_assert!(reader.is_empty());
        let cut = &record[..cut.index(record.len())];
        prop_assert!(Query::read(&mut crate::wire::Reader::new(cut)).is_err());
    }

    #[test]
    fn any_text_is_read_or_refused(text in soup()) {
        match parse(&text) {
            Ok(query) => {
                let printed = print(&query);
                prop_assert_eq!(parse(&printed), Ok(query), "{} as {}", text, printed);
            }
            Err(error) => {
                prop_assert!(error.at + error.len <= text.chars().count(), "{:?}", error);
                prop_assert!(error.pretty(&text).contains('^'));
            }
        }
    }

    #[test]
    fn marks_lie_in_the_text(text in any::<String>(), words in prop::collection::vec(word(), 1..4), width in 0usize..200) {
        let mixed = format!("{text} {} {text} {}\n{text}", words.concat(), words.join("  "));
        let query = Query::any(words.iter().filter_map(|w| parse(&format!("\"{w}\"")).ok()).collect());
        let hits = highlight(&mixed, &query, 50);
        prop_assert!(!hits.is_empty());
        prop_assert!(hits.windows(2).all(|pair| pair[0].end <= pair[1].start));
        prop_assert!(hits.iter().all(|hit| mixed.get(hit.clone()).is_some_and(|s| !s.is_empty())));
        let snippet = snippet(&mixed, &query, width);
        prop_assert!(snippet.text.len() <= width + 2 * '…'.len_utf8());
        prop_assert!(snippet.hits.windows(2).all(|pair| pair[0].end <= pair[1].start));
        prop_assert!(snippet.hits.iter().all(|hit| snippet.text.get(hit.clone()).is_some_and(|s| !s.is_empty())));
        prop_assert!(!snippet.text.contains(['\n', '\r', '\t']));
        prop_assert!(width < 100 || !snippet.hits.is_empty());
    }
}
