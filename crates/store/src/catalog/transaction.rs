//! A transaction that tells the store when it is over.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{Any, AnyConnection};

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
}

impl Transaction {
    pub(super) fn new(inner: sqlx::Transaction<'static, Any>, generation: Arc<Generation>) -> Self {
        Transaction { inner, generation }
    }

    /// Commits. The generation is raised before anybody hears of the commit, and also if the
    /// caller is gone by then: a database may finish a commit that nobody waits for.
    pub(crate) async fn commit(self) -> Result<()> {
        let commit = tokio::spawn(async move {
            let done = self.inner.commit().await;
            self.generation.raise();
            done
        });
        commit.await.map_err(|_| StoreError::Stopped)??;
        Ok(())
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
