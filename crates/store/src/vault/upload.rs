//! Writing an object whose size is not known before: small ones in one request, large
//! ones in parts. Nothing is visible under the name, and nothing is promised, before
//! [`Upload::finish`] returned; then it is durable.

use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};

use crate::error::Result;

/// Size of the parts of a large object. S3 wants at least 5 MiB; all but the last are equal.
const PART: usize = 8 << 20;

/// An object being written.
pub(crate) struct Upload {
    objects: Arc<dyn ObjectStore>,
    path: Path,
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    parts: Option<Box<dyn MultipartUpload>>,
    written: u64,
}

impl Upload {
    pub(crate) fn new(objects: Arc<dyn ObjectStore>, path: Path) -> Self {
        Upload {
            objects,
            path,
            waiting: Vec::new(),
            waiting_bytes: 0,
            parts: None,
            written: 0,
        }
    }

    /// Bytes given so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Appends bytes.
    pub(crate) async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        self.written += bytes.len() as u64;
        while self.waiting_bytes + bytes.len() >= PART {
            let head = bytes.split_to(PART - self.waiting_bytes);
            self.waiting.push(head);
            self.waiting_bytes = 0;
            let payload = PutPayload::from_iter(std::mem::take(&mut self.waiting));
            self.put_part(payload).await?;
        }
        if !bytes.is_empty() {
            self.waiting_bytes += bytes.len();
            self.waiting.push(bytes);
        }
        Ok(())
    }

    async fn put_part(&mut self, payload: PutPayload) -> Result<()> {
        let parts = match &mut self.parts {
            Some(parts) => parts,
            None => self
                .parts
                .insert(self.objects.put_multipart(&self.path).await?),
        };
        let sent = parts.put_part(payload).await;
        if sent.is_err() {
            self.abort().await;
        }
        Ok(sent?)
    }

    /// Makes the object durable under its name; returns its size.
    pub(crate) async fn finish(mut self) -> Result<u64> {
        let payload = PutPayload::from_iter(std::mem::take(&mut self.waiting));
        if self.parts.is_none() {
            self.objects.put(&self.path, payload).await?;
            return Ok(self.written);
        }
        if payload.content_length() > 0 {
            self.put_part(payload).await?;
        }
        if let Some(mut parts) = self.parts.take() {
            parts.complete().await?;
        }
        Ok(self.written)
    }

    /// Drops what was sent. Best effort: what remains is an orphan that fsck removes.
    pub(crate) async fn abort(&mut self) {
        if let Some(mut parts) = self.parts.take() {
            parts.abort().await.ok();
        }
    }
}
