//! A user's mailbox as mail programs see it: folders, UIDs, flags. The same for the agent's replica of a mailbox and for
//! the standby mailbox of the service.
//!
//! ```text
//! mail program ─ imap road ─▶ Replica ─ an order ─▶ domain::replica ─ changes ─▶ rows   ─▶ copy (vault): bytes
//!                                │ one transaction; a folder's modseq rises with each      ▲
//!                                ├ changed(): whoever shows the folder looks again         │
//! mail server ─ sync (agent) ────┘ looks, orders and what came of them: the same way ──────┘
//! ```
//! The rules are `domain::replica`'s. A standby mailbox is loaded for each order, as far as that goes; one that is kept in step
//! with a mail server (sync.rs) stays in memory, and what is known of the server is written beside it.
//!
//! **Promise.** A UID is given once: it names one message of its folder for ever, and a folder's id, which is its
//! UIDVALIDITY, names one folder. What an order returned is durable. Bytes are those of a copy, which was admitted before.
//!
//! At rest a name, a keyword and what a summary says are sealed; numbers are clear.

mod folder;
mod message;
mod order;
mod read;
mod sync;
#[cfg(test)]
mod sync_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Mutex;

use everpost_domain::replica::{Refusal, Unnamed};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::access::clean_address;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::error::{Result, StoreError};
use crate::tenant::{Tenant, mailbox_key};
use sync::Sync;
pub(crate) use sync::Synced;

pub use everpost_domain::replica::{FlagOrder, Flags, Role as SpecialUse};
pub use folder::{Folder, FolderCounts};
pub use message::{NewMessage, Row, Taken};
pub use read::Changes;
pub use sync::Mail;

/// Folders that a mailbox begins with.
const FIRST_FOLDERS: [(&str, Option<SpecialUse>); 6] = [
    ("INBOX", None),
    ("Drafts", Some(SpecialUse::Drafts)),
    ("Sent", Some(SpecialUse::Sent)),
    ("Archive", Some(SpecialUse::Archive)),
    ("Junk", Some(SpecialUse::Junk)),
    ("Trash", Some(SpecialUse::Trash)),
];

/// Keywords that a mailbox may have: each is a bit of a number, beside the five flags that every message has.
pub const MOST_KEYWORDS: usize = 57;

/// A user's mailbox. Cheap to clone.
#[derive(Clone)]
pub struct Replica {
    tenant: Tenant,
    id: i64,
    owner: String,
    /// If it is kept in step with a mail server.
    sync: Option<Sync>,
}

/// What is sealed of a mailbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct About {
    owner: String,
    /// By bit, from [`Flags::FIRST_KEYWORD`] on.
    keywords: Vec<String>,
}

/// Who waits for changes, by mailbox.
#[derive(Default)]
pub(crate) struct Watched(Mutex<BTreeMap<i64, watch::Sender<()>>>);

impl Watched {
    fn of(&self, replica: i64) -> watch::Receiver<()> {
        let mut all = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // Nobody is told who does not listen any more.
        all.retain(|_, sender| sender.receiver_count() > 0);
        let sender = all.entry(replica).or_insert_with(|| watch::Sender::new(()));
        sender.subscribe()
    }

    fn tell(&self, replica: i64) {
        let all = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(sender) = all.get(&replica) {
            sender.send_replace(());
        }
    }
}

impl Tenant {
    /// The mailbox of an address; made with its first folders if there is none.
    pub async fn replica(&self, owner: &str) -> Result<Replica> {
        self.replica_with(owner, &FIRST_FOLDERS).await
    }

    async fn replica_with(
        &self,
        owner: &str,
        first: &[(&str, Option<SpecialUse>)],
    ) -> Result<Replica> {
        let owner = clean_address(owner)?;
        if let Some(found) = self.replica_if_any(&owner).await? {
            return Ok(found);
        }
        let hash = self.replica_hash(&owner);
        let mut tx = self.store.catalog.begin().await?;
        let asked = values![self.id(), hash];
        let found = sql::fetch_optional(&mut tx, statements::REPLICA_BY_HASH, asked).await?;
        if let Some(row) = found {
            return Ok(self.replica_of(row.int(0)?, owner));
        }
        let id = take_ids(&mut tx, Counter::Replica, 1).await?;
        let about = About {
            owner: owner.clone(),
            keywords: Vec::new(),
        };
        let about = self.seal_about(b"replica", &about)?;
        let row = values![id, self.id(), hash, about];
        sql::execute(&mut tx, statements::INSERT_REPLICA, row).await?;
        let replica = self.replica_of(id, owner);
        let mut order = replica.begin_in(tx).await?;
        order.number_folders().await?;
        for (name, used_for) in first {
            order.core().create_folder(name, *used_for)?;
        }
        order.commit().await?;
        Ok(replica)
    }

