//! A world made of a seed: nodes, the clock and the objects that they share, and what goes wrong
//! between them.
//!
//! ```text
//! node 0 ──┐ arrive(effect)                    ┌─ objects (in memory)
//! node 1 ──┼──────────────▶ turnstile ─ fate ──┼─ whoever writes to the catalog now
//! node 2 ──┘    one goes on                    └─ effects that land later
//! ```
//! Each node is a thread with a runtime of its own. Before every effect that others could see it
//! arrives at the turnstile; when all have arrived, the seed says who goes on, what becomes of its
//! effect and how late it is then. One node moves at a time, so the same seed tells the same story.
//!
//! **Limit.** What becomes of an effect hangs on (seed, node, number of the effect in that node),
//! and who goes on hangs on the seed. The order in which the threads of one node arrive is theirs:
//! give it one, or two runs of a seed may differ there.

mod dice;
mod objects;
mod turnstile;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use everpost_domain::digest::Digest;
use object_store::memory::InMemory;
use object_store::path::Path;

pub use dice::Dice;
pub use objects::Objects;
pub use turnstile::{Landing, Passage, Turn};
use turnstile::{Later, NodeState};

/// What a node is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Begin to write to the catalog: one at a time does.
    Begin,
    /// Ask the catalog.
    Statement,
    /// End a transaction.
    Commit,
    /// Put an object.
    Put,
    /// Put a part of a large object.
    Part,
    /// Make a large object visible.
    Complete,
    /// Remove an object.
    Delete,
    /// Read an object.
    Get,
    /// List objects.
    List,
    /// Wait.
    Sleep(Duration),
    /// Wait for what the node itself left to be committed.
    Settle,
}

/// What becomes of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done, and its caller is told.
    Go,
    /// It is never done; its caller hears of an error.
    Lost,
    /// It is done; its caller hears of an error.
    Unheard,
    /// Its caller hears of an error; it is done some time later, whatever came between.
    Late,
    /// It is done, and once more some time later.
    Doubled,
    /// The node dies; it is never done.
    Died,
    /// It is done; the node dies before it is told.
    DiedAfter,
    /// The node dies; it is done some time later.
    DiedBefore,
    /// The node is dead.
    Dead,
    /// Its caller is told that it was done, and it never is. No honest server does so; it is there
    /// to see whether it would be found out.
    Forgotten,
}

impl Fate {
    /// True if the caller is told that it was done.
    pub fn is_told(self) -> bool {
        matches!(self, Fate::Go | Fate::Doubled | Fate::Forgotten)
    }
}

/// How rough a world is: of ten thousand effects so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weather {
    /// Go wrong.
    pub faults: u64,
    /// Kill their node.
    pub deaths: u64,
    /// Last longer than a lease.
    pub pauses: u64,
    /// Last longer than anybody waits for a reader, or an orphan for its writer.
    pub sleeps: u64,
    /// Are forgotten, if they are commits.
    pub forgotten_commits: u64,
    /// Are forgotten, if they put an object.
    pub forgotten_puts: u64,
}

/// A node dies so often at most, or a world would never end.
const DEATHS: u32 = 3;
/// Effects take up to so long, in µs.
const STEP: u64 = 60_000;
/// One effect that is due later lands in so many steps.
const LANDS: u64 = 4;
/// When a world begins: 2023-11-14, in µs.
const BEGINS: i64 = 1_700_000_000_000_000;
/// A listing may lack what is younger, in µs.
const LAG: i64 = 2_000_000;

impl Weather {
    /// Nothing goes wrong.
    pub const CALM: Weather = Weather {
        faults: 0,
        deaths: 0,
        pauses: 0,
        sleeps: 0,
        forgotten_commits: 0,
        forgotten_puts: 0,
    };

