//! Words with the same stem: `contract`, `contracts`, `contracting`.
//!
//! Stems are compared and never kept: the index holds folded terms, and who looks for a
//! stem compares the terms that begin alike. So a better stemmer changes no archive.
//!
//! The stemmers (Snowball) expect words as they are spelled, terms have lost their accents.
//! What an ending needs of them is put back before the stemmer sees the word, by rules
//! of each language ([`spelled`]), and what it leaves is folded again. A rule that guesses
//! wrong guesses alike for all forms of a word, and no harm is done.

use frostem::{Algorithm, Stemmer};

use super::{Language, fold_exact};

/// A word that stands for all with its stem.
#[derive(Clone)]
pub struct Stem {
    word: String,
    /// The stem in each language that is compared.
    stems: Vec<(Language, String)>,
    prefixes: Vec<String>,
}

/// Characters in which all words of a stem begin alike. It keeps what must be compared to
/// a small part of a dictionary, and words that meet by accident apart.
const ALIKE: usize = 2;

/// What Arabic writes before a word without a space: and, so, with, for, as, and the
/// article, alone and together.
const PROCLITICS: [&str; 13] = [
    "", "و", "ف", "ب", "ل", "ك", "ال", "وال", "فال", "بال", "كال", "لل", "ولل",
];

impl Stem {
    /// The stem of a folded term, in one language or in all that are written in its script.
    /// None where there is no such language, or the term has none but digits.
    pub fn new(language: Option<Language>, word: &str) -> Option<Stem> {
        let script = Script::of(word)?;
        let languages: Vec<Language> = Language::ALL
            .iter()
            .map(|&(_, known)| known)
            .filter(|&known| language.is_none_or(|wanted| wanted == known))
            .filter(|&known| Script::written(known) == script)
            .collect();
        if languages.is_empty() {
            return None;
        }
        let stems: Vec<(Language, String)> = languages
            .iter()
            .map(|&language| (language, stem(language, word)))
            .collect();
        let begin = |text: &str| text.chars().take(ALIKE).collect::<String>();
        let prefixes = match stems.first() {
            Some((Language::Arabic, stem)) => PROCLITICS
                .iter()
                .map(|before| format!("{before}{}", begin(stem)))
                .collect(),
            _ => vec![begin(word)],
        };
        Some(Stem {
            word: word.to_owned(),
            stems,
            prefixes,
        })
    }

    /// Whatever matches begins with one of these: where to look in a sorted dictionary.
    pub fn prefixes(&self) -> &[String] {
        &self.prefixes
    }

    /// True for a folded term with this stem.
    pub fn matches(&self, term: &str) -> bool {
        term == self.word
            || (self
                .prefixes
                .iter()
                .any(|prefix| term.starts_with(prefix.as_str()))
                && self
                    .stems
                    .iter()
                    .any(|(language, stem_of_word)| stem(*language, term) == *stem_of_word))
    }
}

/// The scripts of the languages that have a stemmer.
#[derive(PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Arabic,
}

impl Script {
    /// The script of the first letter of a term.
    fn of(word: &str) -> Option<Script> {
        let letter = word.chars().find(|c| c.is_alphabetic())?;
        match letter as u32 {
            0x61..=0x7a => Some(Script::Latin),
            0x370..=0x3ff => Some(Script::Greek),
            0x400..=0x52f => Some(Script::Cyrillic),
            0x600..=0x6ff | 0x750..=0x77f => Some(Script::Arabic),
            _ => None,
        }
    }

    fn written(language: Language) -> Script {
        match language {
            Language::Arabic => Script::Arabic,
            Language::Greek => Script::Greek,
            Language::Russian => Script::Cyrillic,
            _ => Script::Latin,
        }
    }
}

pub(super) fn stem(language: Language, term: &str) -> String {
    let spelled = spelled(language, term);
    let stemmer = Stemmer::new(algorithm(language));
    fold_exact(&stemmer.stem(&spelled))
}

fn algorithm(language: Language) -> Algorithm {
    match language {
        Language::Arabic => Algorithm::Arabic,
        Language::Danish => Algorithm::Danish,
        Language::German => Algorithm::German,
        Language::Greek => Algorithm::Greek,
        Language::English => Algorithm::English,
        Language::Spanish => Algorithm::Spanish,
        Language::Finnish => Algorithm::Finnish,
        Language::French => Algorithm::French,
        Language::Hungarian => Algorithm::Hungarian,
        Language::Italian => Algorithm::Italian,
        Language::Dutch => Algorithm::Dutch,
        Language::Norwegian => Algorithm::Norwegian,
        Language::Portuguese => Algorithm::Portuguese,
        Language::Romanian => Algorithm::Romanian,
        Language::Russian => Algorithm::Russian,
        Language::Swedish => Algorithm::Swedish,
        Language::Turkish => Algorithm::Turkish,
    }
}

