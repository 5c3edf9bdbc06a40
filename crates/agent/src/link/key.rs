//! The key that a device signs with. It never leaves the device.

use std::fmt;

use everpost_codec::link::{Code, Exchange, LinkKey};
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::LinkError;

/// The system gives no random bytes, or a library does not take its own.
pub(super) fn broken<E>(_: E) -> LinkError {
    LinkError::Protocol("no key can be made on this machine".into())
}

/// An Ed25519 key. It does not show itself.
pub struct DeviceKey {
    pair: Ed25519KeyPair,
    kept: Vec<u8>,
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKey")
    }
}

impl DeviceKey {
    /// A new one.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn generate() -> Result<Self, LinkError> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(broken)?;
        DeviceKey::from_bytes(document.as_ref())
    }

    /// One that was kept.
    ///
    /// # Errors
    /// Where the bytes are no key.
    pub fn from_bytes(kept: &[u8]) -> Result<Self, LinkError> {
        let pair = Ed25519KeyPair::from_pkcs8(kept);
        let pair = pair.map_err(|_| LinkError::Protocol("that is no key of a device".into()))?;
        Ok(DeviceKey {
            pair,
            kept: kept.to_vec(),
        })
    }

    /// To be kept, where nobody else reads it: PKCS#8.
    pub fn reveal(&self) -> &[u8] {
        &self.kept
    }

    /// What the service knows of it.
    pub fn public(&self) -> [u8; 32] {
        let public = self.pair.public_key().as_ref();
        public.first_chunk().copied().unwrap_or_default()
    }

    /// Signs the base of a request.
    pub fn sign(&self, base: &str) -> Vec<u8> {
        self.pair.sign(base.as_bytes()).as_ref().to_vec()
    }
}

/// The agent's half of an agreement on a link key.
pub(super) struct Half {
    own: EphemeralPrivateKey,
    pub(super) public: [u8; 32],
}

impl Half {
    pub(super) fn new() -> Result<Self, LinkError> {
        let own = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new()).map_err(broken)?;
        let public = own.compute_public_key().map_err(broken)?;
        let public = public.as_ref().first_chunk().copied();
        Ok(Half {
            own,
            public: public.ok_or(()).map_err(broken)?,
        })
    }

    /// The key of the link.
    pub(super) fn agree(
        self,
        code: &Code,
        device: [u8; 32],
        service: [u8; 32],
    ) -> Result<LinkKey, LinkError> {
        let exchange = Exchange {
            device,
            agent: self.public,
            service,
        };
        let theirs = UnparsedPublicKey::new(&X25519, service);
        let agreed = agree_ephemeral(self.own, &theirs, |secret| {
            LinkKey::agree(secret, &code.salt(), &exchange)
        });
        let key = agreed.ok().flatten();
        key.ok_or_else(|| LinkError::Protocol("the service's key is no key".into()))
    }
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], LinkError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(broken)?;
    Ok(bytes)
}
