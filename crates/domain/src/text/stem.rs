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
#[derive(Debug, Clone)]
pub struct Stem {
    word: String,
    forms: Vec<Form>,
    prefixes: Vec<String>,
}

/// The stem of the word in one language.
#[derive(Debug, Clone)]
struct Form {
    language: Language,
    stem: String,
    /// One of these begins each word with this stem.
    prefixes: Vec<String>,
}

/// Characters at the end of a stem in which words may differ before they are stemmed
/// (`company`, `companies`, stem `compani`). All before, and at least [`LEAST`], is equal in
/// all words of a stem: that keeps what must be compared to a small part of a dictionary,
/// and words apart that meet by accident.
const UNLIKE: usize = 2;

/// Characters in which all words of a stem begin alike, at least.
const LEAST: usize = 2;

/// What Arabic writes before a word without a space: and, so, with, for, as, and the
/// article, alone and together.
const PROCLITICS: [&str; 13] = [
    "", "و", "ف", "ب", "ل", "ك", "ال", "وال", "فال", "بال", "كال", "لل", "ولل",
];

impl Stem {
    /// The stem of a folded term, in one language or in all that are written in its script.
    /// Where there is no such language (`日本`, `123`), the word stands for itself alone.
    pub fn new(language: Option<Language>, word: &str) -> Stem {
        let script = Script::of(word);
        let forms: Vec<Form> = Language::ALL
            .iter()
            .map(|&(_, known)| known)
            .filter(|&known| language.is_none_or(|wanted| wanted == known))
            .filter(|&known| Some(Script::written(known)) == script)
            .map(|language| Form::new(language, word))
            .collect();
        let mut prefixes: Vec<String> = forms.iter().flat_map(|f| f.prefixes.clone()).collect();
        prefixes.push(word.to_owned());
        prefixes.sort_unstable();
        // What begins with the one before it is looked at there.
        prefixes.dedup_by(|next, before| next.starts_with(before.as_str()));
        Stem {
            word: word.to_owned(),
            forms,
            prefixes,
        }
    }

    /// True if the word has a stem in any of the languages it was asked for.
    pub fn is_known(&self) -> bool {
        !self.forms.is_empty()
    }

    /// Whatever matches begins with one of these, none of which begins another: where to
    /// look in a sorted dictionary.
    pub fn prefixes(&self) -> &[String] {
        &self.prefixes
    }

    /// True for a folded term with this stem.
    pub fn matches(&self, term: &str) -> bool {
        term == self.word || self.forms.iter().any(|form| form.matches(term))
    }
}

impl Form {
    fn new(language: Language, word: &str) -> Form {
        let stem = stem(language, word);
        let length = stem.chars().count();
        let common = stem.chars().zip(word.chars()).take_while(|(a, b)| a == b);
        // The stemmer may change a word before its end (`gewerkt` to `werk`), then the stem
        // says how the others begin.
        let common = Some(common.count()).filter(|&common| common >= LEAST);
        let kept = length.saturating_sub(UNLIKE).min(common.unwrap_or(length));
        let begin: String = stem.chars().take(kept.max(LEAST)).collect();
        let prefixes = match language {
            Language::Arabic => PROCLITICS.map(|before| format!("{before}{begin}")).to_vec(),
            _ => vec![begin],
        };
        Form {
            language,
            stem,
            prefixes,
        }
    }

    fn matches(&self, term: &str) -> bool {
        let mut prefixes = self.prefixes.iter();
        prefixes.any(|prefix| term.starts_with(prefix.as_str()))
            && stem(self.language, term) == self.stem
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
    let stem = fold_exact(&Stemmer::new(algorithm(language)).stem(&spelled));
    if stem.is_empty() {
        term.to_owned()
    } else {
        stem
    }
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
