//! A bound on raw bytes in flight between the reader and the store.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Raw bytes that may be read and not yet admitted.
const IN_FLIGHT: usize = 48 << 20;
/// What is counted at a time, so that permits fit a semaphore.
const UNIT: usize = 4096;

/// Room for bytes in flight.
#[derive(Clone)]
pub(super) struct Budget {
    room: Arc<Semaphore>,
    all: u32,
}

/// Room that was taken; dropping it gives it back.
pub(super) type Taken = OwnedSemaphorePermit;

impl Budget {
    pub(super) fn new() -> Self {
        let all = IN_FLIGHT / UNIT;
        Budget { room: Arc::new(Semaphore::new(all)), all: u32::try_from(all).unwrap_or(u32::MAX) }
    }

    /// Waits for room for `bytes`. A message larger than the budget takes all of it, so it
    /// is in flight alone. Call from a thread that may wait.
    pub(super) fn take(&self, bytes: u64) -> Option<Taken> {
        let units = u32::try_from(bytes / UNIT as u64 + 1).unwrap_or(u32::MAX).min(self.all);
        let room = self.room.clone();
        tokio::runtime::Handle::current().block_on(room.acquire_many_owned(units)).ok()
    }
}
