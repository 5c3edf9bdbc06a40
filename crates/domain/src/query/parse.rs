//! Tokens become a query.
//!
//! ```text
//! or      = and { "OR" and }
//! and     = unary { [ "AND" ] unary }
//! unary   = { "-" | "NOT" } near
//! near    = primary [ "NEAR/" number primary ]
//! primary = "(" or ")" | [ field ":" ] ( word | phrase ) | field ":" "(" or ")"
//! ```

use super::error::Fault;
use super::field::{self, Target};
use super::lex::{Lexer, Span, Token};
use super::{Query, QueryError, cost, limit, near, print, value};

/// Reads a query. Empty text is everything. The result is in normal form.
pub fn parse(text: &str) -> Result<Query, QueryError> {
    let mut parser = Parser {
        lexer: Lexer::new(text),
        next: None,
        last_end: 0,
        after_phrase: None,
        field: None,
        depth: 0,
        tests: 0,
    };
    parser.query(text).map_err(|fault| fault.locate(text))
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    next: Option<(Token, Span)>,
    /// End of the token taken last.
    last_end: usize,
    /// End of the phrase taken last.
    after_phrase: Option<usize>,
    /// The field whose values in parentheses are being read.
    field: Option<Target>,
    depth: usize,
    tests: usize,
}

/// What a limit is for, said with each.
const WHY: &str = "limits keep one query from holding up all others; split it in two";

