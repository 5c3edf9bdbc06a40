//! What is stored, how large it is, and how far index and log are.

use axum::Json;
use axum::extract::State;
use everpost_domain::access::{Action, Object};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::problem::Problem;

/// What is stored.
#[derive(Serialize, ToSchema)]
pub(crate) struct StorageView {
    messages: u64,
    copies: u64,
    /// Bytes of distinct copies as they came in.
    raw_bytes: u64,
    /// Bytes on disk: packs, index, log and catalog.
    stored_bytes: u64,
    /// Bytes that were not kept twice.
    saved_by_deduplication: u64,
    /// Bytes that compression took away.
    saved_by_compression: u64,
    index_bytes: u64,
    log_bytes: u64,
    catalog_bytes: u64,
    lag: Lag,
    /// The newest signed state of the log; null before the first.
    checkpoint: Option<CheckpointView>,
    mailboxes: Vec<MailboxView>,
    /// By the year from which mail is held.
    ages: Vec<AgeView>,
    extraction: ExtractionView,
}

/// Events that were not reached yet.
#[derive(Serialize, ToSchema)]
pub(crate) struct Lag {
    index: u64,
    log: u64,
    extraction: u64,
}

/// A signed state of the log.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckpointView {
    /// Leaves.
    size: u64,
    /// The newest admission under it.
    time: String,
    root: String,
    key: String,
}

/// What a mailbox holds.
#[derive(Serialize, ToSchema)]
pub(crate) struct MailboxView {
    address: String,
    /// Copies that it holds.
    messages: u64,
    /// Their bytes. Copies that several mailboxes hold count in each.
    bytes: u64,
}

/// What is held from a year.
#[derive(Serialize, ToSchema)]
pub(crate) struct AgeView {
    year: i64,
    /// Copies.
    messages: u64,
    bytes: u64,
}

/// Distinct attachments by whether their text was read.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExtractionView {
    /// As a whole.
    read: u64,
    /// As a whole, and there is none.
    none: u64,
    /// Not, or in part.
    unknown: u64,
    /// Copies that nobody looked at yet.
    pending: u64,
}

/// Bytes of a log's tiles: 32 a hash, and a 256th of that a level above.
fn log_bytes(leaves: u64) -> u64 {
    let levels = std::iter::successors(Some(leaves), |count| Some(count / 256));
    levels.take_while(|count| *count > 0).sum::<u64>() * 32
}

/// What is stored, how large it is, and how far index and log are.
#[utoipa::path(get, path = "/storage", tag = "storage",
    responses((status = 200, body = StorageView), Problem))]
pub(crate) async fn storage(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<StorageView>, Problem> {
    caller.check(Action::Observe, Object::Organization)?;
    let status = app.tenant.status().await?;
    let usage = app.tenant.usage().await?;
    let ages = app.tenant.ages().await?;
    let texts = app.tenant.text_status().await?;
    let catalog_bytes = app.store.catalog_bytes().await?;
    let log_bytes = log_bytes(status.log_size);
    Ok(Json(StorageView {
        messages: status.messages,
        copies: status.copies,
        raw_bytes: status.raw_bytes,
        stored_bytes: status.pack_bytes + status.index_bytes + log_bytes + catalog_bytes,
        saved_by_deduplication: status.delivered_bytes.saturating_sub(status.distinct_bytes),
        saved_by_compression: status.distinct_bytes.saturating_sub(status.pack_bytes),
        index_bytes: status.index_bytes,
        log_bytes,
        catalog_bytes,
        lag: Lag {
            index: status.index_lag,
            log: status.log_lag,
            extraction: texts.pending,
        },
        checkpoint: (status.log_size > 0).then_some(CheckpointView {
            size: status.log_size,
            time: status.last_admission,
            root: status.log_root,
            key: status.log_key,
        }),
        mailboxes: usage
            .into_iter()
            .map(|one| MailboxView {
                address: one.name,
                messages: one.copies,
                bytes: one.bytes,
            })
            .collect(),
        ages: ages
            .into_iter()
            .map(|one| AgeView {
                year: one.year,
                messages: one.copies,
                bytes: one.bytes,
            })
            .collect(),
        extraction: ExtractionView {
            read: texts.read - texts.empty,
            none: texts.empty,
            unknown: texts.gaps.iter().map(|(_, count)| count).sum(),
            pending: texts.pending,
        },
    }))
}
