//! Simulation: several nodes of the real engine in a world made of a seed, and what must hold of
//! the archive whatever happened to them.
//!
//! ```text
//! seed ─ world (testkit): who goes on, what goes wrong, what time it is
//!      └ nodes ── each a thread, a runtime, a `Store`, a script of verbs; they die and rise
//!           │       catalog: one SQLite file in memory that behaves as a cluster's does
//!           └──▶  ledger: what was promised to whom
//! then: all is well, every node opens again ── promises: the archive against the ledger
//! ```
//! What stands in the engine's way is compiled for tests only: a node's thread carries its
//! [`Node`], and clock, statements, turns and commits ask it. Outside of a world they do nothing.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod ledger;
mod life;
mod post;
mod promises;
mod sabotage;
mod script;
mod tests;

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use everpost_testkit::world::{Effect, Fate, Node, Passage};
use sqlx::Any;

use crate::error::Result;

pub(crate) use everpost_testkit::world::Turn;

thread_local! {
    /// The node that this thread works for.
    static NODE: RefCell<Option<Node>> = const { RefCell::new(None) };
    /// One thread, on which a node does what it would do on all cores: their order would be theirs.
    static CORE: RefCell<Option<Arc<rayon::ThreadPool>>> = const { RefCell::new(None) };
}

/// What the threads of a node are told when they start.
#[derive(Clone)]
struct Here {
    node: Node,
    core: Arc<rayon::ThreadPool>,
}

impl Here {
    fn of(node: Node) -> Self {
        let working = node.clone();
        let core = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .start_handler(move |_| NODE.set(Some(working.clone())));
        let core = Arc::new(core.build().unwrap());
        Here { node, core }
    }

    /// This thread works for the node from now on.
    fn enter(&self) {
        NODE.set(Some(self.node.clone()));
        CORE.set(Some(self.core.clone()));
    }

    /// This thread works for nobody any more.
    fn leave() {
        NODE.set(None);
        CORE.set(None);
    }
}

fn node() -> Option<Node> {
    NODE.with_borrow(Clone::clone)
}

/// A name that nothing had before: in a world, the same in each run.
pub(crate) fn object_name() -> Option<[u8; 16]> {
    node().map(|node| node.name())
}

/// A key for look-ups: in a world, the same in each run.
pub(crate) fn key() -> Option<[u8; 32]> {
    object_name().map(|half| [half; 2].concat().try_into().unwrap())
}

/// How much a node does side by side: in a world, one thing.
pub(crate) fn side_by_side(usual: usize) -> usize {
    node().map_or(usual, |_| 1)
}

/// Work for all cores: in a world, for one.
pub(crate) fn on_one_core<T: Send>(work: impl FnOnce() -> T + Send) -> impl FnOnce() -> T + Send {
    move || match CORE.with_borrow(Clone::clone) {
        Some(core) => core.install(work),
        None => work(),
    }
}

/// What the program hears when a server is gone.
fn unanswered() -> sqlx::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "an injected fault").into()
}

/// The world's clock; `None` outside of one.
pub(crate) fn now_us() -> Option<i64> {
    node().map(|node| node.world().now_us())
}

/// Waits by the world's clock; false outside of one.
pub(crate) async fn sleep(time: Duration) -> bool {
    match node() {
        Some(node) => {
            node.sleep(time).await;
            true
        }
        None => false,
    }
}

/// Before each statement: leave to ask it, which is kept until it is answered.
pub(crate) async fn statement(sql: &str) -> Result<Option<Passage>> {
    let Some(node) = node() else { return Ok(None) };
    let about: String = sql.chars().take(60).collect();
    let passage = node.arrive(Effect::Statement, &about).await;
    match passage.fate().is_told() {
        true => Ok(Some(passage)),
        false => Err(unanswered().into()),
    }
}

/// Before a transaction that writes: the turn to do so.
pub(crate) async fn take_turn() -> Result<Option<Turn>> {
    let Some(node) = node() else { return Ok(None) };
    match node.take_turn().await {
        Some(turn) => Ok(Some(turn)),
        None => Err(unanswered().into()),
    }
}

/// The end of a transaction.
pub(crate) async fn commit(
    inner: sqlx::Transaction<'static, Any>,
    turn: Option<Turn>,
) -> sqlx::Result<()> {
    let Some(mut turn) = turn else {
        return inner.commit().await;
    };
    let passage = turn.node().arrive(Effect::Commit, "").await;
    let done = match passage.fate() {
        Fate::Go | Fate::Doubled => inner.commit().await,
        Fate::Forgotten => inner.rollback().await,
        Fate::Lost | Fate::Died | Fate::Dead => {
            drop(inner);
            Err(unanswered())
        }
        Fate::Unheard | Fate::DiedAfter => {
            inner.commit().await?;
            Err(unanswered())
        }
        Fate::Late | Fate::DiedBefore => {
            let landing = turn.postpone();
            tokio::spawn(async move {
                landing.wait().await;
                inner.commit().await.ok();
                drop(turn);
            });
            return Err(unanswered());
        }
    };
    drop(turn);
    done
}
