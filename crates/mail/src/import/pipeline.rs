//! The stages of an import, joined by short queues.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use everpost_domain::digest::Digest;
use everpost_domain::identity::Origin;
use everpost_store::{
    Envelope, Incoming, Outcome, Placement, Prepared, Progress, StoreError, Tenant,
};
use rayon::prelude::*;
use tokio::sync::mpsc;

use super::budget::{Budget, Taken};
use super::source::{Cursor, Ended, Item, Sink, Stop, What, read, total_bytes};
use super::{ImportError, ImportOptions, ImportProgress, ImportReport, Source};

/// A group is sent on when its messages reach this many bytes or items.
const GROUP_BYTES: u64 = 12 << 20;
const GROUP_ITEMS: usize = 2048;
/// A message above this is a group of its own and so gets its own pack.
const LARGE: u64 = 4 << 20;
/// Errors that a report lists; the job keeps all of them.
const LISTED_ERRORS: usize = 100;

/// Items on their way from the reader.
#[derive(Default)]
struct RawGroup {
    items: Vec<Item>,
    bytes: u64,
    read_bytes: u64,
}

/// A group after all work on its bytes.
struct ReadyGroup {
    items: Vec<Prepared>,
    progress: Progress,
    errors: Vec<(String, String)>,
    read_bytes: u64,
    /// Held until the group is admitted.
    _room: Vec<Taken>,
}

/// Imports `source` into the tenant's store. `report` is called after every group.
///
/// When this returns `Ok`, everything that the report counts as stored or duplicate is
/// durable, and (unless `no_wait`) the index has reached it. After a crash or an error the
/// same call goes on where the last group ended.
pub async fn import(
    tenant: &Tenant,
    source: &Source,
    options: &ImportOptions,
    mut report: impl FnMut(&ImportProgress),
) -> Result<ImportReport, ImportError> {
    let (job, from) = open_job(tenant, source, options).await?;
    let resumed = from.count > 0;
    let mut progress = ImportProgress {
        counts: job.as_ref().map(|job| job.counts).unwrap_or_default(),
        ..ImportProgress::default()
    };
    let total = tokio::task::spawn_blocking({
        let source = source.clone();
        move || total_bytes(&source)
    });
    progress.total_bytes = total.await.unwrap_or(0);
    report(&progress);

    let (raw_out, raw_in) = mpsc::channel::<RawGroup>(1);
    let (ready_out, ready_in) = mpsc::channel::<ReadyGroup>(1);
    let reader = tokio::task::spawn_blocking({
        let (source, options, from) = (source.clone(), options.clone(), from.clone());
        move || read_all(&source, &options, &from, raw_out)
    });
    let preparer = tokio::spawn(prepare_all(
        options.clone(),
        from.count,
        job.as_ref().map_or(0, |job| job.id),
        raw_in,
        ready_out,
    ));
    let (index_out, index_in) = mpsc::channel::<()>(1);
    let indexer = tokio::spawn(index_all(
        tenant.clone(),
        index_in,
        job.is_some() && !options.no_wait,
    ));
    let (log_out, log_in) = mpsc::channel::<()>(1);
    let logger = tokio::spawn(log_all(tenant.clone(), log_in, job.is_some()));
    let followers = Followers {
        index: index_out,
        log: log_out,
    };

    let mut errors = Vec::new();
    let job_id = job.as_ref().map(|job| job.id);
    let admitted = admit_all(
        tenant,
        job_id,
        &mut progress,
        &mut errors,
        ready_in,
        followers,
        &mut report,
    )
    .await;
    // All stages end before this returns, so that nothing is at work on a store that the
    // caller closes: each one stops when its neighbour is gone.
    progress.indexing = true;
    report(&progress);
    let (prepared, read, indexed, logged) =
        (preparer.await, reader.await, indexer.await, logger.await);
    admitted?;
    let stopped = || ImportError::Store(StoreError::Stopped);
    match read {
        Ok(Err(Ended::Error(error))) => return Err(error),
        Ok(Ok(())) if matches!(prepared, Ok(true)) => {}
        _ => return Err(stopped()),
    }
    let Some(job) = job else {
        return Ok(ImportReport {
            job: None,
            resumed: false,
            counts: progress.counts,
            errors,
        });
    };
    indexed.map_err(|_| stopped())??;
    logged.map_err(|_| stopped())??;
    let job = tenant.finish_job(job.id).await?;
    Ok(ImportReport {
        resumed,
        counts: job.counts,
        job: Some(job),
        errors,
    })
}

/// What is told of every admitted group. Dropped when there are no more.
struct Followers {
    index: mpsc::Sender<()>,
    log: mpsc::Sender<()>,
}

