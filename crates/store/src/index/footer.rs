//! The footer of a split: which file lies where, and what the split holds; and the
//! trailer behind it, the only bytes read before anything is authenticated.

use everpost_domain::wire::{Damaged, Reader, Writer};
use std::ops::Range;

/// First and last bytes of a split.
pub(crate) const MAGIC: &[u8; 8] = b"EVSPLIT1";
/// Magic and split id.
pub(crate) const HEADER: u64 = 24;
/// Plain length, footer length, magic.
pub(crate) const TRAILER: usize = 20;
/// A footer is a few hundred bytes; more is damage, found before memory is asked for.
pub(crate) const FOOTER_LIMIT: u64 = 1 << 20;
/// The number of the footer among the pieces: none of the blocks can reach it.
pub(crate) const FOOTER_NUMBER: u64 = u64::MAX;

const VERSION: u8 = 1;

/// What a split says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) schema: u64,
    pub(crate) analyser: u64,
    pub(crate) docs: u64,
    pub(crate) seq_min: u64,
    pub(crate) seq_max: u64,
    /// Names and places in the plain stream.
    pub(crate) files: Vec<(String, Range<u64>)>,
}

impl Footer {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut record = Writer::new();
        record
            .byte(VERSION)
            .number(self.schema)
            .number(self.analyser)
            .number(self.docs)
            .number(self.seq_min)
            .number(self.seq_max)
            .number(self.files.len() as u64);
        for (name, range) in &self.files {
            record
                .text(name)
                .number(range.start)
                .number(range.end - range.start);
        }
        record.finish()
    }

    /// Reads a footer; a version that is not known is `Err(Ok(version))`.
    pub(crate) fn decode(record: &[u8], plain: u64) -> Result<Footer, Result<u8, Damaged>> {
        let mut reader = Reader::new(record);
        let version = reader.byte().map_err(Err)?;
        if version != VERSION {
            return Err(Ok(version));
        }
        Self::fields(&mut reader, plain).map_err(Err)
    }

    fn fields(reader: &mut Reader<'_>, plain: u64) -> Result<Footer, Damaged> {
        let mut footer = Footer {
            schema: reader.number()?,
            analyser: reader.number()?,
            docs: reader.number()?,
            seq_min: reader.number()?,
            seq_max: reader.number()?,
            files: Vec::new(),
        };
        for _ in 0..reader.number()? {
            let name = reader.text()?.to_owned();
            let start = reader.number()?;
            let end = start
                .checked_add(reader.number()?)
                .ok_or(Damaged("file too long"))?;
            if end > plain {
                return Err(Damaged("file outside the split"));
            }
            footer.files.push((name, start..end));
        }
        if !reader.is_empty() {
            return Err(Damaged("bytes after the footer"));
        }
        Ok(footer)
    }
}

/// The fixed end of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailer {
    /// Bytes of the plain stream.
    pub(crate) plain: u64,
    /// Bytes of the sealed footer.
    pub(crate) footer: u32,
}

impl Trailer {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(TRAILER);
        bytes.extend_from_slice(&self.plain.to_be_bytes());
        bytes.extend_from_slice(&self.footer.to_be_bytes());
        bytes.extend_from_slice(MAGIC);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Trailer> {
        let (plain, rest) = bytes.split_first_chunk::<8>()?;
        let (footer, magic) = rest.split_first_chunk::<4>()?;
        (magic == MAGIC).then(|| Trailer {
            plain: u64::from_be_bytes(*plain),
            footer: u32::from_be_bytes(*footer),
        })
    }
}
