//! The key of a link, and those of its batches.

use std::fmt;

use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};

/// Which way a batch goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the agent.
    ToService = 0,
    /// From the service.
    ToAgent = 1,
}

/// What both sides said to each other at enrolment: keys that are public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// The device's Ed25519 key.
    pub device: [u8; 32],
    /// The agent's X25519 key.
    pub agent: [u8; 32],
    /// The service's X25519 key.
    pub service: [u8; 32],
}

/// The secret of one agent and its service. It does not show itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LinkKey([u8; 32]);

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey")
    }
}

struct Len32;
impl KeyType for Len32 {
    fn len(&self) -> usize {
        32
    }
}

/// 32 bytes of HKDF-SHA-256. That is below its limit of 255 blocks, so that it does not fail.
fn derive(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    let root = Salt::new(HKDF_SHA256, salt).extract(secret);
    root.expand(info, Len32).ok()?.fill(&mut key).ok()?;
    Some(key)
}

impl LinkKey {
    /// Of the secret that both sides agreed on by X25519, and the salt of the code that both know. Whoever stood in between
    /// and gave each side a key of their own does not know the salt, and the two sides then have different keys.
    pub fn agree(secret: &[u8], salt: &[u8; 32], exchange: &Exchange) -> Option<Self> {
        let info: [&[u8]; 4] = [
            b"everpost link 1",
            &exchange.device,
            &exchange.agent,
            &exchange.service,
        ];
        derive(salt, secret, &info).map(LinkKey)
    }

    /// As it was kept.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        LinkKey(bytes)
    }

    /// To be kept, sealed.
    pub fn reveal(&self) -> &[u8; 32] {
        &self.0
    }

    /// What seals batches that go one way.
    pub(super) fn cipher(&self, direction: Direction) -> Option<LessSafeKey> {
        let key = derive(&[], &self.0, &[b"everpost batch 1", &[direction as u8]])?;
        let key = UnboundKey::new(&AES_256_GCM, &key).ok()?;
        Some(LessSafeKey::new(key))
    }
}
