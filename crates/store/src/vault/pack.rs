//! The pack format (docs/format.md, Pack): frames sealed one by one in a container.

use everpost_domain::class::{Cipher, Compression};

use crate::error::{Result, StoreError};
use crate::seal::{Key, TAG};

const MAGIC: &[u8; 8] = b"EVPACK01";
const END: &[u8; 8] = b"EVPKEND1";
const HEADER: usize = 16;
const ENTRY: usize = 16;
const TRAILER: usize = 16;

/// Bytes before the first frame.
pub(crate) const PREAMBLE: u64 = 24;
/// A frame holds at most this many bytes: one 4 MiB piece and what was open before it.
pub(crate) const FRAME_MAX: usize = (4 << 20) + (64 << 10);

/// How the frames of a pack are written; each says so in its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) compression: Compression,
    pub(crate) cipher: Cipher,
}

impl Style {
    /// Compressed at a level of zstd, sealed as usual.
    pub(crate) fn zstd(level: i32) -> Self {
        Style {
            compression: Compression::Zstd(level),
            cipher: Cipher::default(),
        }
    }
}

/// Ciphers as frame headers name them.
const CIPHERS: [(u8, Cipher); 2] = [(1, Cipher::Aes256Gcm), (2, Cipher::ChaCha20Poly1305)];

/// A pack's random name.
pub(crate) type Name = [u8; 16];

/// A frame that is ready to be written.
pub(crate) struct SealedFrame {
    /// Header and sealed body.
    pub(crate) bytes: Vec<u8>,
    pub(crate) key: Key,
    pub(crate) plain: usize,
}

impl SealedFrame {
    /// Length of the sealed body, tag included.
    pub(crate) fn sealed_length(&self) -> u32 {
        u32::try_from(self.bytes.len() - HEADER).unwrap_or(u32::MAX)
    }
}

/// Where a frame lies in its pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameAt {
    /// Offset of the header.
    pub(crate) at: u64,
    /// Length of the sealed body, tag included.
    pub(crate) sealed: u32,
    /// Length after decompression.
    pub(crate) plain: u32,
}

impl FrameAt {
    /// Where header and body lie in the object.
    pub(crate) fn range(&self) -> std::ops::Range<u64> {
        self.at..self.at + HEADER as u64 + u64::from(self.sealed)
    }
}

fn aad(tenant: i64, pack: &Name, number: u32, header: &[u8]) -> Vec<u8> {
    [
        &tenant.to_le_bytes(),
        pack.as_slice(),
        &number.to_le_bytes(),
        header,
    ]
    .concat()
}

/// Compresses and seals one frame under a key of its own.
pub(crate) fn seal_frame(
    tenant: i64,
    pack: &Name,
    number: u32,
    plain: &[u8],
    style: Style,
) -> Result<SealedFrame> {
    let damaged = |what: &str| StoreError::damaged(format!("frame {number}"), what);
    let plain_length = u32::try_from(plain.len()).map_err(|_| damaged("too large"))?;
    let packed = match style.compression {
        Compression::None => None,
        Compression::Zstd(level) => {
            let packed = zstd::bulk::compress(plain, level);
            Some(packed.map_err(|error| damaged(&error.to_string()))?)
        }
    };
    let (codec, mut body) = match packed.filter(|packed| packed.len() < plain.len()) {
        Some(packed) => (1, packed),
        None => (0, plain.to_vec()),
    };
    let cipher = CIPHERS.iter().find(|(_, cipher)| *cipher == style.cipher);
    let cipher = cipher.map_or(1, |(code, _)| *code);
    let sealed_length = u32::try_from(body.len() + TAG).map_err(|_| damaged("too large"))?;
    let mut bytes = Vec::with_capacity(HEADER + body.len() + TAG);
    bytes.extend_from_slice(&[b'F', b'R', codec, cipher]);
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(&sealed_length.to_le_bytes());
    bytes.extend_from_slice(&plain_length.to_le_bytes());
    let key = Key::random()?;
    let aad = aad(tenant, pack, number, &bytes);
    key.seal_once_by(style.cipher, 0, &aad, &mut body)?;
    bytes.extend_from_slice(&body);
    Ok(SealedFrame {
        bytes,
        key,
        plain: plain.len(),
    })
}

