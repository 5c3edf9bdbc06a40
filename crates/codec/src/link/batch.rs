//! Batches: a head in JSON and the bytes of messages, compressed together and sealed.
//!
//! ```text
//! batch  := "EVLK" u8(1) u8(direction) nonce(12) u32 LE length of what follows, sealed
//! sealed := AES-256-GCM(key, nonce, AAD, zstd(plain))
//! plain  := u32 LE length of head, head, then each message, of the sizes that the head names
//! ```
//! **Bounds.** A frame says how large it is before it is unpacked, and nothing is unpacked beyond: a few bytes can't become
//! gigabytes. What is sealed was made by whoever has the link key, which is no reason to trust it.

use bytes::Bytes;
use ring::aead::{Aad, Nonce};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::key::{Direction, LinkKey};

const MAGIC: &[u8; 4] = b"EVLK";
const VERSION: u8 = 1;
/// Bytes of a nonce.
pub const NONCE: usize = 12;
/// Bytes before what is sealed.
const FRONT: usize = 4 + 1 + 1 + NONCE + 4;
/// Bytes that sealing adds.
const TAG: usize = 16;
/// Bytes of a head.
pub const MOST_HEAD: usize = 8 << 20;
/// Bytes of the messages of a batch that has several.
pub const MOST_TOGETHER: usize = 16 << 20;
/// Bytes of the message of a batch that has one.
pub const MOST_MESSAGE: usize = 256 << 20;
const MOST_PLAIN: usize = 4 + MOST_HEAD + MOST_MESSAGE;
/// Bytes of a batch. What cannot be compressed grows by less than a 128th.
pub const MOST_SEALED: usize = FRONT + MOST_PLAIN + MOST_PLAIN / 128 + 1024;
/// Text of mail gets no smaller for much more time.
const LEVEL: i32 = 3;

/// Why bytes are no batch, or something is no content of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchFault {
    /// It is cut off, or has too much, or does not begin like one.
    #[error("not a batch")]
    Form,
    /// Of another version.
    #[error("a batch of a version that is not known")]
    Version,
    /// A bit differs, or it was made for something else.
    #[error("the batch does not open")]
    Sealed,
    /// What it holds is not what its head says.
    #[error("the batch is not what it says")]
    Content,
    /// More than a batch may hold.
    #[error("too much for a batch")]
    Size,
}

/// The head of a kind of batch.
pub trait Head: Serialize + DeserializeOwned {
    /// Bytes of each message that follows, in order.
    fn sizes(&self) -> Vec<u64> {
        Vec::new()
    }
}

/// What a batch holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<H> {
    /// What is said.
    pub head: H,
    /// Its messages, in the order of the head.
    pub messages: Vec<Bytes>,
}

/// Whom a batch is between, and for what: it opens for nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// The key of the link.
    pub key: &'a LinkKey,
    /// Which way it goes.
    pub direction: Direction,
    /// The path of the request.
    pub path: &'a str,
    /// The device's id.
    pub device: &'a str,
    /// The nonce of the batch that it answers, so that no old answer passes for the one to this question.
    pub answers: Option<[u8; NONCE]>,
}

/// A batch that was opened and not unpacked yet.
pub struct Packed {
    nonce: [u8; NONCE],
    compressed: Vec<u8>,
    size: usize,
}

/// How many of these messages, from the first on, go into one batch. At least one, if there is any.
pub fn fit(sizes: impl IntoIterator<Item = u64>) -> usize {
    let (mut count, mut total) = (0, 0_u64);
    for size in sizes {
        total = total.saturating_add(size);
        if count > 0 && total > MOST_TOGETHER as u64 {
            break;
        }
        count += 1;
    }
    count
}

fn is_bounded(sizes: &[u64]) -> bool {
    let total = sizes
        .iter()
        .try_fold(0_u64, |total, size| total.checked_add(*size));
    total.is_some_and(|total| {
        total <= MOST_TOGETHER as u64 || (sizes.len() == 1 && total <= MOST_MESSAGE as u64)
    })
}

