//! What the server can do.

use std::collections::BTreeSet;

use everpost_codec::imap::client::LiteralPlus;

/// What a server says that it can do, without what is to be ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    words: BTreeSet<String>,
}

impl Capabilities {
    pub(super) fn new(words: Vec<String>, ignored: &[String]) -> Self {
        let is_ignored = |word: &String| ignored.iter().any(|one| one.eq_ignore_ascii_case(word));
        let mut words: BTreeSet<String> =
            words.into_iter().filter(|word| !is_ignored(word)).collect();
        // What belongs to IMAP4rev2 need not be said (RFC 9051, appendix E), unless it is to be ignored.
        if words.contains("IMAP4REV2") {
            const REV2: [&str; 11] = [
                "NAMESPACE",
                "UNSELECT",
                "UIDPLUS",
                "ESEARCH",
                "ENABLE",
                "IDLE",
                "SASL-IR",
                "LIST-EXTENDED",
                "LIST-STATUS",
                "MOVE",
                "LITERAL-",
            ];
            words.extend(
                REV2.map(str::to_owned)
                    .into_iter()
                    .filter(|word| !is_ignored(word)),
            );
        }
        Capabilities { words }
    }

    /// Whether it has this, in upper case: `UIDPLUS`, `AUTH=PLAIN`.
    pub fn has(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    pub(super) fn forget(&mut self, word: &str) {
        self.words.remove(word);
    }

    /// Whether it tells where a message arrived, and expunges single messages.
    pub fn uidplus(&self) -> bool {
        self.has("UIDPLUS")
    }

    /// Whether it moves messages in one step.
    pub fn moves(&self) -> bool {
        self.has("MOVE")
    }

    /// Whether it counts changes.
    pub fn condstore(&self) -> bool {
        self.has("CONDSTORE") || self.has("QRESYNC")
    }

    /// Octets that a message may have, if it says so for all folders (RFC 7889).
    pub fn append_limit(&self) -> Option<u64> {
        let limits = self
            .words
            .iter()
            .filter_map(|word| word.strip_prefix("APPENDLIMIT="));
        limits.filter_map(|limit| limit.parse().ok()).min()
    }

    pub(super) fn literal_plus(&self) -> LiteralPlus {
        match (self.has("LITERAL+"), self.has("LITERAL-")) {
            (true, _) => LiteralPlus::Any,
            (false, true) => LiteralPlus::Small,
            (false, false) => LiteralPlus::Never,
        }
    }
}
