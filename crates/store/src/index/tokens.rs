//! The analyser's terms as the engine takes them.

use everpost_domain::text::Terms;
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
    terms: Terms<'a>,
}

impl Tokenizer for Words {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        self.token.reset();
        Stream {
            token: &mut self.token,
            terms: Terms::new(text),
        }
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
