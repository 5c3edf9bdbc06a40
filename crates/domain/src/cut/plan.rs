//! The skeleton's durable form: the table of parts, then the bytes between them.
//!
//! ```text
//! version  byte = 1
//! parts    number
//! each:    literal  number   bytes of the skeleton before the part
//!          recipe   byte     0 as it came · 1 base64, LF · 2 base64, CRLF
//!          line     number   base64 only: characters a line, 0 = one line
//!          ends     byte     base64 only: line ends after the last character
//!          size     number   bytes of the part's stored form
//! literals                   the bytes before, between and after the parts
//! ```

use super::{Cut, Recipe, Segment};
use crate::wire::{Damaged, Reader, Writer};
use std::ops::Range;

/// The version this code writes.
const VERSION: u8 = 1;

/// What comes next when a message is put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of the skeleton itself, as a range of the skeleton's bytes; never empty.
    Literal(Range<usize>),
    /// A part stored by itself.
    Part {
        /// Its place among the message's parts, from 0.
        ordinal: usize,
        /// How its stored form becomes its raw form.
        recipe: Recipe,
        /// Length of its stored form in bytes.
        size: u64,
    },
}

/// A skeleton, read: what to put together, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pieces: Vec<Piece>,
    raw_len: u64,
}

impl Plan {
    /// Reads a skeleton. Never allocates more than a few times its length.
    pub fn parse(skeleton: &[u8]) -> Result<Plan, Damaged> {
        let mut reader = Reader::new(skeleton);
        if reader.byte()? != VERSION {
            return Err(Damaged("skeleton of an unknown version"));
        }
        let count = reader.length()?;
        // An entry has at least 3 bytes; a larger count must not reserve memory.
        let mut entries = Vec::with_capacity(count.min(reader.rest().len() / 3));
        for _ in 0..count {
            let literal = reader.length()?;
            let recipe = read_recipe(&mut reader)?;
            entries.push((literal, recipe, reader.number()?));
        }
        let mut rest = reader.rest();
        let mut at = skeleton.len() - rest.len();
        let mut raw_len = rest.len() as u64;
        let mut pieces = Vec::with_capacity(entries.len().saturating_mul(2).saturating_add(1));
        for (ordinal, (literal, recipe, size)) in entries.into_iter().enumerate() {
            (_, rest) = rest
                .split_at_checked(literal)
                .ok_or(Damaged("skeleton ends early"))?;
            if literal > 0 {
                pieces.push(Piece::Literal(at..at + literal));
            }
            at += literal;
            raw_len = recipe
                .raw_len(size)
                .and_then(|length| raw_len.checked_add(length))
                .ok_or(Damaged("message longer than any can be"))?;
            pieces.push(Piece::Part {
                ordinal,
                recipe,
                size,
            });
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(at..skeleton.len()));
        }
        Ok(Plan { pieces, raw_len })
    }

    /// The pieces in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Length of the whole message in bytes.
    pub fn raw_len(&self) -> u64 {
        self.raw_len
    }
}

/// Writes the skeleton of `raw`.
pub(super) fn write(cut: &Cut, raw: &[u8]) -> Vec<u8> {
    let mut table = Writer::new();
    table.byte(VERSION).number(cut.parts().count() as u64);
    let mut literal = 0;
    let mut total = 0;
    for segment in &cut.segments {
        match segment {
            Segment::Skeleton(range) => {
                literal += range.len();
                total += range.len();
            }
            Segment::Part(part) => {
                table.number(literal as u64);
                write_recipe(&mut table, part.recipe);
                table.number(part.size);
                literal = 0;
            }
        }
    }
    let mut skeleton = table.finish();
    skeleton.reserve_exact(total);
    for segment in &cut.segments {
        if let Segment::Skeleton(range) = segment {
            skeleton.extend_from_slice(raw.get(range.clone()).unwrap_or_default());
        }
    }
    skeleton
}

fn write_recipe(table: &mut Writer, recipe: Recipe) {
    match recipe {
        Recipe::Identity => table.byte(0),
        Recipe::Base64 { line, crlf, ends } => table
            .byte(if crlf { 2 } else { 1 })
            .number(line.into())
            .byte(ends),
    };
}

fn read_recipe(reader: &mut Reader) -> Result<Recipe, Damaged> {
    let code = reader.byte()?;
    match code {
        0 => Ok(Recipe::Identity),
        1 | 2 => {
            let line =
                u32::try_from(reader.number()?).map_err(|_| Damaged("line length too large"))?;
            Ok(Recipe::Base64 {
                line,
                crlf: code == 2,
                ends: reader.byte()?,
            })
        }
        _ => Err(Damaged("unknown recipe")),
    }
}
