//! The analyser's terms as the engine takes them.

use everpost_domain::query::limit;
use everpost_domain::text::Terms;
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// Positions between two values of one field: more than the farthest two words can be
/// apart that a query calls near, so that no two of different values ever are.
pub(crate) const VALUE_GAP: usize = 1 << 12;
const _: () = assert!(VALUE_GAP > limit::NEAR as usize);

/// Between the name of a header field and a word of it.
pub(crate) const NAME_END: char = '\0';

/// Text becomes terms, as `everpost_domain::text` cuts and folds it. One buffer serves
/// all terms, so that indexing allocates nothing per term.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    token: Token,
}

/// A header line, name and value parted by [`NAME_END`], becomes the terms of its value,
/// each behind the name: one dictionary serves all fields.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeaderWords {
    token: Token,
}

/// The terms of one text.
pub(crate) struct Stream<'a> {
    token: &'a mut Token,
    terms: Terms<'a>,
    /// What stands before each term.
    before: &'a str,
}

impl<'a> Stream<'a> {
    fn new(token: &'a mut Token, before: &'a str, text: &'a str) -> Self {
        token.reset();
        // The next value begins where the longest token ends.
        token.position_length = VALUE_GAP;
        Stream {
            token,
            terms: Terms::new(text),
            before,
        }
    }
}

impl Tokenizer for Words {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        Stream::new(&mut self.token, "", text)
    }
}

impl Tokenizer for HeaderWords {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&'a mut self, line: &'a str) -> Stream<'a> {
        let end = line.find(NAME_END).map_or(0, |at| at + NAME_END.len_utf8());
        let (before, text) = line.split_at_checked(end).unwrap_or(("", line));
        Stream::new(&mut self.token, before, text)
    }
}

impl TokenStream for Stream<'_> {
    fn advance(&mut self) -> bool {
        if !self.terms.advance() {
            return false;
        }
        // A tail stands at its pair's position and is a term like any other here. Offsets
        // are not indexed, so they are left alone.
        self.token.text.clear();
        self.token.text.push_str(self.before);
        self.token.text.push_str(self.terms.term());
        self.token.position = self.terms.position() as usize;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
