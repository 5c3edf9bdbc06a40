//! A mail to a report: its structure, and the notifications around it.

use super::text::Text;
use super::{Inner, NotReport, Report};
use everpost_domain::message::{
    Head, Kind, Part, Structure, decode, fields, header_text, html_to_text, scan, text_of,
};
use std::borrow::Cow;

/// Most notifications that are taken off; each costs another scan of the mail.
const WRAPS: usize = 4;

/// Most texts of a mail that are looked at for the envelope: it is in the first, unless a server on the way
/// put something before it.
const TEXTS: usize = 3;

/// Reads a journal report; what makes a mail one stands on the module's page.
pub fn read(raw: &[u8]) -> Result<Report, NotReport> {
    read_within(raw, 0)
}

fn read_within(raw: &[u8], wraps: usize) -> Result<Report, NotReport> {
    let structure = scan(raw);
    let Some(root) = structure.parts.first() else {
        return Err(NotReport::Plain);
    };
    let outer: Vec<usize> = outer_parts(&structure);
    if is_notification(&structure, &outer) {
        return unwrap(raw, &structure, &outer, wraps);
    }
    let marked = is_marked(raw.get(root.header.clone()).unwrap_or_default());
    if !marked && !has_shape(&structure) {
        return Err(NotReport::Plain);
    }
    let Some(mut text) = envelope_text(raw, &structure, &outer) else {
        return Err(if marked {
            NotReport::NoEnvelope
        } else {
            NotReport::Plain
        });
    };
    text.report.inner = inner(raw, &structure, &outer);
    text.report.marked = marked;
    let certain = marked || (text.is_strict() && names_inner(raw, &text.report));
    if !certain {
        return Err(NotReport::Plain);
    }
    Ok(text.report)
}

/// True if a header says that the mail is a report.
fn is_marked(header: &[u8]) -> bool {
    fields(header).any(|field| {
        let says = |word: &str| header_text(field.value).eq_ignore_ascii_case(word);
        field.is("X-MS-Journal-Report")
            || (field.is("X-WM-Journal-Report") && says("journal"))
            || (field.is("Content-Identifier") && says("ExJournalReport"))
    })
}

/// True if the mail is a text and a message, as an unmarked report is.
fn has_shape(structure: &Structure) -> bool {
    let mut children = structure.parts.iter().filter(|part| part.parent == Some(0));
    let root = structure.parts.first().map(|part| &*part.content_type);
    root == Some("multipart/mixed")
        && children.next().is_some_and(|part| {
            part.kind == Kind::Leaf && part.content_type == "text/plain" && !part.attachment
        })
        && children.next().is_some_and(is_message)
        && children.next().is_none()
}

/// Indices of the parts that lie in no nested message.
fn outer_parts(structure: &Structure) -> Vec<usize> {
    let mut hidden = vec![false; structure.parts.len()];
    for (index, part) in structure.parts.iter().enumerate() {
        let parent = part
            .parent
            .and_then(|at| structure.parts.get(at).zip(hidden.get(at)));
        let inside = parent.is_some_and(|(parent, hidden)| *hidden || parent.kind == Kind::Message);
        if let Some(slot) = hidden.get_mut(index) {
            *slot = inside;
        }
    }
    let indices = hidden.iter().enumerate().filter(|(_, hidden)| !**hidden);
    indices.map(|(index, _)| index).collect()
}

fn is_message(part: &Part) -> bool {
    matches!(&*part.content_type, "message/rfc822" | "message/global")
}

fn is_tnef(part: &Part) -> bool {
    let kind = matches!(
        &*part.content_type,
        "application/ms-tnef" | "application/vnd.ms-tnef"
    );
    let name = part.filename.as_deref().unwrap_or_default();
    part.kind == Kind::Leaf && (kind || name.eq_ignore_ascii_case("winmail.dat"))
}

/// The parts named by `outer`.
fn parts<'a>(
    structure: &'a Structure,
    outer: &'a [usize],
) -> impl Iterator<Item = (usize, &'a Part)> {
    let found = |&index: &usize| Some((index, structure.parts.get(index)?));
    outer.iter().filter_map(found)
}

