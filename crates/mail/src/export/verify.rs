//! Verifying an export where there is no archive: from its own files, and a key or a
//! checkpoint that the verifier has from elsewhere.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use everpost_codec::mbox::RdStream;
use everpost_domain::digest::{Digest, Hasher};
use everpost_domain::log::{Checkpoint, EventKind, Note, Record, VerifierKey, verify_consistency};

use super::manifest::{Extra, Header, Item, Line, SEAL, Seal, Summary, VERSION, read_hashes};
use crate::MANIFEST;

/// Findings that are listed; `wrong` counts all.
const LISTED: usize = 1000;
/// A line above this is no manifest's: the longest hold the proof of a copy of some
/// thousand parts.
const LONGEST_LINE: u64 = 64 << 20;
/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

/// What the verification of an export found.
#[derive(Debug, Clone, Default)]
pub struct ExportCheck {
    /// Messages that the manifest names.
    pub checked: u64,
    /// Those whose bytes, size and proof hold.
    pub ok: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// Everything that does not hold.
    pub wrong: u64,
    /// The first of it: file and reason.
    pub bad: Vec<(String, String)>,
    /// Copies that the export itself says it could not hold.
    pub missing: u64,
    /// True if the given key signed, or the given checkpoint is the export's: somebody
    /// outside of the export vouches for it.
    pub signer_checked: bool,
    /// What could not be told, and why.
    pub notes: Vec<String>,
}

impl ExportCheck {
    /// True if nothing was found wrong.
    pub fn holds(&self) -> bool {
        self.wrong == 0
    }

    fn bad(&mut self, what: &str, reason: impl Into<String>) {
        self.wrong += 1;
        if self.bad.len() < LISTED {
            self.bad.push((what.to_string(), reason.into()));
        }
    }
}

/// Verifies the export in the directory `path`: every message against its digest and its
/// proof, every other file against the manifest, the manifest against its seal. `vkey` is
/// the log's public key, `checkpoint` the text of one of its checkpoints; both are worth
/// something only if they were kept outside of the export.
pub fn verify_export(path: &Path, vkey: Option<&str>, checkpoint: Option<&str>) -> ExportCheck {
    let mut check = ExportCheck::default();
    let key = match vkey.map(|text| text.trim().parse::<VerifierKey>()) {
        Some(Ok(key)) => Some(key),
        Some(Err(error)) => {
            check.bad("the given key", error.to_string());
            return check;
        }
        None => None,
    };
    let mut export = Export {
        root: path,
        key,
        checkpoint: None,
        mboxes: None,
        known: BTreeSet::new(),
        check,
    };
    if let Err(error) = export.manifest(checkpoint) {
        export.check.bad(MANIFEST, error);
    }
    export.check
}

struct Export<'a> {
    root: &'a Path,
    key: Option<VerifierKey>,
    /// The manifest's.
    checkpoint: Option<Checkpoint>,
    /// The mbox that was read last.
    mboxes: Option<(String, File)>,
    /// The first 16 bytes of the digest of every path that the manifest names.
    known: BTreeSet<[u8; 16]>,
    check: ExportCheck,
}

fn short(path: &str) -> [u8; 16] {
    Digest::of(path.as_bytes())
        .0
        .first_chunk()
        .copied()
        .unwrap_or_default()
}

