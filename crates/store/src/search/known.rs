//! What is kept between searches: the opened index, which copies are one message, who holds
//! what and where. It is read again when a commit may have changed it, so that whoever saw a
//! commit finds what it brought.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use everpost_domain::query::Flag;
use roaring::RoaringTreemap;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::fold::Folding;
use super::scope::{Scope, Sight};
use crate::cache::Cache;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::error::{Result, StoreError};
use crate::index::{Groups, Searcher};
use crate::read::Place;
use crate::tenant::{Tenant, mailbox_key};

/// Places that are kept, in bytes: some 50,000.
const PLACES: usize = 8 << 20;
/// How often the index is looked up again because a merge took a split away meanwhile.
const ATTEMPTS: usize = 4;

/// An archive as of one commit.
pub(crate) struct Known {
    generation: u64,
    /// The index.
    pub(crate) searcher: Searcher,
    /// Every copy that can be found has a smaller seq.
    pub(crate) horizon: u64,
    /// Nodes have indexed copies behind the horizon before others were done with those before it.
    pub(super) ahead: bool,
    /// What concerns the mail itself.
    pub(crate) mail: Arc<Mail>,
    groups: OnceLock<Groups>,
    /// What askers may see, by scope.
    pub(super) sights: Mutex<HashMap<Scope, Arc<Sight>>>,
}

impl Known {
    /// Which documents of the index are copies of one message. Reads the index at first: call it
    /// where waiting is allowed.
    pub(super) fn groups(&self) -> Result<&Groups> {
        if let Some(groups) = self.groups.get() {
            return Ok(groups);
        }
        let groups = self.mail.folding.groups(&self.searcher)?;
        Ok(self.groups.get_or_init(|| groups))
    }
}

/// Changes whenever copies, links, placements or withdrawals do: each of them comes with an
/// event or a link.
type Stamp = [i64; 4];

/// Seqs by the mailbox that they lie in.
pub(crate) type ByMailbox = BTreeMap<i64, RoaringTreemap>;

/// What a set of seqs is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SetOf {
    /// Owned by a mailbox.
    Mailbox(i64),
    /// Placed in a folder.
    Folder(i64),
    /// Placed somewhere with a state: mask and value of the flags.
    Flag(u32, u32),
    /// Came from a server, by the keyed hash of its name.
    Server(i64),
}

impl SetOf {
    /// The set of a state; the bits are those of [`Placement`](crate::Placement).
    pub(crate) fn flag(flag: Flag) -> Self {
        let (mask, value) = match flag {
            Flag::Read => (1, 1),
            Flag::Unread => (1, 0),
            Flag::Answered => (2, 2),
            Flag::Flagged => (4, 4),
            Flag::Deleted => (8, 8),
            Flag::Draft => (16, 16),
            Flag::Forwarded => (32, 32),
        };
        SetOf::Flag(mask, value)
    }
}

/// What concerns the mail, not its index.
pub(crate) struct Mail {
    stamp: Stamp,
    /// Which copies are one message.
    pub(crate) folding: Folding,
    /// Copies that came only by imports that were withdrawn.
    pub(crate) hidden: RoaringTreemap,
    /// Addresses of mailboxes by id.
    pub(crate) mailboxes: BTreeMap<i64, String>,
    /// Folders by id.
    pub(crate) folders: HashMap<i64, Folder>,
    sets: Mutex<HashMap<SetOf, Arc<ByMailbox>>>,
    pub(super) places: Cache<i64, Arc<[(i64, Place)]>>,
}

/// A folder of a mailbox.
pub(crate) struct Folder {
    pub(crate) mailbox: i64,
    pub(crate) name: String,
}

