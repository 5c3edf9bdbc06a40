//! What a PostgreSQL catalog does that a file does by itself: writers take turns, commits are
//! counted for all nodes, and a node that died or was cut off does not keep the others waiting.
//!
//! Writers of a store take turns by an advisory lock that a transaction holds until it ends, as
//! SQLite's writers do by the lock of the file. So both addresses have the same transactions:
//! guards are re-read and events are numbered where nobody else can come between. It is the
//! sequencer's lease and its fence in one: it cannot be held by two, the server takes it from
//! whoever is gone, and whoever lost it has lost the transaction too.

use std::time::Duration;

use sqlx::AnyConnection;

use super::sql::{self, Columns, values};
use super::{NodeId, statements};
use crate::error::Result;

/// A server that does not answer for so long is out of reach.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

pub(super) const SETTINGS: [&str; 6] = [
    // Durable before acknowledged, whatever the server's default.
    "SET synchronous_commit = on",
    // A node that stopped within its turn, or cannot be reached, loses it.
    "SET idle_in_transaction_session_timeout = '15s'",
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 2",
    // Longer than any turn takes; then the caller is told, and may try again.
    "SET lock_timeout = '60s'",
];

/// Waits until no other node writes.
pub(super) async fn take_turn(db: &mut AnyConnection) -> Result<()> {
    sql::execute(db, statements::TAKE_TURN, vec![]).await?;
    Ok(())
}

/// Makes this transaction known to whoever asks [`commits`] after it; returns its number among
/// those of this node.
pub(super) async fn count_commit(db: &mut AnyConnection, node: &NodeId) -> Result<i64> {
    let row = sql::fetch_optional(db, statements::COUNT_COMMIT, values![node.to_vec()]).await?;
    row.ok_or(sqlx::Error::RowNotFound)?.int(0)
}

/// Transactions that were committed.
pub(super) async fn commits(db: &mut AnyConnection) -> Result<u64> {
    let row = sql::fetch_optional(db, statements::COMMITS, vec![]).await?;
    row.map_or(Ok(0), |row| Ok(row.int(0)?.unsigned_abs()))
}

/// Whether a node's transaction of this number was committed. Asked within a turn: whatever became
/// of the transaction, it is over. A node's writers are one after the other, so the number was
/// given to another only if this one never was.
pub(super) async fn was_committed(
    db: &mut AnyConnection,
    node: &NodeId,
    number: i64,
) -> Result<bool> {
    let row = sql::fetch_optional(db, statements::COMMITS_OF_NODE, values![node.to_vec()]).await?;
    row.map_or(Ok(false), |row| Ok(row.int(0)? >= number))
}
