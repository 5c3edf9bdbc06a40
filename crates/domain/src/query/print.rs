//! A query becomes text again.

use super::lex::ends_word;
use super::value::recipients;
use super::{Field, Query, Test, date, field, size};
use crate::text::is_unspaced;

/// Canonical text of a query: what [`parse`](super::parse()) reads as the same query, for
/// every query it gives. Of others (never made by `parse`) the meaning stays, not the tree.
pub fn print(query: &Query) -> String {
    let mut out = String::new();
    if query != &Query::And(Vec::new()) {
        write(query, Place::Top, &mut out);
    }
    out
}

/// What stands around a part, and so whether it needs parentheses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    And,
    Or,
    Not,
}

fn write(query: &Query, place: Place, out: &mut String) {
    match query {
        Query::Test(test) => write_test(test, out),
        Query::Not(inner) => {
            out.push('-');
            write(inner, Place::Not, out);
        }
        Query::And(list) if list.is_empty() => out.push('*'),
        Query::Or(list) if list.is_empty() => out.push_str("-*"),
        Query::And(list) => {
            let parens = matches!(place, Place::And | Place::Not);
            enclosed(parens, out, |out| {
                for (index, part) in list.iter().enumerate() {
                    out.push_str(if index > 0 { " " } else { "" });
                    write(part, Place::And, out);
                }
            });
        }
        Query::Or(list) => {
            // `to:` is one value, though three tests.
            let single = list.len() == 3 && to(list).is_some();
            let parens = !single && place != Place::Top;
            enclosed(parens, out, |out| {
                let mut rest = list.as_slice();
                while let Some((first, others)) = rest.split_first() {
                    if rest.len() < list.len() {
                        out.push_str(" OR ");
                    }
                    if let Some((test, others)) = to(rest) {
                        out.push_str("to:");
                        write_value(test, out);
                        rest = others;
                    } else {
                        write(first, Place::Or, out);
                        rest = others;
                    }
                }
            });
        }
    }
}

fn enclosed(parens: bool, out: &mut String, inner: impl FnOnce(&mut String)) {
    if parens {
        out.push('(');
    }
    inner(out);
    if parens {
        out.push(')');
    }
}

/// The value of a `to:` that `list` begins with, and what follows its three tests.
fn to(list: &[Query]) -> Option<(&Test, &[Query])> {
    let (three, rest) = list.split_first_chunk::<3>()?;
    let [Query::Test(test), _, _] = three else {
        return None;
    };
    let field = field_of(test)?;
    (field == Field::To && recipients(test) == Query::Or(three.to_vec())).then_some((test, rest))
}

fn field_of(test: &Test) -> Option<Field> {
    match test {
        Test::Words { field, .. }
        | Test::Prefix { field, .. }
        | Test::Address { field, .. }
        | Test::Domain { field, .. } => Some(*field),
        _ => None,
    }
}

fn write_test(test: &Test, out: &mut String) {
    match test {
        Test::Words { field, .. } | Test::Prefix { field, .. } => {
            if let Some(name) = field::name(*field) {
                out.push_str(name);
                out.push(':');
            }
        }
        Test::Address { field, .. } | Test::Domain { field, .. } => {
            out.push_str(field::name(*field).unwrap_or("any"));
            out.push(':');
        }
        Test::Filename(_) => out.push_str("filename:"),
        Test::Sent { .. } => out.push_str("sent:"),
        Test::Size { .. } => out.push_str("size"),
        Test::HasAttachment => out.push_str("has:attachment"),
        Test::MessageId(_) => out.push_str("msgid:"),
        Test::Mailbox(_) => out.push_str("mailbox:"),
        Test::Folder(_) => out.push_str("in:"),
    }
    write_value(test, out);
}

fn write_value(test: &Test, out: &mut String) {
    match test {
        Test::Words { terms, .. } => write_words(terms, false, out),
        Test::Prefix { terms, .. } => {
            // A single character of a script without spaces is open as it stands, and in
            // a file name a star would make a pattern.
            let mut letters = terms.last().map(|term| term.chars()).into_iter().flatten();
            let lone = letters.next().is_some_and(is_unspaced) && letters.next().is_none();
            write_words(terms, !lone, out);
        }
        Test::Address { address, .. } => out.push_str(address),
        Test::Domain { domain, .. } => {
            out.push('@');
            out.push_str(domain);
        }
        Test::Filename(text) | Test::MessageId(text) | Test::Mailbox(text) | Test::Folder(text) => {
            write_text(text, out);
        }
        Test::Sent { from, until } => out.push_str(&date::print((*from, *until))),
        Test::Size { from, until } => out.push_str(&size::print((*from, *until))),
        Test::HasAttachment => {}
    }
}

fn write_words(terms: &[String], open: bool, out: &mut String) {
    let quote = if terms.len() > 1 { "\"" } else { "" };
    let star = if open { "*" } else { "" };
    out.push_str(quote);
    out.push_str(&terms.join(" "));
    out.push_str(star);
    out.push_str(quote);
}

fn write_text(text: &str, out: &mut String) {
    if !text.is_empty() && !text.contains(ends_word) && !text.contains('\\') {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}
