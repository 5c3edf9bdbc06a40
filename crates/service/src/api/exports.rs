//! Exports: files with a manifest and proofs, packed for one download.

use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::body::{Body as Stream, Bytes};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use everpost_domain::access::Action;
use everpost_domain::query::parse;
use everpost_mail::export::{ExportError, ExportOptions, Format, export};
use everpost_store::{SpoolWriter, Spooled, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::app::App;
use crate::caller::Caller;
use crate::extract::{Body, number};
use crate::problem::Problem;

/// Where an export is put together: in memory, because nothing readable may lie on a disk.
const MEMORY: &str = "/dev/shm";
/// Raw bytes of an export, for that reason. Larger ones are the command line's, which writes
/// where its user says.
const LARGEST: u64 = 256 << 20;
/// Bytes of a download that are opened at a time.
const CHUNK: usize = 256 << 10;

/// What is to be exported.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ExportAsk {
    /// Which mail; empty is everything within reach.
    #[serde(default)]
    q: String,
    /// `eml`, `mbox`, `maildir`.
    format: String,
    /// The case: mail of its people and time instead of the caller's own.
    case: Option<i64>,
}

/// An export.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ExportView {
    /// Its number.
    id: i64,
    /// `running`, `done`, `failed`.
    state: &'static str,
    /// Copies done.
    done: u64,
    /// Copies there are.
    all: u64,
    /// Files or entries written: one a place.
    items: u64,
    /// Bytes of those messages.
    bytes: u64,
    /// Copies for which the query could not be decided; they are not in it.
    unknown: u64,
    /// Copies that could not be read; the manifest names them.
    failed: u64,
    /// SHA-256 of the manifest, as the log has it.
    manifest: Option<String>,
    /// Why it failed.
    reason: Option<String>,
}

/// An export on the board: whose it is, how far it is, and the packed file.
#[derive(Clone)]
pub(crate) struct Export {
    owner: String,
    view: ExportView,
    file: Option<Arc<Packed>>,
}

/// A packed export; removed when nobody remembers it.
struct Packed(Spooled);

impl Drop for Packed {
    fn drop(&mut self) {
        // What stays is removed when the service starts again.
        self.0.remove().ok();
    }
}

/// A directory in memory; removed with all that is in it.
struct Room(PathBuf);

impl Room {
    fn new() -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("everpost-{}-{count}", std::process::id());
        let path = FilePath::new(MEMORY).join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Room(path))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Begin an export. It is packed in the background; only who began it can fetch it.
#[utoipa::path(post, path = "/exports", tag = "exports", request_body = ExportAsk,
    responses((status = 202, body = ExportView), Problem))]
pub(crate) async fn start(
    State(app): State<App>,
    caller: Caller,
    Body(ask): Body<ExportAsk>,
) -> Result<(StatusCode, Json<ExportView>), Problem> {
    let reach = app.reach(&caller, Action::Export, ask.case).await?;
    let query = parse(&ask.q)?;
    let format: Format = ask
        .format
        .parse()
        .map_err(|_| Problem::invalid("the formats are eml, mbox and maildir"))?;
    reach.log(&app, &format!("export {}", ask.q)).await?;
    let options = ExportOptions {
        query,
        text: ask.q,
        format,
        scope: reach.scope,
        out: PathBuf::new(),
        actor: caller.name().into(),
        dry_run: true,
    };
    let view = ExportView {
        id: 0,
        state: "running",
        done: 0,
        all: 0,
        items: 0,
        bytes: 0,
        unknown: 0,
        failed: 0,
        manifest: None,
        reason: None,
    };
    let id = app.jobs.exports.add(Export {
        owner: caller.name().into(),
        view: view.clone(),
        file: None,
    });
    app.jobs.exports.change(id, |export| export.view.id = id);
    tokio::spawn({
        let app = app.clone();
        async move {
            let done = tokio::select! {
                () = app.stop.wait() => return,
                done = make(&app, id, options) => done,
            };
            app.jobs.exports.change(id, |export| match done {
                Ok(file) => {
                    export.file = Some(Arc::new(Packed(file)));
                    export.view.state = "done";
                }
                Err(why) => {
                    export.view.state = "failed";
                    export.view.reason = Some(why);
                }
            });
        }
    });
    Ok((StatusCode::ACCEPTED, Json(ExportView { id, ..view })))
}

