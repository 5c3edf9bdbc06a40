//! Which legs are being tried now.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use everpost_store::Errand;

/// Legs that are being tried.
#[derive(Debug, Default)]
pub(super) struct AtWork(Mutex<BTreeSet<i64>>);

/// Legs that are being tried for as long as it lives.
pub(super) struct Trying<'a> {
    all: &'a AtWork,
    own: Vec<i64>,
}

impl AtWork {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn all(&self) -> Vec<i64> {
        self.lock().iter().copied().collect()
    }

    pub(super) fn on(&self, errands: &[Errand]) -> Trying<'_> {
        let legs = errands.iter().flat_map(|errand| &errand.legs);
        let own: Vec<i64> = legs.map(|leg| leg.id).collect();
        self.lock().extend(&own);
        Trying { all: self, own }
    }
}

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        for leg in &self.own {
            all.remove(leg);
        }
    }
}
