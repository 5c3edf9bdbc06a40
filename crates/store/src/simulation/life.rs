//! Running a world from its seed to the verdict.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use everpost_domain::digest::Digest;
use everpost_testkit::world::{Counts, Dice, Node, Weather, World};
use tokio::runtime::{Builder, Runtime};

use super::Here;
use super::ledger::{Broken, Ledger, Promise};
use super::post::Post;
use super::promises;
use super::sabotage::Sabotage;
use super::script::Script;
use crate::error::{Result, StoreError};
use crate::{Address, Bucket, Cluster, KeySource, Options, Store};

/// A world that does not end by then never will.
const PATIENCE: Duration = Duration::from_secs(100);
/// How often a node tries to open its store.
const OPENINGS: usize = 200;

/// What all nodes of a world share.
pub(super) struct Shared {
    pub(super) seed: u64,
    pub(super) world: World,
    pub(super) post: Post,
    folder: PathBuf,
    /// Each node keeps its own copy of the master key.
    own_keys: bool,
    /// The node that opened the archive first: its key is the right one.
    first: Mutex<Option<usize>>,
    ledger: Mutex<Ledger>,
}

/// How a world ended.
pub(super) struct End {
    pub(super) broken: Vec<Broken>,
    pub(super) trace: Vec<String>,
    pub(super) digest: Digest,
    pub(super) counts: Counts,
    /// Deliveries that came again because nobody could tell that they had come.
    pub(super) doubled: u64,
    pub(super) copies: u64,
}

impl Shared {
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a node opens its store.
    fn options(&self, node: &Node) -> Options {
        let catalog = self.folder.join("catalog.db");
        let cluster = Cluster {
            catalog: format!("sqlite://{}?mode=rwc", catalog.display()),
            objects: Bucket {
                name: "world".into(),
                ..Bucket::default()
            },
        };
        let data = self.folder.join(format!("node{}", node.number()));
        let mut options = Options::create(data);
        options.address = Address::Cluster(Box::new(cluster));
        options.key = Some(KeySource::File(self.key(node.number())));
        options.objects = Some(Arc::new(node.objects()));
        options
    }

    fn key(&self, number: usize) -> PathBuf {
        let number = if self.own_keys { number } else { 0 };
        self.folder.join(format!("master{number}.key"))
    }

    /// What an operator does about a node that has no key, or one that it made for an archive that
    /// another node made first.
    fn hand_key(&self, node: &Node) {
        let key = self.key(node.number());
        std::fs::remove_file(&key).ok();
        let first = *self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = first.filter(|first| *first != node.number()) {
            std::fs::copy(self.key(first), key).unwrap();
        }
    }

    /// Opens a node's store, as often as it takes.
    pub(super) async fn open(&self, node: &Node) -> Result<Store> {
        let mut tries = 0;
        loop {
            tries += 1;
            match Store::open(self.options(node)).await {
                Ok(opened) => {
                    let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
                    first.get_or_insert(node.number());
                    return Ok(opened.store);
                }
                Err(error) if !node.lives() => return Err(error),
                // A put of the probe's that lands late makes it think that the store lies.
                Err(StoreError::Unreachable(_) | StoreError::Invalid(_)) if tries < OPENINGS => {}
                Err(StoreError::Key(_)) if self.own_keys && tries < OPENINGS => {
                    self.hand_key(node);
                }
                Err(error) => {
                    let what = format!("node {} cannot open: {error}", node.number());
                    self.ledger().break_promise(Promise::Works, what);
                    return Err(error);
                }
            }
            // An operator takes a moment, too: a cut ends, and a node that made the archive gets to the end of it.
            node.sleep(Duration::from_secs(1)).await;
        }
    }

    /// One life of a node; true if it came to the end of its script.
    async fn live(&self, node: &Node, script: &mut Script) -> bool {
        let Ok(mut store) = self.open(node).await else {
            return node.lives();
        };
        while let Some(verb) = script.next(self) {
            self.world.note(format!("{} {verb:?}", node.number()));
            store = match script.play(verb, store, node, self).await {
                Some(store) if node.lives() => store,
                _ => return node.lives(),
            };
        }
        // Whether it could say goodbye or not.
        store.close().await.ok();
        node.lives()
    }
}

