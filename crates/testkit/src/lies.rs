//! An object store that answers "done" to what it did not do, as some real ones do.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetRange, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};

/// What it says and does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// "Only if there is none" replaces what is there.
    Replaces,
    /// Deleting does nothing.
    Keeps,
    /// The last byte of an object is not kept.
    Truncates,
    /// A range begins a byte early.
    Shifts,
    /// The last part of a large object is not kept.
    DropsPart,
}

impl Lie {
    /// Every one.
    pub const ALL: [Lie; 5] = [
        Lie::Replaces,
        Lie::Keeps,
        Lie::Truncates,
        Lie::Shifts,
        Lie::DropsPart,
    ];
}

/// A store with one lie.
#[derive(Debug)]
pub struct Liar {
    below: Arc<dyn ObjectStore>,
    lie: Lie,
}

impl Liar {
    /// Lies about what it does to `below`.
    pub fn over(below: Arc<dyn ObjectStore>, lie: Lie) -> Self {
        Liar { below, lie }
    }
}

impl fmt::Display for Liar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a store with the lie {:?}", self.lie)
    }
}

impl ObjectStore for Liar {
    fn put_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Path,
        payload: PutPayload,
        mut opts: PutOptions,
    ) -> BoxFuture<'c, Result<PutResult>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let mut bytes: Bytes = payload.into();
            if self.lie == Lie::Replaces {
                opts.mode = PutMode::Overwrite;
            }
            if self.lie == Lie::Truncates {
                bytes.truncate(bytes.len().saturating_sub(1));
            }
            self.below.put_opts(location, bytes.into(), opts).await
        })
    }

    fn put_multipart_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Path,
        opts: PutMultipartOptions,
    ) -> BoxFuture<'c, Result<Box<dyn MultipartUpload>>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let below = self.below.put_multipart_opts(location, opts).await?;
            Ok(match self.lie {
                Lie::DropsPart => Box::new(FirstPart { below, sent: 0 }),
                _ => below,
            })
        })
    }

    fn get_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Path,
        mut options: GetOptions,
    ) -> BoxFuture<'c, Result<GetResult>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            if let (Lie::Shifts, Some(GetRange::Bounded(range))) = (self.lie, &mut options.range) {
                *range = range.start.saturating_sub(1)..range.end.saturating_sub(1);
            }
            self.below.get_opts(location, options).await
        })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        match self.lie {
            Lie::Keeps => locations.boxed(),
            _ => self.below.delete_stream(locations),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.below.list(prefix)
    }

    fn list_with_delimiter<'a, 'b, 'c>(
        &'a self,
        prefix: Option<&'b Path>,
    ) -> BoxFuture<'c, Result<ListResult>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.below.list_with_delimiter(prefix)
    }

    fn copy_opts<'a, 'b, 'd, 'c>(
        &'a self,
        from: &'b Path,
        to: &'d Path,
        options: CopyOptions,
    ) -> BoxFuture<'c, Result<()>>
    where
        'a: 'c,
        'b: 'c,
        'd: 'c,
        Self: 'c,
    {
        self.below.copy_opts(from, to, options)
    }
}

/// A large object of which only the first part is kept.
#[derive(Debug)]
struct FirstPart {
    below: Box<dyn MultipartUpload>,
    sent: u64,
}

impl MultipartUpload for FirstPart {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.sent += 1;
        match self.sent {
            1 => self.below.put_part(data),
            _ => Box::pin(async { Ok(()) }),
        }
    }

    fn complete<'a, 'b>(&'a mut self) -> BoxFuture<'b, Result<PutResult>>
    where
        'a: 'b,
        Self: 'b,
    {
        self.below.complete()
    }

    fn abort<'a, 'b>(&'a mut self) -> BoxFuture<'b, Result<()>>
    where
        'a: 'b,
        Self: 'b,
    {
        self.below.abort()
    }
}