/// Opens one frame; the error says what is wrong with it.
pub(crate) fn open_frame(
    tenant: i64,
    pack: &Name,
    number: u32,
    key: &Key,
    bytes: &[u8],
) -> std::result::Result<Vec<u8>, &'static str> {
    let (header, body) = bytes
        .split_at_checked(HEADER)
        .ok_or("its header is cut off")?;
    let head = read_header(header).ok_or("its header is not one")?;
    if head.number != number {
        return Err("its header names another frame");
    }
    if body.len() != head.sealed as usize {
        return Err("its body is cut off");
    }
    let plain = key
        .open_once_by(
            head.cipher,
            0,
            &aad(tenant, pack, number, header),
            body.to_vec(),
        )
        .ok_or("its seal does not match")?;
    if head.plain as usize > FRAME_MAX {
        return Err("its length is out of bounds");
    }
    let plain = match head.codec {
        0 => plain,
        1 => zstd::bulk::decompress(&plain, head.plain as usize)
            .map_err(|_| "it does not decompress")?,
        _ => return Err("its codec is unknown"),
    };
    if plain.len() != head.plain as usize {
        return Err("its length is not the one it names");
    }
    Ok(plain)
}

struct Header {
    codec: u8,
    cipher: Cipher,
    number: u32,
    sealed: u32,
    plain: u32,
}

fn read_header(header: &[u8]) -> Option<Header> {
    let ([b'F', b'R', codec, cipher], numbers) = header.split_first_chunk::<4>()? else {
        return None;
    };
    let (_, cipher) = CIPHERS.iter().find(|(code, _)| code == cipher)?;
    let (number, lengths) = numbers.split_first_chunk::<4>()?;
    let (sealed, plain) = lengths.split_first_chunk::<4>()?;
    Some(Header {
        codec: *codec,
        cipher: *cipher,
        number: u32::from_le_bytes(*number),
        sealed: u32::from_le_bytes(*sealed),
        plain: u32::from_le_bytes(plain.try_into().ok()?),
    })
}

/// The first bytes of a pack.
pub(crate) fn preamble(name: &Name) -> Vec<u8> {
    [MAGIC.as_slice(), name].concat()
}

/// The last bytes of a pack.
pub(crate) fn closing(frames: &[FrameAt]) -> Vec<u8> {
    let mut footer = Vec::with_capacity(frames.len() * ENTRY + TRAILER);
    for frame in frames {
        footer.extend_from_slice(&frame.at.to_le_bytes());
        footer.extend_from_slice(&frame.sealed.to_le_bytes());
        footer.extend_from_slice(&frame.plain.to_le_bytes());
    }
    let crc = crc32(&footer);
    footer.extend_from_slice(&(frames.len() as u32).to_le_bytes());
    footer.extend_from_slice(&crc.to_le_bytes());
    footer.extend_from_slice(END);
    footer
}

/// Bytes of [`closing`] for so many frames.
pub(crate) fn closing_length(frames: usize) -> u64 {
    (frames * ENTRY + TRAILER) as u64
}

/// What a reader finds in a pack without the catalog.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// The name in the preamble, if it is whole.
    pub(crate) name: Option<Name>,
    /// Frames with their numbers, as far as footer or headers name them.
    pub(crate) frames: Vec<(u32, FrameAt)>,
    /// What is wrong, in words; empty for a whole pack.
    pub(crate) complaints: Vec<String>,
}

/// Reads a pack's structure from footer or, where that is damaged, from frame headers.
pub(crate) fn survey(bytes: &[u8]) -> Survey {
    let mut found = Survey::default();
    match bytes
        .get(..PREAMBLE as usize)
        .and_then(|start| start.split_first_chunk::<8>())
    {
        Some((magic, name)) if magic == MAGIC => found.name = name.try_into().ok(),
        _ => found.complaints.push("the preamble is damaged".into()),
    }
    match read_footer(bytes) {
        Some(frames) => found.frames = (0u32..).zip(frames).collect(),
        None => {
            found
                .complaints
                .push("the footer is damaged or missing".into());
            found.frames = walk_headers(bytes);
        }
    }
    for (number, frame) in &found.frames {
        let whole = usize::try_from(frame.at)
            .ok()
            .and_then(|at| bytes.get(at..at.checked_add(HEADER)?))
            .and_then(read_header)
            .is_some_and(|head| {
                (head.number, head.sealed, head.plain) == (*number, frame.sealed, frame.plain)
            });
        if !whole {
            found
                .complaints
                .push(format!("the header of frame {number} is damaged"));
        }
    }
    found
}

