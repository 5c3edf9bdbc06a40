//! Accounts of people: address, roles, password, and the addresses whose mail is theirs.

use std::collections::HashMap;

use everpost_domain::access::{Role, Roles};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::clean_address;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// Addresses an account may own: more is a sign of a mistake, and each costs a look-up.
const MOST_ADDRESSES: usize = 1000;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: i64,
    /// The address that it signs in with.
    pub address: String,
    /// The person's name.
    pub name: String,
    /// What it may do.
    pub roles: Roles,
    /// The addresses whose mail is its own.
    pub owns: Vec<String>,
    /// Whether it may come in no longer.
    pub disabled: bool,
    /// When it was made, µs since 1970.
    pub created: i64,
}

/// An account to be made.
#[derive(Clone)]
pub struct NewAccount {
    /// The address to sign in with.
    pub address: String,
    /// The person's name; may be empty.
    pub name: String,
    /// What it may do.
    pub roles: Roles,
    /// The addresses whose mail is its own.
    pub owns: Vec<String>,
    /// The hash of its password, as a PHC string.
    pub password_hash: String,
}

/// What is to be different about an account; `None` leaves it.
#[derive(Clone, Default)]
pub struct AccountChange {
    /// Its name.
    pub name: Option<String>,
    /// What it may do.
    pub roles: Option<Roles>,
    /// The addresses whose mail is its own.
    pub owns: Option<Vec<String>>,
    /// The hash of its password. Every session of the account ends.
    pub password_hash: Option<String>,
    /// Whether it is shut out. If so, every session of it ends.
    pub disabled: Option<bool>,
}

impl AccountChange {
    /// What is changed, for the log: never the values that are secret.
    fn describe(&self) -> String {
        let mut said = Vec::new();
        if self.name.is_some() {
            said.push("name".to_string());
        }
        if let Some(roles) = self.roles {
            said.push(format!("roles {}", role_names(roles)));
        }
        if let Some(owns) = &self.owns {
            said.push(format!("owns {}", owns.join(" ")));
        }
        if self.password_hash.is_some() {
            said.push("password".into());
        }
        match self.disabled {
            Some(true) => said.push("disabled".into()),
            Some(false) => said.push("enabled".into()),
            None => {}
        }
        said.join(", ")
    }
}

fn role_names(roles: Roles) -> String {
    roles.iter().map(Role::name).collect::<Vec<_>>().join(" ")
}

impl Tenant {
    /// Makes an account. `actor` is who does it, for the log.
    pub async fn add_account(&self, new: &NewAccount, actor: &str) -> Result<Account> {
        let address = clean_address(&new.address)?;
        check_roles(new.roles)?;
        let hash = self.address_hash(&address);
        let mut tx = self.store.catalog.begin().await?;
        let ask = values![self.id(), hash];
        if sql::fetch_optional(&mut tx, statements::ACCOUNT_BY_HASH, ask)
            .await?
            .is_some()
        {
            return Err(StoreError::Exists(format!("account {address}")));
        }
        let id = take_ids(&mut tx, Counter::Account, 1).await?;
        let row = values![
            id,
            self.id(),
            hash,
            self.seal_name(b"account", &address)?,
            self.seal_name(b"account_name", new.name.trim())?,
            i64::from(new.roles.bits()),
            self.seal_name(b"password", &new.password_hash)?,
            now_us()
        ];
        sql::execute(&mut tx, statements::INSERT_ACCOUNT, row).await?;
        self.set_addresses(&mut tx, id, &new.owns).await?;
        let subject = format!("account {address}: made, roles {}", role_names(new.roles));
        self.record_change(&mut tx, actor, &subject, "").await?;
        tx.commit().await?;
        self.account(&address).await
    }

    async fn set_addresses(
        &self,
        db: &mut AnyConnection,
        account: i64,
        owns: &[String],
    ) -> Result<()> {
        if owns.len() > MOST_ADDRESSES {
            return Err(StoreError::Invalid(format!(
                "an account owns at most {MOST_ADDRESSES} addresses"
            )));
        }
        let delete = values![self.id(), account];
        sql::execute(db, statements::DELETE_ACCOUNT_ADDRESSES, delete).await?;
        let mut rows = Vec::new();
        for address in owns {
            let address = clean_address(address)?;
            rows.push(values![
                self.id(),
                account,
                self.address_hash(&address),
                self.seal_name(b"account_address", &address)?
            ]);
        }
        statements::INSERT_ACCOUNT_ADDRESSES
            .execute(db, rows)
            .await?;
        Ok(())
    }

    /// All accounts, oldest first.
    pub async fn accounts(&self) -> Result<Vec<Account>> {
        let mut db = self.store.catalog.read().await?;
        let mut owned: HashMap<i64, Vec<String>> = HashMap::new();
        let tenant = values![self.id()];
        for row in sql::fetch(&mut db, statements::ADDRESSES_OF_ACCOUNTS, tenant.clone()).await? {
            let address = self.open_name(b"account_address", &row.blob(1)?)?;
            owned.entry(row.int(0)?).or_default().push(address);
        }
        let rows = sql::fetch(&mut db, statements::ACCOUNTS, tenant).await?;
        rows.iter()
            .map(|row| {
                let mut owns = owned.remove(&row.int(0)?).unwrap_or_default();
                owns.sort();
                self.read_account(row, owns)
            })
            .collect()
    }