impl Mail {
    /// The mailboxes of an address; case does not matter.
    pub(crate) fn mailboxes_of(&self, address: &str) -> impl Iterator<Item = i64> {
        let wanted = mailbox_key(address);
        let named = self.mailboxes.iter();
        named
            .filter(move |(_, name)| mailbox_key(name) == wanted)
            .map(|(id, _)| *id)
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The first column of each row, as seqs.
pub(super) fn seqs(rows: &[AnyRow]) -> Result<RoaringTreemap> {
    rows.iter()
        .map(|row| Ok(row.int(0)?.unsigned_abs()))
        .collect()
}

/// Rows of a seq and a mailbox.
fn by_mailbox(rows: &[AnyRow]) -> Result<ByMailbox> {
    let mut sets = ByMailbox::new();
    for row in rows {
        let set = sets.entry(row.int(1)?).or_default();
        set.insert(row.int(0)?.unsigned_abs());
    }
    Ok(sets)
}

impl Tenant {
    /// The archive as of now, or as of a moment after this was called.
    pub(crate) async fn archive(&self) -> Result<Arc<Known>> {
        for attempt in 1.. {
            let generation = self.store.catalog.generation().await?;
            let before = lock(&self.state.known).clone();
            if let Some(known) = before
                .as_ref()
                .filter(|known| known.generation == generation)
            {
                return Ok(known.clone());
            }
            match self.read_known(generation, before).await {
                Ok(known) => {
                    *lock(&self.state.known) = Some(known.clone());
                    return Ok(known);
                }
                // A merge removes what it merged as soon as it is listed no more.
                Err(error @ StoreError::Damaged { .. }) => {
                    if attempt >= ATTEMPTS || self.store.catalog.generation().await? == generation {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Stopped)
    }

    async fn read_known(&self, generation: u64, before: Option<Arc<Known>>) -> Result<Arc<Known>> {
        let mut db = self.store.catalog.read().await?;
        // Read before the splits are: all that it promises is in them.
        let ranges = self.index_ranges(&mut db).await?;
        let rows = self.split_rows(&mut db).await?;
        let row = sql::fetch_optional(&mut db, statements::STAMP, values![self.id()])
            .await?
            .ok_or(sqlx::Error::RowNotFound)?;
        let stamp = [row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?];
        let mail = match before.filter(|before| before.mail.stamp == stamp) {
            Some(before) => before.mail.clone(),
            None => Arc::new(self.read_mail(&mut db, stamp).await?),
        };
        drop(db);
        let parts = self.open_splits(&rows).await?;
        self.keep_splits(&rows);
        let last = parts.iter().map(|part| part.split.seq_max()).max();
        let (end, cursor) = (
            last.map_or(0, |last| last + 1),
            ranges.cursor.unsigned_abs(),
        );
        Ok(Arc::new(Known {
            generation,
            searcher: Searcher::new(parts),
            horizon: end.min(cursor),
            ahead: end > cursor,
            mail,
            groups: OnceLock::new(),
            sights: Mutex::default(),
        }))
    }

    /// What concerns the mail, read now: for those who must not depend on the index.
    pub(crate) async fn mail(&self) -> Result<Mail> {
        let mut db = self.store.catalog.read().await?;
        self.read_mail(&mut db, Stamp::default()).await
    }

    async fn read_mail(&self, db: &mut AnyConnection, stamp: Stamp) -> Result<Mail> {
        let mut links = Vec::new();
        for row in sql::fetch(db, statements::LINKED_SEQS, values![self.id()]).await? {
            links.push((row.int(0)?.unsigned_abs(), row.int(1)?.unsigned_abs()));
        }
        let mut mailboxes = BTreeMap::new();
        for row in sql::fetch(db, statements::MAILBOXES, values![self.id()]).await? {
            mailboxes.insert(row.int(0)?, self.open_name(b"mailbox", &row.blob(2)?)?);
        }
        let mut folders = HashMap::new();
        for row in sql::fetch(db, statements::FOLDERS, values![self.id()]).await? {
            let folder = Folder {
                mailbox: row.int(1)?,
                name: self.open_name(b"folder", &row.blob(3)?)?,
            };
            folders.insert(row.int(0)?, folder);
        }
        Ok(Mail {
            stamp,
            folding: Folding::new(links),
            hidden: self.hidden(db).await?,
            mailboxes,
            folders,
            sets: Mutex::default(),
            places: Cache::new(PLACES),
        })
    }

    /// Copies that came only by imports that were withdrawn.
    pub(crate) async fn hidden(&self, db: &mut AnyConnection) -> Result<RoaringTreemap> {
        let withdrawn =
            sql::fetch_optional(db, statements::WITHDRAWN_JOBS, values![self.id()]).await?;
        if withdrawn.is_none() {
            return Ok(RoaringTreemap::new());
        }
        seqs(&sql::fetch(db, statements::HIDDEN_SEQS, values![self.id()]).await?)
    }

    /// A set of seqs by mailbox.
    pub(super) async fn set(&self, mail: &Mail, of: SetOf) -> Result<Arc<ByMailbox>> {
        if let Some(set) = lock(&mail.sets).get(&of) {
            return Ok(set.clone());
        }
        let mut db = self.store.catalog.read().await?;
        let one = |id: i64| values![self.id(), id];
        let set = match of {
            SetOf::Mailbox(id) => {
                let rows = sql::fetch(&mut db, statements::SEQS_OF_MAILBOX, one(id)).await?;
                ByMailbox::from([(id, seqs(&rows)?)])
            }
            SetOf::Folder(id) => {
                let rows = sql::fetch(&mut db, statements::SEQS_OF_FOLDER, one(id)).await?;
                let mailbox = mail.folders.get(&id).map(|folder| folder.mailbox);
                mailbox
                    .map(|mailbox| Ok((mailbox, seqs(&rows)?)))
                    .into_iter()
                    .collect::<Result<_>>()?
            }
            SetOf::Flag(mask, value) => {
                let ask = values![self.id(), i64::from(mask), i64::from(value)];
                by_mailbox(&sql::fetch(&mut db, statements::SEQS_BY_FLAGS, ask).await?)?
            }
            SetOf::Server(hash) => {
                by_mailbox(&sql::fetch(&mut db, statements::SEQS_BY_SERVER, one(hash)).await?)?
            }
        };
        let set = Arc::new(set);
        lock(&mail.sets).insert(of, set.clone());
        Ok(set)
    }

    /// The copies that at least one of `mailboxes` owns.
    pub(crate) async fn owned(
        &self,
        mail: &Mail,
        mailboxes: &BTreeSet<i64>,
    ) -> Result<RoaringTreemap> {
        let mut owned = RoaringTreemap::new();
        for (id, sets) in self.sets_of_mailboxes(mail, mailboxes).await? {
            if let Some(set) = sets.get(&id) {
                owned |= set;
            }
        }
        Ok(owned)
    }

    /// The set of every one of `mailboxes`; read in one go where several are not known yet.
    pub(super) async fn sets_of_mailboxes(
        &self,
        mail: &Mail,
        mailboxes: &BTreeSet<i64>,
    ) -> Result<Vec<(i64, Arc<ByMailbox>)>> {
        let missing = {
            let sets = lock(&mail.sets);
            let missing = mailboxes
                .iter()
                .filter(|id| !sets.contains_key(&SetOf::Mailbox(**id)));
            missing.count()
        };
        if missing > 8 {
            let mut db = self.store.catalog.read().await?;
            let rows = sql::fetch(&mut db, statements::SEQS_OF_OWNERS, values![self.id()]).await?;
            let mut all = by_mailbox(&rows)?;
            let mut sets = lock(&mail.sets);
            for id in mailboxes {
                let set = ByMailbox::from([(*id, all.remove(id).unwrap_or_default())]);
                sets.entry(SetOf::Mailbox(*id)).or_insert(Arc::new(set));
            }
        }
        let mut found = Vec::with_capacity(mailboxes.len());
        for id in mailboxes {
            found.push((*id, self.set(mail, SetOf::Mailbox(*id)).await?));
        }
        Ok(found)
    }
}