fn read_footer(bytes: &[u8]) -> Option<Vec<FrameAt>> {
    let (rest, trailer) = bytes.split_last_chunk::<TRAILER>()?;
    let [a, b, c, d, e, f, g, h, end @ ..] = *trailer;
    if &end != END {
        return None;
    }
    let count = u32::from_le_bytes([a, b, c, d]) as usize;
    let start = rest.len().checked_sub(count.checked_mul(ENTRY)?)?;
    let footer = rest.get(start..)?;
    if crc32(footer) != u32::from_le_bytes([e, f, g, h]) {
        return None;
    }
    footer
        .chunks_exact(ENTRY)
        .map(|entry| {
            let (at, lengths) = entry.split_first_chunk::<8>()?;
            let (sealed, plain) = lengths.split_first_chunk::<4>()?;
            Some(FrameAt {
                at: u64::from_le_bytes(*at),
                sealed: u32::from_le_bytes(*sealed),
                plain: u32::from_le_bytes(plain.try_into().ok()?),
            })
        })
        .collect()
}

fn walk_headers(bytes: &[u8]) -> Vec<(u32, FrameAt)> {
    let mut frames = Vec::new();
    let mut at = PREAMBLE as usize;
    while let Some(head) = bytes
        .get(at..at.saturating_add(HEADER))
        .and_then(read_header)
    {
        frames.push((
            head.number,
            FrameAt {
                at: at as u64,
                sealed: head.sealed,
                plain: head.plain,
            },
        ));
        at = at
            .saturating_add(HEADER)
            .saturating_add(head.sealed as usize);
    }
    frames
}

/// CRC-32 (IEEE 802.3, reflected): guards the footer against accident; seals guard frames.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |mut crc, byte| {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
        crc
    })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests may panic"
    )]
    use super::*;

    fn sample() -> (Vec<u8>, Vec<SealedFrame>, Vec<FrameAt>) {
        let name = [7; 16];
        let mut bytes = preamble(&name);
        let mut at = Vec::new();
        let frames: Vec<SealedFrame> = [b"hello ".repeat(1000), vec![], b"x".to_vec()]
            .iter()
            .enumerate()
            .map(|(number, plain)| {
                seal_frame(3, &name, number as u32, plain, Style::zstd(3)).unwrap()
            })
            .collect();
        for frame in &frames {
            let sealed = (frame.bytes.len() - HEADER) as u32;
            at.push(FrameAt {
                at: bytes.len() as u64,
                sealed,
                plain: frame.plain as u32,
            });
            bytes.extend_from_slice(&frame.bytes);
        }
        bytes.extend(closing(&at));
        (bytes, frames, at)
    }

    #[test]
    fn crc_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn frames_open_only_in_their_place() {
        let (_, frames, _) = sample();
        let first = &frames[0];
        assert_eq!(
            open_frame(3, &[7; 16], 0, &first.key, &first.bytes).unwrap(),
            b"hello ".repeat(1000)
        );
        assert!(open_frame(4, &[7; 16], 0, &first.key, &first.bytes).is_err());
        assert!(open_frame(3, &[8; 16], 0, &first.key, &first.bytes).is_err());
        assert!(open_frame(3, &[7; 16], 1, &first.key, &first.bytes).is_err());
        assert!(open_frame(3, &[7; 16], 0, &frames[1].key, &first.bytes).is_err());
    }

    #[test]
    fn every_flipped_bit_is_noticed_or_harmless() {
        let (bytes, frames, at) = sample();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let found = survey(&flipped);
            let opened = at
                .iter()
                .zip(&frames)
                .enumerate()
                .all(|(number, (place, frame))| {
                    let range = place.range().start as usize..place.range().end as usize;
                    open_frame(3, &[7; 16], number as u32, &frame.key, &flipped[range]).is_ok()
                });
            let name_wrong = found.name != Some([7; 16]);
            assert!(
                !found.complaints.is_empty() || !opened || name_wrong,
                "bit {bit} went unnoticed"
            );
        }
    }

    #[test]
    fn a_truncated_pack_still_names_its_frames() {
        let (bytes, frames, at) = sample();
        let first_end = at[0].range().end as usize;
        for length in 0..bytes.len() {
            let found = survey(&bytes[..length]);
            assert!(!found.complaints.is_empty(), "{length}");
            if length >= first_end {
                assert_eq!(found.frames[0], (0, at[0]));
                let range = at[0].range().start as usize..first_end;
                assert!(open_frame(3, &[7; 16], 0, &frames[0].key, &bytes[range]).is_ok());
            }
        }
        assert!(survey(&bytes).complaints.is_empty());
    }
}
