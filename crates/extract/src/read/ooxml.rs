//! Word, Excel and PowerPoint of 2007 and later (ECMA-376).
//!
//! Parts are taken by their names, never through relationships: those may point anywhere, to
//! files and servers too.

use std::ops::ControlFlow;

use super::archive::{Zip, entry, xml};
use super::xml::{Node, attribute, lines_of, walk};
use super::{Item, Reader, plain};
use crate::Gap;

/// Parts with text, by the beginnings of their names, in the order in which they are read.
/// Slides and sheets have numbers, which decide inside of one kind.
const PARTS: [(&str, Kind); 25] = [
    ("docProps/core.xml", Kind::Properties),
    ("word/document", Kind::Flow),
    ("word/header", Kind::Flow),
    ("word/footer", Kind::Flow),
    ("word/footnotes", Kind::Flow),
    ("word/endnotes", Kind::Flow),
    ("word/comments", Kind::Flow),
    ("word/glossary/document", Kind::Flow),
    ("word/diagrams/data", Kind::Flow),
    ("word/charts/chart", Kind::Chart),
    ("xl/workbook", Kind::Workbook),
    ("xl/worksheets/", Kind::Sheet),
    ("xl/comments", Kind::Flow),
    ("xl/threadedComments/", Kind::Comments),
    ("xl/drawings/drawing", Kind::Flow),
    ("xl/charts/chart", Kind::Chart),
    ("xl/diagrams/data", Kind::Flow),
    ("ppt/slides/slide", Kind::Flow),
    ("ppt/notesSlides/notesSlide", Kind::Flow),
    ("ppt/comments/", Kind::Comments),
    ("ppt/diagrams/data", Kind::Flow),
    ("ppt/charts/chart", Kind::Chart),
    ("word/embeddings/", Kind::Embedded),
    ("xl/embeddings/", Kind::Embedded),
    ("ppt/embeddings/", Kind::Embedded),
];

const SHARED: &str = "xl/sharedStrings.xml";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Properties,
    /// Paragraphs of runs of `t`.
    Flow,
    /// As `Flow`, and cached values.
    Chart,
    Comments,
    Workbook,
    Sheet,
    /// A document of its own.
    Embedded,
}

pub(super) fn read(reader: &mut Reader, archive: &mut Zip<'_>, depth: u32) {
    let mut parts = Vec::new();
    for index in 0..archive.len() {
        let Some(Ok(name)) = archive.name_for_index(index) else {
            continue;
        };
        let found = PARTS.iter().position(|(start, _)| name.starts_with(start));
        if let Some(order) = found
            && !name.ends_with('/')
            && !name.contains("/_rels/")
        {
            parts.push((order, number(&name), index));
        }
    }
    parts.sort_unstable();
    let shared = xml(reader, archive, SHARED).map_or_else(Vec::new, |xml| strings(reader, &xml));
    for (order, _, index) in parts {
        let Some((_, kind)) = PARTS.get(order) else {
            continue;
        };
        if !reader.entry() {
            return;
        }
        let Some((name, bytes)) = entry(reader, archive, index) else {
            continue;
        };
        if *kind == Kind::Embedded {
            let name = name.rsplit('/').next().unwrap_or_default();
            let item = Item {
                name,
                content_type: "",
                charset: "",
                bytes: &bytes,
            };
            reader.inner(&item, depth);
            continue;
        }
        let xml = plain::xml(&bytes);
        match kind {
            Kind::Properties => {
                let wanted = [
                    "title",
                    "subject",
                    "keywords",
                    "description",
                    "category",
                    "creator",
                ];
                reader.push(&lines_of(&xml, &wanted));
            }
            Kind::Workbook => sheet_names(reader, &xml),
            Kind::Sheet => sheet(reader, &xml, &shared),
            Kind::Flow => flow(reader, &xml, &["t", "delText"]),
            Kind::Chart => flow(reader, &xml, &["t", "v"]),
            Kind::Comments => flow(reader, &xml, &["t", "text"]),
            Kind::Embedded => {}
        }
        reader.line_break();
    }
}

