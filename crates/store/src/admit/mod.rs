//! Admission: the one way mail enters a store.
//!
//! Fetch what the decision needs, decide in memory, write the pack, commit rows under
//! guards. Everything that waits is one group: one pack, one transaction.
//!
//! **Promise.** When [`Tenant::admit`] returns `Ok`, the bytes and rows of every item are
//! durable and will be found by [`Tenant::show`](crate::Tenant) and the followers after
//! any crash. When it returns an error or never returns, an item may or may not be
//! stored, and admitting it again stores nothing twice.

mod commit;
mod decide;
mod fetch;
mod places;
mod prepare;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Mutex;

use everpost_domain::digest::Digest;
use tokio::sync::oneshot;

use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

pub(crate) use commit::next_seq;
pub(crate) use fetch::header_hash;
pub use prepare::{Envelope, Incoming, Placement, Prepared};
#[cfg(test)]
pub(crate) use tests::Gate;

/// What became of an admitted item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Bytes not seen before in this tenant and store.
    Stored(Digest),
    /// The very same bytes again; delivery and placement were recorded.
    Duplicate(Digest),
}

/// A bulk job's progress, made durable in the same transaction as the items it covers.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// The job.
    pub job: i64,
    /// Where to go on after these items.
    pub cursor: Vec<u8>,
    /// Items the job saw and did not admit, since the last progress.
    pub rejected: u64,
    /// As `rejected`: could not be read.
    pub failed: u64,
    /// As `rejected`: not in the chosen range of dates.
    pub outside: u64,
    /// Reasons, by position in the source.
    pub errors: Vec<(u64, String)>,
}

/// What this process admitted to a tenant since it opened the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Admitted {
    /// Copies not seen before.
    pub stored: u64,
    /// The very same bytes again.
    pub duplicate: u64,
    /// Raw bytes of both.
    pub bytes: u64,
    /// Groups that were committed: packs and transactions.
    pub groups: u64,
    /// Groups that were decided again because another writer was faster.
    pub overtaken: u64,
}

/// Items of one caller that are committed together.
pub(crate) struct Request {
    pub(crate) items: Vec<Prepared>,
    pub(crate) progress: Option<Progress>,
}

type Answer = oneshot::Sender<Result<Vec<Outcome>>>;

/// Admissions that wait, and the turn to commit them.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Vec<(Request, Answer)>>,
    turn: tokio::sync::Mutex<()>,
    admitted: Mutex<Admitted>,
}

/// A group takes further requests while its raw bytes stay below this.
const GROUP_BYTES: u64 = 32 << 20;

impl Queue {
    fn push(&self, request: Request) -> oneshot::Receiver<Result<Vec<Outcome>>> {
        let (answer, receiver) = oneshot::channel();
        let mut waiting = self
            .waiting
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        waiting.push((request, answer));
        receiver
    }

    fn count(&self, add: impl FnOnce(&mut Admitted)) {
        add(&mut self
            .admitted
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    fn take_group(&self) -> Vec<(Request, Answer)> {
        let mut waiting = self
            .waiting
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut bytes = 0;
        let mut count = 0;
        for (request, _) in waiting.iter() {
            bytes += request.items.iter().map(|item| item.size()).sum::<u64>();
            if count > 0 && bytes > GROUP_BYTES {
                break;
            }
            count += 1;
        }
        waiting.drain(..count).collect()
    }
}

impl Tenant {
    /// Admits items and waits until they are durable. Outcomes are in the order of items.
    pub async fn admit(
        &self,
        items: Vec<Prepared>,
        progress: Option<Progress>,
    ) -> Result<Vec<Outcome>> {
        // A delivery has one row of its place. Refused here, it keeps nobody else's mail out.
        if items.iter().any(|item| item.incoming.places.len() > 1) {
            return Err(StoreError::Invalid(
                "an item is delivered to one place; admit it once for each of them".into(),
            ));
        }
        let answer = self.state.queue.push(Request { items, progress });
        // Runs to its end even if this caller is gone: others may wait in the same group.
        let tenant = self.clone();
        tokio::spawn(async move {
            let queue = &tenant.state.queue;
            let _turn = queue.turn.lock().await;
            let group = queue.take_group();
            if !group.is_empty() {
                tenant.admit_group(group).await;
            }
        });
        answer.await.map_err(|_| StoreError::Stopped)?
    }

    async fn admit_group(&self, group: Vec<(Request, Answer)>) {
        let (requests, answers): (Vec<Request>, Vec<Answer>) = group.into_iter().unzip();
        let counts: Vec<usize> = requests.iter().map(|request| request.items.len()).collect();
        match self.commit(requests).await {
            Ok(outcomes) => {
                let mut outcomes = outcomes.into_iter();
                for (answer, count) in answers.into_iter().zip(counts) {
                    answer
                        .send(Ok(outcomes.by_ref().take(count).collect()))
                        .ok();
                }
            }
            Err(error) => {
                let mut answers = answers.into_iter();
                let last = answers.next_back();
                for answer in answers {
                    answer.send(Err(error.told_to_another())).ok();
                }
                if let Some(answer) = last {
                    answer.send(Err(error)).ok();
                }
            }
        }
    }
}

impl Tenant {
    /// What this process admitted since it opened the store.
    pub fn admitted(&self) -> Admitted {
        let mut admitted = Admitted::default();
        self.state.queue.count(|now| admitted = *now);
        admitted
    }

    /// For each item, whether its very bytes are stored already. What a dry run asks.
    pub async fn known(&self, items: &[Prepared]) -> Result<Vec<bool>> {
        let wanted = fetch::Wanted::of(&self.state, items);
        let known = wanted
            .fetch(&mut *self.store.catalog.read().await?, &self.state)
            .await?;
        Ok(items
            .iter()
            .map(|item| known.copies.contains_key(&item.digest()))
            .collect())
    }
}
