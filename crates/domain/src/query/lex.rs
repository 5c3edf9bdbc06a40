//! Query text becomes tokens.

use super::error::Fault;
use super::field;

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    /// `NEAR/5`, and what stands after the stroke: none where none does.
    Near(Option<String>),
    Minus,
    /// A word, or the value of a field.
    Word(String),
    /// What stood between quotes, escapes resolved.
    Phrase(String),
    /// A field name that a `:` or a comparison sign follows; its value comes next.
    Field(String),
}

/// Bytes from, bytes until.
pub(super) type Span = (usize, usize);

/// Reads tokens one by one.
pub(super) struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

/// A quotation mark as typed, or as a word processor makes it.
fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201c}'..='\u{201f}')
}

/// True where a word ends.
pub(super) fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')') || is_quote(c)
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Lexer { source, at: 0 }
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, length: usize) -> (&'a str, Span) {
        let start = self.at;
        self.at += length;
        (
            self.source.get(start..self.at).unwrap_or_default(),
            (start, self.at),
        )
    }

    /// The next token; none at the end.
    pub(super) fn token(&mut self) -> Result<Option<(Token, Span)>, Fault> {
        let rest = self.rest();
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        let mut chars = trimmed.chars();
        let Some(first) = chars.next() else {
            return Ok(None);
        };
        let joined = |c: char| !c.is_whitespace() && c != ')';
        let token = match first {
            '(' => (Token::Open, self.take(1).1),
            ')' => (Token::Close, self.take(1).1),
            '-' if chars.next().is_some_and(joined) => (Token::Minus, self.take(1).1),
            c if is_quote(c) => self.phrase()?,
            _ => self.word(trimmed),
        };
        Ok(Some(token))
    }

    /// The value that follows a field name without a space. `(` is left for the parser:
    /// then the answer is none, as it is where nothing follows.
    pub(super) fn value(&mut self) -> Result<Option<(Token, Span)>, Fault> {
        let rest = self.rest();
        match rest.chars().next() {
            Some(c) if is_quote(c) => self.phrase().map(Some),
            Some(c) if !ends_word(c) => {
                let (word, span) = self.take(rest.find(ends_word).unwrap_or(rest.len()));
                Ok(Some((Token::Word(word.to_owned()), span)))
            }
            _ => Ok(None),
        }
    }

    /// True when a value in parentheses follows at once.
    pub(super) fn group_follows(&self) -> bool {
        self.rest().starts_with('(')
    }

    fn word(&mut self, rest: &'a str) -> (Token, Span) {
        for (index, c) in rest.char_indices() {
            let name = rest.get(..index).unwrap_or_default();
            let after = rest.get(index + c.len_utf8()..).unwrap_or_default();
            // `http://…` is a word, and so is 12:30.
            let address = after.starts_with("//") && field::find(name).is_none();
            if c == ':' && is_name(name) && !address {
                let (_, span) = self.take(index);
                self.at += 1;
                return (Token::Field(name.to_owned()), span);
            }
            if matches!(c, '<' | '>') && field::find(name).is_some() {
                let (_, span) = self.take(index);
                return (Token::Field(name.to_owned()), span);
            }
            if c == ':' || ends_word(c) {
                break;
            }
        }
        let (word, span) = self.take(rest.find(ends_word).unwrap_or(rest.len()));
        let token = match word {
            "AND" => Token::And,
            "OR" => Token::Or,
            "NOT" => Token::Not,
            "NEAR" => Token::Near(None),
            _ => match word.strip_prefix("NEAR/") {
                Some(distance) => Token::Near(Some(distance.to_owned())),
                None => Token::Word(word.to_owned()),
            },
        };
        (token, span)
    }

    fn phrase(&mut self) -> Result<(Token, Span), Fault> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().peekable();
        let Some((_, open)) = chars.next() else {
            return Ok((Token::Phrase(text), (start, start)));
        };
        while let Some((index, c)) = chars.next() {
            match c {
                '\\' => match chars.next_if(|&(_, c)| matches!(c, '"' | '\\')) {
                    Some((_, escaped)) => text.push(escaped),
                    None => text.push('\\'),
                },
                c if is_quote(c) && (open != '"' || c == '"') => {
                    let (_, span) = self.take(index + c.len_utf8());
                    return Ok((Token::Phrase(text), span));
                }
                c => text.push(c),
            }
        }
        let mark = (start, start + open.len_utf8());
        Err(Fault::new(mark, "this quote is never closed")
            .hint("close it with `\"`; a quote inside a phrase is written `\\\"`"))
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}
