//! Names of folders, here and there.
//!
//! Here, levels are apart by `/`, and what is one's own has no prefix. A server may part them by another character, which then is
//! exchanged with `/`: with `.`, `a.b/c` there is `a/b.c` here, and back. Where the personal namespace has a prefix (`INBOX.`
//! of Courier and Cyrus), it is taken off, but for INBOX itself.

use std::collections::BTreeMap;

use everpost_codec::imap::client::Namespaces;
use everpost_codec::imap::name::{self, INBOX};

/// What a slash in a name becomes where the server has no levels.
const NO_LEVEL: char = '\u{2215}';

/// How the server names folders.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    delimiter: Option<char>,
    /// As it is decoded, with the delimiter at its end.
    prefix: String,
    foreign: Vec<String>,
    /// Names as the server writes them: they need not be as we would.
    written: BTreeMap<String, Vec<u8>>,
}

/// Whose a folder is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ours {
    Named(String),
    /// Another user's, nobody's, or no folder at all.
    Foreign,
    /// We have no name for it.
    Unreadable,
}

impl Names {
    pub(super) fn new(delimiter: Option<char>, namespaces: &Namespaces) -> Self {
        let text = |prefix: &[u8]| name::decode_pattern(prefix, false).unwrap_or_default();
        let first = namespaces.personal.first();
        let delimiter = first.and_then(|first| first.delimiter).or(delimiter);
        let foreign = namespaces.foreign.iter().map(|one| text(&one.prefix));
        Names {
            delimiter,
            prefix: first.map(|first| text(&first.prefix)).unwrap_or_default(),
            foreign: foreign.filter(|prefix| !prefix.is_empty()).collect(),
            written: BTreeMap::new(),
        }
    }

    /// The name that a folder has here.
    pub(super) fn ours(&self, wire: &[u8]) -> Ours {
        let Ok(text) = name::decode(wire, false) else {
            return Ours::Unreadable;
        };
        if text == INBOX {
            return Ours::Named(text);
        }
        let lies_below = |prefix: &String| {
            let bare = self
                .delimiter
                .and_then(|delimiter| prefix.strip_suffix(delimiter));
            text.starts_with(prefix.as_str()) || bare == Some(text.as_str())
        };
        if self.foreign.iter().any(lies_below) {
            return Ours::Foreign;
        }
        let own = without(&text, &self.prefix).unwrap_or(&text);
        // One that would be called INBOX without its prefix keeps it.
        let own = if own.eq_ignore_ascii_case(INBOX) {
            &text
        } else {
            own
        };
        let own = self.exchanged(own);
        let is_name = !own.is_empty() && own.split('/').all(|level| !level.is_empty());
        match is_name {
            true => Ours::Named(own),
            false => Ours::Unreadable,
        }
    }

    fn exchanged(&self, name: &str) -> String {
        let exchange = |letter: char| match (letter, self.delimiter) {
            ('/', None) => NO_LEVEL,
            ('/', Some(delimiter)) => delimiter,
            (letter, Some(delimiter)) if letter == delimiter => '/',
            (letter, _) => letter,
        };
        name.chars().map(exchange).collect()
    }

    /// Remembers how the server writes a name.
    pub(super) fn remember(&mut self, name: &str, wire: &[u8]) {
        self.written.insert(name.to_owned(), wire.to_vec());
    }

    /// Forgets how it wrote names.
    pub(super) fn forget(&mut self) {
        self.written.clear();
    }

    /// Forgets how it wrote a name and those below it.
    pub(super) fn forget_below(&mut self, name: &str) {
        let is_below = |other: &str| {
            other
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.written.retain(|other, _| !is_below(other));
    }

    /// The name as the server knows it, or would write it. `None` if it cannot have such a folder.
    pub(super) fn theirs(&self, name: &str) -> Option<Vec<u8>> {
        if let Some(wire) = self.written.get(name) {
            return Some(wire.clone());
        }
        if name.eq_ignore_ascii_case(INBOX) {
            return Some(INBOX.as_bytes().to_vec());
        }
        if name.chars().any(char::is_control) || self.delimiter.is_none() && name.contains('/') {
            return None;
        }
        let whole = format!("{}{}", self.prefix, self.exchanged(name));
        Some(name::encode(&whole, false).as_bytes().to_vec())
    }
}

/// What is left of a name without the prefix, of which `INBOX` may be written in any case.
fn without<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    let is_inbox = prefix
        .get(..INBOX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(INBOX));
    let is_same = start == prefix || is_inbox && start.eq_ignore_ascii_case(prefix);
    is_same.then_some(rest)
}