/// Counts, exports into memory, packs and seals.
async fn make(app: &App, id: i64, mut options: ExportOptions) -> Result<Spooled, String> {
    let tell = |error: ExportError| {
        tracing::error!(export = id, %error, "an export failed");
        match error {
            ExportError::Nothing => "the archive is empty".to_string(),
            _ => "the archive could not do this".into(),
        }
    };
    let counted = export(&app.tenant, &options, |_| ()).await.map_err(tell)?;
    if counted.bytes > LARGEST {
        return Err(format!(
            "{} bytes are more than the {LARGEST} that are packed here; narrow the query, or use `everpost export`",
            counted.bytes
        ));
    }
    let turn = app.packing().await.map_err(|error| tell(error.into()))?;
    let room = Room::new().map_err(|error| {
        tracing::error!(%error, "no room in {MEMORY}");
        "there is no room in memory to put it together; use `everpost export`".to_string()
    })?;
    options.dry_run = false;
    options.out = room.0.join("export");
    let report = export(&app.tenant, &options, |progress| {
        app.jobs.exports.change(id, |export| {
            export.view.done = progress.done;
            export.view.all = progress.all;
        });
    })
    .await
    .map_err(tell)?;
    app.jobs.exports.change(id, |export| {
        export.view.items = report.items;
        export.view.bytes = report.bytes;
        export.view.unknown = report.unknown;
        export.view.failed = report.failed;
        export.view.manifest = report.manifest.map(|digest| digest.to_string());
    });
    let writer = app.tenant.spool().map_err(|error| tell(error.into()))?;
    // The room goes with the work, and only then is it another's turn.
    let packed = tokio::task::spawn_blocking(move || pack(&room.0, writer)).await;
    drop(turn);
    packed
        .unwrap_or(Err(StoreError::Stopped))
        .map_err(|error| tell(error.into()))
}

/// Packs a directory into a sealed ZIP file. Mail is compressed where it is stored, and the
/// wire is short: entries are only put one after the other.
fn pack(root: &FilePath, writer: SpoolWriter) -> Result<Spooled, StoreError> {
    let failed = |error: io::Error| StoreError::Disk(format!("packing an export: {error}"));
    let mut zip = ZipWriter::new_stream(writer);
    let mut open = vec![root.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy();
            let mut file = std::fs::File::open(&path).map_err(failed)?;
            let options = SimpleFileOptions::default().large_file(true);
            zip.start_file(name, options)
                .map_err(io::Error::from)
                .and_then(|()| io::copy(&mut file, &mut zip))
                .map_err(failed)?;
        }
    }
    let stream = zip.finish().map_err(io::Error::from).map_err(failed)?;
    stream.into_inner().finish()
}

fn found(app: &App, caller: &Caller, id: &str) -> Result<Export, Problem> {
    let number = number(id, "export")?;
    app.jobs
        .exports
        .get(number)
        .filter(|export| export.owner == caller.name())
        .ok_or_else(|| Problem::not_found(format!("export {id}")))
}

/// How far an export is.
#[utoipa::path(get, path = "/exports/{id}", tag = "exports",
    params(("id" = i64, Path, description = "The export")),
    responses((status = 200, body = ExportView), Problem))]
pub(crate) async fn one(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ExportView>, Problem> {
    Ok(Json(found(&app, &caller, &id)?.view))
}

/// The packed export: a ZIP file.
#[utoipa::path(get, path = "/exports/{id}/download", tag = "exports",
    params(("id" = i64, Path, description = "The export")),
    responses((status = 200, body = Vec<u8>, content_type = "application/zip"), Problem))]
pub(crate) async fn download(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let export = found(&app, &caller, &id)?;
    let Some(file) = export.file else {
        return Err(Problem::not_found(format!("finished export {id}")));
    };
    let failed = |error| Problem::from(StoreError::Disk(format!("an export: {error}")));
    let length = file.0.length().map_err(failed)?;
    let reader = file.0.open().map_err(failed)?;
    let chunks = futures::stream::try_unfold((reader, file), |(mut reader, file)| async move {
        let read = tokio::task::spawn_blocking(move || {
            let mut chunk = Vec::with_capacity(CHUNK);
            Read::by_ref(&mut reader)
                .take(CHUNK as u64)
                .read_to_end(&mut chunk)?;
            Ok::<_, io::Error>((chunk, reader))
        });
        let (chunk, reader) = read.await.map_err(io::Error::other)??;
        let more = (!chunk.is_empty()).then(|| (Bytes::from(chunk), (reader, file)));
        Ok::<_, io::Error>(more)
    });
    let name = format!("attachment; filename=\"everpost-export-{id}.zip\"");
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_string()),
        (header::CONTENT_DISPOSITION, name),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    Ok((headers, Stream::from_stream(chunks)).into_response())
}
