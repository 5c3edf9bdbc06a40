//! An object store whose n-th effect goes wrong.
//!
//! It counts what is asked of the store below it and, at the chosen count, refuses, does the
//! work and loses the answer, or leaves half of the bytes. After that the store either works
//! again (a transient error) or answers nothing any more (the process or the machine died): a
//! test then drops its store and opens another over the same objects, healthy.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// An object in one request.
    Put,
    /// One part of a large object.
    Part,
    /// The request that makes a large object visible.
    Complete,
    /// The removal of an object.
    Delete,
    /// Reading an object or a range of it.
    Get,
}

/// How the chosen effect goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done.
    Refused,
    /// It is done; the caller hears of an error.
    AnswerLost,
    /// Half of the bytes lie under the name; the caller hears of an error. As after a power cut
    /// with a file system that had written the name and not all of the file. What has no bytes
    /// is refused.
    Torn,
}

impl Fault {
    /// Every way.
    pub const ALL: [Fault; 3] = [Fault::Refused, Fault::AnswerLost, Fault::Torn];
}

/// What follows the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Everything works again.
    Works,
    /// Nothing works any more. Large objects that were not complete have vanished.
    Dead,
}

impl After {
    /// Either.
    pub const ALL: [After; 2] = [After::Works, After::Dead];
}

/// Which effect goes wrong, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The effect's number, from 1, counted from when the plan was made known.
    pub at: u64,
    /// How it goes wrong.
    pub fault: Fault,
    /// What follows.
    pub after: After,
}

/// An object store that obeys a [`Plan`]. Clones share count and plan.
#[derive(Clone)]
pub struct Faults {
    below: Arc<dyn ObjectStore>,
    /// By which name its errors call it.
    name: &'static str,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    count: u64,
    plan: Option<Plan>,
    again: Option<Again>,
    tripped: Option<String>,
    failed: u64,
    dead: bool,
    closed: Option<Path>,
}

/// A plan that repeats.
#[derive(Clone, Copy)]
struct Again {
    every: u64,
    /// The number of the next effect that goes wrong.
    at: u64,
}

enum Verdict {
    Go,
    Fail(Fault),
}

fn injected(store: &'static str) -> Error {
    Error::Generic {
        store,
        source: "an injected fault".into(),
    }
}

impl Faults {
    /// A healthy store over `below`.
    pub fn over(below: Arc<dyn ObjectStore>) -> Self {
        Faults {
            below,
            name: "faults",
            state: Arc::default(),
        }
    }

