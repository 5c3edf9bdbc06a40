//! The analyser.
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

fn all(text: &str) -> Vec<(String, u32, &str, bool)> {
    let mut terms = Terms::new(text);
    let mut out = Vec::new();
    while terms.advance() {
        out.push((
            terms.term().into(),
            terms.position(),
            &text[terms.range()],
            terms.is_tail(),
        ));
    }
    assert!(!terms.advance(), "the end stays the end");
    out
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(terms_of(text).join(" "), expected, "{text:?}");
}

#[test]
fn words() {
    check("", "");
    check(" -- ", "");
    check("Hello, World!", "hello world");
    check("snake_case x86-64 3.14", "snake case x86 64 3 14");
    check(
        "Ann <ann.lee+x@mail.example.org>",
        "ann ann lee x mail example org",
    );
    check("don't", "don t");
}

#[test]
fn folding() {
    check(
        "Ｃａｆé CAFE\u{301} ﬁn Straße STRASSE",
        "cafe cafe fin strasse strasse",
    );
    check(
        "İstanbul ISTANBUL ıı Łódź Ærø Đà Nẵng ŒUVRE",
        "istanbul istanbul ii lodz aero da nang oeuvre",
    );
    check("ΣΊΣΥΦΟΣ σίσυφος Ёлка", "σισυφοσ σισυφοσ елка");
    check("im\u{ad}port zero\u{200b}width", "import zero width");
    check("x² ½ №5 ٣٤ ２", "x2 1 2 no5 34 2");
}

#[test]
fn numbers_and_codes() {
    check("1,234.50 1.234,50 1 234 50", "1 234 50 1 234 50 1 234 50");
    check("IBAN DE89 3704 0044", "iban de89 3704 0044");
    check("DE89370400440532013000", "de89370400440532013000");
    check("+49 (30) 1234-567", "49 30 1234 567");
    check("№ 5, v2.10.3-rc1, §12 ¶3", "no 5 v2 10 3 rc1 12 3");
    check("€1.5m 100% 10:30", "1 5m 100 10 30");
    check("ORD-2024/0017_a", "ord 2024 0017 a");
}

#[test]
fn letters_that_stay_letters() {
    check("Йод йод иод", "йод йод иод");
    check("и\u{306}од и\u{301}од", "йод иод");
    check("ЎЗБЕК ўзбек у\u{306}збек", "ўзбек ўзбек ўзбек");
    check("Київ киі\u{308}в", "київ київ");
    check("Ёлка ёлка", "елка елка");
    check("ọ̀rọ̀ Việt Nam", "oro viet nam");
    check("åäö ÅÄÖ Øre Ærø", "aao aao ore aero");
    check("ÉTÉ Çà œuf", "ete ca oeuf");
    check("IŞIK ışık Işık", "isik isik isik");
}

#[test]
fn marks_by_script() {
    check("हिन्दी में", "हिन्दी में");
    assert_ne!(terms_of("कि"), terms_of("का"));
    check("שָׁלוֹם", "שלום");
    check("مُحَمَّد محمـد", "محمد محمد");
    check("தமிழ்", "தமிழ்");
}

#[test]
fn scripts_without_spaces() {
    let tail = true;
    assert_eq!(
        all("東京都 x"),
        [
            ("東京".into(), 0, "東京", false),
            ("京都".into(), 1, "京都", false),
            ("都".into(), 1, "都", tail),
            ("x".into(), 2, "x", false),
        ]
    );
    assert_eq!(all("猫"), [("猫".into(), 0, "猫", false)]);
    check("mixed日本語text", "mixed 日本 本語 text");
    check("ﾃﾞｰﾀ データ か\u{3099}", "デー ータ デー ータ が");
    // Hangul as macOS writes file names: single letters.
    check("\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}", "한글");
    check("한국어", "한국 국어");
    check("ภาษาไทย", "ภา าษ ษา าไ ไท ทย");
}

