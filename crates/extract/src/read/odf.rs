//! OpenDocument text, sheets and slides (ISO/IEC 26300).

use std::ops::ControlFlow;

use super::archive::{Zip, entry, xml};
use super::xml::{Node, attribute, lines_of, walk};
use super::{Reader, plain};
use crate::Gap;

/// Most blanks that one element may stand for.
const BLANKS: usize = 64;

pub(super) fn read(reader: &mut Reader, archive: &mut Zip<'_>, depth: u32) {
    let manifest = xml(reader, archive, "META-INF/manifest.xml").unwrap_or_default();
    if manifest.contains("encryption-data") {
        return reader.miss(Gap::Encrypted);
    }
    if let Some(meta) = xml(reader, archive, "meta.xml") {
        let wanted = ["title", "subject", "description", "keyword", "creator"];
        reader.push(&lines_of(&meta, &wanted));
    }
    // Headers and footers stand with the styles.
    for part in ["content.xml", "styles.xml"] {
        if let Some(xml) = xml(reader, archive, part) {
            flow(reader, &xml);
            reader.line_break();
        }
    }
    // Objects inside, each a folder of its own.
    for index in 0..archive.len() {
        let wanted = matches!(archive.name_for_index(index), Some(Ok(name)) if name.starts_with("Object ") && name.ends_with("/content.xml"));
        if !wanted {
            continue;
        }
        if !reader.entry() {
            return;
        }
        if depth >= reader.limits.depth {
            return reader.miss(Gap::TooMuch);
        }
        if let Some((_, bytes)) = entry(reader, archive, index) {
            flow(reader, &plain::xml(&bytes));
        }
    }
}

/// Text of paragraphs and headings.
fn flow(reader: &mut Reader, xml: &str) {
    let mut paragraphs = 0u32;
    let walked = walk(xml, |node| {
        match node {
            Node::Open("p" | "h", _) => paragraphs += 1,
            Node::Close("p" | "h") => {
                paragraphs = paragraphs.saturating_sub(1);
                reader.push("\n");
            }
            Node::Open("tab", _) if paragraphs > 0 => reader.push("\t"),
            Node::Open("line-break", _) if paragraphs > 0 => reader.push("\n"),
            Node::Open("s", tag) if paragraphs > 0 => {
                let count = attribute(tag, "c").and_then(|count| count.parse().ok());
                reader.push(&" ".repeat(count.unwrap_or(1).min(BLANKS)));
            }
            Node::Open("table", tag) => {
                if let Some(name) = attribute(tag, "name") {
                    reader.line(&name);
                }
            }
            Node::Text(text) if paragraphs > 0 => reader.push(text),
            _ => {}
        }
        match reader.full() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    if let Err(gap) = walked {
        reader.miss(gap);
    }
}
