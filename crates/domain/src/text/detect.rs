//! In which language a text is written.

use whatlang::Lang;

/// Bytes that are looked at. More tell nothing new, and each message pays for them.
const LOOKED_AT: usize = 1_000;

/// Letters without which a guess is one.
const LETTERS: usize = 24;

/// ISO 639-1 code of the language of a text, by its first 1,000 bytes, lines that quote
/// others (`>`) left out; none where it cannot be told reliably: short texts, tables, logs,
/// several languages at once.
pub fn language_of(text: &str) -> Option<&'static str> {
    let mut own = String::new();
    for line in text.lines().filter(|line| !line.starts_with('>')) {
        let room = LOOKED_AT.saturating_sub(own.len());
        let end = line.floor_char_boundary(room.min(line.len()));
        own.push_str(line.get(..end).unwrap_or_default());
        own.push('\n');
        if own.len() >= LOOKED_AT {
            break;
        }
    }
    if is_plainly_english(&own) {
        return Some("en");
    }
    if own
        .chars()
        .filter(|c| c.is_alphabetic())
        .take(LETTERS)
        .count()
        < LETTERS
    {
        return None;
    }
    let found = whatlang::detect(&own).filter(whatlang::Info::is_reliable)?;
    code(found.lang())
}

/// Small words that English is full of, and that other languages do not have …
const ENGLISH: [&str; 16] = [
    "and", "are", "but", "from", "have", "not", "that", "the", "they", "this", "which", "will",
    "with", "would", "you", "your",
];
/// … and some that they do.
const SHARED: [&str; 16] = [
    "a", "as", "at", "be", "by", "can", "for", "if", "in", "is", "it", "of", "on", "or", "to", "we",
];

/// True where a sixth of the words are such, three different ones of [`ENGLISH`] among them. The
/// detector compares a text with every language there is, which is a fifth of the cost of taking
/// mail in; most mail is told apart by this alone.
fn is_plainly_english(text: &str) -> bool {
    let (mut words, mut english, mut met) = (0u32, 0u32, 0u32);
    let letters = text.split(|c: char| !c.is_alphabetic());
    for word in letters.filter(|word| !word.is_empty()) {
        words += 1;
        match ENGLISH
            .iter()
            .position(|known| known.eq_ignore_ascii_case(word))
        {
            Some(at) => {
                english += 1;
                met |= 1 << at;
            }
            None => {
                english += u32::from(SHARED.iter().any(|known| known.eq_ignore_ascii_case(word)))
            }
        }
    }
    words >= 8 && english * 6 >= words && met.count_ones() >= 3
}

/// The code that `lang:` takes for a code or the English or own name of a language.
pub(crate) fn language_code(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    let names = |lang: &&Lang| {
        code(**lang) == Some(text.as_str())
            || lang.code() == text
            || lang.eng_name().to_lowercase() == text
            || lang.name().to_lowercase() == text
    };
    Lang::all().iter().find(names).and_then(|&lang| code(lang))
}

/// All codes that [`language_of`] can give, sorted.
pub(crate) fn language_codes() -> Vec<&'static str> {
    let mut codes: Vec<&str> = Lang::all().iter().filter_map(|&lang| code(lang)).collect();
    codes.sort_unstable();
    codes
}

