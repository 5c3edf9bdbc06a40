//! Nodes that answer for each other: who lives, and how one asks another.
//!
//! A node writes its address into the catalog every few seconds; by the database's clock the
//! others see who lives. What they send each other is sealed under keys of the tenant, a fresh one
//! for each message, and carries its time: whoever does not hold the master key can neither ask
//! nor read an answer, whatever lies between the nodes.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;

use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{NodeId, statements};
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::keys::TenantKeys;
use crate::seal::{Key, random};
use crate::tenant::Tenant;

/// A node that has not been seen for so long is dead, in µs of the database's clock.
const DEAD: i64 = 15_000_000;
/// Its row goes after a day.
const FORGOTTEN: i64 = 86_400_000_000;
/// Who does not answer within this is not waited for; its splits are evaluated by the asker.
const PATIENCE: Duration = Duration::from_secs(3);
/// Who did not answer is not asked for so long.
const ASIDE: Duration = Duration::from_secs(15);
/// How far the clocks of two nodes may differ, in µs. An older question is somebody's recording.
const SKEW: i64 = 300_000_000;

/// Brings a message to another node and its answer back.
pub trait Messenger: Send + Sync {
    /// Sends `message` to the node at `address`.
    fn ask(
        &self,
        address: SocketAddr,
        message: Vec<u8>,
    ) -> BoxFuture<'static, std::io::Result<Vec<u8>>>;
}

/// What nodes did for each other since this process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SharedWork {
    /// Searches of this node that others took part in.
    pub searches: u64,
    /// Splits that this node evaluated for others.
    pub answered: u64,
    /// Splits that it evaluated itself because another did not.
    pub taken_back: u64,
}

/// Another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Other {
    pub(crate) name: NodeId,
    address: SocketAddr,
}

