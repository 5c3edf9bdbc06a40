//! The languages whose word forms `stem:` knows.

/// A language with a stemmer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// `ar`
    Arabic,
    /// `da`
    Danish,
    /// `de`
    German,
    /// `el`
    Greek,
    /// `en`
    English,
    /// `es`
    Spanish,
    /// `fi`
    Finnish,
    /// `fr`
    French,
    /// `hu`
    Hungarian,
    /// `it`
    Italian,
    /// `nl`
    Dutch,
    /// `no`
    Norwegian,
    /// `pt`
    Portuguese,
    /// `ro`
    Romanian,
    /// `ru`
    Russian,
    /// `sv`
    Swedish,
    /// `tr`
    Turkish,
}

impl Language {
    /// All of them, by ISO 639-1 code, in order of the codes.
    pub const ALL: [(&'static str, Language); 17] = [
        ("ar", Language::Arabic),
        ("da", Language::Danish),
        ("de", Language::German),
        ("el", Language::Greek),
        ("en", Language::English),
        ("es", Language::Spanish),
        ("fi", Language::Finnish),
        ("fr", Language::French),
        ("hu", Language::Hungarian),
        ("it", Language::Italian),
        ("nl", Language::Dutch),
        ("no", Language::Norwegian),
        ("pt", Language::Portuguese),
        ("ro", Language::Romanian),
        ("ru", Language::Russian),
        ("sv", Language::Swedish),
        ("tr", Language::Turkish),
    ];

    /// The ISO 639-1 code.
    pub fn code(self) -> &'static str {
        let found = Language::ALL.iter().find(|(_, known)| *known == self);
        found.map_or("", |(code, _)| code)
    }

    /// The language of an ISO 639-1 code, in any case.
    pub fn of_code(code: &str) -> Option<Language> {
        let found = Language::ALL
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(code));
        found.map(|&(_, language)| language)
    }
}
