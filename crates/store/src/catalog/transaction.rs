//! A transaction that tells the store when it is over.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{Any, AnyConnection, AnyPool};
use tokio::sync::OwnedMutexGuard;

use super::{NodeId, server, sql};
use crate::error::{Result, StoreError};

/// Counts commits. Whatever was read while it had a value is still true while it has it.
#[derive(Default)]
pub(crate) struct Generation(AtomicU64);

impl Generation {
    /// The count, to be read before what is kept under it.
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn raise(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A transaction that may write. Dropped without a commit, it never was.
pub(crate) struct Transaction {
    inner: sqlx::Transaction<'static, Any>,
    generation: Arc<Generation>,
    number: Option<Number>,
    #[cfg(test)]
    turn: Option<crate::simulation::Turn>,
}

/// By what a shared catalog knows a transaction.
pub(super) struct Number {
    pub(super) pool: AnyPool,
    pub(super) node: NodeId,
    pub(super) number: i64,
    /// No other transaction of this node begins before it is known what became of this one: it
    /// might get the same number.
    pub(super) _alone: OwnedMutexGuard<()>,
}

/// How often a server that did not answer a commit is asked what became of it.
const QUESTIONS: usize = 3;

impl Transaction {
    pub(super) fn new(inner: sqlx::Transaction<'static, Any>, generation: Arc<Generation>) -> Self {
        Transaction {
            inner,
            generation,
            number: None,
            #[cfg(test)]
            turn: None,
        }
    }

    /// If the answer to the commit is lost, the catalog is asked for it: this is the node's
    /// transaction of that number.
    pub(super) fn ask_if_unheard(&mut self, number: Number) {
        self.number = Some(number);
    }

    #[cfg(test)]
    pub(super) fn hold(&mut self, turn: Option<crate::simulation::Turn>) {
        self.turn = turn;
    }

    /// Commits. The generation is raised before anybody hears of the commit, and also if the
    /// caller is gone by then: a database may finish a commit that nobody waits for.
    ///
    /// An error says that nothing was committed, unless a shared catalog neither answered nor
    /// could be asked after.
    pub(crate) async fn commit(self) -> Result<()> {
        let commit = tokio::spawn(async move {
            #[cfg(not(test))]
            let mut done = self.inner.commit().await;
            #[cfg(test)]
            let mut done = crate::simulation::commit(self.inner, self.turn).await;
            if let (Err(_), Some(number)) = (&done, &self.number)
                && number.was_committed().await
            {
                done = Ok(());
            }
            self.generation.raise();
            done
        });
        commit.await.map_err(|_| StoreError::Stopped)??;
        Ok(())
    }
}

impl Number {
    /// True if the transaction is known to have been committed.
    async fn was_committed(&self) -> bool {
        for _ in 0..QUESTIONS {
            if let Ok(answer) = self.ask().await {
                return answer;
            }
        }
        false
    }

    async fn ask(&self) -> Result<bool> {
        // A server may be about to commit what its client gave up: the turn is free after that.
        #[cfg(test)]
        let _turn = crate::simulation::take_turn().await?;
        let mut db = self.pool.begin().await?;
        if sql::is_server(&db) {
            server::take_turn(&mut db).await?;
        }
        server::was_committed(&mut db, &self.node, self.number).await
    }
}

impl Deref for Transaction {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.inner
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]
    use super::super::Catalog;
    use super::Transaction;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_number_is_given_again_only_when_it_is_known_to_be_free() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}/catalog.db?mode=rwc", folder.path().display());
        let catalog = Catalog::open_server(&address, [1; 16]).await.unwrap();
        // The commit failed, and nobody told: all that is left is its number.
        let Transaction { inner, number, .. } = catalog.begin().await.unwrap();
        inner.rollback().await.unwrap();
        let number = number.unwrap();
        let next = catalog.begin();
        tokio::pin!(next);
        tokio::select! {
            biased;
            _ = &mut next => panic!("another transaction began"),
            committed = number.was_committed() => assert!(!committed),
        }
        drop(number);
        next.await.unwrap().commit().await.unwrap();
    }
}
