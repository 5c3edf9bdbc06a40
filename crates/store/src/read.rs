//! Reading a copy: exact bytes, head, places.

use std::collections::HashMap;

use everpost_domain::cut::{Encoder, Piece, Plan};
use everpost_domain::digest::{Digest, Hasher};
use everpost_domain::message::Head;
use sqlx::AnyConnection;

use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::copy::CopyRow;
use crate::error::{Result, StoreError};
use crate::message::copies_of_message;
use crate::search::Scope;
use crate::tenant::Tenant;
use crate::vault::{Run, Vault};

/// A copy as people see it.
#[derive(Debug, Clone)]
pub struct CopyInfo {
    /// SHA-256 of its bytes.
    pub id: Digest,
    /// The id of its message: that of the message's first copy.
    pub message: Digest,
    /// Every copy of the message, oldest first.
    pub copies: Vec<Digest>,
    /// Size of the raw bytes.
    pub size: u64,
    /// Since when it is held, µs since 1970.
    pub held_from: i64,
    /// Where that time is from.
    pub held_source: everpost_domain::message::HeldFromSource,
    /// How it came.
    pub origin: everpost_domain::identity::Origin,
    /// The place of its admission in the log.
    pub seq: Option<u64>,
    /// What its header says.
    pub head: Head,
    /// Where it lies.
    pub places: Vec<Place>,
}

/// A mailbox and folder that holds a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The mailbox's address.
    pub mailbox: String,
    /// The folder's full name.
    pub folder: String,
    /// See [`Placement`](crate::admit::Placement).
    pub flags: u32,
    /// IMAP keywords.
    pub keywords: Vec<String>,
    /// When it was delivered there, µs since 1970.
    pub delivered: i64,
}

/// Whether what seems damaged is worth another look: compaction may have moved it between two
/// look-ups, here or on another node. It is not when nobody committed anything meanwhile.
#[derive(Default)]
pub(crate) struct Again {
    generation: Option<u64>,
    looks: usize,
}

/// Nothing is moved so often while it is read.
const LOOKS: usize = 8;

impl Again {
    /// Asked after each failure; whoever hears true looks everything up anew.
    pub(crate) async fn is_worth_it(&mut self, tenant: &Tenant) -> Result<bool> {
        let now = tenant.store.catalog.generation().await?;
        self.looks += 1;
        Ok(self.generation.replace(now) != Some(now) && self.looks < LOOKS)
    }
}

impl Tenant {
    /// Finds a copy's row by its id: by probing each day that exists, unless a search showed
    /// it lately.
    pub(crate) async fn find_copy(&self, db: &mut AnyConnection, id: &Digest) -> Result<CopyRow> {
        if let Some(copy) = self.state.ids.get(id)
            && let Some(row) =
                sql::fetch_optional(db, statements::COPY, values![self.id(), copy]).await?
        {
            let row = CopyRow::read(&row)?;
            if row.digest == *id {
                return Ok(row);
            }
        }
        let days = sql::fetch(db, statements::DAYS, values![self.id()]).await?;
        let wanted = days
            .iter()
            .map(|row| Ok(values![self.id(), row.int(0)?, id.prefix()]))
            .collect::<Result<Vec<_>>>()?;
        for row in statements::FIND_COPIES.fetch(db, wanted).await? {
            if row.array::<32>(1)? == id.0 {
                return self.copy_row(db, row.int(0)?).await;
            }
        }
        Err(StoreError::NotFound(format!("message {id}")))
    }

    /// The ids of copies, by their numbers in this archive, in the order asked.
    pub async fn ids_of_copies(&self, copies: &[i64]) -> Result<Vec<Digest>> {
        let mut db = self.store.catalog.read().await?;
        let asked = copies.iter().map(|copy| values![self.id(), *copy]);
        let mut found = HashMap::new();
        for row in statements::COPIES_BY_ID
            .fetch(&mut db, asked.collect())
            .await?
        {
            found.insert(row.int(0)?, Digest(row.array(2)?));
        }
        let id = |copy: &i64| {
            let id = found.get(copy).copied();
            id.ok_or_else(|| StoreError::damaged(format!("copy {copy}"), "its row is missing"))
        };
        copies.iter().map(id).collect()
    }

