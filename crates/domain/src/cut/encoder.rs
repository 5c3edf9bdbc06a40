//! From a part's stored form back to its raw form, in whatever pieces it comes.

use super::Recipe;
use super::engine::{Base64, engine};
use super::layout::eol;
use base64::Engine;

/// Bytes encoded at a time: a multiple of 3.
const GROUP: usize = 3072;

/// Writes the raw form of one part. Any division of the stored form gives the same bytes.
#[derive(Debug, Clone)]
pub struct Encoder {
    recipe: Recipe,
    engine: Base64,
    /// Characters of the line being written.
    column: usize,
    /// Up to 2 bytes that wait for a third.
    waiting: [u8; 2],
    waits: usize,
}

impl Encoder {
    /// An encoder at the start of a part.
    pub fn new(recipe: Recipe) -> Self {
        Encoder {
            recipe,
            engine: engine(),
            column: 0,
            waiting: [0; 2],
            waits: 0,
        }
    }

    /// Takes the next bytes of the stored form and appends what they become to `out`.
    pub fn push(&mut self, stored: &[u8], out: &mut Vec<u8>) {
        let Recipe::Base64 { line, crlf, .. } = self.recipe else {
            out.extend_from_slice(stored);
            return;
        };
        let mut rest = stored;
        if self.waits > 0 {
            let missing = 3 - self.waits;
            let Some((first, later)) = rest.split_at_checked(missing) else {
                self.keep(rest);
                return;
            };
            let mut three = [0u8; 3];
            for (slot, &byte) in three
                .iter_mut()
                .zip(self.waiting.iter().take(self.waits).chain(first))
            {
                *slot = byte;
            }
            self.waits = 0;
            self.encode(&three, line, crlf, out);
            rest = later;
        }
        let (whole, left) = rest.split_at(rest.len() - rest.len() % 3);
        out.reserve(whole.len() / 3 * 4 + whole.len() / 32);
        for group in whole.chunks(GROUP) {
            self.encode(group, line, crlf, out);
        }
        self.keep(left);
    }

    /// Ends the part: appends its last characters and line ends to `out`.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        let Recipe::Base64 { line, crlf, ends } = self.recipe else {
            return;
        };
        let waiting = self.waiting;
        self.encode(
            waiting.get(..self.waits).unwrap_or_default(),
            line,
            crlf,
            out,
        );
        for _ in 0..ends {
            out.extend_from_slice(eol(crlf));
        }
    }

    /// Keeps the bytes that do not fill a group of three.
    fn keep(&mut self, bytes: &[u8]) {
        for (slot, &byte) in self.waiting.iter_mut().skip(self.waits).zip(bytes) {
            *slot = byte;
        }
        self.waits += bytes.len();
    }

    /// Encodes up to [`GROUP`] bytes; a line end is written only before a character that
    /// needs a new line, so that the last line has none of its own.
    fn encode(&mut self, bytes: &[u8], line: u32, crlf: bool, out: &mut Vec<u8>) {
        let mut chars = [0u8; GROUP / 3 * 4];
        // The buffer holds GROUP bytes encoded, so this cannot fail.
        let length = self.engine.encode_slice(bytes, &mut chars).unwrap_or(0);
        let mut chars = chars.get(..length).unwrap_or_default();
        if line == 0 {
            out.extend_from_slice(chars);
            return;
        }
        let line = usize::try_from(line).unwrap_or(usize::MAX);
        while !chars.is_empty() {
            if self.column == line {
                out.extend_from_slice(eol(crlf));
                self.column = 0;
            }
            let take = chars.len().min(line - self.column);
            let (now, later) = chars.split_at(take);
            out.extend_from_slice(now);
            self.column += take;
            chars = later;
        }
    }
}
