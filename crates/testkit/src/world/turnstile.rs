//! Who goes on, and what becomes of what it does.

use std::fmt;
use std::time::Duration;

use futures::FutureExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutOptions, PutPayload};
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::{DEATHS, Dice, Effect, Fate, LANDS, Node, STEP, State, Weather, World};

/// What the world knows of a node.
pub(super) struct NodeState {
    dice: Dice,
    /// For names of objects.
    names: Dice,
    life: u32,
    effects: u64,
    /// Commits that it was not told of.
    unheard: u64,
    deaths: u32,
    dead: bool,
    /// It lost its connection within its turn: nothing of that transaction can be done.
    broken: bool,
    place: Place,
}

impl NodeState {
    pub(super) fn new(mut dice: Dice) -> Self {
        NodeState {
            names: dice.part(),
            dice,
            life: 0,
            effects: 0,
            unheard: 0,
            deaths: 0,
            dead: false,
            broken: false,
            place: Place::Moving,
        }
    }
}

/// Where a node is.
enum Place {
    /// On its way to the turnstile.
    Moving,
    /// At the turnstile.
    Waiting(Waiting),
    /// Not coming any more.
    Away,
}

struct Waiting {
    effect: Effect,
    /// What it is about, for the trace.
    about: String,
    number: u64,
    fate: Fate,
    until: i64,
    go: oneshot::Sender<()>,
}

/// What is done later.
pub(super) enum Later {
    Put(Path, PutPayload, PutOptions),
    Delete(Path),
    Commit(oneshot::Sender<()>),
}

impl fmt::Display for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Later::Put(..) => "put",
            Later::Delete(_) => "delete",
            Later::Commit(_) => "commit",
        })
    }
}

/// Leave to do one effect. While it is held, no other task of the node gets one.
pub struct Passage {
    fate: Fate,
    _alone: OwnedMutexGuard<()>,
}

impl Passage {
    /// What becomes of the effect.
    pub fn fate(&self) -> Fate {
        self.fate
    }
}

/// The turn to write to the catalog; dropped, it is over.
pub struct Turn {
    node: Node,
    writing: Option<OwnedMutexGuard<()>>,
    landing: bool,
}

/// A commit that is done later.
pub struct Landing(oneshot::Receiver<()>);

impl Landing {
    /// Waits until it is time.
    pub async fn wait(self) {
        // A sender that is gone is a world that ended.
        self.0.await.ok();
    }
}

/// What can come next.
enum Next {
    Node(usize),
    Later(u64),
}

impl State {
    pub(super) fn rise(&mut self, number: usize) -> u32 {
        let Some(node) = self.nodes.get_mut(number) else {
            return 0;
        };
        node.life += 1;
        (node.dead, node.broken) = (false, false);
        node.place = Place::Moving;
        let life = node.life;
        // A life that ended between its leave to write and its first word.
        self.turn = self.turn.filter(|turn| *turn != number);
        life
    }

    fn lives(&self, node: &Node) -> bool {
        let known = self.nodes.get(node.number);
        known.is_some_and(|known| known.life == node.life && !known.dead)
    }

    /// What becomes of the next effect of a node.
    fn fate(&mut self, number: usize, effect: Effect) -> Fate {
        let Weather { faults, deaths, .. } = self.weather;
        let forgotten = match effect {
            Effect::Commit => self.weather.forgotten_commits,
            Effect::Put | Effect::Complete => self.weather.forgotten_puts,
            _ => 0,
        };
        // A commit that is done later is out of the node's hands: it holds the turn, and what the node
        // does meanwhile is no part of it.
        let done_later = |later: &Later| matches!(later, Later::Commit(_));
        let mine = self.turn == Some(number) && !self.later.values().any(done_later);
        let Some(node) = self.nodes.get_mut(number) else {
            return Fate::Dead;
        };
        let in_transaction = matches!(effect, Effect::Statement | Effect::Commit);
        if node.broken && mine && in_transaction {
            return Fate::Lost;
        }
        let roll = node.dice.below(10_000);
        let kind = node.dice.roll();
        let fate = if roll < faults {
            let fates: &[Fate] = match effect {
                Effect::Sleep(_) | Effect::Settle => &[Fate::Go],
                Effect::Commit => &[Fate::Lost, Fate::Unheard, Fate::Late],
                Effect::Put | Effect::Complete | Effect::Delete => {
                    &[Fate::Lost, Fate::Unheard, Fate::Late, Fate::Doubled]
                }
                _ => &[Fate::Lost],
            };
            let place = Dice::new(kind).place(fates.len());
            fates.get(place).copied().unwrap_or(Fate::Lost)
        } else if roll < faults + deaths && node.deaths < DEATHS && effect != Effect::Settle {
            node.deaths += 1;
            let writes = matches!(
                effect,
                Effect::Commit | Effect::Put | Effect::Complete | Effect::Delete
            );
            match kind % 3 {
                1 if writes => Fate::DiedAfter,
                2 if writes => Fate::DiedBefore,
                _ => Fate::Died,
            }
        } else if roll >= 10_000 - forgotten {
            Fate::Forgotten
        } else {
            Fate::Go
        };
        if fate == Fate::Lost && mine && in_transaction {
            node.broken = true;
        }
        fate
    }

