//! Export: the copies of a query as files that other mail programs read, with a manifest
//! that proves them without this program's store.
//!
//! ```text
//! query → copies in the order of the log → file or mbox entry a placement
//!                                        → line in the manifest, with the leaf's proof
//!       → the manifest's digest as an event of the log → its proof beside the manifest
//! ```
//! Nothing is held that grows with the export but the list of its folders.

mod manifest;
mod place;
mod verify;
mod write;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use everpost_domain::digest::{Digest, Hasher};
use everpost_domain::message::format_rfc3339;
use everpost_domain::query::Query;
use everpost_store::{Held, Missed, Place, Prover, Scope, StoreError, Tenant};

use crate::MANIFEST;
use crate::flags;
pub use manifest::SEAL;
use manifest::{Extra, Header, Item, Line, Missing, Proof, Seal, Summary, write_hashes};
pub use verify::{ExportCheck, verify_export};
use write::{Out, Wanted};

/// The mailbox of copies that lie in none.
const UNFILED: &str = "unfiled";
/// Errors that a report lists; the manifest has all of them.
const LISTED: usize = 100;

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A file a message, in a tree of folders.
    Eml,
    /// An mboxrd file a folder.
    Mbox,
    /// A Maildir++ a mailbox.
    Maildir,
}

impl Format {
    /// Its name on the command line and in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Format::Eml => "eml",
            Format::Mbox => "mbox",
            Format::Maildir => "maildir",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let all = [Format::Eml, Format::Mbox, Format::Maildir];
        all.into_iter()
            .find(|format| format.name() == name)
            .ok_or(UnknownFormat)
    }
}

/// Not the name of an export format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an export format (eml, mbox, maildir)")]
pub struct UnknownFormat;

/// What to export, and where to.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// Which copies.
    pub query: Query,
    /// Which of them, at most: what the exporter may see.
    pub scope: Scope,
    /// The query as it was typed; it goes into the manifest and the log.
    pub text: String,
    /// How they are written.
    pub format: Format,
    /// The directory; made if it is not there, refused if it is not empty.
    pub out: PathBuf,
    /// Who exports, for the log.
    pub actor: String,
    /// Count, write nothing.
    pub dry_run: bool,
}

/// What an export is doing, for a progress bar.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportProgress {
    /// Copies done.
    pub done: u64,
    /// Copies there are.
    pub all: u64,
    /// Bytes of the messages written so far.
    pub bytes: u64,
}

/// What an export did.
#[derive(Debug, Clone, Default)]
pub struct ExportReport {
    /// Copies for which the query held.
    pub copies: u64,
    /// Files or entries written: one a placement.
    pub items: u64,
    /// Bytes of those messages.
    pub bytes: u64,
    /// Copies for which the query could not be decided, because text was not read; they
    /// were not exported.
    pub unknown: u64,
    /// Errors.
    pub failed: u64,
    /// The first of them: copy and reason.
    pub errors: Vec<(String, String)>,
    /// SHA-256 of the manifest, as the log has it; `None` for a dry run.
    pub manifest: Option<Digest>,
}

