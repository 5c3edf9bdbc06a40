//! Patterns for whole file names: `*` is any run of characters, `?` is one character.

/// True if `text` as a whole matches `pattern`.
pub(crate) fn matches(pattern: &[char], text: &str) -> bool {
    let mut pattern_at = 0;
    let mut rest = text.chars();
    // Where the last `*` was, and what was left of the text when it took one more.
    let mut star: Option<(usize, std::str::Chars<'_>)> = None;
    loop {
        let mut after = rest.clone();
        match (pattern.get(pattern_at), after.next()) {
            (Some('*'), _) => {
                star = Some((pattern_at, rest.clone()));
                pattern_at += 1;
            }
            (Some(&wanted), Some(got)) if wanted == '?' || wanted == got => {
                pattern_at += 1;
                rest = after;
            }
            (None, None) => return true,
            // No match here: let the last `*` take one character more.
            _ => {
                let Some((at, left)) = &mut star else {
                    return false;
                };
                if left.next().is_none() {
                    return false;
                }
                pattern_at = *at + 1;
                rest = left.clone();
            }
        }
    }
}

/// What every match begins with.
pub(crate) fn literal_start(pattern: &str) -> &str {
    pattern.split(['*', '?']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;

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

    #[test]
    fn agrees_with_the_definition() {
        let words = |letters: &[char], length: usize| {
            let mut all = vec![Vec::new()];
            for _ in 0..length {
                let longer: Vec<Vec<char>> = all
                    .iter()
                    .flat_map(|word| {
                        letters
                            .iter()
                            .map(move |c| [word.as_slice(), &[*c]].concat())
                    })
                    .collect();
                all.extend(longer);
            }
            all
        };
        for pattern in words(&['a', '*', '?'], 4) {
            for text in words(&['a', 'é'], 4) {
                let string: String = text.iter().collect();
                assert_eq!(
                    matches(&pattern, &string),
                    slow(&pattern, &text),
                    "{pattern:?} {text:?}"
                );
            }
        }
    }
}
