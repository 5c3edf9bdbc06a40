//! A value and its field become a test.

use super::error::Fault;
use super::field::{Target, closest};
use super::lex::{Span, ends_word};
use super::{Field, Flag, Query, Test, age, date, limit, size};
use crate::message::{self, is_searchable, same_type};
use crate::text::{LONGEST, Language, Stem, Terms, fold_exact, is_unspaced};
use crate::text::{language_code, language_codes};

/// One value as it was typed.
pub(super) struct Value<'a> {
    /// What stood before the first colon of it, see [`is_head`].
    pub(super) head: Option<&'a str>,
    pub(super) text: &'a str,
    /// Tells `"a b"` from `a`.
    pub(super) quoted: bool,
    pub(super) span: Span,
}

impl Value<'_> {
    fn fault(&self, what: impl Into<String>) -> Fault {
        Fault::new(self.span, what)
    }
}

/// True if `head` before a colon inside a value of `target` is part of the language.
pub(super) fn is_head(target: Target, head: &str) -> bool {
    let is = |name: &str| head.eq_ignore_ascii_case(name);
    match target {
        Target::Header => true,
        // Anything as short as a code, so that a wrong one is told.
        Target::Stem => head.len() <= 3,
        Target::Words(field) => is("stem") || (is("group") && has_addresses(field)),
        Target::Recipients => is("stem") || is("group"),
        _ => false,
    }
}

/// The query for one value; no target is a bare word.
pub(super) fn read(target: Option<Target>, value: &Value<'_>) -> Result<Query, Fault> {
    let text = value.text;
    let test = match target {
        None => words(Field::Any, value)?,
        Some(Target::Words(field)) => field_value(field, value)?,
        Some(Target::Recipients) => {
            let to = field_value(Field::To, value)?;
            return Ok(recipients(&to));
        }
        Some(Target::Stem) => stem(Field::Any, value.head, value)?,
        Some(Target::Group) => group(Field::Any, value)?,
        Some(Target::Header) => header(value)?,
        Some(Target::Has) => has(value)?,
        Some(Target::AttachmentType) => attachment_type(value)?,
        Some(Target::Language) => Test::Language(language(value)?.to_owned()),
        Some(Target::Flag) => Test::Flag(flag(value)?),
        Some(Target::Tag) => Test::Tag(folded(value)?),
        Some(Target::Server) => Test::Server(folded(value)?),
        Some(Target::Mailbox) => Test::Mailbox(name(unbracketed(&fold_exact(text)), value)?),
        Some(Target::Folder) => {
            let folder = name(text, value)?;
            // The one folder name that IMAP compares without regard to case.
            let inbox = folder.eq_ignore_ascii_case("inbox");
            Test::Folder(if inbox { "INBOX".into() } else { folder })
        }
        Some(Target::MessageId) => Test::MessageId(name(unbracketed(text), value)?),
        Some(Target::Sent) => sent(date::parse(text), value)?,
        Some(Target::Before) => sent(date::before(text), value)?,
        Some(Target::After) => sent(date::after(text), value)?,
        Some(Target::Held) => match sent(date::parse(text), value)? {
            Test::Sent { from, until } => Test::Held { from, until },
            other => other,
        },
        Some(Target::Age) => {
            let (from, until) =
                age::parse(text).map_err(|what| value.fault(what).hint(age::FORMS))?;
            Test::Age { from, until }
        }
        Some(Target::Size) => {
            let (from, until) = size::parse(text).map_err(|what| {
                value
                    .fault(what)
                    .hint("write a number and B, kB, MB, GB, KiB, MiB or GiB: `size>5MB`")
            })?;
            Test::Size { from, until }
        }
    };
    Ok(Query::Test(test))
}

fn sent(read: Result<date::Span, date::BadDate>, value: &Value<'_>) -> Result<Test, Fault> {
    match read {
        Ok((from, until)) => Ok(Test::Sent { from, until }),
        Err(date::BadDate(what, hint)) => Err(value.fault(what).hint(hint)),
    }
}

fn has(value: &Value<'_>) -> Result<Test, Fault> {
    match fold_exact(value.text).as_str() {
        "attachment" | "attachments" => Ok(Test::HasAttachment),
        other => {
            let what = format!("`has:` does not know `{other}`");
            Err(value.fault(what).hint("write `has:attachment`"))
        }
    }
}

/// `run`, or `de` and `laufen`.
fn stem(field: Field, code: Option<&str>, value: &Value<'_>) -> Result<Test, Fault> {
    let language = match code {
        None => None,
        Some(code) => Some(Language::of_code(code).ok_or_else(|| {
            let codes: Vec<&str> = Language::ALL.iter().map(|&(code, _)| code).collect();
            value
                .fault(format!("`stem:` does not know the language `{code}`"))
                .hint(format!("it knows {}", codes.join(", ")))
        })?),
    };
    let (Test::Words { mut terms, .. } | Test::Prefix { mut terms, .. }) = words(field, value)?
    else {
        return Err(value.fault("a word is missing"));
    };
    let word = terms.pop().filter(|_| terms.is_empty());
    let word = word.ok_or_else(|| {
        value
            .fault("`stem:` takes one word")
            .hint("each word has a stem of its own: `stem:annual stem:report`")
    })?;
    if value.text.contains('*') {
        return Err(value
            .fault("a stem has no `*`")
            .hint("leave the star out: a stem finds all forms of its word"));
    }
    if !Stem::new(language, &word).is_known() {
        let what = match language {
            Some(language) => format!("`{word}` is no word of the language `{}`", language.code()),
            None => format!("no language is known in which `{word}` has a stem"),
        };
        return Err(value
            .fault(what)
            .hint("look for the word itself, without `stem:`"));
    }
    Ok(Test::Stem {
        field,
        language,
        word,
    })
}

