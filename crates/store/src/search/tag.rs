//! Tags: marks that people put on messages.

use everpost_domain::digest::Digest;

use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Its name.
    pub name: String,
    /// Messages that have it.
    pub messages: u64,
}

/// What tagging did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tagged {
    /// Messages that were named.
    pub messages: u64,
    /// Those of them that did not have the tag before, or do not have it any more.
    pub changed: u64,
}

impl Tenant {
    /// Every tag, by name.
    pub async fn tags(&self) -> Result<Vec<Tag>> {
        Err(StoreError::Invalid("not built yet".into()))
    }

    /// Puts a tag on the messages of these copies; makes it if there is none of that name.
    pub async fn add_tag(&self, name: &str, copies: &[Digest]) -> Result<Tagged> {
        let _ = (name, copies);
        Err(StoreError::Invalid("not built yet".into()))
    }

    /// Takes a tag off the messages of these copies.
    pub async fn remove_tag(&self, name: &str, copies: &[Digest]) -> Result<Tagged> {
        let _ = (name, copies);
        Err(StoreError::Invalid("not built yet".into()))
    }
}