    pub(crate) async fn copy_row(&self, db: &mut AnyConnection, id: i64) -> Result<CopyRow> {
        let row = sql::fetch_optional(db, statements::COPY, values![self.id(), id])
            .await?
            .ok_or_else(|| StoreError::damaged(format!("copy {id}"), "its row is missing"))?;
        CopyRow::read(&row)
    }

    /// The one id that begins with `prefix` (at least 8 hexadecimal digits).
    pub async fn resolve(&self, prefix: &str) -> Result<Digest> {
        if let Ok(whole) = prefix.parse() {
            return Ok(whole);
        }
        let wrong = || {
            StoreError::Invalid(format!(
                "`{prefix}` is not an id; give at least 8 hexadecimal digits"
            ))
        };
        if prefix.len() < 8
            || prefix.len() > 64
            || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return Err(wrong());
        }
        let prefix = prefix.to_ascii_lowercase();
        let bound = |fill: char| -> Result<i64> {
            let first: String = prefix
                .chars()
                .chain(std::iter::repeat(fill))
                .take(16)
                .collect();
            Ok(u64::from_str_radix(&first, 16)
                .map_err(|_| wrong())?
                .cast_signed())
        };
        let (low, high) = (bound('0')?, bound('f')?);
        let mut db = self.store.catalog.read().await?;
        let mut found = Vec::new();
        for day in sql::fetch(&mut db, statements::DAYS, values![self.id()]).await? {
            let range = values![self.id(), day.int(0)?, low, high];
            for row in sql::fetch(&mut db, statements::COPIES_BETWEEN, range).await? {
                let digest = Digest(row.array(0)?);
                if digest.to_string().starts_with(&prefix) {
                    found.push(digest);
                }
            }
        }
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(StoreError::NotFound(format!("message {prefix}"))),
            _ => Err(StoreError::Invalid(format!(
                "`{prefix}` begins several ids; give more digits"
            ))),
        }
    }

    /// Everything about a copy but its bytes.
    pub async fn show(&self, id: &Digest) -> Result<CopyInfo> {
        let mut db = self.store.catalog.read().await?;
        let row = self.find_copy(&mut db, id).await?;
        self.info(&mut db, &row).await
    }

    /// As [`Tenant::show`], for an asker who may see `scope` alone: a copy outside of it is
    /// not found, and copies and places outside of it are left out.
    pub async fn show_within(&self, id: &Digest, scope: &Scope) -> Result<CopyInfo> {
        let mut db = self.store.catalog.read().await?;
        let row = self.find_copy(&mut db, id).await?;
        let Some(sight) = self.mailboxes_in(&mut db, scope).await? else {
            return self.info(&mut db, &row).await;
        };
        if !self.in_scope(&mut db, &row, &sight).await? {
            return Err(StoreError::NotFound(format!("message {id}")));
        }
        let mut copies = Vec::new();
        for member in copies_of_message(&mut db, self.id(), row.id).await? {
            let member = self.copy_row(&mut db, member).await?;
            if self.in_scope(&mut db, &member, &sight).await? {
                copies.push(member.digest);
            }
        }
        let mut info = self.info_of(&mut db, &row, copies).await?;
        let mut places = self.places_of(&mut db, &[row.id]).await?;
        let seen = |mailbox: &i64| {
            sight
                .iter()
                .any(|(mailboxes, _)| mailboxes.contains(mailbox))
        };
        info.places = places
            .remove(&row.id)
            .into_iter()
            .flatten()
            .filter(|(mailbox, _)| seen(mailbox))
            .map(|(_, place)| place)
            .collect();
        Ok(info)
    }

    pub(crate) async fn info(&self, db: &mut AnyConnection, row: &CopyRow) -> Result<CopyInfo> {
        let members = copies_of_message(db, self.id(), row.id).await?;
        let mut copies = Vec::with_capacity(members.len());
        for member in members {
            copies.push(if member == row.id {
                row.digest
            } else {
                self.copy_row(db, member).await?.digest
            });
        }
        let mut info = self.info_of(db, row, copies).await?;
        info.places = self.all_places(db, row.id).await?;
        Ok(info)
    }

    /// Everything about a copy but its places; `copies` are those of its message.
    async fn info_of(
        &self,
        db: &mut AnyConnection,
        row: &CopyRow,
        copies: Vec<Digest>,
    ) -> Result<CopyInfo> {
        let record = crate::record::Record::decode(&row.record(&self.state.keys)?)?;
        let event =
            sql::fetch_optional(db, statements::EVENT, values![self.id(), row.event]).await?;
        let seq = event.map(|event| event.int(0)).transpose()?;
        Ok(CopyInfo {
            id: row.digest,
            message: copies.first().copied().unwrap_or(row.digest),
            copies,
            size: row.size,
            held_from: row.held_from,
            held_source: record.held_source,
            origin: record.origin,
            seq: seq.and_then(|seq| u64::try_from(seq).ok()),
            head: row.head(&self.state.keys)?,
            places: Vec::new(),
        })
    }

    /// The places of one copy.
    pub(crate) async fn all_places(&self, db: &mut AnyConnection, copy: i64) -> Result<Vec<Place>> {
        let mut places = self.places_of(db, &[copy]).await?;
        let places = places.remove(&copy).unwrap_or_default();
        Ok(places.into_iter().map(|(_, place)| place).collect())
    }

    /// The places of copies, each with its mailbox; copies that lie nowhere are absent.
    pub(crate) async fn places_of(
        &self,
        db: &mut AnyConnection,
        copies: &[i64],
    ) -> Result<HashMap<i64, Vec<(i64, Place)>>> {
        let wanted = copies.iter().map(|copy| values![self.id(), *copy]);
        let rows = statements::PLACES_OF_COPIES
            .fetch(db, wanted.collect())
            .await?;
        let mut places: HashMap<i64, Vec<(i64, Place)>> = HashMap::new();
        for row in rows {
            let keywords = match row.blob_or_null(3)? {
                Some(sealed) => self
                    .open_name(b"keywords", &sealed)?
                    .split('\n')
                    .map(String::from)
                    .collect(),
                None => Vec::new(),
            };
            let place = Place {
                mailbox: self.open_name(b"mailbox", &row.blob(6)?)?,
                folder: self.open_name(b"folder", &row.blob(5)?)?,
                flags: u32::try_from(row.int(2)?).unwrap_or(0),
                keywords,
                delivered: row.int(4)?,
            };
            places
                .entry(row.int(0)?)
                .or_default()
                .push((row.int(1)?, place));
        }
        Ok(places)
    }

    pub(crate) fn open_name(&self, kind: &[u8], sealed: &[u8]) -> Result<String> {
        let damaged =
            || StoreError::damaged(String::from_utf8_lossy(kind), "its name does not open");
        let plain = self
            .state
            .keys
            .names
            .open(kind, sealed)
            .ok_or_else(damaged)?;
        String::from_utf8(plain).map_err(|_| damaged())
    }

    /// Hands a copy's exact bytes to `out` in pieces, and checks their digest at the end:
    /// an error then means that what was handed out is not the copy.
    pub async fn read_raw(
        &self,
        id: &Digest,
        out: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<()> {
        let mut db = self.store.catalog.read().await?;
        let row = self.find_copy(&mut db, id).await?;
        self.read_copy(&mut db, &row, out).await
    }

    /// A copy's exact bytes, held whole.
    pub async fn raw(&self, id: &Digest) -> Result<Vec<u8>> {
        let mut db = self.store.catalog.read().await?;
        let row = self.find_copy(&mut db, id).await?;
        self.read_whole(&mut db, &row).await
    }

    /// A copy's exact bytes, held whole, in memory of just their size.
    pub(crate) async fn read_whole(
        &self,
        db: &mut AnyConnection,
        row: &CopyRow,
    ) -> Result<Vec<u8>> {
        // A damaged row may say anything.
        let room = usize::try_from(row.size.min(256 << 20)).unwrap_or(0);
        let mut raw = Vec::with_capacity(room);
        self.read_copy(db, row, |bytes| {
            raw.extend_from_slice(bytes);
            Ok(())
        })
        .await?;
        Ok(raw)
    }

    pub(crate) async fn read_copy(
        &self,
        db: &mut AnyConnection,
        row: &CopyRow,
        mut out: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<()> {
        let vault = &self.store.vault;
        let (mut handed, mut hasher) = (0, Hasher::new());
        let (mut again, mut moved) = (Again::default(), None);
        loop {
            let mut at = 0;
            let rest = |bytes: &[u8]| {
                let known = usize::try_from(handed - at).unwrap_or(usize::MAX);
                at += bytes.len() as u64;
                match bytes.get(known..).filter(|new| !new.is_empty()) {
                    Some(new) => {
                        handed = at;
                        hasher.update(new);
                        out(new)
                    }
                    None => {
                        handed = handed.max(at);
                        Ok(())
                    }
                }
            };
            let row = moved.as_ref().unwrap_or(row);
            let read = self.put_together(vault, db, row, None, rest, |_, _| ());
            match read.await {
                Ok(()) => {
                    return match hasher.finish() == row.digest {
                        true => Ok(()),
                        false => Err(StoreError::damaged(
                            format!("copy {}", row.digest),
                            "what was put together is not what came in",
                        )),
                    };
                }
                Err(error @ StoreError::Damaged { .. }) => {
                    if !again.is_worth_it(self).await? {
                        return Err(error);
                    }
                    moved = Some(self.copy_row(db, row.id).await?);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Puts a copy together from frames that `vault` opens. `runs` are its parts where they
    /// are known already; `seen` is shown the stored form of each part, piece by piece,
    /// with the part's ordinal. Whether it is what came in, the caller sees by the digest.
    pub(crate) async fn put_together(
        &self,
        vault: &Vault,
        db: &mut AnyConnection,
        row: &CopyRow,
        runs: Option<Vec<Run>>,
        mut out: impl FnMut(&[u8]) -> std::io::Result<()>,
        mut seen: impl FnMut(usize, &[u8]),
    ) -> Result<()> {
        let keys = &self.state.keys;
        let item = || format!("copy {}", row.digest);
        let mut skeleton = Vec::new();
        let gather = |bytes: &[u8]| {
            skeleton.extend_from_slice(bytes);
            Ok(())
        };
        vault.read_run(db, keys, row.skeleton, gather).await?;
        let plan = Plan::parse(&skeleton).map_err(|error| StoreError::damaged(item(), error.0))?;
        let mut emit = |bytes: &[u8]| out(bytes).map_err(|error| StoreError::file("output", error));
        let has_parts = plan
            .pieces()
            .iter()
            .any(|piece| matches!(piece, Piece::Part { .. }));
        let parts = match runs {
            Some(runs) => runs,
            None if has_parts => self.runs_of_parts(db, row.id).await?,
            None => Vec::new(),
        };
        for piece in plan.pieces() {
            match piece {
                Piece::Literal(range) => emit(skeleton.get(range.clone()).unwrap_or_default())?,
                Piece::Part {
                    ordinal,
                    recipe,
                    size,
                } => {
                    let run = parts
                        .get(*ordinal)
                        .filter(|run| run.length == *size)
                        .ok_or_else(|| {
                            StoreError::damaged(item(), format!("part {ordinal} is missing"))
                        })?;
                    let mut encoder = Encoder::new(*recipe);
                    let mut encoded = Vec::new();
                    vault
                        .read_run(db, keys, *run, |stored| {
                            seen(*ordinal, stored);
                            encoder.push(stored, &mut encoded);
                            emit(&encoded)?;
                            encoded.clear();
                            Ok(())
                        })
                        .await?;
                    encoder.finish(&mut encoded);
                    emit(&encoded)?;
                }
            }
        }
        Ok(())
    }

    /// Where the parts of a copy lie, in their order.
    pub(crate) async fn runs_of_parts(
        &self,
        db: &mut AnyConnection,
        copy: i64,
    ) -> Result<Vec<Run>> {
        let mut runs = Vec::new();
        for part in sql::fetch(db, statements::PARTS_OF_COPY, values![self.id(), copy]).await? {
            let natural = |column| {
                part.int(column)
                    .map(|value| u64::try_from(value).unwrap_or(0))
            };
            runs.push(Run {
                frame: part.int(1)?,
                at: natural(2)?,
                length: natural(3)?,
            });
        }
        Ok(runs)
    }
}
