//! The manifest of a snapshot (docs/format.md, Backup repository): one JSON object a line,
//! the last of which is the digest of all before it, signed by each tenant's log.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use everpost_domain::digest::{Digest, Hasher};
use serde::{Deserialize, Serialize};

use crate::error::{Result, StoreError};

pub(super) const FILE: &str = "manifest.ndjson";
const VERSION: u32 = 1;
/// Longest line that is read. The first one holds a checkpoint of each tenant.
const LINE: u64 = 64 << 20;

/// The first line: what was backed up, when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) everpost_backup: u32,
    /// The store's name, hexadecimal.
    pub(super) store: String,
    pub(super) epoch: i64,
    pub(super) schema: i64,
    pub(super) taken: String,
    pub(super) taken_us: i64,
    pub(super) catalog_size: u64,
    pub(super) catalog_sha256: String,
    pub(super) tenants: Vec<TenantHead>,
}

/// A tenant's log at the time of the snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TenantHead {
    pub(super) tenant: i64,
    /// Events there are; the last seq is one less.
    pub(super) events: i64,
    pub(super) log_size: u64,
    /// The newest signed checkpoint; empty before the first.
    pub(super) checkpoint: String,
}

/// One object of the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Object {
    /// Its name in the store.
    #[serde(rename = "object")]
    pub(super) name: String,
    pub(super) size: u64,
    /// Of its bytes, under which they lie in the repository; `null`: it was missing already.
    pub(super) sha256: Option<String>,
}

impl Object {
    pub(super) fn digest(&self) -> Option<Digest> {
        self.sha256.as_ref()?.parse().ok()
    }

    /// True for a name below `objects/` that leads nowhere else. Whoever can write to the
    /// repository must not be able to write outside of what is restored.
    fn is_safe(&self) -> bool {
        let part = |part: &str| {
            let letters = part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.');
            letters && !part.is_empty() && !part.starts_with('.')
        };
        let digest = self
            .sha256
            .as_ref()
            .is_none_or(|text| text.parse::<Digest>().is_ok());
        self.name.starts_with("objects/") && self.name.split('/').all(part) && digest
    }
}

/// The last line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Tail {
    /// SHA-256 of all lines before, with their ends.
    pub(super) digest: String,
    pub(super) objects: u64,
    pub(super) bytes: u64,
    pub(super) signatures: Vec<Signature>,
}

/// A tenant's word for the digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Signature {
    pub(super) tenant: i64,
    /// A signed note over [`signed_text`].
    pub(super) note: String,
}

/// What tenants sign. Can never be taken for a checkpoint: the second line is no number.
pub(super) fn signed_text(head: &Head, digest: &str) -> String {
    format!(
        "everpost backup manifest v1\nstore {} epoch {}\nsha256 {digest}\n",
        head.store, head.epoch
    )
}

/// Writes a manifest, line by line.
pub(super) struct Writing {
    path: PathBuf,
    out: BufWriter<File>,
    hasher: Hasher,
    objects: u64,
    bytes: u64,
}

impl Writing {
    pub(super) fn new(path: &Path, head: &Head) -> Result<Self> {
        let file = File::create_new(path).map_err(|error| StoreError::file(path, error))?;
        let mut writing = Writing {
            path: path.to_path_buf(),
            out: BufWriter::new(file),
            hasher: Hasher::new(),
            objects: 0,
            bytes: head.catalog_size,
        };
        writing.line(head)?;
        Ok(writing)
    }

    fn line(&mut self, value: &impl Serialize) -> Result<()> {
        let mut text =
            serde_json::to_vec(value).map_err(|error| StoreError::Invalid(error.to_string()))?;
        text.push(b'\n');
        self.hasher.update(&text);
        self.out
            .write_all(&text)
            .map_err(|error| StoreError::file(&self.path, error))
    }

