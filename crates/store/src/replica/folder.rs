//! Folders: names, special uses, subscriptions.

use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::Replica;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::error::{Result, StoreError};

/// What stands between the names of a folder and of one below it.
const DELIMITER: char = '/';
/// Folders of a mailbox. Mail programs ask for all of them at each start.
const MOST_FOLDERS: usize = 10_000;
/// Bytes of a folder's whole name.
const LONGEST_NAME: usize = 1000;

/// What a folder is for (RFC 6154).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpecialUse {
    /// `\Archive`
    Archive,
    /// `\Drafts`
    Drafts,
    /// `\Junk`
    Junk,
    /// `\Sent`
    Sent,
    /// `\Trash`
    Trash,
}

impl SpecialUse {
    const ALL: [SpecialUse; 5] = [
        SpecialUse::Archive,
        SpecialUse::Drafts,
        SpecialUse::Junk,
        SpecialUse::Sent,
        SpecialUse::Trash,
    ];

    /// As it is written, with its backslash.
    pub fn name(self) -> &'static str {
        match self {
            SpecialUse::Archive => "\\Archive",
            SpecialUse::Drafts => "\\Drafts",
            SpecialUse::Junk => "\\Junk",
            SpecialUse::Sent => "\\Sent",
            SpecialUse::Trash => "\\Trash",
        }
    }

    /// By how it is written, in any case.
    pub fn named(name: &str) -> Option<Self> {
        let is = |one: &SpecialUse| one.name().eq_ignore_ascii_case(name);
        SpecialUse::ALL.into_iter().find(is)
    }
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its id in this archive, and its UIDVALIDITY: no other folder ever has it.
    pub id: u32,
    /// Its whole name, levels apart by `/`.
    pub name: String,
    /// What it is for.
    pub used_for: Option<SpecialUse>,
    /// Mail programs show it.
    pub subscribed: bool,
    /// UIDNEXT.
    pub next: u32,
    /// HIGHESTMODSEQ.
    pub modseq: u64,
}

/// A folder's messages in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FolderCounts {
    /// All.
    pub messages: u64,
    /// Without `\Seen`.
    pub unseen: u64,
    /// With `\Deleted`.
    pub deleted: u64,
    /// Bytes of all.
    pub bytes: u64,
}

/// What is sealed of a folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FolderAbout {
    name: String,
    used_for: Option<SpecialUse>,
    subscribed: bool,
}

/// A name that a folder may have. INBOX is one in any case.
fn clean_name(name: &str) -> Result<String> {
    let name = name.strip_suffix(DELIMITER).unwrap_or(name);
    let fits = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.chars().any(char::is_control)
        && name.split(DELIMITER).all(|level| !level.is_empty());
    if !fits {
        return Err(StoreError::Invalid(format!(
            "`{}` cannot name a folder",
            name.escape_debug()
        )));
    }
    Ok(match name.eq_ignore_ascii_case("INBOX") {
        true => "INBOX".to_owned(),
        false => name.to_owned(),
    })
}

/// The names of folders above one, the highest first.
fn above(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices(DELIMITER)
        .filter_map(|(at, _)| name.get(..at))
}

impl Replica {
    /// Every folder, oldest first.
    pub async fn folders(&self) -> Result<Vec<Folder>> {
        let mut db = self.tenant.store.catalog.read().await?;
        self.folders_in(&mut db).await
    }

    pub(super) async fn folders_in(&self, db: &mut AnyConnection) -> Result<Vec<Folder>> {
        let asked = values![self.tenant.id(), self.id];
        let rows = sql::fetch(db, statements::REPLICA_FOLDERS, asked).await?;
        rows.iter().map(|row| self.read_folder(row)).collect()
    }

    /// The folder of a name, which may be INBOX in any case.
    pub async fn folder(&self, name: &str) -> Result<Folder> {
        let folders = self.folders().await?;
        find(&folders, name).cloned()
    }

    /// The folder of an id, as it is now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where it was deleted.
    pub async fn folder_by_id(&self, id: u32) -> Result<Folder> {
        let mut db = self.tenant.store.catalog.read().await?;
        self.folder_in(&mut db, id).await
    }

