//! Mail for users whose mail server is not used: into their standby mailbox, once.

use everpost_domain::digest::Digest;

use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::directory::Recipient;
use crate::error::Result;
use crate::replica::{NewMessage, Replica};
use crate::tenant::Tenant;

/// A message that waits for an active user and lies in no mailbox yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandbyMail {
    /// Its leg.
    pub leg: i64,
    /// The copy.
    pub copy: Digest,
    /// Whose it is.
    pub user: String,
}

impl Tenant {
    /// The next messages that active users do not have, oldest first.
    pub async fn standby_due(&self) -> Result<Vec<StandbyMail>> {
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statements::STANDING_BY, values![self.id()]).await?;
        let read = |row: &sqlx::any::AnyRow| {
            let recipient: Recipient = self.open_about(b"recipient", &row.blob(2)?)?;
            Ok(StandbyMail {
                leg: row.int(0)?,
                copy: Digest(row.array(1)?),
                user: recipient.address,
            })
        };
        rows.iter().map(read).collect()
    }
}

impl Replica {
    /// Puts a message that waits into the inbox; its UID. The leg goes on waiting, for the mail server: when that is used
    /// again, it gets the message too. `None` where it waits no more, or lies here already.
    pub async fn deliver(&self, leg: i64, message: &NewMessage) -> Result<Option<u32>> {
        let mut order = self.begin().await?;
        let row = values![self.tenant().id(), leg];
        if sql::execute(order.tx(), statements::PUT_INTO_MAILBOX, row).await? == 0 {
            return Ok(None);
        }
        let inbox = order.folder_named("INBOX")?;
        let message = std::slice::from_ref(message);
        let uids = self.append_in(&mut order, inbox, message, true).await?;
        order.commit().await?;
        Ok(uids.first().copied())
    }
}