/// The number in a part's name: slide2 stands before slide10.
fn number(name: &str) -> u32 {
    let digits: String = name.chars().filter(char::is_ascii_digit).take(9).collect();
    digits.parse().unwrap_or(0)
}

/// Text of the elements `wanted`, with lines and tabs.
fn flow(reader: &mut Reader, xml: &str, wanted: &[&str]) {
    let mut inside = false;
    // The same drawing again, for old programs.
    let mut fallback = 0u32;
    let mut stops = false;
    let walked = walk(xml, |node| {
        match node {
            Node::Open("Fallback", _) => fallback += 1,
            Node::Close("Fallback") => fallback = fallback.saturating_sub(1),
            _ if fallback > 0 => {}
            Node::Open("tabs", _) => stops = true,
            Node::Close("tabs") => stops = false,
            Node::Open("tab", _) if !stops => reader.push("\t"),
            Node::Open("br" | "cr", _) => reader.push("\n"),
            Node::Open(name, _) => inside = wanted.contains(&name),
            Node::Close(name) if wanted.contains(&name) => {
                inside = false;
                // Values stand alone; runs are parts of words.
                if name == "v" || name == "text" {
                    reader.push("\n");
                }
            }
            Node::Close("p" | "comment") => reader.line_break(),
            Node::Text(text) if inside => reader.push(text),
            _ => {}
        }
        flow_of(reader)
    });
    if let Err(gap) = walked {
        reader.miss(gap);
    }
}

fn flow_of(reader: &Reader) -> ControlFlow<()> {
    match reader.full() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

fn sheet_names(reader: &mut Reader, xml: &str) {
    let walked = walk(xml, |node| {
        if let Node::Open("sheet", tag) = node
            && let Some(name) = attribute(tag, "name")
        {
            reader.line(&name);
        }
        flow_of(reader)
    });
    if let Err(gap) = walked {
        reader.miss(gap);
    }
}

/// The strings that cells name by number.
fn strings(reader: &mut Reader, xml: &str) -> Vec<String> {
    let mut list = Vec::new();
    let mut now = String::new();
    let (mut inside, mut phonetic) = (false, false);
    let walked = walk(xml, |node| {
        match node {
            Node::Open("rPh", _) => phonetic = true,
            Node::Close("rPh") => phonetic = false,
            Node::Open("t", _) => inside = !phonetic,
            Node::Close("t") => inside = false,
            Node::Close("si") => list.push(std::mem::take(&mut now)),
            Node::Text(text) if inside => now.push_str(text),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    if walked.is_err() {
        reader.miss(Gap::Damaged);
    }
    list
}

/// Cells divided by tabs, rows by line ends. Numbers are as stored: dates are day numbers.
fn sheet(reader: &mut Reader, xml: &str, shared: &[String]) {
    let mut by_number = false;
    let mut inside = false;
    let mut value = String::new();
    let walked = walk(xml, |node| {
        match node {
            Node::Open("c", tag) => {
                by_number = attribute(tag, "t").as_deref() == Some("s");
                value.clear();
            }
            Node::Open(name, _) => inside = matches!(name, "v" | "t"),
            Node::Text(text) if inside => value.push_str(text),
            Node::Close("v" | "t") => inside = false,
            Node::Close("c") => {
                let shown = match by_number {
                    true => value
                        .trim()
                        .parse()
                        .ok()
                        .and_then(|at: usize| shared.get(at)),
                    false => Some(&value),
                };
                if let Some(shown) = shown.filter(|shown| !shown.is_empty()) {
                    reader.push(shown);
                    reader.push("\t");
                }
            }
            Node::Close("row") => reader.line_break(),
            // Headers and footers of the print.
            Node::Close(name) if name.ends_with("Header") || name.ends_with("Footer") => {
                inside = false
            }
            _ => {}
        }
        flow_of(reader)
    });
    if let Err(gap) = walked {
        reader.miss(gap);
    }
}