/// In memory, where the system has such a folder: what is durable is the world's to say.
fn scratch() -> std::io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    }
}

/// A runtime all of whose threads are a node's, as this one is.
fn runtime(node: &Node) -> Runtime {
    let here = Here::of(node.clone());
    here.enter();
    Builder::new_current_thread()
        .enable_all()
        .on_thread_start(move || here.enter())
        .build()
        .unwrap()
}

/// All lives of a node.
fn lives(shared: &Shared, mut node: Node) {
    let mut script = Script::new(shared.seed, node.number());
    loop {
        let runtime = runtime(&node);
        let ended = runtime.block_on(async {
            let ended = shared.live(&node, &mut script).await;
            node.settle().await;
            ended
        });
        // Its tasks end here, wherever they are.
        drop(runtime);
        Here::leave();
        if ended {
            return node.leave();
        }
        node = shared.world.rise(node.number());
    }
}

/// Runs the world of a seed, with `sabotage` if that is to be found out.
pub(super) fn run(seed: u64, sabotage: Option<Sabotage>) -> End {
    let mut dice = Dice::new(seed);
    let nodes = 2 + dice.place(3);
    let mut weather = Weather::of(&mut dice);
    if let Some(sabotage) = sabotage {
        weather = sabotage.weather();
    }
    let folder = scratch().unwrap();
    let shared = Arc::new(Shared {
        seed,
        world: World::new(dice.roll(), nodes, weather),
        post: Post::new(dice.part()),
        folder: folder.path().to_path_buf(),
        own_keys: dice.once_in(3),
        first: Mutex::default(),
        ledger: Mutex::default(),
    });
    shared
        .world
        .note(format!("seed {seed}: {nodes} nodes, {weather:?}"));
    let risen: Vec<Node> = (0..nodes).map(|number| shared.world.rise(number)).collect();
    let (ended, all) = mpsc::channel();
    for node in risen {
        let (shared, ended) = (shared.clone(), ended.clone());
        std::thread::spawn(move || {
            let number = node.number();
            let done = catch_unwind(AssertUnwindSafe(|| lives(&shared, node)));
            ended.send((number, done.is_ok())).ok();
        });
    }
    for _ in 0..nodes {
        match all.recv_timeout(PATIENCE) {
            Ok((_, true)) => {}
            Ok((number, false)) => {
                let what = format!("node {number} panicked");
                shared.ledger().break_promise(Promise::Works, what);
                return end(&shared, (0, 0));
            }
            Err(_) => {
                let what = "the world stands still".to_owned();
                shared.ledger().break_promise(Promise::Works, what);
                // The threads are lost; their files are not to be removed under them.
                std::mem::forget(folder);
                return end(&shared, (0, 0));
            }
        }
    }
    let counted = catch_unwind(AssertUnwindSafe(|| finale(&shared, nodes, sabotage)));
    let counted = counted.unwrap_or_else(|_| {
        Here::leave();
        shared
            .ledger()
            .break_promise(Promise::Works, "the finale panicked");
        (0, 0)
    });
    end(&shared, counted)
}

fn end(shared: &Shared, (copies, doubled): (u64, u64)) -> End {
    End {
        broken: shared.ledger().broken.iter().cloned().collect(),
        trace: shared.world.trace(),
        digest: shared.world.digest(),
        counts: shared.world.counts(),
        doubled,
        copies,
    }
}

/// All is well again: every node opens, and the archive is held against the ledger. Returns copies
/// and deliveries that came again.
fn finale(shared: &Shared, nodes: usize, sabotage: Option<Sabotage>) -> (u64, u64) {
    shared.world.heal();
    // Leases and whatever anybody waited for are over.
    shared.world.pass(Duration::from_secs(26 * 3600));
    let mut counted = (0, 0);
    for number in 0..nodes {
        let node = shared.world.rise(number);
        let runtime = runtime(&node);
        runtime.block_on(async {
            let Ok(store) = shared.open(&node).await else {
                return;
            };
            if number == 0 {
                if let Some(sabotage) = sabotage {
                    sabotage.strike(&store, shared).await;
                }
                counted = promises::of_the_archive(&store, shared).await;
            }
            promises::of_a_node(&store, shared).await;
            store.close().await.ok();
        });
        drop(runtime);
        node.leave();
        Here::leave();
    }
    counted
}
