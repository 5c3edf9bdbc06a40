//! Whether an object store does what it says. Some answer 200 to what they never did.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use super::ObjectLock;
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::keys::object_name;

/// The smallest part that S3 takes before the last.
const PART: usize = 5 << 20;

/// Writes, reads and removes a few objects of its own below `probe/`. A store that takes a second
/// object of the same name where only a new one was allowed, loses bytes, or keeps what was
/// removed, is refused by name; `parts` tries a large object sent in parts, too.
pub(crate) async fn probe(objects: &dyn ObjectStore, name: &str, parts: bool) -> Result<()> {
    match try_out(objects, parts).await? {
        None => Ok(()),
        Some(lie) => Err(StoreError::Invalid(format!(
            "{name} cannot hold an archive: it {lie}; use a store that keeps to the S3 protocol"
        ))),
    }
}

/// The first thing that is not as it was answered.
async fn try_out(objects: &dyn ObjectStore, parts: bool) -> Result<Option<&'static str>> {
    let path = probe_path()?;
    let tried = only_once(objects, &path).await;
    let removed = objects.delete(&path).await;
    if let Some(lie) = tried? {
        return Ok(Some(lie));
    }
    removed?;
    match objects.get(&path).await {
        Err(Error::NotFound { .. }) => {}
        Ok(_) => return Ok(Some("keeps what was deleted")),
        Err(error) => return Err(error.into()),
    }
    if !parts {
        return Ok(None);
    }
    // Of another name: what removed the first may arrive once more.
    let path = probe_path()?;
    let tried = in_parts(objects, &path).await;
    objects.delete(&path).await?;
    tried
}

/// The path of an object that nobody else has.
fn probe_path() -> Result<Path> {
    let name = object_name()?;
    let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Path::from_iter(["probe", hex.as_str()]))
}

async fn only_once(objects: &dyn ObjectStore, path: &Path) -> Result<Option<&'static str>> {
    let (first, second) = (Bytes::from_static(b"first"), Bytes::from_static(b"second"));
    let create = || PutOptions::from(PutMode::Create);
    objects
        .put_opts(path, PutPayload::from(first.clone()), create())
        .await?;
    match objects
        .put_opts(path, PutPayload::from(second), create())
        .await
    {
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
        Ok(_) => return Ok(Some("ignores If-None-Match and replaced an object")),
        Err(error) => return Err(error.into()),
    }
    if objects.get(path).await?.bytes().await? != first {
        return Ok(Some("gave back other bytes than were put"));
    }
    if objects.get_range(path, 1..3).await? != first.slice(1..3) {
        return Ok(Some("gave back other bytes than the range asked for"));
    }
    if objects.head(path).await?.size != first.len() as u64 {
        return Ok(Some("says another length than was put"));
    }
    Ok(None)
}

async fn in_parts(objects: &dyn ObjectStore, path: &Path) -> Result<Option<&'static str>> {
    let parts = [Bytes::from(vec![0x5a; PART]), Bytes::from_static(b"tail")];
    let mut upload = objects.put_multipart(path).await?;
    for part in &parts {
        upload.put_part(PutPayload::from(part.clone())).await?;
    }
    upload.complete().await?;
    let (whole, edge) = ((PART + 4) as u64, PART as u64 - 1..PART as u64 + 4);
    let found = objects.get_range(path, edge).await?;
    if objects.head(path).await?.size != whole || found.as_ref() != b"\x5atail" {
        return Ok(Some("puts the parts of a large object together wrongly"));
    }
    Ok(None)
}

/// So long is the object locked that a probe of Object Lock leaves behind, in seconds.
const LOCKED: i64 = 60;

/// Locks a small object for a minute and tries to remove it. A store that takes the lock and
/// forgets it, or removes what is locked, is refused by name. The object stays until its date.
pub(crate) async fn probe_lock(
    objects: &dyn ObjectStore,
    lock: &ObjectLock,
    name: &str,
) -> Result<()> {
    let refuse = |lie: &str| {
        Err(StoreError::Invalid(format!(
            "{name} cannot be worm: it {lie}; use a bucket that was made with Object Lock"
        )))
    };
    let path = probe_path()?;
    objects
        .put(&path, PutPayload::from_static(b"locked"))
        .await?;
    let until = now_us() / 1_000_000 + LOCKED;
    let locked = match lock.retain(&path, until).await {
        Ok(()) => lock.retention(&path).await?,
        Err(StoreError::Object(_)) => None,
        Err(error) => return Err(error),
    };
    if !locked.is_some_and(|locked| locked.compliance && locked.until >= until) {
        objects.delete(&path).await?;
        return refuse("has no Object Lock");
    }
    for version in lock.versions(&path).await? {
        if lock.remove_version(&path, &version).await? {
            return refuse("removes what is locked");
        }
    }
    if lock.retain(&path, until - LOCKED / 2).await.is_ok()
        && lock
            .retention(&path)
            .await?
            .is_none_or(|now| now.until < until)
    {
        return refuse("makes locks shorter");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;
    use everpost_testkit::lies::{Liar, Lie};
    use object_store::memory::InMemory;
    use std::sync::Arc;

    #[tokio::test]
    async fn an_honest_store_passes_and_nothing_is_left() {
        let store = InMemory::new();
        probe(&store, "here", true).await.unwrap();
        let left: Vec<_> = futures::TryStreamExt::try_collect(store.list(None))
            .await
            .unwrap();
        assert!(left.is_empty(), "{left:?}");
    }

    #[tokio::test]
    async fn whoever_lies_is_refused_by_name() {
        for lie in Lie::ALL {
            let store = Liar::over(Arc::new(InMemory::new()), lie);
            let error = probe(&store, "the liar", true)
                .await
                .unwrap_err()
                .to_string();
            assert!(error.contains("the liar cannot hold"), "{lie:?}: {error}");
        }
    }
}