/// The first text that names an envelope.
fn envelope_text(raw: &[u8], structure: &Structure, outer: &[usize]) -> Option<Text> {
    let is_text = |part: &Part| {
        let kind = matches!(&*part.content_type, "text/plain" | "text/html");
        kind && part.kind == Kind::Leaf && !part.attachment
    };
    let texts = parts(structure, outer).filter(|(_, part)| is_text(part));
    let mut read = texts.take(TEXTS).map(|(index, part)| {
        let text = text_of(raw, structure, index);
        if part.content_type == "text/html" {
            Text::read(&html_to_text(&text))
        } else {
            Text::read(&text)
        }
    });
    read.find(Text::names_envelope)
}

/// The messages of a report, else its TNEF streams.
fn inner(raw: &[u8], structure: &Structure, outer: &[usize]) -> Vec<Inner> {
    let messages = parts(structure, outer).filter(|(_, part)| is_message(part));
    let messages: Vec<Inner> = messages.map(|(_, part)| message(raw, part)).collect();
    if !messages.is_empty() {
        return messages;
    }
    let streams = parts(structure, outer).filter(|(_, part)| is_tnef(part));
    streams
        .map(|(_, part)| Inner::Tnef(decode(raw, part).into_owned()))
        .collect()
}

fn message(raw: &[u8], part: &Part) -> Inner {
    match decode(raw, part) {
        Cow::Borrowed(bytes) => {
            let mut range = part.body.clone();
            // The scanner counts a line break before a boundary to a header that nothing follows.
            let after = raw.get(range.end..).unwrap_or_default();
            if after.starts_with(b"--") {
                range.end -= match bytes {
                    [.., b'\r', b'\n'] => 2,
                    [.., b'\n' | b'\r'] => 1,
                    _ => 0,
                };
            }
            Inner::Within(range)
        }
        Cow::Owned(bytes) => Inner::Decoded(bytes),
    }
}

/// True if the one message of the report has the Message-ID that the report names.
fn names_inner(raw: &[u8], report: &Report) -> bool {
    let [inner] = report.inner.as_slice() else {
        return false;
    };
    let bytes = inner.bytes(raw);
    let head = Head::read(bytes, &scan(bytes));
    let named = report.message_id.as_ref().map(String::as_bytes);
    named.is_some() && head.message_id.as_deref() == named
}

/// True for a delivery status notification (RFC 3464).
fn is_notification(structure: &Structure, outer: &[usize]) -> bool {
    let root = structure.parts.first().map(|part| &*part.content_type);
    root == Some("multipart/report")
        && parts(structure, outer).any(|(_, part)| {
            matches!(
                &*part.content_type,
                "message/delivery-status" | "message/global-delivery-status"
            )
        })
}

/// Reads the report that a notification returns.
fn unwrap(
    raw: &[u8],
    structure: &Structure,
    outer: &[usize],
    wraps: usize,
) -> Result<Report, NotReport> {
    let Some((_, part)) = parts(structure, outer).find(|(_, part)| is_message(part)) else {
        let header_only = parts(structure, outer).any(|(_, part)| {
            let kind = matches!(
                &*part.content_type,
                "text/rfc822-headers" | "message/global-headers"
            );
            kind && is_marked(&decode(raw, part))
        });
        return Err(if header_only {
            NotReport::HeaderOnly
        } else {
            NotReport::Plain
        });
    };
    if wraps >= WRAPS {
        return Err(NotReport::TooDeep);
    }
    let bytes = decode(raw, part);
    let mut report = read_within(&bytes, wraps + 1)?;
    report.wraps += 1;
    for inner in &mut report.inner {
        if let Inner::Within(range) = inner {
            *inner = match &bytes {
                Cow::Borrowed(_) => {
                    let start = part.body.start;
                    Inner::Within(range.start + start..range.end + start)
                }
                Cow::Owned(bytes) => {
                    Inner::Decoded(bytes.get(range.clone()).unwrap_or_default().to_vec())
                }
            };
        }
    }
    Ok(report)
}