/// Admits group after group, each with the job's progress; without a job only counts.
async fn admit_all(
    tenant: &Tenant,
    job: Option<i64>,
    progress: &mut ImportProgress,
    errors: &mut Vec<(String, String)>,
    mut groups: mpsc::Receiver<ReadyGroup>,
    followers: Followers,
    report: &mut impl FnMut(&ImportProgress),
) -> Result<(), ImportError> {
    let mut known = DryRun::default();
    while let Some(group) = groups.recv().await {
        progress.read_bytes += group.read_bytes;
        count_unread(progress, &group.progress);
        errors.extend(group.errors);
        errors.truncate(LISTED_ERRORS);
        let outcomes = match job {
            Some(_) => {
                let sizes: Vec<u64> = group.items.iter().map(Prepared::size).collect();
                let outcomes = tenant.admit(group.items, Some(group.progress)).await?;
                // Waits while the index is a group behind, so that it finds what admission
                // left in memory.
                followers.index.send(()).await.ok();
                // The log reads everything from the catalog and may lag; it is not waited for.
                followers.log.try_send(()).ok();
                outcomes.into_iter().zip(sizes).collect::<Vec<_>>()
            }
            None => known.look(tenant, &group.items).await?,
        };
        for (outcome, size) in outcomes {
            progress.counts.seen += 1;
            progress.counts.bytes += size;
            match outcome {
                Outcome::Stored(_) => progress.counts.stored += 1,
                Outcome::Duplicate(_) => progress.counts.duplicate += 1,
            }
        }
        report(progress);
    }
    Ok(())
}

/// Starts, or finds unfinished, the job that [`import`] of the same source goes on with.
pub async fn begin(
    tenant: &Tenant,
    source: &Source,
    options: &ImportOptions,
) -> Result<Option<everpost_store::JobInfo>, ImportError> {
    Ok(open_job(tenant, source, options).await?.0)
}

async fn open_job(
    tenant: &Tenant,
    source: &Source,
    options: &ImportOptions,
) -> Result<(Option<everpost_store::JobInfo>, Cursor), ImportError> {
    if options.dry_run {
        return Ok((None, Cursor::default()));
    }
    // Everything that makes this the same work as an earlier run that did not finish.
    let place = match source {
        Source::Mbox { path, .. }
        | Source::Maildir { path }
        | Source::Eml { path }
        | Source::Zip { path }
        | Source::Tar { path } => std::fs::canonicalize(path)
            .map_err(|error| ImportError::Source {
                path: path.display().to_string(),
                what: error.to_string(),
            })?
            .display()
            .to_string(),
        Source::Upload { file, .. } => file.name().to_string(),
        Source::Demo { seed, messages } => format!("{seed} {messages}"),
    };
    let mut identity = format!(
        "{}\n{place}\n{}\n{:?}\n{:?}\n{:?}",
        source.kind(),
        options.mailbox,
        options.folder,
        options.since,
        options.until
    );
    if let Some(server) = &options.server {
        identity.push_str(&format!("\n{server}"));
    }
    let about = match source {
        Source::Demo { .. } => source.describe(),
        _ => format!("{} → {}", source.describe(), options.mailbox),
    };
    let job = tenant
        .start_job(&about, &identity, options.server.as_deref())
        .await?;
    let from = Cursor::decode(&job.cursor).map_err(StoreError::from)?;
    Ok((Some(job), from))
}

fn read_all(
    source: &Source,
    options: &ImportOptions,
    from: &Cursor,
    out: mpsc::Sender<RawGroup>,
) -> Result<(), Ended> {
    let mut group = RawGroup::default();
    let mut give = |item: Option<Item>| -> Result<(), Stop> {
        let Some(item) = item else {
            return send(&out, &mut group);
        };
        let bytes = match &item.what {
            What::Mail(found) => found.raw.len() as u64,
            _ => 0,
        };
        if bytes > LARGE {
            send(&out, &mut group)?;
        }
        group.bytes += bytes;
        group.read_bytes += item.source_bytes;
        group.items.push(item);
        if bytes > LARGE || group.bytes >= GROUP_BYTES || group.items.len() >= GROUP_ITEMS {
            send(&out, &mut group)?;
        }
        Ok(())
    };
    let mut sink = Sink {
        budget: Budget::new(options.in_flight),
        give: &mut give,
        max_message: options.max_message,
    };
    let ended = read(source, from, &mut sink);
    send(&out, &mut group)?;
    ended
}

fn send(out: &mpsc::Sender<RawGroup>, group: &mut RawGroup) -> Result<(), Stop> {
    if group.items.is_empty() {
        return Ok(());
    }
    out.blocking_send(std::mem::take(group)).map_err(|_| Stop)
}

/// Reads, hashes and cuts messages on all cores, group by group. False if a group was lost:
/// the import must not pass for complete then.
async fn prepare_all(
    options: ImportOptions,
    mut count: u64,
    job: i64,
    mut groups: mpsc::Receiver<RawGroup>,
    out: mpsc::Sender<ReadyGroup>,
) -> bool {
    while let Some(group) = groups.recv().await {
        let options = options.clone();
        let first = count;
        count += group.items.len() as u64;
        let ready = tokio::task::spawn_blocking(move || prepare(&options, first, job, group)).await;
        let Ok(ready) = ready else { return false };
        if out.send(ready).await.is_err() {
            return false;
        }
    }
    true
}

/// A message, or the reason why it is none, and whether that is a rejection.
type Done = Result<Prepared, (bool, String)>;

