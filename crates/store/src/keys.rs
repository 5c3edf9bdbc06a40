//! Who can open what: master key, tenant keys, recovery key (docs/format.md, Keys).

use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use everpost_domain::digest::{Digest, Hasher};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::hmac;

use crate::error::{Result, StoreError};
use crate::seal::{Key, random};

/// Where the master key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file of mode 0600, made on first use.
    File(PathBuf),
    /// An environment variable that holds the same line as the file.
    Env(String),
}

impl KeySource {
    /// The default: the file beside the data directory, never in it.
    pub fn beside(data: &Path) -> Self {
        let mut name = data.as_os_str().to_owned();
        name.push(".key");
        KeySource::File(PathBuf::from(name))
    }

    /// True for the file beside `data`, which by its name serves this archive alone.
    pub(crate) fn is_beside(&self, data: &Path) -> bool {
        let full = |path: &Path| {
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            Some((
                fs::canonicalize(parent.unwrap_or(Path::new("."))).ok()?,
                path.file_name()?.to_owned(),
            ))
        };
        match (self, KeySource::beside(data)) {
            (KeySource::File(mine), KeySource::File(beside)) => {
                *mine == beside || full(mine).is_some_and(|mine| Some(mine) == full(&beside))
            }
            _ => false,
        }
    }

    /// `FILE` or `env:NAME`, as the command line gives it.
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix("env:") {
            Some(name) => KeySource::Env(name.to_string()),
            None => KeySource::File(PathBuf::from(text)),
        }
    }
}

impl std::fmt::Display for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            KeySource::File(path) => write!(f, "{}", path.display()),
            KeySource::Env(name) => write!(f, "env:{name}"),
        }
    }
}

const MASTER_PREFIX: &str = "everpost-master-key-1 ";

/// The key that wraps every tenant's root. Lives outside the data directory and every backup.
#[derive(Clone)]
pub struct MasterKey(pub(crate) Key);

impl MasterKey {
    /// Reads the key; `None` if the file or variable does not exist.
    pub fn read(source: &KeySource) -> Result<Option<Self>> {
        let (name, text) = match source {
            KeySource::File(path) => match fs::read_to_string(path) {
                Ok(text) => {
                    let mode = fs::metadata(path)
                        .map_err(|error| StoreError::file(path, error))?
                        .permissions()
                        .mode();
                    if mode & 0o077 != 0 {
                        return Err(StoreError::Key(format!(
                            "the key file {} can be read by others; set its mode to 0600",
                            path.display()
                        )));
                    }
                    (path.display().to_string(), text)
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(StoreError::file(path, error)),
            },
            KeySource::Env(name) => match std::env::var(name) {
                Ok(text) => (format!("${name}"), text),
                Err(_) => return Ok(None),
            },
        };
        let digest: Digest = text
            .trim()
            .strip_prefix(MASTER_PREFIX)
            .and_then(|hex| hex.trim().parse().ok())
            .ok_or_else(|| StoreError::Key(format!("{name} does not hold a master key")))?;
        Ok(Some(MasterKey(Key(digest.0))))
    }

    /// A new random key, not stored anywhere yet.
    pub fn generate() -> Result<Self> {
        Ok(MasterKey(Key::random()?))
    }

    /// Writes the key durably to a new file of mode 0600; never replaces one. The file is
    /// whole from its first moment: half a key, left by a crash, would stop every later start.
    pub fn write_new(&self, path: &Path) -> Result<()> {
        let fail = |error| StoreError::file(path, error);
        let mut beside = path.as_os_str().to_owned();
        beside.push(".making");
        // Left by a crash before its name was given; nothing was ever sealed with it.
        fs::remove_file(&beside).ok();
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .map_err(fail)?;
        file.write_all(self.line().as_bytes()).map_err(fail)?;
        file.sync_all().map_err(fail)?;
        let named = fs::hard_link(&beside, path).map_err(fail);
        fs::remove_file(&beside).ok();
        named?;
        sync_parent(path)
    }

    /// Eight digits by which people tell keys apart; they say nothing about the key.
    pub fn fingerprint(&self) -> String {
        let mut hasher = Hasher::new();
        hasher.update(b"everpost fingerprint");
        hasher.update(&self.0.0);
        hasher.finish().to_string().chars().take(8).collect()
    }

    /// The line that a key file holds. Secret.
    pub fn line(&self) -> String {
        format!("{MASTER_PREFIX}{}\n", Digest(self.0.0))
    }
}

/// Makes a created or renamed file's name durable.
pub(crate) fn sync_parent(path: &Path) -> Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::File::open(parent)
        .and_then(|dir| dir.sync_all())
        .map_err(|error| StoreError::file(parent, error))
}

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The tenant's last resort: opens the tenant root when the master key is gone.
/// Shown once, when the tenant is made.
pub struct RecoveryKey(pub(crate) Key);

