//! A value and its field become a test.

use super::error::Fault;
use super::field::Target;
use super::lex::{Span, ends_word};
use super::{Field, Query, Test, date, limit, size};
use crate::text::{LONGEST, Terms, fold_exact, is_unspaced};

/// The query for one value. `quoted` tells `"a b"` from `a`; no target is a bare word.
pub(super) fn read(
    target: Option<Target>,
    text: &str,
    quoted: bool,
    span: Span,
) -> Result<Query, Fault> {
    let fault = |what: String| Fault::new(span, what);
    let sent = |read: Result<date::Span, date::BadDate>| match read {
        Ok((from, until)) => Ok(Test::Sent { from, until }),
        Err(date::BadDate(what, hint)) => Err(Fault::new(span, what).hint(hint)),
    };
    let test = match target {
        None => words(Field::Any, text, quoted, span)?,
        Some(Target::Words(field)) => field_value(field, text, quoted, span)?,
        Some(Target::Recipients) => {
            let to = field_value(Field::To, text, quoted, span)?;
            return Ok(recipients(&to));
        }
        Some(Target::Has) => match fold_exact(text).as_str() {
            "attachment" | "attachments" => Test::HasAttachment,
            _ => {
                return Err(
                    fault(format!("`has:` does not know `{text}`")).hint("write `has:attachment`")
                );
            }
        },
        Some(Target::Mailbox) => Test::Mailbox(name(unbracketed(&fold_exact(text)), span)?),
        Some(Target::Folder) => {
            let folder = name(text, span)?;
            // The one folder name that IMAP compares without regard to case.
            let inbox = folder.eq_ignore_ascii_case("inbox");
            Test::Folder(if inbox { "INBOX".into() } else { folder })
        }
        Some(Target::MessageId) => Test::MessageId(name(unbracketed(text), span)?),
        Some(Target::Sent) => sent(date::parse(text))?,
        Some(Target::Before) => sent(date::before(text))?,
        Some(Target::After) => sent(date::after(text))?,
        Some(Target::Size) => {
            let (from, until) = size::parse(text).map_err(|what| {
                fault(what).hint("write a number and B, kB, MB, GB, KiB, MiB or GiB: `size>5MB`")
            })?;
            Test::Size { from, until }
        }
    };
    Ok(Query::Test(test))
}

/// A test of To, over To, Cc and Bcc.
pub(super) fn recipients(to: &Test) -> Query {
    let each = [Field::To, Field::Cc, Field::Bcc];
    Query::Or(
        each.iter()
            .map(|&field| Query::Test(in_field(to, field)))
            .collect(),
    )
}

/// The same test of another field.
pub(super) fn in_field(test: &Test, to: Field) -> Test {
    let mut test = test.clone();
    match &mut test {
        Test::Words { field, .. }
        | Test::Prefix { field, .. }
        | Test::Stem { field, .. }
        | Test::Near { field, .. }
        | Test::Address { field, .. }
        | Test::Domain { field, .. }
        | Test::Group { field, .. } => *field = to,
        _ => {}
    }
    test
}

fn name(text: &str, span: Span) -> Result<String, Fault> {
    if text.is_empty() {
        Err(Fault::new(span, "the value is empty"))
    } else {
        Ok(text.to_owned())
    }
}

/// Without the brackets and blanks that are pasted along with an address or a Message-ID.
fn unbracketed(mut text: &str) -> &str {
    loop {
        text = text.trim();
        match text.strip_prefix('<').and_then(|t| t.strip_suffix('>')) {
            Some(inner) => text = inner,
            None => return text,
        }
    }
}

fn field_value(field: Field, text: &str, quoted: bool, span: Span) -> Result<Test, Fault> {
    let has_addresses = matches!(
        field,
        Field::Any | Field::From | Field::To | Field::Cc | Field::Bcc
    );
    if has_addresses && !quoted {
        let folded = fold_exact(text);
        let folded = unbracketed(&folded);
        if let Some((local, domain)) = folded.split_once('@') {
            if local.is_empty() {
                return if is_domain(domain) {
                    Ok(Test::Domain {
                        field,
                        domain: domain.to_owned(),
                    })
                } else {
                    Err(Fault::new(span, format!("`{domain}` is not a domain"))
                        .hint("write it like `@example.org`"))
                };
            }
            if local == "*" {
                return Err(Fault::new(span, "a `*` stands at the end of a word only")
                    .hint(format!("everyone at a domain is `@{domain}`")));
            }
            if is_local(local) && is_domain(domain) {
                return Ok(Test::Address {
                    field,
                    address: folded.to_owned(),
                });
            }
        }
    }
    if field == Field::Filename {
        let mut pattern = fold_exact(text);
        if pattern.contains(['*', '?']) {
            // Stars in a row say no more than one, and cost whoever compares.
            while pattern.contains("**") {
                pattern = pattern.replace("**", "*");
            }
            return Ok(Test::Filename(pattern));
        }
    }
    words(field, text, quoted, span)
}

fn is_local(text: &str) -> bool {
    let special = |c: char| {
        ends_word(c)
            || c.is_control()
            || matches!(
                c,
                '<' | '>' | '[' | ']' | ':' | ';' | ',' | '\\' | '*' | '@'
            )
    };
    !text.contains(special)
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| !c.is_ascii() || c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            && !label.contains(|c: char| ends_word(c) || c.is_control())
    };
    text.split('.').all(label)
}

/// Words, or a prefix where a `*` ends them.
fn words(field: Field, text: &str, quoted: bool, span: Span) -> Result<Test, Fault> {
    let mut stream = Terms::new(text);
    let mut terms = Vec::new();
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    while stream.advance() {
        if !stream.is_tail() {
            terms.push(stream.term().to_owned());
        }
        starts.push(stream.range().start);
        ends.push(stream.range().end);
    }
    if stream.positions() as usize != terms.len() {
        return Err(
            Fault::new(span, format!("a word is longer than {LONGEST} bytes"))
                .hint("such words are not indexed"),
        );
    }
    let Some(last) = terms.last() else {
        return Err(
            Fault::new(span, format!("`{text}` has no letter or digit to look for"))
                .hint("leave it out"),
        );
    };
    let mut open = false;
    for (at, _) in text.match_indices('*') {
        let after_word = ends.binary_search(&at).is_ok();
        if after_word
            && text
                .get(at + 1..)
                .is_some_and(|rest| rest.trim().is_empty())
        {
            open = true;
        } else if !quoted || after_word || starts.binary_search(&(at + 1)).is_ok() {
            return Err(
                Fault::new(span, "a `*` stands at the end of a word or phrase only")
                    .hint("`contract*` finds every word that begins so"),
            );
        }
    }
    let mut letters = last.chars();
    let unspaced = letters.next().is_some_and(is_unspaced);
    if open && !unspaced && last.chars().count() < limit::PREFIX {
        return Err(Fault::new(
            span,
            format!(
                "a prefix needs at least {} characters before its `*`",
                limit::PREFIX
            ),
        ));
    }
    // One character of a script without spaces is a word that the index knows only as
    // the start of a pair or the tail of a run: as a prefix it finds both.
    let open = open || (unspaced && letters.next().is_none());
    Ok(if open {
        Test::Prefix { field, terms }
    } else {
        Test::Words { field, terms }
    })
}
