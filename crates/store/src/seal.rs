//! Authenticated encryption as the format uses it: AES-256-GCM, where a storage class says so
//! ChaCha20-Poly1305, both with 256-bit keys, 12-byte nonces and 16-byte tags.

use everpost_domain::class::Cipher;
use ring::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use crate::error::{Result, StoreError};

/// Bytes that sealing adds.
pub(crate) const TAG: usize = 16;
/// Bytes of a random nonce that precede some sealed values.
pub(crate) const NONCE: usize = 12;

/// A 256-bit key. Not `Debug`, not `Display`: it must not reach a log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) [u8; 32]);

impl Key {
    /// A new key from the operating system.
    pub(crate) fn random() -> Result<Self> {
        Ok(Key(random()?))
    }

    fn cipher(&self) -> Result<LessSafeKey> {
        self.of(Cipher::Aes256Gcm)
    }

    fn of(&self, cipher: Cipher) -> Result<LessSafeKey> {
        let algorithm = match cipher {
            Cipher::Aes256Gcm => &AES_256_GCM,
            Cipher::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        };
        let key = UnboundKey::new(algorithm, &self.0)
            .map_err(|_| StoreError::Key("unusable key".into()))?;
        Ok(LessSafeKey::new(key))
    }

    /// Seals in place under a nonce that this key uses once.
    pub(crate) fn seal_once(&self, number: u64, aad: &[u8], plain: &mut Vec<u8>) -> Result<()> {
        self.seal_once_by(Cipher::Aes256Gcm, number, aad, plain)
    }

    /// As [`Key::seal_once`], by a cipher that its reader knows of.
    pub(crate) fn seal_once_by(
        &self,
        cipher: Cipher,
        number: u64,
        aad: &[u8],
        plain: &mut Vec<u8>,
    ) -> Result<()> {
        self.of(cipher)?
            .seal_in_place_append_tag(numbered(number), Aad::from(aad), plain)
            .map_err(|_| StoreError::Key("sealing failed".into()))
    }

    /// Opens what [`Key::seal_once`] sealed; `None` if a bit differs.
    pub(crate) fn open_once(&self, number: u64, aad: &[u8], sealed: Vec<u8>) -> Option<Vec<u8>> {
        self.open_once_by(Cipher::Aes256Gcm, number, aad, sealed)
    }

    /// Opens what [`Key::seal_once_by`] sealed; `None` if a bit differs.
    pub(crate) fn open_once_by(
        &self,
        cipher: Cipher,
        number: u64,
        aad: &[u8],
        mut sealed: Vec<u8>,
    ) -> Option<Vec<u8>> {
        let cipher = self.of(cipher).ok()?;
        let length = cipher
            .open_in_place(numbered(number), Aad::from(aad), &mut sealed)
            .ok()?
            .len();
        sealed.truncate(length);
        Some(sealed)
    }

    /// Seals under a random nonce, which comes first in the result.
    pub(crate) fn seal(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let nonce: [u8; NONCE] = random()?;
        let mut body = Vec::with_capacity(NONCE + plain.len() + TAG);
        body.extend_from_slice(plain);
        self.cipher()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad),
                &mut body,
            )
            .map_err(|_| StoreError::Key("sealing failed".into()))?;
        body.splice(0..0, nonce);
        Ok(body)
    }

    /// Opens what [`Key::seal`] sealed; `None` if a bit differs.
    pub(crate) fn open(&self, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE>()?;
        let mut body = body.to_vec();
        let length = self
            .cipher()
            .ok()?
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(aad),
                &mut body,
            )
            .ok()?
            .len();
        body.truncate(length);
        Some(body)
    }
}

fn numbered(number: u64) -> Nonce {
    let mut nonce = [0u8; NONCE];
    if let Some(low) = nonce.first_chunk_mut::<8>() {
        *low = number.to_le_bytes();
    }
    Nonce::assume_unique_for_key(nonce)
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0u8; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| StoreError::Key("the system gives no random bytes".into()))?;
    Ok(bytes)
}
