//! House rules over the text of the sources. A rule is a pure function; here the files are read
//! and every complaint is printed, so that one run shows them all.
//!
//! To add a rule, write it in [`rules`] (one file) or [`tree`] (files together) with its tests,
//! and name it in [`RULES`] or in [`tree::complaints`].

mod rules;
mod tree;

use anyhow::{Result, bail};

use crate::{source, workspace};

/// What a rule has to say about one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    path: String,
    /// Counted from 1; 0 where the file as a whole is meant.
    line: usize,
    what: String,
}

impl Complaint {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }
}

/// A rule about one file: its path from the root, its text.
type Rule = fn(&str, &str) -> Vec<Complaint>;

const RULES: &[Rule] = &[
    rules::opens_with_its_purpose,
    rules::blanks,
    rules::own_words,
    rules::unfinished,
    rules::printing,
    rules::length,
    rules::manifest,
];

pub(crate) fn check() -> Result<()> {
    let files = source::texts(&workspace::root()?)?;
    let mut complaints = Vec::new();
    for file in &files {
        complaints.extend(RULES.iter().flat_map(|rule| rule(&file.path, &file.text)));
    }
    complaints.extend(tree::complaints(&files));
    for Complaint { path, line, what } in &complaints {
        match line {
            0 => eprintln!("tidy: {path}: {what}"),
            line => eprintln!("tidy: {path}:{line}: {what}"),
        }
    }
    match complaints.len() {
        0 => Ok(()),
        count => bail!("{count} complaints about {} files", files.len()),
    }
}
