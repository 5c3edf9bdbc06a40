//! Saved searches: queries that have a name.

use everpost_domain::query::{parse, print};
use everpost_domain::text::fold_exact;
use everpost_domain::wire::{Reader, Writer};

use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::tenant::{Tenant, mailbox_key};

/// A saved search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedSearch {
    /// Its number.
    pub id: i64,
    /// Whose it is: the address of its owner, or empty for the operator's.
    pub owner: String,
    /// Its name, one of a kind among its owner's; case does not matter.
    pub name: String,
    /// The query as it was typed.
    pub text: String,
    /// The query as the language writes it, which tells what was understood at the time.
    pub canonical: String,
    /// When it was saved, µs since 1970.
    pub created: i64,
}

/// Saved searches of one owner: more than a person keeps apart, and a bound of what a
/// program can fill the catalog with.
const MOST: usize = 1000;

/// A name that people gave: trimmed, one line, not longer than a line.
pub(crate) fn name_of(what: &str, name: &str) -> Result<String> {
    const LONGEST: usize = 200;
    let name = name.trim();
    if name.is_empty() || name.len() > LONGEST || name.chars().any(char::is_control) {
        return Err(StoreError::Invalid(format!(
            "the name of a {what} is one line of at most {LONGEST} bytes"
        )));
    }
    Ok(name.to_owned())
}

impl Tenant {
    /// The saved searches of an owner, oldest first.
    pub async fn saved_searches(&self, owner: &str) -> Result<Vec<SavedSearch>> {
        let mut db = self.store.catalog.read().await?;
        let ask = values![self.id(), self.owner(owner)];
        let rows = sql::fetch(&mut db, statements::SAVED_SEARCHES, ask).await?;
        let read = |row: &sqlx::any::AnyRow| {
            let id = row.int(0)?;
            let damaged = || StoreError::damaged(format!("saved search {id}"), "it does not open");
            let names = &self.state.keys.names;
            let about = names
                .open(b"saved search", &row.blob(2)?)
                .ok_or_else(damaged)?;
            let mut about = Reader::new(&about);
            Ok(SavedSearch {
                id,
                owner: self.open_name(b"owner", &row.blob(1)?)?,
                name: about.text()?.to_owned(),
                text: about.text()?.to_owned(),
                canonical: about.text()?.to_owned(),
                created: row.int(3)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Saves a query under a name; what had the name before is replaced.
    pub async fn save_search(&self, owner: &str, name: &str, text: &str) -> Result<SavedSearch> {
        let name = name_of("saved search", name)?;
        let query = parse(text).map_err(|error| {
            StoreError::Invalid(format!("the query is wrong\n{}", error.pretty(text)))
        })?;
        let (owner, canonical, created) = (owner.trim(), print(&query), now_us());
        let names = &self.state.keys.names;
        let mut about = Writer::new();
        about.text(&name).text(text).text(&canonical);
        let about = names.seal(b"saved search", &about.finish())?;
        let address = names.seal(b"owner", owner.as_bytes())?;
        let hash = self
            .state
            .keys
            .lookup(b"saved search", fold_exact(&name).as_bytes());
        if self.saved_searches(owner).await?.len() >= MOST {
            return Err(StoreError::Invalid(format!(
                "there are {MOST} saved searches already; delete some"
            )));
        }
        let mut tx = self.store.catalog.begin().await?;
        let id = take_ids(&mut tx, Counter::SavedSearch, 1).await?;
        let row = values![
            id,
            self.id(),
            self.owner(owner),
            hash,
            address,
            about,
            created
        ];
        let saved = sql::fetch_optional(&mut tx, statements::SAVE_SEARCH, row).await?;
        let id = saved.ok_or(sqlx::Error::RowNotFound)?.int(0)?;
        tx.commit().await?;
        Ok(SavedSearch {
            id,
            owner: owner.to_owned(),
            name,
            text: text.to_owned(),
            canonical,
            created,
        })
    }

    /// Forgets a saved search of an owner.
    pub async fn delete_search(&self, owner: &str, id: i64) -> Result<()> {
        let mut tx = self.store.catalog.begin().await?;
        let row = values![self.id(), self.owner(owner), id];
        let gone = sql::execute(&mut tx, statements::DELETE_SEARCH, row).await?;
        tx.commit().await?;
        match gone {
            0 => Err(StoreError::NotFound(format!("saved search {id}"))),
            _ => Ok(()),
        }
    }

    fn owner(&self, address: &str) -> i64 {
        self.state.keys.lookup(b"owner", &mailbox_key(address))
    }
}
