//! Who signs what: mail of ours, with the keys of its author's domain.

use std::sync::Arc;

use super::dmarc::{Author, author};
use super::fields::Split;
use super::sign::{SignError, Signer};

/// Signs for several domains, each with keys of its own. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Signers(Arc<[Signer]>);

impl Signers {
    /// Several for a domain sign all: some verify RSA only.
    pub fn new(signers: Vec<Signer>) -> Self {
        Signers(signers.into())
    }

    /// Whether nothing is ever signed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields `DKIM-Signature` to be put before a message of ours: of its author's domain, or else of the nearest
    /// one above it, which others take for the same organization (RFC 7489 §3.1.1). None where there is no such key.
    ///
    /// # Errors
    /// Where the message cannot be signed.
    pub fn sign(&self, raw: &[u8]) -> Result<String, SignError> {
        let Author::Domain(domain) = author(&Split::of(raw)) else {
            return Ok(String::new());
        };
        let above = |signer: &&Signer| {
            let rest = domain.strip_suffix(signer.domain());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let fits = self.0.iter().filter(above);
        let nearest = fits.clone().map(|signer| signer.domain().len()).max();
        let own = fits.filter(|signer| Some(signer.domain().len()) == nearest);
        own.map(|signer| signer.sign(raw)).collect()
    }
}