fn group(field: Field, value: &Value<'_>) -> Result<Test, Fault> {
    let name = folded(value)?;
    Ok(Test::Group { field, name })
}

fn header(value: &Value<'_>) -> Result<Test, Fault> {
    let forms = "write `header:NAME:words`, such as header:x-mailer:\"the bat\"";
    let name = value.head.unwrap_or_default().to_ascii_lowercase();
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(value
            .fault("the name of a header field is missing")
            .hint(forms));
    }
    if !is_searchable(&name) {
        let hint = match name.as_str() {
            "from" | "sender" => "look for it with `from:`".to_owned(),
            "to" | "cc" | "bcc" | "subject" => format!("look for it with `{name}:`"),
            "date" => "look for it with `sent:`".to_owned(),
            "message-id" => "look for it with `msgid:`".to_owned(),
            "list-id" => "look for it with `list:`".to_owned(),
            _ => "it is kept with the message and shown, but not searched".to_owned(),
        };
        let what = format!("`header:` does not find the field `{name}`");
        return Err(value.fault(what).hint(hint));
    }
    match words(Field::Any, value)? {
        Test::Words { terms, .. } => Ok(Test::Header {
            name,
            terms,
            open: false,
        }),
        Test::Prefix { terms, .. } => Ok(Test::Header {
            name,
            terms,
            open: true,
        }),
        _ => Err(value.fault("a word is missing").hint(forms)),
    }
}

fn attachment_type(value: &Value<'_>) -> Result<Test, Fault> {
    let text = fold_exact(value.text);
    if text.contains('/') {
        return Ok(Test::AttachmentType(message::attachment_type(None, &text)));
    }
    let extension = text.trim_start_matches(['*', '.']);
    if extension.is_empty() || !extension.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(value
            .fault(format!("`{}` is no type of file", value.text))
            .hint("write the extension of its name, such as type:pdf"));
    }
    Ok(Test::AttachmentType(same_type(extension)))
}

fn language(value: &Value<'_>) -> Result<&'static str, Fault> {
    language_code(value.text).ok_or_else(|| {
        value
            .fault(format!(
                "`{}` is no language that is told apart",
                value.text
            ))
            .hint(format!("these are: {}", language_codes().join(", ")))
    })
}

fn flag(value: &Value<'_>) -> Result<Flag, Fault> {
    let text = fold_exact(value.text);
    let known = match text.as_str() {
        "seen" => "read",
        "unseen" => "unread",
        "starred" => "flagged",
        "replied" => "answered",
        other => other,
    };
    let names = || Flag::ALL.iter().map(|&(name, _)| name);
    let found = Flag::ALL.iter().find(|(name, _)| *name == known);
    found.map(|&(_, flag)| flag).ok_or_else(|| {
        let what = match closest(known, names()) {
            Some(meant) => format!("`is:` does not know `{text}`; did you mean `is:{meant}`?"),
            None => format!("`is:` does not know `{text}`"),
        };
        let all: Vec<&str> = names().collect();
        value
            .fault(what)
            .hint(format!("it knows {}", all.join(", ")))
    })
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

/// A name that is compared without regard to case and accents.
fn folded(value: &Value<'_>) -> Result<String, Fault> {
    name(fold_exact(value.text).trim(), value)
}

fn name(text: &str, value: &Value<'_>) -> Result<String, Fault> {
    if text.is_empty() {
        Err(value.fault("the value is empty"))
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

fn has_addresses(field: Field) -> bool {
    matches!(
        field,
        Field::Any | Field::From | Field::To | Field::Cc | Field::Bcc
    )
}

fn field_value(field: Field, value: &Value<'_>) -> Result<Test, Fault> {
    let (text, span) = (value.text, value.span);
    match value.head {
        Some(head) if head.eq_ignore_ascii_case("stem") => {
            // The language stands in the value itself: `subject:stem:de:laufen`.
            let parts = text.split_once(':').filter(|_| !value.quoted);
            let (code, text) = parts.map_or((None, text), |(code, word)| (Some(code), word));
            return stem(field, code, &Value { text, ..*value });
        }
        Some(_) => return group(field, value),
        None => {}
    }
    if has_addresses(field) && !value.quoted {
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
    words(field, value)
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
fn words(field: Field, value: &Value<'_>) -> Result<Test, Fault> {
    let &Value {
        text, quoted, span, ..
    } = value;
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