impl RecoveryKey {
    pub(crate) fn generate() -> Result<Self> {
        Ok(RecoveryKey(Key::random()?))
    }

    /// The form people write down: `EVRK-` and groups of four with a check group.
    pub fn display(&self) -> String {
        let mut symbols = Self::symbols(&self.0.0);
        symbols.extend(Self::check(&self.0.0));
        let mut text = String::from("EVRK");
        for (index, symbol) in symbols.iter().enumerate() {
            if index % 4 == 0 {
                text.push('-');
            }
            text.push(char::from(
                *CROCKFORD.get(usize::from(*symbol)).unwrap_or(&b'0'),
            ));
        }
        text
    }

    /// Reads what [`RecoveryKey::display`] wrote: case, blanks and hyphens do not matter,
    /// O, I and L are read as the digits they resemble.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            StoreError::Key("that is not a recovery key (a character is wrong or missing)".into())
        };
        let upper = text.trim().to_ascii_uppercase();
        let body = upper.strip_prefix("EVRK").unwrap_or(&upper);
        let mut symbols = Vec::with_capacity(56);
        for letter in body.bytes().filter(|b| !matches!(b, b'-' | b' ')) {
            let letter = match letter {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                other => other,
            };
            let value = CROCKFORD
                .iter()
                .position(|c| *c == letter)
                .ok_or_else(wrong)?;
            symbols.push(value as u8);
        }
        let (body, check) = symbols.split_at_checked(52).ok_or_else(wrong)?;
        let mut key = [0u8; 32];
        let mut bits = 0u32;
        let mut held = 0u32;
        let mut out = key.iter_mut();
        for symbol in body {
            bits = (bits << 5) | u32::from(*symbol);
            held += 5;
            if held >= 8 {
                held -= 8;
                if let Some(slot) = out.next() {
                    *slot = (bits >> held) as u8;
                }
                bits &= (1 << held) - 1;
            }
        }
        if check != Self::check(&key) {
            return Err(wrong());
        }
        Ok(RecoveryKey(Key(key)))
    }

    /// 256 bits as 52 symbols of 5 bits; the last one carries 1 bit and 4 zeros.
    fn symbols(key: &[u8; 32]) -> Vec<u8> {
        let mut symbols = Vec::with_capacity(56);
        let mut bits = 0u32;
        let mut held = 0u32;
        for byte in key {
            bits = (bits << 8) | u32::from(*byte);
            held += 8;
            while held >= 5 {
                held -= 5;
                symbols.push((bits >> held) as u8 & 31);
                bits &= (1 << held) - 1;
            }
        }
        symbols.push(((bits << (5 - held)) & 31) as u8);
        symbols
    }

    fn check(key: &[u8; 32]) -> [u8; 4] {
        let [a, b, c, ..] = Digest::of(key).0;
        let bits = u32::from_be_bytes([0, a, b, c]) >> 4;
        [15, 10, 5, 0].map(|shift| (bits >> shift) as u8 & 31)
    }
}

/// Everything derived from one tenant's root. Cheap to clone behind an `Arc`.
pub(crate) struct TenantKeys {
    pub(crate) tenant: i64,
    root: Prk,
    wrap: Key,
    lookup: hmac::Key,
    pub(crate) names: Key,
}

struct Len32;
impl KeyType for Len32 {
    fn len(&self) -> usize {
        32
    }
}

