//! Terms with a stem, as a dictionary is searched for them.

use everpost_domain::text::Language;

/// A stem that terms are compared with.
pub(crate) struct Stems {
    start: String,
    word: String,
}

impl Stems {
    /// The stem of `word`.
    pub(crate) fn new(_language: Option<Language>, word: &str) -> Self {
        Stems {
            start: word.chars().take(2).collect(),
            word: word.to_owned(),
        }
    }

    /// What every word with this stem begins with: stems of any other are not compared.
    pub(crate) fn start(&self) -> &str {
        &self.start
    }

    /// True if `term` has the stem.
    pub(crate) fn has(&self, term: &str) -> bool {
        self.word == term
    }
}