/// A folded ending and how it is spelled. The first that fits counts.
type Endings = [(&'static str, &'static str)];

const FRENCH: &Endings = &[
    ("ieres", "ières"),
    ("iere", "ière"),
    ("erent", "èrent"),
    ("ites", "ités"),
    ("ite", "ité"),
    ("ees", "ées"),
    ("ee", "ée"),
];

const SPANISH: &Endings = &[
    ("iamos", "íamos"),
    ("iais", "íais"),
    ("ian", "ían"),
    ("ias", "ías"),
    ("ia", "ía"),
    ("acion", "ación"),
    ("ucion", "ución"),
    ("aron", "aron"),
];

const PORTUGUESE: &Endings = &[
    ("coes", "ções"),
    ("cao", "ção"),
    ("encias", "ências"),
    ("encia", "ência"),
    ("aveis", "áveis"),
    ("avel", "ável"),
    ("iveis", "íveis"),
    ("ivel", "ível"),
];

const ITALIAN: &Endings = &[("ita", "ità")];

const ROMANIAN: &Endings = &[
    ("tiunilor", "țiunilor"),
    ("tiunile", "țiunile"),
    ("tiunii", "țiunii"),
    ("tiunea", "țiunea"),
    ("tiuni", "țiuni"),
    ("tiune", "țiune"),
    ("tiilor", "țiilor"),
    ("tiile", "țiile"),
    ("tiei", "ției"),
    ("tii", "ții"),
    ("tia", "ția"),
    ("tie", "ție"),
    ("eaza", "ează"),
    ("este", "ește"),
    ("and", "ând"),
];

const HUNGARIAN: &Endings = &[
    ("nal", "nál"),
    ("nel", "nél"),
    ("bol", "ból"),
    ("rol", "ról"),
    ("tol", "tól"),
    ("ert", "ért"),
    ("kent", "ként"),
];

/// Letters that stand before an ending, for it to be one.
const BEFORE: usize = 2;

/// A folded term as the stemmer of a language expects it.
fn spelled(language: Language, term: &str) -> String {
    let endings: &Endings = match language {
        Language::French => FRENCH,
        Language::Spanish => SPANISH,
        Language::Portuguese => PORTUGUESE,
        Language::Italian => ITALIAN,
        Language::Romanian => ROMANIAN,
        Language::Hungarian => HUNGARIAN,
        Language::Turkish => return harmonious(term),
        Language::Arabic => return unbound(term),
        _ => return term.to_owned(),
    };
    let fits = |folded: &str| {
        term.strip_suffix(folded)
            .filter(|before| before.len() >= BEFORE)
    };
    let found = endings
        .iter()
        .find_map(|&(folded, spelled)| fits(folded).map(|before| format!("{before}{spelled}")));
    found.unwrap_or_else(|| term.to_owned())
}

/// Arabic with the article alone where more stood before it, which the stemmer takes for
/// part of the word.
fn unbound(term: &str) -> String {
    const ARTICLE: &str = "ال";
    if let Some(rest) = term.strip_prefix("ولل").or_else(|| term.strip_prefix("لل")) {
        return format!("{ARTICLE}{rest}");
    }
    let bound = term.strip_prefix(['و', 'ف', 'ب', 'ك']);
    bound
        .filter(|rest| rest.starts_with(ARTICLE))
        .unwrap_or(term)
        .to_owned()
}

/// Turkish by vowel harmony: the vowels of a word are all of the front (e i ö ü) or of the
/// back (a ı o u). Of those, folding leaves `a` and `e` as they are, and each other vowel
/// goes with the next of these, else with the last before it. A word that has none keeps
/// its letters.
fn harmonious(term: &str) -> String {
    let letters: Vec<char> = term.chars().collect();
    let told = |c: &char| matches!(c, 'a' | 'e').then_some(*c == 'e');
    let front = |at: usize| {
        let after = letters.iter().skip(at).find_map(told);
        after.or_else(|| letters.iter().take(at).rev().find_map(told))
    };
    let spelled = letters.iter().enumerate().map(|(at, &c)| match c {
        'i' if front(at) == Some(false) => 'ı',
        'o' if front(at) == Some(true) => 'ö',
        'u' if front(at) == Some(true) => 'ü',
        c => c,
    });
    spelled.collect()
}
