//! DKIM signatures (RFC 6376, RFC 8463), judged by bytes, recorded keys and a time.
//!
//! Reading of signatures and keys, canonical forms and cryptography are `mail-auth`'s. What it has no
//! way to be asked is done here: a given time instead of the clock, a text instead of DNS, and the rules that
//! a verifier has to keep besides (RFC 6376 §6.1).

use mail_auth::common::crypto::{Algorithm, HashAlgorithm, HashContext, HashImpl, Sha1, Sha256};
use mail_auth::common::headers::{Writable, Writer};
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::dkim::{Canonicalization, Signature};

use super::checks::{Asked, Dkim, Found, Record, Verdict, find};
use super::fields::{Field, Split, allows, tag, tags, unsigned};

/// The field.
pub(super) const NAME: &str = "DKIM-Signature";
/// RFC 8301 §3.2.
const FEWEST_BITS: usize = 1024;
/// Records at a key's name that are tried; there should be one (RFC 6376 §3.6.2.2).
const MOST_KEYS: usize = 4;
/// Names in a signature's `h=`; each may walk over the whole header.
const MOST_NAMES: usize = 500;

/// Why something does not hold.
pub(super) struct Not(pub(super) Verdict, pub(super) String);

pub(super) fn not(verdict: Verdict, why: impl ToString) -> Not {
    Not(verdict, why.to_string())
}

/// What is signed by a field, whatever its kind.
pub(super) struct Signed<'a> {
    pub(super) field: &'a Field<'a>,
    pub(super) names: &'a [String],
    pub(super) algorithm: Algorithm,
    pub(super) header: Canonicalization,
    pub(super) body: Canonicalization,
    pub(super) hash: &'a [u8],
    pub(super) length: Option<u64>,
    pub(super) signature: &'a [u8],
    pub(super) key: String,
}

/// The name of a key's record.
pub(super) fn key_name(selector: &str, domain: &str) -> String {
    format!("{selector}._domainkey.{domain}")
}

/// The names of the keys of the first signatures, and how many signatures there are beyond.
pub(super) fn keys(split: &Split<'_>, limit: usize) -> (Vec<String>, usize) {
    let names = split.named(NAME).take(limit).filter_map(|field| {
        let signature = Signature::parse(field.value).ok()?;
        Some(key_name(&signature.s, &signature.d))
    });
    (
        names.collect(),
        split.named(NAME).count().saturating_sub(limit),
    )
}

/// Judges the first signatures of a message.
pub(super) fn judge(raw: &[u8], records: &[Record], at: i64, limit: usize) -> Vec<Dkim> {
    let split = Split::of(raw);
    let mut body = Body::new(split.body);
    let fields = split.named(NAME).take(limit);
    fields
        .map(|field| one(&split, &mut body, field, records, at))
        .collect()
}

fn one(
    split: &Split<'_>,
    body: &mut Body<'_>,
    field: &Field<'_>,
    records: &[Record],
    at: i64,
) -> Dkim {
    let mut out = described(field);
    let held = read(field).and_then(|signature| {
        out.domain.clone_from(&signature.d);
        out.selector.clone_from(&signature.s);
        out.identity.clone_from(&signature.i);
        signature.a.name().clone_into(&mut out.algorithm);
        let list = tags(field.value).unwrap_or_default();
        let signed = Signed {
            field,
            names: &signature.h,
            algorithm: signature.a,
            header: signature.ch,
            body: signature.cb,
            hash: &signature.bh,
            length: tag(&list, "l").map(|_| signature.l),
            signature: &signature.b,
            key: key_name(&signature.s, &signature.d),
        };
        holds(split, body, &signed, records, Some(&signature))?;
        let now = u64::try_from(at).unwrap_or(0);
        if signature.x != 0 && signature.x <= now {
            return Err(not(Verdict::Fail, "the signature had expired"));
        }
        Ok(())
    });
    match held {
        Ok(()) => out.verdict = Verdict::Pass,
        Err(Not(verdict, why)) => (out.verdict, out.reason) = (verdict, why),
    }
    out
}

/// What a field says of itself, even where it cannot be read as a signature.
fn described(field: &Field<'_>) -> Dkim {
    let list = tags(field.value).unwrap_or_default();
    let word = |name| {
        let value = tag(&list, name).unwrap_or_default();
        let value = String::from_utf8_lossy(value);
        value
            .chars()
            .filter(|c| !c.is_whitespace())
            .take(253)
            .collect::<String>()
    };
    Dkim {
        verdict: Verdict::Neutral,
        domain: word("d").to_lowercase(),
        selector: word("s").to_lowercase(),
        identity: word("i").to_lowercase(),
        algorithm: word("a").to_lowercase(),
        begins: word("b").chars().take(8).collect(),
        reason: String::new(),
    }
}

