//! The end of a split's object: trailer, footer, and what opening reads.

use super::error::Damage;
use super::footer::{FOOTER_LIMIT, FOOTER_NUMBER, Footer, HEADER, TRAILER, Trailer};
use super::hot::{HOT, Hot};
use super::schema::SCHEMA_VERSION;
use super::seal::{BLOCK, Cipher, TAG};
use super::stream::{SEALED, Stream};
use super::{BlockCache, IndexError, RangeRead, SplitId};
use std::ops::Range;
use std::sync::Arc;
use tantivy::directory::OwnedBytes;

/// So much is read at once when a split is opened: all of a small one, and of most others all
/// that opening needs. It takes a server little longer than a few bytes.
pub(super) const TAIL: u64 = 256 << 10;

/// The object from somewhere to its end.
pub(super) struct Tail {
    at: u64,
    bytes: Vec<u8>,
}

impl Tail {
    pub(super) fn read(source: &dyn RangeRead) -> std::io::Result<Self> {
        let at = source.len().saturating_sub(TAIL);
        Ok(Tail {
            at,
            bytes: source.read(at..source.len())?.into(),
        })
    }

    /// The last bytes of an object of `length` bytes, as they were kept.
    pub(super) fn kept(bytes: Vec<u8>, length: u64) -> Option<Self> {
        let at = length.checked_sub(bytes.len() as u64)?;
        Some(Tail { at, bytes })
    }

    /// Its bytes from `from` of the object on.
    pub(super) fn since(&self, from: u64) -> &[u8] {
        let skip = usize::try_from(from.saturating_sub(self.at)).unwrap_or(usize::MAX);
        self.bytes.get(skip..).unwrap_or_default()
    }

    /// Makes it begin at `from` or before.
    fn reach(&mut self, source: &dyn RangeRead, from: u64) -> std::io::Result<()> {
        if from < self.at {
            let mut bytes = Vec::from(source.read(from..self.at)?);
            bytes.append(&mut self.bytes);
            (self.at, self.bytes) = (from, bytes);
        }
        Ok(())
    }

    fn get(&self, range: Range<u64>) -> Option<&[u8]> {
        let from = usize::try_from(range.start.checked_sub(self.at)?).ok()?;
        let to = usize::try_from(range.end.checked_sub(self.at)?).ok()?;
        self.bytes.get(from..to)
    }

    /// That a split which was opened ends so.
    pub(super) fn agrees(&mut self, stream: &Stream) -> Result<(), IndexError> {
        let damaged = |part: &str| {
            IndexError::Damaged(Damage {
                split: stream.id,
                part: part.to_owned(),
            })
        };
        let length = stream.source.len();
        let footer_at = HEADER + stream.plain + stream.blocks * TAG as u64;
        self.reach(&*stream.source, footer_at)?;
        let trailer_at = length.saturating_sub(TRAILER as u64);
        let trailer = self.get(trailer_at..length).and_then(Trailer::decode);
        let wanted = Trailer {
            plain: stream.plain,
            footer: u32::try_from(trailer_at.saturating_sub(footer_at)).unwrap_or(u32::MAX),
        };
        if trailer != Some(wanted) {
            return Err(damaged("trailer"));
        }
        let mut record = self.get(footer_at..trailer_at).unwrap_or_default().to_vec();
        let record = stream
            .cipher
            .open(FOOTER_NUMBER, stream.plain, &mut record)
            .and_then(|record| Footer::decode(record, stream.plain).ok());
        match record.as_ref() == Some(&stream.footer) {
            true => Ok(()),
            false => Err(damaged("footer")),
        }
    }

    /// Opens the split that ends so; also tells from where on its object was needed.
    pub(super) fn open(
        &mut self,
        source: Arc<dyn RangeRead>,
        id: SplitId,
        key: &[u8; 32],
        cache: Arc<BlockCache>,
    ) -> Result<(Stream, u64), IndexError> {
        let damaged = |part: &str| {
            IndexError::Damaged(Damage {
                split: id,
                part: part.to_owned(),
            })
        };
        let cipher = Cipher::new(key, id)?;
        let length = source.len();
        let trailer_at = length.checked_sub(TRAILER as u64);
        let trailer_at = trailer_at.ok_or_else(|| damaged("trailer"))?;
        let trailer = self.get(trailer_at..length).and_then(Trailer::decode);
        let trailer = trailer.ok_or_else(|| damaged("trailer"))?;
        let blocks = trailer.plain.div_ceil(BLOCK as u64);
        let footer_length = u64::from(trailer.footer);
        let fits = blocks
            .checked_mul(TAG as u64)
            .and_then(|tags| tags.checked_add(trailer.plain))
            .and_then(|sealed| sealed.checked_add(HEADER + footer_length))
            == Some(trailer_at);
        if !fits || footer_length > FOOTER_LIMIT {
            return Err(damaged("trailer"));
        }
        let footer_at = trailer_at - footer_length;
        self.reach(&*source, footer_at)?;
        let mut record = self.get(footer_at..trailer_at).unwrap_or_default().to_vec();
        let record = cipher
            .open(FOOTER_NUMBER, trailer.plain, &mut record)
            .ok_or_else(|| damaged("footer"))?;
        let footer = Footer::decode(record, trailer.plain).map_err(|error| match error {
            Ok(version) => IndexError::Version {
                split: id,
                what: "format",
                found: u64::from(version),
            },
            Err(_) => damaged("footer"),
        })?;
        if footer.schema != SCHEMA_VERSION {
            return Err(IndexError::Version {
                split: id,
                what: "schema",
                found: footer.schema,
            });
        }
        let hot = footer.files.iter().find(|(name, _)| name == HOT);
        let hot = hot.map(|(_, range)| range.clone());
        let mut stream = Stream {
            id,
            cipher,
            source,
            cache,
            footer,
            hot: Hot::default(),
            plain: trailer.plain,
            blocks,
        };
        let Some(hot) = hot else {
            if self.at > 0 {
                return Ok((stream, footer_at));
            }
            // All of it is here.
            let sealed = self.get(0..footer_at).unwrap_or_default().to_vec();
            let cache = stream.cache.clone();
            stream.open_run(0..blocks, sealed, |number, block| {
                cache.put(id, number, OwnedBytes::new(block.to_vec()));
            })?;
            return Ok((stream, 0));
        };
        let first = hot.start / BLOCK as u64;
        let from = HEADER + first * SEALED;
        self.reach(&*stream.source, from)?;
        let mut plain = Vec::new();
        let sealed = self.get(from..footer_at).unwrap_or_default().to_vec();
        stream.open_run(first..blocks, sealed, |_, block| {
            plain.extend_from_slice(block)
        })?;
        let skip = (hot.start % BLOCK as u64) as usize;
        let file = OwnedBytes::new(plain);
        // The file's place was authenticated with the footer, its length with the blocks.
        let file = (skip <= file.len()).then(|| file.slice(skip..file.len()));
        stream.hot = file.and_then(Hot::decode).ok_or_else(|| damaged(HOT))?;
        Ok((stream, from))
    }
}
