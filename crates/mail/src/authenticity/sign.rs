//! Signatures of our own (RFC 6376, RFC 8463).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_auth::common::crypto::{Algorithm, DkimKey, Ed25519Key, RsaKey, Sha256, SigningKey};
use mail_auth::common::headers::{HeaderWriter, Writable};
use mail_auth::dkim::DkimSigner;
use mail_auth::dkim::generate::DkimKeyPair;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::dkim::key_name;
use super::fields::{Split, tag, tags};

/// Signed once more than they are there, so that nobody adds one (RFC 6376 §8.15).
const SEALED: [&str; 5] = ["From", "Subject", "Date", "To", "Message-ID"];
/// Signed where they are there: what they say is the author's, and lists leave them alone.
const ALSO: [&str; 8] = [
    "Cc",
    "Reply-To",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Language",
];
/// Bits of a new RSA key: 4,096 do not fit what some publish at one name (RFC 8301 §3.2).
const BITS: usize = 2048;

/// What a key is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with 2,048 bits, which everybody verifies.
    Rsa,
    /// Ed25519 (RFC 8463): short, and not verified by everybody yet.
    Ed25519,
}

/// Why nothing is signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The text holds no key that can be used.
    #[error("no private key in PKCS#8 PEM, RSA with 2048 bits or more or Ed25519: {0}")]
    Key(String),
    /// The domain or selector can stand in no name of DNS.
    #[error("{0:?} cannot be part of a name in DNS")]
    Name(String),
    /// No key could be made.
    #[error("no key could be made: {0}")]
    Generate(String),
    /// Signing failed.
    #[error("not signed: {0}")]
    Sign(String),
    /// A message without author is not signed (RFC 6376 §5.4: From must be).
    #[error("not signed: there is no From field")]
    NoFrom,
    /// A message that hides fields is not signed.
    #[error("not signed: too many header fields")]
    Header,
}

/// Signs mail in the name of a domain.
pub struct Signer {
    pub(super) domain: String,
    pub(super) selector: String,
    pub(super) key: DkimKey,
}

/// Without the key, which belongs in no log.
impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.dns_name())
    }
}

/// A key that is lent to one signature.
struct Lent<'a>(&'a DkimKey);

impl SigningKey for Lent<'_> {
    type Hasher = Sha256;

    fn sign(&self, input: impl Writable) -> mail_auth::Result<Vec<u8>> {
        self.0.sign(input)
    }

    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }
}

