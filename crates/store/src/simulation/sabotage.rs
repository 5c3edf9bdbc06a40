//! Breaking promises on purpose: a promise that nobody can be caught breaking is not held.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use everpost_testkit::world::Weather;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::ledger::Promise;
use super::life::Shared;
use crate::Store;

/// A way to break a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sabotage {
    /// The catalog forgets commits that it acknowledged.
    ForgetCommits,
    /// The store of objects forgets puts that it acknowledged.
    ForgetPuts,
    /// Packs that hold acknowledged mail are removed.
    RemovePacks,
    /// A copy's row is there twice.
    DoubleCopy,
    /// A delivery is there once more than it came.
    DoubleDelivery,
    /// Two events change places after they were logged.
    SwapEvents,
    /// An event leaves a gap behind.
    Gap,
    /// The log is begun anew with other leaves.
    Fork,
    /// The index says that it has what it has not.
    SkipIndex,
    /// A job counts what it did not see.
    MiscountJob,
    /// A tag is lost.
    LoseTag,
    /// A frame's row says that it lies elsewhere.
    MoveFrame,
}

impl Sabotage {
    pub(super) const ALL: [Sabotage; 12] = [
        Sabotage::ForgetCommits,
        Sabotage::ForgetPuts,
        Sabotage::RemovePacks,
        Sabotage::DoubleCopy,
        Sabotage::DoubleDelivery,
        Sabotage::SwapEvents,
        Sabotage::Gap,
        Sabotage::Fork,
        Sabotage::SkipIndex,
        Sabotage::MiscountJob,
        Sabotage::LoseTag,
        Sabotage::MoveFrame,
    ];

    /// The promise that it breaks.
    pub(super) fn breaks(self) -> Promise {
        match self {
            Sabotage::ForgetCommits | Sabotage::ForgetPuts | Sabotage::RemovePacks => {
                Promise::Durable
            }
            Sabotage::DoubleCopy | Sabotage::DoubleDelivery => Promise::Once,
            Sabotage::SwapEvents | Sabotage::Fork => Promise::Log,
            Sabotage::Gap => Promise::Order,
            Sabotage::SkipIndex => Promise::Found,
            Sabotage::MiscountJob => Promise::Balance,
            Sabotage::LoseTag => Promise::Durable,
            Sabotage::MoveFrame => Promise::Whole,
        }
    }

    /// Nothing else goes wrong.
    pub(super) fn weather(self) -> Weather {
        match self {
            Sabotage::ForgetCommits => Weather {
                forgotten_commits: 2_000,
                ..Weather::CALM
            },
            Sabotage::ForgetPuts => Weather {
                forgotten_puts: 2_000,
                ..Weather::CALM
            },
            _ => Weather::CALM,
        }
    }

    /// Does it, after the world's end and before its verdict.
    pub(super) async fn strike(self, store: &Store, shared: &Shared) {
        let tenant = store.tenant(None).unwrap();
        let statements: &[&'static str] = match self {
            Sabotage::ForgetCommits | Sabotage::ForgetPuts => &[],
            Sabotage::RemovePacks => {
                let objects = shared.world.objects();
                let packs = objects
                    .list_with_delimiter(Some(&Path::from("objects/packs")))
                    .await
                    .unwrap();
                for folder in packs.common_prefixes {
                    let packs = objects.list_with_delimiter(Some(&folder)).await.unwrap();
                    for pack in packs.objects {
                        objects.delete(&pack.location).await.unwrap();
                    }
                }
                &[]
            }
            Sabotage::DoubleCopy => &[
                "INSERT INTO copy SELECT id + 1000000, tenant, day, prefix, digest, size, home, held_from, header_key, event, bucket, frame, at, run, key, head, record FROM copy WHERE id = (SELECT MIN(id) FROM copy)",
            ],
            Sabotage::DoubleDelivery => &[
                "INSERT INTO event SELECT (SELECT MAX(id) FROM event) + 1, tenant, (SELECT MAX(seq) FROM event) + 1, 2, at, copy, note FROM event WHERE id = (SELECT MIN(id) FROM event WHERE kind = 1)",
                "INSERT INTO delivery SELECT tenant, copy, (SELECT MAX(id) FROM event), at, job, position, envelope FROM delivery WHERE id = (SELECT MIN(id) FROM event WHERE kind = 1)",
            ],
            Sabotage::SwapEvents => {
                tenant.advance_log().await.unwrap();
                &[
                    "UPDATE event SET seq = -1 WHERE seq = 0",
                    "UPDATE event SET seq = 0 WHERE seq = 1",
                    "UPDATE event SET seq = 1 WHERE seq = -1",
                ]
            }
            Sabotage::Gap => {
                tenant.advance_log().await.unwrap();
                &["UPDATE event SET seq = seq + 5 WHERE seq = (SELECT MAX(seq) FROM event)"]
            }
            Sabotage::Fork => {
                let size = tenant.advance_log().await.unwrap();
                let head = tenant.log_head().await.unwrap().unwrap();
                shared.ledger().checkpoints.insert((size, head.root));
                &[
                    "DELETE FROM log",
                    "UPDATE event SET at = at + 1 WHERE seq = 0",
                ]
            }
            Sabotage::SkipIndex => {
                tenant.advance_index(true).await.unwrap();
                &["DELETE FROM split"]
            }
            Sabotage::MiscountJob => &["UPDATE job SET stored = stored + 1"],
            Sabotage::LoseTag => &["DELETE FROM tagged"],
            Sabotage::MoveFrame => {
                &["UPDATE frame SET at = at + 1 WHERE id = (SELECT MIN(id) FROM frame)"]
            }
        };
        let mut tx = store.inner.catalog.begin().await.unwrap();
        for statement in statements {
            sqlx::query(*statement).execute(&mut *tx).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
}