    pub(super) fn object(&mut self, object: &Object) -> Result<()> {
        self.objects += 1;
        self.bytes += object.size;
        self.line(object)
    }

    /// Digest of what was written so far.
    pub(super) fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }

    /// Writes the last line; the file is durable after, but for its name.
    pub(super) fn finish(mut self, signatures: Vec<Signature>) -> Result<Tail> {
        let tail = Tail {
            digest: self.digest().to_string(),
            objects: self.objects,
            bytes: self.bytes,
            signatures,
        };
        self.line(&tail)?;
        let fail = |error| StoreError::file(&self.path, error);
        self.out.flush().map_err(fail)?;
        self.out.get_ref().sync_all().map_err(fail)?;
        Ok(tail)
    }
}

/// What a manifest says around its objects.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    pub(super) head: Head,
    pub(super) tail: Tail,
}

enum Line {
    Object(Object),
    Tail(Tail),
}

/// Lines of a manifest, hashed as they are read.
struct Reading {
    lines: BufReader<File>,
    hasher: Hasher,
    text: Vec<u8>,
}

impl Reading {
    /// `None` at the end.
    fn next(&mut self) -> std::result::Result<Option<&[u8]>, String> {
        self.hasher.update(&self.text);
        self.text.clear();
        let mut line = (&mut self.lines).take(LINE);
        match line.read_until(b'\n', &mut self.text) {
            Ok(0) => Ok(None),
            Ok(_) if self.text.ends_with(b"\n") => Ok(Some(&self.text)),
            Ok(_) => Err("it is cut off".into()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The first line.
    fn head(path: &Path) -> std::result::Result<(Self, Head), String> {
        let file = File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "it is missing".to_string(),
            _ => error.to_string(),
        })?;
        let mut reading = Reading {
            lines: BufReader::new(file),
            hasher: Hasher::new(),
            text: Vec::new(),
        };
        let line = reading.next()?.ok_or("it is empty")?;
        let head: Head = serde_json::from_slice(line).map_err(|_| "its first line is damaged")?;
        match head.everpost_backup {
            VERSION => Ok((reading, head)),
            other => Err(format!(
                "it has version {other}; this program reads {VERSION}"
            )),
        }
    }

    fn line(&mut self) -> std::result::Result<Line, String> {
        let text = self.next()?.ok_or("it is cut off")?;
        if text.starts_with(b"{\"object\"") {
            let object: Object = serde_json::from_slice(text).map_err(|_| "a line is damaged")?;
            return match object.is_safe() {
                true => Ok(Line::Object(object)),
                false => Err("a line names something that is no object".into()),
            };
        }
        serde_json::from_slice(text)
            .map(Line::Tail)
            .map_err(|_| "a line is damaged".into())
    }
}

/// Reads a manifest and checks that its lines are those that its last line speaks of.
/// `each` sees the objects before that is known. `Err` says what is wrong.
pub(super) fn read(
    path: &Path,
    mut each: impl FnMut(Object),
) -> std::result::Result<Manifest, String> {
    let (mut lines, head) = Reading::head(path)?;
    loop {
        match lines.line()? {
            Line::Object(object) => each(object),
            Line::Tail(tail) => {
                if lines.hasher.clone().finish().to_string() != tail.digest {
                    return Err("its lines are not those that its last line speaks of".into());
                }
                return match lines.next()? {
                    None => Ok(Manifest { head, tail }),
                    Some(_) => Err("something follows its last line".into()),
                };
            }
        }
    }
}

/// Reads what can be read of a manifest that was never finished.
pub(super) fn salvage(path: &Path, mut each: impl FnMut(Object)) -> Option<Head> {
    let (mut lines, head) = Reading::head(path).ok()?;
    while let Ok(Line::Object(object)) = lines.line() {
        each(object);
    }
    Some(head)
}

impl Head {
    /// A first line in the version that this program writes.
    pub(super) fn version() -> u32 {
        VERSION
    }
}