impl Signer {
    /// One with the private key of this PEM text (PKCS#8).
    ///
    /// # Errors
    /// Where there is no such key, or the names are none.
    pub fn from_pem(domain: &str, selector: &str, pem: &str) -> Result<Self, SignError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| SignError::Key(error.to_string()))?;
        let der = der.secret_pkcs8_der();
        let key = match Ed25519Key::from_pkcs8_maybe_unchecked_der(der) {
            Ok(key) => DkimKey::Ed25519(key),
            Err(_) => {
                let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der));
                let key = RsaKey::<Sha256>::from_key_der(der);
                DkimKey::Rsa(key.map_err(|error| SignError::Key(error.to_string()))?)
            }
        };
        Ok(Signer {
            domain: name(domain)?,
            selector: name(selector)?,
            key,
        })
    }

    /// Makes a key: its PEM text, which stays secret, and the text of the TXT record to publish at
    /// `SELECTOR._domainkey.DOMAIN`.
    ///
    /// # Errors
    /// Where no key could be made, or the names are none.
    pub fn generate(
        domain: &str,
        selector: &str,
        kind: KeyKind,
    ) -> Result<(String, String), SignError> {
        let failed = |error: mail_auth::Error| SignError::Generate(error.to_string());
        let der = match kind {
            KeyKind::Ed25519 => Ed25519Key::generate_pkcs8().map_err(failed)?,
            KeyKind::Rsa => {
                let pair = DkimKeyPair::generate_rsa(BITS).map_err(failed)?;
                // RFC 5208 §5: version 0, RSA, the key of RFC 8017.
                let key = element(0x04, pair.private_key());
                let parts = [&[0x02, 0x01, 0x00], RSA, &key].concat();
                element(0x30, &parts)
            }
        };
        let pem = pem(&der);
        let record = Signer::from_pem(domain, selector, &pem)?.dns_record();
        Ok((pem, record))
    }

    /// The field `DKIM-Signature` with its line ending, to be put before the message: relaxed forms, all of
    /// the body, and no field of the author's may be added later.
    ///
    /// # Errors
    /// Where the message has no author, or its header is too large.
    pub fn sign(&self, raw: &[u8]) -> Result<String, SignError> {
        let names = names(&Split::of(raw))?;
        let signer = DkimSigner::from_key(Lent(&self.key))
            .domain(&self.domain)
            .selector(&self.selector)
            .headers(names);
        let signature = signer.sign(raw);
        let signature = signature.map_err(|error| SignError::Sign(error.to_string()))?;
        Ok(signature.to_header())
    }

    /// The domain that it signs for.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The name of its key.
    pub fn selector(&self) -> &str {
        &self.selector
    }

    /// Where its key is published.
    pub fn dns_name(&self) -> String {
        key_name(&self.selector, &self.domain)
    }

    /// The text of the TXT record that publishes its key (RFC 6376 §3.6.1). In a zone file it is written as
    /// strings of 255 bytes at most.
    pub fn dns_record(&self) -> String {
        let (kind, key) = match &self.key {
            // As everybody publishes them: with the algorithm around the key.
            DkimKey::Rsa(key) => {
                let bits = [&[0x00], key.public_key().as_slice()].concat();
                let bits = element(0x03, &bits);
                ("rsa", element(0x30, &[RSA, &bits].concat()))
            }
            DkimKey::Ed25519(key) => ("ed25519", key.public_key()),
        };
        format!("v=DKIM1; k={kind}; p={}", STANDARD.encode(key))
    }

    /// Whether the text of a TXT record publishes this key.
    pub fn is_published_by(&self, text: &str) -> bool {
        let key = |text: &str| -> Option<Vec<u8>> {
            let list = tags(text.as_bytes())?;
            let key = tag(&list, "p")?.iter().copied();
            Some(key.filter(|byte| !byte.is_ascii_whitespace()).collect())
        };
        key(text).is_some_and(|there| key(&self.dns_record()) == Some(there))
    }
}

/// The names of fields that are signed, as often as they are.
pub(super) fn names(split: &Split<'_>) -> Result<Vec<&'static str>, SignError> {
    if !split.whole {
        return Err(SignError::Header);
    }
    if split.named("From").next().is_none() {
        return Err(SignError::NoFrom);
    }
    // Once for each that is there comes by itself; once more is for one that is not.
    let mut names = Vec::new();
    for name in SEALED {
        names.push(name);
        if split.named(name).next().is_some() {
            names.push(name);
        }
    }
    let there = ALSO.into_iter();
    names.extend(there.filter(|name| split.named(name).next().is_some()));
    Ok(names)
}

fn name(text: &str) -> Result<String, SignError> {
    let text = text.trim_end_matches('.').to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if text.len() <= 200 && text.split('.').all(label) {
        Ok(text)
    } else {
        Err(SignError::Name(text))
    }
}

/// The algorithm RSA (RFC 8017 appendix A.1), in DER.
const RSA: &[u8] = &[
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// An element of DER.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let skip = content.len().leading_zeros() / 8;
    let digits: Vec<u8> = length.iter().copied().skip(skip as usize).collect();
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(0x7f));
            out.extend_from_slice(&digits);
        }
    }
    out.extend_from_slice(content);
    out
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = String::from("-----BEGIN PRIVATE KEY-----\n");
    for (index, sign) in text.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            out.push('\n');
        }
        out.push(sign);
    }
    out.push_str("\n-----END PRIVATE KEY-----\n");
    out
}
