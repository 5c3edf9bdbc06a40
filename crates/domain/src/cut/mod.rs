//! Cutting a message into single-instance parts and what is left of it, its *skeleton*.
//!
//! A large part (an attachment, or a very long text) is stored once per bucket however
//! many messages carry it, so it is taken out of the message; the rest is one run of
//! bytes with a table that says where the parts belong. Base64 parts are stored decoded
//! (a quarter smaller, and the same file sent by two mailers is one part) when a
//! [`Recipe`] re-encodes them to the very same bytes; whatever is not exactly
//! reproducible is stored as it came.
//!
//! **Invariant.** [`Plan::parse`] of a skeleton, with each part's stored form sent
//! through its recipe's [`Encoder`], gives the raw bytes back, bit for bit, whatever the
//! bytes and whatever the structure says about them.

mod encoder;
mod engine;
mod layout;
mod plan;
mod stored;
#[cfg(test)]
mod tests;

pub use encoder::Encoder;
pub use plan::{Piece, Plan};
pub use stored::Chunks;
pub(crate) use stored::canonical_base64;

use crate::digest::Digest;
use crate::message::{Encoding, Kind, Part, Structure};
use std::ops::Range;

/// From which size on a part is worth a row of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Smallest attachment to cut, in bytes of its stored form. A row costs some 200
    /// bytes of catalog and a place in a frame; below 4 KiB single-instancing does not
    /// earn that back.
    pub part_min: usize,
    /// Smallest body text (`text/*`, neither attachment nor named) to cut, in bytes of
    /// its stored form. Texts differ from message to message and quote each other, so
    /// small ones compress better beside their neighbours than as rows of their own.
    pub text_min: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            part_min: 4096,
            text_min: 16384,
        }
    }
}

/// How the stored form of a part becomes its raw form again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipe {
    /// The stored form is the raw form.
    Identity,
    /// The stored form is decoded; the raw form is canonical base64 (RFC 4648 §4, padded)
    /// in lines of equal length.
    Base64 {
        /// Characters of each line but the last, which has 1 to `line`; 0 = one line,
        /// however long.
        line: u32,
        /// True if lines end with CRLF, false for LF.
        crlf: bool,
        /// Line ends after the last character (0: the body stops with it).
        ends: u8,
    },
}

impl Recipe {
    /// Length in bytes of the raw form of a part whose stored form has `size` bytes;
    /// `None` beyond 2^64.
    pub fn raw_len(&self, size: u64) -> Option<u64> {
        match *self {
            Recipe::Identity => Some(size),
            Recipe::Base64 { line, crlf, ends } => {
                let chars = size.div_ceil(3).checked_mul(4)?;
                let breaks = match u64::from(line) {
                    0 => 0,
                    line => chars.saturating_sub(1) / line,
                };
                let eol = if crlf { 2 } else { 1 };
                let breaks = breaks.checked_add(u64::from(ends))?;
                chars.checked_add(breaks.checked_mul(eol)?)
            }
        }
    }
}

/// A part taken out of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartCut {
    /// Index of the part in [`Structure::parts`].
    pub part: usize,
    /// Where its raw form lies in the message.
    pub raw: Range<usize>,
    /// How the stored form becomes the raw form.
    pub recipe: Recipe,
    /// SHA-256 of the stored form: of the decoded bytes for [`Recipe::Base64`], so that
    /// the same file in two messages is one part.
    pub digest: Digest,
    /// Length of the stored form in bytes.
    pub size: u64,
}

impl PartCut {
    /// The stored form in pieces of exactly `chunk` bytes, the last one shorter. At most
    /// one piece is held decoded. `raw` is the message that was cut; with other bytes
    /// the pieces end early or differ, which the part's digest shows.
    pub fn chunks<'a>(&self, raw: &'a [u8], chunk: usize) -> Chunks<'a> {
        Chunks::new(
            raw.get(self.raw.clone()).unwrap_or_default(),
            self.recipe,
            chunk,
        )
    }
}

/// A run of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Bytes that stay in the skeleton; never empty.
    Skeleton(Range<usize>),
    /// A part stored by itself.
    Part(PartCut),
}

/// A message as runs in order; together they are the whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The runs, in order, without gap or overlap.
    pub segments: Vec<Segment>,
}

impl Cut {
    /// The parts in order of their place in the message. A skeleton's part ordinals
    /// count this order from 0.
    pub fn parts(&self) -> impl Iterator<Item = &PartCut> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Part(part) => Some(part),
            Segment::Skeleton(_) => None,
        })
    }

    /// The durable form of what stays: the table of parts, then the bytes between them.
    /// For a message without parts, 2 bytes more than the message.
    pub fn skeleton(&self, raw: &[u8]) -> Vec<u8> {
        plan::write(self, raw)
    }
}

/// Cuts `raw`. Parts that lie outside the message or over one another (a damaged
/// structure) stay in the skeleton. Reads each part once; never fails.
pub fn cut(raw: &[u8], structure: &Structure, limits: &Limits) -> Cut {
    let mut leaves: Vec<(usize, &Part)> = structure
        .parts
        .iter()
        .enumerate()
        .filter(|(_, part)| part.kind == Kind::Leaf && part.body.start < part.body.end)
        .collect();
    // Preorder is already the order of the bytes; a damaged structure need not be.
    leaves.sort_by_key(|(_, part)| part.body.start);

    let mut segments = Vec::new();
    let mut cursor = 0;
    for (index, part) in leaves {
        if part.body.start < cursor {
            continue;
        }
        let Some(found) = part_of(raw, index, part, limits) else {
            continue;
        };
        if cursor < found.raw.start {
            segments.push(Segment::Skeleton(cursor..found.raw.start));
        }
        cursor = found.raw.end;
        segments.push(Segment::Part(found));
    }
    if cursor < raw.len() {
        segments.push(Segment::Skeleton(cursor..raw.len()));
    }
    Cut { segments }
}

/// The part as a row of its own, if it is large enough for one.
fn part_of(raw: &[u8], index: usize, part: &Part, limits: &Limits) -> Option<PartCut> {
    let body = raw.get(part.body.clone())?;
    let running_text =
        part.content_type.starts_with("text/") && !part.attachment && part.filename.is_none();
    let least = if running_text {
        limits.text_min
    } else {
        limits.part_min
    };
    if body.len() < least {
        return None;
    }
    if part.encoding == Encoding::Base64
        && let Some(layout) = layout::Layout::of(body)
    {
        // The size follows from the layout alone: nothing small is decoded in vain.
        if layout.size() < least as u64 {
            return None;
        }
        if let Some(digest) = stored::verify(body, &layout) {
            return Some(PartCut {
                part: index,
                raw: part.body.clone(),
                recipe: layout.recipe(),
                digest,
                size: layout.size(),
            });
        }
    }
    Some(PartCut {
        part: index,
        raw: part.body.clone(),
        recipe: Recipe::Identity,
        digest: Digest::of(body),
        size: body.len() as u64,
    })
}