#[cfg(test)]
mod tests {
    use everpost_codec::imap::client::{Namespace, Namespaces};
    use proptest::prelude::*;

    use super::{Names, Ours};

    fn names(delimiter: Option<char>, prefix: &str) -> Names {
        let one = |prefix: &str| Namespace {
            prefix: prefix.as_bytes().to_vec(),
            delimiter,
        };
        Names::new(
            delimiter,
            &Namespaces {
                personal: vec![one(prefix)],
                foreign: vec![one("shared."), one("")],
            },
        )
    }

    fn named(name: &str) -> Ours {
        Ours::Named(name.to_owned())
    }

    #[test]
    fn prefixes_and_delimiters() {
        let courier = names(Some('.'), "INBOX.");
        for (wire, ours) in [
            ("INBOX", "INBOX"),
            ("inbox", "INBOX"),
            ("INBOX.Sent", "Sent"),
            ("Inbox.Sent.2024", "Sent/2024"),
            ("INBOX.a/b", "a.b"),
            ("INBOX.Entw&APw-rfe", "Entw\u{fc}rfe"),
            ("INBOX.INBOX", "INBOX/INBOX"),
            ("Other", "Other"),
        ] {
            assert_eq!(courier.ours(wire.as_bytes()), named(ours), "{wire}");
        }
        for foreign in ["shared.x", "shared"] {
            assert_eq!(courier.ours(foreign.as_bytes()), Ours::Foreign);
        }
        for odd in ["INBOX.", "INBOX.a..b", "INBOX.a.", "a\tb"] {
            assert_eq!(courier.ours(odd.as_bytes()), Ours::Unreadable, "{odd}");
        }
        let theirs = |name: &str| {
            courier
                .theirs(name)
                .map(|wire| String::from_utf8(wire).unwrap())
        };
        assert_eq!(
            theirs("Entw\u{fc}rfe/a.b").as_deref(),
            Some("INBOX.Entw&APw-rfe.a/b")
        );
        assert_eq!(theirs("inbox").as_deref(), Some("INBOX"));
        assert_eq!(theirs("a\r\nb"), None);
        let flat = names(None, "");
        assert_eq!(flat.ours(b"a/b"), named("a\u{2215}b"));
        assert_eq!(flat.theirs("a/b"), None);
        let usual = names(Some('/'), "");
        assert_eq!(usual.ours(b"INBOX/x"), named("INBOX/x"));
        assert_eq!(usual.theirs("INBOX/x").unwrap(), b"INBOX/x");
    }

    #[test]
    fn names_are_written_as_the_server_does() {
        let mut names = names(Some('/'), "");
        // Not as it should be written.
        let Ours::Named(name) = names.ours("Entw\u{fc}rfe".as_bytes()) else {
            panic!();
        };
        names.remember(&name, "Entw\u{fc}rfe".as_bytes());
        assert_eq!(names.theirs(&name).unwrap(), "Entw\u{fc}rfe".as_bytes());
        names.forget();
        assert_eq!(names.theirs(&name).unwrap(), b"Entw&APw-rfe");
    }

    proptest! {
        #[test]
        fn back_and_forth(name in "[a-cA-C./ \u{fc}&]{1,12}", which in 0_usize..3) {
            let (delimiter, prefix) = [(Some('/'), ""), (Some('.'), ""), (Some('.'), "INBOX.")][which];
            let names = names(delimiter, prefix);
            let wire = names.theirs(&name).unwrap();
            if let Ours::Named(back) = names.ours(&wire) {
                prop_assert_eq!(back, name);
            }
        }
    }
}
