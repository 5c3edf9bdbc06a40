//! How a request is signed: RFC 9421 over always the same components, and the digest of the body (RFC 9530).
//!
//! What is not written exactly as we write it is refused: there is one form, so nothing has to be understood.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use everpost_domain::digest::Digest;

/// What is signed, in its order.
const COMPONENTS: &str = r#"("@method" "@path" "@query" "content-digest")"#;
/// The name of the signature in both fields.
const LABEL: &str = "link=";
/// Bytes of an Ed25519 signature.
const SIGNATURE: usize = 64;
/// Letters of a key's name.
const LONGEST_NAME: usize = 64;
/// The largest number that a structured field has (RFC 9651 §3.3.1).
const LARGEST: i64 = 999_999_999_999_999;

/// The name of the key in a request that enrols: the key is in its body.
pub const ENROLLING: &str = "enrol";

/// A request, as far as it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// `POST`.
    pub method: &'a str,
    /// The path, as it is sent.
    pub path: &'a str,
    /// What follows the question mark, if there is one.
    pub query: Option<&'a str>,
    /// The field `Content-Digest`.
    pub content_digest: &'a str,
    /// When it was signed, in seconds since 1970.
    pub created: i64,
    /// Whose key: the device's id.
    pub key_id: &'a str,
}

impl Signed<'_> {
    fn params(&self) -> String {
        format!(
            r#"{COMPONENTS};created={};keyid="{}";alg="ed25519""#,
            self.created, self.key_id
        )
    }

    /// The bytes that are signed (RFC 9421 §2.5).
    pub fn base(&self) -> String {
        format!(
            "\"@method\": {}\n\"@path\": {}\n\"@query\": ?{}\n\"content-digest\": {}\n\"@signature-params\": {}",
            self.method,
            self.path,
            self.query.unwrap_or_default(),
            self.content_digest,
            self.params()
        )
    }

    /// The field `Signature-Input`.
    pub fn input(&self) -> String {
        format!("{LABEL}{}", self.params())
    }
}

/// What `Signature-Input` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// When it was signed, in seconds since 1970.
    pub created: i64,
    /// Whose key.
    pub key_id: String,
}

/// Reads the field `Signature-Input`.
pub fn read_input(value: &str) -> Option<Params> {
    let rest = value.strip_prefix(LABEL)?.strip_prefix(COMPONENTS)?;
    let rest = rest.strip_prefix(";created=")?;
    let (created, rest) = rest.split_once(r#";keyid=""#)?;
    let key_id = rest.strip_suffix(r#"";alg="ed25519""#)?;
    let number: i64 = created.parse().ok()?;
    let exact = (0..=LARGEST).contains(&number) && number.to_string() == created;
    let name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let named = (1..=LONGEST_NAME).contains(&key_id.len()) && key_id.chars().all(name);
    (exact && named).then(|| Params {
        created: number,
        key_id: key_id.to_owned(),
    })
}

/// The field `Signature`.
pub fn write_signature(signature: &[u8]) -> String {
    format!("{LABEL}:{}:", STANDARD.encode(signature))
}

/// Reads the field `Signature`.
pub fn read_signature(value: &str) -> Option<Vec<u8>> {
    let value = value.strip_prefix(LABEL)?;
    let bytes = binary(value)?;
    (bytes.len() == SIGNATURE).then_some(bytes)
}

/// The field `Content-Digest` of a body.
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Digest::of(body).0))
}

/// Reads the field `Content-Digest`.
pub fn read_content_digest(value: &str) -> Option<Digest> {
    let bytes = binary(value.strip_prefix("sha-256=")?)?;
    bytes.try_into().ok().map(Digest)
}

/// Bytes of a structured field.
fn binary(value: &str) -> Option<Vec<u8>> {
    let text = value.strip_prefix(':')?.strip_suffix(':')?;
    STANDARD.decode(text).ok()
}
