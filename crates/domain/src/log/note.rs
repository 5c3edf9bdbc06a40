//! Signed notes (<https://c2sp.org/signed-note>) with Ed25519 keys.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::digest::Hasher;

/// Most bytes of a note that is read; what Go's `sumdb/note` allows.
pub const MAX_NOTE_BYTES: usize = 1_000_000;
/// Most signatures of a note that is read; the specification asks for at least 16.
pub const MAX_SIGNATURES: usize = 100;

/// Signature type identifier of plain Ed25519 note signatures.
const TYPE_ED25519: u8 = 0x01;

/// Why a note or a key was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// More than [`MAX_NOTE_BYTES`].
    #[error("note is too large")]
    TooLarge,
    /// More than [`MAX_SIGNATURES`].
    #[error("note has too many signatures")]
    TooManySignatures,
    /// Not UTF-8, or with control characters other than the newline.
    #[error("note is not plain UTF-8 text")]
    NotText,
    /// The text must end in a newline.
    #[error("note text does not end in a newline")]
    NoNewline,
    /// No blank line followed by at least one signature.
    #[error("note has no signatures")]
    Unsigned,
    /// A line after the last blank line is not a signature line.
    #[error("note has a malformed signature line")]
    SignatureLine,
    /// Key names are not empty and have neither spaces nor plus signs.
    #[error("not a valid key name")]
    Name,
    /// Not `name+id+base64(0x01 ‖ public key)`, or the id is not that of the key.
    #[error("not a valid Ed25519 verifier key")]
    Key,
    /// No signature line of this key.
    #[error("note is not signed by {0}")]
    NotSignedBy(String),
    /// A signature line names this key, yet the signature is not the key's.
    #[error("note has a false signature of {0}")]
    FalseSignature(String),
}

/// One signature line of a note, by any key and of any algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: [u8; 4],
    signature: Vec<u8>,
}

impl NoteSignature {
    /// Name of the key that the line claims.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Id of the key that the line claims.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    fn parse(line: &str) -> Result<Self, NoteError> {
        let malformed = NoteError::SignatureLine;
        let rest = line.strip_prefix("— ").ok_or(malformed.clone())?;
        let (name, base64) = rest.split_once(' ').ok_or(malformed.clone())?;
        let bytes = STANDARD.decode(base64).map_err(|_| malformed.clone())?;
        match bytes.split_first_chunk::<4>() {
            Some((id, signature)) if is_name(name) && !signature.is_empty() => Ok(NoteSignature {
                name: name.to_owned(),
                id: *id,
                signature: signature.to_vec(),
            }),
            _ => Err(malformed),
        }
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.as_slice(), &self.signature].concat();
        write!(f, "— {} {}", self.name, STANDARD.encode(bytes))
    }
}