/// ISO 639-3, as the detector has it, to ISO 639-1.
fn code(lang: Lang) -> Option<&'static str> {
    const CODES: &[(&str, &str)] = &[
        ("afr", "af"),
        ("aka", "ak"),
        ("amh", "am"),
        ("ara", "ar"),
        ("aze", "az"),
        ("bel", "be"),
        ("ben", "bn"),
        ("bul", "bg"),
        ("cat", "ca"),
        ("ces", "cs"),
        ("cmn", "zh"),
        ("cym", "cy"),
        ("dan", "da"),
        ("deu", "de"),
        ("ell", "el"),
        ("eng", "en"),
        ("epo", "eo"),
        ("est", "et"),
        ("fin", "fi"),
        ("fra", "fr"),
        ("guj", "gu"),
        ("heb", "he"),
        ("hin", "hi"),
        ("hrv", "hr"),
        ("hun", "hu"),
        ("hye", "hy"),
        ("ind", "id"),
        ("ita", "it"),
        ("jav", "jv"),
        ("jpn", "ja"),
        ("kan", "kn"),
        ("kat", "ka"),
        ("khm", "km"),
        ("kor", "ko"),
        ("lat", "la"),
        ("lav", "lv"),
        ("lit", "lt"),
        ("mal", "ml"),
        ("mar", "mr"),
        ("mkd", "mk"),
        ("mya", "my"),
        ("nep", "ne"),
        ("nld", "nl"),
        ("nob", "no"),
        ("ori", "or"),
        ("pan", "pa"),
        ("pes", "fa"),
        ("pol", "pl"),
        ("por", "pt"),
        ("ron", "ro"),
        ("rus", "ru"),
        ("sin", "si"),
        ("slk", "sk"),
        ("slv", "sl"),
        ("sna", "sn"),
        ("spa", "es"),
        ("srp", "sr"),
        ("swe", "sv"),
        ("tam", "ta"),
        ("tel", "te"),
        ("tgl", "tl"),
        ("tha", "th"),
        ("tuk", "tk"),
        ("tur", "tr"),
        ("ukr", "uk"),
        ("urd", "ur"),
        ("uzb", "uz"),
        ("vie", "vi"),
        ("yid", "yi"),
        ("zul", "zu"),
    ];
    let found = CODES.iter().find(|(three, _)| *three == lang.code());
    found.map(|&(_, two)| two)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_language_of_the_detector_has_a_code() {
        for &lang in Lang::all() {
            assert_eq!(code(lang).map(str::len), Some(2), "{lang:?}");
        }
        assert_eq!(language_code("German"), Some("de"));
        assert_eq!(language_code("deutsch"), Some("de"));
        assert_eq!(language_code("DE"), Some("de"));
        assert_eq!(language_code("xx"), None);
    }

    #[test]
    fn what_is_plainly_english_needs_no_detector() {
        let english = "I have read what you sent, and the numbers are not what they would be with the old pump. \
                       Will you ask your people which one it was?";
        assert!(is_plainly_english(english));
        assert_eq!(whatlang::detect(english).unwrap().lang(), Lang::Eng);
        for other in [
            "",
            "the and with",
            "Ik heb het contract of de bijlage niet gezien, was dat de versie van vrijdag? Het is er niet bij.",
            "Wir haben das Meeting with the team und die Roadmap besprochen; bitte schick mir die Slides von gestern.",
            "Das Update ist from Friday and that was not the Plan, sagt er; wir müssen das am Montag noch einmal besprechen, \
             bevor die Geschäftsführung entscheidet, was mit dem Vertrag geschieht und wer ihn unterschreibt.",
        ] {
            assert!(!is_plainly_english(other), "{other}");
        }
    }

    #[test]
    fn texts() {
        let table = [
            (
                "en",
                "Please find attached the signed contract; the board will meet again on Thursday to decide about the merger.",
            ),
            (
                "de",
                "Anbei erhalten Sie den unterschriebenen Vertrag. Der Vorstand wird am Donnerstag über die Übernahme entscheiden.",
            ),
            (
                "fr",
                "Veuillez trouver ci-joint le contrat signé. Le conseil se réunira jeudi pour décider de la fusion des sociétés.",
            ),
            (
                "ru",
                "Во вложении подписанный договор. Совет соберётся в четверг, чтобы принять решение о слиянии компаний.",
            ),
            (
                "ja",
                "署名済みの契約書を添付いたします。取締役会は木曜日に再び開かれ、合併について決定します。",
            ),
            (
                "zh",
                "随函附上已签署的合同。董事会将于星期四再次开会，就公司合并一事作出决定，请大家准时参加。",
            ),
            (
                "ko",
                "서명된 계약서를 첨부합니다. 이사회는 목요일에 다시 모여 합병에 대해 결정할 것입니다.",
            ),
            (
                "el",
                "Επισυνάπτεται το υπογεγραμμένο συμβόλαιο. Το συμβούλιο θα συνεδριάσει ξανά την Πέμπτη για τη συγχώνευση.",
            ),
        ];
        for (code, text) in table {
            assert_eq!(language_of(text), Some(code), "{text}");
            let quoting = format!(
                "{text}\n{}",
                "> the quoted words are of another language\n".repeat(20)
            );
            assert_eq!(language_of(&quoting), Some(code), "{text}");
        }
        for text in [
            "",
            "ok",
            "Re: 1234 5678 90",
            "+-*/ {}[] 1 2 3",
            "the contract was signed",
        ] {
            assert_eq!(language_of(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_is_one_of_the_codes(text: String, many in 0usize..200) {
            let found = language_of(&text.repeat(many));
            prop_assert!(found.is_none_or(|code| language_codes().contains(&code)));
        }
    }
}
