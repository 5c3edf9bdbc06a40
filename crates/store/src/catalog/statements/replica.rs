//! Statements about mailboxes as mail programs see them.

use crate::catalog::sql::Batch;

pub(crate) const REPLICA_BY_HASH: &str =
    "SELECT id, indicator, about FROM replica WHERE tenant = $1 AND hash = $2";
pub(crate) const REPLICA: &str =
    "SELECT id, indicator, about FROM replica WHERE tenant = $1 AND id = $2";
pub(crate) const INSERT_REPLICA: &str =
    "INSERT INTO replica (id, tenant, hash, indicator, about) VALUES ($1, $2, $3, 0, $4)";
pub(crate) const SET_REPLICA: &str = "UPDATE replica SET about = $3 WHERE tenant = $1 AND id = $2";
/// New mail came.
pub(crate) const RAISE_INDICATOR: &str =
    "UPDATE replica SET indicator = indicator + $3 WHERE tenant = $1 AND id = $2";

pub(crate) const REPLICA_FOLDERS: &str = "SELECT id, next, modseq, about FROM replica_folder WHERE tenant = $1 AND replica = $2 ORDER BY id";
pub(crate) const REPLICA_FOLDER: &str = "SELECT id, next, modseq, about FROM replica_folder WHERE tenant = $1 AND id = $2 AND replica = $3";
pub(crate) const INSERT_REPLICA_FOLDER: &str = "INSERT INTO replica_folder (id, tenant, replica, next, modseq, about) VALUES ($1, $2, $3, 1, 1, $4)";
pub(crate) const SET_REPLICA_FOLDER: &str =
    "UPDATE replica_folder SET about = $3 WHERE tenant = $1 AND id = $2";
pub(crate) const MOVE_ON_REPLICA_FOLDER: &str =
    "UPDATE replica_folder SET next = $3, modseq = $4 WHERE tenant = $1 AND id = $2";
pub(crate) const DELETE_REPLICA_FOLDER: &str =
    "DELETE FROM replica_folder WHERE tenant = $1 AND id = $2";
/// Bits of flags: 1 is seen, 8 deleted.
pub(crate) const COUNT_REPLICA_FOLDER: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN flags % 2 = 0 THEN 1 ELSE 0 END), 0) AS BIGINT), CAST(COALESCE(SUM(CASE WHEN (flags / 8) % 2 = 1 THEN 1 ELSE 0 END), 0) AS BIGINT), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM replica_message WHERE tenant = $1 AND folder = $2";

pub(crate) const REPLICA_ROWS: &str = "SELECT uid, copy, flags, modseq, date, saved, size FROM replica_message WHERE tenant = $1 AND folder = $2 AND uid > $3 ORDER BY uid LIMIT 10000";
pub(crate) const REPLICA_ROWS_SINCE: &str = "SELECT uid, copy, flags, modseq, date, saved, size FROM replica_message WHERE tenant = $1 AND folder = $2 AND modseq > $3 ORDER BY uid";
pub(crate) const REPLICA_ROW: Batch = Batch {
    before: "WITH wanted (tenant, folder, uid) AS (VALUES",
    columns: 3,
    after: ") SELECT replica_message.uid, replica_message.copy, replica_message.flags, replica_message.modseq, replica_message.date, replica_message.saved, replica_message.size, replica_message.about FROM wanted CROSS JOIN replica_message WHERE replica_message.tenant = wanted.tenant AND replica_message.folder = wanted.folder AND replica_message.uid = wanted.uid",
};
pub(crate) const INSERT_REPLICA_MESSAGES: Batch = Batch {
    before: "INSERT INTO replica_message (tenant, folder, uid, copy, flags, modseq, date, saved, size, about) VALUES",
    columns: 10,
    after: "",
};
pub(crate) const SET_REPLICA_FLAGS: &str = "UPDATE replica_message SET flags = $4, modseq = $5 WHERE tenant = $1 AND folder = $2 AND uid = $3";
/// The newest messages of a folder whose bytes are not here.
pub(crate) const UNFILLED: &str = "SELECT uid, copy, flags, modseq, date, saved, size FROM replica_message WHERE tenant = $1 AND copy = 0 AND folder = $2 ORDER BY uid DESC LIMIT $3";
pub(crate) const FILL_REPLICA_MESSAGE: &str = "UPDATE replica_message SET copy = $4, size = $5, about = $6 WHERE tenant = $1 AND folder = $2 AND uid = $3 AND copy = 0";
pub(crate) const DELETE_REPLICA_MESSAGE: &str =
    "DELETE FROM replica_message WHERE tenant = $1 AND folder = $2 AND uid = $3";
pub(crate) const DELETE_REPLICA_MESSAGES: &str =
    "DELETE FROM replica_message WHERE tenant = $1 AND folder = $2";
/// Whether a folder has a copy already, and since when.
pub(crate) const REPLICA_OF_COPY: &str = "SELECT uid, saved FROM replica_message WHERE tenant = $1 AND copy = $2 AND folder = $3 ORDER BY uid";
pub(crate) const INSERT_REPLICA_GONE: Batch = Batch {
    before: "INSERT INTO replica_gone (tenant, folder, uid, modseq) VALUES",
    columns: 4,
    after: "",
};
pub(crate) const REPLICA_GONE_SINCE: &str =
    "SELECT uid FROM replica_gone WHERE tenant = $1 AND folder = $2 AND modseq > $3 ORDER BY uid";
pub(crate) const DELETE_REPLICA_GONE: &str =
    "DELETE FROM replica_gone WHERE tenant = $1 AND folder = $2";

/// What is known of the mail server that a mailbox is kept in step with.
pub(crate) const REPLICA_SYNC: &str = "SELECT kind, id, about FROM replica_sync WHERE tenant = $1 AND replica = $2 AND (kind > $3 OR (kind = $3 AND id > $4)) ORDER BY kind, id LIMIT 10000";
pub(crate) const PUT_REPLICA_SYNC: Batch = Batch {
    before: "INSERT INTO replica_sync (tenant, replica, kind, id, about) VALUES",
    columns: 5,
    after: " ON CONFLICT (tenant, replica, kind, id) DO UPDATE SET about = excluded.about",
};
pub(crate) const DELETE_REPLICA_SYNC: &str =
    "DELETE FROM replica_sync WHERE tenant = $1 AND replica = $2 AND kind = $3 AND id = $4";
