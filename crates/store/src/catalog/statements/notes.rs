//! Statements about what a role writes down for itself.

use crate::catalog::sql::Batch;

pub(crate) const NOTES: &str =
    "SELECT id, about FROM note WHERE tenant = $1 AND kind = $2 ORDER BY id";
pub(crate) const PUT_NOTES: Batch = Batch {
    before: "INSERT INTO note (tenant, kind, id, about) VALUES",
    columns: 4,
    after: " ON CONFLICT (tenant, kind, id) DO UPDATE SET about = excluded.about",
};
pub(crate) const DELETE_NOTE: &str = "DELETE FROM note WHERE tenant = $1 AND kind = $2 AND id = $3";
