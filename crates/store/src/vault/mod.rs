//! The vault: message bytes in packs in the object store.

mod doom;
pub(crate) mod pack;
mod upload;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use sqlx::AnyConnection;

use crate::cache::Cache;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::keys::TenantKeys;
use crate::objects::{Credentials, Volumes};
use crate::seal::Key;
use pack::{FrameAt, Name};

pub(crate) use doom::{Doomed, ObjectKind};
pub(crate) use upload::Upload;
pub(crate) use write::{FrameKind, PackWriter, Run, WrittenPack, may_be_named};

/// Larger runs are cut into pieces of this size, each a frame of its own (design: parts
/// above 4 MiB are cut every 4 MiB), so that no reader or writer holds more at once.
pub(crate) const PIECE: usize = 4 << 20;

/// The object store and the frames opened last.
pub(crate) struct Vault {
    /// The store's own place.
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// That, and what storage classes rest on.
    pub(crate) volumes: Arc<Volumes>,
    frames: Cache<i64, Bytes>,
}

/// One frame as the catalog knows it.
pub(crate) struct FrameRow {
    pub(crate) id: i64,
    pub(crate) volume: i64,
    pub(crate) pack: Name,
    pub(crate) number: u32,
    pub(crate) place: FrameAt,
    pub(crate) key: Vec<u8>,
}

/// AAD of a wrapped frame key.
pub(crate) fn frame_label(pack: &Name, number: u32) -> Vec<u8> {
    [b"frame".as_slice(), pack, &number.to_le_bytes()].concat()
}

/// `objects/KIND/AB/ABCD…` of a random name.
pub(crate) fn object_path(kind: &str, name: &Name) -> Path {
    let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    let folder: String = hex.chars().take(2).collect();
    Path::from_iter(["objects", kind, folder.as_str(), hex.as_str()])
}

impl Vault {
    pub(crate) fn new(
        objects: Arc<dyn ObjectStore>,
        credentials: Credentials,
        cache_bytes: usize,
    ) -> Self {
        let volumes = Arc::new(Volumes::new(objects, credentials));
        Self::over(volumes, cache_bytes)
    }

    /// The same volumes with nothing opened: what it gives comes from the objects.
    pub(crate) fn over(volumes: Arc<Volumes>, cache_bytes: usize) -> Self {
        Vault {
            objects: volumes.main(),
            volumes,
            frames: Cache::new(cache_bytes),
        }
    }

    /// Opens a frame, from the cache if it was opened lately.
    pub(crate) async fn frame(&self, keys: &TenantKeys, row: &FrameRow) -> Result<Bytes> {
        if let Some(plain) = self.frames.get(&row.id) {
            return Ok(plain);
        }
        let plain = Bytes::from(self.open(keys, row).await?);
        self.frames.put(row.id, plain.len(), plain.clone());
        Ok(plain)
    }

    /// Opens a frame from the object store, past the cache: what verification does.
    pub(crate) async fn open(&self, keys: &TenantKeys, row: &FrameRow) -> Result<Vec<u8>> {
        let path = object_path("packs", &row.pack);
        let item = || format!("frame {} of {path}", row.number);
        let key = keys
            .unwrap(&frame_label(&row.pack, row.number), &row.key)
            .ok_or_else(|| StoreError::damaged(item(), "its key does not open"))?;
        let volume = self.volumes.of(row.volume)?;
        let open = |bytes: &Bytes| {
            pack::open_frame(keys.tenant, &row.pack, row.number, &key, bytes)
                .map_err(|what| StoreError::damaged(item(), what))
        };
        let range = row.place.range();
        let bytes = match volume.get_range(&path, range.clone()).await {
            Ok(bytes) => bytes,
            Err(object_store::Error::NotFound { .. }) => {
                return Err(StoreError::damaged(
                    format!("{path}"),
                    "the object is missing",
                ));
            }
            Err(error) => {
                // A truncated object shows as a range that cannot be read.
                let size = volume.objects.head(&path).await?.size;
                if size < range.end {
                    return Err(StoreError::damaged(item(), "the object ends before it"));
                }
                return Err(error.into());
            }
        };
        match open(&bytes) {
            Ok(plain) => Ok(plain),
            // Somebody may have put another object over one that was locked.
            Err(error) => match volume.first_version(&path, range).await {
                Some(first) => open(&first),
                None => Err(error),
            },
        }
    }