    fn read_account(&self, row: &AnyRow, owns: Vec<String>) -> Result<Account> {
        Ok(Account {
            id: row.int(0)?,
            address: self.open_name(b"account", &row.blob(1)?)?,
            name: self.open_name(b"account_name", &row.blob(2)?)?,
            roles: Roles::from_bits(u32::try_from(row.int(3)?).unwrap_or(0)),
            owns,
            disabled: row.int(4)? != 0,
            created: row.int(5)?,
        })
    }

    async fn account_of(&self, db: &mut AnyConnection, row: &AnyRow) -> Result<Account> {
        let ask = values![self.id(), row.int(0)?];
        let mut owns = Vec::new();
        for row in sql::fetch(db, statements::ADDRESSES_OF_ACCOUNT, ask).await? {
            owns.push(self.open_name(b"account_address", &row.blob(1)?)?);
        }
        owns.sort();
        self.read_account(row, owns)
    }

    /// The account that signs in with `address`.
    pub async fn account(&self, address: &str) -> Result<Account> {
        let found = self.credentials(address).await?;
        found
            .map(|(account, _)| account)
            .ok_or_else(|| StoreError::NotFound(format!("account {}", address.trim())))
    }

    /// The account that signs in with `address`, and the hash of its password.
    pub async fn credentials(&self, address: &str) -> Result<Option<(Account, String)>> {
        let mut db = self.store.catalog.read().await?;
        let ask = values![self.id(), self.address_hash(address)];
        match sql::fetch_optional(&mut db, statements::ACCOUNT_BY_HASH, ask).await? {
            Some(row) => {
                let hash = self.open_name(b"password", &row.blob(6)?)?;
                Ok(Some((self.account_of(&mut db, &row).await?, hash)))
            }
            None => Ok(None),
        }
    }

    /// The account of a number, unless it is shut out.
    pub(super) async fn live_account(
        &self,
        db: &mut AnyConnection,
        id: i64,
    ) -> Result<Option<Account>> {
        match sql::fetch_optional(db, statements::ACCOUNT, values![self.id(), id]).await? {
            Some(row) => {
                let account = self.account_of(db, &row).await?;
                Ok(Some(account).filter(|account| !account.disabled))
            }
            None => Ok(None),
        }
    }

    /// Changes an account. `actor` is who does it, for the log.
    pub async fn change_account(
        &self,
        address: &str,
        change: &AccountChange,
        actor: &str,
    ) -> Result<Account> {
        if let Some(roles) = change.roles {
            check_roles(roles)?;
        }
        let mut tx = self.store.catalog.begin().await?;
        let ask = values![self.id(), self.address_hash(address)];
        let row = sql::fetch_optional(&mut tx, statements::ACCOUNT_BY_HASH, ask)
            .await?
            .ok_or_else(|| StoreError::NotFound(format!("account {}", address.trim())))?;
        let id = row.int(0)?;
        let name = match &change.name {
            Some(name) => self.seal_name(b"account_name", name.trim())?,
            None => row.blob(2)?,
        };
        let password = match &change.password_hash {
            Some(hash) => self.seal_name(b"password", hash)?,
            None => row.blob(6)?,
        };
        let disabled = match change.disabled {
            Some(true) => now_us(),
            Some(false) => 0,
            None => row.int(4)?,
        };
        let roles = match change.roles {
            Some(roles) => i64::from(roles.bits()),
            None => row.int(3)?,
        };
        let changed = values![self.id(), id, name, roles, password, disabled];
        sql::execute(&mut tx, statements::CHANGE_ACCOUNT, changed).await?;
        if let Some(owns) = &change.owns {
            self.set_addresses(&mut tx, id, owns).await?;
        }
        if change.password_hash.is_some() || change.disabled == Some(true) {
            let account = values![self.id(), id];
            sql::execute(&mut tx, statements::DELETE_SESSIONS_OF, account).await?;
        }
        let subject = format!("account {}: {}", address.trim(), change.describe());
        self.record_change(&mut tx, actor, &subject, "").await?;
        tx.commit().await?;
        self.account(address).await
    }
}

/// An account is a person's: it is neither the machine's operator nor a machine.
fn check_roles(roles: Roles) -> Result<()> {
    match roles.iter().find(|role| !Role::OF_ACCOUNTS.contains(role)) {
        Some(role) => Err(StoreError::Invalid(format!(
            "an account cannot have the role {}",
            role.name()
        ))),
        None if roles == Roles::default() => {
            Err(StoreError::Invalid("an account needs a role".into()))
        }
        None => Ok(()),
    }
}