    pub(crate) async fn inbox_in(&self, db: &mut AnyConnection) -> Result<u32> {
        let folders = self.folders_in(db).await?;
        find(&folders, "INBOX").map(|folder| folder.id)
    }

    pub(super) async fn folder_in(&self, db: &mut AnyConnection, id: u32) -> Result<Folder> {
        let asked = values![self.tenant.id(), i64::from(id), self.id];
        let row = sql::fetch_optional(db, statements::REPLICA_FOLDER, asked).await?;
        let row = row.ok_or_else(|| StoreError::NotFound("such folder any more".into()))?;
        self.read_folder(&row)
    }

    fn read_folder(&self, row: &AnyRow) -> Result<Folder> {
        let about: FolderAbout = self.tenant.open_about(b"replica_folder", &row.blob(3)?)?;
        Ok(Folder {
            id: number(row.int(0)?)?,
            name: about.name,
            used_for: about.used_for,
            subscribed: about.subscribed,
            next: number(row.int(1)?)?,
            modseq: row.int(2)?.unsigned_abs(),
        })
    }

    /// What a folder holds, in numbers.
    pub async fn count(&self, folder: u32) -> Result<FolderCounts> {
        let mut db = self.tenant.store.catalog.read().await?;
        let asked = values![self.tenant.id(), i64::from(folder)];
        let row = sql::fetch_optional(&mut db, statements::COUNT_REPLICA_FOLDER, asked).await?;
        let row = row.ok_or(sqlx::Error::RowNotFound)?;
        let natural = |column| row.int(column).map(i64::unsigned_abs);
        Ok(FolderCounts {
            messages: natural(0)?,
            unseen: natural(1)?,
            deleted: natural(2)?,
            bytes: natural(3)?,
        })
    }

    /// Makes a folder, and those above it that are not there. Nobody is subscribed to it: a program that makes one says so
    /// itself if it wants to show it.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where there is one of that name.
    pub async fn create_folder(&self, name: &str, used_for: Option<SpecialUse>) -> Result<Folder> {
        let name = clean_name(name)?;
        let mut tx = self.tenant.store.catalog.begin().await?;
        let folders = self.folders_in(&mut tx).await?;
        let there = |name: &str| folders.iter().any(|folder| folder.name == name);
        if there(&name) {
            return Err(StoreError::Exists(format!("folder {name}")));
        }
        let missing: Vec<&str> = above(&name).filter(|name| !there(name)).collect();
        if folders.len() + missing.len() >= MOST_FOLDERS {
            return Err(StoreError::Invalid(format!(
                "a mailbox has at most {MOST_FOLDERS} folders"
            )));
        }
        // Of two for Sent, mail programs take either: one is enough.
        let taken = |one: &SpecialUse| folders.iter().any(|folder| folder.used_for == Some(*one));
        for name in missing {
            self.insert_folder(&mut tx, name, None, false).await?;
        }
        let used_for = used_for.filter(|one| !taken(one));
        let id = self.insert_folder(&mut tx, &name, used_for, false).await?;
        let folder = self.folder_in(&mut tx, id).await?;
        tx.commit().await?;
        self.tell();
        Ok(folder)
    }

    pub(super) async fn insert_folder(
        &self,
        tx: &mut AnyConnection,
        name: &str,
        used_for: Option<SpecialUse>,
        subscribed: bool,
    ) -> Result<u32> {
        let id = take_ids(tx, Counter::ReplicaFolder, 1).await?;
        let about = FolderAbout {
            name: name.to_owned(),
            used_for,
            subscribed,
        };
        let sealed = self.tenant.seal_about(b"replica_folder", &about)?;
        let row = values![id, self.tenant.id(), self.id, sealed];
        sql::execute(tx, statements::INSERT_REPLICA_FOLDER, row).await?;
        number(id)
    }