    /// Lets the next one through, if all that move have arrived.
    pub(super) fn turn_on(&mut self, objects: &InMemory) {
        loop {
            let moving = |node: &NodeState| matches!(node.place, Place::Moving);
            if self.landing || self.nodes.iter().any(moving) {
                return;
            }
            let Some(next) = self.next() else { return };
            self.counts.effects += 1;
            let step = self.dice.below(STEP);
            self.wait(i64::try_from(step).unwrap_or(0));
            match next {
                Next::Later(number) => {
                    if self.land(number, objects) {
                        return;
                    }
                }
                Next::Node(number) => return self.let_through(number),
            }
        }
    }

    fn wait(&mut self, time: i64) {
        self.clock += time;
        let roll = self.dice.below(10_000);
        let Weather { pauses, sleeps, .. } = self.weather;
        let (least, most) = match roll {
            _ if roll < sleeps => (3_700, 100_000),
            _ if roll < sleeps + pauses => (5, 40),
            _ => return,
        };
        let seconds = least + self.dice.below(most - least);
        self.trace.push(format!("{seconds} s pass"));
        self.clock += i64::try_from(seconds * 1_000_000).unwrap_or(0);
    }

    fn next(&mut self) -> Option<Next> {
        loop {
            let mut choices = Vec::new();
            let mut wake: Option<i64> = None;
            for (number, node) in self.nodes.iter().enumerate() {
                let Place::Waiting(waiting) = &node.place else {
                    continue;
                };
                let ready = match waiting.effect {
                    Effect::Sleep(_) => {
                        let first = wake.map_or(waiting.until, |wake| wake.min(waiting.until));
                        wake = Some(first);
                        waiting.until <= self.clock
                    }
                    Effect::Begin => self.turn.is_none() || !waiting.fate.is_told(),
                    Effect::Settle => self.turn != Some(number),
                    _ => true,
                };
                if ready {
                    choices.push(Next::Node(number));
                }
            }
            if choices.is_empty() || self.dice.once_in(LANDS) {
                choices.extend(self.later.keys().copied().map(Next::Later));
            }
            if !choices.is_empty() {
                let place = self.dice.place(choices.len());
                return Some(choices.swap_remove(place));
            }
            self.clock = wake?;
        }
    }

    fn let_through(&mut self, number: usize) {
        let Some(node) = self.nodes.get_mut(number) else {
            return;
        };
        let Place::Waiting(waiting) = std::mem::replace(&mut node.place, Place::Moving) else {
            return;
        };
        let fate = waiting.fate;
        node.dead |= matches!(fate, Fate::Died | Fate::DiedAfter | Fate::DiedBefore);
        let done = matches!(
            fate,
            Fate::Unheard | Fate::Late | Fate::DiedAfter | Fate::DiedBefore
        );
        node.unheard += u64::from(waiting.effect == Effect::Commit && done);
        let begins = waiting.effect == Effect::Begin && fate.is_told();
        if begins {
            node.broken = false;
        }
        self.counts.deaths += u64::from(node.dead);
        self.counts.faults += u64::from(!node.dead && fate != Fate::Go);
        let told = match fate {
            Fate::Go => String::new(),
            other => format!(": {other:?}"),
        };
        let effect = match waiting.effect {
            Effect::Sleep(_) => "Sleep".into(),
            other => format!("{other:?}"),
        };
        let line = format!(
            "{number}.{} {effect} {}{told}",
            waiting.number, waiting.about
        );
        self.trace.push(line);
        // Whoever gave up waiting for it comes by another way.
        if waiting.go.send(()).is_ok() && begins {
            self.turn = Some(number);
        }
    }

