//! The text files of the workspace, and Rust text with its strings and comments blanked.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A text file; the path is relative to the workspace's root, with `/`.
pub(crate) struct Text {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// What is not ours to tidy: build output, the fuzz crate outside the workspace, stores that somebody made here, test data, which is
/// kept byte for byte, and what tools write for themselves.
fn skipped(name: &str) -> bool {
    let hidden = name.starts_with('.') && ![".ci", ".cargo", ".github"].contains(&name);
    hidden
        || matches!(
            name,
            "Cargo.lock" | "target" | "node_modules" | "testdata" | "golden" | "fuzz"
        )
        || name.starts_with("everpost-data")
}

/// Every text file below `root` in the order of the paths.
pub(crate) fn texts(root: &Path) -> Result<Vec<Text>> {
    let mut found = Vec::new();
    collect(root, "", &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<Text>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && !skipped(&name) {
            collect(&entry.path(), &format!("{path}/"), found)?;
        } else if kind.is_file() && !skipped(&name) {
            let bytes = fs::read(entry.path()).with_context(|| format!("cannot read {path}"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                found.push(Text { path, text });
            }
        }
    }
    Ok(())
}

/// Rust text with the content of comments, strings and character literals replaced by blanks,
/// line for line, so that a rule about code does not fire on prose or on data.
pub(crate) fn code_only(text: &str) -> String {
    let mut scanner = Scanner {
        rest: text,
        code: String::with_capacity(text.len()),
    };
    while let Some(next) = scanner.rest.chars().next() {
        if scanner.rest.starts_with("//") {
            let end = scanner.rest.find('\n').unwrap_or(scanner.rest.len());
            scanner.blank(end);
        } else if scanner.rest.starts_with("/*") {
            scanner.blank(block_comment(scanner.rest));
        } else if let Some(end) = raw_string(scanner.rest).filter(|_| !scanner.inside_word()) {
            scanner.blank(end);
        } else if next == '"' {
            scanner.blank(quoted(scanner.rest, '"'));
        } else if next == '\'' {
            match character(scanner.rest) {
                Some(end) => scanner.blank(end),
                None => scanner.keep(next),
            }
        } else {
            scanner.keep(next);
        }
    }
    scanner.code
}

struct Scanner<'a> {
    rest: &'a str,
    code: String,
}

impl Scanner<'_> {
    fn keep(&mut self, next: char) {
        self.code.push(next);
        self.rest = self.rest.get(next.len_utf8()..).unwrap_or_default();
    }

    fn blank(&mut self, length: usize) {
        let (gone, rest) = self
            .rest
            .split_at_checked(length)
            .unwrap_or((self.rest, ""));
        let blanks = gone.chars().map(|c| if c == '\n' { '\n' } else { ' ' });
        self.code.extend(blanks);
        self.rest = rest;
    }

    fn inside_word(&self) -> bool {
        self.code
            .ends_with(|c: char| c.is_alphanumeric() || c == '_')
    }
}

/// The length of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a raw string that starts here, if one does.
fn raw_string(text: &str) -> Option<usize> {
    let body = ["r", "br", "cr"].iter().find_map(|mark| {
        let rest = text.strip_prefix(mark)?;
        rest.starts_with(['"', '#']).then_some(rest)
    })?;
    let opened = body.trim_start_matches('#');
    let hashes = body.len() - opened.len();
    let content = opened.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = text.len() - content.len();
    Some(
        content
            .find(&end)
            .map_or(text.len(), |at| start + at + end.len()),
    )
}

/// The length of a literal that starts here with `quote` and may hold escapes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, next) in text.char_indices().skip(1) {
        match next {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if next == quote => return at + quote.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal that starts here; none where it is a lifetime.
fn character(text: &str) -> Option<usize> {
    let mut characters = text.chars().skip(1);
    let first = characters.next()?;
    let second = characters.next()?;
    (first == '\\' || second == '\'').then(|| quoted(text, '\''))
}

#[cfg(test)]
mod tests {
    use super::code_only;

    fn visible(text: &str) -> Vec<String> {
        let code = code_only(text);
        assert_eq!(code.lines().count(), text.lines().count(), "lines stay");
        code.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn comments_vanish() {
        assert_eq!(visible("a // b\nc /* d /* e */\n f */ g"), ["a", "c", "g"]);
    }

    #[test]
    fn strings_vanish() {
        assert_eq!(
            visible(r##"a "b \" c" d r#"e " f"# g b"h" i"##),
            ["a", "d", "g", "b", "i"]
        );
        assert_eq!(visible("a \"b\nc\" d"), ["a", "d"]);
    }

    #[test]
    fn characters_vanish_and_lifetimes_stay() {
        assert_eq!(visible(r#"a '"' b '\'' c"#), ["a", "b", "c"]);
        assert_eq!(
            visible("fn f<'a>(x: &'a str) \"gone\" y"),
            ["fn", "f<'a>(x:", "&'a", "str)", "y"]
        );
    }

    #[test]
    fn a_word_that_ends_in_r_opens_no_raw_string() {
        assert_eq!(visible("for\"x\" y"), ["for", "y"]);
    }

    #[test]
    fn an_open_literal_ends_with_the_text() {
        assert_eq!(visible("a \"b"), ["a"]);
        assert_eq!(visible("a r#\"b"), ["a"]);
        assert_eq!(visible("a /* b"), ["a"]);
    }
}
