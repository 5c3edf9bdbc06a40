//! Statements about domains, recipients, and mail that goes on.

use crate::catalog::sql::Batch;

// -- the organization's addresses ----------------------------------------------------------

pub(crate) const DOMAINS: &str =
    "SELECT id, hash, about FROM mail_domain WHERE tenant = $1 ORDER BY id";
pub(crate) const DOMAIN_BY_HASH: &str =
    "SELECT id FROM mail_domain WHERE tenant = $1 AND hash = $2";
pub(crate) const PUT_DOMAIN: &str = "INSERT INTO mail_domain (id, tenant, hash, about) VALUES ($1, $2, $3, $4) ON CONFLICT (tenant, hash) DO UPDATE SET about = excluded.about";
pub(crate) const DELETE_DOMAIN: &str = "DELETE FROM mail_domain WHERE tenant = $1 AND hash = $2";
pub(crate) const RECIPIENTS: &str = "SELECT id, state, generation, about FROM recipient WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT 1000";
pub(crate) const RECIPIENT_BY_HASH: &str =
    "SELECT id, state, generation, about FROM recipient WHERE tenant = $1 AND hash = $2";
/// State and generation stay what they are.
pub(crate) const PUT_RECIPIENT: &str = "INSERT INTO recipient (id, tenant, hash, state, generation, about) VALUES ($1, $2, $3, 0, 0, $4) ON CONFLICT (tenant, hash) DO UPDATE SET about = excluded.about";
pub(crate) const SET_USER_STATE: &str =
    "UPDATE recipient SET state = $3, generation = generation + 1 WHERE tenant = $1 AND hash = $2";
pub(crate) const DELETE_RECIPIENT: &str = "DELETE FROM recipient WHERE tenant = $1 AND hash = $2";

// -- mail that goes on ---------------------------------------------------------------------

pub(crate) const INSERT_RELAY_MAILS: Batch = Batch {
    before: "INSERT INTO relay_mail (id, tenant, copy, at, about) VALUES",
    columns: 5,
    after: "",
};
pub(crate) const INSERT_RELAY_LEGS: Batch = Batch {
    before: "INSERT INTO relay_leg (id, tenant, mail, copy, place, recipient, state, why, priority, at, due, until, about) VALUES",
    columns: 13,
    after: "",
};
/// Legs of the same bytes to the same recipient that are not given up. Ends are forgotten after a while.
pub(crate) const FIND_REPEATS: Batch = Batch {
    before: "WITH wanted (tenant, copy, recipient) AS (VALUES",
    columns: 3,
    after: ") SELECT relay_leg.copy, relay_leg.recipient FROM wanted CROSS JOIN relay_leg WHERE relay_leg.tenant = wanted.tenant AND relay_leg.copy = wanted.copy AND relay_leg.recipient = wanted.recipient AND relay_leg.state < 6",
};
pub(crate) const DUE_PLACES: &str = "SELECT place, COUNT(*), CAST(MAX(priority) AS BIGINT) FROM relay_leg WHERE tenant = $1 AND state = 0 AND due <= $2 GROUP BY place";
/// What the next four read of a leg.
macro_rules! legs {
    ($rest:literal) => {
        concat!(
            "SELECT relay_leg.id, relay_leg.mail, relay_leg.state, relay_leg.why, relay_leg.priority, relay_leg.at, relay_leg.due, relay_leg.about, copy.digest, relay_mail.about FROM relay_leg JOIN relay_mail ON relay_mail.id = relay_leg.mail JOIN copy ON copy.id = relay_leg.copy WHERE relay_leg.tenant = $1 AND ",
            $rest
        )
    };
}
pub(crate) const LEGS_DUE: &str = legs!(
    "relay_leg.state = 0 AND relay_leg.place = $2 AND relay_leg.due <= $3 ORDER BY relay_leg.priority DESC, relay_leg.due, relay_leg.id LIMIT $4"
);
pub(crate) const LEGS_AFTER: &str = legs!(
    "relay_leg.id > $2 AND relay_leg.state BETWEEN $3 AND $4 ORDER BY relay_leg.id LIMIT 1000"
);
pub(crate) const LEGS_OF_COPY: &str =
    legs!("copy.tenant = $1 AND copy.id = $2 ORDER BY relay_leg.id");
