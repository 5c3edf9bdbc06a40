//! Tokens: what programs come with instead of a password.

use everpost_domain::access::{Action, Scopes};
use sqlx::any::AnyRow;

use super::{account::Account, secret};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// How a token begins, so that people and secret scanners know it when they see it.
const PREFIX: &str = "evp_";
/// Letters that lists show of a token.
const SHOWN: usize = 12;
/// The last use is written down only this often: each write is a sync of the disk.
const TOUCH_US: i64 = 60 * 1_000_000;

/// A token as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its number.
    pub id: i64,
    /// The number of the account that it speaks for.
    pub account: i64,
    /// What its owner calls it.
    pub name: String,
    /// How its secret begins.
    pub shown: String,
    /// What it is good for.
    pub scopes: Scopes,
    /// When it was made, µs since 1970.
    pub created: i64,
    /// When it ends; 0 for never.
    pub expires: i64,
    /// When it was last used, within a minute; 0 for never.
    pub used: i64,
    /// When it was revoked; 0 if it was not.
    pub revoked: i64,
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct TokenGrant {
    /// What its owner calls it.
    pub name: String,
    /// What it is good for.
    pub scopes: Scopes,
    /// When it ends, µs since 1970; 0 for never.
    pub expires: i64,
}

impl Tenant {
    fn read_token(&self, row: &AnyRow) -> Result<Token> {
        Ok(Token {
            id: row.int(0)?,
            account: row.int(1)?,
            name: self.open_name(b"token", &row.blob(2)?)?,
            shown: self.open_name(b"token_shown", &row.blob(3)?)?,
            scopes: Scopes::from_bits(u32::try_from(row.int(4)?).unwrap_or(0)),
            created: row.int(5)?,
            expires: row.int(6)?,
            used: row.int(7)?,
            revoked: row.int(8)?,
        })
    }

    /// Makes a token of an account; returns it with its secret, which is kept nowhere.
    pub async fn add_token(
        &self,
        account: &Account,
        grant: &TokenGrant,
        actor: &str,
    ) -> Result<(Token, String)> {
        if grant.scopes.iter().next().is_none() {
            return Err(StoreError::Invalid("a token needs a scope".into()));
        }
        let secret = secret(PREFIX)?;
        let shown: String = secret.chars().take(SHOWN).collect();
        let keys = &self.state.keys;
        let mut tx = self.store.catalog.begin().await?;
        let id = take_ids(&mut tx, Counter::Token, 1).await?;
        let created = now_us();
        let row = values![
            id,
            self.id(),
            account.id,
            keys.lookup(b"token", secret.as_bytes()),
            keys.tag(b"token", secret.as_bytes()),
            self.seal_name(b"token", grant.name.trim())?,
            self.seal_name(b"token_shown", &shown)?,
            i64::from(grant.scopes.bits()),
            created,
            grant.expires
        ];
        sql::execute(&mut tx, statements::INSERT_TOKEN, row).await?;
        let scopes: Vec<&str> = grant.scopes.iter().map(Action::name).collect();
        let subject = format!(
            "token {shown} of {}: made, scopes {}",
            account.address,
            scopes.join(" ")
        );
        self.record_change(&mut tx, actor, &subject, "").await?;
        tx.commit().await?;
        let token = Token {
            id,
            account: account.id,
            name: grant.name.trim().into(),
            shown,
            scopes: grant.scopes,
            created,
            expires: grant.expires,
            used: 0,
            revoked: 0,
        };
        Ok((token, secret))
    }

    /// All tokens, oldest first.
    pub async fn tokens(&self) -> Result<Vec<Token>> {
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statements::TOKENS, values![self.id()]).await?;
        rows.iter().map(|row| self.read_token(row)).collect()
    }

    /// The account that a token speaks for, and what it is good for; `None` if it is not,
    /// or no longer, a token.
    pub async fn token(&self, secret: &str) -> Result<Option<(Account, Scopes)>> {
        if !secret.starts_with(PREFIX) {
            return Ok(None);
        }
        let keys = &self.state.keys;
        let ask = values![self.id(), keys.lookup(b"token", secret.as_bytes())];
        let mut db = self.store.catalog.read().await?;
        let now = now_us();
        for row in sql::fetch(&mut db, statements::TOKENS_BY_PREFIX, ask).await? {
            let token = self.read_token(&row)?;
            let ended = token.revoked != 0 || (token.expires != 0 && token.expires <= now);
            if ended || !keys.is_tag(b"token", secret.as_bytes(), &row.blob(9)?) {
                continue;
            }
            let Some(account) = self.live_account(&mut db, token.account).await? else {
                return Ok(None);
            };
            drop(db);
            if token.used < now - TOUCH_US {
                let used = values![self.id(), token.id, now];
                self.touch(statements::TOUCH_TOKEN, used).await?;
            }
            return Ok(Some((account, token.scopes)));
        }
        Ok(None)
    }

    /// Ends a token.
    pub async fn revoke_token(&self, id: i64, actor: &str) -> Result<()> {
        let mut tx = self.store.catalog.begin().await?;
        let row = values![self.id(), id, now_us()];
        if sql::execute(&mut tx, statements::REVOKE_TOKEN, row).await? == 0 {
            return Err(StoreError::NotFound(format!("token {id} in force")));
        }
        self.record_change(&mut tx, actor, &format!("token {id}: revoked"), "")
            .await?;
        tx.commit().await
    }
}