/// Why an export stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The directory holds something already.
    #[error("{0} is not empty")]
    NotEmpty(PathBuf),
    /// Nothing was ever admitted.
    #[error("the archive is empty: there is nothing to export")]
    Nothing,
    /// The export cannot be written.
    #[error("{path}: {error}")]
    Output {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Exports the copies of a query. `report` is called after every few copies.
///
/// When this returns `Ok`, the export is whole but for what the report names, and the log
/// has an event that says so. After a crash or an error the directory holds an export
/// whose manifest has no summary; it is made again elsewhere.
pub async fn export(
    tenant: &Tenant,
    options: &ExportOptions,
    mut report: impl FnMut(&ExportProgress),
) -> Result<ExportReport, ExportError> {
    // What an interrupted import left behind is exported all the same.
    tenant.advance_index(true).await?;
    tenant.advance_log().await?;
    let Some(prover) = tenant.prover().await? else {
        return Err(ExportError::Nothing);
    };
    let mut walk = tenant.walk(&options.query, &options.scope).await?;
    let mut progress = ExportProgress {
        all: walk.left(),
        ..ExportProgress::default()
    };
    let mut run = match options.dry_run {
        true => None,
        false => Some(Run::begin(tenant, options, prover)?),
    };
    let mut done = ExportReport {
        copies: walk.left(),
        unknown: walk.unknown(),
        ..ExportReport::default()
    };
    report(&progress);
    loop {
        let batch = walk.next().await?;
        if batch.is_empty() {
            break;
        }
        progress.done += batch.len() as u64;
        for copy in batch {
            match (&mut run, copy) {
                (Some(run), Ok(held)) => run.copy(&held, &mut done).await?,
                (Some(run), Err(missed)) => run.miss(&missed, &mut done)?,
                (None, Ok(held)) => {
                    let places = held.places.len().max(1) as u64;
                    done.items += places;
                    done.bytes += places * held.size;
                }
                (None, Err(missed)) => note(&mut done, &missed.id, &missed.error.to_string()),
            }
        }
        progress.bytes = done.bytes;
        report(&progress);
    }
    if let Some(run) = run {
        done.manifest = Some(run.finish(&done).await?);
    }
    Ok(done)
}

fn note(done: &mut ExportReport, id: &str, reason: &str) {
    done.failed += 1;
    if done.errors.len() < LISTED {
        done.errors.push((id.to_string(), reason.to_string()));
    }
}

/// An export under way.
struct Run<'a> {
    tenant: &'a Tenant,
    options: &'a ExportOptions,
    prover: Prover,
    out: Out,
    lines: Lines,
}

impl<'a> Run<'a> {
    fn begin(
        tenant: &'a Tenant,
        options: &'a ExportOptions,
        prover: Prover,
    ) -> Result<Self, ExportError> {
        let out = Out::create(&options.out, options.format)?;
        let file = out.file(MANIFEST)?;
        let mut lines = Lines {
            path: options.out.join(MANIFEST),
            file,
            hasher: Hasher::new(),
        };
        let head = prover.head();
        lines.write(&Line::Header(Header {
            everpost_export: manifest::VERSION,
            format: options.format.name().into(),
            query: options.text.clone(),
            made: format_rfc3339(now()),
            checkpoint: head.note.to_string(),
            key: head.key.to_string(),
        }))?;
        Ok(Run {
            tenant,
            options,
            prover,
            out,
            lines,
        })
    }

    /// Writes one copy to each of its places.
    async fn copy(&mut self, held: &Held, done: &mut ExportReport) -> Result<(), ExportError> {
        let id = held.id.to_string();
        let proof = match self.prover.prove_held(held).await {
            Ok(Some(proof)) => Some(Proof::from(&proof)),
            Ok(None) => {
                self.error(
                    &id,
                    "it was admitted after the checkpoint of this export",
                    done,
                )?;
                None
            }
            Err(error) if of_one(&error) => {
                self.error(&id, &format!("no proof: {error}"), done)?;
                None
            }
            Err(error) => return Err(error.into()),
        };
        let unfiled = [Place {
            mailbox: UNFILED.into(),
            folder: place::INBOX.into(),
            flags: 0,
            keywords: Vec::new(),
            delivered: held.held_from,
        }];
        let places = if held.places.is_empty() {
            unfiled.as_slice()
        } else {
            &held.places
        };
        for (at, place) in places.iter().enumerate() {
            let before = places.iter().take(at);
            let nth = before
                .filter(|other| (&other.mailbox, &other.folder) == (&place.mailbox, &place.folder))
                .count();
            if let Err(error) = self.item(held, &id, place, nth, proof.clone()).await? {
                // Its bytes are the same for every place.
                return self.error(&id, &error.to_string(), done);
            }
            done.items += 1;
            done.bytes += held.size;
        }
        Ok(())
    }

