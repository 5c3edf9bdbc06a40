//! Work that goes on after its request was answered: how far it is, and how it ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use everpost_mail::import::ImportProgress;
use tokio::sync::watch;

use crate::app::lock;

/// Verifications and exports that are remembered after they ended.
const REMEMBERED: usize = 100;

/// An import that this process works on, or worked on last.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) began: Instant,
    /// Bytes of the source that earlier runs had read.
    pub(crate) progress: ImportProgress,
    /// How it ended: `Some(None)` well, `Some(Some(why))` not.
    pub(crate) ended: Option<Option<String>>,
}

/// All work of this process.
#[derive(Default)]
pub(crate) struct Jobs {
    imports: Mutex<BTreeMap<i64, Arc<watch::Sender<Running>>>>,
    pub(crate) checks: Board<super::verify::Check>,
    pub(crate) exports: Board<super::exports::Export>,
    pub(crate) moving: Mutex<Option<super::moves::MoveView>>,
}

impl Jobs {
    /// Puts an import on the board; `None` if it runs already.
    pub(crate) fn start_import(&self, job: i64) -> Option<Arc<watch::Sender<Running>>> {
        let mut imports = lock(&self.imports);
        if let Some(known) = imports.get(&job)
            && known.borrow().ended.is_none()
        {
            return None;
        }
        let running = Arc::new(watch::Sender::new(Running {
            began: Instant::now(),
            progress: ImportProgress::default(),
            ended: None,
        }));
        imports.insert(job, running.clone());
        Some(running)
    }

    /// An import of this process.
    pub(crate) fn import(&self, job: i64) -> Option<Arc<watch::Sender<Running>>> {
        lock(&self.imports).get(&job).cloned()
    }

    /// Whether an import is under way, which moves index and log on by itself.
    pub(crate) fn importing(&self) -> bool {
        lock(&self.imports)
            .values()
            .any(|one| one.borrow().ended.is_none())
    }
}

/// Work that is remembered by number until there is too much of it.
pub(crate) struct Board<T> {
    entries: Mutex<(i64, BTreeMap<i64, T>)>,
}

impl<T> Default for Board<T> {
    fn default() -> Self {
        Board {
            entries: Mutex::new((0, BTreeMap::new())),
        }
    }
}

impl<T: Clone> Board<T> {
    /// Adds work; returns its number.
    pub(crate) fn add(&self, work: T) -> i64 {
        let mut entries = lock(&self.entries);
        entries.0 += 1;
        let number = entries.0;
        entries.1.insert(number, work);
        while entries.1.len() > REMEMBERED {
            entries.1.pop_first();
        }
        number
    }

    /// Work by its number.
    pub(crate) fn get(&self, number: i64) -> Option<T> {
        lock(&self.entries).1.get(&number).cloned()
    }

    /// Changes work, if it is remembered still.
    pub(crate) fn change(&self, number: i64, change: impl FnOnce(&mut T)) {
        if let Some(work) = lock(&self.entries).1.get_mut(&number) {
            change(work);
        }
    }
}