/// A text and its signatures. Nothing in it is to be believed before
/// [`verify`](Self::verify).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Sign `text`, which must end in a newline.
    pub fn sign(text: &str, signer: &Signer) -> Result<Self, NoteError> {
        if !is_text(text) {
            return Err(NoteError::NotText);
        }
        if !text.ends_with('\n') {
            return Err(NoteError::NoNewline);
        }
        Ok(Note {
            text: text.to_owned(),
            signatures: vec![signer.sign(text)],
        })
    }

    /// Add a signature of a further key, in place of one that the key gave before.
    pub fn cosign(&mut self, signer: &Signer) {
        let key = signer.key();
        self.signatures.retain(|line| !key.claimed_by(line));
        self.signatures.push(signer.sign(&self.text));
    }

    /// Read a note. Parsing then printing gives the same bytes.
    pub fn parse(note: &[u8]) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLarge);
        }
        let note = std::str::from_utf8(note).map_err(|_| NoteError::NotText)?;
        if !is_text(note) {
            return Err(NoteError::NotText);
        }
        // The text may have blank lines of its own: the last one ends it.
        let end = note.rfind("\n\n").ok_or(NoteError::Unsigned)?;
        let (text, lines) = note.split_at_checked(end + 1).ok_or(NoteError::Unsigned)?;
        let lines = lines.strip_prefix('\n').ok_or(NoteError::Unsigned)?;
        if lines.is_empty() {
            return Err(NoteError::Unsigned);
        }
        let lines = lines.strip_suffix('\n').ok_or(NoteError::SignatureLine)?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == MAX_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(NoteSignature::parse(line)?);
        }
        Ok(Note {
            text: text.to_owned(),
            signatures,
        })
    }

    /// The signed text, with its final newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signature lines, believed or not.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The note must carry a signature of `key`, and each line that claims to be one must
    /// be. Lines of other keys are ignored, even when they share the name or the id.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let mut signed = false;
        for line in self.signatures.iter().filter(|line| key.claimed_by(line)) {
            UnparsedPublicKey::new(&ED25519, &key.public)
                .verify(self.text.as_bytes(), &line.signature)
                .map_err(|_| NoteError::FalseSignature(key.name.clone()))?;
            signed = true;
        }
        if signed {
            Ok(())
        } else {
            Err(NoteError::NotSignedBy(key.name.clone()))
        }
    }

    /// Those of `known` that signed. A false signature of a known key refuses the note.
    pub fn signers<'a>(&self, known: &'a [VerifierKey]) -> Result<Vec<&'a VerifierKey>, NoteError> {
        let mut signers = Vec::new();
        for key in known {
            match self.verify(key) {
                Ok(()) => signers.push(key),
                Err(NoteError::NotSignedBy(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(signers)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A public key by which notes are verified: `name+id+base64(0x01 ‖ public key)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    public: [u8; 32],
}

impl VerifierKey {
    /// From a name and the 32 bytes of an Ed25519 public key (RFC 8032 §5.1.5).
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Name);
        }
        let mut hasher = Hasher::new();
        hasher.update(name.as_bytes());
        hasher.update(&[b'\n', TYPE_ED25519]);
        hasher.update(&public);
        let digest = hasher.finish();
        let id = *digest.0.first_chunk::<4>().unwrap_or(&[0; 4]);
        Ok(VerifierKey {
            name: name.to_owned(),
            id,
            public,
        })
    }

    /// The key's name, for a log its origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key id: the first 4 bytes of `SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)`.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The public key.
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    fn claimed_by(&self, line: &NoteSignature) -> bool {
        line.name == self.name && line.id == self.id
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[TYPE_ED25519], self.public.as_slice()].concat();
        let id = u32::from_be_bytes(self.id);
        write!(f, "{}+{id:08x}+{}", self.name, STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        // Only the last of the three may itself have plus signs.
        let mut fields = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (fields.next(), fields.next(), fields.next())
        else {
            return Err(NoteError::Key);
        };
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let Some((&TYPE_ED25519, public)) = bytes.split_first() else {
            return Err(NoteError::Key);
        };
        let key = VerifierKey::new(name, public.try_into().map_err(|_| NoteError::Key)?)?;
        // The id guards against a name or key that was mistyped.
        if id != format!("{:08x}", u32::from_be_bytes(key.id)) {
            return Err(NoteError::Key);
        }
        Ok(key)
    }
}

/// A private key that signs notes. It prints as its public key only.
#[derive(Debug)]
pub struct Signer {
    pair: Ed25519KeyPair,
    key: VerifierKey,
}

impl Signer {
    /// From a name and the 32 secret bytes of RFC 8032 §5.1.5.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| NoteError::Key)?;
        let public = pair
            .public_key()
            .as_ref()
            .try_into()
            .map_err(|_| NoteError::Key)?;
        let key = VerifierKey::new(name, public)?;
        Ok(Signer { pair, key })
    }

    /// The key by which this signer's notes are verified.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn sign(&self, text: &str) -> NoteSignature {
        NoteSignature {
            name: self.key.name.clone(),
            id: self.key.id,
            signature: self.pair.sign(text.as_bytes()).as_ref().to_vec(),
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name
            .chars()
            .any(|c| c.is_whitespace() || c == '+' || c < ' ')
}

fn is_text(text: &str) -> bool {
    !text.chars().any(|c| c < ' ' && c != '\n')
}
