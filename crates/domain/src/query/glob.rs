//! Patterns for whole file names: `*` is any run of characters, `?` is one character.

/// True if `text` as a whole matches `pattern`. Time grows with the product of the two.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut rest) = (pattern.chars(), text.chars());
    // What follows the last `*`, and what was left of the text when it took one more.
    let mut star: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let (mut next, mut after) = (pattern.clone(), rest.clone());
        match (next.next(), after.next()) {
            (Some('*'), _) => {
                star = Some((next.clone(), rest.clone()));
                pattern = next;
            }
            (Some(wanted), Some(got)) if wanted == '?' || wanted == got => {
                (pattern, rest) = (next, after);
            }
            (None, None) => return true,
            // No match here: let the last `*` take one character more.
            _ => {
                let Some((behind, left)) = &mut star else {
                    return false;
                };
                if left.next().is_none() {
                    return false;
                }
                (pattern, rest) = (behind.clone(), left.clone());
            }
        }
    }
}

/// What every match begins with.
pub fn literal_start(pattern: &str) -> &str {
    pattern.split(['*', '?']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, by recursion.
    fn slow(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => {
                slow(rest, text)
                    || text
                        .split_first()
                        .is_some_and(|(_, more)| slow(pattern, more))
            }
            (Some((p, rest)), Some((t, more))) => (*p == '?' || p == t) && slow(rest, more),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?é]{0,6}", text in "[abé]{0,7}") {
            let letters = |text: &str| text.chars().collect::<Vec<char>>();
            prop_assert_eq!(matches(&pattern, &text), slow(&letters(&pattern), &letters(&text)));
        }
    }
}
