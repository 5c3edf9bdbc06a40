//! Messages of a folder: what they are called there, and orders that change them.

use everpost_domain::digest::Digest;
use everpost_domain::replica::{Fingerprint, FlagOrder, FolderId, Incoming};
use sqlx::any::AnyRow;

use super::folder::number;
use super::order::Order;
use super::{Flags, Replica};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::clock::now_us;
use crate::error::{Result, StoreError};

/// Messages that one order adds, copies or moves.
const MOST_AT_ONCE: usize = 100_000;

/// A message of a folder, without what is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its UID.
    pub uid: u32,
    /// The copy that has its bytes: a number of this archive; 0 where only its header is here.
    pub copy: i64,
    /// Its flags.
    pub flags: Flags,
    /// MODSEQ.
    pub modseq: u64,
    /// INTERNALDATE, in seconds since 1970.
    pub date: i64,
    /// When it came into this folder, µs since 1970.
    pub saved: i64,
    /// Bytes that IMAP shows of it.
    pub size: u64,
}

impl Row {
    pub(super) fn read(row: &AnyRow) -> Result<Row> {
        Ok(Row {
            uid: number(row.int(0)?)?,
            copy: row.int(1)?,
            flags: Flags(row.int(2)?.cast_unsigned()),
            modseq: row.int(3)?.unsigned_abs(),
            date: row.int(4)?,
            saved: row.int(5)?,
            size: row.int(6)?.unsigned_abs(),
        })
    }
}

/// A message that is to come into a folder. Its bytes were admitted before.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The copy; `None` where only its header is here.
    pub copy: Option<Digest>,
    /// What it is, where a mail server has a part in the mailbox.
    pub fingerprint: Option<Fingerprint>,
    /// Its flags.
    pub flags: Flags,
    /// INTERNALDATE, in seconds since 1970.
    pub date: i64,
    /// Bytes that IMAP shows of it.
    pub size: u64,
    /// What whoever shows it wants to know without opening it; sealed, and given back as it is.
    pub summary: Vec<u8>,
}

/// Where messages went by a copy or a move.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// UIDs in the folder that they are from.
    pub from: Vec<u32>,
    /// UIDs in the folder that they went to, in the same order.
    pub to: Vec<u32>,
}

/// What the pure core wants to know of a message.
pub(super) fn incoming(message: &NewMessage) -> Incoming<Digest> {
    let nothing = Digest([0; 32]);
    Incoming {
        key: message.fingerprint.map_or(nothing, |one| one.key),
        content: message.fingerprint.map_or(nothing, |one| one.content),
        bytes: message.copy.unwrap_or(nothing),
        size: message.size,
        date: message.date,
    }
}

fn few(count: usize) -> Result<()> {
    match count > MOST_AT_ONCE {
        true => Err(StoreError::Invalid(format!(
            "at most {MOST_AT_ONCE} messages at once"
        ))),
        false => Ok(()),
    }
}

impl Replica {
    /// Puts messages into a folder, in their order; their UIDs. `is_new`: mail that came, which raises the indicator.
    pub async fn append(
        &self,
        folder: u32,
        messages: &[NewMessage],
        is_new: bool,
    ) -> Result<Vec<u32>> {
        let mut order = self.begin().await?;
        let uids = self.append_in(&mut order, folder, messages, is_new).await?;
        order.commit().await?;
        Ok(uids)
    }

    /// As [`Replica::append`], within an order.
    pub(crate) async fn append_in(
        &self,
        order: &mut Order<'_>,
        folder: u32,
        messages: &[NewMessage],
        is_new: bool,
    ) -> Result<Vec<u32>> {
        few(messages.len())?;
        let into = order.folder(folder)?;
        let room = u64::from(u32::MAX - into.uidnext);
        if messages.len() as u64 > room {
            return Err(StoreError::Invalid(format!(
                "folder {} has no UIDs left",
                into.name
            )));
        }
        let now = now_us() / 1_000_000;
        let mut uids = Vec::with_capacity(messages.len());
        for message in messages {
            let brought = order.find(message).await?;
            let incoming = incoming(message);
            let core = order.core();
            let placed = core.append(FolderId(folder), incoming, message.flags, now)?;
            // Whether its program heard the answer is known to whoever talks with it.
            core.answered(placed.message);
            if !placed.is_repeat {
                order.bring(placed.message, brought);
            }
            uids.push(placed.uid);
        }
        if is_new {
            let count = i64::try_from(messages.len()).unwrap_or(i64::MAX);
            let row = values![self.tenant.id(), self.id, count];
            sql::execute(order.tx(), statements::RAISE_INDICATOR, row).await?;
        }
        Ok(uids)
    }