    /// Writes one file or entry; the inner error is the copy's own.
    async fn item(
        &mut self,
        held: &Held,
        id: &str,
        place: &Place,
        nth: usize,
        proof: Option<Proof>,
    ) -> Result<Result<(), StoreError>, ExportError> {
        let delivered = seconds(place.delivered);
        let mut target = self.out.begin(&Wanted {
            id,
            nth,
            size: held.size,
            mailbox: &place.mailbox,
            folder: &place.folder,
            flags: place.flags,
            keywords: &place.keywords,
            delivered,
        })?;
        let mut unwritten = None;
        let read = self.tenant.read_held(held, |bytes| {
            target.push(bytes).map_err(|error| {
                unwritten = Some(error);
                io::Error::other("the export cannot be written")
            })
        });
        let read = read.await;
        if let Some(error) = unwritten {
            return Err(target.failed(error));
        }
        match read {
            Ok(()) => {}
            Err(error) if of_one(&error) => {
                self.out.undo(target)?;
                return Ok(Err(error));
            }
            Err(error) => return Err(error.into()),
        }
        let path = target.path.clone();
        let lies = self.out.finish(target)?;
        self.lines.write(&Line::Item(Box::new(Item {
            path,
            offset: lies.as_ref().map(|lies| lies.offset),
            length: lies.as_ref().map(|lies| lies.length),
            id: held.message.to_string(),
            sha256: id.to_string(),
            size: held.size,
            mailbox: place.mailbox.clone(),
            folder: place.folder.clone(),
            flags: flags::letters(place.flags),
            keywords: place.keywords.clone(),
            delivered: format_rfc3339(delivered),
            held_from: format_rfc3339(seconds(held.held_from)),
            proof,
        })))?;
        Ok(Ok(()))
    }

    fn miss(&mut self, missed: &Missed, done: &mut ExportReport) -> Result<(), ExportError> {
        self.error(&missed.id, &missed.error.to_string(), done)
    }

    fn error(
        &mut self,
        id: &str,
        reason: &str,
        done: &mut ExportReport,
    ) -> Result<(), ExportError> {
        note(done, id, reason);
        self.lines.write(&Line::Missing(Missing {
            error: reason.into(),
            id: id.into(),
        }))
    }

    /// Ends the manifest, logs its digest and writes the proof of that beside it.
    async fn finish(mut self, done: &ExportReport) -> Result<Digest, ExportError> {
        let seal_file = self.out.file(SEAL)?;
        for (file, hasher, size) in self.out.complete()? {
            self.lines.write(&Line::Extra(Extra {
                file,
                sha256: hasher.finish().to_string(),
                size,
            }))?;
        }
        let summary = Summary {
            summary: true,
            items: done.items,
            bytes: done.bytes,
            errors: done.failed,
            sha256_of_lines: self.lines.hasher.clone().finish().to_string(),
        };
        self.lines.write(&Line::Summary(summary))?;
        let digest = self.lines.hasher.clone().finish();
        self.lines.close()?;
        let seq = self
            .tenant
            .record_export(&self.options.actor, &digest, &self.options.text)
            .await?;
        self.tenant.advance_log().await?;
        let lost = || StoreError::Damaged {
            item: "log".into(),
            what: "the event of the export is not in it".into(),
        };
        let mut prover = self.tenant.prover().await?.ok_or_else(lost)?;
        let proof = prover.prove_seq(seq).await?.ok_or_else(lost)?;
        let seal = Seal {
            checkpoint: prover.head().note.to_string(),
            proof: Proof::from(&proof),
            consistency: write_hashes(&prover.prove_consistency(self.prover.head().size).await?),
        };
        let mut lines = Lines {
            path: self.options.out.join(SEAL),
            file: seal_file,
            hasher: Hasher::new(),
        };
        lines.write(&seal)?;
        lines.close()?;
        Ok(digest)
    }
}

/// True for errors of one copy, after which the others can be exported.
fn of_one(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Damaged { .. } | StoreError::NotFound(_) | StoreError::Object(_)
    )
}

/// Lines of JSON, and the digest of all so far.
struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
    hasher: Hasher,
}

impl Lines {
    fn write(&mut self, line: &impl serde::Serialize) -> Result<(), ExportError> {
        let failed = |error: io::Error| ExportError::Output {
            path: self.path.clone(),
            error,
        };
        let mut text = serde_json::to_vec(line).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        self.hasher.update(&text);
        self.file.write_all(&text).map_err(failed)
    }

    fn close(&mut self) -> Result<(), ExportError> {
        let failed = |error| ExportError::Output {
            path: self.path.clone(),
            error,
        };
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .map_err(failed)
    }
}

fn seconds(us: i64) -> i64 {
    us.div_euclid(1_000_000)
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs().cast_signed())
}
