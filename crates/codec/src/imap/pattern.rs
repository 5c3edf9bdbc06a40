//! Patterns of LIST and LSUB (RFC 9051 §6.3.9): `*` stands for anything, `%` for anything within a level.

use super::name::{DELIMITER, INBOX};

/// A pattern with its reference, ready to be held against names.
///
/// It is tried by keeping all places at which a name may stand in the pattern, so that a name costs at most its length times
/// the pattern's, however many wildcards somebody writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Letter(char),
    /// `%`.
    Level,
    /// `*`.
    All,
}

impl Pattern {
    /// The pattern below a reference: the two in one, as most servers read them (RFC 9051 §6.3.9 leaves it to them). Where both
    /// have a delimiter between them, one counts.
    pub fn new(reference: &str, pattern: &str) -> Self {
        let pattern = match reference.ends_with(DELIMITER) {
            true => pattern.strip_prefix(DELIMITER).unwrap_or(pattern),
            false => pattern,
        };
        let mut parts: Vec<Part> = Vec::new();
        for letter in reference.chars().chain(pattern.chars()) {
            let part = match letter {
                '*' => Part::All,
                '%' => Part::Level,
                letter => Part::Letter(letter),
            };
            match (parts.last_mut(), part) {
                // Of neighbours the wider one is enough.
                (Some(Part::All), Part::All | Part::Level) => {}
                (Some(Part::Level), Part::Level) => {}
                (Some(last @ Part::Level), Part::All) => *last = Part::All,
                _ => parts.push(part),
            }
        }
        Pattern { parts }
    }

    /// Whether a mailbox of this name is meant. INBOX is found in any case, as one may write it.
    pub fn matches(&self, name: &str) -> bool {
        let fold = name == INBOX;
        // Each number is how many parts are done with.
        let mut places = Vec::new();
        self.arrive(&mut places, 0);
        for letter in name.chars() {
            if places.is_empty() {
                return false;
            }
            let mut after = Vec::with_capacity(places.len());
            for &place in &places {
                match self.parts.get(place) {
                    Some(Part::All) => self.arrive(&mut after, place),
                    Some(Part::Level) if letter != DELIMITER => self.arrive(&mut after, place),
                    Some(Part::Letter(own)) if same(*own, letter, fold) => {
                        self.arrive(&mut after, place + 1);
                    }
                    _ => {}
                }
            }
            places = after;
        }
        places.last() == Some(&self.parts.len())
    }

    /// Notes a place; behind a wildcard, which may stand for nothing, one stands as well. Places are noted in ascending order,
    /// so that only the last ones can be there already.
    fn arrive(&self, places: &mut Vec<usize>, mut place: usize) {
        loop {
            if places.last().is_none_or(|last| *last < place) {
                places.push(place);
            }
            match self.parts.get(place) {
                Some(Part::All | Part::Level) => place += 1,
                _ => return,
            }
        }
    }
}

fn same(own: char, letter: char, fold: bool) -> bool {
    own == letter || (fold && own.eq_ignore_ascii_case(&letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns() {
        let cases = [
            ("", "*", "a/b", true),
            ("", "%", "a", true),
            ("", "%", "a/b", false),
            ("", "%/%", "a/b", true),
            ("", "%/%", "a/b/c", false),
            ("", "*/c", "a/b/c", true),
            ("", "a*", "b", false),
            ("", "a*", "a", true),
            ("", "", "a", false),
            ("", "", "", true),
            ("", "INBOX", "INBOX", true),
            ("", "inbox", "INBOX", true),
            ("", "inb%", "INBOX", true),
            ("", "inbox/x", "INBOX/x", false),
            ("", "a", "A", false),
            ("a/", "%", "a/b", true),
            ("a/", "/%", "a/b", true),
            ("a", "/%", "a/b", true),
            ("a", "b", "ab", true),
            ("a/", "*", "a/b/c", true),
            ("a/", "*", "b", false),
            ("", "*%*", "a/b/c", true),
            ("", "%%", "ab", true),
            ("", "%*%x", "a/b/x", true),
            ("", "ä%", "äöü", true),
            ("", "%a%b%c%", "xaybzc", true),
            ("", "%a%b%c%", "xay/bzc", false),
            ("", "%a%b*c%", "xayb/zc", true),
        ];
        for (reference, pattern, name, wanted) in cases {
            let found = Pattern::new(reference, pattern).matches(name);
            assert_eq!(found, wanted, "{reference:?} {pattern:?} {name:?}");
        }
    }

    #[test]
    fn no_time_is_lost() {
        let pattern = Pattern::new("", &("*a%".repeat(300) + "b"));
        assert!(!pattern.matches(&"a".repeat(1_000)));
    }

    fn naive(pattern: &[char], name: &[char]) -> bool {
        match pattern {
            [] => name.is_empty(),
            ['*', rest @ ..] => (0..=name.len()).any(|at| naive(rest, &name[at..])),
            ['%', rest @ ..] => (0..=name.len())
                .take_while(|&at| at == 0 || name[at - 1] != '/')
                .any(|at| naive(rest, &name[at..])),
            [letter, rest @ ..] => name.first() == Some(letter) && naive(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn as_the_definition_says(pattern in "[ab/*%]{0,9}", name in "[ab/]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(
                Pattern::new("", &pattern).matches(&name),
                naive(&chars(&pattern), &chars(&name))
            );
        }
    }
}