    /// Changes flags of messages; those that are gone are passed over. Nothing changes of a message whose MODSEQ is above
    /// `unchanged_since`. Returns the rows that changed, or would not have, and the UIDs of those left alone.
    pub async fn store_flags(
        &self,
        folder: u32,
        uids: &[u32],
        change: FlagOrder,
        unchanged_since: Option<u64>,
    ) -> Result<(Vec<Row>, Vec<u32>)> {
        let mut order = self.begin().await?;
        let (mut done, mut left) = (Vec::new(), Vec::new());
        let mut changed = false;
        for mut row in order.about(folder, uids).await? {
            if unchanged_since.is_some_and(|since| row.modseq > since) {
                left.push(row.uid);
                continue;
            }
            let flags = change.applied(row.flags);
            if flags != row.flags {
                row.modseq = order.core().store(FolderId(folder), row.uid, change)?;
                (row.flags, changed) = (flags, true);
            }
            done.push(row);
        }
        if changed {
            order.commit().await?;
        }
        Ok((done, left))
    }

    /// Takes messages out of a folder; those that are gone already are passed over. Their UIDs.
    pub async fn expunge(&self, folder: u32, uids: &[u32]) -> Result<Vec<u32>> {
        let mut order = self.begin().await?;
        let rows = order.about(folder, uids).await?;
        let uids: Vec<u32> = rows.iter().map(|row| row.uid).collect();
        for uid in &uids {
            order.core().expunge(FolderId(folder), *uid)?;
        }
        if !uids.is_empty() {
            order.commit().await?;
        }
        Ok(uids)
    }

    /// Copies messages into another folder, or moves them there; those that are gone are passed over.
    pub async fn copy(&self, from: u32, uids: &[u32], to: u32, and_remove: bool) -> Result<Taken> {
        let mut order = self.begin().await?;
        let taken = self.copy_in(&mut order, from, uids, to, and_remove).await?;
        if !taken.from.is_empty() {
            order.commit().await?;
        }
        Ok(taken)
    }

    async fn copy_in(
        &self,
        order: &mut Order<'_>,
        from: u32,
        uids: &[u32],
        to: u32,
        and_remove: bool,
    ) -> Result<Taken> {
        few(uids.len())?;
        let rows = order.about(from, uids).await?;
        order.folder(to)?;
        let now = now_us() / 1_000_000;
        let mut taken = Taken::default();
        let (from, to) = (FolderId(from), FolderId(to));
        for row in rows {
            let core = order.core();
            let placed = match and_remove {
                true => core.move_to(from, row.uid, to)?,
                false => core.copy(from, row.uid, to, now)?,
            };
            taken.from.push(row.uid);
            taken.to.push(placed.uid);
        }
        Ok(taken)
    }

    /// Moves all of a folder into another.
    pub(super) async fn move_everything(
        &self,
        order: &mut Order<'_>,
        from: u32,
        to: u32,
    ) -> Result<()> {
        let mut last = 0;
        loop {
            let asked = values![self.tenant.id(), i64::from(from), i64::from(last)];
            let rows = sql::fetch(order.tx(), statements::REPLICA_ROWS, asked).await?;
            let uids: Vec<u32> = rows
                .iter()
                .map(|row| number(row.int(0)?))
                .collect::<Result<_>>()?;
            let Some(end) = uids.last() else {
                return Ok(());
            };
            last = *end;
            self.copy_in(order, from, &uids, to, true).await?;
        }
    }
}
