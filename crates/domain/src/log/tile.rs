//! Tiles: the tree cut into files of 256 hashes (<https://c2sp.org/tlog-tiles>).

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;

/// Binary levels that one tile spans.
pub const TILE_HEIGHT: u32 = 8;
/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 256;
/// Bytes of a full tile.
pub const TILE_BYTES: usize = 8192;

/// The place of a tile: `width` hashes, each over `256^level` leaves, the first of which
/// is number `256 · index` of its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Tile level; level 0 holds leaf hashes.
    pub level: u8,
    /// Index within the level.
    pub index: u64,
    /// Hashes in the tile: 256 when full, 1 to 255 when partial.
    pub width: u16,
}

impl Tile {
    /// A full tile.
    pub fn full(level: u8, index: u64) -> Self {
        Tile {
            level,
            index,
            width: TILE_WIDTH as u16,
        }
    }

    /// The tile at `level` and `index` as a tree of `size` leaves has it; `None` where
    /// that tree has no hash there.
    pub fn in_tree(level: u8, index: u64, size: u64) -> Option<Self> {
        let hashes = size
            .checked_shr(u32::from(level) * TILE_HEIGHT)
            .unwrap_or(0);
        let before = index.checked_mul(TILE_WIDTH)?;
        let width = hashes.checked_sub(before)?.min(TILE_WIDTH) as u16;
        (width > 0).then_some(Tile {
            level,
            index,
            width,
        })
    }

    /// The partial tiles of a tree of `size` leaves, highest level first, which is also
    /// from left to right.
    pub fn partials(size: u64) -> Vec<Self> {
        (0..8u8)
            .rev()
            .filter_map(|level| {
                let hashes = size >> (u32::from(level) * TILE_HEIGHT);
                Tile::in_tree(level, hashes / TILE_WIDTH, size)
            })
            .collect()
    }

    /// True for 256 hashes: such a tile never changes again.
    pub fn is_full(&self) -> bool {
        u64::from(self.width) == TILE_WIDTH
    }

    /// Bytes the tile has.
    pub fn byte_len(&self) -> usize {
        usize::from(self.width) * 32
    }

    /// The path below the log's prefix: `tile/<L>/<N>[.p/<W>]`.
    pub fn path(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        let digits = self.index.to_string();
        let groups = digits.len().div_ceil(3);
        // Three digits a path element, all but the last marked with an x, so that a
        // directory and a file never share a name.
        for group in (0..groups as u32).rev() {
            let value = self.index / 1000u64.pow(group) % 1000;
            if group > 0 {
                write!(f, "x{value:03}/")?;
            } else {
                write!(f, "{value:03}")?;
            }
        }
        if !self.is_full() {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

/// The text is not a tile path as tlog-tiles writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a tile path (tile/<level>/<index>[.p/<width>])")]
pub struct NotATile;

impl FromStr for Tile {
    type Err = NotATile;

    fn from_str(path: &str) -> Result<Self, NotATile> {
        let rest = path.strip_prefix("tile/").ok_or(NotATile)?;
        let (level, rest) = rest.split_once('/').ok_or(NotATile)?;
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, width.parse::<u8>().map_err(|_| NotATile)?.into()),
            None => (rest, TILE_WIDTH as u16),
        };
        let mut value = 0u64;
        for element in index.split('/') {
            let digits = element.strip_prefix('x').unwrap_or(element);
            let group: u64 = digits.parse().map_err(|_| NotATile)?;
            value = value
                .checked_mul(1000)
                .and_then(|high| high.checked_add(group))
                .ok_or(NotATile)?;
        }
        let level = level.parse().map_err(|_| NotATile)?;
        let tile = Tile {
            level,
            index: value,
            width,
        };
        // Each tile has one path: whatever prints differently was not it.
        if level > 63 || width == 0 || tile.to_string() != path {
            return Err(NotATile);
        }
        Ok(tile)
    }
}

/// The hashes of a tile as its file holds them.
pub(super) fn tile_bytes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// A tile's file has not the length that its width asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{tile} has {found} bytes, not {}", .tile.byte_len())]
pub struct WrongLength {
    /// Which tile.
    pub tile: Tile,
    /// Bytes that it has.
    pub found: usize,
}

/// The hashes in a tile's file.
pub(super) fn tile_hashes(tile: &Tile, bytes: &[u8]) -> Result<Vec<Digest>, WrongLength> {
    if bytes.len() != tile.byte_len() {
        return Err(WrongLength {
            tile: *tile,
            found: bytes.len(),
        });
    }
    let (hashes, _) = bytes.as_chunks::<32>();
    Ok(hashes.iter().map(|hash| Digest(*hash)).collect())
}