fn derive(prk: &Prk, info: &[&[u8]]) -> Key {
    let mut out = [0u8; 32];
    // 32 bytes is below HKDF's limit of 255 blocks, so expand and fill cannot fail;
    // if a library change made them, the all-zero key would fail every open, loudly.
    let filled = prk.expand(info, Len32).and_then(|okm| okm.fill(&mut out));
    debug_assert!(filled.is_ok());
    Key(out)
}

impl TenantKeys {
    pub(crate) fn new(tenant: i64, root: &Key) -> Self {
        let prk = Salt::new(HKDF_SHA256, &[]).extract(&root.0);
        let wrap = derive(&prk, &[b"everpost wrap 1"]);
        let lookup = derive(&prk, &[b"everpost lookup 1"]);
        let names = derive(&prk, &[b"everpost names 1"]);
        TenantKeys {
            tenant,
            root: prk,
            wrap,
            lookup: hmac::Key::new(hmac::HMAC_SHA256, &lookup.0),
            names,
        }
    }

    /// Wraps a key; `label` names what it is the key of.
    pub(crate) fn wrap(&self, label: &[u8], key: &Key) -> Result<Vec<u8>> {
        self.wrap.seal(label, &key.0)
    }

    /// Unwraps a key that was wrapped under the same label.
    pub(crate) fn unwrap(&self, label: &[u8], wrapped: &[u8]) -> Option<Key> {
        let plain = self.wrap.open(label, wrapped)?;
        Some(Key(plain.try_into().ok()?))
    }

    /// Eight bytes by which equal values are found; never 0, which means absent.
    pub(crate) fn lookup(&self, kind: &[u8], value: &[u8]) -> i64 {
        let mut context = hmac::Context::with_key(&self.lookup);
        context.update(kind);
        context.update(&[0]);
        context.update(value);
        let tag = context.sign();
        let found = tag
            .as_ref()
            .first_chunk::<8>()
            .map_or(1, |first| i64::from_le_bytes(*first));
        if found == 0 { 1 } else { found }
    }

    /// The tag that proves a secret which only its holder has.
    pub(crate) fn tag(&self, kind: &[u8], secret: &[u8]) -> Vec<u8> {
        hmac::sign(&self.lookup, &tagged(kind, secret))
            .as_ref()
            .to_vec()
    }

    /// Whether `tag` is that of `secret`, in a time that does not tell where they differ.
    pub(crate) fn is_tag(&self, kind: &[u8], secret: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.lookup, &tagged(kind, secret), tag).is_ok()
    }

    /// HMAC key of part addresses in a bucket.
    pub(crate) fn bucket(&self, bucket: i64) -> hmac::Key {
        let key = derive(&self.root, &[b"everpost bucket 1", &bucket.to_le_bytes()]);
        hmac::Key::new(hmac::HMAC_SHA256, &key.0)
    }

    /// The key of one message between nodes. The first of `names` says of which kind, the others,
    /// random and of a fixed length, which one.
    pub(crate) fn message(&self, names: &[&[u8]]) -> Key {
        derive(&self.root, names)
    }

    /// Seed of the tenant's Ed25519 log key.
    pub(crate) fn log_seed(&self) -> [u8; 32] {
        derive(&self.root, &[b"everpost log 1"]).0
    }
}

/// No look-up has this form: theirs begin with a kind and a zero.
fn tagged(kind: &[u8], secret: &[u8]) -> Vec<u8> {
    [b"tag\x01", kind, &[0], secret].concat()
}

/// The key of a delivery's envelope, bound to the copy so that it is shredded with it.
pub(crate) fn envelope_key(copy_key: &Key) -> Key {
    let prk = Salt::new(HKDF_SHA256, &[]).extract(&copy_key.0);
    derive(&prk, &[b"everpost envelope 1"])
}

/// The salt of an admission's or delivery's leaf.
pub(crate) fn leaf_salt(copy_key: &Key, event: i64) -> [u8; 16] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &copy_key.0);
    let mut context = hmac::Context::with_key(&key);
    context.update(b"everpost leaf 1");
    context.update(&event.to_le_bytes());
    let tag = context.sign();
    tag.as_ref()
        .first_chunk::<16>()
        .copied()
        .unwrap_or_default()
}

