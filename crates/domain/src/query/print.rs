//! A query becomes text again.

use super::lex::ends_word;
use super::value::recipients;
use super::{Field, Operand, Query, Test, age, date, field, size};
use crate::text::{Language, is_unspaced};

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
            // What is negated is plain to the eye only in parentheses.
            let near = matches!(
                &**inner,
                Query::Test(Test::Near {
                    field: Field::Any,
                    ..
                })
            );
            enclosed(near, out, |out| write(inner, Place::Not, out));
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
                        write_value(Some("to"), test, out);
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
    let field = test.field()?;
    (field == Field::To && recipients(test) == Query::Or(three.to_vec())).then_some((test, rest))
}

fn write_test(test: &Test, out: &mut String) {
    let name = match test {
        Test::Words { field, .. }
        | Test::Prefix { field, .. }
        | Test::Stem { field, .. }
        | Test::Near { field, .. }
        | Test::Group { field, .. } => field::name(*field),
        Test::Address { field, .. } | Test::Domain { field, .. } => {
            Some(field::name(*field).unwrap_or("any"))
        }
        Test::Filename(_) => Some("filename"),
        Test::Sent { .. } => Some("sent"),
        Test::Held { .. } => Some("held"),
        // Its value brings the sign along.
        Test::Age { .. } | Test::Size { .. } => None,
        Test::HasAttachment => Some("has"),
        Test::MessageId(_) => Some("msgid"),
        Test::Mailbox(_) => Some("mailbox"),
        Test::Folder(_) => Some("in"),
        Test::AttachmentType(_) => Some("type"),
        Test::Language(_) => Some("lang"),
        Test::Header { .. } => Some("header"),
        Test::Tag(_) => Some("tag"),
        Test::Server(_) => Some("server"),
        Test::Flag(_) => Some("is"),
    };
    write_value(name, test, out);
}

/// A test as a value of the field `name`.
fn write_value(name: Option<&str>, test: &Test, out: &mut String) {
    if let Some(name) = name {
        out.push_str(name);
        out.push(':');
    }
    match test {
        Test::Words { terms, .. } => write_words(terms, false, out),
        Test::Prefix { terms, .. } => write_words(terms, true, out),
        Test::Stem { language, word, .. } => write_stem(*language, word, out),
        Test::Near {
            left,
            right,
            distance,
            ..
        } => enclosed(name.is_some(), out, |out| {
            write_operand(left, out);
            out.push_str(" NEAR/");
            out.push_str(&distance.to_string());
            out.push(' ');
            write_operand(right, out);
        }),
        Test::Address { address, .. } => out.push_str(address),
        Test::Domain { domain, .. } => {
            out.push('@');
            out.push_str(domain);
        }
        Test::Filename(text)
        | Test::MessageId(text)
        | Test::Mailbox(text)
        | Test::Folder(text)
        | Test::AttachmentType(text)
        | Test::Language(text)
        | Test::Tag(text)
        | Test::Server(text) => write_text(text, out),
        Test::Group { name, .. } => {
            out.push_str("group:");
            write_text(name, out);
        }
        Test::Sent { from, until } | Test::Held { from, until } => {
            out.push_str(&date::print((*from, *until)));
        }
        Test::Age { from, until } => {
            out.push_str("age");
            out.push_str(&age::print((*from, *until)));
        }
        Test::Size { from, until } => {
            out.push_str("size");
            out.push_str(&size::print((*from, *until)));
        }
        Test::HasAttachment => out.push_str("attachment"),
        Test::Header { name, terms, open } => {
            out.push_str(name);
            out.push(':');
            write_words(terms, *open, out);
        }
        Test::Flag(flag) => out.push_str(flag.name()),
    }
}

fn write_operand(operand: &Operand, out: &mut String) {
    match operand {
        Operand::Words(terms) => write_words(terms, false, out),
        Operand::Prefix(terms) => write_words(terms, true, out),
        Operand::Stem { language, word } => write_stem(*language, word, out),
    }
}

fn write_stem(language: Option<Language>, word: &str, out: &mut String) {
    out.push_str("stem:");
    if let Some(language) = language {
        out.push_str(language.code());
        out.push(':');
    }
    out.push_str(word);
}

fn write_words(terms: &[String], open: bool, out: &mut String) {
    let quote = if terms.len() > 1 { "\"" } else { "" };
    // A single character of a script without spaces is open as it stands, and in a file
    // name a star would make a pattern.
    let mut letters = terms.last().map(|term| term.chars()).into_iter().flatten();
    let lone = letters.next().is_some_and(is_unspaced) && letters.next().is_none();
    out.push_str(quote);
    out.push_str(&terms.join(" "));
    out.push_str(if open && !lone { "*" } else { "" });
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