    /// The mailbox of an address, if it was made.
    pub async fn replica_if_any(&self, owner: &str) -> Result<Option<Replica>> {
        let owner = clean_address(owner)?;
        let mut db = self.store.catalog.read().await?;
        let asked = values![self.id(), self.replica_hash(&owner)];
        let found = sql::fetch_optional(&mut db, statements::REPLICA_BY_HASH, asked).await?;
        found
            .map(|row| Ok(self.replica_of(row.int(0)?, owner)))
            .transpose()
    }

    fn replica_of(&self, id: i64, owner: String) -> Replica {
        Replica {
            tenant: self.clone(),
            sync: self.state.synced.of(id),
            id,
            owner,
        }
    }

    fn replica_hash(&self, owner: &str) -> i64 {
        self.state.keys.lookup(b"replica", &mailbox_key(owner))
    }
}

impl Replica {
    /// Whose it is: an address in lower case.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The archive that has the bytes.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Tells of every change that this process makes, after it is durable. Other nodes' are seen by looking.
    pub fn changed(&self) -> watch::Receiver<()> {
        self.tenant.state.watched.of(self.id)
    }

    /// How much new mail ever came: it only rises, and the user's own doings do not count.
    pub async fn indicator(&self) -> Result<u64> {
        let mut db = self.tenant.store.catalog.read().await?;
        let row = self.row(&mut db).await?;
        Ok(row.0)
    }

    /// Names of keywords, by bit from [`Flags::FIRST_KEYWORD`] on.
    pub async fn keywords(&self) -> Result<Vec<String>> {
        let mut db = self.tenant.store.catalog.read().await?;
        Ok(self.row(&mut db).await?.1.keywords)
    }

    /// Bits of flags by their names; a keyword that is new gets a bit. Names are compared without regard to case.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for more than [`MOST_KEYWORDS`] of them, and for a system flag that nobody knows.
    pub async fn flags(&self, names: &[String]) -> Result<Flags> {
        match Flags::named(names, &self.keywords().await?) {
            Err(Unnamed::Keyword(_)) => {}
            known => return Ok(known?),
        }
        let mut tx = self.tenant.store.catalog.begin().await?;
        let (_, mut about) = self.row(&mut tx).await?;
        for name in names.iter().filter(|name| !name.starts_with('\\')) {
            let known = |one: &String| one.eq_ignore_ascii_case(name);
            if !about.keywords.iter().any(known) {
                about.keywords.push(name.clone());
            }
        }
        if about.keywords.len() > MOST_KEYWORDS {
            return Err(StoreError::Invalid(format!(
                "a mailbox has at most {MOST_KEYWORDS} different keywords"
            )));
        }
        let sealed = self.tenant.seal_about(b"replica", &about)?;
        let row = values![self.tenant.id(), self.id, sealed];
        sql::execute(&mut tx, statements::SET_REPLICA, row).await?;
        tx.commit().await?;
        Ok(Flags::named(names, &about.keywords)?)
    }

    /// Its indicator and what is sealed of it.
    async fn row(&self, db: &mut sqlx::AnyConnection) -> Result<(u64, About)> {
        let asked = values![self.tenant.id(), self.id];
        let row = sql::fetch_optional(db, statements::REPLICA, asked).await?;
        let row = row.ok_or_else(|| StoreError::NotFound(format!("mailbox of {}", self.owner)))?;
        let about = self.tenant.open_about(b"replica", &row.blob(2)?)?;
        Ok((row.int(1)?.unsigned_abs(), about))
    }

    /// Whoever shows this mailbox looks again.
    pub(crate) fn tell(&self) {
        self.tenant.state.watched.tell(self.id);
    }
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoFolder => StoreError::NotFound("such folder any more".into()),
            Refusal::NoMessage => StoreError::NotFound("such message any more".into()),
            Refusal::Exists(name) => StoreError::Exists(format!("folder {name}")),
            Refusal::Cannot(name) => {
                StoreError::Invalid(format!("that cannot be done with {name}"))
            }
        }
    }
}

impl From<Unnamed> for StoreError {
    fn from(unnamed: Unnamed) -> Self {
        StoreError::Invalid(unnamed.to_string())
    }
}