impl Way<'_> {
    fn associated(&self) -> Vec<u8> {
        let mut data = self.path.as_bytes().to_vec();
        data.push(0);
        data.extend_from_slice(self.device.as_bytes());
        if let Some(nonce) = self.answers {
            data.push(0);
            data.extend_from_slice(&nonce);
        }
        data
    }

    /// Makes a batch. `nonce` is random, and used for this alone.
    ///
    /// # Errors
    /// [`BatchFault::Content`] where the messages are not those that the head names, [`BatchFault::Size`] where they are too
    /// much.
    pub fn seal<H: Head>(
        &self,
        nonce: [u8; NONCE],
        head: &H,
        messages: &[Bytes],
    ) -> Result<Vec<u8>, BatchFault> {
        let sizes = head.sizes();
        let told = messages.iter().map(|message| message.len() as u64);
        if !told.eq(sizes.iter().copied()) {
            return Err(BatchFault::Content);
        }
        let head = serde_json::to_vec(head).map_err(|_| BatchFault::Content)?;
        if head.len() > MOST_HEAD || !is_bounded(&sizes) {
            return Err(BatchFault::Size);
        }
        let length = u32::try_from(head.len()).map_err(|_| BatchFault::Size)?;
        let bytes: usize = messages.iter().map(Bytes::len).sum();
        let mut plain = Vec::with_capacity(4 + head.len() + bytes);
        plain.extend_from_slice(&length.to_le_bytes());
        plain.extend_from_slice(&head);
        for message in messages {
            plain.extend_from_slice(message);
        }
        let mut body = zstd::bulk::compress(&plain, LEVEL).map_err(|_| BatchFault::Content)?;
        drop(plain);
        let cipher = self.key.cipher(self.direction).ok_or(BatchFault::Sealed)?;
        let unique = Nonce::assume_unique_for_key(nonce);
        let associated = Aad::from(self.associated());
        cipher
            .seal_in_place_append_tag(unique, associated, &mut body)
            .map_err(|_| BatchFault::Sealed)?;
        let length = u32::try_from(body.len()).map_err(|_| BatchFault::Size)?;
        let mut front = [0; FRONT];
        let parts = MAGIC
            .iter()
            .copied()
            .chain([VERSION, self.direction as u8])
            .chain(nonce)
            .chain(length.to_le_bytes());
        for (place, byte) in front.iter_mut().zip(parts) {
            *place = byte;
        }
        body.splice(0..0, front);
        Ok(body)
    }

    /// Opens a batch.
    ///
    /// # Errors
    /// Where it is none, or not for this.
    pub fn unseal(&self, mut batch: Vec<u8>) -> Result<Packed, BatchFault> {
        if batch.len() > MOST_SEALED {
            return Err(BatchFault::Size);
        }
        let (magic, rest) = batch.split_first_chunk::<4>().ok_or(BatchFault::Form)?;
        let ([version, direction], rest) = rest.split_first_chunk::<2>().ok_or(BatchFault::Form)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(BatchFault::Form)?;
        let (length, sealed) = rest.split_first_chunk::<4>().ok_or(BatchFault::Form)?;
        if magic != MAGIC {
            return Err(BatchFault::Form);
        }
        if *version != VERSION {
            return Err(BatchFault::Version);
        }
        if usize::try_from(u32::from_le_bytes(*length)) != Ok(sealed.len()) || sealed.len() < TAG {
            return Err(BatchFault::Form);
        }
        if *direction != self.direction as u8 {
            return Err(BatchFault::Sealed);
        }
        let nonce = *nonce;
        let cipher = self.key.cipher(self.direction).ok_or(BatchFault::Sealed)?;
        let unique = Nonce::assume_unique_for_key(nonce);
        let associated = Aad::from(self.associated());
        let length = cipher
            .open_within(unique, associated, &mut batch, FRONT..)
            .map_err(|_| BatchFault::Sealed)?
            .len();
        batch.truncate(length);
        let size =
            zstd::zstd_safe::get_frame_content_size(&batch).map_err(|_| BatchFault::Content)?;
        let size = size.ok_or(BatchFault::Content)?;
        let size = usize::try_from(size).map_err(|_| BatchFault::Size)?;
        match size <= MOST_PLAIN {
            true => Ok(Packed {
                nonce,
                compressed: batch,
                size,
            }),
            false => Err(BatchFault::Size),
        }
    }
}

impl Packed {
    /// Bytes that it takes unpacked.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The nonce, which its answer is bound to.
    pub fn nonce(&self) -> [u8; NONCE] {
        self.nonce
    }

    /// Unpacks it.
    ///
    /// # Errors
    /// Where it does not hold what it should.
    pub fn unpack<H: Head>(self) -> Result<Batch<H>, BatchFault> {
        let plain =
            zstd::bulk::decompress(&self.compressed, self.size).map_err(|_| BatchFault::Content)?;
        drop(self.compressed);
        if plain.len() != self.size {
            return Err(BatchFault::Content);
        }
        let mut plain = Bytes::from(plain);
        let length = plain.split_to_checked(4)?;
        let length = <[u8; 4]>::try_from(length.as_ref()).map_err(|_| BatchFault::Content)?;
        let length = usize::try_from(u32::from_le_bytes(length)).map_err(|_| BatchFault::Size)?;
        if length > MOST_HEAD {
            return Err(BatchFault::Size);
        }
        let head = plain.split_to_checked(length)?;
        let head: H = serde_json::from_slice(&head).map_err(|_| BatchFault::Content)?;
        let sizes = head.sizes();
        if !is_bounded(&sizes) {
            return Err(BatchFault::Size);
        }
        let mut messages = Vec::with_capacity(sizes.len());
        for size in sizes {
            let size = usize::try_from(size).map_err(|_| BatchFault::Size)?;
            messages.push(plain.split_to_checked(size)?);
        }
        match plain.is_empty() {
            true => Ok(Batch { head, messages }),
            false => Err(BatchFault::Content),
        }
    }
}

/// Taking bytes from the front, of which there may be too few.
trait Front {
    fn split_to_checked(&mut self, count: usize) -> Result<Bytes, BatchFault>;
}

impl Front for Bytes {
    fn split_to_checked(&mut self, count: usize) -> Result<Bytes, BatchFault> {
        match count <= self.len() {
            true => Ok(self.split_to(count)),
            false => Err(BatchFault::Content),
        }
    }
}
