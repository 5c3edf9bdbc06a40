//! Folders: names, special uses, subscriptions.

use everpost_domain::replica::{Folder as CoreFolder, FolderId, Refusal, Role as SpecialUse};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::Replica;
use super::order::Order;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::error::{Result, StoreError};

/// What stands between the names of a folder and of one below it.
const DELIMITER: char = '/';
/// Folders of a mailbox. Mail programs ask for all of them at each start.
const MOST_FOLDERS: usize = 10_000;
/// Bytes of a folder's whole name.
const LONGEST_NAME: usize = 1000;

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

impl From<Folder> for CoreFolder {
    fn from(folder: Folder) -> Self {
        CoreFolder {
            id: FolderId(folder.id),
            name: folder.name,
            role: folder.used_for,
            subscribed: folder.subscribed,
            uidnext: folder.next,
            modseq: folder.modseq,
            forgotten: 0,
        }
    }
}

impl From<CoreFolder> for Folder {
    fn from(folder: CoreFolder) -> Self {
        Folder {
            id: folder.id.0,
            name: folder.name,
            used_for: folder.role,
            subscribed: folder.subscribed,
            next: folder.uidnext,
            modseq: folder.modseq,
        }
    }
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

impl FolderAbout {
    pub(super) fn of(folder: &CoreFolder) -> Self {
        FolderAbout {
            name: folder.name.clone(),
            used_for: folder.role,
            subscribed: folder.subscribed,
        }
    }
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
    Ok(canonical(name).to_owned())
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
        let mut order = self.begin().await?;
        // Of two for Sent, mail programs take either: one is enough.
        let used: Vec<Option<SpecialUse>> = order.core().folders().map(|one| one.role).collect();
        let used_for = used_for.filter(|one| !used.contains(&Some(*one)));
        let id = create(&mut order, &name, used_for, false).await?;
        let folder = order.folder(id)?.into();
        order.commit().await?;
        Ok(folder)
    }

    /// Gives a folder, and those below it, another name. Their UIDs and UIDVALIDITY stay. INBOX stays itself; its messages
    /// go into a new folder of that name (RFC 9051 §6.3.6).
    pub async fn rename_folder(&self, from: &str, to: &str) -> Result<()> {
        let to = clean_name(to)?;
        let mut order = self.begin().await?;
        let from = canonical(from);
        if from == "INBOX" {
            let inbox = order.folder_named(from)?;
            let id = create(&mut order, &to, None, true).await?;
            self.move_everything(&mut order, inbox, id).await?;
        } else {
            if to.starts_with(&format!("{from}{DELIMITER}")) {
                return Err(StoreError::Invalid(format!(
                    "folder {from} cannot go below itself"
                )));
            }
            create_above(&mut order, &to).await?;
            // It need not be a folder itself: a mail server may have one below it only.
            let renamed = order.core().rename_folder(from, &to);
            renamed.map_err(|refusal| match refusal {
                Refusal::NoFolder => no_folder(from),
                other => other.into(),
            })?;
        }
        order.commit().await
    }

    /// Deletes a folder and what it holds; those below it stay. The copies stay in the archive.
    pub async fn delete_folder(&self, name: &str) -> Result<()> {
        let mut order = self.begin().await?;
        let folder = find_core(&mut order, name)?;
        order.core().delete_folder(folder.id)?;
        order.commit().await
    }

    /// Says whether mail programs show a folder.
    pub async fn subscribe(&self, name: &str, subscribed: bool) -> Result<()> {
        let mut order = self.begin().await?;
        let folder = find_core(&mut order, name)?;
        order.core().subscribe(folder.id, subscribed)?;
        order.commit().await
    }
}

/// Makes a folder, and those above it; its number.
async fn create(
    order: &mut Order<'_>,
    name: &str,
    used_for: Option<SpecialUse>,
    subscribed: bool,
) -> Result<u32> {
    create_above(order, name).await?;
    let core = order.core();
    let id = core.create_folder(name, used_for)?;
    core.subscribe(id, subscribed)?;
    Ok(id.0)
}

async fn create_above(order: &mut Order<'_>, name: &str) -> Result<()> {
    order.number_folders().await?;
    let core = order.core();
    let missing: Vec<&str> = above(name)
        .filter(|name| core.folder_named(name).is_none())
        .collect();
    if core.folders().count() + missing.len() >= MOST_FOLDERS {
        return Err(StoreError::Invalid(format!(
            "a mailbox has at most {MOST_FOLDERS} folders"
        )));
    }
    for name in missing {
        let id = core.create_folder(name, None)?;
        core.subscribe(id, false)?;
    }
    Ok(())
}

fn find_core(order: &mut Order<'_>, name: &str) -> Result<CoreFolder> {
    let name = canonical(name);
    let found = order.core().folder_named(name).cloned();
    found.ok_or_else(|| no_folder(name))
}

fn find<'a>(folders: &'a [Folder], name: &str) -> Result<&'a Folder> {
    let name = canonical(name);
    let found = folders.iter().find(|folder| folder.name == name);
    found.ok_or_else(|| no_folder(name))
}

/// A name as folders have it.
fn canonical(name: &str) -> &str {
    let name = name.strip_suffix(DELIMITER).unwrap_or(name);
    match name.eq_ignore_ascii_case("INBOX") {
        true => "INBOX",
        false => name,
    }
}

fn no_folder(name: &str) -> StoreError {
    StoreError::NotFound(format!("folder {name}"))
}

/// A number that IMAP writes in 32 bits.
pub(super) fn number(value: i64) -> Result<u32> {
    u32::try_from(value)
        .map_err(|_| StoreError::damaged("a folder", format!("{value} is no number of it")))
}