/// A random object name.
pub(crate) fn object_name() -> Result<[u8; 16]> {
    #[cfg(test)]
    if let Some(name) = crate::simulation::object_name() {
        return Ok(name);
    }
    random()
}

/// A tenant root as it rests in the catalog: wrapped twice.
pub(crate) struct WrappedRoot {
    pub(crate) by_master: Vec<u8>,
    pub(crate) by_recovery: Vec<u8>,
}

fn label(kind: &[u8], tenant: i64) -> Vec<u8> {
    [kind, &tenant.to_le_bytes()].concat()
}

/// Wraps a root by a recovery key.
pub(crate) fn wrap_root_for_recovery(
    tenant: i64,
    recovery: &RecoveryKey,
    root: &Key,
) -> Result<Vec<u8>> {
    recovery.0.seal(&label(b"recovery", tenant), &root.0)
}

/// A random root: look-ups by keyed hashes are made in an order that hangs on it.
fn new_key() -> Result<Key> {
    #[cfg(test)]
    if let Some(key) = crate::simulation::key() {
        return Ok(Key(key));
    }
    Key::random()
}

/// Makes a tenant's root and wraps it.
pub(crate) fn new_root(
    tenant: i64,
    master: &MasterKey,
    recovery: &RecoveryKey,
) -> Result<(Key, WrappedRoot)> {
    let root = new_key()?;
    let wrapped = WrappedRoot {
        by_master: wrap_root(tenant, master, &root)?,
        by_recovery: wrap_root_for_recovery(tenant, recovery, &root)?,
    };
    Ok((root, wrapped))
}

/// Wraps a root by a master key.
pub(crate) fn wrap_root(tenant: i64, master: &MasterKey, root: &Key) -> Result<Vec<u8>> {
    master.0.seal(&label(b"tenant", tenant), &root.0)
}

/// Opens a root by the master key.
pub(crate) fn open_root(tenant: i64, master: &MasterKey, wrapped: &[u8]) -> Option<Key> {
    let plain = master.0.open(&label(b"tenant", tenant), wrapped)?;
    Some(Key(plain.try_into().ok()?))
}

/// Opens a root by the recovery key.
pub(crate) fn recover_root(tenant: i64, recovery: &RecoveryKey, wrapped: &[u8]) -> Option<Key> {
    let plain = recovery.0.open(&label(b"recovery", tenant), wrapped)?;
    Some(Key(plain.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;

    #[test]
    fn recovery_key_survives_being_written_down() {
        for _ in 0..50 {
            let key = RecoveryKey::generate().unwrap();
            let text = key.display();
            let spoken = text.to_lowercase().replace('-', " ").replace('0', "o");
            assert!(RecoveryKey::parse(&text).unwrap().0 == key.0);
            assert!(RecoveryKey::parse(&spoken).unwrap().0 == key.0);
            let mut wrong: Vec<char> = text.chars().collect();
            let last = wrong.len() - 9;
            wrong[last] = if wrong[last] == '7' { '8' } else { '7' };
            let wrong: String = wrong.into_iter().collect();
            assert!(RecoveryKey::parse(&wrong).is_err(), "{text} {wrong}");
        }
        assert!(RecoveryKey::parse("EVRK-0000").is_err());
        assert!(RecoveryKey::parse("").is_err());
    }

    #[test]
    fn a_wrapped_key_opens_only_under_its_label() {
        let keys = TenantKeys::new(1, &Key::random().unwrap());
        let other = TenantKeys::new(2, &Key::random().unwrap());
        let key = Key::random().unwrap();
        let wrapped = keys.wrap(b"frame a", &key).unwrap();
        assert_eq!(wrapped.len(), 60);
        assert!(keys.unwrap(b"frame a", &wrapped) == Some(key));
        assert!(keys.unwrap(b"frame b", &wrapped).is_none());
        assert!(other.unwrap(b"frame a", &wrapped).is_none());
    }
}
