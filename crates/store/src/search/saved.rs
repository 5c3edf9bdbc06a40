//! Saved searches: queries that have a name.

use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// A saved search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedSearch {
    /// Its number.
    pub id: i64,
    /// Whose it is: the address of its owner, or empty for the operator's.
    pub owner: String,
    /// Its name, one of a kind among its owner's.
    pub name: String,
    /// The query as it was typed.
    pub text: String,
    /// The query as the language writes it, which tells what was understood at the time.
    pub canonical: String,
    /// When it was saved, µs since 1970.
    pub created: i64,
}

impl Tenant {
    /// The saved searches of an owner, by name.
    pub async fn saved_searches(&self, owner: &str) -> Result<Vec<SavedSearch>> {
        let _ = owner;
        Err(StoreError::Invalid("not built yet".into()))
    }

    /// Saves a query under a name; what had the name before is replaced.
    pub async fn save_search(&self, owner: &str, name: &str, text: &str) -> Result<SavedSearch> {
        let _ = (owner, name, text);
        Err(StoreError::Invalid("not built yet".into()))
    }

    /// Forgets a saved search of an owner.
    pub async fn delete_search(&self, owner: &str, id: i64) -> Result<()> {
        let _ = (owner, id);
        Err(StoreError::Invalid("not built yet".into()))
    }
}
