//! The query language in short, for whoever types a query.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::problem::Problem;

/// What can be asked.
#[derive(Serialize, ToSchema)]
pub(crate) struct HelpAnswer {
    fields: Vec<FieldHelp>,
    operators: Vec<OperatorHelp>,
}

/// A field of the query language.
#[derive(Serialize, ToSchema)]
pub(crate) struct FieldHelp {
    name: &'static str,
    about: &'static str,
    example: &'static str,
}

/// An operator of the query language.
#[derive(Serialize, ToSchema)]
pub(crate) struct OperatorHelp {
    text: &'static str,
    about: &'static str,
}

/// Name, what it is, example. A test parses each example; docs/query.md has all of the language.
const FIELDS: &[(&str, &str, &str)] = &[
    ("from", "The author's name or address", "from:ann"),
    ("to", "A recipient: To, Cc or Bcc", "to:\"legal team\""),
    ("cc", "A recipient in Cc", "cc:bob@example.org"),
    ("any", "A sender or recipient", "any:@example.org"),
    (
        "subject",
        "Words of the subject",
        "subject:(merger OR acquisition)",
    ),
    ("body", "Words of the text", "body:invoice"),
    ("attachment", "Words in an attachment", "attachment:clause"),
    ("filename", "The name of an attachment", "filename:*.pdf"),
    ("type", "The type of an attachment", "type:pdf"),
    ("has", "What it has", "has:attachment"),
    ("size", "Its size", "size>5MB"),
    (
        "sent",
        "When it was sent, by its Date field",
        "sent:2024-01..2024-03",
    ),
    ("held", "Since when it is held", "held:2024"),
    ("age", "How long it is held", "age>90d"),
    (
        "mailbox",
        "A mailbox that holds it",
        "mailbox:ann@example.org",
    ),
    ("in", "A folder that holds it", "in:inbox"),
    ("lang", "The language of its text", "lang:de"),
    ("tag", "A tag that it has", "tag:privileged"),
    ("group", "A sender or recipient of a group", "group:brokers"),
    ("is", "A flag that a mail program set", "is:unread"),
    ("msgid", "Its Message-ID", "msgid:1@example.org"),
];

/// Text and what it does.
const OPERATORS: &[(&str, &str)] = &[
    ("word word", "both words"),
    ("a OR b", "one of them, or both"),
    ("-word", "not this word"),
    ("\"some words\"", "these words, one after the other"),
    ("a NEAR/5 b", "at most five words apart"),
    ("( )", "what belongs together"),
    ("word*", "words that begin so"),
    ("stem:run", "runs, running: the word in its forms"),
];

/// The query language in short.
#[utoipa::path(get, path = "/query/help", tag = "search",
    responses((status = 200, body = HelpAnswer), Problem))]
pub(crate) async fn help(_caller: Caller) -> Json<HelpAnswer> {
    Json(HelpAnswer {
        fields: FIELDS
            .iter()
            .map(|(name, about, example)| FieldHelp {
                name,
                about,
                example,
            })
            .collect(),
        operators: OPERATORS
            .iter()
            .map(|(text, about)| OperatorHelp { text, about })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use everpost_domain::query::parse;

    use super::*;

    #[test]
    fn every_example_is_a_query() {
        for (name, _, example) in FIELDS {
            assert!(example.starts_with(name), "{example}");
            assert!(parse(example).is_ok(), "{example}");
        }
        for (example, _) in OPERATORS.iter().filter(|(text, _)| *text != "( )") {
            assert!(parse(example).is_ok(), "{example}");
        }
    }
}