/// Its name as people see it: [`Store::node`](crate::Store::node) of that node.
impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The other nodes, as one of them knows them.
pub(crate) struct Nodes {
    messenger: Arc<dyn Messenger>,
    /// Searches over so many copies or more are shared.
    share_from: u64,
    others: Mutex<Vec<Other>>,
    aside: Mutex<HashMap<NodeId, Instant>>,
    searches: AtomicU64,
    answered: AtomicU64,
    taken_back: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tenant {
    /// From now on searches over `share_from` copies or more are shared with the other nodes
    /// that [`announce`](Self::announce) themselves.
    pub fn share(&self, messenger: Arc<dyn Messenger>, share_from: u64) {
        // The first one stays: there is one listener to be announced.
        self.state
            .nodes
            .set(Nodes {
                messenger,
                share_from,
                others: Mutex::default(),
                aside: Mutex::default(),
                searches: AtomicU64::new(0),
                answered: AtomicU64::new(0),
                taken_back: AtomicU64::new(0),
            })
            .ok();
    }

    /// Tells the others that this node answers at `address`, for the next 15 s, and learns which
    /// of them do.
    pub async fn announce(&self, address: SocketAddr) -> Result<()> {
        let Some(nodes) = self.state.nodes.get() else {
            return Ok(());
        };
        let (names, own) = (&self.state.keys.names, self.store.catalog.node().to_vec());
        let sealed = names.seal(b"node", address.to_string().as_bytes())?;
        let mut db = self.store.catalog.read().await?;
        let row = values![self.id(), own.clone(), sealed];
        sql::execute(&mut db, statements::ANNOUNCE_NODE, row).await?;
        let old = values![self.id(), FORGOTTEN];
        sql::execute(&mut db, statements::FORGET_NODES, old).await?;
        let living = values![self.id(), own, DEAD];
        let rows = sql::fetch(&mut db, statements::LIVING_NODES, living).await?;
        let read = |row: &sqlx::any::AnyRow| -> Result<Option<Other>> {
            let address = names.open(b"node", &row.blob(1)?);
            let address = address.and_then(|text| String::from_utf8(text).ok()?.parse().ok());
            let name = row.array(0)?;
            Ok(address.map(|address| Other { name, address }))
        };
        let others = rows.iter().filter_map(|row| read(row).transpose());
        *lock(&nodes.others) = others.collect::<Result<_>>()?;
        Ok(())
    }

    /// Tells the others that this node answers no more.
    pub async fn withdraw(&self) -> Result<()> {
        let mut db = self.store.catalog.read().await?;
        let row = values![self.id(), self.store.catalog.node().to_vec()];
        sql::execute(&mut db, statements::WITHDRAW_NODE, row).await?;
        Ok(())
    }

    /// Answers another node's message; [`StoreError::Key`] if it is none of this cluster's nodes.
    pub async fn answer(&self, message: &[u8]) -> Result<Vec<u8>> {
        let foreign = || StoreError::Key("the message is no node's of this cluster".into());
        let (id, rest) = message.split_first_chunk::<16>().ok_or_else(foreign)?;
        let (at, sealed) = rest.split_first_chunk::<8>().ok_or_else(foreign)?;
        let record = question_key(&self.state.keys, id).open_once(0, at, sealed.to_vec());
        let record = record.ok_or_else(foreign)?;
        if now_us()
            .saturating_sub(i64::from_be_bytes(*at))
            .saturating_abs()
            > SKEW
        {
            return Err(foreign());
        }
        let mut answer = self.answer_record(&record).await?;
        let own: [u8; 16] = random()?;
        answer_key(&self.state.keys, id, &own).seal_once(0, &[], &mut answer)?;
        answer.splice(0..0, own);
        Ok(answer)
    }

    /// What nodes did for each other.
    pub fn shared_work(&self) -> SharedWork {
        let Some(nodes) = self.state.nodes.get() else {
            return SharedWork::default();
        };
        SharedWork {
            searches: nodes.searches.load(Ordering::Relaxed),
            answered: nodes.answered.load(Ordering::Relaxed),
            taken_back: nodes.taken_back.load(Ordering::Relaxed),
        }
    }

    /// The nodes with which a search over so many copies is shared.
    pub(crate) fn others(&self, copies: u64) -> Vec<Other> {
        let Some(nodes) = self
            .state
            .nodes
            .get()
            .filter(|one| copies >= one.share_from)
        else {
            return Vec::new();
        };
        let mut aside = lock(&nodes.aside);
        aside.retain(|_, until| *until > Instant::now());
        let others = lock(&nodes.others);
        let asked = others.iter().filter(|one| !aside.contains_key(&one.name));
        asked.cloned().collect()
    }

    /// Does not ask a node for a while.
    pub(crate) fn set_aside(&self, other: &Other) {
        if let Some(nodes) = self.state.nodes.get() {
            lock(&nodes.aside).insert(other.name, Instant::now() + ASIDE);
        }
    }

    /// Counts a search that was shared, and the splits that came back.
    pub(crate) fn count_shared(&self, taken_back: u64) {
        if let Some(nodes) = self.state.nodes.get() {
            nodes.searches.fetch_add(1, Ordering::Relaxed);
            nodes.taken_back.fetch_add(taken_back, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_answered(&self, splits: u64) {
        if let Some(nodes) = self.state.nodes.get() {
            nodes.answered.fetch_add(splits, Ordering::Relaxed);
        }
    }

    /// Asks a node a record; `None` if it does not answer in time.
    pub(crate) async fn ask_node(&self, other: &Other, record: &[u8]) -> Option<Vec<u8>> {
        let nodes = self.state.nodes.get()?;
        let (message, id) = self.sealed_question(record, now_us()).ok()?;
        let asked = nodes.messenger.ask(other.address, message);
        let answer = tokio::time::timeout(PATIENCE, asked).await.ok();
        let opened = answer.and_then(std::result::Result::ok).and_then(|answer| {
            let (own, sealed) = answer.split_first_chunk::<16>()?;
            answer_key(&self.state.keys, &id, own).open_once(0, &[], sealed.to_vec())
        });
        if opened.is_none() {
            self.set_aside(other);
        }
        opened
    }

    /// A message that asks a record, and its id.
    pub(crate) fn sealed_question(&self, record: &[u8], at: i64) -> Result<(Vec<u8>, [u8; 16])> {
        let (id, at) = (random()?, at.to_be_bytes());
        let mut sealed = record.to_vec();
        question_key(&self.state.keys, &id).seal_once(0, &at, &mut sealed)?;
        Ok(([id.as_slice(), &at, &sealed].concat(), id))
    }

    /// From now on these are the others.
    #[cfg(test)]
    pub(crate) fn pretend(&self, others: Vec<(NodeId, SocketAddr)>) {
        let nodes = self.state.nodes.get();
        let others = others
            .into_iter()
            .map(|(name, address)| Other { name, address });
        if let Some(nodes) = nodes {
            *lock(&nodes.others) = others.collect();
            lock(&nodes.aside).clear();
        }
    }
}

fn question_key(keys: &TenantKeys, id: &[u8; 16]) -> Key {
    keys.message(&[b"everpost node question 1", id])
}

fn answer_key(keys: &TenantKeys, id: &[u8; 16], own: &[u8; 16]) -> Key {
    keys.message(&[b"everpost node answer 1", id, own])
}
