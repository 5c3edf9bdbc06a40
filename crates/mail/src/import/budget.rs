//! A bound on raw bytes in flight between the reader and the store.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
    pub(super) fn new(bytes: usize) -> Self {
        let all = (bytes / UNIT).clamp(1, u32::MAX as usize >> 4);
        Budget {
            room: Arc::new(Semaphore::new(all)),
            all: u32::try_from(all).unwrap_or(u32::MAX),
        }
    }

    /// A message larger than the budget takes all of it, so it is in flight alone.
    fn units(&self, bytes: u64) -> u32 {
        u32::try_from(bytes / UNIT as u64 + 1)
            .unwrap_or(u32::MAX)
            .min(self.all)
    }

    /// Room for `bytes`, if there is some now.
    pub(super) fn try_take(&self, bytes: u64) -> Option<Taken> {
        self.room
            .clone()
            .try_acquire_many_owned(self.units(bytes))
            .ok()
    }

    /// Waits for room for `bytes`. Call from a thread that may wait, and holds no room that
    /// nobody else will give back.
    pub(super) fn take(&self, bytes: u64) -> Option<Taken> {
        let room = self.room.clone();
        tokio::runtime::Handle::current()
            .block_on(room.acquire_many_owned(self.units(bytes)))
            .ok()
    }

    /// Gives back what a message of `bytes` bytes does not need of `taken`.
    pub(super) fn shrink(&self, mut taken: Taken, bytes: u64) -> Taken {
        taken.split(self.units(bytes) as usize).unwrap_or(taken)
    }
}