    /// Hands the bytes of a run to `out`, piece by piece.
    pub(crate) async fn read_run(
        &self,
        db: &mut AnyConnection,
        keys: &TenantKeys,
        run: Run,
        mut out: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut rest = run.length;
        let mut frame = run.frame;
        let mut at = usize::try_from(run.at).unwrap_or(usize::MAX);
        while rest > 0 {
            let plain = match self.frames.get(&frame) {
                Some(plain) => plain,
                None => {
                    let row = frame_row(db, keys.tenant, frame).await?;
                    if !self.volumes.knows(row.volume) {
                        self.learn_volumes(db, keys).await?;
                    }
                    self.frame(keys, &row).await?
                }
            };
            let here = plain
                .get(at..)
                .filter(|bytes| !bytes.is_empty())
                .ok_or_else(|| {
                    StoreError::damaged(format!("frame {frame}"), "a run lies outside of it")
                })?;
            let take = usize::try_from(rest).unwrap_or(usize::MAX).min(here.len());
            out(here.get(..take).unwrap_or(here))?;
            rest -= take as u64;
            frame += 1;
            at = 0;
        }
        Ok(())
    }

    /// Forgets opened frames, as after their keys were destroyed.
    pub(crate) fn forget(&self) {
        self.frames.retain(|_| false);
    }
}

/// Looks one frame up.
pub(crate) async fn frame_row(db: &mut AnyConnection, tenant: i64, frame: i64) -> Result<FrameRow> {
    let row = sql::fetch_optional(db, statements::FRAME, values![tenant, frame])
        .await?
        .ok_or_else(|| {
            StoreError::damaged(format!("frame {frame}"), "the catalog does not know it")
        })?;
    read_frame_row(&row)
}

/// Reads a row of id, pack name, number, at, sealed, plain, key, volume.
pub(crate) fn read_frame_row(row: &sqlx::any::AnyRow) -> Result<FrameRow> {
    let number = |column| -> Result<u32> {
        u32::try_from(row.int(column)?)
            .map_err(|_| StoreError::damaged("frame row", "a number is out of bounds"))
    };
    Ok(FrameRow {
        id: row.int(0)?,
        volume: row.int(7)?,
        pack: row.array(1)?,
        number: number(2)?,
        place: FrameAt {
            at: row.int(3)?.try_into().unwrap_or(0),
            sealed: number(4)?,
            plain: number(5)?,
        },
        key: row.blob(6)?,
    })
}

/// Rows of a durable pack and its frames, in a bucket on a volume; returns the id of the first
/// frame.
pub(crate) async fn list_pack(
    db: &mut AnyConnection,
    tenant: i64,
    (bucket, volume): (i64, i64),
    pack: &WrittenPack,
    generation: i64,
) -> Result<i64> {
    pack.may_be_named()?;
    let id = take_ids(db, Counter::Pack, 1).await?;
    let first = take_ids(db, Counter::Frame, pack.frames.len()).await?;
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let (name, size) = (pack.name.to_vec(), signed(pack.size));
    let row = values![id, tenant, bucket, name, size, now_us(), generation, volume];
    sql::execute(db, statements::INSERT_PACK, row).await?;
    let rows = (0i64..).zip(&pack.frames).map(|(number, frame)| {
        values![
            first + number,
            tenant,
            id,
            number,
            signed(frame.place.at),
            i64::from(frame.place.sealed),
            i64::from(frame.place.plain),
            frame.kind as i64,
            frame.key.clone(),
        ]
    });
    statements::INSERT_FRAMES
        .execute(db, rows.collect())
        .await?;
    Ok(first)
}

/// Wraps a frame's key for its row.
pub(crate) fn wrap_frame(
    keys: &TenantKeys,
    pack: &Name,
    number: u32,
    key: &Key,
) -> Result<Vec<u8>> {
    keys.wrap(&frame_label(pack, number), key)
}
