//! Groups: named lists of addresses, as `group:` means them.

use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// A named list of addresses and domains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name; case does not matter.
    pub name: String,
    /// `local@domain` for an address, `domain` for all below a domain; sorted.
    pub members: Vec<String>,
}

impl Tenant {
    /// Every group, by name.
    pub async fn groups(&self) -> Result<Vec<Group>> {
        Err(StoreError::Invalid("not built yet".into()))
    }

    /// Makes a group, or gives it these members instead of those it has.
    pub async fn set_group(&self, name: &str, members: &[String]) -> Result<Group> {
        let _ = (name, members);
        Err(StoreError::Invalid("not built yet".into()))
    }

    /// Forgets a group.
    pub async fn remove_group(&self, name: &str) -> Result<()> {
        let _ = name;
        Err(StoreError::Invalid("not built yet".into()))
    }
}