    /// Some worlds are calm, and in a few every thirtieth effect goes wrong.
    pub fn of(dice: &mut Dice) -> Self {
        Weather {
            faults: dice.choose(&[0, 10, 30, 100, 330]),
            deaths: dice.choose(&[0, 5, 20, 60]),
            pauses: dice.choose(&[0, 5, 30]),
            sleeps: dice.choose(&[0, 0, 2, 10]),
            ..Weather::CALM
        }
    }
}

/// The world. Clones are the same world.
#[derive(Clone)]
pub struct World {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    objects: Arc<InMemory>,
}

/// Everything that changes.
struct State {
    dice: Dice,
    weather: Weather,
    clock: i64,
    nodes: Vec<NodeState>,
    /// Who writes to the catalog.
    turn: Option<usize>,
    /// Done later, by the number of their making.
    later: BTreeMap<u64, Later>,
    laters: u64,
    /// A commit that was due later is being done.
    landing: bool,
    /// When objects came.
    born: HashMap<Path, i64>,
    /// Random names in the order in which they were met.
    names: HashMap<String, usize>,
    trace: Vec<String>,
    counts: Counts,
}

/// What went on in a world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Effects.
    pub effects: u64,
    /// Effects that went wrong.
    pub faults: u64,
    /// Nodes that died.
    pub deaths: u64,
    /// Effects that landed later.
    pub late: u64,
}

/// One life of a node: what it does passes here. Clones are the same life.
#[derive(Clone)]
pub struct Node {
    world: World,
    number: usize,
    life: u32,
    /// Held by the one of its tasks that is at the turnstile or does what it was let through for.
    alone: Arc<tokio::sync::Mutex<()>>,
    /// Held by the one of its tasks that writes to the catalog or waits to.
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl World {
    /// The world of `seed` with `nodes` nodes, each of which must [`World::rise`] and, at its end,
    /// [`Node::leave`].
    pub fn new(seed: u64, nodes: usize, weather: Weather) -> Self {
        let mut dice = Dice::new(seed);
        let nodes = (0..nodes).map(|_| NodeState::new(dice.part())).collect();
        let state = State {
            dice,
            weather,
            clock: BEGINS,
            nodes,
            turn: None,
            later: BTreeMap::new(),
            laters: 0,
            landing: false,
            born: HashMap::new(),
            names: HashMap::new(),
            trace: Vec::new(),
            counts: Counts::default(),
        };
        World {
            inner: Arc::new(Inner {
                state: Mutex::new(state),
                objects: Arc::new(InMemory::new()),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a life of a node. Whatever is left of an earlier one gets nothing done any more.
    pub fn rise(&self, number: usize) -> Node {
        let mut state = self.state();
        let life = state.rise(number);
        state.trace.push(format!("{number} rises"));
        Node {
            world: self.clone(),
            number,
            life,
            alone: Arc::default(),
            writing: Arc::default(),
        }
    }

    /// Nothing goes wrong from now on, and what was due has landed.
    pub fn heal(&self) {
        let mut state = self.state();
        state.weather = Weather::CALM;
        state.trace.push("all is well".into());
        state.land_all(&self.inner.objects);
    }

    /// The time, in µs since 1970. All nodes and the catalog have the same.
    pub fn now_us(&self) -> i64 {
        self.state().clock
    }

    /// Lets so much time pass.
    pub fn pass(&self, time: Duration) {
        let mut state = self.state();
        state.clock += i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    }

    /// The objects as they lie there, past all trouble.
    pub fn objects(&self) -> Arc<InMemory> {
        self.inner.objects.clone()
    }

    /// What went on so far, a line an effect.
    pub fn trace(&self) -> Vec<String> {
        self.state().trace.clone()
    }

    /// The trace in short.
    pub fn digest(&self) -> Digest {
        Digest::of(self.state().trace.join("\n").as_bytes())
    }

    /// What went on so far, in numbers.
    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    /// Adds a line of the caller's own to the trace.
    pub fn note(&self, line: String) {
        self.state().trace.push(line);
    }
}