#[test]
fn long_terms_take_a_position() {
    let text = format!("a {} b {}", "x".repeat(LONGEST + 1), "y".repeat(LONGEST));
    let terms = all(&text);
    assert_eq!(terms.iter().map(|t| t.1).collect::<Vec<_>>(), [0, 2, 3]);
    let wide = format!("a {} b", "ж".repeat(128));
    assert_eq!(all(&wide).iter().map(|t| t.1).collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn every_character_folds_once_and_without_case() {
    for c in '\0'..=char::MAX {
        let text = c.to_string();
        let folded = fold_exact(&text);
        assert_eq!(fold_exact(&folded), folded, "{c:?} {:x}", c as u32);
        let upper: String = c.to_uppercase().collect();
        let lower: String = c.to_lowercase().collect();
        assert_eq!(fold_exact(&upper), folded, "{c:?} {:x} upper", c as u32);
        assert_eq!(fold_exact(&lower), folded, "{c:?} {:x} lower", c as u32);
        let terms = terms_of(&text);
        assert_eq!(terms_of(&terms.join(" ")), terms, "{c:?} {:x}", c as u32);
        assert_eq!(terms_of(&upper), terms, "{c:?} {:x}", c as u32);
        // The table of alphabets and the rules agree, inside words too.
        let inside = format!("Xy{c}z{c}");
        assert_eq!(
            terms_of(&inside),
            terms_of(&fold_exact(&inside)),
            "{c:?} {:x}",
            c as u32
        );
        for term in &terms {
            assert!(!term.contains(|c: char| c.is_whitespace() || c.is_ascii_punctuation()));
        }
    }
}

/// Text that meets the odd paths: any characters, and many of the ones with rules.
fn text() -> impl Strategy<Value = String> {
    let odd = prop::char::ranges(
        vec![
            'a'..='e',
            ' '..='/',
            'À'..='ÿ',
            '\u{300}'..='\u{310}',
            'α'..='ϖ',
            'а'..='я',
            '\u{5b0}'..='\u{5ea}',
            '\u{640}'..='\u{660}',
            'अ'..='ॐ',
            'ก'..='ฺ',
            'ក'..='ៗ',
            'က'..='ဿ',
            '\u{1100}'..='\u{11ff}',
            '\u{3040}'..='\u{30ff}',
            '一'..='丐',
            '가'..='각',
            '\u{ff00}'..='\u{ffef}',
            '\u{200b}'..='\u{200f}',
            'ﷲ'..='﷼',
        ]
        .into(),
    );
    prop_oneof![
        any::<String>(),
        prop::collection::vec(odd, 0..40).prop_map(String::from_iter)
    ]
}

proptest! {
    #[test]
    fn terms_of_terms_are_the_terms(text in text()) {
        let terms = terms_of(&text);
        prop_assert_eq!(terms_of(&terms.join(" ")), terms);
    }

    #[test]
    fn case_does_not_matter(text in text()) {
        prop_assert_eq!(terms_of(&text.to_uppercase()), terms_of(&text.to_lowercase()));
        prop_assert_eq!(fold_exact(&text.to_uppercase()), fold_exact(&text.to_lowercase()));
        let folded = fold_exact(&text);
        prop_assert_eq!(fold_exact(&folded), folded);
    }

    #[test]
    fn ranges_and_positions_grow(text in text()) {
        let mut terms = Terms::new(&text);
        let mut last = (0, 0, None);
        while terms.advance() {
            let range = terms.range();
            prop_assert!(!terms.term().is_empty() && terms.term().len() <= LONGEST);
            prop_assert!(text.get(range.clone()).is_some_and(|s| !s.is_empty()));
            prop_assert!(range.start >= last.0 && range.end >= last.1);
            let grown = last.2.map_or(0, |p: u32| p + u32::from(!terms.is_tail()));
            prop_assert_eq!(terms.position(), grown);
            last = (range.start, range.end, Some(terms.position()));
        }
    }

    #[test]
    fn words_do_not_touch(a in "[a-zA-Z0-9é]{1,9}", b in "[a-zA-Z0-9漢]{1,9}") {
        let mut both = terms_of(&a);
        both.extend(terms_of(&b));
        prop_assert_eq!(terms_of(&format!("{a}_{b}")), both);
    }
}