pub(crate) const LEG: &str = legs!("relay_leg.id = $2");
/// Legs of a node that ended, or of this one when it begins; and uncertain ones that waited long enough.
pub(crate) const LEGS_STRANDED: &str = legs!(
    "((relay_leg.state IN (1, 2) AND (relay_leg.until < $2 OR relay_leg.holder = $3)) OR (relay_leg.state = 3 AND relay_leg.due <= $2)) ORDER BY relay_leg.id LIMIT 1000"
);
/// What is due there of users whose mail server is not used waits for them, however it came to be due.
pub(crate) const STAND_BY_DUE: &str = "UPDATE relay_leg SET state = 4, why = 3 WHERE tenant = $1 AND state = 0 AND place = $2 AND due <= $3 AND recipient IN (SELECT hash FROM recipient WHERE tenant = $1 AND state = 1)";
pub(crate) const TAKE_LEG: &str = "UPDATE relay_leg SET state = 1, holder = $3, until = $4 WHERE tenant = $1 AND id = $2 AND state = 0";
pub(crate) const SEND_LEG: &str =
    "UPDATE relay_leg SET state = 2 WHERE tenant = $1 AND id = $2 AND state = 1 AND holder = $3";
pub(crate) const KEEP_LEG: &str = "UPDATE relay_leg SET until = $4 WHERE tenant = $1 AND id = $2 AND holder = $3 AND state IN (1, 2)";
pub(crate) const SETTLE_LEG: &str = "UPDATE relay_leg SET state = $4, why = 0, due = $5, about = $6, holder = NULL, until = 0 WHERE tenant = $1 AND id = $2 AND holder = $3 AND state IN (1, 2)";
pub(crate) const CHANGE_LEG: &str = "UPDATE relay_leg SET state = $4, why = $5, due = $6, about = $7, holder = NULL, until = 0 WHERE tenant = $1 AND id = $2 AND state = $3";
/// The recipient's mail server is not used any more, or again.
pub(crate) const STAND_BY: &str =
    "UPDATE relay_leg SET state = 4, why = 3 WHERE tenant = $1 AND recipient = $2 AND state = 0";
pub(crate) const STAND_DOWN: &str = "UPDATE relay_leg SET state = 0, why = 0, due = $3 WHERE tenant = $1 AND recipient = $2 AND state = 4 AND why IN (3, 4)";
/// What waits for active users and lies in nobody's mailbox.
pub(crate) const STANDING_BY: &str = "SELECT relay_leg.id, copy.digest, recipient.about FROM relay_leg JOIN copy ON copy.id = relay_leg.copy JOIN recipient ON recipient.tenant = relay_leg.tenant AND recipient.hash = relay_leg.recipient WHERE relay_leg.tenant = $1 AND relay_leg.state = 4 AND relay_leg.why = 3 AND recipient.state = 1 ORDER BY relay_leg.id LIMIT 100";
/// It lies there now.
pub(crate) const PUT_INTO_MAILBOX: &str =
    "UPDATE relay_leg SET why = 4 WHERE tenant = $1 AND id = $2 AND state = 4 AND why = 3";
pub(crate) const COUNT_LEGS: &str = "SELECT state, why, COUNT(*), CAST(MIN(at) AS BIGINT), CAST(MIN(due) AS BIGINT) FROM relay_leg WHERE tenant = $1 AND state <= 4 GROUP BY state, why";
/// Since it ended a leg is due.
pub(crate) const FORGET_LEGS: &str =
    "DELETE FROM relay_leg WHERE tenant = $1 AND state > 4 AND due < $2";
pub(crate) const FORGET_MAILS: &str = "DELETE FROM relay_mail WHERE tenant = $1 AND at < $2 AND NOT EXISTS (SELECT 1 FROM relay_leg WHERE relay_leg.tenant = $1 AND relay_leg.mail = relay_mail.id)";