    /// Does what was due later; true if that takes until [`Turn`] ends.
    fn land(&mut self, number: u64, objects: &InMemory) -> bool {
        let Some(later) = self.later.remove(&number) else {
            return false;
        };
        self.counts.late += 1;
        self.trace.push(format!("{later} {number} lands"));
        match later {
            Later::Put(path, payload, options) => {
                self.born.insert(path.clone(), self.clock);
                // In memory, nothing has to be waited for.
                objects
                    .put_opts(&path, payload, options)
                    .now_or_never()
                    .and_then(Result::ok);
                false
            }
            Later::Delete(path) => {
                objects.delete(&path).now_or_never().and_then(Result::ok);
                false
            }
            Later::Commit(go) => {
                self.landing = go.send(()).is_ok();
                self.landing
            }
        }
    }

    pub(super) fn land_all(&mut self, objects: &InMemory) {
        while let Some(number) = self.later.keys().next().copied() {
            self.land(number, objects);
        }
    }

    fn postpone(&mut self, later: Later) {
        self.laters += 1;
        self.trace.push(format!("{later} {} is late", self.laters));
        self.later.insert(self.laters, later);
    }
}

impl Node {
    /// Which node.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The world it lives in.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// True until it dies.
    pub fn lives(&self) -> bool {
        self.world.state().lives(self)
    }

    /// How many of its commits were done, or will be, and it was not told.
    pub fn unheard(&self) -> u64 {
        let state = self.world.state();
        state.nodes.get(self.number).map_or(0, |node| node.unheard)
    }

    /// A name for an object, which no other has.
    pub fn name(&self) -> [u8; 16] {
        let mut state = self.world.state();
        let Some(node) = state.nodes.get_mut(self.number) else {
            return [0; 16];
        };
        let halves = u128::from(node.names.roll()) << 64 | u128::from(node.names.roll());
        halves.to_le_bytes()
    }

    /// It does nothing more.
    pub fn leave(&self) {
        let mut state = self.world.state();
        if let Some(node) = state.nodes.get_mut(self.number) {
            node.place = Place::Away;
        }
        state.turn_on(&self.world.inner.objects);
    }

    /// Waits for the turnstile to let one effect through; `about` says for the trace what it is.
    pub async fn arrive(&self, effect: Effect, about: &str) -> Passage {
        let alone = self.alone.clone().lock_owned().await;
        let (go, gone) = oneshot::channel();
        let fate = {
            let mut state = self.world.state();
            match state.lives(self) || effect == Effect::Settle {
                false => Fate::Dead,
                true => {
                    let fate = state.fate(self.number, effect);
                    let until = match effect {
                        Effect::Sleep(time) => {
                            state.clock + i64::try_from(time.as_micros()).unwrap_or(0)
                        }
                        _ => 0,
                    };
                    if let Some(node) = state.nodes.get_mut(self.number) {
                        node.effects += 1;
                        let waiting = Waiting {
                            effect,
                            about: about.to_owned(),
                            number: node.effects,
                            fate,
                            until,
                            go,
                        };
                        node.place = Place::Waiting(waiting);
                    }
                    // Nobody sees what is done within a transaction, so nobody has to come between.
                    match effect == Effect::Statement && state.turn == Some(self.number) {
                        true => state.let_through(self.number),
                        false => state.turn_on(&self.world.inner.objects),
                    }
                    fate
                }
            }
        };
        if fate != Fate::Dead {
            gone.await.ok();
        }
        Passage {
            fate,
            _alone: alone,
        }
    }

    /// Waits for the turn to write to the catalog; `None` if that went wrong.
    pub async fn take_turn(&self) -> Option<Turn> {
        let writing = self.writing.clone().lock_owned().await;
        let passage = self.arrive(Effect::Begin, "").await;
        passage.fate.is_told().then(|| Turn {
            node: self.clone(),
            writing: Some(writing),
            landing: false,
        })
    }

    pub(super) fn later(&self, later: Later) {
        self.world.state().postpone(later);
    }

    /// Waits for so long.
    pub async fn sleep(&self, time: Duration) {
        self.arrive(Effect::Sleep(time), "").await;
    }

    /// Waits until what this node left behind to be committed is committed, also when it is dead.
    pub async fn settle(&self) {
        self.arrive(Effect::Settle, "").await;
    }
}

impl Turn {
    /// The node whose turn it is.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Puts its commit off. Others wait for the turn until it is done.
    pub fn postpone(&mut self) -> Landing {
        let (go, gone) = oneshot::channel();
        self.writing = None;
        self.landing = true;
        self.node.later(Later::Commit(go));
        Landing(gone)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let world = &self.node.world;
        let mut state = world.state();
        state.turn = None;
        if self.landing {
            state.landing = false;
        }
        state.turn_on(&world.inner.objects);
    }
}
