//! Sealing: AES-256-GCM over numbered pieces of one object.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;
use std::io;

/// Plain bytes of a block; every block of a split but the last is full.
pub(crate) const BLOCK: usize = 64 * 1024;
/// What sealing adds to a piece.
pub(crate) const TAG: usize = 16;

/// The name of a split: random, written in its header and bound into every piece.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SplitId(pub [u8; 16]);

impl SplitId {
    /// A new name.
    pub fn random() -> io::Result<Self> {
        #[cfg(test)]
        if let Some(name) = crate::simulation::object_name() {
            return Ok(SplitId(name));
        }
        random().map(SplitId)
    }
}

impl fmt::Display for SplitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SplitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0u8; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| io::Error::other("the system gave no random bytes"))?;
    Ok(bytes)
}

/// Seals and opens the pieces of one object under one key. The number of a piece is its
/// nonce, so a number is used once under a key; `mark` is bound in beside it and tells
/// what the piece is (the last block, say).
pub(crate) struct Cipher {
    key: LessSafeKey,
    id: SplitId,
}

impl Cipher {
    pub(crate) fn new(key: &[u8; 32], id: SplitId) -> io::Result<Self> {
        let key = UnboundKey::new(&AES_256_GCM, key)
            .map_err(|_| io::Error::other("not an AES-256 key"))?;
        Ok(Cipher {
            key: LessSafeKey::new(key),
            id,
        })
    }

    fn nonce(number: u64) -> Nonce {
        let mut nonce = [0u8; 12];
        if let Some(low) = nonce.last_chunk_mut::<8>() {
            *low = number.to_be_bytes();
        }
        Nonce::assume_unique_for_key(nonce)
    }

    fn aad(&self, number: u64, mark: u64) -> Aad<[u8; 32]> {
        let mut bytes = [0u8; 32];
        let parts = self
            .id
            .0
            .into_iter()
            .chain(number.to_be_bytes())
            .chain(mark.to_be_bytes());
        bytes
            .iter_mut()
            .zip(parts)
            .for_each(|(slot, byte)| *slot = byte);
        Aad::from(bytes)
    }

    /// Seals `piece` in place; it grows by [`TAG`].
    pub(crate) fn seal(&self, number: u64, mark: u64, piece: &mut Vec<u8>) -> io::Result<()> {
        self.key
            .seal_in_place_append_tag(Self::nonce(number), self.aad(number, mark), piece)
            .map_err(|_| io::Error::other("a block is too long to seal"))
    }

    /// Opens `piece` in place and gives its plain part; `None` if it is not what was sealed.
    pub(crate) fn open<'a>(
        &self,
        number: u64,
        mark: u64,
        piece: &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        self.key
            .open_in_place(Self::nonce(number), self.aad(number, mark), piece)
            .ok()
    }
}
