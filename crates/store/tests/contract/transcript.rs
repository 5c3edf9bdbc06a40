//! What a story was answered, line by line, without what is of chance or of the clock.

use std::fmt;

use everpost_domain::digest::Digest;
use everpost_domain::message::format_rfc3339;
use everpost_store::now_us;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// In which chapter of the story.
    pub(crate) chapter: &'static str,
    /// Question and answer.
    pub(crate) text: String,
}

/// What is shown in the place of chance: names for digests that are known, and words for the
/// rest.
pub(crate) struct Masks {
    /// Texts and what stands for them; the longer ones first.
    texts: Vec<(String, String)>,
    began: i64,
}

/// Clocks may differ so much from when the story began, in µs: a day.
const NEAR: i64 = 86_400_000_000;

impl Masks {
    pub(crate) fn new() -> Self {
        Masks {
            texts: Vec::new(),
            began: now_us(),
        }
    }

    /// From now on `text` is shown as `<name>`.
    pub(crate) fn hide(&mut self, text: impl Into<String>, name: &str) {
        let text = text.into();
        if text.is_empty() {
            return;
        }
        self.texts.push((text, format!("<{name}>")));
        self.texts
            .sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    }

    /// As [`Masks::hide`], for a digest and the first digits of it that people type.
    pub(crate) fn name(&mut self, digest: &Digest, name: &str) {
        self.hide(digest.to_string(), name);
    }

    /// A text as it stands in a transcript.
    pub(crate) fn mask(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (hidden, shown) in &self.texts {
            text = text.replace(hidden, shown);
        }
        self.words(&self.dates(&text))
    }

    /// Replaces times of now that are written as dates.
    fn dates(&self, text: &str) -> String {
        let seconds = |us: i64| us.div_euclid(1_000_000);
        let mut text = text.to_owned();
        for us in [self.began - NEAR, self.began, self.began + NEAR] {
            let whole = format_rfc3339(seconds(us));
            let day = whole.split('T').next().unwrap_or_default().to_owned();
            while let Some(at) = text.find(&format!("{day}T")) {
                let end = (at + whole.len()).min(text.len());
                text.replace_range(at..end, "<now>");
            }
            let snapshot: String = format!("{day}T").replace('-', "");
            while let Some(at) = text.find(&snapshot) {
                let end = (at + "20240101T000000.000000Z".len()).min(text.len());
                text.replace_range(at..end, "<snapshot>");
            }
        }
        text
    }

    /// Replaces digests, random names and times of now.
    fn words(&self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        let mut word = String::new();
        for letter in text.chars().chain(['\n']) {
            if letter.is_ascii_alphanumeric() {
                word.push(letter);
                continue;
            }
            shown.push_str(self.word(&word).unwrap_or(&word));
            word.clear();
            shown.push(letter);
        }
        shown.pop();
        shown
    }

    fn word(&self, word: &str) -> Option<&'static str> {
        if let Ok(number) = word.parse::<i64>() {
            let near = |scale: i64| (number * scale - self.began).abs() < NEAR;
            return match number {
                1_000_000_000_000_000.. if near(1) => Some("<now>"),
                1_000_000_000..10_000_000_000 if near(1_000_000) => Some("<now>"),
                _ => None,
            };
        }
        let hex = word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        match word.len() {
            64 if hex => Some("<digest>"),
            32 if hex => Some("<name>"),
            _ => None,
        }
    }
}

/// A transcript with where it is from.
pub(crate) struct Transcript {
    pub(crate) place: &'static str,
    pub(crate) lines: Vec<Line>,
}

impl Transcript {
    /// The first line that differs, with what came before it.
    pub(crate) fn difference(&self, other: &Transcript) -> Option<String> {
        let (mine, theirs) = (&self.lines, &other.lines);
        let longest = mine.len().max(theirs.len());
        let at = (0..longest).find(|at| mine.get(*at) != theirs.get(*at))?;
        let mut said = String::from("behaviour differs\n");
        for line in &mine[at.saturating_sub(3)..at] {
            said += &format!(
                "    both       [{}] {}\n",
                line.chapter,
                short(&line.text, 0)
            );
        }
        let (one, two) = (mine.get(at), theirs.get(at));
        let (one, two) = (show(one), show(two));
        let common = one.bytes().zip(two.bytes()).take_while(|(a, b)| a == b);
        let common = common.count();
        for (place, text) in [(self.place, &one), (other.place, &two)] {
            said += &format!("    {place:<10} {}\n", short(text, common));
        }
        Some(said)
    }
}

/// For people: a line for each answer.
impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "[{}] {}", line.chapter, line.text)?;
        }
        Ok(())
    }
}

fn show(line: Option<&Line>) -> String {
    match line {
        Some(line) => format!("[{}] {}", line.chapter, line.text),
        None => "nothing more".into(),
    }
}

/// A line around what is of interest in it.
fn short(text: &str, around: usize) -> String {
    const BEFORE: usize = 160;
    const AFTER: usize = 400;
    let from = text.floor_char_boundary(around.saturating_sub(BEFORE));
    let until = text.floor_char_boundary((around + AFTER).min(text.len()));
    let dots = |cut: bool| if cut { "…" } else { "" };
    let part = text.get(from..until).unwrap_or_default();
    format!("{}{part}{}", dots(from > 0), dots(until < text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_and_clock_are_masked_and_nothing_else() {
        let mut masks = Masks::new();
        let mail = Digest::of(b"a mail");
        masks.name(&mail, "mail");
        let now = now_us();
        let text = format!(
            "{mail} {} {now} {} 1700000000000000 7 {} until 2021-03-01T10:00:00Z, deadbeef",
            Digest::of(b"another"),
            now / 1_000_000,
            format_rfc3339(now / 1_000_000),
        );
        assert_eq!(
            masks.mask(&text),
            "<mail> <digest> <now> <now> 1700000000000000 7 <now> until 2021-03-01T10:00:00Z, deadbeef"
        );
    }

    #[test]
    fn the_first_line_that_differs_is_shown() {
        let told = |place, texts: &[&str]| Transcript {
            place,
            lines: texts
                .iter()
                .map(|text| Line {
                    chapter: "one",
                    text: (*text).into(),
                })
                .collect(),
        };
        let file = told("file", &["same", "4 bytes"]);
        assert_eq!(file.difference(&told("server", &["same", "4 bytes"])), None);
        for other in [&["same", "5 bytes"][..], &["same"], &["other"]] {
            let said = file.difference(&told("other", other)).unwrap();
            assert!(said.contains("[one] "), "{said}");
        }
    }
}
