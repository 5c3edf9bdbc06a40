//! Statements about agents, what they handed over, and the mailboxes that they write back.

pub(crate) const ENROLMENTS_BY_PREFIX: &str =
    "SELECT id, tag, expires, device, about FROM enrolment WHERE tenant = $1 AND prefix = $2";
pub(crate) const INSERT_ENROLMENT: &str = "INSERT INTO enrolment (id, tenant, prefix, tag, expires, device, about) VALUES ($1, $2, $3, $4, $5, 0, $6)";
pub(crate) const USE_ENROLMENT: &str =
    "UPDATE enrolment SET device = $3 WHERE tenant = $1 AND id = $2 AND device = 0";
pub(crate) const DELETE_OLD_ENROLMENTS: &str =
    "DELETE FROM enrolment WHERE tenant = $1 AND expires < $2";

pub(crate) const DEVICES: &str = "SELECT id, created, seen, revoked, changed, about, beat FROM device WHERE tenant = $1 ORDER BY id";
pub(crate) const DEVICE: &str = "SELECT id, created, seen, revoked, changed, about, beat FROM device WHERE tenant = $1 AND id = $2";
pub(crate) const DEVICES_BY_PAGE: &str = "SELECT id, created, seen, revoked, changed, about, beat FROM device WHERE tenant = $1 AND page = $2 AND revoked = 0";
pub(crate) const INSERT_DEVICE: &str = "INSERT INTO device (id, tenant, page, created, seen, revoked, changed, about) VALUES ($1, $2, $3, $4, 0, 0, 0, $5)";
pub(crate) const SET_DEVICE: &str = "UPDATE device SET about = $3 WHERE tenant = $1 AND id = $2";
pub(crate) const SEE_DEVICE: &str =
    "UPDATE device SET seen = $3, beat = $4 WHERE tenant = $1 AND id = $2 AND revoked = 0";
pub(crate) const REVOKE_DEVICE: &str =
    "UPDATE device SET revoked = $3 WHERE tenant = $1 AND id = $2 AND revoked = 0";
/// Only ever upwards.
pub(crate) const MOVE_ON_DEVICE: &str =
    "UPDATE device SET changed = $3 WHERE tenant = $1 AND id = $2 AND changed < $3";

pub(crate) const SUBMISSION: &str =
    "SELECT digest, about FROM submission WHERE tenant = $1 AND device = $2 AND number = $3";
pub(crate) const INSERT_SUBMISSION: &str = "INSERT INTO submission (tenant, device, number, at, digest, about) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, device, number) DO NOTHING";

pub(crate) const RECOVERY_BY_HASH: &str =
    "SELECT id, generation, changed, about FROM recovery WHERE tenant = $1 AND hash = $2";
pub(crate) const INSERT_RECOVERY: &str = "INSERT INTO recovery (id, tenant, hash, generation, changed, about) VALUES ($1, $2, $3, 0, 0, $4)";
pub(crate) const SET_RECOVERY: &str =
    "UPDATE recovery SET generation = $3, changed = $4, about = $5 WHERE tenant = $1 AND id = $2";
pub(crate) const RECOVERY_LINES: &str = "SELECT place, changed, about FROM recovery_line WHERE tenant = $1 AND recovery = $2 AND place >= $3 ORDER BY place LIMIT 10000";
pub(crate) const RECOVERY_LINES_SINCE: &str = "SELECT place, changed, about FROM recovery_line WHERE tenant = $1 AND recovery = $2 AND changed > $3 ORDER BY changed LIMIT 10000";
pub(crate) const PUT_RECOVERY_LINE: &str = "INSERT INTO recovery_line (tenant, recovery, place, changed, about) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant, recovery, place) DO UPDATE SET changed = excluded.changed, about = excluded.about";