    /// Gives a folder, and those below it, another name. Their UIDs and UIDVALIDITY stay. INBOX stays itself; its messages
    /// go into a new folder of that name (RFC 9051 §6.3.6).
    pub async fn rename_folder(&self, from: &str, to: &str) -> Result<()> {
        let to = clean_name(to)?;
        let mut tx = self.tenant.store.catalog.begin().await?;
        let folders = self.folders_in(&mut tx).await?;
        let source = find(&folders, from)?.clone();
        if folders.iter().any(|folder| folder.name == to) {
            return Err(StoreError::Exists(format!("folder {to}")));
        }
        let below = format!("{}{DELIMITER}", source.name);
        if to.starts_with(&below) {
            return Err(StoreError::Invalid(format!(
                "folder {} cannot go below itself",
                source.name
            )));
        }
        let missing = above(&to).filter(|name| !folders.iter().any(|one| one.name == *name));
        for name in missing {
            self.insert_folder(&mut tx, name, None, false).await?;
        }
        if source.name == "INBOX" {
            let id = self.insert_folder(&mut tx, &to, None, true).await?;
            self.move_everything(&mut tx, source.id, id).await?;
        } else {
            for folder in folders {
                let rest = match folder.id == source.id {
                    true => Some(""),
                    false => folder.name.strip_prefix(&below),
                };
                if let Some(rest) = rest {
                    let name = match rest {
                        "" => to.clone(),
                        rest => format!("{to}{DELIMITER}{rest}"),
                    };
                    self.set_folder(&mut tx, Folder { name, ..folder }).await?;
                }
            }
        }
        tx.commit().await?;
        self.tell();
        Ok(())
    }

    async fn set_folder(&self, tx: &mut AnyConnection, folder: Folder) -> Result<()> {
        let about = FolderAbout {
            name: folder.name,
            used_for: folder.used_for,
            subscribed: folder.subscribed,
        };
        let sealed = self.tenant.seal_about(b"replica_folder", &about)?;
        let row = values![self.tenant.id(), i64::from(folder.id), sealed];
        sql::execute(tx, statements::SET_REPLICA_FOLDER, row).await?;
        Ok(())
    }

    /// Deletes a folder and what it holds; those below it stay. The copies stay in the archive.
    pub async fn delete_folder(&self, name: &str) -> Result<()> {
        let mut tx = self.tenant.store.catalog.begin().await?;
        let folders = self.folders_in(&mut tx).await?;
        let folder = find(&folders, name)?;
        if folder.name == "INBOX" {
            return Err(StoreError::Invalid("INBOX cannot be deleted".into()));
        }
        let of = || values![self.tenant.id(), i64::from(folder.id)];
        sql::execute(&mut tx, statements::DELETE_REPLICA_MESSAGES, of()).await?;
        sql::execute(&mut tx, statements::DELETE_REPLICA_GONE, of()).await?;
        sql::execute(&mut tx, statements::DELETE_REPLICA_FOLDER, of()).await?;
        tx.commit().await?;
        self.tell();
        Ok(())
    }

    /// Says whether mail programs show a folder.
    pub async fn subscribe(&self, name: &str, subscribed: bool) -> Result<()> {
        let mut tx = self.tenant.store.catalog.begin().await?;
        let folders = self.folders_in(&mut tx).await?;
        let folder = Folder {
            subscribed,
            ..find(&folders, name)?.clone()
        };
        self.set_folder(&mut tx, folder).await?;
        tx.commit().await?;
        self.tell();
        Ok(())
    }
}

fn find<'a>(folders: &'a [Folder], name: &str) -> Result<&'a Folder> {
    let name = name.strip_suffix(DELIMITER).unwrap_or(name);
    let inbox = name.eq_ignore_ascii_case("INBOX");
    let name = if inbox { "INBOX" } else { name };
    let found = folders.iter().find(|folder| folder.name == name);
    found.ok_or_else(|| StoreError::NotFound(format!("folder {name}")))
}

/// A number that IMAP writes in 32 bits.
pub(super) fn number(value: i64) -> Result<u32> {
    u32::try_from(value)
        .map_err(|_| StoreError::damaged("a folder", format!("{value} is no number of it")))
}
