//! Sessions of people who signed in.

use super::{account::Account, secret};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::clock::now_us;
use crate::error::Result;
use crate::tenant::Tenant;

/// A session ends so long after the sign-in, however busy it is: one working day.
const LONGEST_US: i64 = 12 * 3600 * 1_000_000;
/// A session that nobody used for so long ends: the desk may have been left.
const IDLE_US: i64 = 3600 * 1_000_000;
/// The last use is written down only this often: each write is a sync of the disk.
const TOUCH_US: i64 = 60 * 1_000_000;

impl Tenant {
    /// Begins a session of an account; returns its secret, which is kept nowhere.
    pub async fn start_session(&self, account: &Account) -> Result<String> {
        let secret = secret("")?;
        let keys = &self.state.keys;
        let now = now_us();
        let row = values![
            self.id(),
            keys.lookup(b"session", secret.as_bytes()),
            keys.tag(b"session", secret.as_bytes()),
            account.id,
            now
        ];
        let mut tx = self.store.catalog.begin().await?;
        let old = values![self.id(), now - LONGEST_US, now - IDLE_US];
        sql::execute(&mut tx, statements::DELETE_OLD_SESSIONS, old).await?;
        sql::execute(&mut tx, statements::INSERT_SESSION, row).await?;
        tx.commit().await?;
        Ok(secret)
    }

    /// The account whose session this is; `None` if it has ended or never was.
    pub async fn session(&self, secret: &str) -> Result<Option<Account>> {
        let keys = &self.state.keys;
        let prefix = keys.lookup(b"session", secret.as_bytes());
        let ask = values![self.id(), prefix];
        let mut db = self.store.catalog.read().await?;
        let Some(row) = sql::fetch_optional(&mut db, statements::SESSION, ask.clone()).await?
        else {
            return Ok(None);
        };
        let now = now_us();
        let alive = row.int(2)? >= now - LONGEST_US && row.int(3)? >= now - IDLE_US;
        if !alive || !keys.is_tag(b"session", secret.as_bytes(), &row.blob(0)?) {
            return Ok(None);
        }
        let account = self.live_account(&mut db, row.int(1)?).await?;
        drop(db);
        if account.is_some() && row.int(3)? < now - TOUCH_US {
            let used = values![self.id(), prefix, now];
            self.touch(statements::TOUCH_SESSION, used).await?;
        }
        Ok(account)
    }

    /// Ends a session.
    pub async fn end_session(&self, secret: &str) -> Result<()> {
        let prefix = self.state.keys.lookup(b"session", secret.as_bytes());
        let mut tx = self.store.catalog.begin().await?;
        sql::execute(
            &mut tx,
            statements::DELETE_SESSION,
            values![self.id(), prefix],
        )
        .await?;
        tx.commit().await
    }
}
