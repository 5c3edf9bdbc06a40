//! Seals for mail that is handed on (RFC 8617 §5.1): what was found out here, for whoever gets it next.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_auth::common::crypto::{HashAlgorithm, SigningKey};
use mail_auth::common::headers::{Writable, Writer};
use mail_auth::dkim::Canonicalization;

use super::arc::{self, MESSAGE, RESULTS, SEAL, Set};
use super::checks::{Checks, Verdict};
use super::dkim::Body;
use super::dns::now;
use super::fields::Split;
use super::header::{Folder, value};
use super::sign::{SignError, Signer, names};

/// Signatures of others that are covered, which is as many as are checked.
const MOST_SIGNATURES: usize = 10;
const MOST_SETS: usize = 50;

/// Fields in the form that is signed.
struct Covered<'a>(&'a [(&'a [u8], &'a [u8])]);

impl Writable for Covered<'_> {
    fn write(self, writer: &mut impl Writer) {
        Canonicalization::Relaxed.canonicalize_headers(self.0.iter().copied(), writer);
    }
}

impl Signer {
    /// The three fields of an ARC set with their line endings, to be put before a message that is handed on;
    /// none where its chain does not hold, for then nothing can be added to it. `checks` are those of these
    /// bytes, `authserv_id` is the name of the server that made them.
    ///
    /// # Errors
    /// Where the message has no author, or its header is too large.
    pub fn seal(
        &self,
        raw: &[u8],
        checks: &Checks,
        authserv_id: &str,
    ) -> Result<Option<String>, SignError> {
        let split = Split::of(raw);
        let signed = covered(&split)?;
        let Ok(sets) = arc::chain(&split) else {
            return Ok(None);
        };
        let said = match (checks.arc.verdict, sets.is_empty()) {
            (Verdict::None, true) => "none",
            (Verdict::Pass, false) if sets.len() < MOST_SETS => "pass",
            _ => return Ok(None),
        };
        let number = sets.len() + 1;
        let mut results = Folder::new("");
        results.word(&format!(" i={number};"));
        results.word(&value(authserv_id));
        checks.results(&mut results);
        let results = results.finish();

        let algorithm = self.key.algorithm().name();
        let who = format!(
            "i={number}; a={algorithm}; d={}; s={};\r\n\tt={}",
            self.domain,
            self.selector,
            now()
        );
        let hash = Body::new(split.body).relaxed(HashAlgorithm::Sha256);
        let listed = signed.join(":\r\n\t ");
        let hash = STANDARD.encode(hash);
        let message =
            format!(" {who}; c=relaxed/relaxed;\r\n\th={listed};\r\n\tbh={hash};\r\n\tb=");
        let listed: Vec<String> = signed.iter().map(|&name| name.to_owned()).collect();
        let message = self.signed(&split.signed(&listed), MESSAGE, &message)?;

        let seal = format!(" {who}; cv={said};\r\n\tb=");
        let mut fields: Vec<(&[u8], &[u8])> = sets.iter().flat_map(Set::fields).collect();
        fields.push((RESULTS.as_bytes(), results.as_bytes()));
        fields.push((MESSAGE.as_bytes(), message.as_bytes()));
        let seal = self.signed(&fields, SEAL, &seal)?;
        Ok(Some(format!(
            "{SEAL}:{seal}{MESSAGE}:{message}{RESULTS}:{results}"
        )))
    }

    /// The value of a field that ends with `b=`, with its signature over other fields and itself.
    fn signed(
        &self,
        fields: &[(&[u8], &[u8])],
        name: &'static str,
        value: &str,
    ) -> Result<String, SignError> {
        // It ends where its signature is to be, as one without a signature does.
        let own = [(name.as_bytes(), value.as_bytes())];
        let signature = self.key.sign(Covered(&[fields, &own].concat()));
        let signature = signature.map_err(|error| SignError::Sign(error.to_string()))?;
        let mut out = value.to_owned();
        for (index, sign) in STANDARD.encode(signature).chars().enumerate() {
            if index > 0 && index % 64 == 0 {
                out.push_str("\r\n\t ");
            }
            out.push(sign);
        }
        out.push_str("\r\n");
        Ok(out)
    }
}

/// The names of fields that a set covers: those that are signed, as often as they are there, and the
/// signatures of those before (RFC 8617 §4.1.2).
fn covered(split: &Split<'_>) -> Result<Vec<&'static str>, SignError> {
    let mut out: Vec<&'static str> = Vec::new();
    let names = names(split)?;
    for name in names {
        let there = split.named(name).count();
        let known = out.iter().filter(|&&known| known == name).count();
        if known == 0 {
            out.extend(std::iter::repeat_n(name, there.max(1)));
        } else {
            out.push(name);
        }
    }
    let signatures = split.named("DKIM-Signature").count().min(MOST_SIGNATURES);
    out.extend(std::iter::repeat_n("DKIM-Signature", signatures));
    Ok(out)
}