/// Reads a signature and keeps the rules of RFC 6376 §6.1.1.
fn read(field: &Field<'_>) -> Result<Signature, Not> {
    let list = tags(field.value).ok_or_else(|| not(Verdict::Neutral, "no list of tags"))?;
    let signature = Signature::parse(field.value).map_err(|error| not(Verdict::Neutral, error))?;
    if tag(&list, "v") != Some(b"1") {
        return Err(not(Verdict::Neutral, "no version 1"));
    }
    if !allows(tag(&list, "q"), &["dns/txt"]) {
        return Err(not(Verdict::Neutral, "the key is not in DNS"));
    }
    if !signature
        .h
        .iter()
        .any(|name| name.eq_ignore_ascii_case("from"))
    {
        return Err(not(Verdict::PermError, "From is not signed"));
    }
    let within = match signature.i.rsplit_once('@') {
        Some((_, domain)) => is_within(domain, &signature.d),
        None => signature.i.is_empty(),
    };
    if !within {
        return Err(not(Verdict::PermError, "i= is not of the domain d="));
    }
    if signature.x != 0 && signature.x < signature.t {
        return Err(not(Verdict::Neutral, "it expires before it was made"));
    }
    Ok(signature)
}

/// Whether a domain is another or below it.
fn is_within(domain: &str, above: &str) -> bool {
    let rest = domain.len().checked_sub(above.len());
    rest.and_then(|rest| domain.split_at_checked(rest))
        .is_some_and(|(rest, end)| {
            end.eq_ignore_ascii_case(above) && (rest.is_empty() || rest.ends_with('.'))
        })
}

/// Whether header and body are what was signed. `own` is the signature where rules for senders apply that a
/// seal on the way knows not.
pub(super) fn holds(
    split: &Split<'_>,
    body: &mut Body<'_>,
    signed: &Signed<'_>,
    records: &[Record],
    own: Option<&Signature>,
) -> Result<(), Not> {
    if !split.whole {
        return Err(not(Verdict::PermError, "too many header fields"));
    }
    if signed.names.len() > MOST_NAMES {
        return Err(not(Verdict::PermError, "too many signed fields"));
    }
    let hash = HashAlgorithm::from(signed.algorithm);
    let (found, whole) = body.hash(signed.body, hash, signed.length)?;
    if found != signed.hash {
        return Err(not(Verdict::Fail, "the body is not what was signed"));
    }
    let last = unsigned(signed.field.value);
    let mut headers = split.signed(signed.names);
    headers.push((signed.field.name, &last));
    by_key(records, signed, &headers, own)?;
    if signed.algorithm == Algorithm::RsaSha1 {
        return Err(not(Verdict::Policy, "it holds, by SHA-1 (RFC 8301)"));
    }
    if !whole {
        let why = "it holds, but says nothing of the end of the body";
        return Err(not(Verdict::Policy, why));
    }
    if body.bare() {
        // Canonical forms of programs differ about those, so that something may hide behind them.
        let why = "it holds, but the body has bare carriage returns";
        return Err(not(Verdict::Policy, why));
    }
    Ok(())
}

/// Whether a list of fields is what one of the keys signed.
pub(super) fn by_key(
    records: &[Record],
    signed: &Signed<'_>,
    headers: &[(&[u8], &[u8])],
    own: Option<&Signature>,
) -> Result<(), Not> {
    let texts = match find(records, Asked::Key, &signed.key).map(|record| &record.found) {
        None => return Err(not(Verdict::TempError, "the key was not looked up")),
        Some(Found::Trouble(why)) => return Err(not(Verdict::TempError, why)),
        Some(Found::NoData | Found::NoName) => {
            return Err(not(Verdict::PermError, "there is no key"));
        }
        Some(Found::Texts(texts)) => texts,
    };
    let mut first = None;
    for text in texts.iter().take(MOST_KEYS) {
        let tried = key(text, signed.algorithm, own).and_then(|key| {
            let mut headers = headers.iter().copied();
            let held = key.p.verify(
                &mut headers,
                signed.signature,
                signed.header,
                signed.algorithm,
            );
            held.map_err(|_| not(Verdict::Fail, "the signature does not fit the key"))
        });
        match tried {
            Ok(()) => return Ok(()),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| not(Verdict::PermError, "there is no key")))
}

