//! A tenant's handle: the only way to a tenant's mail.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use everpost_domain::digest::Digest;
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::admit::Queue;
use crate::cache::Cache;
use crate::catalog::{Lease, Work};
use crate::error::{Result, StoreError};
use crate::follow::{Building, FreshDoc};
use crate::index::{BlockCache, Split};
use crate::keys::TenantKeys;
use crate::nodes::Nodes;
use crate::replica::{Synced, Watched};
use crate::search::{Known, Ranked, Shown};
use crate::store::Inner;

/// One organization's mail in a store. Cheap to clone; everything that concerns mail is a
/// method of this handle, so that code for one tenant cannot reach another's.
#[derive(Clone)]
pub struct Tenant {
    pub(crate) store: Arc<Inner>,
    pub(crate) state: Arc<TenantState>,
}

/// Text of fresh copies that waits for the index, in bytes.
const FRESH: usize = 48 << 20;

/// Opened heads that are kept for the next search, in bytes.
const SHOWN: usize = 24 << 20;

/// Bytes that an id takes in a cache.
pub(crate) const ID: usize = 64;

/// Ids whose copies are known, in bytes.
const IDS: usize = 4 << 20;

/// What is kept of a tenant while the store is open.
pub(crate) struct TenantState {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) keys: Arc<TenantKeys>,
    /// The bucket of new mail: the unlocked class.
    pub(crate) bucket: i64,
    pub(crate) bucket_key: hmac::Key,
    /// Admissions that wait to be committed together.
    pub(crate) queue: Queue,
    /// Splits under construction; held by whoever indexes.
    pub(crate) building: tokio::sync::Mutex<Building>,
    /// Opened splits by name.
    pub(crate) splits: Mutex<HashMap<[u8; 16], Arc<Split>>>,
    /// Opened blocks of splits.
    pub(crate) blocks: Arc<BlockCache>,
    /// Held by whoever reads attachments.
    pub(crate) extracting: tokio::sync::Mutex<()>,
    /// This node's lease of the followers' work, while it has it.
    lead: tokio::sync::Mutex<Option<Arc<Lease>>>,
    /// Held by whoever moves the log on.
    pub(crate) following: tokio::sync::Mutex<()>,
    /// What was read of copies admitted lately, by event id, until the index took it.
    pub(crate) fresh: Cache<i64, Arc<FreshDoc>>,
    /// Ids of mailboxes and folders that the catalog is known to hold.
    pub(crate) places: Mutex<Places>,
    /// What searches keep between commits.
    pub(crate) known: Mutex<Option<Arc<Known>>>,
    /// Heads of copies by seq, as hits show them.
    pub(crate) shown: Cache<u64, Arc<Shown>>,
    /// Copies by digest, as far as hits showed them.
    pub(crate) ids: Cache<Digest, i64>,
    /// Answers in the order by score that somebody may page through.
    pub(crate) ranked: Mutex<Ranked>,
    /// Who shows users' mailboxes, and is told of their changes.
    pub(crate) watched: Watched,
    /// The mailboxes that this process keeps in step with a mail server.
    pub(crate) synced: Synced,
    /// The nodes that searches are shared with, once this one takes part.
    pub(crate) nodes: OnceLock<Nodes>,
    /// Where a test stops an admission between its decision and its commit.
    #[cfg(test)]
    pub(crate) gate: crate::admit::Gate,
}

/// Known ids by keyed hash.
#[derive(Default, Clone)]
pub(crate) struct Places {
    pub(crate) mailboxes: HashMap<i64, i64>,
    /// By mailbox id and hash.
    pub(crate) folders: HashMap<(i64, i64), i64>,
}

impl TenantState {
    pub(crate) fn new(
        name: String,
        keys: TenantKeys,
        bucket: i64,
        blocks: Arc<BlockCache>,
    ) -> Self {
        TenantState {
            id: keys.tenant,
            name,
            bucket,
            bucket_key: keys.bucket(bucket),
            keys: Arc::new(keys),
            queue: Queue::default(),
            fresh: Cache::new(FRESH),
            building: tokio::sync::Mutex::default(),
            splits: Mutex::default(),
            blocks,
            extracting: tokio::sync::Mutex::new(()),
            lead: tokio::sync::Mutex::default(),
            following: tokio::sync::Mutex::new(()),
            places: Mutex::new(Places::default()),
            known: Mutex::default(),
            shown: Cache::new(SHOWN),
            ids: Cache::new(IDS),
            ranked: Mutex::default(),
            watched: Watched::default(),
            synced: Synced::default(),
            nodes: OnceLock::new(),
            #[cfg(test)]
            gate: crate::admit::Gate::default(),
        }
    }

    /// The address of a part in this tenant's bucket.
    pub(crate) fn address(&self, digest: &Digest) -> [u8; 32] {
        let tag = hmac::sign(&self.bucket_key, &digest.0);
        tag.as_ref()
            .first_chunk::<32>()
            .copied()
            .unwrap_or_default()
    }
}

impl Tenant {
    /// The tenant's name.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    pub(crate) fn id(&self) -> i64 {
        self.state.id
    }

    /// Seals what is kept of something, as JSON; `kind` says what it is.
    pub(crate) fn seal_about<T: Serialize>(&self, kind: &[u8], about: &T) -> Result<Vec<u8>> {
        let text = serde_json::to_string(about);
        let text = text.map_err(|error| StoreError::Invalid(error.to_string()))?;
        self.state.keys.names.seal(kind, text.as_bytes())
    }

    /// Opens what [`Tenant::seal_about`] sealed.
    pub(crate) fn open_about<T: for<'de> Deserialize<'de>>(
        &self,
        kind: &[u8],
        sealed: &[u8],
    ) -> Result<T> {
        let text = self.open_name(kind, sealed)?;
        serde_json::from_str(&text)
            .map_err(|error| StoreError::damaged(String::from_utf8_lossy(kind), error.to_string()))
    }

    /// The lease of the followers' work, if this node has it or can have it now. It is kept until
    /// the store is closed: a node that indexes what it admitted itself need not read it back.
    pub(crate) async fn lead(&self) -> Result<Option<Arc<Lease>>> {
        let mut lead = self.state.lead.lock().await;
        if lead.as_ref().is_none_or(|lead| !lead.lasts()) {
            *lead = self.store.catalog.lease(self.id(), Work::Follow).await?;
        }
        Ok(lead.clone())
    }

    /// Whether this node follows what is admitted, as far as it knows.
    pub async fn leads(&self) -> bool {
        self.state
            .lead
            .lock()
            .await
            .as_ref()
            .is_some_and(|lead| lead.lasts())
    }

    /// Lets other nodes do what this one led or was going to index.
    pub(crate) async fn give_up_lead(&self) {
        // What cannot be given up ends by itself.
        self.release_ranges().await.ok();
        if let Some(lead) = self.state.lead.lock().await.take() {
            lead.give_back().await;
        }
    }
}

/// Mailbox addresses are compared without regard to case, as every large mail system does.
pub(crate) fn mailbox_key(address: &str) -> Vec<u8> {
    address.trim().to_lowercase().into_bytes()
}
