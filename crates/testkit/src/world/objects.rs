//! The objects of a world, as one node reaches them: an S3 store behind a bad line.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result, UploadPart,
};

use super::turnstile::Later;
use super::{Effect, Fate, LAG, Node, State};

/// The world's objects through the eyes of a node.
#[derive(Clone)]
pub struct Objects {
    node: Node,
    below: Arc<InMemory>,
}

/// What the client of an S3 store says of a server that did not answer.
fn unanswered() -> Error {
    Error::Generic {
        store: "S3",
        source: "an injected fault".into(),
    }
}

impl State {
    /// A path for the trace: random names are told by the order in which they were met.
    fn shown(&mut self, path: &Path) -> String {
        let is_random =
            |part: &str| part.len() == 32 && part.bytes().all(|b| b.is_ascii_hexdigit());
        let text = path.as_ref();
        match text.rsplit_once('/') {
            Some((folder, name)) if is_random(name) => {
                let next = self.names.len();
                let number = self.names.entry(name.to_owned()).or_insert(next);
                let kind = folder.split('/').nth(1).unwrap_or(folder);
                format!("{kind} {number}")
            }
            _ => text.to_owned(),
        }
    }
}

impl Node {
    /// The objects as this node reaches them.
    pub fn objects(&self) -> Objects {
        Objects {
            node: self.clone(),
            below: self.world().objects(),
        }
    }
}

impl Objects {
    async fn arrive(&self, effect: Effect, path: &Path) -> super::Passage {
        let shown = self.node.world().state().shown(path);
        self.node.arrive(effect, &shown).await
    }

    async fn write(
        &self,
        effect: Effect,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let passage = self.arrive(effect, path).await;
        let fate = passage.fate();
        if fate == Fate::Forgotten {
            return self.below.put(&Path::from("forgotten"), payload).await;
        }
        if matches!(fate, Fate::Late | Fate::DiedBefore | Fate::Doubled) {
            let (path, payload) = (path.clone(), payload.clone());
            self.node.later(Later::Put(path, payload, options.clone()));
        }
        if !matches!(
            fate,
            Fate::Go | Fate::Unheard | Fate::Doubled | Fate::DiedAfter
        ) {
            return Err(unanswered());
        }
        let done = self.below.put_opts(path, payload, options).await;
        if done.is_ok() {
            let mut state = self.node.world().state();
            let now = state.clock;
            state.born.insert(path.clone(), now);
        }
        match fate.is_told() {
            true => done,
            false => Err(unanswered()),
        }
    }

    async fn remove(&self, path: &Path) -> Result<()> {
        let passage = self.arrive(Effect::Delete, path).await;
        let fate = passage.fate();
        if matches!(fate, Fate::Late | Fate::DiedBefore | Fate::Doubled) {
            self.node.later(Later::Delete(path.clone()));
        }
        if matches!(
            fate,
            Fate::Go | Fate::Unheard | Fate::Doubled | Fate::DiedAfter
        ) {
            // What is not there is gone, says S3.
            self.below.delete(path).await.ok();
        }
        match fate.is_told() {
            true => Ok(()),
            false => Err(unanswered()),
        }
    }

    async fn ask(&self, effect: Effect, path: &Path) -> Result<super::Passage> {
        let passage = self.arrive(effect, path).await;
        match passage.fate().is_told() {
            true => Ok(passage),
            false => Err(unanswered()),
        }
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the world's objects, from node {}", self.node.number())
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl ObjectStore for Objects {
    fn put_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> BoxFuture<'c, Result<PutResult>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(self.write(Effect::Put, location, payload, opts))
    }

    fn put_multipart_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Path,
        _opts: PutMultipartOptions,
    ) -> BoxFuture<'c, Result<Box<dyn MultipartUpload>>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        // Starting has no effect that anybody could see.
        Box::pin(async move {
            let upload = Upload {
                objects: self.clone(),
                location: location.clone(),
                parts: Vec::new(),
            };
            Ok(Box::new(upload) as Box<dyn MultipartUpload>)
        })
    }

    fn get_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Path,
        options: GetOptions,
    ) -> BoxFuture<'c, Result<GetResult>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let _passage = self.ask(Effect::Get, location).await?;
            self.below.get_opts(location, options).await
        })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let objects = self.clone();
        let delete = move |location: Result<Path>| {
            let objects = objects.clone();
            async move {
                let location = location?;
                objects.remove(&location).await?;
                Ok(location)
            }
        };
        locations.then(delete).boxed()
    }

    /// What came lately may be missing: a listing that lags.
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (objects, prefix) = (self.clone(), prefix.cloned());
        let listing = async move {
            let path = prefix.clone().unwrap_or_default();
            if let Err(error) = objects.ask(Effect::List, &path).await {
                return vec![Err(error)];
            }
            let found: Vec<_> = objects.below.list(prefix.as_ref()).collect().await;
            let mut found: Vec<ObjectMeta> = found.into_iter().flatten().collect();
            // The order of random names would be another in each run.
            let state = objects.node.world().state();
            let now = state.clock;
            for object in &mut found {
                let born = state.born.get(&object.location).copied().unwrap_or(now);
                let off = born - object.last_modified.timestamp_micros();
                let time = Duration::from_micros(off.unsigned_abs());
                object.last_modified = match off < 0 {
                    true => object.last_modified - time,
                    false => object.last_modified + time,
                };
            }
            let number = |object: &ObjectMeta| {
                let name = object.location.filename().unwrap_or_default();
                (state.names.get(name).copied(), object.location.clone())
            };
            found.sort_by_key(number);
            found.retain(|object| object.last_modified.timestamp_micros() <= now - LAG);
            found.into_iter().map(Ok).collect()
        };
        futures::stream::once(listing)
            .flat_map(futures::stream::iter)
            .boxed()
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
        Box::pin(async move {
            let path = prefix.cloned().unwrap_or_default();
            let _passage = self.ask(Effect::List, &path).await?;
            self.below.list_with_delimiter(prefix).await
        })
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
        Box::pin(async move {
            let _passage = self.ask(Effect::Put, to).await?;
            self.below.copy_opts(from, to, options).await
        })
    }
}

/// A large object on its way. Nothing lies under its name before it is complete.
#[derive(Debug)]
struct Upload {
    objects: Objects,
    location: Path,
    parts: Vec<PutPayload>,
}

impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        // A part that is lost is not completed: its caller was told.
        self.parts.push(data);
        let (objects, location) = (self.objects.clone(), self.location.clone());
        Box::pin(async move { objects.ask(Effect::Part, &location).await.map(drop) })
    }

    fn complete<'a, 'c>(&'a mut self) -> BoxFuture<'c, Result<PutResult>>
    where
        'a: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let parts = std::mem::take(&mut self.parts);
            let whole: PutPayload = parts.iter().flatten().cloned().collect();
            let options = PutOptions::from(PutMode::Overwrite);
            self.objects
                .write(Effect::Complete, &self.location, whole, options)
                .await
        })
    }

    fn abort<'a, 'c>(&'a mut self) -> BoxFuture<'c, Result<()>>
    where
        'a: 'c,
        Self: 'c,
    {
        self.parts.clear();
        Box::pin(async { Ok(()) })
    }
}
