//! A part's stored form read from the raw message: in pieces, and checked once.

use super::Recipe;
use super::engine::{Base64, engine};
use super::layout::{Layout, Lines};
use crate::digest::{Digest, Hasher};
use base64::Engine;
use std::borrow::Cow;

/// Characters gathered before they are decoded: a multiple of 4, small enough to stay in
/// the first-level cache with what is decoded from it.
const GROUP: usize = 8192;
/// What [`GROUP`] characters decode to.
const DECODED: usize = GROUP / 4 * 3;

/// The characters of a base64 body without its line ends, in groups of [`GROUP`].
struct Groups<'a> {
    body: &'a [u8],
    eol: &'static [u8],
    lines: Lines,
    /// What the last group left of a line.
    rest: &'a [u8],
    chars: [u8; GROUP],
}

impl<'a> Groups<'a> {
    fn new(body: &'a [u8], layout: &Layout) -> Self {
        Groups {
            body,
            eol: layout.eol(),
            lines: layout.lines(),
            rest: &[],
            chars: [0; GROUP],
        }
    }

    /// The next group, empty at the end; `None` where a line end is not where the
    /// layout has it.
    fn next(&mut self) -> Option<&[u8]> {
        let mut filled = 0;
        while let Some(room) = self.chars.get_mut(filled..).filter(|room| !room.is_empty()) {
            if self.rest.is_empty() {
                let Some(line) = self.lines.next() else { break };
                let after = self.body.get(line.end..)?;
                // The last line's ends, if any, were counted by the layout.
                if !after.is_empty() && !after.starts_with(self.eol) {
                    return None;
                }
                self.rest = self.body.get(line)?;
            }
            let take = room.len().min(self.rest.len());
            let (now, later) = self.rest.split_at_checked(take)?;
            room.get_mut(..take)?.copy_from_slice(now);
            self.rest = later;
            filled += take;
        }
        self.chars.get(..filled)
    }
}

/// Decodes the body and hashes what it decodes to. `None` unless encoding that again
/// gives the very same characters: the library's strictness is not trusted with the only
/// copy of a message, so each group is encoded again and compared.
pub(super) fn verify(body: &[u8], layout: &Layout) -> Option<Digest> {
    let mut groups = Groups::new(body, layout);
    let engine = engine();
    let mut decoded = [0u8; DECODED];
    let mut again = [0u8; GROUP];
    let mut hasher = Hasher::new();
    let mut total = 0u64;
    loop {
        let chars = groups.next()?;
        if chars.is_empty() {
            break;
        }
        let length = engine.decode_slice(chars, &mut decoded).ok()?;
        let bytes = decoded.get(..length)?;
        let back = engine.encode_slice(bytes, &mut again).ok()?;
        if again.get(..back)? != chars {
            return None;
        }
        hasher.update(bytes);
        total += length as u64;
    }
    // Padding inside the text shows as a total that is too small.
    (total == layout.size()).then(|| hasher.finish())
}

/// The digest and length of what `body` decodes to, if it is base64 that a recipe writes
/// back exactly. Holds a few KiB, whatever the body's length.
pub(crate) fn canonical_base64(body: &[u8]) -> Option<(Digest, u64)> {
    let layout = Layout::of(body)?;
    verify(body, &layout).map(|digest| (digest, layout.size()))
}

/// See [`PartCut::chunks`](super::PartCut::chunks).
pub struct Chunks<'a> {
    chunk: usize,
    source: Source<'a>,
}

enum Source<'a> {
    /// What is left of a part stored as it came.
    Raw(&'a [u8]),
    /// A part stored decoded, and what was decoded beyond the last piece.
    Base64(Box<(Groups<'a>, Base64)>, Vec<u8>),
}

impl<'a> Chunks<'a> {
    pub(super) fn new(body: &'a [u8], recipe: Recipe, chunk: usize) -> Self {
        let source = match recipe {
            Recipe::Identity => Source::Raw(body),
            Recipe::Base64 { .. } => match Layout::again(recipe, body) {
                Some(layout) => {
                    Source::Base64(Box::new((Groups::new(body, &layout), engine())), Vec::new())
                }
                None => Source::Raw(&[]),
            },
        };
        Chunks {
            chunk: chunk.max(1),
            source,
        }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Cow<'a, [u8]>;

    fn next(&mut self) -> Option<Cow<'a, [u8]>> {
        let chunk = self.chunk;
        match &mut self.source {
            Source::Raw(rest) => {
                let (piece, later) = rest.split_at_checked(chunk.min(rest.len()))?;
                *rest = later;
                (!piece.is_empty()).then_some(Cow::Borrowed(piece))
            }
            Source::Base64(reader, ready) => {
                let (groups, engine) = reader.as_mut();
                while ready.len() < chunk {
                    let Some(chars) = groups.next().filter(|chars| !chars.is_empty()) else {
                        break;
                    };
                    let before = ready.len();
                    ready.resize(before + DECODED, 0);
                    let room = ready.get_mut(before..).unwrap_or_default();
                    let length = engine.decode_slice(chars, room).unwrap_or(0);
                    ready.truncate(before + length);
                    if length == 0 {
                        break;
                    }
                }
                let piece = if ready.len() > chunk {
                    let later = ready.split_off(chunk);
                    std::mem::replace(ready, later)
                } else {
                    std::mem::take(ready)
                };
                (!piece.is_empty()).then_some(Cow::Owned(piece))
            }
        }
    }
}