    /// The same, whose errors are those of the client of this name: who hears of them may look
    /// at where they are from.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Faults { name, ..self }
    }

    /// Counts from now on, and obeys `plan`.
    pub fn obey(&self, plan: Plan) {
        *self.state() = State {
            plan: Some(plan),
            ..State::default()
        };
    }

    /// From now on every `n`-th effect goes wrong, in turn refused and done without an answer;
    /// everything works between. What tears files leaves this store no chance to go on, and is
    /// not among it. Asked again, only the distance changes: the turns go on.
    pub fn every(&self, n: u64) {
        let mut state = self.state();
        let n = n.max(1);
        state.plan = None;
        state.again = Some(Again {
            every: n,
            at: state.count + n,
        });
    }

    /// Nothing goes wrong from now on.
    pub fn heal(&self) {
        *self.state() = State::default();
    }

    /// Every effect on objects below `prefix` is refused until [`Faults::heal`]: one part of
    /// the store is down.
    pub fn close(&self, prefix: &str) {
        self.state().closed = Some(Path::from(prefix));
    }

    /// Effects since [`Faults::obey`].
    pub fn count(&self) -> u64 {
        self.state().count
    }

    /// How many effects went wrong by [`Faults::every`].
    pub fn failed(&self) -> u64 {
        self.state().failed
    }

    /// The effect that went wrong, if it was reached.
    pub fn tripped(&self) -> Option<String> {
        self.state().tripped.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, effect: Effect, location: &Path) -> Verdict {
        let mut state = self.state();
        let closed = state
            .closed
            .as_ref()
            .is_some_and(|closed| location.prefix_matches(closed));
        if state.dead || closed {
            return Verdict::Fail(Fault::Refused);
        }
        state.count += 1;
        if let Some(again) = state.again.filter(|again| again.at <= state.count) {
            let at = state.count + again.every;
            state.again = Some(Again { at, ..again });
            state.failed += 1;
            return Verdict::Fail(match state.failed % 2 {
                1 => Fault::Refused,
                _ => Fault::AnswerLost,
            });
        }
        match state.plan {
            Some(plan) if plan.at == state.count => {
                state.dead = plan.after == After::Dead;
                state.tripped = Some(format!("{effect:?} of {location}"));
                Verdict::Fail(plan.fault)
            }
            _ => Verdict::Go,
        }
    }

    /// Half of an object under its name, written past this store.
    async fn tear(&self, location: &Path, whole: &[Bytes]) -> Result<()> {
        let whole = whole.concat();
        let half = whole.get(..whole.len() / 2).unwrap_or_default();
        self.below
            .put(location, PutPayload::from(half.to_vec()))
            .await?;
        Ok(())
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faults over {}", self.below)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Does `work` or lets it go wrong; what has no bytes to tear is refused instead.
async fn plain<T>(
    store: &'static str,
    verdict: Verdict,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    match verdict {
        Verdict::Go => work.await,
        Verdict::Fail(Fault::AnswerLost) => {
            work.await?;
            Err(injected(store))
        }
        Verdict::Fail(Fault::Refused | Fault::Torn) => Err(injected(store)),
    }
}

impl ObjectStore for Faults {
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
        Box::pin(async move {
            let verdict = self.ask(Effect::Put, location);
            if let Verdict::Fail(Fault::Torn) = verdict {
                let whole: Vec<Bytes> = payload.iter().cloned().collect();
                self.tear(location, &whole).await?;
                return Err(injected(self.name));
            }
            plain(
                self.name,
                verdict,
                self.below.put_opts(location, payload, opts),
            )
            .await
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
        // Starting has no effect that anybody could see.
        Box::pin(async move {
            let below = self.below.put_multipart_opts(location, opts).await?;
            let upload = Upload {
                faults: self.clone(),
                location: location.clone(),
                below,
                sent: Vec::new(),
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
            let verdict = self.ask(Effect::Get, location);
            plain(self.name, verdict, self.below.get_opts(location, options)).await
        })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let faults = self.clone();
        let delete = move |location: Result<Path>| {
            let faults = faults.clone();
            async move {
                let location = location?;
                let verdict = faults.ask(Effect::Delete, &location);
                plain(faults.name, verdict, faults.below.delete(&location)).await?;
                Ok(location)
            }
        };
        locations.then(delete).boxed()
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
        Box::pin(async move {
            let verdict = self.ask(Effect::Put, to);
            plain(self.name, verdict, self.below.copy_opts(from, to, options)).await
        })
    }
}

/// A large object on its way; what was sent is kept, so that half of it can be left behind.
#[derive(Debug)]
struct Upload {
    faults: Faults,
    location: Path,
    below: Box<dyn MultipartUpload>,
    sent: Vec<Bytes>,
}

impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let verdict = self.faults.ask(Effect::Part, &self.location);
        if let Verdict::Fail(Fault::Refused | Fault::Torn) = verdict {
            let name = self.faults.name;
            return Box::pin(async move { Err(injected(name)) });
        }
        self.sent.extend(data.iter().cloned());
        let part = self.below.put_part(data);
        Box::pin(plain(self.faults.name, verdict, part))
    }

    fn complete<'a, 'c>(&'a mut self) -> BoxFuture<'c, Result<PutResult>>
    where
        'a: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let verdict = self.faults.ask(Effect::Complete, &self.location);
            if let Verdict::Fail(Fault::Torn) = verdict {
                self.below.abort().await.ok();
                self.faults.tear(&self.location, &self.sent).await?;
                return Err(injected(self.faults.name));
            }
            plain(self.faults.name, verdict, self.below.complete()).await
        })
    }

    fn abort<'a, 'c>(&'a mut self) -> BoxFuture<'c, Result<()>>
    where
        'a: 'c,
        Self: 'c,
    {
        self.below.abort()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

    use super::{After, Fault, Faults, Plan};

    fn stores() -> (Arc<dyn ObjectStore>, Faults) {
        let below: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        (below.clone(), Faults::over(below))
    }

    async fn read(store: &Arc<dyn ObjectStore>, path: &Path) -> Option<Bytes> {
        store.get(path).await.ok()?.bytes().await.ok()
    }

    #[tokio::test]
    async fn each_fault_leaves_what_it_says() {
        let path = Path::from("a/b");
        for (fault, left) in [
            (Fault::Refused, None),
            (Fault::AnswerLost, Some("whole")),
            (Fault::Torn, Some("wh")),
        ] {
            let (below, faults) = stores();
            faults.obey(Plan {
                at: 2,
                fault,
                after: After::Works,
            });
            faults
                .put(&Path::from("first"), PutPayload::from_static(b"1"))
                .await
                .unwrap();
            assert!(
                faults
                    .put(&path, PutPayload::from_static(b"whole"))
                    .await
                    .is_err()
            );
            assert_eq!(read(&below, &path).await, left.map(Bytes::from));
            assert_eq!(faults.tripped().as_deref(), Some("Put of a/b"));
            faults
                .put(&path, PutPayload::from_static(b"whole"))
                .await
                .unwrap();
            assert_eq!(read(&below, &path).await, Some(Bytes::from("whole")));
        }
    }

    #[tokio::test]
    async fn a_large_object_is_visible_when_it_is_complete() {
        let path = Path::from("large");
        for (fault, left) in [
            (Fault::Refused, None),
            (Fault::AnswerLost, Some("onetwo")),
            (Fault::Torn, Some("one")),
        ] {
            let (below, faults) = stores();
            faults.obey(Plan {
                at: 3,
                fault,
                after: After::Dead,
            });
            let mut upload = faults.put_multipart(&path).await.unwrap();
            upload
                .put_part(PutPayload::from_static(b"one"))
                .await
                .unwrap();
            upload
                .put_part(PutPayload::from_static(b"two"))
                .await
                .unwrap();
            assert_eq!(read(&below, &path).await, None);
            assert!(upload.complete().await.is_err());
            assert_eq!(read(&below, &path).await, left.map(Bytes::from));
            assert!(
                faults.get(&path).await.is_err(),
                "nothing works after death"
            );
            assert_eq!(faults.count(), 3);
        }
    }

    #[tokio::test]
    async fn a_plan_that_repeats_takes_turns() {
        let (below, faults) = stores();
        let faults = faults.named("S3");
        faults.every(3);
        let mut failed = Vec::new();
        for number in 1..=8 {
            let path = Path::from(format!("{number}"));
            if let Err(error) = faults.put(&path, PutPayload::from_static(b"x")).await {
                assert!(error.to_string().contains("S3"), "{error}");
                failed.push((number, read(&below, &path).await.is_some()));
            }
            if number == 6 {
                faults.every(2);
            }
        }
        assert_eq!(failed, [(3, false), (6, true), (8, false)]);
        assert_eq!(faults.failed(), 3);
        faults.heal();
        assert!(faults.get(&Path::from("1")).await.is_ok());
    }

    #[tokio::test]
    async fn one_folder_can_be_down() {
        let (_, faults) = stores();
        faults.close("objects/splits");
        assert!(
            faults
                .put(
                    &Path::from("objects/splits/a"),
                    PutPayload::from_static(b"1")
                )
                .await
                .is_err()
        );
        faults
            .put(
                &Path::from("objects/packs/a"),
                PutPayload::from_static(b"1"),
            )
            .await
            .unwrap();
        faults.heal();
        faults
            .put(
                &Path::from("objects/splits/a"),
                PutPayload::from_static(b"1"),
            )
            .await
            .unwrap();
        faults
            .delete(&Path::from("objects/splits/a"))
            .await
            .unwrap();
    }
}