/// Reads a key and keeps the rules of RFC 6376 §6.1.2.
fn key(text: &str, algorithm: Algorithm, own: Option<&Signature>) -> Result<DomainKey, Not> {
    let broken = |why: &str| not(Verdict::PermError, why);
    let list = tags(text.as_bytes()).ok_or_else(|| broken("the key's record is broken"))?;
    if tag(&list, "p").is_some_and(<[u8]>::is_empty) {
        return Err(broken("the key was revoked"));
    }
    let key = DomainKey::parse(text.as_bytes()).map_err(|error| not(Verdict::PermError, error))?;
    let kind = match algorithm {
        Algorithm::Ed25519Sha256 => "ed25519",
        Algorithm::RsaSha1 | Algorithm::RsaSha256 => "rsa",
    };
    if tag(&list, "k").map_or(kind != "rsa", |one| {
        !one.eq_ignore_ascii_case(kind.as_bytes())
    }) {
        return Err(broken("the key is of another kind"));
    }
    if !allows(tag(&list, "h"), &[HashAlgorithm::from(algorithm).name()]) {
        return Err(broken("the key is not for this hash"));
    }
    if !allows(tag(&list, "s"), &["*", "email"]) {
        return Err(broken("the key is not for mail"));
    }
    if key.p.public_key_bits() < FEWEST_BITS {
        return Err(broken("the key has less than 1024 bits (RFC 8301)"));
    }
    let strict = tag(&list, "t").is_some_and(|flags| allows(Some(flags), &["s"]));
    let exact = own.is_none_or(|own| match own.i.rsplit_once('@') {
        Some((_, domain)) => domain.eq_ignore_ascii_case(&own.d),
        None => true,
    });
    if strict && !exact {
        return Err(broken("the key is not for domains below its own"));
    }
    Ok(key)
}

/// How a body is hashed: canonical form, hash, and the length that is signed.
type Form = (Canonicalization, HashAlgorithm, Option<u64>);

/// A body and the hashes of it that were asked for. Without a length there are four of them at most;
/// each signature may bring a length of its own, and signatures are counted.
pub(super) struct Body<'a> {
    bytes: &'a [u8],
    known: Vec<(Form, Vec<u8>, u64)>,
    bare: Option<bool>,
}

impl<'a> Body<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Body {
            bytes,
            known: Vec::new(),
            bare: None,
        }
    }

    /// Its hash, and whether that is of all of it.
    fn hash(
        &mut self,
        form: Canonicalization,
        by: HashAlgorithm,
        length: Option<u64>,
    ) -> Result<(Vec<u8>, bool), Not> {
        let known = self.known.iter();
        let mut known = known.filter(|(known, ..)| *known == (form, by, length));
        let (hash, total) = match known.next() {
            Some((_, hash, total)) => (hash.clone(), *total),
            None => {
                let (hash, total) = match by {
                    HashAlgorithm::Sha1 => measure::<Sha1>(form, self.bytes, length),
                    HashAlgorithm::Sha256 => measure::<Sha256>(form, self.bytes, length),
                };
                let known = ((form, by, length), hash.clone(), total);
                self.known.push(known);
                (hash, total)
            }
        };
        match length {
            // RFC 6376 §3.5: more than there is.
            Some(length) if length > total => Err(not(
                Verdict::Fail,
                "the body is shorter than what was signed",
            )),
            _ => Ok((hash, length.is_none_or(|length| length == total))),
        }
    }

    /// Its hash in the relaxed form.
    pub(super) fn relaxed(&mut self, by: HashAlgorithm) -> Vec<u8> {
        let hash = self.hash(Canonicalization::Relaxed, by, None);
        hash.map(|(hash, _)| hash).unwrap_or_default()
    }

    fn bare(&mut self) -> bool {
        *self.bare.get_or_insert_with(|| {
            let mut pairs = self.bytes.windows(2);
            self.bytes.last() == Some(&b'\r')
                || pairs.any(|pair| matches!(pair, [b'\r', next] if *next != b'\n'))
        })
    }
}

/// Passes on the first bytes and counts all.
struct Limited<C> {
    inner: C,
    left: u64,
    total: u64,
}

impl<C: Writer> Writer for Limited<C> {
    fn write(&mut self, bytes: &[u8]) {
        let take = usize::try_from(self.left).unwrap_or(usize::MAX);
        let head = bytes.get(..take.min(bytes.len())).unwrap_or_default();
        self.inner.write(head);
        self.left -= head.len() as u64;
        self.total += bytes.len() as u64;
    }
}

/// The hash of the canonical body up to a length (RFC 6376 §3.4.5), and the length of all of it.
fn measure<H: HashImpl>(
    form: Canonicalization,
    body: &[u8],
    length: Option<u64>,
) -> (Vec<u8>, u64) {
    let mut out = Limited {
        inner: H::hasher(),
        left: length.unwrap_or(u64::MAX),
        total: 0,
    };
    form.canonical_body(body, 0).write(&mut out);
    (out.inner.complete().as_ref().to_vec(), out.total)
}