impl Export<'_> {
    /// Reads the manifest and everything that it names. An error ends the reading.
    fn manifest(&mut self, kept: Option<&str>) -> Result<(), String> {
        let file = File::open(self.root.join(MANIFEST)).map_err(|error| error.to_string())?;
        let mut input = BufReader::with_capacity(CHUNK, file);
        let mut lines = Hasher::new();
        let mut text = Vec::new();
        let mut number = 0u64;
        let mut summary = None;
        let mut errors = 0;
        loop {
            text.clear();
            input
                .by_ref()
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut text)
                .map_err(|error| error.to_string())?;
            if text.is_empty() {
                break;
            }
            number += 1;
            if summary.is_some() {
                return Err(format!("line {number} stands behind the summary"));
            }
            let line = serde_json::from_slice(&text)
                .map_err(|_| format!("line {number} is not one of a manifest"))?;
            match (number, line) {
                (1, Line::Header(header)) => self.header(&header)?,
                (1, _) => return Err("its first line is not its header".into()),
                (_, Line::Header(_)) => return Err(format!("line {number} is a second header")),
                (_, Line::Item(item)) => self.item(&item),
                (_, Line::Extra(extra)) => self.extra(&extra),
                (_, Line::Missing(_)) => errors += 1,
                (_, Line::Summary(said)) => {
                    self.summary(&said, &lines, errors);
                    summary = Some(said);
                }
            }
            lines.update(&text);
        }
        self.check.missing = errors;
        if summary.is_none() {
            return Err(
                "it has no summary: the export did not finish, or its end was cut off".into(),
            );
        }
        self.seal(lines.finish(), kept);
        self.strangers();
        if self.check.missing > 0 {
            let text = format!(
                "{errors} errors are named in the manifest: these copies or proofs were not exported"
            );
            self.check.notes.push(text);
        }
        Ok(())
    }

    fn header(&mut self, header: &Header) -> Result<(), String> {
        if header.everpost_export != VERSION {
            return Err(format!(
                "it is of version {}; this program reads {VERSION}",
                header.everpost_export
            ));
        }
        let key = match &self.key {
            Some(key) => key.clone(),
            // Without a key from elsewhere the export must at least agree with itself.
            None => header
                .key
                .parse()
                .map_err(|error| format!("its key: {error}"))?,
        };
        let checkpoint = open_checkpoint(&header.checkpoint, &key)
            .map_err(|error| format!("its checkpoint: {error}"))?;
        self.check.signer_checked = self.key.is_some();
        self.key = Some(key);
        self.checkpoint = Some(checkpoint);
        Ok(())
    }

    fn item(&mut self, item: &Item) {
        self.check.checked += 1;
        self.known.insert(short(&item.path));
        match self.holds(item) {
            Ok(()) => {
                self.check.ok += 1;
                self.check.bytes += item.size;
            }
            Err(reason) => {
                let name = match item.offset {
                    Some(offset) => format!("{} at byte {offset}", item.path),
                    None => item.path.clone(),
                };
                self.check.bad(&name, reason);
            }
        }
    }

    fn holds(&mut self, item: &Item) -> Result<(), String> {
        let wanted: Digest = item
            .sha256
            .parse()
            .map_err(|_| "its digest in the manifest is none")?;
        let (found, size) = match (item.offset, item.length) {
            (Some(offset), Some(length)) => self.entry(&item.path, offset, length)?,
            (None, None) => hash_of(&self.open(&item.path)?)?,
            _ => return Err("the manifest gives half of its place".into()),
        };
        if size != item.size || found != wanted {
            return Err(format!(
                "its bytes are not those that were exported ({size} of {} bytes)",
                item.size
            ));
        }
        let proof = item
            .proof
            .as_ref()
            .ok_or("the manifest has no proof of it")?;
        let proof = proof.read().ok_or("its proof cannot be read")?;
        let checkpoint = self.checkpoint.as_ref().ok_or("there is no checkpoint")?;
        let record = proof
            .verify_in(checkpoint)
            .map_err(|error| format!("its proof fails: {error}"))?;
        if record.copy != wanted || record.size != size {
            return Err("its proof is of another message".into());
        }
        Ok(())
    }

    /// Opens a file of the export. The manifest may be hostile: it names nothing outside
    /// of its directory, and nothing whose opening would wait for ever.
    fn open(&self, path: &str) -> Result<File, String> {
        let below = Path::new(path);
        if path.is_empty()
            || !below
                .components()
                .all(|part| matches!(part, Component::Normal(_)))
        {
            return Err("the manifest names a place outside of the export".into());
        }
        let whole = self.root.join(below);
        let meta = fs::symlink_metadata(&whole).map_err(missing)?;
        if !meta.is_file() {
            return Err("it is not a file".into());
        }
        File::open(&whole).map_err(missing)
    }

    fn entry(&mut self, path: &str, offset: u64, length: u64) -> Result<(Digest, u64), String> {
        if self.mboxes.as_ref().is_none_or(|(open, _)| open != path) {
            self.mboxes = Some((path.to_string(), self.open(path)?));
        }
        let (_, file) = self.mboxes.as_mut().ok_or("it is not open")?;
        file.seek(SeekFrom::Start(offset))
            .map_err(|error| error.to_string())?;
        let mut stream = RdStream::unquote();
        let (mut hasher, mut size, mut read) = (Hasher::new(), 0, 0);
        let mut message = Vec::new();
        let mut take = |message: &mut Vec<u8>| {
            hasher.update(message);
            size += message.len() as u64;
            message.clear();
        };
        each_chunk(&mut file.take(length), |chunk| {
            read += chunk.len() as u64;
            stream.push(chunk, &mut message);
            take(&mut message);
        })?;
        stream.finish(&mut message);
        take(&mut message);
        if read != length {
            return Err("the mbox ends before it".into());
        }
        Ok((hasher.finish(), size))
    }

    fn extra(&mut self, extra: &Extra) {
        self.known.insert(short(&extra.file));
        let found = self.open(&extra.file).and_then(|file| hash_of(&file));
        match found {
            Ok((digest, size)) if size == extra.size && digest.to_string() == extra.sha256 => {}
            Ok(_) => self
                .check
                .bad(&extra.file, "its bytes are not those that were exported"),
            Err(reason) => self.check.bad(&extra.file, reason),
        }
    }

    fn summary(&mut self, said: &Summary, lines: &Hasher, errors: u64) {
        if said.sha256_of_lines != lines.clone().finish().to_string() {
            self.check
                .bad(MANIFEST, "a line of it was changed, added or taken out");
        }
        if said.items != self.check.checked || said.errors != errors {
            self.check
                .bad(MANIFEST, "its summary counts other lines than it has");
        }
    }

    /// The manifest as a whole against the log, and the log against what was kept outside.
    fn seal(&mut self, manifest: Digest, kept: Option<&str>) {
        let sealed = match self.sealed(manifest) {
            Ok(sealed) => Some(sealed),
            Err(reason) => {
                self.check.bad(SEAL, reason);
                None
            }
        };
        let Some(kept) = kept else { return };
        // One that somebody sent along is trusted no more than the export is.
        let read = match &self.key {
            Some(key) => open_checkpoint(kept, key),
            None => Err("there is no key to read it by".into()),
        };
        let kept = match read {
            Ok(kept) => kept,
            Err(reason) => return self.check.bad("the given checkpoint", reason),
        };
        let own = [self.checkpoint.clone(), sealed];
        let same_size = own.iter().flatten().find(|own| own.size() == kept.size());
        match same_size {
            Some(own) if own.root() == kept.root() => self.check.signer_checked = true,
            Some(_) => self.check.bad(
                "the given checkpoint",
                "it has another root at the same size: the log was forked",
            ),
            None => {
                let sizes: Vec<String> = own
                    .iter()
                    .flatten()
                    .map(|own| own.size().to_string())
                    .collect();
                self.check.notes.push(format!(
                    "the given checkpoint is of {} leaves, the export's are of {}: whether one log has both can be told by the archive only",
                    kept.size(),
                    sizes.join(" and ")
                ));
            }
        }
    }

    /// The checkpoint of the seal, if it proves that the log has this manifest and goes on
    /// from the manifest's own checkpoint.
    fn sealed(&self, manifest: Digest) -> Result<Checkpoint, String> {
        let file = self.open(SEAL)?;
        let seal: Seal =
            serde_json::from_reader(BufReader::new(file)).map_err(|_| "it cannot be read")?;
        let key = self.key.as_ref().ok_or("there is no key")?;
        let checkpoint = open_checkpoint(&seal.checkpoint, key)
            .map_err(|error| format!("its checkpoint: {error}"))?;
        let proof = seal.proof.read().ok_or("its proof cannot be read")?;
        if proof.size != checkpoint.size() || proof.kind != EventKind::Exported {
            return Err("its proof is of another event".into());
        }
        match proof
            .verify_record(checkpoint.root())
            .map_err(|error| format!("its proof fails: {error}"))?
        {
            Record::Action(record) if record.subject == manifest.0 => {}
            _ => return Err("the log has another manifest than this one".into()),
        }
        let own = self
            .checkpoint
            .as_ref()
            .ok_or("the manifest has no checkpoint")?;
        let way = read_hashes(&seal.consistency).ok_or("its consistency proof cannot be read")?;
        verify_consistency(
            own.size(),
            own.root(),
            checkpoint.size(),
            checkpoint.root(),
            &way,
        )
        .map_err(|error| format!("the manifest's checkpoint is not of the same log: {error}"))?;
        Ok(checkpoint)
    }

    /// Files that nobody exported.
    fn strangers(&mut self) {
        let mut open = vec![PathBuf::new()];
        while let Some(dir) = open.pop() {
            let entries = match fs::read_dir(self.root.join(&dir)) {
                Ok(entries) => entries,
                Err(error) => {
                    self.check
                        .bad(&dir.display().to_string(), error.to_string());
                    continue;
                }
            };
            for entry in entries.flatten() {
                let below = dir.join(entry.file_name());
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    open.push(below);
                    continue;
                }
                let known = below.to_str().is_some_and(|path| {
                    path == MANIFEST || path == SEAL || self.known.contains(&short(path))
                });
                if !known {
                    self.check
                        .bad(&below.display().to_string(), "it is not in the manifest");
                }
            }
        }
    }
}

fn open_checkpoint(note: &str, key: &VerifierKey) -> Result<Checkpoint, String> {
    let note = Note::parse(note.as_bytes()).map_err(|error| error.to_string())?;
    Checkpoint::open(&note, key).map_err(|error| error.to_string())
}

fn missing(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it is missing".into(),
        _ => error.to_string(),
    }
}

fn hash_of(file: &File) -> Result<(Digest, u64), String> {
    let (mut hasher, mut size) = (Hasher::new(), 0);
    let mut file = file;
    each_chunk(&mut file, |chunk| {
        hasher.update(chunk);
        size += chunk.len() as u64;
    })?;
    Ok((hasher.finish(), size))
}

fn each_chunk(input: &mut impl Read, mut each: impl FnMut(&[u8])) -> Result<(), String> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match input.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => each(chunk.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}