impl Parser<'_> {
    fn query(&mut self, text: &str) -> Result<Query, Fault> {
        let too_long = || {
            let what = format!("the query is longer than {} bytes", limit::BYTES);
            Fault::new((0, text.len()), what).hint(WHY)
        };
        if text.len() > limit::BYTES {
            return Err(too_long());
        }
        self.step()?;
        if self.next.is_none() {
            return Ok(Query::And(Vec::new()));
        }
        let query = self.or()?;
        if let Some((_, span)) = self.next {
            return Err(
                Fault::new(span, "this `)` closes nothing").hint("remove it, or open it with `(`")
            );
        }
        // Saved queries are kept as printed, and must be readable again.
        if print(&query).len() > limit::BYTES {
            return Err(too_long());
        }
        match cost::over(&query) {
            Some((what, hint)) => Err(Fault::new((0, text.len()), what).hint(hint)),
            None => Ok(query),
        }
    }

    /// Takes the next token and looks at the one after.
    fn step(&mut self) -> Result<Option<(Token, Span)>, Fault> {
        let taken = self.next.take();
        if let Some((token, span)) = &taken {
            self.last_end = span.1;
            // What follows a field name is read as its value, not as a token.
            if matches!(token, Token::Field(_)) {
                return Ok(taken);
            }
        }
        self.next = self.lexer.token()?;
        Ok(taken)
    }

    fn peek(&self) -> Option<&Token> {
        self.next.as_ref().map(|(token, _)| token)
    }

    fn or(&mut self) -> Result<Query, Fault> {
        let mut list = vec![self.and()?];
        while self.peek() == Some(&Token::Or) {
            self.step()?;
            list.push(self.and()?);
        }
        Ok(Query::any(list))
    }

    fn and(&mut self) -> Result<Query, Fault> {
        let mut list = vec![self.unary()?];
        loop {
            match self.peek() {
                None | Some(Token::Or | Token::Close) => return Ok(Query::all(list)),
                Some(Token::And) => {
                    self.step()?;
                }
                Some(_) => {}
            }
            list.push(self.unary()?);
        }
    }

    fn unary(&mut self) -> Result<Query, Fault> {
        let (depth, mut negative) = (self.depth, false);
        while matches!(self.peek(), Some(Token::Minus | Token::Not)) {
            self.deeper()?;
            negative = !negative;
            self.step()?;
        }
        let query = self.near()?;
        self.depth = depth;
        Ok(if negative {
            Query::negate(query)
        } else {
            query
        })
    }

    /// One part, or two near one another.
    fn near(&mut self) -> Result<Query, Fault> {
        let start = self.start();
        let left = self.primary()?;
        let Some((Token::Near(distance), span)) = &self.next else {
            return Ok(left);
        };
        let (distance, span) = (near::distance(distance.as_deref(), *span)?, *span);
        self.step()?;
        if matches!(self.peek(), Some(Token::Minus | Token::Not)) {
            return Err(Fault::new(
                span,
                "`NEAR` stands between what is looked for, not between what is not",
            )
            .hint("negate the whole of it: `-(a NEAR/5 b)`"));
        }
        let right = self.primary()?;
        let query = near::join(&left, &right, distance, (start, self.last_end))?;
        if let Some((Token::Near(_), span)) = &self.next {
            return Err(Fault::new(*span, "`NEAR` joins two, not three")
                .hint("say it twice: `a NEAR/5 b` and `b NEAR/5 c`"));
        }
        // The tests of both sides were counted; what they became may be more.
        self.tests += near::more(&left, &right, &query);
        self.within(self.tests, (start, self.last_end))?;
        Ok(query)
    }

    /// Where the next token begins.
    fn start(&self) -> usize {
        self.next
            .as_ref()
            .map_or(self.last_end, |&(_, span)| span.0)
    }

    /// One level down; the caller comes back up.
    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth <= limit::DEPTH {
            return Ok(());
        }
        let span = self
            .next
            .as_ref()
            .map_or((self.last_end, self.last_end), |&(_, span)| span);
        let what = format!(
            "more than {} parentheses and negations inside one another",
            limit::DEPTH
        );
        Err(Fault::new(span, what).hint(WHY))
    }

    fn primary(&mut self) -> Result<Query, Fault> {
        match self.next.as_ref().map(|(token, span)| (token, *span)) {
            Some((Token::Open, span)) => self.group(span),
            Some((Token::Field(_), span)) => {
                let Some((Token::Field(name), _)) = self.step()? else {
                    return Err(Fault::new(span, "a field is missing"));
                };
                self.field_value(&name, span)
            }
            Some((Token::Word(_) | Token::Phrase(_), _)) => match self.step()? {
                Some((token, span)) => self.leaf(self.field, None, token, span),
                None => Err(self.missing("something to look for is missing")),
            },
            Some((Token::Close, span)) => {
                Err(Fault::new(span, "something is missing before this `)`")
                    .hint("empty parentheses mean nothing; leave them out"))
            }
            Some((Token::Near(_), span)) => {
                Err(Fault::new(span, "`NEAR` needs something on both sides")
                    .hint("in lower case or in quotes it is a word like any other"))
            }
            Some((Token::And | Token::Or, span)) => Err(Fault::new(
                span,
                "`AND` and `OR` need something on both sides",
            )
            .hint("to look for the word itself, write it in lower case")),
            Some((Token::Minus | Token::Not, span)) => {
                Err(Fault::new(span, "nothing is negated here"))
            }
            None => Err(self.missing("the query ends where something should follow")),
        }
    }

    fn missing(&self, what: &str) -> Fault {
        Fault::new((self.last_end, self.last_end), what)
    }

    fn group(&mut self, open: Span) -> Result<Query, Fault> {
        self.deeper()?;
        self.step()?;
        if self.next.is_none() {
            return Err(never_closed(open));
        }
        let query = self.or()?;
        if self.peek() != Some(&Token::Close) {
            return Err(never_closed(open));
        }
        self.depth -= 1;
        self.step()?;
        Ok(query)
    }

    fn field_value(&mut self, name: &str, span: Span) -> Result<Query, Fault> {
        let Some(target) = field::find(name) else {
            let fault = Fault::new((span.0, span.1 + 1), unknown(name));
            return Err(fault.hint(hint_for(name)));
        };
        let inner = self.field.filter(|&field| {
            matches!(target, Target::Stem | Target::Group) && value::is_head(field, name)
        });
        if self.field.is_some() && inner.is_none() {
            return Err(Fault::new(
                (span.0, span.1 + 1),
                format!("`{name}` stands inside the values of another field"),
            )
            .hint("close the parentheses first"));
        }
        if self.lexer.group_follows() && inner.is_none() && target != Target::Header {
            self.next = self.lexer.token()?;
            let open = self.next.as_ref().map_or(span, |&(_, span)| span);
            self.field = Some(target);
            let query = self.group(open)?;
            self.field = None;
            return Ok(query);
        }
        // `size>` alone.
        let sign = |token: &Token| {
            target.is_compared()
                && matches!(token, Token::Word(w) if w.trim_start_matches(['<', '>', '=']).is_empty())
        };
        let Some((token, value_span)) = self.lexer.value()?.filter(|(token, _)| !sign(token))
        else {
            return Err(
                Fault::new((span.0, span.1 + 1), format!("nothing follows `{name}:`")).hint(
                    format!("write its value at once: `{name}:value` or `{name}:\"some words\"`"),
                ),
            );
        };
        let compared = matches!(&token, Token::Word(word) if word.starts_with(['<', '>']));
        if compared && value_span.0 == span.1 && !target.is_compared() {
            return Err(
                Fault::new((span.0, span.1 + 1), format!("`{name}` cannot be compared")).hint(
                    format!(
                        "write `{name}:value`; `sent`, `held`, `age` and `size` take `<` and `>`"
                    ),
                ),
            );
        }
        let (head, token, value_span) = self.headed(target, token, value_span)?;
        self.last_end = value_span.1;
        self.next = self.lexer.token()?;
        // `subject:(stem:run)` is `subject:stem:run`.
        let Some(field) = inner else {
            return self.leaf(Some(target), head, token, value_span);
        };
        let head = match (target, head) {
            (Target::Stem, Some(code)) => format!("{}:{code}", value::STEM),
            (Target::Stem, None) => value::STEM.to_owned(),
            _ => value::GROUP.to_owned(),
        };
        self.leaf(Some(field), Some(head), token, value_span)
    }

    /// The value of a field in two: what stands before its first colon, where that is part
    /// of the language (`header:NAME:words`, `subject:stem:run`, `stem:de:laufen`), and the
    /// rest, which may be a phrase.
    fn headed(
        &mut self,
        target: Target,
        token: Token,
        span: Span,
    ) -> Result<(Option<String>, Token, Span), Fault> {
        let Token::Word(word) = &token else {
            return Ok((None, token, span));
        };
        let parts = word.split_once(':');
        let Some((head, rest)) = parts.filter(|(head, _)| value::is_head(target, head)) else {
            return Ok((None, token, span));
        };
        let (mut head, mut rest) = (head.to_ascii_lowercase(), rest);
        // `subject:stem:de:laufen`.
        let code = rest
            .split_once(':')
            .filter(|(code, _)| value::is_head(Target::Stem, code));
        if let (Some((code, word)), true) = (code, head == value::STEM && target != Target::Header)
        {
            head = format!("{head}:{code}");
            rest = word;
        }
        if !rest.is_empty() {
            let rest = Token::Word(rest.to_owned());
            return Ok((Some(head), rest, span));
        }
        match self.lexer.value()? {
            Some((token, (_, end))) => Ok((Some(head), token, (span.0, end))),
            None => Err(Fault::new(span, format!("nothing follows `{head}:`"))
                .hint("write its value at once, in quotes if it has blanks")),
        }
    }

    /// One test.
    fn leaf(
        &mut self,
        target: Option<Target>,
        head: Option<String>,
        token: Token,
        span: Span,
    ) -> Result<Query, Fault> {
        let (text, quoted) = match token {
            Token::Phrase(text) => {
                self.after_phrase = Some(span.1);
                (text, true)
            }
            Token::Word(text) => (text, false),
            _ => return Err(Fault::new(span, "a value is missing")),
        };
        let query = if target.is_none() && !quoted && text == "*" {
            if self.after_phrase == Some(span.0) {
                return Err(Fault::new(span, "this `*` belongs to nothing")
                    .hint("the star of a phrase stands inside its quotes: `\"annual rep*\"`"));
            }
            Query::And(Vec::new())
        } else {
            let value = value::Value {
                head: head.as_deref(),
                text: &text,
                quoted,
                span,
            };
            value::read(target, &value)?
        };
        self.tests += near::tests(&query);
        self.within(self.tests, span)?;
        Ok(query)
    }

    fn within(&self, tests: usize, span: Span) -> Result<(), Fault> {
        if tests <= limit::TESTS {
            return Ok(());
        }
        let what = format!("the query has more than {} tests", limit::TESTS);
        Err(Fault::new(span, what).hint(WHY))
    }
}

fn never_closed(open: Span) -> Fault {
    Fault::new(open, "this `(` is never closed").hint("close it with `)`")
}

fn unknown(name: &str) -> String {
    match field::suggest(name) {
        Some(meant) => format!("unknown field `{name}:`; did you mean `{meant}:`?"),
        None => format!("unknown field `{name}:`"),
    }
}

fn hint_for(name: &str) -> String {
    let names: Vec<&str> = field::FIELDS.iter().map(|&(name, _)| name).collect();
    format!(
        "the fields are {}; to look for the text itself, put it in quotes: `\"{name}:…\"`",
        names.join(", ")
    )
}
