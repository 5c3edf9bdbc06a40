//! XML as a stream of names and text. Entities that the document defines are not resolved and
//! nothing outside of it is fetched: the parser has neither feature.

use std::ops::ControlFlow;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::Gap;

/// What stands in a document, by local names.
pub(super) enum Node<'a> {
    Open(&'a str, &'a BytesStart<'a>),
    Close(&'a str),
    Text(&'a str),
}

/// Hands each node to `visit` until it breaks. An error says that the rest could not be read.
pub(super) fn walk(
    xml: &str,
    mut visit: impl FnMut(Node<'_>) -> ControlFlow<()>,
) -> Result<(), Gap> {
    let mut reader = Reader::from_str(xml.trim_start_matches('\u{feff}'));
    // Ends without a beginning are no reason to give up.
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    loop {
        let flow = match reader.read_event() {
            Ok(Event::Start(tag)) => visit(Node::Open(tag.local_name().as_ref(), &tag)),
            Ok(Event::Empty(tag)) => match visit(Node::Open(tag.local_name().as_ref(), &tag)) {
                ControlFlow::Continue(()) => visit(Node::Close(tag.local_name().as_ref())),
                flow => flow,
            },
            Ok(Event::End(tag)) => visit(Node::Close(tag.local_name().as_ref())),
            Ok(Event::Text(text)) => visit(Node::Text(&text.xml10_content())),
            Ok(Event::CData(text)) => visit(Node::Text(&text.xml10_content())),
            Ok(Event::GeneralRef(reference)) => match character(&reference) {
                Some(c) => visit(Node::Text(c.encode_utf8(&mut [0; 4]))),
                None => ControlFlow::Continue(()),
            },
            Ok(Event::Eof) => return Ok(()),
            Ok(_) => ControlFlow::Continue(()),
            Err(_) => return Err(Gap::Damaged),
        };
        if flow.is_break() {
            return Ok(());
        }
    }
}

/// What a reference stands for: numbers and the five names of the standard.
fn character(reference: &quick_xml::events::BytesRef<'_>) -> Option<char> {
    if reference.is_char_ref() {
        return reference.resolve_char_ref().ok().flatten();
    }
    match reference.xml10_content().as_ref() {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

/// The value of an attribute, by its local name.
pub(super) fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = tag.attributes();
    attributes.with_checks(false);
    let found = attributes
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)?;
    let value = found.normalized_value(XmlVersion::default()).ok()?;
    Some(value.into_owned())
}

/// The text inside elements called one of `wanted`, a line each.
pub(super) fn lines_of(xml: &str, wanted: &[&str]) -> String {
    let mut out = String::new();
    let mut inside = false;
    // What could be read of a list of properties is enough.
    let _ = walk(xml, |node| {
        match node {
            Node::Open(name, _) => inside = wanted.contains(&name),
            Node::Close(_) if inside => {
                inside = false;
                out.push('\n');
            }
            Node::Text(text) if inside => out.push_str(text),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    out
}
