//! The analyser's terms as the engine takes them.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// Text becomes terms, as `everpost_domain::text` cuts and folds it. One buffer serves
/// all terms, so that indexing allocates nothing per term.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    token: Token,
}

/// The terms of one text.
pub(crate) struct Stream<'a> {
    token: &'a mut Token,
    rest: std::str::CharIndices<'a>,
    text: &'a str,
    next: usize,
}

impl Tokenizer for Words {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        self.token.reset();
        Stream { token: &mut self.token, rest: text.char_indices(), text, next: 0 }
    }
}

impl TokenStream for Stream<'_> {
    fn advance(&mut self) -> bool {
        // Stand-in until `everpost_domain::text` exists: runs of letters and digits.
        let Some((start, first)) = self.rest.find(|(_, c)| c.is_alphanumeric()) else {
            return false;
        };
        self.token.text.clear();
        self.token.text.extend(first.to_lowercase());
        let mut end = start + first.len_utf8();
        while let Some((at, c)) = self.rest.clone().next() {
            if !c.is_alphanumeric() {
                break;
            }
            self.token.text.extend(c.to_lowercase());
            end = at + c.len_utf8();
            self.rest.next();
        }
        let _ = self.text;
        self.token.offset_from = start;
        self.token.offset_to = end;
        self.token.position = self.next;
        self.token.position_length = 1;
        self.next += 1;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

/// The terms of `text`.
#[cfg(test)]
pub(crate) fn terms(text: &str) -> Vec<String> {
    let mut words = Words::default();
    let mut stream = words.token_stream(text);
    let mut out = Vec::new();
    while stream.advance() {
        out.push(stream.token().text.clone());
    }
    out
}

/// A value that is compared whole (address, file name), folded.
pub(crate) fn fold(text: &str) -> String {
    text.to_lowercase()
}
