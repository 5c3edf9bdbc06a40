//! The objects that a catalog names, and how one goes from a store of objects to another: piece by
//! piece, and what came is read back.

use std::collections::HashMap;
use std::sync::Arc;

use everpost_domain::digest::{Digest, Hasher};
use everpost_domain::log::{TILE_BYTES, TILE_WIDTH, Tile};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use sqlx::AnyConnection;

use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::error::{Result, StoreError};
use crate::follow::tile_path;
use crate::vault::{ObjectKind, Upload, object_path};

/// Bytes of an object that are held at a time.
const PIECE: u64 = 4 << 20;

/// Size and digest of an object.
pub(crate) type Content = (u64, Digest);

/// Every object that a catalog of any version names, and its size: memory grows with their number, not with their
/// bytes.
pub(crate) async fn named_objects(db: &mut AnyConnection) -> Result<Vec<(Path, u64)>> {
    let mut named = Vec::new();
    for kind in ObjectKind::ALL {
        let statement = match kind {
            ObjectKind::Pack => statements::PACKS_AFTER,
            ObjectKind::Split => statements::SPLITS_AFTER,
        };
        let mut after = 0;
        loop {
            let rows = sql::fetch(db, statement, values![after]).await?;
            for row in &rows {
                after = row.int(0)?;
                let size = u64::try_from(row.int(2)?).unwrap_or(0);
                named.push((object_path(kind.folder(), &row.array(1)?), size));
            }
            if rows.is_empty() {
                break;
            }
        }
    }
    for row in sql::fetch(db, statements::LOG_SIZES, vec![]).await? {
        let tenant = row.int(0)?;
        for tile in full_tiles(row.int(1)?.unsigned_abs()) {
            named.push((tile_path(tenant, &tile), TILE_BYTES as u64));
        }
    }
    Ok(named)
}

/// The packs of storage classes that rest on other volumes, each with its volume.
pub(crate) async fn on_volumes(db: &mut AnyConnection) -> Result<HashMap<Path, i64>> {
    let rows = sql::fetch(db, statements::PACKS_ON_VOLUMES, vec![]).await?;
    let read = |row: &sqlx::any::AnyRow| {
        let path = object_path(ObjectKind::Pack.folder(), &row.array(0)?);
        Ok((path, row.int(1)?))
    };
    rows.iter().map(read).collect()
}

/// The objects in the store's own place: those that go along when it moves.
pub(crate) async fn named_here(db: &mut AnyConnection) -> Result<Vec<(Path, u64)>> {
    let elsewhere = on_volumes(db).await?;
    let mut named = named_objects(db).await?;
    named.retain(|(path, _)| !elsewhere.contains_key(path));
    Ok(named)
}

/// The full tiles of a log: those that lie in the object store. The others rest in the catalog.
fn full_tiles(size: u64) -> impl Iterator<Item = Tile> {
    (0..8u8).flat_map(move |level| {
        let leaves = TILE_WIDTH.checked_pow(u32::from(level) + 1);
        let count = leaves.map_or(0, |leaves| size / leaves);
        (0..count).map(move |index| Tile::full(level, index))
    })
}

/// Copies the object at `path` of `from` to the place `to`, where it is durable afterwards. One that
/// is there and has the content `known` stays; where nobody knows what it should be, it is
/// compared with the original. Gives what was copied; `None`: there is nothing to copy.
pub(crate) async fn carry(
    from: &dyn ObjectStore,
    path: &Path,
    to: &Arc<dyn ObjectStore>,
    place: &Path,
    known: Option<Content>,
) -> Result<Option<Content>> {
    let there = size(to.as_ref(), place).await?;
    if let Some(known) = known
        && there == Some(known.0)
        && read(to.as_ref(), place, known.0, None).await? == known.1
    {
        return Ok(Some(known));
    }
    let Some(size) = size(from, path).await? else {
        return Ok(None);
    };
    if known.is_none() && there == Some(size) {
        let mine = read(from, path, size, None).await?;
        if read(to.as_ref(), place, size, None).await? == mine {
            return Ok(Some((size, mine)));
        }
    }
    let mut upload = Upload::new(to.clone(), place.clone());
    let sent = match read(from, path, size, Some(&mut upload)).await {
        Ok(sent) => sent,
        Err(error) => {
            upload.abort().await;
            return Err(error);
        }
    };
    upload.finish().await?;
    if read(to.as_ref(), place, size, None).await? != sent {
        let what = "it does not read back as it was written";
        return Err(StoreError::damaged(place.to_string(), what));
    }
    Ok(Some((size, sent)))
}

async fn size(objects: &dyn ObjectStore, path: &Path) -> Result<Option<u64>> {
    match objects.head(path).await {
        Ok(meta) => Ok(Some(meta.size)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads an object, hands its pieces on if somebody wants them, and gives its digest.
async fn read(
    objects: &dyn ObjectStore,
    path: &Path,
    size: u64,
    mut out: Option<&mut Upload>,
) -> Result<Digest> {
    let mut hasher = Hasher::new();
    let mut at = 0;
    while at < size {
        let end = size.min(at + PIECE);
        let bytes = objects.get_range(path, at..end).await?;
        hasher.update(&bytes);
        if let Some(out) = &mut out {
            out.write(bytes).await?;
        }
        at = end;
    }
    Ok(hasher.finish())
}