fn prepare(options: &ImportOptions, first: u64, job: i64, group: RawGroup) -> ReadyGroup {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs().cast_signed());
    let mut ready = ReadyGroup {
        items: Vec::with_capacity(group.items.len()),
        progress: Progress {
            job,
            ..Progress::default()
        },
        errors: Vec::new(),
        read_bytes: group.read_bytes,
        _room: Vec::new(),
    };
    if let Some(last) = group.items.last() {
        let count = first + group.items.len() as u64;
        ready.progress.cursor = Cursor {
            unit: last.unit.clone(),
            offset: last.offset,
            count,
        }
        .encode();
    }
    let read: Vec<(String, u64, Done, Option<Taken>)> = group
        .items
        .into_par_iter()
        .enumerate()
        .map(|(index, item)| {
            let position = first + index as u64;
            let done = match item.what {
                What::Mail(found) => prepare_safely(options, position, *found, now),
                What::Rejected(reason) => Err((true, reason)),
                What::Failed(reason) => Err((false, reason)),
            };
            (item.name, position, done, item.room)
        })
        .collect();
    for (name, position, done, room) in read {
        ready._room.extend(room);
        match done {
            Ok(item) if !options.holds(item.held_from()) => ready.progress.outside += 1,
            Ok(item) => {
                ready.items.push(item);
            }
            Err((rejected, reason)) => {
                match rejected {
                    true => ready.progress.rejected += 1,
                    false => ready.progress.failed += 1,
                }
                ready
                    .progress
                    .errors
                    .push((position, format!("{name}: {reason}")));
                ready.errors.push((name, reason));
            }
        }
    }
    ready
}

/// One message that a parser stumbles on must not take the import down: it is an item that
/// failed, and its name tells which one to look at.
fn prepare_safely(
    options: &ImportOptions,
    position: u64,
    found: super::source::Found,
    now: i64,
) -> Done {
    let work = std::panic::AssertUnwindSafe(|| prepare_one(options, position, found, now));
    std::panic::catch_unwind(work).map_err(|_| {
        (
            false,
            "this program failed on it; please report the message".into(),
        )
    })
}

fn prepare_one(
    options: &ImportOptions,
    position: u64,
    found: super::source::Found,
    now: i64,
) -> Prepared {
    let mailbox = found.mailbox.unwrap_or_else(|| options.mailbox.clone());
    let folder = options.folder.clone().unwrap_or(found.folder);
    let envelope = found.sender.map(|sender| Envelope {
        sender,
        recipients: Vec::new(),
        ..Envelope::default()
    });
    let incoming = Incoming {
        raw: Bytes::from(found.raw),
        origin: Origin::Other,
        held: found.held,
        position,
        envelope,
        places: vec![Placement {
            mailbox,
            folder,
            flags: found.flags,
            keywords: found.keywords,
        }],
        owners: Vec::new(),
        report_of: None,
        onward: None,
    };
    Prepared::new(incoming, now)
}

fn count_unread(progress: &mut ImportProgress, group: &Progress) {
    progress.counts.seen += group.rejected + group.failed;
    progress.counts.rejected += group.rejected;
    progress.counts.failed += group.failed;
    progress.counts.outside += group.outside;
}

/// Follows admission with the index, a group behind at most; in the end makes everything
/// findable, if that is wanted.
async fn index_all(
    tenant: Tenant,
    mut groups: mpsc::Receiver<()>,
    flush: bool,
) -> Result<(), StoreError> {
    while groups.recv().await.is_some() {
        // What is gathered and not sealed in the end would be gathered again.
        if flush {
            tenant.advance_index(false).await?;
        }
    }
    if flush {
        tenant.advance_index(true).await?;
    }
    Ok(())
}

/// Follows admission with the log, to its end.
async fn log_all(
    tenant: Tenant,
    mut groups: mpsc::Receiver<()>,
    to_its_end: bool,
) -> Result<(), StoreError> {
    while groups.recv().await.is_some() {
        tenant.advance_log().await?;
    }
    if to_its_end {
        tenant.advance_log().await?;
    }
    Ok(())
}

/// What a dry run has seen: it stores nothing, so it remembers digests itself.
#[derive(Default)]
struct DryRun(BTreeSet<[u8; 16]>);

impl DryRun {
    async fn look(
        &mut self,
        tenant: &Tenant,
        items: &[Prepared],
    ) -> Result<Vec<(Outcome, u64)>, ImportError> {
        let stored = tenant.known(items).await?;
        let outcome = |item: &Prepared, known: bool| {
            let digest: Digest = item.digest();
            let first = digest.0.first_chunk::<16>().copied().unwrap_or_default();
            let new = self.0.insert(first) && !known;
            let outcome = if new {
                Outcome::Stored(digest)
            } else {
                Outcome::Duplicate(digest)
            };
            (outcome, item.size())
        };
        let mut outcome = outcome;
        Ok(items
            .iter()
            .zip(stored)
            .map(|(item, known)| outcome(item, known))
            .collect())
    }
}
